"""Demand Flexibility Service: a home's baseline, and what its unit earns.

The baseline is BL01's, with or without its in-day adjustment as the edition has it.
A unit is paid its own price for what it delivered in a half-hour, capped at what it
accepted. ``docs/definitions.md``, "settlement of a DFS unit".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN, scaled
from harness.core.calendar import PERIOD_S, SettlementPeriod
from harness.core.recording import Series
from harness.settlement.baselines import Bl01Terms, Energies, bl01, in_day_offsets
from harness.settlement.daytypes import Country, working_days
from harness.settlement.money import Price, amount_p, whole_wh
from harness.settlement.payments import through_one_meter
from harness.settlement.periods import MOST, Grid, grid
from harness.settlement.volumes import HalfHour, delivered

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Usual:
    """What a home draws on one kind of day, from one clock time to another."""

    working: bool
    from_s: float
    until_s: float
    power_w: float
    varies_percent: float
    """Standard deviation from half-hour to half-hour. [%]"""


@dataclass(frozen=True, slots=True)
class History:
    """What a data collector holds of a home's boundary meter before the event."""

    usual: tuple[Usual, ...] = ()
    called: Mapping[int, float] | None = None
    """On how many days before it was called, and what it drew then. [W]"""
    missing: tuple[int, ...] = ()
    """Of how many days before a half-hour is missing."""


def counted(
    history: History, on: date, country: Country, *, look_back: int, seed: int
) -> tuple[Grid, Energies, frozenset[date]]:
    """Return the days before an event and itself, what was counted, and event days.

    Parameters
    ----------
    history : History
        What the home draws usually, and on which days not.
    on : date
        The day of the event; nothing is counted on it yet.
    country : Country
        Whose bank holidays count.
    look_back : int
        How many days before.
    seed : int
        Of the scatter from half-hour to half-hour.

    Returns
    -------
    days : Grid
        Ending with the day of the event.
    energy_wh : ndarray of shape (days, 50)
        ``nan`` where nothing is known. [Wh]
    event_days : frozenset of date
        Days on which it was called.
    """
    days = grid(on - timedelta(days=look_back), on)
    working = working_days(days.days, country)
    found = np.full((len(days.days), MOST), np.nan)
    scatter = np.random.default_rng(seed).standard_normal(found.shape)
    begins_s = np.where(days.has, days.slots * PERIOD_S, np.nan)
    for one in history.usual:
        inside = (begins_s >= one.from_s) & (begins_s < one.until_s)
        inside &= (working == one.working)[:, None]
        mean_wh = one.power_w * PERIOD_S / HOUR_S
        drawn = np.rint(mean_wh * (1 + one.varies_percent / 100 * scatter))
        found[inside] = drawn[inside]
    called = history.called or {}
    for ago, power_w in called.items():
        found[-1 - ago, : days.counts[-1 - ago]] = power_w * PERIOD_S / HOUR_S
    for ago in history.missing:
        found[-1 - ago, 0] = np.nan
    found[-1] = np.nan
    event_days = frozenset(on - timedelta(days=ago) for ago in called)
    return days, found, event_days


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a home would have drawn, by its history and by the day itself."""

    energy: Mapping[SettlementPeriod, Estimate]
    """Of each half-hour of the event. [Wh]"""
    days: int
    """How many days it is the mean of."""
    offset_wh: float
    """What the in-day adjustment adds to each half-hour. [Wh]"""
    why: str = ""
    """Why there is none; "" if there is one."""


def baseline_of(
    days: Grid,
    energy_wh: Energies,
    halves: Sequence[HalfHour],
    called: Sequence[SettlementPeriod],
    *,
    country: Country,
    event_days: Collection[date],
    in_day: bool,
    terms: Bl01Terms,
    relative_u: float,
) -> Baseline:
    """Return a home's baseline for the half-hours of one event.

    One meter counted all of it, so that its gain acts on the difference alone.

    Parameters
    ----------
    days : Grid
        Days before the event, and the event's own as the last.
    energy_wh : ndarray of shape (days, 50)
        What was counted on the days before. [Wh]
    halves : sequence of HalfHour
        What was metered on the day itself.
    called : sequence of SettlementPeriod
        The half-hours of the event, in order.
    country : Country
        Whose bank holidays count.
    event_days : collection of date
        Days that are not averaged.
    in_day : bool
        Whether the baseline is moved by what was metered before the event.
    terms : Bl01Terms
        The numbers of BL01.
    relative_u : float
        Standard uncertainty of the meter's gain.
    """
    wh = energy_wh.copy()
    for half in halves:
        if half.settled and half.period.day == days.days[-1]:
            wh[-1, half.period.number - 1] = half.energy.value
    last = len(days.days) - 1
    base = bl01(
        wh[None], days, working=working_days(days.days, country),
        event_days=np.array([[day in event_days for day in days.days]]),
        settled=slice(last, None), terms=terms,
    )  # fmt: skip
    count = int(base.averaged[0, 0])
    if base.too_few[0, 0]:
        why = f"too few days for a baseline, {count} of {base.least[0]}"
        return Baseline({}, count, math.nan, why)
    offset_wh = 0.0
    if in_day:
        first = np.array([[called[0].number]])
        own = Grid(days.days[last:])
        offsets = in_day_offsets(wh[None, last:], base.energy_wh, own, first, terms)
        offset_wh = float(offsets[0, 0])
    if math.isnan(offset_wh):
        why = "a half-hour of the in-day window is missing"
        return Baseline({}, count, math.nan, why)
    found = {}
    for period in called:
        value = float(base.energy_wh[0, 0, period.number - 1]) + offset_wh
        gain = Contribution(GAIN, relative_u * abs(value))
        found[period] = Estimate(value, "Wh", (gain,))
    return Baseline(found, count, offset_wh)


@dataclass(frozen=True, slots=True)
class Others:
    """Further homes of a unit, alike, and how much more than baseline they draw."""

    homes: int
    more_w: float


@dataclass(frozen=True, slots=True)
class Account:
    """How a unit is settled."""

    homes: int
    """How many are like the one on the bench."""
    accepted_w: int
    """What the unit accepted to move. [W]"""
    price: Price
    upwards: bool = False
    positive_only: bool = False
    """Whether a home that moved the wrong way counts as nothing, not against others."""
    others: tuple[Others, ...] = ()

    @property
    def accepted_wh(self) -> int:
        """What it accepted to move in a half-hour. [Wh]"""
        return whole_wh(self.accepted_w * PERIOD_S / HOUR_S)


@dataclass(frozen=True, slots=True)
class Line:
    """One half-hour of a unit."""

    half: HalfHour
    baseline: Estimate
    home: Estimate
    """What the home on the bench delivered. [Wh]"""
    unit: Estimate
    """What the unit delivered. [Wh]"""
    payment_p: int


def unit_lines(
    halves: Sequence[HalfHour], baseline: Baseline, account: Account
) -> list[Line]:
    """Return every half-hour of an event, settled for the whole unit.

    Parameters
    ----------
    halves : sequence of HalfHour
        What the home's boundary meter counted.
    baseline : Baseline
        What it would have counted.
    account : Account
        The unit, its price, and whether wrong ways count against right ones.
    """
    found = []
    for half in halves:
        base = baseline.energy.get(half.period)
        if base is None:
            continue
        home = delivered(half, base, upwards=account.upwards)
        unit = _unit(home, account)
        found.append(Line(half, base, home, unit, _payment_p(unit, account)))
    return found


def _rest_wh(account: Account) -> float:
    """Return what the unit's other homes deliver in a half-hour. [Wh]"""
    sign = 1.0 if account.upwards else -1.0
    each = [one.homes * sign * one.more_w * PERIOD_S / HOUR_S for one in account.others]
    return math.fsum(max(wh, 0.0) if account.positive_only else wh for wh in each)


