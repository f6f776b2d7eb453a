"""Water that holds heat: the buffer before the radiators, and the hot water cylinder.

Both are one well-mixed lump: real ones are layered, which would give more hot water
from the same heat. Stepped by whoever owns them, on his grid.
"""

from __future__ import annotations

import numpy as np

from devices.heat_pump.options import StoreOptions

WH_PER_LITRE_K = 1.163
"""Heat capacity of water at 20 to 60 °C. [Wh/(l·K)]"""
MAINS_C = 10.0
CELLAR_C = 18.0
LOSS_W_PER_K = 2.0
"""Heat that a store loses for each kelvin above the place where it stands. [W/K]"""
DRAWS = ((6.5, 60.0), (7.2, 45.0), (12.5, 12.0), (18.0, 20.0), (21.5, 35.0))
"""A day's draw-offs at 40 °C: hour (UTC) and litres, each moved by its seed."""
DRAW_C = 40.0
LEGIONELLA_C = 60.0
LEGIONELLA_DAYS = 7
LEGIONELLA_HOUR = 2
HYSTERESIS_K = 5.0
EMERGENCY_C = 38.0
"""Below this the cylinder is heated whatever was asked. [°C]"""
DAY_S, HOUR_S = 86_400.0, 3600.0


class Store:
    """Litres of water at one temperature."""

    __slots__ = ("_wh_per_k", "temperature_c")

    def __init__(self, litres: float, temperature_c: float) -> None:
        self._wh_per_k = litres * WH_PER_LITRE_K
        self.temperature_c = temperature_c

    def step(self, net_w: float, step_s: float) -> None:
        """Add heat for a while, the loss to the surroundings taken off."""
        loss_w = LOSS_W_PER_K * (self.temperature_c - CELLAR_C)
        self.temperature_c += (net_w - loss_w) * step_s / HOUR_S / self._wh_per_k

    def take_wh(self, heat_wh: float) -> None:
        """Draw heat off at once."""
        self.temperature_c -= heat_wh / self._wh_per_k


class HotWater:
    """A cylinder, the people who draw from it, and its immersion heater.

    Parameters
    ----------
    options : StoreOptions
        Its size and its set point.
    began_s, midnight_s : float
        Bench times of the model's beginning and of a midnight (UTC). [s]
    seed : int
        Fixes when people draw, and the day of the legionella cycle.
    """

    def __init__(
        self, options: StoreOptions, *, began_s: float, midnight_s: float, seed: int
    ) -> None:
        self.store = Store(options.hot_water_litres, options.hot_water_set_c)
        self._options, self._midnight_s, self._seed = options, midnight_s, seed
        self._coming = [each for each in self._day(began_s) if each[0] > began_s]
        self._planned = self._day_of(began_s)
        self.wants_heat = self.is_immersed = False

    def step(self, heat_w: float, *, now_s: float, step_s: float) -> None:
        """Take heat in, let people draw, and see what is wanted next."""
        day = self._day_of(now_s)
        if day != self._planned:
            self._coming, self._planned = self._coming + self._day(now_s), day
        while self._coming and self._coming[0][0] <= now_s:
            self._draw(self._coming.pop(0)[1])
        self.store.step(heat_w, step_s)
        now_c, set_c = self.store.temperature_c, self._options.hot_water_set_c
        if self.wants_heat:
            self.wants_heat = now_c < set_c
        else:
            self.wants_heat = now_c < set_c - HYSTERESIS_K
        self.is_immersed = now_c < LEGIONELLA_C and self._is_due(now_s)

    def _draw(self, litres: float) -> None:
        """Draw litres at `DRAW_C`, or what a cylinder too cold for that gives."""
        warm = max(self.store.temperature_c - MAINS_C, 0.0) / (DRAW_C - MAINS_C)
        heat_wh = litres * WH_PER_LITRE_K * (DRAW_C - MAINS_C)
        self.store.take_wh(heat_wh * min(warm, 1.0))

    def _is_due(self, now_s: float) -> bool:
        """Whether the legionella cycle has its hours now."""
        if not self._options.legionella:
            return False
        hour = (now_s - self._midnight_s) % DAY_S / HOUR_S
        is_day = self._day_of(now_s) % LEGIONELLA_DAYS == self._seed % LEGIONELLA_DAYS
        return is_day and LEGIONELLA_HOUR <= hour < LEGIONELLA_HOUR + 2

    def _day_of(self, now_s: float) -> int:
        return int((now_s - self._midnight_s) // DAY_S)

    def _day(self, now_s: float) -> list[tuple[float, float]]:
        """Draw lots for a day, by a seed of its own: when, and how many litres."""
        day = self._day_of(now_s)
        rng = np.random.default_rng([self._seed, day + 1_000_000])
        start_s, scale = self._midnight_s + day * DAY_S, self._options.draw_scale
        return sorted(
            (
                start_s + (hour + float(rng.normal(0.0, 0.4))) * HOUR_S,
                litres * scale * float(rng.uniform(0.6, 1.4)),
            )
            for hour, litres in DRAWS
        )
