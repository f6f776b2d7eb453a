"""What a home draws besides the devices on the rig, through the day and the year.

Two parts: a half-hour profile that says how much on average (`profile_class_1`), and,
if wanted, appliances that switch on and off so that a 1 Hz meter sees steps. What the
appliances take on average is taken off the profile, so that the mean stays the
profile's. Times and powers of the appliances are chosen; they come from no document.

A day's load depends on the seed and on the date alone, whoever asks, how often, and
wherever the trial begins.
"""

from __future__ import annotations

import math
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.core.calendar import LONDON, PERIOD_S, local_midnight, periods_in
from harness.core.profile_class_1 import HALF_HOURS, half_hours_w

Powers = NDArray[np.float64]

DAYS_KEPT = 3
STEADY_SHARE = 0.3
"""At least this share of every half-hour is drawn steadily."""
TYPICAL_KWH = 10.0
"""Appliances are used as often as their table says in a home of this demand, and more
often or less in proportion in another. [kWh a day]"""


@dataclass(frozen=True, slots=True)
class Appliance:
    """Something that is switched on now and then."""

    name: str
    power_w: tuple[float, float]
    """From the least to the most, drawn anew each time. [W]"""
    lasts_s: tuple[float, float]
    """Likewise. [s]"""
    a_day: float
    """How often, in a home of `TYPICAL_KWH`."""
    hours: tuple[tuple[float, float], ...]
    """When it is used: spans of the local clock. [h]"""

    @property
    def mean_w(self) -> float:
        """Mean power while it is on. [W]"""
        return sum(self.power_w) / 2


APPLIANCES: Final = (
    Appliance("kettle", (2200, 2900), (90, 210), 4.0, ((6.5, 9), (10, 22.5))),
    Appliance("shower", (7500, 8500), (240, 420), 0.3, ((6, 8.5), (19, 22))),
    Appliance("cooker", (1500, 2200), (900, 2100), 0.7, ((12, 13.5), (16.5, 20))),
    Appliance("microwave", (1100, 1300), (120, 360), 1.2, ((7, 9), (12, 14), (17, 21))),
    Appliance("lighting", (30, 90), (1200, 6600), 9.0, ((6, 8.5), (15.5, 23.5))),
)


@dataclass(frozen=True, slots=True)
class Fridge:
    """A fridge that runs for `on_s` in each `cycle_s`."""

    power_w: float = 90.0
    on_s: float = 1170.0
    cycle_s: float = 2930.0

    @property
    def mean_w(self) -> float:
        """Power over a whole cycle. [W]"""
        return self.power_w * self.on_s / self.cycle_s


@dataclass(frozen=True, slots=True)
class _Day:
    """One local day: power after each of its steps."""

    from_s: float
    """Bench time of local midnight. [s]"""
    until_s: float
    steps_s: Sequence[float]
    """Seconds of real time since local midnight, rising; the first is 0. [s]"""
    levels_w: Sequence[float]

    def power_w(self, at_s: float) -> float:
        return self.levels_w[bisect_right(self.steps_s, at_s - self.from_s) - 1]


