"""One event of one home, settled between all who have a part in it.

From the half-hours that the boundary meter saw to who pays whom: utilisation and
penalty, what an overruling unwound, the home's share, its bill, and the imbalance left
behind. ``docs/definitions.md``, "settlement of an event".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from harness.analysis.estimate import Estimate
from harness.core.calendar import PERIOD_S, PeriodOnBench, SettlementPeriod
from harness.core.parties import Party
from harness.core.recording import Series
from harness.settlement.imbalance import Imbalance, bill_change
from harness.settlement.money import WH_PER_MWH, Price, amount_p, whole_wh
from harness.settlement.payments import (
    Curve,
    sum_due_p,
    through_one_meter,
)
from harness.settlement.positions import Position, Transfer, owed, positions, split
from harness.settlement.statement import Contract, Instructed, Statement, statement
from harness.settlement.volumes import HalfHour, delivered

HOUR_S = 3600.0
HOME = "of the home"
"""In place of its MPAN, which a bench does not have."""
AGREEMENT = "constraint management"


@dataclass(frozen=True, slots=True)
class MoneyTerms:
    """What was agreed about money, beside the price."""

    nominated_w: int
    """What the home usually draws, as the aggregator nominated it. [W]"""
    curve: str
    """Name of the payment curve."""
    penalty: Price
    lost_opportunity_percent: int
    """Share of the price paid for what an overruling unwound."""
    home_percent: int
    """Share of what the aggregator is paid that it passes on to the home."""
    tariff: Price
    """The home's retail price."""
    imbalance: Price
    """One price for long and short; may be negative."""


@dataclass(frozen=True, slots=True)
class Called:
    """When capacity was called for, in bench time, and until when that stood."""

    capacity_w: int
    from_s: float
    until_s: float
    stood_until_s: float
    """Earlier than `until_s` if the service was overruled."""

    def instructed_wh(self, part: PeriodOnBench) -> int:
        """Return the energy called for in a settlement period, as it stood. [Wh]"""
        return self._between(part, self.from_s, self.stood_until_s)

    def unwound_wh(self, part: PeriodOnBench) -> int:
        """Return the energy that was called for and then unwound. [Wh]"""
        whole = self._between(part, self.from_s, self.until_s)
        return whole - self.instructed_wh(part)

    def _between(self, part: PeriodOnBench, from_s: float, until_s: float) -> int:
        lasted_s = min(until_s, part.until_s) - max(from_s, part.from_s)
        return whole_wh(self.capacity_w * max(lasted_s, 0.0) / HOUR_S)


@dataclass(frozen=True, slots=True)
class EventSettlement:
    """All that an event came to."""

    statement: Statement
    calls: tuple[Instructed, ...] = ()
    """All that was called for, settled or not."""
    transfers: tuple[Transfer, ...] = ()
    exposed_wh: tuple[tuple[Party, int], ...] = ()
    nets: Mapping[Party, Estimate] = field(default_factory=dict)
    """What the metering's uncertainty makes of each net that it touches. [p]"""
    marks: tuple[str, ...] = ()
    """What was not settled, or only in part seen, by name."""
    unwound_wh: int = 0
    unwound_full_p: int = 0
    """What the unwound energy would have been paid."""

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every party's position."""
        return positions(self.transfers, self.exposed_wh)

    @property
    def turnover_p(self) -> int:
        """All that anybody pays anybody. [p]"""
        return sum(one.pence for one in self.transfers)

    def paid_p(self, payer: Party, payee: Party, what: str) -> int:
        """Return what one party pays another for one thing. [p]"""
        wanted = (payer, payee, what)
        return sum(
            one.pence
            for one in self.transfers
            if (one.payer, one.payee, one.what) == wanted
        )


NOTHING = EventSettlement(Statement(()))
LOST_OPPORTUNITY = "lost opportunity"


