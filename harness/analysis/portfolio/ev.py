"""Homes with a chargepoint: plugged in, charged until full, plugged out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.portfolio.distribution import Distribution
from harness.analysis.portfolio.event import Answer, Event
from harness.analysis.portfolio.power_steps import WH_S, PowerSteps
from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class EvHomes:
    """How homes with a chargepoint differ; times are from the portfolio's start."""

    plugs_in: float
    """Share of the cars that are plugged in on a day. From 0 to 1."""
    plug_in_s: Distribution
    plug_out_s: Distribution
    rating_w: Distribution
    """Power while it charges. [W]"""
    battery_wh: Distribution
    arrives_at: Distribution
    """State of charge when it is plugged in. From 0 to 1."""
    charges_to: float
    """State of charge at which it stops. From 0 to 1."""
    efficiency: float
    """Energy into the battery over energy that the meter sees."""
    standby_w: float = 0.0
    """What the chargepoint draws while it does not charge. [W]"""

    def draw(self, rng: np.random.Generator, homes: int) -> EvDay:
        """Return one day of some homes."""
        there = rng.random(homes) < self.plugs_in
        plug_in = np.maximum(self.plug_in_s.draw(rng, homes), 0.0)
        plug_out = np.maximum(self.plug_out_s.draw(rng, homes), plug_in)
        rating = self.rating_w.draw(rng, homes)
        lacks = np.maximum(self.charges_to - self.arrives_at.draw(rng, homes), 0.0)
        need = lacks * self.battery_wh.draw(rng, homes) / self.efficiency
        standby = np.full(homes, self.standby_w)
        return EvDay(there, plug_in, plug_out, rating, need, standby)


@dataclass(frozen=True, slots=True)
class EvDay:
    """One day of some homes, every array ``(homes,)``."""

    there: NDArray[np.bool_]
    plug_in_s: Series
    plug_out_s: Series
    rating_w: Series
    need_wh: Series
    """Energy that the meter would see until the car is full. [Wh]"""
    standby_w: Series

    @property
    def rated_w(self) -> Series:
        """The most that each can draw. [W]"""
        return self.rating_w

    def steps(
        self, event: Event | None = None, answer: Answer | None = None
    ) -> PowerSteps:
        """Return what each draws, undisturbed or in an event.

        In an event a car charges at the level it was left, and goes on after it until
        it has what it needs or is plugged out.
        """
        begin, out = self.plug_in_s, self.plug_out_s
        need_wh = np.where(self.there, self.need_wh, 0.0)
        full = np.minimum(begin + need_wh / self.rating_w * WH_S, out)
        if event is None or answer is None:
            return self._between(begin, full, full, full, full, self.rating_w)
        down = np.where(answer.answers, event.from_s + answer.late_s, np.inf)
        up = np.maximum(event.until_s + answer.back_s, down)
        told = np.clip(down, begin, full)
        free = np.clip(up, told, np.maximum(out, told))
        disturbed = (told < full) & (free > told)
        left_w = np.minimum(event.down_to_w, self.rating_w)
        lacks_wh = need_wh - (told - begin) * self.rating_w / WH_S
        with np.errstate(divide="ignore", invalid="ignore"):
            slow_s = np.where(left_w > 0, lacks_wh / left_w * WH_S, np.inf)
        slow = np.where(disturbed, np.minimum(told + slow_s, free), told)
        rest_wh = np.maximum(lacks_wh - (slow - told) * left_w / WH_S, 0.0)
        ready = np.minimum(free + rest_wh / self.rating_w * WH_S, out)
        again = np.where(disturbed, free, told)
        done = np.where(disturbed, np.maximum(ready, free), full)
        return self._between(begin, told, slow, again, done, left_w)

    def _between(
        self, begin: Series, told: Series, slow: Series, again: Series, done: Series,
        left_w: Series,
    ) -> PowerSteps:  # fmt: skip
        """Full power from begin to told and again to done, left_w from told to slow."""
        zero = np.zeros_like(begin)
        idle, full = self.standby_w, np.maximum(self.rating_w, self.standby_w)
        low = np.maximum(left_w, idle)
        return PowerSteps(
            np.stack((zero, begin, told, slow, again, done), axis=1),
            np.stack((idle, full, low, idle, full, idle), axis=1),
        )
