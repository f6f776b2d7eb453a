"""The vehicle: floor, pause, reaction, ramp, taper, and energy that adds up."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.ev_chargepoint.model import ElectricVehicle, Vehicle

CAR = Vehicle(wake_up_s=0.0)


def vehicle(car=CAR, *, voltage_v=230.0):
    return ElectricVehicle(car, voltage_v=lambda _at_s: voltage_v, at_s=0.0)


def charging(car=CAR, offered_a=32.0):
    ev = vehicle(car)
    ev.offer(offered_a, at_s=0.0, reaction_s=0.0)
    ev.power_w(60.0)
    return ev


def test_it_draws_what_is_offered_up_to_its_own_charger():
    assert charging(offered_a=32).power_w(60) == pytest.approx(7360)
    assert charging(offered_a=10).power_w(60) == pytest.approx(2300)
    small = replace(CAR, onboard_limit_a=16)
    assert charging(small, offered_a=32).power_w(60) == pytest.approx(3680)


def test_three_phases_draw_three_times_as_much():
    assert charging(replace(CAR, phases=3), 16).power_w(60) == pytest.approx(11040)


@pytest.mark.parametrize(("offered_a", "drawn_a"), [(6.0, 6.0), (5.9, 0.0), (0, 0)])
def test_below_6_a_is_a_pause(offered_a, drawn_a):
    assert charging(offered_a=offered_a).current_a(60) == drawn_a


def test_it_follows_after_its_reaction_time_and_not_before():
    ev = charging(replace(CAR, ramp_a_per_s=1e9))
    follows_s = ev.offer(6, at_s=100, reaction_s=2.5)
    assert follows_s == 102.5
    assert ev.current_a(102.499) == 32
    assert ev.current_a(102.51) == 6


def test_it_ramps_at_its_own_pace_both_ways():
    ev = charging(replace(CAR, ramp_a_per_s=2))
    ev.offer(12, at_s=100, reaction_s=1)
    assert [ev.current_a(t) for t in (101, 103, 106, 111, 112)] == [32, 28, 22, 12, 12]
    ev.offer(20, at_s=200, reaction_s=0)
    assert [ev.current_a(t) for t in (200, 202, 204, 210)] == [12, 16, 20, 20]


def test_waking_from_a_pause_takes_longer_than_a_change():
    ev = charging(replace(CAR, wake_up_s=30))
    assert ev.offer(0, at_s=100, reaction_s=2) == 102
    assert ev.offer(16, at_s=200, reaction_s=2) == 232
    assert ev.current_a(231.9) == 0
    assert ev.current_a(240) == 16
    assert ev.offer(20, at_s=300, reaction_s=2) == 302


def test_an_offer_withdrawn_before_the_vehicle_looked_never_happened():
    ev = charging()
    ev.offer(6, at_s=100, reaction_s=4)
    ev.offer(32, at_s=101, reaction_s=2)
    assert {ev.current_a(t / 10) for t in range(1011, 1100)} == {32}


def test_near_full_it_takes_less_and_then_nothing():
    ev = charging(replace(CAR, soc_percent=88, battery_kwh=10))
    currents = [ev.current_a(60.0 * minute) for minute in range(1, 120)]
    assert currents[0] == 32
    assert all(late <= early for early, late in pairwise(currents))
    assert 3.2 in [pytest.approx(a, abs=0.01) for a in currents]
    assert currents[-1] == 0
    assert ev.soc_percent(7200) == 100
    assert not ev.is_drawing(7200)


def test_the_battery_gains_what_is_drawn_less_the_losses():
    ev = charging(replace(CAR, ramp_a_per_s=1e9))
    start_wh, start_soc = ev.drawn_wh(3600), ev.soc_percent(3600)
    drawn_wh = ev.drawn_wh(7200) - start_wh
    assert drawn_wh == pytest.approx(7360)
    gained = ev.soc_percent(7200) - start_soc
    assert gained == pytest.approx(100 * 7.360 * 0.9 / 75)


def test_pulling_the_cable_stops_the_current_at_once():
    ev = charging()
    ev.disconnect(at_s=100.25)
    assert ev.power_w(100.25) == 0
    assert ev.power_w(200) == 0


def test_time_does_not_run_back():
    ev = charging()
    with pytest.raises(ValueError, match="back"):
        ev.power_w(30)


def test_a_faulty_vehicle_draws_6_a_whatever_is_offered():
    ev = charging(replace(CAR, draws_at_most_a=6), offered_a=20)
    assert ev.offered_a == 20
    assert ev.current_a(60) == 6


OFFERS = st.lists(
    st.tuples(st.floats(0.1, 40), st.sampled_from([0.0, 6.0, 9.5, 16.0, 32.0])),
    min_size=1,
    max_size=8,
)


def run(offers, polls_s):
    """Play offers one after another and ask at the given moments besides."""
    ev = vehicle(replace(CAR, ramp_a_per_s=1.7, battery_kwh=2, wake_up_s=3))
    at_s = 0.0
    asked = sorted(polls_s)
    for gap_s, offered_a in offers:
        at_s += gap_s
        for poll_s in [p for p in asked if p <= at_s]:
            ev.power_w(poll_s)
        asked = [p for p in asked if p > at_s]
        ev.offer(offered_a, at_s=at_s, reaction_s=2.3)
    end_s = at_s + 60
    for poll_s in asked:
        ev.power_w(min(poll_s, end_s))
    return ev.current_a(end_s), ev.drawn_wh(end_s), ev.soc_percent(end_s)


@settings(max_examples=60, deadline=None)
@given(OFFERS, st.lists(st.floats(0, 300), max_size=30))
def test_how_often_it_is_asked_changes_nothing(offers, polls_s):
    assert run(offers, polls_s) == run(offers, [])


@settings(max_examples=40, deadline=None)
@given(OFFERS)
def test_the_current_never_exceeds_the_highest_offer_and_energy_is_its_integral(offers):
    ev = vehicle(replace(CAR, ramp_a_per_s=1.7))
    at_s, highest_a, changes = 0.0, 0.0, []
    for gap_s, offered_a in offers:
        at_s += gap_s
        changes.append((at_s, offered_a))
    summed_wh, step_s, moment_s, last_w = 0.0, 0.05, 0.0, 0.0
    while moment_s < at_s + 30:
        while changes and changes[0][0] <= moment_s:
            _when, offered_a = changes.pop(0)
            ev.offer(offered_a, at_s=moment_s, reaction_s=1.0)
            highest_a = max(highest_a, offered_a)
        power_w = ev.power_w(moment_s)
        assert ev.current_a(moment_s) <= highest_a + 1e-9
        summed_wh += (power_w + last_w) / 2 * step_s / 3600
        last_w, moment_s = power_w, moment_s + step_s
    assert ev.drawn_wh(moment_s - step_s) == pytest.approx(summed_wh, abs=0.02)
    assert math.isfinite(summed_wh)
