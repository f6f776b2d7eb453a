"""The offset scheme at work: one site first, then the other; and its fail-safe.

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
from harness.trial.plan import Plan
from harness.trial.planned import APPROVES_TEST, Move, PlannedTrade, TradeAct
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
        leader, follower = (
            site_named(self.plan.areas, name) for name in (trade.seller, trade.buyer)
        )
        if leader is None or follower is None or not self._stands(trade):
            return
        power_w, sign = self.register.approved_w(trade.name), trade.kind.direction.sign
        leads = "demand" if trade.kind is TradeKind.OFFSET else "generation"
        offset = Offset(power_w, trade.from_s, trade.until_s, ENDS_EARLY_S, leads=leads)
        step, dropped_s = Step.WAITING, None
        while step not in (Step.ENDED, Step.TRIPPED):
            now_s = self.clock.now_s()
            if not self._stands(trade):
                offset.end(now_s)
            heard = self._of(leader)
            found = offset.advance(
                now_s,
                leader_w=-sign * (heard.power_w - leader.usual_w),
                heard_s=heard.at_s,
                follower_w=sign * (self._of(follower).power_w - follower.usual_w),
            )
            if found is not step:
                step = found
                await self._move(step, offset, leader, follower, trade)
            if self._verify_due(trade, now_s) and step is Step.BOTH_UP:
                dropped_s = now_s
                await self._drop(leader)
            await self.clock.until(now_s + LOOKS_EVERY_S)
        if dropped_s is not None:
            await self._verified(leader, follower, dropped_s, trade.kind.direction)

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

    async def _drop(self, leader: Site) -> None:
        """Take what leads away on purpose: the fail-safe must see it by itself."""
        self.log(Actor.DNO, "verifies", site=leader.name)
        await self.aggregator.release(leader.role)

    async def _verified(
        self, leader: Site, follower: Site, dropped_s: float, direction: Direction
    ) -> None:
        """Time the fail-safe by the follower's meter, and have it entered."""
        scheme = self.plan.scheme_of(leader.name, follower.name)
        if scheme is None:
            return
        own_w = follower.holds_w(direction)
        gives_up_s = dropped_s + scheme.trips_within_s + VERIFIED_FOR_S
        while (
            not direction.sign * self._of(follower).power_w <= own_w
            and self.clock.now_s() < gives_up_s
        ):
            await self.clock.until(self.clock.now_s() + LOOKS_EVERY_S)
        now_s = self.clock.now_s()
        works = now_s - dropped_s <= scheme.trips_within_s
        if works:
            self.register.note_verified(leader.name, follower.name, at_s=now_s)
        else:
            self.register.withdraw_outline(leader.name, follower.name)
        self.log(
            Actor.FACILITATOR, ENTERS_VERIFIED if works else WITHDRAWS_OUTLINE,
            demand=leader.name, generator=follower.name, took_s=now_s - dropped_s,
        )  # fmt: skip

    async def _move(
        self, step: Step, offset: Offset, leader: Site, follower: Site, trade: Trade
    ) -> None:
        self.log(SCHEME, str(step), trade=trade.name, why=offset.why)
        by_w = trade.kind.direction.sign * offset.power_w
        if step is Step.LEADER_RISES:
            await self._tell(leader, leader.usual_w - by_w, offset.until_s)
        elif step is Step.BOTH_UP:
            await self._tell(follower, follower.usual_w + by_w, offset.until_s)
        elif step is Step.FOLLOWER_FALLS:
            await self.aggregator.release(follower.role)
        elif step is Step.ENDED:
            await self.aggregator.release(leader.role)
        elif step is Step.TRIPPED:
            await self.aggregator.release(follower.role)
            for told in self.register.affected(trade.name):
                self.log(
                    SCHEME, "notice: tripped", to=told, trade=trade.name, why=offset.why
                )
            await self.aggregator.release(leader.role)

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
        name, _kind_of(plan, scheme), scheme.demand, scheme.generator, power_w,
        at_clock_s, at_clock_s + TEST_S,
    )  # fmt: skip
    # In front: what a feature calls "it" is what its sites agreed.
    plan.trades.insert(0, PlannedTrade(trade, at_clock_s - 2 * TEST_NOTICE_S))
    plan.trade_acts += [
        TradeAct(APPROVES_TEST, name, at_clock_s - TEST_NOTICE_S),
        TradeAct("verify", name, at_clock_s + TEST_S / 2),
    ]


def _kind_of(plan: Plan, scheme: Scheme) -> TradeKind:
    """Which way the two sites of a scheme offset each other, as they agreed it."""
    both = (scheme.demand, scheme.generator)
    kinds = [
        one.trade.kind
        for one in plan.trades
        if (one.trade.seller, one.trade.buyer) == both
    ]
    return kinds[-1] if kinds else TradeKind.OFFSET
