"""A fridge behind a relay.

The cabinet is one heat store. Between two switchings of its thermostat everything
is known in closed form, so the model holds the last event and computes the rest:
results do not depend on how often anybody asks.

    tau dT/dt = T_end - T      T_end = room, or what the compressor would reach

The cycle is that of a domestic fridge (about 20 minutes on, 30 off at 20 °C in the
room); the figures are chosen, not taken from a document.
"""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field, model_validator

from harness.core.bench import Options


class FridgeOptions(Options):
    """The fridge and the kitchen that it stands in."""

    running_w: float = Field(90.0, gt=0)
    standby_w: float = Field(1.5, ge=0)
    """What its electronics draw while the compressor rests. [W]"""
    room_c: float = Field(20.0, ge=5, le=40)
    warm_c: float = Field(5.0)
    """The thermostat starts the compressor here. [°C]"""
    cold_c: float = Field(3.0)
    """The thermostat stops the compressor here. [°C]"""
    coldest_c: float = Field(-20.0)
    """Where the cabinet would settle if the compressor never stopped. [°C]"""
    time_constant_s: float = Field(14400.0, gt=0)
    restart_delay_s: float = Field(180.0, ge=0)
    """Rest that the compressor needs after any stop. [s]"""
    start_c: float = Field(4.8)
    """Cabinet temperature when the trial begins, compressor running. [°C]"""

    @model_validator(mode="after")
    def _temperatures_in_order(self) -> Self:
        order = (self.coldest_c, self.cold_c, self.warm_c, self.room_c)
        if list(order) != sorted(set(order)):
            shown = " < ".join(f"{each:g}" for each in order)
            raise ValueError(f"coldest_c < cold_c < warm_c < room_c, not {shown}")
        return self


class Fridge:
    """A thermostat, a compressor and a cabinet; fed or not.

    Parameters
    ----------
    options : FridgeOptions
        Its figures.
    started_at_s : float
        Bench time at which the model begins. [s]
    """

    def __init__(self, options: FridgeOptions, *, started_at_s: float) -> None:
        self._options = options
        self._event_s, self._event_c = started_at_s, options.start_c
        self._seen_s = started_at_s
        self._stopped_s = -math.inf
        self._energy_wh = 0.0
        self.fed, self.running = True, True
        self.next_change_s = self._next_change_s()
        """When its power will change by itself; ``inf`` without supply. [s]"""

    def power_w(self, at_s: float) -> float:
        """Advance to a bench time and return true active power. [W]"""
        self._advance(at_s)
        return self._now_w()

    def energy_wh(self, at_s: float) -> float:
        """Energy drawn since the model began. [Wh]"""
        self._advance(at_s)
        return self._energy_wh + self._now_w() * (self._seen_s - self._event_s) / 3600

    def cabinet_c(self, at_s: float) -> float:
        """Temperature in the cabinet. [°C]"""
        self._advance(at_s)
        return self._cabinet_c(self._seen_s)

    def feed(self, on: bool, *, at_s: float) -> None:
        """Give or cut supply. A compressor that was cut off needs its rest."""
        self._advance(at_s)
        if on is not self.fed:
            if self.running:
                self._stopped_s = self._seen_s
            self._mark(self._seen_s, fed=on, running=False)

    def _now_w(self) -> float:
        if not self.fed:
            return 0.0
        return self._options.running_w if self.running else self._options.standby_w

    def _advance(self, at_s: float) -> None:
        while self.next_change_s <= at_s:
            change_s = self.next_change_s
            if self.running:
                self._stopped_s = change_s
            self._mark(change_s, fed=True, running=not self.running)
        self._seen_s = max(self._seen_s, at_s)

    def _mark(self, at_s: float, *, fed: bool, running: bool) -> None:
        """Make this instant the event that everything is computed from."""
        self._energy_wh += self._now_w() * (at_s - self._event_s) / 3600
        self._event_c = self._cabinet_c(at_s)
        self._event_s = self._seen_s = at_s
        self.fed, self.running = fed, running
        self.next_change_s = self._next_change_s()

    def _end_c(self) -> float:
        return self._options.coldest_c if self.running else self._options.room_c

    def _cabinet_c(self, at_s: float) -> float:
        end_c = self._end_c()
        left = math.exp(-(at_s - self._event_s) / self._options.time_constant_s)
        return end_c + (self._event_c - end_c) * left

    def _next_change_s(self) -> float:
        if not self.fed:
            return math.inf
        options = self._options
        goal_c = options.cold_c if self.running else options.warm_c
        end_c = self._end_c()
        # Already past the threshold (after a cut, say): the ratio is 1 or less.
        ratio = (self._event_c - end_c) / (goal_c - end_c)
        wait_s = options.time_constant_s * math.log(ratio) if ratio > 1.0 else 0.0
        due_s = self._event_s + wait_s
        if self.running:
            return due_s
        return max(due_s, self._stopped_s + options.restart_delay_s)
