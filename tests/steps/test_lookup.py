"""A phrase means what it means to pytest-bdd, and is looked for once in a file."""

import importlib.util
import sys
from types import SimpleNamespace

import pytest
from pytest_bdd.scenario import get_step_function
from pytest_bdd.steps import step_function_context_registry

from harness.rig.shipped import shipped
from harness.steps import lookup
from harness.steps.lookup import find_definitions, look_up_once


def step(name, kind="given"):
    return SimpleNamespace(type=kind, name=name)


@pytest.fixture(scope="session")
def their_search():
    """pytest-bdd's own search: its module anew, for in the one in use it is ours."""
    module = sys.modules[get_step_function.__module__]
    spec = importlib.util.spec_from_file_location(module.__name__, module.__file__)
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    assert fresh.find_fixturedefs_for_step is not find_definitions
    return fresh.find_fixturedefs_for_step


def shipped_phrases():
    """Every tenth step of the shipped features that has no place for an example."""
    found = set()
    for path in sorted(shipped("features").rglob("*.feature")):
        kind = "given"
        for line in path.read_text().splitlines():
            word, _, rest = line.strip().partition(" ")
            kind = word.lower() if word in ("Given", "When", "Then") else kind
            if word in ("Given", "When", "Then", "And", "But") and "<" not in rest:
                found.add((kind, rest))
    return sorted(found)[::10]


def test_shipped_phrases_mean_what_they_mean_to_pytest_bdd(request, their_search):
    manager, node = request._fixturemanager, request.node
    phrases = shipped_phrases()
    assert len(phrases) > 50
    for kind, name in phrases:
        ours = find_definitions(step(name, kind), manager, node)
        assert ours == list(their_search(step(name, kind), manager, node))
        assert len(ours) == 1, name


def test_nothing_is_found_for_a_phrase_or_a_kind_that_nobody_knows(request):
    manager, node = request._fixturemanager, request.node
    kind, name = next(one for one in shipped_phrases() if one[0] == "then")
    assert find_definitions(step(name, kind), manager, node)
    assert find_definitions(step(name, "given"), manager, node) == []
    assert find_definitions(step("the moon is full"), manager, node) == []


def test_scenarios_of_one_file_share_what_was_found_and_other_files_do_not(monkeypatch):
    asked = []

    def visible(_manager, node):
        asked.append(node.parent)
        context = SimpleNamespace(type="given", parser=SimpleNamespace(
            is_matching=lambda name: asked.append(name) or True))  # fmt: skip
        yield "a definition", context

    class File:
        """Something that scenarios hang on."""

    monkeypatch.setattr(lookup, "_visible", visible)
    one, other = File(), File()
    for file in (one, one, other):
        node = SimpleNamespace(parent=file)
        found = find_definitions(step("a car"), None, node)
        assert found == ["a definition"]
        found.clear()  # what is given back is the caller's own
    assert asked == [one, "a car", other, "a car"]


def test_pytest_bdd_uses_it():
    look_up_once()
    module = sys.modules[get_step_function.__module__]
    assert module.find_fixturedefs_for_step is find_definitions
    assert len(step_function_context_registry) > 100
