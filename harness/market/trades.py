"""Trades of capacity between sites, as transactions with a life of their own.

Agreed between seller and buyer a trade is *conditional*; the DNO approves it, in whole
or in part, or refuses it; without an approval before it starts it *lapses*; approved it
stands from its start to its end unless it is *unwound*. Source: TRANSITION use cases 4
to 6. Times are bench seconds and are passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.market.rules import ForbiddenError, Rule
from harness.market.sites import Direction


class Stage(StrEnum):
    """Where a transaction is in its life."""

    CONDITIONAL = "conditional"
    APPROVED = "approved"
    REFUSED = "refused"
    LAPSED = "lapsed"
    UNWOUND = "unwound"
    EXPIRED = "expired"

    @property
    def has_ended(self) -> bool:
        """Whether nothing can become of it any more."""
        return self not in (Stage.CONDITIONAL, Stage.APPROVED)


class TradeKind(StrEnum):
    """What is traded."""

    IMPORT = "import"
    EXPORT = "export"
    OFFSET = "offset"
    """The seller draws more first, so that the buyer may feed in more than its own."""
    COVER = "cover"
    """The seller feeds in more first, so that the buyer may draw more than its own."""

    @property
    def direction(self) -> Direction:
        """The capacity that the buyer may use more of."""
        imports = self in (TradeKind.IMPORT, TradeKind.COVER)
        return Direction.IMPORT if imports else Direction.EXPORT

    @property
    def is_offset(self) -> bool:
        """Whether one site leads and the other follows, instead of one using less."""
        return self in (TradeKind.OFFSET, TradeKind.COVER)


@dataclass(frozen=True, slots=True)
class Trade:
    """What two sites agreed."""

    name: str
    kind: TradeKind
    seller: str
    buyer: str
    power_w: float
    from_s: float
    until_s: float

    def __post_init__(self) -> None:
        if self.seller == self.buyer:
            raise ValueError(f"the {self.seller} cannot trade with itself")
        if not self.power_w > 0 or not self.until_s > self.from_s:
            raise ValueError(f"trade {self.name} is of nothing, or ends as it begins")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A trade, and what became of it so far."""

    trade: Trade
    agreed_s: float
    stage: Stage = Stage.CONDITIONAL
    approved_w: float = 0.0
    ended_s: float | None = None
    """When it was refused, lapsed or unwound."""

    def at(self, now_s: float) -> Transaction:
        """Return it as time alone leaves it: lapsed at its start, or expired."""
        if self.stage is Stage.CONDITIONAL and now_s >= self.trade.from_s:
            return replace(self, stage=Stage.LAPSED, ended_s=self.trade.from_s)
        if self.stage is Stage.APPROVED and now_s >= self.trade.until_s:
            return replace(self, stage=Stage.EXPIRED, ended_s=self.trade.until_s)
        return self

    def approve(self, power_w: float, *, at_s: float) -> Transaction:
        """Return it approved, for all of its power or for less.

        Raises
        ------
        ForbiddenError
            If it began already, has ended, or was agreed for less.
        """
        now = self._alive(at_s, "approved")
        if now.stage is Stage.APPROVED:
            raise ForbiddenError(Rule.ENDED, f"trade {self.trade.name} was approved")
        if not 0 < power_w <= self.trade.power_w:
            fact = f"{power_w:g} W of {self.trade.power_w:g} W cannot be approved"
            raise ForbiddenError(Rule.NOT_MORE, fact)
        return replace(now, stage=Stage.APPROVED, approved_w=power_w)

    def refuse(self, *, at_s: float) -> Transaction:
        """Return it refused by the DNO."""
        now = self._alive(at_s, "refused")
        if now.stage is Stage.APPROVED:
            fact = f"trade {self.trade.name} was approved: it can only be unwound"
            raise ForbiddenError(Rule.ENDED, fact)
        return replace(now, stage=Stage.REFUSED, ended_s=at_s)

    def unwind(self, *, at_s: float) -> Transaction:
        """Return it unwound: from now on it gives nothing to anybody."""
        now = self._alive(at_s, "unwound")
        if now.stage is Stage.CONDITIONAL:
            fact = f"trade {self.trade.name} was never approved"
            raise ForbiddenError(Rule.CONDITIONAL, fact)
        return replace(now, stage=Stage.UNWOUND, ended_s=at_s)

    def _alive(self, at_s: float, what: str) -> Transaction:
        now = self.at(at_s)
        if now.stage is Stage.LAPSED and what == "approved":
            fact = f"trade {self.trade.name} began before it was approved"
            raise ForbiddenError(Rule.IN_TIME, fact)
        if now.stage.has_ended:
            fact = f"trade {self.trade.name} is {now.stage}: it cannot be {what}"
            raise ForbiddenError(Rule.ENDED, fact)
        return now

    def stands_w(self, at_s: float) -> float:
        """Return the power that it moves from seller to buyer at a moment. [W]"""
        trade = self.trade
        ended_s = trade.until_s if self.ended_s is None else self.ended_s
        within = trade.from_s <= at_s < min(trade.until_s, ended_s)
        return self.approved_w if within else 0.0

    def changes_s(self) -> tuple[float, ...]:
        """Return the moments at which what it moves can change."""
        ended = () if self.ended_s is None else (self.ended_s,)
        return (self.trade.from_s, self.trade.until_s, *ended)


def trade_data(trade: Trade) -> dict[str, object]:
    """Return a trade as plain data, for a log."""
    return {
        "trade": trade.name, "kind": str(trade.kind), "seller": trade.seller,
        "buyer": trade.buyer, "power_w": trade.power_w,
        "from_s": trade.from_s, "until_s": trade.until_s,
    }  # fmt: skip


def trade_of(data: Mapping[str, object]) -> Trade:
    """Return the trade that a log holds."""
    power_w, from_s, until_s = (
        float(str(data[key])) for key in ("power_w", "from_s", "until_s")
    )
    return Trade(
        str(data["trade"]), TradeKind(str(data["kind"])), str(data["seller"]),
        str(data["buyer"]), power_w, from_s, until_s,
    )  # fmt: skip
