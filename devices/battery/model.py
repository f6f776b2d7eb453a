"""A battery behind an inverter: power, energy, and the limits that each has.

The controller ticks four times a second on a grid of its own, so that what a meter
sees does not depend on how often anybody asks. Between ticks power moves in a straight
line. A setpoint holds at the AC terminals: what is lost on the way is taken from, or
does not reach, the cells. Every figure is chosen to be plausible; none comes from a
document.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from harness.core.bench import Options

TICK_S = 0.25
"""A power of two, so that a day of ticks does not drift. [s]"""
RIPPLE_TICKS = 4096
TAPER_FLOOR = 0.05
"""Share of its charging power that a battery still takes just below full."""
EMPTY_TAPER_PERCENT = 3.0
"""Above the lowest state of charge, where discharging begins to taper. [%]"""


class BatteryOptions(Options):
    """The cells, the inverter, and how they are controlled."""

    capacity_wh: float = Field(10_000.0, gt=0, le=500_000)
    """What the cells hold between 0 and 100 %. [Wh]"""
    start_soc_percent: float = Field(50.0, ge=0, le=100)
    min_soc_percent: float = Field(5.0, ge=0, lt=100)
    """Never discharged below this. [%]"""
    reserve_soc_percent: float = Field(5.0, ge=0, lt=100)
    """Kept for the owner until somebody writes another reserve. [%]"""
    taper_from_percent: float = Field(90.0, gt=0, lt=100)
    """Above this the charging power falls in a straight line. [%]"""
    max_charge_w: float = Field(5000.0, gt=0, le=30_000)
    max_discharge_w: float = Field(5000.0, gt=0, le=30_000)
    max_apparent_va: float = Field(5000.0, gt=0, le=30_000)
    max_reactive_var: float = Field(3000.0, ge=0, le=30_000)
    charge_efficiency: float = Field(0.96, gt=0, le=1)
    """From the AC terminals into the cells."""
    discharge_efficiency: float = Field(0.96, gt=0, le=1)
    """From the cells to the AC terminals."""
    standby_w: float = Field(12.0, ge=0, le=1000)
    """Drawn from the mains at rest, from the cells otherwise. [W]"""
    ramp_percent_per_s: int = Field(20, ge=1, le=1000)
    """Of the larger power rating; both ways, and for reactive power as well. [%/s]"""
    response_delay_s: float = Field(0.4, ge=0, le=3600)
    """From a write on the wire until the controller acts on it, ± 20 %. [s]"""
    ripple_w: float = Field(2.0, ge=0, le=1000)
    """Unrest of the inverter, one standard deviation. [W]"""
    own_control: Literal["idle", "self_consumption"] = "idle"
    """What it does with no setpoint: nothing, or keep the home's import at 0."""

    @model_validator(mode="after")
    def _ratings_in_order(self) -> Self:
        rated_w = max(self.max_charge_w, self.max_discharge_w)
        if rated_w > self.max_apparent_va or self.max_reactive_var > rated_w:
            raise ValueError(
                "max_reactive_var <= the larger power <= max_apparent_va, not "
                f"{self.max_reactive_var:g}, {rated_w:g}, {self.max_apparent_va:g}"
            )
        if self.start_soc_percent < self.min_soc_percent:
            raise ValueError("start_soc_percent is below min_soc_percent")
        return self


@dataclass(frozen=True, slots=True)
class Controls:
    """What the registers ask for."""

    power_w: float | None = None
    """At the AC terminals, charging positive; None for its own control. [W]"""
    reactive_var: float = 0.0
    """Drawn as an inductor does is positive. [var]"""
    reactive_first: bool = False
    """Where the inverter cannot give both, reactive power has priority."""
    ramp_percent_per_s: float = 20.0
    reserve_soc_percent: float = 0.0


