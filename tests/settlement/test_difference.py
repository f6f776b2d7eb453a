"""Difference metering: the guidance note's examples, and nothing lost in any."""

from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.settlement.difference import differenced, differenced_year, scaled_up
from harness.settlement.periods import grid

TWO_PERCENT = 20_000
WH = st.integers(-10_000_000, 10_000_000)
PPM = st.one_of(st.none(), st.integers(0, 999_999))


def test_losses_scaled_up_as_in_the_guidance_note():
    """10 behind 20 with 2 % of losses: 10.2 enter for the customer, 9.8 are left."""
    got = differenced(20_000, {"A": 10_000}, scaled_ppm=TWO_PERCENT)
    assert (got.advances_wh, got.owner_wh, got.mark) == ({"A": 10_200}, 9_800, "")


def test_losses_left_with_the_owner_as_in_the_guidance_note():
    got = differenced(20_000, {"A": 10_000}, scaled_ppm=None)
    assert (got.advances_wh, got.owner_wh) == ({"A": 10_000}, 10_000)


def test_two_percent_multiplies_and_does_not_divide():
    """1/0.98 would make 10,204."""
    assert scaled_up(10_000, TWO_PERCENT) == 10_200


def test_export_shrinks_on_its_way_to_the_boundary():
    assert scaled_up(-10_200, TWO_PERCENT) == -10_000


def test_several_third_parties_and_one_that_feeds_in():
    got = differenced(5_000, {"A": 4_000, "B": -2_040}, scaled_ppm=TWO_PERCENT)
    assert got.advances_wh == {"A": 4_080, "B": -2_000}
    assert got.owner_wh == 2_920


def test_a_negative_rest_is_kept_and_marked():
    got = differenced(900, {"A": 1_000}, scaled_ppm=None)
    assert got.owner_wh == -100
    assert "negative: -100 Wh" in got.mark


@pytest.mark.parametrize(
    ("boundary", "readings", "says"),
    [
        (None, {"A": 1}, "missing: the boundary's"),
        (1, {"A": None, "B": 2}, "missing: that of A"),
        (None, {"A": None}, "the boundary's, that of A"),
    ],
)
def test_a_missing_reading_settles_nobody_by_name(boundary, readings, says):
    got = differenced(boundary, readings, scaled_ppm=None)
    assert (got.owner_wh, got.advances_wh) == (None, None)
    assert got.mark.endswith(says)


@given(z=WH, ys=st.dictionaries(st.text("AB", min_size=1), WH, max_size=5), ppm=PPM)
def test_what_enters_adds_up_to_the_boundary(z, ys, ppm):
    got = differenced(z, ys, scaled_ppm=ppm)
    assert got.owner_wh + sum(got.advances_wh.values()) == z


@given(y=WH, ppm=PPM)
def test_scaling_is_exact_to_half_a_watt_hour_and_never_turns_a_sign(y, ppm):
    factor = 1 + (ppm or 0) / 1e6
    got = scaled_up(y, ppm)
    assert got == pytest.approx(y * factor if y >= 0 else y / factor, abs=0.5 + 1e-6)
    assert got * y >= 0
    assert abs(got) >= abs(y) if y >= 0 else abs(got) <= abs(y)


@pytest.mark.parametrize("ppm", [None, TWO_PERCENT, 33_333])
def test_years_of_arrays_say_what_single_periods_say(ppm):
    """Over both clock changes: 46, 50 and 48 periods, and what is missing in each."""
    days = grid(date(2026, 3, 28), date(2026, 10, 26))
    rng = np.random.default_rng(1)
    z = np.where(days.has, rng.integers(-5_000, 20_000, days.has.shape), np.nan)
    y = np.where(days.has, rng.integers(-5_000, 9_000, (3, *days.has.shape)), np.nan)
    z[5, 7], y[1, 9, 3] = np.nan, np.nan
    owner, advances = differenced_year(z, y, scaled_ppm=ppm)
    assert np.isfinite(owner).sum() == days.has.sum() - 2
    assert set(days.counts) == {46, 48, 50}
    for day, period in zip(*np.nonzero(days.has), strict=True):
        readings = [None if np.isnan(one) else int(one) for one in y[:, day, period]]
        boundary = None if np.isnan(z[day, period]) else int(z[day, period])
        one = differenced(boundary, dict(enumerate(readings)), scaled_ppm=ppm)
        if one.owner_wh is None:
            assert np.isnan(owner[day, period])
            continue
        assert one.owner_wh == owner[day, period]
        assert [*one.advances_wh.values()] == advances[:, day, period].tolist()


def test_more_losses_never_leave_the_owner_more():
    owners = [
        differenced(20_000, {"A": 10_000}, scaled_ppm=ppm).owner_wh
        for ppm in range(0, 200_000, 5_000)
    ]
    assert all(later <= first for first, later in pairwise(owners))
