"""Money: whole pence, exact prices, and the one place where anything is rounded.

``docs/decisions/0009-whole-pence.md``. Energy that is settled is in whole watt-hours,
a price in thousandths of a penny a megawatt-hour, so that an amount is a quotient of
whole numbers. It is rounded once, to the nearest penny, half a penny away from zero.
Amounts are then only added and subtracted, and sums are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import UsageError

Whole = NDArray[np.int64]
"""Pence, watt-hours or counts, never rounded again."""
WH_PER_MWH = 1_000_000
_STEPS = 1_000
"""A price is held in this part of a penny a megawatt-hour."""
_STEPS_PER_GBP = 100 * _STEPS
_MOST_GBP_PER_MWH = 1_000_000


@dataclass(frozen=True, slots=True, order=True)
class Price:
    """A price of energy, exact to a thousandth of a penny a megawatt-hour."""

    steps: int
    """Thousandths of a penny a megawatt-hour."""

    @property
    def gbp_per_mwh(self) -> Decimal:
        """Pounds a megawatt-hour, exact."""
        return Decimal(self.steps) / _STEPS_PER_GBP

    def __str__(self) -> str:
        """Read as people write it: ``300 £/MWh``."""
        return f"{self.gbp_per_mwh.normalize():f} £/MWh"


FREE = Price(0)


def price_of(gbp_per_mwh: str | int | Decimal, *, where: str = "a price") -> Price:
    """Return a price given in pounds a megawatt-hour, negative ones included.

    Raises
    ------
    UsageError
        If it is no number, or finer than 0.00001 £/MWh.
    """
    try:
        amount = Decimal(gbp_per_mwh)
    except InvalidOperation as error:
        hint = "a number, such as 300"
        raise UsageError(where, f"{gbp_per_mwh!r} is no price", hint) from error
    if not amount.is_finite() or abs(amount) > _MOST_GBP_PER_MWH:
        hint = f"at most {_MOST_GBP_PER_MWH:,} £/MWh either way"
        raise UsageError(where, f"{amount} £/MWh cannot be paid", hint)
    steps = amount * _STEPS_PER_GBP
    if steps != int(steps):
        fact = f"{amount} £/MWh is finer than a thousandth of a penny"
        raise UsageError(where, fact, "at most five decimals")
    return Price(int(steps))


def agreed_price(gbp_per_mwh: str | int | Decimal, *, where: str) -> Price:
    """Return a price that two parties agreed; below zero is refused.

    Raises
    ------
    UsageError
        Also if it is negative: the seller would pay for selling. Imbalance prices may
        be negative, prices of services may not.
    """
    price = price_of(gbp_per_mwh, where=where)
    if price.steps < 0:
        fact = f"the agreed price is negative, {price}"
        raise UsageError(where, fact, "a price of 0 £/MWh or more")
    return price


def whole_wh(energy_wh: float) -> int:
    """Return a metered energy as settled: the nearest watt-hour, half away from zero.

    Raises
    ------
    ValueError
        If it is not a number: what was not seen has no energy to round.
    """
    if not math.isfinite(energy_wh):
        raise ValueError(f"an energy of {energy_wh} Wh cannot be settled")
    return int(math.copysign(math.floor(abs(energy_wh) + 0.5), energy_wh))


def amount_p(energy_wh: int, price: Price, share: Fraction = Fraction(1)) -> int:
    """Return what an energy costs at a price, times a share of it. [p]"""
    exact = Fraction(energy_wh * price.steps, WH_PER_MWH * _STEPS) * share
    return rounded(exact)


def rounded(exact: Fraction) -> int:
    """Return the nearest whole number, half away from zero."""
    doubled = 2 * abs(exact.numerator) + exact.denominator
    nearest = doubled // (2 * exact.denominator)
    return nearest if exact >= 0 else -nearest


def amounts_p(energy_wh: Whole, steps: Whole, percent: Whole | int = 100) -> Whole:
    """Return `amount_p` of many energies at once. [p]

    Parameters
    ----------
    energy_wh : ndarray of int64
        Whole watt-hours.
    steps : ndarray of int64, or one number
        `Price.steps` of each.
    percent : ndarray of int64, or one number
        Share of the amount that is due, in whole percent.

    Raises
    ------
    OverflowError
        If an amount could leave 64 bits: nothing is paid wrongly in silence.
    """
    largest = float(np.abs(energy_wh).max(initial=0))
    largest *= float(np.abs(steps).max(initial=0))
    largest *= float(np.abs(percent).max(initial=0))
    if largest > 2**62:
        raise OverflowError("an amount is too large for 64 bits: settle smaller units")
    return rounded_quotient(energy_wh * steps * percent, WH_PER_MWH * _STEPS * 100)


def rounded_quotient(above: Whole, below: int) -> Whole:
    """Return quotients of whole numbers, half away from zero; `below` is positive."""
    found = (2 * np.abs(above) + below) // (2 * below)
    signed: Whole = np.where(above < 0, -found, found)
    return signed


def pounds(amount: float) -> str:
    """Return pence as a person writes money: ``£1.05``, ``−£0.30``, ``£1,234.00``."""
    sign = "−" if round(amount) < 0 else ""
    return f"{sign}£{abs(round(amount)) / 100:,.2f}"
