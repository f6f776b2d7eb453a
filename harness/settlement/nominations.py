"""A provider's nominated week, read from the table that Flexible Power takes.

Columns ``day_of_week, local_time, power_kw``; times are local, at the start of the
half-hour; generation is positive there, so signs are turned (Flexible Power portal,
public FAQ; unverified here). ``docs/definitions.md``, "baseline".
"""

from __future__ import annotations

import csv
import io
import math
import re

import numpy as np

from harness.core.errors import UsageError
from harness.settlement.baselines import Energies
from harness.settlement.periods import USUAL

COLUMNS = ("day_of_week", "local_time", "power_kw")
DAYS = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([03]0)(:00)?")


def nominated_week(text: str, *, where: str = "the nominated baseline") -> Energies:
    """Return a week of powers, shape (7, 48), Monday first, import positive. [W]

    Parameters
    ----------
    text : str
        The table as CSV.
    where : str
        Name of the file, for errors.

    Raises
    ------
    UsageError
        Naming the line, if a column is missing, a day, time or power is none, or a
        half-hour is there twice or not at all.
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    header = [name.strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        fact = f"it has no column {', '.join(missing)}"
        raise UsageError(where, fact, f"the columns {', '.join(COLUMNS)}")
    reader.fieldnames = header
    week = np.full((len(DAYS), USUAL), np.nan)
    for row in reader:
        here = f"{where}:{reader.line_num}"
        day, slot = _day(row["day_of_week"], here), _slot(row["local_time"], here)
        if not math.isnan(week[day, slot]):
            raise UsageError(here, "that half-hour is there already", "one row for it")
        week[day, slot] = 0.0 - 1000 * _power_kw(row["power_kw"], here)
    lacks = np.argwhere(np.isnan(week))
    if lacks.size:
        day, slot = (int(x) for x in lacks[0])
        first = f"{DAYS[day].capitalize()} {slot // 2:02d}:{slot % 2 * 30:02d}"
        fact = f"{len(lacks)} half-hours are missing, the first is {first}"
        raise UsageError(where, fact, "a row for each of 336 half-hours")
    return week


def _day(text: str | None, here: str) -> int:
    name = (text or "").strip().lower()
    if name not in DAYS:
        raise UsageError(here, f"{text!r} is no day of the week", "Monday to Sunday")
    return DAYS.index(name)


def _slot(text: str | None, here: str) -> int:
    found = _CLOCK.fullmatch((text or "").strip())
    if found is None:
        hint = "a time at which a half-hour begins, such as 17:30"
        raise UsageError(here, f"{text!r} begins no half-hour", hint)
    return 2 * int(found[1]) + int(found[2]) // 30


def _power_kw(text: str | None, here: str) -> float:
    try:
        power_kw = float(text or "")
    except ValueError:
        power_kw = math.nan
    if not math.isfinite(power_kw):
        raise UsageError(here, f"{text!r} is no power in kW", "a number, such as -2.4")
    return power_kw
