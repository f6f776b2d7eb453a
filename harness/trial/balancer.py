"""The controller of a self-balancing network at work, and the loss of its mains.

It hears the boundary meter and each mover's own, and moves them so that nothing crosses
the boundary. Whether it did is judged from the meters, not from its log. When it is
lost it says nothing any more: what its devices then do is their own fail-safe.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

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
"""How long what was done takes to be there, and to show. [s]"""
ASTRAY_W, ASTRAY_SHARE = 300.0, 0.2
"""A mover that is farther than both from what it was told does not do it."""
WORTH_MOVING_W = 60.0
"""A change below this is not sent: setting wears. [W]"""


class Balancer:
    """Moves what it may so that nothing crosses the boundary.

    Parameters
    ----------
    meters : mapping
        The meter that sees each device and nothing else, by the device's role.
    boundary : str or None
        The meter that sees everything.
    """

    def __init__(
        self, plan: Plan, aggregator: Aggregator, clock: BenchClock, log: Log,
        meters: Mapping[str, str], boundary: str | None,
    ) -> None:  # fmt: skip
        self._plan, self._aggregator = plan, aggregator
        self._clock, self._log = clock, log
        self._meters, self._boundary = meters, boundary
        self._power_w: dict[str, float] = {}
        self._heard_s: dict[str, float] = {}
        self._moved_s = -math.inf
        self._told: dict[str, float] = {}

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
        if self._hears_old_news(movers):
            return
        total_w = sum(own_w.values()) - through_w
        # Who does not do as told (a car that drove off, a full battery) is counted for
        # what it does, and the others make up for it.
        astray = {one.role for one in movers if self._is_astray(one.role, own_w)}
        left_w = total_w - sum(own_w[role] for role in astray)
        able = [one for one in movers if one.role not in astray]
        wanted = shared_out(able, left_w)
        for role, level_w in wanted.items():
            before_w = self._told.get(role, math.inf)
            if abs(level_w - before_w) > WORTH_MOVING_W:
                self._told[role] = level_w
                self._moved_s = self._clock.now_s()
                move = Move.UP if level_w > own_w[role] else Move.DOWN
                await self._aggregator.instruct(
                    CONTROLLER, role, move, level_w, until_s
                )

    def _is_astray(self, role: str, own_w: Mapping[str, float]) -> bool:
        told_w = self._told.get(role)
        if told_w is None:
            return False
        return abs(own_w[role] - told_w) > max(ASTRAY_W, ASTRAY_SHARE * abs(told_w))

    def _hears_old_news(self, movers: Sequence[Mover]) -> bool:
        """Whether a meter has not been read since what was done last has settled."""
        meters = [self._boundary, *(self._meters.get(one.role) for one in movers)]
        settled_s = self._moved_s + SETTLES_S
        return any(
            self._heard_s.get(one or "", -math.inf) < settled_s for one in meters
        )

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
