"""The phrases a feature file may use."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType

from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

STEP_MODULES = (
    "harness.steps.home",
    "harness.steps.instructions",
    "harness.steps.delivery",
    "harness.steps.constraint",
    "harness.steps.peak",
    "harness.steps.money",
    "harness.steps.sites",
    "harness.steps.capacity",
    "harness.steps.offsetting",
    "harness.steps.table6",
    "harness.steps.private_network",
    "harness.steps.dispensation",
    "harness.steps.over_http",
    "harness.steps.services",
    "harness.steps.thermal",
    "harness.steps.trading",
    "harness.steps.stack_money",
    "harness.steps.leaves",
    "harness.steps.faults",
    "harness.steps.occupants",
    "harness.steps.chargepoint",
    "harness.steps.load_points",
    "harness.steps.reactive",
    "harness.steps.balancing",
    "harness.steps.local_market",
    "harness.steps.plant",
    "harness.steps.community",
    "harness.steps.respect",
    "harness.steps.bm_unit",
    "harness.steps.meter_clocks",
    "harness.steps.monthly",
    "harness.steps.customers",
    "harness.steps.operational",
    "harness.steps.answers",
    "harness.steps.reserve",
    "harness.steps.eligibility",
    "harness.steps.dfs",
    "harness.steps.dfs_money",
    "harness.steps.portfolio",
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


class Library:
    """The phrases of some modules, and what steps mean by them, each found once."""

    def __init__(self, modules: Iterable[str]) -> None:
        self.phrases = tuple(
            phrase
            for name in modules
            for phrase in _phrases_of(importlib.import_module(name))
        )
        self._of_kind: dict[str, tuple[Phrase, ...]] = {}
        self._meanings: dict[tuple[str, str], Phrase | None] = {}

    def of_kind(self, kind: str) -> tuple[Phrase, ...]:
        """Every phrase that a ``given``, ``when`` or ``then`` may be."""
        if kind not in self._of_kind:
            kinds = (kind, "step")
            found = tuple(p for p in self.phrases if p.keyword.lower() in kinds)
            self._of_kind[kind] = found
        return self._of_kind[kind]

    def meaning(self, kind: str, text: str) -> Phrase | None:
        """Return what a step means, None if nobody knows: many files say the same."""
        step = kind, text
        if step not in self._meanings:
            known = (p for p in self.of_kind(kind) if p.matches(text))
            self._meanings[step] = next(known, None)
        return self._meanings[step]


def library() -> Library:
    """Every phrase, in the order of the modules."""
    return library_of(STEP_MODULES)


library_of = functools.cache(Library)
"""The phrases of some modules, each looked through once."""


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
