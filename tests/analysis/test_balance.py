"""What of a network's energy crosses its boundary, by hand and for any series."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.balance import (
    Seen,
    balanced_again,
    import_avoided,
    self_balance,
)
from harness.analysis.quality import MeterQuality

QUALITY = MeterQuality("a meter", relative_u=0.002, absolute_u_w=0.5)
T = np.arange(0.0, 601.0, 1.0)


def meter(power_w):
    return Seen(T, np.broadcast_to(np.asarray(power_w, float), T.shape), QUALITY)


def balance(boundary, made=(), stored=()):
    return self_balance(
        meter(boundary), [meter(-one) for one in made], [meter(one) for one in stored],
        from_s=0.0, until_s=600.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("boundary_w", "made", "stored", "percent"),
    [
        (0.0, [2_000.0], [0.0], 100.0),  # all that is made is used
        (1_000.0, [], [], 0.0),  # all is imported
        (1_000.0, [1_000.0], [], 100 * (1 - 1 / 3)),  # 2 kW used, half of them made
        (
            -1_000.0,
            [2_000.0],
            [0.0],
            100 * (1 - 1 / 3),
        ),  # half of it goes out
        (0.0, [2_000.0], [1_000.0], 100.0),  # what is stored crosses nothing
        (-2_000.0, [2_000.0], [], 0.0),  # nothing is used where it is made
    ],
)
def test_share_of_what_never_crosses_by_hand(boundary_w, made, stored, percent):
    found = balance(boundary_w, made, stored)
    assert found.value == pytest.approx(percent, abs=1e-9)


def test_import_in_one_half_and_export_in_the_other_do_not_cancel():
    crossing = np.where(T < 300, 1_000.0, -1_000.0)
    made = np.where(T < 300, 0.0, -1_000.0)
    found = self_balance(meter(crossing), [meter(made)], [], from_s=0.0, until_s=600.0)
    assert found.value == pytest.approx(0.0, abs=0.5)


@given(
    drawn=st.floats(100, 20_000), made=st.floats(0, 20_000), stored=st.floats(-5e3, 5e3)
)
def test_it_is_a_share_whatever_is_drawn_made_and_stored(drawn, made, stored):
    boundary_w = drawn - made + stored
    found = balance(boundary_w, [made], [stored])
    assert found.value <= 100.0
    nearest = 100 * (1 - abs(boundary_w) / (drawn + made))
    assert found.value == pytest.approx(nearest, abs=1e-6)


def test_its_uncertainty_holds_what_a_meter_that_reads_too_high_does_to_it():
    right, high = balance(1_000.0, [1_000.0]), balance(1_004.0, [1_000.0])
    assert 0 < abs(high.value - right.value) <= right.expanded


@pytest.mark.parametrize("which", ["boundary", "made", "stored"])
def test_a_gap_in_any_meter_says_nothing(which):
    holed = np.where((T > 200) & (T < 260), np.nan, 500.0)
    parts = {"boundary": 500.0, "made": -500.0, "stored": 500.0} | {which: holed}
    found = self_balance(
        meter(parts["boundary"]), [meter(parts["made"])], [meter(parts["stored"])],
        from_s=0.0, until_s=600.0,
    )  # fmt: skip
    assert math.isnan(found.value)


def again(power_w, **more):
    wanted = {"after_s": 100.0, "until_s": 500.0, "within_w": 300.0, "stands_s": 30.0}
    return balanced_again(meter(power_w), **wanted | more)


def test_it_counts_from_when_the_boundary_stays_near_zero():
    touches = np.where((T > 120) & (T < 140), 0.0, 5_000.0)  # not for long enough
    assert math.isinf(again(touches).value)
    stays = np.where((T > 120) & (T < 140) | (T >= 200), 10.0, 5_000.0)
    found = again(stays)
    assert found.value == 100.0
    assert found.expanded > 0


def test_near_zero_in_either_direction_and_never_beyond():
    assert again(np.full(T.shape, -299.0)).value == 0.0
    assert math.isinf(again(np.full(T.shape, -301.0)).value)


def test_a_gap_before_it_is_balanced_says_nothing():
    holed = np.where((T > 110) & (T < 130), np.nan, np.where(T < 200, 5e3, 0.0))
    assert math.isnan(again(holed).value)


def test_import_that_stores_took_away_by_hand():
    found, before_w, after_w = import_avoided(
        meter(500.0), [meter(-1_000.0), meter(-500.0)], from_s=0.0, until_s=600.0
    )
    assert (before_w, after_w) == pytest.approx((2_000.0, 500.0))
    assert found.value == pytest.approx(75.0)


def test_a_store_that_charges_in_dear_hours_avoids_less_than_nothing():
    found, _before, _after = import_avoided(
        meter(3_000.0), [meter(1_000.0)], from_s=0.0, until_s=600.0
    )
    assert found.value == pytest.approx(-50.0)


def test_where_nothing_would_be_imported_nothing_is_avoided():
    found, _before, _after = import_avoided(
        meter(-500.0), [meter(0.0)], from_s=0.0, until_s=600.0
    )
    assert math.isnan(found.value)
