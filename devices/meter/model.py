"""How a meter errs: what flows, and what its registers show of it, and when.

A meter looks at the circuit on its own grid of update instants, which has nothing
to do with when it is polled. Between two updates its registers stand still. Each
look is scaled (gain), made noisy and rounded (resolution). Energy is integrated
from the metered power, as in a real meter. What is shown may lag: a latency in the
meter and a clock or buffer that is behind delay it alike, since the SDM meters
give no time of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from pydantic import Field

from devices.links.lying_clock import Lie
from harness.core.bench import Options

NOMINAL_HZ = 50.0
REMEMBERED = 8192
"""Updates that are kept after they were replaced, for a meter that tells old ones."""


class MeterErrors(Options):
    """The error model of an emulated meter; the defaults are those of a good one."""

    gain_percent: float = Field(0.0, ge=-50, le=50)
    """Systematic error of power, as a percentage of reading. [%]"""
    offset_w: float = Field(0.0, ge=-1000, le=1000)
    """Systematic error of power, the same at any load. [W]"""
    phase_error_minutes: float = Field(0.0, ge=-600, le=600)
    """Phase displacement of the current path, in minutes of arc; positive if the meter
    takes the current for earlier than it is (as IEC 61869-2 counts it, unverified). It
    then shows too much of a lagging load: by its tangent times the angle. [']"""
    starting_current_a: float = Field(0.0, ge=0, le=100)
    """Below this RMS current the meter sees no power and counts nothing. [A]"""
    noise_percent: float = Field(0.02, ge=0, le=20)
    """Random error of power, one standard deviation, of reading. [%]"""
    noise_w: float = Field(0.2, ge=0, le=1000)
    """Random error of power, one standard deviation, at any reading. [W]"""
    resolution_w: float = Field(0.0, ge=0, le=1000)
    """Step to which power is rounded; 0 is that of a single. [W]"""
    energy_resolution_wh: float = Field(1.0, ge=0, le=1000)
    """Step in which energy advances: three decimals of a kWh (unverified). [Wh]"""
    start_energy_wh: float = Field(0.0, ge=0)
    """Import register at the start; a large one coarsens a single. [Wh]"""
    update_interval_s: float = Field(1.0, ge=0.02, le=3600)
    """How often the registers are renewed (facts-gb 11: 0.5 to 1 s, unverified). [s]"""
    latency_s: float = Field(0.0, ge=0, le=3600)
    """From what flows to what is shown, beyond the update interval. [s]"""
    clock_offset_s: float = Field(0.0, ge=0, le=3600)
    """How far the meter's clock is behind: it shows what flowed that long ago. [s]"""
    measures_distortion: bool = False
    """Sample voltage and current at every update, and group their harmonics."""
    frozen_after_s: float | None = None
    """Bench time from which on the registers never change again. [s]"""
    silent_after_s: float | None = None
    """Bench time from which on it answers nothing. [s]"""


class OwnClockErrors(MeterErrors):
    """The same for a meter whose protocol carries its time.

    Its clock can be wrong while its values are right.
    """

    clock_offset_s: float = Field(0.0, ge=-86_400, le=86_400)
    """How far its clock is behind at bench second 0; negative is ahead. [s]"""
    clock_drift_s_per_day: float = Field(0.0, ge=-3600, le=3600)
    """How much its clock gains in a day; negative is slow. [s]"""
    clock_lie: Lie = ""
    """What its clock tells instead of the time that it has."""


class Shown(NamedTuple):
    """What the registers hold from an update on."""

    at_s: float
    power_w: float
    voltage_v: float
    current_a: float
    """RMS, so never negative; power tells the direction. [A]"""
    frequency_hz: float
    energy_import_wh: float
    energy_export_wh: float
    reactive_var: float = 0.0
    """Drawing as an inductor does is positive. [var]"""
    voltage_thd_percent: float = 0.0
    current_thd_percent: float = 0.0

    @property
    def apparent_va(self) -> float:
        """Return apparent power, never negative. [VA]"""
        return math.hypot(self.power_w, self.reactive_var)

    @property
    def power_factor(self) -> float:
        """Return active over apparent power: negative on export, 1 at rest."""
        apparent_va = self.apparent_va
        return self.power_w / apparent_va if apparent_va else 1.0


def _noise(rng: np.random.Generator) -> Iterator[list[float]]:
    """Yield four standard normal draws for each look, many looks at a time."""
    while True:
        yield from rng.standard_normal((256, 4)).tolist()


class MeterModel:
    """Turns looks at the circuit into what the registers show.

    Parameters
    ----------
    errors : MeterErrors
        The error model.
    rng : numpy.random.Generator
        The only source of chance.
    """

    def __init__(self, errors: MeterErrors, rng: np.random.Generator) -> None:
        self._errors, self._noise = errors, _noise(rng)
        self._delay_s = errors.latency_s + errors.clock_offset_s
        self._kept = REMEMBERED + math.ceil(self._delay_s / errors.update_interval_s)
        self._looks: list[Shown] = []
        self._showing = 0
        self._counted: Shown | None = None
        self._rounded_of: Shown | None = None
        self._rounded = Shown(0.0, 0.0, 0.0, 0.0, NOMINAL_HZ, 0.0, 0.0)
        self._import_wh = errors.start_energy_wh
        self._export_wh = 0.0
        angle = math.radians(errors.phase_error_minutes / 60)
        self._turn = (math.cos(angle), math.sin(angle))
        self._by_load_point = bool(
            errors.phase_error_minutes or errors.starting_current_a
        )

    @property
    def memory_s(self) -> float:
        """How far back `shown` can be asked, on its usual grid. [s]"""
        return REMEMBERED * self._errors.update_interval_s

    @property
    def is_frozen_at_s(self) -> float:
        """Bench time from which on nothing changes; ``inf`` if it never freezes."""
        frozen = self._errors.frozen_after_s
        return math.inf if frozen is None else frozen

    def update(
        self, at_s: float, *, power_w: float, voltage_v: float, reactive_var: float = 0,
        distortion_percent: tuple[float, float] = (0.0, 0.0),
    ) -> None:  # fmt: skip
        """Take one look: what truly flows at an update instant.

        Raises
        ------
        ValueError
            If time goes backwards.
        """
        if self._looks and at_s < self._looks[-1].at_s:
            raise ValueError(
                f"update at {at_s} s after one at {self._looks[-1].at_s} s"
            )
        relative, absolute, volts, hertz = next(self._noise)
        metered_w, metered_var = self._metered(
            power_w, reactive_var, voltage_v, relative, absolute
        )
        last = self._counted
        if last is not None:
            self._count((last.power_w + metered_w) / 2 * (at_s - last.at_s) / 3600)
        voltage_v += 0.02 * volts
        look = Shown(
            at_s,
            metered_w,
            voltage_v,
            math.hypot(metered_w, metered_var) / voltage_v,
            NOMINAL_HZ + 0.005 * hertz,
            self._import_wh,
            self._export_wh,
            metered_var,
            *distortion_percent,
        )
        self._counted = look
        self._looks.append(look)
        if len(self._looks) > 2 * self._kept:
            del self._looks[: -self._kept]
            self._showing = max(0, self._showing - self._kept - 1)

    def count_to(
        self, at_s: float, *, power_w: float, voltage_v: float, reactive_var: float = 0
    ) -> tuple[float, float]:
        """Return what the registers have counted by an instant after the last look.

        Import and export. [Wh] It shows nothing new and draws nothing from chance:
        what is shown, before and after, is as if nobody had asked.
        """
        last = self._counted
        if last is not None and at_s < self.is_frozen_at_s:
            metered_w, _ = self._metered(power_w, reactive_var, voltage_v)
            self._count((last.power_w + metered_w) / 2 * (at_s - last.at_s) / 3600)
            self._counted = last._replace(at_s=at_s, power_w=metered_w)
        return self._stepped(self._import_wh), self._stepped(self._export_wh)

    def interrupt(self) -> None:
        """Count no energy from the last look to the next."""
        self._counted = None

    def shown(self, at_s: float) -> Shown:
        """Return what the registers hold at a bench time.

        That is the last update not later than `at_s` less the delays; before
        there is one, the first update that is still known.
        """
        look = self._look_at(min(at_s, self.is_frozen_at_s) - self._delay_s + 1e-9)
        if not self._errors.energy_resolution_wh:
            return look
        if look is not self._rounded_of:
            self._rounded_of = look
            self._rounded = look._replace(
                energy_import_wh=self._stepped(look.energy_import_wh),
                energy_export_wh=self._stepped(look.energy_export_wh),
            )
        return self._rounded

    def _stepped(self, energy_wh: float) -> float:
        """Return energy as a register shows it, in whole steps. [Wh]"""
        step_wh = self._errors.energy_resolution_wh
        return math.floor(energy_wh / step_wh) * step_wh if step_wh else energy_wh

    def _look_at(self, at_s: float) -> Shown:
        """Step from the look shown last to the one in force; they are neighbours."""
        looks, place = self._looks, self._showing
        while place + 1 < len(looks) and looks[place + 1].at_s <= at_s:
            place += 1
        while place and looks[place].at_s > at_s:
            place -= 1
        self._showing = place
        return looks[place]

    def _metered(
        self,
        power_w: float,
        reactive_var: float,
        voltage_v: float,
        relative: float = 0.0,
        absolute: float = 0.0,
    ) -> tuple[float, float]:
        """Return active and reactive power as the meter makes them out."""
        errors = self._errors
        if self._by_load_point:
            least_va = errors.starting_current_a * voltage_v
            if math.hypot(power_w, reactive_var) < least_va:
                return 0.0, 0.0
            # A current taken for earlier by an angle has its powers turned by it.
            cosine, sine = self._turn
            power_w, reactive_var = (
                power_w * cosine + reactive_var * sine,
                reactive_var * cosine - power_w * sine,
            )
        scale = 1 + errors.gain_percent / 100 + errors.noise_percent / 100 * relative
        metered_w = power_w * scale + errors.noise_w * absolute + errors.offset_w
        if errors.resolution_w:
            metered_w = round(metered_w / errors.resolution_w) * errors.resolution_w
        return metered_w, reactive_var * scale

    def _count(self, energy_wh: float) -> None:
        if energy_wh >= 0:
            self._import_wh += energy_wh
        else:
            self._export_wh -= energy_wh
