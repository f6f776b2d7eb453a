"""The energy trader at work: decides, has sites move, tells the facilitator after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.facilitator import Register
from harness.market.sites import Direction, Site, site_named
from harness.market.trading import Judgement, Order, judge_order
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Move, Plan, PlannedOrder

Log = Callable[..., LogEntry]
BEYOND = "the site may not draw, or feed in, that much"


@dataclass(frozen=True, slots=True)
class TradingDesk:
    """One energy trader and its company's sites, on one bench."""

    plan: Plan
    aggregator: Aggregator
    clock: BenchClock
    log: Log
    register: Register

    async def order(self, planned: PlannedOrder) -> None:
        """Decide on an order, carry it out, and tell the facilitator of it."""
        site, terms = site_named(self.plan.areas, planned.site), self.plan.trading
        assert site is not None and terms is not None  # noqa: S101, PT018 - steps saw to it
        order = Order(
            planned.power_w,
            self.plan.bench_s(planned.from_clock_s),
            self.plan.bench_s(planned.until_clock_s),
            float(terms.cost.gbp_per_mwh),
        )
        now_s = self.clock.now_s()
        found = self._within(site, order) or judge_order(
            order, planned.motive, terms.market, terms.risk, at_s=now_s
        )
        self.log(
            Actor.TRADER, "orders" if found.accepted else "declines", site=site.name,
            power_w=order.power_w, from_s=order.from_s, until_s=order.until_s,
            reason=found.reason, traded=found.traded,
        )  # fmt: skip
        if not found.accepted:
            return
        await self.clock.until(order.from_s)
        level_w = site.usual_w - order.power_w
        move = Move.DOWN if order.power_w > 0 else Move.UP
        await self.aggregator.instruct(
            str(Actor.TRADER), site.role, move, site.of_one_w(level_w), order.until_s
        )
        await self.clock.until(order.until_s)
        await self.aggregator.release(site.role)
        self.log(
            Actor.TRADER, "notice: used", to=str(Actor.FACILITATOR), site=site.name,
            power_w=order.power_w,
        )  # fmt: skip

    def _within(self, site: Site, order: Order) -> Judgement | None:
        """Decline an order that would take a site beyond its capacity."""
        level_w = site.usual_w - order.power_w
        direction = Direction.IMPORT if level_w >= 0 else Direction.EXPORT
        may_w = self.register.may_w(site.name, direction, order.from_s)
        return Judgement(False, BEYOND) if abs(level_w) > may_w else None
