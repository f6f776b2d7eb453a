"""Difference metering: what enters Settlement for everybody behind one boundary.

In a settlement period with boundary reading Z and third parties' readings Y, the
network owner's advance is Z less what enters for each third party: Y, or Y scaled up
to the boundary for the losses on the private network. Energies are whole watt-hours,
import positive, so that what enters always adds up to Z. Source: Elexon, Using Generic
Metering Dispensation D/380 for customers on private networks, figure 1 and condition 1.
``docs/definitions.md``, "difference metering".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from harness.core.recording import Series

Whole = NDArray[np.int64]
PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Differenced:
    """What enters Settlement for one period, or why nothing does."""

    owner_wh: int | None = None
    advances_wh: Mapping[str, int] | None = None
    """What enters for each third party, by its MSID. [Wh]"""
    mark: str = ""
    """What is missing or cannot be, as a clause; "" if nothing."""


def scaled_up(reading_wh: int, scaled_ppm: int | None) -> int:
    """Return a third party's reading at the boundary: 10 becomes 10.2 at 2 %.

    What is exported shrinks on its way to the boundary: it is divided by the factor by
    which an import is multiplied. The note has no word on export (unverified).

    Parameters
    ----------
    reading_wh : int
        Import positive. [Wh]
    scaled_ppm : int or None
        Losses on the private network in millionths; None leaves the reading as it is.
    """
    factor = 1 + Fraction(scaled_ppm or 0, PPM)
    exact = reading_wh * factor if reading_wh >= 0 else reading_wh / factor
    half = Fraction(1, 2)
    return int(exact + half) if exact >= 0 else -int(-exact + half)


def differenced(
    boundary_wh: int | None,
    readings_wh: Mapping[str, int | None],
    *,
    scaled_ppm: int | None,
) -> Differenced:
    """Return what enters for everybody in one period.

    A missing reading settles nobody: to take it for zero would hand one party's energy
    to another. A negative rest is kept, for the sum must be the boundary's, and is
    marked: the owner's own generation makes it, and so does a wrong meter.

    Parameters
    ----------
    boundary_wh : int or None
        What the Boundary Point Meter counted; None if it is missing. [Wh]
    readings_wh : mapping
        What each Third Party Meter counted, by its MSID. [Wh]
    scaled_ppm : int or None
        See `scaled_up`.
    """
    missing = [msid for msid, wh in readings_wh.items() if wh is None]
    if boundary_wh is None or missing:
        whose = ["the boundary's"] if boundary_wh is None else []
        whose += [f"that of {msid}" for msid in missing]
        return Differenced(mark=f"a reading is missing: {', '.join(whose)}")
    advances = {
        msid: scaled_up(wh, scaled_ppm)
        for msid, wh in readings_wh.items()
        if wh is not None
    }
    owner_wh = boundary_wh - sum(advances.values())
    mark = f"the network owner's share is negative: {owner_wh} Wh"
    return Differenced(owner_wh, advances, mark if owner_wh < 0 else "")


def differenced_year(
    boundary_wh: Series, readings_wh: Series, *, scaled_ppm: int | None
) -> tuple[Series, Series]:
    """Return the same for whole arrays: owner's and third parties' advances. [Wh]

    Parameters
    ----------
    boundary_wh : ndarray of shape (days, periods)
        ``nan`` where a reading is missing, or a day has no such period.
    readings_wh : ndarray of shape (parties, days, periods)
        Third parties' readings.
    scaled_ppm : int or None
        See `scaled_up`.

    Returns
    -------
    owner, third parties : ndarray
        Whole watt-hours; ``nan`` for everybody in a period in which one is missing.
    """
    factor = 1 + (scaled_ppm or 0) / PPM
    exact = np.where(readings_wh >= 0, readings_wh * factor, readings_wh / factor)
    # Half away from zero, as `scaled_up`; a float's dust must not decide a half.
    rounded = np.sign(exact) * np.floor(np.abs(exact) + 0.5 + 1e-6)
    whole = np.isfinite(boundary_wh) & np.isfinite(readings_wh).all(axis=0)
    advances: Series = np.where(whole, rounded, np.nan)
    owner: Series = np.where(whole, boundary_wh - rounded.sum(axis=0), np.nan)
    return owner, advances
