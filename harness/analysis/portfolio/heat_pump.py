"""Homes with a heat pump: heat that the weather asks for, in runs or modulated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis.portfolio.distribution import Distribution
from harness.analysis.portfolio.event import Answer, Event
from harness.analysis.portfolio.power_steps import PowerSteps
from harness.core.recording import Series

DAY_S = 86_400.0
NEVER_S = 1e9
"""Long after any portfolio has ended. [s]"""
WARMEST_S = 15 * 3600.0
"""Time of day at which it is warmest: mid-afternoon. [s]"""
COP_AT_C = 7.0
"""Outdoor temperature for which the coefficient of performance is stated. [°C]"""
LEAST_COP = 1.0
LEAST_CYCLE_S = 600.0
"""Compressors are kept from starting more often than some times an hour. [s]"""


@dataclass(frozen=True, slots=True)
class Weather:
    """Outdoor temperature over a day: a mean and a swing."""

    mean_c: float
    swing_c: float
    """Half of the difference between the warmest and the coldest hour. [K]"""
    begins_s: float
    """Time of day of the portfolio's first second. [s]"""

    def outdoor_c(self, at_s: Series) -> Series:
        """Return outdoor temperature at some instants. [°C]"""
        turn = 2 * math.pi * (self.begins_s + at_s - WARMEST_S) / DAY_S
        found: Series = self.mean_c + self.swing_c * np.cos(turn)
        return found


@dataclass(frozen=True, slots=True)
class HeatPumpHomes:
    """How homes with a heat pump differ."""

    weather: Weather
    loses_w_per_k: Distribution
    """Heat that the home loses for each degree. [W/K]"""
    indoor_c: Distribution
    """What it is kept at. [°C]"""
    gains_w: Distribution
    """Heat from people, sun and appliances. [W]"""
    rating_w: Distribution
    """Electrical power at full output. [W]"""
    modulates_to: float
    """Least power over rated power; below it the compressor runs and rests."""
    cop: float
    """Heat over electricity at 7 °C outdoors."""
    cop_per_k: float
    """What that changes by for each degree outdoors. [1/K]"""
    cycle_s: Distribution
    """From one start to the next where it runs and rests. [s]"""
    cools_s: Distribution
    """Time constant with which the home cools without heat. [s]"""
    comfort_k: float
    """How far it may cool before the heat pump overrides an event. [K]"""
    makes_up: float
    """Share of the heat left out that is made up for afterwards. From 0 to 1."""
    seconds: int
    standby_w: float = 0.0

    def draw(self, rng: np.random.Generator, homes: int) -> HeatPumpDay:
        """Return one day of some homes."""
        cycle = np.maximum(self.cycle_s.draw(rng, homes), LEAST_CYCLE_S)
        return HeatPumpDay(
            homes=self,
            loses_w_per_k=self.loses_w_per_k.draw(rng, homes),
            indoor_c=self.indoor_c.draw(rng, homes),
            gains_w=self.gains_w.draw(rng, homes),
            rating_w=self.rating_w.draw(rng, homes),
            cycle_s=cycle,
            phase_s=rng.random(homes) * cycle,
            cools_s=self.cools_s.draw(rng, homes),
        )


