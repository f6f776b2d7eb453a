"""Dispatch over HTTP: each Then red where it must be, for its own reason."""

import dataclasses
import re
from datetime import timedelta

import pytest

import harness.trial.participant as participant
from harness.market.flexible_power import readings_body
from tests.cli.bench import GOOD_RIG, ROOT, changed, flexrig_here, pytest_here, seldom

FEATURE = ROOT / "features/services/dispatch_over_http.feature"
SECURE = ROOT / "features/services/secure.feature"
CALLED = (
    "Given the DSO armed the service at 17:00\n"
    "When the DSO sends a start at 17:15 for 17:30 to 17:32\n"
)
IGNORES = (
    "[device.ev.emulator]\n",
    "[device.ev.emulator]\nfaults = { ignores_profiles = true }\n",
)
AHEAD = "the start came as far ahead as Flexible Power has it"
HOLDS = "the DSO holds a reading for every minute from 17:26 to 17:36"
SAW = "they are what the meter saw, from 17:26 to 17:36"


def verdict_of(tmp_path, steps, feature=FEATURE, *wiring):
    text = feature.read_text(encoding="utf-8")
    begin = text[: text.index("  Scenario")].replace(
        "15 minutes after", "5 minutes after"
    )
    path = tmp_path / "case.feature"
    path.write_text(f"{begin}  Scenario: a twin\n{steps}\n", encoding="utf-8")
    bench = tmp_path / "rig.toml"
    rig = changed(GOOD_RIG.read_text(encoding="utf-8"), *wiring)
    bench.write_text(seldom(rig), encoding="utf-8")
    run = pytest_here(path, bench, tmp_path / "run")
    return run.record.verdicts[0]


def judged(tmp_path, then, steps=CALLED):
    return verdict_of(tmp_path, f"{steps}Then {then}")


def altered(alter):
    """Have the participant send other readings than it should."""

    def body(unit, readings):
        return readings_body(unit, [new for one in readings for new in alter(one)])

    return body


@pytest.mark.parametrize(
    ("alter", "then", "outcome"),
    [
        (lambda one: [one], SAW, "pass"),
        (lambda one: [dataclasses.replace(one, export_kw=-one.export_kw)], SAW, "fail"),
        (lambda one: [dataclasses.replace(one, ends_at=one.ends_at - timedelta(minutes=1))], SAW, "fail"),  # noqa: E501
        (lambda one: [dataclasses.replace(one, ends_at=one.ends_at + timedelta(hours=1))], HOLDS, "fail"),  # noqa: E501
        (lambda one: [dataclasses.replace(one, export_kw=one.export_kw * 1e3)], SAW, "fail"),  # noqa: E501
        (lambda one: [one] if one.ends_at.minute % 10 else [], HOLDS, "fail"),
        (lambda one: [dataclasses.replace(one, ends_at=one.ends_at - timedelta(seconds=5))], HOLDS, "fail"),  # noqa: E501
    ],
)  # fmt: skip
def test_readings_that_are_late_turned_or_missing_are_seen(
    alter, then, outcome, tmp_path, monkeypatch
):
    monkeypatch.setattr(participant, "readings_body", altered(alter))
    assert str(judged(tmp_path, then).outcome) == outcome


@pytest.mark.parametrize(
    ("change", "then", "rule", "says"),
    [
        (("at 17:15", "at 17:16"), AHEAD, "flexible_power_pages/start-ahead", ""),
        (("17:15", "17:15"), "the last signal is answered with 409",
         "flexible_power_pages/answered-otherwise", "answered with 202"),
        (("17:15", "17:15"), "nothing was asked of the home",
         "transition/uc1/instructions-when-refused", ""),
    ],
)  # fmt: skip
def test_each_then_is_red_where_it_must_be(change, then, rule, says, tmp_path):
    verdict = judged(tmp_path, then, changed(CALLED, change))
    assert verdict.rule.id == rule
    assert str(verdict.outcome) == "fail", verdict.reason
    assert says in verdict.reason


@pytest.mark.parametrize(("wiring", "outcome"), [((), "pass"), ((IGNORES,), "fail")])
def test_a_home_called_for_secure_gives_its_capacity_or_is_seen_not_to(
    wiring, outcome, tmp_path
):
    then = "Then the home delivers the agreed capacity in the agreed time"
    found = verdict_of(tmp_path, f"{CALLED}{then}", SECURE, *wiring)
    assert str(found.outcome) == outcome


def test_a_home_that_stays_down_after_a_stop_is_not_back(tmp_path):
    steps = (
        CALLED.replace("17:32", "17:45")
        + "And the DSO sends a stop at 17:35\n"
        + "And the EV accepts and ignores from 17:34\n"
    )
    verdict = judged(tmp_path, "the home is back at its usual demand by 17:40", steps)
    assert verdict.rule.id == "transition/uc1/release-within"
    assert str(verdict.outcome) == "fail", verdict.reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("sends a start at 17:15 for 17:30 to 17:45", "sends a start at 17:31 for 17:30 to 17:45"), "is after 17:30"),  # noqa: E501
        (("the DSO speaks to the aggregator over HTTP\n", "the DSO shouts\n"), "the DSO shouts"),  # noqa: E501
        (("Dynamic | CMZ T2 | HOME-000001 |\n", "Dynamic | CMZ T2 | HOME-000001 |\n      | Secure  | CMZ T2 | HOME-000001 |\n"), "has 2 rows"),  # noqa: E501
        (("from 17:16 to 17:55\n    And they", "from 17:16 to 17:16:30\n    And they"), "no whole minutes"),  # noqa: E501
    ],
)  # fmt: skip
def test_bad_input_is_named(change, says, tmp_path):
    text = changed(FEATURE.read_text(encoding="utf-8"), change)
    path = tmp_path / "case.feature"
    path.write_text(text, encoding="utf-8")
    run = flexrig_here(
        "run",
        path,
        "--rig",
        GOOD_RIG,
        "--run-folder",
        tmp_path / "r",
        "-k",
        "goes_back",
    )
    assert run.code in (2, 3), run.text
    assert re.search(re.escape(says), run.text)
    assert "Traceback" not in run.text
