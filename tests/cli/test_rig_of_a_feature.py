"""A feature names its rig, and its day; the command line has the last word."""

from datetime import date

import pytest

from harness.cli.run import trials_of
from harness.core.errors import FeatureError
from harness.reporting.record_json import read_records
from harness.rig.file import read_rig
from harness.rig.shipped import find_file, shipped
from harness.rulebook.loader import load_rulebook
from harness.steps.reading import (
    date_named_by,
    plans_of,
    read_feature,
    rig_named_by,
)
from harness.steps.sessions import Wanted
from harness.trial.run import check_roles
from tests.cli.bench import (
    GOOD_RIG,
    ROOT,
    changed,
    flexrig,
    flexrig_here,
    pytest_here,
)
from tests.trial.fakes import ON

SHORT = """@rig:battery_home
Feature: A battery
  Scenario: It gives for a minute
    Given a home with a battery
    And the bench is watched for 30 s before and 30 s after
    And the bench's own expectations
      | asset   | quantity                | limit     | rule                           |
      | battery | turn-down response time | 2 minutes | crowdflex/table4/heat-response |
    When the ESO instructs the battery to turn down to −2 kW from 12:00 to 12:01
    Then the battery responds in the published time
"""
FEATURES = sorted(shipped("features").rglob("*.feature"))


def test_without_a_rig_the_feature_s_own_is_used(tmp_path):
    (tmp_path / "short.feature").write_text(SHORT)
    run = ("run", tmp_path / "short.feature", "--no-allure", "--run-folder")
    ended = flexrig(*run, tmp_path / "out", folder=tmp_path / "out")
    assert ended.code == 0, ended.text
    assert ended.record.trial.rig == "Emulated home with a battery, V2G and solar"


def test_two_files_of_one_name_are_refused_before_anything_runs(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "short.feature").write_text(SHORT)
    ended = flexrig_here("run", tmp_path / "a", tmp_path / "b")
    assert ended.code == 2
    assert "b/short.feature: has the name of" in ended.text
    assert ended.text.count("\n") == 1
    paths = (tmp_path / "a/short.feature", tmp_path / "b/short.feature")
    by_pytest = pytest_here(paths[0], GOOD_RIG, tmp_path / "out", str(paths[1]))
    assert by_pytest.code == pytest.ExitCode.USAGE_ERROR


def test_a_file_that_is_named_twice_runs_once(tmp_path):
    (tmp_path / "short.feature").write_text(SHORT)
    run = ("run", tmp_path, tmp_path / "short.feature", "--no-allure", "--run-folder")
    ended = flexrig(*run, tmp_path / "out", folder=tmp_path / "out")
    assert ended.code == 0, ended.text
    assert len(ended.records) == 1


AT_HOME = """Feature: A car
  Scenario: It gives way for a minute
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 30 s before and 30 s after
    And the published limits
      | asset | quantity | limit | rule |
      | EV | turn-down response time | 10 s | crowdflex/table4/ev-turn-down-response |
    When the ESO instructs the EV to turn down to 1.4 kW from 12:00 to 12:01
    Then the EV responds in the published time
"""


DATED = SHORT.replace("@rig:", "@date:2026-07-04 @rig:")


@pytest.mark.parametrize(
    ("options", "day"), [((), date(2026, 7, 4)), (("--date", "2026-01-15"), ON)]
)
def test_a_trial_takes_place_on_the_day_that_its_feature_names(tmp_path, options, day):
    (tmp_path / "dated.feature").write_text(DATED)
    run = ("run", tmp_path / "dated.feature", "--no-allure", *options, "--run-folder")
    ended = flexrig(*run, tmp_path / "out", folder=tmp_path / "out")
    assert ended.code == 0, ended.text
    assert ended.record.trial.starts_at.date() == day
    assert str(day) in ended.text


@pytest.mark.parametrize(("other", "rigs"), [(DATED, 1), (AT_HOME, 2)])
def test_trials_of_two_days_or_rigs_are_judged_again_each_by_its_own(
    tmp_path, other, rigs
):
    (tmp_path / "other.feature").write_text(other)
    (tmp_path / "short.feature").write_text(SHORT)
    ended = flexrig("run", tmp_path, "--no-allure", "--run-folder", tmp_path / "out")
    assert ended.code == 0, ended.text
    again = flexrig("rejudge", tmp_path / "out")
    assert again.code == 0, again.text
    assert "the same verdicts: 2 of 2" in again.text
    assert len({one.trial.rig for one in read_records(tmp_path / "out")}) == rigs


def test_on_the_wall_clock_a_trial_takes_place_when_it_does(tmp_path):
    (tmp_path / "dated.feature").write_text(DATED)
    rig = (ROOT / "rigs/battery_home.toml").read_text()
    (tmp_path / "wall.toml").write_text(changed(rig, ('"virtual"', '"wall"')))
    wanted = Wanted(ON, rig=str(tmp_path / "wall.toml"))
    (asked,) = trials_of([tmp_path / "dated.feature"], wanted)
    assert asked.on == ON


def test_a_day_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "dated.feature").write_text(DATED.replace("2026-07-04", "midsummer"))
    with pytest.raises(FeatureError, match="'midsummer' is no date"):
        date_named_by(tmp_path / "dated.feature")
    ended = flexrig_here("run", tmp_path / "dated.feature")
    assert ended.code == 2
    assert "midsummer" in ended.text


def test_a_rig_on_the_command_line_goes_over_the_feature_s(tmp_path):
    (tmp_path / "short.feature").write_text(SHORT)
    run = ("run", tmp_path / "short.feature", "--no-allure", "--run-folder")
    rig = ("--rig", ROOT / "rigs/emulated.toml")
    ended = flexrig(*run, tmp_path / "out", *rig, folder=tmp_path / "out")
    assert ended.code == 2
    assert "needs a battery" in ended.text


def test_a_rig_that_a_feature_names_and_nobody_has_is_one_sentence(tmp_path):
    text = SHORT.replace("battery_home", "moon_base")
    (tmp_path / "short.feature").write_text(text)
    ended = flexrig_here("run", tmp_path / "short.feature")
    assert ended.code == 2
    assert "moon_base" in ended.text
    assert "Traceback" not in ended.text


def test_of_all_features_those_are_left_out_that_a_rig_cannot_carry(tmp_path):
    ended = flexrig_here("run", "--rig", "battery_home", "-m", "no_such_tag")
    assert "left out quarter_hour.feature: the scenario needs" in ended.text
    assert "left out battery.feature" not in ended.text


@pytest.mark.parametrize("path", FEATURES, ids=lambda path: path.stem)
def test_every_shipped_feature_fits_the_rig_it_names(path):
    rig = read_rig(find_file(rig_named_by(path) or "rigs/emulated.toml", "rigs"))
    for plan in plans_of(read_feature(path, load_rulebook(), ON)):
        check_roles(plan, rig)
