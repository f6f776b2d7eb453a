"""Demand that makes room for generation: when it is lost, and what stands alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.offsetting import Loss, lost_at, says_new, uncovered_for

T = np.arange(0.0, 600.0)
WINDOW = {"from_s": 0.0, "until_s": 600.0}


def lost(power_w, time_s=T, **more):
    options = {"level_w": 900.0, "silent_s": 5.0} | WINDOW | more
    return lost_at(time_s, power_w, **options)


def up(from_s, until_s):
    return np.where((from_s <= T) & (until_s > T), 1000.0, 0.0)


@given(st.integers(0, 500), st.integers(1, 90))
def test_demand_is_lost_at_its_first_reading_below(begins, lasts):
    found = lost(up(begins, begins + lasts))
    assert found == Loss(float(begins + lasts), silent=False)


def test_what_never_rose_or_never_fell_was_not_lost():
    assert lost(np.zeros(600)) is None
    assert lost(np.full(600, 1000.0)) is None
    assert lost(np.full(600, 900.0)) is None
    assert lost(np.full(600, 899.9)) is None


def test_a_silence_is_a_loss_from_its_last_reading_and_a_shorter_one_is_none():
    for gap_s, found in ((5, None), (6, Loss(100.0, silent=True))):
        keep = abs(T - 100 - gap_s / 2) >= gap_s / 2
        assert lost(np.full(600, 1000.0)[keep], T[keep]) == found
    missing = np.where((T > 100) & (T < 110), np.nan, 1000.0)
    assert lost(missing) == Loss(100.0, silent=True)
    assert lost(np.full(101, 1000.0), T[:101]) == Loss(100.0, silent=True)


def test_the_earlier_of_fall_and_silence_counts():
    falls = up(0, 50)
    keep = (T <= 80) | (T >= 95)
    assert lost(falls[keep], T[keep]) == Loss(50.0, silent=False)
    keep = (T <= 30) | (T >= 45)
    assert lost(falls[keep], T[keep]) == Loss(30.0, silent=True)


def test_a_dip_that_does_not_stand_is_no_loss():
    dip = np.where((T >= 50) & (T < 54), 0.0, 1000.0)
    assert lost(dip, stands_s=5.0) is None
    assert lost(dip, stands_s=4.0) == Loss(50.0, silent=False)


@given(
    st.lists(st.integers(0, 2), min_size=2, max_size=40),
    st.lists(st.integers(0, 2), min_size=2, max_size=40),
)
def test_a_reading_is_new_if_anything_differs_from_the_last_whole_one(a, b):
    size = min(len(a), len(b))
    one, other = (np.array(x[:size], dtype=float) for x in (a, b))
    one[one == 2] = np.nan
    found = says_new(np.arange(float(size)), one, other)
    last = None
    for number in range(size):
        said = (one[number], other[number])
        whole = not math.isnan(said[0])
        assert found[number] == (whole and said != last)
        last = said if whole else last


def test_says_new_wants_quantities_of_one_length():
    with pytest.raises(ValueError, match="as long as"):
        says_new(T, T[:5])
    with pytest.raises(ValueError, match="at least one"):
        says_new(T)


def uncovered(rise_w, beyond_w, margin_w=50.0):
    return uncovered_for(T, rise_w, T, beyond_w, margin_w=margin_w, **WINDOW)


@given(st.integers(0, 300), st.integers(1, 100), st.integers(0, 100))
def test_generation_is_covered_while_as_much_demand_stands(begins, lasts, after):
    demand = up(begins, begins + lasts)
    generation = up(begins, begins + lasts + after)
    found = uncovered(demand, generation)
    assert found.value == pytest.approx(after, abs=1.0)
    assert found.u > 0


def test_the_margin_is_no_breach_and_a_watt_more_is():
    demand = up(0, 600)
    assert uncovered(demand, demand + 50).value == 0
    assert uncovered(demand, demand + 51).value == pytest.approx(599)


def test_less_demand_than_usual_makes_no_room_and_takes_none():
    assert uncovered(np.full(600, -500.0), np.zeros(600)).value == 0


def test_what_nobody_saw_is_not_covered_and_not_a_number():
    assert math.isnan(uncovered(np.full(600, np.nan), up(0, 9)).value)
    assert math.isnan(uncovered(up(0, 9), np.full(600, np.nan)).value)
