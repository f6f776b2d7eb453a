"""What a neighbourhood draws, makes and stores in every half-hour of a year.

All homes at once, half-hour by half-hour; power is in kilowatts, drawn positive. Energy
is conserved in every half-hour: what crosses the boundary is what is drawn, less what
is made, plus what stores take.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from harness.core.base_load import published_kwh_per_day
from harness.core.profile_class_1 import half_hours_w
from harness.neighbourhood.weather import Flags, Series, Year
from harness.rig.neighbourhood import (
    Coordination,
    HomesTable,
    NeighbourhoodTable,
)

HALF_H = 0.5
UNEVEN: Final = 1.6
"""Shape of how a home's half-hours vary about its profile (gamma; chosen)."""
EFFICIENCY = 0.9
"""Of a store, there and back (chosen)."""
BASE_C = 15.5
"""Out of doors, the warmth at which nobody heats. [°C]"""
ARRIVES_H: Final = (18.0, 1.5)
"""When cars come home: mean and spread. [h]"""
NIGHT_H: Final = (0.0, 5.0)
"""When a coordinated car makes up what it still lacks, and a store fills. [h]"""
PEAK_H: Final = (16.0, 19.0)
"""What a coordinator keeps a store for: the dear hours. [h]"""


@dataclass(frozen=True, slots=True)
class Flows:
    """Energy of a whole neighbourhood by half-hour, and what each home is left with."""

    year: Year
    homes: int
    demand: Series
    """What homes use, heating and cars with it. [kW]"""
    made: Series
    """What is made behind the boundary. [kW]"""
    stored: Series
    """What stores take; negative: give. [kW]"""
    usual: Series
    """What homes draw apart from heating and cars. [kW]"""
    offered: Series
    """What homes with more than they need have left, after their own stores; the anchor
    asset apart. [kW]"""
    wanted: Series
    """What the others lack. [kW]"""
    anchor: Series
    """What the anchor asset makes, wherever it stands. [kW]"""
    of_cars: Series
    """What cars draw. [kW]"""

    @property
    def boundary(self) -> Series:
        """What comes in across the boundary; negative goes out. [kW]"""
        through: Series = self.demand - self.made + self.stored
        return through

    @property
    def demand_kwh(self) -> float:
        """A year's consumption, what stores lose apart. [kWh]"""
        return float(self.demand.sum()) * HALF_H

    @property
    def made_kwh(self) -> float:
        """A year's generation behind the boundary. [kWh]"""
        return float(self.made.sum()) * HALF_H

    @property
    def imported_kwh(self) -> float:
        """What came in across the boundary in a year. [kWh]"""
        return float(np.maximum(self.boundary, 0).sum()) * HALF_H

    @property
    def exported_kwh(self) -> float:
        """What went out in a year. [kWh]"""
        return float(np.maximum(-self.boundary, 0).sum()) * HALF_H

    @property
    def self_balance(self) -> float:
        """Share of what is drawn and made that never crosses the boundary. [%]

        Stores count as neither: see docs/definitions.md, “Degree of self-balance”.
        """
        crossed = self.imported_kwh + self.exported_kwh
        through = self.demand_kwh + self.made_kwh
        return 100 * (1 - crossed / through) if through else 0.0

    @property
    def peak_kw(self) -> float:
        """Mean of the year's three highest winter imports, ten days apart. [kW]"""
        left = np.where(self.year.winter, self.boundary, -np.inf)
        found = []
        for _ in range(3):
            at = int(left.argmax())
            found.append(max(float(left[at]), 0.0))
            near = np.abs(self.year.day - self.year.day[at]) <= TRIAD_DAYS
            left = np.where(near, -np.inf, left)
        return sum(found) / len(found)

    @property
    def red_kwh(self) -> float:
        """What came in during the red band. [kWh]"""
        inside = np.maximum(self.boundary, 0)[self.year.red_band]
        return float(inside.sum()) * HALF_H


TRIAD_DAYS = 10
"""How far apart the three highest imports are, as triads of demand were. [days]"""


@dataclass(frozen=True, slots=True)
class _Homes:
    usual: Series
    heat: Series
    pv: Series
    cars: Series
    """What each car takes if nobody coordinates it. [kW]"""
    battery: Flags
    has_ev: Flags
    by_day: Flags
    """Which cars may charge in daylight."""


