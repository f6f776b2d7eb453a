import math

import numpy as np
import pytest
from uncertainties import ufloat

from harness.analysis.agreement import (
    held_at,
    lag_behind,
    power_agreement,
    register_energy,
)
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import MeterQuality, relative_difference

PERFECT = MeterQuality("a perfect meter")
T = np.arange(-600.0, 3600.0)
FLOW = np.where((T >= 300) & (T < 2100), 1400.0, 7200.0)
WINDOW = {"from_s": 0, "until_s": 3600, "max_age_s": 30}
METERS = {"own_meter": PERFECT, "reference_meter": PERFECT}


@pytest.mark.parametrize("percent", [-5.0, -3.5, 0.0, 2.5, 5.0])
def test_a_flattering_meter_is_found_out(percent):
    own = FLOW[::10] * (1 + percent / 100)
    got = power_agreement(T[::10], own, T, FLOW, **WINDOW, **METERS)
    assert got.value == pytest.approx(percent, abs=1e-9)


def test_a_device_that_reports_late_is_unsure_by_what_changed_meanwhile():
    t, own = T[::10] + 7.0, FLOW[::10]
    got = power_agreement(t, own, T, FLOW, **WINDOW, **METERS)
    assert abs(got.value) < 3 * got.u
    assert got.u > 0


def test_both_meters_are_in_the_budget():
    meters = {
        "own_meter": MeterQuality("own", absolute_u_w=9.0),
        "reference_meter": MeterQuality("class 1", relative_u=0.0058, absolute_u_w=1.0),
    }
    steady = np.full(T.size, 2000.0)
    got = power_agreement(T, steady * 1.02, T, steady, **WINDOW, **meters)
    own = ufloat(2040, 9)
    reference = ufloat(2000, math.hypot(2000 * 0.0058, 1.0))
    expected = 100 * (own / reference - 1)
    assert got.value == pytest.approx(expected.nominal_value)
    assert got.u == pytest.approx(expected.std_dev, rel=1e-6)


def test_a_device_that_fell_silent_is_not_compared():
    own = np.where(T > 600, np.nan, FLOW)
    got = power_agreement(T, own, T, FLOW, **WINDOW, **METERS)
    assert math.isnan(got.value)
    assert "17% of the samples pair up" in got.why


def test_nothing_flowing_is_nothing_to_compare():
    zero = np.zeros(T.size)
    got = power_agreement(T, zero, T, zero, **WINDOW, **METERS)
    assert math.isnan(got.value)
    assert "too little power" in got.why


def test_a_value_stands_until_the_next_but_not_for_ever():
    held = held_at(
        np.array([0.0, 10.0, 20.0]),
        np.array([1.0, 2.0, np.nan]),
        np.array([-1.0, 0.0, 9.9, 10.0, 16.0, 20.0]),
        max_age_s=9.9,
    )
    np.testing.assert_array_equal(held, [np.nan, 1, 1, 2, 2, np.nan])
    late = held_at(np.array([0.0]), np.array([1.0]), np.array([10.0]), max_age_s=9.9)
    assert np.isnan(late[0])


def test_register_energy_between_readings():
    t = np.arange(0.0, 3601.0, 10.0)
    got = register_energy(
        t, 2.0 * t, from_s=5, until_s=3595, resolution_wh=10, source="register"
    )
    assert got.value == pytest.approx(2 * 3590)
    steps, reading = (line.u for line in got.budget)
    assert steps == pytest.approx(10 / math.sqrt(6))
    assert reading == pytest.approx(20 * math.sqrt(2 / 12))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda wh: wh.__setitem__(slice(0, 2), np.nan), "not read before"),
        (lambda wh: wh.__setitem__(5, 0.0), "went backwards"),
        (lambda wh: wh.__setitem__(slice(-20, -1), np.nan), "not read for 200 s"),
    ],
)
def test_a_register_that_cannot_be_trusted(change, why):
    t = np.arange(0.0, 3601.0, 10.0)
    wh = 1 + 2.0 * t
    change(wh)
    got = register_energy(
        t,
        wh,
        from_s=5,
        until_s=3595,
        resolution_wh=1,
        source="register",
        max_age_s=60,
    )
    assert math.isnan(got.value)
    assert why in got.why


def test_relative_difference_of_two_energies():
    own = Estimate(1050.0, "Wh", (Contribution("steps", 4.0),))
    reference = Estimate(
        1000.0, "Wh", (Contribution("gain", 5.8), Contribution("steps", 2.0))
    )
    got = relative_difference(own, reference)
    expected = 100 * (ufloat(1050, 4) / (ufloat(1000, 5.8) + ufloat(0, 2)) - 1)
    assert got.value == pytest.approx(5.0)
    assert got.u == pytest.approx(expected.std_dev)
    assert {line.name for line in got.budget} == {
        "own: steps",
        "reference: gain",
        "reference: steps",
    }


LAG = {"from_s": 0, "until_s": 2400, "meter": PERFECT, "other_meter": PERFECT}


@pytest.mark.parametrize("late_s", [0.0, 4.0, 90.0, -25.0])
def test_a_late_meter_is_late_by_what_it_is(late_s):
    rng = np.random.default_rng(3)
    noisy = 1.03 * FLOW + 300 + rng.normal(0, 20, T.size)
    got = lag_behind(T + late_s, noisy, T, FLOW, **LAG)
    assert got.value == pytest.approx(late_s, abs=1)
    assert got.expanded < 3


def test_a_constant_tells_no_time():
    got = lag_behind(T, np.full(T.size, 5.0), T, FLOW, **LAG)
    assert math.isnan(got.value)
    assert "did not change enough" in got.why


def test_meters_that_see_different_things_have_no_lag():
    rng = np.random.default_rng(4)
    got = lag_behind(T, rng.normal(0, 1, T.size), T, FLOW, **LAG)
    assert math.isnan(got.value)
    assert "do not show the same change" in got.why


@pytest.mark.parametrize("phase_s", range(1, 10))
def test_a_meter_that_is_seldom_read_is_not_called_late(phase_s):
    """Read every 10 s it shows a change up to 10 s later: U says as much."""
    now_and_then = slice(phase_s, None, 10)
    got = lag_behind(T[now_and_then], FLOW[now_and_then], T, FLOW, **LAG)
    assert 0 < got.value <= got.expanded
    late = lag_behind(T[now_and_then] + 90, FLOW[now_and_then], T, FLOW, **LAG)
    assert late.value - late.expanded > 60


def test_a_ramp_says_little_of_when_and_a_step_says_it_to_the_second():
    """Two meters in step; the second sees a watt or two of noise."""
    t = np.arange(0.0, 400.0)
    noise = np.random.default_rng(3).normal(0.0, 8.0, t.size)
    ramp = np.interp(t, [100.0, 300.0], [0.0, 3_000.0])
    step = np.where(t < 200.0, 0.0, 3_000.0)
    window = {"from_s": 120.0, "until_s": 280.0, "meter": PERFECT,
              "other_meter": PERFECT}  # fmt: skip
    slow = lag_behind(t, ramp, t, ramp + noise, max_lag_s=60.0, **window)
    sharp = lag_behind(t, step, t, step + noise, max_lag_s=60.0, **window)
    assert abs(slow.value) <= slow.expanded
    assert slow.expanded > 10
    assert abs(sharp.value) <= 1
    assert sharp.expanded < 4