class Battery:
    """The load that a circuit sees, stepped lazily on a fixed grid.

    Parameters
    ----------
    options : BatteryOptions
        Cells and inverter.
    started_at_s : float
        Bench time at which the model begins, at rest. [s]
    rng : numpy.random.Generator
        For the ripple and the spread of the response delay.
    """

    def __init__(
        self,
        options: BatteryOptions,
        *,
        started_at_s: float,
        rng: np.random.Generator,
    ) -> None:
        self._options, self._rng = options, rng
        self._rated_w = max(options.max_charge_w, options.max_discharge_w)
        ripple = options.ripple_w * rng.standard_normal(RIPPLE_TICKS)
        self._ripple_w: list[float] = ripple.tolist()
        self._origin_s, self._tick = started_at_s, 0
        self._stored_wh = options.capacity_wh * options.start_soc_percent / 100
        self._coming: deque[tuple[float, Controls]] = deque()
        self._controls = self._asked = Controls(
            ramp_percent_per_s=options.ramp_percent_per_s,
            reserve_soc_percent=options.reserve_soc_percent,
        )
        self._own_w = 0.0
        self._formed_w: float | None = None
        self._now_w = self._goal_w = 0.0
        self._now_var = self._goal_var = 0.0
        self._pace = 1.0
        self.tripped = False
        self.plugged = True
        """Whether there is a battery at all: a vehicle may be away."""
        self.energy_import_wh = self.energy_export_wh = 0.0
        """At the AC terminals. [Wh]"""

    @property
    def soc_percent(self) -> float:
        """State of charge at the last tick. [%]"""
        return 100 * self._stored_wh / self._options.capacity_wh

    @property
    def stored_wh(self) -> float:
        """Energy in the cells at the last tick. [Wh]"""
        return self._stored_wh

    @property
    def is_held_back(self) -> bool:
        """Whether a limit of its own keeps it from the power that was asked for."""
        wanted_w = self._controls.power_w
        return wanted_w is not None and abs(wanted_w - self._goal_w) > 1.0

    def power_w(self, at_s: float) -> float:
        """Advance to a bench time and return true active power. [W]"""
        self.advance(at_s)
        if self.tripped:
            return 0.0
        power_w = _moved(self._now_w, self._goal_w, self._ramp_w(self._into_s(at_s)))
        if power_w == 0.0:
            return self._options.standby_w
        return power_w + self._ripple_w[self._tick % RIPPLE_TICKS]

    def reactive_var(self, at_s: float) -> float:
        """Advance to a bench time and return reactive power, inductive positive."""
        self.advance(at_s)
        reach_var = self._ramp_w(self._into_s(at_s))
        return _moved(self._now_var, self._goal_var, reach_var)

    def instruct(self, controls: Controls, *, at_s: float) -> None:
        """Take what the registers ask for; it acts after the response delay."""
        self.advance(at_s)
        if controls == self._asked:
            return
        delay_s = self._options.response_delay_s * float(self._rng.uniform(0.8, 1.2))
        earliest_s = self._coming[-1][0] if self._coming else -math.inf
        self._coming.append((max(at_s + delay_s, earliest_s), controls))
        self._asked = controls

    def follow(self, own_w: float, *, at_s: float) -> None:
        """Head for a power of its own choice while nobody asks for another. [W]"""
        self.advance(at_s)
        self._own_w = own_w

    def form(self, power_w: float | None, at_s: float) -> bool:
        """Hold an island up with this power at once, whatever is asked of it.

        `harness.core.circuit.FormsGrid`. It can while it has the charge and the rating;
        a source that forms a grid follows in milliseconds, so there is no ramp.
        """
        self.advance(at_s)
        low_w, high_w = self._limits_w()
        able = not self.tripped and self.plugged
        if power_w is None or not able or not low_w <= power_w <= high_w:
            self._formed_w = None
            return power_w is None
        self._formed_w = self._now_w = self._goal_w = power_w
        return True

    def trip(self, tripped: bool, *, at_s: float) -> None:
        """Open its contactor, or close it and begin from rest."""
        self.advance(at_s)
        self.tripped = tripped
        self._rest()

    def plug(self, plugged: bool, *, at_s: float, used_wh: float = 0.0) -> None:
        """Take the battery away, or bring it back with so much less in it."""
        self.advance(at_s)
        if plugged and not self.plugged:
            least_wh = self._percent_wh(self._options.min_soc_percent)
            self._stored_wh = max(
                self._stored_wh - used_wh, min(least_wh, self._stored_wh)
            )
        self.plugged = plugged
        self._rest()

    def pace(self, factor: float, *, at_s: float) -> None:
        """Ramp so many times as fast as its setting says."""
        self.advance(at_s)
        self._pace = factor

    def advance(self, at_s: float) -> None:
        """Move to a bench time; an earlier one changes nothing."""
        while self._origin_s + (self._tick + 1) * TICK_S <= at_s:
            self._one_tick()

    def _rest(self) -> None:
        self._now_w = self._goal_w = self._now_var = self._goal_var = 0.0

    def _into_s(self, at_s: float) -> float:
        return max(at_s - (self._origin_s + self._tick * TICK_S), 0.0)

    def _ramp_w(self, into_s: float) -> float:
        percent = self._controls.ramp_percent_per_s * self._pace
        return self._rated_w * percent / 100 * into_s

    def _one_tick(self) -> None:
        reach = self._ramp_w(TICK_S)
        after_w = _moved(self._now_w, self._goal_w, reach)
        if not self.tripped:
            self._count((self._now_w + after_w) / 2)
        self._now_w = after_w
        self._now_var = _moved(self._now_var, self._goal_var, reach)
        self._tick += 1
        self._decide()

    def _count(self, mean_w: float) -> None:
        """Move a tick's energy between the mains, the cells and the losses."""
        options, hours = self._options, TICK_S / 3600
        if mean_w == 0.0:
            self.energy_import_wh += options.standby_w * hours
            return
        stored_w = -options.standby_w if self.plugged else 0.0
        if mean_w > 0:
            self.energy_import_wh += mean_w * hours
            stored_w += mean_w * options.charge_efficiency
        else:
            self.energy_export_wh -= mean_w * hours
            stored_w += mean_w / options.discharge_efficiency
        stored_wh = self._stored_wh + stored_w * hours
        self._stored_wh = min(max(stored_wh, 0.0), options.capacity_wh)

    def _decide(self) -> None:
        """Choose what the inverter heads for during the next tick."""
        now_s = self._origin_s + self._tick * TICK_S
        # A write of this very instant waits a tick: whether somebody has read the
        # meter already at this instant must not matter.
        while self._coming and self._coming[0][0] < now_s:
            self._controls = self._coming.popleft()[1]
        if self.tripped or not self.plugged:
            self._rest()
            return
        if self._formed_w is not None:
            self._goal_w, self._goal_var = self._formed_w, 0.0
            return
        wanted_w = self._controls.power_w
        low_w, high_w = self._limits_w()
        goal_w = min(max(self._own_w if wanted_w is None else wanted_w, low_w), high_w)
        self._goal_w, self._goal_var = self._in_circle(goal_w)

    def _limits_w(self) -> tuple[float, float]:
        """Most that it can give, negative, and most that it can take. [W]"""
        options, soc = self._options, self.soc_percent
        floor = max(options.min_soc_percent, self._controls.reserve_soc_percent)
        full = (100 - soc) / (100 - options.taper_from_percent)
        takes = 0.0 if soc >= 100 else min(max(full, TAPER_FLOOR), 1.0)
        gives = min(max((soc - floor) / EMPTY_TAPER_PERCENT, 0.0), 1.0)
        return -options.max_discharge_w * gives, options.max_charge_w * takes

    def _in_circle(self, power_w: float) -> tuple[float, float]:
        """Fit active and reactive power into the rated apparent power."""
        controls, most_var = self._controls, self._options.max_reactive_var
        if not controls.reactive_var:
            return power_w, 0.0
        wanted_var = min(max(controls.reactive_var, -most_var), most_var)
        rated_va = self._options.max_apparent_va
        if controls.reactive_first:
            room_w = math.sqrt(max(rated_va**2 - wanted_var**2, 0.0))
            return min(max(power_w, -room_w), room_w), wanted_var
        room_var = math.sqrt(max(rated_va**2 - power_w**2, 0.0))
        return power_w, min(max(wanted_var, -room_var), room_var)

    def _percent_wh(self, percent: float) -> float:
        return self._options.capacity_wh * percent / 100


def _moved(now: float, goal: float, reach: float) -> float:
    if now == goal:
        return now
    return now + min(max(goal - now, -reach), reach)
