"""Thermal constraints: who is called where, and each Then red where it must be."""

import dataclasses
import re

import pytest

from harness.market.thermal import Kind, Placed, Refusal, ThermalConstraint, refusal
from tests.cli.bench import (
    GOOD_RIG,
    ROOT,
    changed,
    flexrig_here,
    pytest_here,
    seldom,
)

FEATURE = ROOT / "features/services/thermal_constraint.feature"
IGNORES = ROOT / "rigs/bad/accepts_and_ignores.toml"
B1 = ThermalConstraint("B1", Kind.EXPORT, {"Beauly": 960_000.0})
LE1 = ThermalConstraint("LE1", Kind.IMPORT, {"Beauly": 420_000.0})
CAR = Placed("ev", "2000000000024", 1_400.0, "Beauly")


@pytest.mark.parametrize(
    ("constraint", "asset", "level_w", "homes", "expected"),
    [
        (B1, CAR, 4_600.0, 300, None),
        (B1, CAR, 4_600.0, 301, Refusal.NEXT),
        (B1, CAR, 1_400.0, 300, Refusal.WORSE),
        (B1, CAR, 1_399.0, 300, Refusal.WORSE),
        (LE1, CAR, 0.0, 300, None),
        (LE1, CAR, 0.0, 301, Refusal.NEXT),
        (LE1, CAR, 1_401.0, 300, Refusal.WORSE),
        (B1, dataclasses.replace(CAR, gsp="Wimbledon"), 4_600.0, 1, Refusal.ELSEWHERE),
        (B1, dataclasses.replace(CAR, gsp=""), 4_600.0, 1, Refusal.UNPLACED),
        (B1, dataclasses.replace(CAR, taken=True), 4_600.0, 1, Refusal.TAKEN),
    ],
)
def test_who_is_called(constraint, asset, level_w, homes, expected):
    assert refusal(constraint, asset, level_w=level_w, homes=homes) is expected


ROOM = (
    '    Given the export constraint "B1", with behind it\n      | grid supply point '
)
ASK = "When the ESO asks the EV a day ahead to turn up to 4.6 kW from 02:00 to 02:30\n"


def verdict_of(tmp_path, room, then, rig=GOOD_RIG, *wiring):
    text = FEATURE.read_text(encoding="utf-8")
    head = re.split(r"(?=^  Scenario)", text, maxsplit=1, flags=re.M)[0]
    steps = (
        f"{ROOM}| room |\n      | Beauly            | {room} MW |\n"
        f"    And the EV is held at 1.4 kW\n    {ASK}    Then {then}\n"
    )
    case, bench = tmp_path / "case.feature", tmp_path / "rig.toml"
    case.write_text(f"{head}  Scenario: a twin\n{steps}", encoding="utf-8")
    bench.write_text(seldom(changed(rig.read_text(encoding="utf-8"), *wiring)))
    return pytest_here(case, bench, tmp_path / "run").record.verdicts[0]


DELIVER = "the EV's half-hours deliver what was asked"
PAYS = "the ESO pays for what the EV's half-hours delivered"
NOT_CALLED = "the aggregator does not call the EV, because "
FROZEN = (
    "[meter.ev_meter.emulator]\n",
    "[meter.ev_meter.emulator]\nfrozen_after_s = 200.0\n",
)


@pytest.mark.parametrize("then", [DELIVER, PAYS])
def test_a_car_that_usually_draws_something_else_earns_nothing_by_that(then, tmp_path):
    """It ignores the level before as well: three kilowatts "more" than usual."""
    verdict = verdict_of(tmp_path, "1.0", then, IGNORES)
    assert str(verdict.outcome) == "inconclusive"
    assert "not the 1400 W that it is said to draw usually" in verdict.reason


@pytest.mark.parametrize("then", [DELIVER, PAYS])
def test_a_car_that_takes_less_than_asked_is_short_of_it(then, tmp_path):
    """What it is offered it takes as ever, but it can only take 10 A."""
    full = ("[device.ev.emulator]\n", "[device.ev.emulator]\nonboard_limit_a = 10.0\n")
    verdict = verdict_of(tmp_path, "1.0", then, GOOD_RIG, full)
    assert str(verdict.outcome) == "fail"
    assert 20 < verdict.measured.value < 50


@pytest.mark.parametrize("then", [DELIVER, PAYS])
def test_a_meter_that_stands_still_settles_nothing(then, tmp_path):
    verdict = verdict_of(tmp_path, "1.0", then, GOOD_RIG, FROZEN)
    assert str(verdict.outcome) == "inconclusive"


@pytest.mark.parametrize(
    ("room", "why", "says"),
    [
        ("1.0", Refusal.NEXT, "reasons given: none; 1 instructions were sent"),
        ("0.9", Refusal.WORSE, "it would make a new constraint"),
    ],
)
def test_a_call_or_another_reason_is_red(room, why, says, tmp_path):
    verdict = verdict_of(tmp_path, room, f"{NOT_CALLED}{why}")
    assert str(verdict.outcome) == "fail"
    assert says in verdict.reason


def test_an_asset_that_was_not_called_is_not_taken_to_deliver(tmp_path):
    verdict = verdict_of(tmp_path, "0.9", DELIVER)
    assert str(verdict.outcome) == "fail"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("the export constraint", "the thermal constraint"), "is no kind of"),
        (("2000000000024", "2000000000023"), "its check digit should be"),
        (("from 02:00 to 02:30", "from 02:10 to 02:40"), "begin and end at :00"),
        (("300 homes at", "0 homes at"), "are none"),
        (("| EV        | 2000", "| fridge    | 2000"), "is not placed"),
        (("| 1.0 MW |", "| −1.0 MW |"), "a negative room"),
        (("to turn up to 4.6", "to turn over to 4.6"), "is no way to move"),
    ],
)
def test_bad_input_is_named_before_anything_runs(change, says, tmp_path):
    path = tmp_path / FEATURE.name
    path.write_text(changed(FEATURE.read_text(encoding="utf-8"), change))
    run = flexrig_here("run", path, "--rig", GOOD_RIG, "--run-folder", tmp_path / "r")
    assert run.code == 2, run.text
    assert says in " ".join(run.text.split())