class BaseLoad:
    """A `harness.core.circuit.Load` that follows the profile of a British home.

    Parameters
    ----------
    starts_at : datetime
        Civil time of bench second 0, with its time zone.
    seed : int
        Fixes when which appliance is used.
    kwh_per_day : float, optional
        Mean demand over a year; the published average home's if not given.
    appliances : bool
        Whether appliances switch; without them power is even over each half-hour.
    stream : str
        Tells loads of one seed apart: each has a luck of its own.
    """

    def __init__(
        self,
        starts_at: datetime,
        *,
        seed: int,
        kwh_per_day: float | None = None,
        appliances: bool = True,
        stream: str = "base_load",
    ) -> None:
        if starts_at.tzinfo is None:
            raise ValueError(f"starts_at {starts_at} has no time zone")
        self._zero = starts_at.astimezone(UTC)
        self._scale = 1.0
        if kwh_per_day is not None:
            self._scale = kwh_per_day / published_kwh_per_day(self._zero.year)
        self._entropy = (seed, zlib.crc32(stream.encode()))
        self._appliances = appliances
        self._days: dict[date, _Day] = {}
        self._today = _Day(0.0, 0.0, (0.0,), (0.0,))

    def power_w(self, at_s: float) -> float:
        """Return true active power at a bench time. [W]"""
        day = self._today
        if not day.from_s <= at_s < day.until_s:
            day = self._today = self._day_at(at_s)
        return day.power_w(at_s)

    def expected_w(self, day: date) -> tuple[float, ...]:
        """Return the mean that the profile asks of each half-hour by the clock. [W]"""
        return tuple(self._scale * power_w for power_w in half_hours_w(day))

    def _day_at(self, at_s: float) -> _Day:
        instant = self._zero + timedelta(seconds=at_s)
        day = instant.astimezone(LONDON).date()
        if day not in self._days:
            while len(self._days) >= DAYS_KEPT:
                del self._days[next(iter(self._days))]
            self._days[day] = self._make(day)
        return self._days[day]

    def _make(self, day: date) -> _Day:
        from_s, until_s = (
            (local_midnight(each) - self._zero).total_seconds()
            for each in (day, day + timedelta(days=1))
        )
        # A float of seconds may round an instant to either side of midnight.
        lasts_s = until_s - from_s
        changes = [(0.0, 0.0)]
        if self._appliances:
            changes += self._switchings(day, lasts_s)
        changes += _as_changes(self._steady_w(day))
        steps_s, levels_w = _summed(changes)
        return _Day(from_s, until_s, steps_s, levels_w)

    def _steady_w(self, day: date) -> Powers:
        """Return what is drawn evenly in each half-hour of real time. [W]"""
        wanted_w = np.array(self.expected_w(day))[list(_clock_half_hours(day))]
        if not self._appliances:
            return wanted_w
        taken_w = self._fridge().mean_w + self._taken_w(day)
        return np.maximum(wanted_w - taken_w, 0.0)

    def _taken_w(self, day: date) -> Powers:
        """Return what the appliances take on average in each half-hour. [W]"""
        taken_w = np.zeros(periods_in(day))
        for back in (1, 0):
            # What was switched on late yesterday is still on after midnight.
            earlier = day - timedelta(days=back)
            whole = _mean_w(*self._habits(earlier))
            part = whole[periods_in(earlier) :] if back else whole
            count = min(len(part), len(taken_w))
            taken_w[:count] += part[:count]
        return taken_w

    def _uses(self, day: date) -> list[Powers]:
        """Return how often each appliance begins in each half-hour, on average."""
        return _uses(*self._habits(day))

    def _habits(self, day: date) -> _Habits:
        """Return all that a day's use of appliances depends on, luck aside."""
        return _clock_half_hours(day), self.expected_w(day), self._fridge()

    def _fridge(self) -> Fridge:
        """Return a fridge that the quietest half-hour of the year has room for."""
        usual = Fridge()
        room_w = (1.0 - STEADY_SHARE) * self._scale * _least_w()
        return usual if usual.mean_w <= room_w else Fridge(power_w=0.0)

    def _switchings(self, day: date, lasts_s: float) -> list[tuple[float, float]]:
        """Return every step of the appliances on a day: when, and by how much."""
        changes = self._fridge_switchings(day, lasts_s)
        yesterday = day - timedelta(days=1)
        shift_s = periods_in(yesterday) * PERIOD_S
        spans = [
            (on - shift_s, off - shift_s, w) for on, off, w in self._used(yesterday)
        ]
        for on_s, off_s, power_w in spans + self._used(day):
            if off_s > 0.0 and on_s < lasts_s:
                changes += [(max(on_s, 0.0), power_w), (off_s, -power_w)]
        return changes

    def _used(self, day: date) -> list[tuple[float, float, float]]:
        """Return when on a day appliances are on, and what they draw. [s, s, W]"""
        rng = np.random.default_rng([*self._entropy, day.toordinal()])
        spans = []
        for appliance, uses in zip(APPLIANCES, self._uses(day), strict=True):
            counts = rng.poisson(uses)
            starts_s = np.repeat(np.arange(len(uses)), counts) * PERIOD_S
            for start_s in starts_s:
                on_s = float(start_s) + rng.uniform(0.0, PERIOD_S)
                off_s = on_s + rng.uniform(*appliance.lasts_s)
                spans.append((on_s, off_s, rng.uniform(*appliance.power_w)))
        return spans

    def _fridge_switchings(
        self, day: date, lasts_s: float
    ) -> list[tuple[float, float]]:
        fridge = self._fridge()
        seed = np.random.default_rng(self._entropy)
        # Its cycle runs on over midnight: counted from one instant, for ever.
        phase_s = seed.uniform(0.0, fridge.cycle_s)
        into_s = (local_midnight(day).timestamp() + phase_s) % fridge.cycle_s
        changes = []
        on_s = -into_s
        while on_s < lasts_s:
            off_s = on_s + fridge.on_s
            if off_s > 0.0:
                changes.append((max(on_s, 0.0), fridge.power_w))
                changes.append((off_s, -fridge.power_w))
            on_s += fridge.cycle_s
        return changes


def published_kwh_per_day(year: int) -> float:
    """Return the published average home's mean daily demand over a year. [kWh]"""
    first = date(year, 1, 1)
    days = (date(year + 1, 1, 1) - first).days
    total_w = sum(
        sum(half_hours_w(first + timedelta(days=number))) for number in range(days)
    )
    return total_w / days * PERIOD_S / 3.6e6


