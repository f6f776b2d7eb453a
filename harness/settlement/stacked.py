"""Several buyers of one asset: what each got of it, what it pays, and what it is owed.

In every half-hour the asset's delivered energy goes to the calls in order of primacy,
to each at most what it called for. ``docs/definitions.md``, "settlement of stacked
services".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN
from harness.core.calendar import PERIOD_S, PeriodOnBench
from harness.core.parties import Party
from harness.settlement.imbalance import Imbalance, bill_change
from harness.settlement.money import WH_PER_MWH, Price, amount_p, whole_wh
from harness.settlement.payments import Curve, penalty_p, utilisation_p
from harness.settlement.positions import Position, Transfer, owed, positions, split
from harness.settlement.volumes import HalfHour

HOUR_S = 3600.0
UTILISATION, PENALTY = "utilisation", "penalty for the shortfall"
LOST = "lost opportunity"


@dataclass(frozen=True, slots=True)
class StackedCall:
    """One accepted call of the asset, in bench time."""

    service: str
    buyer: Party
    capacity_w: int
    price: Price
    penalty: Price
    from_s: float
    until_s: float
    stood_until_s: float
    """Earlier than `until_s` if it was stopped or overruled."""
    overruled_by: Party | None = None

    def called_wh(self, part: PeriodOnBench) -> int:
        """Return what was called for in a settlement period, as it stood. [Wh]"""
        return self._between(part, self.stood_until_s)

    def unwound_wh(self, part: PeriodOnBench) -> int:
        """Return what an overruling unwound in a settlement period. [Wh]"""
        if self.overruled_by is None:
            return 0
        return self._between(part, self.until_s) - self.called_wh(part)

    def _between(self, part: PeriodOnBench, until_s: float) -> int:
        lasted_s = min(until_s, part.until_s) - max(self.from_s, part.from_s)
        return whole_wh(self.capacity_w * max(lasted_s, 0.0) / HOUR_S)


@dataclass(frozen=True, slots=True)
class StackTerms:
    """What was agreed about money, beside each service's price and penalty."""

    curve: str
    """Name of the payment curve."""
    lost_opportunity_percent: int
    owner_percent: int
    """Share of what the aggregator earns that it passes on to the owner."""
    tariff: Price
    imbalance: Price


@dataclass(frozen=True, slots=True)
class StackSettlement:
    """All that the calls of one asset came to."""

    transfers: tuple[Transfer, ...] = ()
    exposed_wh: tuple[tuple[Party, int], ...] = ()
    nets: Mapping[str, Estimate] = field(default_factory=dict)
    """What the metering's uncertainty can move each net by, at most. [p]"""
    marks: tuple[str, ...] = ()
    called_wh: Mapping[str, int] = field(default_factory=dict)
    """By service."""
    got_wh: Mapping[str, int] = field(default_factory=dict)

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every party's position."""
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


