"""A month of a DSO's service: half-hours from a profile, zones, and the curve."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.calendar import periods_on_bench
from harness.rulebook.loader import load_rulebook
from harness.settlement.money import price_of
from harness.settlement.monthly import (
    Place,
    completeness,
    half_hours,
    performance,
    submitted,
)
from harness.settlement.payments import flexible_power

CURVE = flexible_power(load_rulebook(), date(2026, 11, 27))
PRICE = price_of("300")


def parts(starts=datetime(2026, 11, 27, 17, tzinfo=UTC), hours=4):
    return periods_on_bench(starts, from_s=0.0, until_s=hours * 3600.0)


def test_a_profile_lies_in_its_half_hours_whatever_its_clock_is_within_a_minute():
    found = half_hours(np.array([1_801.5, 3_540.0]), np.array([300.0, 310.4]), parts())
    assert list(found.values()) == [300, 310]
    assert [period.number for period in found] == [35, 36]


@pytest.mark.parametrize("stamp_s", [1_861.0, 1_739.0, 90_000.0])
def test_a_stamp_that_names_no_end_of_a_half_hour_counts_for_nothing(stamp_s):
    assert half_hours(np.array([stamp_s]), np.array([300.0]), parts()) == {}


def test_finer_periods_are_added_up_and_one_that_lacks_is_missed():
    tens = np.arange(1, 7) * 600.0
    whole = half_hours(tens, np.full(6, 100.0), parts(), period_s=600.0)
    assert list(whole.values()) == [300, 300]
    lacks = half_hours(tens[1:], np.full(5, 100.0), parts(), period_s=600.0)
    assert list(lacks.values()) == [300]


@pytest.mark.parametrize("period_s", [3_600.0, 1_000.0, float("nan")])
def test_periods_that_fill_no_half_hours_are_none(period_s):
    stamps = np.arange(1, 5) * 3_600.0
    assert half_hours(stamps, np.ones(4), parts(), period_s=period_s) == {}


def test_a_month_over_a_clock_change_keeps_all_its_half_hours():
    over = parts(datetime(2027, 3, 28, 0, tzinfo=UTC), 3)
    stamps = np.array([part.until_s for part in over])
    found = half_hours(stamps, np.full(stamps.size, 5.0), over)
    assert completeness(found, over) == 100


def test_what_is_missing_is_missing():
    month = parts()
    found = half_hours(np.array([1_800.0, 3_600.0]), np.array([1.0, np.nan]), month)
    assert completeness(found, month) == pytest.approx(12.5)


def test_zones_hold_every_located_home_once():
    found = dict.fromkeys((part.period for part in parts()), 100)
    places = (Place(10, "A", "X"), Place(5, "A", "Y"), Place(3, "B", "Z"),
              Place(2, "B", ""))  # fmt: skip
    rows, lost = submitted(found, places)
    assert [(row.zone, row.homes, row.energy_wh) for row in rows] == [
        ("A", 15, 12_000), ("B", 3, 2_400),
    ]  # fmt: skip
    assert lost == (places[3],)


def settled(metered_wh, windows=4):
    month = parts()
    found = {part.period: metered_wh for part in month}
    return performance(
        found, [part.period for part in month[:windows]], deemed_w=2_000.0,
        level_w=600.0, price=PRICE, curve=CURVE, relative_u=0.01,
    )  # fmt: skip


def test_a_worked_example():
    """`docs/settlement.md`, 16."""
    whole = settled(300)
    assert (whole.delivered.value, whole.payment_p, whole.full_p) == (100, 84, 84)
    # 700 Wh asked, 546 given: 78 %. 17 below the grace of 95 cost 51 %: 49 % paid.
    short = settled(454)
    assert short.delivered.value == pytest.approx(78)
    assert short.payment_p == 40
    assert short.delivered.u == pytest.approx(100 * 0.01 * 454 / 700)


def test_a_window_that_nobody_has_delivered_nothing():
    month = parts()
    got = performance(
        {month[0].period: 300}, [part.period for part in month[:2]], deemed_w=2_000.0,
        level_w=600.0, price=PRICE, curve=CURVE, relative_u=0.0,
    )  # fmt: skip
    assert (got.delivered.value, got.missing, got.payment_p) == (50, 1, 21)


def test_nothing_asked_is_no_month():
    with pytest.raises(ValueError, match="nothing was asked"):
        performance({}, [], deemed_w=1.0, level_w=0.0, price=PRICE, curve=CURVE,
                    relative_u=0.0)  # fmt: skip


@given(st.integers(-2_000, 4_000))
def test_no_month_is_paid_beyond_what_it_delivered_and_the_grace(metered_wh):
    got = settled(metered_wh)
    assert 0 <= got.payment_p <= got.full_p
    if got.delivered.value < 60:
        assert got.payment_p == 0
