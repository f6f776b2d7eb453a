"""The recorder: nothing recorded is lost or altered, whichever way a trial ends."""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import textwrap
import tracemalloc
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import pyarrow.ipc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import BenchError, EvidenceError
from harness.core.recording import LogEntry, Message, Reading
from harness.evidence import settling, tables
from harness.evidence.bundle import open_bundle, read_bundle, verify
from harness.trial import recorder as recorder_module
from harness.trial.recorder import FLUSH_ROWS, Recorder


class FakeClock:
    """A clock that stands where the test puts it."""

    def __init__(self):
        self.at_s = 0.0

    def now_s(self):
        return self.at_s


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "bundle"


def stream_rows(path):
    """Count the rows that any Arrow reader finds in a stream."""
    with pyarrow.ipc.open_stream(path.read_bytes()) as stream:
        return stream.read_all().num_rows


def test_samples_come_back_exactly_with_all_three_times(folder, clock):
    with Recorder(folder, clock) as recorder:
        recorder.samples(
            "ev_meter",
            [Reading("power_w", 7012.25, 9.5), Reading("voltage_v", 230.1)],
            asked_s=10.0,
            arrival_s=10.125,
        )
        clock.at_s = 11.75
        recorder.missing("ev_meter", ["power_w", "voltage_v"], asked_s=11.0)
        recorder.close(complete=True, facts={"seed": 3})
    recording = read_bundle(folder)
    power = recording.channel("ev_meter", "power_w")
    assert power.time_s.tolist() == [10.0, 11.0]
    assert power.arrival_s.tolist() == [10.125, 11.75]
    np.testing.assert_array_equal(power.values, [7012.25, math.nan])
    np.testing.assert_array_equal(power.device_s, [9.5, math.nan])
    assert list(recording.channels) == ["ev_meter.power_w", "ev_meter.voltage_v"]
    assert recording.complete
    assert recording.facts["seed"] == 3


def test_messages_come_back_verbatim_in_order_with_their_bench_time(folder, clock):
    texts = ['[2,"1","Heartbeat",{}]', "0001 £±\n\0\u2028", "", "00ff10"]
    with Recorder(folder, clock) as recorder:
        for at, text in enumerate(texts):
            clock.at_s = at / 8
            recorder.message("ev" if at % 2 else "hp", at % 2 == 0, text)
        recorder.close(complete=True, facts={})
    assert read_bundle(folder).messages == tuple(
        Message(at / 8, "ev" if at % 2 else "hp", at % 2 == 0, text)
        for at, text in enumerate(texts)
    )


def test_text_that_is_no_unicode_is_kept_as_its_bytes(folder, clock):
    with Recorder(folder, clock) as recorder:
        recorder.message("plug", False, "fine")
        recorder.message("plug", False, "\ud800")
        recorder.close(complete=True, facts={})
    assert [m.payload for m in read_bundle(folder).messages] == ["fine", "eda080"]


def test_a_log_entry_is_returned_as_it_will_be_read_back(folder, clock):
    class Mood(StrEnum):
        CALM = "calm"

    clock.at_s = -3.5
    with Recorder(folder, clock) as recorder:
        said = recorder.log(
            "dso",
            "trip",
            limit_w=np.float32(0.5),
            steps=(1, np.int64(2)),
            nothing=None,
            never=math.inf,
            mood=Mood.CALM,
            at=datetime(2026, 1, 5, 17, tzinfo=UTC),
            actor="what people call it",
            what="\ud800 and £",
        )
        recorder.close(complete=True, facts={})
    assert said == LogEntry(
        -3.5,
        "dso",
        "trip",
        {
            "limit_w": 0.5,
            "steps": [1, 2],
            "nothing": None,
            "never": "inf",
            "mood": "calm",
            "at": "2026-01-05T17:00:00+00:00",
            "actor": "what people call it",
            "what": "\ud800 and £",
        },
    )
    assert read_bundle(folder).log == (said,)


