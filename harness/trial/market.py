"""All who act on the market beside the aggregator, and who manages the network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ParamSpec

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry, Reading
from harness.market.actors import Actor
from harness.market.thermal import refusal
from harness.trial.aggregator import Aggregator
from harness.trial.anm import NetworkManagement
from harness.trial.balancer import Balancer
from harness.trial.bm_desk import BmDesk
from harness.trial.collector import DataCollector
from harness.trial.community_desk import CommunityDesk
from harness.trial.customer_desk import CustomerDesk
from harness.trial.departure import DepartureGuard
from harness.trial.desk import Desk, on_bench
from harness.trial.dfs_week import NOT_CALLED, called_by_week
from harness.trial.local_desk import LocalDesk
from harness.trial.offset import OffsetDesk
from harness.trial.participant import DsoLink
from harness.trial.plan import Plan
from harness.trial.planned import DayAhead, MarketAct
from harness.trial.plant_desk import PlantDesk
from harness.trial.service_desk import ServiceDesk
from harness.trial.trading_desk import TradingDesk
from harness.trial.turns import take_turns

Log = Callable[..., LogEntry]
Listener = Callable[[str, Sequence[Reading]], None]
"""Hears what a meter says as it says it: its role, and its readings."""
P = ParamSpec("P")


async def at(
    clock: BenchClock,
    at_s: float,
    act: Callable[P, Awaitable[None]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> None:
    """Wait for a moment, then act."""
    await clock.until(at_s)
    await act(*args, **kwargs)


@dataclass(slots=True)
class Market:
    """Those who act on the market beside the aggregator, or manage the network."""

    desk: Desk
    services: ServiceDesk
    network: NetworkManagement
    offsets: OffsetDesk
    trading: TradingDesk
    aggregator: Aggregator
    collector: DataCollector
    customer: CustomerDesk
    balancer: Balancer
    local: LocalDesk
    plant: PlantDesk
    community: CommunityDesk
    departures: DepartureGuard
    bm: BmDesk
    log: Log
    link: DsoLink | None = None
    """How the DSO reaches the aggregator, if it is over HTTP."""

    @asynccontextmanager
    async def reached(self) -> AsyncIterator[None]:
        """Let the DSO reach the aggregator, over HTTP if the plan has it so."""
        if self.link is None:
            yield
            return
        async with self.link.open():
            yield

    async def act(self, act: MarketAct) -> None:
        """Carry out what an actor does: over HTTP where it is the DSO's to send."""
        if self.link is not None and self.link.carries(act):
            await self.link.send(act)
        else:
            await self.aggregator.market_act(act)

    def listeners(self, plan: Plan) -> list[Listener]:
        """Who hears the meters while a plan runs: every reading goes to all of them."""
        found: list[Listener] = []
        if plan.areas:
            found += [self.desk.hear, self.network.hear]
        if any(planned.trade.kind.is_offset for planned in plan.trades):
            found.append(self.offsets.hear)
        if plan.private_network is not None:
            found.append(self.collector.hear)
        if plan.balancing is not None:
            found.append(self.balancer.hear)
        if plan.local_market is not None:
            found.append(self.local.hear)
        if plan.community is not None:
            found.append(self.community.hear)
        if plan.departures:
            found.append(self.departures.hear)
        if self.link is not None:
            found.append(self.link.participant.hear)
        return found

    def _calls(self, plan: Plan, ahead: DayAhead) -> bool:
        """Whether what was asked a day ahead is called; the log says why if not."""
        if plan.dfs is not None:
            return called_by_week(plan.dfs.offered, ahead, self.log)
        asset = next(one for one in plan.placed if one.role == ahead.role)
        assert plan.constraint is not None  # noqa: S101 - the step refused a plan without
        why = refusal(
            plan.constraint, asset, level_w=ahead.level_w, homes=plan.placed_homes
        )
        if why is not None:
            self.log(
                Actor.AGGREGATOR, NOT_CALLED, to=ahead.actor,
                role=ahead.role, reason=str(why),
            )  # fmt: skip
        return why is None

    def begin(self, group: asyncio.TaskGroup, plan: Plan, clock: BenchClock) -> None:
        """Let everything of the plan happen at its time."""
        self.desk.open()
        self.services.open()
        self.customer.stand()
        if self.link is not None:
            self.link.begin(group)
        if plan.private_network is not None:
            group.create_task(self.collector.run())
        if plan.balancing is not None and plan.balancing.from_clock_s is not None:
            group.create_task(self.balancer.run())
        self.plant.begin(group)
        self.community.begin(group)
        self.bm.begin(group)
        for leaving in plan.departures:
            group.create_task(self.departures.run(leaving))
        if plan.turns is not None:
            group.create_task(take_turns(plan, self.aggregator, clock))
        if plan.local_market is not None:
            group.create_task(self.local.run())
        for asked in plan.applications:
            at_s, largest_va = plan.bench_s(asked.at_clock_s), plan.largest_circuit_va
            decide = self.collector.decide
            group.create_task(
                at(clock, at_s, decide, asked.application, largest_va or 0.0)
            )
        for ahead in plan.day_ahead:
            if self._calls(plan, ahead):
                at_s = plan.bench_s(ahead.from_clock_s)
                group.create_task(at(clock, at_s, self.aggregator.carry_out, ahead))
        for one in plan.customer_acts:
            at_s = plan.bench_s(one.at_clock_s)
            group.create_task(at(clock, at_s, self.customer.act, one))
        for asked_of in plan.customer_calls:
            at_s = plan.bench_s(asked_of.from_clock_s)
            group.create_task(at(clock, at_s, self.customer.instruct, asked_of))
        for call in plan.reactive:
            at_s = plan.bench_s(call.from_clock_s)
            group.create_task(at(clock, at_s, self.aggregator.call_reactive, call))
        for scheme in plan.anm:
            group.create_task(self.network.run(scheme))
        for planned in plan.trades:
            at_s = plan.bench_s(planned.agreed_clock_s)
            group.create_task(at(clock, at_s, self.desk.agree, planned))
            if planned.trade.kind.is_offset:
                trade = on_bench(plan, planned.trade)
                group.create_task(self.offsets.carry_out(trade))
        for said in plan.trade_acts:
            if said.kind == "verify":
                continue  # the scheme itself takes its demand away
            at_s = plan.bench_s(said.at_clock_s)
            group.create_task(at(clock, at_s, self.desk.act, said))
        for draw in plan.draws:
            at_s = plan.bench_s(draw.from_clock_s)
            group.create_task(at(clock, at_s, self.desk.draw, draw))
        for order in plan.orders:
            at_s = plan.bench_s(order.decided_clock_s)
            group.create_task(at(clock, at_s, self.trading.order, order))
        for done in plan.service_acts:
            at_s = plan.bench_s(done.at_clock_s)
            group.create_task(at(clock, at_s, self.services.act, done))


