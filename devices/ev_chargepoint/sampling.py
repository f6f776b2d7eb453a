"""When the station sends MeterValues: since the transaction, and by the clock.

Clock-aligned values are means over the interval and stamped with its start (OCPP 1.6
edition 2, 9.1.5), or with ``aligned_values = "instants"`` what is at its end (as
3.16.2 can be read, and many stations do).
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from devices.ev_chargepoint.charging import CONNECTOR
from devices.ev_chargepoint.metering import OwnMeter, Shown
from devices.ev_chargepoint.model import Tally
from devices.ev_chargepoint.transactions import Transaction
from devices.links.ocpp import Payload
from harness.core.clock import BenchClock

if TYPE_CHECKING:
    from devices.ev_chargepoint.station import Station

DAY_S = 86_400


class Sampler:
    """Sends the station's meter values at the times that its configuration asks."""

    def __init__(self, station: Station, meter: OwnMeter, clock: BenchClock) -> None:
        self._station, self._meter, self._clock = station, meter, clock
        self._sampling: asyncio.TimerHandle | None = None
        self._aligning: asyncio.TimerHandle | None = None
        self._since = self._tally()
        self._delivering: asyncio.TimerHandle | None = None
        self._late: list[tuple[Payload, Transaction | None]] | None = None
        self.silent = False
        """A fault: nothing is measured, nothing is sent."""

    def _tally(self) -> Tally:
        return self._meter.vehicle.tally(self._clock.now_s())

    def freeze(self, on: bool) -> None:
        """A fault: show what is shown now, and the time that it is now."""
        self._meter.frozen = None
        if on:
            self._meter.frozen = self._now()

    # Since the transaction

    def sample_again(self) -> None:
        """Set the timer for the next multiple of the interval (3.16.1)."""
        station = self._station
        station.timers.cancel(self._sampling)
        self._sampling = None
        interval_s = station.configuration.whole("MeterValueSampleInterval")
        if station.transaction is None or interval_s == 0:
            return
        elapsed_s = self._clock.now_s() - station.transaction.started_s
        turn = math.floor(elapsed_s / interval_s + 1e-9) + 1
        wait_s = turn * interval_s - elapsed_s
        self._sampling = station.timers.after(wait_s, self._sample)

    def _sample(self) -> None:
        self.send("MeterValuesSampledData", "Sample.Periodic")
        self.note("Sample.Periodic")
        self._station.tell_status()
        self.sample_again()

    def note(self, context: str) -> None:
        """Keep a sample for StopTransaction (9.1.29)."""
        transaction = self._station.transaction
        if transaction is not None:
            sample = self._values("StopTxnSampledData", context, self._now())
            transaction.note(sample)

    # By the clock

    def align_again(self) -> None:
        """Set the timer for the next multiple since midnight UTC (3.16.2)."""
        station = self._station
        station.timers.cancel(self._aligning)
        self._aligning = None
        interval_s = station.configuration.whole("ClockAlignedDataInterval")
        if interval_s:
            self._since = self._tally()
            shown_s = interval_s - self._into(interval_s)
            wait_s = station.charging.own_clock.bench_wait_s(shown_s)
            self._aligning = station.timers.after(wait_s, self._align)

    def _into(self, interval_s: int) -> float:
        """Return how far into its interval the station's clock is. [s]"""
        return self._station.charging.device_s() % DAY_S % interval_s

    def _align(self) -> None:
        interval_s = self._station.configuration.whole("ClockAlignedDataInterval")
        # A timer may come a trifle early or late: the nearest boundary is meant.
        into_s = self._into(interval_s)
        past_s = into_s if into_s < interval_s / 2 else into_s - interval_s
        self._send_aligned(self._station.charging.device_s() - past_s, interval_s)
        self.align_again()

    def _send_aligned(self, ended_s: float, interval_s: int) -> None:
        station = self._station
        transaction, since = station.transaction, self._since
        self._send(self._aligned("MeterValuesAlignedData", since, ended_s, interval_s))
        if transaction is not None:
            if transaction.began.at_s > since.at_s:
                since = transaction.began
            aligned = self._aligned("StopTxnAlignedData", since, ended_s, interval_s)
            transaction.note(aligned)

    def note_last_interval(self) -> None:
        """Keep, for StopTransaction, the interval that its end cuts short (9.1.5)."""
        interval_s = self._station.configuration.whole("ClockAlignedDataInterval")
        averages = self._station.options.aligned_values == "averages"
        transaction = self._station.transaction
        if not (interval_s and averages and transaction is not None):
            return
        since = max(self._since, transaction.began, key=lambda tally: tally.at_s)
        start_s = self._station.charging.device_s() - self._into(interval_s)
        ends_s = start_s + interval_s
        aligned = self._aligned("StopTxnAlignedData", since, ends_s, interval_s)
        transaction.note(aligned)

    def _aligned(
        self, key: str, since: Tally, ended_s: float, interval_s: int
    ) -> Payload | None:
        if self._station.options.aligned_values == "instants":
            stamp = self._meter.stamp(ended_s)
            shown = self._meter.show(self._clock.now_s(), stamp)
        else:
            stamp = self._meter.stamp(ended_s - interval_s)
            shown = self._meter.show_mean(since, self._tally(), stamp)
        return self._values(key, "Sample.Clock", shown)

    # Sending

    def _now(self) -> Shown:
        stamp = self._meter.stamp(self._station.charging.device_s())
        return self._meter.show(self._clock.now_s(), stamp)

    def _values(self, key: str, context: str, shown: Shown) -> Payload | None:
        if self.silent:
            return None
        station = self._station
        measurands = station.configuration.items(key)
        return self._meter.sample(shown, measurands, context, plugged=station.plugged)

    def send(self, key: str, context: str) -> None:
        """Send the measurands that a configuration key lists, sampled now."""
        self._send(self._values(key, context, self._now()))

    def _send(self, sample: Payload | None) -> None:
        if sample is None:
            return
        payload: Payload = {"connectorId": CONNECTOR, "meterValue": [sample]}
        transaction = self._station.transaction
        if self._late is None:
            self._station.tell_values(payload, transaction)
        else:
            self._late.append((payload, transaction))

    # Late delivery, a fault

    def deliver_every(self, interval_s: float | None) -> None:
        """Keep values back and give them all at once this often; None for at once."""
        self._deliver()
        self._station.timers.cancel(self._delivering)
        self._late = None
        if interval_s is not None:
            self._late = []
            self._wait_to_deliver(interval_s)

    def _wait_to_deliver(self, interval_s: float) -> None:
        def deliver() -> None:
            self._deliver()
            self._wait_to_deliver(interval_s)

        self._delivering = self._station.timers.after(interval_s, deliver)

    def _deliver(self) -> None:
        kept, self._late = self._late or [], []
        for payload, transaction in kept:
            self._station.tell_values(payload, transaction)
