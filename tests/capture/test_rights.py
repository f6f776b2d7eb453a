"""Without the right to read raw frames: a network of its own, or one clear sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.capture import beside, network
from harness.capture.beside import refusal, start
from harness.capture.wanted import Tap
from harness.core.errors import BenchError
from tests.capture.apart import ROOT, last, namespaces, run, without_rights

ALONE = """
from harness.capture.network import prepare
import sys
again = [sys.executable, "-m", "harness.capture", "check", "lo"]
prepare(["lo"], alone=True, again=again)
"""
NOT_ALONE = ALONE.replace("alone=True", "alone=False")


def unprivileged(program: str) -> tuple[int, str]:
    done = run(*without_rights(), sys.executable, "-c", program)
    return done.returncode, done.stdout + done.stderr


def test_frames_may_not_be_read_just_so():
    check = (sys.executable, "-m", "harness.capture", "check", "lo")
    done = run(*without_rights(), *check)
    assert done.returncode == 2
    error = last(done.stdout)["error"]
    assert "may not read raw frames (no CAP_NET_RAW)" in error["fact"]
    assert "setcap cap_net_raw+ep" in error["hint"]


@pytest.mark.skipif(not namespaces(), reason="this machine forbids user namespaces")
def test_a_bench_that_is_all_in_one_program_gets_a_network_of_its_own():
    assert unprivileged(ALONE) == (0, "")


def test_a_bench_with_parts_outside_is_refused_with_what_to_do():
    code, said = unprivileged(NOT_ALONE)
    assert code == 1
    assert "UsageError: capture on lo: this process may not read raw frames" in said
    assert "parts of the bench are outside this program" in said
    assert f"cp {sys.executable} {Path(sys.executable).parent}/python-capture" in said


def test_where_namespaces_are_forbidden_the_reason_is_said():
    forbid = 'import harness.capture.network as n; n.UNSHARE = ("false",)'
    code, said = unprivileged(forbid + ALONE)
    assert code == 1
    assert "a network of its own will not do (unshare ended with 1)" in said


def test_where_there_is_no_unshare_the_reason_is_said():
    forbid = 'import harness.capture.network as n; n.UNSHARE = ("no-unshare",)'
    code, said = unprivileged(forbid + ALONE)
    assert code == 1
    assert "will not do (unshare: No such file or directory)" in said


def test_a_run_that_is_in_its_own_network_does_not_enter_another(monkeypatch):
    monkeypatch.setenv(network.INSIDE, "1")
    monkeypatch.setattr(network, "refusal", lambda _interfaces: None)
    network.prepare(["lo"], alone=True, again=["false"])
    assert network.is_private()


def fake(monkeypatch, program: str) -> None:
    def command(*_arguments: str) -> list[str]:
        return [sys.executable, "-c", program]

    monkeypatch.setattr(beside, "command", command)
    monkeypatch.chdir(ROOT)


READY = "import sys, os, signal; print('{\"ready\": true}', flush=True); "
DONE = 'print(\'{"packets": 9, "bytes": 99, "drops": %d}\')'


@pytest.mark.parametrize(
    ("program", "status"),
    [
        (READY + "sys.stdin.read(); " + DONE % 0, "complete"),
        (READY + "sys.stdin.read(); " + DONE % 3, "incomplete: 3 frames lost"),
        (READY + "os.kill(os.getpid(), 9)", "failed: it was killed (signal 9)"),
        (READY + "sys.exit('out of order')", "failed: out of order"),
        (READY + "pass", "failed: it ended without a word"),
        (
            READY + 'print(\'{"error": {"where": "x", "fact": "no room", '
            '"hint": "y"}}\'); sys.exit(2)',
            "failed: x: no room",
        ),
    ],
)
def test_a_capture_that_ends_badly_costs_no_trial(
    monkeypatch, tmp_path: Path, program: str, status: str
):
    fake(monkeypatch, program)
    capture = start(tmp_path / "wire.pcapng", [Tap("lo")], comment="")
    assert capture.stop()["status"] == status


@pytest.mark.parametrize(
    ("program", "fact"),
    [
        ("raise SystemExit('broken')", "broken"),
        ("pass", "it was not ready within 30 s"),
        ("print('hello')", "it was not ready within 30 s"),
        (
            'print(\'{"error": {"where": "x", "fact": "not so", "hint": "y"}}\')',
            "x: not so. Try: y.",
        ),
    ],
)
def test_a_capture_that_cannot_begin_is_one_sentence(
    monkeypatch, tmp_path: Path, program: str, fact: str
):
    fake(monkeypatch, program)
    with pytest.raises(BenchError) as caught:
        start(tmp_path / "wire.pcapng", [Tap("lo")], comment="")
    assert fact in str(caught.value)


def test_a_capture_that_never_ends_is_killed(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(beside, "DONE_WITHIN_S", 0.2)
    fake(monkeypatch, READY + "signal.pause()")
    capture = start(tmp_path / "wire.pcapng", [Tap("lo")], comment="")
    assert capture.stop()["status"] == "failed: it did not end within 0 s"


def test_a_python_that_may_capture_is_used_if_it_stands_beside(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert beside.command("check")[0] == str(tmp_path / "python")
    (tmp_path / "python-capture").touch()
    assert beside.command("check")[0] == str(tmp_path / "python-capture")


def test_a_check_that_breaks_is_a_sentence_too(monkeypatch):
    fake(monkeypatch, "raise RuntimeError('what?')")
    assert "RuntimeError: what?" in str(refusal(["lo"]))
