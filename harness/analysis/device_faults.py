"""What betrays a device that does not stay where it was asked to be.

Pure functions of series. Definitions: ``docs/definitions.md``, "device faults".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import SAMPLING, one_sided_u
from harness.analysis.series import Band, between, framed, runs
from harness.core.recording import Series

SETTLED_S = 10.0
"""So long at a level it is there, and not on its way through. [s]"""
NOTHING_SHARE, NOTHING_W = 0.05, 30.0
"""Power of at most this share of its level, or this much, is none. [W]"""


def left_unasked(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    band: Band,
    dwell_s: float,
    ride_through_s: float,
) -> Estimate:
    """How long power was away from a band that it had reached, before it might. [s]

    Departures up to `ride_through_s` do not count. The mark says when it first left.

    Returns
    -------
    Estimate
        0 if it stayed; ``nan`` if it was never there for `dwell_s`.
    """
    t, p = framed(time_s, power_w, from_s, until_s)
    inside = band.holds(p)
    first, last = runs(inside, t, ride_through_s=ride_through_s)
    stayed = np.flatnonzero(t[last] - t[first] >= dwell_s) if first.size else first
    if not stayed.size:
        return Estimate(math.nan, "s", why="it was never there to leave")
    arrived = int(first[stayed[0]])
    outside = ~inside & np.isfinite(p)
    outside[:arrived] = False
    begin, end = runs(outside, t)
    nexts = np.minimum(end + 1, t.size - 1)
    away_s = t[nexts] - t[begin]
    counts = away_s > ride_through_s
    if not counts.any():
        return Estimate(0.0, "s")
    spacing_s = float(np.median(np.diff(t)))
    return Estimate(
        float(away_s[counts].sum()),
        "s",
        (Contribution(SAMPLING, one_sided_u(spacing_s), "B", "reading interval"),),
        marks=(("left", float(t[begin[counts][0]])),),
    )


def at_nothing(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    level_w: float,
    told: Sequence[tuple[float, float]] = (),
) -> Estimate:
    """Longest time without power of what had it and was not told to stop. [s]

    What it does right after it was told something is its answer, pausing included: a
    time without power counts only once it drew what it was told for `SETTLED_S`, or,
    while it was told nothing, anything at all for as long.

    Parameters
    ----------
    level_w : float
        What it draws, or feeds in, while nobody asks anything. [W]
    told : sequence of (float, float)
        When it was told to go to which level, in order; ``nan`` is a release. [s], [W]
    """
    none_w = max(NOTHING_W, NOTHING_SHARE * abs(level_w))
    edges = [(from_s, math.nan), *(one for one in told if from_s < one[0] < until_s)]
    ends = [at_s for at_s, _w in edges[1:]] + [until_s]
    worst, fell_s, seen = 0.0, math.nan, False
    for (begin_s, asked_w), end_s in zip(edges, ends, strict=True):
        t, p = between(time_s, np.abs(power_w), begin_s, end_s)
        at = _settled(t, p, abs(asked_w), none_w)
        seen = seen or at is not None
        if at is None or abs(asked_w) <= 2 * none_w:
            continue
        first, last = runs(p[at:] <= none_w, t[at:])
        for i, j in zip(first.tolist(), last.tolist(), strict=True):
            if t[at + j] - t[at + i] > worst:
                worst, fell_s = float(t[at + j] - t[at + i]), float(t[at + i])
    if not seen:
        return Estimate(math.nan, "s", why="it drew nothing that it could lose")
    return Estimate(worst, "s", marks=(("fell", fell_s),) if worst else ())


def _settled(t: Series, p: Series, asked_w: float, none_w: float) -> int | None:
    """Index from which on it had drawn what it should for `SETTLED_S`."""
    there = p > 2 * none_w
    if not math.isnan(asked_w):
        there &= (p >= asked_w / 2) & (p <= 1.5 * asked_w)
    first, last = runs(there, t)
    long = np.flatnonzero(t[last] - t[first] >= SETTLED_S) if first.size else first
    return int(first[long[0]]) if long.size else None


def went_back(
    time_s: Series, values: Series, *, sent_s: float, until_s: float
) -> Estimate:
    """How long a read-back setting was as before an instruction, in spite of it. [s]

    For a read-back of a setting. 0 if it stayed as it was set; ``nan`` if the setting
    never changed after the instruction, or was not read.
    """
    seen = np.isfinite(values)
    t, v = time_s[seen], values[seen]
    _t, earlier = between(t, v, -math.inf, sent_s)
    after_s, after = between(t, v, float(np.nextafter(sent_s, math.inf)), until_s)
    if not earlier.size or not after.size:
        return Estimate(math.nan, "s", why="the setting was not read back")
    changed = np.flatnonzero(after != earlier[-1])
    if not changed.size:
        return Estimate(math.nan, "s", why="the setting did not change when told")
    back = after == earlier[-1]
    back[: changed[0]] = False
    first, last = runs(back, after_s)
    if not first.size:
        return Estimate(0.0, "s")
    ends_s = np.where(
        last + 1 < after_s.size,
        after_s[np.minimum(last + 1, after_s.size - 1)],
        until_s,
    )
    return Estimate(
        float((ends_s - after_s[first]).sum()),
        "s",
        marks=(("went back", float(after_s[first[0]])),),
    )


def refreshes(times_s: Series, *, before_s: float, within_s: float) -> Estimate:
    """How many instructions were sent in the time before a moment."""
    recent = times_s[(times_s < before_s) & (times_s >= before_s - within_s)]
    return Estimate(float(recent.size), "messages")