def test_a_log_entry_is_on_disk_at_once(folder, clock):
    with Recorder(folder, clock) as recorder:
        recorder.log("eso", "instruction sent", role="ev")
        (line,) = (folder / "log.jsonl").read_text().splitlines()
        assert json.loads(line)["what"] == "instruction sent"
        recorder.close(complete=True, facts={})


def test_overlapping_reads_are_ordered_by_when_they_were_asked(folder, clock):
    with Recorder(folder, clock) as recorder:
        for asked_s, value in ((2.0, 20.0), (1.0, 10.0), (2.0, 21.0)):
            recorder.samples(
                "hp", [Reading("power_w", value)], asked_s=asked_s, arrival_s=3.0
            )
        recorder.close(complete=True, facts={})
    channel = read_bundle(folder).channel("hp", "power_w")
    assert channel.time_s.tolist() == [1.0, 2.0, 2.0]
    assert channel.values.tolist() == [10.0, 20.0, 21.0]


def test_roles_with_dots_do_not_run_into_each_other(folder, clock):
    with Recorder(folder, clock) as recorder:
        for role, quantity in (
            ("ev", "power_w"),
            ("hp", "voltage_v"),
            ("hp", "power_w"),
        ):
            recorder.samples(role, [Reading(quantity, 1.0)], asked_s=0.0, arrival_s=0.0)
        recorder.close(complete=True, facts={})
    assert list(read_bundle(folder).channels) == [
        "ev.power_w",
        "hp.voltage_v",
        "hp.power_w",
    ]


def test_a_full_buffer_goes_to_disk_by_itself(folder, clock):
    with Recorder(folder, clock) as recorder:
        for at in range(FLUSH_ROWS):
            recorder.samples("m", [Reading("power_w", at)], asked_s=at, arrival_s=at)
            recorder.message("m", True, "00")
        assert stream_rows(folder / "samples.arrows") == FLUSH_ROWS
        assert stream_rows(folder / "messages.arrows") == FLUSH_ROWS
        recorder.close(complete=True, facts={})


def test_long_messages_go_to_disk_before_they_fill_memory(folder, clock, monkeypatch):
    monkeypatch.setattr(recorder_module, "FLUSH_CHARACTERS", 1_000)
    with Recorder(folder, clock) as recorder:
        recorder.message("ev", True, "x" * 999)
        assert stream_rows(folder / "messages.arrows") == 0
        recorder.message("ev", True, "x")
        assert stream_rows(folder / "messages.arrows") == 2
        recorder.close(complete=True, facts={})


def test_flush_hands_over_what_there_is_and_counts_go_on(folder, clock):
    with Recorder(folder, clock) as recorder:
        assert recorder.counts == {"samples": 0, "messages": 0}
        recorder.flush()
        for at in range(3):
            recorder.samples(
                f"m{at}", [Reading("power_w", at)], asked_s=at, arrival_s=at
            )
            recorder.flush()
            recorder.flush()
        recorder.message("m0", True, "00")
        assert stream_rows(folder / "samples.arrows") == 3
        assert recorder.counts == {"samples": 3, "messages": 1}
        recorder.close(complete=True, facts={})
    assert list(read_bundle(folder).channels) == [f"m{n}.power_w" for n in range(3)]


def test_a_trial_that_observed_nothing_is_still_a_bundle(folder, clock):
    with Recorder(folder, clock) as recorder:
        recorder.close(complete=True, facts={})
    recording = read_bundle(folder)
    assert recording.complete
    assert (recording.channels, recording.messages, recording.log) == ({}, (), ())


@pytest.mark.parametrize(
    ("ending", "sentence"),
    [
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (BenchError("rig", "no power", "the fuse"), "BenchError: rig: no power."),
        (None, "nobody closed it"),
    ],
)
def test_leaving_early_keeps_everything_and_says_why(folder, clock, ending, sentence):
    def trial():
        with Recorder(folder, clock) as recorder:
            recorder.samples(
                "ev", [Reading("power_w", 1.0)], asked_s=0.0, arrival_s=0.0
            )
            recorder.message("ev", True, "01")
            recorder.log("eso", "sent")
            if ending:
                raise ending

    if ending:
        with pytest.raises(type(ending)):
            trial()
    else:
        trial()
    recording = read_bundle(folder)
    assert not recording.complete
    assert recording.facts["cut_short_by"].startswith(sentence)
    assert recording.channel("ev", "power_w").values.tolist() == [1.0]
    assert len(recording.messages) == len(recording.log) == 1
    assert verify(folder)["status"] == "incomplete"


