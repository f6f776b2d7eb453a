"""When a station of OCPP 2.0.1 sends meter values: in a transaction, and by the clock.

Source: OCPP 2.0.1 edition 3, part 2, J01 and J02.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from devices.ev_chargepoint.metering import OwnMeter, Shown
from devices.ev_chargepoint.model import Tally
from devices.ev_chargepoint.readings201 import sampled_value
from devices.links.ocpp import Payload
from harness.core.clock import BenchClock

if TYPE_CHECKING:
    from devices.ev_chargepoint.station201 import Station201

SAMPLED, ALIGNED = "SampledDataCtrlr", "AlignedDataCtrlr"
EVSE = 1
DAY_S = 86_400


class Sampler201:
    """Sends the station's meter values when its variables ask for them."""

    def __init__(self, station: Station201, meter: OwnMeter, clock: BenchClock) -> None:
        self._station, self._meter, self._clock = station, meter, clock
        self._sampling: asyncio.TimerHandle | None = None
        self._aligning: asyncio.TimerHandle | None = None
        self._since = self._tally()
        self.silent = False
        """A fault: nothing is measured any more."""

    def _tally(self) -> Tally:
        return self._meter.vehicle.tally(self._clock.now_s())

    def _now(self) -> Shown:
        stamp = self._meter.stamp(self._station.charging.device_s())
        return self._meter.show(self._clock.now_s(), stamp)

    def freeze(self, on: bool) -> None:
        """A fault: show what is shown now, and the time that it is now."""
        self._meter.frozen = None
        if on:
            self._meter.frozen = self._now()

    def deliver_every(self, interval_s: float | None) -> None:
        """A fault: keep transaction events back between deliveries. [s]"""
        self._station.outbox.deliver_every(interval_s)

    # In a transaction

    def sample_again(self) -> None:
        """Set the timer for the next multiple of TxUpdatedInterval (J02.FR.11)."""
        station = self._station
        station.timers.cancel(self._sampling)
        self._sampling = None
        interval_s = station.variables.whole(SAMPLED, "TxUpdatedInterval")
        if station.transaction is None or interval_s == 0:
            return
        elapsed_s = self._clock.now_s() - station.transaction.started_s
        turn = math.floor(elapsed_s / interval_s + 1e-9) + 1
        wait_s = turn * interval_s - elapsed_s
        self._sampling = station.timers.after(wait_s, self._sample)

    def _sample(self) -> None:
        self._station.update("MeterValuePeriodic", context="Sample.Periodic")
        self._station.tell_charging()
        self.sample_again()

    def sampled(self, variable: str, context: str) -> list[Payload]:
        """Return a ``meterValue`` with the measurands of SampledDataCtrlr, now."""
        return self._values(SAMPLED, variable, context, self._now())

    # By the clock

    def align_again(self) -> None:
        """Set the timer for the next multiple since midnight UTC (J01.FR.14)."""
        station = self._station
        station.timers.cancel(self._aligning)
        self._aligning = None
        interval_s = station.variables.whole(ALIGNED, "Interval")
        if interval_s:
            self._since = self._tally()
            clock = station.charging.own_clock
            shown_s = interval_s - clock.posix_s() % DAY_S % interval_s
            wait_s = clock.bench_wait_s(shown_s)
            self._aligning = station.timers.after(wait_s, self._align)

    def _align(self) -> None:
        station = self._station
        idle_only = station.variables.text(ALIGNED, "SendDuringIdle") == "true"
        if not (idle_only and station.transaction is not None):
            self._send("Sample.Clock", self._aligned())
        self.align_again()

    def _aligned(self) -> Shown:
        if self._station.options.aligned_values == "instants":
            return self._now()
        interval_s = self._station.variables.whole(ALIGNED, "Interval")
        started_s = self._station.charging.device_s() - interval_s
        stamp = self._meter.stamp(started_s)
        return self._meter.show_mean(self._since, self._tally(), stamp)

    def trigger(self) -> None:
        """Send MeterValues because the CSMS asks for them (F06)."""
        self._send("Trigger", self._now())

    def _send(self, context: str, shown: Shown) -> None:
        values = self._values(ALIGNED, "Measurands", context, shown)
        if values and self._station.uplink.online:
            payload = {"evseId": EVSE, "meterValue": values}
            self._station.uplink.post("MeterValues", payload)

    def _values(
        self, component: str, variable: str, context: str, shown: Shown
    ) -> list[Payload]:
        station = self._station
        if self.silent:
            return []
        measurands = station.variables.items(component, variable)
        found = self._meter.sample(shown, measurands, context, plugged=station.plugged)
        if found is None:
            return []
        values = [sampled_value(item) for item in found["sampledValue"]]
        return [{"timestamp": found["timestamp"], "sampledValue": values}]
