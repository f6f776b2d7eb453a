"""Follow every scenario through pytest-bdd's hooks and keep its record.

Always registered, with or without Allure. Each scenario has a folder of its own,
so that workers of pytest-xdist never meet, and a second attempt gets a second
folder: no attempt replaces another.

Thens may hand over a verdict and go on (`note_verdict`): all bounds of a scenario
are then judged, and the worst verdict is raised when its last step has ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from pytest_bdd.parser import Feature, Step

from harness.checks.verdict import FailedVerdict, InconclusiveVerdict, Verdict
from harness.core.errors import FeatureError
from harness.reporting.draft import Draft
from harness.reporting.record import (
    FIGURES,
    RECORD,
    STEP_STATUS,
    VERDICTS,
    ScenarioOutcome,
    StepStatus,
    worst_of,
)
from harness.reporting.record_json import FILE_NAME, record_to_json
from harness.reporting.scenario import scenario_of, scenario_slug

__all__ = ["ScenarioRecorder", "raise_worst", "scenario_folder", "scenario_slug"]

FOLDER = pytest.StashKey[Path]()

PYTEST_OBEYS = frozenset(
    {"filterwarnings", "parametrize", "skipif", "usefixtures", "xfail"}
)
"""Marks that change what pytest does; as tags they could hide a verdict."""


def know_tag(config: pytest.Config, name: str) -> None:
    """Make a tag known to pytest as a marker, so that it may be strict about them.

    Raises
    ------
    FeatureError
        If pytest would do more than remember it.
    """
    if name in PYTEST_OBEYS:
        raise FeatureError(
            f"tag @{name}",
            "pytest would obey this tag and could hide a verdict",
            "another name",
        )
    config.addinivalue_line("markers", f"{name}: tag of a feature file")


def scenario_folder(node: pytest.Item) -> Path:
    """Return the folder of this attempt at a scenario, under the run folder.

    The evidence of the trial belongs in it too. It may not exist yet.
    """
    return node.stash[FOLDER]


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
        self._draft: Draft | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_bdd_apply_tag(self, tag: str, function: Callable[..., object]) -> bool:
        """Turn a tag into a registered mark; ``severity:high`` is ``severity_high``."""
        name = re.sub(r"\W+", "_", tag)
        know_tag(self._config, name)
        getattr(pytest.mark, name)(function)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Open a draft, so that a scenario which cannot even start is reported."""
        self._draft = None
        scenario = scenario_of(item)
        if scenario is not None:
            item.stash[FOLDER] = _unused(self._run_folder / scenario_slug(item))
            item.stash[VERDICTS], item.stash[FIGURES] = [], []
            self._draft = Draft(item, scenario)

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

    def _write(self, draft: Draft) -> None:
        self._draft = None
        folder = draft.item.stash[FOLDER]
        folder.mkdir(parents=True, exist_ok=True)
        record = draft.finish(folder)
        draft.item.stash[RECORD] = record
        # In one step: the live display reads records while they are being written.
        part = folder / f"{FILE_NAME}.part"
        part.write_text(record_to_json(record), encoding="utf-8")
        part.replace(folder / FILE_NAME)
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
    bad = [v for v in verdicts if STEP_STATUS[ScenarioOutcome(v.outcome)] is status]
    text = "\n".join(str(verdict) for verdict in bad)
    raise (
        FailedVerdict(text)
        if status is StepStatus.FAILED
        else InconclusiveVerdict(text)
    )


def _unused(folder: Path) -> Path:
    attempt, candidate = 1, folder
    while (candidate / FILE_NAME).exists():
        attempt += 1
        candidate = folder.with_name(f"{folder.name}-attempt{attempt}")
    return candidate
