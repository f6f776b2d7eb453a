"""A trial's capture as somebody else reads it: Debian's tshark and capinfos.

The run is made without the right to read raw frames, in a network of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.capture.apart import INSIDE, NAMESPACE, ROOT, namespaces, run, without_rights

PATIENCE_S = 120
FEATURE = """
@ev
Feature: A charging station gives way, in half a minute
  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 2 s before and 2 s after
    And the bench's own expectations
      | asset     | quantity                  | limit | rule                    |
      | heat pump | lowest indoor temperature | 18 °C | heat_pump/comfort-floor |

  Scenario: The car gives way for eight seconds
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:00:08
    Then the house stays at or above its comfort limit
"""
COMMAND = (sys.executable, "-c", "from harness.cli import main; main()")
SPLIT = "\x1f"
"""Between fields: tshark's own commas stand in JSON too."""


def tshark(path: Path, what: str, *fields: str) -> list[list[str]]:
    """Read a capture with tshark; every port that speaks Modbus is told to it."""
    wanted = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(
        ["tshark", "-r", str(path), "-Y", what, "-T", "fields", "-E",
         f"separator={SPLIT}", "-E", "occurrence=a", *_modbus_ports(path), *wanted],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    complaints = [
        line
        for line in done.stderr.splitlines()
        if line.strip() and "dangerous" not in line
    ]
    assert complaints == []
    return [line.split(SPLIT) for line in done.stdout.splitlines()]


def _modbus_ports(path: Path) -> list[str]:
    ours = [one for one in decoded(path) if one["protocol"] == "modbus_tcp"]
    asked = {
        one["to"].rpartition(":")[2] for one in ours if "Request" in one["summary"]
    }
    return [
        word for port in sorted(asked) for word in ("-d", f"tcp.port=={port},mbtcp")
    ]


@cache
def decoded(path: Path) -> list[dict]:
    done = run(sys.executable, "-m", "harness.capture", "decode", str(path))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of one captured trial on the wall clock."""
    folder = tmp_path_factory.mktemp("capture")
    folder.chmod(0o777)
    for parent in list(folder.parents)[:2]:  # another user must reach it
        parent.chmod(parent.stat().st_mode | 0o011)
    feature = folder / "short.feature"
    feature.write_text(FEATURE)
    done = subprocess.run(
        [*without_rights(), *COMMAND, "run", str(feature), "--capture", "--no-allure",
         "--rig", str(ROOT / "rigs/wall_emulated.toml"), "--date", "2026-03-02",
         "--run-folder", str(folder / "run")],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    [manifest] = (folder / "run").glob("*/manifest.json")
    return manifest.parent


forbidden = pytest.mark.skipif(
    not namespaces(), reason="this machine forbids user namespaces"
)


@forbidden
def test_tshark_counts_the_frames_that_the_record_says(bundle: Path):
    manifest = json.loads((bundle / "manifest.json").read_text())
    told = manifest["after"]["facts"]["capture"]
    assert told["status"] == "complete"
    assert told["drops"] == 0
    assert told["private_network"] is True
    assert "wire.pcapng" in manifest["recorded"]
    frames = tshark(bundle / "wire.pcapng", "frame", "frame.len", "frame.time_epoch")
    assert len(frames) == told["packets"] > 100
    assert sum(int(length) for length, _ in frames) == told["bytes"]
    stamps = [int(stamp.replace(".", "")) for _, stamp in frames]
    assert told["start_ns"] < stamps[0]
    assert stamps[-1] < told["end_ns"]
    section = json.loads((bundle / "scenario.json").read_text())["trial"]["sections"]
    assert section["Wire capture"]["wire.pcapng"].startswith("complete; ")


@forbidden
def test_capinfos_finds_nanoseconds_no_losses_and_who_captured(bundle: Path):
    done = subprocess.run(
        ["capinfos", str(bundle / "wire.pcapng")],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    told = done.stdout
    assert "pcapng" in told
    assert "File timestamp precision:  nanoseconds (9)" in told
    assert "Strict time order:   True" in told
    assert "Capture application: flexrig" in told
    assert f"Capture comment:     {bundle.parent.name}/{bundle.name}" in told
    assert "Name = lo" in told


@forbidden
def test_no_frame_is_there_twice_and_none_is_missing(bundle: Path):
    """A busy kernel may send again; then the packet has a number of its own."""
    odd = "tcp.analysis.lost_segment or tcp.analysis.ack_lost_segment"
    assert tshark(bundle / "wire.pcapng", odd, "frame.number") == []
    numbered = ("ip.id", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw")
    frames = [tuple(one) for one in tshark(bundle / "wire.pcapng", "tcp", *numbered)]
    own = [frame for frame in frames if int(frame[0], 16)]  # 0: a handshake's answer
    assert len(own) > 100
    assert len(set(own)) == len(own)
    protocols = {one["protocol"] for one in decoded(bundle / "wire.pcapng")}
    assert protocols == {"http", "modbus_tcp", "websocket"}


@forbidden
def test_tshark_decodes_the_same_modbus_transactions(bundle: Path):
    path = bundle / "wire.pcapng"
    theirs = Counter(
        (int(number), int(unit), int(function))
        for number, unit, function in tshark(
            path, "mbtcp", "mbtcp.trans_id", "mbtcp.unit_id", "modbus.func_code"
        )
    )
    ours = Counter()
    for one in decoded(path):
        if one["protocol"] == "modbus_tcp":
            frame = bytes.fromhex(one["payload"])
            ours[int.from_bytes(frame[:2], "big"), frame[6], frame[7] & 0x7F] += 1
            assert f"unit {frame[6]} " in one["summary"]  # scapy's words
            assert f"funcCode={frame[7]}" in one["summary"]
    assert ours == theirs
    assert sum(ours.values()) > 20


@forbidden
def test_tshark_unmasks_the_same_websocket_texts(bundle: Path):
    path = bundle / "wire.pcapng"
    rows = tshark(path, "websocket.payload.text", "websocket.payload.text")
    theirs = [text.replace('\\"', '"') for [text] in rows]
    ours = [
        one["payload"]
        for one in decoded(path)
        if (one["protocol"], one["summary"]) == ("websocket", "text")
    ]
    assert ours == theirs
    assert any("SetChargingProfile" in text for text in ours)


@forbidden
def test_the_capture_is_judged_again_with_the_rest(bundle: Path):
    done = run(*COMMAND, "rejudge", str(bundle.parent))
    assert done.returncode == 0, done.stdout
    assert "the same verdicts: 1 of 1 were compared" in done.stdout


@forbidden
def test_the_driver_s_time_to_an_answer_holds_the_wire_s(bundle: Path):
    done = run(
        *COMMAND, "capture", "compare", str(bundle), env=os.environ | {"COLUMNS": "200"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [answer] = [line for line in done.stdout.splitlines() if "its answer" in line]
    driver, wire, difference = (
        float(cell.split()[0]) for cell in answer.strip("│").split("│")[2:]
    )
    assert 0 < wire < driver
    assert difference == pytest.approx(driver - wire, abs=0.02)


@forbidden
def test_of_a_wall_of_frames_what_is_lost_is_said(tmp_path: Path):
    """5,000 round trips as fast as two sockets can: what no trial comes near.

    How many are lost is the machine's; that none is lost in silence is ours.
    """
    path = tmp_path / "wire.pcapng"
    traffic = (sys.executable, "-m", "tests.capture.traffic")
    told = json.loads(run(*INSIDE, *traffic, str(path), "lo", "5000").stdout)
    drops = told["drops"]
    assert told["status"] == (
        f"incomplete: {drops} frames lost" if drops else "complete"
    )
    assert len(tshark(path, "frame", "frame.number")) == told["packets"]
    with_data = len(tshark(path, "tcp.len > 0", "frame.number"))
    assert 10_000 - drops <= with_data <= 10_000
    gaps = [one for one in decoded(path) if one["protocol"] == "gap"]
    assert (with_data < 10_000) == bool(gaps)
    statistics = subprocess.run(
        ["capinfos", str(path)],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    assert "Number of stat entries = 1" in statistics.stdout


def test_where_it_cannot_be_had_the_run_says_what_to_do(tmp_path: Path):
    """Parts outside the program: no network of its own will do."""
    feature = tmp_path / "short.feature"
    feature.write_text(FEATURE)
    done = run(
        *without_rights(), *COMMAND, "run", str(feature), "--capture",
        "--rig", str(ROOT / "rigs/mixed.toml"), "--run-folder", str(tmp_path / "run"),
    )  # fmt: skip
    assert done.returncode == 2
    assert "may not read raw frames (no CAP_NET_RAW)" in done.stderr
    assert "sudo setcap cap_net_raw+ep" in done.stderr
    assert NAMESPACE[0] not in done.stderr
