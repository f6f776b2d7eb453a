"""An EV charging station over OCPP 2.0.1; the harness is the CSMS.

Source: Open Charge Point Protocol 2.0.1 edition 3, part 2 (messages, smart
charging, device model) and part 4 (OCPP-J), Open Charge Alliance.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import Field

from devices.ev_chargepoint.breaking import BREAKS
from devices.ev_chargepoint.csms import Terms
from devices.ev_chargepoint.csms201 import Csms201
from devices.ev_chargepoint.emulator import OPERATIONS
from devices.ev_chargepoint.emulator201 import emulate
from devices.ev_chargepoint.limits import ProfileForm
from devices.ev_chargepoint.options201 import StationOptions201
from devices.ev_chargepoint.profiles201 import limit_profile
from devices.ev_chargepoint.setup201 import Setup, Wishes
from devices.links import framing
from devices.links.ocpp import CallRefused, Payload
from devices.links.ocpp_schema import OCPP201
from devices.links.ocpp_security import CsmsSecurity
from devices.links.ocpp_session import listen, parse_endpoint, secure_endpoint
from harness.core.bench import DeviceContext, Driver
from harness.core.capabilities import Acknowledgement, Identity, LimitsPower
from harness.core.errors import LinkError, UsageError

START_IN_THE_PAST_S = 300
"""A schedule starts this long ago, so that a slow station clock leaves no gap."""
BOOT_GRACE_S = 5.0
"""A station that only reconnects need not send a BootNotification (part 4, 5.3);
after this time it is asked for one. [s]"""
COMPOSITE_S = 60
"""How far ahead a composite schedule is asked for. [s]"""


class Ocpp201Options(CsmsSecurity):
    """How the harness uses the station."""

    evse: int = Field(default=1, ge=1)
    phases: Literal[1, 3] = 1
    """Phases that the vehicle charges on: for amperes from watts."""
    rate_unit: Literal["A", "W"] = "A"
    """Unit of the limits that are sent."""
    stack_level: int = Field(default=0, ge=0)
    profile_id: int = Field(default=6100, ge=0)
    """The harness's own charging profile; nothing else is cleared."""
    sample_interval_s: int = Field(default=10, ge=1)
    """SampledDataCtrlr.TxUpdatedInterval. [s]"""
    aligned_interval_s: int = Field(default=0, ge=0)
    """AlignedDataCtrlr.Interval; 0 for none. [s]"""
    measurands: tuple[str, ...] = (
        "Power.Active.Import",
        "Energy.Active.Import.Register",
        "Current.Import",
        "Current.Offered",
        "Voltage",
        "SoC",
    )
    """What is measured. If the station refuses the list, the last is left out, until
    it accepts."""
    heartbeat_interval_s: int = Field(default=300, ge=1)
    ping_interval_s: int = Field(default=60, ge=0)
    """OCPPCommCtrlr.WebSocketPingInterval. [s]"""
    call_timeout_s: float = Field(default=30.0, gt=0)
    """How long the station may take to answer a CALL. [s]"""
    ready_timeout_s: float = Field(default=120.0, gt=0)
    """How long the station may take to connect and to be set up. [s]"""
    read_back: bool = True
    """Ask for the composite schedule after each limit."""
    tolerate_violations: bool = False
    """False: after a protocol violation the next instruction raises `LinkError`."""


