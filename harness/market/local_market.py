"""A local energy market: who offers what to whom, and how it is matched.

Each half-hour an agent of every member offers what it expects to have left, or bids for
what it expects to need, inside the limits that the member set. Matching is a pure
function. First come pairs of which one asked for the other by name: provenance is what
such a market is for (source 002, B.7). Then the dearest bid meets the cheapest offer.
A pair pays the middle of its two limits. Prices are whole numbers in a unit of the
caller's; energies are whole watt-hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the market, with what its agent may do."""

    name: str
    roles: tuple[str, ...]
    """Devices whose meters together are the member's."""
    sells_from: int | None = None
    """The least that it sells for; None: it never sells."""
    buys_up_to: int | None = None
    """The most that it buys for; None: it never buys."""
    wants: str = ""
    """Whose energy it wants before anybody's."""

    def __post_init__(self) -> None:
        if not self.roles:
            raise ValueError(f"{self.name} has no meter")
        if self.sells_from is None and self.buys_up_to is None:
            raise ValueError(f"{self.name} would neither sell nor buy")
        if self.wants == self.name:
            raise ValueError(f"{self.name} wants its own energy")


@dataclass(frozen=True, slots=True)
class LocalMarket:
    """Members, and the supplier at whose prices everything else is settled."""

    name: str
    members: tuple[Member, ...]
    tariff: int
    """What the supplier asks for what it supplies."""
    export: int
    """What the supplier pays for what it takes."""
    from_clock_s: float | None = None
    until_clock_s: float | None = None

    def __post_init__(self) -> None:
        names = [one.name for one in self.members]
        if len(names) < 2 or len(set(names)) != len(names):
            raise ValueError("a market has two members or more, each once")
        roles = [role for one in self.members for role in one.roles]
        if len(set(roles)) != len(roles):
            raise ValueError("two members have one meter")
        for one in self.members:
            if one.wants and one.wants not in names:
                raise ValueError(f"{one.name} wants energy of {one.wants}: who is that")
        if self.export > self.tariff:
            raise ValueError("the supplier pays more than it asks: nobody would trade")

    def member(self, name: str) -> Member | None:
        """Return a member by its name."""
        return next((one for one in self.members if one.name == name), None)

    def clock_times(self) -> list[float]:
        """Return every time that a plan must last for. [s]"""
        times = (self.from_clock_s, self.until_clock_s)
        return [at for at in times if at is not None]


@dataclass(slots=True)
class _Order:
    name: str
    wh: int
    limit: int
    wants: str = ""


@dataclass(frozen=True, slots=True)
class LocalTrade:
    """Energy that one member sells another in one half-hour."""

    seller: str
    buyer: str
    wh: int
    price: int


@dataclass(frozen=True, slots=True)
class Matched:
    """The trades of one half-hour, and what nobody took or gave."""

    trades: tuple[LocalTrade, ...]
    unsold_wh: dict[str, int] = field(default_factory=dict)
    unmet_wh: dict[str, int] = field(default_factory=dict)


def matched(members: Sequence[Member], expects_wh: dict[str, int]) -> Matched:
    """Match what members expect to draw (positive) and to have left (negative).

    Parameters
    ----------
    expects_wh : dict
        By member; one that is not in it trades nothing this time. [Wh]
    """
    offers, bids = [], []
    for one in members:
        wh = expects_wh.get(one.name, 0)
        if wh < 0 and one.sells_from is not None:
            offers.append(_Order(one.name, -wh, one.sells_from))
        elif wh > 0 and one.buys_up_to is not None:
            bids.append(_Order(one.name, wh, one.buys_up_to, one.wants))
    trades = _by_name(offers, bids) + _by_price(offers, bids)
    return Matched(
        tuple(trades), {o.name: o.wh for o in offers}, {b.name: b.wh for b in bids}
    )


def _by_name(offers: list[_Order], bids: list[_Order]) -> list[LocalTrade]:
    found = []
    for bid in sorted(bids, key=lambda one: (-one.limit, one.name)):
        wanted = [offer for offer in offers if offer.name == bid.wants]
        found += [_pair(offer, bid) for offer in wanted]
    return list(_some(found))


def _by_price(offers: list[_Order], bids: list[_Order]) -> list[LocalTrade]:
    cheap = sorted(offers, key=lambda one: (one.limit, one.name))
    dear = sorted(bids, key=lambda one: (-one.limit, one.name))
    return list(_some(_pair(offer, bid) for bid in dear for offer in cheap))


def _pair(offer: _Order, bid: _Order) -> LocalTrade | None:
    """Trade all that both can, if their limits meet."""
    wh = min(offer.wh, bid.wh)
    if wh <= 0 or offer.limit > bid.limit:
        return None
    offer.wh -= wh
    bid.wh -= wh
    return LocalTrade(offer.name, bid.name, wh, (offer.limit + bid.limit) // 2)


def _some(trades: Iterable[LocalTrade | None]) -> Iterable[LocalTrade]:
    return (one for one in trades if one is not None)
