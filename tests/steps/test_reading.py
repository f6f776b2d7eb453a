"""A feature file is refused before anything runs, if it could not run as it reads."""

import sys
from datetime import date

import pytest

from harness.core.errors import FeatureError
from harness.rulebook.loader import load_rulebook
from harness.steps import phrases
from harness.steps.reading import read_feature, scenario_name

ON = date(2026, 1, 15)
OUTLINE = """
Feature: Outlines
  Scenario Outline: Down to <level>
    When the ESO instructs the EV to turn down to <level> from 17:00 to 17:15

    Examples:
      | level  |
      | 1.4 kW |
      | 2.8 kW |
"""


@pytest.fixture
def read(tmp_path):
    def written(text):
        # pytest-bdd reads a path once and remembers it.
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        path = folder / "bench.feature"
        path.write_text(text)
        return read_feature(path, load_rulebook(), ON)

    return written


def test_every_example_row_is_planned_once_before_anything_runs(read):
    assert list(read(OUTLINE).scenarios) == ["Down to <level>"]
    with pytest.raises(FeatureError, match=r"bench.feature:4 “2.8 kVA”: '2.8 kVA'"):
        read(OUTLINE.replace("2.8 kW", "2.8 kVA"))


def test_a_row_without_its_column_is_found(read):
    with pytest.raises(FeatureError, match="“<level>”"):
        read(OUTLINE.replace("| level  |", "| power  |"))


def test_a_description_is_not_taken_for_steps(read):
    text = "Feature: a\n  Scenario: b\n    The EV, this time.\n    When it rains.\n"
    with pytest.raises(FeatureError, match="nobody knows the phrase “When it rains"):
        read(text)
    fine = text.replace("When it rains.", "When the ESO overrules the service at 17:00")
    assert list(read(fine).scenarios) == ["b"]


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Add steps to the library, for one test."""

    def add(steps):
        (tmp_path / "more_steps.py").write_text(
            f"from pytest_bdd import given, then\n\n\n{steps}"
        )
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "more_steps", raising=False)
        phrases.library_of.cache_clear()
        more = (*phrases.STEP_MODULES, "more_steps")
        monkeypatch.setattr(phrases, "STEP_MODULES", more)

    return add


def test_what_judges_is_not_carried_out_beforehand(read, library):
    library('@then("the bench is judged")\ndef _():\n    raise AssertionError\n')
    text = "Feature: a\n  Scenario: b\n    Then the bench is judged\n"
    assert list(read(text).scenarios) == ["b"]


@pytest.mark.parametrize("keyword", ["Given", "Then"])
def test_an_async_step_is_refused_before_it_could_be_dropped(read, library, keyword):
    decorator = f'@{keyword.lower()}("the bench is asleep")'
    library(f"{decorator}\nasync def _():\n    raise AssertionError\n")
    text = f"Feature: a\n  Scenario: b\n    {keyword} the bench is asleep\n"
    with pytest.raises(FeatureError, match=r"bench.feature:3: .* is an async function"):
        read(text)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The car gives way", "the_car_gives_way"),
        ("  A car, at 17:00!", "a_car_at_17_00"),
        ("Été", "été"),
        ("…", ""),
    ],
)
def test_a_title_is_the_name_of_its_test(title, name):
    assert scenario_name(title) == name


def test_a_title_of_signs_alone_is_refused(read):
    steps = "    When the ESO overrules the service at 17:00\n"
    with pytest.raises(FeatureError, match=r"bench.feature:2: a scenario without a"):
        read(f"Feature: a\n  Scenario: …\n{steps}")
