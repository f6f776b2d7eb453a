"""Difference metering: each Then red where it must be, for its own reason."""

import re

import pytest

from tests.cli.bench import ROOT, changed, flexrig_here, pytest_here

RIG = ROOT / "rigs/private_network.toml"
METERING = ROOT / "features/metering"
SETTLED, ALLOWED = (
    METERING / f"difference_metering{end}.feature" for end in ("", "_eligibility")
)
SCALED = "Given third parties' readings are scaled up by 2 % for losses\n"
OWNERS = "Given the losses stay with the network owner\n"
HALF = "When the half-hours from 16:00 to 16:30 are settled\n"
ADDS_UP = "Then what enters Settlement adds up to the boundary reading"
GARAGE = "Then the garage enters Settlement with its meter's reading"
LOSE = "Then the network's wires lose what was declared, 2 %"
MISSING = "Then the half-hour from 16:00 is marked, because a reading is missing"
NEGATIVE = (
    "Then the half-hour from 16:00 is marked, because the network owner's share is "
    "negative"
)
EV_EMULATOR, BOUNDARY = "[meter.ev_meter.emulator]\n", "[meter.boundary.emulator]\n"


def background(feature):
    text = feature.read_text(encoding="utf-8")
    return re.split(r"(?=^  Scenario)", text, maxsplit=1, flags=re.M)[0]


def verdict_of(tmp_path, feature, steps, *wiring):
    case, bench = tmp_path / "case.feature", tmp_path / "rig.toml"
    case.write_text(f"{background(feature)}  Scenario: a twin\n{steps}\n")
    bench.write_text(changed(RIG.read_text(encoding="utf-8"), *wiring))
    return pytest_here(case, bench, tmp_path / "run").record.verdicts[0]


