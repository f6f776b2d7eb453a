"""Where the instant of arrival, and a ramp's rate, may truly lie."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.arrival import MOST_EDGES, Stay, arrival_spread
from harness.analysis.quality import MeterQuality, calibrated, of_class
from harness.analysis.ramp import ramp_rate
from harness.analysis.response import response_time
from harness.analysis.series import at_most, band_around

T = np.arange(0.0, 120.0)
BAND = at_most(1000.0)
GAIN_ONLY = MeterQuality("certificate", relative_u=0.01)


def creeping(rate_w_per_s=5.0):
    """Power that sinks slowly through 1000 W at 60 s."""
    return 1000.0 - rate_w_per_s * (T - 60.0)


def respond(p, meter, band=BAND):
    return response_time(T, p, sent_at_s=0, band=band, dwell_s=5, meter=meter)


def by_hand(p, meter, draws, seed=5):
    """The same by brute force: a meter is made wrong, and the answer is found anew."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        true_w = (p - rng.normal(0, meter.absolute_u_w)) / (
            1 + rng.normal(0, meter.relative_u)
        )
        first = Stay(T, 5, 0.0).arrival(BAND.holds(true_w))
        late_s = rng.random() + meter.update_interval_s * rng.random()
        found.append(max(T[first] - late_s, 0.0))
    return np.array(found)


@pytest.mark.parametrize(
    "meter",
    [GAIN_ONLY, MeterQuality("m", 0.005, 4.0, 2.0), MeterQuality("m", 0.0, 0.0, 1.0)],
)
def test_drawn_arrivals_are_those_of_making_the_meter_wrong(meter):
    p = creeping() + np.random.default_rng(3).normal(0, 2.0, T.size)
    spread = respond(p, meter).spread
    found = by_hand(p, meter, 1_500)
    low, high = spread.interval
    assert low == pytest.approx(np.quantile(found, 0.02275), abs=0.4)
    assert high == pytest.approx(np.quantile(found, 0.97725), abs=0.4)
    for limit in (58.0, 60.0, 61.5):
        share = float((found <= limit).mean())
        assert spread.at_most(limit) == pytest.approx(share, abs=0.05)


def test_a_clean_step_came_before_its_sample_and_never_after():
    p = np.where(T < 8, 3000.0, 900.0)
    got = respond(p, MeterQuality("perfect"))
    assert got.value == 8.0
    assert got.spread.quantiles[0] == pytest.approx(7.0, abs=0.01)
    assert got.spread.quantiles[-1] == pytest.approx(8.0, abs=0.01)
    # The linear budget reaches as far up as down; the draws do not.
    assert got.reach[1] < 0.01 < got.coverage * got.u


def test_power_at_the_very_edge_may_never_have_arrived():
    p = np.where(T < 8, 3000.0, 999.0)
    got = respond(p, GAIN_ONLY)
    assert got.value == 8.0
    assert got.spread.interval[1] == math.inf
    assert 0.3 < 1 - got.spread.at_most(100.0) < 0.6


def test_the_shape_of_a_class_ends_where_the_class_ends():
    p = creeping()
    within = respond(p, of_class(1.0, source="class B")).spread.quantiles
    # 1 % of 1000 W at 5 W/s is 2 s either way, and a second of sampling before.
    assert within[0] >= 60.0 - 2.0 - 1.01
    assert within[-1] <= 60.0 + 2.01 + 1.0
    longer = respond(p, calibrated(2 / math.sqrt(3), source="certificate"))
    assert longer.spread.quantiles[-1] > within[-1] + 1.0


def test_noise_at_the_edge_is_tried_in_part_and_says_so():
    p = 1000.0 + np.random.default_rng(2).normal(0, 30.0, 2_000)
    t = np.arange(2_000.0)
    stay = Stay(t, 5.0, 0.0)
    spread = arrival_spread(stay, p, BAND, sent_at_s=0.0, meter=GAIN_ONLY)
    assert str(MOST_EDGES) in spread.note


def test_the_same_recording_gives_the_same_spread():
    p = creeping()
    assert respond(p, GAIN_ONLY).spread == respond(p, GAIN_ONLY).spread


@settings(max_examples=25, deadline=None)
@given(st.floats(5.0, 60.0), st.floats(0.0, 0.02), st.floats(0.0, 3.0))
def test_the_value_is_never_before_what_the_draws_allow(arrives_s, u, update_s):
    p = np.where(arrives_s > T, 3000.0, 900.0)
    meter = MeterQuality("m", relative_u=u, update_interval_s=update_s)
    got = respond(p, meter, band_around(900, 300))
    if got.spread is not None:
        assert got.spread.quantiles[0] <= got.value + 1e-9
        assert got.spread.interval[0] <= got.spread.interval[1]


def slope(rate, step_s=1.0):
    t = np.arange(0.0, 200.0, step_s)
    return t, np.clip(3000 - rate * (t - 20.3), 1000, 3000)


RAMP = {"sent_at_s": 10, "before_w": 3000, "target_w": 1000}


@settings(max_examples=25, deadline=None)
@given(st.floats(15.0, 400.0))
def test_the_true_rate_is_where_the_draws_are(rate):
    meter = MeterQuality("a meter that only samples", absolute_u_w=1e-6)
    spread = ramp_rate(*slope(rate), **RAMP, meter=meter).spread
    assert spread.quantiles[0] * 0.999 <= rate <= spread.quantiles[-1] * 1.001


def test_a_wrong_gain_widens_the_rate_by_what_it_does_to_the_step():
    meter = MeterQuality("m", relative_u=0.02)
    fine = slope(20.0, step_s=0.05)
    low, high = ramp_rate(*fine, **RAMP, meter=meter).spread.interval
    # Whatever the step truly was, its slope is that of the reading over the gain.
    assert (high - low) / 2 / 20.0 == pytest.approx(0.04, rel=0.05)


def test_a_step_within_one_interval_may_have_been_any_faster():
    t = np.arange(60.0)
    p = np.where(t < 20, 3000.0, 1000.0)
    got = ramp_rate(t, p, **RAMP, meter=MeterQuality("m", update_interval_s=1.0))
    assert got.spread.interval[1] == math.inf
    assert got.reach[0] < math.inf
