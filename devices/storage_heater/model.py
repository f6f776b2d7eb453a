"""Storage heaters: bricks that charge when a switch outside the home lets them.

All heaters of a home are one store with one thermostat. It ticks every ten seconds on
a grid of its own, so that what a meter sees does not depend on how often anybody
asks. The figures are those of two common 3.4 kW heaters that fill in seven hours;
they come from no document.
"""

from __future__ import annotations

import math
import re
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from harness.core.bench import Options

TICK_S = 10.0
DAY_S, HOUR_S = 86_400.0, 3600.0
REFILL = 0.97
"""The charge thermostat closes again at this share of a full core."""
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def _checked(schedule: tuple[str, ...]) -> tuple[str, ...]:
    for window in schedule:
        if _WINDOW.fullmatch(window) is None:
            raise ValueError(f"{window!r} is not like '00:30-07:30'")
    return schedule


class StorageHeaterOptions(Options):
    """The heaters, and when the teleswitch lets them charge."""

    rated_w: float = Field(6800.0, gt=0)
    """Electrical power of all heaters together while they charge. [W]"""
    core_kwh: float = Field(44.0, gt=0)
    """Heat in full cores. [kWh]"""
    schedule: Annotated[tuple[str, ...], AfterValidator(_checked)] = ("00:30-07:30",)
    """When the switch is closed, in UTC, all year: meters do not know summer time."""
    spread_s: float = Field(360.0, ge=0, le=3600)
    """Switching is spread by up to this, anew each day by the seed. [s]"""
    start_share: float = Field(0.45, ge=0, le=1)
    """How full the cores are when the trial begins."""
    input_share: float = Field(0.9, gt=0, le=1)
    """How full the occupant's input control lets them become."""
    leak_share_per_hour: float = Field(0.025, ge=0, lt=1)
    """What the cores give through their casings, damper closed."""
    damper_share_per_hour: float = Field(0.05, ge=0, lt=1)
    """What they give besides with the damper open."""
    damper_hours: tuple[float, float] = (7.0, 22.0)
    """When the room thermostat keeps the damper open, UTC."""


class StorageHeater:
    """The load.

    Parameters
    ----------
    options : StorageHeaterOptions
        The heaters and the schedule.
    started_at_s, midnight_s : float
        Bench times of the model's beginning and of a midnight (UTC). [s]
    rng : numpy.random.Generator
        For the spread of the switching.
    """

    def __init__(
        self,
        options: StorageHeaterOptions,
        *,
        started_at_s: float,
        midnight_s: float,
        rng: np.random.Generator,
    ) -> None:
        self._options, self._midnight_s = options, midnight_s
        self._origin_s, self._tick = started_at_s, 0
        self._seed = int(rng.integers(1 << 31))
        self._full_wh = options.core_kwh * 1000.0
        self._core_wh = options.start_share * self._full_wh
        self._windows = [_seconds(window) for window in options.schedule]
        self._late: dict[int, float] = {}
        self._is_stuck = self._is_tripped = False
        self._is_let = self._is_charging = False
        self.damper: bool | None = None
        """What an occupant did to the damper; None leaves it to the thermostat."""
        self.heat_w = 0.0
        self._decide()

    @property
    def share(self) -> float:
        """How full the cores are."""
        return self._core_wh / self._full_wh

    def power_w(self, at_s: float) -> float:
        """Advance to a bench time and return true electrical power. [W]"""
        self.advance(at_s)
        return self._options.rated_w if self._is_charging else 0.0

    def advance(self, at_s: float) -> None:
        """Step to the last tick that is not after a bench time."""
        while self._origin_s + (self._tick + 1) * TICK_S <= at_s:
            self._one_tick()

    def turn_damper(self, open_: bool, *, at_s: float) -> None:
        """Open or close the damper by hand."""
        self.advance(at_s)
        self.damper = open_

    def trip(self, is_tripped: bool, *, at_s: float) -> None:
        """Cut the heaters off, or put them back."""
        self.advance(at_s)
        self._is_tripped = is_tripped
        self._is_charging = self._is_charging and not is_tripped

    def lose_signal(self, is_lost: bool, *, at_s: float) -> None:
        """Let the switch stay as it is, or hear its signal again."""
        self.advance(at_s)
        self._is_stuck = is_lost

    def _one_tick(self) -> None:
        options = self._options
        given = options.leak_share_per_hour
        if self._is_damper_open():
            given += options.damper_share_per_hour
        kept = math.exp(-given * TICK_S / HOUR_S)
        before_wh = self._core_wh
        self._core_wh = before_wh * kept
        self.heat_w = (before_wh - self._core_wh) * HOUR_S / TICK_S
        if self._is_charging:
            self._core_wh += options.rated_w * TICK_S / HOUR_S
        self._tick += 1
        self._decide()

    def _decide(self) -> None:
        """Choose whether the heaters charge during the next tick."""
        if not self._is_stuck:
            self._is_let = self._is_scheduled(self._origin_s + self._tick * TICK_S)
        top_wh = self._options.input_share * self._full_wh
        limit_wh = top_wh if self._is_charging else REFILL * top_wh
        wants = self._core_wh < limit_wh
        self._is_charging = self._is_let and wants and not self._is_tripped

    def _is_scheduled(self, now_s: float) -> bool:
        since_s = now_s - self._midnight_s
        for day in (since_s // DAY_S, since_s // DAY_S - 1):
            into_s = since_s - day * DAY_S - self._late_s(int(day))
            if any(start_s <= into_s < end_s for start_s, end_s in self._windows):
                return True
        return False

    def _late_s(self, day: int) -> float:
        """How late the switch is on a day. [s]"""
        if day not in self._late:
            rng = np.random.default_rng([self._seed, day + 1_000_000])
            self._late[day] = float(rng.uniform(0.0, self._options.spread_s))
        return self._late[day]

    def _is_damper_open(self) -> bool:
        if self.damper is not None:
            return self.damper
        since_s = self._origin_s + self._tick * TICK_S - self._midnight_s
        first_h, last_h = self._options.damper_hours
        return first_h <= since_s % DAY_S / HOUR_S < last_h


def _seconds(window: str) -> tuple[float, float]:
    """A window in seconds of the day; one over midnight ends on the next."""
    match = _WINDOW.fullmatch(window)
    assert match is not None  # noqa: S101 - checked by the options
    hours = [int(each) for each in match.groups()]
    start_s, end_s = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    return start_s * 60.0, (end_s if end_s > start_s else end_s + 1440) * 60.0