CASES = {
    "a third party whom nobody deducts is counted twice": (
        f"{OWNERS}And the data collector's site information leaves out the garage\n"
        f"{HALF}{ADDS_UP}", (), "d380/adds-up", "fail", "in 2",
    ),
    "scaled up, and it should not be": (
        f"{SCALED}{HALF}{GARAGE}", (), "d380/advance", "fail", "in 2",
    ),
    "left as it is, and it should be scaled": (
        f"{OWNERS}{HALF}{GARAGE} scaled up by 2 %", (), "d380/advance", "fail", "",
    ),
    "scaled by another factor": (
        f"{SCALED}{HALF}{GARAGE} scaled up by 1.9 %", (), "d380/advance", "fail", "",
    ),
    "wires that lose more": (
        f"{SCALED}{HALF}{LOSE}",
        (("line_resistance_ohm = 0.1", "line_resistance_ohm = 0.3"),),
        "d380/declared-losses", "fail", "",
    ),
    "a third party's meter that shows too little": (
        f"{SCALED}{HALF}{LOSE}", ((EV_EMULATOR, f"{EV_EMULATOR}gain_percent = -6\n"),),
        "d380/declared-losses", "fail", "",
    ),
    "a boundary meter that stands still settles nothing": (
        f"{SCALED}{HALF}{ADDS_UP}",
        ((BOUNDARY, f"{BOUNDARY}frozen_after_s = 100.0\n"),),
        "d380/adds-up", "inconclusive", "boundary",
    ),
    "a meter that never spoke proves nothing": (
        f"{SCALED}{HALF}{LOSE}",
        ((EV_EMULATOR, f"{EV_EMULATOR}frozen_after_s = 100.0\n"),),
        "d380/declared-losses", "inconclusive", "ev_meter",
    ),
    "nothing was missing": (
        f"{OWNERS}{HALF}{MISSING}", (), "d380/settled-otherwise", "fail", "nothing",
    ),
    "nothing was negative": (
        f"{OWNERS}{HALF}{NEGATIVE}", (), "d380/settled-otherwise", "fail", "nothing",
    ),
    "missing is not negative": (
        f"{OWNERS}{HALF}And the EV meter is silent from 16:29:30 to 16:30:25\n"
        f"{NEGATIVE}", (), "d380/settled-otherwise", "fail", "a reading is missing",
    ),
    "with nothing settled the others cannot be": (
        f"{OWNERS}{HALF}And the EV meter is silent from 16:29:30 to 16:30:25\n"
        "Then every other half-hour is settled", (),
        "d380/settled-otherwise", "inconclusive", "none was settled",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    steps, wiring, rule, outcome, says = CASES[case]
    verdict = verdict_of(tmp_path, SETTLED, steps, *wiring)
    assert verdict.rule.id == rule
    assert str(verdict.outcome) == outcome, verdict.reason
    assert says in verdict.reason


PAPERS = "the papers of the garage meter say"
DECLARE = "When D/380 is declared at 12:00 for a circuit of 0.5 MVA\n"
ANSWER = (
    "Then the network owner, asked on 2026-12-14, answered in time on {}, by the "
    "working days of {}"
)
DECIDED = {
    "a broken condition is not allowed": (
        f"Given {PAPERS} CoP10 as its code\n{DECLARE}Then D/380 may be used",
        "d380/decided-otherwise", "fail", "neither CoP3 nor CoP5",
    ),
    "two broken conditions are not one": (
        f"Given {PAPERS} CoP10 as its code\nAnd {PAPERS} monthly as its reading\n"
        f"{DECLARE}Then D/380 may not be used, because a meter is not read half-hourly",
        "d380/decided-otherwise", "fail", "neither CoP3 nor CoP5",
    ),
    "what is allowed is not refused": (
        f"{DECLARE}Then D/380 may not be used, because compliance was not declared",
        "d380/decided-otherwise", "fail", "accepted",
    ),
    "a day too late": (
        f"{DECLARE}{ANSWER.format('2027-01-15', 'England and Wales')}",
        "d380/answer", "fail", "",
    ),
    "2 January is a holiday in Scotland alone": (
        f"{DECLARE}{ANSWER.format('2027-01-18', 'Scotland')}",
        "d380/answer", "fail", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DECIDED)
def test_each_decision_is_red_where_it_must_be(case, tmp_path):
    steps, rule, outcome, says = DECIDED[case]
    verdict = verdict_of(tmp_path, ALLOWED, steps)
    assert verdict.rule.id == rule
    assert str(verdict.outcome) == outcome, verdict.reason
    assert says in verdict.reason


@pytest.mark.parametrize(
    ("feature", "change", "says"),
    [
        (SETTLED, ("2000000000024", "2000000000025"), "its check digit should be"),
        (SETTLED, ("| EV           |", "| load bank    |"), "the same role"),
        (SETTLED, ("scaled up by 2 %", "scaled up by 2 kW"), "is no share"),
        (SETTLED, ("scaled up by 2 %", "scaled up by −2 %"), "losses are 0 %"),
        (SETTLED, ("to 17:00 are", "to 16:45 are"), "begin and end at :00 and :30"),
        (ALLOWED, ("as its <what>", "as its colour"), "is not in a meter's papers"),
        (ALLOWED, ("of 10 MVA\n", "of 10 MW\n"), "is no capacity of a circuit"),
        (ALLOWED, ("| monthly        |", "| hourly         |"), "is no way to read"),
        (ALLOWED, ("| LDSO              |", "| postman           |"), "need not agree"),
        (ALLOWED, ("| garage   | CoP5", "| stable   | CoP5"), "is not there"),
    ],
)
def test_bad_input_is_named_before_anything_runs(feature, change, says, tmp_path):
    path = tmp_path / feature.name
    path.write_text(changed(feature.read_text(encoding="utf-8"), change))
    ended = flexrig_here("run", path, "--rig", RIG, "--run-folder", tmp_path / "run")
    assert ended.code == 2, ended.text
    assert says in " ".join(ended.text.split())
