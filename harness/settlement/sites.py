"""What sites on a constrained network owe each other, and whom their energy exposes.

Trades of capacity are settled between the sites (`harness.settlement.trades`); the
energy that comes with them is bought from a supplier, and out of balance for whoever
answers for it, unless that one knew before gate closure. ``docs/definitions.md``,
"settlement of sites".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.analysis.estimate import Estimate
from harness.analysis.quality import scaled, total
from harness.core.calendar import SettlementPeriod
from harness.core.parties import Party
from harness.core.recording import Series
from harness.settlement.imbalance import Imbalance, bill_change
from harness.settlement.money import WH_PER_MWH, Price, whole_wh
from harness.settlement.payments import through_one_meter
from harness.settlement.positions import Position, Transfer, positions
from harness.settlement.trades import PERIODS_PER_HOUR, Powers, TradeSettlement
from harness.settlement.volumes import HalfHour


@dataclass(frozen=True, slots=True)
class TradeTerms:
    """What trades between sites cost, and the energy that comes with them."""

    price: Price
    """For a megawatt lent for an hour, or a megawatt-hour offset."""
    penalty: Price
    """For a megawatt-hour of what was sold or not bought, or without demand for it."""
    tariff: Price
    """The sites' retail price."""
    imbalance: Price


@dataclass(frozen=True, slots=True)
class SiteUse:
    """What one site's meter counted, and what had been bought for it."""

    site: str
    halves: tuple[HalfHour, ...]
    """Of the whole site, import positive."""
    expected_wh: int
    """What its supplier had bought for each half-hour. [Wh]"""
    known: frozenset[SettlementPeriod] = frozenset()
    """Half-hours whose change its balance responsible person knew of before gate
    closure, and so could make up for elsewhere in its portfolio."""

    def powers(self, sign: int) -> Powers:
        """Return its mean power of each half-hour, in one direction. [W]"""
        return {
            half.period: scaled(half.energy, sign * PERIODS_PER_HOUR, "W")
            for half in self.halves
            if half.settled
        }


@dataclass(frozen=True, slots=True)
class SitesSettlement:
    """All that trades and their energy came to."""

    transfers: tuple[Transfer, ...]
    exposed_wh: tuple[tuple[str, int], ...] = ()
    nets: Mapping[str, Estimate] = field(default_factory=dict)
    """What the metering's uncertainty makes of each net that it touches. [p]"""
    breaches: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every party's position, the sites' by name."""
        return positions(self.transfers, self.exposed_wh)

    @property
    def turnover_p(self) -> int:
        """All that anybody pays anybody. [p]"""
        return sum(one.pence for one in self.transfers)

    def paid_p(self, payer: str, payee: str, what: str) -> int:
        """Return what one party pays another for one thing. [p]"""
        wanted = (payer, payee, what)
        return sum(
            one.pence
            for one in self.transfers
            if (one.payer, one.payee, one.what) == wanted
        )


def settle_sites(
    trades: Iterable[TradeSettlement],
    uses: Sequence[SiteUse],
    *,
    terms: TradeTerms,
) -> SitesSettlement:
    """Settle trades that were gone through, and the energy of the sites.

    Parameters
    ----------
    trades : iterable of TradeSettlement
        What each came to.
    uses : sequence of SiteUse
        What every site used; a half-hour that could not be settled is marked by name.
    terms : TradeTerms
        Tariff and imbalance price.
    """
    settled = list(trades)
    owes = [one for trade in settled for one in trade.transfers]
    exposed: list[tuple[str, int]] = []
    marks = [mark for trade in settled for mark in trade.marks]
    for use in uses:
        for half in use.halves:
            if not half.settled:
                marks.append(f"{half.period}: {use.site}: {half.mark or 'not seen'}")
                continue
            owes += _energy(use, half, terms, exposed)
    return SitesSettlement(
        tuple(owes),
        tuple(exposed),
        _nets(uses, terms),
        tuple(breach for trade in settled for breach in trade.breaches),
        tuple(dict.fromkeys(marks)),
    )


def _energy(
    use: SiteUse, half: HalfHour, terms: TradeTerms, exposed: list[tuple[str, int]]
) -> tuple[Transfer, ...]:
    """Return a half-hour's bill, and its imbalance if nobody knew of it in time."""
    used_wh, when = whole_wh(half.energy.value), str(half.period)
    bill = bill_change(
        use.expected_wh, used_wh, terms.tariff, consumer=use.site, when=when
    )
    if half.period in use.known:
        return bill
    imbalance = Imbalance(Party.BALANCE_RESPONSIBLE, use.expected_wh, used_wh)
    exposed.append((Party.BALANCE_RESPONSIBLE, imbalance.long_wh))
    return (*bill, *imbalance.cash(terms.imbalance, when=when))


def _nets(uses: Sequence[SiteUse], terms: TradeTerms) -> dict[str, Estimate]:
    """Return the nets that hang on meters: one meter a site, independent of others."""
    bills = {use.site: _worth(use, use.halves, terms.tariff) for use in uses}
    unknown = [
        _worth(use, [h for h in use.halves if h.period not in use.known],
               terms.imbalance)
        for use in uses
    ]  # fmt: skip
    found: dict[str, Estimate] = dict(bills)
    found[Party.SUPPLIER] = total(bills.values(), shared=False)
    found[Party.BALANCE_RESPONSIBLE] = total(unknown, shared=False)
    return found


def _worth(use: SiteUse, halves: Sequence[HalfHour], price: Price) -> Estimate:
    energies = [half.energy for half in halves if math.isfinite(half.energy.value)]
    if not energies:
        return Estimate(0.0, "p")

    def worth(wh: Sequence[Series]) -> Series:
        changed: Series = np.asarray(sum(wh, start=np.zeros(()))) - use.expected_wh
        return changed * (price.steps / (WH_PER_MWH * 1_000))

    return through_one_meter(worth, energies)
