"""Every scenario leaves a record, however it ends, and says whose fault it was."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.errors import FeatureError
from harness.reporting import allure_bridge, figures  # noqa: F401 - imported once
from harness.reporting.record import ScenarioRecord
from harness.reporting.record_json import read_records
from harness.reporting.recorder import ScenarioRecorder

pytest_plugins = ["pytester"]

Run = Callable[..., Any]

GOOD = """
@BM @REQ-001
Feature: Balancing Mechanism
  Background:
    Given a home whose car is charging

  @ev
  Scenario: One
    Then the EV passes when asked

  @heat_pump @severity:critical
  Scenario: Two
    Then the EV passes when asked

  Scenario Outline: Three <kw>
    When the ESO instructs the EV to turn up to <kw> kW
    Then the EV passes when asked

    Examples:
      | kw  |
      | 9.9 |
      | 1.1 |
"""


@pytest.fixture
def records(sample: Any) -> dict[str, ScenarioRecord]:
    """Return the records of the sample run by title."""
    return {record.title: record for record in read_records(sample.folder)}


def statuses(record: ScenarioRecord) -> list[str]:
    """How each step ended."""
    return [str(step.status) for step in record.steps]


def test_every_scenario_has_a_record_with_its_own_ending(sample: Any) -> None:
    outcomes = Counter(str(r.outcome) for r in read_records(sample.folder))
    assert outcomes == sample.counts


def test_a_late_device_fails_and_its_other_bounds_are_judged_all_the_same(
    records: dict[str, ScenarioRecord],
) -> None:
    late = records["The car is late, and is judged on its return all the same"]
    assert statuses(late) == ["passed", "passed", "passed", "failed", "passed"]
    assert [str(v.outcome) for v in late.verdicts] == ["fail", "pass"]
    assert late.steps[3].verdicts == (0,)
    assert late.steps[4].verdicts == (1,)
    assert late.error.startswith("FAIL: ev turn-up response time 88")
    assert "Try: a device that ramps above 250 W/s" in late.error


def test_a_silent_meter_is_the_benchs_fault_and_later_steps_are_not_run(
    records: dict[str, ScenarioRecord],
) -> None:
    silent = records["The meter fell silent"]
    assert silent.outcome == "broken"
    assert statuses(silent) == ["passed", "passed", "broken", "skipped", "skipped"]
    assert silent.error.endswith("nobody answers. Try: the power and the wiring.")
    assert silent.verdicts == ()


def test_a_frozen_meter_decides_nothing(records: dict[str, ScenarioRecord]) -> None:
    froze = records["The meter froze"]
    assert froze.outcome == "inconclusive"
    assert statuses(froze)[-1] == "broken"


def test_a_scenario_that_judged_nothing_is_no_pass(
    records: dict[str, ScenarioRecord],
) -> None:
    empty = records["Nothing is judged"]
    assert empty.outcome == "inconclusive"
    assert "no Then gave a verdict" in empty.error


def test_an_unknown_phrase_is_named_with_its_line(
    records: dict[str, ScenarioRecord],
) -> None:
    unknown = records["A phrase that nobody knows"]
    assert unknown.outcome == "broken"
    assert unknown.error == (
        'faults.feature line 7: no phrase says When "the moon is full". '
        "Try: flexrig steps, which lists all phrases."
    )
    assert statuses(unknown) == ["passed", "broken", "skipped"]


def test_a_defect_of_the_harness_is_not_held_against_a_device(
    records: dict[str, ScenarioRecord],
) -> None:
    defect = records["A defect of the harness itself"]
    assert defect.outcome == "broken"
    assert defect.error == "ZeroDivisionError: division by zero"


def test_foreseen_faults_show_one_sentence_and_no_traceback(sample: Any) -> None:
    assert "the EV responds in the published time" not in sample.output
    assert sample.output.count("Traceback") == 0
    assert "recorder.py" not in sample.output
    assert "1 / 0" in sample.output, "a defect of ours keeps its traceback"


def test_the_text_the_table_and_the_example_row_are_kept(
    records: dict[str, ScenarioRecord],
) -> None:
    outline = records["The car is asked for 3.6 kW"]
    assert outline.example == {"kw": "3.6", "answer": "nearly passes"}
    assert outline.row == 1
    assert outline.steps[1].table[0][0] == "quantity"
    assert outline.steps[2].text == "the ESO instructs the EV to turn up to 3.6 kW"
    assert outline.tags == ("BM", "REQ-001", "issue:42", "severity:critical")
    assert outline.trial.seed == 7
    assert "onerror" in records["Nothing is judged"].steps[0].doc_string


def test_figures_lie_beside_the_record_and_the_folder_is_sealed_last(
    sample: Any, records: dict[str, ScenarioRecord]
) -> None:
    good = records["The car takes more within half a minute"]
    folder = sample.folder / good.slug
    assert good.steps[3].figures == (0,)
    assert (folder / good.figures[0].file).read_bytes().startswith(b"<?xml")
    assert (folder / "sealed").exists()


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        (("-m", "ev"), {"One"}),
        (("-m", "REQ_001 and not ev"), {"Two", "Three 9.9", "Three 1.1"}),
        (("-m", "severity_critical"), {"Two"}),
        (("-k", "three"), {"Three 9.9", "Three 1.1"}),
    ],
)
def test_tags_and_names_select_scenarios_under_strict_markers(
    run_project: Run,
    pytester: pytest.Pytester,
    options: tuple[str, ...],
    titles: set[str],
) -> None:
    run = run_project({"x.feature": GOOD}, *options, pytester=pytester)
    assert run.status == 0, run.output
    assert {record.title for record in read_records(run.folder)} == titles


def test_workers_side_by_side_leave_the_same_records(run_project: Run) -> None:
    run = run_project({"x.feature": GOOD}, "-n", "2", "-p", "xdist")
    assert run.status == 0, run.output
    titles = [record.title for record in read_records(run.folder)]
    assert titles == ["One", "Two", "Three 9.9", "Three 1.1"]


def test_a_second_attempt_never_replaces_the_first(
    run_project: Run, pytester: pytest.Pytester
) -> None:
    run_project({"x.feature": GOOD}, "-m", "ev", pytester=pytester)
    again = run_project({"x.feature": GOOD}, "-m", "ev", pytester=pytester)
    first, second = read_records(again.folder)
    assert second.slug == f"{first.slug}-attempt2"


def test_a_fixture_that_fails_before_the_first_step_is_the_benchs_fault(
    run_project: Run, pytester: pytest.Pytester
) -> None:
    broken_rig = (
        "\nimport pytest\n"
        "from harness.core.errors import RigError\n"
        "@pytest.fixture(autouse=True)\n"
        "def rig(): raise RigError('a.toml [rig]', 'no such key', 'another')\n"
    )
    run = run_project(
        {"x.feature": GOOD},
        "-m",
        "ev",
        pytester=pytester,
        more={"test_features.py": broken_rig},
    )
    (record,) = read_records(run.folder)
    assert record.outcome == "broken"
    assert record.error == "a.toml [rig]: no such key. Try: another."
    assert set(statuses(record)) == {"skipped"}


def test_an_interrupted_scenario_leaves_a_record(run_project: Run) -> None:
    text = GOOD.replace("Given a home whose car is charging", "Given the mains fail")
    step = "\n@given('the mains fail')\ndef _(): raise KeyboardInterrupt\n"
    run = run_project({"x.feature": text}, "-m", "ev", more={"conftest.py": step})
    (record,) = read_records(run.folder)
    assert record.outcome == "broken"
    assert "interrupted" in record.error


@pytest.mark.parametrize("tag", ["xfail", "skipif", "usefixtures"])
def test_a_tag_that_could_hide_a_verdict_is_refused(tag: str, tmp_path: Path) -> None:
    config: Any = SimpleNamespace(addinivalue_line=lambda *_: None)
    recorder = ScenarioRecorder(config, tmp_path)
    with pytest.raises(FeatureError, match=f"@{tag}.*hide a verdict"):
        recorder.pytest_bdd_apply_tag(tag, lambda: None)


def test_the_file_is_plain_json_that_others_can_read(sample: Any) -> None:
    for path in sample.folder.glob("*/scenario.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["format"] == 1
        assert content["slug"] == path.parent.name
