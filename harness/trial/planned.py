"""What a plan is made of: who is asked for what, when, and what is done to the bench.

Times are clock seconds, since local midnight of the trial's date, unless a name says
otherwise. `harness.trial.plan` puts the parts together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from harness.core.faults import Direction, Fault, FaultKind
from harness.market.constraint import Agreement
from harness.market.dfs import Offered
from harness.market.private_network import Application
from harness.market.trades import Trade
from harness.market.trading import Market as WholesaleMarket
from harness.market.trading import Motive, Risk
from harness.settlement.dfs import History, Others
from harness.settlement.money import Price
from harness.settlement.monthly import Place


class Move(StrEnum):
    """Which way an instruction moves demand."""

    DOWN = "turn down"
    UP = "turn up"


@dataclass(frozen=True, slots=True)
class Instruction:
    """Move one asset to a level from one clock time to another.

    Clock times are seconds since local midnight of the trial's date.
    """

    actor: str
    role: str
    move: Move
    level_w: float
    from_clock_s: float
    until_clock_s: float


@dataclass(frozen=True, slots=True)
class MarketAct:
    """Something a market actor does at a clock time."""

    kind: str
    """``arm``, ``dispatch``, ``stop``, ``emergency stop``, ``overrule``, ``trip``."""
    actor: str
    at_clock_s: float
    from_clock_s: float = 0.0
    until_clock_s: float = 0.0
    detail: str = ""


GARBLED, UNKNOWN = "garbled", "without credentials"
"""How a signal over HTTP can be wrong on purpose: a `MarketAct`'s detail."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a person does to a device: ``unplug``, ``plug in``."""

    role: str
    action: str
    at_clock_s: float


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault of one role, from one clock time to another."""

    role: str
    kind: FaultKind
    from_clock_s: float
    until_clock_s: float | None = None
    """None: until the plan ends."""
    amount: float | None = None
    """In the unit that `FaultKind` names; None if the kind has none."""
    direction: Direction = "both"
    containing: str = ""
    """Wire faults: happens only to messages with these words in them."""

    @property
    def fault(self) -> Fault:
        """The fault itself, as devices and wires take it."""
        amount = math.nan if self.amount is None else self.amount
        return Fault(self.kind, amount, self.direction, self.containing.encode())

    def __str__(self) -> str:
        parts = [f"{self.role} {self.kind}"]
        parts += [] if self.amount is None else [f"({self.amount:g})"]
        parts += [] if self.direction == "both" else [self.direction]
        parts += [f"in {self.containing!r}"] if self.containing else []
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Preparation:
    """A level at which an asset is held before bench second 0."""

    role: str
    level_w: float


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """A load that is set, and for how long it stands."""

    role: str
    current_a: float
    """RMS, in each phase. [A]"""
    power_factor: float
    leading: bool
    from_clock_s: float
    until_clock_s: float

    def __str__(self) -> str:
        side = "leading" if self.leading else "lagging"
        side = "" if self.power_factor == 1 else f" {side}"
        return f"{self.current_a:g} A at power factor {self.power_factor:g}{side}"


@dataclass(frozen=True, slots=True)
class Watch:
    """A stretch in which nothing is asked of anything: the bench is left alone."""

    from_clock_s: float
    until_clock_s: float


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A meter's load profile, asked for at a clock time."""

    meter: str
    at_clock_s: float
    days: float
    """How far back. [d]"""


@dataclass(frozen=True, slots=True)
class Feeder:
    """A transformer, and how many homes like the one on the bench hang on it."""

    name: str
    rating_w: float
    homes: int
    relieves: str = ""
    """Name of the transformer that carries these homes if this one trips."""


@dataclass(frozen=True, slots=True)
class LikeHomes:
    """Homes like the one on the bench, as one unit: how their devices report."""

    homes: int
    role: str
    interval_s: int
    staggered: bool
    bias_percent: float = 0.0
    """What every meter reads too high, and nobody declared. [%]"""


@dataclass(frozen=True, slots=True)
class PlannedTrade:
    """A trade between sites, in clock seconds."""

    trade: Trade
    agreed_clock_s: float


