"""A washing machine: a programme of stages that a person starts.

Electronic controls lose the programme when supply is cut: when it returns, the machine
is in standby, the washing is wet, and a person must start it anew. That is why a
washing machine behind a plug can be put off, but not interrupted.

A 40 °C cotton programme of about 100 minutes and 0.7 kWh, most of it in the heating;
the figures are chosen, not taken from a document.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from harness.core.bench import Options

START = "start programme"


class WashingMachineOptions(Options):
    """The machine, its programme, and when somebody starts it."""

    standby_w: float = Field(1.0, ge=0)
    """Between programmes, lamp and electronics. [W]"""
    heater_w: float = Field(2000.0, gt=0)
    heating_s: float = Field(900.0, gt=0)
    """How long it heats, water at its usual temperature. [s]"""
    heating_spread_percent: float = Field(10.0, ge=0, le=50)
    """How much that varies from wash to wash, with water and load. [%]"""
    drum_w: float = Field(180.0, gt=0)
    """While the drum turns. [W]"""
    spin_w: float = Field(450.0, gt=0)
    pump_w: float = Field(40.0, gt=0)
    starts_at_s: float | None = None
    """Bench time at which its own delay timer starts it; else a person must. [s]"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the programme with constant power."""

    name: str
    lasts_s: float
    power_w: float


TUMBLE_ON_S, TUMBLE_OFF_S = 12.0, 4.0
"""The drum turns and rests. Chosen. [s]"""


def programme(options: WashingMachineOptions, luck: float) -> list[Stage]:
    """Return the stages of one wash; `luck`, -1 to 1, lengthens the heating."""
    spread = 1 + luck * options.heating_spread_percent / 100
    return [
        Stage("fill", 90.0, options.pump_w),
        Stage("heat", options.heating_s * spread, options.heater_w),
        *_tumble("wash", 2400.0, options),
        Stage("drain", 60.0, options.pump_w),
        *_tumble("rinse", 1200.0, options),
        Stage("drain", 60.0, options.pump_w),
        Stage("spin up", 120.0, options.spin_w * 0.6),
        Stage("spin", 480.0, options.spin_w),
    ]


def _tumble(
    name: str, lasts_s: float, options: WashingMachineOptions
) -> Iterator[Stage]:
    for _ in range(round(lasts_s / (TUMBLE_ON_S + TUMBLE_OFF_S))):
        yield Stage(name, TUMBLE_ON_S, options.drum_w)
        yield Stage(name, TUMBLE_OFF_S, options.standby_w)


class WashingMachine:
    """A machine that waits, washes, and forgets when its supply is cut.

    Parameters
    ----------
    options : WashingMachineOptions
        Its figures.
    started_at_s : float
        Bench time at which the model begins. [s]
    rng : numpy.random.Generator
        Makes one wash unlike another.
    """

    def __init__(
        self,
        options: WashingMachineOptions,
        *,
        started_at_s: float,
        rng: np.random.Generator,
    ) -> None:
        self._options, self._rng = options, rng
        self._stages: list[Stage] = []
        self._event_s = self._seen_s = started_at_s
        self._energy_wh = 0.0
        self._delayed_s = math.inf
        if options.starts_at_s is not None:
            self._delayed_s = max(started_at_s, options.starts_at_s)
        self.fed = True

    @property
    def running(self) -> bool:
        """Whether a programme is under way."""
        return bool(self._stages)

    @property
    def stage(self) -> str:
        """What it is doing: ``standby``, or the stage of its programme."""
        return self._stages[0].name if self._stages else "standby"

    @property
    def next_change_s(self) -> float:
        """When its power will change by itself; ``inf`` if it waits. [s]"""
        if not self.fed:
            return math.inf
        if self._stages:
            return self._event_s + self._stages[0].lasts_s
        return self._delayed_s

    def power_w(self, at_s: float) -> float:
        """Advance to a bench time and return true active power. [W]"""
        self._advance(at_s)
        return self._now_w()

    def energy_wh(self, at_s: float) -> float:
        """Energy drawn since the model began. [Wh]"""
        self._advance(at_s)
        return self._energy_wh + self._now_w() * (self._seen_s - self._event_s) / 3600

    def feed(self, on: bool, *, at_s: float) -> None:
        """Give or cut supply; a cut ends the programme and clears the delay timer."""
        self._advance(at_s)
        if on is not self.fed:
            self._mark(self._seen_s)
            self.fed = on
            self._stages, self._delayed_s = [], math.inf

    def start_programme(self, *, at_s: float) -> None:
        """A person presses start; without supply nothing happens."""
        self._advance(at_s)
        if self.fed and not self._stages:
            self._begin(self._seen_s)

    def _begin(self, at_s: float) -> None:
        self._mark(at_s)
        self._delayed_s = math.inf
        self._stages = programme(self._options, self._rng.uniform(-1.0, 1.0))

    def _now_w(self) -> float:
        if not self.fed:
            return 0.0
        return self._stages[0].power_w if self._stages else self._options.standby_w

    def _advance(self, at_s: float) -> None:
        while (change_s := self.next_change_s) <= at_s:
            if self._stages:
                self._mark(change_s)
                del self._stages[0]
            else:
                self._begin(change_s)
        self._seen_s = max(self._seen_s, at_s)

    def _mark(self, at_s: float) -> None:
        self._energy_wh += self._now_w() * (at_s - self._event_s) / 3600
        self._event_s = self._seen_s = at_s
