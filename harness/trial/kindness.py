"""What a device stands without harm, kept: too much is not sent, and said so.

Budgets count what the harness sends to a device for the market or the bench; the way
to its safe state is always open.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.bench import Kindness
from harness.core.capabilities import Polled
from harness.core.errors import FeatureError, RigError
from harness.rig.assemble import Bench
from harness.rig.drivers import find_driver
from harness.rig.file import Rig
from harness.trial.plan import Plan

HOUR_S = 3600.0


def limits_of(rig: Rig) -> dict[str, Kindness]:
    """Return what each device of a rig stands: its driver's word, or the rig file's."""
    found = {}
    for role, entry in rig.device.items():
        usual = find_driver(entry.driver, rig.where(role)).kindness
        found[role] = usual if entry.kindness is None else entry.kindness.over(usual)
    return found


def check_dispatch(plan: Plan, rig: Rig) -> None:
    """Refuse a plan that instructs what nobody can instruct over a wire."""
    asked = {one.role for one in plan.instructions}
    asked |= {one.role for one in plan.preparations} | {o.role for o in plan.offers}
    for role in sorted(asked & rig.device.keys()):
        driver = find_driver(rig.device[role].driver, rig.where(role))
        if driver.not_dispatchable:
            raise FeatureError(
                f"the {role.replace('_', ' ')}",
                f"cannot be instructed: {driver.not_dispatchable}",
                "another device; its meter sees what this one does",
            )


def check_polls(bench: Bench) -> None:
    """Refuse to ask a device for its values more often than it stands."""
    for role, kindness in limits_of(bench.rig).items():
        device = bench.devices[role]
        least_s = kindness.least_poll_interval_s
        if isinstance(device, Polled) and device.poll_interval_s < least_s:
            raise RigError(
                f"{bench.rig.where(role)} options.poll_interval_s",
                f"{device.poll_interval_s:g} s is more often than it stands "
                f"({kindness.source})",
                f"poll_interval_s = {least_s:g} or more",
            )


@dataclass(slots=True)
class _Sent:
    """What was sent to one device within the last hour, and when last."""

    writes_s: deque[float] = field(default_factory=deque)
    cycles_s: deque[float] = field(default_factory=deque)
    is_off: bool = False
    last_s: float = -math.inf

    def forget(self, before_s: float) -> None:
        for times in (self.writes_s, self.cycles_s):
            while times and times[0] <= before_s:
                times.popleft()


class Budgets:
    """How much of each device's hour is used up.

    Parameters
    ----------
    limits : mapping
        What each role stands; a role that is not there stands everything.
    """

    def __init__(self, limits: Mapping[str, Kindness]) -> None:
        self._limits = limits
        self._sent: dict[str, _Sent] = {}

    def refusal(self, role: str, *, now_s: float, off: bool) -> str:
        """Return why an instruction must not be sent now, or "".

        `off` says whether the instruction stops the device from drawing.
        """
        kindness, sent = self._limits.get(role), self._sent.get(role)
        if kindness is None or sent is None:
            return ""
        sent.forget(now_s - HOUR_S)
        source = f" ({kindness.source})" if kindness.source else ""
        if len(sent.writes_s) >= kindness.writes_per_hour:
            return f"at most {kindness.writes_per_hour:g} writes an hour{source}"
        starts = off and not sent.is_off
        if starts and len(sent.cycles_s) >= kindness.cycles_per_hour:
            return f"at most {kindness.cycles_per_hour:g} cycles an hour{source}"
        if self.must_stand_s(role, now_s=now_s) > 0:
            return (
                f"a state must stand for {kindness.least_state_s:g} s, it stood for "
                f"{now_s - sent.last_s:.0f} s{source}"
            )
        return ""

    def must_stand_s(self, role: str, *, now_s: float) -> float:
        """Return how much longer the device's state must stand. [s]"""
        kindness, sent = self._limits.get(role), self._sent.get(role)
        if kindness is None or sent is None:
            return 0.0
        return max(0.0, kindness.least_state_s - (now_s - sent.last_s))

    def note(self, role: str, *, now_s: float, off: bool) -> None:
        """Count an instruction that is sent now."""
        sent = self._sent.setdefault(role, _Sent())
        sent.writes_s.append(now_s)
        if off and not sent.is_off:
            sent.cycles_s.append(now_s)
        sent.is_off, sent.last_s = off, now_s
