"""A virtual power plant's operator: takes and refuses sales, delivers what it sold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry
from harness.market.plant import Sale, sold_and_refused
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import Move

Log = Callable[..., LogEntry]
OPERATOR, SELLS, REFUSES = "plant operator", "sells", "does not sell"


class PlantDesk:
    """Sells in the order of the offers, and has the device of the bench deliver."""

    def __init__(
        self, plan: Plan, aggregator: Aggregator, clock: BenchClock, log: Log
    ) -> None:
        self._plan, self._aggregator = plan, aggregator
        self._clock, self._log = clock, log

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Decide every offer, and deliver each that was taken at its time."""
        if self._plan.plant is None:
            return
        sold, refused = sold_and_refused(self._plan.plant)
        for sale in sold:
            self._log(OPERATOR, SELLS, **asdict(sale))
        for sale, why in refused:
            self._log(OPERATOR, REFUSES, reason=why, **asdict(sale))
        if sold:
            group.create_task(self._deliver(sold))

    async def _deliver(self, sold: list[Sale]) -> None:
        """Give at every moment what is sold then, and let go when nothing is."""
        plant = self._plan.plant
        assert plant is not None  # noqa: S101 - `begin` has looked
        edges = sorted({
            at for one in sold for at in (one.from_clock_s, one.until_clock_s)
        })  # fmt: skip
        for at in edges:
            await self._clock.until(self._plan.bench_s(at))
            now = [one for one in sold if one.from_clock_s <= at < one.until_clock_s]
            if not now:
                await self._aggregator.release(plant.role)
                continue
            ends_s = self._plan.bench_s(min(one.until_clock_s for one in now))
            level_w = -sum(plant.of_one_w(one) for one in now)
            await self._aggregator.instruct(
                now[0].buyer, plant.role, Move.DOWN, level_w, ends_s
            )
