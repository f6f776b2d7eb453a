"""flexrig run: carry out trials, judge them, report."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click
from pytest_bdd.parser import Feature
from rich.console import Console

from harness.capture.network import prepare
from harness.checks.decide import decision_rule_of
from harness.cli.job import BENCH_OR_USAGE, Job, carry_out, code_of, explain
from harness.cli.progress import make_console
from harness.cli.selection import selection
from harness.core.errors import EvidenceError, FeatureError
from harness.reporting import wording
from harness.reporting.allure_html import generate
from harness.reporting.builtin_html import write_report
from harness.reporting.record import ScenarioRecord
from harness.reporting.record_json import read_records
from harness.reporting.table import verdict_table
from harness.rig.file import Rig
from harness.rig.shipped import find_file, shipped
from harness.steps import sessions
from harness.steps.reading import plans_of, read_feature, refuse_namesakes
from harness.steps.sessions import DEFAULT_RIG, Sessions, Wanted
from harness.trial.capturing import AUTO, taps_of
from harness.trial.run import check_roles


class DecisionRuleName(click.ParamType[str]):
    """``simple``, ``guard-band``, ``non-binary:0.83``, checked before anything runs."""

    name = "RULE"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return it if there is such a rule; a `UsageError` names those there are."""
        decision_rule_of(value)
        return value


DECISION_RULE = DecisionRuleName()


@click.command()
@click.argument("features", nargs=-1)
@click.option(
    "--rig",
    help="Rig file: your bench, or a shipped one by name. Default: the one that a "
    f"feature's tag @rig:NAME names, else {DEFAULT_RIG}.",
)
@click.option(
    "--decision-rule",
    type=DECISION_RULE,
    help="How uncertainty enters a verdict: simple, guard-band (w = U), guard-band:0.8 "
    "(w = 0.8 U), non-binary. Default: the rig file's.",
)
@click.option(
    "--date",
    "on",
    help="Date of the trial, YYYY-MM-DD. Default: on virtual time the day that a "
    "feature's tag @date:YYYY-MM-DD names, else today.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Seed instead of the rig file's."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=None,
    help="Scenarios run side by side (emulated rigs only). Default: 2.",
)
@click.option(
    "--run-folder",
    type=click.Path(path_type=Path),
    help="Where evidence and reports go. Default: reports/runs/<time>.",
)
@click.option("-k", "keyword", help="Only scenarios whose name matches.")
@click.option("-m", "tags", help="Only scenarios with these tags: 'UC1 and ev'.")
@click.option("--allure/--no-allure", default=True, show_default=True,
              help="Also make the Allure report, if Node has it.")  # fmt: skip
@click.option("--capture", is_flag=True, help="Keep every frame (wall clock only).")
@click.option(
    "--capture-interface",
    metavar="NAME",
    help="Where to capture. Default: by the rig's addresses.",
)
def run(
    features: tuple[str, ...], rig: str | None, decision_rule: str | None,
    on: str | None, seed: int | None, workers: int | None, run_folder: Path | None,
    keyword: str | None, tags: str | None, allure: bool, capture: bool,
    capture_interface: str | None,
) -> None:  # fmt: skip
    r"""Run FEATURES (files or folders; default: all that are shipped) on a rig.

    \b
    Examples:
      flexrig run
      flexrig run features/services/balancing_mechanism.feature -k heat_pump
      flexrig run --rig my_bench.toml --decision-rule guard-band
    """
    day, today = read_date(on) if on else None, read_date(None)
    console = make_console()
    wanted = Wanted(today, on=day, rig=rig, seed=seed, decision_rule=decision_rule)
    asked = trials_of(_feature_paths(features), wanted)
    if rig is not None and not features:
        asked = _that_fit(rig, asked, console)
    benches = {(one.rig.digest, one.on): one.rig for one in asked}
    rigs = list({one.digest: one for one in benches.values()}.values())
    wire = capture_interface or (AUTO if capture else "")
    if wire:
        _prepare_capture(rigs, wire)
    select = selection(keyword, tags, [one.feature for one in asked])
    scenarios = sum(len(one.feature.scenarios) for one in asked)
    virtual = all(one.rig.clock == "virtual" for one in rigs)
    job = Job(
        features=tuple(one.path for one in asked),
        rig=None if rig is None else find_file(rig, "rigs").absolute(),
        folder=_new_folder(run_folder),
        today=today,
        on=day,
        decision_rule=decision_rule,
        seed=seed,
        workers=min(workers or 2, scenarios) if virtual else 1,
        select=select,
        capture=wire,
    )
    for (_, when), one in benches.items():
        console.print(
            f"{one.rig.name} ({one.grade}, {one.rig.clock} clock, "
            f"seed {one.rig.seed}), {when}",
            style="bold",
            markup=False,
            soft_wrap=True,
        )
    status = carry_out(job, console)
    sys.exit(_report(job, status, console, allure=allure))


