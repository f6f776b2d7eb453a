"""Interrupted or killed, a run keeps what it recorded, and never becomes a pass."""

import os
import select
import signal
import subprocess
import sys

import pytest

from harness.evidence.bundle import read_bundle, read_manifest
from tests.cli import hold
from tests.cli.bench import GOOD_RIG, PATIENCE_S, QUARTER_HOUR, ROOT, Ended, flexrig

FLEXRIG = (sys.executable, "-c", "from harness.cli import main; main()", "run")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
ROLES = ["ev", "heat_pump", "fridge"]


@pytest.fixture
def started(tmp_path):
    """Start a run, wait until its first instruction was accepted, send a signal."""
    os.mkfifo(tmp_path / hold.FIFO)
    held = os.open(tmp_path / hold.FIFO, os.O_RDONLY | os.O_NONBLOCK)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTEST_PLUGINS": "tests.cli.hold",
        hold.FOLDER: str(tmp_path),
        "COLUMNS": "200",
    }

    def start(command, *options, ends, whole=True):
        folder = tmp_path / "run"
        process = subprocess.Popen(
            [*command, str(QUARTER_HOUR), "--rig", str(GOOD_RIG),
             "--run-folder", str(folder), *options],
            text=True, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        try:
            assert select.select([held], [], [], PATIENCE_S)[0], "no instruction"
            trial = int(os.read(held, 20))
            os.kill(process.pid if whole else trial, ends)
            text, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        return Ended(process.returncode, text, folder)

    yield start
    os.close(held)


def require_safe_and_kept(ended):
    """The bundle is whole but for its end, and every device went to its safe state."""
    assert "Traceback" not in ended.text
    recording = ended.recording
    assert not recording.complete
    assert recording.facts["cut_short_by"] == "it was interrupted"
    assert recording.facts["made_safe"] == dict.fromkeys(ROLES, "done")
    assert [e.actor for e in recording.log if e.what == "made safe"] == ROLES
    assert recording.channels["ev_meter.power_w"].time_s[-1] >= 179
    assert ended.record.outcome == "broken"
    assert "interrupted" in ended.record.error


ENDS = {"Ctrl-C": (signal.SIGINT, "2"), "closed terminal": (signal.SIGHUP, "1")}


@pytest.mark.parametrize(("ends", "workers"), ENDS.values(), ids=ENDS)
def test_the_command_brings_the_bench_to_safety(started, ends, workers):
    only = ("--no-allure", "-k", "car_gives")
    ended = started(FLEXRIG, *only, "--workers", workers, ends=ends)
    assert ended.code == 2
    assert "interrupted: bringing the bench to its safe state" in ended.text
    assert "the run was interrupted; what was recorded until then is kept" in ended.text
    require_safe_and_kept(ended)


def test_what_was_interrupted_is_judged_as_far_as_it_goes(started):
    ended = started(PYTEST, "-k", "car_gives", ends=signal.SIGINT)
    require_safe_and_kept(ended)
    again = flexrig("rejudge", ended.folder)
    assert again.code == 3
    assert "INCONCLUSIVE" in again.text
    assert "broke when it was measured (the run was interrupted" in again.text


def test_plain_pytest_brings_the_bench_to_safety_too(started):
    ended = started(PYTEST, "-k", "car_gives", ends=signal.SIGTERM)
    assert ended.code == pytest.ExitCode.INTERRUPTED
    require_safe_and_kept(ended)


def test_a_killed_trial_is_said_kept_and_judged_as_far_as_it_goes(started):
    ended = started(
        FLEXRIG, "--no-allure", "--workers", "1", "-k", "car_gives",
        ends=signal.SIGKILL, whole=False,
    )  # fmt: skip
    assert ended.code == 2
    assert "cut short, its process was killed" in ended.text
    assert "Traceback" not in ended.text
    assert not ended.recording.complete
    assert [e.what for e in ended.recording.log][-1] == "accepts"
    again = flexrig("rejudge", ended.folder)
    assert again.code == 3
    assert "INCONCLUSIVE" in again.text
    assert "PASS  " not in again.text


def test_a_killed_worker_spoils_the_run_of_the_others(started):
    ended = started(
        FLEXRIG, "--no-allure", "--workers", "2", "-k", "car",
        ends=signal.SIGKILL, whole=False,
    )  # fmt: skip
    assert [record.outcome for record in ended.records] == ["pass"]
    assert ended.code == 2
    assert "cut short, its process was killed" in ended.text
    bundles = [path.parent for path in ended.folder.glob("*/manifest.json")]
    states = {read_manifest(bundle)["status"] for bundle in bundles}
    assert states == {"complete", "incomplete"}
    assert sum(read_bundle(bundle).complete for bundle in bundles) == 1
