"""A meter's own clock: off, drifting, or lying, as its options say."""

from __future__ import annotations

from datetime import datetime, timedelta

from devices.links.lying_clock import LyingClock
from devices.meter.model import MeterErrors, OwnClockErrors
from harness.core.clock import BenchClock

DAY_S = 86_400.0


class OwnClock:
    """What a meter's clock has, and what it tells.

    Parameters
    ----------
    clock : BenchClock
        The bench's, which is right.
    errors : MeterErrors
        How wrong it is; right without `OwnClockErrors`.
    """

    def __init__(self, clock: BenchClock, errors: MeterErrors) -> None:
        self._clock = clock
        self._ahead_s = self.gain_per_s = 0.0
        self._lying = LyingClock("", 0.0)
        if isinstance(errors, OwnClockErrors):
            self._ahead_s = -errors.clock_offset_s
            self.gain_per_s = errors.clock_drift_s_per_day / DAY_S
            self._lying = LyingClock(errors.clock_lie, clock.utc().timestamp())

    def has(self, error_s: float = 0.0) -> datetime:
        """Return what it has, with so much of an error more, in UTC."""
        error_s += self._ahead_s + self.gain_per_s * self._clock.now_s()
        return self._clock.utc() + timedelta(seconds=error_s)

    def tells(self, error_s: float = 0.0) -> datetime:
        """Return what it tells, with so much of an error more, in UTC."""
        return self._lying.told(self.has(error_s))
