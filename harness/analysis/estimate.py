"""A number with what is not known about it.

``docs/definitions.md``, "uncertainty". The coverage probability is 95.45 % throughout,
so that k = 2 where the degrees of freedom are many (JCGM 100:2008, 6.3 and G.6).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache

COVERED = math.erf(math.sqrt(2))
"""Coverage probability of every expanded uncertainty: that of ± 2 u, 95.45 %."""
_TAILS = (
    0.0, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 3.5e-3, 5e-3, 7.5e-3, 0.01, 0.015,
    (1 - COVERED) / 2, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.125, 0.15, 0.175, 0.2,
    0.225, 0.25, 0.275, 0.3, 0.325, 0.35, 0.375, 0.4, 0.425, 0.45, 0.475,
)  # fmt: skip
QUANTILES_AT = (*_TAILS, 0.5, *(1 - tail for tail in reversed(_TAILS)))
"""Probabilities at which a `Spread` keeps its quantiles, closer towards the tails."""
_LOW, _HIGH = _TAILS.index((1 - COVERED) / 2), -1 - _TAILS.index((1 - COVERED) / 2)


@dataclass(frozen=True, slots=True)
class Contribution:
    """One line of an uncertainty budget: a standard uncertainty and its origin."""

    name: str
    """``sampling interval``, ``meter``, ``clock``, …"""
    u: float
    """Standard uncertainty, in the unit of the estimate."""
    kind: str = "B"
    """``A`` (from the scatter of observations) or ``B`` (from anything else)."""
    source: str = ""
    """Where it comes from: a certificate, a class, the recording itself."""
    dof: float = math.inf
    """Degrees of freedom of `u`: how well the uncertainty itself is known."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the true value may lie, drawn by Monte Carlo (JCGM 101:2008).

    For models that are not linear, such as the instant at which power arrived. It
    takes the place of ``value ± k·u`` in every decision.
    """

    quantiles: tuple[float, ...]
    """At `QUANTILES_AT`, not decreasing; ``inf`` for draws in which it never was."""
    draws: int
    note: str = ""
    """What a reader should know of how it was drawn, as a clause."""

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95.45 % interval with equal tails (JCGM 101:2008, 7.7.2)."""
        return self.quantiles[_LOW], self.quantiles[_HIGH]

    def at_most(self, limit: float) -> float:
        """Return the probability that the true value is at most `limit`."""
        return self._below(limit, bisect_right(self.quantiles, limit))

    def at_least(self, limit: float) -> float:
        """Return the probability that the true value is at least `limit`."""
        return 1.0 - self._below(limit, bisect_left(self.quantiles, limit))

    def _below(self, limit: float, place: int) -> float:
        if place == 0:
            return 0.0
        if place == len(self.quantiles):
            return 1.0
        low, high = self.quantiles[place - 1], self.quantiles[place]
        part = 0.0 if math.isinf(high) or high == low else (limit - low) / (high - low)
        below, above = QUANTILES_AT[place - 1], QUANTILES_AT[place]
        return below + part * (above - below)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value, its unit and its uncertainty budget (JCGM 100).

    ``nan`` means that the recording does not say; ``inf`` that it never happened.
    """

    value: float
    unit: str
    budget: tuple[Contribution, ...] = ()
    why: str = ""
    """For ``nan`` or ``inf``: the reason, as a clause of a sentence."""
    marks: tuple[tuple[str, float], ...] = ()
    """Instants worth showing in the figure, as (name, bench time in s)."""
    unseen: tuple[float, float] | None = None
    """What the value could have been, from least to most, whatever the missing
    samples were. `value` itself takes them at their worst for the device where
    the quantity has a worst; see ``docs/definitions.md``, "gaps"."""
    covariance: float = 0.0
    """Sum of what correlated contributions add to the variance, or take from it:
    2·Σ uᵢ·uⱼ·rᵢⱼ, signed, in unit² (JCGM 100:2008, 5.2.2)."""
    spread: Spread | None = None
    """From Monte Carlo, where the model is not linear."""

    @property
    def u(self) -> float:
        """Combined standard uncertainty (JCGM 100:2008, 5.1.2 and 5.2.2)."""
        variance = sum(line.u * line.u for line in self.budget) + self.covariance
        return math.sqrt(max(variance, 0.0))

    @property
    def dof(self) -> float:
        """Effective degrees of freedom (Welch-Satterthwaite, JCGM 100:2008, G.4.1).

        The formula holds for independent contributions. If some are correlated, the
        fewest degrees of any contribution are taken, which is never too many.
        """
        known = [line for line in self.budget if math.isfinite(line.dof) and line.u > 0]
        u = self.u
        if not known or not 0 < u < math.inf:
            return math.inf
        if self.covariance:
            return min(line.dof for line in known)
        return float(1 / sum((line.u / u) ** 4 / line.dof for line in known))

    @property
    def coverage(self) -> float:
        """Coverage factor k for 95.45 %: Student's t at `dof`, 2 if they are many."""
        return coverage_factor(self.dof)

    @property
    def reach(self) -> tuple[float, float]:
        """How far below and above the value the truth may lie, at 95.45 %.

        k·u both ways; with a `spread` the distances to the ends of its interval.
        """
        if self.spread is None:
            half = self.coverage * self.u
            return half, half
        low, high = self.spread.interval
        return max(self.value - low, 0.0), max(high - self.value, 0.0)

    @property
    def expanded(self) -> float:
        """Expanded uncertainty U: the longer of both ways of `reach`."""
        return max(self.reach)

    def probability(
        self, at_least: float | None = None, at_most: float | None = None
    ) -> float:
        """Return the probability that the truth is inside bounds, ends included.

        Nothing but the measurement is known of it (JCGM 106:2012, 7.2 to 7.4): normal
        around the value, Student's t if `dof` are few (JCGM 101:2008, 6.4.9), or as
        the `spread` has it. ``nan`` for a value that was not seen.
        """
        if math.isnan(self.value):
            return math.nan
        below = 1.0 if at_most is None else self._at_most(at_most)
        # The lower bound itself is inside, so what is strictly below it is taken off.
        under = 0.0 if at_least is None else 1.0 - self._at_least(at_least)
        return max(below - under, 0.0)

    def _at_most(self, limit: float) -> float:
        if self.spread is not None:
            return self.spread.at_most(limit)
        return _cumulative(limit - self.value, self.u, self.dof)

    def _at_least(self, limit: float) -> float:
        if self.spread is not None:
            return self.spread.at_least(limit)
        return _cumulative(self.value - limit, self.u, self.dof)


