"""Stores, ice, weather, limits: what storage is worth, and what does not depend on
how often anybody asks."""

import itertools
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.heat_pump.defrost import icing
from devices.heat_pump.house import House, LumpStep
from devices.heat_pump.model import HeatPump, HeatPumpOptions
from devices.heat_pump.options import StoreOptions, WeatherOptions
from devices.heat_pump.stores import HotWater, Store
from devices.heat_pump.weather import SEASONS, Weather
from harness.core.capabilities import Demand
from harness.core.faults import Fault, FaultKind
from harness.rulebook.loader import load_rulebook

HOUR_S = 3600.0


def heat_pump(seed=1, **options):
    rng = np.random.default_rng(seed)
    return HeatPump(HeatPumpOptions(**options), started_at_s=0.0, rng=rng)


def powers(pump, begin_s, end_s, *, every_s=10.0):
    return np.array([pump.power_w(t) for t in np.arange(begin_s, end_s, every_s)])


# --- what storage is worth (CrowdFlex, Table 4)

COLD_DAY = {"outdoor_c": -3.0, "reduce_to": "off", "max_power_w": 4000.0}
COMFORT_C = 18.0


def period_h(rule):
    on = date(2026, 1, 15)
    return load_rulebook().rule(f"crowdflex/table4/{rule}", on=on).at_least / HOUR_S


def hours_above_comfort(**options):
    """How long the house stays comfortable with the heat pump off."""
    pump = heat_pump(comfort_floor_c=5.0, **COLD_DAY, **options)
    pump.instruct(Demand.REDUCE, at_s=600.0)
    for minute in range(10, 12 * 60):
        at_s = 60.0 * minute
        if minute > 15:
            assert pump.power_w(at_s) == 20.0
        pump.advance(at_s)
        if pump.air_c < COMFORT_C:
            return (at_s - 600.0) / HOUR_S
    return float("inf")


@pytest.mark.parametrize("nodes", [1, 2])
def test_without_storage_a_house_on_a_cold_day_lasts_between_one_and_two_hours(nodes):
    hours = hours_above_comfort(thermal_nodes=nodes)
    assert period_h("heat-turn-down-event-period-shortest") <= hours
    if nodes == 2:
        assert hours <= period_h("heat-turn-down-event-period-longest") + 0.2


def test_with_storage_the_same_house_lasts_four_to_six_hours():
    hours = hours_above_comfort(storage="buffer")
    assert hours >= period_h("heat-with-storage-turn-down-event-period-longest")
    half = hours_above_comfort(storage="buffer", buffer_litres=450.0)
    assert period_h("heat-with-storage-turn-down-event-period-shortest") <= half
    assert half < hours


def test_a_house_without_storage_ends_the_event_itself_at_its_comfort_floor():
    pump = heat_pump(**COLD_DAY)
    pump.instruct(Demand.REDUCE, at_s=600.0)
    drawn = powers(pump, 600.0, 4 * HOUR_S, every_s=60.0)
    assert drawn.max() > 2000.0
    assert pump.air_c > COMFORT_C - 0.2


def test_a_boost_fills_the_buffer_and_the_fill_is_spent_afterwards():
    pump = heat_pump(storage="buffer", max_power_w=7000.0)
    before_c = pump.buffer_c
    pump.instruct(Demand.BOOST, at_s=0.0)
    pump.advance(2 * HOUR_S)
    full_c = pump.buffer_c
    pump.instruct(Demand.NORMAL, at_s=2 * HOUR_S)
    assert full_c > before_c + 8.0
    assert powers(pump, 2 * HOUR_S + 600.0, 2.5 * HOUR_S).max() < 600.0


def test_steady_heating_through_a_buffer_holds_room_and_buffer():
    pump = heat_pump(storage="buffer", max_power_w=4000.0)
    pump.advance(12 * HOUR_S)
    assert pump.air_c == pytest.approx(20.5, abs=0.1)
    assert pump.buffer_c == pytest.approx(50.0, abs=1.0)


@given(
    litres=st.floats(50, 2000),
    heat_w=st.floats(0, 10_000),
    start_c=st.floats(20, 60),
)
def test_a_store_keeps_the_books(litres, heat_w, start_c):
    store = Store(litres, start_c)
    store.step(heat_w, 1.0)
    gained_wh = (store.temperature_c - start_c) * litres * 1.163
    lost_w = 2.0 * (start_c - 18.0)
    assert gained_wh == pytest.approx((heat_w - lost_w) / 3600.0, abs=1e-6)


# --- hot water


def test_people_draw_and_the_heat_pump_replaces_it():
    pump = heat_pump(hot_water=True)
    seen = []
    for at_s in np.arange(0.0, 24 * HOUR_S, 60.0):
        pump.advance(at_s)
        seen.append(pump.hot_water_c)
    drops = [a - b for a, b in itertools.pairwise(seen) if a - b > 1.0]
    assert len(drops) >= 3
    assert min(seen) > 30.0
    assert max(seen) <= 48.5
    assert seen[-1] > 42.0


