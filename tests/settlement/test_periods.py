"""Every half-hour of every day from 2020 to 2035 has one place and one name."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.calendar import SettlementPeriod, periods_in
from harness.core.errors import UsageError
from harness.settlement.periods import (
    Stamp,
    grid,
    local_slots,
    period_at_local,
    period_stamped,
    placed,
)

FIRST, LAST = date(2020, 1, 1), date(2035, 12, 31)
DECADES = grid(FIRST, LAST)
FORWARD, BACK = date(2027, 3, 28), date(2027, 10, 31)
PERIODS = st.dates(FIRST, LAST).flatmap(
    lambda day: st.integers(1, periods_in(day)).map(lambda n: SettlementPeriod(day, n))
)


def test_every_year_has_one_day_of_46_and_one_of_50_periods_both_sundays():
    for year in range(2020, 2036):
        own = [
            (d, c)
            for d, c in zip(DECADES.days, DECADES.counts, strict=True)
            if d.year == year
        ]
        for count, month in ((46, 3), (50, 10)):
            (day,) = [d for d, c in own if c == count]
            # the last Sunday of the month (Summer Time Order 2002, SI 2002/262)
            assert (day.month, day.weekday(), day.day > 24) == (month, 6, True)
        assert {c for _, c in own} == {46, 48, 50}
        assert sum(c for _, c in own) == 48 * len(own)


def test_the_days_follow_each_other_without_a_gap_or_an_overlap():
    elapsed = datetime(2036, 1, 1, tzinfo=UTC) - datetime(2020, 1, 1, tzinfo=UTC)
    assert DECADES.starts[-1] == elapsed / timedelta(minutes=30)
    assert DECADES.has.sum() == DECADES.starts[-1]


@given(PERIODS)
def test_a_period_is_found_again_by_either_stamp_and_in_arrays(period):
    assert period_stamped(period.start, Stamp.START) == period
    assert period_stamped(period.end, Stamp.END) == period
    day, number = DECADES.place(period)
    assert (DECADES.days[day], number + 1) == (period.day, period.number)
    assert [int(x) for x in DECADES.back(DECADES.row(day, number))] == [day, number]


@given(PERIODS)
def test_local_clocks_name_a_period_too_with_a_word_where_they_show_it_twice(period):
    clock = period.start_local.replace(tzinfo=None)
    twice = local_slots(period.day).count(2 * clock.hour + clock.minute // 30) > 1
    later = bool(period.start_local.fold) if twice else None
    assert period_at_local(clock, later=later) == period


@given(st.dates(FIRST, LAST))
def test_local_half_hours_count_up_but_where_the_clocks_change(day):
    slots = local_slots(day)
    assert slots[0] == 0
    assert slots[-1] == 47
    steps = {46: {1, 3}, 48: {1}, 50: {1, -1}}[len(slots)]
    assert set(np.diff(slots).tolist()) == steps


def test_the_hour_that_is_skipped_and_the_hour_that_stands_twice():
    assert local_slots(FORWARD)[:4] == (0, 1, 4, 5)
    assert local_slots(BACK)[:7] == (0, 1, 2, 3, 2, 3, 4)


def test_one_stamp_is_another_half_hour_at_its_other_end():
    stamp = datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
    assert str(period_stamped(stamp, Stamp.START)) == "2027-03-28 SP 3"
    assert str(period_stamped(stamp, Stamp.END)) == "2027-03-28 SP 2"
    midnight = datetime(2027, 7, 1, 23, 0, tzinfo=UTC)
    assert str(period_stamped(midnight, Stamp.END)) == "2027-07-01 SP 48"
    assert str(period_stamped(midnight, Stamp.START)) == "2027-07-02 SP 1"


@pytest.mark.parametrize(
    ("stamp", "says"),
    [
        (datetime(2027, 3, 28, 1, 0), "no time zone"),  # noqa: DTZ001
        (datetime(2027, 3, 28, 1, 15, tzinfo=UTC), ":00 and :30"),
        (datetime(2027, 3, 28, 1, 0, 1, tzinfo=UTC), ":00 and :30"),
    ],
)
def test_a_stamp_that_names_no_half_hour_is_refused(stamp, says):
    with pytest.raises(UsageError, match=says):
        period_stamped(stamp, Stamp.END)


def test_readings_stand_where_their_stamps_say_and_nothing_is_filled():
    days = grid(FORWARD, FORWARD)
    stamps = [datetime(2027, 3, 28, 0, 30, tzinfo=UTC) + n * timedelta(minutes=30)
              for n in (0, 1, 3)]  # fmt: skip
    found = placed(stamps, [10.0, 11.0, 13.0], Stamp.END, days)
    assert found.shape == (1, 50)
    assert found[0, [0, 1, 3]].tolist() == [10.0, 11.0, 13.0]
    assert np.isnan(found).sum() == 47
    with pytest.raises(UsageError, match="SP 1: two readings name it"):
        placed([stamps[0], stamps[0]], [1.0, 2.0], Stamp.END, days)
    with pytest.raises(UsageError, match="outside the days settled"):
        placed(stamps, [1.0, 2.0, 3.0], Stamp.END, grid(BACK, BACK))
    with pytest.raises(UsageError, match="ends before it begins"):
        grid(BACK, FORWARD)
