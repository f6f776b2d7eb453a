"""How right a device's clock is, how fast it goes wrong, and stamps that lie.

``docs/definitions.md``, "clocks". Device time is positive if the clock is ahead. A
value that was asked for bounds its stamp from both sides: the clock showed it after
the question left and before the answer was there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import SAMPLING, SCATTER, one_sided_u, rectangular_u
from harness.core.calendar import LONDON
from harness.core.recording import Series

DAY_S = 86_400.0
RESOLUTIONS_S = (1.0, 0.1, 0.01, 0.001)
"""Steps that stamps come in; the largest that fits all of them is taken. Not more than
a second: values that are taken on the minute are stamped so, and right. [s]"""
LEAST_DELAY_S = 0.5
"""A pushed value's shortest way is taken to be anything up to this. [s]"""
NO_STAMP = "it gives no time of its own"


class Lie(StrEnum):
    """A stamp that is wrong in a way that has a name."""

    RESET = "its clock was reset (1970)"
    LOCAL_AS_UTC = "it sends local time as UTC"
    OTHER_ZONE = "it sends another zone's time as UTC"
    START_FOR_END = "it stamps the start of an interval for its end"
    END_FOR_START = "it stamps the end of an interval for its start"


@dataclass(frozen=True, slots=True)
class Stamps:
    """The stamps of one channel, with what bounds the instants they name.

    All on the bench clock, of one shape. [s]
    """

    asked_s: Series
    """When each value was asked for; for a pushed value its arrival."""
    arrival_s: Series
    device_s: Series
    """The device's own stamp; ``nan`` without one."""

    def __post_init__(self) -> None:
        shapes = {one.shape for one in (self.asked_s, self.arrival_s, self.device_s)}
        if len(shapes) > 1 or self.asked_s.ndim != 1:
            raise ValueError(f"the times of one channel have the shapes {shapes}")
        if np.isinf(self.device_s).any():
            raise ValueError("a stamp is infinite")
        if np.any(self.arrival_s < self.asked_s):
            raise ValueError("a value arrived before it was asked for")

    def between(self, from_s: float, until_s: float) -> Stamps:
        """Return the stamps that arrived from one time to before another."""
        inside = (self.arrival_s >= from_s) & (self.arrival_s < until_s)
        return self._only(inside)

    @property
    def known(self) -> Stamps:
        """Only what is stamped."""
        return self._only(np.isfinite(self.device_s))

    @property
    def pushed(self) -> bool:
        """Whether nothing was asked for: then only the arrival bounds a stamp."""
        return bool(np.all(self.asked_s == self.arrival_s))

    def _only(self, which: np.ndarray) -> Stamps:
        return Stamps(self.asked_s[which], self.arrival_s[which], self.device_s[which])


def stamp_resolution(device_s: Series, *, zero_s: float = 0.0) -> float:
    """Return the step that stamps come in. [s]

    Parameters
    ----------
    device_s : ndarray of shape (n,)
        Stamps on the bench clock, ``nan`` for none. [s]
    zero_s : float
        Civil seconds of bench second 0, so that whole seconds are whole. [s]

    Returns
    -------
    float
        The largest of `RESOLUTIONS_S` that all stamps are multiples of, 0 if none is.
        Stamps that happen to fall on whole seconds look coarser than they are.
    """
    stamps = device_s[np.isfinite(device_s)] + zero_s % 1.0
    for step_s in RESOLUTIONS_S:
        rest = np.abs(stamps / step_s - np.round(stamps / step_s)) * step_s
        if stamps.size and rest.max() < 1e-4:
            return step_s
    return 0.0


def clock_error(stamps: Stamps, *, zero_s: float = 0.0) -> Estimate:
    """How far a device's clock is ahead of the bench's. [s]

    Each stamp leaves a range in which the offset must lie: from the stamp less the
    arrival to the stamp, and one step of it, less the question. What all ranges have
    in common is where it is; if they have nothing in common (the clock drifts, or the
    device stamps before it is asked), their middles scatter around it. Of a pushed
    value only the arrival is known: its shortest way counts as up to `LEAST_DELAY_S`.
    ``docs/definitions.md``, "clock error".

    Returns
    -------
    Estimate
        ``nan`` if the device stamps nothing.
    """
    seen = stamps.known
    if not seen.device_s.size:
        return Estimate(math.nan, "s", why=NO_STAMP)
    low, high = _ranges(seen, zero_s)
    if low.max() <= high.min():
        width_s = float(high.min() - low.max())
        line = Contribution("question and answer", width_s / math.sqrt(12), "B", "wire")
        middle_s = float((high.min() + low.max()) / 2)
        return Estimate(middle_s, "s", (line,) if line.u > 0 else ())
    middles = (low + high) / 2
    u_s = float(np.median(high - low)) / math.sqrt(12)
    lines = [Contribution("question and answer", u_s, "B", "wire")]
    if middles.size > 1:
        scatter_s = float(middles.std(ddof=1)) / math.sqrt(middles.size)
        lines.append(
            Contribution(SCATTER, scatter_s, "A", "its stamps", middles.size - 1.0)
        )
    budget = tuple(line for line in lines if line.u > 0)
    return Estimate(float(middles.mean()), "s", budget)


