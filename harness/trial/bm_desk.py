"""A Balancing Mechanism unit at work: takes or refuses acceptances, follows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry
from harness.market.bm_unit import Acceptance, taken_and_refused
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import Move

Log = Callable[..., LogEntry]
LEAD_PARTY, TAKES, REFUSES = (
    "lead party",
    "takes an acceptance",
    "refuses an acceptance",
)
STEP_S = 10.0
"""How often a device is told where the profile is. [s]"""


class BmDesk:
    """Has the device of the bench follow the unit's acceptances."""

    def __init__(
        self, plan: Plan, aggregator: Aggregator, clock: BenchClock, log: Log
    ) -> None:
        self._plan, self._aggregator = plan, aggregator
        self._clock, self._log = clock, log

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Decide every acceptance, and follow those that were taken."""
        unit = self._plan.bm_unit
        if unit is None or not unit.acceptances:
            return
        taken, refused = taken_and_refused(unit)
        for one in taken:
            self._log(LEAD_PARTY, TAKES, points=one.points, given=one.given_clock_s)
            group.create_task(self._follow(one))
        for one, why in refused:
            self._log(LEAD_PARTY, REFUSES, points=one.points, reasons=why)

    async def _follow(self, one: Acceptance) -> None:
        """Tell the device the middle of each step's piece of the profile."""
        unit = self._plan.bm_unit
        assert unit is not None  # noqa: S101 - `begin` has looked
        begins_s, ends_s = (self._plan.bench_s(at) for at in
                            (one.points[0][0], one.points[-1][0]))  # fmt: skip
        await self._clock.until(begins_s)
        told_w = None
        while (now_s := self._clock.now_s()) < ends_s - 1e-6:
            middle_s = min(now_s + STEP_S / 2, ends_s)
            clock_s = middle_s + self._plan.start_clock_s
            level_w = -one.level_w(clock_s) / unit.homes
            if level_w != told_w:
                told_w = level_w
                await self._aggregator.instruct(
                    "ESO", unit.role, Move.DOWN, level_w, ends_s
                )
            await self._clock.until(min(now_s + STEP_S, ends_s))
        await self._aggregator.release(unit.role)
