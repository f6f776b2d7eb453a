"""Daikin Altherma behind a Home Hub (EKRHH) over Modbus TCP: modes and power limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from devices.heat_pump import daikin_home_hub_emulator as emulator
from devices.heat_pump import daikin_home_hub_map as reg
from devices.heat_pump.emulator import OF_RELAYS, OPERATIONS
from devices.heat_pump.machine import Machine, MachineOptions
from devices.heat_pump.sg_ready_rules import KINDNESS
from devices.links.framing import modbus_tcp
from devices.links.modbus import ModbusLink
from harness.core.bench import DeviceContext, Driver
from harness.core.capabilities import (
    Acknowledgement,
    Demand,
    Device,
    Identity,
    LimitsPower,
    Polled,
    ShiftsDemand,
)
from harness.core.recording import Reading

FITS = "the unit id, the hub's use case (3, Modbus TCP/IP) and the outdoor sensor"
GAP = 16
POLLED = (reg.POWER, reg.ROOM, reg.OUTDOOR, reg.LEAVING_WATER, reg.HOT_WATER)
"""All of it lies within twelve registers: one request."""


class DaikinOptions(MachineOptions):
    """How the driver treats the heat pump."""

    boost: Literal["recommended", "forced"] = "recommended"
    """What a boost asks for: "recommended on" or "forced on"."""


class DaikinHomeHub:
    """A heat pump that can be asked for less or more, and held below a power."""

    def __init__(
        self, context: DeviceContext, link: ModbusLink, options: DaikinOptions
    ) -> None:
        self._machine = Machine(context, link, known=reg.KNOWN, fits=FITS, gap=GAP)
        self._options = options
        self._limit_before: int | None = None
        """What the general limit was before the driver first wrote one."""

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns."""
        return (*(each.name for each in POLLED), reg.SMART_GRID.name)

    async def ready(self) -> None:
        """Connect, and check that the map fits."""
        await self._machine.connect()

    async def identify(self) -> Identity:
        """Return what is known: the map names no identity register."""
        return Identity(maker="Daikin", model="Altherma, EKRHH", serial="not read")

    async def poll(self) -> Sequence[Reading]:
        """Read every quantity, with two requests."""
        return await self._machine.readings((*POLLED, reg.SMART_GRID))

    async def shift_demand(self, demand: Demand) -> Acknowledgement:
        """Write the smart grid mode and read it back.

        Raises
        ------
        LinkError
            If the wire fails, or the map does not fit; nothing is written then.
        """
        await self._judge()
        forced = demand is Demand.BOOST and self._options.boost == "forced"
        wanted = reg.FORCED_ON if forced else reg.MODES[demand]
        _, held = await self._machine.set(reg.SMART_GRID, wanted)
        named = reg.NAMES[held] if held < len(reg.NAMES) else "unknown"
        return Acknowledgement(held == wanted, f"55 = {held} ({named}), read back")

    async def limit_power_w(self, limit_w: float | None) -> Acknowledgement:
        """Write the general power limit, rounded down to 10 W, and read it back.

        ``None`` puts back the limit that was found before the driver's first.

        Raises
        ------
        LinkError
            If the wire fails, or the map does not fit; nothing is written then.
        """
        highest_w = reg.LIMIT.highest / reg.LIMIT.divisor
        if limit_w is not None and not 0.0 <= limit_w <= highest_w:
            told = f"57 takes 0 to {highest_w:.0f} W, not {limit_w:g} W"
            return Acknowledgement(False, told)
        await self._judge()
        before = await self._machine.found(reg.LIMIT)
        if limit_w is None:
            wanted = before if self._limit_before is None else self._limit_before
        else:
            # A limit of 1,234 W is kept by 1,230 W and not by 1,240 W.
            wanted = int(limit_w * reg.LIMIT.divisor + 1e-6)
        if self._limit_before is None:
            self._limit_before = before
        _, held = await self._machine.set(reg.LIMIT, wanted)
        if limit_w is None:
            self._limit_before = None
        told = f"57 = {held} ({held / reg.LIMIT.divisor:.0f} W), read back"
        return Acknowledgement(held == wanted, told)

    async def make_safe(self) -> None:
        """Let it run freely, with the limit that was found."""
        await self._judge()
        await self._machine.set(reg.SMART_GRID, reg.MODES[Demand.NORMAL])
        if self._limit_before is not None:
            await self.limit_power_w(None)

    async def _judge(self) -> None:
        if not self._machine.is_judged:
            await self._machine.judge()


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: DaikinOptions
) -> AsyncIterator[DaikinHomeHub]:
    """Hold the link for as long as the device is in use."""
    link = ModbusLink(context, timeout_s=options.timeout_s)
    try:
        yield DaikinHomeHub(context, link, options)
    finally:
        link.close()


DRIVER = Driver(
    name="heat_pump/daikin_home_hub",
    maker="Daikin",
    wire="Modbus TCP",
    source="EKRHH installer reference guide, as transcribed by daikin-ha-ekrhh-modbus "
    "and evcc daikin-homehub (unverified)",
    options=DaikinOptions,
    open=open_driver,
    emulator_options=emulator.EmulatorOptions,
    emulate=emulator.emulate,
    capabilities=(Device, Polled, ShiftsDemand, LimitsPower),
    address_form="modbus://HOST:502/UNIT",
    operations=tuple(OPERATIONS),
    faults=OF_RELAYS,
    frame_length=modbus_tcp,
    kindness=KINDNESS,
)
