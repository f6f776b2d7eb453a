"""A clock that is off is found within its uncertainty, and a lie by its name."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.clocks import (
    Lie,
    Stamps,
    clock_after,
    clock_drift_per_day,
    clock_error,
    lie_of_clock,
    lies_of,
    stamp_resolution,
    value_latency,
)
from harness.analysis.estimate import Contribution, Estimate

SUMMER = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
WINTER = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def polled(
    offset_s, *, drift_per_day_s=0.0, step_s=0.0, days=0.05, every_s=10.0, seed=1
):
    """A device that is asked, and stamps some time before its answer is there."""
    rng = np.random.default_rng(seed)
    asked_s = np.arange(0.0, days * 86_400, every_s)
    arrival_s = asked_s + rng.uniform(0.02, 0.3, asked_s.size)
    seen_s = asked_s + (arrival_s - asked_s) * rng.random(asked_s.size)
    shown_s = seen_s + offset_s + drift_per_day_s * seen_s / 86_400
    if step_s:
        shown_s = np.floor(shown_s / step_s + 1e-9) * step_s
    return Stamps(asked_s, arrival_s, shown_s)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-4000.0, 4000.0),
    st.sampled_from([0.0, 0.01, 1.0]),
    st.integers(0, 1000),
)
def test_an_offset_is_found_within_its_uncertainty(offset_s, step_s, seed):
    found = clock_error(polled(offset_s, step_s=step_s, seed=seed))
    assert abs(found.value - offset_s) <= 1.8 * found.u + 1e-6  # the range's very end
    assert found.expanded < 0.4 + step_s


def test_question_and_answer_bound_it_better_than_either_alone():
    both = polled(7.0)
    pushed = Stamps(both.arrival_s, both.arrival_s, both.device_s)
    assert clock_error(both).u < 0.5 * clock_error(pushed).u


def test_a_pushed_value_bounds_its_clock_from_one_side_only():
    arrival_s = np.arange(0.0, 600.0, 60.0)
    found = clock_error(Stamps(arrival_s, arrival_s, arrival_s - 0.4 + 3.0))
    assert found.value == pytest.approx(3.0, abs=0.6)
    assert found.expanded > 0.25  # its shortest way may be anything up to half a second


@settings(max_examples=40, deadline=None)
@given(st.floats(-5.0, 5.0), st.floats(-30.0, 30.0), st.integers(0, 1000))
def test_a_drift_over_weeks_is_found_within_its_uncertainty(per_day_s, offset_s, seed):
    stamps = polled(
        offset_s, drift_per_day_s=per_day_s, days=21, every_s=1800.0, seed=seed
    )
    found = clock_drift_per_day(stamps)
    assert abs(found.value - per_day_s) <= found.expanded + 1e-9
    assert found.expanded < 0.05


def test_ten_minutes_cannot_tell_a_second_a_day_and_say_so():
    found = clock_drift_per_day(polled(0.0, days=600 / 86_400))
    assert found.expanded > 1.0


def test_a_clock_that_nobody_sets_is_off_by_both():
    u = (Contribution("scatter", 0.1),)
    later = clock_after(Estimate(-3.0, "s", u), Estimate(0.5, "s/d", u), 20)
    assert later.value == 13.0
    assert later.u == pytest.approx(math.hypot(0.1, 2.0))


def test_latency_is_age_by_a_corrected_clock():
    rng = np.random.default_rng(4)
    sampled_s = np.arange(0.0, 3600.0, 60.0)
    late_s = rng.uniform(2.0, 4.0, sampled_s.size)
    arrival_s = sampled_s + late_s
    stamps = Stamps(arrival_s, arrival_s, sampled_s + 30.0)
    fast = Estimate(30.0, "s", (Contribution("scatter", 0.2),))
    found = value_latency(stamps, fast)
    assert found.value == pytest.approx(np.quantile(late_s, 0.95), abs=0.1)
    assert found.u >= 0.2
    # Without the correction values would be from the future: never below nothing.
    assert value_latency(stamps, Estimate(0.0, "s")).value == 0.0


@pytest.mark.parametrize(
    ("error_s", "at", "lie"),
    [
        (3600.0, SUMMER, Lie.LOCAL_AS_UTC),
        (3600.0, WINTER, Lie.OTHER_ZONE),
        (3612.0, SUMMER, Lie.LOCAL_AS_UTC),
        (7200.0, SUMMER, Lie.OTHER_ZONE),
        (-5 * 3600.0, WINTER, Lie.OTHER_ZONE),
        (19_800.0, WINTER, Lie.OTHER_ZONE),
        (-SUMMER.timestamp() + 500, SUMMER, Lie.RESET),
        (0.0, SUMMER, None),
        (-25.0, SUMMER, None),
        (90.0, SUMMER, None),
        (3500.0, SUMMER, None),
        (math.nan, SUMMER, None),
    ],
)
def test_a_lie_has_a_name(error_s, at, lie):
    assert lie_of_clock(Estimate(error_s, "s"), at) is lie
    assert lies_of(Estimate(error_s, "s"), at) == ((lie,) if lie else ())


def test_a_clock_known_too_badly_is_not_called_a_liar():
    vague = Estimate(900.0, "s", (Contribution("scatter", 300.0),))
    assert lie_of_clock(vague, SUMMER) is None


@pytest.mark.parametrize("step_s", [1.0, 0.1, 0.01])
def test_the_step_of_stamps_is_found(step_s):
    rng = np.random.default_rng(2)
    stamps = step_s * rng.integers(1, 6000, 200).astype(float)
    stamps[3] = math.nan
    assert stamp_resolution(stamps - 17.25, zero_s=17.25) == step_s
    assert stamp_resolution(stamps + math.pi / 1e4 * rng.random(200)) == 0.0


def test_values_taken_on_the_minute_are_not_taken_for_coarse_stamps():
    on_the_minute_s = np.arange(0.0, 3600.0, 60.0)
    assert stamp_resolution(on_the_minute_s) == 1.0
    late_s = on_the_minute_s + 0.3
    assert abs(clock_error(Stamps(late_s, late_s, on_the_minute_s)).value) < 1.0


def test_bad_stamps_are_refused_and_none_are_said():
    t = np.arange(5.0)
    none = Stamps(t, t, np.full(5, math.nan))
    for found in (clock_error(none), clock_drift_per_day(none)):
        assert math.isnan(found.value)
        assert "no time of its own" in found.why
    assert "no time" in value_latency(none, clock_error(none)).why
    assert "too briefly" in clock_drift_per_day(Stamps(t, t, t)).why
    with pytest.raises(ValueError, match="shapes"):
        Stamps(t, t, np.arange(4.0))
    with pytest.raises(ValueError, match="infinite"):
        Stamps(t, t, np.full(5, math.inf))
    with pytest.raises(ValueError, match="before it was asked"):
        Stamps(t, t - 1, t)


@settings(max_examples=40, deadline=None)
@given(st.floats(-1e5, 1e5), st.integers(0, 100))
def test_shift_and_order_change_nothing(shift_s, seed):
    stamps = polled(12.0, days=0.01)
    order = np.random.default_rng(seed).permutation(stamps.asked_s.size)
    moved = Stamps(*(one[order] + shift_s for one in (
        stamps.asked_s, stamps.arrival_s, stamps.device_s)))  # fmt: skip
    one, other = clock_error(stamps), clock_error(moved)
    assert other.value == pytest.approx(one.value, abs=1e-6)
    assert other.u == pytest.approx(one.u, abs=1e-6)