APPROVES_TEST = "approve test"
"""The DNO approves a transaction that is there to verify a fail-safe."""


@dataclass(frozen=True, slots=True)
class TradeAct:
    """What the DNO says to a trade at a clock time."""

    kind: str
    """``approve``, ``refuse``, ``unwind``; ``verify``: its fail-safe; `APPROVES_TEST`:
    a transaction that is there to verify it."""
    trade: str
    at_clock_s: float
    power_w: float | None = None
    """How much of it is approved; None for all. [W]"""


@dataclass(frozen=True, slots=True)
class PlannedPromise:
    """A service that an asset was promised for; times in it are clock seconds."""

    service: str
    buyer: str
    role: str
    agreement: Agreement
    """Its capacity is that of one device. [W]"""
    penalty_gbp_per_mwh: float


@dataclass(frozen=True, slots=True)
class ServiceAct:
    """What an operator does about a service at a clock time."""

    kind: str
    """``arm``, ``call``, ``stop``, ``overrule``."""
    actor: str
    service: str
    at_clock_s: float
    from_clock_s: float = 0.0
    until_clock_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """A use of one site's flexibility by the energy trader."""

    site: str
    power_w: float
    """Positive to draw less, negative to draw more. [W]"""
    decided_clock_s: float
    from_clock_s: float
    until_clock_s: float
    motive: Motive


@dataclass(frozen=True, slots=True)
class TradingTerms:
    """What the trader knows, what it may do, and what energy costs."""

    market: WholesaleMarket
    cost: Price
    """What an owner is paid for each megawatt-hour moved."""
    tariff: Price
    before: Risk | None = None
    """What it may do before gate closure; None while nobody has said."""
    after: Risk | None = None


@dataclass(frozen=True, slots=True)
class PlannedApplication:
    """A declaration of use of D/380, made at a clock time."""

    application: Application
    at_clock_s: float


@dataclass(frozen=True, slots=True)
class DayAhead(Instruction):
    """An instruction that an operator gave a day ahead, for an asset by its place."""


@dataclass(frozen=True, slots=True)
class DfsPlan:
    """A unit of the Demand Flexibility Service, and how it is settled."""

    offered: Offered
    history: History = field(default_factory=History)
    price: Price | None = None
    """The unit's bid."""
    test: bool = False
    """Whether the guaranteed price is paid instead."""
    positive_only: bool = False
    others: tuple[Others, ...] = ()


@dataclass(frozen=True, slots=True)
class ReactiveCall:
    """Reactive power that a device is to take (inductive positive) for a time."""

    actor: str
    role: str
    reactive_var: float
    from_clock_s: float
    until_clock_s: float


@dataclass(frozen=True, slots=True)
class CustomerAct:
    """What a customer does about its contracts or its category at a clock time."""

    kind: str
    """``signs``, ``ends``, ``moves to``."""
    what: str
    at_clock_s: float


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """A month of a DSO's service, and what it is settled by."""

    places: tuple[Place, ...] = ()
    deemed_w: dict[str, float] = field(default_factory=dict)
    """Deemed baselines by role. [W]"""
    price: Price | None = None
    curve: str = ""


@dataclass(frozen=True, slots=True)
class Departure:
    """When a car leaves, and how far it must be charged by then."""

    role: str
    soc_percent: float
    at_clock_s: float
    battery_wh: float
    charges_w: float
    """What it charges with if nobody holds it back. [W]"""


@dataclass(frozen=True, slots=True)
class Turns:
    """Assets that give way one after the other, each for its own event period."""

    actor: str
    levels_w: dict[str, float]
    """What each is turned down to, in the order of their turns. [W]"""
    each_s: float
    from_clock_s: float
    until_clock_s: float


@dataclass(frozen=True, slots=True)
class AnmScheme:
    """A scheme that holds an area's export inside a limit, with one generator."""

    area: str
    limit_w: float
    generator: str


@dataclass(frozen=True, slots=True)
class Draw:
    """What a site draws (negative: feeds in) from one clock time to another."""

    site: str
    level_w: float
    from_clock_s: float
    until_clock_s: float
    obeys: bool
    """Whether its own management keeps it inside what it may."""
