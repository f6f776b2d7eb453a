"""What betrays a meter: seen on series that deserve it, and on none that do not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis import meter_faults as faults
from harness.analysis.quality import MeterQuality

T = np.arange(0.0, 600.0)
GOOD = MeterQuality("certificate 1", relative_u=0.002, update_interval_s=1.0)
SLOW = MeterQuality("certificate 2", relative_u=0.002, update_interval_s=10.0)
NAN = np.full(T.size, np.nan)


def car(at_s=200.0, from_w=7400.0, to_w=1400.0):
    return np.where(at_s > T, from_w, to_w) + 3 * np.sin(T)


def gain(mine, other, *, meter=GOOD, other_meter=GOOD, t=T, other_t=T):
    return faults.gain_against(
        t, mine, other_t, other, from_s=0.0, until_s=600.0,
        meter=meter, other_meter=other_meter,
    )  # fmt: skip


@pytest.mark.parametrize("factor", [1.0, -1.0, 1000.0, 10.0])
def test_a_constant_factor_is_found(factor):
    assert gain(factor * car(), car() + 500).value == pytest.approx(
        100 * factor, rel=0.01
    )


@pytest.mark.parametrize("factor", [-1.0, 1000.0, 0.01])
def test_a_factor_that_comes_while_power_rests_is_found(factor):
    mine = np.where(T > 400, factor, 1.0) * car()
    assert gain(mine, car() + 500).value == pytest.approx(100 * factor, rel=0.02)


def test_a_meter_that_shows_nothing_accuses_nobody():
    found = gain(np.full(T.size, 7.0), car())
    assert math.isnan(found.value)
    assert found.why == "power did not change enough to tell"


@pytest.mark.parametrize("late_s", [1, 3, 5])
def test_meters_that_are_permitted_seconds_apart_agree(late_s):
    assert gain(car(200.0 + late_s), car() + 500).value == pytest.approx(100, abs=5)


def test_a_meter_that_is_read_every_ten_seconds_agrees_with_one_at_each():
    every = T[::10]
    found = gain(car(), car(203.0)[::10] + 500, other_t=every, other_meter=SLOW)
    assert found.value == pytest.approx(100, abs=5)


def of_slow_meters(seed, sign=1.0):
    """A heat pump's slow meter, and the boundary's less that of a car that gave way.

    Each shows values of its own age: for up to twenty seconds the difference of two
    meters holds the car's 6 kW, which are not the heat pump's.
    """
    chance = np.random.default_rng(seed)
    t = T[::10]
    late_s = chance.uniform(0.0, 10.0, 3)
    pump_w = np.interp(T, [300, 350], [1960, 500])
    pump, car_alone, whole = (
        np.interp(t - late, T, power)
        for late, power in zip(
            late_s, (pump_w, car(300.0), pump_w + car(300.0) + 350), strict=True
        )
    )
    rest = whole - car_alone
    return gain(sign * pump, rest, meter=SLOW, other_meter=SLOW, t=t, other_t=t)


@pytest.mark.parametrize("seed", range(40))
def test_what_one_slow_meter_shows_later_than_another_reverses_nobody(seed):
    assert of_slow_meters(seed).value > 40


@pytest.mark.parametrize("seed", range(10))
def test_a_slow_meter_that_is_reversed_is_found(seed):
    assert of_slow_meters(seed, sign=-1.0).value < -40


def test_a_window_too_short_for_a_step_says_so():
    found = faults.gain_against(
        T, car(), T, car(), from_s=0, until_s=20, meter=GOOD, other_meter=GOOD
    )
    assert "too short" in found.why


@settings(max_examples=60, deadline=None)
@given(
    st.integers(60, 540), st.integers(60, 540), st.floats(-3000, 3000),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_two_good_meters_are_never_accused(at_s, other_at_s, other_w, seed):
    noise = np.random.default_rng(seed)
    mine = car(at_s) * (1 + 0.002 * noise.standard_normal(T.size))
    unmetered = np.where(other_at_s > T, 0.0, other_w)
    found = gain(mine, car(at_s) + 3500 + unmetered).value
    # A load that nobody else sees may make the step look up to twice as large.
    assert 40 < found < 250


def test_what_cannot_be_is_counted():
    values = np.array([230.0, 3.0, np.nan, 231.0, 1e9])
    found = faults.implausible(np.arange(5.0), values, low=200.0, high=260.0)
    assert (found.value, found.marks) == (2.0, (("first", 1.0),))
    nothing = faults.implausible(np.arange(2.0), np.full(2, np.nan), low=0, high=1)
    assert nothing.why == "no value in the window"


def live(seed=1, step=0.0):
    noise = np.random.default_rng(seed).standard_normal((2, T.size))
    values = np.array([[230.0], [5.0]]) + 0.3 * noise
    return np.round(values / step) * step if step else values


@pytest.mark.parametrize(("ago", "lasts"), [(20, 40), (100, 60), (300, 11)])
def test_a_stretch_that_is_given_again_is_found_with_its_age(ago, lasts):
    volts, amperes = live()
    for series in (volts, amperes):
        series[400 : 400 + lasts] = np.tile(series[400 - ago : 400], 4)[:lasts]
    found = faults.given_again(T, volts, amperes)
    marks = dict(found.marks)
    assert found.value >= min(lasts, ago) - 1
    assert marks["again from"] - marks["known since"] == ago


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("step", [0.0, 0.1])
def test_a_live_meter_never_gives_a_stretch_again(seed, step):
    assert faults.given_again(T, *live(seed, step)).value <= 10


def test_a_meter_that_shows_each_value_for_ten_seconds_gives_nothing_again():
    volts = np.repeat(live()[0][:60], 10)
    assert faults.given_again(T, volts).value == 0


def test_a_resting_meter_that_knows_two_values_gives_nothing_again():
    volts = np.tile([230.1, 230.2], T.size // 2)
    assert faults.given_again(T, volts).value == 0


def test_the_oldest_value_on_arrival_is_found():
    arrival_s = np.array([10.0, 60.0, 60.0, 60.0])
    device_s = np.array([10.0, 20.0, 40.0, 60.0])
    found = faults.lateness(arrival_s, device_s)
    assert (found.value, found.marks) == (40.0, (("arrived", 60.0),))
    assert "no time of its own" in faults.lateness(T, NAN).why


@pytest.mark.parametrize("jump_s", [-90.0, 7.0, 3600.0])
def test_a_jump_of_the_clock_is_found_where_it_is(jump_s):
    device_s = T + np.where(T >= 300, jump_s, 0.0)
    found = faults.clock_step(T, device_s)
    assert found.value == pytest.approx(jump_s)
    assert found.marks[0][1] == pytest.approx(300, abs=5)
    assert "no time of its own" in faults.clock_step(T, NAN).why


@settings(deadline=None)  # the first to ask for Student's t waits for its import
@given(st.floats(-500, 500), st.floats(-100, 100), st.integers(0, 2**32 - 1))
def test_a_drift_is_found_within_its_uncertainty(per_hour_s, offset_s, seed):
    noise = 0.1 * np.random.default_rng(seed).standard_normal(T.size)
    found = faults.clock_drift(T, offset_s + per_hour_s / 3600 * T + noise)
    assert abs(found.value - per_hour_s) <= 3 * found.expanded


def test_a_clock_seen_once_has_no_drift():
    assert "one moment only" in faults.clock_drift(T[:1], T[:1]).why


def test_values_that_stand_still_while_power_moves_are_found():
    own = np.where((T >= 100) & (T <= 300), car()[100], car())
    found = stands_still(own)
    assert found.value == pytest.approx(200, abs=2)
    assert found.marks == (("from", 100.0),)


def test_values_may_stand_still_while_nothing_moves():
    assert stands_still(np.full(T.size, 0.0), np.full(T.size, 0.0)).value == 0
    assert stands_still(car()).value == 0


def test_a_value_that_had_no_time_to_change_does_not_stand_still():
    every = T[::60]
    assert stands_still(car()[::60], t=every).value <= 60


def stands_still(own, other=None, t=T):
    return faults.stands_still(
        t, own, T, car() if other is None else other, from_s=0.0, until_s=600.0,
        least_move_w=500.0,
    )  # fmt: skip
