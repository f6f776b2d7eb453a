"""Settling: every sample is in the wide files, however it came and was flushed."""

import math
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import EvidenceError
from harness.core.recording import Reading
from harness.evidence import columns, settling, tables, wide
from harness.evidence.bundle import finish_bundle, read_bundle, recording_digest
from harness.evidence.samples import read_channels
from harness.evidence.settling import settle_samples
from harness.trial.recorder import Recorder

NAN = math.nan
SCRIPT = [
    ("ev", 1.0, 1.25, [("power_w", 7_000.0, NAN), ("current_a", 30.5, NAN)]),
    ("hp", 1.0, 1.5, [("power_w", NAN, NAN)]),
    ("ev", 2.0, 2.25, [("power_w", NAN, NAN)]),
    ("ev", 3.0, 3.25, [("voltage_v", 230.0, 2.5), ("power_w", 6_000.0, 2.75)]),
]


class FakeClock:
    """A clock that stands still."""

    def now_s(self):
        return 0.0


def record(folder, script, *, flush_after=(), close=True):
    """Record what each role answered, flushing after some of the answers."""
    recorder = Recorder(folder, FakeClock())
    for at, (role, asked_s, arrival_s, said) in enumerate(script):
        readings = [Reading(name, value, device_s) for name, value, device_s in said]
        recorder.samples(role, readings, asked_s=asked_s, arrival_s=arrival_s)
        if at in flush_after:
            recorder.flush()
    if close:
        recorder.close(complete=True, facts={})
    else:
        recorder.flush()
        recorder._files.close()
    return folder


def expected(script):
    """Work out every channel in the plainest way: bench, arrival, device, value."""
    found = {}
    for role, asked_s, arrival_s, said in script:
        for name, value, device_s in said:
            row = (asked_s, arrival_s, device_s, value)
            found.setdefault(f"{role}.{name}", []).append(row)
    return {name: sorted(rows, key=lambda row: row[0]) for name, rows in found.items()}


def require_equal(channels, script):
    """Every channel in its order, and every number to the bit."""
    awaited = expected(script)
    assert list(channels) == list(awaited)
    for name, rows in awaited.items():
        channel = channels[name]
        assert channel.name == name
        found = [channel.time_s, channel.arrival_s, channel.device_s, channel.values]
        for part, column in zip(found, zip(*rows, strict=True), strict=True):
            bits = np.array(column, dtype=np.float64).view(np.uint64)
            np.testing.assert_array_equal(part.view(np.uint64), bits, err_msg=name)


def rows_of(folder, role):
    return pyarrow.parquet.read_table(folder / f"samples/{role}.parquet").to_pylist()


def test_a_row_is_a_moment_and_what_was_not_asked_is_not_a_failed_read(tmp_path):
    record(tmp_path / "b", SCRIPT[:3])
    nan = pytest.approx(NAN, nan_ok=True)
    assert rows_of(tmp_path / "b", "ev") == [
        {
            "bench_s": 1.0, "arrival_s": 1.25, "device_s": nan,
            "power_w": 7_000.0, "current_a": 30.5,
        },
        {
            "bench_s": 2.0, "arrival_s": 2.25, "device_s": nan,
            "power_w": nan, "current_a": None,
        },
    ]  # fmt: skip
    channels = read_channels(tmp_path / "b")
    power, current = channels["ev.power_w"], channels["ev.current_a"]
    np.testing.assert_array_equal(power.values, [7_000.0, NAN])
    assert current.values.tolist() == [30.5]


def test_a_report_whose_values_are_of_different_times_is_several_rows(tmp_path):
    record(tmp_path / "b", SCRIPT)
    times = [row["device_s"] for row in rows_of(tmp_path / "b", "ev")[2:]]
    assert times == [2.5, 2.75]
    require_equal(read_channels(tmp_path / "b"), SCRIPT)


def test_two_equal_moments_stay_two(tmp_path):
    script = [("ev", 1.0, 1.0, [("power_w", value, NAN)]) for value in (1.0, 2.0, 2.0)]
    record(tmp_path / "b", script)
    assert [row["power_w"] for row in rows_of(tmp_path / "b", "ev")] == [1.0, 2.0, 2.0]
    require_equal(read_channels(tmp_path / "b"), script)


def test_channels_of_roles_that_take_turns_keep_the_order_of_first_appearance(tmp_path):
    record(tmp_path / "b", SCRIPT)
    assert list(read_channels(tmp_path / "b")) == [
        "ev.power_w", "ev.current_a", "hp.power_w", "ev.voltage_v",
    ]  # fmt: skip


