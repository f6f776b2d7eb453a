"""When the station sends MeterValues: since the transaction, and by the clock.

Clock-aligned values are instantaneous readings at the aligned time (OCPP 1.6
edition 2, 3.16.2; averages over the interval, 9.1.5, are not emulated).
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from devices.ev_chargepoint.charging import CONNECTOR
from devices.ev_chargepoint.metering import OwnMeter
from devices.links.ocpp import Payload
from harness.core.clock import BenchClock

if TYPE_CHECKING:
    from devices.ev_chargepoint.station import Station


class Sampler:
    """Sends the station's meter values at the times that its configuration asks."""

    def __init__(self, station: Station, meter: OwnMeter, clock: BenchClock) -> None:
        self._station, self._meter, self._clock = station, meter, clock
        self._sampling: asyncio.TimerHandle | None = None
        self._aligning: asyncio.TimerHandle | None = None

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
        self._station.tell_status()
        self.sample_again()

    def align_again(self) -> None:
        """Set the timer for the next multiple since midnight UTC (3.16.2)."""
        station = self._station
        station.timers.cancel(self._aligning)
        interval_s = station.configuration.whole("ClockAlignedDataInterval")
        if interval_s:
            wait_s = interval_s - station.charging.device_s() % 86_400 % interval_s
            self._aligning = station.timers.after(wait_s, self._align)

    def _align(self) -> None:
        self.send("MeterValuesAlignedData", "Sample.Clock")
        self.align_again()

    def send(self, key: str, context: str) -> None:
        """Send the measurands that a configuration key lists, sampled now."""
        station = self._station
        if not station.online:
            return
        values = self._meter.sampled(
            station.configuration.items(key),
            context,
            at_s=self._clock.now_s(),
            plugged=station.plugged,
        )
        if not values:
            return
        sample = {"timestamp": station.stamp(), "sampledValue": values}
        payload: Payload = {"connectorId": CONNECTOR, "meterValue": [sample]}
        if station.transaction is not None and station.transaction.ident is not None:
            payload["transactionId"] = station.transaction.ident
        station.post("MeterValues", payload)