def settle_stack(
    halves: Sequence[HalfHour],
    parts: Sequence[PeriodOnBench],
    calls: Sequence[StackedCall],
    *,
    usual_w: float,
    owner: Party,
    terms: StackTerms,
    curve: Curve,
    gives: bool = True,
) -> StackSettlement:
    """Settle the calls of one asset.

    What the ESO bought is taken out of the balance of whoever answers for the asset,
    as accepted volumes are; what the DSO bought is not, and leaves it out of balance.

    Parameters
    ----------
    halves : sequence of HalfHour
        What the asset's meter counted, import positive.
    parts : sequence of PeriodOnBench
        The same periods in bench time.
    calls : sequence of StackedCall
        In order of primacy: who comes first is served first.
    usual_w : float
        What the asset draws while nothing is asked of it. [W]
    owner : Party
        Whose asset it is.
    terms, curve : StackTerms, Curve
        What was agreed.
    gives : bool
        False for services that have the asset draw more.
    """
    sign = 1 if gives else -1
    if not calls:
        return StackSettlement()
    owes: list[Transfer] = []
    exposed: list[tuple[Party, int]] = []
    marks: list[str] = []
    called = {one.service: 0 for one in calls}
    got = {one.service: 0 for one in calls}
    begun_s = min(one.from_s for one in calls)
    bought_wh = whole_wh(usual_w * PERIOD_S / HOUR_S)
    for half, part in zip(halves, parts, strict=True):
        if part.until_s <= begun_s:
            continue
        if not half.settled or not math.isfinite(half.energy.value):
            marks.append(f"{half.period}: not settled: {half.mark or 'not seen'}")
            continue
        used_wh, when = whole_wh(half.energy.value), str(half.period)
        shares = _share(calls, part, sign * (bought_wh - used_wh))
        for call in calls:
            called[call.service] += call.called_wh(part)
            got[call.service] += shares[call.service]
            owes += _service(call, part, shares[call.service], terms, curve, when)
        to_eso_wh = sum(shares[c.service] for c in calls if c.buyer is Party.ESO)
        owes += bill_change(bought_wh, used_wh, terms.tariff, consumer=owner, when=when)
        imbalance = Imbalance(
            Party.BALANCE_RESPONSIBLE, bought_wh, used_wh, adjusted_wh=sign * to_eso_wh
        )
        owes += imbalance.cash(terms.imbalance, when=when)
        exposed.append((Party.BALANCE_RESPONSIBLE, imbalance.long_wh))
    earned_p = sum(
        one.pence if one.payee is Party.AGGREGATOR else -one.pence for one in owes
        if Party.AGGREGATOR in (one.payer, one.payee)
    )  # fmt: skip
    owes += split(
        Party.AGGREGATOR, owner, earned_p, terms.owner_percent, "the owner's share"
    )
    return StackSettlement(
        tuple(owes), tuple(exposed), _doubts(halves, calls, owner, terms),
        tuple(dict.fromkeys(marks)), called, got,
    )  # fmt: skip


def _share(
    calls: Sequence[StackedCall], part: PeriodOnBench, delivered_wh: int
) -> dict[str, int]:
    """Give a half-hour's delivered energy to the calls, first served first. [Wh]"""
    left_wh, found = max(delivered_wh, 0), {}
    for call in calls:
        found[call.service] = min(call.called_wh(part), left_wh)
        left_wh -= found[call.service]
    return found


def _service(
    call: StackedCall, part: PeriodOnBench, got_wh: int, terms: StackTerms,
    curve: Curve, when: str,
) -> tuple[Transfer, ...]:  # fmt: skip
    called_wh = call.called_wh(part)
    found: tuple[Transfer, ...] = ()
    if called_wh:
        due_p = utilisation_p(got_wh, called_wh, call.price, curve)
        found += owed(
            call.buyer, Party.AGGREGATOR, due_p, UTILISATION,
            energy_wh=got_wh, when=when,
        )  # fmt: skip
        owes_p = penalty_p(got_wh, called_wh, call.penalty, curve)
        found += owed(
            Party.AGGREGATOR, call.buyer, owes_p, PENALTY,
            energy_wh=called_wh - got_wh, when=when,
        )  # fmt: skip
    unwound_wh = call.unwound_wh(part)
    if unwound_wh and call.overruled_by is not None:
        share = Fraction(terms.lost_opportunity_percent, 100)
        found += owed(
            call.overruled_by, Party.AGGREGATOR,
            amount_p(unwound_wh, call.price, share), LOST,
            energy_wh=unwound_wh, when=when,
        )  # fmt: skip
    return found


def _doubts(
    halves: Sequence[HalfHour], calls: Sequence[StackedCall], owner: Party,
    terms: StackTerms,
) -> dict[str, Estimate]:  # fmt: skip
    """Return what the meter can move each net by: its energy at the dearest price.

    A bound, not a propagation: where a call is capped its payment hardly moves.
    """
    u_wh = sum(h.energy.u for h in halves if math.isfinite(h.energy.value))
    dearest = max(one.price.steps + one.penalty.steps for one in calls)
    moved = {
        **{one.buyer: dearest for one in calls},
        Party.AGGREGATOR: dearest,
        owner: dearest + terms.tariff.steps,
        Party.SUPPLIER: terms.tariff.steps,
        Party.BALANCE_RESPONSIBLE: abs(terms.imbalance.steps),
    }
    return {
        str(party): Estimate(
            0.0, "p",
            (Contribution(GAIN, u_wh * steps / (WH_PER_MWH * 1_000), "B", "meter"),),
        )
        for party, steps in moved.items()
    }  # fmt: skip
