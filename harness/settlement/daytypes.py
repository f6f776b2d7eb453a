"""Working and non-working days, by the bank holidays of each country."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

import holidays
import numpy as np
from numpy.typing import NDArray

SATURDAY = 5


class Country(StrEnum):
    """Whose bank holidays count."""

    ENGLAND_AND_WALES = "ENG"
    SCOTLAND = "SCT"


@lru_cache(maxsize=64)
def bank_holidays(country: Country, year: int) -> frozenset[date]:
    """Return the bank holidays of a year, days in lieu included.

    Source: the `holidays` library, which follows the gov.uk list. Days that were
    proclaimed after its release have to be added by the caller (`also`).
    """
    return frozenset(
        holidays.country_holidays("GB", subdiv=country.value, years=year).keys()
    )


def is_working(day: date, country: Country, also: Collection[date] = ()) -> bool:
    """Tell whether a day is a working day.

    Parameters
    ----------
    day : date
        A local date.
    country : Country
        Whose bank holidays count.
    also : collection of date
        Further days off, such as a bank holiday proclaimed once.
    """
    off = day in also or day in bank_holidays(country, day.year)
    return day.weekday() < SATURDAY and not off


def working_days(
    days: Iterable[date], country: Country, also: Collection[date] = ()
) -> NDArray[np.bool_]:
    """Return for each day whether it is a working day."""
    return np.array([is_working(day, country, also) for day in days], dtype=np.bool_)


def working_days_after(
    first: date, last: date, country: Country, also: Collection[date] = ()
) -> int:
    """Count the working days after one day, up to and with another.

    Parameters
    ----------
    first, last : date
        The day from which it is counted, itself not counted, and the day that ends it.
    country : Country
        Whose bank holidays count.
    also : collection of date
        Further days off.
    """
    days = (first + timedelta(days=n) for n in range(1, (last - first).days + 1))
    return sum(is_working(day, country, also) for day in days)
