"""pandas costs 46 MB and some tenths of a second: a trial does without it."""

import shutil
import sys

from tests.capture.apart import ROOT, run
from tests.evidence.test_former_format import KEPT

ALL = """
import importlib, pathlib, sys
for root in ("harness", "devices", "flexrig"):
    for path in sorted(pathlib.Path(root).rglob("*.py")):
        name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        if name not in ("flexrig.frames", "harness.capture.decode"):
            importlib.import_module(name)
assert "pandas" not in sys.modules, "pandas was imported"
"""

RUN = """
import sys, pytest
assert pytest.main({options}) == 0
assert "pandas" not in sys.modules, "pandas was imported"
"""


def test_no_other_module_brings_pandas_in():
    done = run(sys.executable, "-W", "error", "-c", ALL)
    assert done.returncode == 0, done.stderr


def test_one_file_imports_it():
    sources = [
        path
        for room in ("harness", "devices", "flexrig")
        for path in ROOT.glob(f"{room}/**/*.py")
    ]
    naming = [path for path in sources if "\nimport pandas" in path.read_text()]
    assert naming == [ROOT / "flexrig/frames.py"]


def test_a_run_is_recorded_read_judged_and_reported_without_it(tmp_path):
    shutil.unpack_archive(KEPT, tmp_path)
    (kept,) = tmp_path.iterdir()
    options = [
        str(kept / "scenario.feature"), "--rig", str(kept / "rig.toml"), "-q",
        "--run-folder", str(tmp_path / "run"), "-p", "no:cacheprovider",
    ]  # fmt: skip
    done = run(sys.executable, "-c", RUN.format(options=options))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.glob("run/*/samples/ev_meter.parquet"))
