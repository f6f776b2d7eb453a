"""The emulated charging station of OCPP 2.0.1: what it says of itself.

Free vend: a transaction starts by itself when a vehicle is plugged in
(TxStartPoint EVConnected). One EVSE, one connector, tethered cable. Source: OCPP
2.0.1 edition 3, part 2; what it answers is in `devices.ev_chargepoint.answers201`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from devices.ev_chargepoint.charging import ChargingControl, Timers
from devices.ev_chargepoint.metering import OwnMeter
from devices.ev_chargepoint.model import ElectricVehicle
from devices.ev_chargepoint.options201 import StationOptions201
from devices.ev_chargepoint.outbox201 import Outbox, Transaction
from devices.ev_chargepoint.profiles201 import Installed, external_profile
from devices.ev_chargepoint.sampling201 import EVSE, Sampler201
from devices.ev_chargepoint.uplink import Own, Uplink
from devices.ev_chargepoint.variables201 import Variables
from devices.links.lying_clock import LyingClock
from devices.links.ocpp import Payload
from harness.core.bench import EmulatorContext

CONNECTOR = 1
FREE_VEND = {"idToken": "", "type": "NoAuthorization"}
"""C02: nobody is asked who they are."""


class Station201:
    """Connection, status and transactions; `charging` moves the control pilot."""

    def __init__(
        self,
        context: EmulatorContext,
        options: StationOptions201,
        vehicle: ElectricVehicle,
    ) -> None:
        self.options, self.faults = options, options.faults
        self._clock, self._rng, self._vehicle = context.clock, context.rng, vehicle
        self.timers = Timers()
        self.variables = Variables(options)
        self.charging = ChargingControl(
            vehicle,
            options,
            clock=context.clock,
            rng=context.rng,
            changed=self.changed,
        )
        self.meter = OwnMeter(
            vehicle,
            context.circuit.voltage_v,
            1 + options.own_meter_gain_percent / 100,
            options.register_start_wh,
            options.knows_soc,
            LyingClock(options.faults.clock_lie, context.clock.utc().timestamp()),
        )
        self.sampler = Sampler201(self, self.meter, context.clock)
        self.uplink = uplink = Uplink(self.timers, self._own())
        self.outbox = Outbox(uplink.post, lambda: uplink.online, self.timers)
        self.installed: dict[int, Installed] = {}
        self.external: Installed | None = None
        self._boot_reason = "PowerUp"
        self._told, self._problem = "", False
        self.transaction: Transaction | None = None
        self.plugged = False
        self.inoperative = False
        self.inoperative_next = False
        """Unavailable once the transaction is over (G03, Scheduled)."""
        self.reset_next = False
        """Reset once the transaction is over (B12, Scheduled)."""
        self.idle: Callable[[], None] = _nothing_to_do
        """Called when a transaction is over."""
        self._down = False

    def plug_in(self) -> None:
        """Connect the vehicle; charging starts by itself."""
        self.plugged = True
        self.tell_status()
        if not self.inoperative and not self._down:
            self.begin("CablePluggedIn")

    def unplug(self) -> None:
        """Pull the cable; the transaction ends (E08, E09)."""
        self.plugged = False
        if self.transaction is not None:
            self.end("EVCommunicationLost", "EVDisconnected")
        self.tell_status()

    # Connection

    def _own(self) -> Own:
        name, variables = ("OCPPCommCtrlr", "HeartbeatInterval"), self.variables
        return Own(
            boot=self._introduction,
            resumed=self._resume,
            heartbeat_s=lambda: variables.whole(*name),
            set_heartbeat_s=lambda interval_s: variables.put(*name, interval_s),
        )

    def close(self) -> None:
        """Stop every timer."""
        self.timers.cancel_all()
        self.charging.close()

    def _introduction(self) -> Payload:
        station = {
            "serialNumber": self.options.serial,
            "model": self.options.model,
            "vendorName": self.options.vendor,
            "firmwareVersion": self.options.firmware,
        }
        return {"reason": self._boot_reason, "chargingStation": station}

    def _resume(self, _fresh: bool) -> None:
        self.tell_status(asked=True)
        self.outbox.settle()
        self.uplink.beat_again()
        self.sampler.align_again()

    def shut_down(self, reason: str) -> None:
        """Be off until `wake`: nothing charges, nothing is known of the CSMS."""
        self._boot_reason = reason
        self.uplink.accepted, self.uplink.session = False, None
        self._down, self.reset_next = True, False
        self.uplink.rest()
        if self.transaction is not None:
            self.end("AbnormalCondition", "Reboot")

    @property
    def is_down(self) -> bool:
        """Whether it is off."""
        return self._down

    def wake(self) -> None:
        """Start again; a vehicle that is there charges."""
        self._told, self._down = "", False
        if self.plugged and not self.inoperative:
            self.begin("CablePluggedIn")

    # Status

    def status(self) -> str:
        """Return the connector's status (ConnectorStatusEnumType)."""
        if self.charging.tripped:
            return "Faulted"
        if self.transaction is None and self.inoperative:
            return "Unavailable"
        return "Occupied" if self.plugged else "Available"

    def tell_status(self, *, asked: bool = False) -> None:
        """Send StatusNotification if the status changed or is asked for (G01)."""
        status = self.status()
        if not self.uplink.online or (status == self._told and not asked):
            return
        payload = {
            "timestamp": self.stamp(),
            "connectorStatus": status,
            "evseId": EVSE,
            "connectorId": CONNECTOR,
        }
        self._told = status
        if asked or not self.faults.status_delay_s:
            self.uplink.post("StatusNotification", payload)
        else:
            self.timers.after(
                self.faults.status_delay_s,
                lambda: self.uplink.post("StatusNotification", payload),
            )

    def _tell_problem(self) -> None:
        """Send NotifyEvent: a problem came or went (N07)."""
        event: Payload = {
            "eventId": 1,
            "timestamp": self.stamp(),
            "trigger": "Alerting",
            "actualValue": "true" if self._problem else "false",
            "cleared": not self._problem,
            "component": {"name": "EVSE", "evse": {"id": EVSE}},
            "eventNotificationType": "HardWiredNotification",
            "variable": {"name": "Problem"},
        }
        payload = {"generatedAt": self.stamp(), "seqNo": 0, "eventData": [event]}
        if self.uplink.online:
            self.uplink.post("NotifyEvent", payload)

    def stamp(self) -> str:
        """Return what the station's clock says, ISO 8601 in UTC."""
        return self.charging.own_clock.stamp()

    # Transactions

    def begin(self, reason: str, more: Payload | None = None) -> None:
        """Start a transaction (E02): first the cable, then the charging."""
        ident = str(uuid.UUID(bytes=self._rng.bytes(16), version=4))
        self.transaction = Transaction(ident, self._clock.now_s())
        values = self.sampler.sampled("TxStartedMeasurands", "Transaction.Begin")
        evse = {"id": EVSE, "connectorId": CONNECTOR}
        extra = {"evse": evse, "idToken": FREE_VEND, **_with(values)}
        info = {"chargingState": "EVConnected"}
        self._put("Started", reason, {**info, **(more or {})}, extra)
        self.transaction.said = "EVConnected"
        self.charging.begin()
        self.sampler.sample_again()
        self.tell_charging()

    def changed(self) -> None:
        """The offer, or what the vehicle makes of it, may have changed."""
        if self._problem != self.charging.tripped:
            self._problem = self.charging.tripped
            self._tell_problem()
        self.tell_status()
        self.tell_charging()

    def charging_state(self) -> str:
        """Return the state of the transaction that runs (ChargingStateEnumType)."""
        if self._vehicle.offered_a == 0.0:
            return "SuspendedEVSE"
        drawing = self._vehicle.is_drawing(self._clock.now_s())
        return "Charging" if drawing else "SuspendedEV"

    def tell_charging(self) -> None:
        """Tell of the charging state if it changed."""
        transaction = self.transaction
        if transaction is not None and self.charging_state() != transaction.said:
            self.update("ChargingStateChanged")

    def update(self, reason: str, *, context: str = "", named: bool = False) -> None:
        """Tell how the transaction goes, with meter values if there is a context."""
        transaction = self.transaction
        if transaction is None:
            return
        values: list[Payload] = []
        if context:
            values = self.sampler.sampled("TxUpdatedMeasurands", context)
            if not values and reason == "MeterValuePeriodic":
                return
        transaction.said = self.charging_state()
        where = {"evse": {"id": EVSE, "connectorId": CONNECTOR}} if named else {}
        info = {"chargingState": transaction.said}
        self._put("Updated", reason, info, {**where, **_with(values)})

    def end(self, reason: str, stopped: str) -> None:
        """End the transaction that runs (E06)."""
        values = self.sampler.sampled("TxEndedMeasurands", "Transaction.End")
        state = "EVConnected" if self.plugged else "Idle"
        info = {"chargingState": state, "stoppedReason": stopped}
        self._put("Ended", reason, info, _with(values))
        self.transaction = None
        self.charging.end()
        self.sampler.sample_again()
        self.inoperative = self.inoperative or self.inoperative_next
        self.inoperative_next = False
        self.tell_status()
        self.idle()

    def _put(self, kind: str, reason: str, info: Payload, extra: Payload) -> None:
        transaction = self.transaction
        if transaction is None:
            raise ValueError("no transaction runs")
        event = {
            "eventType": kind,
            "timestamp": self.stamp(),
            "triggerReason": reason,
            "seqNo": transaction.number(),
            **({"offline": True} if self.outbox.late else {}),
            "transactionInfo": {"transactionId": transaction.ident, **info},
            **extra,
        }
        delay_s = self.faults.status_delay_s
        if kind == "Ended" and delay_s:
            self.timers.after(delay_s, lambda: self.outbox.put(event))
        else:
            self.outbox.put(event)

    # Limits from elsewhere

    def limit_from_elsewhere(self, limit_a: float | None) -> None:
        """Heed an energy manager's limit, or be rid of it, and say so (K11 to K13)."""
        source = {"chargingLimitSource": "EMS"}
        if limit_a is None:
            self.external = None
            self.charging.constrain(())
            message, payload = "ClearedChargingLimit", {**source, "evseId": EVSE}
        else:
            self.external = external = external_profile(limit_a, self.stamp())
            self.charging.constrain((external.profile,))
            schedules = external.payload["chargingSchedule"]
            message = "NotifyChargingLimit"
            payload = {
                "chargingSchedule": schedules,
                "evseId": EVSE,
                "chargingLimit": source,
            }
        if self.uplink.online:
            self.uplink.post(message, payload)
        self.update("ChargingRateChanged")

    def in_force(self) -> list[Installed]:
        """Return every profile that is installed, as it came."""
        ids = {profile.profile_id for profile in self.charging.profiles}
        kept = [found for ident, found in self.installed.items() if ident in ids]
        return [*kept, self.external] if self.external is not None else kept


def _with(values: list[Payload]) -> Payload:
    return {"meterValue": values} if values else {}


def _nothing_to_do() -> None:
    """Nobody waits for it."""
