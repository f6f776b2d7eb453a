"""`flexrig emulate` answers clients that are not ours: pysunspec2 and mbpoll."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from tests.peers.ports import free_ports
from tests.peers.test_emulate import FLEXRIG, Served, mbpoll, tcp

RIG = """
[rig]
name = "Battery and panels"
clock = "virtual"
seed = 1
[device.battery]
driver = "battery/sunspec"
safe_state = "released: the battery rests"
safe_power_w = 100
[device.battery.emulator]
ramp_percent_per_s = 50
[device.solar]
driver = "solar/sunspec"
safe_state = "released: the panels feed in what there is"
safe_power_w = 100
[device.solar.emulator]
models = "100"
"""
BATTERY, SOLAR = 0, 1


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[int]:
    rig = folder / "rig.toml"
    rig.write_text(RIG)
    port = free_ports(2)
    process = await asyncio.create_subprocess_exec(
        FLEXRIG, "emulate", str(rig), "--base-port", str(port),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    bench = Served(process, port)
    try:
        await bench.started()
        yield port
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def scanned(port: int) -> SunSpecModbusClientDeviceTCP:
    device = SunSpecModbusClientDeviceTCP(
        slave_id=1, ipaddr="127.0.0.1", ipport=port, timeout=10
    )
    device.scan()
    return device


def steer(port: int) -> list[float]:
    """Let pysunspec2 find the map, read it, and write a setpoint."""
    device = scanned(port)
    try:
        assert [number for number in device.models if isinstance(number, int)] == [
            1, 701, 702, 703, 704, 713, 802,
        ]  # fmt: skip
        assert device.common[0].Mn.cvalue == "Flexrig"
        assert device.DERCapacity[0].WChaRteMaxRtg.cvalue == 5000
        assert device.DERStorageCapacity[0].SoC.cvalue == 50
        before = device.DERMeasureAC[0].W.cvalue
        control = device.DERCtlAC[0]
        control.WSetMod.cvalue = 1
        control.WSet.cvalue = 3000
        control.WSetRvrtTms.cvalue = 600
        control.WSetEnaRvrt.cvalue = 0
        control.write()
        control.WSetEna.cvalue = 1
        control.write()
        control.read()
        assert control.WSet.cvalue == 3000
        assert 590 <= control.WSetRvrtRem.cvalue <= 600
        return [before, *settle(device, lambda watts: watts > 2900)]
    finally:
        device.close()


def settle(
    device: SunSpecModbusClientDeviceTCP, met: Callable[[float], bool]
) -> list[float]:
    """Read power until it will do; a read takes its time, so that none is slept."""
    seen: list[float] = []
    measured = device.DERMeasureAC[0]
    for _ in range(200_000):
        measured.read()
        if not seen or seen[-1] != measured.W.cvalue:
            seen.append(measured.W.cvalue)
        if met(seen[-1]):
            assert 49.9 < measured.Hz.cvalue < 50.1
            assert 225 < measured.LNV.cvalue < 235
            return seen
    raise AssertionError(f"nothing that would do in {seen[-20:]}")


def read_old(port: int) -> tuple[list[int], float, float]:
    device = scanned(port)
    try:
        numbers = [number for number in device.models if isinstance(number, int)]
        inverter = device.inverter_three_phase[0]
        return numbers, inverter.W.cvalue, device.nameplate[0].WRtg.cvalue
    finally:
        device.close()


async def ask_everything(folder: Path) -> None:
    async with served(folder) as port:
        marker = tcp(port + BATTERY, "-t", "4", "-r", "40000", "-c", "4")
        assert await mbpoll(*marker) == [0x5375, 0x6E53, 1, 66]
        numbers, watts, rated_w = await asyncio.to_thread(read_old, port + SOLAR)
        assert numbers == [1, 103, 120, 121, 123]
        assert -10 <= watts <= 3680
        assert rated_w == 3680
        powers = await asyncio.to_thread(steer, port + BATTERY)
        assert powers[0] == -12  # at rest it draws its standby power
        assert powers[-1] == pytest.approx(3000, abs=100)
        assert len(powers) > 3  # on a ramp, not at once


def test_pysunspec2_scans_reads_and_steers_both_and_mbpoll_finds_the_marker(
    tmp_path: Path,
) -> None:
    asyncio.run(ask_everything(tmp_path))
