"""Civil time: settlement days have 46, 48 or 50 periods, and no instant is lost."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.calendar import (
    LONDON,
    SettlementPeriod,
    civil,
    local_midnight,
    period_of,
    periods_between,
    periods_in,
    periods_on_bench,
)
from harness.core.errors import UsageError

FORWARD, BACK = date(2027, 3, 28), date(2027, 10, 31)
"""Last Sundays of March and October 2027 (Summer Time Order 2002, SI 2002/262)."""
DAYS = st.dates(date(2000, 1, 1), date(2037, 12, 31))

FIRST_S, LAST_S = 946_771_200, 2_145_744_000
"""2 January 2000 and 30 December 2037, between which tzdata needs no rule. [s]"""
INSTANTS = st.integers(FIRST_S * 1_000, LAST_S * 1_000).map(
    lambda ms: datetime.fromtimestamp(ms / 1_000, UTC)
)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "count"),
    [
        (date(2027, 3, 27), 48),
        (FORWARD, 46),
        (date(2027, 3, 29), 48),
        (date(2027, 10, 30), 48),
        (BACK, 50),
        (date(2027, 11, 1), 48),
        (date(2028, 2, 29), 48),
    ],
)
def test_a_clock_change_makes_a_day_of_46_or_50_periods(day, count):
    assert periods_in(day) == count


@pytest.mark.parametrize(
    ("instant", "day", "number", "local_clock"),
    [
        # the clocks go forward at 01:00 UTC: 01:00 to 02:00 local does not exist
        ("2027-03-28T00:30", FORWARD, 2, "00:30"),
        ("2027-03-28T00:59:59", FORWARD, 2, "00:30"),
        ("2027-03-28T01:00", FORWARD, 3, "02:00"),
        ("2027-03-28T22:59", FORWARD, 46, "23:30"),
        ("2027-03-28T23:00", date(2027, 3, 29), 1, "00:00"),
        # they go back at 01:00 UTC: 01:00 to 02:00 local happens twice
        ("2027-10-30T23:00", BACK, 1, "00:00"),
        ("2027-10-31T00:30", BACK, 4, "01:30"),
        ("2027-10-31T01:00", BACK, 5, "01:00"),
        ("2027-10-31T01:30", BACK, 6, "01:30"),
        ("2027-10-31T23:59", BACK, 50, "23:30"),
        # and two ordinary days, one of each half of the year
        ("2027-01-05T17:30", date(2027, 1, 5), 36, "17:30"),
        ("2027-07-05T17:30", date(2027, 7, 5), 38, "18:30"),
    ],
)
def test_an_instant_lies_in_the_period_of_its_local_day(
    instant, day, number, local_clock
):
    period = period_of(utc(instant))
    assert period == SettlementPeriod(day, number)
    assert period.start_local.strftime("%H:%M") == local_clock
    assert period.start <= utc(instant) < period.end


def test_readings_are_stamped_at_the_end_in_utc_and_baselines_at_the_start_locally():
    period = SettlementPeriod(date(2027, 7, 5), 38)
    assert period.end_utc_stamp == "2027-07-05T18:00:00Z"
    assert period.start_local.isoformat() == "2027-07-05T18:30:00+01:00"
    assert str(period) == "2027-07-05 SP 38"


@pytest.mark.parametrize(
    ("day", "number"), [(FORWARD, 47), (date(2027, 3, 29), 49), (BACK, 51), (BACK, 0)]
)
def test_a_period_that_the_day_lacks_is_refused(day, number):
    with pytest.raises(UsageError, match=f"it has periods 1 to .*, not {number}"):
        SettlementPeriod(day, number)


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        period_of(utc("2027-03-28T12:00").replace(tzinfo=None))


@given(day=DAYS)
def test_the_periods_of_a_day_fill_it_without_gap_or_overlap(day):
    start, end = local_midnight(day), local_midnight(day + timedelta(days=1))
    periods = list(periods_between(start, end))
    assert [period.number for period in periods] == list(range(1, periods_in(day) + 1))
    assert all(period.day == day for period in periods)
    assert periods[0].start == start
    assert periods[-1].end == end
    assert all(a.end == b.start for a, b in pairwise(periods))


@given(instant=INSTANTS)
def test_every_instant_has_one_period_whatever_zone_it_is_told_in(instant):
    period = period_of(instant)
    assert period.start <= instant < period.end
    assert period_of(instant.astimezone(LONDON)) == period
    assert period.end - period.start == timedelta(minutes=30)


def test_bench_time_is_cut_where_settlement_periods_change():
    parts = periods_on_bench(utc("2027-01-05T17:20"), from_s=-60.0, until_s=2_700.0)
    assert [(str(part.period), part.from_s, part.until_s) for part in parts] == [
        ("2027-01-05 SP 35", -60.0, 600.0),
        ("2027-01-05 SP 36", 600.0, 2_400.0),
        ("2027-01-05 SP 37", 2_400.0, 2_700.0),
    ]
    assert [part.whole for part in parts] == [False, True, False]


def test_a_trial_over_a_clock_change_keeps_half_hours_of_real_time():
    start = civil(BACK, time(0, 30))
    parts = periods_on_bench(start, from_s=0.0, until_s=4 * 1_800.0)
    assert [part.period.number for part in parts] == [2, 3, 4, 5]
    assert all(part.whole for part in parts)


@given(start=INSTANTS, length_s=st.floats(0.001, 90_000.0))
def test_bench_parts_fill_the_stretch(start, length_s):
    parts = periods_on_bench(start, from_s=0.0, until_s=length_s)
    assert parts[0].from_s == 0.0
    assert parts[-1].until_s == pytest.approx(length_s, abs=1e-5)
    joints = pairwise(parts)
    assert all(a.until_s == pytest.approx(b.from_s, abs=1e-6) for a, b in joints)
    assert all(0.0 < part.until_s - part.from_s <= 1_800.0 + 1e-6 for part in parts)


def test_clock_times_become_instants():
    assert civil(date(2027, 1, 5), time(17, 30)) == utc("2027-01-05T17:30")
    assert civil(date(2027, 7, 5), time(17, 30)) == utc("2027-07-05T16:30")
    assert civil(FORWARD, time(2, 0)) == utc("2027-03-28T01:00")


def test_a_clock_time_that_never_comes_is_refused():
    for clock in (time(1, 0), time(1, 30), time(1, 59, 59)):
        with pytest.raises(UsageError, match="the clocks go forward over it"):
            civil(FORWARD, clock)


def test_a_clock_time_that_comes_twice_must_say_which():
    with pytest.raises(UsageError, match="the clocks go back and show it twice"):
        civil(BACK, time(1, 30))
    assert civil(BACK, time(1, 30), later=False) == utc("2027-10-31T00:30")
    assert civil(BACK, time(1, 30), later=True) == utc("2027-10-31T01:30")
    assert civil(BACK, time(2, 0)) == utc("2027-10-31T02:00")
