"""What an emulated DLMS meter keeps by periods, as its driver reads it back.

Energy, stamps and status of each period: with room for all and for few, with a clock
that is right and with one that is wrong, and as it was before the bench began.
"""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devices.meter import dlms
from devices.meter.profile import Profile, ProfileOptions
from harness.core.circuit import FixedLoad
from harness.core.faults import Fault, FaultKind
from tests.devices.meter_bench import QUIET, Step, bench_of
from tests.devices.modbus_bench import START, on_virtual_time

SLOW = {"update_interval_s": 60.0, "energy_resolution_wh": 0.0} | QUIET
"""A meter of which a day is cheap, and whose watt-hours are rounded once."""
SINCE = START
HALF_HOUR = timedelta(minutes=30)
SUMMER = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)


def kept(until_h=6.0, *, load=None, since=None, act=None, how=None, **options):
    """What a meter gives back after so many hours, and how much it has room for."""

    async def run():
        starts_at = options.pop("starts_at", SINCE)
        given = SLOW | options
        source = load or FixedLoad(1000.0)
        async with bench_of(dlms, source, starts_at=starts_at, how=how, **given) as (
            meter,
            bench,
            emulator,
        ):
            if act is not None:
                await act(bench, emulator)
            await bench.clock.until(until_h * 3600)
            begin = since or datetime(1969, 1, 1, tzinfo=UTC)
            far = bench.clock.utc() + timedelta(days=2)
            return await meter.read_profile(begin, far), await meter.profile_size()

    return on_virtual_time(run())


@pytest.mark.parametrize("minutes", [30, 20, 15, 10, 5])
@pytest.mark.parametrize("values", ["registers", "periods"])
@pytest.mark.parametrize("several", [True, False])
def test_each_period_has_its_energy_and_its_end(minutes, values, several):
    options = {"profile_period_min": minutes, "profile_values": values}
    periods, size = kept(3.0, several=several, **options)
    period = timedelta(minutes=minutes)
    count = 180 // minutes
    assert [one.stamp for one in periods] == [
        SINCE + number * period for number in range(1, count + 1)
    ]
    # The bench begins with the first period; nothing lies before it to count from.
    exact_wh = 1000 * minutes / 60
    assert all(abs(one.import_wh - exact_wh) < 1 for one in periods[1:])
    assert {one.export_wh for one in periods[1:]} == {0.0}
    assert (size.held, size.room) == (count, 4320)
    assert math.isnan(periods[0].import_wh) == (values == "registers")
    assert periods[0].status.startswith("power down, no entry before it")


def test_what_is_fed_in_is_kept_apart():
    periods, _ = kept(2.0, load=FixedLoad(-500.0))
    assert [(one.import_wh, one.export_wh) for one in periods[1:]] == [(0.0, 250.0)] * 3


def test_a_period_ends_between_two_looks_and_the_energy_is_split_there():
    """A step in the middle of a period, and looks only every ten minutes."""
    step = Step(at_s=2700.0, before_w=600.0, after_w=1800.0)
    options = {"update_interval_s": 600.0, "energy_resolution_wh": 0.0}
    periods, _ = kept(2.0, load=step, profile_values="periods", **options)
    # 15 minutes of each power, known to one look: at most 10 min of 1.2 kW misplaced.
    assert periods[1].import_wh == pytest.approx(600.0, abs=101.0)
    assert [periods[at].import_wh for at in (0, 2, 3)] == [300.0, 900.0, 900.0]


@pytest.mark.parametrize("which", ["end", "start"])
@pytest.mark.parametrize("room", [4320, 4319])
def test_ninety_days_are_there_from_the_start_if_there_is_room(which, room):
    begin = SINCE - timedelta(days=90)
    options = {"in_service_days": 120, "profile_entries": room, "profile_stamps": which}
    periods, size = kept(0.0, **options)
    assert (size.held, size.room) == (room, room)
    oldest = (
        SINCE
        - (room - 1) * HALF_HOUR
        - (HALF_HOUR if which == "start" else 0 * HALF_HOUR)
    )
    assert (periods[0].stamp, len(periods)) == (oldest, room)
    assert (oldest <= begin + HALF_HOUR) == (room == 4320 or which == "start")
    mean_wh = sum(one.import_wh for one in periods[1:]) / (room - 1)
    assert mean_wh == pytest.approx(125.0, abs=0.1)
    assert {one.status for one in periods[1:]} == {""}


def test_what_was_kept_before_goes_on_without_a_seam():
    options = {"in_service_days": 2.5, "start_energy_wh": 5000.0}
    periods, size = kept(2.0, **options)
    assert size.held == 124
    apart = {after.stamp - before.stamp for before, after in pairwise(periods)}
    assert apart == {HALF_HOUR}
    assert not any(math.isnan(one.import_wh) for one in periods[1:])
    # The bench begins on a period's end: what comes after is the load's.
    assert [one.import_wh for one in periods[-4:]] == [500.0] * 4


