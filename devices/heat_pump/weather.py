"""Outdoor temperature: constant, or the seeded course of days in a season.

A day swings round its mean, coldest towards four in the morning (UTC); slow waves
with seeded phases stand for the weather. A pure function of time, so that it does not
matter who asks when. The seasons' figures are chosen, not taken from a document.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from devices.heat_pump.options import WeatherOptions

DAY_S = 86_400.0
WARMEST_S = 16 * 3600.0


@dataclass(frozen=True, slots=True)
class Season:
    """What days are like. [°C], [K]"""

    mean_c: float
    swing_k: float
    waves_k: float


SEASONS = {
    "winter": Season(3.0, 2.5, 1.2),
    "spring": Season(9.0, 4.5, 1.2),
    "summer": Season(17.0, 5.0, 1.0),
    "autumn": Season(10.0, 3.5, 1.2),
}
WAVES_S = (19 * 3600.0, 43 * 3600.0, 97 * 3600.0)
"""Periods of the weather's waves; none fits into a day. [s]"""


class Weather:
    """Outdoor temperature over bench time.

    Parameters
    ----------
    options : WeatherOptions
        Which weather.
    midnight_s : float
        Bench time of a midnight (UTC). [s]
    rng : numpy.random.Generator
        For the waves; not drawn from if the weather is constant.
    """

    def __init__(
        self, options: WeatherOptions, *, midnight_s: float, rng: np.random.Generator
    ) -> None:
        self.is_constant = options.weather == "constant"
        self._constant_c, self._midnight_s = options.outdoor_c, midnight_s
        if not self.is_constant:
            self._season = SEASONS[options.weather]
            self._phases = [2 * math.pi * float(rng.random()) for _ in WAVES_S]

    def outdoor_c(self, at_s: float) -> float:
        """Return the outdoor temperature at a bench time. [°C]"""
        if self.is_constant:
            return self._constant_c
        season, since_s = self._season, at_s - self._midnight_s
        turn = 2 * math.pi * (since_s - WARMEST_S) / DAY_S
        waves = sum(
            math.sin(2 * math.pi * since_s / period_s + phase)
            for period_s, phase in zip(WAVES_S, self._phases, strict=True)
        )
        return season.mean_c + season.swing_k * math.cos(turn) + season.waves_k * waves
