"""flexrig run and flexrig rejudge: carry out or recall trials, judge, report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click
from rich.console import Console

from harness.cli.progress import show_progress
from harness.core.errors import EvidenceError, FeatureError, RigError
from harness.evidence.bundle import MANIFEST, verify
from harness.evidence.compare import same_verdicts
from harness.reporting.allure_html import generate
from harness.reporting.builtin_html import write_report
from harness.reporting.record import ScenarioRecord
from harness.reporting.record_json import read_records
from harness.reporting.table import exit_code, verdict_table
from harness.rig.assemble import parts_of
from harness.rig.file import read_rig
from harness.rig.shipped import find_file, shipped
from harness.rulebook.loader import load_rulebook
from harness.steps.phrases import read_feature

DECISION_RULES = click.Choice(["simple", "guard-band", "non-binary"])
BENCH_OR_USAGE = 2
SAFE_WITHIN_S = 120.0
"""How long an interrupted run may take to bring its bench to a safe state. [s]"""
_PYTEST_INI = """[pytest]
addopts = --import-mode=importlib --strict-markers
filterwarnings = error
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One call of pytest: what to run, on what, and where the evidence goes."""

    features: tuple[Path, ...]
    rig: Path
    folder: Path
    on: date
    decision_rule: str | None = None
    seed: int | None = None
    workers: int = 1
    select: tuple[str, ...] = ()
    rejudge: Path | None = None

    def arguments(self) -> list[str]:
        """Return pytest's command line."""
        ini = self.folder / "pytest.ini"
        ini.write_text(_PYTEST_INI)
        arguments = [
            sys.executable, "-m", "pytest", *map(str, self.features),
            "-c", str(ini), "--rootdir", str(_common_root(self.features)),
            "-p", "no:cacheprovider", "-q", "--tb=short", "--color=no",
            "--rig", str(self.rig), "--run-folder", str(self.folder),
            "--date", self.on.isoformat(),
            "--junitxml", str(self.folder / "junit.xml"),
            "--alluredir", str(self.folder / "allure-results"),
        ]  # fmt: skip
        if self.workers > 1:
            arguments += ["-n", str(self.workers), "--dist", "worksteal"]
        if self.decision_rule:
            arguments += ["--decision-rule", self.decision_rule]
        if self.seed is not None:
            arguments += ["--seed", str(self.seed)]
        if self.rejudge is not None:
            arguments += ["--rejudge", str(self.rejudge)]
        return arguments + list(self.select)


def _common_root(features: Sequence[Path]) -> Path:
    folders = [f if f.is_dir() else f.parent for f in features]
    root = folders[0]
    while not all(folder.is_relative_to(root) for folder in folders):
        root = root.parent
    return root


@click.command()
@click.argument("features", nargs=-1)
@click.option(
    "--rig",
    default="rigs/emulated.toml",
    show_default=True,
    help="Rig file: your bench, or a shipped one by name.",
)
@click.option(
    "--decision-rule",
    type=DECISION_RULES,
    help="How uncertainty enters a verdict. Default: the rig file's.",
)
@click.option("--date", "on", help="Date of the trial, YYYY-MM-DD. Default: today.")
@click.option("--seed", type=int, help="Seed instead of the rig file's.")
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
def run(
    features: tuple[str, ...], rig: str, decision_rule: str | None, on: str | None,
    seed: int | None, workers: int | None, run_folder: Path | None,
    keyword: str | None, tags: str | None, allure: bool,
) -> None:  # fmt: skip
    r"""Run FEATURES (files or folders; default: all that are shipped) on a rig.

    \b
    Examples:
      flexrig run
      flexrig run features/services/balancing_mechanism.feature -k heat_pump
      flexrig run --rig my_bench.toml --decision-rule guard-band
    """
    rig_path = find_file(rig, "rigs")
    rig_file = read_rig(rig_path)
    parts_of(rig_file)
    day = _read_date(on)
    paths = _feature_paths(features)
    scenarios = _check_features(paths, day)
    virtual = rig_file.rig.clock == "virtual"
    job = Job(
        features=tuple(paths),
        rig=rig_path.absolute(),
        folder=_new_folder(run_folder),
        on=day,
        decision_rule=decision_rule,
        seed=seed,
        workers=min(workers or 2, scenarios) if virtual else 1,
        select=_selection(keyword, tags),
    )
    console = Console()
    console.print(
        f"{rig_file.rig.name} ({rig_file.grade}, {rig_file.rig.clock} clock, "
        f"seed {seed if seed is not None else rig_file.rig.seed}), {day}",
        style="bold",
        markup=False,
        soft_wrap=True,
    )
    status = _carry_out(job, console)
    sys.exit(_report(job, status, console, allure=allure))


def _selection(keyword: str | None, tags: str | None) -> tuple[str, ...]:
    chosen: list[str] = []
    chosen += ["-k", keyword] if keyword else []
    chosen += ["-m", tags] if tags else []
    return tuple(chosen)


def _read_date(text: str | None) -> date:
    if text is None:
        return date.today()  # noqa: DTZ011 - the civil date of the trial
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RigError("--date", f"{text!r} is no date", "YYYY-MM-DD") from error


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
    return [path.absolute() for path in paths]


def _check_features(paths: Sequence[Path], on: date) -> int:
    """Check every file before anything runs; return how many scenarios there are."""
    if not paths:
        raise FeatureError("features", "no feature file found", "a path to one")
    rulebook = load_rulebook()
    return sum(len(read_feature(path, rulebook, on).scenarios) for path in paths)