def test_the_oldest_gives_way():
    periods, size = kept(6.0, profile_entries=4)
    assert (size.held, size.room) == (4, 4)
    assert periods[0].stamp == SINCE + 9 * HALF_HOUR
    assert math.isnan(periods[0].import_wh), "what it counted from is gone"
    assert [one.import_wh for one in periods[1:]] == [500.0] * 3


@pytest.mark.parametrize("percent", [0.2, -0.2, 5.0])
def test_periods_that_are_too_long_leave_the_clocks_half_hours(percent):
    periods, _ = kept(
        48.0, profile_period_error_percent=percent, profile_values="periods"
    )
    apart = [
        (after.stamp - before.stamp).total_seconds()
        for before, after in pairwise(periods)
    ]
    assert apart == pytest.approx([1800.0 * (1 + percent / 100)] * len(apart), abs=0.02)
    energy = [one.import_wh for one in periods[1:]]
    assert energy == pytest.approx([500.0 * (1 + percent / 100)] * len(energy), abs=1)


@pytest.mark.parametrize(
    ("errors", "ahead_s"),
    [
        ({"clock_offset_s": -20.0}, 20.0),
        ({"clock_offset_s": 21.0}, -21.0),
        ({"clock_drift_s_per_day": 120.0}, 12.5),  # after two and a half hours
        ({"clock_drift_s_per_day": -120.0}, -10.0),  # after two
    ],
)
def test_a_wrong_clock_ends_its_periods_at_wrong_times_and_stamps_them_well(
    errors, ahead_s
):
    """A step of power at a whole hour shows how far the period's end is off."""
    step = Step(at_s=7200.0, before_w=0.0, after_w=36_000.0)
    options = {"energy_resolution_wh": 0.0, "profile_values": "periods", **errors}
    options["update_interval_s"] = 1.0
    periods, _ = kept(3.0, load=step, **options)
    by_stamp = {one.stamp: one.import_wh for one in periods}
    assert all(one.stamp.minute in (0, 30) and not one.stamp.second for one in periods)
    at = SINCE + timedelta(hours=2)
    before_wh, after_wh = by_stamp[at], by_stamp[at + HALF_HOUR]
    # Ten watt-hours a second. Behind, the period before the step has some of it; ahead,
    # the period after it began without.
    found_s = -before_wh / 10 if before_wh > 10 else 1800 - after_wh / 10
    assert found_s == pytest.approx(ahead_s, abs=1.5)


def test_a_clock_reset_to_1970_stamps_so():
    periods, _ = kept(2.0, clock_lie="1970", starts_at=SINCE + timedelta(minutes=7))
    assert [one.stamp for one in periods] == [
        datetime(1970, 1, 1, tzinfo=UTC) + number * HALF_HOUR for number in range(1, 5)
    ]
    assert [one.import_wh for one in periods[1:]] == [500.0] * 3


def test_before_the_clock_was_reset_it_was_right():
    periods, size = kept(1.0, clock_lie="1970", in_service_days=1)
    assert size.held == 48 + 2
    assert periods[-3].stamp == SINCE
    assert periods[-2].stamp == datetime(1970, 1, 1, 0, 30, tzinfo=UTC)
    assert periods[-2].status == "not one period after the entry before"
    assert math.isnan(periods[-2].import_wh)


def test_londons_time_as_utc_is_an_hour_ahead_in_summer():
    periods, _ = kept(1.0, clock_lie="local as UTC", starts_at=SUMMER)
    hour = timedelta(hours=1)
    assert [one.stamp - hour for one in periods] == [
        SUMMER + HALF_HOUR, SUMMER + 2 * HALF_HOUR,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("starts_at", "jump"),
    [
        (datetime(2026, 3, 29, 0, 0, tzinfo=UTC), 90),
        (datetime(2026, 10, 25, 0, 0, tzinfo=UTC), -30),
    ],
)
def test_such_a_clock_jumps_with_londons_and_the_period_says_so(starts_at, jump):
    periods, _ = kept(3.0, clock_lie="local as UTC", starts_at=starts_at)
    apart = [
        (after.stamp - before.stamp).total_seconds() / 60
        for before, after in pairwise(periods)
    ]
    assert apart == [jump, 30.0, 30.0, 30.0, 30.0]
    assert "clock adjusted" in periods[1].status
    assert math.isnan(periods[1].import_wh)
    assert [one.import_wh for one in periods[2:]] == [500.0] * 4


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Kolkata"])
@pytest.mark.parametrize("deviation", ["to UTC", "from UTC", "none"])
def test_stamps_are_the_same_instants_in_whatever_zone_the_clock_hangs(zone, deviation):
    told = {} if deviation == "none" else {"deviation": deviation}
    how = {"time_zone": zone, **told}
    options = {"time_zone": zone, "deviation": deviation, "starts_at": SUMMER}
    periods, _ = kept(1.0, since=SUMMER, how=how, **options)
    assert [one.stamp for one in periods] == [
        SUMMER + HALF_HOUR, SUMMER + 2 * HALF_HOUR,
    ]  # fmt: skip


