"""Which ids of the requirements ledger, and which rules, a feature file claims."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_bdd.parser import Feature, ScenarioTemplate

from harness.reporting.coverage import Claim


def claims_of(features: Iterable[Feature]) -> Iterator[Claim]:
    """Yield the claim of every scenario of some checked features."""
    for feature in features:
        for scenario in feature.scenarios.values():
            yield Claim(
                feature=Path(feature.filename).name,
                title=scenario.name,
                tags=frozenset(_tags(feature, scenario)),
                rules=tuple(dict.fromkeys(_rules(scenario))),
            )


def _tags(feature: Feature, scenario: ScenarioTemplate) -> set[str]:
    tags = set(feature.tags) | set(scenario.tags)
    tags |= set(scenario.rule.tags) if scenario.rule else set()
    for examples in scenario.examples:
        tags |= set(examples.tags)
    return tags


def _rules(scenario: ScenarioTemplate) -> Iterator[str]:
    """Yield the rules that its tables quote, those of the background included."""
    for step in scenario.all_background_steps + list(scenario.steps):
        if step.datatable is None:
            continue
        head, *rows = step.datatable.raw()
        if "rule" in head:
            yield from (str(row[list(head).index("rule")]) for row in rows)
