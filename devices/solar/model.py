"""Panels and their inverter: what the sun gives, what a limit leaves of it.

Ticks once a second on a grid of its own; between ticks power moves in a straight line.
Generation is negative, as everything that is fed in.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydantic import Field

from devices.solar.sky import Clouds
from harness.core.bench import Options
from harness.core.sky import Roof, clear_sky_w_m2

TICK_S = 1.0
SKY_TICKS = 30
"""The sun's place is worked out anew every so many ticks: it moves an eighth of a
degree in 30 s."""


class SolarOptions(Options):
    """Where the panels are, the weather, and the inverter."""

    latitude: float = Field(51.5, ge=-66, le=66)
    longitude: float = Field(-0.1, ge=-180, le=180)
    tilt: float = Field(35.0, ge=0, le=90)
    azimuth: float = Field(180.0, ge=0, lt=360)
    """Where the panels face, clockwise from north. [°]"""
    peak_w: float = Field(4000.0, gt=0, le=100_000)
    """Panels' power at 1,000 W/m². [W]"""
    performance: float = Field(0.85, gt=0, le=1)
    """Share of it that is left after heat, dirt, cables and the inverter."""
    max_w: float = Field(3680.0, gt=0, le=30_000)
    """Most that the inverter feeds in. [W]"""
    cloud_cover: float = Field(0.3, ge=0, le=1)
    """Share of the time under a cloud."""
    cloud_lasts_s: float = Field(180.0, gt=0)
    cloud_lets_through: float = Field(0.25, ge=0, le=1)
    """Share of the direct light."""
    night_w: float = Field(2.0, ge=0)
    """Drawn from the mains while there is no light. [W]"""
    ramp_percent_per_s: int = Field(20, ge=1, le=1000)
    """How fast a limit is followed, both ways; of the inverter's rating. [%/s]"""
    response_delay_s: float = Field(0.5, ge=0, le=3600)
    """From a write on the wire until the inverter acts on it, ± 20 %. [s]"""

    def roof(self) -> Roof:
        """Return where the panels are."""
        return Roof(self.latitude, self.longitude, self.tilt, self.azimuth)


@dataclass(frozen=True, slots=True)
class Limit:
    """What the registers ask for."""

    export_w: float = math.inf
    ramp_percent_per_s: float = 20.0


class Panels:
    """The load (a negative one) that a circuit sees.

    Parameters
    ----------
    options : SolarOptions
        Panels, weather and inverter.
    started_at_s : float
        Bench time at which the model begins, already at work. [s]
    instant : callable
        Civil time of a bench time.
    rng : numpy.random.Generator
        For the clouds and the spread of the response delay.
    """

    def __init__(
        self,
        options: SolarOptions,
        *,
        started_at_s: float,
        instant: Callable[[float], datetime],
        rng: np.random.Generator,
    ) -> None:
        self._options, self._instant, self._rng = options, instant, rng
        self._roof = options.roof()
        self._origin_s, self._tick = started_at_s, 0
        self._coming: deque[tuple[float, Limit]] = deque()
        self._limit = self._asked = Limit(ramp_percent_per_s=options.ramp_percent_per_s)
        self._pace, self._light = 1.0, (0.0, 0.0)
        self._clouds = Clouds(
            options.cloud_cover, options.cloud_lasts_s, options.cloud_lets_through, rng
        )
        self.tripped = False
        self.energy_import_wh = self.energy_export_wh = 0.0
        self._look_up()
        self._now_w = self._goal_w = self._wanted_w()

    @property
    def is_held_back(self) -> bool:
        """Whether a limit keeps it below what the sun gives."""
        return self._sun_w() > self._limit.export_w + 1.0

    def power_w(self, at_s: float) -> float:
        """Advance to a bench time and return true active power. [W]"""
        self.advance(at_s)
        if self.tripped:
            return 0.0
        into_s = max(at_s - (self._origin_s + self._tick * TICK_S), 0.0)
        return self._drawn(self._moved(into_s))

    def instruct(self, limit: Limit, *, at_s: float) -> None:
        """Take what the registers ask for; it acts after the response delay."""
        self.advance(at_s)
        if limit == self._asked:
            return
        delay_s = self._options.response_delay_s * float(self._rng.uniform(0.8, 1.2))
        earliest_s = self._coming[-1][0] if self._coming else -math.inf
        self._coming.append((max(at_s + delay_s, earliest_s), limit))
        self._asked = limit

    def trip(self, tripped: bool, *, at_s: float) -> None:
        """Disconnect, or start again from nothing."""
        self.advance(at_s)
        self.tripped = tripped
        self._now_w = self._goal_w = 0.0

    def pace(self, factor: float, *, at_s: float) -> None:
        """Follow limits so many times as fast as its setting says."""
        self.advance(at_s)
        self._pace = factor

    def advance(self, at_s: float) -> None:
        """Move to a bench time; an earlier one changes nothing."""
        while self._origin_s + (self._tick + 1) * TICK_S <= at_s:
            self._one_tick()

    def _one_tick(self) -> None:
        after_w = self._moved(TICK_S)
        if not self.tripped:
            drawn_w = self._drawn((self._now_w + after_w) / 2)
            self.energy_import_wh += max(drawn_w, 0.0) * TICK_S / 3600
            self.energy_export_wh += max(-drawn_w, 0.0) * TICK_S / 3600
        self._now_w = after_w
        self._tick += 1
        self._decide()

    def _decide(self) -> None:
        """Choose what the inverter heads for during the next tick."""
        now_s = self._origin_s + self._tick * TICK_S
        # A write of this very instant waits a tick: see the battery's model.
        while self._coming and self._coming[0][0] < now_s:
            self._limit = self._coming.popleft()[1]
        self._clouds.step(TICK_S)
        if self._tick % SKY_TICKS == 0:
            self._look_up()
        self._goal_w = 0.0 if self.tripped else self._wanted_w()

    def _look_up(self) -> None:
        now_s = self._origin_s + self._tick * TICK_S
        self._light = clear_sky_w_m2(self._instant(now_s), self._roof)

    def _sun_w(self) -> float:
        """What could be fed in without any limit. [W]"""
        direct, diffuse = self._light
        light = direct * self._clouds.share + diffuse
        return self._options.peak_w * self._options.performance * light / 1000

    def _wanted_w(self) -> float:
        return min(self._sun_w(), self._options.max_w, self._limit.export_w)

    def _moved(self, into_s: float) -> float:
        """Fed in so many seconds into this tick. [W]"""
        percent = self._limit.ramp_percent_per_s * self._pace
        reach_w = self._options.max_w * percent / 100 * into_s
        return self._now_w + min(max(self._goal_w - self._now_w, -reach_w), reach_w)

    def _drawn(self, fed_w: float) -> float:
        return -fed_w if fed_w > 0.0 else self._options.night_w
