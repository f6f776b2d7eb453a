"""Prove a bench before a device is blamed: `flexrig doctor`.

Everything is read and nothing is written. What a rig file promises of a meter (update
interval, resolution, sign, scale) is measured, and every trouble comes with what to do.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from harness.analysis.agreement import lag_behind
from harness.analysis.clocks import lie_of_clock
from harness.analysis.quality import MeterQuality
from harness.analysis.timing import clock_offset, noise_floor, update_interval
from harness.core.bench import DeviceEvent
from harness.core.capabilities import Polled
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.errors import FlexrigError, LinkError
from harness.core.recording import Reading, Series
from harness.rig.assemble import Bench, Part, connect, make_circuit, parts_of
from harness.rig.file import MeterTable, Rig
from harness.rig.findings import Finding, failed, not_applicable, passed

READY_WITHIN_S = 300.0
"""No part of a bench takes longer to answer. [s]"""
FAST_S = 0.2
"""How often meters are read to see how often they show something new. [s]"""
SOON_DAYS = 30
RATES_S = (1.0, 0.5, 0.2, 0.1)
"""Reading intervals that are tried, slowest first. [s]"""
READS_PER_RATE = 20
MOST_LAG_S = 20.0
FLOWS_W = 50.0
"""Below this nothing can be said of sign or scale. [W]"""
MOST_OFFSET_S = 2.0
"""A device's clock may be so far off, beyond what is not known of it. [s]"""
MOST_LATE_S = 2.0
"""A meter may be so late against another, beyond what is not known of it. [s]"""
SAME_PERCENT = 15.0
"""A device's own word and its meter agree within this, or one of them is wrong. [%]"""


@dataclass(slots=True)
class _Seen:
    """What one role gave: per quantity, when and what."""

    asked_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    value: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    device_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)

    def add(self, readings: Sequence[Reading], at_s: float) -> None:
        for one in readings:
            self.asked_s[one.quantity].append(at_s)
            self.value[one.quantity].append(one.value)
            self.device_s[one.quantity].append(one.device_time_s)

    def series(self, quantity: str) -> tuple[Series, Series]:
        """Times and values of a quantity. [s]"""
        return np.array(self.asked_s[quantity]), np.array(self.value[quantity])

    def mean(self, quantity: str) -> float:
        values = np.array(self.value[quantity])
        return float(np.nanmean(values)) if np.isfinite(values).any() else math.nan


class _Listener:
    """`harness.rig.assemble.Observer` that keeps values by role."""

    def __init__(self, clock: BenchClock) -> None:
        self._clock = clock
        self.seen: dict[str, _Seen] = defaultdict(_Seen)

    def wire(self, role: str, sent: bool, payload: str) -> None:
        """Nothing is kept of the wire: `flexrig run` does."""

    def report(self, role: str, readings: Sequence[Reading]) -> None:
        self.seen[role].add(readings, self._clock.now_s())

    def notify(self, event: DeviceEvent) -> None:
        """What devices say of their state shows in what they answer."""


async def examine(
    rig: Rig, clock: BenchClock, on: date, *, watch_s: float = 60.0
) -> AsyncIterator[tuple[str, Finding]]:
    """Examine every part of a rig; yields the role and what was found.

    A part that does not answer is a finding, and the others are examined all the same.
    """
    listener = _Listener(clock)
    bench = Bench(rig, clock, make_circuit(rig, clock.starts_at))
    async with AsyncExitStack() as stack:
        for part in parts_of(rig):
            yield part.role, await _reached(bench, part, listener, stack)
        clock.begin()
        await _watch(bench, listener, watch_s)
        for role in bench.devices:
            async for found in _of_one(bench, listener, role, on):
                yield role, found
        for role, found in _side_by_side(rig, listener):
            yield role, found


async def _reached(
    bench: Bench, part: Part, listener: _Listener, stack: AsyncExitStack
) -> Finding:
    """Connect one part; if it cannot be used, the bench goes on without it."""
    check = "answers"
    try:
        await connect(bench, part, listener, stack)
        async with asyncio.timeout(READY_WITHIN_S):
            await bench.devices[part.role].ready()
    except FlexrigError as error:
        bench.devices.pop(part.role, None)
        return failed(check, f"{error.where}: {error.fact}", error.hint)
    except TimeoutError:
        bench.devices.pop(part.role, None)
        fact = f"not ready within {READY_WITHIN_S:.0f} s"
        return failed(check, fact, "its power, its wire and its address")
    return passed(check, part.driver.wire)