def _unit(home: Estimate, account: Account) -> Estimate:
    if not math.isfinite(home.value):
        return home
    unit, more_wh = scaled(home, account.homes, "Wh"), _rest_wh(account)
    if account.positive_only and unit.value < 0:
        unit = Estimate(0.0, "Wh")
    ends = None
    if unit.unseen is not None:
        ends = (unit.unseen[0] + more_wh, unit.unseen[1] + more_wh)
    return replace(unit, value=unit.value + more_wh, unseen=ends)


def _payment_p(unit: Estimate, account: Account) -> int:
    if not math.isfinite(unit.value):
        return 0
    wh = min(max(whole_wh(unit.value), 0), account.accepted_wh)
    return amount_p(wh, account.price)


def paid_share(lines: Sequence[Line], account: Account) -> Estimate:
    """Return what is paid, over what all that was accepted would earn. [%]

    The meter's gain is one cause for all half-hours, and the payment is capped.

    Raises
    ------
    ValueError
        If nothing was accepted, or it is free: then there is no share.
    """
    accepted_wh, rest_wh = account.accepted_wh, _rest_wh(account)
    if not lines or accepted_wh <= 0 or account.price.steps <= 0:
        raise ValueError("nothing was accepted, or it costs nothing")

    def due(home_wh: Sequence[Series]) -> Series:
        """Percent of all that was accepted, all half-hours together."""
        found: Series = np.zeros(())
        for wh in home_wh:
            own = account.homes * wh
            own = np.maximum(own, 0.0) if account.positive_only else own
            found = found + np.clip(own + rest_wh, 0.0, accepted_wh)
        return found * (100 / (accepted_wh * len(lines)))

    return replace(through_one_meter(due, [line.home for line in lines]), unit="%")
