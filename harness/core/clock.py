"""Bench time and civil time: one clock for drivers, emulators and the recorder.

*Bench time* is seconds since the trial's plan began, on the event loop's clock.
*Device time* (`BenchClock.utc`) is what a correctly set device clock shows. On
virtual time it is the trial's own date; on hardware it is the real one, because
a real charging station compares profile dates with its own clock.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from harness.core.virtual_loop import VirtualLoop


class BenchClock:
    """Seconds since the plan began, and the instant that this moment stands for.

    Parameters
    ----------
    starts_at : datetime
        Civil time of bench second 0; must carry a time zone.
    lead_s : float
        Seconds from making the clock until bench second 0: the time in which
        the bench connects and settles. Bench time is negative until then. [s]
    """

    def __init__(self, starts_at: datetime, *, lead_s: float = 0.0) -> None:
        if starts_at.tzinfo is None:
            raise ValueError(f"starts_at {starts_at} has no time zone")
        self._loop = asyncio.get_running_loop()
        self.is_virtual = isinstance(self._loop, VirtualLoop)
        self.starts_at = starts_at.astimezone(UTC)
        self._zero_s = self._loop.time() + lead_s
        self._real_zero = datetime.now(UTC) + timedelta(  # noqa: TID251 - device time
            seconds=lead_s
        )

    def now_s(self) -> float:
        """Return bench time. [s]"""
        return self._loop.time() - self._zero_s

    def utc(self) -> datetime:
        """Return what a correctly set device clock shows now, in UTC."""
        zero = self.starts_at if self.is_virtual else self._real_zero
        return zero + timedelta(seconds=self.now_s())

    def bench_s(self, device_utc: datetime) -> float:
        """Convert a device's timestamp to bench time; the inverse of `utc`. [s]"""
        zero = self.starts_at if self.is_virtual else self._real_zero
        return (device_utc.astimezone(UTC) - zero).total_seconds()

    async def until(self, at_s: float) -> None:
        """Sleep until a bench time; return at once if it has passed."""
        delay = at_s - self.now_s()
        if delay > 0:
            # call_at takes the exact instant, so that 1,000 waits do not drift.
            reached = self._loop.create_future()
            handle = self._loop.call_at(self._zero_s + at_s, _release, reached)
            try:
                await reached
            finally:
                handle.cancel()


def _release(reached: asyncio.Future[None]) -> None:
    if not reached.done():
        reached.set_result(None)
