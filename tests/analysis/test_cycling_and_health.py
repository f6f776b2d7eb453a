import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.cycling import shortest_rest, shortest_run, starts_in_an_hour
from harness.analysis.health import (
    completeness,
    frozen_for,
    is_silent,
    largest_gap,
    lowest,
    read_interval,
)
from harness.analysis.quality import MeterQuality

PERFECT = MeterQuality("a perfect meter")
ONOFF = {"on_above_w": 300.0, "off_below_w": 100.0}
T = np.arange(7200.0)


def cycling(on_s, off_s):
    return np.where(T % (on_s + off_s) < on_s, 1500.0, 10.0)


@pytest.mark.parametrize(
    ("on_s", "off_s", "starts"), [(300, 300, 6), (300, 299, 7), (180, 120, 12)]
)
def test_starts_in_the_worst_hour(on_s, off_s, starts):
    got = starts_in_an_hour(T, cycling(on_s, off_s), from_s=0, until_s=7200, **ONOFF)
    assert got.value == starts


def test_running_throughout_is_no_start():
    p = np.full(T.size, 1500.0)
    assert starts_in_an_hour(T, p, from_s=0, until_s=7200, **ONOFF).value == 0


def test_noise_between_the_thresholds_is_no_start():
    rng = np.random.default_rng(1)
    p = cycling(1800, 1800) + rng.uniform(-60, 60, T.size)
    p[500:600] = 200.0
    assert starts_in_an_hour(T, p, from_s=0, until_s=7200, **ONOFF).value == 1


def test_a_long_gap_may_hide_a_start():
    p = cycling(1800, 1800)
    p[600:700] = np.nan
    window = {"from_s": 0, "until_s": 7200, **ONOFF}
    got = starts_in_an_hour(T, p, **window)
    assert (got.value, got.unseen) == (1.0, (1.0, 2.0))
    assert starts_in_an_hour(T, p, ride_through_s=101, **window).unseen is None


@pytest.mark.parametrize(("on_s", "off_s"), [(300, 180), (240, 600)])
def test_shortest_run_and_rest(on_s, off_s):
    window = {"from_s": 0, "until_s": 7200, "meter": PERFECT, **ONOFF}
    p = cycling(on_s, off_s)
    assert shortest_run(T, p, **window).value == on_s
    assert shortest_rest(T, p, **window).value == off_s
    # Both ends lie evenly within the second before the sample that shows them.
    assert shortest_run(T, p, **window).u == pytest.approx(math.sqrt(2 / 12))


def test_a_gap_at_either_end_of_a_run_never_lengthens_it():
    window = {"from_s": 0, "until_s": 7200, "meter": PERFECT, **ONOFF}
    for gap in (slice(1995, 2003), slice(2997, 3003), slice(2990, 3000)):
        p = cycling(1000, 1000)
        p[gap] = np.nan
        assert shortest_run(T, p, **window).value < 1000


def test_a_run_cut_by_the_window_is_not_a_short_run():
    p = np.where((T > 1000) & (T < 5000), 10.0, 1500.0)
    window = {"from_s": 995, "until_s": 5010, "meter": PERFECT, **ONOFF}
    got = shortest_run(T, p, **window)
    assert math.isnan(got.value)
    assert "no whole run" in got.why
    assert shortest_rest(T, p, **window).value == 3999


def test_a_gap_may_hide_a_short_rest():
    p = cycling(1000, 1000)
    p[400:450] = np.nan
    window = {"from_s": 0, "until_s": 7200, "meter": PERFECT, **ONOFF}
    assert shortest_rest(T, p, **window).unseen == (0.0, 1000.0)
    assert shortest_rest(T, p, ride_through_s=60, **window).unseen is None
    never_off = np.where(np.isnan(p), p, 1500.0)
    assert shortest_rest(T, never_off, **window).unseen == (0.0, math.inf)


def test_thresholds_the_wrong_way_round_are_refused():
    with pytest.raises(ValueError, match="is above on"):
        starts_in_an_hour(
            T, cycling(9, 9), from_s=0, until_s=99, on_above_w=1, off_below_w=2
        )


