"""`flexrig emulate` answers a client that is not ours: Debian's mbpoll (libmodbus)."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.peers.ports import free_ports, is_free

RIG = str(Path(__file__).parents[2] / "rigs" / "emulated.toml")
FLEXRIG = str(Path(sys.executable).with_name("flexrig"))
PARTS = 6
HEAT_PUMP, BOUNDARY = 1, 5
"""Places of parts in the rig file: the port follows from it."""
VALUE = re.compile(r"\[\d+\]:\s+(-?[\d.]+)")
PATIENCE_S = 60.0


class Served:
    """A running `flexrig emulate`."""

    def __init__(self, process: asyncio.subprocess.Process, base: int) -> None:
        self.process, self.base = process, base
        self.table = ""

    async def started(self) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            async for line in self.process.stdout:
                self.table += line.decode()
                if b"Ctrl-C stops" in line:
                    return
        raise AssertionError(f"it never served:\n{self.table}")

    def address(self, role: str) -> str:
        return next(
            line.split("│")[3].strip()
            for line in self.table.splitlines()
            if line.startswith(f"│ {role} ")
        )

    async def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; return the exit code and all that was said since."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            rest, _ = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, rest.decode()


@asynccontextmanager
async def served(*options: str, rig: str = RIG) -> AsyncIterator[Served]:
    base = free_ports(PARTS)
    process = await asyncio.create_subprocess_exec(
        FLEXRIG, "emulate", rig, "--base-port", str(base), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    bench = Served(process, base)
    try:
        await bench.started()
        yield bench
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def mbpoll(*arguments: str) -> list[float]:
    """Call mbpoll once and return the values that it shows."""
    process = await asyncio.create_subprocess_exec(
        "mbpoll", "-0", "-1", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return [float(value) for value in VALUE.findall(said.decode())]


async def watch_until(met: Callable[[float], bool], arguments: Sequence[str]) -> float:
    """Have mbpoll poll once a second; return the first value that will do."""
    process = await asyncio.create_subprocess_exec(
        "stdbuf", "-oL", "mbpoll", "-0", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    seen = []
    try:
        async with asyncio.timeout(2 * PATIENCE_S):
            async for line in process.stdout:
                seen += [float(value) for value in VALUE.findall(line.decode())]
                if seen and met(seen[-1]):
                    return seen[-1]
    except TimeoutError:
        pass
    finally:
        process.kill()
        await process.communicate()
    raise AssertionError(f"nothing that would do in {seen}")


def tcp(port: int, *what: str) -> tuple[str, ...]:
    return ("-m", "tcp", "-p", str(port), "-a", "1", *what, "127.0.0.1")


async def steer_the_heat_pump() -> None:
    async with served() as bench:
        heat_pump, boundary = bench.base + HEAT_PUMP, bench.base + BOUNDARY
        assert bench.address("heat_pump") == f"modbus://127.0.0.1:{heat_pump}/1"
        # NIBE S-series: power in 2166, 32 bits, low word first.
        [power_w] = await mbpoll(*tcp(heat_pump, "-t", "3:int", "-r", "2166"))
        assert 1800 < power_w < 2200
        # SDM630: total power in 0x34, a single, high word first.
        total = ("-t", "3:float", "-B", "-r", str(0x34))
        # Without a CSMS the station lets anybody charge: wait until the car does.
        home_w = await watch_until(lambda w: w > 9500, tcp(boundary, *total))
        assert home_w == pytest.approx(350 + power_w + 32 * 230, abs=300)
        # SG Ready via API on, then mode 0 ("reduce").
        await mbpoll(*tcp(heat_pump, "-t", "4", "-r", "3032"), "1")
        await mbpoll(*tcp(heat_pump, "-t", "4", "-r", "6008"), "0")
        assert await mbpoll(*tcp(heat_pump, "-t", "4", "-r", "6008")) == [0]
        await watch_until(lambda w: w < home_w - 1000, tcp(boundary, *total))
        code, said = await bench.interrupt()
    assert (code, said.strip()) == (0, "stopped")
    assert all(is_free(bench.base + offset) for offset in range(PARTS))


def test_an_independent_modbus_client_steers_the_heat_pump_and_sees_the_home_fall():
    asyncio.run(steer_the_heat_pump())


async def read_over_a_serial_line() -> None:
    async with served("--serial") as bench:
        address = bench.address("heat_pump_meter")
        path = address.removeprefix("serial:").partition("?")[0]
        assert path.startswith("/dev/pts/")
        line = ("-m", "rtu", "-b", "9600", "-P", "none", "-a", "1", "-t", "3:float")
        [volts] = await mbpoll(*line, "-B", "-r", "0", path)
        [watts] = await mbpoll(*line, "-B", "-r", str(0x0C), path)
        assert 227 < volts < 233
        assert 1800 < watts < 2200
        code, said = await bench.interrupt()
    assert (code, said.strip()) == (0, "stopped")


def test_an_independent_client_reads_a_meter_over_a_serial_line():
    asyncio.run(read_over_a_serial_line())


def test_a_port_in_use_is_one_sentence():
    async def run() -> tuple[int | None, str]:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            process = await asyncio.create_subprocess_exec(
                FLEXRIG, "emulate", RIG,
                "--base-port", str(taken.getsockname()[1] - HEAT_PUMP),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            said, _ = await process.communicate()
        return process.returncode, said.decode()

    code, said = asyncio.run(run())
    assert code == 2
    assert "Traceback" not in said
    assert re.search(
        r"\[device\.heat_pump\]: port \d+: .*Try: another --base-port", said
    )
