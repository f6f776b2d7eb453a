"""An EV charging station over OCPP 1.6J; the harness is the CSMS.

Source: Open Charge Point Protocol 1.6 edition 2 (messages, smart charging) and
OCPP-J 1.6 (websocket and remote calls), Open Charge Alliance.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import Field

from devices.ev_chargepoint.breaking import BREAKS
from devices.ev_chargepoint.csms import Csms, Terms
from devices.ev_chargepoint.emulator import OPERATIONS, emulate
from devices.ev_chargepoint.limits import ProfileForm, charging_profile
from devices.ev_chargepoint.options import StationOptions
from devices.links import framing
from devices.links.ocpp import CallRefused, Payload
from devices.links.ocpp_security import CsmsSecurity
from devices.links.ocpp_session import listen, parse_endpoint, secure_endpoint
from harness.core.bench import DeviceContext, Driver, Kindness
from harness.core.capabilities import Acknowledgement, Identity, LimitsPower
from harness.core.errors import LinkError, RigError, UsageError

START_IN_THE_PAST_S = 300
"""A schedule starts this long ago, so that a slow station clock leaves no gap
("advised to put the startSchedule … in the past", 5.16.4)."""
BOOT_GRACE_S = 5.0
"""A station that only reconnects sends no BootNotification (OCPP-J 1.6, 5.4);
after this time it is asked for one. [s]"""
COMPOSITE_S = 60
"""How far ahead a composite schedule is asked for. [s]"""


class Ocpp16Options(CsmsSecurity):
    """How the harness uses the station."""

    connector: int = Field(default=1, ge=1)
    phases: Literal[1, 3] = 1
    """Phases that the vehicle charges on: for amperes from watts."""
    rate_unit: Literal["A", "W"] = "A"
    """Unit of the limits that are sent."""
    stack_level: int = Field(default=0, ge=0)
    profile_id: int = Field(default=6100, ge=0)
    """The harness's own charging profile; nothing else is cleared."""
    sample_interval_s: int = Field(default=10, ge=1)
    """MeterValueSampleInterval. [s]"""
    measurands: tuple[str, ...] = (
        "Power.Active.Import",
        "Energy.Active.Import.Register",
        "Current.Import",
        "Current.Offered",
        "Voltage",
        "SoC",
    )
    """MeterValuesSampledData. If the station refuses the list, the last is left out,
    until it accepts."""
    heartbeat_interval_s: int = Field(default=300, ge=1)
    ping_interval_s: int = Field(default=60, ge=0)
    """WebSocketPingInterval, set if the station knows the key. [s]"""
    call_timeout_s: float = Field(default=30.0, gt=0)
    """How long the station may take to answer a CALL. [s]"""
    ready_timeout_s: float = Field(default=120.0, gt=0)
    """How long the station may take to connect and to be set up. [s]"""
    read_back: bool = True
    """Ask for the composite schedule after each limit."""
    tolerate_violations: bool = False
    """False: after a protocol violation the next instruction raises `LinkError`."""


