"""The electric vehicle behind a charging station, and the battery in it.

The station tells the vehicle how many amperes it may draw (IEC 61851-1, control
pilot); the vehicle follows after its reaction time, at its own pace, and never
below 6 A on offer. Near full, the battery takes less and less.

The model moves on its own grid of whole seconds and gives the same values however
often it is asked.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

FLOOR_A = 6.0
"""The control pilot cannot say less (IEC 61851-1, table A.8; read in EVerest's
``ampere_to_duty_cycle``, whose 10 % duty is 6 A)."""
REACTION_LIMIT_S = 5.0
"""A vehicle follows a changed duty within this time (IEC 61851-1, table A.6;
unverified, a sold document)."""
TAPERED_SHARE = 0.1
"""Share of the onboard limit that a nearly full battery still takes (assumed)."""
STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What kind of vehicle it is."""

    battery_kwh: float = 75.0
    soc_percent: float = 20.0
    """State of charge at the start."""
    onboard_limit_a: float = 32.0
    """What its charger takes at most, per phase. [A]"""
    phases: int = 1
    """Phases that it can charge on."""
    efficiency: float = 0.9
    """Share of the energy from the wall that reaches the battery."""
    taper_soc_percent: float = 90.0
    """From here to full, the current it takes falls in a straight line."""
    ramp_a_per_s: float = 10.0
    """How fast it changes its current, either way. [A/s]"""
    wake_up_s: float = 5.0
    """Extra time to start from a pause; some cars need minutes. [s]"""
    draws_at_most_a: float = math.inf
    """A fault: whatever is offered, it draws no more than this. [A]"""


@dataclass(frozen=True, slots=True)
class Tally:
    """What has added up until a bench time: averages are differences of two."""

    at_s: float
    energy_wh: float
    charge_as: float
    """Amperes times seconds, in one phase that is in use. [A s]"""
    offered_as: float
    """Amperes on offer times seconds. [A s]"""
    soc_percent: float


