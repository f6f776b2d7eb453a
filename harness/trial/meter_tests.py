"""Carrying out what tests of meters ask for: load points, and profiles read back."""

from __future__ import annotations

import math

from harness.core.capabilities import KeepsProfile, ProfilePeriod, SetsLoad
from harness.core.clock import BenchClock
from harness.core.errors import FeatureError, LinkError
from harness.core.recording import Reading
from harness.rig.assemble import Bench
from harness.rig.drivers import find_driver
from harness.rig.file import Rig
from harness.trial.plan import Plan
from harness.trial.planned import LoadPoint, ReadBack
from harness.trial.recorder import Recorder

DAY_S = 86_400.0
PROFILE = ("profile_import_wh", "profile_export_wh")
"""Channels of what a profile gave back: the stamp is the sample's device time."""


def check_meter_tests(plan: Plan, rig: Rig) -> None:
    """Refuse a meter test that this rig cannot carry out.

    Raises
    ------
    FeatureError
        If a meter or its reference is missing, or sees something else than its
        reference does; if a load cannot be set or a meter keeps no profile.
    """
    for meter, reference in plan.references.items():
        for role in (meter, reference):
            _require_meter(role, rig)
        if rig.meter[meter].sees != rig.meter[reference].sees:
            raise FeatureError(
                f"{rig.file_name}",
                f"meters {meter!r} and {reference!r} do not see the same",
                f"[meter.{meter}] and [meter.{reference}] with the same sees",
            )
    for point in plan.load_points:
        _require(point.role, rig, SetsLoad, "cannot be set to a load point")
    for readback in plan.readbacks:
        _require_meter(readback.meter, rig)
        _require(readback.meter, rig, KeepsProfile, "keeps no load profile")


def _require_meter(role: str, rig: Rig) -> None:
    if role not in rig.meter:
        raise FeatureError(
            rig.file_name,
            f"the scenario needs a meter {role!r}, the rig has none",
            f"a rig with [meter.{role}], or another scenario",
        )


def _require(role: str, rig: Rig, capability: type, fact: str) -> None:
    entry = dict(rig.entries()).get(role)
    if entry is None:
        return  # `check_roles` has said so
    driver = find_driver(entry.driver, rig.where(role))
    if capability not in driver.capabilities:
        raise FeatureError(
            rig.where(role),
            f"driver {driver.name} {fact}",
            "another driver; `flexrig devices` lists what each can do",
        )


async def set_load(point: LoadPoint, bench: Bench, recorder: Recorder) -> None:
    """Set a load, and keep when it said that it was set.

    Raises
    ------
    LinkError
        If it refuses.
    """
    await _set(point.role, point.current_a, point, bench, recorder)


async def unload(point: LoadPoint, bench: Bench, recorder: Recorder) -> None:
    """Take the load off again."""
    await _set(point.role, 0.0, point, bench, recorder)


async def _set(
    role: str, current_a: float, point: LoadPoint, bench: Bench, recorder: Recorder
) -> None:
    device = bench.devices[role]
    assert isinstance(device, SetsLoad)  # noqa: S101 - `check_meter_tests` saw to it
    answer = await device.set_load(
        current_a, power_factor=point.power_factor, leading=point.leading
    )
    recorder.log(
        "bench", "sets load", role=role, current_a=current_a,
        power_factor=point.power_factor, leading=point.leading,
        accepted=answer.accepted, detail=answer.detail,
    )  # fmt: skip
    if not answer.accepted:
        raise LinkError(
            bench.rig.where(role),
            f"refused the load point {current_a:g} A ({answer.detail})",
            "its rating and its protection, and a load point within them",
        )


async def read_back(
    asked: ReadBack, bench: Bench, recorder: Recorder, clock: BenchClock
) -> None:
    """Ask a meter for its load profile and keep every period of it.

    Raises
    ------
    LinkError
        If the meter does not answer.
    """
    device = bench.devices[asked.meter]
    assert isinstance(device, KeepsProfile)  # noqa: S101 - likewise
    asked_s = clock.now_s()
    size = await device.profile_size()
    now = clock.utc()
    since = now.fromtimestamp(now.timestamp() - asked.days * DAY_S, now.tzinfo)
    # Its clock may be ahead: what it stamped up to a day from now is asked for too.
    until = now.fromtimestamp(now.timestamp() + DAY_S, now.tzinfo)
    periods = await device.read_profile(since, until)
    recorder.log(
        "bench", "reads profile back", meter=asked.meter, periods=len(periods),
        held=size.held, room=size.room, period_s=_known(device.profile_period_s),
        flagged=sum(1 for one in periods if one.status),
    )  # fmt: skip
    for one in periods:
        recorder.samples(
            asked.meter, _readings(one, clock), asked_s=asked_s, arrival_s=clock.now_s()
        )


def _readings(period: ProfilePeriod, clock: BenchClock) -> list[Reading]:
    stamp_s = clock.bench_s(period.stamp)
    values = (period.import_wh, period.export_wh)
    return [
        Reading(quantity, value, stamp_s)
        for quantity, value in zip(PROFILE, values, strict=True)
    ]


def _known(seconds: float) -> float | str:
    return "nan" if math.isnan(seconds) else seconds