class ChargingStation201:
    """A charging station as the CSMS sees it: limits power, pushes readings."""

    def __init__(self, csms: Csms201, options: Ocpp201Options) -> None:
        self._csms, self._line, self._options = csms, csms.line, options
        csms.transaction_began = self._install_again
        self._form = ProfileForm(
            options.profile_id, options.stack_level, options.rate_unit, options.phases
        )
        self._limit_w: float | None = None
        self._untold = 0

    @property
    def address(self) -> str:
        """The connection URL for the station, with the port that was given."""
        return self._line.endpoint.url

    @property
    def violations(self) -> tuple[str, ...]:
        """What the station did against the protocol, in clauses."""
        return tuple(self._line.violations)

    # Capabilities

    async def ready(self) -> None:
        """Wait for the station, set it up, and learn its status; in bounded time."""
        line, limit_s = self._line, self._options.ready_timeout_s
        stage = "has not connected"
        try:
            async with asyncio.timeout(limit_s):
                await line.until(lambda: line.session is not None)
                stage = "has not introduced itself"
                await self._introduced()
                stage = "has not taken its settings"
                await Setup(line, self._wishes()).carry_out()
                stage = "has not told its status"
                await self._ask_status()
        except TimeoutError:
            fact = f"the station {stage} within {limit_s:g} s"
            if line.refusal:
                fact += f"; refused: {line.refusal}"
            raise LinkError(line.where, fact, self._hint()) from None
        self._raise_violations()

    async def identify(self) -> Identity:
        """Return who the station said it is, in BootNotification."""
        self._raise_violations()
        boot = self._csms.known.boot
        if boot is None:
            fact = "the station never sent a BootNotification"
            raise LinkError(self._line.where, fact, "restarting the station")
        station = boot["chargingStation"]
        return Identity(
            maker=station["vendorName"],
            model=station["model"],
            serial=station.get("serialNumber", ""),
            firmware=station.get("firmwareVersion", ""),
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
            raise UsageError(self._line.where, fact, "0 W or more")
        answer = await self._line.call("SetChargingProfile", self._request(limit_w))
        if answer["status"] != "Accepted":
            return Acknowledgement(False, _words(answer))
        self._limit_w = limit_w
        detail = await self._composite() if self._options.read_back else ""
        return Acknowledgement(True, f"{_words(answer)}{detail}")

    async def make_safe(self) -> None:
        """Remove the harness's charging profile, whatever else is installed."""
        await self._lift()

    # Limits

    async def _lift(self) -> Acknowledgement:
        self._limit_w = None
        request = {"chargingProfileId": self._options.profile_id}
        answer = await self._line.call("ClearChargingProfile", request)
        # Unknown: there was none (K10.FR.01), so none is in force either.
        return Acknowledgement(True, _words(answer))

    def _request(self, limit_w: float) -> Payload:
        profile = limit_profile(
            limit_w,
            self._form,
            transaction=self._csms.known.transaction,
            start=self._line.stamp(-START_IN_THE_PAST_S),
        )
        return {"evseId": self._options.evse, "chargingProfile": profile}

    async def _composite(self) -> str:
        request = {
            "duration": COMPOSITE_S,
            "chargingRateUnit": self._options.rate_unit,
            "evseId": self._options.evse,
        }
        try:
            answer = await self._line.call("GetCompositeSchedule", request)
        except CallRefused as refused:
            return f"; no composite schedule ({refused.code})"
        schedule = answer.get("schedule")
        if answer["status"] != "Accepted" or schedule is None:
            return f"; composite {_words(answer)}"
        limit = schedule["chargingSchedulePeriod"][0]["limit"]
        return f"; composite {limit:.1f} {schedule['chargingRateUnit']}"

    def _install_again(self) -> None:
        """Limit a new transaction as the old: a TxProfile ends with its own (3.2)."""
        if self._limit_w is not None:
            request = self._request(self._limit_w)
            self._line.post("SetChargingProfile", request, self._installed_again)

    def _installed_again(self, answer: Payload | LinkError) -> None:
        told = str(answer) if isinstance(answer, LinkError) else _words(answer)
        self._line.tell("status", f"limit for the new transaction: {told}")

    # Readiness

    def _wishes(self) -> Wishes:
        options = self._options
        return Wishes(
            rate_unit=options.rate_unit,
            stack_level=options.stack_level,
            sample_interval_s=options.sample_interval_s,
            aligned_interval_s=options.aligned_interval_s,
            heartbeat_interval_s=options.heartbeat_interval_s,
            ping_interval_s=options.ping_interval_s,
            measurands=options.measurands,
        )

    async def _introduced(self) -> None:
        line, known = self._line, self._csms.known
        try:
            async with asyncio.timeout(BOOT_GRACE_S):
                await line.until(lambda: known.boot is not None)
        except TimeoutError:
            request = {"requestedMessage": "BootNotification"}
            answer = await line.call("TriggerMessage", request)
            line.tell("status", f"asked for BootNotification: {_words(answer)}")
            if answer["status"] == "Accepted":
                await line.until(lambda: known.boot is not None)
            else:  # it has been accepted before, and need not come again (F06.FR.17)
                known.boot = await Setup(line, self._wishes()).read_identity()

    async def _ask_status(self) -> None:
        """Also ask for the transaction: it may have begun before this CSMS was there.

        Without one, the station rejects that request (F06), and rightly so.
        """
        for message in ("StatusNotification", "MeterValues", "TransactionEvent"):
            request = {"requestedMessage": message, "evse": self._csms.evse}
            try:
                await self._line.call("TriggerMessage", request)
            except CallRefused as refused:  # remote trigger is optional
                self._line.tell("status", str(refused))
        await self._line.until(lambda: self._csms.known.status)

    def _hint(self) -> str:
        if self._line.session is None:
            return f"the station's CSMS URL, which must be {self.address}"
        return "the station's log, or a longer ready_timeout_s"

    def _raise_violations(self) -> None:
        """Raise for what the station did wrong since this was last asked."""
        untold = self._line.violations[self._untold :]
        self._untold = len(self._line.violations)
        if untold and not self._options.tolerate_violations:
            more = f" (and {len(untold) - 1} more)" if len(untold) > 1 else ""
            fact = f"the station broke OCPP 2.0.1: {untold[0]}{more}"
            hint = "its firmware, or tolerate_violations = true to go on regardless"
            raise LinkError(self._line.where, fact, hint)

    async def close(self) -> None:
        """Leave the station unlimited and say goodbye."""
        if self._limit_w is not None and self._line.session is not None:
            try:
                await self._lift()
            except LinkError as error:
                self._line.tell("status", f"limit not lifted: {error}")
        await self._line.close()


def _words(answer: Payload) -> str:
    """A status, and the station's reason for it if it gives one."""
    info = answer.get("statusInfo")
    if info is None:
        return str(answer["status"])
    more = f": {info['additionalInfo']}" if "additionalInfo" in info else ""
    return f"{answer['status']} ({info['reasonCode']}{more})"


@asynccontextmanager
async def connect(
    context: DeviceContext, options: Ocpp201Options
) -> AsyncIterator[ChargingStation201]:
    """Listen where the context says; the station dials in when it wants to."""
    endpoint = parse_endpoint(context.where, context.address)
    endpoint, guard = secure_endpoint(context.where, endpoint, options)
    terms = Terms(options.evse, options.heartbeat_interval_s, options.call_timeout_s)
    csms = Csms201(context, endpoint, terms)
    station = ChargingStation201(csms, options)
    line = csms.line
    server = await listen(
        context.where,
        endpoint,
        admit=line.admit,
        refused=line.refused,
        subprotocol=OCPP201.subprotocol,
        guard=guard,
    )
    line.listening(server.sockets[0].getsockname()[1])
    try:
        with guard.arranged(line.endpoint.url):
            yield station
    finally:
        await station.close()
        server.close()
        await server.wait_closed()


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
