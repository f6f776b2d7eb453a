"""May a meter judge at all: is it alive, complete, and read often enough?

Definitions: ``docs/definitions.md``, "frozen meter", "completeness", "largest gap",
"read interval".
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import SAMPLING, one_sided_u
from harness.analysis.series import Mask, between, checked, require_order, runs, stacked
from harness.core.recording import Series


def frozen_for(
    time_s: Series, *values: Series, from_s: float, until_s: float
) -> Estimate:
    """Longest stretch in which every quantity of a meter repeats exactly. [s]

    Give all that it measures: power may rest at 0 W for hours, mains voltage never
    repeats in every digit. Missing samples are skipped: they neither break a frozen
    stretch nor make one.

    Raises
    ------
    ValueError
        If no quantity is given, or their shapes differ from `time_s`.
    """
    table, whole = stacked(time_s, values)
    use = whole & (time_s >= from_s) & (time_s <= until_s)
    t, rows = time_s[use], table[:, use]
    if t.size < 2:
        return Estimate(math.nan, "s", why="fewer than two whole readings")
    same: Mask = (np.diff(rows, axis=1) == 0).all(axis=0)
    first, last = runs(same, t[1:])
    if not first.size:
        return Estimate(0.0, "s")
    lengths = t[last + 1] - t[first]
    worst = int(np.argmax(lengths))
    spacing_s = float(np.median(np.diff(t)))
    return Estimate(
        float(lengths[worst]),
        "s",
        (Contribution(SAMPLING, one_sided_u(spacing_s), "B", "reading interval"),),
        marks=(("frozen from", float(t[first[worst]])),),
    )


def completeness(
    time_s: Series,
    values: Series,
    *,
    from_s: float,
    until_s: float,
    interval_s: float,
) -> Estimate:
    """Share of the intervals of a window that hold a value. [%]

    The window is cut into intervals of `interval_s` from its start; an interval is
    complete if any sample in it carries a value, so that reading twice in one does
    not make up for another.
    """
    if not interval_s > 0 or not until_s > from_s:
        raise ValueError("the interval and the window must be longer than 0 s")
    expected = max(math.floor((until_s - from_s) / interval_s + 1e-9), 1)
    seen = np.isfinite(values) & (time_s >= from_s) & (time_s < until_s)
    turns = (time_s[seen] - from_s) / interval_s
    # Half an interval of grace either way: a read that is a little late is not missing.
    # Where reads come just as one interval ends and the next begins, they are counted
    # by intervals cut elsewhere.
    filled = max(_slots_filled(turns, expected), _slots_filled(turns + 0.5, expected))
    return Estimate(100 * filled / expected, "%")


def _slots_filled(turns: Series, expected: int) -> int:
    slots = np.floor(turns).astype(np.int64)
    return int(np.unique(np.minimum(slots, expected - 1)).size)


def largest_gap(
    time_s: Series, values: Series, *, from_s: float, until_s: float
) -> Estimate:
    """Longest time between two values, the window's ends included. [s]

    What is infinite is no value.
    """
    require_order(time_s, values)
    t, v = between(time_s, values, from_s, until_s)
    seen_s = t[np.isfinite(v)]
    edges = np.r_[from_s, seen_s, until_s]
    spacing = np.diff(edges)
    worst = int(np.argmax(spacing))
    return Estimate(
        float(spacing[worst]), "s", marks=(("gap from", float(edges[worst])),)
    )


def is_silent(gap: Estimate, most_s: float) -> bool:
    """Whether a gap is longer than allowed, to the second.

    A meter that speaks just as often as it must comes a few milliseconds late at times.
    """
    return math.isfinite(gap.value) and round(gap.value) > most_s


def read_interval(
    time_s: Series, values: Series, *, from_s: float, until_s: float
) -> Estimate:
    """Usual time between two values: the median. [s]"""
    t, v = between(time_s, values, from_s, until_s)
    spacing = np.diff(t[np.isfinite(v)])
    if not spacing.size:
        return Estimate(math.nan, "s", why="fewer than two values in the window")
    return Estimate(float(np.median(spacing)), "s")


def lowest(
    time_s: Series,
    values: Series,
    *,
    from_s: float,
    until_s: float,
    unit: str,
    u: float,
    max_gap_s: float,
) -> Estimate:
    """Lowest value seen in a window, such as the indoor temperature.

    `u` is the sensor's standard uncertainty, in `unit`. A gap longer than
    `max_gap_s` may hide anything lower. ``docs/definitions.md``, "lowest value".
    """
    t, v = between(*checked(time_s, values), from_s, until_s)
    if not np.isfinite(v).any():
        return Estimate(math.nan, unit, why="no value in the window")
    at = int(np.nanargmin(v))
    value = float(v[at])
    gap_s = largest_gap(time_s, values, from_s=from_s, until_s=until_s).value
    return Estimate(
        value,
        unit,
        (Contribution("sensor", u, "B", "the sensor's accuracy"),) if u > 0 else (),
        marks=(("lowest", float(t[at])),),
        unseen=(-math.inf, value) if gap_s > max_gap_s else None,
    )
