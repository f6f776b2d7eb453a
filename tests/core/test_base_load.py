"""What a home draws besides its devices: the profile, the appliances, the seed."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.base_load import BaseLoad, published_kwh_per_day
from harness.core.calendar import local_midnight
from harness.core.profile_class_1 import august_bank_holiday, half_hours_w, season
from harness.core.recording import Series

WINTER = datetime(2026, 1, 15, tzinfo=UTC)


def energies_wh(load: BaseLoad, zero: datetime, day: date, count: int = 48) -> Series:
    """Return the energy of each half-hour, by seconds. [Wh]"""
    from_s = (local_midnight(day) - zero).total_seconds()
    seconds = from_s + np.arange(count * 1800) + 0.5
    watts = np.array([load.power_w(float(at)) for at in seconds])
    return watts.reshape(count, 1800).mean(axis=1) / 2


# The profile: figures from the copies that its module names.


def test_a_winter_weekday_is_the_published_one():
    watts = half_hours_w(date(2026, 1, 15))
    assert len(watts) == 48
    assert (watts[0], watts[7], watts[35], watts[47]) == (330, 200, 920, 410)
    assert sum(watts) / 2000 == pytest.approx(12.29)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 3, 28), "winter"),
        (date(2026, 3, 29), "spring"),  # clocks go forward
        (date(2026, 5, 15), "spring"),
        (date(2026, 5, 16), "summer"),  # sixteenth Saturday before 31 August
        (date(2026, 7, 24), "summer"),
        (date(2026, 7, 25), "high summer"),  # sixth Saturday before
        (date(2026, 9, 6), "high summer"),  # the Sunday after the bank holiday
        (date(2026, 9, 7), "autumn"),
        (date(2026, 10, 24), "autumn"),
        (date(2026, 10, 25), "winter"),  # clocks go back
    ],
)
def test_seasons_begin_and_end_as_published(day, expected):
    assert season(day) == expected


def test_the_august_bank_holiday_is_the_last_monday():
    assert august_bank_holiday(2026) == date(2026, 8, 31)
    assert august_bank_holiday(2027) == date(2027, 8, 30)


def test_weekends_differ_from_weekdays():
    friday, saturday, sunday = (
        half_hours_w(date(2026, 1, day)) for day in (16, 17, 18)
    )
    assert len({friday, saturday, sunday}) == 3


# The load


def test_without_appliances_it_is_the_profile_itself():
    load = BaseLoad(WINTER, seed=1, appliances=False)
    day = date(2026, 1, 16)
    assert energies_wh(load, WINTER, day) * 2 == pytest.approx(
        np.array(half_hours_w(day))
    )


def test_a_chosen_demand_scales_the_whole_year():
    load = BaseLoad(WINTER, seed=1, kwh_per_day=5.0, appliances=False)
    expected = 12.29 * 5.0 / published_kwh_per_day(2026)
    got = energies_wh(load, WINTER, date(2026, 1, 15)).sum() / 1000
    assert got == pytest.approx(expected)
    assert published_kwh_per_day(2026) == pytest.approx(10.74, abs=0.01)


@pytest.mark.parametrize("kwh_per_day", [None])
def test_appliances_leave_the_mean_of_each_half_hour_as_the_profile_has_it(kwh_per_day):
    load = BaseLoad(WINTER, seed=3, kwh_per_day=kwh_per_day)
    got, wanted = np.zeros(48), np.zeros(48)
    for number in range(1200):
        day = date(2026, 1, 1) + timedelta(days=number)
        made = load._make(day)
        if made.until_s - made.from_s != 86_400:
            continue
        edges_s = np.append(made.steps_s, 86_400.0)
        joules = np.cumsum(np.append(0.0, np.diff(edges_s) * made.levels_w))
        got += np.diff(np.interp(np.arange(49) * 1800, edges_s, joules)) / 1800
        wanted += load.expected_w(day)
    assert got.sum() == pytest.approx(wanted.sum(), rel=0.01)
    assert got == pytest.approx(wanted, rel=0.05)


def test_a_second_by_second_meter_sees_kettles_and_showers():
    load = BaseLoad(WINTER, seed=1)
    watts = np.array([load.power_w(float(at)) for at in range(7 * 86_400)])
    steps = np.abs(np.diff(watts))
    assert ((steps > 2000) & (steps < 3100)).sum() > 20
    assert (steps > 7000).sum() >= 2
    assert watts.min() > 50.0
    assert watts.max() < 20_000.0


def test_what_is_on_at_midnight_goes_out_after_it():
    load = BaseLoad(WINTER, seed=5)
    for number in range(1, 30):
        midnight_s = 86_400.0 * number
        before, after = load.power_w(midnight_s - 0.001), load.power_w(midnight_s)
        # Only the steady part may change on the stroke of midnight.
        assert abs(before - after) < 250.0


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    shift_days=st.integers(-400, 400),
    at_s=st.floats(0, 86_399),
)
def test_the_load_of_a_day_depends_on_seed_and_date_alone(seed, shift_days, at_s):
    near = BaseLoad(WINTER, seed=seed)
    far_zero = WINTER + timedelta(days=shift_days)
    far = BaseLoad(far_zero, seed=seed, kwh_per_day=None)
    there_s = at_s - timedelta(days=shift_days).total_seconds()
    assert near.power_w(at_s) == pytest.approx(far.power_w(there_s), rel=1e-9)


def test_how_often_and_in_what_order_it_is_asked_changes_nothing():
    times = [float(at) for at in range(0, 4 * 86_400, 1801)]
    steadily = BaseLoad(WINTER, seed=2)
    first = {at: steadily.power_w(at) for at in times}
    shuffled = list(np.random.default_rng(1).permutation(times))
    wildly = BaseLoad(WINTER, seed=2)
    assert {at: wildly.power_w(at) for at in shuffled} == first


def test_seeds_and_streams_have_luck_of_their_own():
    loads = [
        BaseLoad(WINTER, seed=1),
        BaseLoad(WINTER, seed=2),
        BaseLoad(WINTER, seed=1, stream="occupants"),
    ]
    days = [
        tuple(load.power_w(float(at)) for at in range(0, 86_400, 60)) for load in loads
    ]
    assert len(set(days)) == 3


@pytest.mark.parametrize(
    ("day", "count"), [(date(2026, 3, 29), 46), (date(2026, 10, 25), 50)]
)
def test_days_of_a_clock_change_follow_the_clock_on_the_wall(day, count):
    load = BaseLoad(WINTER, seed=1, appliances=False)
    got = energies_wh(load, WINTER, day, count) * 2
    by_clock = half_hours_w(day)
    skipped = (2, 3)
    expected = [watts for place, watts in enumerate(by_clock) if place not in skipped]
    if count == 50:
        expected = [*by_clock[:4], *by_clock[2:4], *by_clock[4:]]
    assert got == pytest.approx(np.array(expected))
    BaseLoad(WINTER, seed=1).power_w((local_midnight(day) - WINTER).total_seconds())


def test_a_start_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        BaseLoad(datetime(2026, 1, 1), seed=1)  # noqa: DTZ001 - that is the point
