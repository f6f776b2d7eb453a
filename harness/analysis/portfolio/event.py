"""What homes are told, and how each takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.portfolio.distribution import Distribution
from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class Event:
    """A turn-down that every home is told of at one moment."""

    from_s: float
    until_s: float
    """When it begins and ends, from the portfolio's first second. [s]"""
    down_to_w: float
    """What each home may go on drawing. [W]"""

    def periods(self, length_s: float) -> list[tuple[float, float]]:
        """Return the settlement periods inside it; the last may be shorter. [s]"""
        starts = np.arange(self.from_s, self.until_s, length_s)
        return [(float(at), min(float(at) + length_s, self.until_s)) for at in starts]


@dataclass(frozen=True, slots=True)
class Answer:
    """How some homes take an event, every array ``(homes,)``."""

    late_s: Series
    """From the instruction until power is down. [s]"""
    back_s: Series
    """From the release until power is back. [s]"""
    answers: NDArray[np.bool_]
    """Whether it does anything at all."""


@dataclass(frozen=True, slots=True)
class Answering:
    """How homes of a portfolio take events."""

    response_s: Distribution
    release_s: Distribution
    no_answer: float
    """Share of the homes that do not answer, each time. From 0 to 1."""

    def draw(self, rng: np.random.Generator, homes: int) -> Answer:
        """Return the answers of some homes to one event."""
        return Answer(
            np.maximum(self.response_s.draw(rng, homes), 0.0),
            np.maximum(self.release_s.draw(rng, homes), 0.0),
            rng.random(homes) >= self.no_answer,
        )