def simulate(
    table: NeighbourhoodTable, year: Year, *, seed: int, coordinated: bool = True
) -> Flows:
    """Work out a year of a neighbourhood.

    Parameters
    ----------
    table : NeighbourhoodTable
        What the homes have, and who coordinates it.
    year : Year
        The half-hours and their weather.
    seed : int
        Fixes who has what, and how unlike homes are.
    coordinated : bool
        Without, cars charge as they come home and no store works: what there is to
        compare with. The homes, their luck and the weather are the same.
    """
    homes = _homes(table.homes, year, np.random.default_rng([seed, 7]))
    how = table.coordination if coordinated else Coordination.NONE
    anchor = year.sun * table.anchor.pv_kw + year.wind * table.anchor.wind_kw
    own = anchor if table.anchor.behind_the_boundary else np.zeros(len(year))
    if how is Coordination.BALANCING:
        return _balanced(table, year, homes, anchor, own)
    cars = homes.cars
    if how is Coordination.PLANT:
        cars = _at_night(table.homes, year, homes)
    net: Series = homes.usual + homes.heat + cars - homes.pv
    stored: Series = np.zeros_like(net)
    if coordinated and homes.battery.any():
        stored[:, homes.battery] = _own_stores(table.homes, net[:, homes.battery])
    left = net + stored
    return Flows(
        year, table.homes.count, (homes.usual + homes.heat + cars).sum(1),
        homes.pv.sum(1) + own, stored.sum(1), homes.usual.sum(1),
        np.maximum(-left, 0).sum(1), np.maximum(left, 0).sum(1), anchor,
        cars.sum(1),
    )  # fmt: skip


def _homes(table: HomesTable, year: Year, rng: np.random.Generator) -> _Homes:
    count = table.count
    size = np.exp(rng.normal(0.0, table.spread, count) - table.spread**2 / 2)
    size *= table.kwh_per_year / (365 * published_kwh_per_day(year.first.year))
    usual = _profile(year)[:, None] * size
    usual *= rng.gamma(UNEVEN, 1 / UNEVEN, usual.shape)
    has_pv, battery, has_ev, heated = (
        _which(count, percent, rng)
        for percent in (
            table.with_pv_percent, table.with_battery_percent, table.with_ev_percent,
            table.with_heat_pump_percent,
        )
    )  # fmt: skip
    warmth = np.maximum(BASE_C - year.outdoor_c, 0) * table.heat_loss_w_per_k / 1000
    # Coefficient of performance by the cold: 2.6 at freezing, 3.5 at 15 °C (chosen).
    heat = (warmth / (2.6 + 0.06 * year.outdoor_c))[:, None] * heated
    by_day = has_ev & (rng.random(count) < table.at_home_by_day_percent / 100)
    return _Homes(
        usual, heat, year.sun[:, None] * (table.pv_kw * has_pv),
        _as_they_come(table, year, has_ev, rng), battery, has_ev, by_day,
    )  # fmt: skip


def _which(count: int, percent: float, rng: np.random.Generator) -> Flags:
    """Return which homes have something: just that share, whoever they are."""
    chosen = np.zeros(count, dtype=bool)
    chosen[rng.permutation(count)[: round(count * percent / 100)]] = True
    return chosen


def _profile(year: Year) -> Series:
    """Return the average home's power without heating and cars. [kW]"""
    by_day = [
        half_hours_w(year.first + timedelta(days=number))
        for number in range(int(year.day[-1]) + 1)
    ]
    shown = (year.hour * 2).astype(int)
    profile: Series = np.array(by_day)[year.day, shown] / 1000
    return profile


def _as_they_come(
    table: HomesTable, year: Year, has_ev: Flags, rng: np.random.Generator
) -> Series:
    """Return what each car draws if it charges from when it comes home. [kW]"""
    drawn = np.zeros((len(year), len(has_ev)))
    owners = np.flatnonzero(has_ev)
    begins = np.searchsorted(year.day, np.arange(int(year.day[-1]) + 1))
    hour = rng.normal(*ARRIVES_H, (len(begins), len(owners)))
    at = begins[:, None] + np.clip(hour * 2, 24, 47).astype(int)
    left = np.full(at.shape, table.ev_kwh_per_day)
    number = 0
    while (left > 0).any():
        takes = np.minimum(left / HALF_H, table.ev_kw)
        inside = at + number < len(year)
        rows = np.where(inside, at + number, len(year) - 1)
        # A car that charges past midnight may meet its next evening: they add up.
        np.add.at(drawn, (rows, np.broadcast_to(owners, rows.shape)), takes * inside)
        left -= takes * HALF_H
        number += 1
    return drawn


