"""The aggregator's care for a car that must be charged when it leaves.

It hears what the car says of its charge, and lets go of it as soon as what is lacking
takes all the time that is left. Whether the car was charged is judged from its meter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry, Reading
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import Departure

Log = Callable[..., LogEntry]
LETS_GO = "lets it charge"
GUARD, LOOKS_EVERY_S = "departure guard", 30.0
RESERVE_S = 300.0
"""How much sooner than it must it lets go. [s]"""
EFFICIENCY = 0.9
"""From the mains into a car's battery, as planned with (chosen)."""


def latest_start_s(one: Departure, soc_percent: float, leaves_s: float) -> float:
    """Return when a car must begin to charge freely at the latest. [s]"""
    lacks = max(one.soc_percent - soc_percent, 0.0) / 100
    needs_s = lacks * one.battery_wh / EFFICIENCY / one.charges_w * 3600
    return leaves_s - needs_s - RESERVE_S


class DepartureGuard:
    """Looks after every car of a plan that leaves."""

    def __init__(
        self, plan: Plan, aggregator: Aggregator, clock: BenchClock, log: Log
    ) -> None:
        self._plan, self._aggregator = plan, aggregator
        self._clock, self._log = clock, log
        self._soc: dict[str, float] = {}

    def hear(self, role: str, readings: Sequence[Reading]) -> None:
        """Take note of what a car says of its charge."""
        for one in readings:
            if one.quantity == "soc_percent" and math.isfinite(one.value):
                self._soc[role] = one.value

    async def run(self, one: Departure) -> None:
        """Let go of one car in time, if an instruction holds it then."""
        leaves_s = self._plan.bench_s(one.at_clock_s)
        while self._clock.now_s() < leaves_s:
            soc = self._soc.get(one.role, math.nan)
            late = self._clock.now_s() >= latest_start_s(one, soc, leaves_s)
            if late and one.role in self._aggregator.instructed:
                self._log(GUARD, LETS_GO, role=one.role, soc_percent=soc)
                await self._aggregator.release(one.role)
                return
            await self._clock.until(self._clock.now_s() + LOOKS_EVERY_S)
