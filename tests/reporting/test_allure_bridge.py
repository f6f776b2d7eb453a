"""Allure shows each scenario as it was written, and blames the right party."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.reporting.allure_bridge import refuse_rival
from harness.reporting.record import STEP_STATUS
from harness.reporting.record_json import read_records

pytest_plugins = ["pytester"]


@pytest.fixture
def results(sample: Any) -> dict[str, dict[str, Any]]:
    """Return Allure's results by the name that its report shows."""
    found = [
        json.loads(path.read_text()) for path in sample.results.glob("*result.json")
    ]
    return {result["name"]: result for result in found}


def labels(result: dict[str, Any], name: str) -> set[str]:
    """Return the values of one label."""
    return {one["value"] for one in result["labels"] if one["name"] == name}


def test_allure_counts_what_the_records_count(
    sample: Any, results: dict[str, dict[str, Any]]
) -> None:
    from_records = Counter(
        str(STEP_STATUS[record.outcome]) for record in read_records(sample.folder)
    )
    assert Counter(one["status"] for one in results.values()) == from_records
    assert from_records == {"passed": 3, "failed": 1, "broken": 6, "skipped": 1}


@pytest.mark.parametrize(
    ("title", "status", "message"),
    [
        ("The car is late, and is judged on its return all the same", "failed",
         "FAIL: ev turn-up response time 88"),
        ("The meter froze", "broken", "INCONCLUSIVE: ev"),
        ("The meter fell silent", "broken", "nobody answers. Try:"),
        ("Nothing to ask of this rig", "skipped", "NOT APPLICABLE: ev"),
        ("The car is asked for 3.6 kW", "passed", "CONDITIONAL PASS: ev"),
        ("A phrase that nobody knows", "broken", "faults.feature line 7"),
        ("A step that would never run", "broken", "async function"),
        ("Nothing is judged", "broken", "INCONCLUSIVE"),
    ],
)  # fmt: skip
def test_the_status_blames_the_right_party_in_one_sentence(
    results: dict[str, dict[str, Any]], title: str, status: str, message: str
) -> None:
    result = results[title]
    assert result["status"] == status
    assert message in result["statusDetails"]["message"]
    assert "trace" not in result["statusDetails"]


def test_only_a_defect_of_ours_shows_a_trace(
    results: dict[str, dict[str, Any]],
) -> None:
    assert (
        "1 / 0" in results["A defect of the harness itself"]["statusDetails"]["trace"]
    )


def test_steps_read_as_in_the_feature_file_and_unrun_ones_are_skipped(
    results: dict[str, dict[str, Any]],
) -> None:
    steps = results["The meter fell silent"]["steps"]
    assert [(step["name"], step["status"]) for step in steps] == [
        ("Given a home whose car is charging", "passed"),
        ("And the published limits", "passed"),
        ("When the meter falls silent", "broken"),
        ("Then the EV responds in the published time", "skipped"),
        ("And the EV returns without overshoot", "skipped"),
    ]


def test_a_verdict_stands_beneath_its_step_with_everything_to_argue_with(
    results: dict[str, dict[str, Any]],
) -> None:
    step = results["The car takes more within half a minute"]["steps"][3]
    (verdict,) = step["steps"]
    facts = {one["name"]: one["value"] for one in verdict["parameters"]}
    assert verdict["name"].startswith("PASS: ev turn-up response time 8.30 ± 0.70 s")
    assert facts["Limit"] == "at most 30 s"
    assert facts["Measured ± U"] == "8.30 ± 0.70 s"
    assert facts["Source"] == "CrowdFlex WP5, Table 4, winter 2022/23 (verified)"
    assert facts["Decision rule"] == (
        "guard-band, w = U (ILAC-G8:09/2019, 4.2.2); "
        "at most 2.3 % risk of false acceptance at a bound"
    )
    assert facts["Risk that this is wrong"] == "< 0.1 % (false acceptance)"
    assert facts["Outcome"] == "pass"
    assert facts["u, sampling interval"] == "0.29 s, 1 Hz, rectangular"


