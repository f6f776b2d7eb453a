"""Does a device do what its driver says it can be asked for?

Each capability that a driver claims is probed on its emulator, and what truly flows in
the circuit decides: an accepted instruction after which nothing moves is a finding.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from harness.core.capabilities import (
    Acknowledgement,
    Demand,
    KeepsProfile,
    LimitsExport,
    LimitsPower,
    PlansDeparture,
    SetsLoad,
    SetsPower,
    SetsReactivePower,
    ShiftsDemand,
    Switches,
)
from harness.kit.stand import ROLE, Stand
from harness.rig.findings import Finding, failed, not_applicable, passed

Capability = TypeVar("Capability")

WARM_UP_S = 7200.0
"""How long is waited for power: a heat pump may rest, a car may wait. [s]"""
DRAWING_W = 50.0
FOLLOW_S = 900.0
"""A device follows what it accepted within this, or its claim is false. [s]"""
PEOPLE_S = 3600.0
"""Who is asked, not told, takes up to this long. [s]"""
STEP_S = 5.0
LOAD_A = 4.0
"""Less than any load for a meter's test stands. [A]"""
LOAD_POINTS = ((1.0, False), (0.5, False), (0.8, True))
"""Power factors of the meter standards' load points, and whether they lead."""
LOAD_SHARE = 0.02
"""How far a load may be from its load point, of the apparent power."""


async def until(stand: Stand, reached: Callable[[], bool], within_s: float) -> bool:
    """Let bench time pass until something is reached; return whether it was."""
    waited_s = 0.0
    while not reached() and waited_s < within_s:
        await stand.wait(STEP_S)
        waited_s += STEP_S
    return reached()


async def draws(stand: Stand) -> bool:
    """Wait until the device draws or feeds; return whether it ever does."""
    return await until(stand, lambda: abs(stand.true_w()) > DRAWING_W, WARM_UP_S)


async def steady_w(stand: Stand) -> float:
    """Return the power of a device once it has settled for five minutes. [W]"""
    await stand.wait(300.0)
    return stand.true_w()


async def limits_power(stand: Stand) -> Finding:
    """Half the power by a limit, all of it again without."""
    check, device = "LimitsPower", stand.device
    assert isinstance(device, LimitsPower)  # noqa: S101 - who calls has looked
    if not await draws(stand):
        return not_applicable(check, "the emulator draws nothing that could be limited")
    before_w = await steady_w(stand)
    limit_w = abs(before_w) / 2
    answer = await device.limit_power_w(limit_w)
    if not answer.accepted:
        return _refused(check, f"a limit of {limit_w:.0f} W", answer)
    if not await until(
        stand, lambda: abs(stand.true_w()) <= 1.05 * limit_w + 20, FOLLOW_S
    ):
        return _not_delivered(check, f"at most {limit_w:.0f} W", stand, answer)
    await device.limit_power_w(None)
    return await _returns(check, stand, before_w, f"{limit_w:.0f} W and back")


async def limits_export(stand: Stand) -> Finding:
    """Half of what is fed in by a limit, all of it again without."""
    check, device = "LimitsExport", stand.device
    assert isinstance(device, LimitsExport)  # noqa: S101 - who calls has looked
    if not await until(stand, lambda: stand.true_w() < -DRAWING_W, WARM_UP_S):
        return not_applicable(check, "the emulator feeds in nothing")
    before_w = await steady_w(stand)
    limit_w = abs(before_w) / 2
    answer = await device.limit_export_w(limit_w)
    if not answer.accepted:
        return _refused(check, f"a limit of {limit_w:.0f} W", answer)
    if not await until(
        stand, lambda: 0 >= stand.true_w() >= -1.05 * limit_w - 20, FOLLOW_S
    ):
        return _not_delivered(check, f"at most {limit_w:.0f} W fed in", stand, answer)
    await device.limit_export_w(None)
    return passed(check, f"no more than {limit_w:.0f} W was fed in")


async def sets_power(stand: Stand) -> Finding:
    """A kilowatt each way: the sign must be ours, import positive."""
    check, device = "SetsPower", stand.device
    assert isinstance(device, SetsPower)  # noqa: S101 - who calls has looked
    for asked_w in (1000.0, -1000.0):
        answer = await device.set_power_w(asked_w)
        if not answer.accepted:
            return _refused(check, f"{asked_w:.0f} W", answer)
        if not await until(stand, _near(stand, asked_w), FOLLOW_S):
            return _not_delivered(check, f"{asked_w:.0f} W", stand, answer)
    await device.set_power_w(None)
    return passed(check, "1,000 W and −1,000 W were delivered")