async def _watch(bench: Bench, listener: _Listener, watch_s: float) -> None:
    """Read meters fast and devices at their own pace, side by side."""
    until_s = bench.clock.now_s() + watch_s
    async with asyncio.TaskGroup() as group:
        for role, device in bench.devices.items():
            if isinstance(device, Polled):
                meter = role in bench.rig.meter
                every_s = FAST_S if meter else device.poll_interval_s
                every_s = max(
                    every_s, bench.drivers[role].kindness.least_poll_interval_s
                )
                group.create_task(
                    _read_until(
                        device, listener.seen[role], bench.clock, every_s, until_s
                    )
                )
        group.create_task(bench.clock.until(until_s))


async def _read_until(
    device: Polled, seen: _Seen, clock: BenchClock, every_s: float, until_s: float
) -> None:
    due_s = clock.now_s()
    while due_s < until_s:
        await clock.until(due_s)
        asked_s = clock.now_s()
        try:
            seen.add(await device.poll(), asked_s)
        except LinkError as error:
            seen.failures.append(error.fact)
        due_s = max(due_s + every_s, clock.now_s())


async def _of_one(
    bench: Bench, listener: _Listener, role: str, on: date
) -> AsyncIterator[Finding]:
    """What can be said of one part by itself."""
    device, seen = bench.devices[role], listener.seen[role]
    try:
        who = await device.identify()
    except FlexrigError as error:
        yield failed("identity", error.fact, error.hint)
    else:
        words = f"{who.maker} {who.model} {who.serial} {who.firmware}".strip()
        yield passed("identity", words)
    entry = bench.rig.meter.get(role)
    if entry is not None:
        yield _calibration(entry, on)
        yield _interval(seen, entry)
        yield _noise(seen, entry)
    yield _own_clock(seen, bench.clock.utc())
    if isinstance(device, Polled):
        least_s = bench.drivers[role].kindness.least_poll_interval_s
        yield await _rates(device, bench.clock, least_s)


def _calibration(meter: MeterTable, on: date) -> Finding:
    check, card = "calibration", meter.calibration
    days = (card.due - on).days
    if days < 0:
        fact = f"{card.document}: due on {card.due}, {-days} days ago"
        return failed(check, fact, "a calibrated meter: nothing it says is judged")
    if days < SOON_DAYS:
        fact = f"{card.document}: due in {days} days"
        return failed(check, fact, f"recalibration before {card.due}")
    return passed(check, f"{card.document}: due on {card.due}")


def _interval(seen: _Seen, meter: MeterTable) -> Finding:
    """The update interval as measured, against what the rig file promises."""
    check = "update interval"
    names = [name for name in ("power_w", "voltage_v", "current_a") if seen.value[name]]
    grids = [seen.series(name) for name in names]
    same = [values for at_s, values in grids if at_s.size == grids[0][0].size]
    if not same:
        return failed(check, "no power was read", "the meter's address and model")
    found, card = update_interval(grids[0][0], *same), meter.calibration
    if math.isnan(found.value):
        return failed(check, found.why, "a live meter: a frozen one judges nothing")
    text = f"{found.value:.2f} s, the rig file says {card.update_interval_s:g} s"
    if found.unseen is not None:
        return passed(check, f"at most {text}")
    if found.value > 1.5 * card.update_interval_s + FAST_S:
        hint = f"update_interval_s = {found.value:.1f} on its calibration card"
        return failed(check, text, hint)
    return passed(check, text)


def _noise(seen: _Seen, meter: MeterTable) -> Finding:
    check = "noise floor"
    values = seen.series("power_w")[1]
    shown = values[np.r_[True, np.diff(values) != 0]] if values.size else values
    found = noise_floor(shown, "W")
    if math.isnan(found.value):
        return not_applicable(check, found.why or "nothing was read")
    if found.value > max(5.0, 0.02 * abs(float(np.nanmedian(shown)))):
        hint = "a steady load, then the wiring and the meter's current range"
        return failed(check, f"{found.value:.2f} W", hint)
    return passed(check, f"{found.value:.2f} W")


def _own_clock(seen: _Seen, now: datetime) -> Finding:
    check = "clock offset"
    stamps = [one for name in seen.device_s for one in seen.device_s[name]]
    asked = [one for name in seen.device_s for one in seen.asked_s[name]]
    found = clock_offset(np.array(stamps), np.array(asked))
    if math.isnan(found.value):
        return not_applicable(check, found.why)
    text = f"{found.value:+.1f} ± {found.expanded:.1f} s, delay on the way included"
    if (lie := lie_of_clock(found, now)) is not None:
        return failed(check, f"{text}: {lie}", "its clock, and its time zone")
    if abs(found.value) - found.expanded > MOST_OFFSET_S:
        return failed(check, text, "its time server, and that it stamps in UTC")
    return passed(check, text)


