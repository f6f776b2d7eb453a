"""How much light falls on a roof: the sun's place and a clear sky.

- Sun: declination and equation of time as Fourier series in the day of the year
  (J. W. Spencer, Search 2(5), 1971), accurate to about a tenth of a degree, which is
  far less than what a cloud does.
- Clear sky: global irradiance by B. Haurwitz (J. Meteorology 2, 1945), direct beam by
  A. B. Meinel and M. P. Meinel (Applied Solar Energy, 1976), air mass by F. Kasten and
  A. T. Young (Applied Optics 28, 1989). Coefficients as commonly quoted; unverified.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

GROUND_REFLECTS = 0.2


@dataclass(frozen=True, slots=True)
class Roof:
    """Where the panels are, and how they lie."""

    latitude: float
    longitude: float
    """East is positive. [°]"""
    tilt: float
    """0 is flat, 90 upright. [°]"""
    azimuth: float
    """Where they face, clockwise from north: 180 is south. [°]"""


def sun(at: datetime, roof: Roof) -> tuple[float, float]:
    """Return the sun's height above the horizon and its azimuth. [rad]

    Azimuth is clockwise from north; `at` carries its time zone.
    """
    utc = at.astimezone(UTC)
    hour = utc.hour + utc.minute / 60 + (utc.second + utc.microsecond * 1e-6) / 3600
    day = 2 * math.pi * (utc.timetuple().tm_yday - 1 + (hour - 12) / 24) / 365
    declination = (
        0.006918 - 0.399912 * math.cos(day) + 0.070257 * math.sin(day)
        - 0.006758 * math.cos(2 * day) + 0.000907 * math.sin(2 * day)
        - 0.002697 * math.cos(3 * day) + 0.00148 * math.sin(3 * day)
    )  # fmt: skip
    equation_h = (24 / (2 * math.pi)) * (
        0.000075 + 0.001868 * math.cos(day) - 0.032077 * math.sin(day)
        - 0.014615 * math.cos(2 * day) - 0.040849 * math.sin(2 * day)
    )  # fmt: skip
    angle = math.radians(15 * (hour + roof.longitude / 15 + equation_h - 12))
    return _place(math.radians(roof.latitude), declination, angle)


def _place(latitude: float, declination: float, angle: float) -> tuple[float, float]:
    """Turn declination and hour angle into height and azimuth. [rad]"""
    up = math.sin(latitude) * math.sin(declination)
    up += math.cos(latitude) * math.cos(declination) * math.cos(angle)
    east = -math.cos(declination) * math.sin(angle)
    north = math.cos(latitude) * math.sin(declination)
    north -= math.sin(latitude) * math.cos(declination) * math.cos(angle)
    return math.asin(min(max(up, -1.0), 1.0)), math.atan2(east, north) % (2 * math.pi)


def clear_sky_w_m2(at: datetime, roof: Roof) -> tuple[float, float]:
    """Return direct and diffuse irradiance on the panels under a clear sky. [W/m²]"""
    height, azimuth = sun(at, roof)
    cos_zenith = math.sin(height)
    if cos_zenith <= 0.0:
        return 0.0, 0.0
    global_w_m2 = 1098 * cos_zenith * math.exp(-0.057 / cos_zenith)
    degrees = math.degrees(height)
    air_mass = 1 / (cos_zenith + 0.50572 * (degrees + 6.07995) ** -1.6364)
    beam_w_m2 = min(1353 * 0.7 ** (air_mass**0.678), global_w_m2 / cos_zenith)
    diffuse_w_m2 = global_w_m2 - beam_w_m2 * cos_zenith
    tilt = math.radians(roof.tilt)
    facing = cos_zenith * math.cos(tilt) + math.cos(height) * math.sin(tilt) * math.cos(
        azimuth - math.radians(roof.azimuth)
    )
    seen = diffuse_w_m2 * (1 + math.cos(tilt)) / 2
    seen += GROUND_REFLECTS * global_w_m2 * (1 - math.cos(tilt)) / 2
    return beam_w_m2 * max(facing, 0.0), seen
