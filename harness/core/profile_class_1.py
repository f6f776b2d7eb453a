"""How the average British home without electric heating draws power, by half-hours.

Profile Class 1 (domestic unrestricted), average demand of a customer in each half-hour
of the local day, for five seasons and three kinds of day. Source: Electricity
Association load research of 1997, published by Elexon and kept by the UKERC Energy
Data Centre ("Electricity user load profiles by profile class"). Transcribed from
copies in public repositories, two of which agree on the winter weekday: unverified
against the publication itself. Bank holidays are not told apart here.

The seasons are those of that publication: spring from the clock change in March;
summer ten weeks from the sixteenth Saturday before the August bank holiday; high
summer from the sixth Saturday before it to the Sunday after it; then autumn until the
clock change in October, and winter.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from harness.core.calendar import LONDON, local_midnight

HALF_HOURS: Final = 48
SOURCE: Final = (
    "Elexon and Electricity Association, Profile Class 1, 1997 (UKERC Energy Data "
    "Centre; unverified)"
)

_TENS_OF_WATTS: Final[dict[tuple[str, str], tuple[int, ...]]] = {
    ("autumn", "weekday"): (
        28, 24, 21, 20, 19, 19, 18, 18, 19, 19, 19, 21, 26, 34, 43, 50,
        49, 45, 42, 41, 41, 39, 38, 39, 41, 40, 39, 37, 36, 36, 37, 39,
        46, 55, 61, 61, 65, 68, 69, 68, 69, 67, 66, 62, 58, 51, 42, 34,
    ),
    ("autumn", "saturday"): (
        31, 27, 24, 22, 20, 19, 19, 19, 19, 19, 19, 20, 23, 27, 33, 40,
        44, 47, 47, 48, 48, 47, 45, 47, 49, 49, 45, 42, 41, 41, 41, 43,
        46, 52, 58, 57, 61, 68, 71, 69, 67, 63, 63, 58, 55, 52, 46, 40,
    ),
    ("autumn", "sunday"): (
        35, 30, 24, 22, 21, 20, 19, 19, 19, 18, 19, 20, 20, 22, 27, 32,
        37, 44, 49, 54, 55, 55, 56, 59, 63, 64, 61, 57, 47, 47, 46, 48,
        48, 51, 54, 60, 62, 66, 71, 69, 68, 66, 66, 61, 58, 51, 42, 34,
    ),
    ("high summer", "weekday"): (
        29, 25, 22, 21, 20, 19, 19, 19, 19, 19, 20, 21, 24, 30, 37, 39,
        41, 41, 40, 40, 39, 39, 37, 38, 40, 39, 37, 35, 35, 35, 36, 37,
        42, 50, 53, 52, 51, 50, 48, 46, 48, 51, 56, 56, 54, 48, 41, 35,
    ),
    ("high summer", "saturday"): (
        31, 27, 23, 22, 21, 20, 19, 20, 19, 20, 20, 20, 22, 26, 33, 35,
        37, 43, 43, 43, 43, 42, 41, 42, 44, 42, 41, 38, 37, 36, 37, 39,
        40, 46, 48, 48, 48, 47, 46, 46, 48, 49, 50, 51, 49, 47, 42, 37,
    ),
    ("high summer", "sunday"): (
        33, 29, 25, 23, 21, 20, 20, 20, 20, 19, 20, 20, 21, 24, 28, 31,
        35, 40, 44, 47, 50, 52, 53, 56, 58, 57, 55, 50, 45, 41, 41, 42,
        42, 46, 49, 50, 50, 48, 48, 48, 50, 50, 53, 53, 52, 49, 41, 35,
    ),
    ("summer", "weekday"): (
        27, 23, 21, 20, 19, 19, 18, 18, 18, 18, 19, 20, 25, 32, 40, 43,
        44, 41, 40, 39, 38, 37, 37, 37, 39, 38, 36, 35, 34, 35, 35, 39,
        44, 52, 56, 55, 54, 52, 50, 48, 47, 49, 51, 53, 55, 49, 41, 34,
    ),
    ("summer", "saturday"): (
        31, 26, 23, 21, 20, 19, 19, 19, 19, 19, 19, 20, 22, 27, 31, 36,
        40, 43, 46, 46, 46, 44, 43, 45, 47, 45, 43, 42, 41, 40, 40, 42,
        42, 47, 52, 53, 50, 51, 50, 49, 47, 45, 47, 50, 51, 49, 43, 37,
    ),
    ("summer", "sunday"): (
        32, 28, 25, 22, 21, 20, 19, 19, 19, 19, 19, 19, 20, 23, 28, 31,
        37, 41, 46, 49, 52, 54, 56, 58, 61, 61, 57, 51, 46, 45, 46, 45,
        46, 48, 49, 51, 51, 51, 50, 47, 48, 48, 52, 53, 54, 50, 41, 34,
    ),
    ("spring", "weekday"): (
        29, 25, 22, 21, 20, 19, 19, 19, 19, 19, 19, 21, 27, 35, 42, 48,
        49, 44, 43, 42, 41, 39, 38, 38, 42, 41, 39, 36, 37, 37, 37, 41,
        46, 54, 60, 59, 58, 57, 57, 57, 61, 64, 67, 64, 61, 53, 45, 36,
    ),
    ("spring", "saturday"): (
        33, 29, 25, 23, 22, 20, 19, 19, 19, 20, 20, 20, 23, 28, 33, 39,
        43, 46, 49, 48, 49, 48, 47, 50, 52, 50, 46, 43, 41, 44, 43, 45,
        50, 54, 58, 61, 61, 57, 59, 61, 62, 64, 63, 60, 57, 53, 47, 39,
    ),
    ("spring", "sunday"): (
        33, 30, 27, 24, 22, 21, 20, 19, 19, 19, 20, 20, 21, 24, 29, 34,
        42, 45, 50, 55, 55, 59, 61, 66, 67, 65, 61, 55, 49, 47, 46, 46,
        49, 50, 55, 58, 57, 56, 58, 55, 62, 65, 67, 63, 59, 54, 44, 36,
    ),
    ("winter", "weekday"): (
        33, 28, 25, 23, 22, 21, 21, 20, 20, 21, 22, 24, 31, 39, 52, 63,
        62, 57, 52, 50, 49, 48, 47, 47, 49, 49, 47, 45, 44, 46, 47, 53,
        64, 78, 89, 92, 92, 91, 88, 84, 80, 78, 77, 72, 67, 59, 49, 41,
    ),
    ("winter", "saturday"): (
        39, 32, 28, 25, 23, 22, 21, 21, 21, 21, 22, 23, 27, 32, 39, 46,
        51, 56, 57, 57, 57, 57, 56, 56, 59, 59, 58, 54, 52, 53, 53, 56,
        63, 73, 83, 89, 89, 90, 89, 84, 80, 74, 73, 69, 64, 59, 52, 46,
    ),
    ("winter", "sunday"): (
        41, 34, 30, 27, 25, 23, 22, 21, 21, 21, 21, 22, 24, 27, 31, 38,
        44, 53, 58, 62, 68, 70, 73, 74, 77, 77, 74, 68, 63, 63, 64, 65,
        72, 79, 86, 90, 92, 90, 88, 85, 82, 78, 77, 72, 67, 60, 50, 42,
    ),
}  # fmt: skip
"""Units of 10 W; the first half-hour begins at midnight."""


def half_hours_w(day: date) -> tuple[float, ...]:
    """Return the mean power in each half-hour of the local clock, 48 of them. [W]"""
    kinds = ("weekday",) * 5 + ("saturday", "sunday")
    return tuple(
        10.0 * tens for tens in _TENS_OF_WATTS[season(day), kinds[day.weekday()]]
    )


@lru_cache(maxsize=64)
def season(day: date) -> str:
    """Return ``spring``, ``summer``, ``high summer``, ``autumn`` or ``winter``."""
    august = august_bank_holiday(day.year)
    if not _is_summer_time(day):
        return "winter"
    if day < _saturday_before(august, 16):
        return "spring"
    if day < _saturday_before(august, 6):
        return "summer"
    return "high summer" if day < august + timedelta(weeks=1) else "autumn"


def august_bank_holiday(year: int) -> date:
    """Return the last Monday in August (England and Wales)."""
    last = date(year, 8, 31)
    return last - timedelta(days=last.weekday())


def _saturday_before(monday: date, count: int) -> date:
    return monday - timedelta(days=2 + 7 * (count - 1))


def _is_summer_time(day: date) -> bool:
    """Whether clocks show summer time by the end of this day."""
    end = local_midnight(day + timedelta(days=1)).astimezone(LONDON)
    return bool(end.dst())