def _near(stand: Stand, asked_w: float) -> Callable[[], bool]:
    return lambda: abs(stand.true_w() - asked_w) < 100.0


async def sets_reactive_power(stand: Stand) -> Finding:
    """Half a kilovar, inductive."""
    check, device = "SetsReactivePower", stand.device
    assert isinstance(device, SetsReactivePower)  # noqa: S101 - who calls has looked

    def seen_var() -> float:
        return stand.circuit.reactive_var((ROLE,), stand.clock.now_s())

    answer = await device.set_reactive_var(500.0)
    if not answer.accepted:
        return _refused(check, "500 var", answer)
    if not await until(stand, lambda: abs(seen_var() - 500.0) < 50.0, FOLLOW_S):
        return _not_delivered(check, "500 var", stand, answer)
    await device.set_reactive_var(None)
    return passed(check, "500 var were delivered")


async def shifts_demand(stand: Stand) -> Finding:
    """Less on request, as a mean over five minutes: compressors take turns."""
    check, device = "ShiftsDemand", stand.device
    assert isinstance(device, ShiftsDemand)  # noqa: S101 - who calls has looked
    if not await draws(stand):
        return not_applicable(check, "the emulator draws nothing that could be reduced")
    before_w = await _mean_w(stand)
    answer = await device.shift_demand(Demand.REDUCE)
    if not answer.accepted:
        more = await device.shift_demand(Demand.BOOST)
        if not more.accepted:
            return _refused(check, "less, and more", answer)
        await device.shift_demand(Demand.NORMAL)
        return passed(check, f"takes more on request; refuses less: {answer.detail}")
    for _ in range(int(PEOPLE_S / 300)):
        if await _mean_w(stand) < 0.9 * before_w:
            await device.shift_demand(Demand.NORMAL)
            return passed(check, f"asked for less, it drew less than {before_w:.0f} W")
    return _not_delivered(check, f"less than {before_w:.0f} W", stand, answer)


async def switches(stand: Stand) -> Finding:
    """Off is off."""
    check, device = "Switches", stand.device
    assert isinstance(device, Switches)  # noqa: S101 - who calls has looked
    if not await draws(stand):
        return not_applicable(check, "the emulator draws nothing that could be cut")
    answer = await device.switch(False)
    if not answer.accepted:
        return _refused(check, "off", answer)
    if not await until(stand, lambda: abs(stand.true_w()) < 1.0, 60.0):
        return _not_delivered(check, "nothing", stand, answer)
    await stand.wait(max(60.0, stand.driver.kindness.least_state_s))
    answer = await device.switch(True)
    if not answer.accepted:
        return _refused(check, "on", answer)
    return passed(check, "off was off, and on was accepted")


async def plans_departure(stand: Stand) -> Finding:
    """A departure in four hours is taken."""
    check, device = "PlansDeparture", stand.device
    assert isinstance(device, PlansDeparture)  # noqa: S101 - who calls has looked
    at = stand.clock.utc() + timedelta(hours=4)
    answer = await device.plan_departure(80.0, at)
    if not answer.accepted:
        return _refused(check, "80 % in four hours", answer)
    return passed(check, "80 % in four hours was accepted")


async def sets_load(stand: Stand) -> Finding:
    """The load points of a meter's test: RMS amperes, and the current's side."""
    check, device = "SetsLoad", stand.device
    assert isinstance(device, SetsLoad)  # noqa: S101 - who calls has looked
    for factor, leading in LOAD_POINTS:
        what = f"{LOAD_A:g} A at {factor:g} {'leading' if leading else 'lagging'}"
        answer = await device.set_load(LOAD_A, power_factor=factor, leading=leading)
        if not answer.accepted:
            return _refused(check, what, answer)
        if not await until(stand, _at_load(stand, factor, leading), FOLLOW_S):
            return _not_delivered(check, what, stand, answer)
    answer = await device.set_load(0.0)
    if not await until(stand, lambda: abs(stand.true_w()) < 1.0, FOLLOW_S):
        return _not_delivered(check, "nothing", stand, answer)
    return passed(check, f"{LOAD_A:g} A at 1, 0.5 lagging and 0.8 leading, and none")


