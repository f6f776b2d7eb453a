import math

import numpy as np
import pytest
from uncertainties import ufloat

from harness.analysis.delivery import (
    delivered_energy,
    delivered_power,
    delivered_share,
    level,
    mean_power,
    rebound_energy,
)
from harness.analysis.estimate import Estimate
from harness.analysis.hold import held_for, longest_excursion, share_in_band
from harness.analysis.quality import MeterQuality
from harness.analysis.series import at_most, band_around

PERFECT = MeterQuality("a perfect meter")
EVENT = {"from_s": 0, "until_s": 3600, "band": at_most(1050), "meter": PERFECT}


def event(*, arrives_s=5, leaves_s=math.inf, length=4000):
    """An hour at 1 kW out of 3 kW; released at 3,600 s."""
    t = np.arange(-600.0, length)
    inside = (t >= arrives_s) & (t < min(leaves_s, 3600))
    return t, np.where(inside, 1000.0, 3000.0)


def test_a_device_that_holds_until_its_release_held_the_whole_event():
    got = held_for(*event(), arrived_by_s=10, **EVENT)
    assert got.value == 3600.0
    assert got.u == 0.0
    assert got.unseen is None


def test_stopping_early_ends_at_the_last_good_sample():
    got = held_for(*event(leaves_s=1800), arrived_by_s=10, **EVENT)
    assert got.value == 1799.0
    assert got.u == pytest.approx(1 / math.sqrt(3))
    assert "left at most 1050 W" in got.why


def test_not_there_when_first_looked_at_held_nothing():
    assert held_for(*event(arrives_s=30), arrived_by_s=10, **EVENT).value == 0.0


def test_a_dip_within_the_ride_through_does_not_end_it():
    t, p = event()
    p[(t >= 1000) & (t < 1008)] = 2000.0
    kept = held_for(t, p, arrived_by_s=10, ride_through_s=9, **EVENT)
    ended = held_for(t, p, arrived_by_s=10, ride_through_s=8.9, **EVENT)
    assert (kept.value, ended.value) == (3600.0, 999.0)


def test_a_gap_counts_as_a_departure_of_its_length():
    t, p = event()
    p[(t >= 1000) & (t < 1020)] = np.nan
    ended = held_for(t, p, arrived_by_s=10, ride_through_s=10, **EVENT)
    assert ended.value == 999.0
    assert ended.unseen == (999.0, 3600.0)
    assert held_for(t, p, ride_through_s=21, arrived_by_s=10, **EVENT).value == 3600.0


def test_a_recording_cut_short_shows_what_it_shows():
    t, p = event()
    cut = t < 2000
    got = held_for(t[cut], p[cut], arrived_by_s=10, **EVENT)
    assert got.value == 1999.0
    assert got.unseen == (1999.0, 3600.0)


def test_a_meter_that_cannot_tell_the_edge_makes_the_hold_unsure():
    t, p = event()
    p[(t >= 1000) & (t < 3600)] = 1045.0
    meter = MeterQuality("m", absolute_u_w=10.0)
    got = held_for(t, p, arrived_by_s=10, **(EVENT | {"meter": meter}))
    assert got.value == 3600.0
    assert got.u == pytest.approx(3600 - 999)


def test_share_and_excursion_of_one_departure():
    t, p = event()
    p[(t >= 1000) & (t < 1036)] = 2000.0
    window = EVENT | {"from_s": 10}
    assert share_in_band(t, p, **window).value == pytest.approx(100 * (1 - 36 / 3590))
    excursion = longest_excursion(t, p, **window)
    assert excursion.value == 37.0  # from 999 s, last seen good, to 1,036 s
    assert excursion.marks == (("longest excursion", 999.0),)
    p[(t >= 2000) & (t < 2100)] = np.nan
    assert longest_excursion(t, p, **window).unseen == (37.0, 101.0)
    assert share_in_band(t, p, **window).unseen[1] == pytest.approx(
        100 * (1 - 36 / 3590)
    )


def test_mean_power_is_the_area_under_straight_lines():
    t = np.array([0.0, 10.0, 20.0])
    p = np.array([0.0, 100.0, 100.0])
    assert mean_power(t, p, from_s=0, until_s=20, meter=PERFECT).value == 75.0
    # Cut inside an interval: 5..10 s at 50..100 W, then 10 s at 100 W.
    got = mean_power(t, p, from_s=5, until_s=20, meter=PERFECT)
    assert got.value == pytest.approx((75 * 5 + 100 * 10) / 15)


def test_a_mean_of_mostly_nothing_is_not_seen():
    t = np.arange(100.0)
    p = np.where(t < 45, 1000.0, np.nan)
    got = mean_power(t, p, from_s=0, until_s=99, meter=PERFECT)
    assert math.isnan(got.value)
    assert "44% of the window" in got.why


