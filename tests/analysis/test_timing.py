"""What is measured of a meter's timing, against meters whose timing is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.timing import (
    clock_offset,
    decimal_places,
    noise_floor,
    update_interval,
    value_step,
)


def shown(update_s, read_s, until_s=120.0, first_s=0.13):
    """Reads of a meter that shows something new every `update_s`."""
    time_s = np.arange(0.0, until_s, read_s)
    steps = np.floor((time_s - first_s) / update_s)
    return time_s, 230.0 + np.sin(steps * 0.7)


@given(st.floats(0.5, 15.0), st.floats(0.05, 0.2), st.floats(0.0, 0.5))
def test_the_interval_is_found_within_what_reading_can_tell(update_s, read_s, first_s):
    time_s, values = shown(update_s, read_s, first_s=first_s)
    found = update_interval(time_s, values)
    assert abs(found.value - update_s) <= read_s + 1e-9
    assert found.unseen is None


def test_read_too_slowly_anything_below_is_possible():
    found = update_interval(*shown(0.5, 1.0))
    assert (found.value, found.unseen) == (1.0, (0.0, 1.0))


def test_one_restless_quantity_is_enough():
    time_s, values = shown(2.0, 0.2)
    found = update_interval(time_s, np.zeros_like(values), values)
    assert found.value == pytest.approx(2.0, abs=0.2)


@given(st.floats(-1e6, 1e6), st.floats(0.1, 100.0))
def test_shift_and_scale_do_not_change_the_interval(shift, scale):
    time_s, values = shown(1.0, 0.2)
    plain = update_interval(time_s, values)
    moved = update_interval(time_s + shift, values * scale)
    assert moved.value == pytest.approx(plain.value, rel=1e-6)


def test_a_frozen_or_empty_meter_has_no_interval():
    time_s = np.arange(10.0)
    assert "same throughout" in update_interval(time_s, np.ones(10)).why
    assert math.isnan(update_interval(time_s, np.full(10, math.nan)).value)
    assert math.isnan(update_interval(np.array([]), np.array([])).value)
    with pytest.raises(ValueError, match="as long as"):
        update_interval(time_s, np.ones(3))


@given(st.integers(0, 1000), st.floats(0.01, 50.0))
def test_noise_is_found_through_a_step(seed, sigma_w):
    rng = np.random.default_rng(seed)
    values = np.r_[np.full(300, 7000.0), np.full(300, 1400.0)]
    found = noise_floor(values + rng.normal(0, sigma_w, 600), "W")
    assert found.value == pytest.approx(sigma_w, rel=0.2)


def test_too_few_readings_have_no_noise():
    assert math.isnan(noise_floor(np.arange(9.0), "W").value)


@given(st.floats(-3600.0, 3600.0), st.floats(0.0, 2.0))
def test_a_clock_s_offset_is_covered_whatever_the_way_takes(offset_s, most_delay_s):
    arrival_s = np.arange(0.0, 600.0, 10.0)
    delay_s = most_delay_s * (np.arange(60) % 7) / 6
    found = clock_offset(arrival_s - delay_s + offset_s, arrival_s)
    assert abs(found.value - offset_s) <= found.expanded + 1e-6


def test_a_device_without_time_has_no_offset():
    assert "no time" in clock_offset(np.full(3, math.nan), np.arange(3.0)).why


@pytest.mark.parametrize(
    ("values", "step", "places"),
    [
        ([7211.0, 7212.0, 1400.0], 1.0, 6),
        ([7210.0, 1400.0, 0.0], 10.0, 5),
        ([1000.0, 3000.0], 1000.0, 3),
        ([7.2, 7.3, 1.4], 0.1, 7),
        ([7211.2998046875, 1.5], 1e-7, 13),
    ],
)
def test_the_step_of_values_is_what_a_person_sees(values, step, places):
    found = value_step(np.array([*values, math.nan]))
    assert found == pytest.approx(step)
    assert decimal_places(found / 1e6) == places


def test_values_that_never_move_have_no_step():
    assert math.isnan(value_step(np.full(5, 7.0)))
    assert math.isnan(value_step(np.array([])))
    with pytest.raises(ValueError, match="is none"):
        decimal_places(0.0)
