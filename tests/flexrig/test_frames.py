"""Frames: every sample where it was heard; filled only if asked, and then said."""

import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flexrig
from flexrig.frames import Axis, as_heard, held
from harness.core.errors import EvidenceError, UsageError
from harness.core.recording import Channel, Reading
from harness.trial.recorder import Recorder

NAN = math.nan
BENCH = Axis("bench")


def channel(name, *samples):
    """A channel of bench times and values."""
    role, _, quantity = name.partition(".")
    time_s = np.array([at for at, _ in samples], dtype=np.float64)
    values = np.array([value for _, value in samples], dtype=np.float64)
    return Channel(role, quantity, time_s, values, time_s, np.full(len(samples), NAN))


def named(*channels):
    return {one.name: one for one in channels}


def test_a_role_s_frame_is_its_file(made):
    run = flexrig.open_run(made)
    stored = pyarrow.parquet.read_table(run[0].folder / "samples/ev_meter.parquet")
    stored = (
        stored.to_pandas().set_index("bench_s").drop(columns=["arrival_s", "device_s"])
    )
    frame = run.frame("ev_meter")
    pd.testing.assert_frame_equal(frame, stored.add_prefix("ev_meter."))
    assert list(frame.columns) == [n for n in run.channels if n.startswith("ev_meter.")]


def test_channels_that_were_heard_at_other_moments_are_not_filled():
    frame = as_heard(
        named(
            channel("ev.power_w", (0, 1.0), (2, NAN), (4, 3.0)),
            channel("hp.power_w", (1, 5.0), (2, 6.0)),
        ),
        BENCH,
    )
    assert frame.index.tolist() == [0.0, 1.0, 2.0, 4.0]
    assert frame.index.name == "bench_s"
    np.testing.assert_array_equal(frame["ev.power_w"], [1.0, NAN, NAN, 3.0])
    np.testing.assert_array_equal(frame["hp.power_w"], [NAN, 5.0, 6.0, NAN])


CHANNELS = st.lists(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.floats(0, 9)))
    .filter(bool)
    .map(lambda samples: sorted(samples, key=lambda sample: sample[0])),
    min_size=1,
    max_size=4,
)


@given(samples=CHANNELS)
def test_every_sample_of_every_channel_is_there_once_and_in_order(samples):
    channels = named(*(channel(f"r.{n}", *one) for n, one in enumerate(samples)))
    frame = as_heard(channels, BENCH)
    assert frame.index.is_monotonic_increasing
    most = {at: 0 for one in samples for at, _ in one}
    for name, one in zip(channels, samples, strict=True):
        heard = frame[name].dropna()
        assert list(zip(heard.index, heard, strict=True)) == one
        for at in most:
            most[at] = max(most[at], sum(at == time_s for time_s, _ in one))
    assert frame.index.value_counts().to_dict() == most


def test_on_a_grid_the_last_sample_stands_as_long_as_was_declared_and_no_longer():
    channels = named(
        channel("ev.power_w", (0.5, 1.0), (5, 2.0), (6, NAN), (9, 3.0)),
        channel("hp.power_w", (2, 7.0)),
    )
    frame, how = held(channels, BENCH, at="1s", max_age_s=2)
    assert frame.index.tolist() == list(range(1, 10))
    np.testing.assert_array_equal(
        frame["ev.power_w"], [1.0, 1.0, NAN, NAN, 2.0, NAN, NAN, NAN, 3.0]
    )
    np.testing.assert_array_equal(
        frame["hp.power_w"], [NAN, 7.0, 7.0, 7.0, NAN, NAN, NAN, NAN, NAN]
    )
    assert how == "each value stands for up to 2 s, looked at every 1 s"


@given(
    samples=CHANNELS, every_s=st.sampled_from([0.25, 0.5, 1.0]), age_s=st.floats(0.1, 3)
)
def test_a_grid_never_shows_what_was_not_yet_heard_or_is_too_old(
    samples, every_s, age_s
):
    channels = named(*(channel(f"r.{n}", *one) for n, one in enumerate(samples)))
    frame, _ = held(channels, BENCH, at=every_s, max_age_s=age_s)
    for name, one in channels.items():
        for at, value in frame[name].items():
            known = one.time_s <= at
            fresh = known.any() and at - one.time_s[known][-1] <= age_s
            np.testing.assert_equal(value, one.values[known][-1] if fresh else NAN)