@dataclass(frozen=True, slots=True)
class HeatPumpDay:
    """One day of some homes, every array ``(homes,)``."""

    homes: HeatPumpHomes
    loses_w_per_k: Series
    indoor_c: Series
    gains_w: Series
    rating_w: Series
    cycle_s: Series
    phase_s: Series
    """Where in its cycle each is at the start. [s]"""
    cools_s: Series

    @property
    def rated_w(self) -> Series:
        """The most that each can draw. [W]"""
        return self.rating_w

    def needs_w(self, at_s: Series) -> Series:
        """Return mean electrical power that the weather asks for. [W]

        Parameters
        ----------
        at_s : ndarray of shape (homes, n)
            Instants. [s]
        """
        outdoor = self.homes.weather.outdoor_c(at_s)
        colder = self.indoor_c[:, None] - outdoor
        heat = np.maximum(
            self.loses_w_per_k[:, None] * colder - self.gains_w[:, None], 0.0
        )
        cop = self.homes.cop + self.homes.cop_per_k * (outdoor - COP_AT_C)
        return np.minimum(heat / np.maximum(cop, LEAST_COP), self.rating_w[:, None])

    def steps(
        self, event: Event | None = None, answer: Answer | None = None
    ) -> PowerSteps:
        """Return what each draws, undisturbed or in an event.

        In an event a heat pump goes down to the level it was left, until the event ends
        or the home has cooled as far as it may. Then it makes up for what was left out,
        at full power.
        """
        usual = self._usual()
        if event is None or answer is None:
            return usual
        told = np.where(answer.answers, event.from_s + answer.late_s, np.inf)
        freed = np.minimum(event.until_s + answer.back_s, told + self._bears_s(event))
        freed = np.maximum(freed, told)
        cut = usual.cut_at(np.minimum(told, NEVER_S), np.minimum(freed, NEVER_S))
        held = cut.during(told, freed)
        low = np.where(held, np.minimum(cut.power_w, event.down_to_w), cut.power_w)
        owed = self._owed_ws(cut, cut.power_w - low)
        room = np.maximum(self.rating_w - self._mean_after(freed), 0.05 * self.rating_w)
        ready = np.minimum(freed + self.homes.makes_up * owed / room, NEVER_S)
        down = PowerSteps(cut.begin_s, low).cut_at(ready)
        full = down.during(freed, ready)
        return PowerSteps(
            down.begin_s, np.where(full, self.rating_w[:, None], down.power_w)
        )

    def _usual(self) -> PowerSteps:
        """Runs and rests, or one level a cycle where that is within its range."""
        cycles = math.ceil(self.homes.seconds / LEAST_CYCLE_S) + 2
        longest = float(self.cycle_s.min())
        cycles = min(cycles, math.ceil(self.homes.seconds / longest) + 2)
        number = np.arange(cycles + 1, dtype=np.float64)
        edges = number * self.cycle_s[:, None] - self.phase_s[:, None]
        begin, end = edges[:, :-1], edges[:, 1:]
        need = self.needs_w(begin + self.cycle_s[:, None] / 2)
        least = self.homes.modulates_to * self.rating_w[:, None]
        share = np.minimum(need / least, 1.0)
        # Rounding must not let a rest begin after the next run.
        rest = np.minimum(begin + share * self.cycle_s[:, None], end)
        homes = self.rating_w.size
        begins = np.stack((begin, rest), axis=2).reshape(homes, -1)
        idle = np.full_like(need, self.homes.standby_w)
        run = np.maximum(np.maximum(need, least), idle)
        powers = np.stack((run, idle), axis=2).reshape(homes, -1)
        return PowerSteps(np.maximum(begins, 0.0), powers)

    def _bears_s(self, event: Event) -> Series:
        """How long each may do without heat before it is too cold. [s]"""
        when = np.full((self.rating_w.size, 1), event.from_s)
        outdoor = self.homes.weather.outdoor_c(when)[:, 0]
        colder = np.maximum(self.indoor_c - outdoor, 1e-6)
        share = np.minimum(self.homes.comfort_k / colder, 1 - 1e-9)
        return -self.cools_s * np.log1p(-share)

    def _mean_after(self, at_s: Series) -> Series:
        when = np.where(np.isfinite(at_s), at_s, 0.0)[:, None]
        return self.needs_w(when)[:, 0]

    @staticmethod
    def _owed_ws(cut: PowerSteps, left_out: Series) -> Series:
        """Energy that was not drawn. [Ws]"""
        lasts = np.diff(cut.begin_s, axis=1, append=cut.begin_s[:, -1:])
        owed: Series = (lasts * left_out).sum(axis=1)
        return owed
