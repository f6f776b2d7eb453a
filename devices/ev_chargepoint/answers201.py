"""What the emulated charging station of OCPP 2.0.1 answers its CSMS.

Source: OCPP 2.0.1 edition 3, part 2; requirement numbers stand where they decide.
Reason codes are those of its appendices (v1.4), ``reason_codes.csv``. What a message
sets off follows its answer (F06.FR.04 says so of TriggerMessage).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devices.ev_chargepoint.charging201 import ACCEPTED, SmartCharging, rejected
from devices.ev_chargepoint.sampling201 import EVSE
from devices.ev_chargepoint.station201 import CONNECTOR, Station201
from devices.links.ocpp import Handler, Payload

PER_REPORT = 10
"""Variables in one NotifyReport."""


def answers(station: Station201, reset: Callable[[], None]) -> Mapping[str, Handler]:
    """Return what the station answers, by action; others are NotSupported."""
    control, charging = _Control(station, reset), SmartCharging(station)
    variables = station.variables
    return {
        "ChangeAvailability": control.change_availability,
        "ClearCache": lambda _asked: {"status": "Rejected"},
        "ClearChargingProfile": charging.clear,
        "DataTransfer": lambda _asked: {"status": "UnknownVendorId"},
        "GetBaseReport": control.base_report,
        "GetChargingProfiles": charging.get,
        "GetCompositeSchedule": charging.composite,
        "GetLocalListVersion": lambda _asked: {"versionNumber": 0},
        "GetTransactionStatus": control.transaction_status,
        "GetVariables": lambda asked: {
            "getVariableResult": [
                variables.get(item) for item in asked["getVariableData"]
            ]
        },
        "RequestStartTransaction": lambda asked: control.start(asked, charging),
        "RequestStopTransaction": control.stop,
        "Reset": control.reset,
        "SetChargingProfile": charging.install,
        "SetVariables": control.set_variables,
        "TriggerMessage": control.trigger,
        "UnlockConnector": lambda _asked: {"status": "UnlockFailed"},
    }


class _Control:
    """Provisioning, availability, transactions."""

    def __init__(self, station: Station201, reset: Callable[[], None]) -> None:
        self._station, self._reset = station, reset

    def _soon(self, act: Callable[[], None]) -> None:
        """Act once the answer to the message in hand has been sent."""
        self._station.timers.after(0.0, act)

    def set_variables(self, asked: Payload) -> Payload:
        """B05; a new interval counts at once."""
        station = self._station
        results = [station.variables.change(item) for item in asked["setVariableData"]]
        station.sampler.sample_again()
        station.sampler.align_again()
        station.uplink.beat_again()
        return {"setVariableResult": results}

    def base_report(self, asked: Payload) -> Payload:
        """B07."""
        ident, found = asked["requestId"], self._station.variables.report()
        parts = [found[n : n + PER_REPORT] for n in range(0, len(found), PER_REPORT)]

        def report() -> None:
            for number, part in enumerate(parts):
                payload = {
                    "requestId": ident,
                    "generatedAt": self._station.stamp(),
                    "reportData": part,
                    "tbc": number + 1 < len(parts),
                    "seqNo": number,
                }
                self._station.uplink.post("NotifyReport", payload)

        self._soon(report)
        return ACCEPTED

    def change_availability(self, asked: Payload) -> Payload:
        """G03, G04."""
        station, evse = self._station, asked.get("evse", {"id": EVSE})
        if (
            evse["id"] not in {0, EVSE}
            or evse.get("connectorId", CONNECTOR) != CONNECTOR
        ):
            return rejected("UnknownEvse")
        inoperative = asked["operationalStatus"] == "Inoperative"
        if inoperative and station.transaction is not None:
            station.inoperative_next = True
            return {"status": "Scheduled"}
        station.inoperative, station.inoperative_next = inoperative, False
        self._soon(self._availability_changed)
        return ACCEPTED

    def _availability_changed(self) -> None:
        station = self._station
        station.tell_status()
        if station.plugged and not station.inoperative and not station.transaction:
            station.begin("CablePluggedIn")

    def reset(self, asked: Payload) -> Payload:
        """B11, B12: OnIdle waits for the transaction to end."""
        station = self._station
        if asked.get("evseId", 0) != 0:
            return rejected("UnsupportedRequest")
        if asked["type"] == "OnIdle" and station.transaction is not None:
            station.reset_next = True
            return {"status": "Scheduled"}
        self._soon(self._reset)
        return ACCEPTED

    def transaction_status(self, asked: Payload) -> Payload:
        """E14."""
        station, ident = self._station, asked.get("transactionId")
        queued = {"messagesInQueue": len(station.outbox) > 0}
        if ident is None:
            return queued
        running = station.transaction
        return {
            "ongoingIndicator": running is not None and running.ident == ident
        } | queued

    def start(self, asked: Payload, charging: SmartCharging) -> Payload:
        """F01, F02."""
        station = self._station
        free = station.plugged and not station.inoperative and not station.transaction
        if asked.get("evseId", EVSE) != EVSE:
            return rejected("UnknownEvse")
        if not free:
            return rejected("TxInProgress" if station.transaction else "NoCable")

        def begin() -> None:
            if station.transaction is not None:
                return
            station.begin("RemoteStart", {"remoteStartId": asked["remoteStartId"]})
            profile = asked.get("chargingProfile")
            if profile is not None:
                ident = station.transaction.ident if station.transaction else ""
                profile = {**profile, "transactionId": ident}
                charging.install({"evseId": EVSE, "chargingProfile": profile})

        self._soon(begin)
        return ACCEPTED

    def stop(self, asked: Payload) -> Payload:
        """F03."""
        station, ident = self._station, asked["transactionId"]

        def runs() -> bool:
            return (
                station.transaction is not None and station.transaction.ident == ident
            )

        if not runs():
            return rejected("TxNotFound")
        self._soon(lambda: station.end("RemoteStop", "Remote") if runs() else None)
        return ACCEPTED

    def trigger(self, asked: Payload) -> Payload:
        """F06."""
        station, evse = self._station, asked.get("evse", {"id": EVSE})
        if evse["id"] not in {0, EVSE}:
            return rejected("UnknownEvse")
        wanted = asked["requestedMessage"]
        if wanted == "BootNotification" and station.uplink.accepted:  # F06.FR.17
            return rejected("TxStarted" if station.transaction else "Unspecified")
        if wanted == "TransactionEvent" and station.transaction is None:
            return rejected("TxNotFound")
        act = {
            "BootNotification": station.uplink.boot,
            "Heartbeat": station.uplink.beat,
            "MeterValues": station.sampler.trigger,
            "StatusNotification": lambda: station.tell_status(asked=True),
            "TransactionEvent": lambda: station.update(
                "Trigger", context="Trigger", named=True
            ),
        }.get(wanted)
        if act is None:
            return {"status": "NotImplemented"}
        self._soon(act)
        return ACCEPTED
