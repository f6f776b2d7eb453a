"""Debian's mbpoll (libmodbus) steers every emulated heat pump, on wall clock."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from devices.heat_pump.sg_ready import DRIVER, SgReady
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.capabilities import Demand
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from tests.peers.ports import free_ports
from tests.peers.test_emulate import mbpoll, tcp

FLEXRIG = str(Path(sys.executable).with_name("flexrig"))
ROLES = ("stiebel", "daikin", "lambda", "relays", "storage_heater")
RIG = """
[rig]
name = "Heat pumps of every make"
clock = "wall"
[device.stiebel]
driver = "heat_pump/stiebel_isg"
emulator = { outdoor_c = -5.0 }
[device.daikin]
driver = "heat_pump/daikin_home_hub"
emulator = { outdoor_c = -5.0 }
[device.lambda]
driver = "heat_pump/lambda_eu"
emulator = { outdoor_c = -5.0 }
[device.relays]
driver = "heat_pump/sg_ready"
options = { edition = "1.1" }
emulator = { edition = "1.1" }
[device.storage_heater]
driver = "storage_heater/radio_teleswitch"
emulator = {}
"""


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[int]:
    """Run `flexrig emulate` on the rig; yield the port of its first part."""
    rig = folder / "heat_pumps.toml"
    rig.write_text(RIG)
    base = free_ports(len(ROLES))
    process = await asyncio.create_subprocess_exec(
        FLEXRIG, "emulate", str(rig), "--base-port", str(base),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = b""
        async with asyncio.timeout(60):
            while b"Ctrl-C stops" not in said:
                line = await process.stdout.readline()
                assert line, said.decode()
                said += line
        assert b"rts:storage_heater" in said
        yield base
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def steer(folder: Path) -> None:
    async with served(folder) as base:
        stiebel, daikin, lam, relays = (str(base + place) for place in range(4))

        async def read(port: str, kind: str, register: int) -> list[float]:
            return await mbpoll(*tcp(int(port), "-t", kind, "-r", str(register)))

        async def write(port: str, kind: str, register: int, *values: str) -> None:
            await mbpoll(*tcp(int(port), "-t", kind, "-r", str(register)), *values)

        # Outdoors, -5 °C, as each maker writes it: 65486 is -50 in one register.
        assert await read(stiebel, "3", 506) == [65486]
        assert await read(daikin, "3", 43) == [65036]
        assert await read(lam, "4", 2) == [65486]
        # Stiebel: controller 449; SG Ready on, input 2: state 1.
        assert await read(stiebel, "3", 5001) == [449]
        await write(stiebel, "4", 4000, "1")
        await write(stiebel, "4", 4002, "1")
        assert await read(stiebel, "3", 5000) == [1]
        # Daikin: flat out at 2.5 kW, in steps of 10 W; forced off.
        [power] = await read(daikin, "3", 50)
        assert 240 <= power <= 260
        await write(daikin, "4", 55, "1")
        assert await read(daikin, "4", 55) == [1]
        # Lambda: offline, until a surplus is written (with function 16 only).
        assert await read(lam, "4", 101) == [4]
        # Relays: contact 1.
        await write(relays, "0", 0, "1")
        assert await read(relays, "0", 0) == [1]
        assert await read(relays, "0", 1) == [0]
        assert await read(relays, "4", 0x4000) == [1]


def test_an_independent_client_steers_every_make(tmp_path: Path) -> None:
    asyncio.run(steer(tmp_path))


async def write_with_function_06(folder: Path) -> None:
    async with served(folder) as base:
        port = base + ROLES.index("lambda")
        # mbpoll writes one register with function 06, which a Lambda refuses.
        await mbpoll(*tcp(port, "-t", "4", "-r", "102"), "3000")


def test_a_lambda_refuses_function_06_from_an_independent_client(
    tmp_path: Path,
) -> None:
    with pytest.raises(AssertionError, match="Illegal function"):
        asyncio.run(write_with_function_06(tmp_path))


async def switch_over_a_serial_line() -> tuple[bool, float, float]:
    clock = BenchClock(datetime(2026, 1, 15, tzinfo=UTC))
    circuit = Circuit()
    emulated = EmulatorContext(
        "w", "relays", clock, np.random.default_rng(1), circuit, serial=True
    )
    options = DRIVER.emulator_options(reduce_to="off", response_delay_s=0.0)
    async with DRIVER.emulate(emulated, options) as emulator:
        assert emulator.address.startswith("serial:/dev/pts/")
        context = DeviceContext(
            "w", "relays", emulator.address, clock,
            lambda *_: None, lambda _: None, lambda _: None,
        )  # fmt: skip
        async with DRIVER.open(context, DRIVER.options(edition="four-state")) as pump:
            assert isinstance(pump, SgReady)
            await pump.ready()
            before_w = circuit.power_w(("relays",), clock.now_s())
            answer = await pump.shift_demand(Demand.REDUCE)
            await clock.until(clock.now_s() + 2.5)
            return (
                answer.accepted,
                before_w,
                circuit.power_w(("relays",), clock.now_s()),
            )


def test_relays_are_switched_over_a_serial_line() -> None:
    accepted, before_w, after_w = asyncio.run(switch_over_a_serial_line())
    assert accepted
    assert before_w > 1900.0
    assert after_w == 20.0
