"""Stored periods: their length, how many there are, and which end their stamp names."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.clocks import Lie
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.periods import (
    days_stored,
    lie_of_intervals,
    period_length,
    shifted_energy,
)

REGISTER_S = np.arange(0.0, 86_400.0 * 2, 600.0)


def counted(seed):
    power_w = np.random.default_rng(seed).uniform(100, 3000, REGISTER_S.size - 1)
    return np.r_[0.0, np.cumsum(power_w * 600 / 3600)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["end", "start"]), st.floats(0.97, 1.03))
def test_the_end_that_an_interval_is_stamped_at_is_found(seed, truly, gain):
    register_wh = counted(seed)
    ends_s = np.arange(1800.0, REGISTER_S[-1], 1800.0)
    energy_wh = gain * np.diff(np.interp(np.r_[0.0, ends_s], REGISTER_S, register_wh))
    stamps_s = ends_s if truly == "end" else ends_s - 1800
    for said in ("end", "start"):
        lie = lie_of_intervals(
            stamps_s, energy_wh, REGISTER_S, register_wh, period_s=1800, stamped=said
        )
        wrong = Lie.START_FOR_END if said == "end" else Lie.END_FOR_START
        assert lie is (None if said == truly else wrong)


def test_even_energies_do_not_tell():
    stamps_s = np.arange(3600.0, 36_000.0, 1800.0)
    lie = lie_of_intervals(
        stamps_s, np.full(stamps_s.size, 500.0), REGISTER_S, REGISTER_S / 3.6,
        period_s=1800,
    )  # fmt: skip
    assert lie is None


def stamps(count, *, length_s=1800.0, step_s=1.0):
    """Ends of periods that are all of one length, as a meter stamps them."""
    return np.floor(1800.0 + length_s * np.arange(count) / step_s) * step_s


@settings(max_examples=60, deadline=None)
@given(st.floats(-0.5, 0.5), st.integers(200, 4320), st.integers(0, 100))
def test_a_period_s_length_is_found_whatever_is_missing(percent, count, seed):
    ends_s = stamps(count, length_s=1800 * (1 + percent / 100))
    rng = np.random.default_rng(seed)
    kept = rng.random(count) < 0.9
    kept[[0, -1]] = True
    found = period_length(rng.permutation(ends_s[kept]), nominal_s=1800)
    assert abs(found.value - percent) <= 2.5 * found.u + 1e-9


def test_what_the_clock_gains_is_taken_off_a_period():
    # A clock that gains 86.4 s a day shows 1801.8 s for a true half-hour.
    ends_s = stamps(1000, length_s=1800 * 1.001)
    gains = Estimate(86.4, "s/d", (Contribution("scatter", 8.64),))
    found = period_length(ends_s, nominal_s=1800, drift=gains)
    assert found.value == pytest.approx(0.0, abs=2e-3)
    assert found.u == pytest.approx(0.01, rel=0.05)
    unknown = Estimate(math.nan, "s/d", why="too briefly")
    assert period_length(ends_s, nominal_s=1800, drift=unknown).value > 0.09


def test_days_are_counted_back_to_the_first_hole():
    ends_s, wh = stamps(4320), np.ones(4320)
    assert days_stored(ends_s, wh, period_s=1800) == Estimate(90.0, "days")
    lost = wh.copy()
    lost[1000] = np.nan
    assert days_stored(ends_s, lost, period_s=1800).value == (4320 - 1001) / 48
    whole = np.delete(ends_s, 1000), np.delete(wh, 1000)
    assert days_stored(*whole, period_s=1800).value == (4320 - 1001) / 48
    again = np.r_[ends_s, ends_s[-5:]], np.ones(4325)
    assert days_stored(*again, period_s=1800).value == 90.0


def test_nothing_stored_is_said_and_nonsense_is_refused():
    none, t = np.empty(0), np.arange(5.0)
    assert "no period" in days_stored(none, none, period_s=1800).why
    assert "fewer than two" in period_length(none, nominal_s=1800).why
    assert "fewer than two" in period_length(np.array([5.0]), nominal_s=1800).why
    assert "share a stamp" in period_length(np.zeros(3), nominal_s=1800).why
    with pytest.raises(ValueError, match="is none"):
        period_length(t, nominal_s=0)
    with pytest.raises(ValueError, match="differ in shape"):
        days_stored(t, t[1:], period_s=1800)
    with pytest.raises(ValueError, match="no 'middle'"):
        lie_of_intervals(t, t, t, t, period_s=1800, stamped="middle")
    with pytest.raises(ValueError, match="differ in shape"):
        lie_of_intervals(t, t[1:], t, t, period_s=1800)


@settings(max_examples=40, deadline=None)
@given(st.floats(-60.0, 60.0), st.floats(0.0, 7000.0), st.floats(0.0, 7000.0))
def test_a_clock_moves_energy_by_the_power_at_both_ends(error_s, begins_w, ends_w):
    def energy_wh(from_s, until_s):  # flat power on either side of the middle
        middle_s = 900.0
        return (
            begins_w * (middle_s - from_s) + ends_w * (until_s - middle_s)
        ) / 3600  # fmt: skip

    true_wh = energy_wh(0.0, 1800.0)
    counted_wh = energy_wh(-error_s, 1800.0 - error_s)
    line = Contribution("clock", 0.5)
    found = shifted_energy(begins_w, ends_w, Estimate(error_s, "s", (line,)))
    assert found.value == pytest.approx(counted_wh - true_wh, abs=1e-6)
    assert found.u == pytest.approx(0.5 * abs(begins_w - ends_w) / 3600, abs=1e-9)
