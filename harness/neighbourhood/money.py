"""What a year of a neighbourhood is worth to its homes, line by line, in whole pence.

Each line is rounded once; amounts are then only added. It is a model and no settlement:
its energies are floats, and nobody is paid by it. Prices come from the rig file; how a
day's price swings is a model of its own, so that what a store earns by moving energy
comes out rather than being put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from harness.neighbourhood.energy import EFFICIENCY, HALF_H, PEAK_H, Flows
from harness.neighbourhood.weather import Series, Year
from harness.rig.neighbourhood import Coordination, NeighbourhoodTable
from harness.settlement.revenue import Shares, ShareTerms, shared

STORE_H = 2.0
"""How long a store gives its full power: what energy a kilowatt of it moves. [h]"""
ASKED_H = (17.0, 18.5)
"""When people are asked by message, on winter weekdays. [h]"""
NOISE = 0.25
"""How unlike days' prices are (chosen; standard deviation of the logarithm)."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What coordination and assets bring in a year. [p]"""

    homes: int
    own_energy_p: int
    """Panels' energy used at home instead of bought, and what is fed in."""
    premium_p: int
    """For energy that neighbours bought of each other."""
    flexibility: Shares
    dividend_p: int
    avoided_p: int
    """Network charges that a private wire does not cause."""
    flexible_kw: float
    """What the plant can turn down at tea-time. [kW]"""
    best_home_kw: float
    """What a home with the most in it can. [kW]"""
    local_kwh: int
    """Energy that neighbours bought of each other. [kWh]"""

    @property
    def flexibility_p(self) -> int:
        """What flexibility earned before anybody took a share. [p]"""
        shares = self.flexibility
        return shares.optimiser_p + shares.aggregator_p + shares.owners_p

    @property
    def total_p(self) -> int:
        """What is left with the homes, all lines together. [p]"""
        return (
            self.own_energy_p + self.premium_p + self.flexibility.owners_p
            + self.dividend_p + self.avoided_p
        )  # fmt: skip

    @property
    def earns_gbp_per_kw(self) -> float:
        """What a kilowatt of flexibility earns, before shares. [£]"""
        return self.flexibility_p / 100 / self.flexible_kw if self.flexible_kw else 0.0

    def a_home_gbp(self, pence: int) -> float:
        """Return an amount for each home. [£]"""
        return pence / 100 / self.homes


def settle(
    table: NeighbourhoodTable, flows: Flows, without: Flows, terms: ShareTerms,
    *, seed: int,
) -> Worth:  # fmt: skip
    """Say what a year was worth.

    Parameters
    ----------
    flows, without : Flows
        The same homes in the same year, coordinated and not.
    terms : ShareTerms
        What an optimiser and an aggregator take.
    seed : int
        Fixes how days' prices differ.
    """
    charges, homes = table.charges, flows.homes
    local_kwh = _local_kwh(table, flows)
    moves_kw, asked_kw = _flexible_kw(table, flows)
    revenue_p = 0
    if table.coordination in (Coordination.PLANT, Coordination.MESSAGES):
        prices = day_prices(flows.year, table, seed=seed)
        revenue_p = _pence(
            asked_kw * charges.called_hours * charges.called_gbp_per_mwh / 10
        ) + _pence(moves_kw * _moved_p_per_kw(flows, table, prices))
    private = table.coordination is Coordination.BALANCING
    return Worth(
        homes, _own_energy_p(table, flows),
        _pence(local_kwh * charges.premium_p_per_kwh),
        shared(revenue_p, terms, plant_mw=table.portfolio_mw),
        _dividend_p(table, flows),
        _avoided_p(table, flows, without) if private else 0,
        moves_kw + asked_kw, _best_home_kw(table, moves_kw, asked_kw), local_kwh,
    )  # fmt: skip


def day_prices(year: Year, table: NeighbourhoodTable, *, seed: int) -> Series:
    """Return a year of wholesale prices with the mean that the rig file says. [p/kWh]

    Cheap at night, dear at tea-time, by the swing that the file says; every day has a
    level of its own.
    """
    rng = np.random.default_rng([seed, 11])
    level = np.exp(rng.normal(0.0, NOISE, int(year.day[-1]) + 1))[year.day]
    swing = table.charges.spread_percent / 100
    shape = np.ones(len(year))
    shape[year.between(*PEAK_H)] += swing
    shape[year.between(0.0, 6.0)] -= swing
    prices: Series = level * shape
    prices *= table.charges.wholesale_p_per_kwh / prices.mean()
    return prices