def test_a_reduction_keeps_the_cylinder_waiting_unless_it_is_nearly_cold():
    fed, waiting = heat_pump(hot_water=True), heat_pump(hot_water=True)
    waiting.instruct(Demand.REDUCE, at_s=6 * HOUR_S)
    fed.advance(10 * HOUR_S)
    lowest_c = 99.0
    for at_s in np.arange(6 * HOUR_S, 10 * HOUR_S, 60.0):
        waiting.advance(at_s)
        lowest_c = min(lowest_c, waiting.hot_water_c)
    assert waiting.hot_water_c < fed.hot_water_c - 2.0
    assert lowest_c > 25.0


def test_the_immersion_heater_makes_the_cylinder_hot_once_a_week():
    options = StoreOptions(hot_water=True, legionella=True, draw_scale=0.0)
    cylinder = HotWater(options, began_s=0.0, midnight_s=0.0, seed=3)
    hot = []
    for at_s in np.arange(0.0, 14 * 24 * HOUR_S, 60.0):
        heat_w = options.immersion_w if cylinder.is_immersed else 0.0
        hot += [at_s] if heat_w else []
        cylinder.step(heat_w, now_s=at_s, step_s=60.0)
        assert cylinder.store.temperature_c < 60.5
    days = {int(at_s // (24 * HOUR_S)) for at_s in hot}
    assert days == {3, 10}
    assert {int(at_s % (24 * HOUR_S) // HOUR_S) for at_s in hot} <= {2, 3, 4}


def test_the_immersion_heater_shows_in_the_power_and_gives_way_to_a_reduction():
    # With this seed the first day is the day of the cycle.
    for demand, some in ((Demand.NORMAL, True), (Demand.REDUCE, False)):
        pump = heat_pump(hot_water=True, legionella=True, draw_scale=0.0)
        pump._plant.hot_water._seed = 0
        pump.instruct(demand, at_s=0.0)
        drawn = powers(pump, 2 * HOUR_S, 4 * HOUR_S, every_s=60.0)
        assert bool(drawn.max() > 3000.0) is some


def test_without_the_cycle_it_never_gets_that_hot():
    pump = heat_pump(hot_water=True)
    pump.advance(24 * HOUR_S)
    assert pump.hot_water_c < 49.0


# --- ice


def test_ice_grows_fastest_near_freezing_and_not_above_five_degrees():
    assert icing(5.0) == icing(12.0) == 0.0
    assert icing(1.0) == 1.0
    assert 0.2 <= icing(-15.0) < icing(-5.0) < 1.0


@pytest.mark.parametrize(("outdoor_c", "some"), [(1.0, True), (7.0, False)])
def test_a_defrost_draws_power_and_gives_no_heat(outdoor_c, some):
    iced = heat_pump(defrost=True, outdoor_c=outdoor_c)
    on = []
    for at_s in np.arange(0.0, 6 * HOUR_S, 10.0):
        power_w = iced.power_w(at_s)
        if iced.is_defrosting:
            on.append((at_s, power_w, iced.supply_c))
    assert bool(on) is some
    if some:
        starts = [t for t, *_ in on if t - 10.0 not in {each[0] for each in on}]
        assert 4 <= len(starts) <= 8
        assert all(power_w > 1000.0 for _, power_w, _ in on)
        first = [supply_c for t, _, supply_c in on if t < starts[0] + 300.0]
        assert first[-1] < first[0] - 5.0


def test_a_defrost_under_way_is_finished_before_a_reduction_to_off():
    pump = heat_pump(defrost=True, outdoor_c=1.0, reduce_to="off", min_on_s=0.0)
    at_s = 0.0
    while not pump.is_defrosting:
        at_s += 1.0
        pump.advance(at_s)
    pump.instruct(Demand.REDUCE, at_s=at_s)
    assert pump.power_w(at_s + 60.0) > 1000.0
    assert pump.power_w(at_s + 320.0) == 20.0


# --- the machine's limits


def test_no_more_starts_in_an_hour_than_the_maker_allows():
    pump = heat_pump(
        max_starts_per_hour=2, min_off_s=60.0, min_on_s=60.0, reduce_to="off",
        response_delay_s=0.0,
    )  # fmt: skip
    for at_s in range(0, 3600, 240):
        pump.instruct(Demand.REDUCE, at_s=float(at_s))
        pump.instruct(Demand.NORMAL, at_s=at_s + 120.0)
    running = powers(pump, 3590.0, 3600.0, every_s=1.0) > 50.0
    fresh = heat_pump(
        max_starts_per_hour=2, min_off_s=60.0, min_on_s=60.0, reduce_to="off",
        response_delay_s=0.0,
    )  # fmt: skip
    on, starts = True, 0
    for at_s in range(0, 3600, 5):
        if at_s % 240 == 0:
            fresh.instruct(Demand.REDUCE, at_s=float(at_s))
        if at_s % 240 == 120:
            fresh.instruct(Demand.NORMAL, at_s=float(at_s))
        now = fresh.power_w(float(at_s)) > 50.0
        starts += now and not on
        on = now
    assert starts == 2
    assert not running.all()


def test_it_begins_no_faster_than_it_can_run():
    assert powers(heat_pump(outdoor_c=-15.0), 0.0, 600.0).max() < 2520.0


@pytest.mark.parametrize("limit_w", [600.0, 1500.0, 2400.0])
def test_a_limit_holds_whatever_else_is_asked(limit_w):
    for demand in (Demand.NORMAL, Demand.BOOST):
        pump = heat_pump(hot_water=True, legionella=True, defrost=True)
        pump.instruct(demand, at_s=0.0, limit_w=limit_w)
        drawn = powers(pump, 120.0, 6 * HOUR_S, every_s=30.0)
        assert drawn.max() <= limit_w + 15.0


def test_an_occupant_who_turns_the_thermostat_up_overrules_a_limit_too():
    pump = heat_pump()
    pump.instruct(Demand.NORMAL, at_s=0.0, limit_w=600.0)
    assert pump.power_w(300.0) < 615.0
    pump.turn_thermostat(2.0, at_s=300.0)
    assert pump.power_w(600.0) > 2400.0


# --- weather


@pytest.mark.parametrize("season", SEASONS)
def test_a_season_has_its_days_and_its_seeds(season):
    options = WeatherOptions(weather=season)
    days = []
    for number in range(2):
        rng = np.random.default_rng(number)
        weather = Weather(options, midnight_s=0.0, rng=rng)
        hours = np.arange(0, 14 * 24)
        days.append(np.array([weather.outdoor_c(hour * HOUR_S) for hour in hours]))
    mean_c = SEASONS[season].mean_c
    for day in days:
        assert day.mean() == pytest.approx(mean_c, abs=1.5)
        by_hour = day.reshape(-1, 24).mean(axis=0)
        assert by_hour.argmax() in range(13, 20)
    assert not np.allclose(*days)


def test_an_outdoor_temperature_and_a_season_exclude_each_other():
    with pytest.raises(ValueError, match="outdoor_c goes with constant weather"):
        WeatherOptions(weather="winter", outdoor_c=3.0)


def test_colder_weather_takes_more_electricity():
    used = {}
    for weather in ("winter", "spring"):
        pump = heat_pump(weather=weather)
        pump.advance(12 * HOUR_S)
        used[weather] = pump.energy_wh
    assert used["winter"] > 1.3 * used["spring"]


# --- house of one node


@given(parts=st.integers(1, 100), heat_w=st.floats(0, 10_000))
def test_one_long_lump_step_ends_where_many_short_ones_do(parts, heat_w):
    house = House(is_one_lump=True)
    whole, part = LumpStep(house, 1800.0), LumpStep(house, 1800.0 / parts)
    many = (20.0, 20.0)
    for _ in range(parts):
        many = part.advance(*many, heat_w=heat_w, outdoor_c=-2.0)
    once = whole.advance(20.0, 20.0, heat_w=heat_w, outdoor_c=-2.0)
    assert many == pytest.approx(once, abs=1e-9)


def test_the_heat_that_holds_a_lump_holds_it():
    house = House(is_one_lump=True)
    heat_w = house.heat_to_hold_w(20.0, outdoor_c=-3.0)
    ends = LumpStep(house, 86_400.0).advance(20.0, 20.0, heat_w=heat_w, outdoor_c=-3.0)
    assert ends == pytest.approx((20.0, 20.0), abs=1e-9)


# --- independence of who asks

EVERYTHING = {
    "storage": "buffer",
    "hot_water": True,
    "legionella": True,
    "defrost": True,
    "weather": "winter",
}


@settings(max_examples=15, deadline=None)
@given(
    reads=st.lists(st.floats(0.0, 1800.0), max_size=40),
    told_s=st.floats(0.0, 900.0),
    demand=st.sampled_from(Demand),
    kind=st.sampled_from([FaultKind.IGNORES, FaultKind.RAMPS_WRONG, FaultKind.TRIPS]),
)
def test_how_often_somebody_asks_changes_nothing(reads, told_s, demand, kind):
    ends = []
    for asked in (sorted(reads), []):
        pump = heat_pump(**EVERYTHING)
        acts = [
            (told_s, lambda p, t: p.instruct(demand, at_s=t)),
            (told_s + 200.0, lambda p, t: p.impose(Fault(kind, 0.5), at_s=t)),
            (told_s + 700.0, lambda p, t: p.lift(kind, at_s=t)),
        ]
        steps = [(at_s, lambda p, t: p.power_w(t)) for at_s in asked] + acts
        for at_s, act in sorted(steps, key=lambda step: step[0]):
            act(pump, at_s)
        power_w = pump.power_w(2000.0)
        ends.append((power_w, pump.air_c, pump.buffer_c, pump.hot_water_c,
                     pump.energy_wh))  # fmt: skip
    assert ends[0] == ends[1]
