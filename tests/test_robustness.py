"""When a device, a wire or the bench fails: one sentence, nothing lost, never a pass.

Faults that the shipped emulators can play are set in the rig file. The others are
played by drivers of a third party, whose emulators misbehave on the real wire.
"""

import asyncio
import dataclasses
import math
import socket
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from websockets.asyncio.client import connect as dial

from devices.ev_chargepoint.ocpp16 import DRIVER as STATION
from devices.meter.sdm630 import DRIVER as METER
from tests.cli.bench import QUARTER_HOUR, pytest_here, rig

EV = "[device.ev.emulator]\n"
EV_METER = "[meter.ev_meter.emulator]\n"
FRIDGE = "[device.fridge.emulator]\n"
BOUNDARY = 'driver = "meter/sdm630"\n'
CAR = ("-k", "the_car_gives_way")
FAULT_S = 300.0
"""Bench time of every fault: two minutes into the event, which begins at 180."""


@pytest.fixture
def run(tmp_path):
    """Run the car's turn-down on the good rig with changes."""

    def go(*changes):
        path = rig(tmp_path / "bench.toml", *changes)
        return pytest_here(QUARTER_HOUR, path, tmp_path / "run", *CAR)

    return go


@pytest.fixture
def third_party(monkeypatch):
    """Make a driver known, as an entry point of another package would."""

    def known(driver):
        found = {driver.name: driver}
        monkeypatch.setattr("harness.rig.drivers._third_party", lambda: found)

    return known


def require_broken(ended, *says):
    """One sentence, no traceback, exit code 2, and a bundle marked incomplete."""
    assert "Traceback" not in ended.text
    assert (ended.code, ended.exit_code) == (1, 2)
    error = ended.record.error
    assert ended.record.outcome == "broken"
    assert "\n" not in error
    assert "Try: " in error
    for words in says:
        assert words in error
    assert ended.text.count(error) == 1
    assert not ended.recording.complete
    assert error in str(ended.recording.facts["cut_short_by"])


def require_kept(ended, at_s):
    """Everything until the fault is there, and every device was sent home."""
    recording = ended.recording
    for name in ("ev_meter.power_w", "boundary.power_w", "ev.power_w"):
        channel = recording.channels[name]
        before = channel.time_s < at_s
        assert channel.time_s[before].max() > at_s - 61
        assert not any(math.isnan(value) for value in channel.values[before])
    assert recording.messages
    assert set(recording.facts["made_safe"]) == {"ev", "heat_pump", "fridge"}
    assert [e.actor for e in recording.log if e.what == "made safe"] == [
        "ev",
        "heat_pump",
        "fridge",
    ]


VANISHING = {
    "the station drops its connection": (
        (EV, f"{EV}faults = {{ vanishes_at_s = {FAULT_S} }}\n"),
        "bench.toml [device.ev]: lost at bench second 300 and not heard of for 60 s",
    ),
    "the meter falls silent": (
        (EV_METER, f"{EV_METER}silent_after_s = {FAULT_S}\n"),
        "bench.toml [meter.ev_meter]: lost at bench second 301",
    ),
    "the plug leaves the network": (
        (FRIDGE, f"{FRIDGE}vanish_at_s = {FAULT_S}\n"),
        "bench.toml [device.fridge]: lost at bench second 300",
    ),
    "the plug connects, but talks nonsense": (
        (FRIDGE, f"{FRIDGE}malformed_at_s = {FAULT_S}\n"),
        "bench.toml [device.fridge]: lost at bench second 300",
    ),
}


@pytest.mark.parametrize(("change", "says"), VANISHING.values(), ids=VANISHING)
def test_a_device_that_vanishes_in_an_event_ends_the_trial(run, change, says):
    ended = run(change)
    require_broken(ended, says, "its power, its wire")
    require_kept(ended, FAULT_S)
    assert ended.recording.log[-1].time_s < FAULT_S + 150


def test_a_message_that_is_not_json_ends_the_trial(run):
    change = (EV, f"{EV}faults = {{ malformed_json_at_s = {FAULT_S} }}\n")
    ended = run(change)
    require_broken(ended, "[device.ev]", "a message is not JSON", "its firmware")
    require_kept(ended, FAULT_S)
    assert any(m.payload == '[2,"s0","Heartbeat",{' for m in ended.recording.messages)


REFUSING = {
    "CALLERROR": ('refuses_profiles = "InternalError"', "CALLERROR InternalError"),
    "Rejected": ('rejects_profiles = "Rejected"', "it said: Rejected"),
}


@pytest.mark.parametrize(("fault", "says"), REFUSING.values(), ids=REFUSING)
def test_a_device_that_refuses_has_failed_and_is_quoted(run, fault, says):
    ended = run((EV, f"{EV}faults = {{ {fault} }}\n"))
    assert "Traceback" not in ended.text
    assert (ended.code, ended.exit_code) == (1, 1)
    assert ended.record.outcome == "fail"
    response = ended.record.verdicts[0]
    assert response.rule.quantity == "response time"
    assert "refused" in response.reason
    assert says in response.reason
    assert ended.recording.complete


# A bench on which the wire itself is wrong.


