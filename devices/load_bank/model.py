"""What an electronic load draws: the current that it is told, on its way there.

The current has a part in step with the voltage and a part a quarter of a period away
from it. On its way to another load point both move together, in a straight line: at
the slew rate first, and over the last piece as the control loop settles. Powers follow
from the voltage of that very moment. Every figure is chosen to be plausible; none comes
from a document.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field, field_validator

from harness.core.bench import Options

SETTLED = 30.0
"""After so many time constants it is there: 1e-13 of the way is left."""


class LoadBankOptions(Options):
    """How much the load can draw, and how fast it gets there."""

    max_current_a: float = Field(20.0, gt=0, le=500)
    """RMS: more is refused. [A]"""
    max_apparent_va: float = Field(4600.0, gt=0, le=120_000)
    """More is not drawn, whatever current is set. [VA]"""
    least_power_factor: float = Field(0.0, ge=0, le=1)
    """Lower ones are refused."""
    slew_a_per_s: float = Field(200.0, gt=0, le=1e6)
    """How fast the current changes. [A/s]"""
    settling_s: float = Field(0.05, gt=0, le=10)
    """Time constant of the control loop. [s]"""
    harmonics_percent: dict[str, float] = Field(default_factory=dict)
    """Harmonics of its current by order, such as ``3 = 40.0``, of the fundamental, as a
    rectifier draws them. [%]"""
    current_error_percent: float = Field(0.0, ge=-10, le=10)
    """How much more it draws than it was told: it is a load and no standard. [%]"""

    @field_validator("harmonics_percent")
    @classmethod
    def _orders(cls, given: dict[str, float]) -> dict[str, float]:
        for order, percent in given.items():
            if (
                not order.isdigit()
                or not 2 <= int(order) <= 40
                or not 0 <= percent <= 100
            ):
                raise ValueError(f"{order} = {percent:g} is no harmonic from 2 to 40")
        return given


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """A current, and where it stands to the voltage."""

    current_a: float = 0.0
    """RMS. [A]"""
    power_factor: float = 1.0
    leading: bool = False

    @property
    def parts_a(self) -> tuple[float, float]:
        """The part in step with the voltage, and that a quarter behind it. [A]"""
        sine = math.sqrt(1.0 - self.power_factor**2)
        behind = -sine if self.leading else sine
        return self.current_a * self.power_factor, self.current_a * behind


class LoadBank:
    """The load that a circuit sees: `harness.core.circuit.ReactiveLoad`.

    Parameters
    ----------
    options : LoadBankOptions
        Its rating and its pace.
    voltage_v : callable
        The voltage at a bench time. [V]
    """

    def __init__(
        self, options: LoadBankOptions, voltage_v: Callable[[float], float]
    ) -> None:
        self._options, self._voltage_v = options, voltage_v
        self._pace = 1.0
        self._harmonics = {
            int(order): percent for order, percent in options.harmonics_percent.items()
        }
        self._from_a = self._goal_a = (0.0, 0.0)
        self._since_s = -math.inf

    def go_to(self, point: LoadPoint, *, at_s: float) -> None:
        """Head for a load point from where it is now."""
        self._from_a, self._since_s = self.parts_a(at_s), at_s
        factor = 1.0 + self._options.current_error_percent / 100
        in_step_a, behind_a = point.parts_a
        self._goal_a = (in_step_a * factor, behind_a * factor)

    def pace(self, factor: float, *, at_s: float) -> None:
        """Move so many times as fast as its options say."""
        self._from_a, self._since_s = self.parts_a(at_s), at_s
        self._pace = factor

    def parts_a(self, at_s: float) -> tuple[float, float]:
        """Return the current's two parts, within what it can draw. [A]"""
        left = self._left(at_s - self._since_s)
        in_step_a, behind_a = self._goal_a
        if left:
            in_step_a += (self._from_a[0] - in_step_a) * left
            behind_a += (self._from_a[1] - behind_a) * left
        most_a = self._options.max_apparent_va / self._voltage_v(at_s)
        size_a = math.hypot(in_step_a, behind_a)
        scale = most_a / size_a if size_a > most_a else 1.0
        return in_step_a * scale, behind_a * scale

    def power_w(self, at_s: float) -> float:
        """Return active power. [W]"""
        return self._voltage_v(at_s) * self.parts_a(at_s)[0]

    def reactive_var(self, at_s: float) -> float:
        """Return reactive power; a lagging current's is positive. [var]"""
        return self._voltage_v(at_s) * self.parts_a(at_s)[1]

    def harmonics_a(self, at_s: float) -> dict[int, complex]:
        """Return the current's harmonics, in turn against and with its peak. [A]"""
        fundamental_a = self.current_a(at_s)
        return {
            order: complex((-1) ** (order // 2) * fundamental_a * percent / 100)
            for order, percent in self._harmonics.items()
        }

    def current_a(self, at_s: float) -> float:
        """Return the current, RMS. [A]"""
        return math.hypot(*self.parts_a(at_s))

    def _left(self, elapsed_s: float) -> float:
        """Return which share of the way is still to go: 1 at its beginning.

        At the slew rate until the control loop would be as slow, then as it settles.
        """
        way_a = math.dist(self._from_a, self._goal_a)
        if way_a == 0.0 or elapsed_s == math.inf:
            return 0.0
        settling_s = self._options.settling_s / self._pace
        slew_a_per_s = self._options.slew_a_per_s * self._pace
        last_a = min(way_a, slew_a_per_s * settling_s)
        slewing_s = (way_a - last_a) / slew_a_per_s
        if elapsed_s < slewing_s:
            return 1.0 - slew_a_per_s * elapsed_s / way_a
        constants = (elapsed_s - slewing_s) / settling_s
        return last_a / way_a * math.exp(-constants) if constants < SETTLED else 0.0