def test_tables_and_figures_are_attached_to_their_step(
    sample: Any, results: dict[str, dict[str, Any]]
) -> None:
    steps = results["The car takes more within half a minute"]["steps"]
    (table,) = steps[1]["attachments"]
    text = (sample.results / table["source"]).read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == ["quantity", "at most", "unit", "rule"]
    assert rows[1][1] == "30"
    (figure,) = steps[3]["attachments"]
    assert figure["type"] == "image/svg+xml"
    assert (sample.results / figure["source"]).read_bytes().startswith(b"<?xml")


def test_an_example_row_is_shown_column_by_column(
    results: dict[str, dict[str, Any]],
) -> None:
    rows = results["The car is asked for 3.6 kW"]["parameters"]
    assert [(row["name"], row["value"]) for row in rows] == [
        ("kw", "3.6"),
        ("answer", "nearly passes"),
    ]
    other = results["The car is asked for 7.2 kW"]
    assert other["historyId"] != results["The car is asked for 3.6 kW"]["historyId"]


def test_labels_come_from_the_folder_the_feature_and_the_tags(
    results: dict[str, dict[str, Any]],
) -> None:
    result = results["The car takes more within half a minute"]
    assert labels(result, "epic") == {"Services"}
    assert labels(result, "feature") == {"Balancing Mechanism"}
    assert labels(result, "suite") == {"Balancing Mechanism"}
    assert labels(result, "tag") == {"BM", "REQ-001", "ev"}
    assert labels(result, "severity") == {"critical"}
    assert labels(result, "evidence") == {"emulated"}
    assert [(link["type"], link["name"]) for link in result["links"]] == [
        ("issue", "42")
    ]


def test_what_the_evidence_is_worth_comes_first(
    results: dict[str, dict[str, Any]],
) -> None:
    text = results["The car takes more within half a minute"]["description"]
    assert text.startswith("**Emulated evidence: this certifies nothing.**")
    assert "- Shows BM: Balancing Mechanism" in text
    assert "- Evidence: reports/runs/x" in text
    assert "- ev: Flexrig Emulated AC 1.0, firmware 1" in text
    assert "<script>" not in results["Nothing is judged"]["description"]


def test_fixtures_that_went_well_leave_no_files(sample: Any) -> None:
    assert list(sample.results.glob("*-container.json")) == []


def plugins(*loaded: str, blocked: bool = False) -> Any:
    """Return what pytest would say of its plugins."""
    return SimpleNamespace(
        has_plugin=lambda name: name in loaded, is_blocked=lambda _name: blocked
    )


def test_two_bridges_to_allure_are_refused_in_one_sentence() -> None:
    with pytest.raises(pytest.UsageError, match=r"same scenarios.*no:allure_pytest"):
        refuse_rival(plugins("allure_pytest_bdd"))


def test_one_bridge_is_fine() -> None:
    refuse_rival(plugins("allure_pytest"))


def test_an_installed_rival_is_refused_unless_it_is_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "rival-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[pytest11]\nallure_pytest_bdd = rival.plugin\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(pytest.UsageError, match="pip uninstall"):
        refuse_rival(plugins())
    refuse_rival(plugins(blocked=True))


def test_a_run_with_both_stops_before_anything_happens(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(allure_pytest_bdd="")
    pytester.makeconftest(
        "from harness.reporting.allure_bridge import AllureBridge\n"
        "def pytest_configure(config):\n"
        "    config.pluginmanager.register(AllureBridge(config))\n"
    )
    pytester.makepyfile("def test_one(): pass")
    pytester.syspathinsert()
    done = pytester.runpytest_inprocess(
        "-p", "no:flexrig", "-p", "allure_pytest_bdd", "--alluredir", "results"
    )
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "reports the same scenarios" in done.stderr.str()
    assert "Traceback" not in done.stderr.str()
