"""Which meter sees which loads, and what truly flows (emulated rigs only).

Models attach here as loads; meter emulators ask what flows through the place
where they sit. Voltage wanders a little, as mains does, so that a live meter
never repeats itself and a frozen one can be told apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

NOMINAL_V = 230.0


class Load(Protocol):
    """Something that draws (positive) or feeds (negative) active power."""

    def power_w(self, at_s: float) -> float:
        """Advance the model to a bench time and return true active power. [W]

        Times never decrease from call to call.
        """
        ...


@runtime_checkable
class ReactiveLoad(Load, Protocol):
    """A load whose current is out of step with the voltage."""

    def reactive_var(self, at_s: float) -> float:
        """Return reactive power; drawing as an inductor does is positive. [var]"""
        ...


@runtime_checkable
class DistortedLoad(Load, Protocol):
    """A load whose current has harmonics."""

    def harmonics_a(self, at_s: float) -> Mapping[int, complex]:
        """Return the current's harmonics above the first, RMS. [A]"""
        ...


@runtime_checkable
class FormsGrid(Load, Protocol):
    """A source that can hold an island up: it gives or takes whatever is left over."""

    def form(self, power_w: float | None, at_s: float) -> bool:
        """Take this power (negative: give), or None to be as before; say if it can."""
        ...


@dataclass(slots=True)
class FixedLoad:
    """A constant load, such as a home's base load."""

    watts: float

    def power_w(self, at_s: float) -> float:
        """Return the constant power. [W]"""
        return self.watts


@dataclass(frozen=True, slots=True)
class Feeder:
    """The feeder that a home hangs on, with other homes that do the same.

    Its voltage falls by ``(R·P + X·Q)/V`` at what all of them draw (P import positive,
    Q inductive positive): the usual approximation for short lines.
    """

    source_v: float = NOMINAL_V
    """At its beginning. [V]"""
    resistance_ohm: float = 0.0
    reactance_ohm: float = 0.0
    homes: int = 1

    def impedance_ohm(self, order: int) -> complex:
        """Return what a harmonic of one home meets, all homes doing the same. [Ω]"""
        return self.homes * complex(self.resistance_ohm, order * self.reactance_ohm)

    def drop_v(self, power_w: float, reactive_var: float) -> float:
        """Return by how much its end is below its beginning. [V]"""
        through = self.resistance_ohm * power_w + self.reactance_ohm * reactive_var
        return self.homes * through / NOMINAL_V


