"""A plan is data: what will be asked of the bench, and when.

Steps write a plan with clock times, as people say them. `Plan.settle` then fixes
where bench second 0 lies, once, and everything after speaks bench seconds.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from harness.core.calendar import LONDON, PeriodOnBench, periods_on_bench
from harness.market.balancing import Balancing
from harness.market.bm_unit import BmUnit
from harness.market.community import Community
from harness.market.constraint import Agreement, Offer
from harness.market.customers import Customer
from harness.market.dfs import Terms as DfsTerms
from harness.market.flexible_power import Asset
from harness.market.local_market import LocalMarket
from harness.market.network import CriticalAsset
from harness.market.offsetting import Scheme
from harness.market.plant import Plant
from harness.market.private_network import PrivateNetwork
from harness.market.sites import Area
from harness.market.thermal import Placed, ThermalConstraint
from harness.settlement.event import MoneyTerms
from harness.settlement.money import Price
from harness.settlement.sites import TradeTerms
from harness.settlement.stacked import StackTerms
from harness.trial.planned import (
    AnmScheme,
    CustomerAct,
    DayAhead,
    Departure,
    DfsPlan,
    Draw,
    Feeder,
    Instruction,
    LikeHomes,
    LoadPoint,
    MarketAct,
    MonthPlan,
    Operation,
    PlannedApplication,
    PlannedFault,
    PlannedOrder,
    PlannedPromise,
    PlannedTrade,
    Preparation,
    ReactiveCall,
    ReadBack,
    ServiceAct,
    TradeAct,
    TradingTerms,
    Turns,
    Watch,
)

BASELINE_S = 600.0
"""How long the bench is watched before the first instruction. [s]"""
AFTERMATH_S = 900.0
"""How long it is watched after the last one ends: return and rebound. [s]"""


_LATER = (
    "references",
    "load_points",
    "watches",
    "readbacks",
    "money",
    "units",
    "assets",
    "areas",
    "trades",
    "trade_acts",
    "draws",
    "histories",
    "trade_terms",
    "promises",
    "capacities_w",
    "takers",
    "primacy",
    "service_acts",
    "stack_terms",
    "schemes",
    "orders",
    "trading",
    "over_http",
    "gate_closure_s",
    "anm",
    "private_network",
    "left_out",
    "applications",
    "largest_circuit_va",
    "claims",
    "constraint",
    "gsp_of",
    "placed",
    "placed_homes",
    "day_ahead",
    "day_ahead_price",
    "dfs_terms",
    "dfs",
    "reserve_rules",
    "month",
    "reactive",
    "customer",
    "customer_acts",
    "customer_calls",
    "customer_price",
    "balancing",
    "local_market",
    "plant",
    "community",
    "departures",
    "turns",
    "bm_unit",
)


@dataclass(slots=True)
class Plan:
    """What the Given and When steps wrote; nothing has happened yet."""

    roles: list[str] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    acts: list[MarketAct] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    preparations: list[Preparation] = field(default_factory=list)
    faults: list[PlannedFault] = field(default_factory=list)
    judges: dict[str, str] = field(default_factory=dict)
    """Which meter speaks for a role, where a rig has several that could."""
    references: dict[str, str] = field(default_factory=dict)
    """Which reference standard each meter under test is compared with."""
    load_points: list[LoadPoint] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    readbacks: list[ReadBack] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    agreement: Agreement | None = None
    """Times in it are clock seconds, like those of every other part of a plan."""
    money: MoneyTerms | None = None
    """What the parties agreed about money, beside the agreement's price."""
    feeders: list[Feeder] = field(default_factory=list)
    units: list[LikeHomes] = field(default_factory=list)
    assets: list[CriticalAsset] = field(default_factory=list)
    """Transformers that carry other loads too, in clock seconds."""
    areas: list[Area] = field(default_factory=list)
    """Sites on constrained parts of the network."""
    trades: list[PlannedTrade] = field(default_factory=list)
    trade_acts: list[TradeAct] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)
    histories: dict[str, float] = field(default_factory=dict)
    """The most that a site drew (or fed in) in the 60 days before. [W]"""
    trade_terms: TradeTerms | None = None
    promises: list[PlannedPromise] = field(default_factory=list)
    capacities_w: dict[str, float] = field(default_factory=dict)
    """What one device of each promised asset can give. [W]"""
    takers: list[str] = field(default_factory=list)
    """Promised assets that draw more when they are called."""
    primacy: str = ""
    """Name of the regime that the parties agreed."""
    service_acts: list[ServiceAct] = field(default_factory=list)
    stack_terms: StackTerms | None = None
    schemes: list[Scheme] = field(default_factory=list)
    """Offset schemes, and when their fail-safes were verified."""
    over_http: Asset | None = None
    """What the DSO calls over HTTP; None if it tells the aggregator directly."""
    gate_closure_s: float | None = None
    """How long before its settlement period a trade is final. [s]"""
    orders: list[PlannedOrder] = field(default_factory=list)
    trading: TradingTerms | None = None
    anm: list[AnmScheme] = field(default_factory=list)
    private_network: PrivateNetwork | None = None
    left_out: list[str] = field(default_factory=list)
    """Customers whom the data collector's site information does not name."""
    applications: list[PlannedApplication] = field(default_factory=list)
    largest_circuit_va: float | None = None
    """Of what a generic dispensation covers. [VA]"""
    claims: dict[str, str] = field(default_factory=dict)
    """What is said of each device: its technology, and how it is dispatched."""
    constraint: ThermalConstraint | None = None
    gsp_of: dict[str, str] = field(default_factory=dict)
    """Grid supply points by postcode."""
    placed: list[Placed] = field(default_factory=list)
    placed_homes: int = 0
    """How many homes like this one each grid supply point has."""
    day_ahead: list[DayAhead] = field(default_factory=list)
    day_ahead_price: Price | None = None
    dfs_terms: dict[str, DfsTerms] = field(default_factory=dict)
    """What the Demand Flexibility Service asks, by edition."""
    dfs: DfsPlan | None = None
    reserve_rules: dict[str, str] = field(default_factory=dict)
    """What a reserve service asks, and the id of the rule that says it."""
    month: MonthPlan | None = None
    reactive: list[ReactiveCall] = field(default_factory=list)
    customer: Customer | None = None
    customer_acts: list[CustomerAct] = field(default_factory=list)
    customer_calls: list[Instruction] = field(default_factory=list)
    """Instructions that reach the customer's device only if its contracts let them."""
    customer_price: Price | None = None
    balancing: Balancing | None = None
    """What a self-balancing network's controller does, and what it loses."""
    local_market: LocalMarket | None = None
    """Who trades with whom; prices in it are `Price.steps`."""
    plant: Plant | None = None
    """A virtual power plant and its sales; prices likewise."""
    community: Community | None = None
    """What a community plans, funds, buys and shares; prices likewise."""
    departures: list[Departure] = field(default_factory=list)
    turns: Turns | None = None
    bm_unit: BmUnit | None = None
    """A secondary BM unit and its acceptances; prices in it are `Price.steps`."""
    baseline_s: float = BASELINE_S
    aftermath_s: float = AFTERMATH_S

    def need(self, role: str) -> None:
        """Say that the plan uses a role; the rig must have it."""
        if role not in self.roles:
            self.roles.append(role)

    def _clock_times(self) -> list[float]:
        """Every time that the plan must last for."""
        times = self._times_of_moves()
        times += [one.agreed_clock_s for one in self.trades]
        times += [one.decided_clock_s for one in self.orders]
        return times + [one.at_clock_s for one in self.applications]

    def _times_of_moves(self) -> list[float]:
        """Those at which something may move on the bench: not what is only agreed."""
        times: list[float] = []
        for instruction in self.instructions:
            times += [instruction.from_clock_s, instruction.until_clock_s]
        times += [one.at_clock_s for one in self.customer_acts]
        for ahead in (*self.day_ahead, *self.customer_calls):
            times += [ahead.from_clock_s, ahead.until_clock_s]
        for act in self.acts:
            times += [act.at_clock_s]
            times += [act.until_clock_s] if act.kind == "dispatch" else []
        for fault in self.faults:
            until = fault.until_clock_s
            times += [fault.from_clock_s, *([] if until is None else [until])]
        for planned in self.trades:
            trade = planned.trade
            times += [trade.from_s, trade.until_s]
        times += [one.at_clock_s for one in self.trade_acts]
        for order in self.orders:
            times += [order.until_clock_s]
        for said in self.service_acts:
            times += [said.at_clock_s]
            times += [said.until_clock_s] if said.kind == "call" else []
        spans: list[LoadPoint | Watch | Draw | ReactiveCall]
        spans = [*self.load_points, *self.watches, *self.draws, *self.reactive]
        for span in spans:
            times += [span.from_clock_s, span.until_clock_s]
        times += [one.at_clock_s for one in self.readbacks]
        times += [one.at_clock_s for one in self.departures]
        if self.turns is not None:
            times += [self.turns.from_clock_s, self.turns.until_clock_s]
        for part in (
            self.balancing, self.local_market, self.plant, self.community, self.bm_unit,
        ):  # fmt: skip
            times += [] if part is None else part.clock_times()
        return times + [operation.at_clock_s for operation in self.operations]

    def attended(self) -> list[tuple[float, float]]:
        """Return when something happens, from and until, in clock time. [s]

        Most of it happens at a moment; a watch, a fault, turns and a controller last.
        """
        moves = self._times_of_moves()
        moves += [one.from_clock_s for one in self.orders]
        moves += [one.from_clock_s for one in self.acts if one.kind == "dispatch"]
        spans = [(at_s, at_s) for at_s in moves]
        spans += [(w.from_clock_s, w.until_clock_s) for w in self.watches]
        for fault in self.faults:
            until_s = fault.until_clock_s
            spans.append((fault.from_clock_s, math.inf if until_s is None else until_s))
        if self.turns is not None:
            spans.append((self.turns.from_clock_s, self.turns.until_clock_s))
        if self.balancing is not None and (times := self.balancing.clock_times()):
            spans.append((min(times), max(times)))
        if self.bm_unit is not None:
            points = [p for one in self.bm_unit.acceptances for p in one.points]
            spans += [(at_s, at_s) for at_s, _level in points]
        return spans

    @property
    def start_clock_s(self) -> float:
        """Clock time of bench second 0."""
        times = self._clock_times()
        return (min(times) if times else 12 * 3600.0) - self.baseline_s

    @property
    def duration_s(self) -> float:
        """Bench time at which the plan ends. [s]"""
        times = self._clock_times()
        last = max(times) if times else self.start_clock_s + self.baseline_s
        return last + self.aftermath_s - self.start_clock_s

    def scheme_of(self, demand: str, generator: str) -> Scheme | None:
        """Return the scheme by which two sites offset each other, as agreed last."""
        wanted = (demand, generator)
        both = [s for s in self.schemes if (s.demand, s.generator) == wanted]
        return both[-1] if both else None

    def bench_s(self, clock_s: float) -> float:
        """Convert a clock time to bench time. [s]"""
        return clock_s - self.start_clock_s

    def half_hours(
        self, starts_at: datetime, from_clock_s: float | None,
        until_clock_s: float | None,
    ) -> list[PeriodOnBench]:  # fmt: skip
        """Return the whole settlement periods between two clock times, if both are set.

        `starts_at` is the civil time of bench second 0.
        """
        if from_clock_s is None or until_clock_s is None:
            return []
        from_s, until_s = self.bench_s(from_clock_s), self.bench_s(until_clock_s)
        parts = periods_on_bench(starts_at, from_s=from_s, until_s=until_s)
        return [part for part in parts if part.whole]

    def starts_at(self, on: date) -> datetime:
        """Civil time of bench second 0 on a date, local to London.

        The plan's clock times count real seconds from local midnight, so a
        plan over a clock change still lasts as long as it says.
        """
        midnight = datetime(on.year, on.month, on.day, tzinfo=LONDON)
        instant = midnight.timestamp() + self.start_clock_s
        return datetime.fromtimestamp(instant, LONDON)

    def agenda(self, *, by_hand: Collection[str] = ()) -> list[tuple[float, str]]:
        """What will happen when, in bench time, for a person who watches.

        Operations on the roles in `by_hand` are asked of a person; those on others
        are done by their emulators.
        """
        items = [
            (i.from_clock_s, f"{i.actor}: {i.role} {i.move} to {i.level_w / 1e3:g} kW")
            for i in self.instructions
        ]
        items += [(i.until_clock_s, f"{i.role} is released") for i in self.instructions]
        items += [(a.at_clock_s, f"{a.actor}: {a.kind} {a.detail}") for a in self.acts]
        items += [
            (
                o.at_clock_s,
                f"{'PERSON' if o.role in by_hand else 'emulator'}: {o.action} {o.role}",
            )
            for o in self.operations
        ]
        items += [(t.at_clock_s, f"DNO: {t.kind} {t.trade}") for t in self.trade_acts]
        items += [
            (a.at_clock_s, f"{a.actor}: {a.kind} {a.service}")
            for a in self.service_acts
        ]
        items += [
            (d.from_clock_s, f"{d.site}: {d.level_w / 1e3:g} kW") for d in self.draws
        ]
        items += [(f.from_clock_s, f"fault: {f}") for f in self.faults]
        items += [(one.from_clock_s, f"load: {one}") for one in self.load_points]
        items += [(r.at_clock_s, f"profile of {r.meter}") for r in self.readbacks]
        items += [
            (f.until_clock_s, f"fault lifted: {f.role} {f.kind}")
            for f in self.faults
            if f.until_clock_s is not None
        ]
        return sorted((self.bench_s(at), what.strip()) for at, what in items)

    def as_data(self) -> dict[str, Any]:
        """Return the plan as plain data, for the bundle and its digest.

        What came into plans later is left out while it is empty, so that the plan of
        an older bundle still has its digest.
        """
        data = asdict(self, dict_factory=_plain)
        return {key: value for key, value in data.items() if value or key not in _LATER}

    def digest(self) -> str:
        """SHA-256 over the plan's data."""
        text = json.dumps(self.as_data(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return named values as JSON takes them: a set has no order, and JSON no sets."""
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in pairs
    }


def clock_text(starts_at: datetime, bench_s: float) -> str:
    """Return a bench time as the clock on the wall showed it: ``17:30:05``."""
    instant = starts_at.astimezone(UTC) + timedelta(seconds=bench_s)
    return instant.astimezone(LONDON).strftime("%H:%M:%S")
