"""An EV charging station over OCPP 2.0.1; the harness is the CSMS.

Source: Open Charge Point Protocol 2.0.1 edition 3, part 2 (messages, smart
charging, device model) and part 4 (OCPP-J), Open Charge Alliance.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import Field

from devices.ev_chargepoint.breaking import BREAKS
from devices.ev_chargepoint.csms import Terms
from devices.ev_chargepoint.csms201 import Csms201
from devices.ev_chargepoint.csms_driver import (
    COMPOSITE_S,
    ChargingStation,
    CsmsOptions,
    Requests,
    listening,
)
from devices.ev_chargepoint.emulating import OPERATIONS
from devices.ev_chargepoint.emulator201 import emulate
from devices.ev_chargepoint.limits import ProfileForm
from devices.ev_chargepoint.options201 import StationOptions201
from devices.ev_chargepoint.profiles201 import limit_profile
from devices.ev_chargepoint.setup201 import Setup, Wishes
from devices.links import framing
from devices.links.ocpp import Payload
from devices.links.ocpp_schema import OCPP201
from devices.links.ocpp_session import parse_endpoint, secure_endpoint
from harness.core.bench import DeviceContext, Driver
from harness.core.capabilities import Identity, LimitsPower

ChargingStation201 = ChargingStation
"""What the driver opens: the same for every edition."""


class Ocpp201Options(CsmsOptions):
    """How the harness uses the station."""

    evse: int = Field(default=1, ge=1)
    aligned_interval_s: int = Field(default=0, ge=0)
    """AlignedDataCtrlr.Interval; 0 for none. [s]"""


class Wording201:
    """The `devices.ev_chargepoint.csms_driver.Wording` of OCPP 2.0.1."""

    edition = OCPP201

    def __init__(self, csms: Csms201, options: Ocpp201Options) -> None:
        self._csms, self._options = csms, options
        self._setup = Setup(csms.line, _wishes(options))
        self.requests = _requests(csms.evse, options)

    @property
    def boot(self) -> Payload | None:
        """The station's BootNotification, or what it would say."""
        return self._csms.known.boot

    @property
    def status(self) -> str:
        """The connector's status; empty until the station tells."""
        return self._csms.known.status

    def identity(self, boot: Payload) -> Identity:
        """Return who a BootNotification says that the station is."""
        station = boot["chargingStation"]
        return Identity(
            maker=station["vendorName"],
            model=station["model"],
            serial=station.get("serialNumber", ""),
            firmware=station.get("firmwareVersion", ""),
        )

    def limiting(self, limit_w: float, form: ProfileForm, start: str) -> Payload:
        """Return SetChargingProfile for the transaction that runs, or for any."""
        transaction = self._csms.known.transaction
        profile = limit_profile(limit_w, form, transaction=transaction, start=start)
        return {"evseId": self._options.evse, "chargingProfile": profile}

    async def boot_asked(self, answer: Payload) -> None:
        """Wait for the BootNotification, or read what it would have said.

        A station that has been accepted before need not send it again (F06.FR.17).
        """
        known = self._csms.known
        if answer["status"] == "Accepted":
            await self._csms.line.until(lambda: known.boot is not None)
        else:
            known.boot = await self._setup.read_identity()

    async def set_up(self) -> None:
        """Set the variables that say what is measured, and how often."""
        await self._setup.carry_out()


def _wishes(options: Ocpp201Options) -> Wishes:
    return Wishes(
        rate_unit=options.rate_unit,
        stack_level=options.stack_level,
        sample_interval_s=options.sample_interval_s,
        aligned_interval_s=options.aligned_interval_s,
        heartbeat_interval_s=options.heartbeat_interval_s,
        ping_interval_s=options.ping_interval_s,
        measurands=options.measurands,
    )


def _requests(evse: Payload, options: Ocpp201Options) -> Requests:
    """Also trigger the transaction: it may have begun before this CSMS was there.

    Without one, the station rejects that request (F06), and rightly so.
    """
    return Requests(
        clear={"chargingProfileId": options.profile_id},
        composite={
            "duration": COMPOSITE_S,
            "chargingRateUnit": options.rate_unit,
            "evseId": options.evse,
        },
        schedule="schedule",
        triggers=[
            {"requestedMessage": message, "evse": evse}
            for message in ("StatusNotification", "MeterValues", "TransactionEvent")
        ],
    )


@asynccontextmanager
async def connect(
    context: DeviceContext, options: Ocpp201Options
) -> AsyncIterator[ChargingStation]:
    """Listen where the context says; the station dials in when it wants to."""
    endpoint = parse_endpoint(context.where, context.address)
    endpoint, guard = secure_endpoint(context.where, endpoint, options)
    terms = Terms(options.evse, options.heartbeat_interval_s, options.call_timeout_s)
    csms = Csms201(context, endpoint, terms)
    station = ChargingStation(csms.line, Wording201(csms, options), options)
    csms.transaction_began = station.limit_again
    async with listening(
        context.where, csms.line, station, edition=OCPP201, guard=guard
    ):
        yield station


DRIVER = Driver(
    name="ev_chargepoint/ocpp201",
    maker="any (Open Charge Alliance)",
    wire="OCPP 2.0.1",
    source="Open Charge Point Protocol 2.0.1 edition 3, parts 2 and 4 (unverified: "
    "read in others' transcription)",
    options=Ocpp201Options,
    open=connect,
    emulator_options=StationOptions201,
    emulate=emulate,
    capabilities=(LimitsPower,),
    address_form="ws://HOST:PORT/STATION_ID or wss://HOST:PORT/STATION_ID",
    listens=True,
    operations=OPERATIONS,
    faults=BREAKS,
    frame_length=framing.websocket,
    frame_text=framing.websocket_text,
)
