"""Demand that made room for generation: when it was lost, and what stood without it.

``docs/definitions.md``, "moment of loss" and "time not covered".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import SAMPLING, one_sided_u
from harness.analysis.series import Mask, between, require_order, runs, stacked
from harness.core.recording import Series


def says_new(time_s: Series, *values: Series) -> Mask:
    """Return the readings with which a meter said something new.

    A reading that repeats the last in every quantity is as good as none: a meter whose
    values stand still cannot tell that anything was lost. One with a value missing
    says nothing, and the first whole one is new.

    Raises
    ------
    ValueError
        If no quantity is given, or their shapes differ from `time_s`.
    """
    table, is_whole = stacked(time_s, values)
    whole = np.flatnonzero(is_whole)
    found: Mask = np.zeros(time_s.size, dtype=bool)
    found[whole[:1]] = True
    found[whole[1:]] = (np.diff(table[:, whole], axis=1) != 0).any(axis=0)
    return found


@dataclass(frozen=True, slots=True)
class Loss:
    """When a demand was lost."""

    at_s: float
    silent: bool
    """Nothing new was heard of it from then on; otherwise it was seen to fall."""


def lost_at(
    time_s: Series,
    power_w: Series,
    *,
    level_w: float,
    from_s: float,
    until_s: float,
    silent_s: float,
    stands_s: float = 0.0,
) -> Loss | None:
    """Return when a demand that had risen was lost, or not heard of; None if never.

    Parameters
    ----------
    time_s, power_w : ndarray of shape (n,)
        What was heard of it: only readings that said something new. [s], [W]
    level_w : float
        It has risen at this level and is lost below it. [W]
    from_s, until_s : float
        The window. [s]
    silent_s : float
        It is lost, too, from the last reading before so long a silence. [s]
    stands_s : float
        How long it must be below the level to be lost. [s]
    """
    require_order(time_s, power_w)
    t, p = between(time_s, power_w, from_s, until_s)
    seen = np.isfinite(p)
    t, p = t[seen], p[seen]
    risen = np.flatnonzero(p >= level_w)
    if not risen.size:
        return None
    t, p = t[risen[0] :], p[risen[0] :]
    found = []
    first, last = runs(p < level_w, t)
    ends_s = np.append(t, until_s)[last + 1] if first.size else t[:0]
    long = np.flatnonzero(ends_s - t[first] >= stands_s)
    if long.size:
        found.append(Loss(float(t[first[long[0]]]), silent=False))
    gaps = np.flatnonzero(np.diff(t, append=until_s) > silent_s)
    if gaps.size:
        found.append(Loss(float(t[gaps[0]]), silent=True))
    return min(found, key=lambda one: one.at_s, default=None)


def uncovered_for(
    demand_time_s: Series,
    demand_rise_w: Series,
    time_s: Series,
    beyond_w: Series,
    *,
    margin_w: float,
    from_s: float,
    until_s: float,
) -> Estimate:
    """Longest time for which generation stood beyond its own without demand. [s]

    Parameters
    ----------
    demand_time_s, demand_rise_w : ndarray of shape (m,)
        By how much demand had risen. [s], [W]
    time_s, beyond_w : ndarray of shape (n,)
        By how much generation was beyond its own capacity. [s], [W]
    margin_w : float
        So much of it needs no demand: what both meters may be wrong by. [W]
    from_s, until_s : float
        The window. [s]

    Returns
    -------
    Estimate
        Each end is known to a sampling interval. ``nan`` if either meter saw nothing.
    """
    t, beyond = between(time_s, beyond_w, from_s, until_s)
    known, seen = np.isfinite(demand_rise_w), np.isfinite(beyond)
    t, beyond = t[seen], beyond[seen]
    if not known.any() or t.size < 2:
        return Estimate(math.nan, "s", why="a meter of the two saw nothing")
    rise = np.interp(t, demand_time_s[known], demand_rise_w[known])
    first, last = runs(beyond - np.maximum(rise, 0.0) > margin_w, t)
    spacing_s = float(np.median(np.diff(t)))
    line = Contribution(SAMPLING, one_sided_u(spacing_s), "B", "reading interval")
    if not first.size:
        return Estimate(0.0, "s", (line,))
    ends_s = np.append(t, t[-1])[last + 1]
    lengths = ends_s - t[first]
    worst = int(np.argmax(lengths))
    marks = (("not covered from", float(t[first[worst]])),)
    return Estimate(float(lengths[worst]), "s", (line,), marks=marks)
