"""A year of a neighbourhood: nothing is made up, nothing is lost, and money adds up."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.neighbourhood import energy
from harness.neighbourhood.energy import HALF_H, simulate
from harness.neighbourhood.money import day_prices, settle
from harness.neighbourhood.pathways import share_terms, worked_out
from harness.neighbourhood.weather import year_of
from harness.rig.neighbourhood import (
    AnchorTable,
    ChargesTable,
    Coordination,
    HomesTable,
    NeighbourhoodTable,
)
from harness.rulebook.loader import load_rulebook

YEAR = year_of(2027, seed=3)
RULEBOOK = load_rulebook()


def village(coordination="none", homes=None, **more):
    asked = {"count": 20} | (homes or {})
    return NeighbourhoodTable(
        pathway="T", title="Test", coordination=coordination,
        homes=HomesTable(**asked), **more,
    )  # fmt: skip


def part_of(year, days):
    """A year that ends after so many days: the same weather, sooner done."""
    use = year.day < days
    cut = {
        one.name: getattr(year, one.name)[use]
        for one in dataclasses.fields(year)
        if one.name != "first"
    }
    return dataclasses.replace(year, **cut)


FORTNIGHT = part_of(YEAR, 14)
ALL = {
    "with_pv_percent": 50.0, "with_battery_percent": 50.0, "with_ev_percent": 50.0,
    "with_heat_pump_percent": 50.0,
}  # fmt: skip
TERMS = share_terms(RULEBOOK, YEAR.first)


def test_a_year_has_every_half_hour_and_the_days_on_which_clocks_change():
    assert len(YEAR) == 17_520
    per_day = np.bincount(YEAR.day)
    assert sorted(per_day)[:2] == [46, 48]
    assert max(per_day) == 50
    assert YEAR.red_band.sum() == 261 * 6


@pytest.mark.parametrize("seed", range(4))
def test_the_weather_of_any_seed_is_british(seed):
    year = year_of(2027, seed=seed)
    assert 850 < year.sun.sum() * HALF_H < 1_100
    assert 0.25 < year.wind.mean() < 0.45
    assert 8 < year.outdoor_c.mean() < 12
    assert year.sun[~year.between(3, 22)].max() == 0


coordinations = st.sampled_from(list(Coordination))


@settings(max_examples=25, deadline=None)
@given(
    how=coordinations,
    shares=st.tuples(*[st.floats(0, 100)] * 4),
    anchor=st.tuples(st.floats(0, 50), st.floats(0, 100), st.floats(0, 50)),
    seed=st.integers(0, 5),
)
def test_energy_is_conserved_and_stores_hold_no_more_than_they_can(
    how, shares, anchor, seed
):
    homes = dict(zip(ALL, shares, strict=True))
    pv_kw, battery_kwh, battery_kw = anchor
    table = village(
        str(how), homes,
        anchor=AnchorTable(pv_kw=pv_kw, battery_kwh=battery_kwh, battery_kw=battery_kw),
    )  # fmt: skip
    flows = simulate(table, FORTNIGHT, seed=seed)
    assert np.allclose(flows.boundary, flows.demand - flows.made + flows.stored)
    assert flows.imported_kwh - flows.exported_kwh == pytest.approx(
        flows.demand_kwh - flows.made_kwh + flows.stored.sum() * HALF_H
    )
    stores = round(20 * homes["with_battery_percent"] / 100)
    holds = battery_kwh if how is Coordination.BALANCING else stores * 10.0
    kept = np.where(flows.stored > 0, flows.stored * energy.EFFICIENCY, flows.stored)
    level = np.cumsum(kept) * HALF_H
    assert level.min() >= -1e-6
    assert level.max() <= holds + 1e-6
    assert flows.self_balance <= 100 + 1e-9
    assert flows.demand.min() >= 0
    assert flows.made.min() >= 0


@pytest.mark.parametrize("how", Coordination)
def test_who_coordinates_a_car_does_not_change_what_it_needs(how):
    table = village(str(how), {"with_ev_percent": 100.0, "with_pv_percent": 50.0})
    with_, without = (
        simulate(table, YEAR, seed=2, coordinated=one) for one in (True, False)
    )
    needed = 20 * 365 * 7.0
    assert with_.of_cars.sum() * HALF_H == pytest.approx(needed, rel=0.01)
    assert without.of_cars.sum() * HALF_H == pytest.approx(needed, rel=0.01)
    assert np.array_equal(with_.usual, without.usual)


def test_the_mean_home_is_the_one_that_the_file_declares():
    table = village(homes={"count": 2_000, "kwh_per_year": 3_100.0})
    flows = simulate(table, FORTNIGHT, seed=1)
    profile = energy._profile(YEAR).sum() * HALF_H
    share = energy._profile(FORTNIGHT).sum() * HALF_H / profile
    assert flows.demand_kwh / 2_000 / share == pytest.approx(3_100, rel=0.03)


def test_a_store_spares_the_red_band_and_coordinated_cars_the_peak():
    homes = {"with_ev_percent": 50.0, "with_pv_percent": 50.0}
    anchor = AnchorTable(owner="corporate", battery_kwh=80.0, battery_kw=30.0)
    table = village("self-balancing", homes, anchor=anchor)
    with_, without = (
        simulate(table, YEAR, seed=2, coordinated=one) for one in (True, False)
    )
    assert with_.red_kwh < 0.1 * without.red_kwh
    assert with_.peak_kw < without.peak_kw
    assert with_.self_balance > without.self_balance + 10


def test_without_a_store_or_cars_a_controller_brings_nothing():
    """The twin: what there is to move decides, not the word in the file."""
    table = village("self-balancing", {"with_pv_percent": 50.0})
    found = worked_out("T", table, RULEBOOK, year=2027, seed=2)
    assert found.worth.avoided_p == 0
    (held,) = found.held
    assert not held.inside


def worth_of(table, seed=2):
    flows = simulate(table, YEAR, seed=seed)
    without = simulate(table, YEAR, seed=seed, coordinated=False)
    return settle(table, flows, without, TERMS, seed=seed)


def test_lines_add_up_and_each_stands_only_where_it_belongs():
    for how in Coordination:
        worth = worth_of(village(str(how), ALL, anchor=AnchorTable(pv_kw=50.0)))
        lines = (
            worth.own_energy_p, worth.premium_p, worth.flexibility.owners_p,
            worth.dividend_p, worth.avoided_p,
        )  # fmt: skip
        assert worth.total_p == sum(lines)
        assert (worth.premium_p > 0) is (how is Coordination.MARKET)
        assert (worth.avoided_p != 0) is (how is Coordination.BALANCING)
        sells = how in (Coordination.PLANT, Coordination.MESSAGES)
        assert (worth.flexibility_p > 0) is sells


def test_a_dividend_by_hand():
    """50 kW of panels give about 49 MWh at 8 p; a tenth of what is left is paid."""
    anchor = AnchorTable(
        owner="community", pv_kw=50.0, capital_gbp_per_kw=1_000.0, upkeep_percent=2.0,
        lasts_years=50.0, dividend_percent=10.0,
    )  # fmt: skip
    made_kwh = 50 * YEAR.sun.sum() * HALF_H
    profit_gbp = made_kwh * 0.08 - 50_000 * (0.02 + 1 / 50)
    found = worth_of(village("none", anchor=anchor))
    assert found.dividend_p / 100 == pytest.approx(profit_gbp * 0.10, abs=0.01)


def test_an_asset_that_does_not_pay_pays_no_dividend():
    dear = AnchorTable(pv_kw=50.0, capital_gbp_per_kw=9_000.0, dividend_percent=50.0)
    assert worth_of(village("none", anchor=dear)).dividend_p == 0


def test_people_who_are_asked_earn_by_hand():
    """Flexible power at tea-time, for so many hours, at so much a megawatt-hour."""
    charges = ChargesTable(called_hours=50.0, called_gbp_per_mwh=400.0)
    worth = worth_of(village("messages", charges=charges))
    gbp = worth.flexible_kw * 50 / 1000 * 400
    assert worth.flexibility_p / 100 == pytest.approx(gbp, abs=0.01)
    assert worth.earns_gbp_per_kw == pytest.approx(20.0, rel=1e-3)


def test_a_store_earns_nothing_where_prices_stand_still():
    flat = ChargesTable(spread_percent=0.0, called_hours=0.0)
    swings = ChargesTable(spread_percent=40.0, called_hours=0.0)
    homes = {"with_battery_percent": 50.0}
    plant = "virtual power plant"
    assert worth_of(village(plant, homes, charges=flat)).flexibility_p == 0
    assert worth_of(village(plant, homes, charges=swings)).flexibility_p > 0


def test_prices_have_the_mean_that_the_file_declares():
    prices = day_prices(YEAR, village(), seed=5)
    assert prices.mean() == pytest.approx(8.0)
    assert prices[YEAR.between(16, 19)].mean() > 1.5 * prices[YEAR.between(0, 6)].mean()


def test_a_seed_fixes_everything():
    table = village("virtual power plant", ALL)
    one, same, other = (
        worked_out("T", table, RULEBOOK, year=2027, seed=seed) for seed in (4, 4, 5)
    )
    assert one.worth == same.worth
    assert np.array_equal(one.flows.boundary, same.flows.boundary)
    assert one.worth != other.worth
