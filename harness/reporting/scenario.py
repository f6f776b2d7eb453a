"""Which scenario a pytest item is: its text, its example row, its folder's name."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd.parser import Feature, Scenario
from pytest_bdd.scenario import scenario_wrapper_template_registry


def scenario_slug(item: pytest.Item) -> str:
    """Name a scenario's folder: readable, safe on any file system, and unique.

    The same scenario and example row have the same name in every run.

    Raises
    ------
    ValueError
        If the item is no scenario.
    """
    scenario = scenario_of(item)
    if scenario is None:
        raise ValueError(f"{item.nodeid} is no scenario of a feature file")
    feature, row = scenario.feature, sorted(example_of(item).items())
    file = Path(feature.filename)
    # Folders are left out: a rejudged feature file lies elsewhere.
    identity = repr((file.name, feature.name, scenario.name, row))
    digest = hashlib.sha256(identity.encode()).hexdigest()[:6]
    return f"{words(file.stem)}--{words(scenario.name)}-{digest}"


_SCENARIO = pytest.StashKey[Scenario | None]()


def scenario_of(item: pytest.Item) -> Scenario | None:
    """Return the scenario behind an item, its example row filled in, or None."""
    # Filling in copies every table, and many ask.
    if _SCENARIO not in item.stash:
        item.stash[_SCENARIO] = _filled_in(item)
    return item.stash[_SCENARIO]


def _filled_in(item: pytest.Item) -> Scenario | None:
    function: Any = getattr(item, "obj", None)
    try:
        template = scenario_wrapper_template_registry.get(function)
    except TypeError:  # a test that is no function cannot be a scenario
        return None
    return None if template is None else template.render(example_of(item))


def example_of(item: pytest.Item) -> dict[str, str]:
    """Return the example row by column; empty for a plain scenario."""
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params.get("_pytest_bdd_example", {})) if callspec else {}


def example_tags(item: pytest.Item) -> set[str]:
    """Return the tags of the examples that the item's row stands in."""
    callspec = getattr(item, "callspec", None)
    return {mark.name for mark in callspec.marks} if callspec else set()


def row_of(item: pytest.Item) -> int:
    """Return the position of the example row, from 0."""
    callspec = getattr(item, "callspec", None)
    return int(callspec.indices.get("_pytest_bdd_example", 0)) if callspec else 0


def feature_file(item: pytest.Item, feature: Feature) -> str:
    """Return the path from ``features`` on, so that it says the same on any machine."""
    path = Path(feature.filename)
    if "features" in path.parts[:-1]:
        last = len(path.parts) - 1 - path.parts[::-1].index("features")
        return Path(*path.parts[last:]).as_posix()
    root = item.config.rootpath
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def words(text: str) -> str:
    """Return text as part of a file name: lower case, hyphens, at most 48 long."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48].strip("-") or "x"
