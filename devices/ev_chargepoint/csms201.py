"""The CSMS's end for one charging station of OCPP 2.0.1: what the station tells.

The connection is that of `devices.ev_chargepoint.csms`. Source: OCPP 2.0.1 edition
3, part 2, blocks B (provisioning), E (transactions), G (availability), J (meter
values), K (smart charging), N (diagnostics).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from devices.ev_chargepoint.csms import Csms, Dialect, Terms
from devices.ev_chargepoint.readings201 import readings
from devices.links.ocpp import Handler, Payload
from devices.links.ocpp_schema import OCPP201
from devices.links.ocpp_session import Endpoint
from harness.core.bench import DeviceContext
from harness.core.errors import LinkError

CONNECTOR = 1
"""An EVSE has one connector in use at a time; the first is the one asked for."""
CHARGING = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
"""Charging states in which a vehicle is there and can be steered."""
GONE = frozenset({"Available", "Reserved", "Unavailable", "Faulted"})
"""Connector statuses in which none is."""
OUT_OF_ORDER = frozenset({"Unavailable", "Faulted"})
LONGEST_GAP = 1000
"""More messages missing than this are counted, not awaited one by one."""


@dataclass(slots=True)
class Sequence:
    """The numbers of one transaction's messages (``seqNo``, E01 to E06)."""

    upcoming: int
    missing: set[int] = field(default_factory=set)
    over: bool = False
    """Ended was among them: whatever still comes was kept back."""

    def take(self, number: int) -> str:
        """Note a number; return what is odd about it, or nothing."""
        if number == self.upcoming:
            self.upcoming += 1
            return ""
        if number > self.upcoming:
            first, gap = self.upcoming, number - self.upcoming
            if gap <= LONGEST_GAP:
                self.missing.update(range(first, number))
            self.upcoming = number + 1
            return f"{gap} message(s) missing from seqNo {first} on"
        if number in self.missing:
            self.missing.discard(number)
            return f"seqNo {number} came late"
        return f"seqNo {number} {REPEATED}"


REPEATED = "came twice"


@dataclass(slots=True)
class Known:
    """What the station told of itself."""

    boot: Payload | None = None
    status: str = ""
    charging: str = ""
    in_use: bool | None = None
    transaction: str | None = None
    """The one that runs on our EVSE and can be limited."""
    sequences: dict[str, Sequence] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    """Transactions on other EVSEs: only their first message must say where."""


