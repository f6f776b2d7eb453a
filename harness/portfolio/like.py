"""A unit of homes like the one on the bench: its power, its reads, its aggregator."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis.aggregate.power import Missing
from harness.analysis.agreement import held_at
from harness.analysis.portfolio.distribution import Distribution, constant, uniform
from harness.analysis.portfolio.event import Answering, Event
from harness.analysis.portfolio.metering import Metering
from harness.analysis.portfolio.replay import ReplayHomes
from harness.analysis.portfolio.unit import Portfolio
from harness.analysis.quality import rectangular_u
from harness.core.recording import Recording, Series
from harness.portfolio.file import HOLD_READS, ON_ITS_WAY_S
from harness.portfolio.learn import LATE, LOST, Lessons
from harness.trial.view import MeterView, dispatched, watched_s

OLD_S = 30.0
"""Age beyond which what the bench's meter showed stands no longer. [s]"""
BEFORE_S = 60.0
"""How long before an instruction power is taken to be the usual. [s]"""
DECIMALS = 3
"""Decimal places of a megawatt that the unit's aggregator sends."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How a feature file wants the homes read."""

    interval_s: int
    staggered: bool
    accuracy: float
    """Largest error of a meter of its own, as a share of the reading."""
    bias: float
    """Error that every meter has, as a share of the reading."""


def unit_like(
    recording: Recording,
    view: MeterView,
    role: str,
    lessons: Lessons,
    asked: Asked,
    *,
    seed: int,
) -> Portfolio | str:
    """Return the portfolio of homes like the one recorded; or why there is none.

    Parameters
    ----------
    recording : Recording
        Of the bench.
    view : MeterView
        The independent meter, whose power every home draws.
    role : str
        Whose it is.
    lessons : Lessons
        What the bench told of the device's own readings: latency and losses.
    asked : Asked
        How homes are read.
    seed : int
        Of the portfolio.
    """
    begins_s, ends_s = watched_s(recording)
    seconds = math.floor(min(ends_s, float(view.time_s[-1])) - begins_s)
    at_s = begins_s + np.arange(float(max(seconds, 0)))
    power = held_at(view.time_s, view.power_w, at_s, max_age_s=OLD_S)
    if not seconds or not np.isfinite(power).all():
        return f"meter {view.meter} did not see all of it"
    told = [one for one in dispatched(recording) if one.role == role]
    event, usual = None, power
    if told:
        event = Event(told[0].sent_s, told[0].until_s, told[0].level_w)
        usual = _as_before(at_s, power, told[0].sent_s)
    late, lost = lessons.of(LATE), lessons.of(LOST)
    return Portfolio(
        homes=ReplayHomes(power, usual, float(np.abs(power).max()) * 1.1 + 1.0),
        answering=Answering(constant(0.0), constant(0.0), 0.0),
        metering=Metering(
            interval_s=asked.interval_s,
            staggered=asked.staggered,
            latency_s=constant(late.values[0] if late else 0.0),
            error=_even(asked.accuracy),
            own_u=rectangular_u(asked.accuracy),
            common_u=0.0,
            makes=1,
            bias=asked.bias,
            resolution_w=1.0,
            lost=lost.values[0] / 100 if lost else 0.0,
            outages_per_day=0.0,
            outage_s=constant(0.0),
            hold_s=HOLD_READS * asked.interval_s + ON_ITS_WAY_S,
            missing=Missing.LAST,
            decimals=DECIMALS,
        ),
        event=event,
        seconds=seconds,
        seed=seed,
    )


def _as_before(at_s: Series, power_w: Series, sent_s: float) -> Series:
    before = (at_s >= sent_s - BEFORE_S) & (at_s < sent_s)
    level = float(np.median(power_w[before])) if before.any() else math.nan
    usual: Series = np.where(at_s < sent_s, power_w, level)
    return usual


def _even(accuracy: float) -> Distribution:
    return uniform(-accuracy, accuracy) if accuracy else constant(0.0)