@lru_cache(maxsize=1)
def _least_w() -> float:
    """Return the published home's quietest half-hour of a year. [W]"""
    return min(
        min(half_hours_w(date(2025, 1, 1) + timedelta(days=number)))
        for number in range(365)
    )


@lru_cache(maxsize=32)
def _clock_half_hours(day: date) -> tuple[int, ...]:
    """Return which half-hour of the clock each half-hour of real time shows."""
    began = local_midnight(day)
    shown = (
        (began + timedelta(seconds=number * PERIOD_S)).astimezone(LONDON)
        for number in range(periods_in(day))
    )
    return tuple(local.hour * 2 + local.minute // 30 for local in shown)


_Habits = tuple[tuple[int, ...], tuple[float, ...], Fridge]


@lru_cache(maxsize=32)
def _mean_w(
    clock: tuple[int, ...], expected_w: tuple[float, ...], fridge: Fridge
) -> Powers:
    """Return the mean power of what is switched on in a day, and how it runs on. [W]"""
    return _spread_out(_uses(clock, expected_w, fridge))


def _spread_out(uses: list[Powers]) -> Powers:
    """Return the mean power that so many starts make in each half-hour. [W]"""
    mean_w = np.zeros(len(uses[0]) + HALF_HOURS)
    for appliance, starts in zip(APPLIANCES, uses, strict=True):
        spread_w = np.array(_spread_s(appliance)) * appliance.mean_w / PERIOD_S
        whole = np.convolve(starts, spread_w)
        mean_w[: len(whole)] += whole
    return mean_w


@lru_cache(maxsize=32)
def _uses(
    clock: tuple[int, ...], expected_w: tuple[float, ...], fridge: Fridge
) -> list[Powers]:
    """Return the mean number of starts per appliance and half-hour of real time.

    As often as the appliances' table says, but never so often that less than
    `STEADY_SHARE` of a half-hour is left to be drawn steadily.
    """
    kwh = sum(expected_w) * PERIOD_S / 3.6e6
    wishes = [_when(each)[list(clock)] * (kwh / TYPICAL_KWH) for each in APPLIANCES]
    taken_w = _spread_out(wishes)
    room_w = (1.0 - STEADY_SHARE) * np.array(expected_w)[list(clock)] - fridge.mean_w
    share = np.minimum(
        1.0, np.maximum(room_w, 0.0) / np.maximum(taken_w[: len(clock)], 1e-9)
    )
    reach = max(len(_spread_s(each)) for each in APPLIANCES)
    # A start must leave room in every half-hour that it reaches into.
    allowed = np.array([share[at : at + reach].min() for at in range(len(clock))])
    return [wish * allowed for wish in wishes]


@lru_cache(maxsize=len(APPLIANCES))
def _when(appliance: Appliance) -> Powers:
    """Return how many of a day's starts fall into each half-hour by the clock."""
    overlap = np.zeros(HALF_HOURS)
    for number in range(HALF_HOURS):
        begins_h = number / 2
        overlap[number] = sum(
            max(0.0, min(until_h, begins_h + 0.5) - max(from_h, begins_h))
            for from_h, until_h in appliance.hours
        )
    starts: Powers = appliance.a_day * overlap / overlap.sum()
    return starts


@lru_cache(maxsize=len(APPLIANCES))
def _spread_s(appliance: Appliance) -> tuple[float, ...]:
    """Return how long it is on, on average, in the half-hour of its start and after.

    The start is anywhere in its half-hour, and so is the duration in its range. [s]
    """
    low_s, high_s = appliance.lasts_s
    middles = (np.arange(200) + 0.5) / 200
    ends_s = (PERIOD_S * middles)[:, None] + (low_s + (high_s - low_s) * middles)[None]
    count = math.ceil((PERIOD_S + high_s) / PERIOD_S)
    begins_s = PERIOD_S * middles[:, None]
    return tuple(
        float(
            np.clip(
                np.minimum(ends_s, (each + 1) * PERIOD_S)
                - np.maximum(begins_s, each * PERIOD_S),
                0.0,
                None,
            ).mean()
        )
        for each in range(count)
    )


def _as_changes(levels_w: Powers) -> list[tuple[float, float]]:
    steps_w = np.diff(levels_w, prepend=0.0)
    return [(number * PERIOD_S, float(step)) for number, step in enumerate(steps_w)]


def _summed(changes: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return step times, rising and each once, and the power after each. [s, W]"""
    changes.sort()
    steps_s: list[float] = []
    levels_w: list[float] = []
    level_w = 0.0
    for at_s, by_w in changes:
        level_w += by_w
        if steps_s and steps_s[-1] == at_s:
            levels_w[-1] = level_w
        else:
            steps_s.append(at_s)
            levels_w.append(level_w)
    return steps_s, [max(level, 0.0) for level in levels_w]
