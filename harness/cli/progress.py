"""The live display of a run: bench time, speed, next instruction, verdicts so far."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from harness.reporting.record import ScenarioRecord
from harness.reporting.record_json import read_further

REFRESH_S = 0.5
LINES_S = 2.0
"""How often it is looked for lines to print where nobody watches a bar. [s]"""
LOG_WIDTH = 120
"""Columns of what is printed where there is no terminal to ask."""
FOLDER = ".progress"


def make_console(*, log_width: int = LOG_WIDTH) -> Console:
    """Return a console as wide as the terminal, or wide enough for a log."""
    console = Console()
    if console.is_terminal or "COLUMNS" in os.environ:
        return console
    return Console(width=log_width)


def show_progress(
    folder: Path, process: subprocess.Popen[bytes], console: Console
) -> None:
    """Follow a run until its process ends; plain lines where there is no terminal."""
    if not console.is_terminal:
        _follow_plainly(folder, process, console)
        return
    records: dict[Path, ScenarioRecord] = {}
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        while True:
            records |= read_further(folder, records)
            live.update(_view(folder, records.values()))
            if _ended(process, within_s=REFRESH_S):
                return


def _ended(process: subprocess.Popen[bytes], *, within_s: float) -> bool:
    try:
        process.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _follow_plainly(
    folder: Path, process: subprocess.Popen[bytes], console: Console
) -> None:
    """One line for each scenario as it ends, for logs.

    On the wall clock, where hours are hours, also one for each thing that comes
    next, and for each thing that a person is asked to do.
    """
    told: set[Path] = set()
    said: set[str] = set()
    while True:
        ended = _ended(process, within_s=LINES_S)
        for line in _news(folder):
            if line not in said:
                said.add(line)
                console.print(line, markup=False, soft_wrap=True)
        for path, record in read_further(folder, told).items():
            told.add(path)
            speed = record.trial.speed
            pace = f", {speed:,.0f} times real time" if speed else ""
            console.print(
                f"{record.outcome.upper():>12}  {record.title}{pace}",
                markup=False,
                soft_wrap=True,
            )
        if ended:
            return


def _news(folder: Path) -> list[str]:
    """What is to be said of the scenarios that run on the wall clock now."""
    lines = []
    for state in _states(folder):
        if state["clock_kind"] == "wall":
            after = f"next: {state['next']}" if state["next"] else "watching the return"
            what = "getting ready" if state["bench_s"] < 0 else after
            lines.append(f"{'':>12}  {state['scenario']}: {what}")
            lines += [f"{'PERSON':>12}  {asked}" for asked in state["person"]]
    return lines


def _view(folder: Path, records: Iterable[ScenarioRecord]) -> Group:
    lines = [_line(state) for state in _states(folder)]
    done = Counter(str(record.outcome) for record in records)
    tally = ", ".join(f"{count} {outcome}" for outcome, count in sorted(done.items()))
    return Group(*lines, Text(f"so far: {tally or 'nothing judged yet'}", style="dim"))


def _states(folder: Path) -> list[dict[str, Any]]:
    states = []
    for path in sorted((folder / FOLDER).glob("*.json")):
        try:
            states.append(json.loads(path.read_text()))
        except (OSError, ValueError):
            continue  # being replaced this very moment: the next look will see it
    return states


def _line(state: dict[str, Any]) -> Text:
    part = max(0.0, min(1.0, state["bench_s"] / state["duration_s"]))
    bar = "█" * round(20 * part) + "░" * (20 - round(20 * part))
    text = Text(f"{bar} {state['clock']}  ×{state['speed']:,.0f}  {state['scenario']}")
    if state["bench_s"] < 0:
        text.append("  getting ready", style="dim")
    for asked in state["person"]:
        text.append(f"\n{'':21}PERSON, {asked}", style="bold yellow")
    if state.get("next"):
        text.append(f"\n{'':21}next: {state['next']}", style="dim")
    return text
