"""What `flexrig new-device` makes works at once, and says what is still nobody's."""

import importlib
import subprocess
import sys

import pytest

from harness.checks.verdict import Outcome
from harness.core.errors import UsageError
from harness.kit.conformance import check_driver
from harness.kit.scaffold import KINDS, scaffold
from harness.rig.file import read_rig


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_only_what_is_still_to_be_done_is_against_a_new_folder(
    kind, tmp_path, monkeypatch
):
    name = f"fresh_{kind}"
    folder = scaffold(name, kind, tmp_path)
    monkeypatch.syspath_prepend(str(folder))
    driver = importlib.import_module(f"{name}.modbus").DRIVER
    monkeypatch.setattr(
        "harness.kit.conformance.folder_of", lambda _driver: folder / name
    )
    findings = list(check_driver(driver))
    failed = {one.check for one in findings if one.outcome is Outcome.FAIL}
    assert failed == {"describes itself", "transcript modbus.toml"}
    assert read_rig(folder / "rig.toml").rig.clock == "virtual"


def test_a_new_folder_is_clean(tmp_path):
    for kind in KINDS:
        scaffold(f"fresh_{kind}", kind, tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (
        ["check", "--isolated", "--select", "E,F,UP"],
        ["format", "--check"],
    ):
        done = subprocess.run(
            [*ruff, *command, "."], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["Acme", "9lives", "a-b", "", "a/b"])
def test_a_name_that_is_no_package_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="no name for a Python package"):
        scaffold(name, "meter", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    scaffold("fresh", "meter", tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        scaffold("fresh", "limit", tmp_path)
