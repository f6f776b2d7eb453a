"""What a community sets up before any smart system: a plan, a fund, an asset to share.

Source 002: local area energy planning (B.1), project marketplace (B.2), collective
purchasing (B.3), community and corporate anchor assets (B.4, B.5). Times are clock
seconds, money is in pence.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class PlannedAsset:
    """One line of a local plan's list: so many homes with one kind of asset."""

    name: str
    role: str
    homes: int
    power_w: float
    """What each draws, or feeds in, at most. [W]"""

    def __post_init__(self) -> None:
        if self.homes < 1 or not self.power_w > 0:
            raise ValueError(f"{self.name}: homes and a power above nothing")


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """A plan for a small area: what it lists, and the substation beneath it."""

    name: str
    assets: tuple[PlannedAsset, ...]
    rating_w: float = 0.0
    """Of the substation. [W]"""
    usual_w: float = 0.0
    """What it carries already. [W]"""


@dataclass(frozen=True, slots=True)
class Project:
    """A project that asks a marketplace for money, with what it claims of a device."""

    name: str
    asks_p: int
    role: str
    power_w: float
    """What its device does when it is told to, in size. [W]"""

    def __post_init__(self) -> None:
        if self.asks_p <= 0 or not self.power_w > 0:
            raise ValueError(f"{self.name}: it asks for nothing, or claims nothing")


@dataclass(frozen=True, slots=True)
class Marketplace:
    """A pot of money for projects, in the order in which they applied."""

    name: str
    holds_p: int
    fee_percent: float
    """Of every grant, for the operator."""
    projects: tuple[Project, ...]

    def __post_init__(self) -> None:
        if self.holds_p <= 0 or not 0 <= self.fee_percent < 100:
            raise ValueError("a marketplace holds money and asks a fee below 100 %")


@dataclass(frozen=True, slots=True)
class Granted:
    """What became of one project."""

    project: Project
    grant_p: int
    fee_p: int
    refused: str = ""


UNPROVEN, EMPTY = "its claim is not proven", "the fund is spent"


def granted(market: Marketplace, proven: Collection[str]) -> list[Granted]:
    """Decide every project in its order: a proven claim, while there is money.

    Parameters
    ----------
    proven : collection of str
        Names of the projects whose claims the meters bear out.
    """
    left_p, found = market.holds_p, []
    for one in market.projects:
        fee_p = percent_of(one.asks_p, market.fee_percent)
        if one.name not in proven:
            found.append(Granted(one, 0, 0, UNPROVEN))
        elif one.asks_p + fee_p > left_p:
            found.append(Granted(one, 0, 0, EMPTY))
        else:
            left_p -= one.asks_p + fee_p
            found.append(Granted(one, one.asks_p, fee_p))
    return found


def percent_of(amount_p: int, percent: float) -> int:
    """Return a percentage of an amount, half a penny away from zero. [p]"""
    exact = Decimal(amount_p) * Decimal(repr(percent)) / 100
    return int(exact.to_integral_value(ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Purchase:
    """Many homes that buy one thing together."""

    homes: int
    role: str
    list_p: int
    """What it costs one home alone. [p]"""
    pays_p: int
    """What each pays together with the others. [p]"""

    def __post_init__(self) -> None:
        if self.homes < 2 or self.list_p <= 0 or self.pays_p < 0:
            raise ValueError("two homes or more buy something that costs something")

    @property
    def discount_percent(self) -> float:
        """What each saves. [%]"""
        return 100 * (1 - self.pays_p / self.list_p)


@dataclass(frozen=True, slots=True)
class Share:
    """A member's share of an asset's energy."""

    member: str
    role: str
    ppm: int
    """In millionths."""


@dataclass(frozen=True, slots=True)
class SharedAsset:
    """An asset that is everybody's, and when its energy is shared out."""

    role: str
    shares: tuple[Share, ...]
    from_clock_s: float | None = None
    until_clock_s: float | None = None

    def __post_init__(self) -> None:
        if sum(one.ppm for one in self.shares) != 1_000_000:
            raise ValueError("the shares do not add up to 100 %")
        if min(one.ppm for one in self.shares) < 0:
            raise ValueError("a share below nothing")

    def clock_times(self) -> list[float]:
        """Return every time that a plan must last for. [s]"""
        return [at for at in (self.from_clock_s, self.until_clock_s) if at is not None]


@dataclass(frozen=True, slots=True)
class CompanyAsset:
    """A company's asset that pays the community a dividend out of its profit."""

    role: str
    like: int
    """How many times the device on the bench it is."""
    price: int
    """What its energy sells for, in the caller's unit."""
    costs_p: int
    """Of each half-hour. [p]"""
    dividend_percent: float
    from_clock_s: float | None = None
    until_clock_s: float | None = None

    def __post_init__(self) -> None:
        if self.like < 1 or self.costs_p < 0 or not 0 <= self.dividend_percent <= 100:
            raise ValueError("a size, costs and a dividend that can be")

    def clock_times(self) -> list[float]:
        """Return every time that a plan must last for. [s]"""
        return [at for at in (self.from_clock_s, self.until_clock_s) if at is not None]


@dataclass(frozen=True, slots=True)
class Community:
    """All that a plan has of a community."""

    plan: LocalPlan | None = None
    marketplace: Marketplace | None = None
    purchase: Purchase | None = None
    shared: SharedAsset | None = None
    company: CompanyAsset | None = None

    def clock_times(self) -> list[float]:
        """Return every time that a plan must last for. [s]"""
        parts = (self.shared, self.company)
        return [at for part in parts if part is not None for at in part.clock_times()]
