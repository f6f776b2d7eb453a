import math

import numpy as np
import pytest

from harness.analysis.quality import MeterQuality
from harness.analysis.response import (
    first_movement,
    response_time,
    settling_time,
    time_to_fraction,
)
from harness.analysis.series import at_least, at_most, band_around

PERFECT = MeterQuality("a perfect meter")
TO_1000 = {"band": band_around(1000, 50), "dwell_s": 5, "meter": PERFECT}


def step(at_s, *, before=3000.0, after=1000.0, length=60):
    t = np.arange(float(length))
    return t, np.where(t < at_s, before, after)


@pytest.mark.parametrize(
    ("arrives_at_s", "expected_s"), [(10, 0.0), (11, 1.0), (40, 30.0), (99, math.inf)]
)
def test_response_time_is_arrival_minus_instruction(arrives_at_s, expected_s):
    got = response_time(*step(arrives_at_s), sent_at_s=10, **TO_1000)
    assert got.value == expected_s


def test_passing_through_the_band_is_not_arriving():
    t = np.arange(60.0)
    p = np.where(t == 20, 1000.0, 3000.0)
    got = response_time(t, p, sent_at_s=10, **TO_1000)
    assert got.value == math.inf
    assert "power was never 950 to 1050 W for 5 s" in got.why


def test_a_stay_of_exactly_the_dwell_counts():
    t = np.arange(60.0)
    p = np.where((t >= 20) & (t <= 25), 1000.0, 3000.0)
    asked = {"sent_at_s": 10, "band": band_around(1000, 50), "meter": PERFECT}
    assert response_time(t, p, dwell_s=5, **asked).value == 10.0
    assert response_time(t, p, dwell_s=5.001, **asked).value == math.inf


def test_a_gap_restarts_the_dwell_and_says_what_might_have_been():
    t, p = step(12, length=30)
    p[14] = np.nan
    got = response_time(t, p, sent_at_s=10, **TO_1000)
    assert got.value == 5.0
    assert got.unseen == (2.0, 5.0)


def test_a_short_departure_is_ridden_through_if_the_agreement_says_so():
    t, p = step(12, length=30)
    p[14] = 1500.0
    kept = response_time(t, p, sent_at_s=10, ride_through_s=2, **TO_1000)
    lost = response_time(t, p, sent_at_s=10, ride_through_s=1.9, **TO_1000)
    assert (kept.value, lost.value) == (2.0, 5.0)


def test_silence_is_not_steadiness():
    t, p = step(12)
    shown = (t < 14) | (t > 40)
    got = response_time(t[shown], p[shown], sent_at_s=10, **TO_1000)
    assert got.value == 31.0
    assert got.unseen == (2.0, 31.0)


def test_a_recording_that_stops_within_the_dwell_does_not_tell():
    t, p = step(57)
    got = response_time(t, p, sent_at_s=10, **TO_1000)
    assert math.isnan(got.value)
    assert "recording ended" in got.why


def test_arriving_too_late_to_dwell_before_the_release_is_never():
    t, p = step(37)
    got = response_time(t, p, sent_at_s=10, until_s=40, **TO_1000)
    assert got.value == math.inf


def test_nothing_after_the_instruction_is_not_seen():
    got = response_time(*step(12, length=9), sent_at_s=10, **TO_1000)
    assert math.isnan(got.value)
    assert got.why == "no sample after the instruction"


def test_a_limit_is_met_from_below_only():
    t, p = step(15, after=200.0)
    down = response_time(
        t, p, sent_at_s=10, band=at_most(1000), dwell_s=5, meter=PERFECT
    )
    up = response_time(
        t, p, sent_at_s=10, band=at_least(2500), dwell_s=3, meter=PERFECT
    )
    assert down.value == 5.0
    assert up.value == 0.0


def test_a_known_latency_is_taken_off_and_never_below_zero():
    late = MeterQuality("a late meter", latency_s=3.0, latency_u_s=0.5)
    window = TO_1000 | {"meter": late}
    assert response_time(*step(20), sent_at_s=10, **window).value == 7.0
    assert response_time(*step(11), sent_at_s=10, **window).value == 0.0


