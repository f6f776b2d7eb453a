"""Who takes what of a virtual power plant's revenue, in whole pence.

An optimiser takes its share, an aggregator another of the same revenue; owners of the
assets have the rest. Source 002, C.6: 33 % of a small plant's revenue, 10 % of a large
one's, and 10 % for the aggregator. Between 1 MW and 10 MW the share falls with the
logarithm of the size: this project's reading.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

SMALL_MW, LARGE_MW = 1.0, 10.0


@dataclass(frozen=True, slots=True)
class ShareTerms:
    """What an optimiser and an aggregator take of revenue. [%]"""

    small_percent: float
    """The optimiser, of a plant of 1 MW."""
    large_percent: float
    """The optimiser, of a plant of 10 MW or more."""
    aggregator_percent: float

    def __post_init__(self) -> None:
        for percent in (self.small_percent, self.large_percent):
            if not 0 <= percent + self.aggregator_percent <= 100:
                raise ValueError("optimiser and aggregator take more than there is")
        if min(self.small_percent, self.large_percent, self.aggregator_percent) < 0:
            raise ValueError("a share below nothing")


@dataclass(frozen=True, slots=True)
class Shares:
    """One revenue, shared out. [p]"""

    optimiser_p: int
    aggregator_p: int
    owners_p: int


def optimiser_percent(terms: ShareTerms, plant_mw: float) -> float:
    """Return what an optimiser takes of a plant of this size. [%]"""
    if not plant_mw > 0:
        raise ValueError(f"a plant of {plant_mw:g} MW")
    size = min(max(plant_mw, SMALL_MW), LARGE_MW)
    along = math.log(size / SMALL_MW) / math.log(LARGE_MW / SMALL_MW)
    return terms.small_percent + along * (terms.large_percent - terms.small_percent)


def shared(revenue_p: int, terms: ShareTerms, *, plant_mw: float) -> Shares:
    """Share out a plant's revenue; what is rounded falls to the owners.

    Raises
    ------
    ValueError
        If there is a debt to share instead.
    """
    if revenue_p < 0:
        raise ValueError("a debt is not shared out")
    optimiser = _part(revenue_p, optimiser_percent(terms, plant_mw))
    aggregator = _part(revenue_p, terms.aggregator_percent)
    # Two roundings up could take a penny that is not there.
    aggregator = min(aggregator, revenue_p - optimiser)
    return Shares(optimiser, aggregator, revenue_p - optimiser - aggregator)


def _part(amount_p: int, percent: float) -> int:
    exact = Decimal(amount_p) * Decimal(str(round(percent, 6))) / 100
    return int(exact.to_integral_value(ROUND_HALF_UP))
