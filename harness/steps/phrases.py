"""The phrases a feature file may use, and checking a file against them.

A file is checked when it is collected, before anything runs: every step must be
a known phrase, and every number that names a rule must be that rule's number.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

from gherkin.errors import CompositeParserException
from gherkin.parser import Parser
from pytest_bdd.exceptions import GherkinParseError
from pytest_bdd.feature import get_feature
from pytest_bdd.parser import Feature, Step
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from harness.core.errors import FeatureError
from harness.rulebook.agree import require_agreement
from harness.rulebook.book import Rulebook

STEP_MODULES = (
    "harness.steps.home",
    "harness.steps.instructions",
    "harness.steps.delivery",
    "harness.steps.constraint",
)
"""Every module with phrases; the pytest plugin loads the same list."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase of the step library."""

    keyword: str
    text: str
    meaning: str
    """First line of the step function's docstring."""
    module: str
    context: StepFunctionContext

    def matches(self, text: str) -> bool:
        """Whether a step's text is this phrase."""
        return bool(self.context.parser.is_matching(text))


def all_phrases() -> list[Phrase]:
    """Every phrase, in the order of the modules."""
    return [
        phrase
        for name in STEP_MODULES
        for phrase in _phrases_of(importlib.import_module(name))
    ]


def _phrases_of(module: ModuleType) -> Iterator[Phrase]:
    markers = {
        id(marker): context
        for marker, context in step_function_context_registry.items()
    }
    for value in vars(module).values():
        marker = inspect.unwrap(getattr(value, "__wrapped__", value))
        context = markers.get(id(marker)) or markers.get(
            id(getattr(value, "_fixture_function", None))
        )
        if context is None:
            continue
        doc = inspect.getdoc(context.step_func) or ""
        yield Phrase(
            keyword=str(context.type or "step").capitalize(),
            text=str(context.parser.name),
            meaning=doc.split("\n")[0],
            module=module.__name__,
            context=context,
        )


def read_feature(path: Path, rulebook: Rulebook, on: date) -> Feature:
    """Parse and check a feature file; nothing of it runs if anything is wrong.

    Raises
    ------
    FeatureError, RuleError
        Naming the line that would not be carried out as it reads.
    """
    where = path.name
    try:
        text = path.read_text(encoding="utf-8")
        feature = get_feature(str(path.parent), path.name)
    except GherkinParseError as error:
        raise FeatureError(
            f"{where}:{error.line}",
            f"not Gherkin: {error.message}",
            "Feature, Background, Scenario, Given, When, Then",
        ) from error
    except CompositeParserException as error:
        problem = error.errors[0]
        raise FeatureError(
            f"{where}:{problem.location['line']}",
            f"not Gherkin: {_first_line(problem)}",
            "Feature, Background, Scenario, Given, When, Then",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FeatureError(where, f"cannot be read: {error}", "UTF-8 text") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FeatureError(
            where, f"not Gherkin: {_first_line(error)}", "a line `Feature: …` first"
        ) from error
    for title in duplicate_titles(text):
        raise FeatureError(
            where, f"two scenarios are titled {title!r}", "a title of its own for each"
        )
    check_feature(feature, rulebook, on)
    return feature


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def check_feature(feature: Feature, rulebook: Rulebook, on: date) -> None:
    """Refuse a feature file that would not be carried out as it reads.

    Raises
    ------
    FeatureError
        For a phrase nobody knows, a title used twice, or no scenario at all.
    RuleError
        For a number that is not the number of the rule beside it.
    """
    where = str(feature.rel_filename or feature.filename)
    if not feature.scenarios:
        raise FeatureError(where, "no scenario in it", "a Scenario: with steps")
    phrases = all_phrases()
    for scenario in feature.scenarios.values():
        if not scenario.steps:
            raise FeatureError(
                f"{where}:{scenario.line_number}",
                f"scenario {scenario.name!r} has no steps",
                "a When and a Then",
            )
        for row in _example_rows(scenario.examples):
            for step in scenario.render(row).steps:
                _check_phrase(where, step, phrases)
                _check_table(where, step, rulebook, on)


def _example_rows(examples: Sequence[object]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for table in examples:
        rows += list(table.as_contexts())  # type: ignore[attr-defined]
    return rows or [{}]


def _check_phrase(where: str, step: Step, phrases: Sequence[Phrase]) -> None:
    same_kind = [p for p in phrases if p.keyword.lower() in (step.type, "step")]
    if any(phrase.matches(step.name) for phrase in same_kind):
        return
    texts = [phrase.text for phrase in same_kind]
    near = difflib.get_close_matches(step.name, texts, n=1, cutoff=0.3)
    hint = f"“{near[0]}”" if near else "the list that `flexrig steps` prints"
    raise FeatureError(
        f"{where}:{step.line_number}",
        f"nobody knows the phrase “{step.keyword} {step.name}”",
        hint,
    )


def _check_table(where: str, step: Step, rulebook: Rulebook, on: date) -> None:
    if step.datatable is None:
        return
    header, *rows = [[str(cell) for cell in row] for row in step.datatable.raw()]
    if "rule" not in header or "limit" not in header:
        return
    for number, row in enumerate(rows, start=1):
        cells = {k: str(v) for k, v in zip(header, row, strict=True)}
        require_agreement(
            rulebook.rule(cells["rule"], on=on),
            cells["limit"],
            where=f"{where}:{step.line_number + number + 1}",
        )


def duplicate_titles(text: str) -> list[str]:
    """Scenario titles used more than once: pytest-bdd would run only the last."""
    document: dict[str, Any] = dict(Parser().parse(text))
    children = (document.get("feature") or {}).get("children", [])
    titles = Counter(
        child["scenario"]["name"] for child in children if "scenario" in child
    )
    return [title for title, count in titles.items() if count > 1]
