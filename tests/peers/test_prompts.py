"""A person at a real bench is told what to do, on a terminal and in a log."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli.progress import show_progress
from harness.rig.file import read_rig
from harness.steps.live import Live
from harness.trial.plan import Plan
from harness.trial.planned import Operation

RIGS = Path(__file__).parents[2] / "rigs"
FIVE_S = 17 * 3600.0


def shown(folder: Path, rig: str, at_s: float, *, terminal: bool = False) -> str:
    """What the display shows of a plan in which the car is unplugged at 17:00."""
    plan = Plan(operations=[Operation("ev", "unplug", FIVE_S)], baseline_s=300.0)
    live = Live(
        folder, "slug", plan, rig=read_rig(RIGS / f"{rig}.toml"), name="the car leaves"
    )
    live.tell(at_s, 1.0)
    console = Console(file=io.StringIO(), width=120, force_terminal=terminal)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        show_progress(folder, process, console)
    live.end()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_person_is_told_a_minute_ahead_and_again_when_it_is_time(
    tmp_path: Path, terminal: bool
):
    soon = shown(tmp_path, "mixed", 260.0, terminal=terminal)
    assert "PERSON" in soon
    assert "at 17:00:00: unplug EV" in soon
    now = shown(tmp_path, "mixed", 300.0, terminal=terminal)
    assert "NOW: unplug EV" in now


def test_what_comes_next_names_the_person_long_before(tmp_path: Path):
    said = shown(tmp_path, "mixed", 10.0)
    assert "next: 17:00:00 PERSON: unplug ev" in said
    assert "NOW" not in said


def test_a_prompt_does_not_stay_for_ever(tmp_path: Path):
    assert "PERSON" not in shown(tmp_path, "mixed", 361.0)


def test_nobody_is_asked_for_what_an_emulator_does(tmp_path: Path):
    said = shown(tmp_path, "wall_emulated", 299.0)
    assert "PERSON" not in said
    assert "emulator: unplug ev" in said


def test_a_bench_that_still_connects_says_so(tmp_path: Path):
    assert "getting ready" in shown(tmp_path, "mixed", -15.0)


def test_virtual_time_passes_without_running_commentary(tmp_path: Path):
    assert shown(tmp_path, "emulated", 299.0) == ""
