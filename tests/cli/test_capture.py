"""flexrig capture, and flexrig run --capture before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.core.recording import Reading
from harness.evidence.bundle import open_bundle, verify
from harness.trial.recorder import Recorder
from tests.capture.frames import UPGRADED, Wire, capture_of, websocket
from tests.cli.bench import ROOT, flexrig_here

ZERO_NS = 1_795_337_303_000_000_000
WALL = ROOT / "features/devices/chargepoint_wall.feature"
CALL = json.dumps([2, "c7", "SetChargingProfile", {"connectorId": 1}])
RESULT = json.dumps([3, "c7", {"status": "Accepted"}])
CARD = {
    "document": "P-0001", "resolution_w": 0.1, "update_interval_s": 1.0,
    "latency_uncertainty_s": 0.3, "clock_uncertainty_s": 0.1,
}  # fmt: skip
BEFORE = {
    "starts_at": "2026-03-02T17:00:00+00:00",
    "meters": {"ev_meter": {"sees": ["ev"], "relative_u": 0.002, "calibration": CARD}},
}
TIES = [
    {"bench_s": t, "realtime_ns": ZERO_NS + int(t * 1e9), "width_ns": 400}
    for t in (-15.0, 60.0)
]
CAPTURE = {"file": "wire.pcapng", "status": "complete", "clock": TIES}


def stamp(bench_s: float) -> int:
    return ZERO_NS + round(bench_s * 1e9)


def polls(second: int) -> tuple[bytes, bytes]:
    head = f"{second:04x}0000"
    return (
        bytes.fromhex(head + "0006010400340002"),
        bytes.fromhex(head + "0007010404456a0000"),
    )


def wires() -> list[Wire]:
    """A station that is told at 10.003 s, and a meter that is asked every second."""
    station = Wire(("127.0.0.1", 40_001), ("127.0.0.1", 9000))
    station.say(stamp(-15.5), UPGRADED[0], near=True)
    station.say(stamp(-15.4), UPGRADED[1], near=False)
    station.say(stamp(10.003), websocket(CALL), near=False)
    station.say(stamp(10.057), websocket(RESULT), near=True)
    meter = Wire(("127.0.0.1", 40_002), ("127.0.0.1", 502))
    for second in range(20):
        asked, answered = polls(second)
        meter.say(stamp(second + 0.001), asked, near=True)
        meter.say(stamp(second + 0.009), answered, near=False)
    return [station, meter]


def bundle(folder: Path, *, capture: dict | None = CAPTURE) -> Path:
    """A bundle whose messages and log are a driver's view of `wires`."""
    open_bundle(folder, before=BEFORE)
    clock = SimpleNamespace(now_s=lambda: clock.s, s=0.0)
    with Recorder(folder, clock) as recorder:

        def message(at_s: float, role: str, sent: bool, payload: str) -> None:
            clock.s = at_s
            recorder.message(role, sent, payload)

        detail = {"number": 1, "role": "ev", "move": "turn down", "level_w": 1400.0}
        told = {"until_s": 15.0, "on_behalf_of": "ESO", "sent_s": 10.0}
        recorder.log("aggregator", "instructs", **detail, **told)
        message(10.002, "ev", True, CALL)
        message(10.058, "ev", False, RESULT)
        recorder.log("ev", "accepts", number=1, detail="", sent_s=10.0, acked_s=10.1)
        for second in range(20):
            asked, answered = polls(second)
            message(second, "ev_meter", True, asked.hex())
            message(second + 0.01, "ev_meter", False, answered.hex())
            power_w = 7000.0 if second < 13 else 1400.0
            recorder.samples(
                "ev_meter", [Reading("power_w", power_w)],
                asked_s=second, arrival_s=second + 0.011,
            )  # fmt: skip
        (folder / "wire.pcapng").write_bytes(capture_of(wires()))
        facts = {} if capture is None else {"capture": capture}
        recorder.close(complete=True, facts=facts)
    return folder


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in text.splitlines()
        if line.startswith("│")
    ]