def test_a_grid_of_tenths_meets_its_samples():
    tenths = [(n / 10, float(n)) for n in range(1, 100)]
    frame, _ = held(
        named(channel("ev.power_w", *tenths)), BENCH, at="100ms", max_age_s=0.01
    )
    assert frame["ev.power_w"].tolist() == [value for _, value in tenths]
    assert frame.index.tolist() == [at for at, _ in tenths]


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"at": "1s"}, "max_age_s: it was not said"),
        ({"max_age_s": 10}, "at: it was not said"),
        ({"at": "1 furlong", "max_age_s": 10}, "'1 furlong' is no length of time"),
        ({"at": 0, "max_age_s": 10}, "0 is no length of time"),
        ({"at": "-1s", "max_age_s": 10}, "'-1s' is no length of time"),
        ({"at": "1s", "max_age_s": NAN}, "nan is no length of time"),
        ({"at": [1], "max_age_s": 10}, "no length of time"),
        ({"at": "1ns", "max_age_s": 10}, "Try: a coarser grid"),
        ({"clock": "moon"}, "there is no 'moon'. Try: bench, utc, local"),
    ],
)
def test_what_was_asked_by_mistake_is_one_sentence(made, options, fact):
    with pytest.raises(UsageError, match=fact):
        flexrig.open_run(made).frame("ev", **options)


def test_a_frame_of_nobody_is_refused_with_who_there_is(made):
    with pytest.raises(UsageError, match=r"nobody is named. Try: ev, .*ev_meter"):
        flexrig.open_run(made).frame()


def test_a_frame_says_whose_it_is_and_how_it_was_made(made):
    run = flexrig.open_run(made)
    about = run.frame("ev").attrs["flexrig"]
    assert about == {
        "scenario": run[0].title,
        "values": "as heard; nothing filled",
        "grade": "emulated",
        "complete": True,
        "verified": True,
    }
    grid = run.frame("ev", "ev_meter.power_w", "ev.power_w", at="10s", max_age_s=30)
    assert "up to 30 s" in grid.attrs["flexrig"]["values"]
    assert grid.columns.is_unique


def test_utc_and_local_are_the_trial_s_civil_time(made):
    run = flexrig.open_run(made)
    bench, utc, local = (
        run.frame("ev_meter", clock=clock).index for clock in ("bench", "utc", "local")
    )
    starts_at = datetime.fromisoformat(str(run.facts["starts_at"]))
    since_s = (utc - pd.Timestamp(starts_at)).total_seconds()
    np.testing.assert_allclose(since_s, bench, atol=1e-9)
    assert (utc == local).all()
    assert (str(utc.tz), str(local.tz)) == ("UTC", "Europe/London")
    assert (utc.name, local.name) == ("utc", "local")


def test_local_hours_are_those_of_the_clock_change():
    zero = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    local = Axis("local", zero).index(np.array([0.0, 1_800.0]))
    assert [str(at) for at in local] == [
        "2027-03-28 00:30:00+00:00", "2027-03-28 02:00:00+01:00",
    ]  # fmt: skip


def test_stamps_are_exact_to_the_microsecond_and_unknown_times_stay_unknown():
    zero = datetime(2026, 1, 1, 0, 0, 0, 7, tzinfo=UTC)
    bench_s = np.array([86_399.1, -0.1, 0.3, NAN, math.inf, 1e300])
    stamps = Axis("utc", zero).index(bench_s)
    assert [at.isoformat() for at in stamps[:3]] == [
        "2026-01-01T23:59:59.100007+00:00",
        "2025-12-31T23:59:59.900007+00:00",
        "2026-01-01T00:00:00.300007+00:00",
    ]
    assert stamps[3:].isna().all()


class FakeClock:
    """A clock that stands still."""

    def now_s(self):
        return 0.0


def test_a_bundle_that_does_not_say_when_it_began_has_bench_time_alone(tmp_path):
    with Recorder(tmp_path / "b", FakeClock()) as recorder:
        recorder.samples("ev", [Reading("power_w", 1.0)], asked_s=0.0, arrival_s=0.0)
        recorder.close(complete=True, facts={})
    run = flexrig.open_run(tmp_path / "b")
    assert run.frame("ev").shape == (1, 1)
    assert (len(run.log()), len(run.messages()), len(run.verdicts())) == (0, 0, 0)
    with pytest.raises(EvidenceError, match='Try: clock="bench"'):
        run.frame("ev", clock="utc")
