"""What a run teaches of a home, and that it reaches the portfolio."""

import math
import shutil

import pytest

from harness.core.errors import EvidenceError
from harness.portfolio.file import read_portfolio
from harness.portfolio.learn import (
    ERROR,
    LATE,
    LOST,
    NO_ANSWER,
    OFTEN,
    RELEASE,
    RESPONSE,
    learn,
    scenes_in,
)
from tests.cli.bench import GOOD_RIG, QUARTER_HOUR, ROOT, changed, pytest_here


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn") / "run"
    pytest_here(QUARTER_HOUR, GOOD_RIG, folder, "--date", "2026-06-21")
    return folder


def test_a_run_teaches_how_a_car_answers_and_how_it_is_read(run):
    lessons = learn(scenes_in(run), "ev")
    (response,) = lessons.of(RESPONSE).values
    assert 1 <= response <= 10
    assert lessons.of(RESPONSE).u[0] > 0
    assert 1 <= lessons.of(RELEASE).values[0] <= 30
    assert lessons.of(NO_ANSWER).values == (0.0,)
    assert set(lessons.of(OFTEN).values) == {10.0}
    assert all(abs(one) < 2 for one in lessons.of(ERROR).values)
    assert all(0 <= one < 2 for one in lessons.of(LATE).values)
    assert lessons.wander.size >= 300
    assert lessons.wander.mean() == pytest.approx(1, abs=0.02)
    rows = {row[0]: row for row in lessons.table()}
    assert "(few)" in rows[RESPONSE][2]


def test_what_was_seen_stands_for_what_was_declared(run):
    file = read_portfolio(ROOT / "portfolios/ev.toml")
    lessons = learn(scenes_in(run), "ev")
    taught = lessons.over(file.unit())
    assert taught.metering.interval_s == 10
    assert taught.answering.response_s.values == lessons.of(RESPONSE).values
    assert taught.answering.no_answer == 0
    assert taught.metering.lost == pytest.approx(lessons.of(LOST).values[0] / 100)
    assert taught.metering.error.values[0] == lessons.of(ERROR).values[0] / 100
    assert taught.wander is lessons.wander
    assert "bench" in taught.answering.response_s.source
    assert taught.homes == file.unit().homes


def test_a_device_that_ignores_what_it_is_told_teaches_that(tmp_path):
    rig = ROOT / "rigs/bad/accepts_and_ignores.toml"
    options = ("-k", "car_gives", "--date", "2026-06-21")
    pytest_here(QUARTER_HOUR, rig, tmp_path / "run", *options)
    lessons = learn(scenes_in(tmp_path / "run"), "ev")
    assert lessons.of(RESPONSE) is None
    assert lessons.of(NO_ANSWER).values == (100.0,)
    unit = lessons.over(read_portfolio(ROOT / "portfolios/ev.toml").unit())
    assert unit.answering.no_answer == 1


def test_a_role_that_was_not_there_is_refused_by_name(run):
    with pytest.raises(EvidenceError, match=r"teach nothing of 'battery'.*ev"):
        learn(scenes_in(run), "battery")


def test_a_folder_without_recordings_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match="no recording here"):
        scenes_in(tmp_path)


def test_a_recording_that_was_touched_teaches_nothing(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    path = next(copy.glob("*/log.jsonl"))
    path.write_text(changed(path.read_text(), ("accepts", "refuses")))
    with pytest.raises(EvidenceError, match=r"log\.jsonl"):
        scenes_in(copy)


def test_one_scenario_is_enough(run):
    folder = next(run.glob("*car-gives*/manifest.json")).parent
    lessons = learn(scenes_in(folder), "ev")
    assert math.isfinite(lessons.of(RESPONSE).values[0])
