"""One driver alone on a bench: its emulator, a circuit, and everything it says."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from harness.core.bench import DeviceEvent, Driver, Emulator, EmulatorContext, Options
from harness.core.capabilities import (
    Device,
    LimitsExport,
    LimitsPower,
    Polled,
    SetsLoad,
    SetsPower,
    SetsReactivePower,
    ShiftsDemand,
    Switches,
)
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.recording import Reading
from harness.rig.assemble import Part, device_context, role_rng

ROLE = "dut"
WINTER = datetime(2026, 1, 15, 17, tzinfo=UTC)
"""A winter's evening: cars are home and heat pumps run."""
SUMMER = datetime(2026, 6, 21, 11, tzinfo=UTC)
"""A summer's noon: the sun shines."""
BOUND_S = 600.0
"""No driver may wait longer than this for a device, there or not. [s]"""
STEERS = (
    LimitsExport,
    LimitsPower,
    SetsLoad,
    SetsPower,
    SetsReactivePower,
    ShiftsDemand,
    Switches,
)


@dataclass(slots=True)
class KnownLoad:
    """A load that draws exactly what it is told, for a meter to show."""

    watts: float = 0.0

    def power_w(self, at_s: float) -> float:
        """Return what it was told to draw. [W]"""
        return self.watts


class Ear:
    """Everything a driver says, and a way to wait for the next of it."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.heard: list[str] = []
        self.pushed: list[Reading] = []
        self.events: list[DeviceEvent] = []
        self._news = asyncio.Event()

    def wire(self, role: str, sent: bool, payload: str) -> None:
        """`harness.rig.assemble.Observer`."""
        (self.sent if sent else self.heard).append(payload)

    def report(self, role: str, readings: Sequence[Reading]) -> None:
        """`harness.rig.assemble.Observer`."""
        self.pushed += readings
        self._news.set()

    def notify(self, event: DeviceEvent) -> None:
        """`harness.rig.assemble.Observer`."""
        self.events.append(event)
        self._news.set()

    async def news(self) -> None:
        """Return after the next pushed reading or event."""
        self._news.clear()
        await self._news.wait()


@dataclass(slots=True)
class Stand:
    """A driver connected to its emulator."""

    driver: Driver
    device: Device
    emulator: Emulator
    circuit: Circuit
    clock: BenchClock
    ear: Ear
    load: KnownLoad
    _off: AsyncExitStack = field(repr=False)

    def true_w(self) -> float:
        """Return what truly flows: of the device, or through the meter. [W]"""
        role = ROLE if not is_meter(self.driver) else "known"
        return self.circuit.power_w((role,), self.clock.now_s())

    async def wait(self, seconds: float) -> None:
        """Let bench time pass. [s]"""
        await self.clock.until(self.clock.now_s() + seconds)

    async def watch(self, seconds: float) -> None:
        """Let bench time pass as a trial does: asked at its own pace. [s]"""
        until_s = self.clock.now_s() + seconds
        while self.clock.now_s() < until_s:
            if isinstance(self.device, Polled):
                await self.device.poll()
                await self.wait(self.device.poll_interval_s)
            else:
                await self.clock.until(until_s)

    async def power_off(self) -> None:
        """Take the device away without a word, while the driver goes on."""
        await self._off.aclose()

    async def own_reading(self, quantity: str, within_s: float) -> float | None:
        """Return the device's newest value of a quantity; None if it never gives it."""
        if not isinstance(self.device, Polled):
            await self._pushed(quantity, within_s)
            found = [one.value for one in self.ear.pushed if one.quantity == quantity]
            return found[-1] if found else None
        return await self._polled(self.device, quantity, within_s)

    async def _polled(
        self, device: Polled, quantity: str, within_s: float
    ) -> float | None:
        """Poll at its own pace until it gives a number: a pulse meter needs two."""
        value, until_s = None, self.clock.now_s() + within_s
        while self.clock.now_s() < until_s:
            found = [one for one in await device.poll() if one.quantity == quantity]
            value = found[-1].value if found else value
            if value is not None and math.isfinite(value):
                break
            await self.wait(device.poll_interval_s)
        return value

    async def _pushed(self, quantity: str, within_s: float) -> None:
        self.ear.pushed.clear()
        try:
            async with asyncio.timeout(within_s):
                while not any(one.quantity == quantity for one in self.ear.pushed):
                    await self.ear.news()
        except TimeoutError:
            return


def begins(driver: Driver) -> datetime:
    """When a driver is looked at: when its device has something to do."""
    return SUMMER if LimitsExport in driver.capabilities else WINTER


def is_meter(driver: Driver) -> bool:
    """Whether a driver only ever reads: nobody steers it, and nobody ever could."""
    steers = any(issubclass(one, STEERS) for one in driver.capabilities)
    return not steers and not driver.not_dispatchable


def part_of(driver: Driver, address: str, options: Options | None = None) -> Part:
    """Return the driver as an entry of a rig file would give it."""
    return Part(
        role=ROLE,
        where=f"check-driver {driver.name}",
        address=address or (f"ws://127.0.0.1:0/{ROLE}" if driver.listens else ""),
        driver=driver,
        options=options or driver.options.model_validate(driver.example),
        emulated=driver.emulator_options.model_validate(driver.example_emulator),
        sees=("known",) if is_meter(driver) else (),
    )


@asynccontextmanager
async def standing(
    driver: Driver, clock: BenchClock | None = None, *, ready: bool = True
) -> AsyncIterator[Stand]:
    """Connect a driver to its own emulator, alone on a circuit."""
    clock = clock or BenchClock(begins(driver))
    circuit, ear, load = Circuit(seed=1), Ear(), KnownLoad()
    circuit.attach("known", load)
    async with AsyncExitStack() as stack:
        off = await stack.enter_async_context(AsyncExitStack())
        if driver.listens:
            device = await stack.enter_async_context(opened(driver, "", clock, ear))
            dial = str(getattr(device, "address", ""))
            emulator = await _emulated(driver, clock, circuit, dial, off)
        else:
            emulator = await _emulated(driver, clock, circuit, "", off)
            device = await stack.enter_async_context(
                opened(driver, emulator.address, clock, ear)
            )
        if ready:
            async with asyncio.timeout(BOUND_S):
                await device.ready()
        yield Stand(driver, device, emulator, circuit, clock, ear, load, off)


@asynccontextmanager
async def opened(
    driver: Driver,
    address: str,
    clock: BenchClock,
    ear: Ear,
    options: Options | None = None,
) -> AsyncIterator[Device]:
    """Open a driver at an address, with the usual options if none are given."""
    part = part_of(driver, address, options)
    context = device_context(clock, part, part.address, ear)
    async with driver.open(context, part.options) as device:
        yield device


async def _emulated(
    driver: Driver, clock: BenchClock, circuit: Circuit, dial: str, off: AsyncExitStack
) -> Emulator:
    part = part_of(driver, "")
    context = EmulatorContext(
        where=part.where,
        role=ROLE,
        clock=clock,
        rng=role_rng(1, ROLE),
        circuit=circuit,
        sees=part.sees,
        dial=dial,
    )
    return await off.enter_async_context(driver.emulate(context, part.emulated))
