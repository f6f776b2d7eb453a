"""What must hold for any recording: gaps never help, and units carry through."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.analysis.delivery import delivered_power
from harness.analysis.estimate import Estimate
from harness.analysis.hold import held_for, longest_excursion, share_in_band
from harness.analysis.quality import MeterQuality
from harness.analysis.ramp import overshoot, ramp_rate
from harness.analysis.response import first_movement, response_time, settling_time
from harness.analysis.series import band_around

METER = MeterQuality("m", relative_u=0.005, absolute_u_w=2.0, update_interval_s=1.0)
N, SENT, RELEASE = 60, 10.0, 50.0
LEVELS = st.sampled_from([950.0, 1000.0, 1040.0, 1060.0, 1500.0, 2900.0, 3000.0])
BASE = Estimate(3000.0, "W")


def measured(t, p, *, meter=METER, scale=1.0):
    """Every quantity of one recording, with the sign that makes more worse."""
    band = band_around(1000 * scale, 50 * scale)
    sent, end = t[0] + SENT, t[0] + RELEASE
    change = {"before_w": 3000 * scale, "target_w": 1000 * scale, "meter": meter}
    base = replace(BASE, value=BASE.value * scale)
    within = {"until_s": end, "band": band, "meter": meter}
    return {
        "response": (1, response_time(t, p, sent_at_s=sent, dwell_s=4, **within)),
        "settling": (1, settling_time(t, p, sent_at_s=sent, **within)),
        "movement": (1, first_movement(t, p, sent_at_s=sent, until_s=end, **change)),
        "ramp": (-1, ramp_rate(t, p, sent_at_s=sent, until_s=end, **change)),
        "held": (-1, held_for(t, p, from_s=sent, **within)),
        "ridden": (-1, held_for(t, p, from_s=sent, ride_through_s=3, **within)),
        "share": (-1, share_in_band(t, p, from_s=sent, **within)),
        "excursion": (1, longest_excursion(t, p, from_s=sent, **within)),
        "overshoot": (
            1,
            overshoot(
                t,
                p,
                from_s=sent,
                until_s=end,
                level_w=1000 * scale,
                reference_w=2000 * scale,
                upwards=True,
                hold_s=2,
                meter=meter,
            ),
        ),
        "delivered": (
            -1,
            delivered_power(
                t,
                p,
                from_s=sent,
                until_s=end,
                baseline=base,
                upwards=False,
                meter=meter,
            ),
        ),
    }


def recording(levels, stays):
    power = np.repeat(np.array(levels), stays)[:N]
    return np.arange(float(N)), np.r_[power, np.full(N - power.size, 1000.0)]


SIGNALS = st.integers(1, 9).flatmap(
    lambda count: st.tuples(
        st.lists(LEVELS, min_size=count, max_size=count),
        st.lists(st.integers(1, 15), min_size=count, max_size=count),
    )
)
MISSING = arrays(np.bool_, N, elements=st.booleans(), fill=st.just(False))


def worst_case(sign, estimate):
    """The value, or its least favourable end where gaps leave it open."""
    ends = estimate.unseen or (estimate.value, estimate.value)
    return sign * (ends[1] if sign > 0 else ends[0])


@settings(max_examples=150, deadline=None)
@given(SIGNALS, MISSING)
def test_a_gap_never_improves_anything(signal, missing):
    t, p = recording(*signal)
    with_gaps = np.where(missing, np.nan, p)
    whole, gappy = measured(t, p), measured(t, with_gaps)
    for name, (sign, before) in whole.items():
        after = gappy[name][1]
        if math.isnan(before.value) or math.isnan(after.value):
            continue
        if name == "overshoot":
            assert worst_case(sign, after) >= worst_case(sign, before), name
        elif name == "delivered":
            assume(np.nanmax(with_gaps[10:50]) == p[10:50].max())
            assert after.value <= before.value + 110, name  # straight lines at edges
        else:
            assert sign * after.value >= sign * before.value - 1e-9, name


@settings(max_examples=150, deadline=None)
@given(SIGNALS, MISSING)
def test_what_gaps_leave_open_contains_what_was_there(signal, missing):
    t, p = recording(*signal)
    whole, gappy = measured(t, p), measured(t, np.where(missing, np.nan, p))
    for name in ("response", "settling", "movement", "ridden", "share", "excursion"):
        truth, seen = whole[name][1].value, gappy[name][1]
        low, high = seen.unseen or (seen.value, seen.value)
        if not (math.isnan(truth) or math.isnan(seen.value)):
            assert low - 1e-9 <= truth <= high + 1e-9, name


@settings(max_examples=60, deadline=None)
@given(SIGNALS, MISSING, st.integers(-100_000, 100_000))
def test_when_the_trial_began_does_not_matter(signal, missing, shift_s):
    t, p = recording(*signal)
    p = np.where(missing, np.nan, p)
    here, there = measured(t, p), measured(t + shift_s, p)
    for name, (_, estimate) in here.items():
        other = there[name][1]
        assert other.value == pytest.approx(estimate.value, nan_ok=True, rel=1e-9)
        assert other.u == pytest.approx(estimate.u, rel=1e-9), name


@settings(max_examples=60, deadline=None)
@given(SIGNALS, st.sampled_from([0.5, 2.0, 1024.0]))
def test_times_do_not_depend_on_the_size_of_the_load(signal, scale):
    t, p = recording(*signal)
    big = replace(METER, absolute_u_w=METER.absolute_u_w * scale)
    small, large = measured(t, p), measured(t, p * scale, meter=big, scale=scale)
    for name, (_, estimate) in small.items():
        factor = scale if estimate.unit in ("W", "W/s") else 1.0
        other = large[name][1]
        assert other.value == pytest.approx(estimate.value * factor, nan_ok=True)
        assert other.u == pytest.approx(estimate.u * factor, rel=1e-6), name


@settings(max_examples=60, deadline=None)
@given(st.floats(10.0, 30.0), st.sampled_from([2, 5, 10]))
def test_more_samples_never_make_the_answer_worse_or_less_sure(arrives_s, times):
    coarse = np.arange(0.0, 60.0, 1.0)
    fine = np.arange(0.0, 60.0, 1.0 / times)
    got = [
        response_time(
            t,
            np.where(t < arrives_s, 3000.0, 1000.0),
            sent_at_s=SENT,
            dwell_s=5,
            band=band_around(1000, 50),
            meter=MeterQuality("a perfect meter"),
        )
        for t in (coarse, fine)
    ]
    truth = arrives_s - SENT
    assert truth - 1e-9 <= got[1].value <= got[0].value + 1e-9
    assert got[1].u <= got[0].u + 1e-9
    for one in got:  # the truth is where draws were, up to the grain of the draws
        if one.spread is None:
            assert one.value == truth
            continue
        ends = one.spread.quantiles[0], one.spread.quantiles[-1]
        grain = 1e-3 * one.value
        assert ends[0] - grain <= truth <= ends[1] + grain


def test_the_stated_uncertainty_covers_the_truth_of_a_random_start():
    # 400 devices that arrive at any instant, each read by a meter of its own gain.
    rng = np.random.default_rng(11)
    t = np.arange(0.0, 60.0)
    covered = 0
    for _ in range(400):
        arrives_s, gain = rng.uniform(12, 30), 1 + rng.normal(0, 0.01)
        p = gain * np.clip(3000 - 400 * (t - arrives_s), 1000, 3000)
        got = response_time(
            t,
            p,
            sent_at_s=SENT,
            dwell_s=5,
            band=band_around(1000, 100),
            meter=MeterQuality("m", relative_u=0.01),
        )
        truth = arrives_s + 1900 / 400 - SENT
        covered += abs(got.value - truth) <= got.expanded
    assert covered >= 380