def test_a_gap_in_a_mean_spans_what_was_seen():
    t = np.arange(101.0)
    p = np.where(t < 50, 1000.0, 2000.0)
    p[60:80] = np.nan
    got = mean_power(t, p, from_s=0, until_s=100, meter=PERFECT)
    low, high = got.unseen
    assert low < got.value < high
    assert high - low == pytest.approx(21 * 1000 / 100)


def test_delivered_power_is_positive_in_the_direction_asked():
    t, p = event()
    base = level(t, p, from_s=-300, until_s=0, meter=PERFECT)
    asked = {"from_s": 10, "until_s": 3600, "baseline": base, "meter": PERFECT}
    assert delivered_power(t, p, upwards=False, **asked).value == pytest.approx(
        2000, abs=1
    )
    assert delivered_power(t, p, upwards=True, **asked).value == pytest.approx(
        -2000, abs=1
    )
    energy = delivered_energy(t, p, upwards=False, **asked)
    assert energy.unit == "Wh"
    assert energy.value == pytest.approx(2000 * 3590 / 3600, abs=1)


def test_a_gap_delivers_nothing():
    t, p = event()
    base = level(t, p, from_s=-300, until_s=0, meter=PERFECT)
    p[(t >= 1000) & (t < 1359)] = np.nan
    got = delivered_power(
        t, p, from_s=10, until_s=3590, baseline=base, upwards=False, meter=PERFECT
    )
    assert got.value == pytest.approx(2000 * (1 - 360 / 3580))
    assert got.unseen == (got.value, pytest.approx(2000))


def test_delivered_power_against_an_independent_budget():
    # The same meter measured both levels, so its gain acts on the difference; each
    # mean has an offset error of its own.
    meter = MeterQuality("m", relative_u=0.01, absolute_u_w=4.0)
    t, p = event(arrives_s=-1e9)
    before = Estimate(3000.0, "W", ())
    base = level(t[:600], np.full(600, 3000.0), from_s=-600, until_s=-1, meter=meter)
    got = delivered_power(
        t, p, from_s=0, until_s=3590, baseline=base, upwards=False, meter=meter
    )
    gain = ufloat(1.0, 0.01)
    expected = gain * (3000 + ufloat(0, 4)) - gain * (1000 + ufloat(0, 4))
    assert got.value == pytest.approx(expected.nominal_value)
    assert got.u == pytest.approx(expected.std_dev, rel=1e-9)
    # A baseline from elsewhere shares no gain: then the gain acts on the event only.
    other = delivered_power(
        t, p, from_s=0, until_s=3590, baseline=before, upwards=False, meter=meter
    )
    assert other.u == pytest.approx(math.hypot(10.0, 4.0))


def test_the_share_of_what_was_asked():
    half = delivered_share(Estimate(1500.0, "W", ()), 3000.0)
    assert (half.value, half.unit) == (50.0, "%")
    with pytest.raises(ValueError, match="above 0 W"):
        delivered_share(half, 0.0)


def test_scatter_before_the_event_is_part_of_the_level():
    t = np.arange(600.0)
    steady = level(t, np.full(600, 2000.0), from_s=0, until_s=599, meter=PERFECT)
    wandering = level(
        t, 2000 + 100 * np.sin(t / 60), from_s=0, until_s=599, meter=PERFECT
    )
    assert steady.u == 0.0
    assert wandering.u > 10.0
    assert {line.kind for line in wandering.budget if line.name == "scatter"} == {"A"}


def test_rebound_counts_only_what_is_beyond():
    t = np.arange(0.0, 3601.0)
    p = np.where(t < 1800, 2600.0, 1400.0)  # 600 W above, then 600 W below, 2 kW
    base = Estimate(2000.0, "W", ())
    asked = {"released_at_s": 0, "until_s": 3600, "baseline": base, "meter": PERFECT}
    assert rebound_energy(t, p, upwards=True, **asked).value == pytest.approx(
        300, abs=0.2
    )
    assert rebound_energy(t, p, upwards=False, **asked).value == pytest.approx(
        300, abs=0.2
    )
    p[100:200] = np.nan
    gap = rebound_energy(t, p, upwards=True, **asked)
    assert gap.value == pytest.approx(300, abs=0.2)
    assert gap.unseen[0] < gap.value


def test_an_empty_window_is_refused():
    with pytest.raises(ValueError, match="is empty"):
        mean_power(*event(), from_s=10, until_s=10, meter=PERFECT)


def test_a_two_sided_band_holds_from_both_sides():
    t, p = event()
    p[(t >= 2000) & (t < 2100)] = 800.0
    band = band_around(1000, 100)
    got = held_for(t, p, arrived_by_s=10, **(EVENT | {"band": band}))
    assert got.value == 1999.0
