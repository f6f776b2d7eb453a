"""The neutral market facilitator's register: every transaction, and who is told of it.

What a site may draw or feed in at a moment follows from the register alone: its own
capacity, less what it sold, plus what it bought, while that stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.market.actors import Actor
from harness.market.rules import ForbiddenError, Rule
from harness.market.sites import Area, Direction, Site, site_named
from harness.market.trades import Stage, Trade, Transaction


class Register:
    """All transactions of the sites of some areas.

    Parameters
    ----------
    areas : sequence of Area
        The sites that are registered.
    """

    def __init__(self, areas: Sequence[Area]) -> None:
        self.areas = tuple(areas)
        self._transactions: dict[str, Transaction] = {}
        self._outlines: set[frozenset[str]] = set()
        self._verified_s: dict[frozenset[str], float] = {}

    @property
    def transactions(self) -> tuple[Transaction, ...]:
        """All of them, in the order in which they were agreed."""
        return tuple(self._transactions.values())

    def approve_outline(self, one: str, other: str) -> None:
        """Note that the DNO approved, in outline, that two sites offset each other."""
        self._outlines.add(frozenset((one, other)))

    def withdraw_outline(self, one: str, other: str) -> None:
        """Note that an outline approval no longer stands."""
        self._outlines.discard(frozenset((one, other)))

    def is_outlined(self, one: str, other: str) -> bool:
        """Whether the DNO's outline approval of two sites stands."""
        return frozenset((one, other)) in self._outlines

    def note_verified(self, one: str, other: str, *, at_s: float) -> None:
        """Note that the fail-safe of two sites was verified, and worked. [s]"""
        self._verified_s[frozenset((one, other))] = at_s

    def verified_s(self, one: str, other: str) -> float | None:
        """Return when the fail-safe of two sites was last verified here. [s]"""
        return self._verified_s.get(frozenset((one, other)))

    def agree(self, trade: Trade, *, at_s: float) -> Transaction:
        """Enter what seller and buyer agreed; it is conditional from now on.

        Raises
        ------
        ForbiddenError
            If a site is unknown, they are not in one area, more is sold than is held,
            or an offset was not approved in outline.
        """
        self._require_sites(trade)
        if trade.name in self._transactions:
            raise ForbiddenError(Rule.ENDED, f"trade {trade.name} is registered")
        if trade.kind.is_offset:
            if not self.is_outlined(trade.seller, trade.buyer):
                fact = f"the {trade.seller} and the {trade.buyer} have no outline"
                raise ForbiddenError(Rule.OUTLINE, f"{fact} approval")
        else:
            self._require_held(trade, at_s)
        if at_s >= trade.from_s:
            fact = f"trade {trade.name} was agreed after it should have begun"
            raise ForbiddenError(Rule.IN_TIME, fact)
        self._transactions[trade.name] = Transaction(trade, at_s)
        return self._transactions[trade.name]

    def _require_sites(self, trade: Trade) -> None:
        for name in (trade.seller, trade.buyer):
            if site_named(self.areas, name) is None:
                raise ForbiddenError(Rule.KNOWN_MPAN, f"no MPAN is known of {name!r}")
        together = any(a.site(trade.seller) and a.site(trade.buyer) for a in self.areas)
        if not together:
            fact = f"the {trade.seller} and the {trade.buyer} share no area"
            raise ForbiddenError(Rule.SAME_AREA, fact)

    def _require_held(self, trade: Trade, at_s: float) -> None:
        held_w = self._site(trade.seller).holds_w(trade.kind.direction)
        sold_w = sum(
            _may_sell_w(one.at(at_s))
            for one in self._transactions.values()
            if one.trade.seller == trade.seller
            and one.trade.kind is trade.kind
            and _overlap(one.trade, trade)
        )
        if sold_w + trade.power_w > held_w:
            fact = (
                f"the {trade.seller} holds {held_w / 1e3:g} kW of {trade.kind} and has "
                f"sold {sold_w / 1e3:g} kW: it cannot sell {trade.power_w / 1e3:g} kW"
            )
            raise ForbiddenError(Rule.HOLDS, fact)

    def _site(self, name: str) -> Site:
        site = site_named(self.areas, name)
        if site is None:
            raise ForbiddenError(Rule.KNOWN_MPAN, f"no MPAN is known of {name!r}")
        return site

    def approve(self, name: str, *, at_s: float, power_w: float | None = None) -> None:
        """Note the DNO's approval of a transaction, or of a part of its power."""
        one = self._named(name)
        whole_w = one.trade.power_w if power_w is None else power_w
        self._transactions[name] = one.approve(whole_w, at_s=at_s)

    def refuse(self, name: str, *, at_s: float) -> None:
        """Note the DNO's refusal."""
        self._transactions[name] = self._named(name).refuse(at_s=at_s)

    def unwind(self, name: str, *, at_s: float) -> None:
        """Note that a transaction was unwound."""
        self._transactions[name] = self._named(name).unwind(at_s=at_s)

    def _named(self, name: str) -> Transaction:
        if name not in self._transactions:
            raise ForbiddenError(Rule.ENDED, f"there is no transaction {name!r}")
        return self._transactions[name]

    def knows(self, name: str) -> bool:
        """Whether a transaction of that name was ever registered."""
        return name in self._transactions

    def stage(self, name: str, at_s: float) -> Stage:
        """Return where a transaction is in its life at a moment."""
        return self._named(name).at(at_s).stage

    def approved_w(self, name: str) -> float:
        """Return how much of a transaction the DNO approved. [W]"""
        return self._named(name).approved_w

    def never_used_w(self, trade: Trade, highest_w: float) -> float:
        """Return how much of what is sold its seller never used. [W]

        The network carries that much more, because it relieves nothing. Source:
        TRANSITION use case 4, potential conflicts and management.
        """
        held_w = self._site(trade.seller).holds_w(trade.kind.direction)
        return max(min(held_w - highest_w, trade.power_w), 0.0)

    def may_w(self, site: str, direction: Direction, at_s: float) -> float:
        """Return what a site may draw, or feed in, at a moment. [W]"""
        may_w = self._site(site).holds_w(direction)
        for one in self._transactions.values():
            if one.trade.kind.direction is not direction:
                continue
            if one.trade.buyer == site:
                may_w += one.stands_w(at_s)
            if one.trade.seller == site and not one.trade.kind.is_offset:
                may_w -= one.stands_w(at_s)
        return may_w

    def changes_s(self) -> tuple[float, ...]:
        """Return every moment at which what a site may do can change, in order."""
        return tuple(
            sorted({s for one in self._transactions.values() for s in one.changes_s()})
        )

    def affected(self, name: str) -> tuple[str, ...]:
        """Return who is told what becomes of a transaction.

        Source: TRANSITION use case 4: the facilitator informs affected parties; a
        balance responsible person that knows of it can compensate.
        """
        trade = self._named(name).trade
        told = (Actor.DNO, Actor.FACILITATOR, Actor.BALANCE_RESPONSIBLE)
        return (trade.seller, trade.buyer, *map(str, told))


def _may_sell_w(one: Transaction) -> float:
    """Return what a transaction takes, or may yet take, from its seller. [W]"""
    if one.stage is Stage.CONDITIONAL:
        return one.trade.power_w
    return one.approved_w if one.stage is Stage.APPROVED else 0.0


def _overlap(one: Trade, other: Trade) -> bool:
    return one.from_s < other.until_s and other.from_s < one.until_s