async def _rates(device: Polled, clock: BenchClock, least_s: float) -> Finding:
    """The fastest reading that never failed; slowest first, and kindly."""
    check, survived = "poll rate", math.inf
    for every_s in RATES_S:
        if every_s < least_s:
            break
        seen = _Seen()
        until_s = clock.now_s() + READS_PER_RATE * every_s
        await _read_until(device, seen, clock, every_s, until_s)
        reads = max((len(times) for times in seen.asked_s.values()), default=0)
        if seen.failures or reads < 0.8 * READS_PER_RATE:
            break
        survived = every_s
    if math.isinf(survived):
        if least_s > RATES_S[0]:
            return passed(check, f"not faster than every {least_s:g} s, by its maker")
        why = seen.failures[0] if seen.failures else "it takes longer to answer"
        fact = f"it does not stand a read a second ({why})"
        return failed(check, fact, "a longer poll_interval_s, and its other clients")
    if survived > device.poll_interval_s:
        fact = f"it stands a read every {survived:g} s"
        return failed(check, fact, f"poll_interval_s = {survived:g}")
    return passed(check, f"it stands a read every {survived:g} s")


def _side_by_side(rig: Rig, listener: _Listener) -> Iterator[tuple[str, Finding]]:
    """What only shows when two parts that see the same are compared."""
    for name, meter in rig.meter.items():
        if not listener.seen[name].value["power_w"]:
            continue
        if Circuit.EVERYTHING in meter.sees:
            yield name, _sees_the_rest(rig, listener, name)
            yield from ((name, one) for one in _clocks(rig, listener, name))
        elif len(meter.sees) == 1:
            yield name, _same_story(listener, name, meter.sees[0])


def _same_story(listener: _Listener, name: str, role: str) -> Finding:
    """Sign and scale of a meter, by the own word of the device behind it."""
    check = "polarity and scale"
    own_w, shown_w = (listener.seen[one].mean("power_w") for one in (role, name))
    if not abs(own_w) > FLOWS_W:
        why = f"{role} tells of no power: start it, and examine again"
        return not_applicable(check, why)
    share = shown_w / own_w
    text = f"{shown_w:.0f} W where {role} itself says {own_w:.0f} W"
    if abs(share - 1) <= SAME_PERCENT / 100:
        return passed(check, text)
    if share < 0:
        return failed(check, text, "turning the current transformer round")
    for factor in (1000.0, 0.001):
        if abs(share / factor - 1) <= SAME_PERCENT / 100:
            hint = "the model in the rig file: kilowatts are read as watts"
            return failed(check, f"{text}: a factor of {factor:g}", hint)
    return failed(check, text, "what else is wired behind this meter, and its model")


def _sees_the_rest(rig: Rig, listener: _Listener, name: str) -> Finding:
    """The boundary shows at least what the meters behind it show."""
    check = "sees the whole home"
    behind = [
        other
        for other, meter in rig.meter.items()
        if other != name and Circuit.EVERYTHING not in meter.sees
    ]
    means = [listener.seen[other].mean("power_w") for other in behind]
    parts_w = sum(mean for mean in means if math.isfinite(mean))
    shown_w = listener.seen[name].mean("power_w")
    if not abs(parts_w) > FLOWS_W:
        return not_applicable(check, "no power behind it: start a device")
    text = f"{shown_w:.0f} W, the meters behind it {parts_w:.0f} W together"
    if shown_w < parts_w - SAME_PERCENT / 100 * abs(parts_w):
        return failed(check, text, "its polarity, its scale, and what is behind it")
    if shown_w > 100 * abs(parts_w):
        return failed(check, text, "its model: kilowatts are read as watts")
    return passed(check, text)


def _clocks(rig: Rig, listener: _Listener, name: str) -> Iterator[Finding]:
    """How late each meter is against the boundary, by the mains voltage both see."""
    mine = listener.seen[name].series("voltage_v")
    for other in rig.meter:
        theirs = listener.seen[other].series("voltage_v")
        if other == name or not theirs[0].size or not mine[0].size:
            continue
        yield _lag(name, other, mine, theirs)


def _lag(
    name: str, other: str, mine: tuple[Series, Series], theirs: tuple[Series, Series]
) -> Finding:
    check = f"in step with {other}"
    quality = MeterQuality(source="measured", update_interval_s=1.0)
    found = lag_behind(
        *mine,
        *theirs,
        from_s=float(mine[0][0]) + MOST_LAG_S,
        until_s=float(mine[0][-1]) - MOST_LAG_S,
        meter=quality,
        other_meter=quality,
        max_lag_s=MOST_LAG_S,
        step_s=FAST_S,
    )
    if math.isnan(found.value):
        return not_applicable(check, found.why)
    text = f"{found.value:+.1f} ± {found.expanded:.1f} s later, by the mains voltage"
    if abs(found.value) - found.expanded > MOST_LATE_S:
        return failed(check, text, f"the latency or the clock of {name} or {other}")
    return passed(check, text)