def _at_load(stand: Stand, factor: float, leading: bool) -> Callable[[], bool]:
    """Whether active and reactive power are those of a load point."""

    def there() -> bool:
        now_s = stand.clock.now_s()
        apparent_va = LOAD_A * stand.circuit.voltage_v(now_s)
        sine = math.sqrt(1 - factor**2) * (-1 if leading else 1)
        off_w = stand.true_w() - factor * apparent_va
        off_var = stand.circuit.reactive_var((ROLE,), now_s) - sine * apparent_va
        return math.hypot(off_w, off_var) <= LOAD_SHARE * apparent_va

    return there


async def keeps_profile(stand: Stand) -> Finding:
    """Three periods at a kilowatt are read back, each with its energy."""
    check, device = "KeepsProfile", stand.device
    assert isinstance(device, KeepsProfile)  # noqa: S101 - who calls has looked
    period_s = device.profile_period_s
    if not period_s > 0:
        return failed(check, f"its periods last {period_s} s", "profile_period_s")
    stand.load.watts, since = 1000.0, stand.clock.utc()
    await stand.wait(4.5 * period_s)
    found = await device.read_profile(since, stand.clock.utc())
    whole = [one for one in found[-3:] if _is_near(one.import_wh, period_s / 3.6)]
    if len(whole) < 3:
        seen = ", ".join(f"{one.import_wh:.1f} Wh {one.status}" for one in found)
        fact = f"an hour at 1,000 W by {period_s:g} s came back as {seen or 'nothing'}"
        return failed(check, fact, "the unit of its values, and what is cumulative")
    size = await device.profile_size()
    if not len(found) <= size.held <= size.room:
        return failed(
            check, f"it gave {len(found)} periods and says {size}", "profile_size"
        )
    return passed(check, f"{len(found)} periods of {period_s:g} s, room {size.room}")


def _is_near(energy_wh: float, wanted_wh: float) -> bool:
    return abs(energy_wh - wanted_wh) <= 0.01 * wanted_wh + 1


PROBES: dict[type, Callable[[Stand], Awaitable[Finding]]] = {
    LimitsExport: limits_export,
    LimitsPower: limits_power,
    KeepsProfile: keeps_profile,
    SetsLoad: sets_load,
    SetsPower: sets_power,
    SetsReactivePower: sets_reactive_power,
    ShiftsDemand: shifts_demand,
    Switches: switches,
    PlansDeparture: plans_departure,
}
"""The probe of each capability that can be asked for something."""


async def ask_for_some(stand: Stand) -> bool:
    """Have something drawn that draws only what it is told; False for the others."""
    device = stand.device
    if isinstance(device, SetsPower):
        await device.set_power_w(1000.0)
    elif isinstance(device, SetsLoad):
        await device.set_load(LOAD_A)
    else:
        return False
    return True


async def ask_for_less(stand: Stand) -> Acknowledgement | None:
    """Ask for less in whatever way the device knows; None if it knows none."""
    device = stand.device
    if isinstance(device, SetsPower):
        return await device.set_power_w(-500.0)
    if isinstance(device, LimitsExport):
        return await device.limit_export_w(abs(stand.true_w()) / 2)
    if isinstance(device, LimitsPower):
        return await device.limit_power_w(max(abs(stand.true_w()) / 2, 1.0))
    if isinstance(device, ShiftsDemand):
        return await device.shift_demand(Demand.REDUCE)
    if isinstance(device, Switches):
        return await device.switch(False)
    return None


async def _mean_w(stand: Stand) -> float:
    seen = []
    for _ in range(60):
        await stand.wait(STEP_S)
        seen.append(stand.true_w())
    return sum(seen) / len(seen)


async def _returns(check: str, stand: Stand, before_w: float, what: str) -> Finding:
    if await until(stand, lambda: abs(stand.true_w()) >= 0.9 * abs(before_w), PEOPLE_S):
        return passed(check, what)
    return failed(
        check,
        f"released, it stayed at {stand.true_w():.0f} W; before it was at "
        f"{before_w:.0f} W",
        "what lifts a limit on this device",
    )


def _refused(check: str, what: str, answer: Acknowledgement) -> Finding:
    return failed(
        check, f"it refused {what}: {answer.detail}", "leave the capability out"
    )


def _not_delivered(
    check: str, what: str, stand: Stand, answer: Acknowledgement
) -> Finding:
    return failed(
        check,
        f"accepted, not delivered: {what} was asked, {stand.true_w():.0f} W flowed "
        f"(it said: {answer.detail})",
        "the unit and the sign of what is sent",
    )
