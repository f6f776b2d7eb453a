"""The periods that a meter stores: how long, how many, and stamped at which end.

``docs/definitions.md``, "clocks".
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from harness.analysis.clocks import DAY_S, Lie, stamp_resolution
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import scaled
from harness.core.recording import Series

HOUR_S = 3600.0


def period_length(
    stamps_s: Series, *, nominal_s: float, drift: Estimate | None = None
) -> Estimate:
    """How far a meter's periods are from the length they should have. [%]

    From the first stamp to the last, over the periods between them; what the meter's
    clock gains meanwhile is taken off. ``docs/definitions.md``, "period length".

    Parameters
    ----------
    stamps_s : ndarray of shape (n,)
        The stamps of the periods, in any order. [s]
    nominal_s : float
        The length that a period should have. [s]
    drift : Estimate, optional
        What the clock gains. [s/d]

    Returns
    -------
    Estimate
        ``nan`` if there are fewer than two periods, or two share a stamp.
    """
    if not nominal_s > 0:
        raise ValueError(f"a period of {nominal_s:g} s is none")
    known = np.sort(stamps_s[np.isfinite(stamps_s)])
    apart_s = np.diff(known)
    if not apart_s.size:
        return Estimate(math.nan, "%", why="fewer than two periods")
    if not np.all(apart_s > nominal_s / 2):
        return Estimate(math.nan, "%", why="two periods share a stamp")
    count = float(np.round(apart_s / nominal_s).sum())
    gained = (
        drift.value / DAY_S if drift is not None and drift.value == drift.value else 0
    )
    mean_s = float(known[-1] - known[0]) / count / (1 + gained)
    step_u = stamp_resolution(known) / math.sqrt(6) / (count * nominal_s)
    lines = [Contribution("step of the stamps", 100 * step_u, "B", "its stamps")]
    if drift is not None and gained:
        lines += [
            replace(line, name=f"drift: {line.name}", u=100 * line.u / DAY_S)
            for line in drift.budget
        ]
    budget = tuple(line for line in lines if line.u > 0)
    return Estimate(100 * (mean_s / nominal_s - 1), "%", budget)


def days_stored(stamps_s: Series, energy_wh: Series, *, period_s: float) -> Estimate:
    """How many days of periods a meter gave back, without a hole, to the latest. [days]

    A period without a value ends it, as a missing one does. An exact count.
    ``docs/definitions.md``, "days stored".
    """
    if stamps_s.shape != energy_wh.shape:
        raise ValueError("stamps and energies differ in shape")
    valid = np.unique(stamps_s[np.isfinite(energy_wh) & np.isfinite(stamps_s)])
    if not valid.size:
        return Estimate(math.nan, "days", why="it gave back no period")
    holes = np.flatnonzero(np.diff(valid) > 1.5 * period_s)
    first = int(holes[-1]) + 1 if holes.size else 0
    return Estimate((valid.size - first) * period_s / DAY_S, "days")


def lie_of_intervals(
    stamps_s: Series,
    energy_wh: Series,
    register_s: Series,
    register_wh: Series,
    *,
    period_s: float,
    stamped: str = "end",
) -> Lie | None:
    """Tell whether intervals are stamped at the other end than is said of them.

    Each interval's energy is compared with what a reference register counted over the
    interval that its stamp names, and over the one on the other side of the stamp.

    Parameters
    ----------
    stamps_s, energy_wh : ndarray of shape (n,)
        When each interval is stamped, bench time [s], and its energy. [Wh]
    register_s, register_wh : ndarray of shape (m,)
        A reference meter's counting register. [s], [Wh]
    period_s : float
        Length of an interval. [s]
    stamped : str
        ``end`` or ``start``: what is said of the stamps.

    Returns
    -------
    Lie or None
        None if the stamps are as said, or if energies were too even to tell.
    """
    if stamped not in ("end", "start"):
        raise ValueError(f"an interval has a start and an end, no {stamped!r}")
    if stamps_s.shape != energy_wh.shape or register_s.shape != register_wh.shape:
        raise ValueError("stamps and energies differ in shape")
    misses = []
    for shift_s in (-period_s, 0.0):
        begin_s = stamps_s + shift_s
        use = (begin_s >= register_s[0]) & (begin_s + period_s <= register_s[-1])
        use &= np.isfinite(energy_wh)
        counted = np.interp(begin_s + period_s, register_s, register_wh) - np.interp(
            begin_s, register_s, register_wh
        )
        miss = np.abs(energy_wh - counted)[use]
        misses.append(float(np.sqrt((miss**2).mean())) if miss.size > 1 else math.inf)
    by_end, by_start = misses
    if min(misses) * 3 >= max(misses) or math.isinf(max(misses)):
        return None
    found = "end" if by_end < by_start else "start"
    if found == stamped:
        return None
    return Lie.START_FOR_END if stamped == "end" else Lie.END_FOR_START


def shifted_energy(begins_w: float, ends_w: float, error: Estimate) -> Estimate:
    """What a clock that is off moves into a period, less what it moves out. [Wh]

    A clock that is ahead closes the period early: it leaves out what is drawn at the
    end and takes in what was drawn before the beginning, each for as long as it is
    ahead. ``docs/definitions.md``, "energy shifted by a clock".

    Parameters
    ----------
    begins_w, ends_w : float
        Power around the beginning and the end of the period. [W]
    error : Estimate
        How far the clock is ahead. [s]

    Returns
    -------
    Estimate
        Positive if the period counts more than it should; its budget is the clock's.
    """
    per_s = (begins_w - ends_w) / HOUR_S
    return scaled(error, per_s, "Wh") if per_s else Estimate(0.0, "Wh", why=error.why)
