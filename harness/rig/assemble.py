"""Connect a bench: emulators first, then drivers, in the order of the rig file."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np

from harness.core.base_load import BaseLoad
from harness.core.bench import (
    DeviceContext,
    DeviceEvent,
    Driver,
    Emulator,
    EmulatorContext,
    Options,
)
from harness.core.capabilities import Device
from harness.core.circuit import Circuit, Feeder, FixedLoad
from harness.core.clock import BenchClock
from harness.core.errors import LinkError, RigError
from harness.core.recording import Reading
from harness.rig.drivers import check_options, find_driver
from harness.rig.faulty_wire import LOOPBACK, FaultyWire
from harness.rig.file import MeterTable, Rig
from harness.rig.wire_address import Endpoint, endpoint_of, with_endpoint

BASE_LOAD = "base_load"


class Observer(Protocol):
    """Who hears what the bench says while it runs."""

    def wire(self, role: str, sent: bool, payload: str) -> None:
        """Hear a wire message, verbatim."""
        ...

    def report(self, role: str, readings: Sequence[Reading]) -> None:
        """Hear values that a device pushed."""
        ...

    def notify(self, event: DeviceEvent) -> None:
        """Hear what a device said of its state."""
        ...


@dataclass(slots=True)
class Bench:
    """A connected rig. Leaving `assemble` disconnects it."""

    rig: Rig
    clock: BenchClock
    circuit: Circuit
    devices: dict[str, Device] = field(default_factory=dict)
    """Devices and meters by role, in the order of the rig file."""
    emulators: dict[str, Emulator] = field(default_factory=dict)
    drivers: dict[str, Driver] = field(default_factory=dict)
    wires: dict[str, FaultyWire] = field(default_factory=dict)
    """The wires that can be made faulty, by role."""


@dataclass(frozen=True, slots=True)
class Part:
    """One entry of a rig file with its driver and its checked options."""

    role: str
    where: str
    address: str
    driver: Driver
    options: Options
    emulated: Options | None
    sees: tuple[str, ...]


def parts_of(rig: Rig) -> list[Part]:
    """Check every driver and every option of a rig before anything connects.

    Raises
    ------
    RigError
        Naming the first entry whose driver or options do not fit.
    """
    parts = []
    for role, entry in rig.entries():
        where = rig.where(role)
        driver = find_driver(entry.driver, where)
        options, emulated = check_options(rig, role, entry, driver)
        sees = entry.sees if isinstance(entry, MeterTable) else ()
        address = entry.address
        if not address and driver.listens:
            address = f"ws://127.0.0.1:0/{role}"
        parts.append(Part(role, where, address, driver, options, emulated, sees))
    return parts


def make_circuit(rig: Rig, starts_at: datetime) -> Circuit:
    """Wire an empty home as the rig describes it.

    `starts_at` is the civil time of bench second 0: a home draws by season and hour.
    """
    table, seed = rig.circuit, rig.rig.seed
    at = table.feeder
    feeder = None
    if at is not None:
        feeder = Feeder(
            at.source_voltage_v, at.resistance_ohm, at.reactance_ohm, at.homes
        )
    circuit = Circuit(
        line_resistance_ohm=table.line_resistance_ohm, seed=seed, feeder=feeder,
        formed_by=table.island_formed_by,
    )  # fmt: skip
    if table.base_load_profile != "constant":
        load = BaseLoad(
            starts_at,
            seed=seed,
            kwh_per_day=table.base_load_kwh_per_day,
            appliances=table.base_load_profile == "appliances",
        )
        circuit.attach(BASE_LOAD, load)
    elif table.base_load_w:
        circuit.attach(BASE_LOAD, FixedLoad(table.base_load_w))
    return circuit


def role_rng(seed: int, role: str) -> np.random.Generator:
    """A generator of its own for each role: one device's luck moves no other's."""
    return np.random.default_rng([seed, zlib.crc32(role.encode())])


@asynccontextmanager
async def assemble(
    rig: Rig,
    clock: BenchClock,
    observer: Observer,
    *,
    faulty_wires: Collection[str] = (),
) -> AsyncIterator[Bench]:
    """Connect every part of a rig and let go of them in reverse order.

    On the wire of each role in `faulty_wires` stands a relay, for faults to come.

    Raises
    ------
    RigError, FeatureError, LinkError
        Naming the entry that could not be connected.
    """
    parts = parts_of(rig)
    bench = Bench(rig, clock, make_circuit(rig, clock.starts_at))
    async with AsyncExitStack() as stack:
        for part in parts:
            relayed = part.role in faulty_wires
            await connect(bench, part, observer, stack, relayed=relayed)
        for role, device in bench.devices.items():
            try:
                await device.ready()
            except TimeoutError as error:
                raise LinkError(
                    rig.where(role),
                    "was not ready in time",
                    "its power and its address",
                ) from error
        yield bench


async def connect(
    bench: Bench,
    part: Part,
    observer: Observer,
    stack: AsyncExitStack,
    *,
    relayed: bool = False,
) -> None:
    """Connect one part: its emulator if it has one, a relay if asked, its driver."""
    bench.drivers[part.role] = part.driver
    if part.driver.listens:
        await _connect_listening(bench, part, observer, stack, relayed=relayed)
        return
    address = part.address
    if part.emulated is not None:
        emulator = await _start_emulator(bench, part, "", stack)
        address = emulator.address
    if relayed:
        there = endpoint_of(part.where, address)
        here = await _relay(bench, part, (LOOPBACK, 0), there, stack)
        address = with_endpoint(address, here)
    await _open(bench, part, address, observer, stack)


async def _connect_listening(
    bench: Bench,
    part: Part,
    observer: Observer,
    stack: AsyncExitStack,
    *,
    relayed: bool,
) -> None:
    """Open a driver that its device dials; a relay listens in its place."""
    address, listen = part.address, part.address
    if relayed:
        here = endpoint_of(part.where, address)
        listen = with_endpoint(address, (LOOPBACK, 0))
    device = await _open(bench, part, listen, observer, stack)
    if part.emulated is None and not relayed:
        return
    dial = getattr(device, "address", None)
    if not isinstance(dial, str):
        raise RigError(
            part.where,
            f"driver {part.driver.name} listens but has no address",
            "an `address` property on the device it opens",
        )
    if relayed:
        there = endpoint_of(part.where, dial)
        dial = with_endpoint(dial, await _relay(bench, part, here, there, stack))
    if part.emulated is not None:
        await _start_emulator(bench, part, dial, stack)


async def _open(
    bench: Bench, part: Part, address: str, observer: Observer, stack: AsyncExitStack
) -> Device:
    context = device_context(bench.clock, part, address, observer)
    device = await stack.enter_async_context(part.driver.open(context, part.options))
    bench.devices[part.role] = device
    return device


async def _relay(
    bench: Bench, part: Part, here: Endpoint, there: Endpoint, stack: AsyncExitStack
) -> Endpoint:
    """Stand a relay between two ends; return where it listens."""
    driver = part.driver
    wire = FaultyWire(
        driver.frame_length, driver.frame_text, device_dials=driver.listens
    )
    try:
        await stack.enter_async_context(wire.between(here, there))
    except OSError as error:
        raise LinkError(
            part.where,
            f"no relay can listen on {here[0]}:{here[1]} ({error.strerror})",
            "another port, or 0 for any free one",
        ) from error
    bench.wires[part.role] = wire
    return wire.address


async def _start_emulator(
    bench: Bench, part: Part, dial: str, stack: AsyncExitStack
) -> Emulator:
    context = EmulatorContext(
        where=part.where,
        role=part.role,
        clock=bench.clock,
        rng=role_rng(bench.rig.rig.seed, part.role),
        circuit=bench.circuit,
        sees=part.sees,
        dial=dial,
        serial=part.driver.serial_capable and not bench.clock.is_virtual,
    )
    emulator = await stack.enter_async_context(
        part.driver.emulate(context, part.emulated)
    )
    bench.emulators[part.role] = emulator
    return emulator


def device_context(
    clock: BenchClock, part: Part, address: str, observer: Observer
) -> DeviceContext:
    """The bench as one driver sees it, with its role bound in."""

    def wire(sent: bool, payload: str) -> None:
        observer.wire(part.role, sent, payload)

    def report(readings: Sequence[Reading]) -> None:
        observer.report(part.role, readings)

    return DeviceContext(
        where=part.where,
        role=part.role,
        address=address,
        clock=clock,
        wire=wire,
        report=report,
        notify=observer.notify,
    )
