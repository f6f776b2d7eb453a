"""Clocks that tell another time than they have, by name: for emulated devices."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from harness.core.calendar import LONDON

Lie = Literal["", "1970", "local as UTC"]
"""``1970``: the clock was reset, and counts from the beginning of 1970 since the bench
began. ``local as UTC``: it tells the time of London, and calls that UTC."""


class LyingClock:
    """What a clock tells.

    Parameters
    ----------
    lie : str
        How it lies; empty for not at all.
    began_s : float
        What it had when it was reset, as POSIX time. [s]
    """

    def __init__(self, lie: Lie, began_s: float) -> None:
        self._lie, self._began_s = lie, began_s

    def told_s(self, posix_s: float) -> float:
        """Return what it tells when it has this time, both as POSIX time. [s]"""
        if self._lie == "1970":
            return posix_s - self._began_s
        if self._lie == "local as UTC":
            offset = datetime.fromtimestamp(posix_s, LONDON).utcoffset()
            return posix_s + (offset.total_seconds() if offset else 0.0)
        return posix_s

    def told(self, at: datetime) -> datetime:
        """Return the same for a time in UTC; the time itself if it does not lie."""
        if not self._lie:
            return at
        return datetime.fromtimestamp(self.told_s(at.timestamp()), UTC)
