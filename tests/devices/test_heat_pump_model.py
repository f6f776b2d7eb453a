"""The house and the heat pump: physics, control, and each deliberate defect."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.heat_pump.house import House, Step
from devices.heat_pump.model import HeatPump, HeatPumpOptions, cop
from harness.core.capabilities import Demand

HOUR_S = 3600.0


def heat_pump(seed=1, **options):
    rng = np.random.default_rng(seed)
    return HeatPump(HeatPumpOptions(**options), started_at_s=-60.0, rng=rng)


def powers(pump, begin_s, end_s, *, every_s=1.0):
    return np.array([pump.power_w(t) for t in np.arange(begin_s, end_s, every_s)])


# --- house


@given(
    heat_w=st.floats(0.0, 12_000.0),
    outdoor_c=st.floats(-20.0, 20.0),
    air_c=st.floats(5.0, 30.0),
    fabric_c=st.floats(5.0, 30.0),
    parts=st.integers(1, 200),
)
def test_one_long_step_ends_where_many_short_ones_do(
    heat_w, outdoor_c, air_c, fabric_c, parts
):
    whole, part = Step(House(), 1800.0), Step(House(), 1800.0 / parts)
    many = (air_c, fabric_c)
    for _ in range(parts):
        many = part.advance(*many, heat_w=heat_w, outdoor_c=outdoor_c)
    once = whole.advance(air_c, fabric_c, heat_w=heat_w, outdoor_c=outdoor_c)
    assert many == pytest.approx(once, abs=1e-7)


def test_the_heat_that_holds_a_temperature_holds_it():
    house, outdoor_c = House(), -3.0
    heat_w = house.heat_to_hold_w(20.0, outdoor_c=outdoor_c)
    fabric_c = house.fabric_at_rest_c(20.0, outdoor_c=outdoor_c)
    ends = Step(house, 86_400.0).advance(
        20.0, fabric_c, heat_w=heat_w, outdoor_c=outdoor_c
    )
    assert ends == pytest.approx((20.0, fabric_c), abs=1e-9)


def test_a_step_conserves_energy():
    house, step = House(), Step(House(), 1.0)
    air_c, fabric_c = 20.0, 19.0
    lost_w = house.ventilation_w_per_k * 18.0 + house.fabric_to_outdoor_w_per_k * 17.0
    air, fabric = step.advance(air_c, fabric_c, heat_w=0.0, outdoor_c=2.0)
    stored_j = 3.6e6 * (
        house.air_kwh_per_k * (air - air_c)
        + house.fabric_kwh_per_k * (fabric - fabric_c)
    )
    assert stored_j == pytest.approx(house.gains_w - lost_w, rel=1e-3)


@given(supply_c=st.floats(20.0, 60.0), outdoor_c=st.floats(-20.0, 20.0))
def test_more_lift_never_raises_the_cop_and_it_stays_under_carnot(supply_c, outdoor_c):
    here = cop(supply_c=supply_c, outdoor_c=outdoor_c)
    assert cop(supply_c=supply_c, outdoor_c=outdoor_c - 5.0) <= here
    if supply_c - outdoor_c > 0:
        assert here < (supply_c + 273.15) / (supply_c - outdoor_c)


# --- the machine as it should be


def test_a_cold_day_begins_with_steady_heating_near_two_kilowatts():
    pump = heat_pump()
    steady = powers(pump, -60.0, HOUR_S, every_s=10.0)
    assert steady.mean() == pytest.approx(2000.0, abs=60.0)
    assert np.ptp(steady) < 30.0
    assert pump.air_c == pytest.approx(20.5, abs=0.02)


@pytest.mark.parametrize("seed", range(20))
def test_reduce_arrives_within_two_minutes_and_lasts_two_hours(seed):
    pump = heat_pump(seed)
    pump.instruct(Demand.REDUCE, at_s=0.0)
    assert powers(pump, 120.0, 2 * HOUR_S, every_s=5.0).max() <= 600.0
    assert pump.air_c > 18.0


@pytest.mark.parametrize("seed", range(20))
def test_boost_lasts_two_hours_without_overheating(seed):
    pump = heat_pump(seed)
    pump.instruct(Demand.BOOST, at_s=0.0)
    assert powers(pump, 120.0, 2 * HOUR_S, every_s=5.0).min() >= 2400.0
    assert pump.air_c <= 23.0


def test_after_a_reduction_the_house_is_heated_up_again():
    pump = heat_pump()
    before_w = pump.power_w(-1.0)
    pump.instruct(Demand.REDUCE, at_s=0.0)
    pump.instruct(Demand.NORMAL, at_s=2 * HOUR_S)
    rebound = powers(pump, 2 * HOUR_S + 300.0, 3 * HOUR_S, every_s=5.0)
    assert rebound.min() > before_w + 200.0


def test_the_comfort_floor_ends_a_reduction():
    pump = heat_pump()
    pump.instruct(Demand.REDUCE, at_s=0.0)
    lowest_c = 99.0
    for at_s in range(0, 12 * 3600, 60):
        pump.power_w(float(at_s))
        lowest_c = min(lowest_c, pump.air_c)
    assert 17.9 < lowest_c < 18.0
    assert powers(pump, 12 * HOUR_S, 13 * HOUR_S, every_s=60.0).max() > 1000.0


def test_a_lower_comfort_floor_lets_the_reduction_go_on():
    pump = heat_pump(comfort_floor_c=10.0)
    pump.instruct(Demand.REDUCE, at_s=0.0)
    assert powers(pump, 120.0, 12 * HOUR_S, every_s=60.0).max() <= 600.0


def test_reduced_to_off_it_rests_before_it_starts_again():
    pump = heat_pump(reduce_to="off", response_delay_s=0.0)
    pump.instruct(Demand.REDUCE, at_s=0.0)
    assert pump.power_w(3.0) == 20.0
    pump.instruct(Demand.NORMAL, at_s=60.0)
    assert pump.seconds_to_start(60.0) == pytest.approx(540.0, abs=3.0)
    assert powers(pump, 60.0, 600.0).max() == 20.0
    assert pump.power_w(700.0) > 1000.0


def test_reduced_to_off_it_first_runs_its_minimum_time():
    pump = heat_pump(reduce_to="off", response_delay_s=0.0)
    pump.instruct(Demand.REDUCE, at_s=0.0)
    pump.instruct(Demand.NORMAL, at_s=1.0)
    started_s = next(t for t in range(600, 700) if pump.power_w(float(t)) > 25.0)
    pump.instruct(Demand.REDUCE, at_s=started_s + 10.0)
    running = powers(pump, started_s + 60.0, started_s + 355.0)
    assert running.min() > 400.0
    assert pump.power_w(started_s + 370.0) == 20.0


def test_a_house_that_is_too_warm_stops_the_compressor():
    pump = heat_pump(outdoor_c=18.0, set_point_c=20.5)
    assert powers(pump, 0.0, 3600.0, every_s=60.0).min() == 20.0


@pytest.mark.parametrize("demand", [Demand.REDUCE, Demand.BOOST])
def test_power_never_moves_faster_than_its_ramp(demand):
    pump = heat_pump(ramp_w_per_s=10.0)
    pump.instruct(demand, at_s=0.0)
    steps = np.diff(powers(pump, -10.0, 300.0))
    ripple_w = 30.0
    assert abs(steps).max() <= 10.0 + ripple_w


def test_energy_is_the_integral_of_power():
    pump = heat_pump(reduce_to="off")
    pump.power_w(0.0)
    started_wh = pump.energy_wh
    sampled = [powers(pump, 0.0, 100.0)]
    pump.instruct(Demand.REDUCE, at_s=100.0)
    sampled.append(powers(pump, 100.0, 1500.0))
    pump.instruct(Demand.NORMAL, at_s=1500.0)
    sampled.append(powers(pump, 1500.0, HOUR_S))
    pump.power_w(HOUR_S)
    mean_w = np.concatenate(sampled).mean()
    assert pump.energy_wh - started_wh == pytest.approx(mean_w, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    reads=st.lists(st.floats(0.0, 900.0), max_size=60),
    instructed_s=st.floats(0.0, 600.0),
    demand=st.sampled_from(Demand),
)
def test_how_often_somebody_asks_changes_nothing(reads, instructed_s, demand):
    asked, unasked = heat_pump(), heat_pump()
    unasked.instruct(demand, at_s=instructed_s)
    for at_s in sorted(read for read in reads if read <= instructed_s):
        asked.power_w(at_s)
    asked.instruct(demand, at_s=instructed_s)
    for at_s in sorted(read for read in reads if read > instructed_s):
        asked.power_w(at_s)
    assert asked.power_w(1000.0) == unasked.power_w(1000.0)
    assert (asked.air_c, asked.energy_wh) == (unasked.air_c, unasked.energy_wh)


def test_an_instruction_acts_alike_whether_or_not_the_meter_was_read_just_before():
    read_first, read_after = heat_pump(), heat_pump()
    for pump in (read_first, read_after):
        pump._options = pump._options.model_copy(update={"response_delay_s": 0.0})
    read_first.power_w(10.0)
    read_first.instruct(Demand.REDUCE, at_s=10.0)
    read_after.instruct(Demand.REDUCE, at_s=10.0)
    read_after.power_w(10.0)
    assert read_first.power_w(11.5) == read_after.power_w(11.5)


# --- the occupant


def test_an_occupant_who_turns_the_thermostat_up_overrules_a_reduction():
    pump = heat_pump()
    pump.instruct(Demand.REDUCE, at_s=0.0)
    assert pump.power_w(600.0) < 600.0
    pump.turn_thermostat(2.0, at_s=600.0)
    assert pump.power_w(900.0) > 2400.0
    pump.turn_thermostat(0.0, at_s=1000.0)
    assert pump.power_w(1200.0) < 600.0


# --- defects, each beside the machine as it should be


def first_below(pump, limit_w, *, until_s=900.0):
    times = np.arange(0.0, until_s)
    return next((t for t in times if pump.power_w(t) <= limit_w), np.inf)


@pytest.mark.parametrize(
    ("options", "earliest_s", "latest_s"),
    [
        ({}, 45.0, 60.0),
        ({"response_delay_s": 300.0}, 240.0, 420.0),
        ({"ramp_w_per_s": 2.5}, 550.0, 600.0),
        ({"ignores_instructions": True}, np.inf, np.inf),
    ],
)
def test_when_a_reduction_arrives(options, earliest_s, latest_s):
    pump = heat_pump(**options)
    pump.instruct(Demand.REDUCE, at_s=0.0)
    assert earliest_s <= first_below(pump, 600.0) <= latest_s


def test_a_machine_that_gives_up_early_heats_again_too_soon():
    pump = heat_pump(stops_early_after_s=1800.0)
    pump.instruct(Demand.REDUCE, at_s=0.0)
    assert pump.power_w(1700.0) <= 600.0
    assert pump.power_w(2000.0) > 1500.0


@pytest.mark.parametrize(("period_s", "switchings"), [(0.0, 0), (240.0, 29)])
def test_short_cycling_shows_in_the_power(period_s, switchings):
    pump = heat_pump(short_cycle_s=period_s, response_delay_s=0.0)
    pump.instruct(Demand.REDUCE, at_s=0.0)
    off = powers(pump, 60.0, HOUR_S) < 50.0
    assert abs(int(np.diff(off.astype(int)).__abs__().sum()) - switchings) <= 1


@pytest.mark.parametrize(
    ("demand", "overshoot_w", "least_w", "most_w"),
    [
        (Demand.REDUCE, 0.0, 2000.0, 2530.0),
        (Demand.REDUCE, 800.0, 3000.0, 3330.0),
        (Demand.BOOST, 0.0, 1500.0, 2000.0),
        (Demand.BOOST, 800.0, 700.0, 1200.0),
    ],
)
def test_the_return_overshoots_only_if_told_to(demand, overshoot_w, least_w, most_w):
    pump = heat_pump(overshoot_w=overshoot_w)
    pump.instruct(demand, at_s=0.0)
    pump.instruct(Demand.NORMAL, at_s=HOUR_S)
    assert least_w <= pump.power_w(HOUR_S + 200.0) <= most_w
    assert 1500.0 <= pump.power_w(HOUR_S + 600.0) <= 2530.0


def test_powers_out_of_order_are_refused():
    with pytest.raises(ValueError, match="20 < 3000 < 2500"):
        heat_pump(min_power_w=3000.0)
