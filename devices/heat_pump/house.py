"""A house as two heat stores: the air with what stands in it, and the fabric.

    air     C_a dT_a/dt = heat + gains + H_af (T_f - T_a) + H_v (T_o - T_a)
    fabric  C_f dT_f/dt =                H_af (T_a - T_f) + H_o (T_o - T_f)

With heat and outdoor temperature constant over a step the solution is exact
(the matrix exponential of a 2 by 2 system in closed form), so one step of an
hour and 3,600 steps of a second end in the same place. The shape is the common
two-node reduction of a dwelling; the numbers are a detached house of the size
that a 7 kW heat pump serves, chosen, not taken from any document.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

J_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class House:
    """Heat stores and the ways between them."""

    air_kwh_per_k: float = 1.2
    """Heat capacity of air, furniture and radiators. [kWh/K]"""
    fabric_kwh_per_k: float = 8.0
    """Heat capacity of walls and floors. [kWh/K]"""
    air_to_fabric_w_per_k: float = 5000.0
    ventilation_w_per_k: float = 90.0
    fabric_to_outdoor_w_per_k: float = 240.0
    gains_w: float = 300.0
    """Heat from people and appliances, constant. [W]"""
    is_one_lump: bool = False
    """Whether air and fabric are taken as one store, always as warm as each other."""

    @property
    def heat_loss_w_per_k(self) -> float:
        """Steady loss for each kelvin between indoors and outdoors. [W/K]"""
        inner, outer = self.air_to_fabric_w_per_k, self.fabric_to_outdoor_w_per_k
        if self.is_one_lump:
            return self.ventilation_w_per_k + outer
        return self.ventilation_w_per_k + inner * outer / (inner + outer)

    def heat_to_hold_w(self, indoor_c: float, *, outdoor_c: float) -> float:
        """Heat that keeps an indoor temperature for ever. [W]"""
        return self.heat_loss_w_per_k * (indoor_c - outdoor_c) - self.gains_w

    def fabric_at_rest_c(self, indoor_c: float, *, outdoor_c: float) -> float:
        """Fabric temperature once an indoor temperature has lasted. [°C]"""
        if self.is_one_lump:
            return indoor_c
        inner, outer = self.air_to_fabric_w_per_k, self.fabric_to_outdoor_w_per_k
        return (inner * indoor_c + outer * outdoor_c) / (inner + outer)


class Step:
    """The exact solution over one fixed step.

    Parameters
    ----------
    house : House
        The house.
    step_s : float
        Length of the step, positive. [s]
    """

    __slots__ = ("_aa", "_af", "_air_gain", "_fa", "_fabric_gain", "_ff", "_gains_w")

    def __init__(self, house: House, step_s: float) -> None:
        air, fabric = (
            house.air_kwh_per_k * J_PER_KWH,
            house.fabric_kwh_per_k * J_PER_KWH,
        )
        inner = house.air_to_fabric_w_per_k
        a = -(inner + house.ventilation_w_per_k) / air
        d = -(inner + house.fabric_to_outdoor_w_per_k) / fabric
        b, c = inner / air, inner / fabric
        middle, half_gap = (a + d) / 2.0, math.sqrt((a - d) ** 2 / 4.0 + b * c)
        fast, slow = middle - half_gap, middle + half_gap
        e_fast, e_slow = math.exp(fast * step_s), math.exp(slow * step_s)
        span = slow - fast
        first = (e_slow - e_fast) / span
        rest = (slow * e_fast - fast * e_slow) / span
        self._aa, self._af = first * a + rest, first * b
        self._fa, self._ff = first * c, first * d + rest
        self._air_gain = 1.0 / house.heat_loss_w_per_k
        outer = house.fabric_to_outdoor_w_per_k
        self._fabric_gain = self._air_gain * inner / (inner + outer)
        self._gains_w = house.gains_w

    def advance(
        self, air_c: float, fabric_c: float, *, heat_w: float, outdoor_c: float
    ) -> tuple[float, float]:
        """Return air and fabric temperature one step later. [°C]"""
        total_w = heat_w + self._gains_w
        air_rest = outdoor_c + total_w * self._air_gain
        fabric_rest = outdoor_c + total_w * self._fabric_gain
        air, fabric = air_c - air_rest, fabric_c - fabric_rest
        return (
            air_rest + self._aa * air + self._af * fabric,
            fabric_rest + self._fa * air + self._ff * fabric,
        )


class LumpStep:
    """The exact solution over one fixed step for a house of one store.

    Parameters
    ----------
    house : House
        The house; its two heat capacities are added.
    step_s : float
        Length of the step, positive. [s]
    """

    __slots__ = ("_gain", "_gains_w", "_kept")

    def __init__(self, house: House, step_s: float) -> None:
        capacity = (house.air_kwh_per_k + house.fabric_kwh_per_k) * J_PER_KWH
        self._gain = 1.0 / house.heat_loss_w_per_k
        self._kept = math.exp(-step_s * house.heat_loss_w_per_k / capacity)
        self._gains_w = house.gains_w

    def advance(
        self, air_c: float, fabric_c: float, *, heat_w: float, outdoor_c: float
    ) -> tuple[float, float]:
        """Return the temperature one step later, twice. [°C]"""
        rest_c = outdoor_c + (heat_w + self._gains_w) * self._gain
        now_c = rest_c + (air_c - rest_c) * self._kept
        return now_c, now_c


def step_of(house: House, step_s: float) -> Step | LumpStep:
    """Return the exact step that fits the house."""
    return LumpStep(house, step_s) if house.is_one_lump else Step(house, step_s)
