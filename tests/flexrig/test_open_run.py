"""Opening a run: found from anywhere in it, refused if touched, read when asked."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import flexrig
from harness.core.errors import EvidenceError, UsageError
from harness.evidence import manifest
from harness.evidence.bundle import MANIFEST, read_bundle
from harness.reporting.record_json import read_records

CAR = "The car gives way and comes back"
KEPT = "The car gives way"
INSIDE = ["", "samples", "samples/ev.parquet", "manifest.json", "scenario.feature"]


def bundle_of(run_folder):
    (found,) = run_folder.glob(f"*/{MANIFEST}")
    return found.parent


def killed(bundle):
    """Make a bundle what a kill leaves: no seal, no verdicts."""
    stripped = {k: v for k, v in manifest.read(bundle).items() if k != "seal"}
    manifest.write(bundle, stripped)
    (bundle / "scenario.json").unlink()


def test_a_run_has_its_scenarios_in_the_order_of_their_files(two):
    run = flexrig.open_run(two)
    assert len(run) == 2
    assert [(s.title, s.outcome) for s in run] == [
        (record.title, record.outcome) for record in read_records(two)
    ]
    assert {s.title for s in run.scenarios} == {CAR, KEPT}
    assert all(s.complete and s.verified for s in run)


@pytest.mark.parametrize("inside", INSIDE)
def test_any_path_in_a_bundle_opens_that_scenario(two, inside):
    folder = two / flexrig.open_run(two)[CAR].folder.name
    run = flexrig.open_run(str(folder / inside))
    assert [s.title for s in run] == [CAR]
    assert "ev_meter.power_w" in run.channels


def test_a_file_or_folder_beside_the_bundles_opens_the_run(two):
    (two / "allure-results").mkdir(exist_ok=True)
    (two / "allure-results/a.json").write_text("{}")
    for inside in ("pytest.ini", "allure-results", "allure-results/a.json"):
        assert len(flexrig.open_run(two / inside)) == 2


@pytest.mark.parametrize("path", ["nowhere", "empty", "empty/file.txt"])
def test_where_no_run_is_one_sentence_says_so(tmp_path, path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/file.txt").write_text("")
    (tmp_path / "neighbour").mkdir()
    (tmp_path / "neighbour/manifest.json").write_text("{}")  # of some other program
    with pytest.raises(EvidenceError, match="Try: the folder that `flexrig run` named"):
        flexrig.open_run(tmp_path / path)


@pytest.mark.parametrize(
    ("which", "title"),
    [(0, CAR), (-2, CAR), (1, KEPT), (CAR, CAR), (KEPT, KEPT), ("comes BACK", CAR)],
)
def test_a_scenario_is_found_by_number_title_or_a_part_of_it(two, which, title):
    order = sorted(flexrig.open_run(two), key=lambda s: s.title != CAR)
    run = type(flexrig.open_run(two))(two, order)
    assert run[which].title == title
    assert run[run[which].folder.name].title == title


@pytest.mark.parametrize(
    ("which", "fact"),
    [
        (2, "there is no scenario 2"),
        ("the heat pump", "no scenario is called 'the heat pump'"),
        ("gives", "2 scenarios are called 'gives'"),
    ],
)
def test_a_scenario_that_is_not_there_is_named_with_those_that_are(two, which, fact):
    with pytest.raises(UsageError, match=fact) as refusal:
        flexrig.open_run(two)[which]
    assert CAR in refusal.value.hint
    assert KEPT in refusal.value.hint


@pytest.mark.parametrize(
    "ask",
    [
        lambda run: run.channels,
        lambda run: run.facts,
        lambda run: run.channel("ev.power_w").values,
        lambda run: run.array("ev.power_w"),
        lambda run: run.frame("ev"),
        lambda run: run.log(),
        lambda run: run.messages(),
    ],
)
def test_of_several_scenarios_one_has_to_be_chosen(two, made, ask):
    with pytest.raises(UsageError, match="it has 2 scenarios"):
        ask(flexrig.open_run(two))
    assert len(ask(flexrig.open_run(made)))


def test_arrays_are_what_a_judge_reads_and_nobody_writes_to_them(made):
    run, recording = flexrig.open_run(made), read_bundle(bundle_of(made))
    assert run.channels == tuple(recording.channels)
    for name, channel in recording.channels.items():
        time_s, values = run.array(name)
        np.testing.assert_array_equal(time_s, channel.time_s)
        np.testing.assert_array_equal(values, channel.values)
        np.testing.assert_array_equal(run.channel(name).arrival_s, channel.arrival_s)
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0.0
    assert run.facts == recording.facts


def test_an_unknown_channel_is_answered_with_those_like_it(made):
    run = flexrig.open_run(made)
    with pytest.raises(UsageError, match=r"'ev_metr.power_w'.*Try: .*ev_meter.power_w"):
        run.array("ev_metr.power_w")
    with pytest.raises(UsageError, match=r"'ev_metre' .*Try: .*ev_meter"):
        run.frame("ev_metre")
    with pytest.raises(UsageError, match=r"nothing of 'esp'.*Try: .*ev"):
        run.messages("esp")


@pytest.mark.parametrize("name", ["samples/ev.parquet", "log.jsonl", "scenario.json"])
def test_a_touched_bundle_is_refused_or_opens_with_a_mark(run_folder, name):
    path = bundle_of(run_folder) / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(EvidenceError, match="it was changed") as refusal:
        flexrig.open_run(run_folder)
    assert name in str(refusal.value)
    run = flexrig.open_run(run_folder, verify=False)
    assert not run[0].verified
    for said in (repr(run), repr(run[0]), run._repr_html_(), run[0]._repr_html_()):
        assert "NOT VERIFIED" in said


def test_what_a_kill_left_opens_with_a_mark(run_folder, made):
    killed(bundle_of(run_folder))
    run = flexrig.open_run(run_folder)
    (scenario,) = run
    assert (scenario.outcome, scenario.complete) == ("never judged", False)
    for said in (repr(run), repr(scenario), run._repr_html_(), scenario._repr_html_()):
        assert "INCOMPLETE: the process ended before the recording" in said
        assert "NOT VERIFIED: it bears no seal" in said
    assert run.verdicts().empty
    _, values = run.array("ev_meter.power_w")
    _, whole = flexrig.open_run(made).array("ev_meter.power_w")
    np.testing.assert_array_equal(values, whole)
    assert run.frame("ev").attrs["flexrig"]["complete"] is False


def test_what_broke_before_anything_was_measured_is_listed(made, tmp_path):
    record = json.loads((bundle_of(made) / "scenario.json").read_text())
    record |= {"outcome": "broken", "error": "rig.toml: no. Try: yes."}
    (tmp_path / "run/broken").mkdir(parents=True)
    (tmp_path / "run/broken/scenario.json").write_text(json.dumps(record))
    run = flexrig.open_run(tmp_path / "run")
    assert (run[0].outcome, run.channels) == ("broken", ())
    assert "INCOMPLETE: it broke before anything was measured" in repr(run)
    with pytest.raises(UsageError, match="a scenario in which something was recorded"):
        run.array("ev.power_w")


def test_opening_reads_no_sample_and_no_message(run_folder):
    bundle = bundle_of(run_folder)
    (bundle / "samples/ev_meter.parquet").write_bytes(b"no samples at all")
    (bundle / "messages.parquet").write_bytes(b"no messages at all")
    run = flexrig.open_run(run_folder, verify=False)
    assert run[0].title == CAR
    assert run.verdicts().shape[0] == 1
    assert "no table of samples" in run[0]._repr_html_()
    with pytest.raises(EvidenceError, match=r"ev_meter\.parquet"):
        run.array("ev.power_w")
    with pytest.raises(EvidenceError, match=r"messages\.parquet"):
        run.messages()


def test_a_run_shows_itself_in_words(two):
    run = flexrig.open_run(two)
    assert repr(run).splitlines()[0] == f"<Run {two}"
    assert f"pass  {CAR}\n" in repr(run)
    assert "Emulated evidence: this certifies nothing." in repr(run)
    assert CAR in run._repr_html_()
    page = run[CAR]._repr_html_()
    assert "response time" in page
    assert "at most 10 s" in page
    assert "ev_meter: voltage_v" in page
    assert repr(run[CAR]).startswith(f"<Scenario pass: {CAR}; Emulated evidence")


def test_what_a_device_or_a_person_wrote_cannot_become_markup(made, tmp_path):
    record = json.loads((bundle_of(made) / "scenario.json").read_text())
    record["title"] = record["verdicts"][0]["subject"] = "<script>alert(1)</script>"
    (tmp_path / "run/one").mkdir(parents=True)
    (tmp_path / "run/one/scenario.json").write_text(json.dumps(record))
    run = flexrig.open_run(tmp_path / "run")
    assert "<script" not in run._repr_html_() + run[0]._repr_html_()


def test_importing_it_costs_nothing_and_looking_needs_no_bench(made):
    code = f"""
