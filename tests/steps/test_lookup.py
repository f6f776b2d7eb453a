"""A phrase is looked for once in a file, and never found where it is not known."""

import sys
from types import SimpleNamespace

import pytest
from pytest_bdd.scenario import get_step_function

from harness.steps.lookup import look_up_once, remembered


class File:
    """Something that scenarios hang on."""


def step(name, kind="given"):
    return SimpleNamespace(type=kind, name=name)


@pytest.fixture
def search():
    """A search that says whom it was asked for, and finds it."""
    asked = []

    def find(step, fixturemanager, node):
        asked.append((node.parent, step.type, step.name))
        yield f"{step.type} {step.name}"

    return asked, remembered(find)


def test_scenarios_of_one_file_share_what_was_found(search):
    asked, lookup = search
    file = File()
    for _ in range(3):
        found = lookup(step("a car"), None, SimpleNamespace(parent=file))
        assert found == ["given a car"]
    assert asked == [(file, "given", "a car")]


def test_another_file_another_kind_and_another_phrase_are_looked_for(search):
    asked, lookup = search
    one, other = File(), File()
    lookup(step("a car"), None, SimpleNamespace(parent=one))
    lookup(step("a car"), None, SimpleNamespace(parent=other))
    lookup(step("a car", "then"), None, SimpleNamespace(parent=one))
    lookup(step("a van"), None, SimpleNamespace(parent=one))
    assert len(asked) == 4


def test_what_is_given_back_is_the_callers_own(search):
    _, lookup = search
    file = File()
    lookup(step("a car"), None, SimpleNamespace(parent=file)).clear()
    assert lookup(step("a car"), None, SimpleNamespace(parent=file)) == ["given a car"]


def test_pytest_bdd_uses_it_and_is_not_wrapped_twice(monkeypatch):
    module = sys.modules[get_step_function.__module__]
    monkeypatch.setattr(
        module, "find_fixturedefs_for_step", module.find_fixturedefs_for_step
    )
    look_up_once()
    once = module.find_fixturedefs_for_step
    look_up_once()
    assert module.find_fixturedefs_for_step is once
    assert once.__module__ == "harness.steps.lookup"
