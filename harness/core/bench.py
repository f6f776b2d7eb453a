"""What a driver and an emulator are given, and what they give back.

A family folder under ``devices/`` holds one module per wire. Each module has one
public object, ``DRIVER``, a `Driver`; the rig file names the module
(``driver = "meter/sdm230"``) or an entry point of the group ``flexrig.devices``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from harness.core.capabilities import Device
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.faults import FaultKind
from harness.core.recording import Reading


class Options(BaseModel):
    """Base of every driver's and emulator's options: strict, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """Something a device told us that is not a measurement.

    `kind` is one of ``connected``, ``lost``, ``status``, ``available``,
    ``unavailable``; `detail` is in the device's own words.
    """

    role: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeviceContext:
    """The bench as a driver sees it."""

    where: str
    """For error messages: ``emulated.toml [device.ev]``."""
    role: str
    address: str
    """Where to connect, or where to listen (``Driver.listens``)."""
    clock: BenchClock
    wire: Callable[[bool, str], None]
    """Keep a wire message verbatim: ``wire(sent, text_or_hex)``."""
    report: Callable[[Sequence[Reading]], None]
    """Hand over values that the device pushed."""
    notify: Callable[[DeviceEvent], None]
    """Hand over what the device told us of its state."""


@dataclass(frozen=True, slots=True)
class EmulatorContext:
    """The bench as an emulator sees it."""

    where: str
    role: str
    clock: BenchClock
    rng: np.random.Generator
    """Seeded from the rig's seed and the role; nothing else may be random."""
    circuit: Circuit
    """Attach loads here (devices); ask what flows here (meters)."""
    sees: tuple[str, ...] = ()
    """For meters: the roles whose power flows through it."""
    port: int = 0
    """Port to listen on, loopback only; 0 lets the kernel choose."""
    dial: str = ""
    """For emulators that dial a listening driver: its address."""
    serial: bool = False
    """Serve a pseudo-terminal instead of TCP (wall clock only)."""


@dataclass(frozen=True, slots=True)
class Kindness:
    """What a device stands without harm; more is refused before it reaches it.

    The defaults allow everything. `source` says where the numbers come from, and
    "(unverified)" with it if nobody read them there.
    """

    writes_per_hour: float = math.inf
    """Instructions of any kind: some devices keep each one in flash memory."""
    cycles_per_hour: float = math.inf
    """Changes from drawing to not drawing: relays and compressors wear."""
    least_state_s: float = 0.0
    """How long a state must stand before the next instruction. [s]"""
    least_poll_interval_s: float = 0.0
    """Asked for its values more often, it suffers or lies. [s]"""
    source: str = ""


class Emulator(Protocol):
    """A software device on the real wire protocol."""

    @property
    def address(self) -> str:
        """Where the driver finds it; empty if it dials the driver."""
        ...

    def operate(self, action: str) -> None:
        """Do what a person at the bench would do: ``unplug``, ``plug in``, …

        Raises
        ------
        ValueError
            If nobody could do that to this device; names what can be done.
        """
        ...


@dataclass(frozen=True, slots=True)
class Driver:
    """One wire of one device family, as ``flexrig devices`` lists it."""

    name: str
    """``family/module``, as rig files name it."""
    maker: str
    wire: str
    """The wire language: ``OCPP 1.6J``, ``Modbus TCP``."""
    source: str
    """The document that the map or the messages come from."""
    options: type[Options]
    open: Callable[[DeviceContext, Any], AbstractAsyncContextManager[Device]]
    emulator_options: type[Options]
    emulate: Callable[[EmulatorContext, Any], AbstractAsyncContextManager[Emulator]]
    capabilities: tuple[type, ...] = ()
    address_form: str = ""
    """How an address looks: ``modbus://HOST:PORT/UNIT``."""
    listens: bool = False
    """True if the driver is the server and the device dials it (a CSMS)."""
    serial_capable: bool = False
    """True if the emulator can serve a pseudo-terminal."""
    operations: tuple[str, ...] = field(default=())
    """What a person can do to it: ``plug in``, ``unplug``."""
    faults: tuple[FaultKind, ...] = ()
    """The device faults that its emulator can have (`Breakable.breaks`)."""
    frame_length: Callable[[bytes], int] | None = None
    """Length of the first whole message in these bytes of the wire, 0 if none is whole
    yet; for wire faults. None: each piece that arrives is taken for one message."""
    frame_text: Callable[[bytes], bytes] | None = None
    """What a message says, where the wire hides it (a websocket's mask), so that a wire
    fault can name an action. None: it says what its bytes are."""
    kindness: Kindness = Kindness()
    example: Mapping[str, object] = field(default_factory=dict)
    """Options that a first rig file would give it, where some have no default."""
    example_emulator: Mapping[str, object] = field(default_factory=dict)
    """The same for its emulator."""
    safe_within_s: float = 15.0
    """How long its way to the safe state may take: a car must wake up first. [s]"""
    not_dispatchable: str = ""
    """Why nobody can instruct it over a wire, if so: a trial that tries is refused."""
