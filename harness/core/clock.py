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
        Bench time from which it starts to run until bench second 0: the time in
        which the bench settles. Bench time is negative until then. [s]
    held : bool
        Whether it stands still at ``-lead_s`` until `begin`: a real device takes as
        long to connect as it takes, which no lead could foresee.
    """

    def __init__(
        self, starts_at: datetime, *, lead_s: float = 0.0, held: bool = False
    ) -> None:
        if starts_at.tzinfo is None:
            raise ValueError(f"starts_at {starts_at} has no time zone")
        self._loop = asyncio.get_running_loop()
        self.is_virtual = isinstance(self._loop, VirtualLoop)
        self.starts_at = starts_at.astimezone(UTC)
        self._lead_s, self._begun = lead_s, asyncio.Event()
        self._runs = False
        self._zero_s = self._loop.time() + lead_s
        self._made_s, self._made_at = (
            self._loop.time(),
            datetime.now(UTC),  # noqa: TID251 - device time
        )
        if not held:
            self.begin()

    def begin(self) -> None:
        """Let a held clock run, from ``-lead_s``; once it runs, do nothing."""
        if not self._runs:
            self._zero_s = self._loop.time() + self._lead_s
            self._runs = True
            self._begun.set()

    def now_s(self) -> float:
        """Return bench time. [s]"""
        # Asked ten times for every reading, so that nothing else is asked here.
        return self._loop.time() - self._zero_s if self._runs else -self._lead_s

    def utc(self) -> datetime:
        """Return what a correctly set device clock shows now, in UTC."""
        if self.is_virtual:
            return self.starts_at + timedelta(seconds=self.now_s())
        return self._made_at + timedelta(seconds=self._loop.time() - self._made_s)

    def bench_s(self, device_utc: datetime) -> float:
        """Convert a device's timestamp to bench time; the inverse of `utc`. [s]"""
        if self.is_virtual:
            return (device_utc.astimezone(UTC) - self.starts_at).total_seconds()
        since_now = device_utc.astimezone(UTC) - self.utc()
        return self.now_s() + since_now.total_seconds()

    async def until(self, at_s: float) -> None:
        """Sleep until a bench time; return at once if it has passed."""
        if not self._runs:
            await self._begun.wait()
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