def _prepare_capture(rigs: Sequence[Rig], interface: str) -> None:
    """See that the wire may be captured; if need be, begin again where it may."""
    taps = [tap for rig in rigs for tap in taps_of(rig, interface)]
    again = [sys.executable, "-P", "-c", "from harness.cli import main; main()"]
    prepare(
        sorted({tap.interface for tap in taps}),
        alone=all(rig.grade == "emulated" for rig in rigs),
        again=[*again, *sys.argv[1:]],
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A feature that was read and checked, with the rig and the day of its trial."""

    path: Path
    feature: Feature
    rig: Rig
    on: date


def trials_of(paths: Sequence[Path], wanted: Wanted) -> list[Asked]:
    """Read and check every rig and every feature, before anything runs.

    Raises
    ------
    UsageError
        For the first rig, day or line of a feature that cannot be used.
    """
    if not paths:
        raise FeatureError("features", "no feature file found", "a path to one")
    refuse_namesakes(paths)
    made, asked = Sessions(wanted), []
    for path in paths:
        session = made.of(path)
        rig, on = session.assignment.rig, session.assignment.on
        asked.append(Asked(path, read_feature(path, session.rulebook, on), rig, on))
    return asked


def _that_fit(rig: str, asked: Sequence[Asked], console: Console) -> list[Asked]:
    """Leave out, and say so, features that ask what this rig does not have or do.

    Raises
    ------
    FeatureError
        If none is left: a run that asks nothing is no pass.
    """
    kept = []
    for one in asked:
        try:
            for plan in plans_of(one.feature):
                check_roles(plan, one.rig)
        except FeatureError as error:
            console.print(f"left out {one.path.name}: {error.fact}", style="dim")
        else:
            kept.append(one)
    if not kept:
        raise FeatureError(rig, "no shipped feature fits this rig", "your own feature")
    return kept


def read_date(text: str | None) -> date:
    """Return the trial's date; None is today.

    Raises
    ------
    UsageError
        If it is no date.
    """
    if text is None:
        return date.today()  # noqa: DTZ011 - the civil date of the trial
    return sessions.read_date("--date", text)


def _feature_paths(names: Sequence[str]) -> list[Path]:
    if not names:
        return sorted(shipped("features").rglob("*.feature"))
    paths: list[Path] = []
    for name in names:
        path = find_file(name, "features")
        if path.is_dir():
            paths += sorted(path.rglob("*.feature"))
        elif path.is_file():
            paths.append(path)
        else:
            raise FeatureError(name, "no such feature file", "a path, or none for all")
    # A file may be named twice, by itself and by its folder.
    return list(dict.fromkeys(path.resolve() for path in paths))


def _new_folder(wanted: Path | None) -> Path:
    if wanted is None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")  # noqa: TID251 - a name
        wanted = Path("reports/runs") / stamp
    folder = wanted.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used = any(folder.iterdir())
    except OSError as error:
        fact = f"cannot be a folder for evidence: {error.strerror}"
        raise EvidenceError(str(wanted), fact, "another --run-folder") from error
    if used:
        raise EvidenceError(
            str(wanted), "holds something already", "another --run-folder"
        )
    return folder


def _report(job: Job, status: int, console: Console, *, allure: bool) -> int:
    """Print verdicts, make the reports, and return the exit code."""
    records = read_records(job.folder)
    if not records:
        explain(job, status, records, console)
        return BENCH_OR_USAGE
    with ThreadPoolExecutor(1) as beside:
        # Node makes Allure's while ours is made, and verdicts are told, here.
        made = beside.submit(_allure, job, records, console) if allure else None
        console.print(verdict_table(records))
        explain(job, status, records, console)
        page = write_report(job.folder, job.folder / "report.html")
    if made is not None and (allure_page := made.result()) is not None:
        console.print(f"Allure report:  {allure_page}", soft_wrap=True)
    console.print(f"report:         {page}", soft_wrap=True)
    console.print(f"evidence:       {job.folder}", soft_wrap=True)
    return code_of(job, status, records)


def _allure(
    job: Job, records: Sequence[ScenarioRecord], console: Console
) -> Path | None:
    return generate(
        job.folder / "allure-results",
        job.folder / "allure.html",
        environment=_environment(records),
        say=console.print,
    )


def _environment(records: Sequence[ScenarioRecord]) -> dict[str, str]:
    """What Allure shows of the bench on its first page."""
    trials = [record.trial for record in records]
    return {
        "Rig": _each(trial.rig for trial in trials),
        "Evidence": str(wording.grade_of(records) or "unknown"),
        "Decision rule": _each(trial.decision_rule for trial in trials),
        "Seed": _each(str(trial.seed) for trial in trials),
    }


def _each(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(filter(None, names))))