def test_the_budget_names_sampling_update_latency_and_clock():
    meter = MeterQuality(
        "a meter", update_interval_s=2.0, latency_u_s=0.3, clock_u_s=0.1
    )
    got = response_time(*step(20), sent_at_s=10, **(TO_1000 | {"meter": meter}))
    u = {line.name: line.u for line in got.budget}
    # One second between samples and a two-second update, both one-sided: width/√3.
    assert u == {
        "sampling interval": pytest.approx(1 / math.sqrt(3)),
        "meter update interval": pytest.approx(2 / math.sqrt(3)),
        "meter latency": 0.3,
        "clock": 0.1,
    }


def test_a_slow_slope_makes_the_crossing_less_sure():
    t = np.arange(400.0)
    p = np.maximum(3000 - 10 * t, 1000.0)  # 10 W/s into a band 50 W wide
    meter = MeterQuality("a meter", absolute_u_w=20.0)
    got = response_time(t, p, sent_at_s=0, **(TO_1000 | {"meter": meter}))
    u = {line.name: line.u for line in got.budget}
    assert got.value == 195.0
    assert u["meter error at the band's edge"] == pytest.approx(20 / 10)


def test_a_slow_climb_is_as_unsure_as_a_slow_fall():
    t = np.arange(400.0)
    p = np.minimum(10 * t, 2000.0)
    meter = MeterQuality("a meter", absolute_u_w=20.0)
    climb = {"band": at_least(1950), "dwell_s": 5, "meter": meter}
    got = response_time(t, p, sent_at_s=0, **climb)
    u = {line.name: line.u for line in got.budget}
    assert got.value == 195.0
    assert u["meter error at the band's edge"] == pytest.approx(2.0)
    # Near the top of the climb only the narrower band tells how unsure it is.
    narrow = response_time(t, p, sent_at_s=0, **(climb | {"band": at_least(1990)}))
    assert math.isinf(narrow.u)


def test_resting_on_the_edge_of_the_band_cannot_be_told_from_never():
    t, p = step(20, after=1049.0)
    meter = MeterQuality("a meter", absolute_u_w=5.0)
    got = response_time(t, p, sent_at_s=10, **(TO_1000 | {"meter": meter}))
    assert got.value == 10.0
    assert math.isinf(got.u)


def test_the_nearest_miss_is_named():
    got = response_time(*step(20, after=1100.0), sent_at_s=10, until_s=60, **TO_1000)
    assert got.value == math.inf
    assert "its nearest was 50 W away" in got.why


def test_mismatched_shapes_and_times_that_run_back_are_named():
    with pytest.raises(ValueError, match=r"time_s is \(3,\) but values are \(2,\)"):
        response_time(np.arange(3.0), np.arange(2.0), sent_at_s=0, **TO_1000)
    with pytest.raises(ValueError, match="must not decrease"):
        response_time(np.array([0.0, 2.0, 1.0]), np.zeros(3), sent_at_s=0, **TO_1000)


def test_settling_looks_back_from_the_end():
    t, p = step(12)
    p[30] = 1500.0
    window = {"sent_at_s": 10, "until_s": 60, "band": band_around(1000, 50)}
    got = settling_time(t, p, meter=PERFECT, **window)
    assert got.value == 21.0
    p[30] = np.nan
    gap = settling_time(t, p, meter=PERFECT, **window)
    assert gap.value == 21.0
    assert gap.unseen == (2.0, 21.0)
    p[59] = 1500.0
    assert settling_time(t, p, meter=PERFECT, **window).value == math.inf


def test_first_movement_and_ninety_percent_of_a_slope():
    t = np.arange(100.0)
    p = np.clip(3000 - 100 * (t - 20), 1000, 3000)  # 20 s from 3 to 1 kW
    asked = {"sent_at_s": 10, "before_w": 3000, "target_w": 1000, "meter": PERFECT}
    assert first_movement(t, p, **asked).value == 12.0
    assert time_to_fraction(t, p, fraction=0.9, **asked).value == 28.0


def test_movement_the_wrong_way_is_no_movement():
    t, p = step(20, after=5000.0)
    got = first_movement(
        t, p, sent_at_s=10, before_w=3000, target_w=1000, meter=PERFECT
    )
    assert got.value == math.inf
    assert "never made 10%" in got.why


def test_no_change_asked_is_refused():
    with pytest.raises(ValueError, match="no change was asked"):
        first_movement(
            *step(20), sent_at_s=10, before_w=1000, target_w=1000, meter=PERFECT
        )
