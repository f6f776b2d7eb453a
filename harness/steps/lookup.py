"""Which step a phrase means, found out once for each feature file.

pytest-bdd asks all fixtures that pytest knows at every step, which costs as much as
some scenarios do. The scenarios of one file see the same fixtures, and say the same
phrases.
Wraps a private function of pytest-bdd; nothing else in the project does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from pytest_bdd.parser import Step
from pytest_bdd.scenario import get_step_function

Find = Callable[[Step, object, pytest.Item], Iterable[object]]


def remembered(find: Find) -> Find:
    """Return the same search with a memory for each file of scenarios."""
    known: WeakKeyDictionary[object, dict[tuple[str, str], list[object]]]
    known = WeakKeyDictionary()

    def lookup(step: Step, fixturemanager: object, node: pytest.Item) -> list[object]:
        of_file = known.setdefault(node.parent, {})
        phrase = (step.type, step.name)
        if phrase not in of_file:
            of_file[phrase] = list(find(step, fixturemanager, node))
        return list(of_file[phrase])

    return lookup


def look_up_once() -> None:
    """Let pytest-bdd remember what it found; to be called before anything runs."""
    # The package has a function of the module's name, which hides the module.
    module: Any = sys.modules[get_step_function.__module__]
    found = module.find_fixturedefs_for_step
    if found.__module__ != __name__:
        module.find_fixturedefs_for_step = remembered(found)
