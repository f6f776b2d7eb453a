"""A heat pump with SG Ready contacts, switched by two relays of a Modbus card.

The card is Waveshare's Modbus RTU Relay (protocol V2): relays are coils from 0 on
(functions 01, 05, 0F), and register 4000 hex holds its own address, which is the one
value that can be known before a relay is switched. Any card with the same coils
serves; one without that register needs ``card = "other"``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import Field

from devices.heat_pump import sg_ready_emulator as emulator
from devices.heat_pump.bank import RelayBoard
from devices.heat_pump.emulator import OF_RELAYS, OPERATIONS
from devices.heat_pump.sg_ready_rules import (
    ASKED,
    KINDNESS,
    ORDERED,
    STATES,
    Contacts,
    Edition,
)
from devices.links.framing import modbus_tcp
from devices.links.modbus import ModbusLink
from devices.links.modbus_address import FORMS
from harness.core.bench import DeviceContext, Driver, Options
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

QUANTITIES = ("sg_ready_state",)


class SgReadyOptions(Options):
    """How the contacts are wired, and what the heat pump makes of them."""

    edition: Edition
    """Which edition of the label the heat pump has: contact 1 blocks in one and limits
    to 4.2 kW in the other, so there is no default."""
    boost: Literal["encouraged", "ordered"] = "encouraged"
    """Contacts 0:1 or 1:1; in edition 1.1 there is no order."""
    first_coil: int = Field(0, ge=0, le=254)
    """The relay on contact 1; contact 2 hangs on the next."""
    card: Literal["waveshare", "other"] = "waveshare"
    timeout_s: float = Field(1.0, gt=0)
    poll_interval_s: float = Field(10.0, gt=0)


class SgReady:
    """A heat pump that can be asked for less, for normal running, or for more."""

    def __init__(
        self, context: DeviceContext, link: ModbusLink, options: SgReadyOptions
    ) -> None:
        self._where = f"{context.where} {context.address}"
        self._link, self._options = link, options
        self._is_judged = False

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns: the state that the contacts ask for, no measurement."""
        return QUANTITIES

    async def ready(self) -> None:
        """Connect, and check that a relay card answers."""
        await self._link.connect()
        await self._judge()

    async def identify(self) -> Identity:
        """Return what is known: the card does not know what hangs on it."""
        return Identity("not read", f"SG Ready {self._options.edition}", "not read")

    async def poll(self) -> Sequence[Reading]:
        """Read the relays back."""
        return [Reading(QUANTITIES[0], float(self._state(await self._contacts())))]

    async def shift_demand(self, demand: Demand) -> Acknowledgement:
        """Switch both relays at once and read them back.

        Raises
        ------
        LinkError
            If the wire fails, or no relay card of this address answers; nothing is
            switched then.
        """
        if not self._is_judged:
            await self._judge()
        options = self._options
        wanted = ASKED[demand]
        if demand is Demand.BOOST and options.boost == "ordered":
            wanted = ORDERED
        if demand is Demand.BOOST and self._state(wanted) == self._state((1, 0)):
            told = "contacts 1:1 limit the power in edition 1.1, they order nothing"
            return Acknowledgement(False, told)
        held = await self._set(wanted)
        state = self._state(held)
        told = f"contacts {held[0]}:{held[1]} (state {state}, {state.name.lower()})"
        return Acknowledgement(held == wanted, f"{told}, read back")

    async def make_safe(self) -> None:
        """Open both relays: normal running."""
        if not self._is_judged:
            await self._judge()
        await self._set(ASKED[Demand.NORMAL])

    def _state(self, contacts: Contacts) -> emulator.State:
        return STATES[self._options.edition][contacts]

    async def _set(self, wanted: Contacts) -> Contacts:
        """Switch both relays in one request.

        One after the other would pass through a third state.
        """
        if await self._contacts() == wanted:
            return wanted
        coils = [bool(each) for each in wanted]
        await self._link.write_coils(self._options.first_coil, coils)
        return await self._contacts()

    async def _contacts(self) -> Contacts:
        first, second = await self._link.read_coils(self._options.first_coil, 2)
        return int(first), int(second)

    async def _judge(self) -> None:
        """Read the one value that can be known: the card's own address."""
        if self._options.card == "waveshare":
            register, unit = RelayBoard.ADDRESS_REGISTER, self._link.address.unit
            [found] = await self._link.read_holding(register, 1)
            if found != unit:
                raise LinkError(
                    self._where,
                    f"register {register} gives {found} for the card's own address",
                    f"unit {found} in the address, or card = 'other'",
                )
        await self._contacts()
        self._is_judged = True


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: SgReadyOptions
) -> AsyncIterator[SgReady]:
    """Hold the link for as long as the device is in use."""
    link = ModbusLink(context, timeout_s=options.timeout_s)
    try:
        yield SgReady(context, link, options)
    finally:
        link.close()


DRIVER = Driver(
    name="heat_pump/sg_ready",
    maker="any with SG Ready",
    wire="relays, Modbus",
    source="BWP regulations for the SG Ready label, as quoted in public (unverified); "
    "Waveshare Modbus RTU Relay, development protocol V2",
    options=SgReadyOptions,
    open=open_driver,
    emulator_options=emulator.EmulatorOptions,
    emulate=emulator.emulate,
    capabilities=(Device, Polled, ShiftsDemand),
    address_form=FORMS,
    serial_capable=True,
    operations=tuple(OPERATIONS),
    example={"edition": "four-state"},
    example_emulator={"edition": "four-state"},
    faults=OF_RELAYS,
    frame_length=modbus_tcp,
    kindness=KINDNESS,
)
