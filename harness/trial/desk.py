"""The market desk: sites trade capacity, the DNO approves, the facilitator registers.

It holds the register, moves the sites' devices, and watches their meters as the DNO's
near-real-time monitoring would. What it did and heard goes into the log; verdicts are
computed from that log (`harness.trial.register`) and from the meters.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry, Reading
from harness.market.actors import Actor
from harness.market.facilitator import Register
from harness.market.rules import ForbiddenError, Rule
from harness.market.sites import Direction, Site, site_named
from harness.market.trades import Stage, Trade, trade_data
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import APPROVES_TEST, Draw, Move, PlannedTrade, TradeAct
from harness.trial.register import ENTERS_OUTLINE

Log = Callable[..., LogEntry]
GIVES_BACK_S = 30.0
"""How long before bought capacity ends a site's management is back inside its own. [s]
A car takes seconds to follow, and a minute's mean must not show it."""
MANAGED_SHARE = 0.98
"""A site's management aims so much of what it may: devices hit what they are told to
within a percent, and a voltage above nominal adds to a current."""
MONITORED_S = 20.0
"""The monitoring looks at the mean of the latest so many seconds. [s]"""
ALLOWANCE = 0.02
"""How far above what it may a site must be to be told of, as a share of its connection,
and how far below its rating an asset to be relieved: what a meter of class B, a load's
resolution and the wire can make of exactly what it may."""
BREACH, INSIDE_AGAIN = "beyond what it may", "inside again"
OVERLOADED, RELIEVED = "above its rating", "inside its rating again"


