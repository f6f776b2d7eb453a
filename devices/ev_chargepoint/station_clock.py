"""The station's own clock: wrong by an option, stepped or drifting by a fault."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.core.clock import BenchClock


def stamp_of(posix_s: float) -> str:
    """Return a time as it stands in a message: ISO 8601 in UTC (3.14, 3.15)."""
    text = datetime.fromtimestamp(posix_s, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


class StationClock:
    """A clock that need not be right.

    Parameters
    ----------
    clock : BenchClock
        The bench's, which is.
    offset_s : float
        How far it is ahead at bench second 0. [s]
    gains_s_per_day : float
        How much it gains in a day; negative is slow. [s]
    """

    def __init__(
        self, clock: BenchClock, offset_s: float, gains_s_per_day: float = 0.0
    ) -> None:
        self._clock, self._offset_s = clock, offset_s
        self._gain_per_s = gains_s_per_day / 86_400
        self._stepped_s = self._drift_per_s = self._drifts_from_s = 0.0

    def posix_s(self) -> float:
        """Return what it shows, as POSIX time. [s]"""
        now_s = self._clock.now_s()
        drifted_s = self._drift_per_s * (now_s - self._drifts_from_s)
        drifted_s += self._gain_per_s * now_s
        ahead_s = self._offset_s + self._stepped_s + drifted_s
        return self._clock.utc().timestamp() + ahead_s

    def stamp(self) -> str:
        """Return what it shows, as it stands in a message."""
        return stamp_of(self.posix_s())

    def bench_wait_s(self, shown_s: float) -> float:
        """Return how long it takes until it shows so much more. [s]"""
        return shown_s / (1.0 + self._drift_per_s + self._gain_per_s)

    def step(self, ahead_s: float) -> None:
        """Jump so far ahead of the right time; 0 mends it. [s]"""
        self._stepped_s = ahead_s

    def drift(self, seconds_per_hour: float) -> None:
        """Run wrong from now on; 0 mends it, and sets it right again."""
        self._drift_per_s = seconds_per_hour / 3600.0
        self._drifts_from_s = self._clock.now_s()
