"""Half-hours as a meter saw them: energy is conserved, gaps are named, never filled."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN, MeterQuality, of_class, total
from harness.analysis.registers import RegisterQuality
from harness.settlement.volumes import HalfHour, delivered, metered, metered_by_register

NOON = datetime(2027, 6, 1, 12, 0, tzinfo=UTC)
EXACT = MeterQuality("exact")
CLASS_B = of_class(1.0, source="class B")
HOUR = np.arange(0.0, 3601.0)


def halves(time_s, power_w, *, starts_at=NOON, until_s=3600.0, meter=EXACT):
    return metered(
        time_s, power_w, starts_at=starts_at, from_s=0.0, until_s=until_s, meter=meter
    )


@settings(max_examples=50)
@given(st.integers(0, 1799), st.lists(st.floats(-8e3, 8e3), min_size=3, max_size=40))
def test_the_half_hours_add_up_to_what_was_drawn_in_all(offset_s, powers):
    # The plan may begin anywhere: only whole half-hours are settled, and all of them.
    time_s = np.linspace(0.0, 7200.0, 7201)
    power_w = np.interp(time_s, np.linspace(0, 7200, len(powers)), powers)
    starts_at = NOON + timedelta(seconds=offset_s)
    found = halves(time_s, power_w, starts_at=starts_at, until_s=7200.0)
    whole = [half for half in found if half.settled]
    assert len(whole) >= 3
    begin_s = (-offset_s) % 1800
    end_s = begin_s + 1800 * len(whole)
    inside = (time_s >= begin_s) & (time_s <= end_s)
    area = np.trapezoid(power_w[inside], time_s[inside]) / 3600
    summed = sum(half.energy.value for half in whole)
    assert summed == pytest.approx(area, abs=1e-6, rel=1e-9)


def test_a_period_that_the_trial_does_not_cover_is_marked_and_not_settled():
    starts_at = NOON + timedelta(minutes=10)
    first, second, third = halves(HOUR, np.full(3601, 1e3), starts_at=starts_at)
    assert second.energy.value == pytest.approx(500.0)
    assert second.mark == ""
    assert (first.mark, third.mark) == (
        "the trial covers 20 of its 30 minutes",
        "the trial covers 10 of its 30 minutes",
    )
    assert not first.settled
    assert not third.settled


@pytest.mark.parametrize(
    ("gap", "mark"),
    [
        (slice(0, 60), "missing: 60 s at its start"),
        (slice(1741, 1801), "missing: 60 s at its end"),
        (slice(600, 659), "missing: 60 s within"),
    ],
)
def test_what_is_missing_is_named_by_its_place_and_left_open(gap, mark):
    power_w = np.where(HOUR < 900, 2e3, 1e3)
    power_w[gap] = np.nan
    first, _ = halves(HOUR, power_w)
    assert first.mark == mark
    assert first.seen_s == pytest.approx(1740)
    low, high = first.energy.unseen
    assert low < high
    assert low - 0.2 < 750 < high + 0.2


def test_half_a_period_unseen_is_not_settled_and_its_neighbour_is():
    power_w = np.full(3601, 1e3)
    power_w[100:1100] = np.nan
    first, second = halves(HOUR, power_w)
    assert not first.settled
    assert first.mark.startswith("missing: 1001 s within")
    assert second.energy.value == pytest.approx(500.0)


def test_a_register_not_read_at_a_periods_edge_settles_nothing_there():
    wh = HOUR / 3.6
    reads = np.r_[np.arange(0, 1500, 60), np.arange(1980, 3601, 60)].astype(int)
    quality = RegisterQuality("register", step_wh=1.0)
    both = metered_by_register(
        HOUR[reads], wh[reads], starts_at=NOON, from_s=0.0, until_s=3600.0,
        register=quality,
    )  # fmt: skip
    assert [half.settled for half in both] == [False, False]
    assert all(half.mark for half in both)
    full = metered_by_register(
        HOUR[::60], wh[::60], starts_at=NOON, from_s=0.0, until_s=3600.0,
        register=quality,
    )  # fmt: skip
    assert [half.energy.value for half in full] == pytest.approx([500.0, 500.0])


def test_a_gap_never_helps_who_is_paid():
    power_w = np.full(3601, 1e3)
    power_w[300:600] = np.nan
    baseline = Estimate(1000.0, "Wh")
    seen, gappy = halves(HOUR, np.full(3601, 1e3))[0], halves(HOUR, power_w)[0]
    for upwards, base in ((False, baseline), (True, Estimate(200.0, "Wh"))):
        whole = delivered(seen, base, upwards=upwards)
        less = delivered(gappy, base, upwards=upwards)
        assert less.value < whole.value
        assert less.unseen[1] == pytest.approx(whole.value)


def test_one_meters_gain_acts_on_the_difference_and_on_the_sum():
    halved = halves(HOUR, np.full(3601, 2e3), meter=CLASS_B)
    u = 0.01 / math.sqrt(3)
    measured = Estimate(3000.0, "Wh", (Contribution(GAIN, 3000 * u, "B"),))
    nominated = Estimate(3000.0, "Wh")
    assert delivered(halved[0], measured, upwards=False).u == pytest.approx(2000 * u)
    assert delivered(halved[0], nominated, upwards=False).u == pytest.approx(1000 * u)
    assert total(h.energy for h in halved).u == pytest.approx(2000 * u)
    independent = total((h.energy for h in halved), shared=False)
    assert independent.u == pytest.approx(1000 * u * math.sqrt(2))


def test_a_period_without_an_energy_makes_no_sum():
    lost = HalfHour(halves(HOUR, HOUR)[0].period, Estimate(math.nan, "Wh", why="lost"))
    assert math.isnan(delivered(lost, Estimate(1.0, "Wh"), upwards=False).value)
    assert total([]).value == 0.0