class Desk:
    """The sites of a plan, on one bench.

    Parameters
    ----------
    plan : Plan
        Areas, trades, approvals and draws.
    aggregator : Aggregator
        Speaks to devices on behalf of sites.
    clock : BenchClock
        Bench time.
    log : callable
        Keeps what happens.
    meters : mapping of str to str
        The role of the meter that sees each device, by the device's role.
    """

    def __init__(
        self, plan: Plan, aggregator: Aggregator, clock: BenchClock, log: Log,
        meters: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._plan, self._aggregator, self._clock, self._log = (
            plan, aggregator, clock, log,
        )  # fmt: skip
        self.register = Register(plan.areas)
        self._planned = {one.trade.name: one for one in plan.trades}
        self._changed = asyncio.Event()
        self._monitor = Monitor(self.register, plan, log, meters)

    def open(self) -> None:
        """Enter what the DNO approved in outline before anything was agreed."""
        for scheme in self._plan.schemes:
            if scheme.outline:
                self.register.approve_outline(scheme.demand, scheme.generator)
                self._log(
                    Actor.FACILITATOR, ENTERS_OUTLINE, demand=scheme.demand,
                    generator=scheme.generator,
                )  # fmt: skip

    async def agree(self, planned: PlannedTrade) -> None:
        """Let seller and buyer agree, and enter it with the facilitator."""
        trade = on_bench(self._plan, planned.trade)
        now_s = self._clock.now_s()
        self._log(trade.seller, "agrees", **trade_data(trade))
        try:
            self.register.agree(trade, at_s=now_s)
        except ForbiddenError as error:
            self._refused(trade.name, error, (trade.seller, trade.buyer))
            return
        self._log(Actor.FACILITATOR, "registers", **trade_data(trade))
        self._tell(trade.name, "conditional")
        self._warn(trade)
        self._changes()
        await self._clock.until(trade.from_s)
        if self.register.stage(trade.name, trade.from_s) is Stage.LAPSED:
            self._tell(trade.name, "lapsed")
        await self._clock.until(trade.until_s)
        if self.register.stage(trade.name, trade.until_s) is Stage.EXPIRED:
            self._tell(trade.name, "expired")

    def _warn(self, trade: Trade) -> None:
        """Warn the DNO of a seller that never used what it sells."""
        highest_w = self._plan.histories.get(trade.seller)
        if trade.kind.is_offset or highest_w is None:
            return
        unused_w = self.register.never_used_w(trade, highest_w)
        if unused_w > 0:
            self._log(
                Actor.FACILITATOR, "notice: never used", to=str(Actor.DNO),
                trade=trade.name, unused_w=unused_w,
            )  # fmt: skip

    async def act(self, act: TradeAct) -> None:
        """Let the DNO approve, refuse or unwind a trade."""
        now_s = self._clock.now_s()
        kind = "approve" if act.kind == APPROVES_TEST else act.kind
        self._log(Actor.DNO, kind, trade=act.trade, power_w=act.power_w)
        try:
            if kind == "approve":
                if act.kind != APPROVES_TEST:
                    self._require_safe(act.trade, now_s)
                self.register.approve(act.trade, at_s=now_s, power_w=act.power_w)
            elif kind == "refuse":
                self.register.refuse(act.trade, at_s=now_s)
            else:
                self.register.unwind(act.trade, at_s=now_s)
        except ForbiddenError as error:
            self._refused(act.trade, error, (str(Actor.DNO),))
            return
        said = {"approve": "approved", "refuse": "refused", "unwind": "unwound"}
        self._log(
            Actor.FACILITATOR, "enters", trade=act.trade, act=kind,
            power_w=act.power_w,
        )  # fmt: skip
        self._tell(act.trade, said[kind])
        self._changes()

    def _require_safe(self, trade: str, at_s: float) -> None:
        """Refuse to approve an offset whose fail-safe is not known to work."""
        planned = self._planned[trade].trade
        if not planned.kind.is_offset:
            return
        if not self.register.is_outlined(planned.seller, planned.buyer):
            fact = f"the outline approval of the {planned.buyer} was withdrawn"
            raise ForbiddenError(Rule.OUTLINE, fact)
        scheme = self._plan.scheme_of(planned.seller, planned.buyer)
        if scheme is not None:
            verified_s = self.register.verified_s(planned.seller, planned.buyer)
            scheme.require_safe(at_s=at_s, verified_s=verified_s)

    def _refused(self, trade: str, error: ForbiddenError, told: Sequence[str]) -> None:
        for recipient in told:
            self._log(
                Actor.FACILITATOR, "notice: refused", to=recipient, trade=trade,
                reason=error.fact, rule=error.rule.name,
            )  # fmt: skip

    def _tell(self, trade: str, what: str) -> None:
        for recipient in self.register.affected(trade):
            if recipient != Actor.FACILITATOR:
                self._log(
                    Actor.FACILITATOR, f"notice: {what}", to=recipient, trade=trade
                )

    def _changes(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def draw(self, draw: Draw) -> None:
        """Have a site draw what it wants, or what it may of it, until it is over."""
        site = _site(self._plan, draw.site)
        until_s = self._plan.bench_s(draw.until_clock_s)
        level_w = math.nan
        while (now_s := self._clock.now_s()) < until_s:
            wanted_w = self._wanted_w(draw, site, now_s)
            if wanted_w != level_w:
                level_w = wanted_w
                await self._aggregator.instruct(
                    site.name, site.role, Move.DOWN, site.of_one_w(level_w), until_s
                )
            await self._next_change(draw, until_s)
        await self._aggregator.release(site.role)

    def _wanted_w(self, draw: Draw, site: Site, now_s: float) -> float:
        """Return what it draws now: what it wants, or no more than it may soon."""
        if not draw.obeys:
            return draw.level_w
        direction = Direction.IMPORT if draw.level_w >= 0 else Direction.EXPORT
        soon_s = now_s + GIVES_BACK_S
        times = [now_s, *(s for s in self.register.changes_s() if now_s < s <= soon_s)]
        may_w = min(self.register.may_w(site.name, direction, at_s) for at_s in times)
        return direction.sign * min(abs(draw.level_w), MANAGED_SHARE * may_w)

    async def _next_change(self, draw: Draw, until_s: float) -> None:
        """Wait until what the site may draw can have changed, or the draw is over."""
        now_s = self._clock.now_s()
        moments = [until_s]
        if draw.obeys:
            for change_s in self.register.changes_s():
                moments += [change_s - GIVES_BACK_S, change_s]
        next_s = min(one for one in moments if one > now_s)
        changed = asyncio.create_task(self._changed.wait())
        waiting = asyncio.create_task(self._clock.until(next_s))
        done = {changed, waiting} if draw.obeys else {waiting}
        try:
            await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (changed, waiting):
                task.cancel()

    def hear(self, meter: str, readings: Sequence[Reading]) -> None:
        """Take note of what a meter says, as the DNO's monitoring does."""
        self._monitor.hear(meter, readings, self._clock.now_s())


class Monitor:
    """The DNO's near-real-time monitoring of sites and of what carries them.

    It tells once when a site is beyond what it may draw or feed in, and when it is
    inside again; and the same of the area's asset.
    """

    def __init__(
        self, register: Register, plan: Plan, log: Log, meters: Mapping[str, str]
    ) -> None:
        self._register, self._plan, self._log = register, plan, log
        self._start_clock_s = plan.start_clock_s
        sites = [site for area in plan.areas for site in area.sites]
        self._sites = {meters[site.role]: site for site in sites if site.role in meters}
        self._seen: dict[str, deque[tuple[float, float]]] = {
            site.name: deque() for site in sites
        }
        self._mean_w = {site.name: math.nan for site in sites}
        self._told: set[tuple[str, str]] = set()

    def hear(self, meter: str, readings: Sequence[Reading], now_s: float) -> None:
        """Take in what a meter says now."""
        site = self._sites.get(meter)
        power_w = next((r.value for r in readings if r.quantity == "power_w"), math.nan)
        if site is None or math.isnan(power_w) or now_s < 0:
            return
        seen = self._seen[site.name]
        seen.append((now_s, power_w * site.like))
        while seen[0][0] <= now_s - MONITORED_S:
            seen.popleft()
        self._mean_w[site.name] = sum(power for _, power in seen) / len(seen)
        if now_s >= MONITORED_S:
            self._look_at_site(site, now_s)
            self._look_at_areas(now_s)

    def _look_at_site(self, site: Site, now_s: float) -> None:
        mean_w = self._mean_w[site.name]
        direction = Direction.IMPORT if mean_w >= 0 else Direction.EXPORT
        # Capacity that has just ended is not counted against what was drawn under it.
        begins_s = self._seen[site.name][0][0]
        may_w = max(
            self._register.may_w(site.name, direction, at_s)
            for at_s in (begins_s, now_s)
        )
        over_w = direction.sign * mean_w - may_w
        # Who may feed in nothing, and draws nothing, is not beyond it by noise.
        most_w = max(may_w, site.mic_w, site.mec_w)
        self._note(
            (site.name, BREACH), over_w > ALLOWANCE * most_w, INSIDE_AGAIN,
            self._concerned(site.name), site=site.name, direction=str(direction),
            over_w=over_w, may_w=may_w,
        )  # fmt: skip

    def _concerned(self, site: str) -> tuple[str, ...]:
        """Who is told of a site's breach: itself, whom it trades with, and the DNO."""
        others = {
            name
            for one in self._register.transactions
            for name in (one.trade.seller, one.trade.buyer)
            if site in (one.trade.seller, one.trade.buyer) and name != site
        }
        return (site, *sorted(others), str(Actor.DNO), str(Actor.FACILITATOR))

    def _look_at_areas(self, now_s: float) -> None:
        for area in self._plan.areas:
            load_w = sum(self._mean_w[site.name] for site in area.sites)
            if math.isnan(load_w):
                continue
            load_w += area.others_w(now_s + self._start_clock_s)
            told = (str(Actor.DNO), str(Actor.FACILITATOR))
            # Once it was told of, it is relieved by more than noise.
            was_told = (area.name, OVERLOADED) in self._told
            bound_w = area.rating_w * (1 - ALLOWANCE if was_told else 1)
            self._note(
                (area.name, OVERLOADED), abs(load_w) > bound_w, RELIEVED, told,
                area=area.name, load_w=load_w, rating_w=area.rating_w,
            )  # fmt: skip

    def _note(
        self, key: tuple[str, str], is_so: bool, otherwise: str,
        recipients: tuple[str, ...], **detail: object,
    ) -> None:  # fmt: skip
        """Tell the recipients of a change, once."""
        if is_so == (key in self._told):
            return
        self._told.symmetric_difference_update({key})
        what = key[1] if is_so else otherwise
        for recipient in recipients:
            self._log(Actor.NETWORK, f"notice: {what}", to=recipient, **detail)


def on_bench(plan: Plan, trade: Trade) -> Trade:
    """Return a planned trade with its clock times as bench times."""
    return replace(
        trade, from_s=plan.bench_s(trade.from_s), until_s=plan.bench_s(trade.until_s)
    )


def _site(plan: Plan, name: str) -> Site:
    site = site_named(plan.areas, name)
    assert site is not None  # noqa: S101 - the steps refused unknown sites
    return site
