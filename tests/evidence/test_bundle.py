"""Evidence bundles: read back exactly, refused if one byte was touched."""

import json
import shutil

import numpy as np
import pyarrow.parquet
import pytest

from harness.core.errors import EvidenceError
from harness.core.recording import Reading
from harness.evidence import manifest, wide
from harness.evidence.bundle import (
    MANIFEST,
    finish_bundle,
    open_bundle,
    read_bundle,
    read_manifest,
    recording_digest,
    seal,
    standing,
    verify,
)
from harness.trial.recorder import Recorder

PROMISED = {"rig_digest": "ab12", "seed": 7, "clock": "virtual"}
FILES = {
    "plan.json": '{"roles": ["ev"], "baseline_s": 600.0}',
    "rig.toml": '[rig]\nname = "emulated"\n',
    "scenario.feature": "Feature: Turn-down\n",
}
JUDGED = {
    "verdicts.json": '[{"outcome": "pass"}]',
    "scenario.json": "{}",
    "figures/ev.svg": "<svg/>",
}
EVERY_FILE = [
    MANIFEST,
    "samples/ev.parquet",
    "messages.parquet",
    "log.jsonl",
    *FILES,
    *JUDGED,
]


class FakeClock:
    """A clock that stands where the test puts it."""

    def __init__(self):
        self.at_s = 0.0

    def now_s(self):
        return self.at_s


def record(folder, *, seconds=50, flush_every=1_000, port=40_000, **changes):
    """Record a short trial; `changes` alter one thing about it."""
    plan = changes.get("plan", FILES["plan.json"])
    open_bundle(folder, before=PROMISED, files=FILES | {"plan.json": plan})
    clock = FakeClock()
    with Recorder(folder, clock) as recorder:
        recorder.log("bench", "listens", port=port, text=f"ws://127.0.0.1:{port}/ev")
        for at in range(seconds):
            clock.at_s = float(at)
            power_w = 7_000.0 + at % 3 + changes.get("watts", 0.0)
            recorder.samples(
                "ev", [Reading("power_w", power_w)], asked_s=at, arrival_s=at + 0.25
            )
            recorder.message("ev", True, f"GET http://localhost:{port}/rpc {at:04x}")
            if at % flush_every == 0:
                recorder.flush()
        recorder.log("eso", changes.get("what", "end"), at=changes.get("detail", 1))
        recorder.close(complete=True, facts={"safe": True})
    return folder


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """A judged and sealed bundle; copy it before touching it."""
    folder = record(tmp_path_factory.mktemp("sealed") / "bundle")
    for name, text in JUDGED.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    seal(folder)
    return folder


@pytest.fixture
def copy(sealed, tmp_path):
    return shutil.copytree(sealed, tmp_path / "copy")


def test_a_sealed_bundle_verifies_and_reads(sealed):
    found = verify(sealed)
    assert found["status"] == "complete"
    assert set(found["recorded"]) | set(found["judged"]) | {MANIFEST} == set(EVERY_FILE)
    assert set(found["before"]["files"]) == set(FILES)
    assert found["tools"].keys() >= {"python", "flexrig", "pyarrow"}
    recording = read_bundle(sealed)
    assert recording.complete
    assert recording.facts == PROMISED | {"safe": True}
    assert len(recording.messages) == len(recording.channel("ev", "power_w").values)


@pytest.mark.parametrize("name", EVERY_FILE)
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0], ids=["first", "middle", "last"])
def test_one_byte_changed_is_refused_by_name(copy, name, where):
    content = bytearray((copy / name).read_bytes())
    content[round(where * (len(content) - 1))] ^= 0x01
    (copy / name).write_bytes(content)
    for use in (verify, read_bundle, seal) if name not in JUDGED else (verify,):
        with pytest.raises(EvidenceError, match=r"Try: ") as refusal:
            use(copy)
        assert str(copy / name) in str(refusal.value)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_missing_file_is_refused_by_name(copy, name):
    (copy / name).unlink()
    with pytest.raises(EvidenceError, match=r"Try: ") as refusal:
        read_bundle(copy)
    assert name in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["extra.txt", "figures/hp.svg", "samples.arrows", "samples/hp.parquet"]
)
def test_an_added_file_is_refused_by_name(copy, name):
    (copy / name).write_text("something else")
    with pytest.raises(EvidenceError, match="it was added after") as refusal:
        read_bundle(copy)
    assert name in str(refusal.value)


