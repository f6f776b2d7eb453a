"""Clouds before the sun: two states whose durations are drawn at random, soft-edged.

The figures are chosen, not taken from a document. Where the sun stands and what a clear
sky lets through is in `harness.core.sky`.
"""

from __future__ import annotations

import math

import numpy as np

BLOCK = 1024
"""Random numbers drawn at a time."""
EDGE_S = 8.0
"""Time constant of a cloud's edge. [s]"""


class Clouds:
    """Share of the direct light that gets through, second by second.

    Parameters
    ----------
    cover : float
        Share of the time under a cloud: 0 is never, 1 always.
    lasts_s : float
        How long a cloud lasts on average. [s]
    through : float
        Share of the direct light that a cloud lets through.
    rng : numpy.random.Generator
        The only source of chance.
    """

    def __init__(
        self, cover: float, lasts_s: float, through: float, rng: np.random.Generator
    ) -> None:
        self._cover, self._lasts_s, self._through = cover, lasts_s, through
        self._rng = rng
        self._drawn: list[float] = []
        self._is_cloudy = rng.random() < cover
        self.share = self._share_now()
        """Share that gets through now."""

    def step(self, step_s: float) -> None:
        """Let time pass: a cloud may come or go, and edges move on."""
        if not self._drawn:
            self._drawn = self._rng.random(BLOCK).tolist()
        if self._drawn.pop() < 1 - math.exp(-step_s / self._state_s()):
            self._is_cloudy = not self._is_cloudy
        moved = 1 - math.exp(-step_s / EDGE_S)
        self.share += (self._share_now() - self.share) * moved

    def _state_s(self) -> float:
        """How long the present state lasts on average. [s]"""
        if self._cover in (0.0, 1.0):
            return math.inf
        if self._is_cloudy:
            return self._lasts_s
        return self._lasts_s * (1 - self._cover) / self._cover

    def _share_now(self) -> float:
        return self._through if self._is_cloudy else 1.0
