"""Charging profiles: what may be offered, now and later (OCPP 1.6 edition 2)."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.ev_chargepoint.profiles import (
    Period,
    Profile,
    Situation,
    clear,
    composite,
    install,
    limit_a,
    parse,
    without_transaction,
)

MIDNIGHT = datetime(2013, 1, 1, tzinfo=UTC).timestamp()
HOUR = 3600.0

# Section 3.13.7, "Example data structure for smart charging", as JSON.
SPECIFICATION_EXAMPLE = {
    "chargingProfileId": 100,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "chargingSchedule": {
        "duration": 86400,
        "startSchedule": "2013-01-01T00:00Z",
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 11000, "numberPhases": 3},
            {"startPeriod": 28800, "limit": 6000, "numberPhases": 3},
            {"startPeriod": 72000, "limit": 11000, "numberPhases": 3},
        ],
    },
}


def profile(limit=16.0, **changes):
    plain = Profile(
        profile_id=1,
        connector_id=1,
        purpose="TxProfile",
        stack_level=0,
        kind="Absolute",
        unit="A",
        periods=(Period(0, limit),),
        start_at_s=MIDNIGHT,
    )
    return replace(plain, **changes)


def at(hours, *, started=0.0, phases=1):
    started_s = None if started is None else MIDNIGHT + started * HOUR
    return Situation(1, MIDNIGHT + hours * HOUR, started_s, phases)


def steps(profiles, here, hours, ceiling_a=32.0):
    found = composite(profiles, here, duration_s=hours * HOUR, ceiling_a=ceiling_a)
    return [(step.start_s / HOUR, step.limit_a) for step in found]


def test_the_specifications_daily_profile_limits_to_6_kw_by_day():
    daily = parse(0, SPECIFICATION_EXAMPLE)
    by_day, by_night = 6000 / 690, 11000 / 690
    for day in (0, 1, 400):
        assert limit_a([daily], at(24 * day + 7.999)) == pytest.approx(by_night)
        assert limit_a([daily], at(24 * day + 8)) == pytest.approx(by_day)
        assert limit_a([daily], at(24 * day + 19.999)) == pytest.approx(by_day)
        assert limit_a([daily], at(24 * day + 20)) == pytest.approx(by_night)


def test_a_composite_of_two_days_has_the_edges_of_both():
    daily = parse(0, SPECIFICATION_EXAMPLE)
    found = steps([daily], at(24), 48)
    assert [start for start, _limit in found] == [0, 8, 20, 32, 44]


def test_without_profiles_the_station_is_limited_by_itself_alone():
    assert limit_a([], at(1)) is None
    assert steps([], at(1), 2) == [(0, 32.0)]


def test_the_higher_stack_level_wins_even_if_it_allows_more():
    low, high = profile(10, profile_id=1), profile(20, profile_id=2, stack_level=3)
    assert limit_a([low, high], at(1)) == 20
    assert limit_a([high, low], at(1)) == 20


def test_an_ended_schedule_gives_way_to_the_lower_level():
    low = profile(10, profile_id=1)
    high = profile(20, profile_id=2, stack_level=1, duration_s=2 * HOUR)
    assert steps([low, high], at(1), 3) == [(0, 20), (1, 10)]


def test_a_schedule_that_has_not_begun_says_nothing():
    later = profile(10, start_at_s=MIDNIGHT + 5 * HOUR)
    assert limit_a([later], at(4.9)) is None
    assert steps([later], at(4), 2) == [(0, 32), (1, 10)]


def test_validity_is_from_inclusive_to_exclusive():
    window = profile(10, valid_from_s=MIDNIGHT + HOUR, valid_to_s=MIDNIGHT + 2 * HOUR)
    assert [limit_a([window], at(h)) for h in (0.999, 1, 1.999, 2)] == [
        None,
        10,
        10,
        None,
    ]


def test_periods_beyond_the_duration_are_not_executed():
    cut = profile(periods=(Period(0, 10), Period(7200, 8)), duration_s=HOUR)
    assert steps([cut], at(0), 3) == [(0, 10), (1, 32)]


def test_the_last_period_lasts_until_the_duration_ends():
    long = profile(periods=(Period(0, 10), Period(3600, 8)), duration_s=5 * HOUR)
    assert steps([long], at(0), 6) == [(0, 10), (1, 8), (5, 32)]


def test_a_tx_profile_overrules_the_default_and_is_nothing_without_a_transaction():
    default = profile(10, profile_id=2, purpose="TxDefaultProfile", stack_level=5)
    own = profile(20)
    assert limit_a([default, own], at(1)) == 20
    assert limit_a([default, own], at(1, started=None)) == 10


def test_the_stations_maximum_caps_every_transaction():
    cap = profile(12, profile_id=2, purpose="ChargePointMaxProfile", connector_id=0)
    assert limit_a([cap, profile(20)], at(1)) == 12
    assert limit_a([cap, profile(8)], at(1)) == 8


def test_a_connectors_own_default_replaces_the_common_one_there():
    common = profile(10, profile_id=1, purpose="TxDefaultProfile", connector_id=0)
    own = profile(14, profile_id=2, purpose="TxDefaultProfile", connector_id=1)
    assert limit_a([common, own], at(1)) == 14
    assert limit_a([common, own], replace(at(1), connector_id=2)) == 10


def test_a_relative_schedule_counts_from_the_start_of_the_transaction():
    relative = profile(
        kind="Relative", start_at_s=None, periods=(Period(0, 6), Period(1800, 16))
    )
    assert steps([relative], at(3, started=2.75), 1) == [(0, 6), (0.25, 16)]


def test_an_absolute_schedule_without_a_start_is_relative_to_charging():
    open_start = profile(start_at_s=None, periods=(Period(0, 6), Period(1800, 16)))
    assert steps([open_start], at(3, started=2.75), 1) == [(0, 6), (0.25, 16)]


def test_a_weekly_schedule_comes_back_on_its_weekday():
    weekly = profile(9, kind="Recurring", recurrence_s=7 * 86400.0, duration_s=2 * HOUR)
    assert limit_a([weekly], at(7 * 24 + 1)) == 9
    assert limit_a([weekly], at(6 * 24 + 1)) is None


def test_a_recurrence_shorter_than_its_schedule_cuts_it():
    daily = profile(
        kind="Recurring",
        recurrence_s=86400.0,
        duration_s=200_000,
        periods=(Period(0, 10), Period(90_000, 6)),
    )
    assert steps([daily], at(20), 30) == [(0, 10)]


def test_watts_are_shared_among_the_phases():
    one = profile(unit="W", periods=(Period(0, 4600, 1),))
    three = profile(unit="W", periods=(Period(0, 11040, 3),))
    silent = profile(unit="W", periods=(Period(0, 6900, None),))
    assert limit_a([one], at(1)) == pytest.approx(20)
    assert limit_a([three], at(1, phases=3)) == pytest.approx(16)
    assert limit_a([silent], at(1)) == pytest.approx(10)  # 3 is assumed (7.12)


def test_a_station_on_three_phases_keeps_a_one_phase_limit_in_total():
    one = profile(unit="W", periods=(Period(0, 4600, 1),))
    amperes = limit_a([one], at(1, phases=3))
    assert amperes * 3 * 230 == pytest.approx(4600)


def test_installing_replaces_the_same_id_and_the_same_place():
    first = profile(10, profile_id=1)
    assert install([first], profile(11, profile_id=1, stack_level=4)) == (
        profile(11, profile_id=1, stack_level=4),
    )
    assert install([first], profile(11, profile_id=2)) == (profile(11, profile_id=2),)
    beside = profile(11, profile_id=2, stack_level=1)
    assert install([first], beside) == (first, beside)


def test_clearing_takes_an_id_or_all_that_match():
    one = profile(profile_id=1)
    two = profile(profile_id=2, stack_level=1, purpose="TxDefaultProfile")
    three = profile(profile_id=3, stack_level=2, purpose="TxDefaultProfile")
    every = (one, two, three)
    assert clear(every, profile_id=2) == ((one, three), 1)
    assert clear(every, purpose="TxDefaultProfile") == ((one,), 2)
    assert clear(every, purpose="TxDefaultProfile", stack_level=2) == ((one, two), 1)
    assert clear(every) == ((), 3)
    assert clear(every, profile_id=9) == (every, 0)


def test_a_transactions_profiles_end_with_it():
    default = profile(profile_id=2, purpose="TxDefaultProfile")
    assert without_transaction([profile(), default]) == (default,)


@pytest.mark.parametrize(
    ("connector", "changes", "schedule", "says"),
    [
        (1, {}, {"chargingSchedulePeriod": [{"startPeriod": 5, "limit": 6}]}, "7.13"),
        (1, {}, {"chargingSchedulePeriod": []}, "7.13"),
        (
            1,
            {},
            {
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 6},
                    {"startPeriod": 0, "limit": 7},
                ]
            },
            "increase",
        ),
        (1, {}, {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": -1}]}, "neg"),
        (1, {}, {"duration": -1}, "duration"),
        (1, {"stackLevel": -1}, {}, "stackLevel"),
        (1, {"chargingProfilePurpose": "ChargePointMaxProfile"}, {}, "connector 0"),
        (0, {"chargingProfilePurpose": "TxProfile"}, {}, "above 0"),
    ],
)
def test_what_the_schema_cannot_refuse_is_refused(connector, changes, schedule, says):
    payload = {**SPECIFICATION_EXAMPLE, **changes}
    payload["chargingSchedule"] = {**payload["chargingSchedule"], **schedule}
    with pytest.raises(ValueError, match=says):
        parse(connector, payload)


def test_a_recurring_profile_must_say_how():
    payload = {k: v for k, v in SPECIFICATION_EXAMPLE.items() if k != "recurrencyKind"}
    with pytest.raises(ValueError, match="recurrencyKind"):
        parse(0, payload)


# Properties

PURPOSES = st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"])
OFFSETS = st.one_of(
    st.integers(-200_000, 200_000).map(float),
    st.floats(-200_000, 200_000, allow_nan=False),
)


@st.composite
def any_profile(draw):
    purpose = draw(PURPOSES)
    kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    starts = sorted(draw(st.sets(st.integers(1, 90_000), max_size=3)))
    limits = st.integers(0, 630).map(lambda tenths: tenths / 10)
    periods = tuple(
        Period(start, draw(limits), draw(st.sampled_from([None, 1, 3])))
        for start in (0, *starts)
    )
    valid_from = draw(st.one_of(st.just(-math.inf), OFFSETS.map(MIDNIGHT.__add__)))
    return Profile(
        profile_id=draw(st.integers(0, 1000)),
        connector_id=0 if purpose == "ChargePointMaxProfile" else 1,
        purpose=purpose,
        stack_level=draw(st.integers(0, 3)),
        kind=kind,
        unit=draw(st.sampled_from(["A", "W"])),
        periods=periods,
        start_at_s=draw(st.one_of(st.none(), OFFSETS.map(MIDNIGHT.__add__))),
        duration_s=draw(st.one_of(st.none(), st.integers(1, 100_000))),
        recurrence_s=draw(st.sampled_from([86400.0, 604800.0]))
        if kind == "Recurring"
        else None,
        valid_from_s=valid_from,
        valid_to_s=draw(st.one_of(st.just(math.inf), st.just(valid_from + 50_000))),
    )


def installed(profiles):
    found = ()
    for one in profiles:
        found = install(found, one)
    return found


PROFILES = st.lists(any_profile(), max_size=6).map(installed)
MOMENTS = st.builds(
    lambda offset, started, phases: Situation(
        1, MIDNIGHT + offset, MIDNIGHT + started, phases
    ),
    OFFSETS,
    OFFSETS,
    st.sampled_from([1, 3]),
)


@settings(max_examples=60, deadline=None)
@given(PROFILES, MOMENTS)
def test_the_limit_is_never_above_any_cap_that_governs(profiles, here):
    limit = limit_a(profiles, here)
    of = {
        purpose: limit_a([p for p in profiles if p.purpose == purpose], here)
        for purpose in ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")
    }
    own = of["TxProfile"] if of["TxProfile"] is not None else of["TxDefaultProfile"]
    caps = [cap for cap in (of["ChargePointMaxProfile"], own) if cap is not None]
    assert limit == (min(caps) if caps else None)


@settings(max_examples=60, deadline=None)
@given(PROFILES, MOMENTS)
def test_the_highest_level_that_says_anything_prevails(profiles, here):
    own = [p for p in profiles if p.purpose == "TxProfile"]
    saying = [p for p in own if limit_a([p], here) is not None]
    expected = (
        limit_a([max(saying, key=lambda p: p.stack_level)], here) if saying else None
    )
    assert limit_a(own, here) == expected


@settings(max_examples=60, deadline=None)
@given(PROFILES, MOMENTS, st.lists(st.floats(0, 1, exclude_max=True), max_size=20))
def test_a_composite_says_at_each_moment_what_the_limit_is_then(
    profiles, here, fractions
):
    """Boundaries are exact: on each, just before each, and anywhere between."""
    duration_s = 300_000.0
    found = composite(profiles, here, duration_s=duration_s, ceiling_a=32.0)
    assert found[0].start_s == 0
    starts = [here.at_s + step.start_s for step in found]
    asked = [here.at_s + fraction * duration_s for fraction in fractions]
    for moment in (*starts, *(math.nextafter(s, 0) for s in starts[1:]), *asked):
        step = [s for s in found if here.at_s + s.start_s <= moment][-1]
        limit = limit_a(profiles, replace(here, at_s=moment))
        assert step.limit_a == min(32.0, math.inf if limit is None else limit)


@settings(max_examples=40, deadline=None)
@given(PROFILES, MOMENTS)
def test_a_composite_never_repeats_a_limit_and_only_moves_forward(profiles, here):
    found = composite(profiles, here, duration_s=300_000, ceiling_a=32.0)
    assert all(a.start_s < b.start_s for a, b in pairwise(found))
    assert all(a.limit_a != b.limit_a for a, b in pairwise(found))
