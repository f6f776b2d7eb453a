"""Frames off a real loopback interface: each once, with its time, and none lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.capture import pcapng
from harness.capture.headers import segments
from harness.capture.interfaces import link_type, route_to
from harness.core.errors import UsageError
from tests.capture.apart import INSIDE, PATIENCE_S, ROOT, last, namespaces, run

forbidden = pytest.mark.skipif(
    not namespaces(), reason="this machine forbids user namespaces"
)


def captured(path: Path, tap: str, round_trips: int) -> tuple[dict, list]:
    traffic = (sys.executable, "-m", "tests.capture.traffic")
    done = run(*INSIDE, *traffic, str(path), tap, str(round_trips))
    assert done.returncode == 0, done.stdout + done.stderr
    with path.open("rb") as file:
        return last(done.stdout), list(pcapng.read(file))


@forbidden
def test_every_frame_is_there_once_and_in_order(tmp_path: Path):
    before_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    said, frames = captured(tmp_path / "wire.pcapng", "lo", 200)
    assert said["status"] == "complete"
    assert said["packets"] == len(frames)
    assert said["bytes"] == sum(frame.length for frame in frames)
    whole = [one for one in segments(frames) if one.data]
    # 200 requests and 200 replies: twice that, if loopback's copies were kept.
    assert [one.data.hex()[:4] for one in whole] == ["0001"] * 400
    stamps = [frame.time_ns for frame in frames]
    assert stamps == sorted(stamps)
    assert before_ns < said["start_ns"] < stamps[0]
    assert stamps[-1] < said["end_ns"]
    assert len({stamp % 1000 for stamp in stamps}) > 50  # nanoseconds, not micro


@forbidden
def test_only_the_ends_that_are_wanted_are_kept(tmp_path: Path):
    said, frames = captured(tmp_path / "a.pcapng", "lo=127.0.0.1:15020", 5)
    assert said["packets"] == len(frames) >= 10
    said, frames = captured(tmp_path / "b.pcapng", "lo=*:15021", 5)
    assert (said["packets"], frames) == (0, [])
    assert said["left_out"] >= 10


@forbidden
@pytest.mark.parametrize("ending", ["input closed", "SIGTERM"])
def test_it_ends_when_asked_and_says_what_came(tmp_path: Path, ending: str):
    path = tmp_path / "wire.pcapng"
    process = subprocess.Popen(
        [*INSIDE, sys.executable, "-m", "harness.capture", "record", str(path),
         "--interface", "lo"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert last(process.stdout.readline())["ready"] is True
    if ending == "SIGTERM":
        process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, last(out)["packets"], last(out)["drops"]) == (0, 0, 0)
    with path.open("rb") as file:
        assert list(pcapng.read(file)) == []


@pytest.mark.parametrize(
    ("given", "fact"),
    [
        (("--interface", "nowhere0"), "no such interface"),
        (("--interface", "lo=meter:502"), "invalid tap_of value"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, given: tuple[str, ...], fact: str):
    command = (sys.executable, "-m", "harness.capture", "record")
    done = run(*command, str(tmp_path / "x"), *given, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert fact in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@forbidden
def test_a_file_that_exists_is_never_written_over(tmp_path: Path):
    path = tmp_path / "wire.pcapng"
    path.write_bytes(b"evidence")
    traffic = (sys.executable, "-m", "tests.capture.traffic")
    done = run(*INSIDE, *traffic, str(path), "lo", "1")
    assert "File exists. Try: another file." in done.stderr
    assert path.read_bytes() == b"evidence"


def test_ways_and_kinds_of_interfaces():
    assert route_to("127.0.0.1") == "lo"
    assert route_to("localhost") == "lo"
    assert link_type("lo") == 1
    with pytest.raises(UsageError, match=r"no such interface\. Try: one of .*lo"):
        link_type("nowhere0")
    with pytest.raises(UsageError, match="there is none"):
        route_to("no.such.host.invalid")


def test_what_is_no_capture_is_one_sentence(tmp_path: Path):
    path = tmp_path / "x.pcapng"
    path.write_bytes(os.urandom(64))
    done = run(sys.executable, "-m", "harness.capture", "decode", str(path))
    assert done.returncode == 2
    assert "no capture that this program wrote" in last(done.stdout)["error"]["fact"]
    assert "Traceback" not in done.stderr


def test_stamps_are_of_the_clock_that_the_bench_is_tied_to():
    """SO_TIMESTAMPNS is of CLOCK_REALTIME (socket(7)): the tie reads that one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, 35, 1)
        sock.bind(("127.0.0.1", 0))
        before_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
        sock.sendto(b"x", sock.getsockname())
        _, told, _, _ = sock.recvmsg(1, 64)
        after_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    [(_, _, data)] = told
    seconds, rest = (int.from_bytes(data[n : n + 8], sys.byteorder) for n in (0, 8))
    assert before_ns <= seconds * 10**9 + rest <= after_ns