def clock_drift_per_day(stamps: Stamps, *, zero_s: float = 0.0) -> Estimate:
    """How many seconds a day a device's clock gains on the bench's. [s/d]

    The slope of a straight line through the middles of the ranges of `clock_error`.
    ``docs/definitions.md``, "clock drift". ``nan`` if it was seen for less than a
    minute or stamps nothing; ten minutes cannot tell a second a day, and say so.
    """
    seen = stamps.known
    if seen.device_s.size < 3 or np.ptp(seen.arrival_s) < 60:
        why = NO_STAMP if not seen.device_s.size else "its clock was seen too briefly"
        return Estimate(math.nan, "s/d", why=why)
    low, high = _ranges(seen, zero_s)
    middles, t = (low + high) / 2, seen.arrival_s - seen.arrival_s.mean()
    spread = float((t**2).sum())
    slope = float((t * (middles - middles.mean())).sum()) / spread
    left_s = middles - middles.mean() - slope * t
    scatter = math.sqrt(float((left_s**2).sum()) / (t.size - 2) / spread)
    # Both ends of the line may be off by as much as a range is wide, either way.
    u_s = math.sqrt(2) * rectangular_u(float(np.median(high - low)) / 2)
    lines = (
        Contribution(SCATTER, DAY_S * scatter, "A", "the line", t.size - 2.0),
        Contribution("each offset", DAY_S * u_s / float(np.ptp(t)), "B", "wire"),
    )
    budget = tuple(line for line in lines if line.u > 0)
    return Estimate(DAY_S * slope, "s/d", budget)


def _ranges(seen: Stamps, zero_s: float) -> tuple[Series, Series]:
    """Return from where to where the offset may lie, by each stamp. [s]"""
    step_s = stamp_resolution(seen.device_s, zero_s=zero_s)
    low = seen.device_s - seen.arrival_s
    # A stamp is cut, not rounded: the clock showed up to one step more.
    high = seen.device_s + step_s - seen.asked_s
    return low, high + (LEAST_DELAY_S if seen.pushed else 0.0)


def clock_after(error: Estimate, drift: Estimate, days: float) -> Estimate:
    """How far off a clock will be that nobody sets for so many days. [s]

    Today's error and the drift go the same way at worst, so their sizes add; both
    uncertainties are carried. ``docs/definitions.md``, "clock error".
    """
    value = abs(error.value) + abs(drift.value) * days
    lines = [replace(line, name=f"now: {line.name}") for line in error.budget]
    lines += [
        replace(line, name=f"drift: {line.name}", u=line.u * days)
        for line in drift.budget
    ]
    return Estimate(value, "s", tuple(lines), why=error.why or drift.why)


def value_latency(
    stamps: Stamps,
    error: Estimate,
    *,
    share: float = 0.95,
    drift: Estimate | None = None,
) -> Estimate:
    """Age of a value when it is in our hands, by its stamp and its clock's error. [s]

    The age that `share` of the values stay within; arrival less stamp, plus what the
    clock is ahead. ``docs/definitions.md``, "latency".

    Returns
    -------
    Estimate
        ``nan`` if the device stamps nothing. Never below 0.
    """
    seen = stamps.known
    if not seen.device_s.size or math.isnan(error.value):
        return Estimate(math.nan, "s", why=error.why or NO_STAMP)
    age_s = seen.arrival_s - seen.device_s + error.value
    if drift is not None and math.isfinite(drift.value):
        age_s = age_s + drift.value / DAY_S * (seen.arrival_s - seen.arrival_s.mean())
    value = float(np.quantile(age_s, share, method="inverted_cdf"))
    step_s = stamp_resolution(seen.device_s)
    lines = [replace(line, name=f"clock: {line.name}") for line in error.budget]
    lines.append(Contribution(SAMPLING, one_sided_u(step_s), "B", "step of the stamps"))
    return Estimate(max(value, 0.0), "s", tuple(line for line in lines if line.u > 0))


def lie_of_clock(error: Estimate, at: datetime) -> Lie | None:
    """Name the lie that a clock's error amounts to; None if it has no name.

    Parameters
    ----------
    error : Estimate
        As `clock_error` gives it. [s]
    at : datetime
        When, with a time zone. In a British winter local time is UTC: that lie cannot
        be seen then.
    """
    if math.isnan(error.value):
        return None
    shown = at + timedelta(seconds=max(error.value, -1e10))
    if shown.year < 2001:
        return Lie.RESET
    slack_s = 60.0 + error.expanded
    local = at.astimezone(LONDON).utcoffset() or timedelta(0)
    if local and abs(error.value - local.total_seconds()) <= slack_s:
        return Lie.LOCAL_AS_UTC
    quarters = round(error.value / 900)
    off_s = abs(error.value - 900 * quarters)
    if quarters and abs(quarters) <= 4 * 14 and off_s <= slack_s < 450:
        return Lie.OTHER_ZONE
    return None


def lies_of(
    error: Estimate, at: datetime, others: Sequence[Lie | None] = ()
) -> tuple[Lie, ...]:
    """Return every lie that was found, each once."""
    found = [lie_of_clock(error, at), *others]
    return tuple(dict.fromkeys(lie for lie in found if lie is not None))
