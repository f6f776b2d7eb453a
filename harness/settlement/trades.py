"""Trades between sites: capacity lent by one to another, generation offset by demand.

Use cases 4, 5 and 6 of TRANSITION: what is paid half-hour by half-hour, and who used
what it had sold. Whether a trade was approved, and when it ends, is said by the caller.
``docs/definitions.md``, "capacity trade" and "offset".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.estimate import Estimate
from harness.core.calendar import PERIOD_S, SettlementPeriod
from harness.core.errors import UsageError
from harness.settlement.money import Price, amount_p, whole_wh
from harness.settlement.positions import Transfer, owed

PERIODS_PER_HOUR = 3600.0 / PERIOD_S
Powers = Mapping[SettlementPeriod, Estimate]
"""Mean power of each half-hour, in the direction of the capacity, as metered. [W]"""


@dataclass(frozen=True, slots=True)
class CapacityTrade:
    """Import (or export) capacity that one site lends another in its area.

    Raises
    ------
    UsageError
        If more is sold than is held, nothing is sold, a price is negative, or buyer
        and seller are one.
    """

    seller: str
    buyer: str
    sold_w: int
    seller_holds_w: int
    """What the seller may draw (or export) without the trade: its MIC or MEC. [W]"""
    buyer_holds_w: int
    price: Price
    """For a megawatt lent for an hour."""
    penalty: Price
    """For a megawatt-hour drawn of what was sold, or beyond what was bought."""

    def __post_init__(self) -> None:
        where = f"the trade of {self.seller} and {self.buyer}"
        if self.seller == self.buyer:
            raise UsageError(where, "a site cannot trade with itself", "another site")
        if not 0 < self.sold_w <= self.seller_holds_w:
            fact = f"{self.sold_w} W are sold of {self.seller_holds_w} W held"
            raise UsageError(where, fact, "more than nothing, at most what is held")
        if min(self.price.steps, self.penalty.steps) < 0:
            raise UsageError(where, "a price is negative", "0 £/MWh or more")

    @property
    def seller_keeps_w(self) -> int:
        """What the seller may draw while the trade stands. [W]"""
        return self.seller_holds_w - self.sold_w

    @property
    def buyer_may_w(self) -> int:
        """What the buyer may draw while the trade stands. [W]"""
        return self.buyer_holds_w + self.sold_w


@dataclass(frozen=True, slots=True)
class TradeSettlement:
    """What a trade came to: what is owed, and all that was not as it should be."""

    transfers: tuple[Transfer, ...]
    breaches: tuple[str, ...] = ()
    """Who drew more than it may, surely: by more than the metering's U."""
    marks: tuple[str, ...] = ()
    """What was not settled, or lies within the metering's uncertainty."""


def settle_trade(
    trade: CapacityTrade,
    periods: Sequence[SettlementPeriod],
    seller_w: Powers,
    buyer_w: Powers,
    *,
    approved: bool,
    network: str = "DNO",
) -> TradeSettlement:
    """Settle a capacity trade half-hour by half-hour.

    The buyer pays for each half-hour in which the seller kept off what it sold, by its
    meter. A seller that drew of it is not paid and pays the buyer a penalty for the
    energy; a buyer beyond what it bought pays the network one. Without approval nothing
    is owed, and the buyer may draw no more than its own.

    Parameters
    ----------
    trade : CapacityTrade
        What was agreed.
    periods : sequence of SettlementPeriod
        While it stands.
    seller_w, buyer_w : mapping
        Metered mean power of both sites; a period without one is marked, not settled.
    approved : bool
        Whether the DNO approved the trade.
    network : str
        Who is paid when the buyer goes beyond.
    """
    found = _Found()
    if not approved:
        found.marks.append("the DNO did not approve the trade: nothing is owed")
    may_w = trade.buyer_may_w if approved else trade.buyer_holds_w
    for period in periods:
        over = found.beyond(buyer_w.get(period), may_w, trade.buyer, period)
        if not approved:
            continue
        found.owe(
            trade.buyer, network, over, trade.penalty, "drawn beyond what was bought",
            period,
        )  # fmt: skip
        _settle_lent(trade, period, seller_w.get(period), found)
    return found.settlement()


def _settle_lent(
    trade: CapacityTrade, period: SettlementPeriod, seller: Estimate | None,
    found: _Found,
) -> None:  # fmt: skip
    """Settle what a seller kept off, or did not, in one half-hour."""
    if seller is None or not math.isfinite(seller.value):
        found.marks.append(f"{period}: no reading of the {trade.seller}: not settled")
        return
    used = found.beyond(seller, trade.seller_keeps_w, trade.seller, period)
    if used:
        found.owe(
            trade.seller, trade.buyer, used, trade.penalty, "drawn of what was sold",
            period,
        )  # fmt: skip
        return
    lent = whole_wh(trade.sold_w / PERIODS_PER_HOUR)
    pence = amount_p(lent, trade.price)
    found.owes += owed(trade.buyer, trade.seller, pence, "capacity", when=str(period))


