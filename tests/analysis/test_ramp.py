import math

import numpy as np
import pytest

from harness.analysis.quality import MeterQuality
from harness.analysis.ramp import overshoot, ramp_rate, steepest_ramp

PERFECT = MeterQuality("a perfect meter")
DOWN = {"sent_at_s": 10, "before_w": 3000, "target_w": 1000, "meter": PERFECT}


def slope(rate, *, length=200, step_s=1.0):
    t = np.arange(0, length, step_s)
    return t, np.clip(3000 - rate * (t - 20), 1000, 3000)


@pytest.mark.parametrize("rate", [20.0, 50.0, 100.0])
def test_a_long_slope_reads_a_little_slow_never_fast(rate):
    got = ramp_rate(*slope(rate), **DOWN)
    assert rate * 0.85 < got.value <= rate


def test_finer_sampling_comes_closer():
    coarse, fine = (
        ramp_rate(*slope(100.0, step_s=step_s), **DOWN) for step_s in (1.0, 0.05)
    )
    assert coarse.value < fine.value <= 100.0
    assert fine.value == pytest.approx(100, rel=0.02)


def test_a_step_inside_one_interval_is_at_least_that_fast():
    t = np.arange(60.0)
    got = ramp_rate(t, np.where(t < 20, 3000.0, 1000.0), **DOWN)
    assert got.value == 1600.0
    assert got.budget == ()


def test_a_ramp_that_never_ends_is_no_ramp():
    t = np.arange(60.0)
    got = ramp_rate(t, np.where(t < 20, 3000.0, 1500.0), **DOWN)
    assert got.value == 0.0
    assert "90 %" in got.why


def test_a_gap_in_the_ramp_counts_as_slow():
    t, p = slope(100.0)
    p[29:45] = np.nan
    whole, gap = ramp_rate(*slope(100.0), **DOWN), ramp_rate(t, p, **DOWN)
    assert gap.value == pytest.approx(1600 / 24)
    assert gap.value < whole.value
    assert gap.unseen == (gap.value, math.inf)


def test_a_ramp_that_may_have_begun_unseen_counts_from_there():
    t, p = slope(100.0)
    p[15] = np.nan
    got = ramp_rate(t, p, **DOWN)
    assert got.value == pytest.approx(1600 / 24)
    assert got.unseen == (got.value, math.inf)


def test_being_there_already_is_no_ramp():
    t = np.arange(60.0)
    got = ramp_rate(t, np.full(60, 1000.0), **DOWN)
    assert math.isnan(got.value)


def test_ramp_uncertainty_is_gain_offset_and_update():
    meter = MeterQuality("m", relative_u=0.01, absolute_u_w=8, update_interval_s=1.0)
    got = ramp_rate(*slope(100.0), **(DOWN | {"meter": meter}))
    took_s = 1600 / got.value
    expected = got.value * math.sqrt(
        0.01**2 + 2 * (8 / 1600) ** 2 + (1 / math.sqrt(6) / took_s) ** 2
    )
    assert got.u == pytest.approx(expected)


def test_the_steepest_ramp_is_the_worst_pair_of_neighbours():
    t, p = slope(50.0)
    p[100:] += 300
    got = steepest_ramp(t, p, from_s=0, until_s=200, meter=PERFECT)
    assert got.value == 300.0
    assert got.marks == (("steepest", 99.0),)
    p[100] = np.nan
    hidden = steepest_ramp(t, p, from_s=0, until_s=200, meter=PERFECT)
    assert hidden.value == 50.0
    assert hidden.unseen == (50.0, math.inf)


RETURN = {
    "from_s": 50,
    "until_s": 100,
    "level_w": 2000,
    "reference_w": 2000,
    "upwards": True,
    "meter": PERFECT,
}


def back_to(peak_w, *, lasting=5):
    t = np.arange(100.0)
    return t, np.where((t >= 60) & (t < 60 + lasting), peak_w, 2000.0)


@pytest.mark.parametrize(("peak_w", "percent"), [(2000, 0), (2200, 10), (2500, 25)])
def test_overshoot_is_a_share_of_its_reference(peak_w, percent):
    assert overshoot(*back_to(peak_w), **RETURN).value == pytest.approx(percent)


def test_undershoot_is_not_overshoot():
    assert overshoot(*back_to(500.0), **RETURN).value == 0.0
    below = overshoot(*back_to(1000.0), **(RETURN | {"upwards": False}))
    assert below.value == 50.0


def test_a_peak_shorter_than_the_hold_does_not_count():
    peak = back_to(3000.0, lasting=5)
    assert overshoot(*peak, hold_s=4, **RETURN).value == 50.0
    assert overshoot(*peak, hold_s=5, **RETURN).value == 0.0


def test_a_gap_could_hide_a_peak():
    t, p = back_to(2100.0)
    p[80] = np.nan
    strict = overshoot(t, p, **RETURN)
    assert strict.value == 5.0
    assert strict.unseen == (5.0, math.inf)
    # A lost sample cannot hide a peak that lasts longer than its neighbours are apart.
    assert overshoot(t, p, hold_s=3, **RETURN).unseen is None


def test_a_recording_that_stops_early_or_starts_late_could_hide_a_peak():
    t, p = back_to(2100.0)
    assert overshoot(t[:75], p[:75], **RETURN).unseen == (5.0, math.inf)
    assert overshoot(t[60:], p[60:], **RETURN).unseen == (5.0, math.inf)
    assert overshoot(t, p, **RETURN).unseen is None


def test_held_peak_against_a_plain_loop():
    rng = np.random.default_rng(5)
    t = np.cumsum(rng.uniform(0.5, 1.5, 200))
    p = rng.normal(2000, 300, 200)
    window = RETURN | {"from_s": float(t[0]), "until_s": float(t[-1]) + 1e-6}
    for hold_s in (0.0, 1.0, 3.3, 10.0):
        peaks = [
            p[i : j + 1].min()
            for i in range(200)
            if (j := int(np.searchsorted(t, t[i] + hold_s))) < 200
        ]
        expected = max(0.0, (max(peaks) - 2000) / 20)
        got = overshoot(t, p, hold_s=hold_s, **window)
        assert got.value == pytest.approx(expected)


def test_a_share_of_nothing_is_not_seen():
    got = overshoot(*back_to(2200.0), **(RETURN | {"reference_w": 0.0}))
    assert math.isnan(got.value)
    assert "nothing to take a share of" in got.why
