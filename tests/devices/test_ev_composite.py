"""The composite-schedule engine against a slow one that was written without looking.

The slow one walks through every second with nothing but OCPP 1.6 edition 2, sections
3.13, 5.16 and 7.8 to 7.14 in hand; times are whole seconds, so both are exact. The
cases below it are those that two implementations are most likely to read differently.
"""

import math
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.ev_chargepoint.default_hours import default_hours
from devices.ev_chargepoint.profiles import (
    Period,
    Profile,
    Situation,
    composite,
    least,
    parse,
)

NOW = 10_000
WINDOW_S = 600


# The slow engine


def turn_start(profile, second, started):
    """When the turn of the schedule began that holds this second; None if none has."""
    start = profile.start_at_s
    if profile.kind == "Relative" or start is None:
        start = started
    if second < start:
        return None
    if profile.kind == "Recurring":
        while second >= start + profile.recurrence_s:
            start += profile.recurrence_s
    return start


def says(profile, second, started):
    """The period of one profile in one second, or None."""
    if second < profile.valid_from_s or second >= profile.valid_to_s:
        return None
    start = turn_start(profile, second, started)
    if start is None:
        return None
    into = second - start
    if profile.duration_s is not None and into >= profile.duration_s:
        return None
    period = None
    for candidate in profile.periods:
        if candidate.start_s <= into:
            period = candidate
    return period


def slow(profiles, here, second, ceiling):
    """(amperes per phase, phases) in one second."""
    running = here.started_s is not None
    started = here.started_s if running else here.at_s
    spoken = {}
    for profile in sorted(profiles, key=lambda p: (p.stack_level, p.connector_id)):
        if profile.connector_id not in (0, here.connector_id):
            continue
        if profile.purpose == "TxProfile" and not running:
            continue
        period = says(profile, second, started)
        if period is not None:
            spoken[profile.purpose] = (profile, period)  # the last is the highest
    ruling = [spoken.get("TxProfile") or spoken.get("TxDefaultProfile")]
    ruling = [rule for rule in [*ruling, spoken.get("ChargePointMaxProfile")] if rule]
    phases = here.phases
    if here.switches_phases:
        for _profile, period in ruling:
            phases = min(phases, period.phases or 3)
    amperes = ceiling
    for profile, period in ruling:
        limit = period.limit
        if profile.unit == "W":
            limit = limit / (230.0 * max(period.phases or 3, phases))
        amperes = min(amperes, limit)
    return amperes, phases


TIMES = st.integers(NOW - 500, NOW + WINDOW_S)


@st.composite
def short_profile(draw, level):
    purpose = draw(
        st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"])
    )
    kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    starts = sorted(draw(st.sets(st.integers(1, 400), max_size=3)))
    connector = {"ChargePointMaxProfile": 0, "TxProfile": 1}.get(purpose)
    if connector is None:
        connector = draw(st.sampled_from([0, 1]))
    return Profile(
        profile_id=level,
        connector_id=connector,
        purpose=purpose,
        stack_level=draw(st.integers(0, 2)) * 10 + level,
        kind=kind,
        unit=draw(st.sampled_from(["A", "W"])),
        periods=tuple(
            Period(
                start,
                draw(st.integers(0, 400)) / 10,
                draw(st.sampled_from([None, 1, 2, 3])),
            )
            for start in (0, *starts)
        ),
        start_at_s=draw(st.one_of(st.none(), TIMES)),
        duration_s=draw(st.one_of(st.none(), st.integers(0, 500))),
        recurrence_s=draw(st.integers(50, 300)) if kind == "Recurring" else None,
        valid_from_s=draw(st.one_of(st.just(-math.inf), TIMES)),
        valid_to_s=draw(st.one_of(st.just(math.inf), TIMES)),
    )


@st.composite
def short_profiles(draw):
    count = draw(st.integers(0, 5))
    return [draw(short_profile(level)) for level in range(count)]


