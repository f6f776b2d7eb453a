"""A virtual power plant: what it may sell, to whom, and what it may not sell twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sale:
    """Flexibility of the whole plant, offered to one buyer for one window.

    Times are clock seconds, the price is in a unit of the caller's.
    """

    buyer: str
    power_w: float
    price: int
    from_clock_s: float
    until_clock_s: float

    def overlaps(self, other: Sale) -> bool:
        """Whether both want the plant at one time."""
        return (
            self.from_clock_s < other.until_clock_s
            and other.from_clock_s < self.until_clock_s
        )


@dataclass(frozen=True, slots=True)
class Plant:
    """Homes with one kind of device each, that are sold together."""

    homes: int
    role: str
    gives_w: float
    """What one home can give. [W]"""
    portfolio_mw: float
    """Of the aggregator that it is a part of: optimisers take by that. [MW]"""
    entry_w: dict[str, float]
    """The least that a buyer takes. [W]"""
    sales: tuple[Sale, ...] = ()
    """In the order in which they were offered."""

    def __post_init__(self) -> None:
        if self.homes < 1 or not self.gives_w > 0 or not self.portfolio_mw > 0:
            raise ValueError("a plant has homes that give something, in a portfolio")

    @property
    def capacity_w(self) -> float:
        """What all homes can give together. [W]"""
        return self.homes * self.gives_w

    def of_one_w(self, sale: Sale) -> float:
        """Return what a sale asks of one home. [W]"""
        return sale.power_w / self.homes

    def clock_times(self) -> list[float]:
        """Return every time that a plan must last for. [s]"""
        times = [(one.from_clock_s, one.until_clock_s) for one in self.sales]
        return [at for pair in times for at in pair]


TOO_SMALL = "the market takes no less than {least:g} kW"
UNKNOWN = "it is registered in no market of theirs"
SOLD = "{left:g} kW are left then, the rest is sold to {buyers}"


def refusal(plant: Plant, sold: Sequence[Sale], sale: Sale) -> str:
    """Say why a plant cannot sell this beside what it has sold, or ""."""
    least_w = plant.entry_w.get(sale.buyer)
    if least_w is None:
        return UNKNOWN
    if sale.power_w < least_w:
        return TOO_SMALL.format(least=least_w / 1000)
    others = [one for one in sold if one.overlaps(sale)]
    # What is sold at the beginning of any of them is the most that is sold at once.
    starts = [sale.from_clock_s, *(one.from_clock_s for one in others)]
    inside = [at for at in starts if sale.from_clock_s <= at < sale.until_clock_s]
    taken_w = max(
        sum(o.power_w for o in others if o.from_clock_s <= at < o.until_clock_s)
        for at in inside
    )
    left_w = plant.capacity_w - taken_w
    if sale.power_w <= left_w + 1e-6:
        return ""
    buyers = ", ".join(dict.fromkeys(one.buyer for one in others)) or "nobody"
    return SOLD.format(left=left_w / 1000, buyers=buyers)


def sold_and_refused(plant: Plant) -> tuple[list[Sale], list[tuple[Sale, str]]]:
    """Decide every offer in its order: what is sold, and what is refused and why."""
    sold: list[Sale] = []
    refused = []
    for sale in plant.sales:
        why = refusal(plant, sold, sale)
        if why:
            refused.append((sale, why))
        else:
            sold.append(sale)
    return sold, refused
