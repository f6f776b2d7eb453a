"""A year of British weather in half-hours: sun, wind and cold, drawn from a seed.

The sun's place and the clear sky are physics; the rest is chosen so that a year looks
like a British one: about 950 kWh a kilowatt of panels, a third of its rating from a
wind turbine, ten degrees on average. It comes from no document.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.core.calendar import LONDON, PERIOD, local_midnight
from harness.core.sky import Roof, clear_sky_w_m2

Series = NDArray[np.float64]
Flags = NDArray[np.bool_]

ROOF: Final = Roof(latitude=52.0, longitude=-1.3, tilt=35.0, azimuth=180.0)
PERFORMANCE = 0.85
"""What heat, dirt, cables and inverter leave of a panel's power."""
CLOUDS: Final = (1.1, 1.4)
"""Shape of the share of direct light that a day's clouds let through (beta)."""
WIND_M_S: Final = (2.0, 9.0)
"""Shape and scale of the wind at a turbine's hub (Weibull). [m/s]"""
CUT_IN_M_S, RATED_M_S, CUT_OUT_M_S = 3.0, 12.5, 25.0
WIND_LASTS_H = 18.0
"""How long the wind remembers itself. [h]"""
MEAN_C, YEAR_SWING_C, DAY_SWING_C, SPELL_C = 10.0, 6.5, 3.0, 3.0
COLDEST_DAY, WARMEST_HOUR = 25.0, 15.0


@dataclass(frozen=True, slots=True)
class Year:
    """Every settlement period of a local year, with what the weather does in it."""

    first: date
    hour: Series
    """By the local clock, at the beginning of each half-hour. [h]"""
    day: NDArray[np.intp]
    """Counted from the first, by the local date."""
    weekday: Flags
    winter: Flags
    """November to February."""
    sun: Series
    """What a kilowatt of panels gives. [kW]"""
    wind: Series
    """What a kilowatt of turbine gives. [kW]"""
    outdoor_c: Series

    def __len__(self) -> int:
        return len(self.hour)

    def between(self, from_h: float, until_h: float) -> Flags:
        """Which half-hours lie between two clock times."""
        inside: Flags = (self.hour >= from_h) & (self.hour < until_h)
        return inside

    @property
    def red_band(self) -> Flags:
        """Weekdays, 16:00 to 19:00: when distribution is dearest (chosen)."""
        inside: Flags = self.weekday & self.between(16.0, 19.0)
        return inside


def year_of(year: int, *, seed: int) -> Year:
    """Return a local year's half-hours and their weather; a seed fixes its luck."""
    first, after = date(year, 1, 1), date(year + 1, 1, 1)
    begins, ends = local_midnight(first), local_midnight(after)
    starts = [begins + number * PERIOD for number in range((ends - begins) // PERIOD)]
    local = [at.astimezone(LONDON) for at in starts]
    day = np.array([(at.date() - first).days for at in local], dtype=np.intp)
    rng = np.random.default_rng([seed, year])
    hour = np.array([at.hour + at.minute / 60 for at in local])
    dates = [first + timedelta(days=number) for number in range((after - first).days)]
    weekday = np.array([one.weekday() < 5 for one in dates])[day]
    winter = np.array([one.month in (11, 12, 1, 2) for one in dates])[day]
    light = np.array([clear_sky_w_m2(at + PERIOD / 2, ROOF) for at in starts])
    let_through = rng.beta(*CLOUDS, len(dates))[day]
    sun = PERFORMANCE * (light[:, 0] * let_through + light[:, 1]) / 1000
    return Year(
        first, hour, day, weekday, winter, sun, _wind(len(starts), rng),
        _outdoor_c(day, hour, rng),
    )  # fmt: skip


def _wind(count: int, rng: np.random.Generator) -> Series:
    """Return what a kilowatt of turbine gives: wind that lasts, then a power curve."""
    keeps = float(np.exp(-0.5 / WIND_LASTS_H))
    normal = _lasting(count, keeps, rng)
    # A normal variable's rank is a Weibull variable's: the wind lasts, its shape stays.
    from scipy.special import ndtr  # costs 0.2 s: only a year pays for it

    shape, scale = WIND_M_S
    rank = np.clip(ndtr(normal), 1e-9, 1 - 1e-9)
    speed = scale * (-np.log1p(-rank)) ** (1 / shape)
    rises = (speed**3 - CUT_IN_M_S**3) / (RATED_M_S**3 - CUT_IN_M_S**3)
    power: Series = np.clip(rises, 0.0, 1.0)
    power[speed > CUT_OUT_M_S] = 0.0
    return power


def _outdoor_c(day: NDArray[np.intp], hour: Series, rng: np.random.Generator) -> Series:
    spell = _lasting(int(day[-1]) + 1, 0.8, rng)[day]
    season = np.cos(2 * np.pi * (day - COLDEST_DAY) / 365.25)
    of_day = np.cos(2 * np.pi * (hour - WARMEST_HOUR) / 24)
    outdoor: Series = (
        MEAN_C - YEAR_SWING_C * season + DAY_SWING_C * of_day + SPELL_C * spell
    )
    return outdoor


def _lasting(count: int, keeps: float, rng: np.random.Generator) -> Series:
    """Return a standard normal series, each value keeping a share of the one before."""
    from scipy.signal import lfilter

    shocks = rng.standard_normal(count) * np.sqrt(1 - keeps**2)
    shocks[0] /= np.sqrt(1 - keeps**2)
    series: Series = np.asarray(lfilter([1.0], [1.0, -keeps], shocks))
    return series
