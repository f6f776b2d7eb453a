"""Answers held against every service: what is open, what is not, what nobody knows."""

import math
import re
import shutil

import pytest

from harness.analysis.aggregate.criteria import INTERVAL
from harness.analysis.estimate import Estimate
from harness.rulebook.loader import load_rulebook
from harness.steps.answers import (
    ARRIVED,
    HELD,
    MOVED,
    NOT_LONGER,
    SHARE,
    Answer,
    answer_table,
    headline,
)
from tests.cli.bench import GOOD_RIG, QUARTER_HOUR, ROOT, flexrig_here, pytest_here

BOOK = load_rulebook()
CAR = "the_car_gives_way"


def answer(moved=1.0, arrived=5.0, held=3600.0, share=100.0, every=1.0, more=False):
    seconds = {MOVED: moved, ARRIVED: arrived, INTERVAL: every}
    measured = {name: Estimate(value, "s") for name, value in seconds.items()}
    measured[HELD] = Estimate(held, "s")
    if more:
        measured[HELD] = Estimate(held, "s", why=NOT_LONGER, unseen=(held, math.inf))
    measured[SHARE] = Estimate(share, "%")
    return Answer("ev", "EV: turn down to 1.4 kW at 17:00:00", measured, 5_960.0)


def met(one, name, edition=None):
    (found,) = (
        stand.meets
        for stand in one.stands(BOOK, "simple")
        if stand.regime.name == name and edition in (None, stand.regime.edition)
    )
    return found


@pytest.mark.parametrize(
    ("name", "edition", "just", "too_much"),
    [
        ("Quick Reserve", None, {"arrived": 60.0}, {"arrived": 60.5}),
        ("Quick Reserve", None, {"held": 900.0}, {"held": 899.0}),
        ("Slow Reserve", None, {"arrived": 900.0}, {"arrived": 901.0}),
        ("STOR", "older page", {"arrived": 14_400.0, "held": 7_200.0},
         {"arrived": 14_401.0, "held": 7_200.0}),
        ("STOR", "later page", {"arrived": 1_200.0, "held": 7_200.0},
         {"arrived": 1_200.0, "held": 7_199.0}),
        ("STOR", "later page", {"every": 60.0, "held": 7_200.0},
         {"every": 61.0, "held": 7_200.0}),
        ("Fast Reserve", "newer page", {"moved": 120.0}, {"moved": 121.0}),
        ("Dynamic Containment", None, {"moved": 0.5, "arrived": 1.0},
         {"moved": 0.5, "arrived": 1.1}),
        ("Dynamic Moderation", None, {"moved": 0.5, "arrived": 1.0, "held": 1_800.0},
         {"moved": 0.6, "arrived": 1.0, "held": 1_800.0}),
        ("Dynamic Regulation", None, {"moved": 2.0, "arrived": 10.0},
         {"moved": 2.0, "arrived": 10.0, "held": 3_599.0}),
        ("Demand Flexibility Service", "winter 2022/23", {"held": 1_800.0},
         {"held": 1_799.0}),
        ("Sustain-H", None, {"every": 1_800.0}, {"every": 1_801.0}),
        ("Secure", None, {"share": 95.0}, {"share": 94.0}),
        ("Thermal Constraint Management", None, {"every": 1_800.0}, {"share": 0.0}),
        ("Operational Utilisation, 2 minutes", None, {"arrived": 120.0},
         {"arrived": 121.0}),
        ("Operational Utilisation, 15 minutes", None, {"arrived": 900.0},
         {"arrived": math.inf}),
        ("Dynamic", None, {"arrived": 900.0, "held": 7_200.0},
         {"arrived": 900.0, "held": 7_100.0}),
    ],
)  # fmt: skip
def test_each_service_has_one_that_just_meets_it_and_one_that_just_does_not(
    name, edition, just, too_much
):
    assert met(answer(**just), name, edition) is True
    assert met(answer(**too_much), name, edition) is False


def test_what_was_asked_for_no_longer_is_neither_met_nor_missed():
    one = answer(held=900.0, more=True)
    assert met(one, "Quick Reserve") is True
    assert met(one, "Dynamic Regulation") is None
    rows = answer_table(one, one.stands(BOOK, "simple"), BOOK)
    assert "asked for no longer" in rows[1][3]


def test_the_least_unit_is_told_in_such_changes():
    one = answer()
    rows = answer_table(one, one.stands(BOOK, "simple"), BOOK)
    units = {row[0].partition(",")[0]: row[-2] for row in rows}
    assert units["Quick Reserve"] == "1 MW: 168 such"
    assert units["Fast Reserve"] == "25 MW: 4,195 such"
    assert units["Dynamic Containment"] == "not asked"


def test_what_was_not_seen_opens_nothing():
    blind = {
        name: Estimate(math.nan, one.unit, why="the meter was frozen")
        for name, one in answer().measured.items()
    }
    one = Answer("ev", "EV", blind, math.nan)
    assert {stand.meets for stand in one.stands(BOOK, "simple")} == {None}


def test_a_recording_that_was_cut_short_opens_nothing():
    one = answer()
    short = Answer(one.role, one.title, one.measured, one.moved_w, complete=False)
    assert True not in {stand.meets for stand in short.stands(BOOK, "simple")}


def test_the_headline_names_what_is_open_and_the_nearest_miss():
    one = answer(arrived=74.0)
    said = headline(one, one.stands(BOOK, "simple"))
    assert re.match(r"Meets what could be measured of .*Slow Reserve", said)
    assert "The nearest miss is Quick Reserve" in said
    assert "full delivery by 14 s" in said
    assert "1 MW would take 168 such changes" in said


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    return pytest_here(QUARTER_HOUR, GOOD_RIG, folder, "-k", CAR).folder


def shown(*arguments):
    return " ".join(flexrig_here("access", *arguments).text.split())


def test_a_good_car_opens_quick_reserve_and_the_page_says_so(good, tmp_path):
    page = tmp_path / "access.html"
    ended = flexrig_here("access", good, "--html", page)
    assert ended.code == 0, ended.text
    text = page.read_text(encoding="utf-8")
    assert "EV: turn down to 1.4 kW at 17:00:00" in text
    assert re.search(r"<td>Quick Reserve.*?</td>.*?<td>yes</td></tr>", text)
    assert re.search(r"<td>Dynamic Containment.*?<td>no: [^<]*first movement", text)
    assert "<script" not in text


@pytest.mark.parametrize("bad", ["accepts_and_ignores", "reference_meter_frozen"])
def test_a_bad_rig_opens_nothing(bad, tmp_path):
    rig = ROOT / f"rigs/bad/{bad}.toml"
    run = pytest_here(QUARTER_HOUR, rig, tmp_path / "run", "-k", CAR)
    said = shown(run.folder, "--role", "ev")
    assert "Meets none in all that could be measured" in said
    assert " yes " not in said


def test_bad_input_is_one_sentence(good, tmp_path):
    assert "no recording is in it" in shown(tmp_path)
    assert "no instruction of the heat_pump" in shown(good, "--role", "heat_pump")
    assert flexrig_here("access", tmp_path / "nowhere").code == 2


def test_a_touched_recording_is_refused(good, tmp_path):
    touched = tmp_path / "run"
    shutil.copytree(good, touched)
    (log,) = touched.glob("*/log.jsonl")
    log.write_bytes(log.read_bytes() + b"\n")
    ended = flexrig_here("access", touched)
    assert ended.code == 2
    assert "log.jsonl" in ended.text
