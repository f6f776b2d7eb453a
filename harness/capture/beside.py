"""A capture beside a trial: begun before the bench connects, ended when it is safe."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.capture.wanted import Tap
from harness.core.errors import BenchError

PRIVILEGED = "python-capture"
"""Beside this Python: a copy of it, or a script, that may read raw frames."""
MODULE = ("-P", "-m", "harness.capture")
"""Not from the folder that somebody happens to be in (-P)."""
READY_WITHIN_S = 30.0
DONE_WITHIN_S = 120.0
"""How long what the kernel holds may take to be written. [s]"""


def command(*arguments: str) -> list[str]:
    """Return the command line of a process that may have rights that this one lacks."""
    beside = Path(sys.executable).with_name(PRIVILEGED)
    python = str(beside) if beside.exists() else sys.executable
    return [python, *MODULE, *arguments]


class Capture:
    """A capture that is running."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self._process, self._path = process, path

    def stop(self) -> dict[str, object]:
        """End it and return what came of it; ``status`` says if that is not all.

        It never raises: a trial is not lost with its capture.
        """
        process = self._process
        try:
            out, complaints = process.communicate(timeout=DONE_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return _failed(f"it did not end within {DONE_WITHIN_S:.0f} s")
        said = _last(out)
        if process.returncode == 0 and "packets" in said:
            drops = said["drops"]
            whole = "complete" if drops == 0 else f"incomplete: {drops} frames lost"
            return said | {"status": whole}
        if process.returncode < 0:
            return _failed(f"it was killed (signal {-process.returncode})")
        last = complaints.decode(errors="replace").strip().splitlines()[-1:]
        return _failed(_sentence(said) or "".join(last) or "it ended without a word")


def start(path: Path, taps: Sequence[Tap], *, comment: str) -> Capture:
    """Begin to capture; from the return on, every frame is kept.

    Raises
    ------
    BenchError
        If frames may not be read, or the file not be written.
    """
    told = [word for tap in taps for word in ("--interface", str(tap))]
    # In a session of its own: Ctrl-C ends the trial first, then the trial ends this.
    process = subprocess.Popen(
        command("record", str(path), *told, "--comment", comment),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, bufsize=0,  # what follows the first line stays unread
    )  # fmt: skip
    capture = Capture(process, path)
    if _last(_line_of(process)).get("ready"):
        return capture
    process.kill()
    out, complaints = process.communicate()
    raise _error_in(out, complaints, path)


def refusal(interfaces: Sequence[str]) -> BenchError | None:
    """Return why frames of these interfaces may not be read; None if they may be."""
    done = subprocess.run(
        command("check", *interfaces), capture_output=True, check=False
    )
    if done.returncode == 0:
        return None
    return _error_in(done.stdout, done.stderr, Path(interfaces[0]))


def decoded(path: Path) -> list[dict[str, object]]:
    """Return a capture's messages, as the decoding process tells them.

    Raises
    ------
    BenchError
        If the file cannot be read as a capture.
    """
    # Never the privileged Python: what came off a wire is read without any rights.
    done = subprocess.run(
        [sys.executable, *MODULE, "decode", str(path)],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise _error_in(done.stdout, done.stderr, path)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _line_of(process: subprocess.Popen[bytes]) -> bytes:
    """The first line, if it comes in time; what went wrong is said on it too."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(READY_WITHIN_S):
            return b""
    line = process.stdout.readline()
    if b'"error"' in line:
        raise _error_in(line + process.communicate()[0], b"", Path("capture"))
    return line


def _error_in(out: bytes, complaints: bytes, path: Path) -> BenchError:
    error = _last(out).get("error")
    if isinstance(error, dict):
        return BenchError(
            str(error["where"]), str(error["fact"]), str(error["hint"]).rstrip(".")
        )
    said = complaints.decode(errors="replace").strip().splitlines()[-1:]
    fact = "".join(said) or f"it was not ready within {READY_WITHIN_S:.0f} s"
    return BenchError(f"capture to {path}", fact, "the run without --capture")


def _last(out: bytes) -> dict[str, object]:
    """The last JSON line; empty if there is none."""
    lines = out.strip().splitlines()
    try:
        said = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _sentence(said: Mapping[str, object]) -> str:
    error = said.get("error")
    return f"{error['where']}: {error['fact']}" if isinstance(error, dict) else ""


def _failed(why: str) -> dict[str, object]:
    return {"status": f"failed: {why}"}