class ChargingStation:
    """A charging station as the CSMS sees it: limits power, pushes readings."""

    def __init__(self, csms: Csms, options: Ocpp16Options) -> None:
        self._csms, self._options = csms, options
        csms.transaction_began = self._install_again
        self._form = ProfileForm(
            options.profile_id, options.stack_level, options.rate_unit, options.phases
        )
        self._limit_w: float | None = None
        self._untold = 0

    @property
    def address(self) -> str:
        """The connection URL for the station, with the port that was given."""
        return self._csms.endpoint.url

    @property
    def violations(self) -> tuple[str, ...]:
        """What the station did against the protocol, in clauses."""
        return tuple(self._csms.violations)

    # Capabilities

    async def ready(self) -> None:
        """Wait for the station, set it up, and learn its status; in bounded time."""
        csms, limit_s = self._csms, self._options.ready_timeout_s
        stage = "has not connected"
        try:
            async with asyncio.timeout(limit_s):
                await csms.until(lambda: csms.session is not None)
                stage = "has not introduced itself"
                await self._introduced()
                stage = "has not taken its settings"
                await self._configure()
                stage = "has not told its status"
                await self._ask_status()
        except TimeoutError:
            fact = f"the station {stage} within {limit_s:g} s"
            if csms.refusal:
                fact += f"; refused: {csms.refusal}"
            raise LinkError(csms.where, fact, self._hint()) from None
        self._raise_violations()

    async def identify(self) -> Identity:
        """Return who the station said it is, in BootNotification."""
        self._raise_violations()
        boot = self._csms.known.boot
        if boot is None:
            fact = "the station never sent a BootNotification"
            raise LinkError(self._csms.where, fact, "restarting the station")
        charge_box = boot.get("chargeBoxSerialNumber", "")  # deprecated (6.3)
        return Identity(
            maker=str(boot["chargePointVendor"]),
            model=str(boot["chargePointModel"]),
            serial=str(boot.get("chargePointSerialNumber", charge_box)),
            firmware=str(boot.get("firmwareVersion", "")),
        )

    async def limit_power_w(self, limit_w: float | None) -> Acknowledgement:
        """Install a charging profile with this limit, or remove it with ``None``.

        The acknowledgement carries the station's status and, for a limit that it
        accepted, what its composite schedule says.

        Raises
        ------
        LinkError
            If the station is away, does not answer, answers with a CALLERROR, or
            broke the protocol since the last call.
        UsageError
            If the limit is negative or no number.
        """
        self._raise_violations()
        if limit_w is None:
            return await self._lift()
        if not (math.isfinite(limit_w) and limit_w >= 0):
            fact = f"a limit of {limit_w} W cannot be sent to a charging station"
            raise UsageError(self._csms.where, fact, "0 W or more")
        answer = await self._csms.call("SetChargingProfile", self._request(limit_w))
        if answer["status"] != "Accepted":
            return Acknowledgement(False, answer["status"])
        self._limit_w = limit_w
        detail = await self._composite() if self._options.read_back else ""
        return Acknowledgement(True, f"Accepted{detail}")

    async def make_safe(self) -> None:
        """Remove the harness's charging profile, whatever else is installed."""
        await self._lift()

    # Limits

    async def _lift(self) -> Acknowledgement:
        self._limit_w = None
        request = {"id": self._options.profile_id}
        answer = await self._csms.call("ClearChargingProfile", request)
        # Unknown: there was none (7.21), so none is in force either.
        return Acknowledgement(True, answer["status"])

    def _request(self, limit_w: float) -> Payload:
        profile = charging_profile(
            limit_w,
            self._form,
            transaction=self._csms.known.transaction,
            start=self._csms.stamp(-START_IN_THE_PAST_S),
        )
        return {"connectorId": self._options.connector, "csChargingProfiles": profile}

    async def _composite(self) -> str:
        request = {
            "connectorId": self._options.connector,
            "duration": COMPOSITE_S,
            "chargingRateUnit": self._options.rate_unit,
        }
        try:
            answer = await self._csms.call("GetCompositeSchedule", request)
        except CallRefused as refused:
            return f"; no composite schedule ({refused.code})"
        schedule = answer.get("chargingSchedule")
        if answer["status"] != "Accepted" or schedule is None:
            return f"; composite {answer['status']}"
        periods = schedule["chargingSchedulePeriod"]
        limit = f"{periods[0]['limit']:.1f}" if periods else "without a limit"
        return f"; composite {limit} {schedule['chargingRateUnit']}"

    def _install_again(self) -> None:
        """Limit a new transaction as the old: a TxProfile ends with its own (7.10)."""
        session = self._csms.session
        if session is not None and self._limit_w is not None:
            request = self._request(self._limit_w)
            session.rpc.post("SetChargingProfile", request, self._installed_again)

    def _installed_again(self, answer: Payload | LinkError) -> None:
        status = str(answer) if isinstance(answer, LinkError) else answer["status"]
        self._csms.tell("status", f"limit for the new transaction: {status}")

    # Readiness

    async def _introduced(self) -> None:
        csms = self._csms
        try:
            async with asyncio.timeout(BOOT_GRACE_S):
                await csms.until(lambda: csms.known.boot is not None)
        except TimeoutError:
            request = {"requestedMessage": "BootNotification"}
            answer = await csms.call("TriggerMessage", request)
            csms.tell("status", f"asked for BootNotification: {answer['status']}")
            await csms.until(lambda: csms.known.boot is not None)

    async def _configure(self) -> None:
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

    async def _ask_status(self) -> None:
        for message in ("StatusNotification", "MeterValues"):
            request = {
                "requestedMessage": message,
                "connectorId": self._options.connector,
            }
            try:
                await self._csms.call("TriggerMessage", request)
            except CallRefused as refused:  # RemoteTrigger is an optional profile
                self._csms.tell("status", str(refused))
        await self._csms.until(lambda: self._csms.known.status)

    def _hint(self) -> str:
        if self._csms.session is None:
            return f"the station's CSMS URL, which must be {self.address}"
        return "the station's log, or a longer ready_timeout_s"

    def _raise_violations(self) -> None:
        """Raise for what the station did wrong since this was last asked."""
        untold = self._csms.violations[self._untold :]
        self._untold = len(self._csms.violations)
        if untold and not self._options.tolerate_violations:
            more = f" (and {len(untold) - 1} more)" if len(untold) > 1 else ""
            fact = f"the station broke OCPP 1.6: {untold[0]}{more}"
            hint = "its firmware, or tolerate_violations = true to go on regardless"
            raise LinkError(self._csms.where, fact, hint)

    async def close(self) -> None:
        """Leave the station unlimited and say goodbye."""
        if self._limit_w is not None and self._csms.session is not None:
            try:
                await self._lift()
            except LinkError as error:
                self._csms.tell("status", f"limit not lifted: {error}")
        await self._csms.close()


@asynccontextmanager
async def connect(
    context: DeviceContext, options: Ocpp16Options
) -> AsyncIterator[ChargingStation]:
    """Listen for the station until the context ends."""
    terms = Terms(
        connector=options.connector,
        heartbeat_interval_s=options.heartbeat_interval_s,
        call_timeout_s=options.call_timeout_s,
    )
    endpoint = parse_endpoint(context.where, context.address)
    endpoint, guard = secure_endpoint(context.where, endpoint, options)
    csms = Csms(context, endpoint, terms)
    station = ChargingStation(csms, options)
    server = await listen(
        context.where, endpoint, admit=csms.admit, refused=csms.refused, guard=guard
    )
    csms.listening(server.sockets[0].getsockname()[1])
    try:
        with guard.arranged(csms.endpoint.url):
            yield station
    finally:
        await station.close()
        server.close()
        await server.wait_closed()


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
