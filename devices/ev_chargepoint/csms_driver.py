"""The driver of a charging station over OCPP, of whichever edition.

What an edition words differently it brings as its `Wording`; the connection is that of
`devices.ev_chargepoint.csms`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import Field

from devices.ev_chargepoint.csms import Csms
from devices.ev_chargepoint.limits import ProfileForm, ProfileKind
from devices.links.ocpp import CallRefused, Payload
from devices.links.ocpp_schema import Edition
from devices.links.ocpp_security import CsmsSecurity, Guard
from devices.links.ocpp_session import listen
from harness.core.capabilities import Acknowledgement, Identity
from harness.core.errors import LinkError, UsageError

START_IN_THE_PAST_S = 300
"""A schedule starts this long ago, so that a slow station clock leaves no gap
("advised to put the startSchedule … in the past", OCPP 1.6, 5.16.4). [s]"""
BOOT_GRACE_S = 5.0
"""A station that only reconnects need not send a BootNotification (OCPP-J 1.6, 5.4;
OCPP 2.0.1 part 4, 5.3); after this time it is asked for one. [s]"""
COMPOSITE_S = 60
"""How far ahead a composite schedule is asked for. [s]"""


class CsmsOptions(CsmsSecurity):
    """How the harness uses a station of any edition."""

    phases: Literal[1, 3] = 1
    """Phases that the vehicle charges on: for amperes from watts."""
    rate_unit: Literal["A", "W"] = "A"
    """Unit of the limits that are sent."""
    stack_level: int = Field(default=0, ge=0)
    profile_kind: ProfileKind = "Absolute"
    """Absolute, Relative (to the transaction's start), Daily or Weekly: how the limit's
    schedule is dated. All of them hold from at once until the limit is lifted."""
    profile_id: int = Field(default=6100, ge=0)
    """The harness's own charging profile; nothing else is cleared."""
    sample_interval_s: int = Field(default=10, ge=1)
    """Between the values of a transaction: MeterValueSampleInterval, or in 2.0.1
    SampledDataCtrlr.TxUpdatedInterval. [s]"""
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
    """WebSocketPingInterval, set if the station knows it. [s]"""
    call_timeout_s: float = Field(default=30.0, gt=0)
    """How long the station may take to answer a CALL. [s]"""
    ready_timeout_s: float = Field(default=120.0, gt=0)
    """How long the station may take to connect and to be set up. [s]"""
    read_back: bool = True
    """Ask for the composite schedule after each limit."""
    tolerate_violations: bool = False
    """False: after a protocol violation the next instruction raises `LinkError`."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests that say the same each time."""

    clear: Payload
    """ClearChargingProfile: the harness's own."""
    composite: Payload
    """GetCompositeSchedule."""
    schedule: str
    """The field of its answer that holds the schedule."""
    triggers: Sequence[Payload]
    """TriggerMessage: whatever brings the station's status and values."""


class Wording(Protocol):
    """How an edition words what the driver wants, and what the station told."""

    @property
    def edition(self) -> Edition:
        """Which one."""
        ...

    @property
    def requests(self) -> Requests:
        """Requests that never change."""
        ...

    @property
    def boot(self) -> Payload | None:
        """The station's BootNotification, if it came."""
        ...

    @property
    def status(self) -> str:
        """The connector's status; empty until the station tells."""
        ...

    def identity(self, boot: Payload) -> Identity:
        """Return who a BootNotification says that the station is."""
        ...

    def limiting(self, limit_w: float, form: ProfileForm, start: str) -> Payload:
        """Return SetChargingProfile for the transaction that runs, or for any."""
        ...

    async def boot_asked(self, answer: Payload) -> None:
        """Have `boot` after the station answered that it was asked for it."""
        ...

    async def set_up(self) -> None:
        """Give the station its settings; `RigError` for what it cannot do."""
        ...


class ChargingStation:
    """A charging station as the CSMS sees it: limits power, pushes readings."""

    def __init__(self, line: Csms, wording: Wording, options: CsmsOptions) -> None:
        self._line, self._wording, self._options = line, wording, options
        self._form = ProfileForm(
            options.profile_id,
            options.stack_level,
            options.rate_unit,
            options.phases,
            options.profile_kind,
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
                await self._wording.set_up()
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
        boot = self._wording.boot
        if boot is None:
            fact = "the station never sent a BootNotification"
            raise LinkError(self._line.where, fact, "restarting the station")
        return self._wording.identity(boot)

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
        answer = await self._line.call("SetChargingProfile", self._limiting(limit_w))
        if answer["status"] != "Accepted":
            return Acknowledgement(False, words(answer))
        self._limit_w = limit_w
        detail = await self._composite() if self._options.read_back else ""
        return Acknowledgement(True, f"{words(answer)}{detail}")

    async def make_safe(self) -> None:
        """Remove the harness's charging profile, whatever else is installed."""
        await self._lift()

    # Limits

    async def _lift(self) -> Acknowledgement:
        self._limit_w = None
        clear = self._wording.requests.clear
        answer = await self._line.call("ClearChargingProfile", clear)
        # Unknown: there was none (1.6, 7.21; 2.0.1, K10.FR.01), so none is in force.
        return Acknowledgement(True, words(answer))

    def _limiting(self, limit_w: float) -> Payload:
        start = self._line.stamp(-START_IN_THE_PAST_S)
        return self._wording.limiting(limit_w, self._form, start)

    async def _composite(self) -> str:
        requests = self._wording.requests
        try:
            answer = await self._line.call("GetCompositeSchedule", requests.composite)
        except CallRefused as refused:
            return f"; no composite schedule ({refused.code})"
        schedule = answer.get(requests.schedule)
        if answer["status"] != "Accepted" or schedule is None:
            return f"; composite {words(answer)}"
        periods = schedule["chargingSchedulePeriod"]
        limit = f"{periods[0]['limit']:.1f}" if periods else "without a limit"
        return f"; composite {limit} {schedule['chargingRateUnit']}"

    def limit_again(self) -> None:
        """Limit a new transaction as the old: a TxProfile ends with its own.

        Source: OCPP 1.6, 7.10; OCPP 2.0.1 part 2, K, 3.2.
        """
        if self._limit_w is not None and self._line.session is not None:
            request = self._limiting(self._limit_w)
            self._line.post("SetChargingProfile", request, self._limited_again)

    def _limited_again(self, answer: Payload | LinkError) -> None:
        told = str(answer) if isinstance(answer, LinkError) else words(answer)
        self._line.tell("status", f"limit for the new transaction: {told}")

    # Readiness

    async def _introduced(self) -> None:
        line, wording = self._line, self._wording
        try:
            async with asyncio.timeout(BOOT_GRACE_S):
                await line.until(lambda: wording.boot is not None)
        except TimeoutError:
            request = {"requestedMessage": "BootNotification"}
            answer = await line.call("TriggerMessage", request)
            line.tell("status", f"asked for BootNotification: {words(answer)}")
            await wording.boot_asked(answer)

    async def _ask_status(self) -> None:
        for request in self._wording.requests.triggers:
            try:
                await self._line.call("TriggerMessage", request)
            except CallRefused as refused:  # remote trigger is optional
                self._line.tell("status", str(refused))
        await self._line.until(lambda: self._wording.status)

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
            broken = f"OCPP {self._wording.edition.name}"
            fact = f"the station broke {broken}: {untold[0]}{more}"
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


def words(answer: Payload) -> str:
    """Return a status, and the station's reason for it if it gives one (2.0.1)."""
    info = answer.get("statusInfo")
    if info is None:
        return str(answer["status"])
    more = f": {info['additionalInfo']}" if "additionalInfo" in info else ""
    return f"{answer['status']} ({info['reasonCode']}{more})"


@asynccontextmanager
async def listening(
    where: str, line: Csms, station: ChargingStation, *, edition: Edition, guard: Guard
) -> AsyncIterator[ChargingStation]:
    """Listen until the context ends; the station dials in when it wants to."""
    server = await listen(
        where,
        line.endpoint,
        admit=line.admit,
        refused=line.refused,
        subprotocol=edition.subprotocol,
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
