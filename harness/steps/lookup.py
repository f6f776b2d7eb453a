"""Which step a phrase means, found out once for each feature file.

pytest-bdd goes through all fixtures that pytest knows at every step, which costs as
much as some scenarios do. The scenarios of one file see the same fixtures, and say the
same phrases: which of the fixtures are steps is found once a file, and once a phrase.
Replaces a private function of pytest-bdd; nothing else in the project does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from _pytest.fixtures import FixtureManager
from pytest_bdd.compat import get_fixture_names, getfixturedefs
from pytest_bdd.parser import Step
from pytest_bdd.scenario import get_step_function
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

Definition = tuple[pytest.FixtureDef[object], StepFunctionContext]


@dataclass(slots=True)
class _Known:
    """What the scenarios of one file may say."""

    definitions: list[Definition]
    meanings: dict[tuple[str, str], list[pytest.FixtureDef[object]]] = field(
        default_factory=dict
    )

    def of(self, step: Step) -> list[pytest.FixtureDef[object]]:
        phrase = (step.type, step.name)
        if phrase not in self.meanings:
            self.meanings[phrase] = [
                definition
                for definition, context in self.definitions
                if context.type in (None, step.type)
                and context.parser.is_matching(step.name)
            ]
        return list(self.meanings[phrase])


_FILES: WeakKeyDictionary[object, _Known] = WeakKeyDictionary()


def find_definitions(
    step: Step, fixturemanager: FixtureManager, node: pytest.Item
) -> list[pytest.FixtureDef[object]]:
    """Return the step definitions that fit a step, in the order of pytest-bdd."""
    if node.parent not in _FILES:
        _FILES[node.parent] = _Known(list(_visible(fixturemanager, node)))
    return _FILES[node.parent].of(step)


def _visible(fixturemanager: FixtureManager, node: pytest.Item) -> Iterator[Definition]:
    """Yield every step definition among the fixtures that a scenario sees."""
    for name in get_fixture_names(fixturemanager):
        for definition in getfixturedefs(fixturemanager, name, node) or ():
            context = step_function_context_registry.get(definition.func)
            if context is not None:
                yield definition, context


def look_up_once() -> None:
    """Let pytest-bdd remember what it found; to be called before anything runs."""
    # The package has a function of the module's name, which hides the module.
    module: Any = sys.modules[get_step_function.__module__]
    module.find_fixturedefs_for_step = find_definitions
