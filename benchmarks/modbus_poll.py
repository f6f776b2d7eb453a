"""How many Modbus polls a second: our link and server against plain pymodbus.

Both in one process and one run, over loopback TCP, so that what counts is the
ratio. Run: ``python benchmarks/modbus_poll.py [POLLS]``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import numpy as np
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from devices.links.modbus import ModbusLink
from devices.links.modbus_server import serve_tcp
from devices.meter import sdm120, sdm230, sdm630
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.circuit import Circuit, FixedLoad
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop

COUNTS = (2, 14, 80)
PYMODBUS_PORT = 15020
ROUNDS = 5


class Words:
    """Registers that hold their own address."""

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Return input registers."""
        return range(address, address + count)

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Return holding registers."""
        return range(address, address + count)

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Ignore a write."""


def context(address: str, clock: BenchClock, role: str = "meter") -> DeviceContext:
    return DeviceContext(
        where="benchmark",
        role=role,
        address=address,
        clock=clock,
        wire=lambda _sent, _payload: None,
        report=lambda _readings: None,
        notify=lambda _event: None,
    )


async def rate(polls: int, read: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    for _ in range(polls):
        await read()
    return polls / (time.perf_counter() - began)


async def ours(polls: int, count: int, framing: str) -> float:
    clock = BenchClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with serve_tcp(Words(), unit=1, framing=framing) as address:
        link = ModbusLink(context(address, clock))
        await link.connect()
        try:
            return await rate(polls, lambda: link.read_input(0, count))
        finally:
            link.close()


async def plain(polls: int, count: int) -> float:
    words = SimData(0, values=list(range(200)), datatype=DataType.REGISTERS)
    server = ModbusTcpServer(
        SimDevice(1, simdata=[words]), address=("127.0.0.1", PYMODBUS_PORT)
    )
    await server.serve_forever(background=True)
    client = AsyncModbusTcpClient("127.0.0.1", port=PYMODBUS_PORT, retries=0)
    await client.connect()

    async def read() -> None:
        await client.read_input_registers(0, count=count, device_id=1)

    try:
        return await rate(polls, read)
    finally:
        client.close()
        await server.shutdown()


async def home(hours: float) -> float:
    """Three meters at 1 Hz with their emulators: bench seconds per second."""
    clock = BenchClock(datetime(2026, 1, 1, tzinfo=UTC))
    circuit = Circuit()
    circuit.attach("ev", FixedLoad(7200.0))
    circuit.attach("hp", FixedLoad(2000.0))
    async with AsyncExitStack() as stack:
        meters = []
        for number, (module, sees) in enumerate(
            [(sdm230, ("ev",)), (sdm120, ("hp",)), (sdm630, ("*",))]
        ):
            driver, role = module.DRIVER, f"m{number}"
            emulator = await stack.enter_async_context(
                driver.emulate(
                    EmulatorContext(
                        where="benchmark",
                        role=role,
                        clock=clock,
                        rng=np.random.default_rng(number),
                        circuit=circuit,
                        sees=sees,
                    ),
                    driver.emulator_options(),
                )
            )
            meter = driver.open(
                context(emulator.address, clock, role), driver.options()
            )
            meters.append(await stack.enter_async_context(meter))

        async def poll(meter) -> None:
            for second in range(1, int(hours * 3600)):
                await clock.until(float(second))
                await meter.poll()

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for meter in meters:
                group.create_task(poll(meter))
        return hours * 3600 / (time.perf_counter() - began)


def virtual(coroutine) -> float:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


def main() -> None:
    polls = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("polls a second, medians of interleaved rounds")
    print("registers   ours TCP   ours RTU   ours TCP, virtual   pymodbus   ratio")
    for count in COUNTS:
        rows = [
            (
                asyncio.run(ours(polls, count, "tcp")),
                asyncio.run(ours(polls, count, "rtu")),
                virtual(ours(polls, count, "tcp")),
                asyncio.run(plain(polls, count)),
            )
            for _ in range(ROUNDS)
        ]
        tcp, rtu, in_virtual, pymodbus = np.median(np.array(rows), axis=0)
        print(
            f"{count:9d}{tcp:11,.0f}{rtu:11,.0f}{in_virtual:20,.0f}{pymodbus:11,.0f}"
            f"{tcp / pymodbus:8.1f}"
        )
    print(f"three meters at 1 Hz, 1 h: {virtual(home(1.0)):,.0f} times real time")


if __name__ == "__main__":
    main()
