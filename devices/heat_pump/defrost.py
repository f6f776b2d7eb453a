"""Ice on the outdoor coil: it grows while the compressor runs in cold, damp air.

Air near freezing carries most water onto the coil; far below freezing it is dry.
The interval, an hour at worst, and the five minutes are common figures, not taken
from a document.
"""

from __future__ import annotations

import numpy as np

ICES_BELOW_C = 5.0
DRY_BELOW_C = -15.0
WORST_C = 1.0
INTERVAL_S = 3600.0
"""Running time until the coil must be defrosted, at its worst. [s]"""
LASTS_S = 300.0


def icing(outdoor_c: float) -> float:
    """Return how fast ice grows, as a share of the worst."""
    if outdoor_c >= ICES_BELOW_C:
        return 0.0
    if outdoor_c >= WORST_C:
        return (ICES_BELOW_C - outdoor_c) / (ICES_BELOW_C - WORST_C)
    return max((outdoor_c - DRY_BELOW_C) / (WORST_C - DRY_BELOW_C), 0.2)


class Defrost:
    """Whether the coil is being defrosted.

    Parameters
    ----------
    rng : numpy.random.Generator
        Spreads the intervals by a fifth either way.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._ice = float(rng.random())
        self._full = self._draw()
        self._left_s = 0.0

    @property
    def is_on(self) -> bool:
        """Whether it is on: power is drawn, no heat is given."""
        return self._left_s > 0.0

    def step(self, step_s: float, *, running: bool, outdoor_c: float) -> None:
        """Let ice grow, or melt it."""
        if self._left_s > 0.0:
            self._left_s -= step_s
        elif running:
            self._ice += icing(outdoor_c) * step_s / INTERVAL_S
            if self._ice >= self._full:
                self._ice, self._full, self._left_s = 0.0, self._draw(), LASTS_S

    def _draw(self) -> float:
        return float(self._rng.uniform(0.8, 1.2))