def _flexible_kw(table: NeighbourhoodTable, flows: Flows) -> tuple[float, float]:
    """Return what stores and cars can move, and what people leave if asked. [kW]"""
    if table.coordination not in (Coordination.PLANT, Coordination.MESSAGES):
        return 0.0, 0.0
    homes, year = table.homes, flows.year
    asked = year.weekday & year.winter & year.between(*ASKED_H)
    tea_time_kw = float(flows.usual[asked].mean())
    people_kw = tea_time_kw * homes.answers_percent * homes.gives_percent / 1e4
    if table.coordination is Coordination.MESSAGES:
        return 0.0, people_kw
    stores = round(homes.count * homes.with_battery_percent / 100)
    return stores * homes.battery_kw, people_kw


def _best_home_kw(table: NeighbourhoodTable, moves_kw: float, asked_kw: float) -> float:
    own_kw = table.homes.battery_kw if moves_kw else 0.0
    return own_kw + asked_kw / table.homes.count


def _moved_p_per_kw(flows: Flows, table: NeighbourhoodTable, prices: Series) -> float:
    """What a kilowatt of store earns by moving energy where panels leave it free. [p]

    Each day it takes the cheapest hours' energy and gives it back in the dearest, on
    the share of its capacity that its own panels did not fill.
    """
    homes, year = table.homes, flows.year
    stores = round(homes.count * homes.with_battery_percent / 100)
    if not stores:
        return 0.0
    days = int(year.day[-1]) + 1
    slots = round(STORE_H / HALF_H)
    earned = 0.0
    filled_kwh = np.bincount(year.day, np.maximum(flows.stored, 0) * HALF_H)
    free = np.clip(1 - filled_kwh / (stores * homes.battery_kwh), 0.0, 1.0)
    for day in range(days):
        today = np.sort(prices[year.day == day])
        dear, cheap = today[-slots:].sum(), today[:slots].sum()
        earned += free[day] * max(dear * EFFICIENCY - cheap, 0.0) * HALF_H
    return float(earned)


def _own_energy_p(table: NeighbourhoodTable, flows: Flows) -> int:
    """What homes' own panels save, and what they earn by feeding in. [p]"""
    charges = table.charges
    if table.coordination is Coordination.BALANCING:
        # Nobody has a boundary of their own: what is made within is not bought.
        used = flows.demand_kwh - flows.imported_kwh
        return _pence(used * charges.tariff_p_per_kwh) + _pence(
            flows.exported_kwh * charges.export_p_per_kwh
        )
    bought = float(flows.wanted.sum()) * HALF_H
    fed_in = float(flows.offered.sum()) * HALF_H
    return _pence((flows.demand_kwh - bought) * charges.tariff_p_per_kwh) + _pence(
        fed_in * charges.export_p_per_kwh
    )


def _local_kwh(table: NeighbourhoodTable, flows: Flows) -> int:
    """What neighbours can sell each other, half-hour by half-hour. [kWh]"""
    if table.coordination is not Coordination.MARKET:
        return 0
    own = flows.anchor if table.anchor.behind_the_boundary else 0.0
    traded = np.minimum(flows.offered + own, flows.wanted)
    return round(float(traded.sum()) * HALF_H)


def _dividend_p(table: NeighbourhoodTable, flows: Flows) -> int:
    """What the anchor asset's owner pays the community out of its profit. [p]"""
    anchor = table.anchor
    made_kwh = float(flows.anchor.sum()) * HALF_H
    capital = (anchor.pv_kw + anchor.wind_kw) * anchor.capital_gbp_per_kw * 100
    costs = capital * (anchor.upkeep_percent / 100 + 1 / anchor.lasts_years)
    profit = made_kwh * table.charges.wholesale_p_per_kwh - costs
    return _pence(max(profit, 0.0) * anchor.dividend_percent / 100)


def _avoided_p(table: NeighbourhoodTable, flows: Flows, without: Flows) -> int:
    charges = table.charges
    red = without.red_kwh - flows.red_kwh
    peak = without.peak_kw - flows.peak_kw
    return _pence(red * charges.duos_red_p_per_kwh) + _pence(
        peak * charges.tnuos_gbp_per_kw * 100
    )


def _pence(exact: float) -> int:
    return int(Decimal(repr(exact)).to_integral_value(ROUND_HALF_UP))