@dataclass(slots=True)
class _Found:
    """What is found while half-hours are gone through."""

    owes: list[Transfer] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    def owe(
        self, payer: str, payee: str, energy_wh: int, price: Price, what: str,
        period: SettlementPeriod,
    ) -> None:  # fmt: skip
        pence = amount_p(energy_wh, price)
        self.owes += owed(
            payer, payee, pence, what, energy_wh=energy_wh, when=str(period)
        )

    def beyond(
        self, power: Estimate | None, may_w: int, site: str, period: SettlementPeriod
    ) -> int:
        """Return the energy that a site surely drew beyond what it may. [Wh]"""
        if power is None or not power.value > may_w:
            return 0
        over_w = power.value - may_w
        said = f"{period}: the {site} is {over_w / 1000:.3g} kW above the "
        said += f"{may_w / 1000:g} kW that it may draw"
        return self.surely(said, over_w, power.expanded)

    def surely(self, said: str, over_w: float, expanded_w: float) -> int:
        """Note a breach, or a mark if the metering cannot tell; return its energy."""
        if over_w <= expanded_w:
            self.marks.append(f"{said}, within the metering's uncertainty")
            return 0
        self.breaches.append(said)
        return whole_wh(over_w / PERIODS_PER_HOUR)

    def settlement(self) -> TradeSettlement:
        return TradeSettlement(
            tuple(self.owes), tuple(self.breaches), tuple(self.marks)
        )


def never_used(
    trade: CapacityTrade, highest_w: Estimate, *, looked_back: str
) -> str | None:
    """Say whether a seller sold what it had never used: then the network gains load.

    The sold part of a limit that a site never reached relieves nothing.

    Parameters
    ----------
    trade : CapacityTrade
        What was agreed.
    highest_w : Estimate
        The seller's highest half-hourly power in the time looked back to. [W]
    looked_back : str
        That time, as a reader wants it: ``the 60 days before``.

    Returns
    -------
    str or None
        None if it used, or may have used, all that it sold.
    """
    unused_w = min(trade.seller_holds_w - highest_w.value, trade.sold_w)
    if not unused_w > highest_w.expanded:
        return None
    return (
        f"the {trade.seller} never used {unused_w / 1000:.3g} kW of the "
        f"{trade.sold_w / 1000:g} kW that it sold, in {looked_back}: "
        "the network carries that much more"
    )


@dataclass(frozen=True, slots=True)
class Offset:
    """A site that may rise beyond its own because another rose first the other way.

    Generation after demand, or demand after generation, in one area.

    Raises
    ------
    UsageError
        If the price is negative or both sites are one.
    """

    follower: str
    leader: str
    price: Price
    """What the follower pays for each megawatt-hour that the leader made room for."""
    penalty: Price
    """For each megawatt-hour beyond what the leader rose by; paid to the network."""

    def __post_init__(self) -> None:
        where = f"the offset of {self.follower} and {self.leader}"
        if self.follower == self.leader:
            raise UsageError(where, "one site cannot offset itself", "another site")
        if min(self.price.steps, self.penalty.steps) < 0:
            raise UsageError(where, "a price is negative", "0 £/MWh or more")


def settle_offset(
    offset: Offset,
    raised_by_follower_w: Powers,
    raised_by_leader_w: Powers,
    *,
    network: str = "DNO",
) -> TradeSettlement:
    """Settle an offset: the energy by which both rose, half-hour by half-hour.

    Matched energy is the smaller of both rises, never below nothing. What the follower
    raised beyond the leader, surely, is a breach. Half-hours hide what happened inside
    them: which rose first is judged from the recording, not here.
    """
    found = _Found()
    for period in sorted({*raised_by_follower_w, *raised_by_leader_w}):
        made = raised_by_follower_w.get(period)
        taken = raised_by_leader_w.get(period)
        if made is None or taken is None or math.isnan(made.value + taken.value):
            found.marks.append(f"{period}: one of both was not metered: not settled")
            continue
        matched_w = max(min(made.value, taken.value), 0.0)
        matched = whole_wh(matched_w / PERIODS_PER_HOUR)
        found.owe(
            offset.follower, offset.leader, matched, offset.price, "offset", period
        )
        over_w = max(made.value, 0.0) - matched_w
        if not over_w:
            continue
        over_kwh = over_w / PERIODS_PER_HOUR / 1000
        said = f"{period}: {over_kwh:.3g} kWh beyond what was raised for it"
        over = found.surely(said, over_w, math.hypot(made.expanded, taken.expanded))
        found.owe(
            offset.follower, network, over, offset.penalty,
            "beyond what was raised for it", period,
        )  # fmt: skip
    return found.settlement()
