"""Group switching: assets give way in turn, so that the group's event lasts.

"DR event period of individual assets can be increased by group switching, extending the
overall DR event period" (CrowdFlex technical specification, note 24).
"""

from __future__ import annotations

from itertools import cycle

from harness.core.clock import BenchClock
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import Move

OVERLAP_S = 30.0
"""How long before one's turn ends the next begins. [s]"""


async def take_turns(plan: Plan, aggregator: Aggregator, clock: BenchClock) -> None:
    """Turn one asset down after the other, each for no longer than its own period."""
    asked = plan.turns
    assert asked is not None  # noqa: S101 - called with one
    ends_s = plan.bench_s(asked.until_clock_s)
    await clock.until(plan.bench_s(asked.from_clock_s))
    before = None
    for role, level_w in cycle(asked.levels_w.items()):
        began_s = clock.now_s()
        until_s = min(began_s + asked.each_s - OVERLAP_S, ends_s)
        await aggregator.instruct(asked.actor, role, Move.DOWN, level_w, until_s)
        if before is not None:
            await clock.until(began_s + OVERLAP_S)
            await aggregator.release(before)
        before = role
        await clock.until(until_s)
        if until_s >= ends_s:
            break
    if before is not None:
        await aggregator.release(before)
