"""What delivery is worth: capped, scaled, and what a shortfall costs.

``docs/definitions.md``, "utilisation payment". All curves are one shape with three
whole percentages: alone or in arrays a payment is a quotient of whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

import numpy as np

from harness.analysis.estimate import Estimate
from harness.analysis.quality import GAIN
from harness.analysis.uncertainty import Input, propagate
from harness.core.errors import UsageError
from harness.core.recording import Series
from harness.rulebook.book import Rulebook
from harness.settlement.money import (
    FREE,
    WH_PER_MWH,
    Price,
    Whole,
    amount_p,
    amounts_p,
    rounded,
)

_PRICE_STEPS = 1_000


@dataclass(frozen=True, slots=True)
class Curve:
    """How much of the full payment a delivered share earns; never more than all."""

    name: str
    grace_percent: int = 0
    """How far short delivery may be at no loss."""
    loss_per_percent: int = 1
    """Percent of the full payment lost for each percent short beyond the grace."""
    least_percent: int = 0
    """Delivered share below which nothing is paid."""

    def paid_hundredths(self, delivered_wh: Whole, instructed_wh: Whole) -> Whole:
        """Return the energy that is paid for, in hundredths of a watt-hour.

        Exact for whole numbers. What was delivered beyond the instruction is not paid,
        what was delivered the wrong way pays nothing.
        """
        kept = 100 - self.loss_per_percent * (100 - self.grace_percent)
        sloped = 100 * self.loss_per_percent * delivered_wh + kept * instructed_wh
        paid = np.minimum(np.maximum(sloped, 0), 100 * instructed_wh)
        enough = 100 * delivered_wh >= self.least_percent * instructed_wh
        found: Whole = np.where(enough & (delivered_wh > 0), paid, 0)
        return found


CURVES = ("in proportion", "Flexible Power", "TRANSITION")
"""How feature files name them."""
PROPORTIONAL = Curve(CURVES[0])


def flexible_power(book: Rulebook, on: date) -> Curve:
    """Return the curve of Flexible Power: 5 % grace, then 3 % for each percent."""
    grace = book.rule("flexible_power/grace", on=on).at_most
    loss = book.rule("flexible_power/loss-per-percent", on=on).at_most
    return Curve(CURVES[1], _percent(grace), _percent(loss))


def transition(book: Rulebook, on: date) -> Curve:
    """Return the scale of TRANSITION: in proportion from 50 % on, nothing below."""
    least = book.rule("transition_payment/least-delivered", on=on).at_least
    return Curve(CURVES[2], least_percent=_percent(least))


def curve_named(name: str, book: Rulebook, on: date) -> Curve:
    """Return a curve by the name that a feature file gives it.

    Raises
    ------
    UsageError
        Naming the curves that there are.
    """
    curves = (PROPORTIONAL, flexible_power(book, on), transition(book, on))
    for curve in curves:
        if curve.name.lower() == name.strip().lower():
            return curve
    known = ", ".join(curve.name for curve in curves)
    raise UsageError("the payment", f"there is no curve {name!r}", known)


def _percent(bound: float | None) -> int:
    value = bound or 0.0
    if value != int(value):
        raise UsageError("the payment", f"{value} % is no whole percent", "whole ones")
    return int(value)


def require_below_ceiling(
    price: Price, book: Rulebook, on: date, *, where: str
) -> None:
    """Refuse a price for Dynamic constraint management above TRANSITION's ceiling.

    Raises
    ------
    UsageError
        Naming the ceiling.
    """
    rule = book.rule("transition_payment/ceiling", on=on)
    if rule.at_most is not None and price.gbp_per_mwh > rule.at_most:
        fact = f"{price} is above the ceiling of {rule.at_most:g} £/MWh ({rule.source})"
        raise UsageError(where, fact, "a price up to the ceiling")


def utilisation_p(
    delivered_wh: int, instructed_wh: int, price: Price, curve: Curve
) -> int:
    """Return the payment for one period, whole pence. [p]

    Raises
    ------
    ValueError
        If nothing, or less, was instructed: then there is nothing to pay for.
    """
    if instructed_wh <= 0:
        raise ValueError(f"{instructed_wh} Wh instructed: nothing to pay for")
    paid = int(curve.paid_hundredths(np.int64(delivered_wh), np.int64(instructed_wh)))  # type: ignore[arg-type]
    return rounded(Fraction(paid * price.steps, 100 * WH_PER_MWH * _PRICE_STEPS))


def utilisations_p(
    delivered_wh: Whole, instructed_wh: Whole, price: Price, curve: Curve
) -> Whole:
    """Return `utilisation_p` of many periods; 0 where nothing was instructed. [p]"""
    paid = curve.paid_hundredths(delivered_wh, instructed_wh)
    # Hundredths of a watt-hour times one percent: the same exact quotient.
    return amounts_p(paid, np.int64(price.steps), 1)  # type: ignore[arg-type]


def availability_p(
    capacity_w: int,
    *,
    available: int,
    price: Price,
    delivered_last_month: Fraction = Fraction(1),
) -> int:
    """Return the availability fee of one window, whole pence. [p]

    Parameters
    ----------
    capacity_w : int
        The capacity agreed. [W]
    available : int
        In how many settlement periods of the window it was available; 0 pays nothing.
    price : Price
        For a megawatt available for an hour.
    delivered_last_month : Fraction
        Average delivery of the month before, which scales the fee (TRANSITION).

    Raises
    ------
    ValueError
        If the share is not between 0 and 1.
    """
    if not 0 <= delivered_last_month <= 1:
        raise ValueError(f"{delivered_last_month} is no share of delivery")
    return amount_p(capacity_w * available, price, delivered_last_month / 2)


def penalty_p(delivered_wh: int, instructed_wh: int, price: Price, curve: Curve) -> int:
    """Return what a provider owes for its shortfall beyond the grace. [p]

    Delivery the wrong way is a shortfall of more than all.
    """
    owed_hundredths = (100 - curve.grace_percent) * instructed_wh - 100 * delivered_wh
    exact = Fraction(
        max(owed_hundredths, 0) * price.steps, 100 * WH_PER_MWH * _PRICE_STEPS
    )
    return rounded(exact)


@dataclass(frozen=True, slots=True)
class Paid:
    """One period's delivery as it enters a sum of payments."""

    delivered: Estimate
    """In Wh."""
    instructed_wh: int
    price: Price
    curve: Curve
    penalty: Price = FREE


