"""What the emulated charging station answers its CSMS.

Source: Open Charge Point Protocol 1.6 edition 2, section 5. What a message sets off
follows its answer (5.17 says so of TriggerMessage; the rest is alike).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from devices.ev_chargepoint import profiles as engine
from devices.ev_chargepoint.charging import CONNECTOR
from devices.ev_chargepoint.station import ID_TAG, Station
from devices.links.ocpp import Handler, Payload, Refusal

LONGEST_S = 31 * 86_400
"""The longest composite schedule that it reports; more is Rejected (5.7). [s]"""


def answers(station: Station) -> dict[str, Handler]:
    """Return what the station answers, by action; others are NotSupported."""
    own = _Answers(station)
    return {
        "ChangeAvailability": own.change_availability,
        "ChangeConfiguration": own.change_configuration,
        "ClearCache": lambda _asked: {"status": "Rejected"},
        "ClearChargingProfile": own.clear_charging_profile,
        "DataTransfer": lambda _asked: {"status": "UnknownVendorId"},
        "GetCompositeSchedule": own.get_composite_schedule,
        "GetConfiguration": own.get_configuration,
        "GetLocalListVersion": lambda _asked: {"listVersion": -1},
        "RemoteStartTransaction": own.remote_start,
        "RemoteStopTransaction": own.remote_stop,
        "Reset": own.reset,
        "SetChargingProfile": own.set_charging_profile,
        "TriggerMessage": own.trigger_message,
        "UnlockConnector": lambda _asked: {"status": "NotSupported"},
    }


class _Answers:
    def __init__(self, station: Station) -> None:
        self._station = station

    def _soon(self, act: Callable[[], None]) -> None:
        """Act once the answer to the message in hand has been sent."""
        self._station.timers.after(0.0, act)

    # Configuration and availability

    def get_configuration(self, asked: Payload) -> Payload:
        """5.8."""
        return self._station.configuration.get(asked.get("key", ()))

    def change_configuration(self, asked: Payload) -> Payload:
        """5.3."""
        station, key = self._station, asked["key"]
        status = station.configuration.change(key, asked["value"])
        act = {
            "metervaluesampleinterval": station.sampler.sample_again,
            "clockaligneddatainterval": station.sampler.align_again,
            "heartbeatinterval": station.uplink.beat_again,
        }.get(key.lower())
        if status == "Accepted" and act is not None:
            act()
        return {"status": status}

    def change_availability(self, asked: Payload) -> Payload:
        """5.2."""
        station, connector = self._station, asked["connectorId"]
        if connector not in {0, CONNECTOR}:
            return {"status": "Rejected"}
        inoperative = asked["type"] == "Inoperative"
        if inoperative and station.transaction is not None:
            station.inoperative_next = True
            return {"status": "Scheduled"}
        station.inoperative, station.inoperative_next = inoperative, False
        self._soon(lambda: self._availability_changed(connector))
        return {"status": "Accepted"}

    def _availability_changed(self, connector: int) -> None:
        station = self._station
        if connector == 0:
            station.tell_station_status()
        station.tell_status()
        if station.plugged and not station.inoperative and not station.transaction:
            station.begin(ID_TAG)

    def reset(self, asked: Payload) -> Payload:
        """5.14."""
        self._soon(lambda: self._station.restart(f"{asked['type']}Reset"))
        return {"status": "Accepted"}

    def trigger_message(self, asked: Payload) -> Payload:
        """5.17."""
        station = self._station
        act = {
            "BootNotification": station.uplink.boot,
            "Heartbeat": station.uplink.beat,
            "MeterValues": self._triggered_values,
            "StatusNotification": lambda: self._triggered_status(asked),
        }.get(asked["requestedMessage"])
        if act is None:
            return {"status": "NotImplemented"}
        if asked.get("connectorId", CONNECTOR) not in {0, CONNECTOR}:
            return {"status": "Rejected"}
        self._soon(act)
        return {"status": "Accepted"}

    def _triggered_values(self) -> None:
        self._station.sampler.send("MeterValuesSampledData", "Trigger")

    def _triggered_status(self, asked: Payload) -> None:
        """Without a connector: the station's status and every connector's (5.17)."""
        which = asked.get("connectorId")
        if which in {None, 0}:
            self._station.tell_station_status()
        if which in {None, CONNECTOR}:
            self._station.tell_status(asked=True)

    # Transactions

    def remote_start(self, asked: Payload) -> Payload:
        """5.11."""
        station = self._station
        free = station.plugged and not station.inoperative and not station.transaction
        if asked.get("connectorId", CONNECTOR) != CONNECTOR or not free:
            return {"status": "Rejected"}
        self._soon(lambda: self._start(asked))
        return {"status": "Accepted"}

    def _start(self, asked: Payload) -> None:
        if self._station.transaction is not None:
            return
        self._station.begin(asked["idTag"])
        if "chargingProfile" in asked:
            profile = self._acceptable(CONNECTOR, asked["chargingProfile"])
            if profile is not None:
                self._station.charging.install(profile)

    def remote_stop(self, asked: Payload) -> Payload:
        """5.12."""
        transaction = self._station.transaction
        if transaction is None or asked["transactionId"] != transaction.ident:
            return {"status": "Rejected"}
        self._soon(lambda: self._stop(asked["transactionId"]))
        return {"status": "Accepted"}

    def _stop(self, ident: int) -> None:
        transaction = self._station.transaction
        if transaction is not None and transaction.ident == ident:
            self._station.end("Remote")

    # Smart charging

    def set_charging_profile(self, asked: Payload) -> Payload:
        """5.16."""
        faults = self._station.faults
        if faults.refuses_profiles:
            raise Refusal(faults.refuses_profiles, "charging profiles are refused")
        if faults.rejects_profiles:
            return {"status": faults.rejects_profiles}
        profile = self._acceptable(asked["connectorId"], asked["csChargingProfiles"])
        if profile is None:
            return {"status": "Rejected"}
        self._station.charging.install(profile)
        return {"status": "Accepted"}

    def _acceptable(self, connector: int, payload: Payload) -> engine.Profile | None:
        """Return the profile, or None if this station must reject it."""
        try:
            profile = engine.parse(connector, payload)
        except (ValueError, OverflowError):
            return None
        if connector not in {0, CONNECTOR} or not self._fits(profile):
            return None
        transaction = self._station.transaction
        if profile.purpose == "TxProfile" and (
            transaction is None
            or profile.transaction_id not in {None, transaction.ident}
        ):
            return None
        return profile

    def _fits(self, profile: engine.Profile) -> bool:
        """9.4: what the station says that it can hold."""
        options = self._station.options
        after = engine.install(self._station.charging.profiles, profile)
        return (
            profile.stack_level <= options.max_stack_level
            and len(profile.periods) <= options.max_periods
            and len(after) <= options.max_profiles
            and ("Current" if profile.unit == "A" else "Power") in options.rate_units
        )

    def clear_charging_profile(self, asked: Payload) -> Payload:
        """5.5, 6.13."""
        gone = self._station.charging.clear(
            profile_id=asked.get("id"),
            connector_id=asked.get("connectorId"),
            purpose=asked.get("chargingProfilePurpose"),
            stack_level=asked.get("stackLevel"),
        )
        return {"status": "Accepted" if gone else "Unknown"}

    def get_composite_schedule(self, asked: Payload) -> Payload:
        """5.7."""
        station, duration_s = self._station, asked["duration"]
        connector, unit = asked["connectorId"], asked.get("chargingRateUnit", "A")
        if connector not in {0, CONNECTOR} or not 0 < duration_s <= LONGEST_S:
            return {"status": "Rejected"}
        steps = station.charging.composite(duration_s)
        schedule = {
            "duration": duration_s,
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": _periods(steps, unit),
        }
        return {
            "status": "Accepted",
            "connectorId": connector,
            "scheduleStart": station.stamp(),
            "chargingSchedule": schedule,
        }


def _periods(steps: Iterable[engine.Step], unit: str) -> list[Payload]:
    """Return a composite in one unit; watts are of all phases together (7.12)."""
    return [
        {
            "startPeriod": round(step.start_s),
            "limit": _tenths(step.limit_a * _scale(step, unit)),
            "numberPhases": step.phases,
        }
        for step in steps
    ]


def _scale(step: engine.Step, unit: str) -> float:
    return 1.0 if unit == "A" else engine.LINE_V * step.phases


def _tenths(value: float) -> float:
    """Round down to the one digit that the field allows (7.14)."""
    return math.floor(value * 10 + 1e-6) / 10
