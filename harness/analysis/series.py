"""Shared groundwork: checked series, holes made visible, runs inside a band.

A missing sample is ``nan``. Time that no sample covers is made visible as one
more ``nan``, so that silence is never taken for steadiness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.recording import Series

Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

BATCHES = 10
"""Stretches between whose means the scatter of a mean is taken."""
HOLE_FACTOR = 5.0
"""A spacing beyond this many usual ones is a hole, unless a caller says otherwise."""


@dataclass(frozen=True, slots=True)
class Band:
    """Powers that count as there: from `low_w` to `high_w`, both inside. [W]"""

    low_w: float
    high_w: float

    def holds(self, power_w: Series) -> Mask:
        """Tell for each power whether it is in the band; ``nan`` is not."""
        inside: Mask = (power_w >= self.low_w) & (power_w <= self.high_w)
        return inside

    def __str__(self) -> str:
        if math.isinf(self.low_w):
            return f"at most {self.high_w:g} W"
        if math.isinf(self.high_w):
            return f"at least {self.low_w:g} W"
        return f"{self.low_w:g} to {self.high_w:g} W"


def band_around(target_w: float, tolerance_w: float) -> Band:
    """Return the band of a target, to be met from both sides. [W]"""
    return Band(target_w - tolerance_w, target_w + tolerance_w)


def at_most(limit_w: float) -> Band:
    """Return the band of an upper limit: anything below it is in. [W]"""
    return Band(-math.inf, limit_w)


def at_least(limit_w: float) -> Band:
    """Return the band of a lower limit: anything above it is in. [W]"""
    return Band(limit_w, math.inf)


def checked(
    time_s: Series, values: Series, *, max_gap_s: float | None = None
) -> tuple[Series, Series]:
    """Return the series with every hole in time shown as a ``nan`` sample.

    Parameters
    ----------
    time_s, values : ndarray of shape (n,)
        Bench times, not decreasing [s], and values with ``nan`` for missing.
    max_gap_s : float, optional
        Longest spacing that is not a hole; `usual_gap_s` if not given. [s]

    Raises
    ------
    ValueError
        If shapes differ, times decrease or are not numbers, or a value is infinite.
    """
    require_order(time_s, values)
    if np.isinf(values).any():
        raise ValueError(f"{int(np.isinf(values).sum())} values are infinite")
    spacing = np.diff(time_s)
    limit_s = usual_gap_s(time_s) if max_gap_s is None else max_gap_s
    holes = np.flatnonzero(spacing > limit_s)
    if not holes.size:
        return time_s, values
    middle = (time_s[holes] + time_s[holes + 1]) / 2
    return np.insert(time_s, holes + 1, middle), np.insert(values, holes + 1, np.nan)


def require_order(time_s: Series, values: Series) -> None:
    """Refuse a series whose times do not fit its values.

    Raises
    ------
    ValueError
        If shapes differ, times decrease, or a time is not a number.
    """
    if time_s.ndim != 1 or time_s.shape != values.shape:
        raise ValueError(f"time_s is {time_s.shape} but values are {values.shape}")
    if not np.all(np.diff(time_s) >= 0) or not np.isfinite(time_s).all():
        raise ValueError("time_s must be finite and must not decrease")


def usual_gap_s(time_s: Series) -> float:
    """Return the longest spacing that is no hole: five times the median. [s]"""
    spacing = np.diff(time_s)
    moving = spacing[spacing > 0]
    return HOLE_FACTOR * float(np.median(moving)) if moving.size else math.inf


def ends_early(time_s: Series, until_s: float) -> bool:
    """Tell whether the samples stop before the window does."""
    return bool(time_s.size == 0 or time_s[-1] + usual_gap_s(time_s) < until_s)


def framed(
    time_s: Series, values: Series, from_s: float, until_s: float
) -> tuple[Series, Series]:
    """Return the window's samples, holes and uncovered ends shown as ``nan``.

    The window includes `from_s` and excludes `until_s`: the sample taken when an
    event is released may already show the release. An end is uncovered if the
    recording begins or stops more than a hole's length inside the window. An
    infinite `until_s` ends with the recording.
    """
    before_s = float(np.nextafter(until_s, -math.inf))
    t, v = between(*checked(time_s, values), from_s, before_s)
    gap_s = usual_gap_s(time_s)
    if t.size and t[0] - from_s > gap_s:
        t, v = np.r_[from_s, t], np.r_[np.nan, v]
    if t.size and math.isfinite(until_s) and until_s - t[-1] > gap_s:
        t, v = np.r_[t, before_s], np.r_[v, np.nan]
    return t, v


def between(
    time_s: Series, values: Series, from_s: float, until_s: float
) -> tuple[Series, Series]:
    """Return the samples from `from_s` to `until_s`, both included."""
    first = int(np.searchsorted(time_s, from_s, side="left"))
    last = int(np.searchsorted(time_s, until_s, side="right"))
    return time_s[first:last], values[first:last]


def stacked(time_s: Series, values: Sequence[Series]) -> tuple[Series, Mask]:
    """Return a meter's quantities as rows, and which of its readings are whole.

    Raises
    ------
    ValueError
        If no quantity is given, or their shapes differ from `time_s`.
    """
    if not values or any(one.shape != time_s.shape for one in values):
        raise ValueError("give at least one quantity, each as long as time_s")
    table = np.stack(values)
    whole: Mask = np.logical_and.reduce(np.isfinite(table))
    return table, whole


def runs(
    inside: Mask, time_s: Series, *, ride_through_s: float = 0.0
) -> tuple[Index, Index]:
    """Return first and last index of each run of True.

    Two runs are one if the last sample of the first and the first sample of the
    second are at most `ride_through_s` apart: the longest that the departure
    between them can have lasted.
    """
    edges = np.flatnonzero(np.diff(np.r_[False, inside, False]))
    first, last = edges[::2], edges[1::2] - 1
    if first.size > 1 and ride_through_s > 0:
        apart = time_s[first[1:]] - time_s[last[:-1]] > ride_through_s
        first, last = first[np.r_[True, apart]], last[np.r_[apart, True]]
    return first, last


def seen_before(values: Series, index: int) -> int | None:
    """Return the index of the last sample before `index` that carries a value."""
    found = np.flatnonzero(np.isfinite(values[:index]))
    return int(found[-1]) if found.size else None


def batch_u(values: Series, batches: int = BATCHES) -> float:
    """Return the standard uncertainty of the mean of values that hang together.

    Neighbouring samples are not independent, so the scatter is taken between the
    means of ten stretches (batch means) instead of between samples.
    """
    finite = values[np.isfinite(values)]
    count = min(batches, finite.size // 2)
    if count < 2:
        return 0.0
    means = [float(part.mean()) for part in np.array_split(finite, count)]
    return float(np.std(means, ddof=1)) / math.sqrt(count)


def batch_dof(values: Series, batches: int = BATCHES) -> float:
    """Return the degrees of freedom of `batch_u`: one less than the stretches."""
    count = min(batches, int(np.isfinite(values).sum()) // 2)
    return float(count - 1) if count >= 2 else math.inf