def _new_folder(wanted: Path | None) -> Path:
    if wanted is None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")  # noqa: TID251 - a name
        wanted = Path("reports/runs") / stamp
    folder = wanted.absolute()
    if folder.exists() and any(folder.iterdir()):
        raise EvidenceError(
            str(wanted), "holds something already", "another --run-folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _carry_out(job: Job, console: Console) -> int:
    """Run pytest beside a live display; pass an interrupt on and wait for safety."""
    log = job.folder / "pytest.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            job.arguments(), stdout=output, stderr=subprocess.STDOUT,
            cwd=job.folder, start_new_session=True,
        )  # fmt: skip
        try:
            show_progress(job.folder, process, console)
        except KeyboardInterrupt:
            console.print("interrupted: bringing the bench to its safe state …")
        finally:
            _end(process)
        return process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no run behind: interrupt it, wait for its safe state, then kill it."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=SAFE_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _report(job: Job, status: int, console: Console, *, allure: bool) -> int:
    """Print verdicts, make the reports, and return the exit code."""
    records = read_records(job.folder)
    if records:
        console.print(verdict_table(records))
    _explain(job, status, records, console)
    if not records:
        return BENCH_OR_USAGE
    page = write_report(job.folder, job.folder / "report.html")
    if allure:
        made = generate(
            job.folder / "allure-results",
            job.folder / "allure.html",
            environment=_environment(records),
            say=console.print,
        )
        if made is not None:
            console.print(f"Allure report:  {made}", soft_wrap=True)
    console.print(f"report:         {page}", soft_wrap=True)
    console.print(f"evidence:       {job.folder}", soft_wrap=True)
    return exit_code(records) if status in (0, 1) else BENCH_OR_USAGE


def _environment(records: Sequence[ScenarioRecord]) -> dict[str, str]:
    """What Allure shows of the bench on its first page."""
    trial = records[0].trial
    return {
        "Rig": trial.rig,
        "Evidence": str(trial.grade or "unknown"),
        "Decision rule": trial.decision_rule,
        "Seed": str(trial.seed),
    }


def _explain(
    job: Job, status: int, records: Sequence[ScenarioRecord], console: Console
) -> None:
    """Say what stopped the run, if anything but a verdict did."""
    for record in records:
        if record.error and record.outcome == "broken":
            # Errors name tables such as [device.ev], which would be read as markup.
            said = f"{record.title}: {record.error}"
            console.print(said, style="red", markup=False, soft_wrap=True)
    if status in (0, 1) and records:
        return
    text = (job.folder / "pytest.log").read_text(errors="replace")
    if status == 5 or ("deselected" in text and not records):
        console.print("no scenario was selected. Try: other words after -k or -m")
    elif not records:
        console.print(text[-4000:], markup=False)


@click.command()
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.option("--decision-rule", type=DECISION_RULES, help="Judge by another rule.")
def rejudge(run_folder: Path, decision_rule: str | None) -> None:
    """Judge the recordings of RUN_FOLDER again, without a bench.

    Every file is checked against its digest first: one changed byte and nothing is
    judged. Then the verdicts are compared with those of the run.
    """
    bundles = _bundles(run_folder)
    manifests = [verify(folder) for folder in bundles]
    facts = manifests[0]["before"]["facts"]
    console = Console()
    records = read_records(run_folder)
    with tempfile.TemporaryDirectory(prefix="flexrig-") as name:
        work = Path(name)
        features = _restore_features(records, run_folder, work / "features")
        rig = work / facts["rig_file"]
        rig.write_bytes((bundles[0] / "rig.toml").read_bytes())
        folder = work / "run"
        folder.mkdir()
        job = Job(
            features=tuple(features),
            rig=rig,
            folder=folder,
            on=date.fromisoformat(facts["date"]),
            decision_rule=decision_rule or facts["decision_rule"],
            seed=facts["seed"],
            rejudge=run_folder.absolute(),
        )
        status = _carry_out(job, console)
        again = read_records(folder)
        console.print(verdict_table(again))
        _explain(job, status, again, console)
        differences = _differences(run_folder, folder)
    for line in differences:
        console.print(line)
    same_rule = job.decision_rule == facts["decision_rule"]
    if differences and same_rule:
        console.print("the verdicts are NOT the same")
        sys.exit(BENCH_OR_USAGE)
    if not differences:
        console.print(f"the same verdicts, {len(again)} scenarios")
    sys.exit(exit_code(again) if status in (0, 1) else BENCH_OR_USAGE)


def _bundles(run_folder: Path) -> list[Path]:
    found = sorted(path.parent for path in run_folder.glob(f"*/{MANIFEST}"))
    if not found:
        raise EvidenceError(
            str(run_folder),
            "no evidence bundle in it",
            "the folder `flexrig run` named",
        )
    return found


def _restore_features(
    records: Sequence[ScenarioRecord], run_folder: Path, target: Path
) -> list[Path]:
    """Write the feature files out of the bundles, as they were when measured."""
    paths: dict[Path, None] = {}
    for record in records:
        stored = run_folder / record.slug / "scenario.feature"
        if not stored.exists():
            continue
        path = target / Path(record.feature_file).name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stored.read_bytes())
        paths[path] = None
    return list(paths)


def _differences(before: Path, after: Path) -> list[str]:
    lines: list[str] = []
    for path in sorted(before.glob("*/scenario.json")):
        if not (path.parent / MANIFEST).exists():
            continue
        again = after / path.parent.name / "scenario.json"
        if not again.exists():
            lines.append(f"{path.parent.name}: was not judged again")
            continue
        found = same_verdicts(_verdicts(path), _verdicts(again))
        lines += [f"{path.parent.name}: {line}" for line in found]
    return lines


def _verdicts(path: Path) -> str:
    return json.dumps(json.loads(path.read_text())["verdicts"])
