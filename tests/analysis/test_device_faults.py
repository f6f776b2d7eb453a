"""What betrays a device: it leaves its level, stops, or goes back, unasked."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis import device_faults as faults
from harness.analysis.series import at_most

T = np.arange(0.0, 600.0)
BAND = at_most(1700.0)


def power(*changes, base=7400.0):
    """Power that changes at each moment to a level."""
    values = np.full(T.size, base)
    for at_s, level_w in changes:
        values[at_s <= T] = level_w
    return values


def left(values, until_s=500.0):
    return faults.left_unasked(
        T, values, from_s=100.0, until_s=until_s, band=BAND, dwell_s=30.0,
        ride_through_s=10.0,
    )  # fmt: skip


def test_a_device_that_stays_never_left():
    assert left(power((108, 1400), (500, 7400))).value == 0


def test_a_device_that_leaves_for_good_was_away_until_the_end():
    found = left(power((108, 1400), (300, 7400)))
    assert found.value == pytest.approx(200, abs=2)
    assert found.marks == (("left", 300.0),)


def test_a_short_departure_is_ridden_through():
    assert left(power((108, 1400), (300, 7400), (309, 1400))).value == 0


def test_what_never_arrived_cannot_leave():
    assert "never there" in left(power()).why
    assert "never there" in left(power((108, 1400), (130, 7400))).why


def test_silence_is_no_departure():
    values = power((108, 1400))
    values[(T > 300) & (T < 340)] = np.nan
    assert left(values).value == 0


def nothing(values, told=((100.0, 1400.0), (400.0, math.nan))):
    return faults.at_nothing(
        T, values, from_s=0.0, until_s=599.0, level_w=7400.0, told=told
    )


@pytest.mark.parametrize("at_s", [50, 200, 450])
def test_a_trip_is_found_before_in_and_after_an_event(at_s):
    values = power((108, 1400), (408, 7400))
    values[(at_s <= T) & (at_s + 30 > T)] = 0.0
    found = nothing(values)
    assert found.value == pytest.approx(30, abs=2)
    assert found.marks == (("fell", float(at_s)),)


def test_a_pause_right_after_it_was_told_is_its_answer():
    # 5.2 A is less than a car can draw: it pauses, and wakes after the release.
    values = power((108, 0.0), (430, 7400))
    assert nothing(values, told=((100.0, 1200.0), (400.0, math.nan))).value == 0


def test_a_device_that_is_told_to_stop_may_stop():
    values = power((130, 0.0))
    assert nothing(values, told=((100.0, 0.0),)).value == 0


def test_what_never_drew_cannot_trip():
    assert "nothing that it could lose" in nothing(np.zeros(T.size)).why


def test_what_feeds_in_can_trip():
    values = -power((200, 0.0), (260, 7400))
    assert nothing(values, told=()).value == pytest.approx(60, abs=2)


def test_a_setting_that_goes_back_unasked_is_found():
    setting = np.where((T > 100) & (T < 160), 0.0, 1.0)
    found = faults.went_back(T, setting, sent_s=100.0, until_s=400.0)
    assert found.value == pytest.approx(240, abs=2)
    assert found.marks == (("went back", 160.0),)


def test_a_setting_that_stays_or_never_changed_did_not_go_back():
    stays = np.where((T > 100) & (T < 400), 0.0, 1.0)
    assert faults.went_back(T, stays, sent_s=100.0, until_s=399.0).value == 0
    still = np.ones(T.size)
    assert "did not change" in faults.went_back(T, still, sent_s=9, until_s=99).why
    none = np.full(T.size, np.nan)
    assert "not read back" in faults.went_back(T, none, sent_s=9, until_s=99).why


def test_what_was_told_shortly_before_is_counted():
    sent_s = np.array([10.0, 40.0, 70.0, 100.0])
    assert faults.refreshes(sent_s, before_s=100.0, within_s=60.0).value == 2


@given(st.integers(110, 420), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_time_away_is_what_it_was(at_s, away_s, seed):
    noise = 5 * np.random.default_rng(seed).standard_normal(T.size)
    at_s = max(at_s, 145)
    values = power((108, 1400), (at_s, 7400), (at_s + away_s, 1400)) + noise
    found = left(values, until_s=590.0).value
    assert found == (away_s if away_s > 10 else 0)
