"""How often, how late, how evenly, how completely, and in the right unit?"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.power import Missing, aggregate_power
from harness.analysis.aggregate.reading import (
    assets_present,
    implausible_scale,
    read_intervals,
    read_latency,
    seconds_present,
    staggering,
)
from harness.analysis.aggregate.reads import Reads, no_reads
from harness.analysis.aggregate.sums import no_sums
from harness.analysis.aggregate.wide import wide_sums
from tests.analysis.aggregate.portfolios import EXACT, reads_from

NAN = np.nan


def at(*sampled_s, late_s=0.0, power_w=1.0):
    """Reads of asset 0."""
    return reads_from(*((0, s, s + late_s, power_w) for s in sampled_s))


def test_the_interval_is_that_between_values():
    reads = reads_from(
        *((0, s, s + 1.0, 5.0) for s in (10, 20, 30, 30, 70)),
        (0, 40.0, 41.0, NAN),
        (1, 15.0, 16.0, 5.0),
    )
    got = read_intervals(reads, 3, from_s=5.0, until_s=80.0)
    np.testing.assert_array_equal(got.median_s, [10.0, NAN, NAN])
    assert got.longest_s.tolist() == [40.0, 65.0, 75.0]
    with pytest.raises(ValueError, match="from 5 s until 5 s there is nothing"):
        read_intervals(reads, 3, from_s=5.0, until_s=5.0)


def test_stamps_are_read_off_a_corrected_clock():
    reads = at(100.0, 110.0, late_s=-95.0)
    got = read_intervals(reads, 1, from_s=0.0, until_s=20.0, clock_offset_s=95.0)
    assert (got.median_s[0], got.longest_s[0]) == (10.0, 10.0)


def test_latency_is_what_the_stated_share_keeps_to():
    reads = reads_from(*((0, 10.0 * n, 10.0 * n + n, 5.0) for n in range(1, 21)))
    for percent, value_s in ((95.0, 19.0), (95.1, 20.0), (100.0, 20.0), (5.0, 1.0)):
        assert read_latency(reads, 1, percent=percent).value == value_s
    got = read_latency(reads, 1, percent=50.0, clock_offset_s=2.0, clock_u_s=0.3)
    assert (got.value, got.u) == (12.0, 0.3)


def test_latency_of_nothing_is_nan_and_of_no_share_refused():
    got = read_latency(at(1.0, power_w=NAN), 1, percent=95.0)
    assert (math.isnan(got.value), got.why) == (True, "no read carries a value")
    for percent in (0.0, 101.0, NAN):
        with pytest.raises(ValueError, match=r"a share of .* % of the reads is none"):
            read_latency(at(1.0), 1, percent=percent)


def test_even_reads_are_staggered_and_synchronised_ones_are_not():
    even = at(*np.arange(60.0))
    assert staggering(even, interval_s=60.0).value == pytest.approx(100 * 59 / 60)
    together = at(*(60.0 * np.arange(50) + 7))
    assert staggering(together, interval_s=60.0).value == pytest.approx(0.0, abs=1e-9)
    # Half of the interval holds all of the reads.
    half = at(*np.arange(0.0, 30.0, 0.01))
    assert staggering(half, interval_s=60.0).value == pytest.approx(50.0, abs=0.1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 600), min_size=2, max_size=40), st.floats(0, 600))
def test_when_the_interval_begins_does_not_matter_to_staggering(sampled_s, shift_s):
    here = staggering(at(*sampled_s), interval_s=60.0)
    there = staggering(at(*(np.array(sampled_s) + shift_s)), interval_s=60.0)
    assert there.value == pytest.approx(here.value, abs=1e-6)
    assert 0 <= here.value < 100


def test_staggering_of_hardly_any_read_is_nan():
    for reads in (no_reads(), at(5.0), at(5.0, 6.0, power_w=NAN)):
        got = staggering(reads, interval_s=60.0)
        assert (math.isnan(got.value), got.why) == (
            True,
            "fewer than two reads carry a value",
        )
    with pytest.raises(ValueError, match="a read interval of 0 s is none"):
        staggering(at(5.0, 6.0), interval_s=0.0)
    one = np.ones(1)
    with pytest.raises(ValueError, match="sampled_s must be finite"):
        staggering(Reads(np.zeros(1, int), one * np.inf, one, one), interval_s=9.0)


def test_presence_counts_seconds_and_assets_apart():
    table = np.array([[1.0, NAN, NAN, 1.0], [1.0, 1.0, 1.0, 1.0]])
    sums = wide_sums(table, asset_meters(2, **EXACT), max_age_s=1.0)
    assert seconds_present(aggregate_power(sums)).value == 75
    assert assets_present(sums).value == 87.5
    assert seconds_present(aggregate_power(sums, missing=Missing.LAST)).value == 100
    nothing = no_sums(from_s=0, seconds=0, causes=1, assets=2)
    for got in (seconds_present(aggregate_power(nothing)), assets_present(nothing)):
        assert (math.isnan(got.value), got.why) == (True, "there is no second")


EVENING_W = np.r_[np.zeros(40), np.full(60, 7200.0), np.full(40, 3.4)]


@pytest.mark.parametrize(
    ("power_w", "factor"),
    [
        (EVENING_W, 1.0),
        (-EVENING_W, 1.0),
        (EVENING_W / 1000, 0.001),  # kW taken for W
        (EVENING_W * 1000, 1000.0),  # W taken for kW, and made into W once more
        (np.full(50, 3.4), 1.0),  # standby
        (np.full(50, 7.2), 1.0),  # a steady 7.2: nothing says that it is on
        (np.array([0.0, 11.1]), 0.001),
        (np.array([0.0, 11.2]), 1.0),  # in kW it would be beyond the rating
        (np.array([0.0, 0.75]), 0.001),
        (np.array([0.0, 0.73]), 1.0),
        (np.array([73_999.0]), 1.0),  # a meter that errs grossly, but in watts
        (np.array([74_001.0]), 1000.0),
    ],
)
def test_a_series_in_the_wrong_unit_is_caught_against_the_rating(power_w, factor):
    got = implausible_scale(power_w, rating_w=7400.0)
    assert got.value == factor
    assert bool(got.why) == (factor != 1)


def test_an_asset_with_a_standby_must_move_by_more_to_be_taken_for_kilowatts():
    asleep_w = np.where(EVENING_W > 5000, NAN, EVENING_W)
    for least_share, factor in ((0.1, 0.001), (0.5, 1.0)):
        got = implausible_scale(asleep_w, rating_w=7400.0, least_share=least_share)
        assert got.value == factor
    got = implausible_scale(EVENING_W / 1000, rating_w=7400.0, least_share=0.5)
    assert got.value == 0.001


def test_the_reason_says_what_to_ask():
    got = implausible_scale(EVENING_W / 1000, rating_w=7400.0)
    assert got.why == "it never leaves ±7.2 W of a rating of 7400 W: is it in kW?"
    got = implausible_scale(EVENING_W * 1000, rating_w=7400.0)
    assert got.why == "7.2e+06 W is 973 times the rating: is it 1000 times too large?"


def test_a_scale_of_nothing_is_nan_and_of_no_rating_refused():
    got = implausible_scale(np.full(3, NAN), rating_w=7400.0)
    assert (math.isnan(got.value), got.why) == (True, "there is no value")
    for rating_w in (0.0, np.inf, NAN):
        with pytest.raises(ValueError, match="says nothing of the scale"):
            implausible_scale(EVENING_W, rating_w=rating_w)
    with pytest.raises(ValueError, match="power_w is infinite"):
        implausible_scale(np.array([np.inf]), rating_w=7400.0)
    with pytest.raises(ValueError, match="least_share must be above 0: 0"):
        implausible_scale(EVENING_W, rating_w=7400.0, least_share=0.0)
