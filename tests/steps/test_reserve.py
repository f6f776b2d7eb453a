"""A reserve service by edition: each Then red where it must be, and tables that lie."""

import re

import pytest

from tests.cli.bench import ROOT, changed, flexrig_here, pytest_here

FEATURE = ROOT / "features/services/short_term_operating_reserve.feature"
RIG = ROOT / "rigs/home_half_hours.toml"
IGNORES = (
    "[device.ev.emulator]\n",
    "[device.ev.emulator]\nfaults = { ignores_profiles = true }\n",
)
SHORT = (
    ("from 16:00 to 18:00", "from 16:00 to 16:30"),
    ("from 19:00 to 19:30", "from 17:00 to 17:10"),
)


def verdicts_of(tmp_path, thens, *changes, wiring=()):
    text = changed(FEATURE.read_text(encoding="utf-8"), *SHORT, *changes)
    head, outline = re.split(r"(?=^  Scenario Outline)", text, maxsplit=1, flags=re.M)
    whens = [line for line in outline.splitlines() if "instructs" in line]
    steps = "\n".join(whens) + "\n    Then " + "\n    And ".join(thens)
    steps = steps.replace("<asset>", "EV").replace("<level>", "1.4 kW")
    case, bench = tmp_path / "case.feature", tmp_path / "rig.toml"
    case.write_text(f"{head}  Scenario: a twin\n{steps}\n", encoding="utf-8")
    bench.write_text(changed(RIG.read_text(encoding="utf-8"), *wiring))
    return pytest_here(case, bench, tmp_path / "run").record.verdicts


def test_a_unit_of_too_few_homes_and_a_delivery_that_is_too_short(tmp_path):
    found = verdicts_of(
        tmp_path,
        ("by the later page 500 such EVs make a unit",
         "by the older page the EV holds for long enough",
         "by the later page the EV is there again in time"),
    )  # fmt: skip
    assert [str(one.outcome) for one in found] == ["fail", "inconclusive", "pass"]
    assert "asked for no longer" in found[1].reason


def test_a_car_that_says_yes_and_does_nothing_is_no_reserve(tmp_path):
    found = verdicts_of(
        tmp_path,
        ("by the later page 520 such EVs make a unit",
         "by the later page the EV delivers in full in time",
         "by the older page the EV delivers as soon as is preferred",
         "by the later page the EV holds for long enough",
         "by the later page the EV is there again in time"),
        wiring=(IGNORES,),
    )  # fmt: skip
    assert [str(one.outcome) for one in found] == ["fail"] * 3 + ["inconclusive"] * 2


def test_a_car_that_is_called_once_has_not_shown_that_it_recovers(tmp_path):
    again = "    And the ESO instructs the <asset> to turn down to <level> from 17:00"
    once = (f"{again} to 17:10\n", "")
    (found,) = verdicts_of(
        tmp_path, ("by the later page the EV is there again in time",), once
    )
    assert str(found.outcome) == "inconclusive"
    assert "it was not called a second time" in found.reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("| 240 minutes | 20 minutes ", "| 240 minutes | – "), "it leaves out what"),
        (("| 240 minutes | 20 minutes ", "| 240 minutes | 21 minutes "), "but market_"),
        (("| recovery                 | –  ", "| recovery                 | 1 h"),
         "has no edition 'older page'"),
        (("| recovery ", "| remorse  "), "is no requirement"),
        (("stor-recovery ", "stor-recovers "), "there is no rule"),
    ],
)  # fmt: skip
def test_a_table_that_lies_is_refused_before_anything_runs(change, says, tmp_path):
    path = tmp_path / FEATURE.name
    path.write_text(changed(FEATURE.read_text(encoding="utf-8"), change))
    run = flexrig_here("run", path, "--rig", RIG, "--run-folder", tmp_path / "r")
    assert run.code == 2, run.text
    assert says in " ".join(run.text.split())