def wrapped(driver, name, wrapper):
    """Return a driver whose emulator is another one's, reached through `wrapper`."""

    @asynccontextmanager
    async def emulate(context, options):
        async with (
            driver.emulate(context, options) as emulator,
            wrapper(context, emulator) as address,
        ):
            yield SimpleNamespace(address=address, operate=emulator.operate)

    return dataclasses.replace(driver, name=name, emulate=emulate)


@asynccontextmanager
async def another_unit(_context, emulator):
    yield emulator.address.removesuffix("/1") + "/2"


@asynccontextmanager
async def closed_port(_context, emulator):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    taken.close()
    yield f"modbus://127.0.0.1:{port}/1"


@asynccontextmanager
async def cut_replies(context, emulator):
    """Stand between client and meter; from `FAULT_S` on pass half of each reply."""
    host, port = emulator.address.removeprefix("modbus://").split("/")[0].split(":")

    async def serve(reader, writer):
        meter_reader, meter_writer = await asyncio.open_connection(host, int(port))
        try:
            while request := await reader.read(260):
                meter_writer.write(request)
                reply = await meter_reader.read(260)
                whole = context.clock.now_s() < FAULT_S
                writer.write(reply if whole else reply[: len(reply) // 2])
        finally:
            meter_writer.close()
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"modbus://127.0.0.1:{server.sockets[0].getsockname()[1]}/1"


def test_a_wrong_unit_id_is_named_before_anything_is_asked(run, third_party):
    third_party(wrapped(METER, "odd/meter", another_unit))
    ended = run((BOUNDARY, 'driver = "odd/meter"\n'))
    require_broken(ended, "bench.toml [meter.boundary]", "/2", "unit id")
    assert not any(e.what == "instructs" for e in ended.recording.log)


def test_a_closed_port_is_named_before_anything_is_asked(run, third_party):
    third_party(wrapped(METER, "odd/meter", closed_port))
    ended = run((BOUNDARY, 'driver = "odd/meter"\n'))
    require_broken(ended, "bench.toml [meter.boundary]", "nobody listens", "the power")
    assert not any(e.what == "instructs" for e in ended.recording.log)


def test_modbus_frames_that_end_too_early_end_the_trial(run, third_party):
    third_party(wrapped(METER, "odd/meter", cut_replies))
    ended = run((BOUNDARY, 'driver = "odd/meter"\n'))
    require_broken(ended, "[meter.boundary]: lost at bench second 30", "its wire")
    require_kept(ended, FAULT_S)
    power = ended.recording.channels["boundary.power_w"]
    after = power.time_s > FAULT_S + 1
    assert after.any()
    assert all(math.isnan(value) for value in power.values[after])


@asynccontextmanager
async def newer_station(context, _options):
    """A charging station that speaks OCPP 2.0.1 and nothing else."""

    async def call():
        async with dial(context.dial, subprotocols=["ocpp2.0.1"]) as there:
            await there.wait_closed()

    calling = asyncio.create_task(call())
    yield SimpleNamespace(address="", operate=None)
    await asyncio.wait({calling})
    calling.exception()


def test_a_wrong_subprotocol_is_named(run, third_party):
    odd = dataclasses.replace(STATION, name="odd/station", emulate=newer_station)
    third_party(odd)
    ended = run(("ev_chargepoint/ocpp16", "odd/station"))
    says = ("bench.toml [device.ev]", "subprotocol ocpp1.6 needed", "ocpp2.0.1")
    require_broken(ended, *says)


REAL_BENCH = """
[rig]
name = "A bench with its plug pulled"
clock = "wall"
[device.fridge]
driver = "smart_plug/shelly"
address = "http://127.0.0.1:{port}"
"""
FRIDGE_FEATURE = """
Feature: A fridge
  Scenario: The fridge gives way
    Given the bench's own expectations
      | asset  | quantity        | limit | rule                      |
      | fridge | delivered share | 95 %  | agreement/delivered-share |
    When the ESO instructs the fridge to turn down to 0 W from 17:00 to 17:15
    Then the fridge holds its level until 17:15
"""


def test_on_the_wall_clock_nobody_at_an_address_is_said_at_once(tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    taken.close()
    (tmp_path / "bench.toml").write_text(REAL_BENCH.format(port=port))
    (tmp_path / "fridge.feature").write_text(FRIDGE_FEATURE)
    bench, fridge = tmp_path / "bench.toml", tmp_path / "fridge.feature"
    ended = pytest_here(fridge, bench, tmp_path / "run")
    says = f"bench.toml [device.fridge] http://127.0.0.1:{port}"
    require_broken(ended, says, "nobody listens", "the power")
    assert ended.record.trial.grade == "real"


def test_nothing_is_opened_for_a_role_that_the_rig_lacks(tmp_path, run):
    path = tmp_path / "fridge.feature"
    path.write_text(FRIDGE_FEATURE.replace("the fridge", "the kettle"))
    ended = pytest_here(path, rig(tmp_path / "bench.toml"), tmp_path / "run")
    assert ended.exit_code == 2
    assert "the rig has none" in ended.record.error
    assert not list(ended.folder.glob("*/manifest.json"))
