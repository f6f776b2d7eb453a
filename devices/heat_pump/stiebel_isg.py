"""Stiebel Eltron heat pump behind an ISG over Modbus TCP, steered by SG Ready."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from devices.heat_pump import stiebel_isg_emulator as emulator
from devices.heat_pump import stiebel_isg_map as reg
from devices.heat_pump.emulator import OF_REGISTERS, OPERATIONS
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
    Polled,
    ShiftsDemand,
)
from harness.core.recording import Reading

FITS = "the unit id, the controller (WPM 3, WPM 3i, WPMsystem) and the outdoor sensor"
GAP = 16
"""Registers read over rather than asked for apart: the ISG answers them with 8000."""


class StiebelOptions(MachineOptions):
    """How the driver treats the heat pump."""

    room: Literal["fek", "fe7", "none"] = "fek"
    """Which remote control measures the room."""
    power_register: bool = True
    """False for a WPM 3 or WPM 3i, which have no such register."""
    boost: Literal["encouraged", "ordered"] = "encouraged"
    """What a boost asks for: state 3 or state 4."""


ROOMS = {"fek": (reg.FEK,), "fe7": (reg.FE7,), "none": ()}


class StiebelIsg:
    """A heat pump that can be asked for less, for normal running, or for more."""

    def __init__(
        self, context: DeviceContext, link: ModbusLink, options: StiebelOptions
    ) -> None:
        self._machine = Machine(context, link, known=reg.KNOWN, fits=FITS, gap=GAP)
        self._options = options
        powers = (reg.POWER,) if options.power_register else ()
        self._room = ROOMS[options.room]
        self._polled = (
            *powers, *self._room, reg.OUTDOOR, reg.SUPPLY, reg.HOT_WATER, reg.SG_STATE,
        )  # fmt: skip
        self._enabled_by_us = False

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns."""
        return tuple(_quantity(each.name) for each in self._polled)

    async def ready(self) -> None:
        """Connect, and check that the map fits."""
        await self._machine.connect()

    async def identify(self) -> Identity:
        """Read which controller it is."""
        number = int(await self._machine.read(reg.CONTROLLER))
        model = reg.CONTROLLERS.get(number, f"controller {number}")
        return Identity(maker="Stiebel Eltron", model=model, serial="not read")

    async def poll(self) -> Sequence[Reading]:
        """Read every quantity, with three requests."""
        readings = await self._machine.readings(self._polled)
        return [Reading(_quantity(each.quantity), each.value) for each in readings]

    async def shift_demand(self, demand: Demand) -> Acknowledgement:
        """Set the two SG Ready inputs and read them back.

        Refused without a write in comfort mode, in which the controller ignores them.

        Raises
        ------
        LinkError
            If the wire fails, or the map does not fit; nothing is written then.
        """
        machine = self._machine
        if not machine.is_judged:
            await machine.judge()
        mode = await machine.found(reg.OPERATING_MODE)
        if mode == reg.COMFORT:
            return Acknowledgement(False, "1500 = 3 (comfort): SG Ready is ignored")
        found, enabled = await machine.set(reg.SG_ENABLE, 1)
        self._enabled_by_us = self._enabled_by_us or found != 1
        if enabled != 1:
            return Acknowledgement(False, "4000 = 0 (SG Ready off), read back")
        ordered = demand is Demand.BOOST and self._options.boost == "ordered"
        wanted = reg.ORDERED if ordered else reg.INPUTS[demand]
        held = await self._set_inputs(wanted)
        told = f"4001, 4002 = {held[0]}, {held[1]} (state {reg.STATES[held]})"
        return Acknowledgement(held == wanted, f"{told}, read back")

    async def make_safe(self) -> None:
        """Ask for normal running, and leave SG Ready on or off as it was found."""
        if not self._machine.is_judged:
            await self._machine.judge()
        await self._set_inputs(reg.INPUTS[Demand.NORMAL])
        if self._enabled_by_us:
            await self._machine.set(reg.SG_ENABLE, 0)
            self._enabled_by_us = False

    async def _set_inputs(self, wanted: tuple[int, int]) -> tuple[int, int]:
        """Write what must become 0 first, so that state 4 is never passed through."""
        held = dict.fromkeys((reg.INPUT_1, reg.INPUT_2), 0)
        pairs = zip(held, wanted, strict=True)
        for register, value in sorted(pairs, key=lambda pair: pair[1]):
            _, held[register] = await self._machine.set(register, value)
        return held[reg.INPUT_1] & 1, held[reg.INPUT_2] & 1


def _quantity(name: str) -> str:
    """Both remote controls measure the room."""
    return "indoor_c" if name.startswith("room_") else name


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: StiebelOptions
) -> AsyncIterator[StiebelIsg]:
    """Hold the link for as long as the device is in use."""
    link = ModbusLink(context, timeout_s=options.timeout_s)
    try:
        yield StiebelIsg(context, link, options)
    finally:
        link.close()


DRIVER = Driver(
    name="heat_pump/stiebel_isg",
    maker="Stiebel Eltron",
    wire="Modbus TCP",
    source="321798-47824-0146 ISG Modbus (2026), as quoted by evcc and transcribed by "
    "pystiebeleltron (unverified)",
    options=StiebelOptions,
    open=open_driver,
    emulator_options=emulator.EmulatorOptions,
    emulate=emulator.emulate,
    capabilities=(Device, Polled, ShiftsDemand),
    address_form="modbus://HOST:502/UNIT",
    operations=tuple(OPERATIONS),
    faults=OF_REGISTERS,
    frame_length=modbus_tcp,
    kindness=KINDNESS,
)
