"""The CSMS's end for one charging station: its connection, and what it tells.

Source: OCPP-J 1.6, section 3; Open Charge Point Protocol 1.6 edition 2, section 4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from devices.ev_chargepoint.readings import readings
from devices.links.ocpp import Handler, Payload
from devices.links.ocpp_schema import OCPP16, Edition
from devices.links.ocpp_session import Endpoint, Session, Side
from harness.core.bench import DeviceContext, DeviceEvent
from harness.core.errors import LinkError

IN_USE = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
NOT_IN_USE = frozenset({"Available", "Finishing", "Reserved", "Unavailable", "Faulted"})
"""Whether a vehicle is there and can be steered (7.7); Preparing decides nothing."""


@dataclass(slots=True)
class Known:
    """What the station told of itself."""

    boot: Payload | None = None
    status: str = ""
    in_use: bool | None = None
    transaction: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How the CSMS deals with the station."""

    connector: int
    heartbeat_interval_s: int
    call_timeout_s: float


@dataclass(frozen=True, slots=True)
class Dialect:
    """What another edition of OCPP has instead of 1.6's messages."""

    edition: Edition
    handlers: Mapping[str, Handler]
    prefix: Callable[[], str]
    """What the message ids of the next connection begin with."""
    opened: Callable[[], None]
    """A connection stands."""
    lost: Callable[[], None]
    """The connection is gone, and nobody meant it to go."""


