"""How a portfolio is read: how often, how late, how evenly, and in the right unit?

Definitions: ``docs/definitions.md``, "portfolio".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.aggregate.power import AggregatePower
from harness.analysis.aggregate.reads import Reads, checked_reads
from harness.analysis.aggregate.sums import Sums
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import CLOCK
from harness.core.recording import Series

THOUSAND = 1000.0
"""Between W and kW."""
BEYOND = 10.0
"""A power of more than this many ratings is none: no meter errs by that much."""
WITHIN = 1.5
"""Up to this many ratings a power may be that of the asset."""


@dataclass(frozen=True, slots=True)
class ReadIntervals:
    """Times between the reads of each asset, both ``(assets,)``. [s]"""

    median_s: Series
    """The usual one; ``nan`` for fewer than two reads."""
    longest_s: Series
    """The longest, the ends of the window included."""


def read_intervals(
    reads: Reads,
    assets: int,
    *,
    from_s: float,
    until_s: float,
    clock_offset_s: ArrayLike = 0.0,
    early_s: float = 0.0,
) -> ReadIntervals:
    """Return how often each asset was really read, by when its values were sampled.

    A failed read is none, nor is one with the stamp of another.
    ``docs/definitions.md``, "read interval achieved".

    Parameters
    ----------
    reads : Reads
        In any order.
    assets : int
        How many assets there are.
    from_s, until_s : float
        The window; its ends count for the longest interval. [s]
    clock_offset_s, early_s
        As for `checked_reads`.

    Raises
    ------
    ValueError
        As `checked_reads` does, or if the window is empty.
    """
    if not until_s > from_s:
        raise ValueError(f"from {from_s:g} s until {until_s:g} s there is nothing")
    good = checked_reads(reads, assets, clock_offset_s=clock_offset_s, early_s=early_s)
    some = good.only((good.sampled_s >= from_s) & (good.sampled_s < until_s))
    some = some.only(np.lexsort((some.sampled_s, some.asset)))
    edges = np.searchsorted(some.asset, np.arange(assets + 1))
    median_s, longest_s = np.full(assets, np.nan), np.empty(assets)
    for asset, (first, last) in enumerate(pairwise(edges)):
        at_s = np.unique(some.sampled_s[first:last])
        longest_s[asset] = np.diff(np.r_[from_s, at_s, until_s]).max()
        if at_s.size > 1:
            median_s[asset] = np.median(np.diff(at_s))
    return ReadIntervals(median_s, longest_s)


def read_latency(
    reads: Reads,
    assets: int,
    *,
    percent: float,
    clock_offset_s: ArrayLike = 0.0,
    clock_u_s: float = 0.0,
    early_s: float = 0.0,
) -> Estimate:
    """How old values are when they arrive: the age that `percent` of them keep to. [s]

    A percentage of the reads that carry a value: the least age of any read that so
    many do not exceed. ``docs/definitions.md``, "latency of reads".

    Parameters
    ----------
    reads : Reads
        In any order.
    assets : int
        How many assets there are.
    percent : float
        Which share of the reads; 100 is the latest of all. [%]
    clock_offset_s, early_s
        As for `checked_reads`.
    clock_u_s : float
        Standard uncertainty of the devices' clocks after correction. [s]

    Returns
    -------
    Estimate
        ``nan`` if no read carries a value.

    Raises
    ------
    ValueError
        As `checked_reads` does, or if `percent` is not above 0 and at most 100.
    """
    if not 0 < percent <= 100:
        raise ValueError(f"a share of {percent:g} % of the reads is none")
    good = checked_reads(reads, assets, clock_offset_s=clock_offset_s, early_s=early_s)
    if not good.count:
        return Estimate(math.nan, "s", why="no read carries a value")
    ages_s = good.arrival_s - good.sampled_s
    value_s = float(np.percentile(ages_s, percent, method="inverted_cdf"))
    lines = (Contribution(CLOCK, clock_u_s, "B", "the devices' clocks"),)
    return Estimate(value_s, "s", lines if clock_u_s > 0 else ())


def staggering(reads: Reads, *, interval_s: float) -> Estimate:
    """How evenly reads are spread over the read interval. [%]

    100 less the most by which the share of reads within any part of the interval
    differs from the share which that part is of it (Kuiper's V): 100 % if evenly
    spread, 0 % if all are taken at once. By as much the portfolio may seem to be ahead
    of, or behind, an even ramp after a step.
    ``docs/definitions.md``, "staggering".

    Parameters
    ----------
    reads : Reads
        Of one or more intervals.
    interval_s : float
        How often each asset is read. [s]
    """
    if not 0 < interval_s < math.inf:
        raise ValueError(f"a read interval of {interval_s:g} s is none")
    at_s = reads.sampled_s[~np.isnan(reads.power_w)]
    if not np.isfinite(at_s).all():
        raise ValueError("sampled_s must be finite in every read")
    if at_s.size < 2:
        return Estimate(math.nan, "%", why="fewer than two reads carry a value")
    place = np.sort(np.mod(at_s, interval_s)) / interval_s
    count = np.arange(at_s.size)
    ahead = float(((count + 1) / at_s.size - place).max())
    behind = float((place - count / at_s.size).max())
    return Estimate(100 * max(1 - ahead - behind, 0.0), "%")


def implausible_scale(
    power_w: Series, *, rating_w: float, least_share: float = 0.1
) -> Estimate:
    """By which factor a series is too large to be in watts; 1 if it may well be.

    1000: some value is more than ten times the rating, as if watts had been taken for
    kilowatts. 0.001: as kilowatts the series would be one of such an asset at work.
    ``docs/definitions.md``, "implausible scale".

    Parameters
    ----------
    power_w : ndarray of shape (n,)
        What is said to be power. [W]
    rating_w : float
        The most that the asset can do, or the fuse of its circuit lets through. [W]
    least_share : float
        Share of the rating by which something at work moves: more for an asset whose
        standby, taken for kilowatts, would look like work.

    Returns
    -------
    Estimate
        The factor, with the reason; ``nan`` if there is no value.

    Raises
    ------
    ValueError
        If the rating or the share is not above 0, or a power is infinite.
    """
    if not 0 < rating_w < math.inf:
        raise ValueError(f"a rating of {rating_w:g} W says nothing of the scale")
    if not least_share > 0:
        raise ValueError(f"least_share must be above 0: {least_share:g}")
    if np.isinf(power_w).any():
        raise ValueError("power_w is infinite")
    known = power_w[~np.isnan(power_w)]
    if not known.size:
        return Estimate(math.nan, "", why="there is no value")
    largest_w, moves_w = float(np.abs(known).max()), float(np.ptp(known))
    if largest_w > BEYOND * rating_w:
        why = f"{largest_w:.4g} W is {largest_w / rating_w:.3g} times the rating"
        return Estimate(THOUSAND, "", why=f"{why}: is it 1000 times too large?")
    as_kw = largest_w * THOUSAND <= WITHIN * rating_w
    if as_kw and moves_w * THOUSAND >= least_share * rating_w:
        why = f"it never leaves ±{largest_w:.4g} W of a rating of {rating_w:g} W"
        return Estimate(1 / THOUSAND, "", why=f"{why}: is it in kW?")
    return Estimate(1.0, "")


def seconds_present(aggregate: AggregatePower) -> Estimate:
    """Share of the seconds that have a value at all. [%]

    ``docs/definitions.md``, "share of seconds present".
    """
    if not aggregate.power_w.size:
        return Estimate(math.nan, "%", why="there is no second")
    return Estimate(100 * float(np.isfinite(aggregate.power_w).mean()), "%")


def assets_present(sums: Sums) -> Estimate:
    """Share of the assets that were present, over all seconds. [%]

    ``docs/definitions.md``, "share of assets present".
    """
    if not sums.seconds:
        return Estimate(math.nan, "%", why="there is no second")
    return Estimate(100 * float(sums.present.mean()) / sums.assets, "%")
