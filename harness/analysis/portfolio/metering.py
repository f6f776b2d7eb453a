"""How homes are read: how often, when, how well, how late, and how often not at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.aggregate.meters import AssetMeters, asset_meters
from harness.analysis.aggregate.power import Missing
from harness.analysis.portfolio.distribution import Distribution
from harness.analysis.quality import rectangular_u
from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class Metering:
    """How every home of a portfolio is read, and what its aggregator makes of it."""

    interval_s: int
    """From one read to the next, the same for all. [s]"""
    staggered: bool
    """Whether each home is read at a second of its own, or all at the same one."""
    latency_s: Distribution
    """From a read until the aggregator has it; each home its own. [s]"""
    error: Distribution
    """Error that each meter has of its own, as a share of the reading."""
    own_u: float
    """Its standard uncertainty, as the aggregator knows it."""
    common_u: float
    """Standard uncertainty of what meters of one make err in common, as a share."""
    makes: int
    """How many makes of meter there are, in equal parts."""
    bias: float
    """Error that every meter has and nobody declared, as a share of the reading."""
    resolution_w: float
    lost: float
    """Share of the reads that never arrive, each on its own. From 0 to 1."""
    outages_per_day: float
    outage_s: Distribution
    """How long a home is not heard of in an outage. [s]"""
    hold_s: float
    """For how long the aggregator takes a read for the power of a home. [s]"""
    missing: Missing
    """What it does about homes whose last read is older."""
    decimals: int
    """Decimal places of the megawatts that it sends."""

    def declared(
        self, rating_w: Series, diffusion_w2_per_s: float, make: NDArray[np.intp]
    ) -> AssetMeters:
        """Return what the aggregator knows of some homes' meters."""
        return asset_meters(
            rating_w.size,
            random_u=self.own_u,
            systematic_u=self.common_u,
            cause=make,
            absolute_u_w=rectangular_u(self.resolution_w / 2),
            diffusion_w2_per_s=diffusion_w2_per_s,
            rating_w=rating_w,
            causes=self.makes,
        )

    def make_of(self, first_home: int, homes: int) -> NDArray[np.intp]:
        """Return the make of each meter: in turn, so that any part holds all."""
        return (np.arange(first_home, first_home + homes) % self.makes).astype(np.intp)

    def make_errors(self, seed: int) -> Series:
        """Return what the meters of each make err in common, ``(makes,)``."""
        rng = np.random.default_rng([seed, _MAKES])
        return self.bias + self.common_u * rng.standard_normal(self.makes)


_MAKES = 0x6D616B65
"""Tells the draws of the makes from those of the homes."""


@dataclass(frozen=True, slots=True)
class HomesRead:
    """The reads of some homes."""

    table_w: Series
    """What was read, ``(homes, seconds)``; ``nan`` where there was no read. [W]"""
    lag_s: Series
    """How late the reads of each home arrive. [s]"""
    expected: NDArray[np.int64]
    """Reads that each home should have given."""
    arrived: NDArray[np.int64]
    """Reads that it gave."""
    usual_s: Series
    """Median time between its reads; ``nan`` for fewer than two. [s]"""


@dataclass(frozen=True, slots=True)
class Meters:
    """The meters of some homes, every array ``(homes,)``."""

    error: Series
    """What each errs on its own, as a share of the reading."""
    phase_s: NDArray[np.int64]
    """At which second of the read interval each is read. [s]"""
    lag_s: Series
    """How late the reads of each arrive. [s]"""
    seed: NDArray[np.int64]
    """Of the reads that each loses."""


def draw_meters(metering: Metering, rng: np.random.Generator, homes: int) -> Meters:
    """Return the meters of some homes."""
    phase = np.zeros(homes, dtype=np.int64)
    error = metering.error.draw(rng, homes)
    spread = rng.integers(metering.interval_s, size=homes)
    if metering.staggered:
        phase = np.asarray(spread, dtype=np.int64)
    lag_s = np.maximum(metering.latency_s.draw(rng, homes), 0.0)
    seed = np.asarray(rng.integers(1 << 62, size=homes), dtype=np.int64)
    return Meters(error, phase, lag_s, seed)


def read_homes(
    true_w: Series,
    metering: Metering,
    meters: Meters,
    common: Series,
) -> HomesRead:
    """Read some homes over a day, each by its own meter.

    Parameters
    ----------
    true_w : ndarray of shape (homes, seconds)
        True power, import positive. [W]
    metering : Metering
        How they are read.
    meters : Meters
        Theirs, as `draw_meters` gives them.
    common : ndarray of shape (homes,)
        What each errs in common with its make (`Metering.make_errors`), as a share.
    """
    homes, seconds = true_w.shape
    step = metering.interval_s
    gain = 1 + common + meters.error
    read = HomesRead(
        np.full((homes, seconds), np.nan),
        meters.lag_s,
        np.zeros(homes, dtype=np.int64),
        np.zeros(homes, dtype=np.int64),
        np.full(homes, np.nan),
    )
    for home in range(homes):
        here = slice(int(meters.phase_s[home]), None, step)
        values = _shown(true_w[home, here] * gain[home], metering.resolution_w)
        gone = _gone(values.size, metering, int(meters.seed[home]))
        read.expected[home] = values.size
        if gone is not None:
            values[gone] = np.nan
            read.arrived[home] = values.size - int(gone.sum())
            read.usual_s[home] = step * _usual_gap(np.flatnonzero(~gone))
        else:
            read.arrived[home] = values.size
            read.usual_s[home] = step if values.size > 1 else math.nan
        read.table_w[home, here] = values
    return read


def _shown(power_w: Series, resolution_w: float) -> Series:
    if resolution_w == 0:
        return power_w
    shown: Series = np.rint(power_w / resolution_w) * resolution_w
    return shown


def _gone(reads: int, metering: Metering, seed: int) -> NDArray[np.bool_] | None:
    """Tell which reads of a home never arrive; None if all do."""
    gone = None
    if metering.lost == 0 and metering.outages_per_day == 0:
        return gone
    rng = np.random.default_rng(seed)
    if metering.lost > 0:
        gone = rng.random(reads) < metering.lost
    if metering.outages_per_day > 0:
        days = reads * metering.interval_s / 86_400
        count = int(rng.poisson(metering.outages_per_day * days))
        if count:
            gone = np.zeros(reads, dtype=np.bool_) if gone is None else gone
            begins = rng.integers(reads, size=count)
            lasts_s = metering.outage_s.draw(rng, count)
            for at, lasts in zip(begins, lasts_s / metering.interval_s, strict=True):
                gone[at : at + math.ceil(max(lasts, 0.0))] = True
    return gone


def _usual_gap(there: NDArray[np.intp]) -> float:
    """Median distance of neighbours, in reads."""
    if there.size < 2:
        return math.nan
    counts = np.cumsum(np.bincount(np.diff(there)))
    return float(np.searchsorted(counts, (there.size - 1) / 2))