class Csms:
    """One station's counterpart; `transaction_began` is called for each new one."""

    def __init__(
        self,
        context: DeviceContext,
        endpoint: Endpoint,
        terms: Terms,
        dialect: Dialect | None = None,
    ) -> None:
        self._context, self._terms = context, terms
        self.endpoint = endpoint
        self._dialect = dialect or Dialect(
            OCPP16, self._handlers(), lambda: "c", self._ask_again, self._forget
        )
        self.transaction_began: Callable[[], None] = _nobody
        self.known = Known()
        self.session: Session | None = None
        self.violations: list[str] = []
        """What the station did against the protocol, in clauses."""
        self.refusal = ""
        """Why a connection was last refused."""
        self._closing = False
        self._next_transaction = 1
        self._changed = asyncio.Event()

    @property
    def where(self) -> str:
        """For error messages."""
        return f"{self._context.where} {self.endpoint.url}"

    def stamp(self, ahead_s: float = 0.0) -> str:
        """Return the time, ISO 8601 in UTC (3.14, 3.15)."""
        at = self._context.clock.utc() + timedelta(seconds=ahead_s)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def tell(self, kind: str, detail: str) -> None:
        """Hand a `DeviceEvent` to the bench."""
        self._context.notify(DeviceEvent(self._context.role, kind, detail))

    async def until(self, met: Callable[[], object]) -> None:
        """Wait until what the station told makes this true."""
        while not met():
            self._changed.clear()
            await self._changed.wait()

    async def call(self, action: str, payload: Payload) -> Payload:
        """Send a CALL; `LinkError` at once if the station is not connected."""
        if self.session is None:
            hint = f"the station's power and its CSMS URL {self.endpoint.url}"
            raise LinkError(self.where, "the station is not connected", hint)
        return await self.session.rpc.call(action, payload)

    # Connection

    def admit(self, station: str) -> Session | None:
        """Return a session for the station that dials, None for a stranger."""
        if self._closing or station != self.endpoint.station:
            return None
        return Session(
            Side(
                where=self.where,
                prefix=self._dialect.prefix(),
                handlers=self._dialect.handlers,
                opened=self._opened,
                closed=self._closed,
                violated=self.violated,
                wire=self._context.wire,
                timeout_s=self._terms.call_timeout_s,
                edition=self._dialect.edition,
            )
        )

    def listening(self, port: int) -> None:
        """Note the port that the kernel gave."""
        self.endpoint = replace(self.endpoint, port=port)

    def refused(self, why: str) -> None:
        """Note a connection that was refused."""
        self.refusal = why
        self.tell("status", f"connection refused: {why}")

    def violated(self, what: str) -> None:
        """Keep and tell what the station did against the protocol."""
        self.violations.append(what)
        self.tell("status", f"protocol violation: {what}")

    async def close(self) -> None:
        """Say goodbye and wait until the connection is gone."""
        self._closing = True
        if self.session is not None:
            await self.session.hang_up("the trial is over")

    def _opened(self, session: Session) -> None:
        old, self.session = self.session, session
        if old is not None:
            self._lost("replaced by a newer connection")
            old.close("replaced by a newer connection")
        self.tell("connected", self.endpoint.station)
        self._dialect.opened()
        self.changed()

    def changed(self) -> None:
        """Let `until` look again."""
        self._changed.set()

    def post(
        self,
        action: str,
        payload: Payload,
        done: Callable[[Payload | LinkError], None],
    ) -> None:
        """Send a CALL if the station is there, and do not wait."""
        if self.session is not None:
            self.session.rpc.post(action, payload, done)

    def _ask_again(self) -> None:
        if self.known.boot is None:
            return
        # What it did meanwhile it need not say (4.9).
        wanted = {
            "requestedMessage": "StatusNotification",
            "connectorId": self._terms.connector,
        }
        self.post("TriggerMessage", wanted, self._asked_for_status)

    def _asked_for_status(self, answer: Payload | LinkError) -> None:
        if isinstance(answer, LinkError):
            self.tell("status", str(answer))

    def _closed(self, session: Session, why: str) -> None:
        if session is self.session:
            self.session = None
            if not self._closing:
                self._lost(why)

    def _lost(self, why: str) -> None:
        self._dialect.lost()
        self.tell("lost", why)

    def _forget(self) -> None:
        self.known.in_use = None

    # What the station sends

    def _handlers(self) -> dict[str, Handler]:
        return {
            "Authorize": lambda _asked: {"idTagInfo": {"status": "Accepted"}},
            "BootNotification": self._booted,
            "DataTransfer": lambda _asked: {"status": "UnknownVendorId"},
            "DiagnosticsStatusNotification": _noted,
            "FirmwareStatusNotification": _noted,
            "Heartbeat": lambda _asked: {"currentTime": self.stamp()},
            "LogStatusNotification": _noted,
            "MeterValues": self._metered,
            "SecurityEventNotification": _noted,
            "SignedFirmwareStatusNotification": _noted,
            "StartTransaction": self._started,
            "StatusNotification": self._status,
            "StopTransaction": self._stopped,
        }

    def _booted(self, asked: Payload) -> Payload:
        self.known.boot = asked
        self._changed.set()
        return {
            "status": "Accepted",
            "currentTime": self.stamp(),
            "interval": self._terms.heartbeat_interval_s,
        }

    def _status(self, asked: Payload) -> Payload:
        status, connector = asked["status"], asked["connectorId"]
        own = connector == self._terms.connector
        if own:
            self.known.status = status
            self._changed.set()
        if own or (connector == 0 and status in {"Unavailable", "Faulted"}):
            error = asked["errorCode"]
            words = status if error == "NoError" else f"{status} ({error})"
            self.tell("status", words)
            self._weigh(status, words)
        return {}

    def _weigh(self, status: str, words: str) -> None:
        """Tell whether the station can serve, when that changes."""
        if status not in IN_USE and status not in NOT_IN_USE:
            return
        in_use = status in IN_USE
        if in_use is not self.known.in_use:
            self.known.in_use = in_use
            self.tell("available" if in_use else "unavailable", words)

    def _started(self, asked: Payload) -> Payload:
        transaction = self._next_transaction
        self._next_transaction += 1
        if asked["connectorId"] == self._terms.connector:
            self.known.transaction = transaction
            asyncio.get_running_loop().call_soon(self.transaction_began)
        return {"transactionId": transaction, "idTagInfo": {"status": "Accepted"}}

    def _stopped(self, asked: Payload) -> Payload:
        if asked["transactionId"] == self.known.transaction:
            self.known.transaction = None
        return {}

    def _metered(self, asked: Payload) -> Payload:
        if asked["connectorId"] != self._terms.connector:
            return {}
        transaction = int(asked.get("transactionId", -1))
        # One that began before this CSMS was there; not one that is over, told late.
        if self.known.transaction is None and transaction >= self._next_transaction:
            self.known.transaction = transaction
            self._next_transaction = transaction + 1
        try:
            found = readings(asked["meterValue"], self._context.clock.bench_s)
        except (ValueError, OverflowError) as error:
            self.violated(f"MeterValues: {error}")
            return {}  # 4.7: whatever the values are, the message is answered
        self._context.report(found)
        return {}


def _nobody() -> None:
    """Nobody wants to know."""


def _noted(_asked: Payload) -> Payload:
    return {}