def test_appending_a_byte_is_refused(copy):
    for name in EVERY_FILE:
        kept = (copy / name).read_bytes()
        (copy / name).write_bytes(kept + b"\n")
        with pytest.raises(EvidenceError, match="was changed"):
            verify(copy)
        (copy / name).write_bytes(kept)
    verify(copy)


def test_a_link_is_refused_even_if_it_leads_to_the_same_bytes(copy, tmp_path):
    moved = (copy / "rig.toml").rename(tmp_path / "rig.toml")
    (copy / "rig.toml").symlink_to(moved)
    with pytest.raises(EvidenceError, match=r"rig\.toml: a link leads out"):
        verify(copy)


def test_a_manifest_with_its_digests_rewritten_is_refused(copy):
    (copy / "rig.toml").write_text("another rig")
    forged = read_manifest(copy)
    forged["recorded"] = manifest.file_digests(copy)
    manifest.write(copy, forged)
    with pytest.raises(EvidenceError, match=r"manifest\.json: it was changed"):
        verify(copy)


def test_without_its_seal_a_bundle_reads_as_incomplete(copy):
    stripped = {k: v for k, v in read_manifest(copy).items() if k != "seal"}
    manifest.write(copy, stripped | {"status": "complete"})
    assert not read_bundle(copy).complete


def test_sealing_again_takes_new_verdicts_but_no_new_recording(copy):
    before = verify(copy)
    (copy / "verdicts.json").write_text('[{"outcome": "fail"}]')
    (copy / "figures/hp.svg").write_text("<svg></svg>")
    seal(copy)
    after = verify(copy)
    assert after["recorded"] == before["recorded"]
    assert after["judged"].keys() == {*JUDGED, "figures/hp.svg"}
    (copy / "log.jsonl").write_text("")
    with pytest.raises(EvidenceError, match=r"log\.jsonl: it was changed"):
        seal(copy)


def test_what_a_killed_seal_left_is_cleared_by_the_next(copy):
    (copy / "manifest.json.part").write_text("{")
    with pytest.raises(EvidenceError, match=r"manifest\.json\.part: it was added"):
        verify(copy)
    seal(copy)
    verify(copy)


def test_a_bundle_is_finished_once(copy):
    with pytest.raises(EvidenceError, match="it is finished already"):
        finish_bundle(copy, complete=True, facts={})


def test_an_open_bundle_promises_and_is_incomplete(tmp_path):
    folder = tmp_path / "a" / "b"
    open_bundle(folder, before=PROMISED, files=FILES)
    found = read_manifest(folder)
    assert found["status"] == "incomplete"
    assert found["before"]["facts"] == PROMISED
    assert set(found["before"]["files"]) == set(FILES)
    assert not read_bundle(folder).complete
    with pytest.raises(EvidenceError, match="it bears no seal"):
        seal(folder)
    with pytest.raises(EvidenceError, match="a recording is here already"):
        open_bundle(folder, before={})


def test_facts_that_cannot_be_kept_are_refused_before_measuring(tmp_path):
    with pytest.raises(TypeError, match="cannot be kept as JSON"):
        open_bundle(tmp_path, before={"rig": object()})
    assert not (tmp_path / MANIFEST).exists()


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (None, "cannot be read"),
        (b"{", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[]", "it is not of the format"),
        (b'{"format": "flexrig evidence 99"}', "it is not of the format"),
    ],
)
def test_what_is_no_bundle_is_refused_in_a_sentence(tmp_path, content, fact):
    if content is not None:
        (tmp_path / MANIFEST).write_bytes(content)
    for use in (verify, read_bundle, seal):
        with pytest.raises(EvidenceError, match=fact):
            use(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"before": None},
        {"before": {}},
        {"before": {"facts": {}}, "seal": "of nobody"},
        {"before": {"facts": {}}, "after": 1, "seal": "of nobody"},
    ],
    ids=str,
)
def test_a_manifest_that_says_too_little_is_refused_checked_or_not(tmp_path, content):
    said = json.dumps({"format": manifest.FORMAT} | content)
    (tmp_path / MANIFEST).write_text(said)
    for check in (True, False):
        with pytest.raises(EvidenceError, match=r"manifest\.json: it .*Try: "):
            standing(tmp_path, check=check)


def test_a_log_torn_in_its_last_line_keeps_the_others(tmp_path):
    open_bundle(tmp_path / "b", before={})
    line = b'{"time_s": 1.0, "actor": "a", "what": "b", "detail": {}}\n'
    (tmp_path / "b" / "log.jsonl").write_bytes(line * 2 + line[:20])
    assert len(read_bundle(tmp_path / "b").log) == 2


