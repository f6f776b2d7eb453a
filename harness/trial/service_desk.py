"""The aggregator's book at work: several buyers, one asset, primacy.

It arms, accepts or refuses calls, shares an asset out among the calls that run, moves
the device to the sum of the shares, and tells buyers what they lack. Verdicts are
computed from its log and from the meters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.constraint import Agreement
from harness.market.primacy import regime_named
from harness.market.rules import ForbiddenError
from harness.market.services import Book, Promise, shortfalls_w
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import Move, PlannedPromise, ServiceAct

Log = Callable[..., LogEntry]


class ServiceDesk:
    """One aggregator and all that it promised, on one bench."""

    def __init__(
        self, plan: Plan, aggregator: Aggregator, clock: BenchClock, log: Log
    ) -> None:
        self._plan, self._aggregator, self._clock, self._log = (
            plan, aggregator, clock, log,
        )  # fmt: skip
        primacy = regime_named(plan.primacy) if plan.primacy else None
        self.book = Book(primacy, dict(plan.capacities_w))
        self._told: dict[str, float] = {}
        self._at_w: dict[str, float] = {}
        self._lock = asyncio.Lock()

    def open(self) -> None:
        """Enter every promise, or tell its buyer why it may not be made."""
        for planned in self._plan.promises:
            promise = self._on_bench(planned)
            self._log(
                Actor.AGGREGATOR, "promises", service=promise.service,
                buyer=promise.buyer, role=promise.role,
                capacity_w=promise.agreement.capacity_w,
            )  # fmt: skip
            try:
                self.book.promise(promise)
            except ForbiddenError as error:
                self._refuse(promise.service, promise.buyer, error.fact, error)

    def _on_bench(self, planned: PlannedPromise) -> Promise:
        agreement, bench_s = planned.agreement, self._plan.bench_s
        moved: Agreement = replace(
            agreement,
            window_from_s=bench_s(agreement.window_from_s),
            window_until_s=bench_s(agreement.window_until_s),
        )
        return Promise(planned.service, planned.buyer, planned.role, moved)

    def _refuse(
        self, service: str, buyer: str, reason: str,
        error: ForbiddenError | None = None, **detail: object,
    ) -> None:  # fmt: skip
        rule = error.rule.name if error else ""
        self._notice(
            buyer, "refused", service=service, reason=reason, rule=rule, **detail
        )

    def _notice(self, buyer: str, what: str, **detail: object) -> None:
        """Tell a buyer, and give the neutral market facilitator the same notice."""
        for recipient in (buyer, str(Actor.FACILITATOR)):
            self._log(Actor.AGGREGATOR, f"notice: {what}", to=recipient, **detail)

    async def act(self, act: ServiceAct) -> None:
        """Let an operator act on a service."""
        handle = {
            "arm": self._arm, "call": self._call,
            "stop": self._stop, "overrule": self._overrule,
        }[act.kind]  # fmt: skip
        try:
            await handle(act)
        except ForbiddenError as error:
            self._refuse(act.service, act.actor, error.fact, error)

    async def _arm(self, act: ServiceAct) -> None:
        now_s = self._clock.now_s()
        self._log(act.actor, "arms", service=act.service, armed_at_s=now_s)
        self.book.arm(act.service, at_s=now_s)
        self._notice(act.actor, "armed", service=act.service)

    async def _call(self, act: ServiceAct) -> None:
        from_s, until_s = map(self._plan.bench_s, (act.from_clock_s, act.until_clock_s))
        now_s = self._clock.now_s()
        self._log(
            act.actor, "dispatches", service=act.service, from_s=from_s, until_s=until_s
        )
        decision = self.book.call(
            act.service, from_s=from_s, until_s=until_s, at_s=now_s
        )
        if not decision.accepted:
            ready_s = decision.ready_at_s
            self._refuse(act.service, act.actor, decision.reason, ready_at_s=ready_s)
            return
        self._notice(act.actor, "accepted", service=act.service)
        role = self.book.of(act.service).promise.role
        for at_s in (from_s, until_s):
            await self._clock.until(at_s)
            await self._follow(role)

    async def _stop(self, act: ServiceAct) -> None:
        self._log(act.actor, "stops", service=act.service)
        self.book.stop(act.service, at_s=self._clock.now_s())
        await self._follow(self.book.of(act.service).promise.role)

    async def _overrule(self, act: ServiceAct) -> None:
        promise = self.book.of(act.service).promise
        self._log(act.actor, "overrules", service=act.service)
        self.book.overrule(act.service, at_s=self._clock.now_s())
        self._notice(promise.buyer, "overruled", service=act.service, by=act.actor)
        await self._follow(promise.role)

    async def _follow(self, role: str) -> None:
        """Move an asset to the sum of its shares, and tell who lacks what."""
        async with self._lock:
            now_s = self._clock.now_s()
            shares = self.book.shares_w(role, now_s)
            self._tell_shortfalls(shares)
            total_w = sum(shares.values())
            if total_w == self._at_w.get(role, 0.0):
                return
            self._at_w[role] = total_w
            if total_w == 0:
                await self._aggregator.release(role)
                return
            buyers = sorted({self.book.of(name).promise.buyer for name in shares})
            move, sign = (Move.UP, -1) if role in self._plan.takers else (Move.DOWN, 1)
            later = [s for s in self.book.changes_s(role) if s > now_s]
            await self._aggregator.instruct(
                " and ".join(buyers), role, move, self._usual_w(role) - sign * total_w,
                min(later, default=self._plan.duration_s),
            )  # fmt: skip

    def _usual_w(self, role: str) -> float:
        """What one such device draws while nothing is asked of it. [W]"""
        levels = [one.level_w for one in self._plan.preparations if one.role == role]
        return levels[-1] if levels else 0.0

    def _tell_shortfalls(self, shares: dict[str, float]) -> None:
        lacks = shortfalls_w(shares, self.book.standing)
        for service, lack_w in lacks.items():
            if self._told.get(service) == lack_w:
                continue
            self._told[service] = lack_w
            promise = self.book.of(service).promise
            self._notice(
                promise.buyer, "short", service=service, lacks_w=lack_w,
                primacy=self.book.primacy.name if self.book.primacy else "",
            )  # fmt: skip
        for service in shares.keys() - lacks.keys():
            self._told.pop(service, None)
