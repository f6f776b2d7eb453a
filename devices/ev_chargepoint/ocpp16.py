"""An EV charging station over OCPP 1.6J; the harness is the CSMS.

Source: Open Charge Point Protocol 1.6 edition 2 (messages, smart charging) and
OCPP-J 1.6 (websocket and remote calls), Open Charge Alliance.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import Field

from devices.ev_chargepoint.breaking import BREAKS
from devices.ev_chargepoint.csms import Csms, Terms
from devices.ev_chargepoint.csms_driver import (
    COMPOSITE_S,
    ChargingStation,
    CsmsOptions,
    Requests,
    listening,
)
from devices.ev_chargepoint.emulating import OPERATIONS
from devices.ev_chargepoint.emulator import emulate
from devices.ev_chargepoint.limits import ProfileForm, charging_profile
from devices.ev_chargepoint.options import StationOptions
from devices.links import framing
from devices.links.ocpp import Payload
from devices.links.ocpp_schema import OCPP16
from devices.links.ocpp_session import parse_endpoint, secure_endpoint
from harness.core.bench import DeviceContext, Driver, Kindness
from harness.core.capabilities import Identity, LimitsPower
from harness.core.errors import RigError


class Ocpp16Options(CsmsOptions):
    """How the harness uses the station."""

    connector: int = Field(default=1, ge=1)


class Wording16:
    """The `devices.ev_chargepoint.csms_driver.Wording` of OCPP 1.6."""

    edition = OCPP16

    def __init__(self, csms: Csms, options: Ocpp16Options) -> None:
        self._csms, self._options = csms, options
        self.requests = _requests(options)

    @property
    def boot(self) -> Payload | None:
        """The station's BootNotification, if it came."""
        return self._csms.known.boot

    @property
    def status(self) -> str:
        """The connector's status; empty until the station tells."""
        return self._csms.known.status

    def identity(self, boot: Payload) -> Identity:
        """Return who a BootNotification says that the station is."""
        charge_box = boot.get("chargeBoxSerialNumber", "")  # deprecated (6.3)
        return Identity(
            maker=str(boot["chargePointVendor"]),
            model=str(boot["chargePointModel"]),
            serial=str(boot.get("chargePointSerialNumber", charge_box)),
            firmware=str(boot.get("firmwareVersion", "")),
        )

    def limiting(self, limit_w: float, form: ProfileForm, start: str) -> Payload:
        """Return SetChargingProfile for the transaction that runs, or for any."""
        transaction = self._csms.known.transaction
        profile = charging_profile(limit_w, form, transaction=transaction, start=start)
        return {"connectorId": self._options.connector, "csChargingProfiles": profile}

    async def boot_asked(self, _answer: Payload) -> None:
        """Wait for the BootNotification, whatever the station answered."""
        await self._csms.until(lambda: self.boot is not None)

    async def set_up(self) -> None:
        """Change what is to be measured, and how often."""
        answer = await self._csms.call("GetConfiguration", {})
        keys = answer.get("configurationKey", ())
        settings = {item["key"]: item.get("value", "") for item in keys}
        self._check_stack_level(settings.get("ChargeProfileMaxStackLevel", ""))
        await self._set("MeterValueSampleInterval", self._options.sample_interval_s)
        if "WebSocketPingInterval" in settings:
            await self._set("WebSocketPingInterval", self._options.ping_interval_s)
        measurands = self._options.measurands
        while measurands and not await self._set(
            "MeterValuesSampledData", ",".join(measurands)
        ):
            measurands = measurands[:-1]

    def _check_stack_level(self, highest: str) -> None:
        if highest.isdigit() and self._options.stack_level > int(highest):
            fact = f"stack_level {self._options.stack_level} is above the station's"
            raise RigError(self._csms.where, f"{fact} {highest}", f"{highest} or less")

    async def _set(self, key: str, value: object) -> bool:
        request = {"key": key, "value": str(value)}
        status = (await self._csms.call("ChangeConfiguration", request))["status"]
        if status != "Accepted":
            self._csms.tell("status", f"{key} = {value}: {status}")
        return status in {"Accepted", "RebootRequired"}


def _requests(options: Ocpp16Options) -> Requests:
    return Requests(
        clear={"id": options.profile_id},
        composite={
            "connectorId": options.connector,
            "duration": COMPOSITE_S,
            "chargingRateUnit": options.rate_unit,
        },
        schedule="chargingSchedule",
        triggers=[
            {"requestedMessage": message, "connectorId": options.connector}
            for message in ("StatusNotification", "MeterValues")
        ],
    )


@asynccontextmanager
async def connect(
    context: DeviceContext, options: Ocpp16Options
) -> AsyncIterator[ChargingStation]:
    """Listen where the context says; the station dials in when it wants to."""
    endpoint = parse_endpoint(context.where, context.address)
    endpoint, guard = secure_endpoint(context.where, endpoint, options)
    terms = Terms(
        options.connector, options.heartbeat_interval_s, options.call_timeout_s
    )
    csms = Csms(context, endpoint, terms)
    station = ChargingStation(csms, Wording16(csms, options), options)
    csms.transaction_began = station.limit_again
    async with listening(context.where, csms, station, edition=OCPP16, guard=guard):
        yield station


DRIVER = Driver(
    name="ev_chargepoint/ocpp16",
    maker="any (Open Charge Alliance)",
    wire="OCPP 1.6J",
    source="Open Charge Point Protocol 1.6 edition 2; OCPP-J 1.6; security whitepaper "
    "edition 3 (unverified)",
    options=Ocpp16Options,
    open=connect,
    emulator_options=StationOptions,
    emulate=emulate,
    capabilities=(LimitsPower,),
    address_form="ws://HOST:PORT/STATION_ID or wss://HOST:PORT/STATION_ID",
    listens=True,
    operations=OPERATIONS,
    faults=BREAKS,
    kindness=Kindness(
        source="OCPP sets no budget; the station itself spaces its duty changes by 5 s "
        "(IEC 61851-1, table A.6, unverified)"
    ),
    frame_length=framing.websocket,
    frame_text=framing.websocket_text,
)