class Circuit:
    """The home's wiring: loads by role, and the line that feeds them.

    Parameters
    ----------
    line_resistance_ohm : float
        Resistance between the boundary meter and the loads; its loss appears at
        the boundary only. [Ω]
    seed : int
        Fixes how the voltage wanders.
    feeder : Feeder, optional
        What makes the voltage depend on what is drawn; without one it does not.
    formed_by : str, optional
        The role that holds the island up if the mains are lost. Without one, or with
        one that cannot give or take what is left over, all is dark until they are back.
    """

    EVERYTHING = "*"
    DEAD_V = 2.0
    """What is left on wires that nothing feeds, picked up from others. [V]"""

    def __init__(
        self,
        *,
        line_resistance_ohm: float = 0.0,
        seed: int = 0,
        feeder: Feeder | None = None,
        formed_by: str | None = None,
    ) -> None:
        self._formed_by, self._cut, self.is_dark = formed_by, False, False
        self._feeder, self._asking = feeder, False
        self._last_v = NOMINAL_V if feeder is None else feeder.source_v
        self._loads: dict[str, Load] = {}
        self._reactive: dict[str, ReactiveLoad] = {}
        self._distorted: dict[str, DistortedLoad] = {}
        self._line_ohm = line_resistance_ohm
        self._phase = (seed * 0.618033988749895) % 1.0 * 2 * math.pi
        self._wandered_at_s, self._wander_v = math.nan, 0.0

    def attach(self, role: str, load: Load) -> None:
        """Wire a load into the home; a role is wired once."""
        if role in self._loads:
            raise ValueError(f"role {role!r} is wired twice")
        self._loads[role] = load
        # Asked once: a check against a runtime protocol costs more than a meter's look.
        if isinstance(load, ReactiveLoad):
            self._reactive[role] = load
        if isinstance(load, DistortedLoad):
            self._distorted[role] = load

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles with a load, in the order of wiring."""
        return tuple(self._loads)

    def power_w(self, sees: Iterable[str], at_s: float) -> float:
        """Return true active power through a meter that sees these roles. [W]

        ``("*",)`` is the boundary: every load and the loss on the line. A role
        that is not emulated contributes nothing.
        """
        seen = tuple(sees)
        if self._cut:
            return self._in_island_w(seen, at_s)
        if self.EVERYTHING in seen:
            return self._with_loss_w(self._drawn_w(at_s), at_s)
        # Plain loops: meters ask a million times in a day.
        loads, power_w = self._loads, 0.0
        for role in seen:
            if role in loads:
                power_w += loads[role].power_w(at_s)
        return power_w

    def powers_w(self, at_s: float) -> dict[str, float]:
        """Return true active power of every load, and of the boundary as ``*``. [W]"""
        if self._cut:
            places = (*self._loads, self.EVERYTHING)
            return {place: self._in_island_w((place,), at_s) for place in places}
        found = {role: load.power_w(at_s) for role, load in self._loads.items()}
        found[self.EVERYTHING] = self._with_loss_w(sum(found.values()), at_s)
        return found

    def _with_loss_w(self, drawn_w: float, at_s: float) -> float:
        current_a = drawn_w / self.voltage_v(at_s)
        return drawn_w + self._line_ohm * current_a * current_a

    def connect(self, connected: bool, at_s: float) -> None:
        """Lose the mains, or have them back."""
        former = self._former()
        if connected and former is not None:
            former.form(None, at_s)
        self._cut, self.is_dark = not connected, False

    def _former(self) -> FormsGrid | None:
        load = self._loads.get(self._formed_by or "")
        return load if isinstance(load, FormsGrid) else None

    def _in_island_w(self, seen: tuple[str, ...], at_s: float) -> float:
        """True active power with the mains lost; nothing crosses the boundary. [W]"""
        former = self._former()
        drawn_w = {
            role: load.power_w(at_s)
            for role, load in self._loads.items()
            if load is not former
        }
        if former is None or not former.form(-sum(drawn_w.values()), at_s):
            # What has collapsed does not come back by itself.
            self.is_dark = True
        if self.is_dark or self.EVERYTHING in seen:
            return 0.0
        left_w = -sum(drawn_w.values())
        return sum(drawn_w.get(role, left_w) for role in seen if role in self._loads)

    def _drawn_w(self, at_s: float) -> float:
        """What all loads draw, without the loss on the line. [W]"""
        power_w = 0.0
        for load in self._loads.values():
            power_w += load.power_w(at_s)
        return power_w

    def reactive_var(self, sees: Iterable[str], at_s: float) -> float:
        """Return reactive power through a meter that sees these roles. [var]

        Loads that are not a `ReactiveLoad` have none; neither has the line.
        """
        if not self._reactive:
            return 0.0
        seen = tuple(sees)
        if self.EVERYTHING not in seen:
            loads = [self._reactive[role] for role in seen if role in self._reactive]
        else:
            loads = list(self._reactive.values())
        return sum(load.reactive_var(at_s) for load in loads)

    def spectra(
        self, sees: Iterable[str], at_s: float
    ) -> tuple[dict[int, complex], dict[int, complex]]:
        """Return harmonics of voltage and current where a meter sits, RMS. [V], [A]

        The fundamentals are those of its power; a harmonic current through the feeder's
        impedance distorts the voltage of everybody at its end.
        """
        seen, volts = tuple(sees), self.voltage_v(at_s)
        power_w, reactive_var = self.power_w(seen, at_s), self.reactive_var(seen, at_s)
        current = {1: complex(power_w, -reactive_var) / volts}
        voltage = {1: complex(volts)}
        everything = self.EVERYTHING in seen
        for role, load in self._distorted.items():
            for order, amperes in load.harmonics_a(at_s).items():
                if everything or role in seen:
                    current[order] = current.get(order, 0j) + amperes
                if self._feeder is not None:
                    drop = amperes * self._feeder.impedance_ohm(order)
                    voltage[order] = voltage.get(order, 0j) - drop
        return voltage, current

    def voltage_v(self, at_s: float) -> float:
        """Return the phase voltage now, wandering by up to 2.5 V. [V]

        230 V, or what the feeder leaves of its own; nothing while all is dark.
        """
        if self.is_dark:
            return self.DEAD_V + math.sin(at_s / 13.7)
        if at_s != self._wandered_at_s:
            self._wandered_at_s, self._wander_v = at_s, self._wandering_v(at_s)
        return self._steady_v(at_s) + self._wander_v

    def _wandering_v(self, at_s: float) -> float:
        """How far the voltage is from where it would stay: every load asks at once."""
        return (
            1.5 * math.sin(at_s / 97.0 + self._phase)
            + 0.7 * math.sin(at_s / 13.7 + 2.0 * self._phase)
            + 0.3 * math.sin(at_s / 3.1 + 3.0 * self._phase)
        )

    def _steady_v(self, at_s: float) -> float:
        """Voltage without its wander; loads that depend on it are asked with the last.

        A second of bench time later they have moved on: an iteration in time.
        """
        if self._feeder is None or self._asking:
            return self._last_v
        self._asking = True
        try:
            power_w = self._drawn_w(at_s)
            reactive_var = self.reactive_var((self.EVERYTHING,), at_s)
        finally:
            self._asking = False
        self._last_v = self._feeder.source_v - self._feeder.drop_v(
            power_w, reactive_var
        )
        return self._last_v