def imposing(fault, at_s, lift_s):
    async def act(bench, emulator):
        await bench.clock.until(at_s)
        emulator.impose(fault)
        await bench.clock.until(lift_s)
        emulator.lift(fault.kind)

    return act


def test_a_stepped_clock_cuts_a_period_short_and_says_so():
    """At 17:40 the clock goes to 18:40; at 18:10 it goes back."""
    act = imposing(Fault(FaultKind.CLOCK_STEP, 3600.0), 2400.0, 4200.0)
    periods, _ = kept(2.0, act=act)
    minutes = [(one.stamp - SINCE).total_seconds() / 60 for one in periods]
    assert minutes == [30.0, 120.0, 90.0, 120.0]
    assert [("clock adjusted" in one.status) for one in periods] == [
        False, True, True, False,
    ]  # fmt: skip
    assert [math.isnan(one.import_wh) for one in periods] == [True, True, True, False]


def test_a_frozen_meter_keeps_nothing_and_the_gap_is_seen():
    act = imposing(Fault(FaultKind.FROZEN), 2400.0, 9000.0)
    periods, _ = kept(4.0, act=act)
    minutes = [(one.stamp - SINCE).total_seconds() / 60 for one in periods]
    assert minutes == [30.0, 180.0, 210.0, 240.0]
    assert "not one period after" in periods[1].status
    assert [math.isnan(one.import_wh) for one in periods] == [True, True, False, False]


def test_a_silent_meter_goes_on_keeping():
    act = imposing(Fault(FaultKind.GAP), 100.0, 7000.0)
    periods, _ = kept(2.0, act=act)
    assert [one.import_wh for one in periods[1:]] == [500.0] * 3


def test_keeping_a_profile_moves_nothing_that_is_shown():
    """Chance is drawn at each look; the end of a period draws none."""

    def shown(minutes):
        async def run():
            seen, options = [], {"profile_period_min": minutes}
            async with bench_of(dlms, FixedLoad(500.0), **options) as (meter, b, _):
                for second in range(0, 4000, 100):
                    await b.clock.until(float(second))
                    seen += [one.value for one in await meter.poll()][:3]
            return seen

        return on_virtual_time(run())

    assert shown(5) == shown(30)


def test_a_read_of_the_profile_and_a_poll_take_turns():
    async def run():
        options = {"in_service_days": 30, "reply_delay_s": 0.1, **SLOW}
        async with bench_of(dlms, FixedLoad(1000.0), **options) as (meter, *_):
            begin = SINCE - timedelta(days=30)
            profile, *polls = await asyncio.gather(
                meter.read_profile(begin, SINCE), meter.poll(), meter.poll()
            )
            return len(profile), [readings[0].value for readings in polls]

    count, powers = on_virtual_time(run())
    assert count == 1440
    assert powers == pytest.approx([1000.0, 1000.0])


def test_a_month_reads_the_same_twice_from_the_same_seed():
    def frames():
        async def run():
            options = {"in_service_days": 30, "update_interval_s": 60.0}
            async with bench_of(dlms, FixedLoad(700.0), **options) as (meter, bench, _):
                await bench.clock.until(86_400.0)
                await meter.read_profile(SINCE - timedelta(days=29), SINCE)
                return bench.frames

        return on_virtual_time(run())

    assert frames() == frames()


@given(
    days=st.floats(0.0, 40.0),
    minutes=st.sampled_from([30, 20, 15, 10, 5]),
    room=st.integers(1, 500),
    at_s=st.floats(1.7e9, 1.8e9),
    error=st.floats(-10.0, 10.0),
)
@example(days=1.5, minutes=30, room=1, at_s=1753753140.0, error=0.5)
@settings(max_examples=60, deadline=None)
def test_what_was_kept_before_ends_on_time_and_adds_up(
    days, minutes, room, at_s, error
):
    def filled(values):
        options = ProfileOptions(
            in_service_days=days, profile_period_min=minutes, profile_entries=room,
            profile_period_error_percent=error, profile_values=values,
        )  # fmt: skip
        profile = Profile(options)
        return profile, profile.begin(at_s, (100.0, 0.0))

    (registers, rise_wh), (periods, _) = filled("registers"), filled("periods")
    entries, period_s = list(registers.entries), registers.period_s
    served_s = at_s - days * 86_400
    whole = math.floor(at_s / period_s) - math.ceil(served_s / period_s)
    assert len(entries) == min(room, max(0, whole))
    assert all(one.ended_s <= at_s for one in entries)
    if not entries:
        return
    assert at_s - entries[-1].ended_s <= period_s + 1e-3
    assert 0 <= 100.0 + rise_wh - entries[-1].import_wh <= period_s / 3600 * 401 + 1
    for before, after, energy in zip(
        entries, entries[1:], list(periods.entries)[1:], strict=False
    ):
        assert after.ended_s - before.ended_s == pytest.approx(period_s)
        assert energy.import_wh == after.import_wh - before.import_wh >= 0
