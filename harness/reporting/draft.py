"""What is known of a scenario while it runs, and whom an exception blames."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from pytest_bdd.exceptions import StepDefinitionNotFoundError
from pytest_bdd.parser import Scenario, Step

from harness.checks.verdict import FailedVerdict, InconclusiveVerdict
from harness.core.errors import FeatureError, FlexrigError
from harness.reporting.record import (
    FIGURES,
    STEP_STATUS,
    TABLES,
    TRIAL,
    VERDICTS,
    FigureRecord,
    ScenarioOutcome,
    ScenarioRecord,
    StepRecord,
    StepStatus,
    TableRecord,
    TrialFacts,
    worst_of,
)
from harness.reporting.scenario import (
    example_of,
    example_tags,
    feature_file,
    row_of,
    words,
)


class Draft:
    """What is known of the scenario that is running."""

    def __init__(self, item: pytest.Item, scenario: Scenario) -> None:
        self.item = item
        self._scenario = scenario
        self._steps: list[StepRecord] = []
        self._outcomes: list[ScenarioOutcome] = []
        self._error = ""
        self._from = (0, 0)

    @property
    def title(self) -> str:
        """The scenario's title, with its example row filled in."""
        return self._scenario.name

    def open(self) -> None:
        """Note where the verdicts and figures of the next step begin."""
        self._from = len(self.item.stash[VERDICTS]), len(self.item.stash[FIGURES])
        self.item.stash[TABLES] = []

    def close(self, step: Step, exception: BaseException | None = None) -> None:
        """Keep a step that has ended, with what it judged and drew."""
        verdicts, figures = self.item.stash[VERDICTS], self.item.stash[FIGURES]
        tables: list[TableRecord] = self.item.stash[TABLES]
        mine = range(self._from[0], len(verdicts))
        worst = worst_of(verdicts[n].outcome for n in mine)
        if exception is None:
            status = StepStatus.PASSED if worst is None else STEP_STATUS[worst]
            bad = [verdicts[n] for n in mine if verdicts[n].outcome != "pass"]
            message = "\n".join(str(verdict) for verdict in bad)
        else:
            status = STEP_STATUS[_blame(exception)]
            message = _sentence(exception, self._scenario)
        self._steps.append(
            dataclasses.replace(
                _unrun(step),
                status=status,
                message=message,
                verdicts=tuple(mine),
                figures=tuple(range(self._from[1], len(figures))),
                made=tuple(tables),
            )
        )

    def end(self, exception: BaseException) -> str:
        """Note what ended the scenario; return it as a sentence, "" if unforeseen."""
        self._outcomes.append(_blame(exception))
        sentence = _sentence(exception, self._scenario)
        if not isinstance(exception, pytest.skip.Exception):
            self._error = self._error or sentence
        return sentence if _foreseen(exception) else ""

    def finish(self, folder: Path) -> ScenarioRecord:
        """Return the record, once figures are written beside it."""
        item, scenario = self.item, self._scenario
        verdicts = item.stash[VERDICTS]
        worst = worst_of([*(v.outcome for v in verdicts), *self._outcomes])
        feature = scenario.feature
        tags = scenario.tags | feature.tags | example_tags(item)
        return ScenarioRecord(
            feature=feature.name,
            title=scenario.name,
            feature_file=feature_file(item, feature),
            slug=folder.name,
            outcome=worst or ScenarioOutcome.INCONCLUSIVE,
            line=scenario.line_number,
            row=row_of(item),
            description=feature.description.strip(),
            rule=scenario.rule.name if scenario.rule else "",
            tags=tuple(sorted(tags | (scenario.rule.tags if scenario.rule else set()))),
            example=example_of(item),
            error=self._error,
            trial=item.stash.get(TRIAL, TrialFacts()),
            steps=self._all_steps(),
            verdicts=tuple(verdicts),
            figures=_write_figures(item, folder),
        )

    def _all_steps(self) -> tuple[StepRecord, ...]:
        unrun = self._scenario.steps[len(self._steps) :]
        return (*self._steps, *(_unrun(step) for step in unrun))


def _unrun(step: Step) -> StepRecord:
    table = step.datatable.raw() if step.datatable is not None else ()
    return StepRecord(
        keyword=step.keyword.strip(),
        text=step.name,
        status=StepStatus.SKIPPED,
        line=step.line_number,
        table=tuple(tuple(str(cell) for cell in row) for row in table),
        doc_string=step.docstring or "",
    )


def _write_figures(item: pytest.Item, folder: Path) -> tuple[FigureRecord, ...]:
    figures, kept = item.stash[FIGURES], []
    for number, figure in enumerate(figures, start=1):
        name = f"figure-{number:02d}-{words(figure.title)}.svg"
        (folder / name).write_bytes(figure.svg)
        kept.append(FigureRecord(figure.title, name, figure.alt))
    return tuple(kept)


def _blame(exception: BaseException) -> ScenarioOutcome:
    if isinstance(exception, FailedVerdict):
        return ScenarioOutcome.FAIL
    if isinstance(exception, InconclusiveVerdict):
        return ScenarioOutcome.INCONCLUSIVE
    if isinstance(exception, pytest.skip.Exception):
        return ScenarioOutcome.NOT_APPLICABLE
    return ScenarioOutcome.BROKEN


def _foreseen(exception: BaseException) -> bool:
    return isinstance(
        exception,
        FlexrigError
        | FailedVerdict
        | InconclusiveVerdict
        | StepDefinitionNotFoundError,
    )


def _sentence(exception: BaseException, scenario: Scenario) -> str:
    if isinstance(exception, StepDefinitionNotFoundError):
        return str(unknown_phrase(exception, scenario))
    if _foreseen(exception) or isinstance(exception, pytest.skip.Exception):
        return str(exception)
    if isinstance(exception, KeyboardInterrupt):
        return "the run was interrupted before this scenario ended"
    return f"{type(exception).__name__}: {exception}"


def unknown_phrase(
    exception: StepDefinitionNotFoundError, scenario: Scenario
) -> FeatureError:
    """Say where an unknown phrase stands and where to find the known ones."""
    said = re.search(
        r"Step definition is not found: (.*?)\. Line (\d+)", str(exception)
    )
    what, line = said.groups() if said else (str(exception), "?")
    where = f"{Path(scenario.feature.filename).name} line {line}"
    return FeatureError(
        where, f"no phrase says {what}", "flexrig steps, which lists all phrases"
    )
