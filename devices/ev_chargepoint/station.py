"""The emulated charging station: what it says of itself (OCPP 1.6J).

Free vend: a transaction starts by itself when a vehicle is plugged in. One
connector, tethered cable. Source: Open Charge Point Protocol 1.6 edition 2,
section 4; what it answers is in `devices.ev_chargepoint.answers`.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.ev_chargepoint.charging import CONNECTOR, ChargingControl, Timers
from devices.ev_chargepoint.configuration import Configuration
from devices.ev_chargepoint.metering import OwnMeter
from devices.ev_chargepoint.model import ElectricVehicle
from devices.ev_chargepoint.options import StationOptions
from devices.ev_chargepoint.sampling import Sampler
from devices.ev_chargepoint.transactions import Outbox, Transaction
from devices.ev_chargepoint.uplink import Own, Uplink
from devices.links.lying_clock import LyingClock
from devices.links.ocpp import Payload
from harness.core.bench import EmulatorContext

ID_TAG = "FREEVEND"
IN_TRANSACTION = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"})
"""Statuses after which a vehicle without a transaction is Finishing (7.7)."""


class Station:
    """Connection, status and transactions; `charging` moves the control pilot."""

    def __init__(
        self,
        context: EmulatorContext,
        options: StationOptions,
        vehicle: ElectricVehicle,
    ) -> None:
        self.options, self.faults = options, options.faults
        self._clock, self._vehicle = context.clock, vehicle
        self.timers = Timers()
        self.configuration = Configuration(options)
        self.charging = ChargingControl(
            vehicle,
            options,
            clock=context.clock,
            rng=context.rng,
            changed=self.tell_status,
        )
        self.meter = OwnMeter(
            vehicle,
            context.circuit.voltage_v,
            1 + options.own_meter_gain_percent / 100,
            options.register_start_wh,
            options.knows_soc,
            LyingClock(options.faults.clock_lie, context.clock.utc().timestamp()),
        )
        self.sampler = Sampler(self, self.meter, context.clock)
        self.uplink = Uplink(self.timers, self._own())
        self._down = False
        self._told = ""
        self.transaction: Transaction | None = None
        self.outbox = Outbox(
            post=self.uplink.post,
            online=lambda: self.uplink.online,
            attempts=lambda: self.configuration.whole("TransactionMessageAttempts"),
            retry_s=lambda: self.configuration.whole("TransactionMessageRetryInterval"),
            started=self._started,
            timers=self.timers,
        )
        self.plugged = False
        self.inoperative = False
        self.inoperative_next = False
        """Unavailable once the transaction is over (5.2, Scheduled)."""

    def plug_in(self) -> None:
        """Connect the vehicle; charging starts by itself."""
        self.plugged = True
        self.tell_status()
        if not self.inoperative and not self._down:
            self.begin(ID_TAG)

    def unplug(self) -> None:
        """Pull the cable; the transaction ends (9.1.23)."""
        self.plugged = False
        if self.transaction is not None:
            self.end("EVDisconnected")
        self.tell_status()

    # Connection

    def _own(self) -> Own:
        key, settings = "HeartbeatInterval", self.configuration
        return Own(
            boot=self._introduction,
            resumed=self._go_on,
            heartbeat_s=lambda: settings.whole(key),
            set_heartbeat_s=lambda interval: settings.change(key, str(interval)),
        )

    def close(self) -> None:
        """Stop every timer."""
        self.timers.cancel_all()
        self.charging.close()

    def _introduction(self) -> Payload:
        return {
            "chargePointVendor": self.options.vendor,
            "chargePointModel": self.options.model,
            "chargePointSerialNumber": self.options.serial,
            "firmwareVersion": self.options.firmware,
        }

    def _go_on(self, fresh: bool) -> None:
        self.tell_station_status()
        self.tell_status(asked=True)
        self.outbox.go_on()
        self.uplink.beat_again()
        if fresh:
            self.sampler.align_again()

    def restart(self, reason: str) -> None:
        """Reset (5.14): end the transaction, be away for a while, boot anew."""
        self.go_down(reason)
        self.timers.after(self.options.reboot_s, self._restarted)

    def _restarted(self) -> None:
        self.come_up()
        if self.uplink.session is not None:
            self.uplink.session.close("reset")  # the emulator dials again

    def go_down(self, reason: str) -> None:
        """Stop all that a computer does that starts anew."""
        if self.transaction is not None:
            self.end(reason)
        self.uplink.accepted, self._down = False, True

    def come_up(self) -> None:
        """Start anew: a vehicle that is there charges."""
        self._told, self._down = "", False
        if self.plugged and not self.inoperative and self.transaction is None:
            self.begin(ID_TAG)

    # Status

    def status(self) -> str:
        """Return the connector's status (7.7)."""
        if self.charging.tripped:
            return "Faulted"
        if self.transaction is None and self.inoperative:
            return "Unavailable"
        if not self.plugged:
            return "Available"
        if self.transaction is None:
            return "Finishing" if self._told in IN_TRANSACTION else "Preparing"
        if self._vehicle.offered_a == 0.0:
            return "SuspendedEVSE"
        drawing = self._vehicle.is_drawing(self._clock.now_s())
        return "Charging" if drawing else "SuspendedEV"

    def tell_status(self, *, asked: bool = False) -> None:
        """Send StatusNotification if the connector's status changed or is asked for.

        Only a change is held back by the fault of late notices (4.9).
        """
        status = self.status()
        if not self.uplink.online or (status == self._told and not asked):
            return
        self._told = status
        payload = self._notification(CONNECTOR, status)
        if asked:
            self.uplink.post("StatusNotification", payload)
        else:
            self._later(lambda: self.uplink.post("StatusNotification", payload))

    def tell_station_status(self) -> None:
        """Send StatusNotification of the station itself, connector 0."""
        status = "Unavailable" if self.inoperative else "Available"
        self.uplink.post("StatusNotification", self._notification(0, status))

    def _notification(self, connector: int, status: str) -> Payload:
        return {
            "connectorId": connector,
            "errorCode": "GroundFailure" if status == "Faulted" else "NoError",
            "status": status,
            "timestamp": self.stamp(),
        }

    def _later(self, act: Callable[[], None]) -> None:
        """Act now, or with the fault of late notices after its delay."""
        if self.faults.status_delay_s:
            self.timers.after(self.faults.status_delay_s, act)
        else:
            act()

    def stamp(self) -> str:
        """Return what the station's clock says, ISO 8601 in UTC (3.14, 3.15)."""
        return self.charging.own_clock.stamp()

    # Transactions

    def begin(self, id_tag: str) -> None:
        """Start a transaction (4.8)."""
        now_s = self._clock.now_s()
        self.transaction = Transaction(self._vehicle.tally(now_s), id_tag)
        start = {
            "connectorId": CONNECTOR,
            "idTag": id_tag,
            "meterStart": self.meter.register_wh(now_s),
            "timestamp": self.stamp(),
        }
        self.outbox.add("StartTransaction", start, self.transaction)
        self.sampler.note("Transaction.Begin")
        self.charging.begin()
        self.sampler.sample_again()
        self.tell_status()

    def _started(self, transaction: Transaction, accepted: bool) -> None:
        if transaction is self.transaction and not accepted:
            self.end("DeAuthorized")

    def end(self, reason: str) -> None:
        """End the transaction that runs (4.10)."""
        transaction = self.transaction
        if transaction is None:
            raise ValueError("no transaction runs")
        self.sampler.note_last_interval()
        self.sampler.note("Transaction.End")
        stop = {
            "meterStop": self.meter.register_wh(self._clock.now_s()),
            "timestamp": self.stamp(),
            "reason": reason,
            "idTag": transaction.id_tag,
        }
        if transaction.data:
            stop["transactionData"] = transaction.data
        self.transaction = None
        self.charging.end()
        self.sampler.sample_again()
        self._later(lambda: self.outbox.add("StopTransaction", stop, transaction))
        self.inoperative = self.inoperative or self.inoperative_next
        self.inoperative_next = False
        self.tell_status()

    def tell_values(self, payload: Payload, transaction: Transaction | None) -> None:
        """Send MeterValues: those of a transaction even if that must wait (3.7.1)."""
        if transaction is not None:
            self.outbox.add("MeterValues", payload, transaction)
        elif self.uplink.online:
            self.uplink.post("MeterValues", payload)
