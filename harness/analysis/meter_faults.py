"""What betrays a meter that errs grossly: by its values, its clock, another meter.

Pure functions of series. Definitions: ``docs/definitions.md``, "meter faults".
A frozen meter and a silent one: `harness.analysis.health`.
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.agreement import held_at
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN, SAMPLING, SCATTER, MeterQuality
from harness.analysis.series import Index, Mask, between, runs
from harness.core.recording import Series

APART_S, LEVEL_S = 5, 10
"""A step is the difference of two medians, over `LEVEL_S` and at least twice as long as
values of both may stand, from before and after the time in which two meters may show
it: `APART_S` and as long as each value stands. [s]"""
LARGE_SHARE = 0.25
"""Steps of at least this share of the largest are looked at."""
LEAST_STEP_W = 500.0
"""A smaller step says nothing about a meter: other loads make such steps. [W]"""
HIDDEN_BELOW = 0.4
"""A smaller share of the other's step may be that of loads which it alone sees."""
MOST_OF_LOADS_W = 25_000.0
"""What loads that no other meter sees can move by at once: 100 A of one phase. [W]"""
LEAST_LEVEL_W = 100.0
"""A lower level is too near to nothing to name a factor of. [W]"""
SEEN_SHARE = 0.1
"""A step of which the other meter shows less than this share happened in one only."""
LEAST_REPEAT = 5
"""Different readings in a stretch before its repetition is no chance."""


def gain_against(
    time_s: Series,
    power_w: Series,
    other_time_s: Series,
    other_w: Series,
    *,
    from_s: float,
    until_s: float,
    meter: MeterQuality,
    other_meter: MeterQuality,
    unseen_loads: bool = True,
) -> Estimate:
    """What a meter shows of its steps, as a share of what another shows of them. [%]

    100 for two good meters, −100 if one is reversed. If the meter made a step alone, it
    is its level after that step as a share of its level before: the meter changed, not
    the power. Otherwise it is that of the large step on which they agree best.
    ``docs/definitions.md``, "gain against another meter".

    Parameters
    ----------
    unseen_loads : bool
        Whether the other meter sees loads that this one does not.

    Returns
    -------
    Estimate
        ``nan`` if the meter shows no step of 500 W or more, or if loads that it does
        not see moved by far more at the same times.
    """
    grid_s: Series = np.arange(math.ceil(from_s), until_s, dtype=np.float64)
    spacing_s = _spacing_s(time_s, meter), _spacing_s(other_time_s, other_meter)
    guard = math.ceil(APART_S + sum(spacing_s))
    # What one meter shows later than the other is no level of their difference.
    level = max(LEVEL_S, math.ceil(2 * sum(spacing_s)) + 1)
    if grid_s.size < 2 * (guard + level):
        return Estimate(math.nan, "%", why="the window is too short for a step")
    mine, others = (
        _levels(held_at(t, p, grid_s, max_age_s=2 * each + LEVEL_S), guard, level)
        for t, p, each in (
            (time_s, power_w, spacing_s[0]),
            (other_time_s, other_w, spacing_s[1]),
        )
    )
    found = _ratio(*mine, *others, guard)
    if found is None:
        return Estimate(math.nan, "%", why="power did not change enough to tell")
    ratio, at, alone, seen_w = found
    hidden = abs(ratio) < HIDDEN_BELOW and abs(seen_w) < MOST_OF_LOADS_W
    if unseen_loads and not alone and hidden:
        return Estimate(math.nan, "%", why="other loads moved far more than it did")
    u = 100 * abs(ratio) * math.hypot(meter.relative_u, other_meter.relative_u)
    return Estimate(
        100 * ratio,
        "%",
        (Contribution(GAIN, u, "B", f"{meter.source}; {other_meter.source}"),),
        marks=(("step", float(grid_s[at + level + guard])),),
    )


def _spacing_s(time_s: Series, meter: MeterQuality) -> float:
    """How long what a meter shows may stand: its own interval, or ours. [s]"""
    usual_s = float(np.median(np.diff(time_s))) if time_s.size > 1 else 0.0
    return max(usual_s, meter.update_interval_s)


