"""Right while the truth rests, and how soon after a step: two criteria."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.aggregate.accuracy import steady_state_error, transition_lag
from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.power import aggregate_power
from harness.analysis.aggregate.wide import wide_sums
from harness.analysis.quality import MeterQuality
from tests.analysis.aggregate.portfolios import EXACT

PERFECT = MeterQuality("a perfect meter")
REST = {"settle_s": 5.0, "steady_percent": 0.0, "reference": PERFECT}
NAN = np.nan


def sent(power_w, from_s=0):
    """Aggregate power as it stands in an array; ``nan`` is a gap."""
    table = np.array(power_w, dtype=float)[np.newaxis]
    meters = asset_meters(1, **EXACT)
    return aggregate_power(wide_sums(table, meters, max_age_s=0.0, from_s=from_s))


def test_the_largest_central_error_keeps_its_sign():
    truth = np.full(106, 1000.0)
    power = truth.copy()
    power[20:30], power[50], power[60] = 1008.0, 1500.0, 700.0
    # 100 seconds are steady; 2 at either end are not central.
    got = steady_state_error(sent(power), truth, **REST)
    assert got.value == pytest.approx(0.8)
    assert got.unit == "%"
    assert got.marks == (("worst second", 50.0),)
    power[20:30] = 992.0
    assert steady_state_error(sent(power), truth, **REST).value == pytest.approx(-0.8)


def test_two_seconds_in_a_hundred_are_forgiven_and_a_third_is_not():
    truth, power = np.full(106, 1000.0), np.full(106, 1001.0)
    power[[40, 41]] = 1100.0
    assert steady_state_error(sent(power), truth, **REST).value == pytest.approx(0.1)
    power[42] = 1100.0
    assert steady_state_error(sent(power), truth, **REST).value == pytest.approx(10.0)


def test_only_seconds_count_before_which_the_truth_rested_long_enough():
    # The truth steps at 10 s; from 16 s on it has rested for longer than 5 s.
    truth = np.where(np.arange(30) < 10, 2000.0, 1000.0)
    for still_wrong_at, value in ((15, 0.0), (16, 100.0)):
        power = truth.copy()
        power[10 : still_wrong_at + 1] = 2000.0
        got = steady_state_error(sent(power), truth, **REST)
        assert got.value == pytest.approx(value)


def test_how_much_rest_is_rest_is_declared():
    truth = 1000 + 10.0 * (np.arange(40) % 2)
    for percent, value in ((1.0, 5.0), (0.98, NAN)):
        rest = REST | {"steady_percent": percent}
        got = steady_state_error(sent(truth * 1.05), truth, **rest)
        assert got.value == pytest.approx(value, nan_ok=True)
    assert got.why == "the true power never rested for longer than 5 s"


def test_more_is_more_whichever_way_power_flows():
    truth = np.full(20, -1000.0)
    assert steady_state_error(sent(truth * 1.02), truth, **REST).value > 0


def test_the_reference_is_in_the_budget_and_the_aggregates_own_error_is_not():
    truth = np.full(20, 1000.0)
    reference = MeterQuality("certificate 17", relative_u=0.001, absolute_u_w=0.5)
    got = steady_state_error(
        sent(truth * 1.1), truth, **REST | {"reference": reference}
    )
    assert [(line.name, pytest.approx(line.u)) for line in got.budget] == [
        ("reference: meter gain", 0.11),
        ("reference: meter offset and resolution", 0.055),
    ]


def test_what_gaps_may_have_hidden_is_said():
    truth, power = np.full(106, 1000.0), np.full(106, 1001.0)
    power[40] = NAN
    got = steady_state_error(sent(power), truth, **REST)
    assert got.unseen == pytest.approx((0.1, 0.1))  # one in a hundred is not central
    power[40:43] = NAN
    assert steady_state_error(sent(power), truth, **REST).unseen == (
        -math.inf,
        math.inf,
    )


@pytest.mark.parametrize(
    ("power", "truth", "least_w", "why"),
    [
        ([5.0] * 6, [5.0] * 6, 0.0, "never rested for longer than 5 s"),
        ([5.0] * 9, [5.0] * 4 + [NAN] + [5.0] * 4, 0.0, "never rested"),
        ([5.0] * 9, [0.0] * 9, 0.0, "too near to 0 W for an error in percent"),
        ([5.0] * 9, [5.0] * 9, 5.0, "too near to 0 W for an error in percent"),
        ([NAN] * 9, [5.0] * 9, 0.0, "there is no aggregate power while the truth"),
    ],
)
def test_an_error_that_nobody_can_know_is_nan_with_the_reason(
    power, truth, least_w, why
):
    got = steady_state_error(sent(power), np.array(truth), **REST, least_w=least_w)
    assert math.isnan(got.value)
    assert why in got.why


@pytest.mark.parametrize(
    ("truth", "options", "message"),
    [
        (np.ones(8), {}, r"true_w is \(8,\) but aggregate power is \(9,\)"),
        (np.full(9, np.inf), {}, "true_w is infinite"),
        (np.ones(9), {"settle_s": -1.0}, "must be finite and not negative"),
        (np.ones(9), {"settle_s": NAN}, "must be finite and not negative"),
        (np.ones(9), {"settle_s": np.inf}, "must be finite and not negative"),
        (np.ones(9), {"steady_percent": -1.0}, "must be finite and not negative"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(truth, options, message):
    with pytest.raises(ValueError, match=message):
        steady_state_error(sent(np.ones(9)), truth, **REST | options)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-20, 20), min_size=12, max_size=60),
    st.sampled_from([0.25, 3.0, 1e4]),
    st.integers(-5000, 5000),
)
def test_an_error_in_percent_depends_on_neither_size_nor_hour(errors, scale, shift_s):
    truth = np.full(len(errors), 1000.0)
    power = truth * (1 + np.array(errors) / 100)
    here = steady_state_error(sent(power), truth, **REST)
    there = steady_state_error(
        sent(power * scale, from_s=shift_s), truth * scale, **REST
    )
    assert there.value == pytest.approx(here.value, abs=1e-9)
    (_, mark), (_, moved) = here.marks[0], there.marks[0]
    assert (
        moved - shift_s == mark
        or abs(abs(errors[int(mark)]) - abs(errors[int(moved - shift_s)])) < 1e-9
    )


STEP = {"step_at_s": 10.0, "until_s": 60.0, "within_percent": 1.0}


def stepping(power, from_s=0, *, reference=PERFECT, truth=None, **options):
    true_w = np.where(np.arange(60) < 10, 2000.0, 1000.0) if truth is None else truth
    return transition_lag(
        sent(power, from_s), true_w, reference=reference, **STEP | options
    )


def follows(right_from, off_w=11.0):
    """Aggregate power that comes within 1 % at one second, and not before."""
    at = np.arange(60)
    return np.where(at < 10, 2000.0, np.where(at < right_from, 1000.0 + off_w, 1010.0))


def test_the_lag_ends_where_the_aggregate_comes_to_stay():
    for right_from in (10, 11, 35, 59):
        assert stepping(follows(right_from)).value == right_from - 10
    power = follows(20)
    power[40] = 1011.0  # one late departure moves it
    got = stepping(power)
    assert got.value == 31
    assert got.marks == (("right for good", 41.0),)


def test_an_aggregate_that_never_comes_lags_for_ever():
    got = stepping(follows(60))
    assert got.value == math.inf
    assert got.why == "when the window ended it was not within 1 %"
    assert stepping(follows(60, off_w=10.0)).value == 0  # its twin is just within


def test_a_gap_is_wrong_and_may_have_been_right():
    power = follows(20)
    power[30] = NAN
    got = stepping(power)
    assert (got.value, got.unseen) == (21.0, (10.0, 21.0))
    power[59] = NAN
    got = stepping(power)
    assert (got.value, got.unseen) == (math.inf, (10.0, math.inf))


def test_a_step_to_nothing_needs_a_power_that_the_percentage_is_of():
    truth = np.where(np.arange(60) < 10, 2000.0, 0.0)
    power = np.where(np.arange(60) < 25, 2000.0, 20.0)
    got = stepping(power, truth=truth)
    assert math.isnan(got.value)
    assert got.why == "the true power is 0 W: name the power that the percentage is of"
    assert stepping(power, truth=truth, of_w=2000.0).value == 15
    assert stepping(power, truth=truth, of_w=1999.0).value == math.inf


def test_a_reference_that_cannot_tell_says_so():
    power = follows(20)
    power[20:40] = 1008.0
    power[40:] = 1000.0
    sharp = stepping(power, reference=MeterQuality("m", relative_u=0.0005))
    blunt = stepping(power, reference=MeterQuality("m", relative_u=0.005))
    assert sharp.value == blunt.value == 10
    assert {line.name for line in sharp.budget} == {"sampling interval"}
    assert max(line.u for line in blunt.budget) == 20  # at 40 s it is surely there


def test_a_window_without_a_second_decides_nothing():
    got = stepping(follows(20), until_s=10.0)
    assert (math.isnan(got.value), got.why) == (
        True,
        "there is no second after the step",
    )


@pytest.mark.parametrize("options", [{"within_percent": 0.0}, {"of_w": -1.0}])
def test_a_lag_within_nothing_is_refused(options):
    with pytest.raises(ValueError, match="within_percent and of_w must be above 0"):
        stepping(follows(20), **options)