class ElectricVehicle:
    """A `harness.core.circuit.Load`: what the charging station draws for its vehicle.

    Parameters
    ----------
    vehicle : Vehicle
        What it is.
    voltage_v : callable
        Phase voltage at a bench time. [V]
    at_s : float
        Bench time now; it is plugged in and nothing is offered yet. [s]
    """

    def __init__(
        self, vehicle: Vehicle, *, voltage_v: Callable[[float], float], at_s: float
    ) -> None:
        self.vehicle = vehicle
        self._freely_a = min(vehicle.onboard_limit_a, vehicle.draws_at_most_a)
        self._voltage_v = voltage_v
        self._at_s = at_s
        self._current_a = 0.0
        self._wanted_a = 0.0
        self._soc_percent = vehicle.soc_percent
        self._drawn_wh = self._charge_as = 0.0
        self._offered_as, self._offered_since_s = 0.0, at_s
        self._pace = 1.0
        self.phases = vehicle.phases
        """Phases that it charges on now; see `use_phases`."""
        self._turns: deque[tuple[float, float]] = deque()
        self.offered_a = 0.0
        """Amperes per phase on the control pilot now; 0 is "do not draw". [A]"""

    def offer(self, offered_a: float, *, at_s: float, reaction_s: float) -> float:
        """Change what the station offers; return when the vehicle will follow. [s]

        Less than 6 A cannot be offered and is a pause.
        """
        self._advance(at_s)
        was_paused = self.offered_a < FLOOR_A
        self._now_offers(offered_a if offered_a >= FLOOR_A else 0.0, at_s)
        if was_paused and self.offered_a:
            reaction_s += self.vehicle.wake_up_s
        follows_s = at_s + reaction_s
        # Only the last offer counts once the vehicle gets round to looking.
        while self._turns and self._turns[-1][0] >= follows_s:
            self._turns.pop()
        self._turns.append((follows_s, self.offered_a))
        return follows_s

    def disconnect(self, *, at_s: float) -> None:
        """Pull the cable: the current is gone at once."""
        self._stop_at(at_s)
        self._turns.clear()
        self._now_offers(0.0, at_s)
        self._wanted_a = self._current_a = 0.0

    def use_phases(self, phases: int, *, at_s: float) -> None:
        """Charge on so many phases from now on; nothing may be drawn meanwhile."""
        self.disconnect(at_s=at_s)
        self.phases = phases

    def change_pace(self, factor: float, *, at_s: float) -> None:
        """Change current that much faster than it would when well (a fault)."""
        self._stop_at(at_s)
        self._pace = factor

    def _now_offers(self, offered_a: float, at_s: float) -> None:
        self._offered_as += self.offered_a * (at_s - self._offered_since_s)
        self._offered_since_s, self.offered_a = at_s, offered_a

    def _stop_at(self, at_s: float) -> None:
        """Bring the model to this very moment, between two points of its grid."""
        self._advance(at_s)
        if at_s > self._at_s:
            self._move(at_s)

    def power_w(self, at_s: float) -> float:
        """Return true active power at the wall. [W]"""
        return self.current_a(at_s) * self.phases * self._voltage_v(at_s)

    def current_a(self, at_s: float) -> float:
        """Return the current in each phase. [A]"""
        self._advance(at_s)
        return self._current_after(at_s - self._at_s)

    def drawn_wh(self, at_s: float) -> float:
        """Return the energy drawn from the wall since the start. [Wh]"""
        self._advance(at_s)
        return self._drawn_wh + self._piece_wh(at_s)

    def soc_percent(self, at_s: float) -> float:
        """Return the state of charge."""
        self._advance(at_s)
        gain_wh = self._piece_wh(at_s) * self.vehicle.efficiency
        return min(100.0, self._soc_percent + gain_wh / self.vehicle.battery_kwh / 10)

    def tally(self, at_s: float) -> Tally:
        """Return what has added up since the model began."""
        energy_wh = self.drawn_wh(at_s)
        return Tally(
            at_s,
            energy_wh,
            self._charge_as + self._piece_as(at_s),
            self._offered_as + self.offered_a * (at_s - self._offered_since_s),
            self._soc_percent,
        )

    def is_drawing(self, at_s: float) -> bool:
        """Whether it takes what is offered, be it still on its way up."""
        self._advance(at_s)
        return min(self._wanted_a, self._taken_a()) > 0.0

    def _taken_a(self) -> float:
        """Return what the battery and the charger take now, if offered enough."""
        car = self.vehicle
        if self._soc_percent >= 100.0:
            return 0.0
        if self._soc_percent <= car.taper_soc_percent:
            return self._freely_a
        left = 100.0 - self._soc_percent
        share = max(TAPERED_SHARE, left / (100.0 - car.taper_soc_percent))
        return min(car.onboard_limit_a * share, car.draws_at_most_a)

    def _current_after(self, elapsed_s: float) -> float:
        goal_a = min(self._wanted_a, self._taken_a())
        if goal_a == self._current_a:
            return goal_a
        step_a = self._ramp_a_per_s * elapsed_s
        if goal_a > self._current_a:
            return min(goal_a, self._current_a + step_a)
        return max(goal_a, self._current_a - step_a)

    @property
    def _ramp_a_per_s(self) -> float:
        return self.vehicle.ramp_a_per_s * self._pace

    def _piece_as(self, to_s: float) -> float:
        """Return amperes times seconds since the last grid point. [A s]"""
        elapsed_s = to_s - self._at_s
        if elapsed_s <= 0:
            return 0.0
        end_a = self._current_after(elapsed_s)
        if end_a == self._current_a:
            return end_a * elapsed_s
        ramp_s = abs(end_a - self._current_a) / self._ramp_a_per_s
        return end_a * elapsed_s - (end_a - self._current_a) * ramp_s / 2

    def _piece_wh(self, to_s: float) -> float:
        """Return the energy from the last grid point to a time before the next. [Wh]"""
        return self._energy_wh(self._piece_as(to_s), to_s)

    def _energy_wh(self, charge_as: float, to_s: float) -> float:
        """Return what a charge since the last grid point amounts to. [Wh]"""
        if not charge_as:
            return 0.0
        voltage_v = self._voltage_v((self._at_s + to_s) / 2)
        return charge_as * voltage_v * self.phases / 3600

    def _advance(self, to_s: float) -> None:
        """Move to the last grid point or change of mind at or before a time."""
        if to_s < self._at_s:
            raise ValueError(f"asked for {to_s} s after {self._at_s} s: time runs back")
        if not self._turns and self._current_a == 0.0 == self._wanted_a:
            self._at_s = max(self._at_s, math.floor(to_s / STEP_S) * STEP_S)
        while True:
            next_s = math.floor(self._at_s / STEP_S + 1) * STEP_S
            if self._turns and self._turns[0][0] <= next_s:
                next_s = self._turns[0][0]
            if next_s > to_s:
                return
            self._move(next_s)
            while self._turns and self._turns[0][0] <= next_s:
                self._wanted_a = self._turns.popleft()[1]

    def _move(self, to_s: float) -> None:
        charge_as = self._piece_as(to_s)
        drawn_wh = self._energy_wh(charge_as, to_s)
        self._charge_as += charge_as
        self._current_a = self._current_after(to_s - self._at_s)
        self._drawn_wh += drawn_wh
        gain_percent = (
            drawn_wh * self.vehicle.efficiency / self.vehicle.battery_kwh / 10
        )
        self._soc_percent = min(100.0, self._soc_percent + gain_percent)
        self._at_s = to_s
