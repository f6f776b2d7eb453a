"""What a meter would have counted without an instruction: four ways to say it.

BL01-style from history, its in-day adjustment, nominated and deemed. Arrays are shaped
(mpans, days, 50), in Wh a period, import positive; ``nan`` is missing.
``docs/definitions.md``, "baseline".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from harness.core.calendar import PERIOD_S
from harness.core.errors import UsageError
from harness.rulebook.book import Rulebook
from harness.settlement.periods import MOST, USUAL, Grid, Index

Energies = NDArray[np.float64]
Mask = NDArray[np.bool_]
HOUR_S = 3600.0
BLOCK = 32
"""Meters worked on at once: their sums stay in the cache."""


@dataclass(frozen=True, slots=True)
class Bl01Terms:
    """The numbers of BL01, as the rulebook has them."""

    look_back_days: int = 60
    working: int = 10
    non_working: int = 4
    least_working: int = 5
    least_non_working: int = 2
    window: int = 6
    """Length of the in-day window. [settlement periods]"""
    ahead: int = 2
    """From the end of that window to the first period of the event. [periods]"""


def bl01_terms(book: Rulebook, on: date) -> Bl01Terms:
    """Return the terms in force on a date.

    Raises
    ------
    RuleError
        If there were none.
    """

    def number(name: str) -> float:
        rule = book.rule(f"bl01/{name}", on=on)
        bound = rule.at_least if rule.at_most is None else rule.at_most
        return float(bound or 0.0)

    return Bl01Terms(
        look_back_days=int(number("look-back")),
        working=int(number("working-days")),
        non_working=int(number("non-working-days")),
        least_working=int(number("least-working-days")),
        least_non_working=int(number("least-non-working-days")),
        window=int(number("in-day-window") / PERIOD_S),
        ahead=int(number("in-day-ahead") / PERIOD_S),
    )


@dataclass(frozen=True, slots=True)
class Baselines:
    """Baselines of settled days, and of how many days each is the mean."""

    energy_wh: Energies
    """Shape (mpans, days, 50); ``nan`` where there were too few days."""
    averaged: Index
    """How many days were averaged, shape (mpans, days)."""
    least: Index
    """How many were needed, shape (days,)."""

    @property
    def too_few(self) -> Mask:
        """Which baselines were refused, shape (mpans, days)."""
        refused: Mask = self.averaged < self.least
        return refused

    def refusals(self, mpans: Sequence[str], days: Sequence[date]) -> Iterator[str]:
        """Say of each refused baseline whose it is, of which day, and why."""
        for row, column in np.argwhere(self.too_few):
            yield (
                f"MPAN {mpans[row]}, {days[column]}: too few days for a baseline, "
                f"{self.averaged[row, column]} of {self.least[column]}"
            )


def bl01(
    energy_wh: Energies,
    days: Grid,
    *,
    working: Mask,
    event_days: Mask,
    settled: slice,
    terms: Bl01Terms | None = None,
) -> Baselines:
    """Return the unadjusted baseline: a plain mean of the latest days of its kind.

    Of the days before, at most `look_back_days` back: those of the same kind, working
    or not, without event days, days of a clock change, and days with a missing
    half-hour. A day of a clock change is settled by its local clocks.

    Parameters
    ----------
    energy_wh : ndarray of shape (mpans, days, 50)
        Metered volumes; sums are exact if they are whole watt-hours. [Wh]
    days : Grid
        The days of `energy_wh`.
    working : ndarray of bool, shape (days,)
        `harness.settlement.daytypes.working_days`.
    event_days : ndarray of bool, shape (mpans, days)
        Days that must not be averaged: dispatched, traded, or lost to an outage.
    settled : slice
        The days for which baselines are wanted.
    terms : Bl01Terms, optional
        `bl01_terms` of the rulebook.

    Raises
    ------
    ValueError
        If shapes do not fit each other.
    """
    by = terms or Bl01Terms()
    _check_shapes(energy_wh, days, working, event_days)
    wanted = np.arange(len(days.days))[settled]
    mpans = energy_wh.shape[0]
    found = np.full((mpans, wanted.size, MOST), np.nan)
    averaged = np.zeros((mpans, wanted.size), dtype=np.intp)
    least = np.where(working[wanted], by.least_working, by.least_non_working)
    for kind, most in ((True, by.working), (False, by.non_working)):
        pool = np.flatnonzero((working == kind) & (days.counts == USUAL))
        places = np.flatnonzero(working[wanted] == kind)
        for first in range(0, mpans, BLOCK):
            rows = slice(first, first + BLOCK)
            mean_wh, count = _latest_means(
                energy_wh[rows, pool, :USUAL],
                event_days[rows][:, pool],
                until=np.searchsorted(pool, wanted[places]),
                since=np.searchsorted(pool, wanted[places] - by.look_back_days),
                most=most,
            )
            mean_wh[count < least[places]] = np.nan
            averaged[rows, places] = count
            found[rows, places, :USUAL] = mean_wh
    _by_local_clocks(found, days, wanted)
    return Baselines(found, averaged, least.astype(np.intp))


def _check_shapes(
    energy_wh: Energies, days: Grid, working: Mask, event_days: Mask
) -> None:
    count = len(days.days)
    if energy_wh.ndim != 3 or energy_wh.shape[1:] != (count, MOST):
        raise ValueError(f"energies are {energy_wh.shape}, not (mpans, {count}, 50)")
    if working.shape != (count,) or event_days.shape != energy_wh.shape[:2]:
        raise ValueError("working and event days do not fit the energies")


def _latest_means(
    pool_wh: Energies, barred: Mask, *, until: Index, since: Index, most: int
) -> tuple[Energies, Index]:
    """Return means over the latest good days before `until`, not before `since`.

    `pool_wh` has the days of one kind, shape (mpans, pool, 48); `until` and `since`
    are places among them, one for each wanted day. Running sums make each mean a
    difference of two, whatever days it spans.
    """
    mpans, size, width = pool_wh.shape
    good = ~barred & ~np.isnan(pool_wh.sum(axis=2))
    running = np.zeros((mpans, size + 1, width))
    np.cumsum(np.where(good[..., None], pool_wh, 0.0), axis=1, out=running[:, 1:])
    ranks = np.zeros((mpans, size + 1), dtype=np.intp)
    np.cumsum(good, axis=1, out=ranks[:, 1:])
    # The places of good days come first, in order; one more place for "none".
    order = np.argsort(~good, axis=1, kind="stable")
    order = np.concatenate([order, np.full((mpans, 1), size)], axis=1)
    seen = ranks[:, until]
    count = np.minimum(seen - ranks[:, since], most)
    begin = np.take_along_axis(order, seen - count, axis=1)
    begin = np.where(count > 0, begin, until)
    row = np.arange(mpans)[:, None]
    mean_wh = running[:, until]
    mean_wh -= running[row, begin]
    mean_wh /= np.maximum(count, 1)[..., None]
    return mean_wh, count


def _by_local_clocks(found: Energies, days: Grid, wanted: Index) -> None:
    """Give days of a clock change the half-hours that local clocks show."""
    for place in np.flatnonzero(days.counts[wanted] != USUAL):
        slots = days.slots[wanted[place]]
        usual = found[:, place, :USUAL].copy()
        found[:, place] = np.where(slots >= 0, usual[:, slots.clip(0)], np.nan)


def in_day_offsets(
    metered_wh: Energies,
    unadjusted_wh: Energies,
    days: Grid,
    first: Index,
    terms: Bl01Terms | None = None,
) -> Energies:
    """Return the flat offset of the in-day adjustment, shape (mpans, days). [Wh]

    The mean of metered less unadjusted over the window before the event, in real
    elapsed time: it may reach into the day before. 0 where there is no event, ``nan``
    where any half-hour of the window is missing or lies before the first day.

    Parameters
    ----------
    metered_wh, unadjusted_wh : ndarray of shape (mpans, days, 50)
        Of the settled days. [Wh]
    days : Grid
        The settled days.
    first : ndarray of int, shape (mpans, days)
        Number of the event's first settlement period; 0 for no event.
    terms : Bl01Terms, optional
        `bl01_terms` of the rulebook.
    """
    by = terms or Bl01Terms()
    offsets = np.zeros(first.shape)
    mpan, day = np.nonzero(first)
    end = days.row(day, first[mpan, day] - 1) - by.ahead
    rows = end[:, None] + np.arange(-by.window, 0)
    before, number = days.back(rows.clip(0))
    where = (mpan[:, None], before, number)
    miss_wh = metered_wh[where] - unadjusted_wh[where]
    miss_wh[rows < 0] = np.nan
    offsets[mpan, day] = miss_wh.mean(axis=1)
    return offsets


def adjusted(unadjusted_wh: Energies, offsets_wh: Energies) -> Energies:
    """Return baselines with their in-day offsets, every period of a day alike. [Wh]"""
    shifted: Energies = unadjusted_wh + offsets_wh[..., None]
    return shifted


def nominated(profile_w: Energies, days: Grid) -> Energies:
    """Return a baseline that a provider nominated for a week, shape (days, 50). [Wh]

    Parameters
    ----------
    profile_w : ndarray of shape (7, 48)
        Power of each local half-hour, Monday first: stamped at its start, in local
        time, as Flexible Power has it (but import positive). [W]
    days : Grid
        The days wanted. On a day of a clock change local clocks decide.

    Raises
    ------
    UsageError
        If it is no week of half-hours, or a power is missing.
    """
    if profile_w.shape != (7, USUAL) or not np.isfinite(profile_w).all():
        fact = "it is not a power for each of 7 days of 48 half-hours"
        raise UsageError("the nominated baseline", fact, "336 powers, none missing")
    weekday = [day.weekday() for day in days.days]
    week = profile_w[weekday] * (PERIOD_S / HOUR_S)
    by_slot = np.take_along_axis(week, days.slots.clip(0), axis=1)
    return np.where(days.has, by_slot, np.nan)


def deemed(unit_w: float, units: int, days: Grid) -> Energies:
    """Return a deemed baseline: so many units at one power each, (days, 50). [Wh]

    Raises
    ------
    UsageError
        If there is no unit or no power.
    """
    if units < 1 or not math.isfinite(unit_w):
        fact = f"{units} units of {unit_w:g} W are nothing"
        raise UsageError("the deemed baseline", fact, "at least one unit with a power")
    return np.where(days.has, units * unit_w * (PERIOD_S / HOUR_S), np.nan)
