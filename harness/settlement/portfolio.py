"""A year of many meters at once: baselines, delivery, payments, in arrays.

The same rules as `harness.settlement.statement` and `baselines`, to the same penny.
Arrays are shaped (mpans, days, 50). ``docs/definitions.md``, "statement".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from harness.settlement.baselines import (
    Bl01Terms,
    Energies,
    Mask,
    bl01,
    in_day_offsets,
)
from harness.settlement.money import Price, Whole
from harness.settlement.payments import Curve, utilisations_p
from harness.settlement.periods import MOST, Grid, Index


@dataclass(frozen=True, slots=True)
class Calls:
    """What was instructed: at most one stretch for each MPAN and settled day."""

    first: Index
    """Number of its first settlement period; 0 for none. Shape (mpans, days)."""
    last: Index
    """Number of its last."""
    energy_wh: Whole
    """Instructed in each period of it."""
    upwards: bool = False


@dataclass(frozen=True, slots=True)
class PortfolioSettlement:
    """What every meter is paid for every day, and what could not be settled."""

    payment_p: Whole
    """Shape (mpans, days)."""
    delivered_wh: Whole
    """Settled delivery, shape (mpans, days)."""
    u_p: Energies
    """Standard uncertainty of each payment, to first order, from the meter's gain."""
    unsettled: Index
    """Called periods without a baseline or a reading, shape (mpans, days)."""
    averaged: Index
    """Days in each baseline, shape (mpans, days)."""
    least: Index
    """Days that it needed, shape (days,)."""

    @property
    def total_p(self) -> int:
        """All payments together. [p]"""
        return int(self.payment_p.sum())

    @property
    def total_u_p(self) -> float:
        """Standard uncertainty of that: a meter's days together, meters apart. [p]"""
        return float(np.sqrt((self.u_p.sum(axis=1) ** 2).sum()))

    def refusals(self, mpans: Sequence[str], days: Sequence[date]) -> Iterator[str]:
        """Say what was not settled: whose, of which day, how much of it, and why."""
        for row, column in np.argwhere(self.unsettled):
            count, known = self.unsettled[row, column], self.averaged[row, column]
            why = "no reading there or in its in-day window"
            if known < self.least[column]:
                why = f"too few days for a baseline, {known} of {self.least[column]}"
            what = f"{count} period{'s' if count > 1 else ''} unsettled"
            yield f"MPAN {mpans[row]}, {days[column]}: {what}: {why}"


def settle(
    metered_wh: Energies,
    days: Grid,
    *,
    working: Mask,
    event_days: Mask,
    settled: slice,
    calls: Calls,
    price: Price,
    curve: Curve,
    relative_u: float = 0.0,
    terms: Bl01Terms | None = None,
) -> PortfolioSettlement:
    """Settle the called periods of many meters by BL01-style baselines.

    Parameters
    ----------
    metered_wh : ndarray of shape (mpans, all days, 50)
        Whole watt-hours, import positive, ``nan`` for missing. [Wh]
    days : Grid
        All days, those looked back to included.
    working, event_days : ndarray of bool
        As for `bl01`.
    settled : slice
        The days to settle; `calls` are about these.
    calls : Calls
        What was instructed.
    price, curve : Price, Curve
        What delivery earns.
    relative_u : float
        Standard uncertainty of each meter's gain; it acts on the difference.
    terms : Bl01Terms, optional
        `bl01_terms` of the rulebook.
    """
    by = terms or Bl01Terms()
    base = bl01(
        metered_wh, days, working=working, event_days=event_days, settled=settled,
        terms=by,
    )  # fmt: skip
    own, grid = metered_wh[:, settled], Grid(days.days[settled])
    offsets = in_day_offsets(own, base.energy_wh, grid, calls.first, by)
    number = np.arange(1, MOST + 1)
    called = (
        (number >= calls.first[..., None])
        & (number <= calls.last[..., None])
        & (calls.first > 0)[..., None]
        & grid.has
    )
    mpan, day, period = np.nonzero(called)
    delivered = base.energy_wh[mpan, day, period] + offsets[mpan, day]
    delivered -= own[mpan, day, period]
    delivered *= -1.0 if calls.upwards else 1.0
    known = np.isfinite(delivered)
    place = mpan * len(grid.days) + day
    cells = calls.first.shape
    whole = _whole(delivered[known])
    asked = calls.energy_wh[mpan, day][known]
    payment = utilisations_p(whole, asked, price, curve)
    slope = _slopes(whole, asked, curve)
    u_p = relative_u * np.abs(whole) * slope * (price.steps / 1e9)

    def by_day(values: Energies | Whole | None, where: Index) -> Energies:
        summed = np.bincount(where, weights=values, minlength=cells[0] * cells[1])
        shaped: Energies = summed.reshape(cells).astype(np.float64)
        return shaped

    # Whole numbers below 2**53 add up exactly as floats.
    return PortfolioSettlement(
        by_day(payment, place[known]).astype(np.int64),
        by_day(whole, place[known]).astype(np.int64),
        by_day(u_p, place[known]),
        by_day(None, place[~known]).astype(np.intp),
        base.averaged,
        base.least,
    )


def _whole(energy_wh: Energies) -> Whole:
    """Return the nearest watt-hours, half away from zero."""
    nearest = np.copysign(np.floor(np.abs(energy_wh) + 0.5), energy_wh)
    return nearest.astype(np.int64)


def _slopes(delivered_wh: Whole, asked_wh: Whole, curve: Curve) -> Energies:
    """How many watt-hours more are paid for one more delivered."""
    paid = curve.paid_hundredths(delivered_wh, asked_wh)
    inside = (paid > 0) & (paid < 100 * asked_wh)
    return np.where(inside, float(curve.loss_per_percent), 0.0)