@lru_cache(maxsize=1024)
def unless(why: str, measured: Estimate, unit: str) -> Estimate:
    """Return what was measured; where something forbids to use it, nothing, and why."""
    return Estimate(math.nan, unit, why=why) if why else measured


def coverage_factor(dof: float, covered: float = COVERED) -> float:
    """Return the coverage factor for degrees of freedom (JCGM 100:2008, G.3 and G.6).

    Raises
    ------
    ValueError
        If `dof` is not above 0 or `covered` is no probability between 0 and 1.
    """
    if not dof > 0 or not 0 < covered < 1:
        raise ValueError(f"no coverage factor for {dof:g} degrees at {covered:g}")
    if math.isinf(dof) and covered == COVERED:
        return 2.0
    # Costs 0.1 s: paid only where a scatter of few observations counts.
    from scipy.special import ndtri, stdtrit

    tail = (1 + covered) / 2
    return float(ndtri(tail) if math.isinf(dof) else stdtrit(dof, tail))


def _cumulative(distance: float, u: float, dof: float) -> float:
    """Return the probability of lying at most `distance` above the value."""
    if u == 0 or math.isinf(distance):
        return 1.0 if distance >= 0 else 0.0
    if math.isinf(u):
        return 0.5
    if math.isinf(dof):
        return 0.5 * math.erfc(-distance / (u * math.sqrt(2)))
    from scipy.special import stdtr

    return float(stdtr(dof, distance / u))