class Csms201:
    """One station's counterpart; `transaction_began` is called for each new one."""

    def __init__(
        self, context: DeviceContext, endpoint: Endpoint, terms: Terms
    ) -> None:
        self._context, self._terms = context, terms
        self.known = Known()
        self.transaction_began: Callable[[], None] = _nobody
        self._connections = 0
        dialect = Dialect(
            OCPP201, self._handlers(), self._prefix, self._opened, self._lost
        )
        self.line = Csms(context, endpoint, terms, dialect)
        """The connection, and what `devices.ev_chargepoint.csms` does with it."""

    @property
    def evse(self) -> Payload:
        """Our connector, as requests name it."""
        return {"id": self._terms.connector, "connectorId": CONNECTOR}

    def _prefix(self) -> str:
        """Part 4, 4.1.4: no id is used twice, on whichever connection."""
        self._connections += 1
        return "c" if self._connections == 1 else f"c{self._connections}-"

    def _opened(self) -> None:
        if self.known.boot is not None:  # a reconnect: what it did, it need not say
            wanted = {"requestedMessage": "StatusNotification", "evse": self.evse}
            self.line.post("TriggerMessage", wanted, self._asked_for_status)

    def _asked_for_status(self, answer: Payload | LinkError) -> None:
        if isinstance(answer, LinkError):
            self.line.tell("status", str(answer))

    def _lost(self) -> None:
        self.known.in_use = None

    # What the station sends

    def _handlers(self) -> dict[str, Handler]:
        accepted = {"status": "Accepted"}
        noted = dict.fromkeys(NOTED, _noted)
        return {
            **noted,
            "Authorize": lambda _asked: {"idTokenInfo": accepted},
            "BootNotification": self._booted,
            "ClearedChargingLimit": self._limit_cleared,
            "DataTransfer": lambda _asked: {"status": "UnknownVendorId"},
            "Heartbeat": lambda _asked: {"currentTime": self.line.stamp()},
            "MeterValues": self._metered,
            "NotifyChargingLimit": self._limited,
            "NotifyEVChargingNeeds": lambda _asked: {"status": "Rejected"},
            "NotifyEVChargingSchedule": lambda _asked: accepted,
            "NotifyEvent": self._events,
            "SignCertificate": lambda _asked: {"status": "Rejected"},
            "StatusNotification": self._status,
            "TransactionEvent": self._transaction,
        }

    def _booted(self, asked: Payload) -> Payload:
        self.known.boot = asked
        self.line.changed()
        return {
            "currentTime": self.line.stamp(),
            "interval": self._terms.heartbeat_interval_s,
            "status": "Accepted",
        }

    def _ours(self, evse: Payload | None) -> bool:
        """Whether something is about our EVSE; without one it is about the station."""
        return evse is not None and evse["id"] == self._terms.connector

    def _status(self, asked: Payload) -> Payload:
        if asked["evseId"] == self._terms.connector:
            self._learn_status(asked["connectorStatus"])
        return {}

    def _learn_status(self, status: str) -> None:
        self.known.status = status
        self.line.changed()
        self.line.tell("status", status)
        if status in GONE:
            self._weigh(False, status)
        elif self.known.charging in CHARGING:
            self._weigh(True, f"{status}, {self.known.charging}")

    def _learn_charging(self, state: str) -> None:
        if state == self.known.charging:
            return
        self.known.charging = state
        self.line.tell("status", state)
        if state in CHARGING and self.known.status not in OUT_OF_ORDER:
            self._weigh(True, state)
        elif state == "Idle":
            self._weigh(False, state)

    def _weigh(self, in_use: bool, words: str) -> None:
        """Tell whether the station can serve, when that changes."""
        if in_use is not self.known.in_use:
            self.known.in_use = in_use
            self.line.tell("available" if in_use else "unavailable", words)

    def _events(self, asked: Payload) -> Payload:
        """N07: what the station monitors; availability comes this way too (G01)."""
        for event in asked["eventData"]:
            component, variable = event["component"], event["variable"]["name"]
            ours, station = self._ours(component.get("evse")), "evse" not in component
            dead = station and event["actualValue"] in OUT_OF_ORDER
            if variable == "AvailabilityState" and (ours or dead):
                self._learn_status(event["actualValue"])
            elif ours or station:
                cleared = " (cleared)" if event.get("cleared") else ""
                name = f"{component['name']}.{variable}"
                self.line.tell("status", f"{name} = {event['actualValue']}{cleared}")
        return {}

    def _limited(self, asked: Payload) -> Payload:
        """K11, K12: somebody else limits it; not our doing, but good to know."""
        if asked.get("evseId", 0) in {0, self._terms.connector}:
            source = asked["chargingLimit"]["chargingLimitSource"]
            self.line.tell("status", f"charging limited by {source}")
        return {}

    def _limit_cleared(self, asked: Payload) -> Payload:
        """K13."""
        if asked.get("evseId", 0) in {0, self._terms.connector}:
            source = asked["chargingLimitSource"]
            self.line.tell("status", f"charging no longer limited by {source}")
        return {}

    # Transactions and meter values

    def _transaction(self, asked: Payload) -> Payload:
        """E01 to E13: whatever it says, the message is answered (J02.FR.19)."""
        ident = asked["transactionInfo"]["transactionId"]
        if not self._is_here(ident, asked.get("evse")):
            return _welcome(asked)
        repeated = self._number(ident, asked)
        if not repeated:
            self._report(asked.get("meterValue", ()), "TransactionEvent")
            self._follow(ident, asked)
        return _welcome(asked)

    def _is_here(self, ident: str, evse: Payload | None) -> bool:
        if evse is not None and not self._ours(evse):
            self.known.elsewhere.add(ident)
        return ident not in self.known.elsewhere

    def _number(self, ident: str, asked: Payload) -> bool:
        """Watch ``seqNo``; return whether the message came before."""
        number, known = asked["seqNo"], self.known.sequences
        if ident not in known:
            first = 0 if asked["eventType"] == "Started" else number
            known[ident] = Sequence(first)
        odd = known[ident].take(number)
        if odd:
            self.line.tell("status", f"transaction {ident}: {odd}")
        return odd.endswith(REPEATED)

    def _follow(self, ident: str, asked: Payload) -> None:
        """Learn whether a transaction runs; what came late may be over by now (K02)."""
        known, sequence = self.known, self.known.sequences[ident]
        if asked["eventType"] == "Ended":
            sequence.over = True
            if known.transaction in {ident, None}:
                known.transaction = None
                self._learn_charging("Idle")
        if sequence.over:
            return
        if not asked.get("offline", False) and known.transaction != ident:
            known.transaction = ident
            asyncio.get_running_loop().call_soon(self.transaction_began)
        state = asked["transactionInfo"].get("chargingState")
        if state is not None:
            self._learn_charging(state)

    def _metered(self, asked: Payload) -> Payload:
        if asked["evseId"] == self._terms.connector:
            self._report(asked["meterValue"], "MeterValues")
        return {}

    def _report(self, meter_values: list[Payload], action: str) -> None:
        if not meter_values:
            return
        try:
            found = readings(meter_values, self._context.clock.bench_s)
        except (ValueError, OverflowError) as error:
            self.line.violated(f"{action}: {error}")
        else:
            self._context.report(found)


NOTED = (
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "NotifyMonitoringReport",
    "NotifyReport",
    "PublishFirmwareStatusNotification",
    "ReportChargingProfiles",
    "ReservationStatusUpdate",
    "SecurityEventNotification",
)
"""Messages that the wire log keeps and nothing else needs."""


def _welcome(asked: Payload) -> Payload:
    """Answer a TransactionEvent: with an idToken, it asks for authorization."""
    if "idToken" in asked:
        return {"idTokenInfo": {"status": "Accepted"}}
    return {}


def _nobody() -> None:
    """Nobody wants to know."""


def _noted(_asked: Payload) -> Payload:
    return {}
