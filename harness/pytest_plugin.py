"""pytest meets the harness: feature files as tests, one run of the plan per scenario.

``pytest features/x.feature --rig rigs/emulated.toml`` works, as do ``-k``, ``-m``
with a feature file's tags, and pytest-xdist.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Generator, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pytest_bdd import scenario
from pytest_bdd.parser import Step

from harness.checks.decide import FORMS
from harness.core.errors import FeatureError, FlexrigError, UsageError
from harness.evidence.bundle import MANIFEST, read_manifest, seal
from harness.reporting.allure_bridge import AllureBridge, refuse_rival
from harness.reporting.recorder import ScenarioRecorder, know_tag, scenario_slug
from harness.steps.guard import StepGuard
from harness.steps.lookup import look_up_once
from harness.steps.phrases import STEP_MODULES
from harness.steps.reading import read_feature, refuse_namesakes, scenario_name
from harness.steps.sessions import DEFAULT_RIG, Sessions, Wanted, read_date
from harness.steps.trial import STEP_TEXT, Trial
from harness.trial.plan import Plan
from harness.trial.session import Session

pytest_plugins = list(STEP_MODULES)

_SESSIONS = pytest.StashKey[Sessions]()
GARBAGE_AFTER = (50_000, 20, 100)
"""New objects after which Python looks for garbage: a day of messages is a million
objects that all stay until they are judged, and going through them costs more."""


def pytest_addoption(
    parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager
) -> None:
    """Let the bench engineer choose the bench and how it is judged."""
    refuse_rival(pluginmanager)
    group = parser.getgroup("flexrig", "trials of flexible devices")
    group.addoption(
        "--rig",
        help="rig file to run on; default: the feature's tag @rig:NAME, else "
        f"{DEFAULT_RIG}",
    )
    group.addoption(
        "--decision-rule",
        help=f"how uncertainty enters a verdict ({FORMS}); default: the rig file's",
    )
    group.addoption(
        "--date",
        help="date of the trial, YYYY-MM-DD; default: on virtual time that of the "
        "feature's tag @date:YYYY-MM-DD, else today",
    )
    group.addoption("--today", help="today's date, for trials that name none")
    group.addoption("--seed", type=int, help="seed instead of the rig file's")
    group.addoption("--run-folder", help="where bundles go; default: reports/runs/…")
    group.addoption(
        "--wire-capture", metavar="INTERFACE", default="",
        help="keep every frame; 'auto' finds the interfaces by the rig's addresses",
    )  # fmt: skip
    group.addoption("--rejudge", help="judge the bundles of this run; touch no bench")


def pytest_configure(config: pytest.Config) -> None:
    """Fix the run's folder and date once, so that every worker shares them."""
    option = config.option
    if not option.run_folder:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")  # noqa: TID251 - a name
        option.run_folder = str(Path("reports/runs", stamp).absolute())
    if not option.today:
        option.today = date.today().isoformat()  # noqa: DTZ011 - the trial's civil date
    recorder = ScenarioRecorder(config, Path(option.run_folder), written=_sealed)
    config.pluginmanager.register(recorder, "flexrig-record")
    config.pluginmanager.register(StepGuard(), "flexrig-step-guard")
    look_up_once()
    if getattr(option, "allure_report_dir", None):
        config.pluginmanager.register(AllureBridge(config), "flexrig-allure")


def _sealed(folder: Path) -> None:
    """Seal verdicts and figures into a bundle, if anything was measured at all."""
    if (folder / MANIFEST).exists() and "seal" in read_manifest(folder):
        seal(folder)


def sessions_of(config: pytest.Config) -> Sessions:
    """Return what this run's features are judged with; made on first use.

    Raises
    ------
    UsageError
        If a date or the rulebook cannot be used.
    """
    if _SESSIONS not in config.stash:
        option = config.option
        config.stash[_SESSIONS] = Sessions(
            Wanted(
                run_folder=Path(option.run_folder),
                today=read_date("--today", option.today),
                on=read_date("--date", option.date) if option.date else None,
                rig=option.rig,
                seed=option.seed,
                decision_rule=option.decision_rule,
                capture=option.wire_capture,
                rejudge=Path(option.rejudge) if option.rejudge else None,
            )
        )
    return config.stash[_SESSIONS]


@pytest.fixture
def plan() -> Plan:
    """Start every scenario with an empty plan."""
    return Plan()


@pytest.fixture
def session(request: pytest.FixtureRequest) -> Session:
    """What this run judges with: rig, date, decision rule, rulebook."""
    config, node = request.config, request.node
    if config.option.rejudge:
        bundle = Path(config.option.rejudge) / scenario_slug(node)
        return sessions_of(config).of_bundle(bundle)
    return sessions_of(config).of(node.path)


@pytest.fixture
def trial(request: pytest.FixtureRequest, plan: Plan, session: Session) -> Trial:
    """The scenario while it is judged: limits, recording, verdicts."""
    return Trial(request.node, plan, session)


def pytest_bdd_before_step_call(request: pytest.FixtureRequest, step: Step) -> None:
    """Let verdicts say which Then they answer."""
    request.node.stash[STEP_TEXT] = step.name


class FeatureFile(pytest.Module):
    """A .feature file collected as if it were a test module."""

    def _getobj(self) -> types.ModuleType:
        session = sessions_of(self.config).of(self.path)
        on = session.assignment.on
        feature = read_feature(self.path, session.rulebook, on)
        module = types.ModuleType(f"feature_{scenario_name(self.path.stem)}")
        for title, template in feature.scenarios.items():
            # pytest-bdd marks examples with their tags without asking anybody.
            for examples in template.examples:
                for tag in examples.tags:
                    know_tag(self.config, tag)

            @scenario(self.path.name, title, features_base_dir=str(self.path.parent))
            def test() -> None: ...

            setattr(module, f"test_{scenario_name(title)}", test)
        return module

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> str:
        """Show a person's mistake as one sentence, ours with its traceback."""
        if isinstance(excinfo.value, FlexrigError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Refuse files of one name; judge again only what was measured, if it is that."""
    try:
        refuse_namesakes(item.path for item in items if item.getparent(FeatureFile))
    except FeatureError as error:
        raise pytest.UsageError(str(error)) from error
    if not config.option.rejudge:
        return
    stored = Path(config.option.rejudge)
    kept = [item for item in items if (stored / scenario_slug(item)).is_dir()]
    left_out = [item for item in items if item not in kept]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look for garbage seldom, and not among what was collected, in a run of ours."""
    if any(item.getparent(FeatureFile) for item in session.items):
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE_AFTER)


def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """Collect feature files wherever pytest is pointed at them."""
    if file_path.suffix != ".feature":
        return None
    return FeatureFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Say a wrong rig once, before any feature file is blamed for it."""
    names = [str(arg).split("::")[0] for arg in session.config.args]
    ours = any(name.endswith(".feature") or "features" in name for name in names)
    if ours and not session.config.option.rejudge:
        try:
            sessions_of(session.config).of()
        except UsageError as error:
            raise pytest.UsageError(str(error)) from error
    return (yield)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[None] | None:
    """Say where the evidence is."""
    folder = Path(config.option.run_folder)
    if folder.is_dir():
        terminalreporter.write_line(f"evidence: {folder}")
    return None
