"""How many homes make the target, and would the control room see their unit?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from harness.analysis.portfolio.needed import (
    HomesNeeded,
    homes_for,
    homes_needed,
    share_delivered,
)
from harness.analysis.portfolio.seen import Seen, seen
from harness.analysis.portfolio.unit import Each, Portfolio, Unit, pilot, unit_of
from harness.checks.access import Access, access
from harness.portfolio.file import PortfolioFile
from harness.portfolio.learn import Lessons
from harness.rulebook.book import Rulebook
from harness.rulebook.where import regimes

SIZES = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
"""Units whose accuracy is shown, as far as the sample reaches."""
FEWER = 0.9
"""Part of the homes needed with which the target is seen to be missed more often."""
FEWEST = 100
"""Fewest homes a sample is drawn of: from fewer nothing can be told."""


@dataclass(frozen=True, slots=True)
class Size:
    """How well a unit of some size is seen."""

    homes: int
    error_percent: float
    """Steady-state error; ``nan`` if it never rested."""
    expected_percent: float
    floor_percent: float
    lag_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything the page shows."""

    file: PortfolioFile
    portfolio: Portfolio
    lessons: Lessons | None
    sample: Unit
    """The homes that the answer is drawn from."""
    needed: HomesNeeded
    delivers: float
    """How often a unit of so many homes delivers, drawn anew. From 0 to 1."""
    delivers_fewer: float
    """The same with a tenth of them less."""
    unit: Unit
    """A unit of that size, or of the whole sample if no number would do."""
    view: Seen
    stands: Sequence[Access]
    """How it stands against every edition of operational metering."""
    sizes: Sequence[Size]
    by_hour: Sequence[float]
    """Homes needed were they told in each half-hour of the day; ``inf`` for never."""
    decision_rule: str
    on: date

    @property
    def target_w(self) -> float:
        """What is to be delivered. [W]"""
        return self.file.target.mw * 1e6


def answer(
    file: PortfolioFile,
    *,
    sample: int,
    rulebook: Rulebook,
    on: date,
    decision_rule: str,
    lessons: Lessons | None = None,
    outdoor_c: float | None = None,
    seed: int | None = None,
    each: Each | None = None,
) -> Answer:
    """Work a portfolio out and judge it.

    Parameters
    ----------
    file : PortfolioFile
        What declares it.
    sample : int
        Homes that the answer is drawn from; more make it surer.
    rulebook : Rulebook
        Whose editions of operational metering it is held against.
    on : datetime.date
        Date of the question, for the report.
    decision_rule : str
        As `decide` takes it.
    lessons : Lessons, optional
        What a bench taught: it stands for what the file declares.
    outdoor_c : float, optional
        Mean outdoor temperature instead of the file's. [°C]
    seed : int, optional
        Instead of the file's.
    each : callable, optional
        Who works it out; see `unit_of`.

    Raises
    ------
    UsageError
        If the weather is given for homes that do not mind it.
    ValueError
        If the sample is too small.
    """
    if sample < FEWEST:
        raise ValueError(f"from {sample} homes nothing can be told, {FEWEST} or more")
    portfolio = file.unit(outdoor_c=outdoor_c)
    if lessons is not None:
        portfolio = lessons.over(portfolio)
    if seed is not None:
        portfolio = replace(portfolio, seed=seed)
    portfolio = replace(portfolio, diffusion_w2_per_s=pilot(portfolio))
    drawn = unit_of(portfolio, sample, each=each)
    target_w, confidence = file.target.mw * 1e6, file.target.confidence_percent / 100
    needed = homes_needed(drawn.delivered_w, target_w=target_w, confidence=confidence)
    found = math.isfinite(needed.homes)
    homes = int(needed.homes) if found else sample
    delivers = [
        share_delivered(
            drawn.delivered_w, homes=max(int(part * homes), 1), target_w=target_w,
            seed=portfolio.seed,
        )
        for part in (1.0, FEWER)
    ]  # fmt: skip
    sizes = [size for size in SIZES if size < sample]
    units = [(size, unit_of(portfolio, size, each=each)) for size in sizes]
    views = [_size(portfolio, unit) for _size_, unit in units]
    views.append(_size(portfolio, drawn))
    unit = drawn if homes == sample else unit_of(portfolio, homes, each=each)
    view = seen(portfolio, unit)
    return Answer(
        file=file,
        portfolio=portfolio,
        lessons=lessons,
        sample=drawn,
        needed=needed,
        delivers=delivers[0],
        delivers_fewer=delivers[1],
        unit=unit,
        view=view,
        stands=access(view.found, regimes(rulebook), decision_rule=decision_rule),
        sizes=views,
        by_hour=_by_hour(drawn, target_w, confidence),
        decision_rule=decision_rule,
        on=on,
    )


def _size(portfolio: Portfolio, unit: Unit) -> Size:
    view = seen(portfolio, unit)
    return Size(
        unit.homes,
        view.found["operational metering error"].value,
        view.expected.value,
        view.floor.value,
        view.lag.value,
    )


def _by_hour(unit: Unit, target_w: float, confidence: float) -> list[float]:
    """Homes needed in each half-hour of the day, from sums over homes."""
    total, squares = unit.could_w
    mean = total / unit.homes
    variance = np.maximum(squares / unit.homes - mean**2, 0.0)
    sd = np.sqrt(variance * unit.homes / max(unit.homes - 1, 1))
    return [
        homes_for(
            float(m), float(s), unit.homes, target_w=target_w, confidence=confidence
        )
        for m, s in zip(mean, sd, strict=True)
    ]
