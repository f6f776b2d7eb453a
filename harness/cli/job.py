"""One call of pytest in a process of its own, followed to its end and explained."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli.progress import show_progress
from harness.evidence.bundle import MANIFEST
from harness.reporting.record import ScenarioRecord
from harness.reporting.record_json import FILE_NAME
from harness.reporting.table import exit_code

BENCH_OR_USAGE = 2
SAFE_WITHIN_S = 120.0
"""How long an interrupted run may take to bring its bench to a safe state. [s]"""
ENDS = (signal.SIGTERM, signal.SIGHUP)
"""A kill that can be heard, and a terminal that was closed."""
_PYTEST_INI = """[pytest]
addopts = --import-mode=importlib --strict-markers
filterwarnings = error
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One call of pytest: what to run, on what, and where the evidence goes."""

    features: tuple[Path, ...]
    rig: Path | None
    """None: each feature's own, by its tag."""
    folder: Path
    today: date
    on: date | None = None
    """None: each feature's own, by its tag, else today."""
    decision_rule: str | None = None
    seed: int | None = None
    workers: int = 1
    select: tuple[str, ...] = ()
    rejudge: Path | None = None
    capture: str = ""
    """Interface on which the wire is captured, or ``auto``; nothing is, if empty."""

    def arguments(self) -> list[str]:
        """Return pytest's command line."""
        ini = self.folder / "pytest.ini"
        ini.write_text(_PYTEST_INI)
        arguments = [
            sys.executable, "-m", "pytest", *map(str, self.features),
            "-c", str(ini), "--rootdir", str(_common_root(self.features)),
            "-p", "no:cacheprovider", "-q", "--tb=short", "--color=no",
            "--run-folder", str(self.folder),
            "--today", self.today.isoformat(),
            "--junitxml", str(self.folder / "junit.xml"),
            "--alluredir", str(self.folder / "allure-results"),
        ]  # fmt: skip
        if self.rig is not None:
            arguments += ["--rig", str(self.rig)]
        if self.on is not None:
            arguments += ["--date", self.on.isoformat()]
        if self.workers > 1:
            arguments += ["-n", str(self.workers), "--dist", "worksteal"]
        if self.decision_rule:
            arguments += ["--decision-rule", self.decision_rule]
        if self.seed is not None:
            arguments += ["--seed", str(self.seed)]
        if self.rejudge is not None:
            arguments += ["--rejudge", str(self.rejudge)]
        if self.capture:
            arguments += ["--wire-capture", self.capture]
        return arguments + list(self.select)


def _common_root(features: Sequence[Path]) -> Path:
    folders = [f if f.is_dir() else f.parent for f in features]
    root = folders[0]
    while not all(folder.is_relative_to(root) for folder in folders):
        root = root.parent
    return root


def carry_out(job: Job, console: Console) -> int:
    """Run pytest beside a live display; pass an interrupt on and wait for safety.

    Returns
    -------
    int
        pytest's exit status; negative if a signal killed it.
    """
    log = job.folder / "pytest.log"
    with log.open("wb") as output, _ends_are_interrupts():
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


@contextmanager
def _ends_are_interrupts() -> Iterator[None]:
    """A closed terminal or a polite kill leaves the bench as safe as Ctrl-C does."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no run behind: interrupt it, wait for its safe state, then kill it."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=SAFE_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def code_of(job: Job, status: int, records: Sequence[ScenarioRecord]) -> int:
    """Return the exit code of a run.

    A scenario that left no record, and a failure that pytest alone knows of (a
    worker that was killed), are bench faults: a run is a pass only if all of it is.
    """
    if status not in (0, 1) or not records or unrecorded(job.folder):
        return BENCH_OR_USAGE
    code = exit_code(records)
    return BENCH_OR_USAGE if status == 1 and code == 0 else code


def unrecorded(run_folder: Path) -> list[Path]:
    """Bundles of scenarios that never came to their end: their process was killed."""
    opened = (path.parent for path in run_folder.glob(f"*/{MANIFEST}"))
    return sorted(folder for folder in opened if not (folder / FILE_NAME).exists())


def explain(
    job: Job, status: int, records: Sequence[ScenarioRecord], console: Console
) -> None:
    """Say what stopped the run, and what a person must know besides the verdicts."""
    for record in records:
        if record.error and record.verdicts and record.outcome == "broken":
            _say(console, f"{record.title}: {record.error}")
        for role, text in record.trial.sections.get("Safe state", {}).items():
            if text.startswith("NOT PROVEN"):
                _say(console, f"{record.title}: safe state of {role} {text}")
        for name, text in record.trial.sections.get("Wire capture", {}).items():
            if text.startswith("NOT WHOLE"):
                _say(console, f"{record.title}: {name} {text}")
    for folder in unrecorded(job.folder):
        _say(
            console,
            f"{folder}: cut short, its process was killed; what was recorded until "
            f"then is kept. Try: flexrig rejudge {job.folder}, or a new run.",
        )
    if status not in (0, 1) or not records:
        _say(console, _why_ended(job, status))


def _say(console: Console, text: str) -> None:
    # Errors name tables such as [device.ev], which would be read as markup.
    console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)


def _why_ended(job: Job, status: int) -> str:
    """One sentence on how pytest ended, if not with verdicts."""
    log = job.folder / "pytest.log"
    text = log.read_text(errors="replace")
    if status == pytest.ExitCode.INTERRUPTED and "KeyboardInterrupt" in text:
        return "the run was interrupted; what was recorded until then is kept."
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        return "no scenario was selected. Try: other words after -k or -m."
    if status < 0:
        return f"the run was killed (signal {-status}). Try: {log}, or a new run."
    said = re.findall(r"(?:UsageError|^ERROR): (.+)$", text, re.MULTILINE)
    said += re.findall(r"^_+ ERROR collecting .+ _+\n(.+)$", text, re.MULTILINE)
    if said:
        return str(said[-1])
    return f"the run ended early (pytest: {status}). Try: {log}, which says why."