def _ratio(
    before: Series, after: Series, seen_before: Series, seen_after: Series, guard: int
) -> tuple[float, int, bool, float] | None:
    """Return what the meter's steps are to the other's, by the step that says most.

    Ratio, index of that step, whether the meter made it alone, and what the other
    showed of it. [W]
    """
    step_w = np.nan_to_num(after - before)
    seen_w = _extreme(np.nan_to_num(seen_after - seen_before), guard)
    size_w = np.where(np.isfinite(seen_after - seen_before), np.abs(step_w), 0.0)
    largest = int(np.argmax(size_w))
    if size_w[largest] < LEAST_STEP_W:
        return None
    steps = size_w >= max(LEAST_STEP_W, SEEN_SHARE * size_w[largest])
    alone = steps & (np.abs(seen_w) < np.minimum(SEEN_SHARE * size_w, LEAST_STEP_W / 2))
    if not alone.any():
        whole = size_w >= 0.9 * np.abs(_extreme(step_w, guard))  # not half a step
        large = np.flatnonzero(whole & (size_w >= LARGE_SHARE * size_w[largest]))
        ratios = step_w[large] / seen_w[large]
        # One step that both show alike clears them: loads of its own disturb the other.
        best = int(np.argmin(np.abs(np.log(np.abs(ratios))) + 100.0 * (ratios < 0)))
        at = int(large[best])
        return float(ratios[best]), at, False, float(seen_w[at])
    at = int(np.argmax(np.where(alone, size_w, 0.0)))
    # From nothing to something that nobody else sees: no factor can be named.
    ratio = math.copysign(1 / SEEN_SHARE, after[at])
    if abs(before[at]) >= LEAST_LEVEL_W:
        ratio = float(after[at] / before[at])
    return ratio, at, True, float(seen_w[at])


def _extreme(values: Series, reach: int) -> Series:
    """The value farthest from zero within so many samples of each."""
    padded = np.pad(values, reach)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    farthest = np.argmax(np.abs(windows), axis=1)
    found: Series = windows[np.arange(values.size), farthest]
    return found


def _levels(values: Series, guard: int, level: int) -> tuple[Series, Series]:
    """Medians before and after each moment that has room for both."""
    windows = np.lib.stride_tricks.sliding_window_view(values, level)
    medians: Series = np.median(windows, axis=1)
    apart = level + 2 * guard
    return medians[:-apart], medians[apart:]


def implausible(time_s: Series, values: Series, *, low: float, high: float) -> Estimate:
    """How many of the values are outside what there can be."""
    if not np.isfinite(values).any():
        return Estimate(math.nan, "readings", why="no value in the window")
    wrong = np.flatnonzero((values < low) | (values > high))
    marks = (("first", float(time_s[wrong[0]])),) if wrong.size else ()
    return Estimate(float(wrong.size), "readings", marks=marks)


def given_again(time_s: Series, *values: Series) -> Estimate:
    """Longest stretch that repeats an earlier one in every digit of every quantity. [s]

    Repeating the value just before is not meant (`health.frozen_for`): the stretch must
    hold five different readings. A live meter repeats a reading by chance, no stretch.
    The marks say from when on, and since when those values were known.
    """
    table = np.stack(values)
    use = np.isfinite(table).all(axis=0)
    t, rows = time_s[use], table[:, use].T
    if t.size < 2 * LEAST_REPEAT:
        return Estimate(math.nan, "s", why="too few whole readings")
    known = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    back = _distances_back(known)
    worst = 0.0
    marks: tuple[tuple[str, float], ...] = ()
    for first, last in _stretches(back):
        lasted_s = float(t[last] - t[first])
        if lasted_s > worst and np.unique(known[first : last + 1]).size >= LEAST_REPEAT:
            worst = lasted_s
            marks = _marks(t, first, int(back[first]))
    return Estimate(worst, "s", marks=marks)


def _marks(t: Series, first: int, back: int) -> tuple[tuple[str, float], ...]:
    return (("again from", float(t[first])), ("known since", float(t[first - back])))


def _distances_back(known: Index) -> Index:
    """How many readings before its own run each reading was last given; 0: never."""
    back = np.zeros(known.size, dtype=np.intp)
    began_at: dict[int, int] = {}
    began = 0
    for index, reading in enumerate(known.tolist()):
        if index and reading != known[index - 1]:
            began_at[int(known[index - 1])] = began
            began = index
        back[index] = began - began_at.get(reading, began)
    return back


def _stretches(back: Index) -> list[tuple[int, int]]:
    """First and last index of each run of one distance back."""
    edges = np.flatnonzero(np.diff(back)) + 1
    firsts, lasts = np.r_[0, edges], np.r_[edges - 1, back.size - 1]
    pairs = zip(firsts.tolist(), lasts.tolist(), strict=True)
    return [(first, last) for first, last in pairs if back[first] > 0]