@pytest.mark.parametrize("bad", [b"{\n", b"[]\n", b'{"time_s": 1.0}\n', b"\n"])
def test_a_log_broken_in_the_middle_is_refused_with_its_line(tmp_path, bad):
    open_bundle(tmp_path / "b", before={})
    line = b'{"time_s": 1.0, "actor": "a", "what": "b", "detail": {}}\n'
    (tmp_path / "b" / "log.jsonl").write_bytes(line + bad + line)
    with pytest.raises(EvidenceError, match=r"log\.jsonl line 2"):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("where", ["samples/ev.parquet", "samples.parquet"])
def test_a_parquet_of_another_table_is_refused(tmp_path, where):
    open_bundle(tmp_path / "b", before={})
    (tmp_path / "b" / where).parent.mkdir(exist_ok=True)
    (tmp_path / "b" / where).write_bytes(b"PAR1 or not")
    with pytest.raises(EvidenceError, match="it is no table of samples"):
        read_bundle(tmp_path / "b")
    other = pyarrow.table({"x": [1]})
    pyarrow.parquet.write_table(other, tmp_path / "b" / where)
    with pytest.raises(EvidenceError, match="it is no table of samples"):
        read_bundle(tmp_path / "b")


def test_the_same_content_gives_the_same_bytes_however_it_was_flushed(tmp_path):
    one = record(tmp_path / "one", flush_every=1)
    two = record(tmp_path / "two", flush_every=17)
    for name in ("samples/ev.parquet", "messages.parquet", "log.jsonl"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_row_groups_do_not_depend_on_flushes_either(tmp_path, monkeypatch):
    monkeypatch.setattr(wide, "ROW_GROUP", 16)
    one = record(tmp_path / "one", flush_every=1)
    two = record(tmp_path / "two", flush_every=1_000)
    whose = "samples/ev.parquet"
    assert (one / whose).read_bytes() == (two / whose).read_bytes()
    found = pyarrow.parquet.read_metadata(one / whose)
    assert [found.row_group(n).num_rows for n in range(4)] == [16, 16, 16, 2]
    assert read_bundle(one).channel("ev", "power_w").time_s.tolist() == list(range(50))


def test_any_parquet_reader_finds_plain_columns(tmp_path):
    table = pyarrow.parquet.read_table(record(tmp_path / "b") / "samples/ev.parquet")
    assert table.to_pylist()[0] == {
        "bench_s": 0.0,
        "arrival_s": 0.25,
        "device_s": pytest.approx(np.nan, nan_ok=True),
        "power_w": 7_000.0,
    }


def test_runs_that_agree_share_a_digest_whatever_their_ports(tmp_path):
    one = record(tmp_path / "one", port=40_001)
    two = record(tmp_path / "two", port=50_002, flush_every=7)
    assert recording_digest(one) == recording_digest(two)
    assert verify(one)["recording"] == recording_digest(one)
    assert verify(one)["seal"] != verify(two)["seal"]


@pytest.mark.parametrize(
    "change",
    [
        {"watts": 1e-9},
        {"seconds": 51},
        {"seconds": 0},
        {"what": "ends"},
        {"detail": 2},
        {"plan": '{"roles": ["hp"], "baseline_s": 600.0}'},
    ],
    ids=str,
)
def test_any_difference_in_what_was_observed_changes_the_digest(tmp_path, change):
    one, two = record(tmp_path / "one"), record(tmp_path / "two", **change)
    assert recording_digest(one) != recording_digest(two)


def test_a_plan_laid_out_otherwise_is_the_same_plan(tmp_path):
    plan = json.dumps(json.loads(FILES["plan.json"]), indent=4)
    one, two = record(tmp_path / "one"), record(tmp_path / "two", plan=plan)
    assert recording_digest(one) == recording_digest(two)


def test_moving_text_between_messages_changes_the_digest(tmp_path):
    digests = set()
    for number, payloads in enumerate((["ab", "c"], ["a", "bc"], ["abc", ""])):
        with Recorder(tmp_path / str(number), FakeClock()) as recorder:
            for payload in payloads:
                recorder.message("ev", True, payload)
            recorder.close(complete=True, facts={})
        digests.add(recording_digest(tmp_path / str(number)))
    assert len(digests) == 3


def test_arrays_of_a_recording_cannot_be_changed(sealed):
    channel = read_bundle(sealed).channel("ev", "power_w")
    with pytest.raises(ValueError, match="read-only"):
        channel.values[0] = 0.0
