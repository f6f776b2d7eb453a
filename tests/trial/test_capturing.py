"""Where a rig is captured, and what its record says of that."""

from __future__ import annotations

import asyncio
import tomllib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.capture.wanted import Peer, Tap
from harness.core.clock import BenchClock
from harness.core.errors import RigError, UsageError
from harness.rig.file import Rig, read_rig
from harness.trial import capturing
from harness.trial.capturing import captured, in_report, taps_of

RIGS = Path(__file__).parents[2] / "rigs"
REAL = """
[rig]
name = "All of it real"
clock = "wall"
[device.ev]
driver = "ev_chargepoint/ocpp16"
address = "ws://127.0.0.1:9000/EV1"
[meter.ev_meter]
driver = "meter/sdm230"
address = "modbus://METER/1"
sees = ["ev"]
[meter.ev_meter.calibration]
basis = "certificate"
document = "P-0001"
expanded_uncertainty_percent = 0.4
due = 2099-12-31
"""


def real(folder: Path, *changes: tuple[str, str]) -> Rig:
    text = REAL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    assert tomllib.loads(text)
    path = folder / "real.toml"
    path.write_text(text)
    return read_rig(path)


def test_virtual_time_is_refused_with_the_reason():
    with pytest.raises(RigError, match="stamps on the wire are of real time"):
        taps_of(read_rig(RIGS / "emulated.toml"), "auto")


def test_nothing_is_captured_unless_asked():
    assert taps_of(read_rig(RIGS / "emulated.toml"), "") == ()


@pytest.mark.parametrize("rig", ["wall_emulated.toml", "mixed.toml"])
def test_of_emulated_parts_all_of_loopback_is_kept(rig: str):
    assert taps_of(read_rig(RIGS / rig), "auto") == (Tap("lo"),)


def test_of_real_parts_only_their_own_ends_are_kept(tmp_path: Path):
    rig = real(tmp_path, ("METER", "127.0.0.7:5020"))
    ends = (Peer("127.0.0.1", 9000), Peer("127.0.0.7", 5020))
    assert taps_of(rig, "auto") == (Tap("lo", ends),)
    assert taps_of(rig, "lo") == (Tap("lo", ends),)


def test_a_driver_that_listens_anywhere_is_known_by_its_port(tmp_path: Path):
    anywhere = ("127.0.0.1:9000", "0.0.0.0:9000")
    rig = real(tmp_path, ("METER", "127.0.0.7:5020"), anywhere)
    assert taps_of(rig, "lo")[0].peers[0] == Peer("", 9000)
    with pytest.raises(RigError, match="naming that one with --capture-interface"):
        taps_of(rig, "auto")


@pytest.mark.parametrize(
    ("interface", "meter", "said"),
    [
        ("nowhere0", "127.0.0.7:5020", "this machine has no such interface"),
        ("auto", "no.such.host.invalid:502", "has no address"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, interface: str, meter: str, said: str
):
    with pytest.raises(UsageError, match=said):
        taps_of(real(tmp_path, ("METER", meter)), interface)


def test_a_rig_on_serial_lines_alone_has_no_frames(tmp_path: Path):
    changes = (
        ("ev_chargepoint/ocpp16", "heat_pump/lambda_eu"),
        ("ws://127.0.0.1:9000/EV1", "serial:/dev/ttyUSB1?unit=1&baud=9600"),
        ("modbus://METER/1", "serial:/dev/ttyUSB0?unit=1&baud=9600"),
    )
    with pytest.raises(RigError, match="nothing of it is on a network"):
        taps_of(real(tmp_path, *changes), "auto")


class Stopped:
    """A capture that says what it was told to."""

    def stop(self) -> dict[str, object]:
        return {"status": "complete", "packets": 7, "bytes": 700, "drops": 0}


def trial(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, begins: bool, breaks: bool = False
) -> dict[str, object]:
    """A trial that begins or does not, on a held clock."""
    monkeypatch.setattr(capturing, "start", lambda *_given, **_words: Stopped())
    facts: dict[str, object] = {}

    async def run() -> None:
        clock = BenchClock(datetime(2026, 3, 2, tzinfo=UTC), lead_s=15.0, held=True)
        async with captured((Tap("lo"),), folder, clock, facts):
            await asyncio.sleep(0)
            if begins:
                clock.begin()
                await asyncio.sleep(0.01)
            if breaks:
                raise RuntimeError("the bench broke")

    with suppress(RuntimeError):
        asyncio.run(run())
    return facts["capture"]  # type: ignore[return-value]


def test_both_clocks_are_read_together_when_the_bench_begins_and_when_it_is_safe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    told = trial(monkeypatch, tmp_path, begins=True, breaks=True)
    first, last = told["clock"]
    assert -15.0 <= first["bench_s"] < -14.9
    moved_s = last["bench_s"] - first["bench_s"]
    assert moved_s == pytest.approx(
        (last["realtime_ns"] - first["realtime_ns"]) / 1e9, abs=1e-3
    )
    assert moved_s >= 0.009
    assert 0 <= first["width_ns"] < 10_000_000
    assert (told["file"], told["status"]) == ("wire.pcapng", "complete")


def test_a_bench_that_never_began_has_nothing_to_tie(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    assert trial(monkeypatch, tmp_path, begins=False, breaks=True)["clock"] == []


def test_the_report_says_what_was_lost():
    told = {"file": "wire.pcapng", "interfaces": ["lo"], "private_network": True}
    whole = told | {"status": "complete", "packets": 7, "bytes": 700, "drops": 0}
    assert in_report({"capture": whole}) == {
        "wire.pcapng": "complete; 7 frames, 700 bytes on lo of a network of its own, "
        "0 lost"
    }
    lost = whole | {"status": "incomplete: 3 frames lost", "drops": 3}
    said = in_report({"capture": lost})["wire.pcapng"]
    assert said.startswith("NOT WHOLE: incomplete: 3 frames lost; 7 frames")
    failed = told | {"status": "failed: it was killed (signal 9)"}
    assert in_report({"capture": failed}) == {
        "wire.pcapng": "NOT WHOLE: failed: it was killed (signal 9)"
    }
    assert in_report({}) == {}