def lateness(arrival_s: Series, device_s: Series) -> Estimate:
    """Longest time from a value's own time stamp to its arrival. [s]

    ``nan`` if the device gives no time of its own.
    """
    age_s = arrival_s - device_s
    known = np.isfinite(age_s)
    if not known.any():
        return Estimate(math.nan, "s", why="the device gives no time of its own")
    worst = int(np.nanargmax(np.where(known, age_s, -np.inf)))
    marks = (("arrived", float(arrival_s[worst])),)
    return Estimate(float(age_s[worst]), "s", marks=marks)


def clock_step(arrival_s: Series, device_s: Series) -> Estimate:
    """Largest jump of a device's clock against the bench's; ahead is positive. [s]

    The median offset of five values before each moment against five after it. ``nan``
    if the device gives no time of its own.
    """
    known = np.isfinite(device_s) & np.isfinite(arrival_s)
    t, offset_s = arrival_s[known], (device_s - arrival_s)[known]
    if t.size < 2 * LEAST_REPEAT:
        return Estimate(math.nan, "s", why="the device gives no time of its own")
    windows = np.lib.stride_tricks.sliding_window_view(offset_s, LEAST_REPEAT)
    medians = np.median(windows, axis=1)
    jumps = medians[LEAST_REPEAT:] - medians[:-LEAST_REPEAT]
    if not jumps.size:
        return Estimate(math.nan, "s", why="too few values to tell")
    worst = int(np.argmax(np.abs(jumps)))
    marks = (("step", float(t[worst + LEAST_REPEAT])),)
    return Estimate(float(jumps[worst]), "s", marks=marks)


def clock_drift(at_s: Series, offset_s: Series, *, u_s: float = 0.0) -> Estimate:
    """How fast an offset grows: seconds in each hour, fast is positive. [s/h]

    A straight line through offsets (device clock less bench clock, or the lead of one
    meter over another, taken at two moments or more). `u_s` is the standard
    uncertainty of each.
    """
    known = np.isfinite(offset_s) & np.isfinite(at_s)
    t, offsets = at_s[known], offset_s[known]
    if t.size < 2 or np.ptp(t) <= 0:
        return Estimate(math.nan, "s/h", why="the clock was seen at one moment only")
    centred = t - t.mean()
    spread = float((centred**2).sum())
    slope = float((centred * (offsets - offsets.mean())).sum()) / spread
    left_s = offsets - offsets.mean() - slope * centred
    dof = t.size - 2
    scatter_s = math.sqrt(float((left_s**2).sum()) / max(dof, 1))
    lines = (
        Contribution(
            SCATTER, 3600 * scatter_s / math.sqrt(spread), "A", "the line",
            float(dof) if dof else math.inf,
        ),
        Contribution("each offset", 3600 * u_s / math.sqrt(spread), "B", "as given"),
    )  # fmt: skip
    return Estimate(3600 * slope, "s/h", tuple(line for line in lines if line.u > 0))


def stands_still(
    time_s: Series,
    values: Series,
    other_time_s: Series,
    other_w: Series,
    *,
    from_s: float,
    until_s: float,
    least_move_w: float,
) -> Estimate:
    """Longest stretch of one repeated value in which another meter moved. [s]

    For a device's own power against its meter. The meter must have moved by
    `least_move_w` or more, one reading of the device's before the stretch ended: it had
    the time to show it.
    """
    seen = np.isfinite(values)
    t, v = between(time_s[seen], values[seen], from_s, until_s)
    if t.size < 2:
        return Estimate(math.nan, "s", why="fewer than two values in the window")
    same: Mask = np.diff(v) == 0
    first, last = runs(same, t[1:])
    worst, began_s = 0.0, math.nan
    for i, j in zip(first.tolist(), last.tolist(), strict=True):
        _t, w = between(other_time_s, other_w, float(t[i]), float(t[j]))
        moved = w[np.isfinite(w)]
        lasted_s = float(t[j + 1] - t[i])
        if moved.size and np.ptp(moved) >= least_move_w and lasted_s > worst:
            worst, began_s = lasted_s, float(t[i])
    spacing_s = float(np.median(np.diff(t)))
    budget = (Contribution(SAMPLING, spacing_s / math.sqrt(3), "B", "its interval"),)
    marks = (("from", began_s),) if worst else ()
    return Estimate(worst, "s", budget if worst else (), marks=marks)
