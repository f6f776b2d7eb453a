"""What the kit may do to a real device: read it, and steer it if that is allowed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from harness.core.bench import Driver, Options
from harness.core.capabilities import (
    Acknowledgement,
    Demand,
    Device,
    LimitsPower,
    Polled,
    ShiftsDemand,
    Switches,
)
from harness.core.clock import BenchClock
from harness.core.errors import FlexrigError
from harness.kit.stand import Ear, opened
from harness.kit.steering import PROBES
from harness.rig.findings import Finding, failed, not_applicable, passed

POLLS = 10
WATCH_S = 60.0
"""How long a steered device is watched. [s]"""


async def check_real(
    driver: Driver, address: str, options: Options, *, steer: bool
) -> AsyncIterator[Finding]:
    """Look at a real device through its driver, on the wall clock.

    Nothing is written unless `steer`; afterwards it is sent to its safe state.
    """
    clock, ear = BenchClock(datetime.now(UTC)), Ear()  # noqa: TID251 - a real device
    async with opened(driver, address, clock, ear, options) as device:
        try:
            await device.ready()
            who = await device.identify()
        except FlexrigError as error:
            yield failed("ready", str(error), error.hint)
            return
        yield passed("ready", f"{who.maker} {who.model} {who.serial}".strip())
        yield _claims(driver, device)
        yield await _reads(device, clock)
        if not steer:
            yield not_applicable("steers", "not without --steer: nothing was written")
            return
        try:
            yield await _steers(device, ear)
        finally:
            await device.make_safe()
        yield passed("safe", "sent to its safe state")


def _claims(driver: Driver, device: Device) -> Finding:
    wanted = {*PROBES, Polled}
    has = {one for one in wanted if isinstance(device, one)}
    claimed = set(driver.capabilities) & wanted
    if has != claimed:
        names = ", ".join(sorted(one.__name__ for one in has ^ claimed))
        return failed("claims what it can", names, "DRIVER.capabilities")
    return passed("claims what it can", ", ".join(sorted(o.__name__ for o in has)))


async def _reads(device: Device, clock: BenchClock) -> Finding:
    check = "reads"
    if not isinstance(device, Polled):
        return not_applicable(check, "it pushes its values")
    took_s, readings = [], []
    for _ in range(POLLS):
        began_s = clock.now_s()
        try:
            readings = list(await device.poll())
        except FlexrigError as error:
            return failed(check, str(error), error.hint)
        took_s.append(clock.now_s() - began_s)
        await asyncio.sleep(max(0.0, device.poll_interval_s - took_s[-1]))
    values = ", ".join(f"{one.quantity} {one.value:g}" for one in readings)
    if max(took_s) > device.poll_interval_s:
        fact = f"a poll took {max(took_s):.2f} s of {device.poll_interval_s:g} s"
        return failed(check, fact, "a longer poll_interval_s")
    return passed(check, f"{POLLS} polls of at most {max(took_s):.3f} s: {values}")


async def _steers(device: Device, ear: Ear) -> Finding:
    """Ask for less and see whether its own power follows."""
    check = "steers"
    before_w = await _power_w(device, ear)
    answer = await _less(device, before_w)
    if answer is None:
        return not_applicable(check, "it cannot be asked for less")
    if not answer.accepted:
        return failed(check, f"it refused: {answer.detail}", "its own settings")
    after_w = before_w
    for _ in range(int(WATCH_S)):
        await asyncio.sleep(1.0)
        after_w = await _power_w(device, ear)
        if after_w < 0.9 * before_w:
            return passed(check, f"from {before_w:.0f} W to {after_w:.0f} W")
    fact = f"accepted ({answer.detail}), yet {after_w:.0f} W after {WATCH_S:.0f} s"
    return failed(check, fact, "a device that draws power, and a meter of its own")


async def _less(device: Device, before_w: float) -> Acknowledgement | None:
    if isinstance(device, LimitsPower):
        return await device.limit_power_w(max(before_w / 2, 1.0))
    if isinstance(device, ShiftsDemand):
        return await device.shift_demand(Demand.REDUCE)
    if isinstance(device, Switches):
        return await device.switch(False)
    return None


async def _power_w(device: Device, ear: Ear) -> float:
    readings = await device.poll() if isinstance(device, Polled) else ear.pushed
    found = [one.value for one in readings if one.quantity == "power_w"]
    return found[-1] if found else math.nan
