"""The controller of a self-balancing network at work, and the loss of its mains.

It hears the boundary meter and each mover's own, and moves them so that nothing crosses
the boundary. Whether it did is judged from the meters, not from its log. When it is
lost it says nothing any more: what its devices then do is their own fail-safe.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.recording import LogEntry, Reading
from harness.market.balancing import Mover, shared_out
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import Move

Log = Callable[..., LogEntry]
CONTROLLER, MAINS = "network controller", "grid connection"
LOST, BACK = "is lost", "is back"
LOOKS_EVERY_S = 15.0
"""As long as meters that are read every five seconds take to show what was done: a
controller that looks sooner acts on what it undid already, and swings. [s]"""
SETTLES_S = 10.0
"""How long what was done takes to be there, and to show; longer if meters renew what
they show less often. [s]"""
IS_THERE_S = 5.0
"""How long what was done takes to be there. [s]"""
TRIES_AGAIN_S = 900.0
"""After so long a mover that did not go as far as told is told again. [s]"""
ASTRAY_W, ASTRAY_SHARE = 300.0, 0.2
"""A mover that is farther than both from what it was told does not do it."""
WORTH_MOVING_W = 60.0
"""A change below this is not sent: setting wears. [W]"""


@dataclass(frozen=True, slots=True)
class _Short:
    """A mover that did not go as far as told: a full battery, a car that left."""

    wants_more: bool
    """Whether it was told to draw more than it does; else less."""
    since_s: float


class Balancer:
    """Moves what it may so that nothing crosses the boundary.

    Who does not do as told is counted for what it does, and the others make up for it;
    the other way it is moved as before.

    Parameters
    ----------
    meters : mapping
        The meter that sees each device and nothing else, by the device's role.
    boundary : str or None
        The meter that sees everything.
    renewed_s : mapping
        How often each meter renews what it shows. [s]
    """

    def __init__(
        self, plan: Plan, aggregator: Aggregator, clock: BenchClock, log: Log,
        meters: Mapping[str, str], boundary: str | None, renewed_s: Mapping[str, float],
    ) -> None:  # fmt: skip
        self._plan, self._aggregator = plan, aggregator
        self._clock, self._log = clock, log
        self._meters, self._boundary = meters, boundary
        self._power_w: dict[str, float] = {}
        self._heard_s: dict[str, float] = {}
        self._moved_s = -math.inf
        movers = () if plan.balancing is None else plan.balancing.movers
        self._heard = [boundary or "", *(meters.get(one.role, "") for one in movers)]
        slowest_s = max(renewed_s.get(one, 0.0) for one in self._heard)
        self._settles_s = max(SETTLES_S, IS_THERE_S + slowest_s)
        self._told: dict[str, float] = {}
        self._short: dict[str, _Short] = {}

    def hear(self, meter: str, readings: Sequence[Reading]) -> None:
        """Take note of what a meter says of power."""
        for one in readings:
            if one.quantity == "power_w" and math.isfinite(one.value):
                self._power_w[meter] = one.value
                self._heard_s[meter] = self._clock.now_s()

    async def run(self) -> None:
        """Balance from when to when the plan says, or until it is lost."""
        asked = self._plan.balancing
        assert asked is not None  # noqa: S101 - `run` is called with one
        begins, ends, lost = (
            math.inf if at is None else self._plan.bench_s(at)
            for at in (
                asked.from_clock_s, asked.until_clock_s, asked.controller_lost_clock_s,
            )
        )  # fmt: skip
        await self._clock.until(begins)
        self._log(CONTROLLER, "begins", until_s=ends)
        while self._clock.now_s() < min(ends, lost):
            await self._move(asked.movers, ends)
            due_s = self._clock.now_s() + LOOKS_EVERY_S
            await self._clock.until(min(due_s, ends, lost))
        if lost <= ends:
            for role in self._told:
                await self._aggregator.abandon(role)
            self._log(CONTROLLER, LOST)
            return
        for role in self._told:
            await self._aggregator.release(role)
        self._log(CONTROLLER, "ends")

    async def _move(self, movers: Sequence[Mover], until_s: float) -> None:
        through_w = self._power_w.get(self._boundary or "", math.nan)
        own_w = {one.role: self._of(one.role) for one in movers}
        if math.isnan(through_w) or any(map(math.isnan, own_w.values())):
            return  # a meter has not spoken yet: nothing is guessed
        if self._hears_old_news():
            return
        total_w = sum(own_w.values()) - through_w
        able, fixed_w = [], 0.0
        for one in movers:
            self._look_at(one.role, own_w[one.role])
            bounded = self._as_able(one, own_w[one.role])
            if bounded is None:
                fixed_w += own_w[one.role]
            else:
                able.append(bounded)
        wanted = shared_out(able, total_w - fixed_w)
        for role, level_w in wanted.items():
            before_w = self._told.get(role, math.inf)
            if abs(level_w - before_w) > WORTH_MOVING_W:
                self._told[role] = level_w
                self._moved_s = self._clock.now_s()
                move = Move.UP if level_w > own_w[role] else Move.DOWN
                await self._aggregator.instruct(
                    CONTROLLER, role, move, level_w, until_s
                )

    def _look_at(self, role: str, own_w: float) -> None:
        """Note whether a mover is short of what it was told."""
        told_w = self._told.get(role, own_w)
        if abs(own_w - told_w) > max(ASTRAY_W, ASTRAY_SHARE * abs(told_w)):
            self._short[role] = _Short(own_w < told_w, self._clock.now_s())
        short = self._short.get(role)
        if short is None:
            return
        # Once it has moved the other way, as a full battery that gives, there is room.
        has_room = abs(told_w) > ASTRAY_W and (told_w < 0) == short.wants_more
        if has_room or self._clock.now_s() - short.since_s > TRIES_AGAIN_S:
            del self._short[role]

    def _as_able(self, mover: Mover, own_w: float) -> Mover | None:
        """Return a mover between the powers that it can have; None if it has but one.

        Whoever is short goes no farther that way than it does.
        """
        short = self._short.get(mover.role)
        if short is None:
            return mover
        least_w, most_w = mover.least_w, mover.most_w
        if short.wants_more:
            most_w = min(most_w, own_w)
        else:
            least_w = max(least_w, own_w)
        if least_w >= most_w:
            return None
        return replace(mover, least_w=least_w, most_w=most_w)

    def _hears_old_news(self) -> bool:
        """Whether a meter has not been read since what was done last has settled."""
        settled_s = self._moved_s + self._settles_s
        return any(self._heard_s.get(one, -math.inf) < settled_s for one in self._heard)

    def _of(self, role: str) -> float:
        return self._power_w.get(self._meters.get(role, ""), math.nan)


async def lose_mains(plan: Plan, circuit: Circuit, clock: BenchClock, log: Log) -> None:
    """Open the grid connection for as long as the plan says, and close it again."""
    asked = plan.balancing
    if asked is None or asked.mains_lost_clock_s is None:
        return
    from_s, until_s = map(plan.bench_s, asked.mains_lost_clock_s)
    await clock.until(from_s)
    log(MAINS, LOST)
    circuit.connect(False, clock.now_s())
    await clock.until(until_s)
    log(MAINS, BACK, was_dark=circuit.is_dark)
    circuit.connect(True, clock.now_s())
