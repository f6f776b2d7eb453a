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
from collections import deque
from typing import NamedTuple

import numpy as np
from pydantic import Field

from harness.core.bench import Options

NOMINAL_HZ = 50.0


class MeterErrors(Options):
    """The error model of an emulated meter; the defaults are those of a good one."""

    gain_percent: float = Field(0.0, ge=-50, le=50)
    """Systematic error of power, as a percentage of reading. [%]"""
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
    frozen_after_s: float | None = None
    """Bench time from which on the registers never change again. [s]"""


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
        self._errors, self._rng = errors, rng
        self._delay_s = errors.latency_s + errors.clock_offset_s
        self._line: deque[Shown] = deque()
        self._import_wh = errors.start_energy_wh
        self._export_wh = 0.0

    @property
    def is_frozen_at_s(self) -> float:
        """Bench time from which on nothing changes; ``inf`` if it never freezes."""
        frozen = self._errors.frozen_after_s
        return math.inf if frozen is None else frozen

    def update(self, at_s: float, *, power_w: float, voltage_v: float) -> None:
        """Take one look: what truly flows at an update instant.

        Raises
        ------
        ValueError
            If time goes backwards.
        """
        last = self._line[-1] if self._line else None
        if last is not None and at_s < last.at_s:
            raise ValueError(f"update at {at_s} s after one at {last.at_s} s")
        relative, absolute, volts, hertz = self._rng.standard_normal(4).tolist()
        metered_w = self._metered_w(power_w, relative, absolute)
        if last is not None:
            self._count((last.power_w + metered_w) / 2 * (at_s - last.at_s) / 3600)
        voltage_v += 0.02 * volts
        self._line.append(
            Shown(
                at_s,
                metered_w,
                voltage_v,
                abs(metered_w) / voltage_v,
                NOMINAL_HZ + 0.005 * hertz,
                self._import_wh,
                self._export_wh,
            )
        )
        self._drop_past(at_s)

    def shown(self, at_s: float) -> Shown:
        """Return what the registers hold at a bench time.

        That is the last update not later than `at_s` less the delays; before
        there is one, the first update.
        """
        self._drop_past(at_s)
        first = self._line[0]
        step_wh = self._errors.energy_resolution_wh
        if not step_wh:
            return first
        return first._replace(
            energy_import_wh=math.floor(first.energy_import_wh / step_wh) * step_wh,
            energy_export_wh=math.floor(first.energy_export_wh / step_wh) * step_wh,
        )

    def _metered_w(self, power_w: float, relative: float, absolute: float) -> float:
        errors = self._errors
        scale = 1 + errors.gain_percent / 100 + errors.noise_percent / 100 * relative
        metered_w = power_w * scale + errors.noise_w * absolute
        if errors.resolution_w:
            metered_w = round(metered_w / errors.resolution_w) * errors.resolution_w
        return metered_w

    def _count(self, energy_wh: float) -> None:
        if energy_wh >= 0:
            self._import_wh += energy_wh
        else:
            self._export_wh -= energy_wh

    def _drop_past(self, at_s: float) -> None:
        """Forget updates that a later one has replaced in the registers."""
        showing_s = min(at_s, self.is_frozen_at_s) - self._delay_s + 1e-9
        line = self._line
        while len(line) > 1 and line[1].at_s <= showing_s:
            line.popleft()
