"""The OCPP 2.0.1 driver against npm's `ocpp-rpc` in strict mode, on the wall clock.

Its own copy of the OCA's schemas judges every message of ours: see ``station/``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve

from devices.ev_chargepoint.ocpp201 import DRIVER, ChargingStation201
from harness.core.bench import DeviceContext, DeviceEvent
from harness.core.capabilities import Identity
from harness.core.clock import BenchClock
from harness.core.recording import Reading
from tests.peers.ports import free_ports

STATION = Path(__file__).parent / "station"
PATIENCE_S = 60.0
STRICT_MODE_COMPLAINED = 3


class Peer:
    """The peer's process, and what it had to say in the end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def end(self) -> int | None:
        self.process.terminate()
        rest, _ = await self.process.communicate()
        self.said += rest.decode()
        return self.process.returncode


@asynccontextmanager
async def peer(port: int) -> AsyncIterator[Peer]:
    process = await asyncio.create_subprocess_exec(
        "node", str(STATION / "station201.js"),
        "--csms", f"ws://127.0.0.1:{port}", "--id", "EV1",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    found = Peer(process)
    try:
        assert process.stdout is not None
        found.said = (await process.stdout.readline()).decode()
        hint = "`make test` installs its packages: npm ci in tests/peers/station"
        assert found.said.startswith("dialling"), hint
        yield found
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


class Heard:
    """What the driver hands over, and a wait for something in it."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.events: list[DeviceEvent] = []
        self._news = asyncio.Event()

    def report(self, readings: object) -> None:
        assert isinstance(readings, list)
        self.readings += readings
        self._news.set()

    async def until(self, met: Callable[[Reading], bool]) -> Reading:
        while True:
            for reading in self.readings:
                if met(reading):
                    return reading
            self._news.clear()
            await self._news.wait()


def power(least_w: float, most_w: float) -> Callable[[Reading], bool]:
    return lambda r: r.quantity == "power_w" and least_w < r.value < most_w


async def limit_and_lift(driver: ChargingStation201, heard: Heard) -> None:
    assert await driver.identify() == Identity("Peer", "JS 2", "P-2", "2.0")
    await heard.until(power(7000, 7700))
    answer = await driver.limit_power_w(1400)
    assert (answer.accepted, answer.detail) == (True, "Accepted; composite 6.0 A")
    await heard.until(power(1300, 1450))
    offered = [r.value for r in heard.readings if r.quantity == "current_offered_a"]
    assert offered[-1] == 6.0
    assert (await driver.limit_power_w(None)).accepted
    assert (await driver.limit_power_w(None)).detail == "Unknown"
    assert driver.violations == ()


async def whole_exchange() -> tuple[int | None, str]:
    port, heard = free_ports(1), Heard()
    context = DeviceContext(
        where="home.toml [device.ev]",
        role="ev",
        address=f"ws://127.0.0.1:{port}/EV1",
        clock=BenchClock(datetime(2026, 3, 2, 17, tzinfo=UTC)),
        wire=lambda _sent, _text: None,
        report=heard.report,
        notify=heard.events.append,
    )
    options = DRIVER.options(sample_interval_s=1)
    async with (
        asyncio.timeout(PATIENCE_S),
        peer(port) as station,
        DRIVER.open(context, options) as driver,
    ):
        assert isinstance(driver, ChargingStation201)
        await driver.ready()
        await limit_and_lift(driver, heard)
        kinds = {event.kind for event in heard.events}
        assert {"connected", "available"} <= kinds
        return await station.end(), station.said


def test_neither_side_finds_fault_with_the_other():
    code, said = asyncio.run(whole_exchange())
    assert (code, said.splitlines()[-1]) == (0, "no complaint"), said


async def complaints_about(answer_to_boot: dict[str, object]) -> int | None:
    """Play a CSMS that answers BootNotification so; return the peer's exit code."""
    answered = asyncio.Event()

    async def csms(connection: ServerConnection) -> None:
        boot = json.loads(await connection.recv())
        await connection.send(json.dumps([3, boot[1], answer_to_boot]))
        await connection.recv()  # a call after it shows that the answer was taken in
        answered.set()
        await connection.wait_closed()

    port = free_ports(1)
    protocols = ["ocpp2.0.1"]
    async with (
        asyncio.timeout(PATIENCE_S),
        serve(csms, "127.0.0.1", port, subprotocols=protocols),  # type: ignore[arg-type]
        peer(port) as station,
    ):
        await answered.wait()
        return await station.end()


def test_the_peer_complains_of_a_message_that_breaks_the_schema():
    wrong = {"status": "Accepted", "interval": 300}  # currentTime is missing
    right = wrong | {"currentTime": "2026-03-02T17:00:00.000Z"}
    assert asyncio.run(complaints_about(wrong)) == STRICT_MODE_COMPLAINED
    assert asyncio.run(complaints_about(right)) == 0
