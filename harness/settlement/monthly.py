"""A month of a DSO's service: what is submitted zone by zone, and what it earns.

Sustain and Secure settle half-hourly performance that a provider submits each calendar
month, aggregated by Constraint Management Zone. Source: CrowdFlex WP5 technical
specification, 3.1 and 3.2. ``docs/definitions.md``, "monthly submission".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN
from harness.core.calendar import PERIOD_S, PeriodOnBench, SettlementPeriod
from harness.core.recording import Series
from harness.settlement.money import Price, whole_wh
from harness.settlement.payments import Curve, utilisation_p

HOUR_S = 3600.0
STAMP_S = 60.0
"""How far a stamp may be from the end of its half-hour: the meter's clock. [s]"""

HalfHours = Mapping[SettlementPeriod, int]
"""What one meter counted in each half-hour, as submitted. [Wh]"""


@dataclass(frozen=True, slots=True)
class Place:
    """Homes at one place of the distribution network."""

    homes: int
    zone: str
    """Their Constraint Management Zone."""
    substation: str
    """The HV substation that feeds them; "" if nobody knows it."""


def half_hours(
    stamps_s: Series,
    energy_wh: Series,
    parts: Sequence[PeriodOnBench],
    *,
    period_s: float = PERIOD_S,
) -> dict[SettlementPeriod, int]:
    """Return a load profile as the half-hours of a month.

    Finer periods are added up; a half-hour that lacks one of them is missing. Of
    longer ones, or of such as do not fill half-hours, there are no half-hours.

    Parameters
    ----------
    stamps_s : ndarray of shape (n,)
        When each entry ended, by the meter, in bench time. [s]
    energy_wh : ndarray of shape (n,)
        What it counted. [Wh]
    parts : sequence of PeriodOnBench
        The month's settlement periods.
    period_s : float
        How long the meter says its periods are. [s]
    """
    if not parts or not period_s > 0 or PERIOD_S % period_s:
        return {}
    # Half-hours are half an hour apart whatever the clocks on the wall do.
    begins_s = parts[0].from_s
    by_place = {round((part.from_s - begins_s) / PERIOD_S): part for part in parts}
    counts: dict[SettlementPeriod, list[float]] = {}
    for stamp_s, wh in zip(stamps_s, energy_wh, strict=True):
        number = round((stamp_s - begins_s) / period_s)
        off_s = abs(stamp_s - begins_s - number * period_s)
        part = by_place.get(math.floor((number - 1) * period_s / PERIOD_S))
        if part is not None and math.isfinite(wh) and off_s <= STAMP_S:
            counts.setdefault(part.period, []).append(float(wh))
    needed = round(PERIOD_S / period_s)
    return {
        period: whole_wh(math.fsum(wh))
        for period, wh in counts.items()
        if len(wh) == needed
    }


def completeness(found: HalfHours, parts: Sequence[PeriodOnBench]) -> float:
    """Return how much of a month's half-hours there is. [%]"""
    if not parts:
        return math.nan
    return 100 * sum(part.period in found for part in parts) / len(parts)


@dataclass(frozen=True, slots=True)
class Row:
    """What is submitted for one zone."""

    zone: str
    homes: int
    half_hours: int
    """How many half-hours are in it."""
    energy_wh: int


def submitted(
    found: HalfHours, places: Sequence[Place]
) -> tuple[list[Row], tuple[Place, ...]]:
    """Return what is submitted by zone, and the places that cannot be.

    Homes whose HV substation nobody knows are in no zone's sum.
    """
    located = [one for one in places if one.substation]
    zones = dict.fromkeys(one.zone for one in located)
    energy_wh = sum(found.values())
    rows = []
    for zone in zones:
        homes = sum(one.homes for one in located if one.zone == zone)
        rows.append(Row(zone, homes, len(found), homes * energy_wh))
    return rows, tuple(one for one in places if not one.substation)


@dataclass(frozen=True, slots=True)
class Performance:
    """What one home delivered in a month's windows, and what it is paid."""

    delivered: Estimate
    """Of what was asked. [%]"""
    payment_p: int
    full_p: int
    """What all that was asked for would earn. [p]"""
    missing: int
    """Half-hours of windows that nobody has."""
    delivered_wh: int
    asked_wh: int


def performance(
    found: HalfHours,
    windows: Sequence[SettlementPeriod],
    *,
    deemed_w: float,
    level_w: float,
    price: Price,
    curve: Curve,
    relative_u: float,
) -> Performance:
    """Return a home's month against its deemed baseline.

    A half-hour that is missing delivered nothing. The meter's gain acts on what it
    counted; the deemed baseline is exact by agreement.

    Parameters
    ----------
    found : mapping
        The submitted half-hours. [Wh]
    windows : sequence of SettlementPeriod
        Those for which delivery was scheduled or called.
    deemed_w, level_w : float
        The deemed baseline, and what the home was to draw at most. [W]
    price, curve : Price, Curve
        What delivery earns.
    relative_u : float
        Standard uncertainty of the meter's gain.

    Raises
    ------
    ValueError
        If nothing was asked for.
    """
    asked_wh = whole_wh((deemed_w - level_w) * PERIOD_S / HOUR_S)
    if asked_wh <= 0 or not windows:
        raise ValueError("nothing was asked for: no windows, or no less than usual")
    deemed_wh = whole_wh(deemed_w * PERIOD_S / HOUR_S)
    seen = [period for period in windows if period in found]
    metered_wh = sum(found[period] for period in seen)
    delivered_wh = len(seen) * deemed_wh - metered_wh
    whole = len(windows) * asked_wh
    u = 100 * relative_u * abs(metered_wh) / whole
    payments = [
        utilisation_p(deemed_wh - found[one], asked_wh, price, curve) for one in seen
    ]
    return Performance(
        Estimate(100 * delivered_wh / whole, "%", (Contribution(GAIN, u),)),
        sum(payments),
        len(windows) * utilisation_p(asked_wh, asked_wh, price, curve),
        len(windows) - len(seen),
        delivered_wh,
        whole,
    )
