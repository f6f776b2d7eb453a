"""What the SunSpec tests share: a bench with both sides, and a device made by hand."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import numpy as np

from devices.links.modbus_server import ModbusRefusal, serve_tcp
from devices.links.sunspec import SunSpecLink
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop

WHERE = "rig.toml [device.battery]"


def run(trial):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(trial)


class Bench:
    """A clock, a circuit and what the driver told, for one device."""

    def __init__(self, seed=1, at=None, role="battery"):
        at = at or datetime(2026, 1, 15, 17, tzinfo=UTC)
        self.clock = BenchClock(at, lead_s=10.0)
        self.circuit = Circuit(seed=seed)
        self.seed, self.role = seed, role
        self.wire, self.events = [], []

    def emulate(self, driver, **options):
        rng = np.random.default_rng(self.seed)
        context = EmulatorContext(WHERE, self.role, self.clock, rng, self.circuit)
        return driver.emulate(context, driver.emulator_options(**options))

    def context(self, address):
        return DeviceContext(
            WHERE,
            self.role,
            address,
            self.clock,
            lambda sent, frame: self.wire.append((sent, frame)),
            lambda readings: None,
            self.events.append,
        )

    def open(self, driver, address, **options):
        return driver.open(self.context(address), driver.options(**options))

    def power_w(self, *roles):
        return self.circuit.power_w(roles or (self.role,), self.clock.now_s())

    def reactive_var(self):
        return self.circuit.reactive_var((self.role,), self.clock.now_s())

    def told(self, kind="status"):
        return [event.detail for event in self.events if event.kind == kind]

    @contextlib.asynccontextmanager
    async def both(self, driver, *, options=None, **emulator_options):
        """Emulate a device and open its driver; yield both, the device ready."""
        async with (
            self.emulate(driver, **emulator_options) as emulator,
            self.open(driver, emulator.address, **(options or {})) as device,
        ):
            await device.ready()
            yield emulator, device


async def values(device):
    return {reading.quantity: reading.value for reading in await device.poll()}


class HandMade:
    """Holding registers by address, written by hand; anything else is refused."""

    def __init__(self, words=()):
        self.words = dict(words)

    def put(self, address, text):
        data = bytes.fromhex(text)
        for offset in range(0, len(data), 2):
            self.words[address + offset // 2] = int.from_bytes(
                data[offset : offset + 2], "big"
            )
        return self

    def read_input(self, address, count):
        raise ModbusRefusal(2)

    def read_holding(self, address, count):
        try:
            return [self.words[address + offset] for offset in range(count)]
        except KeyError:
            raise ModbusRefusal(2) from None

    def write_holding(self, address, values):
        for offset, value in enumerate(values):
            self.words[address + offset] = value


@contextlib.asynccontextmanager
async def linked(registers, bench=None, **options):
    """Serve registers and open a link to them; its map is not looked for yet."""
    async with serve_tcp(registers, unit=1) as address:
        link = SunSpecLink((bench or Bench()).context(address), **options)
        try:
            yield link
        finally:
            link.close()
