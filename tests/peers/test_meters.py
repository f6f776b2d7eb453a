"""Every emulated meter answers a client that is not ours: mbpoll, and dlms-cosem's own.

dlms-cosem also makes our driver's requests; here its whole client speaks to our
emulated meter, which shares no code with it.
"""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import serial
from dlms_cosem import cosem, enumerations
from dlms_cosem.client import DlmsClient
from dlms_cosem.cosem.capture_object import CaptureObject
from dlms_cosem.cosem.selective_access import RangeDescriptor
from dlms_cosem.io import BlockingTcpIO, TcpTransport
from dlms_cosem.parsers import ProfileGenericBufferParser
from dlms_cosem.security import NoSecurityAuthentication
from dlms_cosem.utils import parse_as_dlms_data

from tests.peers.test_emulate import mbpoll, served

METERS = ("sdm120", "sdm230", "sdm630", "em340", "iem3155", "b21", "s0", "dlms",
          "iec62056_21")  # fmt: skip
HEAD = """
[rig]
name = "Meters"
clock = "wall"
seed = 1

[circuit]
base_load_w = 7200

[device.fridge]
driver = "smart_plug/shelly"
safe_state = "switched on: food stays cold"
[device.fridge.emulator]
"""
METER = """
[meter.{name}]
driver = "meter/{name}"
sees = ["*"]
[meter.{name}.emulator]
noise_percent = 0
noise_w = 0
[meter.{name}.calibration]
basis = "class"
document = "none"
error_percent = 1.0
due = 2099-12-31
"""

# Where each has power, as its maker's list says, in mbpoll's words: type and register;
# -B is high word first. What mbpoll shows is divided by the last number.
POWER = {
    "sdm120": (("-t", "3:float", "-B", "-r", str(0x000C)), 1.0),
    "sdm230": (("-t", "3:float", "-B", "-r", str(0x000C)), 1.0),
    "sdm630": (("-t", "3:float", "-B", "-r", str(0x0034)), 1.0),
    "em340": (("-t", "3:int", "-r", str(0x0028)), 10.0),
    "iem3155": (("-t", "4:float", "-B", "-r", str(3060 - 1)), 0.001),
    "b21": (("-t", "4:int", "-B", "-r", str(0x5B14)), 100.0),
}


def rig_of_meters(tmp_path: Path) -> str:
    path = tmp_path / "meters.toml"
    path.write_text(HEAD + "".join(METER.format(name=name) for name in METERS))
    return str(path)


def dlms_client(port: int) -> DlmsClient:
    """Return dlms-cosem's own client."""
    return DlmsClient(
        transport=TcpTransport(
            client_logical_address=16,
            server_logical_address=1,
            io=BlockingTcpIO(host="127.0.0.1", port=port, timeout=5),
        ),
        authentication=NoSecurityAuthentication(),
    )


def dlms_power_w(port: int) -> float:
    """Power of the meter, by dlms-cosem's own client."""
    client = dlms_client(port)
    power = cosem.Obis.from_string("1.0.16.7.0.255")
    register = enumerations.CosemInterface.REGISTER
    with client.session() as session:
        number, (scaler, unit) = (
            parse_as_dlms_data(session.get(cosem.CosemAttribute(register, power, each)))
            for each in (2, 3)
        )
    assert unit == 27  # watts
    return float(number * 10.0**scaler)


def optical_block(path: str) -> bytes:
    """Read out a meter by pyserial alone; a pseudo-terminal has no parity."""
    with serial.Serial(path, 300, timeout=5) as line:
        line.write(b"/?!\r\n")
        assert line.readline() == b"/FLX5FLEXRIG-OPTICAL\r\n"
        line.write(b"\x06050\r\n")
        return line.read_until(b"\x03")


