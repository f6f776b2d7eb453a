"""An appliance that keeps one quantity between two thresholds by running or resting.

A cabinet kept cold, a room kept dry: each is one store. Between two switchings of its
thermostat everything is known in closed form, so the model holds the last event and
computes the rest: results do not depend on how often anybody asks.

    tau dx/dt = x_end - x      x_end: where it drifts at rest, or would end when running
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """What makes one such appliance; the quantity in its own unit (°C, % RH)."""

    running_w: float
    standby_w: float
    """What its electronics draw while it rests. [W]"""
    rest_end: float
    """Where the quantity drifts while it rests."""
    start_at: float
    """It begins to run here."""
    stop_at: float
    """It stops here."""
    run_end: float
    """Where the quantity would settle if it never stopped."""
    time_constant_s: float
    restart_delay_s: float
    """Rest that the compressor needs after any stop. [s]"""


def random_start(figures: Figures, luck: float) -> tuple[float, bool]:
    """Return a state within its cycle for a number from 0 to 1: value, running.

    A value half way through its cycle is as likely to be on the way up as down.
    """
    running = luck < 0.5
    share = luck * 2 % 1.0
    return figures.stop_at + share * (figures.start_at - figures.stop_at), running


class Cycling:
    """A thermostat, a compressor and a store; fed or not.

    Parameters
    ----------
    figures : Figures
        Its figures.
    started_at_s : float
        Bench time at which the model begins. [s]
    value : float
        The quantity then.
    running : bool
        Whether it runs then.
    """

    def __init__(
        self,
        figures: Figures,
        *,
        started_at_s: float,
        value: float,
        running: bool = True,
    ) -> None:
        self._figures = figures
        self._event_s, self._event_value = started_at_s, value
        self._seen_s = started_at_s
        self._stopped_s = -math.inf
        self._energy_wh = 0.0
        self.fed, self.running = True, running
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

    def value(self, at_s: float) -> float:
        """The quantity that it keeps."""
        self._advance(at_s)
        return self._value(self._seen_s)

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
        return self._figures.running_w if self.running else self._figures.standby_w

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
        self._event_value = self._value(at_s)
        self._event_s = self._seen_s = at_s
        self.fed, self.running = fed, running
        self.next_change_s = self._next_change_s()

    def _end(self) -> float:
        return self._figures.run_end if self.running else self._figures.rest_end

    def _value(self, at_s: float) -> float:
        end = self._end()
        left = math.exp(-(at_s - self._event_s) / self._figures.time_constant_s)
        return end + (self._event_value - end) * left

    def _next_change_s(self) -> float:
        if not self.fed:
            return math.inf
        figures = self._figures
        goal = figures.stop_at if self.running else figures.start_at
        end = self._end()
        # Already past the threshold (after a cut, say): the ratio is 1 or less.
        ratio = (self._event_value - end) / (goal - end)
        wait_s = figures.time_constant_s * math.log(ratio) if ratio > 1.0 else 0.0
        due_s = self._event_s + wait_s
        if self.running:
            return due_s
        return max(due_s, self._stopped_s + figures.restart_delay_s)