HERE = st.builds(
    lambda started, phases, switches: Situation(1, NOW, started, phases, switches),
    st.one_of(st.none(), st.integers(NOW - 500, NOW)),
    st.sampled_from([1, 3]),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(short_profiles(), HERE)
def test_every_second_of_a_composite_is_what_the_slow_engine_says(profiles, here):
    steps = composite(profiles, here, duration_s=WINDOW_S, ceiling_a=32.0)
    assert steps[0].start_s == 0
    for step, end_s in zip(
        steps, [*(s.start_s for s in steps[1:]), WINDOW_S], strict=True
    ):
        for second in range(int(step.start_s), int(end_s)):
            expected = slow(profiles, here, NOW + second, 32.0)
            assert (step.limit_a, step.phases) == expected, second


@settings(max_examples=60, deadline=None)
@given(short_profiles(), HERE, st.randoms(use_true_random=False))
def test_the_order_of_installation_does_not_matter(profiles, here, random):
    shuffled = list(profiles)
    random.shuffle(shuffled)
    one, other = (
        composite(found, here, duration_s=WINDOW_S, ceiling_a=32.0)
        for found in (profiles, shuffled)
    )
    assert one == other


@settings(max_examples=60, deadline=None)
@given(short_profiles(), HERE, st.integers(1, WINDOW_S - 1))
def test_a_shorter_composite_is_the_beginning_of_a_longer(profiles, here, duration_s):
    if here.started_s is None:  # what is relative counts from the moment asked for
        here = replace(here, started_s=NOW)
    long = composite(profiles, here, duration_s=WINDOW_S, ceiling_a=32.0)
    short = composite(profiles, here, duration_s=duration_s, ceiling_a=32.0)
    assert short == tuple(step for step in long if step.start_s < duration_s)


@settings(max_examples=40, deadline=None)
@given(short_profiles(), short_profiles(), HERE)
def test_the_least_of_two_composites_is_below_both_everywhere(first, second, here):
    both = [
        composite(found, here, duration_s=WINDOW_S, ceiling_a=32.0)
        for found in (first, second)
    ]
    lower = least(*both)
    assert all(a.start_s < b.start_s for a, b in pairwise(lower))
    for at_s in range(0, WINDOW_S, 7):
        now, *theirs = (
            [step for step in found if step.start_s <= at_s][-1]
            for found in (lower, *both)
        )
        assert now.limit_a == min(step.limit_a for step in theirs)
        assert now.phases == min(step.phases for step in theirs)


# Cases, as (start, limit) of each step

UTC_ZERO = datetime(2027, 3, 27, tzinfo=UTC)
HOUR = 3600
DAY = 24 * HOUR


def payload(level=0, purpose="TxDefaultProfile", **changes):
    """A ChargingProfile as it comes over the wire."""
    schedule = {
        "startSchedule": "2027-03-27T00:00:00Z",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
    }
    top = {
        "chargingProfileId": level + 10,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
    }
    for key, value in changes.items():
        (schedule if key in SCHEDULE_FIELDS else top)[key] = value
    return parse(
        0 if purpose == "ChargePointMaxProfile" else 1,
        {**top, "chargingSchedule": schedule},
    )


SCHEDULE_FIELDS = {
    "startSchedule",
    "duration",
    "chargingRateUnit",
    "chargingSchedulePeriod",
    "minChargingRate",
}


def periods(*pairs, phases=None):
    known = {} if phases is None else {"numberPhases": phases}
    return [{"startPeriod": at, "limit": limit, **known} for at, limit in pairs]


def steps(*profiles, hours=24, started=0, phases=1, after_s=0, switches=False):
    zero = UTC_ZERO.timestamp()
    here = Situation(1, zero + after_s, zero + started, phases, switches)
    found = composite(profiles, here, duration_s=hours * HOUR, ceiling_a=32.0)
    return [(step.start_s / HOUR, round(step.limit_a, 6)) for step in found]


def test_a_gap_before_and_after_a_higher_level_falls_through_to_the_lower():
    low = payload(0, chargingSchedulePeriod=periods((0, 20.0)))
    high = payload(
        1,
        startSchedule="2027-03-27T02:00:00Z",
        duration=HOUR,
        chargingSchedulePeriod=periods((0, 8.0), (1800, 10.0)),
    )
    assert steps(low, high) == [(0, 20), (2, 8), (2.5, 10), (3, 20)]


def test_a_schedule_that_ends_leaves_nothing_where_there_is_no_lower():
    assert steps(payload(duration=HOUR)) == [(0, 16), (1, 32)]


def test_a_duration_of_zero_says_nothing():
    assert steps(payload(duration=0)) == [(0, 32)]


def test_a_period_at_the_very_end_of_its_schedule_is_never_in_force():
    late = payload(duration=HOUR, chargingSchedulePeriod=periods((0, 16), (HOUR, 6)))
    assert steps(late) == [(0, 16), (1, 32)]


def test_valid_to_in_the_middle_of_a_period_cuts_it():
    assert steps(payload(validTo="2027-03-27T01:30:00Z")) == [(0, 16), (1.5, 32)]


def test_valid_from_does_not_move_the_schedule():
    cut = payload(
        validFrom="2027-03-27T01:00:00Z",
        chargingSchedulePeriod=periods((0, 16.0), (2 * HOUR, 8.0)),
    )
    assert steps(cut) == [(0, 32), (1, 16), (2, 8)]


def test_a_validity_that_ends_before_it_begins_says_nothing():
    never = payload(validFrom="2027-03-28T00:00:00Z", validTo="2027-03-27T00:00:00Z")
    assert steps(never, hours=72) == [(0, 32)]


def test_a_start_in_the_future_waits():
    assert steps(payload(startSchedule="2027-03-27T05:00:00Z")) == [(0, 32), (5, 16)]


def test_relative_counts_from_the_transaction_and_not_from_the_question():
    relative = payload(
        chargingProfileKind="Relative",
        chargingSchedulePeriod=periods((0, 32.0), (2 * HOUR, 8.0)),
        duration=3 * HOUR,
    )
    assert steps(relative, after_s=HOUR) == [(0, 32), (1, 8), (2, 32)]


def test_relative_ignores_a_start_that_it_should_not_have():
    relative = payload(
        chargingProfileKind="Relative", startSchedule="2030-01-01T00:00:00Z"
    )
    assert steps(relative) == [(0, 16)]


def test_the_stations_maximum_binds_even_when_the_transactions_is_silent():
    most = payload(0, "ChargePointMaxProfile", duration=2 * HOUR)
    own = payload(0, "TxProfile", duration=HOUR, chargingSchedulePeriod=periods((0, 8)))
    assert steps(most, own) == [(0, 8), (1, 16), (2, 32)]


def test_a_silent_tx_profile_leaves_the_word_to_the_default():
    own = payload(0, "TxProfile", duration=HOUR, chargingSchedulePeriod=periods((0, 8)))
    assert steps(payload(5), own) == [(0, 8), (1, 16)]


def test_a_stack_level_counts_within_its_purpose_alone():
    own = payload(0, "TxProfile", chargingSchedulePeriod=periods((0, 20.0)))
    assert steps(payload(8), own) == [(0, 20)]


def test_an_overlong_daily_schedule_is_cut_by_its_next_turn():
    daily = payload(
        chargingProfileKind="Recurring",
        recurrencyKind="Daily",
        duration=30 * HOUR,
        chargingSchedulePeriod=periods((0, 16.0), (22 * HOUR, 8.0), (25 * HOUR, 6.0)),
    )
    assert steps(daily, hours=48) == [(0, 16), (22, 8), (24, 16), (46, 8)]


def test_a_daily_schedule_with_a_start_long_ago_is_where_it_would_be():
    daily = payload(
        chargingProfileKind="Recurring",
        recurrencyKind="Daily",
        startSchedule="2013-01-01T08:00:00Z",
        duration=4 * HOUR,
    )
    assert steps(daily, hours=30) == [(0, 32), (8, 16), (12, 32)]


def test_a_recurring_schedule_does_not_begin_before_its_start():
    daily = payload(
        chargingProfileKind="Recurring",
        recurrencyKind="Daily",
        startSchedule="2027-03-28T08:00:00Z",
        duration=4 * HOUR,
    )
    assert steps(daily, hours=72) == [
        (0, 32),
        (32, 16),
        (36, 32),
        (56, 16),
        (60, 32),
    ]


@pytest.mark.parametrize(
    ("kind", "first", "after", "moved_h"),
    [
        ("Daily", datetime(2027, 3, 27, 8, tzinfo=UTC), DAY, 1),
        ("Daily", datetime(2027, 10, 30, 8, tzinfo=UTC), DAY, -1),
        ("Weekly", datetime(2027, 3, 24, 8, tzinfo=UTC), 7 * DAY, 1),
        ("Weekly", datetime(2027, 10, 27, 8, tzinfo=UTC), 7 * DAY, -1),
    ],
)
def test_recurrence_is_in_utc_so_local_time_moves_at_a_clock_change(
    kind, first, after, moved_h
):
    """7.37: 24 hours and 7 days. Clocks change on 28 March and 31 October 2027."""
    recurring = payload(
        chargingProfileKind="Recurring",
        recurrencyKind=kind,
        startSchedule=first.isoformat(),
        duration=HOUR,
    )
    here = Situation(1, first.timestamp(), first.timestamp())
    found = composite([recurring], here, duration_s=after + HOUR, ceiling_a=32.0)
    assert [step.start_s for step in found] == [0, HOUR, after]
    london = ZoneInfo("Europe/London")
    one, two = (
        datetime.fromtimestamp(first.timestamp() + at_s, london) for at_s in (0, after)
    )
    assert two.hour - one.hour == moved_h


def test_a_start_with_another_offset_is_the_same_instant():
    assert steps(payload(startSchedule="2027-03-27T06:00:00+01:00")) == [
        (0, 32),
        (5, 16),
    ]


def test_the_least_charging_rate_never_raises_a_limit():
    low = payload(
        chargingSchedulePeriod=periods((0, 4.0)), minChargingRate=6.0, duration=HOUR
    )
    assert low.least_rate == 6.0
    assert steps(low) == [(0, 4), (1, 32)]


@pytest.mark.parametrize(
    ("phases", "asked", "amperes"),
    [(1, 1, 30.0), (1, None, 10.0), (1, 3, 10.0), (3, 3, 10.0), (3, None, 10.0)],
)
def test_watts_become_amperes_by_the_phases_that_the_period_says(
    phases, asked, amperes
):
    """7.12, 7.14: three if it does not say."""
    watts = payload(
        chargingRateUnit="W",
        chargingSchedulePeriod=periods((0, 6900.0), phases=asked),
    )
    assert steps(watts, phases=phases) == [(0, amperes)]


@pytest.mark.parametrize(
    ("switches", "unit", "limit", "amperes", "phases"),
    [
        (True, "A", 16.0, 16.0, 1),
        (False, "A", 16.0, 16.0, 3),
        (True, "W", 1840.0, 8.0, 1),
        (False, "W", 1840.0, 8 / 3, 3),
    ],
)
def test_one_phase_is_one_phase_only_where_the_station_can_switch(
    switches, unit, limit, amperes, phases
):
    one = payload(
        chargingRateUnit=unit,
        chargingSchedulePeriod=periods((0, limit), phases=1),
    )
    here = Situation(1, UTC_ZERO.timestamp(), UTC_ZERO.timestamp(), 3, switches)
    (step,) = composite([one], here, duration_s=60, ceiling_a=32.0)
    assert step.limit_a == pytest.approx(amperes)
    assert step.phases == phases


# Default charging hours


@pytest.mark.parametrize("day", [26, 29])
def test_default_hours_are_local_on_both_sides_of_a_clock_change(day):
    """A Friday and a Monday; clocks go forward on Sunday 28 March 2027."""
    london = ZoneInfo("Europe/London")
    midnight_s = datetime(2027, 3, day, tzinfo=london).timestamp()
    own = default_hours(midnight_s + 5 * HOUR, full_a=32.0)
    here = Situation(1, midnight_s, midnight_s)
    found = [
        (datetime.fromtimestamp(midnight_s + step.start_s, london).hour, step.limit_a)
        for step in composite([own], here, duration_s=DAY, ceiling_a=32.0)
    ]
    assert found == [(0, 32), (8, 0), (11, 32), (16, 0), (22, 32)]


def test_at_the_weekend_all_hours_are_default_hours():
    saturday_s = datetime(2027, 3, 27, tzinfo=UTC).timestamp()
    own = default_hours(saturday_s, full_a=32.0)
    here = Situation(1, saturday_s, saturday_s)
    (step,) = composite([own], here, duration_s=DAY, ceiling_a=32.0)
    assert step.limit_a == 32


def test_any_profile_overrules_the_default_hours():
    monday = datetime(2027, 3, 29, 8, tzinfo=UTC)
    own = default_hours(monday.timestamp(), full_a=32.0)
    here = Situation(1, monday.timestamp(), monday.timestamp())
    assert composite([own], here, duration_s=60, ceiling_a=32.0)[0].limit_a == 0
    assert (
        composite([own, payload()], here, duration_s=60, ceiling_a=32.0)[0].limit_a
        == 16.0
    )