def _at_night(table: HomesTable, year: Year, homes: _Homes) -> Series:
    """Return what each car draws if all of it waits for the night. [kW]"""
    night = year.between(*NIGHT_H)
    hours = (NIGHT_H[1] - NIGHT_H[0]) or 1.0
    each_kw = min(table.ev_kwh_per_day / hours, table.ev_kw)
    drawn: Series = (night[:, None] & homes.has_ev).astype(np.float64) * each_kw
    return drawn


def _own_stores(table: HomesTable, net: Series) -> Series:
    """Return what home batteries take to use their own panels' energy. [kW]"""
    stored = np.zeros_like(net)
    holds = np.zeros(net.shape[1])
    for number, each in enumerate(net):
        room = np.minimum((table.battery_kwh - holds) / HALF_H / EFFICIENCY,
                          table.battery_kw)  # fmt: skip
        gives = np.minimum(holds / HALF_H, table.battery_kw)
        takes = np.clip(-each, -gives, room)
        holds += np.where(takes > 0, takes * EFFICIENCY, takes) * HALF_H
        stored[number] = takes
    return stored


def _balanced(
    table: NeighbourhoodTable, year: Year, homes: _Homes, anchor: Series, own: Series
) -> Flows:
    """One controller for all: cars take what is left over, a store covers the peak."""
    fixed = (homes.usual + homes.heat).sum(1)
    made = homes.pv.sum(1) + own
    cars = _cars_follow(table.homes, year, homes, made - fixed)
    net = fixed + cars - made
    stored = _anchor_store(table, year, net)
    left = net + stored
    return Flows(
        year, table.homes.count, fixed + cars, made, stored, homes.usual.sum(1),
        np.maximum(-left, 0), np.maximum(left, 0), anchor, cars,
    )  # fmt: skip


def _cars_follow(
    table: HomesTable, year: Year, homes: _Homes, surplus: Series
) -> Series:
    """Return what cars draw if those at home by day take what is left over. [kW]

    What a day's light did not give they make up in the night after it.
    """
    cars, by_day = int(homes.has_ev.sum()), int(homes.by_day.sum())
    drawn = np.zeros(len(year))
    night = year.between(*NIGHT_H)
    hours = NIGHT_H[1] - NIGHT_H[0]
    lacks_by_day = by_day * table.ev_kwh_per_day
    still, owed, today = lacks_by_day, lacks_by_day, 0
    for number in range(len(year)):
        if year.day[number] != today:
            owed, still, today = still, lacks_by_day, int(year.day[number])
        if night[number]:
            of_others = (cars - by_day) * table.ev_kwh_per_day
            drawn[number] = (of_others + owed) / hours
        elif surplus[number] > 0:
            most = min(surplus[number], by_day * table.ev_kw, still / HALF_H)
            drawn[number] = max(most, 0.0)
            still -= drawn[number] * HALF_H
    return drawn


def _anchor_store(table: NeighbourhoodTable, year: Year, net: Series) -> Series:
    """Return what a common store takes: surplus by day, the night, for the peak. [kW]

    In the night it fills to what yesterday's dear hours took; before them it gives only
    what it holds beyond that.
    """
    kwh, kw = table.anchor.battery_kwh, table.anchor.battery_kw
    stored = np.zeros(len(net))
    night, dear = year.between(*NIGHT_H), year.between(*PEAK_H)
    before = year.hour < PEAK_H[0]
    # How many half-hours of the night are left, to fill evenly until its end.
    slots = np.where(night, np.round((NIGHT_H[1] - year.hour) / HALF_H), 1.0)
    holds, keeps, dear_kwh, today = 0.0, kwh, 0.0, 0
    for number, each in enumerate(net):
        if year.day[number] != today:
            keeps, dear_kwh, today = min(dear_kwh, kwh), 0.0, int(year.day[number])
        room = min((kwh - holds) / HALF_H / EFFICIENCY, kw)
        spare = holds - keeps if before[number] else holds
        gives = min(max(spare, 0.0) / HALF_H, kw)
        takes = min(max(-each, -gives), room)
        if night[number] and holds < keeps:
            evenly = (keeps - holds) / HALF_H / EFFICIENCY / slots[number]
            takes = min(max(takes, evenly), room)
        if dear[number]:
            dear_kwh += max(each, 0.0) * HALF_H
        holds += (takes * EFFICIENCY if takes > 0 else takes) * HALF_H
        stored[number] = takes
    return stored
