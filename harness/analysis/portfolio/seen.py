"""What the control room sees of a unit, and how right it is.

Accuracy at rest and the lag after a step are two criteria: more homes help the first
and never the second. ``docs/definitions.md``, "unit seen".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from harness.analysis.aggregate.accuracy import steady_state_error, transition_lag
from harness.analysis.aggregate.criteria import (
    ACCURACY,
    COMPLETENESS,
    INTERVAL,
    LATENCY,
    RESOLUTION,
)
from harness.analysis.aggregate.growth import (
    assets_needed,
    error_floor,
    expected_error,
)
from harness.analysis.aggregate.power import AggregatePower, aggregate_power
from harness.analysis.estimate import Estimate
from harness.analysis.portfolio.metering import Metering
from harness.analysis.portfolio.unit import Portfolio, Unit
from harness.analysis.quality import MeterQuality, rectangular_u
from harness.analysis.series import Mask
from harness.analysis.timing import decimal_places, value_step
from harness.core.recording import Series

MW = 1e6
STEADY_PERCENT = 2.0
"""Truth is steady if it moves by no more than this part of itself."""
KEEPS_TO = 95.0
"""Share of the homes that keep to the read interval and the latency stated. [%]"""
LAG_WITHIN_PERCENT = 5.0
"""Of the step: how near to the truth counts as right after it."""
LEAST_SHARE = 0.05
"""Seconds in which the unit draws less than this part of its highest power are too near
to 0 W for an error in percent."""
EXACT = MeterQuality("the model's own power")
"""Truth of a portfolio is worked out, not measured."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A unit as the control room sees it."""

    sent: AggregatePower
    """What is sent, rounded as it is sent."""
    large: AggregatePower
    """The same, with a gap where too near to 0 W for an error in percent."""
    true_w: Series
    """True power at the same seconds. [W]"""
    found: Mapping[str, Estimate]
    """The five criteria of operational metering, in the units of their rules."""
    lag: Estimate
    """Transition lag after the event began; ``nan`` without one. [s]"""
    expected: Estimate
    floor: Estimate
    """Expected error, and what of it any number of homes would keep. [%]"""


def seen(portfolio: Portfolio, unit: Unit, *, reference: MeterQuality = EXACT) -> Seen:
    """Return what the control room sees of a unit.

    The first seconds, until every home can have been heard of, are left out.

    Parameters
    ----------
    portfolio : Portfolio
        Whose unit it is.
    unit : Unit
        As `unit_of` gives it.
    reference : MeterQuality
        How well the truth is known: exactly, unless a bench's meter saw it.
    """
    metering = portfolio.metering
    whole = aggregate_power(unit.sums, missing=metering.missing)
    sent = sent_with(whole, metering.decimals)
    begin = min(math.ceil(metering.hold_s), sent.power_w.size - 1)
    sent, true_w = _after(sent, begin), unit.true_w[begin:]
    latency = _kept_to(unit.lag_s, "s")
    least_w = LEAST_SHARE * float(np.abs(true_w).max(initial=0.0))
    large = _only(sent, np.abs(true_w) >= least_w)
    found = {
        ACCURACY: steady_state_error(
            sent,
            true_w,
            settle_s=settles_s(metering, latency),
            steady_percent=STEADY_PERCENT,
            reference=reference,
            least_w=least_w,
        ),
        INTERVAL: _kept_to(unit.usual_s, "s"),
        LATENCY: latency,
        RESOLUTION: resolution(sent),
        COMPLETENESS: Estimate(
            100 * unit.reads_arrived / max(unit.reads_expected, 1), "%"
        ),
    }
    return Seen(
        sent, large, true_w, found, _lag(portfolio, unit, sent, true_w, reference),
        expected_error(large), error_floor(large),
    )  # fmt: skip


def settles_s(metering: Metering, latency: Estimate) -> float:
    """Return after how long a read is known that was taken just after a change. [s]

    Two read intervals, so that one lost read does no harm, and the latency.
    """
    late_s = latency.value if math.isfinite(latency.value) else 0.0
    return 2 * metering.interval_s + late_s


def sent_with(power: AggregatePower, decimals: int) -> AggregatePower:
    """Return aggregate power as it is sent: rounded, which its budget then says.

    Parameters
    ----------
    power : AggregatePower
        As it was put together.
    decimals : int
        Decimal places of a megawatt.
    """
    step_w = MW / 10.0**decimals
    rounding_w = rectangular_u(step_w / 2)
    return replace(
        power,
        power_w=np.round(power.power_w / step_w) * step_w,
        resolution_w=np.hypot(power.resolution_w, rounding_w),
    )


def resolution(sent: AggregatePower) -> Estimate:
    """Return the decimal places of a megawatt that what is sent can tell. [d.p.]"""
    step_w = value_step(sent.power_w)
    if math.isnan(step_w):
        why = "what is sent never changes"
        return Estimate(math.nan, "d.p.", why=why)
    return Estimate(decimal_places(step_w / MW), "d.p.")


def homes_for_accuracy(view: Seen, *, homes: int, within_percent: float) -> Estimate:
    """Return how many homes bring the expected error within a limit (`assets_needed`).

    Parameters
    ----------
    view : Seen
        Of a unit of `homes` homes.
    within_percent : float
        The limit. [%]
    """
    return assets_needed(view.large, assets=homes, within_percent=within_percent)


def _after(power: AggregatePower, begin: int) -> AggregatePower:
    """Return the same from a later second on."""
    cut = {
        each.name: getattr(power, each.name)[begin:]
        for each in fields(power)
        if isinstance(getattr(power, each.name), np.ndarray)
    }
    return replace(power, from_s=power.from_s + begin, **cut)


def _only(power: AggregatePower, where: Mask) -> AggregatePower:
    return replace(power, power_w=np.where(where, power.power_w, np.nan))


def _kept_to(each: Series, unit: str) -> Estimate:
    """Return what `KEEPS_TO` of the homes keep to; one that says nothing does not."""
    known = np.where(np.isnan(each), np.inf, each)
    value = float(np.percentile(known, KEEPS_TO, method="inverted_cdf"))
    if math.isinf(value):
        return Estimate(math.nan, unit, why="too many homes were read fewer than twice")
    return Estimate(value, unit)


def _lag(
    portfolio: Portfolio,
    unit: Unit,
    sent: AggregatePower,
    true_w: Series,
    reference: MeterQuality,
) -> Estimate:
    event = portfolio.event
    if event is None:
        return Estimate(math.nan, "s", why="nothing was asked of the unit")
    during = slice(math.ceil(event.from_s), math.ceil(event.until_s))
    step_w = float(np.mean(unit.usual_w[during] - unit.true_w[during]))
    if step_w <= 0:
        return Estimate(math.nan, "s", why="the unit delivered nothing")
    return transition_lag(
        sent,
        true_w,
        step_at_s=event.from_s,
        until_s=event.until_s,
        within_percent=LAG_WITHIN_PERCENT,
        reference=reference,
        of_w=step_w,
    )