async def read_them_all(rig: str) -> dict[str, float]:
    seen = {}
    async with served("--serial", rig=rig) as bench:
        for name, (where, per_watt) in POWER.items():
            path = bench.address(name).removeprefix("serial:").partition("?")[0]
            line = ("-m", "rtu", "-b", "9600", "-P", "none", "-a", "1")
            [value] = await mbpoll(*line, *where, path)
            seen[name] = value / per_watt
        path = bench.address("s0").removeprefix("serial:").partition("?")[0]
        for _ in range(8):
            [period_ms] = await mbpoll(*line, "-t", "3:int", "-B", "-r", "2", path)
            if period_ms:
                break
            await asyncio.sleep(0.5)
        seen["s0"] = 3.6e6 / period_ms
        port = int(bench.address("dlms").rpartition(":")[2])
        seen["dlms"] = await asyncio.to_thread(dlms_power_w, port)
        path = bench.address("iec62056_21").removeprefix("serial:")
        block = await asyncio.to_thread(optical_block, path)
        text = block.partition(b"16.7.0(")[2].partition(b"*kW)")[0]
        seen["iec62056_21"] = float(text) * 1000
        code, _ = await bench.interrupt()
    assert code == 0
    return seen


def test_independent_clients_read_the_same_home_from_every_meter(tmp_path: Path):
    seen = asyncio.run(read_them_all(rig_of_meters(tmp_path)))
    assert set(seen) == set(METERS)
    for name, power_w in seen.items():
        # 7.2 kW, and a fridge that draws up to 100 W or nothing.
        assert 7190.0 < power_w < 7310.0, name


def dlms_profile(
    port: int, since: datetime, until: datetime
) -> tuple[list[str], int, list[list[object]]]:
    """Columns, period in seconds and entries of a range, by dlms-cosem alone."""
    client, profile = dlms_client(port), cosem.Obis.from_string("1.0.99.1.0.255")
    generic = enumerations.CosemInterface.PROFILE_GENERIC
    clock = cosem.CosemAttribute(
        enumerations.CosemInterface.CLOCK, cosem.Obis.from_string("0.0.1.0.0.255"), 2
    )
    with client.session() as session:
        captured, period_s = (
            parse_as_dlms_data(
                session.get(cosem.CosemAttribute(generic, profile, each))
            )
            for each in (3, 4)
        )
        columns = [
            cosem.CosemAttribute(
                enumerations.CosemInterface(kind), cosem.Obis.from_bytes(name), number
            )
            for kind, name, number, _ in captured
        ]
        data = session.get(
            cosem.CosemAttribute(generic, profile, 2),
            access_descriptor=RangeDescriptor(CaptureObject(clock), since, until),
        )
    parser = ProfileGenericBufferParser(columns, period_s // 60)
    entries = [[each.value for each in row] for row in parser.parse_bytes(data)]
    return [each.instance.to_string() for each in columns], period_s, entries


def test_an_independent_client_reads_days_of_profile_in_blocks(tmp_path: Path):
    rig = tmp_path / "profile.toml"
    options = "[meter.dlms.emulator]\nin_service_days = 30\n"
    rig.write_text(
        HEAD + METER.format(name="dlms").replace("[meter.dlms.emulator]\n", options)
    )
    until = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - a meter's time
    since = until - timedelta(days=7)

    async def read():
        async with served(rig=str(rig)) as bench:
            port = int(bench.address("dlms").rpartition(":")[2])
            found = await asyncio.to_thread(dlms_profile, port, since, until)
            code, _ = await bench.interrupt()
        assert code == 0
        return found

    columns, period_s, entries = asyncio.run(read())
    assert columns == [
        "0-0:1.0.0.255", "0-0:96.10.1.255", "1-0:1.8.0.255", "1-0:2.8.0.255",
    ]  # fmt: skip
    assert period_s == 1800
    # About 336 entries of 28 bytes: ten blocks. A half-hour may end while we read.
    assert len(entries) in (336, 337)
    stamps = [row[0].replace(tzinfo=UTC) for row in entries]
    apart = {after - before for before, after in itertools.pairwise(stamps)}
    assert apart == {timedelta(minutes=30)}
    assert since <= stamps[0] <= stamps[-1] <= until
    # 6 kWh a day, before the bench began; nothing was fed in.
    assert 41_000 < entries[-1][2] - entries[0][2] < 43_000
    assert {(row[1], row[3]) for row in entries} == {(0, 0)}
