"""A network of the run's own: loopback that nobody else is on, and the right to read.

In a user and network namespace this process, the emulators and the capture are alone
with a loopback interface of their own, and may capture on it without being root.
Source: ``user_namespaces(7)``, ``network_namespaces(7)``, ``unshare(1)``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from harness.capture.beside import MODULE, PRIVILEGED, refusal
from harness.core.errors import UsageError

INSIDE = "FLEXRIG_PRIVATE_NETWORK"
"""Set in the environment of a run that is in a network of its own."""
UNSHARE = ("unshare", "--user", "--map-root-user", "--net")


def is_private() -> bool:
    """Whether this process was put into a network of its own."""
    return os.environ.get(INSIDE) == "1"


def prepare(interfaces: Sequence[str], *, alone: bool, again: Sequence[str]) -> None:
    """Return if frames of these interfaces may be read; else make it so, or refuse.

    Parameters
    ----------
    interfaces : sequence of str
        What is to be captured.
    alone : bool
        Whether everything on the bench is in this process: then it is run `again` in a
        network of its own, where that is allowed, and this does not return.
    again : sequence of str
        The command that does what this process was called for.

    Raises
    ------
    UsageError
        If neither can be had; says what to do about it.
    """
    why_not = "" if alone else "parts of the bench are outside this program"
    if alone and not is_private():
        why_not = _enter(again)
    error = refusal(interfaces)
    if error is not None:
        beside = f"a network of its own will not do ({why_not})" if why_not else ""
        fact = "; ".join(filter(None, (error.fact, beside)))
        raise UsageError(error.where, fact, _hint(error.hint)) from error


def _enter(again: Sequence[str]) -> str:
    """Become `again` in a network of its own; return why that is not allowed."""
    inside = [*UNSHARE, sys.executable, *MODULE, "inside", "--"]
    try:
        tried = subprocess.run(
            [*inside, sys.executable, "-c", ""], capture_output=True, check=False
        )
    except OSError as error:
        return f"unshare: {error.strerror}"
    if tried.returncode == 0:
        sys.stdout.flush()
        environment = os.environ | {INSIDE: "1"}
        os.execvpe(inside[0], [*inside, *again], environment)  # noqa: S606 - ourselves
    said = tried.stderr.decode(errors="replace").strip().splitlines()
    return said[-1] if said else f"unshare ended with {tried.returncode}"


def _hint(hint: str) -> str:
    if PRIVILEGED in hint:
        hint = hint.replace("PYTHON", sys.executable)
        hint = hint.replace("DIR", os.path.dirname(sys.executable))  # noqa: PTH120
        return f"{hint}; or Wireshark's dumpcap beside the run, or the run without it"
    return hint