import sys
before = set(sys.modules)
import flexrig
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
assert not new & {{"numpy", "pandas", "pyarrow", "harness", "pytest"}}, new
run = flexrig.open_run({str(made)!r})
run.array("ev_meter.power_w"), repr(run), run[0]._repr_html_(), run.facts
assert "pandas" not in sys.modules
run.frame("ev")
assert "pandas" in sys.modules
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
assert not new & {{"devices", "pymodbus", "websockets", "matplotlib"}}, new
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_log_and_the_messages_are_whole(made):
    run, recording = flexrig.open_run(made), read_bundle(bundle_of(made))
    log = run.log()
    assert log["what"].tolist() == [entry.what for entry in recording.log]
    assert log.index.tolist() == [entry.time_s for entry in recording.log]
    assert log["detail"].tolist() == [dict(entry.detail) for entry in recording.log]
    every = run.messages()
    assert every["payload"].tolist() == [m.payload for m in recording.messages]
    assert every["sent"].tolist() == [m.sent for m in recording.messages]
    of_ev = [m.payload for m in recording.messages if m.role == "ev"]
    assert run.messages("ev")["payload"].tolist() == of_ev
    assert run.messages("ev", clock="utc").index[0].isoformat().endswith("+00:00")


def test_verdicts_are_those_of_the_run_with_all_that_argues_for_them(two):
    run = flexrig.open_run(two)
    found = run.verdicts()
    judged = [v for record in read_records(two) for v in record.verdicts]
    assert found["rule"].tolist() == [v.rule.id for v in judged]
    assert found["value"].tolist() == [v.measured.value for v in judged]
    assert found["U"].tolist() == [v.measured.expanded for v in judged]
    assert found["outcome"].tolist() == [str(v.outcome) for v in judged]
    np.testing.assert_array_equal(found["margin"], [v.margin for v in judged])
    np.testing.assert_array_equal(found["probability"], [v.probability for v in judged])
    assert found["bound"].str.contains("at most 10 s").any()
    assert set(found["scenario"]) == {CAR, KEPT}
    assert set(run[CAR].verdicts()["scenario"]) == {CAR}


def test_a_bundle_of_the_first_format_is_looked_at_alike(two):
    scenario = flexrig.open_run(two)[KEPT]
    frame = scenario.frame("ev_meter")
    assert frame.shape == (362, 6)
    assert frame["ev_meter.energy_import_wh"].count() == 37
    assert len(scenario.messages("ev")) + len(scenario.messages("ev_meter")) == 910


def test_a_bundle_that_was_copied_alone_is_a_run(made, tmp_path):
    alone = shutil.copytree(bundle_of(made), tmp_path / "alone")
    assert flexrig.open_run(alone).frame("ev_meter").shape[1] == 6
