"""What the tests of whole runs share: the command, pytest, and rigs made from one.

A run costs seconds. What can go wrong before it is tried in this process
(`flexrig_here`); a run is pytest in this process (`pytest_here`) where the display
does not matter, and the real command in its own process (`flexrig`) where it does.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import harness.cli
from harness.evidence.bundle import read_bundle
from harness.reporting.record_json import read_records
from harness.reporting.table import exit_code

ROOT = Path(__file__).resolve().parents[2]
GOOD_RIG = ROOT / "rigs/emulated.toml"
QUARTER_HOUR = ROOT / "features/services/quarter_hour.feature"
PATIENCE_S = 120
WORKING_DAY = "2026-11-26"
"""When trials of tests take place: a Thursday, whatever day it is."""
_INI = """[pytest]
addopts = --import-mode=importlib --strict-markers
filterwarnings =
    error
    ignore::pytest.PytestAssertRewriteWarning
"""
_COMMAND = (sys.executable, "-c", "from harness.cli import main; main()")


@dataclass(frozen=True)
class Ended:
    """How a run ended, and all that a person saw of it."""

    code: int
    text: str
    folder: Path

    @property
    def records(self):
        return read_records(self.folder)

    @property
    def record(self):
        (record,) = self.records
        return record

    @property
    def bundle(self):
        (manifest,) = self.folder.glob("*/manifest.json")
        return manifest.parent

    @property
    def recording(self):
        return read_bundle(self.bundle)

    @property
    def exit_code(self):
        return exit_code(self.records)


def flexrig_here(*arguments):
    """Run the command in this process, for what is refused before anything runs."""
    told, before = io.StringIO(), sys.argv
    sys.argv = ["flexrig", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            harness.cli.main()
    except SystemExit as ended:
        return Ended(int(ended.code or 0), told.getvalue(), Path())
    finally:
        sys.argv = before
    return Ended(0, told.getvalue(), Path())


def flexrig(*arguments, folder=Path(), columns=None):
    """Run the command as a person does, on a terminal of so many columns or none."""
    environment = {name: v for name, v in os.environ.items() if name != "COLUMNS"}
    environment |= {"COLUMNS": str(columns)} if columns else {}
    done = subprocess.run(
        [*_COMMAND, *map(str, arguments)], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=PATIENCE_S, env=environment, check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, folder)


def pytest_here(feature, rig, folder, *options):
    """Run a feature with pytest in this process."""
    folder.mkdir(parents=True, exist_ok=True)
    ini = folder / "pytest.ini"
    ini.write_text(_INI)
    told = io.StringIO()
    arguments = [
        str(feature), "-c", str(ini), "--rootdir", str(Path(feature).parent), "-q",
        "-p", "no:cacheprovider", "-p", "no:faulthandler", "--capture=no",
        "--color=no", "--rig", str(rig), "--run-folder", str(folder),
        "--date", WORKING_DAY, *options,
    ]  # fmt: skip
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        status = pytest.main(arguments)
    return Ended(int(status), told.getvalue(), folder)


def changed(text, *changes):
    """Return a text with each of its changes made, once and surely."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def seldom(text):
    """Have a rig's meters read every 5 s: plenty where nobody's reaction is timed."""
    return re.sub(
        r"^\[meter\.(\w+)\.emulator\]$",
        r"[meter.\1.options]\npoll_interval_s = 5\nslow_every = 1\n\n"
        r"[meter.\1.emulator]\nupdate_interval_s = 5",
        text, flags=re.M,
    )  # fmt: skip


def rig(path, *changes):
    """Write the good rig with changes; return where."""
    path.write_text(changed(GOOD_RIG.read_text(encoding="utf-8"), *changes))
    return path


def feature(path, *changes):
    """Write the quarter-hour feature with changes; return where."""
    path.write_text(changed(QUARTER_HOUR.read_text(encoding="utf-8"), *changes))
    return path