@pytest.mark.parametrize(
    ("module", "settle"), [(settling, "settle_samples"), (tables, "settle")]
)
def test_a_second_interrupt_while_closing_loses_nothing(
    folder, clock, monkeypatch, module, settle
):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, settle, interrupt)
    recorder = Recorder(folder, clock)
    recorder.samples("ev", [Reading("power_w", 1.0)], asked_s=0.0, arrival_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        recorder.close(complete=True, facts={})
    recording = read_bundle(folder)
    assert not recording.complete
    assert recording.channel("ev", "power_w").values.tolist() == [1.0]


KILLED_TRIAL = """
    import asyncio, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from harness.core.clock import BenchClock
    from harness.core.recording import Reading
    from harness.core.virtual_loop import VirtualLoop
    from harness.evidence.bundle import open_bundle
    from harness.trial.recorder import Recorder

    async def main(folder):
        clock = BenchClock(datetime(2026, 1, 5, 17, tzinfo=UTC))
        open_bundle(folder, before={"seed": 5}, files={"plan.json": "{}"})
        with Recorder(folder, clock) as recorder:
            for second in range(12_345):
                reading = Reading("power_w", float(second))
                recorder.samples("ev", [reading], asked_s=second, arrival_s=second)
                recorder.message("ev", True, f"{second:04x}")
                if second == 777:
                    recorder.log("eso", "instruction sent")
            if sys.argv[2] == "flush":
                recorder.flush()
            print("recorded", flush=True)
            sys.stdin.read()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize(("flushed", "kept"), [("flush", 12_345), ("no", 10_000)])
def test_kill_9_leaves_what_was_flushed_readable_and_incomplete(folder, flushed, kept):
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED_TRIAL), str(folder), flushed],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout.readline() == b"recorded\n"
        os.kill(child.pid, signal.SIGKILL)
    recording = read_bundle(folder)
    assert not recording.complete
    assert recording.facts == {
        "seed": 5,
        "cut_short_by": "the process ended before the recording was finished",
    }
    power = recording.channel("ev", "power_w")
    np.testing.assert_array_equal(power.values, np.arange(kept))
    assert recording.messages[-1].payload == f"{kept - 1:04x}"
    assert len(recording.messages) == kept
    assert [entry.what for entry in recording.log] == ["instruction sent"]
    with pytest.raises(EvidenceError, match="it bears no seal"):
        verify(folder)


@pytest.mark.parametrize(
    "call",
    [
        lambda r: r.samples("a", [Reading("p_w", 1.0)], asked_s=0.0, arrival_s=0.0),
        lambda r: r.missing("a", ["p_w"], asked_s=0.0),
        lambda r: r.message("a", True, "00"),
        lambda r: r.log("a", "b"),
    ],
)
def test_nothing_is_taken_after_closing(folder, clock, call):
    recorder = Recorder(folder, clock)
    recorder.close(complete=True, facts={})
    with pytest.raises(BenchError, match="its recorder is closed"):
        call(recorder)


@pytest.mark.parametrize("value", [None, "7000", 10**400])
def test_a_reading_that_is_no_number_is_refused_with_its_channel(folder, clock, value):
    with Recorder(folder, clock) as recorder:
        with pytest.raises(BenchError, match=r"ev\.power_w: the driver gave"):
            recorder.samples(
                "ev", [Reading("power_w", value)], asked_s=0.0, arrival_s=0.0
            )
        recorder.samples("ev", [Reading("power_w", 2.0)], asked_s=1.0, arrival_s=1.0)
        recorder.close(complete=True, facts={})
    assert read_bundle(folder).channel("ev", "power_w").values.tolist() == [2.0]


@pytest.mark.parametrize(
    "left",
    ["samples.arrows", "samples.parquet", "samples", "messages.parquet", "log.jsonl"],
)
def test_a_recording_is_never_written_over(folder, clock, left):
    folder.mkdir()
    (folder / left).write_bytes(b"of another trial")
    with pytest.raises(EvidenceError, match="a recording is here already"):
        Recorder(folder, clock)
    assert [path.name for path in folder.iterdir()] == [left]
    assert (folder / left).read_bytes() == b"of another trial"


def test_a_finished_bundle_takes_no_second_recorder(folder, clock):
    Recorder(folder, clock).close(complete=True, facts={})
    with pytest.raises(EvidenceError, match="a recording is here already"):
        Recorder(folder, clock)
    verify(folder)


def test_a_full_disk_is_a_bench_fault_and_what_went_before_stays(folder, clock):
    recorder = Recorder(folder, clock)
    recorder.samples("ev", [Reading("power_w", 1.0)], asked_s=0.0, arrival_s=0.0)
    recorder.flush()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    allowed = (folder / "samples.arrows").stat().st_size + 5_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, hard))
    try:
        for at in range(1_000):
            recorder.samples("ev", [Reading("power_w", at)], asked_s=at, arrival_s=at)
        with pytest.raises(BenchError, match=r"samples\.arrows: the disk refuses"):
            recorder.flush()
        with pytest.raises(BenchError, match="the disk refuses"):
            recorder.close(complete=True, facts={})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    recording = read_bundle(folder)
    assert not recording.complete
    assert recording.channel("ev", "power_w").values.tolist() == [1.0]


def test_what_was_promised_before_must_still_hold_after(folder, clock):
    open_bundle(folder, before={}, files={"rig.toml": "seed = 1\n"})
    recorder = Recorder(folder, clock)
    (folder / "rig.toml").write_text("seed = 2\n")
    with pytest.raises(EvidenceError, match=r"rig\.toml: it was changed"):
        recorder.close(complete=True, facts={})
    assert not read_bundle(folder).complete


def test_the_recorder_holds_little_however_long_the_trial(folder, clock):
    readings = [Reading("power_w", 1.0), Reading("voltage_v", 2.0)]
    with Recorder(folder, clock) as recorder:
        tracemalloc.start()
        for at in range(12 * FLUSH_ROWS):
            recorder.samples("m", readings, asked_s=at, arrival_s=at)
            recorder.message("m", True, f"{at:064x}")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        recorder.close(complete=True, facts={})
    assert peak < 5_000_000


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ROWS = st.lists(
    st.tuples(st.sampled_from(["ev", "hp", "é.µ"]), TEXT, NUMBERS, NUMBERS, NUMBERS)
)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, flush_at=st.sets(st.integers(0, 20)))
def test_any_rows_come_back_bit_for_bit(tmp_path_factory, rows, flush_at):
    folder, clock = tmp_path_factory.mktemp("any") / "bundle", FakeClock()
    with Recorder(folder, clock) as recorder:
        for at, (role, text, value, device_s, arrival_s) in enumerate(rows):
            clock.at_s = float(at)
            reading = Reading(text, value, device_s)
            recorder.samples(role, [reading], asked_s=float(at), arrival_s=arrival_s)
            recorder.message(role, at % 2 == 0, text)
            recorder.log(role, text, text=text)
            if at in flush_at:
                recorder.flush()
        recorder.close(complete=True, facts={})
    recording = read_bundle(folder)
    expected = {}
    for at, (role, text, *numbers) in enumerate(rows):
        expected.setdefault((role, text), []).append((float(at), *numbers))
    found = {
        (c.role, c.quantity): np.stack([c.time_s, c.values, c.device_s, c.arrival_s], 1)
        for c in recording.channels.values()
    }
    assert found.keys() == expected.keys()
    for key, channel_rows in expected.items():
        np.testing.assert_array_equal(found[key], np.array(channel_rows))
    assert [(m.role, m.payload) for m in recording.messages] == [r[:2] for r in rows]
    assert [entry.detail["text"] for entry in recording.log] == [r[1] for r in rows]
