"""An inverter compressor: how fast it changes pace, when it may start and stop."""

from __future__ import annotations

import math
from collections import deque

from devices.heat_pump.options import MachineOptions

HOUR_S = 3600.0


class Compressor:
    """Power that moves in a straight line to its target, and rests between runs.

    Parameters
    ----------
    options : MachineOptions
        Its range and its times.
    power_w : float
        Electrical power at the beginning; 0 if it rests. [W]
    """

    def __init__(self, options: MachineOptions, power_w: float) -> None:
        self._min_w, self._ramp_w_per_s = options.min_power_w, options.ramp_w_per_s
        self._min_on_s, self._min_off_s = options.min_on_s, options.min_off_s
        self._max_starts = options.max_starts_per_hour
        self._starts_s: deque[float] = deque(maxlen=self._max_starts)
        self._switched_s = -math.inf
        self.power_w = self.target_w = power_w
        self.running = power_w > 0.0
        self.pace = 1.0
        """Factor on the ramp: a fault's."""

    def moved_w(self, into_s: float) -> float:
        """Return the power some time into the step that begins now. [W]"""
        if not self.running:
            return 0.0
        reach_w = self._ramp_w_per_s * self.pace * into_s
        gap_w = self.target_w - self.power_w
        return self.power_w + min(max(gap_w, -reach_w), reach_w)

    def step(self, step_s: float) -> float:
        """Go on for a step; return the mean power in it. [W]"""
        before_w, self.power_w = self.power_w, self.moved_w(step_s)
        return (before_w + self.power_w) / 2.0

    def ran_long_enough(self, now_s: float) -> bool:
        """Whether its minimum run is over."""
        return now_s - self._switched_s >= self._min_on_s

    def rest_left_s(self, now_s: float) -> float:
        """Return the rest that it still needs before it may start. [s]"""
        if self.running:
            return 0.0
        until_s = self._switched_s + self._min_off_s
        if len(self._starts_s) == self._max_starts:
            until_s = max(until_s, self._starts_s[0] + HOUR_S)
        return max(until_s - now_s, 0.0)

    def follow(self, wanted_w: float, now_s: float) -> None:
        """Start or stop as a thermostat does, within its run and rest times."""
        if self.running:
            too_warm = wanted_w < self._min_w / 2.0
            if too_warm and self.ran_long_enough(now_s):
                self.switch(on=False, now_s=now_s)
        elif wanted_w >= self._min_w and self.rest_left_s(now_s) <= 0.0:
            self.switch(on=True, now_s=now_s)
            self._starts_s.append(now_s)

    def switch(self, *, on: bool, now_s: float) -> None:
        """Start or stop at once, whatever its times; for faults and defects."""
        if on is not self.running:
            self.running, self._switched_s = on, now_s
            self.power_w = 0.0
