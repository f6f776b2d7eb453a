"""NIBE S-series heat pump over Modbus TCP, steered through SG Ready registers."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from devices.heat_pump import nibe_s_emulator as emulator
from devices.heat_pump import nibe_s_map as reg
from devices.heat_pump.emulator import OF_REGISTERS, OPERATIONS
from devices.heat_pump.machine import Machine, MachineOptions
from devices.links.framing import modbus_tcp
from devices.links.modbus import ModbusLink
from harness.core.bench import DeviceContext, Driver, Kindness
from harness.core.capabilities import (
    Acknowledgement,
    Demand,
    Device,
    Identity,
    Polled,
    ShiftsDemand,
)
from harness.core.errors import BenchError
from harness.core.recording import Reading

EVERY_POLL = (reg.POWER, reg.INDOOR, reg.SG_MODE)
NOW_AND_THEN = (reg.OUTDOOR, reg.SUPPLY, reg.HOT_WATER, reg.TIME_TO_START)
"""Slow values, read at every `SLOW_EVERY`-th poll: each costs a request."""
SLOW_EVERY = 6


FITS = "the unit id, the model (NIBE S-series, firmware 4.7.5 or newer) and sensor BT1"


class NibeOptions(MachineOptions):
    """How the driver treats the heat pump."""

    min_hold_s: float = Field(60.0, ge=0)
    """Shortest time between two different requests; SG Ready controllers use 60 s
    (OpenEMS, SG-Ready documentation). [s]"""


class NibeS:
    """A heat pump that can be asked for less, for normal running, or for more."""

    def __init__(
        self, context: DeviceContext, link: ModbusLink, options: NibeOptions
    ) -> None:
        self._where = f"{context.where} {context.address}"
        self._now_s = context.clock.now_s
        self._machine = Machine(context, link, known=reg.KNOWN, fits=FITS)
        self._options = options
        self._polls = 0
        self._asked: Demand | None = None
        self._asked_at_s = -math.inf
        self._enabled_by_us = False

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns; the slow ones at every sixth poll only."""
        return tuple(register.name for register in EVERY_POLL + NOW_AND_THEN)

    async def ready(self) -> None:
        """Connect, and check that the map fits by a value that can be judged."""
        await self._machine.connect()

    async def identify(self) -> Identity:
        """Return what is known: the S-series map names no identity register."""
        return Identity(maker="NIBE", model="S-series", serial="not read")

    async def poll(self) -> Sequence[Reading]:
        """Read power, room and mode; temperatures and start delay now and then."""
        slow = self._polls % SLOW_EVERY == 0
        self._polls += 1
        registers = EVERY_POLL + NOW_AND_THEN if slow else EVERY_POLL
        read = self._machine.read
        return [Reading(each.name, await read(each)) for each in registers]

    async def shift_demand(self, demand: Demand) -> Acknowledgement:
        """Write the SG Ready request and read it back.

        Raises
        ------
        LinkError
            If the wire fails, or the outdoor temperature is implausible, which
            means a wrong map; nothing is written then.
        BenchError
            If a different request is younger than ``min_hold_s``.
        """
        self._check_budget(demand)
        await self._machine.judge()
        found, enabled = await self._machine.set(reg.SG_ENABLE, 1)
        self._enabled_by_us = self._enabled_by_us or found != 1
        if enabled != 1:
            return Acknowledgement(False, "3032 = 0 (SG Ready via API off), read back")
        value = reg.REQUESTS[demand]
        _, held = await self._machine.set(reg.SG_REQUEST, value)
        if demand is not self._asked:
            self._asked, self._asked_at_s = demand, self._now_s()
        told = f"{reg.SG_REQUEST.address} = {held} ({_named(held)}), read back"
        return Acknowledgement(held == value, told)

    async def make_safe(self) -> None:
        """Ask for normal running, and leave SG Ready via API as it was found.

        Writes nothing that is there already, and skips the check of the map once
        it was passed: a sensor that broke since must not keep a house cold.
        """
        if self._asked is None:
            await self._machine.judge()
        await self._machine.set(reg.SG_REQUEST, reg.REQUESTS[Demand.NORMAL])
        if self._enabled_by_us:
            await self._machine.set(reg.SG_ENABLE, 0)
            self._enabled_by_us = False
        self._asked = Demand.NORMAL

    def _check_budget(self, demand: Demand) -> None:
        since_s = self._now_s() - self._asked_at_s
        hold_s = self._options.min_hold_s
        if self._asked is not None and demand is not self._asked and since_s < hold_s:
            raise BenchError(
                self._where,
                f"asked for {demand} {since_s:.0f} s after {self._asked}, and a heat "
                f"pump is left {hold_s:.0f} s in each mode",
                "a longer pause between instructions, or min_hold_s in the rig file",
            )


def _named(request: int) -> str:
    for demand, value in reg.REQUESTS.items():
        if value == request:
            return str(demand)
    return "low price"


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: NibeOptions
) -> AsyncIterator[NibeS]:
    """Hold the link for as long as the device is in use."""
    link = ModbusLink(context, timeout_s=options.timeout_s)
    try:
        yield NibeS(context, link, options)
    finally:
        link.close()


DRIVER = Driver(
    name="heat_pump/nibe_s",
    maker="NIBE",
    wire="Modbus TCP",
    source="NIBE S-series register export (nibe 2.25.0); evcc nibe-s-series template",
    options=NibeOptions,
    open=open_driver,
    emulator_options=emulator.EmulatorOptions,
    emulate=emulator.emulate,
    capabilities=(Device, Polled, ShiftsDemand),
    address_form="modbus://HOST:502/UNIT",
    operations=tuple(OPERATIONS),
    faults=OF_REGISTERS,
    frame_length=modbus_tcp,
    kindness=Kindness(
        least_state_s=60.0,
        source="OpenEMS SG-Ready documentation, least switching time (unverified)",
    ),
)
