"""The offset scheme at work: demand first, then generation; and its fail-safe.

It hears the two sites' meters and moves their devices. A meter whose values stand
still is not heard. Whether the scheme acted in order and in time is judged from the
meters, not from its log.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry, Reading
from harness.market.actors import Actor
from harness.market.facilitator import Register
from harness.market.offsetting import Offset, Scheme, Step
from harness.market.sites import Direction, Site, site_named
from harness.market.trades import Stage, Trade, TradeKind
from harness.trial.aggregator import Aggregator
from harness.trial.plan import APPROVES_TEST, Move, Plan, PlannedTrade, TradeAct
from harness.trial.register import ENTERS_VERIFIED, WITHDRAWS_OUTLINE
from harness.trial.view import STANDS_STILL

Log = Callable[..., LogEntry]
SCHEME = "offset scheme"
LOOKS_EVERY_S = 1.0
ENDS_EARLY_S = 60.0
"""How long before the end generation falls. [s]"""
TEST_S = 300.0
"""How long a transaction lasts that is there to verify a fail-safe. [s]"""
TEST_NOTICE_S = 30.0
"""How long before it is approved, and before that agreed. [s]"""
VERIFIED_FOR_S = 30.0
"""How much longer than it may take a fail-safe is watched while it is verified. [s]"""


@dataclass(slots=True)
class _Heard:
    power_w: float = math.nan
    at_s: float = -math.inf
    """When the meter last said something new. [s]"""
    said: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class OffsetDesk:
    """Every offset of a plan, on one bench."""

    plan: Plan
    aggregator: Aggregator
    clock: BenchClock
    log: Log
    register: Register
    meters: Mapping[str, str]
    _heard: dict[str, _Heard] = field(default_factory=dict)

    def hear(self, meter: str, readings: Sequence[Reading]) -> None:
        """Take note of what a site's meter says, if it says anything new."""
        said = {r.quantity: r.value for r in readings if r.quantity in STANDS_STILL}
        power_w = said.get("power_w", math.nan)
        before = self._heard.get(meter, _Heard()).said
        if not math.isnan(power_w) and said != before:
            self._heard[meter] = _Heard(power_w, self.clock.now_s(), said)

    async def carry_out(self, trade: Trade) -> None:
        """Carry out one offset, if it is approved when it begins."""
        await self.clock.until(trade.from_s)
        demand, generator = (
            site_named(self.plan.areas, name) for name in (trade.seller, trade.buyer)
        )
        if demand is None or generator is None or not self._stands(trade):
            return
        power_w = self.register.approved_w(trade.name)
        offset = Offset(power_w, trade.from_s, trade.until_s, ENDS_EARLY_S)
        step, dropped_s = Step.WAITING, None
        while step not in (Step.ENDED, Step.TRIPPED):
            now_s = self.clock.now_s()
            if not self._stands(trade):
                offset.end(now_s)
            heard = self._of(demand)
            found = offset.advance(
                now_s,
                demand_w=heard.power_w - demand.usual_w,
                heard_s=heard.at_s,
                generation_w=generator.usual_w - self._of(generator).power_w,
            )
            if found is not step:
                step = found
                await self._move(step, offset, demand, generator, trade)
            if self._verify_due(trade, now_s) and step is Step.BOTH_UP:
                dropped_s = now_s
                await self._drop(demand)
            await self.clock.until(now_s + LOOKS_EVERY_S)
        if dropped_s is not None:
            await self._verified(demand, generator, dropped_s)

    def _stands(self, trade: Trade) -> bool:
        if not self.register.knows(trade.name):
            return False
        stage = self.register.stage(trade.name, self.clock.now_s())
        return stage in (Stage.APPROVED, Stage.EXPIRED)

    def _of(self, site: Site) -> _Heard:
        heard = self._heard.get(self.meters.get(site.role, ""), _Heard())
        return _Heard(heard.power_w * site.like, heard.at_s)

    def _verify_due(self, trade: Trade, now_s: float) -> bool:
        return any(
            one.kind == "verify" and one.trade == trade.name
            and 0 <= now_s - self.plan.bench_s(one.at_clock_s) < LOOKS_EVERY_S
            for one in self.plan.trade_acts
        )  # fmt: skip

    async def _drop(self, demand: Site) -> None:
        """Take the demand away on purpose: the fail-safe must see it by itself."""
        self.log(Actor.DNO, "verifies", site=demand.name)
        await self.aggregator.release(demand.role)

    async def _verified(self, demand: Site, generator: Site, dropped_s: float) -> None:
        """Time the fail-safe by the generator's meter, and have it entered."""
        scheme = self.plan.scheme_of(demand.name, generator.name)
        if scheme is None:
            return
        own_w = generator.holds_w(Direction.EXPORT)
        gives_up_s = dropped_s + scheme.trips_within_s + VERIFIED_FOR_S
        while (
            not -self._of(generator).power_w <= own_w
            and self.clock.now_s() < gives_up_s
        ):
            await self.clock.until(self.clock.now_s() + LOOKS_EVERY_S)
        now_s = self.clock.now_s()
        works = now_s - dropped_s <= scheme.trips_within_s
        if works:
            self.register.note_verified(demand.name, generator.name, at_s=now_s)
        else:
            self.register.withdraw_outline(demand.name, generator.name)
        self.log(
            Actor.FACILITATOR, ENTERS_VERIFIED if works else WITHDRAWS_OUTLINE,
            demand=demand.name, generator=generator.name, took_s=now_s - dropped_s,
        )  # fmt: skip

    async def _move(
        self, step: Step, offset: Offset, demand: Site, generator: Site, trade: Trade
    ) -> None:
        self.log(SCHEME, str(step), trade=trade.name, why=offset.why)
        own_w = generator.usual_w
        if step is Step.DEMAND_RISES:
            level_w = demand.usual_w + offset.power_w
            await self._tell(demand, level_w, offset.until_s)
        elif step is Step.BOTH_UP:
            await self._tell(generator, own_w - offset.power_w, offset.until_s)
        elif step is Step.GENERATION_FALLS:
            await self.aggregator.release(generator.role)
        elif step is Step.ENDED:
            await self.aggregator.release(demand.role)
        elif step is Step.TRIPPED:
            await self.aggregator.release(generator.role)
            for told in self.register.affected(trade.name):
                self.log(
                    SCHEME, "notice: tripped", to=told, trade=trade.name, why=offset.why
                )
            await self.aggregator.release(demand.role)

    async def _tell(self, site: Site, level_w: float, until_s: float) -> None:
        await self.aggregator.instruct(
            SCHEME, site.role, Move.DOWN, site.of_one_w(level_w), until_s
        )


def add_test(plan: Plan, scheme: Scheme, power_w: float, at_clock_s: float) -> None:
    """Put a transaction into a plan that is there to verify a scheme's fail-safe.

    It is agreed and approved just before, lasts for five minutes, and loses its demand
    in the middle.
    """
    name = f"V{1 + sum(one.trade.name.startswith('V') for one in plan.trades)}"
    trade = Trade(
        name, TradeKind.OFFSET, scheme.demand, scheme.generator, power_w,
        at_clock_s, at_clock_s + TEST_S,
    )  # fmt: skip
    # In front: what a feature calls "it" is what its sites agreed.
    plan.trades.insert(0, PlannedTrade(trade, at_clock_s - 2 * TEST_NOTICE_S))
    plan.trade_acts += [
        TradeAct(APPROVES_TEST, name, at_clock_s - TEST_NOTICE_S),
        TradeAct("verify", name, at_clock_s + TEST_S / 2),
    ]