def test_a_power_at_rest_is_not_frozen_while_voltage_lives():
    rng = np.random.default_rng(2)
    volts = 230 + rng.normal(0, 0.5, T.size)
    rest = np.zeros(T.size)
    assert frozen_for(T, rest, volts, from_s=0, until_s=7200).value == 0.0
    volts[3000:] = volts[3000]
    got = frozen_for(T, rest, volts, from_s=0, until_s=7200)
    assert got.value == 7199 - 3000
    assert got.marks == (("frozen from", 3000.0),)


def test_missing_samples_do_not_thaw_a_meter():
    volts = np.full(T.size, 230.0)
    volts[::5] = np.nan
    assert frozen_for(T, volts, from_s=0, until_s=7200).value > 7100


def test_frozen_needs_something_to_look_at():
    with pytest.raises(ValueError, match="at least one quantity"):
        frozen_for(T, from_s=0, until_s=10)
    nothing = frozen_for(T, np.full(T.size, np.nan), from_s=0, until_s=10)
    assert math.isnan(nothing.value)


def test_completeness_counts_intervals_not_samples():
    v = np.ones(T.size)
    window = {"from_s": 0, "until_s": 7200, "interval_s": 1.0}
    assert completeness(T, v, **window).value == 100.0
    v[100:172] = np.nan
    assert completeness(T, v, **window).value == 99.0
    # Reading twice as often elsewhere does not make up for it.
    twice = np.sort(np.r_[T, T[:3000] + 0.4])
    values = np.interp(twice, T, np.nan_to_num(v))
    values[values < 1] = np.nan
    assert completeness(twice, values, **window).value < 99.5


def test_reads_that_jitter_are_not_missing():
    rng = np.random.default_rng(6)
    t = T + rng.uniform(-0.3, 0.3, T.size)
    got = completeness(t, np.ones(T.size), from_s=0, until_s=7200, interval_s=1.0)
    assert got.value > 99.9


@given(
    phase=st.one_of(st.just(0.5), st.floats(0.0, 1.0, exclude_max=True)),
    jitter=st.floats(0.0, 0.2),
    missing=st.sets(st.integers(1, 98), max_size=20),
)
def test_wherever_in_an_interval_reads_come_each_is_counted_once(
    phase, jitter, missing
):
    there = np.array([n for n in range(100) if n not in missing])
    off = jitter * np.random.default_rng(1).uniform(-1.0, 1.0, there.size)
    t = np.clip((there + phase + off) * 10.0, 0.0, 999.9)
    got = completeness(t, np.ones(t.size), from_s=0.0, until_s=1000.0, interval_s=10.0)
    assert got.value == pytest.approx(100 - len(missing), abs=1.0)


def test_the_largest_gap_includes_the_ends():
    v = np.ones(T.size)
    v[1000:1060] = np.nan
    assert largest_gap(T, v, from_s=0, until_s=7199).value == 61.0
    assert largest_gap(T, v, from_s=0, until_s=7300).value == 101.0
    assert largest_gap(T, v, from_s=-200, until_s=7199).value == 200.0


@pytest.mark.parametrize(
    ("gap_s", "expected"), [(9.0, False), (10.0, False), (10.4, False), (10.6, True)]
)
def test_a_meter_that_speaks_as_often_as_it_must_is_not_silent(gap_s, expected):
    t = np.array([0.0, gap_s, gap_s + 1.0])
    gap = largest_gap(t, np.ones(3), from_s=0.0, until_s=gap_s + 1.0)
    assert is_silent(gap, 10.0) is expected


def test_read_interval_is_the_usual_one():
    assert read_interval(T[::10], T[::10], from_s=0, until_s=7200).value == 10.0
    assert math.isnan(read_interval(T[:1], T[:1], from_s=0, until_s=9).value)


def test_the_lowest_value_and_what_a_gap_could_hide():
    v = 20 + np.cos(T / 1000)
    window = {"from_s": 0, "until_s": 7200, "unit": "°C", "u": 0.25, "max_gap_s": 60}
    got = lowest(T, v, **window)
    assert got.value == pytest.approx(19.0, abs=1e-5)
    assert got.u == 0.25
    v[100:200] = np.nan
    assert lowest(T, v, **window).unseen == (-math.inf, got.value)
