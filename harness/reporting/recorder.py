"""Follow every scenario through pytest-bdd's hooks and keep its record.

Always registered, with or without Allure. Each scenario has a folder of its own,
so that workers of pytest-xdist never meet, and a second attempt gets a second
folder: no attempt replaces another.

Thens may hand over a verdict and go on (`note_verdict`): all bounds of a scenario
are then judged, and the worst verdict is raised when its last step has ended.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd.exceptions import StepDefinitionNotFoundError
from pytest_bdd.parser import Feature, Scenario, Step
from pytest_bdd.scenario import scenario_wrapper_template_registry

from harness.checks.verdict import FailedVerdict, InconclusiveVerdict, Verdict
from harness.core.errors import FeatureError, FlexrigError
from harness.reporting.record import (
    FIGURES,
    RECORD,
    STEP_STATUS,
    TRIAL,
    VERDICTS,
    FigureRecord,
    ScenarioOutcome,
    ScenarioRecord,
    StepRecord,
    StepStatus,
    TrialFacts,
    worst_of,
)
from harness.reporting.record_json import FILE_NAME, record_to_json

FOLDER = pytest.StashKey[Path]()

PYTEST_OBEYS = frozenset(
    {"filterwarnings", "parametrize", "skipif", "usefixtures", "xfail"}
)
"""Marks that change what pytest does; as tags they could hide a verdict."""


def scenario_folder(node: pytest.Item) -> Path:
    """Return the folder of this attempt at a scenario, under the run folder.

    The evidence of the trial belongs in it too. It may not exist yet.
    """
    return node.stash[FOLDER]


def scenario_slug(item: pytest.Item) -> str:
    """Name a scenario's folder: readable, safe on any file system, and unique.

    The same scenario and example row have the same name in every run.

    Raises
    ------
    ValueError
        If the item is no scenario.
    """
    scenario = _scenario_of(item)
    if scenario is None:
        raise ValueError(f"{item.nodeid} is no scenario of a feature file")
    feature, row = scenario.feature, sorted(_example(item).items())
    file = Path(feature.filename)
    # Folders are left out: a rejudged feature file lies elsewhere.
    identity = repr((file.name, feature.name, scenario.name, row))
    digest = hashlib.sha256(identity.encode()).hexdigest()[:6]
    return f"{_words(file.stem)}--{_words(scenario.name)}-{digest}"


class ScenarioRecorder:
    """A pytest plugin that writes one ``scenario.json`` per scenario.

    Parameters
    ----------
    config : pytest.Config
        Tags are made known to it as markers, so ``-m`` and ``--strict-markers`` work.
    run_folder : Path
        Where scenario folders go; shared by all workers of a run.
    written : callable, optional
        Called with the scenario's folder when everything in it is final: to seal it.
    """

    def __init__(
        self,
        config: pytest.Config,
        run_folder: Path,
        *,
        written: Callable[[Path], None] | None = None,
    ) -> None:
        self._config = config
        self._run_folder = run_folder
        self._written = written
        self._draft: _Draft | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_bdd_apply_tag(self, tag: str, function: Callable[..., object]) -> bool:
        """Turn a tag into a registered mark; ``severity:high`` is ``severity_high``."""
        name = re.sub(r"\W+", "_", tag)
        if name in PYTEST_OBEYS:
            raise FeatureError(
                f"tag @{tag}",
                "pytest would obey this tag and could hide a verdict",
                "another name",
            )
        self._config.addinivalue_line("markers", f"{name}: tag of a feature file")
        getattr(pytest.mark, name)(function)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Open a draft, so that a scenario which cannot even start is reported."""
        self._draft = None
        scenario = _scenario_of(item)
        if scenario is not None:
            item.stash[FOLDER] = _unused(self._run_folder / scenario_slug(item))
            item.stash[VERDICTS], item.stash[FIGURES] = [], []
            self._draft = _Draft(item, scenario)

    def pytest_bdd_before_step(self, step: Step) -> None:
        """Note where this step's verdicts and figures begin."""
        if self._draft is not None:
            self._draft.open()

    def pytest_bdd_after_step(self, step: Step) -> None:
        """Close a step that raised nothing; its verdicts decide its status."""
        if self._draft is not None:
            self._draft.close(step)

    def pytest_bdd_step_error(self, step: Step, exception: BaseException) -> None:
        """Close a step that raised."""
        if self._draft is not None:
            self._draft.close(step, exception)

    def pytest_bdd_step_func_lookup_error(
        self, feature: Feature, step: Step, exception: BaseException
    ) -> None:
        """Close a step whose phrase nobody defined."""
        if self._draft is not None:
            self._draft.open()
            self._draft.close(step, exception)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(
        self, pyfuncitem: pytest.Function
    ) -> Generator[None, object, object]:
        """Raise the worst verdict once all steps have run."""
        result = yield
        if self._draft is not None and self._draft.item is pyfuncitem:
            raise_worst(self._draft.title, pyfuncitem.stash[VERDICTS])
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep what ended the scenario, in one sentence; write when it is over."""
        report = yield
        draft = self._draft
        if draft is None or draft.item is not item:
            return report
        if call.excinfo is not None:
            sentence = draft.end(call.excinfo.value)
            if sentence and report.failed:
                report.longrepr = sentence
        if call.when == "teardown":
            self._write(draft)
        return report

    def pytest_keyboard_interrupt(
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> None:
        """Leave a record of the scenario that was interrupted."""
        if self._draft is not None:
            self._draft.end(excinfo.value)
            self._write(self._draft)

    def _write(self, draft: _Draft) -> None:
        self._draft = None
        folder = draft.item.stash[FOLDER]
        folder.mkdir(parents=True, exist_ok=True)
        record = draft.finish(folder)
        draft.item.stash[RECORD] = record
        (folder / FILE_NAME).write_text(record_to_json(record), encoding="utf-8")
        if self._written is not None:
            self._written(folder)


def raise_worst(scenario: str, verdicts: list[Verdict]) -> None:
    """Raise what a scenario's verdicts amount to; return if they are a pass.

    Raises
    ------
    FailedVerdict
        If any verdict is a fail or a conditional fail; its text names each of them.
    InconclusiveVerdict
        If any verdict is inconclusive, or nothing was judged at all.
    """
    worst = worst_of(verdict.outcome for verdict in verdicts)
    if worst is None:
        raise InconclusiveVerdict(
            f"INCONCLUSIVE: {scenario}: no Then gave a verdict. "
            "Try: a Then step that judges what was measured"
        )
    if worst is ScenarioOutcome.NOT_APPLICABLE:
        pytest.skip("; ".join(str(verdict) for verdict in verdicts))
    status = STEP_STATUS[worst]
    if status is StepStatus.PASSED:
        return
    bad = [v for v in verdicts if STEP_STATUS[_outcome(v)] is status]
    text = "\n".join(str(verdict) for verdict in bad)
    raise (
        FailedVerdict(text)
        if status is StepStatus.FAILED
        else InconclusiveVerdict(text)
    )


class _Draft:
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
        return self._scenario.name

    def open(self) -> None:
        self._from = len(self.item.stash[VERDICTS]), len(self.item.stash[FIGURES])

    def close(self, step: Step, exception: BaseException | None = None) -> None:
        """Keep a step that has ended, with what it judged and drew."""
        verdicts, figures = self.item.stash[VERDICTS], self.item.stash[FIGURES]
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
        feature, tags = scenario.feature, scenario.tags | scenario.feature.tags
        return ScenarioRecord(
            feature=feature.name,
            title=scenario.name,
            feature_file=_feature_file(item, feature),
            slug=folder.name,
            outcome=worst or ScenarioOutcome.INCONCLUSIVE,
            line=scenario.line_number,
            row=_row(item),
            description=feature.description.strip(),
            rule=scenario.rule.name if scenario.rule else "",
            tags=tuple(sorted(tags | (scenario.rule.tags if scenario.rule else set()))),
            example=_example(item),
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
        name = f"figure-{number:02d}-{_words(figure.title)}.svg"
        (folder / name).write_bytes(figure.svg)
        kept.append(FigureRecord(figure.title, name, figure.alt))
    return tuple(kept)


def _outcome(verdict: Verdict) -> ScenarioOutcome:
    return ScenarioOutcome(str(verdict.outcome))


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


def _scenario_of(item: pytest.Item) -> Scenario | None:
    """Return the scenario behind an item, rendered with its example row."""
    function: Any = getattr(item, "obj", None)
    try:
        template = scenario_wrapper_template_registry.get(function)
    except TypeError:  # a test that is no function cannot be a scenario
        return None
    return None if template is None else template.render(_example(item))


def _example(item: pytest.Item) -> dict[str, str]:
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params.get("_pytest_bdd_example", {})) if callspec else {}


def _row(item: pytest.Item) -> int:
    callspec = getattr(item, "callspec", None)
    return int(callspec.indices.get("_pytest_bdd_example", 0)) if callspec else 0


def _feature_file(item: pytest.Item, feature: Feature) -> str:
    """Return the path from ``features`` on, so that it says the same on any machine."""
    path = Path(feature.filename)
    if "features" in path.parts[:-1]:
        last = len(path.parts) - 1 - path.parts[::-1].index("features")
        return Path(*path.parts[last:]).as_posix()
    root = item.config.rootpath
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _words(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48].strip("-") or "x"


def _unused(folder: Path) -> Path:
    attempt, candidate = 1, folder
    while (candidate / FILE_NAME).exists():
        attempt += 1
        candidate = folder.with_name(f"{folder.name}-attempt{attempt}")
    return candidate