def test_driver_and_wire_are_compared_for_answer_and_meter(tmp_path: Path):
    ended = flexrig_here("capture", "compare", bundle(tmp_path / "b"))
    assert ended.code == 0, ended.text
    name = "ev turn down to 1400 W"
    answer, band, *roles = rows(ended.text)
    assert answer == [
        name, "its answer", "100.00 ms", "54.00 ± 0.08 ms", "46.00 ± 0.08 ms",
    ]  # fmt: skip
    # 13.011 − 10.000 by the driver; 13.009 − 10.003 on the wire.
    assert band == [
        name, "ev_meter in its band", "3011.00 ms", "3006.00 ± 0.08 ms",
        "5.00 ± 0.08 ms",
    ]  # fmt: skip
    assert [row[:4] for row in roles] == [
        ["ev", "device", "1", "1"],
        ["ev_meter", "meter", "20", "20"],
    ]
    assert roles[1][-1] == "2.00 ms"


def test_a_bundle_stays_as_it_was_and_its_capture_is_under_the_seal(tmp_path: Path):
    folder = bundle(tmp_path / "run" / "b")
    before = (folder / "manifest.json").read_bytes()
    assert flexrig_here("capture", "compare", folder.parent).code == 0
    assert (folder / "manifest.json").read_bytes() == before
    assert "wire.pcapng" in verify(folder)["recorded"]
    with (folder / "wire.pcapng").open("ab") as file:
        file.write(b"\0")
    ended = flexrig_here("capture", "compare", folder)
    assert ended.code == 2
    assert "wire.pcapng: it was changed since it was digested" in ended.text


def test_decode_prints_a_message_a_line(tmp_path: Path):
    path = tmp_path / "wire.pcapng"
    path.write_bytes(capture_of(wires()))
    ended = flexrig_here("capture", "decode", path)
    assert ended.code == 0
    lines = ended.text.splitlines()
    assert len(lines) == 4 + 40
    [call] = [line for line in lines if "SetChargingProfile" in line]
    assert call.startswith("08:48:33.003000000  127.0.0.1:9000 > 127.0.0.1:40001")
    assert "unit 1 04ReadInputRegistersRequest funcCode=4 startAddr=52" in ended.text


@pytest.mark.parametrize(
    ("capture", "said"),
    [
        (None, "the wire was not captured. Try: flexrig run --capture."),
        (CAPTURE | {"clock": []}, "the bench never began to run"),
    ],
)
def test_a_bundle_with_nothing_to_compare_is_one_sentence(
    tmp_path: Path, capture: dict | None, said: str
):
    folder = bundle(tmp_path / "b", capture=capture)
    ended = flexrig_here("capture", "compare", folder)
    assert (ended.code, said in ended.text) == (2, True), ended.text


def test_no_bundle_and_no_capture_are_one_sentence(tmp_path: Path):
    ended = flexrig_here("capture", "compare", tmp_path)
    assert (ended.code, "no evidence bundle in it" in ended.text) == (2, True)
    ended = flexrig_here("capture", "decode", tmp_path / "none.pcapng")
    assert ended.code == 2
    assert "cannot be read (No such file or directory)" in ended.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--capture",), "it runs on virtual time, and stamps on the wire are of real"),
        (
            ("--rig", "wall_emulated.toml", "--capture-interface", "nowhere0"),
            "--capture-interface nowhere0: this machine has no such interface",
        ),
    ],
)
def test_a_capture_that_cannot_be_is_refused_before_anything_runs(
    tmp_path: Path, options: tuple[str, ...], said: str
):
    folder = tmp_path / "run"
    ended = flexrig_here("run", WALL, "--run-folder", folder, *options)
    assert (ended.code, said in ended.text) == (2, True), ended.text
    assert not folder.exists()
