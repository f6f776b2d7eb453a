"""Settlement days in a row, and stamps that say which half-hour is meant.

`harness.core.calendar` knows what a settlement period is. Here are the stamps of the
documents, and arrays: day by day, with as many periods as each day has.
``docs/definitions.md``, "settlement periods".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.core.calendar import (
    LONDON,
    PERIOD,
    SettlementPeriod,
    civil,
    local_midnight,
    period_of,
    periods_in,
)
from harness.core.errors import UsageError

Index = NDArray[np.intp]
USUAL, MOST = 48, 50
"""Periods of most days, and of the day on which the clocks go back."""


class Stamp(StrEnum):
    """Which end of its half-hour a stamp names."""

    START = "start"
    END = "end"


def period_stamped(stamp: datetime, end: Stamp) -> SettlementPeriod:
    """Return the settlement period that a stamp names.

    Parameters
    ----------
    stamp : datetime
        With its time zone; without one it is refused, as nobody knows which is meant.
    end : Stamp
        Readings of Flexible Power are stamped at the interval's end, in UTC; BSC data
        at its start.

    Raises
    ------
    UsageError
        If the stamp has no time zone or is no boundary between two periods.
    """
    if stamp.tzinfo is None:
        hint = "UTC, such as 2027-03-28T01:00:00Z"
        raise UsageError(f"stamp {stamp}", "it names no time zone", hint)
    instant = stamp.astimezone(UTC)
    if instant.minute % 30 or instant.second or instant.microsecond:
        raise UsageError(
            f"stamp {instant:%Y-%m-%dT%H:%M:%S}Z",
            "half-hours begin and end at :00 and :30",
            "the stamp of a whole half-hour",
        )
    return period_of(instant - PERIOD if end is Stamp.END else instant)


def period_at_local(clock: datetime, *, later: bool | None = None) -> SettlementPeriod:
    """Return the period that begins when local clocks show a time.

    Baselines of Flexible Power are stamped so. `later` says which of both showings is
    meant in the hour that the clocks show twice.

    Raises
    ------
    UsageError
        If clocks never show it, or show it twice and `later` is not given.
    """
    instant = civil(clock.date(), clock.time(), later=later)
    return period_stamped(instant, Stamp.START)


@lru_cache(maxsize=4096)
def local_slots(day: date) -> tuple[int, ...]:
    """Return for each period of a day the half-hour of local clocks, from 0 to 47.

    Two slots are missing when the clocks go forward; two stand twice when they go back.
    """
    first = local_midnight(day)
    clocks = (
        (first + number * PERIOD).astimezone(LONDON)
        for number in range(periods_in(day))
    )
    return tuple(2 * clock.hour + clock.minute // 30 for clock in clocks)


@dataclass(frozen=True)
class Grid:
    """Settlement days in a row: the days of arrays shaped (mpans, days, periods).

    Arrays are 50 periods wide; what a day does not have is ``nan`` or 0 there.
    """

    days: tuple[date, ...]

    @cached_property
    def counts(self) -> Index:
        """How many periods each day has."""
        return np.array([periods_in(day) for day in self.days], dtype=np.intp)

    @cached_property
    def starts(self) -> Index:
        """How many periods lie before each day; one more entry for all of them."""
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.intp)

    @cached_property
    def slots(self) -> Index:
        """Local half-hours, shape (days, 50); −1 where a day has no such period."""
        found = np.full((len(self.days), MOST), -1, dtype=np.intp)
        for place, day in enumerate(self.days):
            own = local_slots(day)
            found[place, : len(own)] = own
        return found

    @property
    def has(self) -> NDArray[np.bool_]:
        """Which periods there are, shape (days, 50)."""
        return self.slots >= 0

    def place(self, period: SettlementPeriod) -> tuple[int, int]:
        """Return where a period stands in arrays: day and period, from 0.

        Raises
        ------
        UsageError
            If its day is not among these.
        """
        day = (period.day - self.days[0]).days
        if not 0 <= day < len(self.days):
            span = f"a day from {self.days[0]} to {self.days[-1]}"
            raise UsageError(str(period), "it lies outside the days settled", span)
        return day, period.number - 1

    def row(self, day: Index | int, period: Index | int) -> Index:
        """Return how many periods lie before; days and periods from 0."""
        return np.asarray(self.starts[day] + period, dtype=np.intp)

    def back(self, row: Index) -> tuple[Index, Index]:
        """Return day and period, from 0, of what `row` counted."""
        day = np.searchsorted(self.starts, row, side="right") - 1
        return day, row - self.starts[day]


def grid(first: date, last: date) -> Grid:
    """Return the days from the first to the last, both included.

    Raises
    ------
    UsageError
        If the last lies before the first.
    """
    if last < first:
        raise UsageError(f"{first} to {last}", "ends before it begins", "two dates")
    count = (last - first).days + 1
    return Grid(tuple(first + timedelta(days=number) for number in range(count)))


def placed(
    stamps: Sequence[datetime], energy_wh: Sequence[float], end: Stamp, days: Grid
) -> NDArray[np.float64]:
    """Return one meter's half-hours where they belong, shape (days, 50). [Wh]

    What no stamp names stays ``nan``: nothing is filled.

    Raises
    ------
    UsageError
        If a stamp names no half-hour of these days, or two name the same.
    """
    found = np.full((len(days.days), MOST), np.nan)
    taken: set[tuple[int, int]] = set()
    for stamp, energy in zip(stamps, energy_wh, strict=True):
        period = period_stamped(stamp, end)
        where = days.place(period)
        if where in taken:
            raise UsageError(str(period), "two readings name it", "one reading each")
        taken.add(where)
        found[where] = energy
    return found
