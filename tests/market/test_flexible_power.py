"""Signals and readings over HTTP: what is read back, and what is refused by name."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.flexible_power import (
    Asset,
    MinuteReading,
    Signal,
    SignalKind,
    minute_of,
    readings_body,
    readings_of,
    signal_of,
    stamp,
)

ASSET = Asset("Dynamic", "CMZ T2", "HOME-000001")
START = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
BODY = {
    "service": "Dynamic", "zone": "CMZ T2", "unit": "HOME-000001",
    "start": "2026-11-26T17:30:00Z", "end": "2026-11-26T18:30:00Z",
}  # fmt: skip
INSTANTS = st.datetimes(
    datetime.fromisoformat("2020-01-01"),
    datetime.fromisoformat("2040-01-01"),
    timezones=st.just(UTC),
)
MINUTES = INSTANTS.map(lambda at: at.replace(second=0, microsecond=0))


def test_a_start_says_what_when_and_until_when_in_utc():
    until = START + timedelta(hours=1)
    assert signal_of(SignalKind.START, BODY) == Signal(
        SignalKind.START, ASSET, START, until
    )
    summer = BODY | {"start": "2026-07-01T18:30:00+01:00", "end": None}
    assert signal_of(SignalKind.START, summer).start == datetime(
        2026, 7, 1, 17, 30, tzinfo=UTC
    )
    for kind in (SignalKind.STOP, SignalKind.EMERGENCY_STOP):
        assert signal_of(kind, ASSET.as_body()) == Signal(kind, ASSET)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"service": ""}, "service"),
        ({"zone": None}, "zone"),
        ({"unit": 7}, "unit"),
        ({"start": None}, "start"),
        ({"start": "17:30"}, "start"),
        ({"start": "2026-11-26T17:30:00"}, "time zone"),
        ({"start": 1764178200}, "start"),
        ({"end": "later"}, "end"),
        ({"end": BODY["start"]}, "end is not after start"),
        ({"power_kw": 7}, "power_kw"),
    ],
)
def test_a_start_that_cannot_be_read_names_its_member(change, says):
    with pytest.raises(ValueError, match=says):
        signal_of(SignalKind.START, BODY | change)


def test_a_stop_has_no_times():
    with pytest.raises(ValueError, match="start"):
        signal_of(SignalKind.STOP, ASSET.as_body() | {"start": BODY["start"]})


@given(st.lists(st.tuples(MINUTES, st.floats(-1e5, 1e5)), max_size=5))
def test_readings_come_back_to_the_watt_with_the_end_of_their_minute(rows):
    sent = [MinuteReading(at, kw) for at, kw in rows]
    unit, read = readings_of(json.loads(json.dumps(readings_body("H", sent))))
    assert unit == "H"
    assert [one.ends_at for one in read] == [one.ends_at for one in sent]
    assert all(
        abs(a.export_kw - b.export_kw) <= 5.01e-4
        for a, b in zip(read, sent, strict=True)
    )


@pytest.mark.parametrize(
    "row",
    [
        {"timestamp": "2026-11-26T17:30:05Z", "power_kw": 1},
        {"timestamp": "2026-11-26T17:30:00Z", "power_kw": "1"},
        {"timestamp": "2026-11-26T17:30:00Z", "power_kw": True},
        {"timestamp": "2026-11-26T17:30:00Z", "power_kw": float("inf")},
        {"timestamp": "2026-11-26T17:30:00Z"},
        {"power_kw": 1},
        ["2026-11-26T17:30:00Z", 1],
    ],
)
def test_readings_that_are_none_are_refused(row):
    with pytest.raises(ValueError, match=r"minute|power|timestamp|reading"):
        readings_of({"unit": "H", "readings": [row]})


def test_readings_without_a_unit_or_a_list_are_refused():
    for body in ({"readings": []}, {"unit": "H"}, {"unit": 1, "readings": []}):
        with pytest.raises(ValueError, match="unit"):
            readings_of(body)


@given(INSTANTS)
def test_a_minute_ends_within_a_minute_and_on_one(at):
    ends = minute_of(at)
    assert timedelta(0) <= ends - at < timedelta(minutes=1)
    assert (ends.second, ends.microsecond) == (0, 0)


def test_stamps_are_utc_whatever_the_zone():
    bst = timezone(timedelta(hours=1))
    assert stamp(datetime(2026, 7, 1, 18, 30, tzinfo=bst)) == "2026-07-01T17:30:00Z"
