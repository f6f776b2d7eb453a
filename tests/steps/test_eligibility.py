"""Eligibility: every cell of the source's tables, and no device that is not proved."""

import pytest

from harness.market.eligibility import Dispatch, Technology, open_to, tables
from tests.cli.bench import GOOD_RIG, ROOT, changed, flexrig_here, pytest_here

WIRE = ROOT / "features/services/eligibility.feature"
MESSAGE = ROOT / "features/devices/eligibility_by_message.feature"
HOUSE = ROOT / "rigs/whole_house.toml"
IGNORES = ROOT / "rigs/bad/accepts_and_ignores.toml"
ALL = ("BM", "TCM", "DFS", "SUS", "SEC")
SHORT = dict(zip(ALL, tables().timings, strict=True))
CELLS = {
    ("EV", "automatically"): "BM TCM DFS SUS SEC",
    ("electrified heat", "automatically"): "BM TCM DFS SUS SEC",
    ("white goods", "by message"): "TCM DFS SUS SEC",
    ("EV", "by message"): "TCM DFS SUS SEC",
    ("electrified heat", "by message"): "TCM DFS SUS SEC",
    ("white goods", "automatically"): "TCM DFS SEC",
}
"""As Table 2 (the first three) and Table 5 have them, in the order of their columns."""


@pytest.mark.parametrize("technology", Technology)
@pytest.mark.parametrize("dispatch", Dispatch)
@pytest.mark.parametrize("service", ALL)
def test_every_cell(technology, dispatch, service):
    opened = open_to(technology, dispatch)
    assert (SHORT[service] in opened) is (service in CELLS[technology, dispatch])


def ended(tmp_path, feature, rig, only, *changes, wiring=()):
    case, bench = tmp_path / "case.feature", tmp_path / "rig.toml"
    case.write_text(changed(feature.read_text(encoding="utf-8"), *changes))
    bench.write_text(changed(rig.read_text(encoding="utf-8"), *wiring))
    verdicts = pytest_here(case, bench, tmp_path / "run", "-k", only).record.verdicts
    return [(str(one.outcome), one.measured.value, one.reason) for one in verdicts]


CAR, PEOPLE = "a_car_that_is", "white"


def test_a_car_that_says_yes_and_does_nothing_may_serve_nothing(tmp_path):
    proof, cells = ended(tmp_path, WIRE, IGNORES, CAR)
    assert proof[0] == "fail"
    assert cells[:2] == ("fail", 5)
    assert "not proved to be dispatched automatically" in cells[2]


def test_people_who_agree_and_do_nothing_serve_nothing(tmp_path):
    table = "[device.occupants.emulator]\n"
    wiring = ((table, f"{table}ignores_messages = true\n"),)
    proof, cells = ended(tmp_path, MESSAGE, HOUSE, PEOPLE, wiring=wiring)
    assert proof[0] == "fail"
    assert cells[:2] == ("fail", 4)


@pytest.mark.parametrize(
    ("said", "outcome", "otherwise", "says"),
    [
        ("white goods, dispatched automatically", "inconclusive", 5, "not of white"),
        ("EV, dispatched by message", "inconclusive", 5, "nobody was asked"),
    ],
)
def test_a_claim_that_is_not_so_is_a_finding(said, outcome, otherwise, says, tmp_path):
    change = ("said to be EV, dispatched automatically", f"said to be {said}")
    proof, cells = ended(tmp_path, WIRE, GOOD_RIG, CAR, change)
    assert proof[0] == outcome
    assert says in proof[2]
    assert cells[:2] == ("fail", otherwise)


def test_a_service_that_is_open_and_should_not_be_is_named(tmp_path):
    change = ("| Balancing Mechanism           | yes |", "| Balancing Mechanism | no |")
    _proof, cells = ended(tmp_path, WIRE, GOOD_RIG, CAR, change)
    assert cells == ("fail", 1, cells[2])
    assert "otherwise: Balancing Mechanism" in cells[2]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("be EV, dispatched auto", "be a boat, dispatched auto"), "one of: EV"),
        (("EV, dispatched automatically", "EV, dispatched by pigeon"), "by message"),
    ],
)
def test_bad_input_is_named_before_anything_runs(change, says, tmp_path):
    path = tmp_path / WIRE.name
    path.write_text(changed(WIRE.read_text(encoding="utf-8"), change))
    run = flexrig_here("run", path, "--rig", GOOD_RIG, "--run-folder", tmp_path / "r")
    assert run.code == 2, run.text
    assert says in " ".join(run.text.split())
