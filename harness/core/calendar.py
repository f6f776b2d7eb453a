"""Civil time: settlement days and periods, and how each document stamps them.

A settlement day runs from local midnight to local midnight in Great Britain and is
cut into half-hours of real time: 48 of them, 46 on the day the clocks go forward,
50 on the day they go back (BSC; 46 and the UTC rule for meters are unverified here).
Meters run UTC. Nothing but this module turns the one into the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from harness.core.errors import UsageError

LONDON = ZoneInfo("Europe/London")
"""Settlement days, clock times in feature files and baselines are local to it."""
PERIOD = timedelta(minutes=30)
PERIOD_S = PERIOD.total_seconds()


@dataclass(frozen=True, slots=True, order=True)
class SettlementPeriod:
    """One half-hour of a settlement day, counted from 1 in real elapsed time.

    Raises
    ------
    UsageError
        If the day has no such period.
    """

    day: date
    """The settlement day: a local date."""
    number: int
    """1 to 48; to 46 or 50 on the days of a clock change."""

    def __post_init__(self) -> None:
        last = periods_in(self.day)
        if not 1 <= self.number <= last:
            raise UsageError(
                f"settlement day {self.day}",
                f"it has periods 1 to {last}, not {self.number}",
                "a period of that day",
            )

    @property
    def start(self) -> datetime:
        """When it begins, in UTC."""
        return local_midnight(self.day) + (self.number - 1) * PERIOD

    @property
    def end(self) -> datetime:
        """When it ends and the next begins, in UTC."""
        return self.start + PERIOD

    @property
    def start_local(self) -> datetime:
        """When it begins on local clocks.

        Flexible Power stamps baselines so, and Elexon settlement periods
        (facts-gb, list B 15: unverified).
        """
        return self.start.astimezone(LONDON)

    @property
    def end_utc_stamp(self) -> str:
        """The stamp of a Flexible Power reading: the interval's end, in UTC.

        Source: Flexible Power portal, public FAQ, "reading timestamp".
        """
        return self.end.strftime("%Y-%m-%dT%H:%M:%SZ")

    def __str__(self) -> str:
        """Read as settlement people say it: ``2027-03-28 SP 3``."""
        return f"{self.day} SP {self.number}"


@dataclass(frozen=True, slots=True)
class PeriodOnBench:
    """The part of a settlement period that a trial covers, in bench time."""

    period: SettlementPeriod
    from_s: float
    until_s: float

    @property
    def whole(self) -> bool:
        """Whether the trial covers all of it; only then can it be settled."""
        return math.isclose(self.until_s - self.from_s, PERIOD_S, abs_tol=1e-6)


def local_midnight(day: date) -> datetime:
    """Return when a local day begins, in UTC."""
    return datetime.combine(day, time(), LONDON).astimezone(UTC)


def periods_in(day: date) -> int:
    """Return how many settlement periods a local day has: 46, 48 or 50."""
    lasts = local_midnight(day + timedelta(days=1)) - local_midnight(day)
    return lasts // PERIOD


def period_of(instant: datetime) -> SettlementPeriod:
    """Return the settlement period that holds an instant; a boundary begins one.

    Raises
    ------
    ValueError
        If the instant carries no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone")
    day = instant.astimezone(LONDON).date()
    elapsed = instant.astimezone(UTC) - local_midnight(day)
    return SettlementPeriod(day, 1 + elapsed // PERIOD)


def periods_between(start: datetime, end: datetime) -> Iterator[SettlementPeriod]:
    """Yield every settlement period that has a part in ``[start, end)``."""
    at = start
    while at < end:
        period = period_of(at)
        yield period
        at = period.end


def periods_on_bench(
    starts_at: datetime, *, from_s: float, until_s: float
) -> list[PeriodOnBench]:
    """Cut a stretch of bench time at the boundaries of settlement periods.

    Parameters
    ----------
    starts_at : datetime
        Civil time of bench second 0, with its time zone.
    from_s, until_s : float
        The stretch, in bench time. [s]
    """
    zero = starts_at.astimezone(UTC)
    first, last = (zero + timedelta(seconds=at_s) for at_s in (from_s, until_s))
    return [
        PeriodOnBench(
            period,
            max(from_s, (period.start - zero).total_seconds()),
            min(until_s, (period.end - zero).total_seconds()),
        )
        for period in periods_between(first, last)
    ]


def civil(day: date, clock: time, *, later: bool | None = None) -> datetime:
    """Return the instant at which local clocks show a time on a day, in UTC.

    Parameters
    ----------
    later : bool, optional
        When the clocks go back they show an hour twice: whether the second
        showing is meant.

    Raises
    ------
    UsageError
        If clocks never show it that day, or show it twice and `later` is not given.
    """
    first, second = (
        datetime.combine(day, clock.replace(fold=fold), LONDON).astimezone(UTC)
        for fold in (0, 1)
    )
    where = f"{clock:%H:%M} on {day}"
    if first.astimezone(LONDON).time() != clock.replace(tzinfo=None):
        raise UsageError(where, "the clocks go forward over it", "an hour later")
    if first != second and later is None:
        raise UsageError(
            where, "the clocks go back and show it twice", "a time outside that hour"
        )
    return second if later else first
