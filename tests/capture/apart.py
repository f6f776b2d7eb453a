"""Processes that may read raw frames, and processes that may not, on any machine.

Every capture here is taken in a network namespace, where nobody else's frames are:
so the tests say how many there must be. Where a machine forbids namespaces, and this
process may not capture, what is asserted is the sentence that says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")
INSIDE = (*NAMESPACE, sys.executable, "-m", "harness.capture", "inside", "--")


def run(*command: str, **also: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        cwd=ROOT, **also,
    )  # fmt: skip


@cache
def namespaces() -> bool:
    """Whether this machine lets anybody have a network of their own."""
    return bool(shutil.which("unshare")) and run(*NAMESPACE, "true").returncode == 0


@cache
def without_rights() -> tuple[str, ...]:
    """What to put before a command so that it may not read raw frames.

    Another user where root started the tests; where that user cannot even start this
    Python, still root, but without that one capability.
    """
    if os.geteuid() != 0:
        return ()
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    again = "import subprocess as s, sys; s.run([sys.executable, '-c', ''], check=True)"
    if run(*nobody, sys.executable, "-c", again).returncode == 0:
        return nobody
    return ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-all")


def last(text: str) -> dict[str, Any]:
    """The last JSON line."""
    said: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
    return said
