"""scapy's licence holds for the process that imports it: one of ours does, for that."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.capture.apart import ROOT, run

ALL = """
import importlib, pathlib, sys
for root in ("harness", "devices"):
    for path in sorted(pathlib.Path(root).rglob("*.py")):
        name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        if name not in ("harness.capture.decode", "harness.capture.__main__"):
            importlib.import_module(name)
assert "scapy" not in sys.modules, "scapy was imported"
import harness.capture.__main__
assert "scapy" not in sys.modules, "scapy was imported with the capture's commands"
"""


def test_no_other_module_brings_scapy_in():
    done = run(sys.executable, "-W", "error", "-c", ALL)
    assert done.returncode == 0, done.stderr


def test_one_file_names_it_and_bears_both_licences():
    sources = [*ROOT.glob("harness/**/*.py"), *ROOT.glob("devices/**/*.py")]
    naming = [
        path
        for path in sources
        if any(
            line.startswith(("import scapy", "from scapy"))
            for line in map(str.strip, path.read_text().splitlines())
        )
    ]
    assert naming == [Path(ROOT / "harness/capture/decode.py")]
    first = naming[0].read_text().splitlines()[0]
    assert first == "# SPDX-License-Identifier: MIT OR GPL-2.0-or-later"


def test_what_may_run_with_rights_needs_nothing_but_python():
    """The recording part runs under any Python, with no package installed."""
    done = run(
        sys.executable, "-I", "-S", "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r});"
        "import harness.capture.__main__;"
        "print([m for m in sys.modules if m.split('.')[0] in ('numpy', 'click')])",
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