def open_market(
    plan: Plan,
    aggregator: Aggregator,
    clock: BenchClock,
    log: Log,
    meters: dict[str, str],
    link: DsoLink | None,
    boundary: str | None,
    renewed_s: Mapping[str, float],
) -> Market:
    """Return everybody, ready to begin.

    `meters` has the meter that sees each device and nothing else, by its role;
    `boundary` is the one that sees everything. `renewed_s` says how often each renews
    what it shows. [s]
    """
    desk = Desk(plan, aggregator, clock, log, meters)
    return Market(
        desk,
        ServiceDesk(plan, aggregator, clock, log),
        NetworkManagement(plan, aggregator, clock, log, meters),
        OffsetDesk(plan, aggregator, clock, log, desk.register, meters),
        TradingDesk(plan, aggregator, clock, log, desk.register),
        aggregator,
        DataCollector(plan, clock, log, meters, boundary),
        CustomerDesk(plan, aggregator, clock, log),
        Balancer(plan, aggregator, clock, log, meters, boundary, renewed_s),
        LocalDesk(plan, clock, log, meters),
        PlantDesk(plan, aggregator, clock, log),
        CommunityDesk(plan, clock, log, meters),
        DepartureGuard(plan, aggregator, clock, log),
        BmDesk(plan, aggregator, clock, log),
        log,
        link,
    )
