"""How often something started, and how short its runs and rests were.

Definitions: ``docs/definitions.md``, "starts in an hour", "shortest run",
"shortest rest". On and off have thresholds of their own, so that noise at one
threshold is not a hundred starts.
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import SAMPLING, UPDATE, MeterQuality
from harness.analysis.series import Index, Mask, framed, runs
from harness.core.recording import Series


def starts_in_an_hour(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    on_above_w: float,
    off_below_w: float,
    ride_through_s: float = 0.0,
) -> Estimate:
    """Most starts inside any 60 minutes of the window. [per hour]

    A start is a step from off to on between two samples. A gap longer than
    `ride_through_s` may hide one start more; `Estimate.unseen` counts it.

    Raises
    ------
    ValueError
        If `off_below_w` is above `on_above_w`.
    """
    t, p = framed(time_s, power_w, from_s, until_s)
    states = _states(p, on_above_w, off_below_w)
    if states is None:
        return Estimate(math.nan, "per hour", why=_NOTHING)
    starts_s = t[1:][states[1:] & ~states[:-1]]
    hidden_s = _gaps_s(t, p, ride_through_s)
    value = _most_in_an_hour(starts_s)
    most = _most_in_an_hour(np.sort(np.r_[starts_s, hidden_s]))
    return Estimate(
        float(value),
        "per hour",
        marks=tuple(("start", float(at_s)) for at_s in starts_s),
        unseen=(float(value), float(most)) if most > value else None,
    )


def shortest_run(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    on_above_w: float,
    off_below_w: float,
    meter: MeterQuality,
    ride_through_s: float = 0.0,
) -> Estimate:
    """Shortest whole stretch of being on, start and stop both seen. [s]

    ``nan`` if no whole run was seen: something that never stopped has no shortest
    run, and a check that observed nothing is no pass. A gap longer than
    `ride_through_s` may hide a shorter one; `Estimate.unseen` then reaches to 0.
    """
    t, p = framed(time_s, power_w, from_s, until_s)
    may_hide = _gaps_s(t, p, ride_through_s).size > 0
    states = _states(p, on_above_w, off_below_w)
    return _shortest(t, p, states, meter, on=True, may_hide=may_hide)


def shortest_rest(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    on_above_w: float,
    off_below_w: float,
    meter: MeterQuality,
    ride_through_s: float = 0.0,
) -> Estimate:
    """Shortest whole stretch of being off between two runs. [s]

    ``nan`` if there was none, as for `shortest_run`.
    """
    t, p = framed(time_s, power_w, from_s, until_s)
    may_hide = _gaps_s(t, p, ride_through_s).size > 0
    states = _states(p, on_above_w, off_below_w)
    return _shortest(t, p, states, meter, on=False, may_hide=may_hide)


_NOTHING = "no sample tells whether it was on or off"


def _shortest(
    t: Series,
    p: Series,
    states: Mask | None,
    meter: MeterQuality,
    *,
    on: bool,
    may_hide: bool,
) -> Estimate:
    if states is None:
        return Estimate(math.nan, "s", why=_NOTHING)
    changes = np.flatnonzero(states[1:] != states[:-1]) + 1
    begins, ends = changes[:-1], changes[1:]
    whole = states[begins] == on
    begins, ends = begins[whole], ends[whole]
    if not begins.size:
        word = "run" if on else "rest between two runs"
        hidden = (0.0, math.inf) if may_hide else None
        return Estimate(math.nan, "s", why=f"no whole {word} was seen", unseen=hidden)
    seen = np.flatnonzero(np.isfinite(p))
    vouched_s = t[_seen_before(seen, ends)] - t[begins]
    edges_s = np.stack([t[at] - t[_seen_before(seen, at)] for at in (begins, ends)])
    # Start and end each came within one spacing before the sample that shows it.
    # Both are late alike, so one spacing comes back; of two, the shorter, so that
    # a gap at either end never lengthens it.
    lasted_s = vouched_s + edges_s.min(axis=0)
    worst = int(np.argmin(lasted_s))
    begin, end = int(begins[worst]), int(ends[worst])
    spread_s = float(np.hypot(*edges_s[:, worst])) / math.sqrt(12)
    lines = (
        Contribution(SAMPLING, spread_s, "B", "the recording's spacing"),
        Contribution(UPDATE, meter.update_interval_s / math.sqrt(6), "B", meter.source),
    )
    value_s = float(lasted_s[worst])
    return Estimate(
        value_s,
        "s",
        tuple(line for line in lines if line.u > 0),
        marks=(("begins", float(t[begin])), ("ends", float(t[end]))),
        unseen=(0.0, value_s) if may_hide else None,
    )


def _seen_before(seen: Index, at: Index) -> Index:
    """Return the last index in `seen` before each index, itself if there is none."""
    before = np.searchsorted(seen, at, side="left") - 1
    found: Index = np.where(before >= 0, seen[np.maximum(before, 0)], at)
    return found


def _states(p: Series, on_above_w: float, off_below_w: float) -> Mask | None:
    """Return on or off for each sample; between thresholds the last state stands."""
    if off_below_w > on_above_w:
        raise ValueError(f"off below {off_below_w:g} W is above on ({on_above_w:g} W)")
    on, off = p > on_above_w, p < off_below_w
    known = np.flatnonzero(on | off)
    if not known.size:
        return None
    last = np.searchsorted(known, np.arange(p.size), side="right") - 1
    states: Mask = on[known[np.maximum(last, 0)]]
    return states


def _gaps_s(t: Series, p: Series, ride_through_s: float) -> Series:
    """Return when each gap longer than `ride_through_s` begins."""
    first, last = runs(np.isnan(p), t)
    edges = np.r_[t[:1], t, t[-1:]]
    long_enough = edges[last + 2] - edges[first] > ride_through_s
    at_s: Series = t[first[long_enough]]
    return at_s


def _most_in_an_hour(starts_s: Series) -> int:
    if not starts_s.size:
        return 0
    within = np.searchsorted(starts_s, starts_s + 3600.0, side="left")
    return int((within - np.arange(starts_s.size)).max())
