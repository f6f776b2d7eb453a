"""The energy trader at work: decides, has sites move, tells the facilitator after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.core.calendar import PERIOD_S
from harness.core.clock import BenchClock
from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.facilitator import Register
from harness.market.sites import Direction, Site, site_named
from harness.market.trading import Judgement, Order, judge_order
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import Move, PlannedOrder

Log = Callable[..., LogEntry]
BEYOND = "the site may not draw, or feed in, that much"


@dataclass(slots=True)
class TradingDesk:
    """One energy trader and its company's sites, on one bench."""

    plan: Plan
    aggregator: Aggregator
    clock: BenchClock
    log: Log
    register: Register
    _taken: list[Order] = field(default_factory=list)

    async def order(self, planned: PlannedOrder) -> None:
        """Decide on an order, carry it out, and tell the facilitator of it."""
        site, terms = site_named(self.plan.areas, planned.site), self.plan.trading
        assert site is not None and terms is not None  # noqa: S101, PT018 - steps saw to it
        before, after, gate_s = terms.before, terms.after, self.plan.gate_closure_s
        assert before is not None and after is not None and gate_s is not None  # noqa: S101, PT018 - likewise
        from_s = self.plan.bench_s(planned.from_clock_s)
        period_s = from_s - planned.from_clock_s % PERIOD_S
        order = Order(
            planned.power_w, from_s, self.plan.bench_s(planned.until_clock_s),
            float(terms.cost.gbp_per_mwh), planned.motive, period_s,
        )  # fmt: skip
        now_s = self.clock.now_s()
        is_before = order.is_before_gate(now_s, gate_s)
        found = self._within(site, order) or judge_order(
            order, terms.market, before if is_before else after,
            at_s=now_s, gate_closure_s=gate_s, taken=self._taken,
        )  # fmt: skip
        given = found.order or order
        self.log(
            Actor.TRADER, "orders" if found.accepted else "declines", site=site.name,
            power_w=given.power_w, from_s=given.from_s, until_s=given.until_s,
            reason=found.reason, traded=found.traded, asked_w=order.power_w,
            cut_for=found.cut_for,
        )  # fmt: skip
        if not found.accepted:
            return
        self._taken.append(given)
        await self._carry_out(site, given)

    async def _carry_out(self, site: Site, order: Order) -> None:
        """Have a site move, let it go, and tell the facilitator of it."""
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
            power_w=order.power_w, from_s=order.from_s, until_s=order.until_s,
        )  # fmt: skip

    def _within(self, site: Site, order: Order) -> Judgement | None:
        """Decline an order that would take a site beyond its capacity."""
        level_w = site.usual_w - order.power_w
        direction = Direction.IMPORT if level_w >= 0 else Direction.EXPORT
        may_w = self.register.may_w(site.name, direction, order.from_s)
        return Judgement(False, BEYOND) if abs(level_w) > may_w else None
