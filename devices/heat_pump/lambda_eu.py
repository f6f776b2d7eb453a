"""Lambda EU-L heat pump over Modbus TCP: offered a surplus, which must be refreshed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Literal

from pydantic import Field

from devices.heat_pump import lambda_eu_emulator as emulator
from devices.heat_pump import lambda_eu_map as reg
from devices.heat_pump.emulator import OPERATIONS
from devices.heat_pump.machine import Machine, MachineOptions
from devices.heat_pump.sg_ready_rules import KINDNESS
from devices.links.framing import modbus_tcp
from devices.links.modbus import ModbusLink
from harness.core.bench import DeviceContext, DeviceEvent, Driver
from harness.core.capabilities import (
    Acknowledgement,
    Demand,
    Device,
    Identity,
    Polled,
    ShiftsDemand,
)
from harness.core.errors import LinkError
from harness.core.recording import Reading

FITS = "the unit id, the model (Lambda EU-L) and whether Modbus is on in its settings"
GAP = 16


class LambdaOptions(MachineOptions):
    """How the driver treats the heat pump."""

    firmware: Literal["<1.1.3", ">=1.1.3"] = ">=1.1.3"
    """Decides where power is read and how 32-bit numbers are ordered."""
    boost_w: float = Field(3000.0, ge=reg.LEAST_SURPLUS_W, le=32_767)
    """The surplus that a boost offers. [W]"""
    refresh_s: float = Field(30.0, gt=0, lt=reg.WATCHDOG_S)
    """How often the surplus is written anew; evcc takes half of the watchdog. [s]"""
    has_room_sensor: bool = True


class LambdaEu:
    """A heat pump that can be offered a surplus, or left to itself."""

    def __init__(
        self, context: DeviceContext, link: ModbusLink, options: LambdaOptions
    ) -> None:
        self._machine = Machine(
            context, link, known=reg.KNOWN, fits=FITS, gap=GAP, multiple=True
        )
        self._context, self._options = context, options
        is_new = options.firmware == ">=1.1.3"
        self._polled = (
            reg.POWER if is_new else reg.MANAGER_POWER,
            *((reg.ROOM,) if options.has_room_sensor else ()),
            reg.OUTDOOR,
            reg.SUPPLY,
            reg.CONSUMPTION if is_new else reg.OLD_CONSUMPTION,
            reg.MANAGER_STATE,
        )
        self._refresh: asyncio.Task[None] | None = None

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns."""
        return tuple(each.name for each in self._polled)

    async def ready(self) -> None:
        """Connect, and check that the map fits."""
        await self._machine.connect()

    async def identify(self) -> Identity:
        """Return what is known: the map names no identity register."""
        firmware = f"{self._options.firmware} (as the rig file says)"
        return Identity("Lambda", "EU-L", serial="not read", firmware=firmware)

    async def poll(self) -> Sequence[Reading]:
        """Read every quantity, with four requests."""
        return await self._machine.readings(self._polled)

    async def shift_demand(self, demand: Demand) -> Acknowledgement:
        """Offer a surplus, or none, and keep it fresh until told otherwise.

        A reduction is refused: the register offers more and cannot ask for less.

        Raises
        ------
        LinkError
            If the wire fails, or the map does not fit; nothing is written then.
        """
        if demand is Demand.REDUCE:
            return Acknowledgement(False, "102 offers a surplus, it cannot reduce")
        surplus_w = round(self._options.boost_w) if demand is Demand.BOOST else 0
        await self._rest()
        held = await self._offer(surplus_w)
        state = int(await self._machine.read(reg.MANAGER_STATE))
        self._refresh = asyncio.get_running_loop().create_task(
            self._keep_fresh(surplus_w)
        )
        told = f"102 = {held} W, E-Manager state {state}, read back"
        return Acknowledgement(held == surplus_w and state == reg.AUTOMATIC, told)

    async def make_safe(self) -> None:
        """Offer nothing, and refresh it no more: the watchdog does the rest."""
        await self._rest()
        await self._offer(0)

    async def close(self) -> None:
        """End the refresh."""
        await self._rest()

    async def _offer(self, surplus_w: int) -> int:
        """Write the surplus even if it is there: writing it is the refresh."""
        if not self._machine.is_judged:
            await self._machine.judge()
        await self._machine.write(reg.SURPLUS, surplus_w)
        return await self._machine.raw(reg.SURPLUS)

    async def _keep_fresh(self, surplus_w: int) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s += self._options.refresh_s
            await asyncio.sleep(max(due_s - loop.time(), 0.0))
            try:
                await self._machine.write(reg.SURPLUS, surplus_w)
            except LinkError as error:
                # The watchdog's business: said aloud, and tried again in time.
                role = self._context.role
                self._context.notify(DeviceEvent(role, "status", f"refresh: {error}"))

    async def _rest(self) -> None:
        refresh, self._refresh = self._refresh, None
        if refresh is not None:
            refresh.cancel()
            with suppress(asyncio.CancelledError):
                await refresh


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: LambdaOptions
) -> AsyncIterator[LambdaEu]:
    """Hold the link for as long as the device is in use."""
    link = ModbusLink(context, timeout_s=options.timeout_s)
    device = LambdaEu(context, link, options)
    try:
        yield device
    finally:
        await device.close()
        link.close()


DRIVER = Driver(
    name="heat_pump/lambda_eu",
    maker="Lambda",
    wire="Modbus TCP",
    source="Modbus Beschreibung und Protokoll (2025-02), as transcribed by openHAB "
    "modbus.lambda, lambda_heat_pumps and evcc lambda-zewotherm (unverified)",
    options=LambdaOptions,
    open=open_driver,
    emulator_options=emulator.EmulatorOptions,
    emulate=emulator.emulate,
    capabilities=(Device, Polled, ShiftsDemand),
    address_form="modbus://HOST:502/UNIT",
    operations=tuple(OPERATIONS),
    faults=emulator.BREAKS,
    frame_length=modbus_tcp,
    kindness=KINDNESS,
)
