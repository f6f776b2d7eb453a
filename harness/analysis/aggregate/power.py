"""Aggregate power: what a portfolio drew each second, and what is not known of it.

``docs/definitions.md``, "aggregate power".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from harness.analysis.aggregate.sums import Count, Sums
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import OFFSET
from harness.core.recording import Series

RANDOM = "meter errors of their own"
SYSTEMATIC = "meter errors in common"
STALENESS = "staleness"
MISSING = "missing assets"


class Missing(StrEnum):
    """What a second is at which assets are missing."""

    GAP = "gap"
    """A gap: nobody knows what the portfolio drew."""
    LAST = "last"
    """The missing count with their last known power, anything from nothing to twice
    that being as likely."""


@dataclass(frozen=True, slots=True)
class AggregatePower:
    """Power of a portfolio with its standard uncertainty, each ``(seconds,)``."""

    from_s: int
    """The first second, bench time. [s]"""
    power_w: Series
    """Import positive; ``nan`` is a gap. [W]"""
    random_w: Series
    """Part of the uncertainty: errors that each meter has of its own. [W]"""
    systematic_w: Series
    """Part: errors in common, which more assets do not average out. [W]"""
    resolution_w: Series
    """Part: offset and resolution. [W]"""
    staleness_w: Series
    """Part: what power may have moved since it was read. [W]"""
    missing_w: Series
    """Part: what is not known of the assets missing; 0 where they make a gap. [W]"""
    effective_number: Series
    """(Σp)²/Σp²: how many equal assets would average out as much; ``nan`` at 0 W."""
    present: Count
    held: Count
    """Present, with a value that an earlier second had already."""
    missing: Count

    @property
    def time_s(self) -> Series:
        """Bench time of each second. [s]"""
        return self.from_s + np.arange(self.power_w.size, dtype=np.float64)

    @property
    def u_w(self) -> Series:
        """Combined standard uncertainty, parts taken as independent. [W]"""
        return np.sqrt(
            self.random_w**2
            + self.systematic_w**2
            + self.resolution_w**2
            + self.staleness_w**2
            + self.missing_w**2
        )

    def at(self, second_s: int) -> Estimate:
        """Return one second's power with its budget.

        Raises
        ------
        ValueError
            If there is no such second.
        """
        here = second_s - self.from_s
        if not 0 <= here < self.power_w.size:
            raise ValueError(f"there is no aggregate power at {second_s} s")
        if math.isnan(self.power_w[here]):
            gone, there = self.missing[here], self.present[here]
            why = f"{gone} of {gone + there} assets were missing at {second_s} s"
            return Estimate(math.nan, "W", why=why)
        lines = (
            (RANDOM, self.random_w, "each meter's share"),
            (SYSTEMATIC, self.systematic_w, "each cause's share"),
            (OFFSET, self.resolution_w, "each meter's step"),
            (STALENESS, self.staleness_w, "diffusion and age"),
            (MISSING, self.missing_w, "last power, or rating"),
        )
        return Estimate(
            float(self.power_w[here]),
            "W",
            tuple(
                Contribution(name, float(u_w[here]), "B", source)
                for name, u_w, source in lines
                if u_w[here] > 0
            ),
        )


def aggregate_power(sums: Sums, *, missing: Missing = Missing.GAP) -> AggregatePower:
    """Return what the sums say of the power of the portfolio. [W]

    Parameters
    ----------
    sums : Sums
        Over all assets of the portfolio.
    missing : Missing
        What a second is at which assets are missing. Counted with their last power,
        each adds |last|/√3 (even between nothing and twice that, whichever way it
        flows) and its staleness. One never heard of counts as 0 W with rating/√3, and
        makes a gap if nobody declared its rating.

    Notes
    -----
    ``docs/definitions.md``, "aggregate power" and "effective number".
    """
    counted = missing is Missing.LAST
    known = np.isfinite(sums.lost_variance_w2) if counted else sums.missing == 0
    power = sums.power_w + sums.lost_w if counted else sums.power_w
    square = sums.square_w2 + sums.lost_square_w2 if counted else sums.square_w2
    lost = sums.lost_variance_w2 if counted else np.zeros(sums.seconds)

    everywhere = bool(known.all())

    def only_known(values: Series) -> Series:
        return values if everywhere else np.where(known, values, np.nan)

    return AggregatePower(
        sums.from_s,
        power_w=only_known(power),
        random_w=only_known(np.sqrt(sums.random_w2)),
        systematic_w=only_known(np.sqrt((sums.systematic_w**2).sum(axis=0))),
        resolution_w=only_known(np.sqrt(sums.absolute_w2)),
        staleness_w=only_known(np.sqrt(sums.staleness_w2)),
        missing_w=only_known(np.sqrt(lost)),
        effective_number=only_known(_number(power, square)),
        present=sums.present,
        held=sums.held,
        missing=sums.missing,
    )


def effective_number(power_w: Series) -> float:
    """Return (Σp)²/Σp² of the powers of some assets; ``nan`` if all are 0.

    ``docs/definitions.md``, "effective number".

    Raises
    ------
    ValueError
        If there is no asset, or a power is missing or infinite.
    """
    if power_w.ndim != 1 or not power_w.size or not np.isfinite(power_w).all():
        raise ValueError(f"give a finite power for each asset: {power_w.shape}")
    return float(_number(power_w.sum(), np.square(power_w).sum()))


def _number(power: Series, square: Series) -> Series:
    some = square > 0
    number: Series = np.where(some, power**2 / np.where(some, square, 1.0), np.nan)
    return number