TIMES = st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0])
NUMBERS = st.floats(width=64) | st.sampled_from([NAN, -0.0, 5e-324, math.inf, 1.0])
QUANTITIES = st.sampled_from(["power_w", "current_a", "bench_s", "", "é.%", "a/b"])
SAID = st.lists(st.tuples(QUANTITIES, NUMBERS, TIMES | st.just(NAN)), max_size=4)
ROLES = st.sampled_from(["ev", "hp", "..", "é/µ", ""])
SCRIPTS = st.lists(st.tuples(ROLES, TIMES, TIMES | NUMBERS, SAID), max_size=12)


@settings(max_examples=60, deadline=None)
@given(script=SCRIPTS, cuts=st.sets(st.integers(0, 11)), chunk=st.integers(1, 9))
def test_any_samples_settle_unchanged_and_to_the_same_bytes(
    tmp_path_factory, script, cuts, chunk
):
    folder = tmp_path_factory.mktemp("any")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide, "ROW_GROUP", 3)
        one = record(folder / "one", script)
        patch.setattr(settling, "CHUNK", chunk)
        patch.setattr(wide, "CELLS", 2 * chunk)
        two = record(folder / "two", script, flush_after=cuts)
    torn = record(folder / "torn", script, flush_after=cuts, close=False)
    require_equal(read_channels(one), script)
    require_equal(read_channels(torn), script)
    files = {path.name: path.read_bytes() for path in (one / "samples").iterdir()}
    assert files == {p.name: p.read_bytes() for p in (two / "samples").iterdir()}
    digests = {recording_digest(folder) for folder in (one, two, torn)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Path, "mkdir"),
        (wide.RoleWriter, "add"),
        (wide.RoleWriter, "finish"),
        (Path, "rename"),
        (Path, "unlink"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_ended_at_any_step_one_whole_form_remains(tmp_path, monkeypatch, owner, step):
    def killed(*_arguments, **_options):
        raise KeyboardInterrupt

    folder = record(tmp_path / "b", SCRIPT, close=False)
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, killed)
        with pytest.raises(KeyboardInterrupt):
            settle_samples(folder, rows=6)
    require_equal(read_channels(folder), SCRIPT)
    recording = read_bundle(folder)
    assert not recording.complete
    require_equal(recording.channels, SCRIPT)


def test_what_a_kill_left_half_done_is_cleared_and_never_read(tmp_path):
    folder = record(tmp_path / "b", SCRIPT, close=False)
    (folder / "samples.part").mkdir()
    (folder / "samples.part/ev.parquet").write_bytes(b"half")
    require_equal(read_bundle(folder).channels, SCRIPT)
    finish_bundle(folder, complete=False, facts={})
    assert not (folder / "samples.part").exists()
    require_equal(read_bundle(folder).channels, SCRIPT)


def peak_of_settling(folder, count):
    """Settle so many samples of two roles; return the most memory that it held."""
    folder.mkdir()
    with tables.TableStream(folder, "samples") as stream:
        for first in range(0, count, 5_000):
            at_s = columns.of_numbers(np.arange(first, first + 5_000.0))
            turns = np.arange(5_000) % 2
            roles = columns.of_names(["ev", "hp"], turns)
            powers = columns.of_names(["power_w"], turns * 0)
            stream.write([roles, powers, at_s, at_s, at_s, at_s])
    tracemalloc.start()
    settle_samples(folder, rows=count)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_settling_holds_as_little_however_long_the_trial(tmp_path):
    short = peak_of_settling(tmp_path / "short", 250_000)
    long = peak_of_settling(tmp_path / "long", 1_000_000)
    assert long < 1.2 * short < 30_000_000


def test_settling_refuses_a_stream_that_lost_rows_and_leaves_it(tmp_path):
    folder = record(tmp_path / "b", SCRIPT, close=False)
    with pytest.raises(EvidenceError, match="7 rows were recorded, 6 can be read"):
        settle_samples(folder, rows=7)
    assert not (folder / "samples").exists()
    require_equal(read_channels(folder), SCRIPT)


def test_a_trial_that_heard_nobody_has_an_empty_folder_or_none(tmp_path):
    folder = record(tmp_path / "b", [])
    assert read_bundle(folder).channels == {}
    shutil.rmtree(folder / "samples")  # git and zip keep no empty folder
    assert read_bundle(folder).channels == {}
