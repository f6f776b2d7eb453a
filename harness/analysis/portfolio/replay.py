"""Homes that all do what the one on the bench did, second by second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.portfolio.event import Answer, Event
from harness.analysis.portfolio.power_steps import PowerSteps
from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class ReplayHomes:
    """Homes of one recording: the hardest case, for all step at one moment."""

    power_w: Series
    """What the bench's meter saw, a value a second. [W]"""
    usual_w: Series
    """What it would have seen had nothing been asked. [W]"""
    rating_w: float
    """The most that one can draw. [W]"""

    def draw(self, rng: np.random.Generator, homes: int) -> ReplayDay:
        """Return the same for each of some homes."""
        return ReplayDay(self, np.full(homes, self.rating_w))


@dataclass(frozen=True, slots=True)
class ReplayDay:
    """Some homes, each of which does what the bench's did."""

    homes: ReplayHomes
    rated_w: Series

    def steps(
        self, event: Event | None = None, answer: Answer | None = None
    ) -> PowerSteps:
        """Return what each draws: as recorded in the event, else as usual."""
        power = self.homes.usual_w if event is None else self.homes.power_w
        shape = (self.rated_w.size, power.size)
        begin = np.arange(float(power.size))
        return PowerSteps(
            np.broadcast_to(begin, shape).copy(), np.broadcast_to(power, shape).copy()
        )