def payment_estimate(lines: Sequence[Paid]) -> Estimate:
    """Return what one meter's uncertainty makes of a sum of payments, in pence.

    The curve has kinks, so it is drawn (JCGM 101) where that matters. The value is the
    exact sum before rounding; penalties count against it.
    """

    def due(delivered_wh: Sequence[Series]) -> Series:
        return sum_due_p(lines, delivered_wh)

    return through_one_meter(due, [one.delivered for one in lines])


def sum_due_p(lines: Sequence[Paid], delivered_wh: Sequence[Series]) -> Series:
    """Return payments less penalties of lines whose delivery is drawn. [p]"""
    due: Series = np.zeros(())
    for one, wh in zip(lines, delivered_wh, strict=True):
        due = due + _due_p(one, wh)
    return due


def through_one_meter(
    due: Callable[[Sequence[Series]], Series], energies: Sequence[Estimate]
) -> Estimate:
    """Return a sum of money that depends on energies of one meter, in pence.

    The meter's gain is one cause for all of them; what else is uncertain is taken apart
    for each. An energy that grows as the meter shows less (delivered after a turn-down)
    and one that shrinks must not be mixed.

    Parameters
    ----------
    due : callable
        From one array for each energy to pence.
    energies : sequence of Estimate
        In Wh.
    """
    inputs: list[Input] = []
    if any(_gain(one) for one in energies):
        inputs.append(Input(GAIN, 0.0, 1.0, "B", "one meter in all periods"))
    for number, one in enumerate(energies, start=1):
        if (rest := _rest(one)) > 0:
            inputs.append(Input(f"period {number}", 0.0, rest, "B", "its own budget"))
    places = {one.name: place for place, one in enumerate(inputs)}

    def model(*errors: Series) -> Series:
        drawn = []
        for number, one in enumerate(energies, start=1):
            wh: Series = np.asarray(one.value)
            if GAIN in places:
                wh = wh + _gain(one) * errors[places[GAIN]]
            if (own := f"period {number}") in places:
                wh = wh + errors[places[own]]
            drawn.append(wh)
        shape = np.broadcast_shapes(*(np.shape(one) for one in errors))
        return np.broadcast_to(due(drawn), shape)

    nominal = float(model(*(np.zeros(()) for _ in inputs)))
    if not inputs:
        return Estimate(nominal, "p")
    # The plain sum stays the value, whichever way its uncertainty was found.
    return replace(propagate(model, inputs, "p"), value=nominal)


def _due_p(one: Paid, delivered_wh: Series) -> Series:
    paid = one.curve.paid_hundredths(delivered_wh, one.instructed_wh) / 100  # type: ignore[arg-type]
    asked_wh = (100 - one.curve.grace_percent) / 100 * one.instructed_wh
    short = np.maximum(asked_wh - delivered_wh, 0.0)
    per = 1 / (WH_PER_MWH * _PRICE_STEPS)
    found: Series = (paid * one.price.steps - short * one.penalty.steps) * per
    return found


def _gain(estimate: Estimate) -> float:
    return sum(one.u for one in estimate.budget if one.name == GAIN)


def _rest(estimate: Estimate) -> float:
    return math.sqrt(max(estimate.u**2 - _gain(estimate) ** 2, 0.0))