def settle_event(
    halves: Sequence[HalfHour],
    parts: Sequence[PeriodOnBench],
    called: Called | None,
    *,
    terms: MoneyTerms,
    price: Price,
    curve: Curve,
) -> EventSettlement:
    """Settle a turn-down of one home.

    Without a call nobody owes anybody anything. Imbalance and bill are those of the
    periods from the first call to the last that was seen whole: the rebound counts.

    Parameters
    ----------
    halves : sequence of HalfHour
        The boundary meter's energy of each period.
    parts : sequence of PeriodOnBench
        The same periods in bench time.
    called : Called or None
        What was called for and accepted.
    terms : MoneyTerms
        What was agreed.
    price : Price
        Of the service.
    curve : Curve
        What a delivered share earns.
    """
    if called is None:
        return NOTHING
    nominated_wh = Estimate(terms.nominated_w * PERIOD_S / HOUR_S, "Wh")
    volumes = {
        half.period: delivered(half, nominated_wh, upwards=False) for half in halves
    }
    contract = Contract(
        AGREEMENT, HOME, Party.DSO, Party.AGGREGATOR, price, curve,
        halves[0].period, halves[-1].period, terms.penalty,
    )  # fmt: skip
    calls = [
        Instructed(AGREEMENT, part.period, called.instructed_wh(part))
        for part in parts
        if called.instructed_wh(part)
    ]
    stated = statement([contract], calls, {HOME: volumes}, known={HOME})
    unwound_wh = sum(called.unwound_wh(part) for part in parts)
    compensation = owed(
        Party.ESO, Party.AGGREGATOR,
        amount_p(unwound_wh, price, Fraction(terms.lost_opportunity_percent, 100)),
        LOST_OPPORTUNITY, energy_wh=unwound_wh,
    )  # fmt: skip
    service = (*stated.transfers(), *compensation)
    earned = sum(t.pence if t.payee is Party.AGGREGATOR else -t.pence for t in service)
    share = split(
        Party.AGGREGATOR, Party.DOMESTIC, earned, terms.home_percent, "the home's share"
    )
    touched = [
        half
        for half, part in zip(halves, parts, strict=True)
        if half.settled and part.until_s > called.from_s
    ]
    left = [_left_behind(half, terms) for half in touched]
    transfers = (*service, *share, *(one for each, _ in left for one in each))
    marks = tuple(
        f"{half.period}: {half.mark}"
        for half, part in zip(halves, parts, strict=True)
        if half.mark and part.until_s > called.from_s
    )
    return EventSettlement(
        stated,
        tuple(calls),
        transfers,
        tuple((Party.BALANCE_RESPONSIBLE, long_wh) for _, long_wh in left),
        _nets(stated, touched, volumes, terms),
        tuple(dict.fromkeys((*stated.refused, *marks))),
        unwound_wh,
        amount_p(unwound_wh, price),
    )


def _left_behind(half: HalfHour, terms: MoneyTerms) -> tuple[tuple[Transfer, ...], int]:
    """Return the home's bill and the imbalance of a period, and how long it is."""
    bought_wh = whole_wh(terms.nominated_w * PERIOD_S / HOUR_S)
    used_wh, when = whole_wh(half.energy.value), str(half.period)
    imbalance = Imbalance(Party.BALANCE_RESPONSIBLE, bought_wh, used_wh)
    bill = bill_change(bought_wh, used_wh, terms.tariff, when=when)
    return (*bill, *imbalance.cash(terms.imbalance, when=when)), imbalance.long_wh


def _nets(
    stated: Statement,
    touched: Sequence[HalfHour],
    volumes: Mapping[SettlementPeriod, Estimate],
    terms: MoneyTerms,
) -> dict[Party, Estimate]:
    """Return the nets that hang on the meter, from one and the same error of it."""
    lines = [line.paid for line in stated.lines]
    periods = [line.period for line in stated.lines]
    rest = [half.period for half in touched if half.period not in periods]
    energies = [volumes[period] for period in (*periods, *rest)]
    home = terms.home_percent / 100

    def service(wh: Sequence[Series]) -> Series:
        return sum_due_p(lines, wh[: len(lines)])

    def saved(wh: Sequence[Series], price: Price) -> Series:
        together: Series = np.asarray(sum(wh, start=np.zeros(())))
        return together * (price.steps / (WH_PER_MWH * 1_000))

    shares: dict[Party, Callable[[Sequence[Series]], Series]] = {
        Party.DSO: lambda wh: -service(wh),
        Party.AGGREGATOR: lambda wh: (1 - home) * service(wh),
        Party.DOMESTIC: lambda wh: home * service(wh) + saved(wh, terms.tariff),
        Party.SUPPLIER: lambda wh: -saved(wh, terms.tariff),
        Party.BALANCE_RESPONSIBLE: lambda wh: saved(wh, terms.imbalance),
    }
    return {party: through_one_meter(due, energies) for party, due in shares.items()}
