"""What the heat pump tests share: a bench for one, and a peer that plays a script."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import numpy as np

from devices.heat_pump import daikin_home_hub, lambda_eu, nibe_s, sg_ready, stiebel_isg
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop

WHERE = "rig.toml [device.heat_pump]"
DRIVERS = {
    module.DRIVER.name.partition("/")[2]: module.DRIVER
    for module in (nibe_s, stiebel_isg, daikin_home_hub, lambda_eu, sg_ready)
}
NEEDED = {"sg_ready": {"edition": "four-state"}}
"""Driver options without which a driver cannot be opened."""
WRITES = {"05", "06", "0f", "10"}
"""Modbus functions that change something."""


def run(trial):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(trial)


class Bench:
    """A clock, a circuit and what the driver told; for one heat pump."""

    def __init__(self, name="nibe_s", seed=1):
        self.driver = DRIVERS[name]
        self.needed = NEEDED.get(name, {})
        self.clock = BenchClock(datetime(2026, 1, 15, 17, tzinfo=UTC), lead_s=10.0)
        self.circuit = Circuit(seed=seed)
        self.seed = seed
        self.wire, self.events = [], []

    def emulate(self, **options):
        rng = np.random.default_rng(self.seed)
        context = EmulatorContext(WHERE, "heat_pump", self.clock, rng, self.circuit)
        return self.driver.emulate(context, self.driver.emulator_options(**options))

    def open(self, address, **options):
        context = DeviceContext(
            WHERE,
            "heat_pump",
            address,
            self.clock,
            lambda sent, frame: self.wire.append((sent, frame)),
            lambda readings: None,
            self.events.append,
        )
        return self.driver.open(context, self.driver.options(**(self.needed | options)))

    def power_w(self):
        return self.circuit.power_w(("heat_pump",), self.clock.now_s())

    async def wait(self, seconds):
        await self.clock.until(self.clock.now_s() + seconds)

    def written(self, since=0):
        """Every frame sent that changes something."""
        sent = [frame for is_sent, frame in self.wire[since:] if is_sent]
        return [frame for frame in sent if frame[14:16] in WRITES]


@contextlib.asynccontextmanager
async def both(bench, *, driver=None, **emulator_options):
    async with (
        bench.emulate(**emulator_options) as emulator,
        bench.open(emulator.address, **(driver or {})) as pump,
    ):
        yield emulator, pump


class Script:
    """A peer that plays a transcript: it answers only what it expects.

    Frames are hex, spaces allowed; for Modbus TCP without transaction and protocol if
    `numbered` is used.
    """

    def __init__(self, *exchanges, scheme="modbus"):
        self.left = [
            tuple(part.replace(" ", "") for part in each) for each in exchanges
        ]
        self.address, self.scheme = "", scheme
        self.surprise = None
        self.writers = []

    @contextlib.asynccontextmanager
    async def playing(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.address = f"{self.scheme}://127.0.0.1:{port}/1"
        async with server:
            try:
                yield self
            finally:
                for writer in self.writers:
                    writer.close()
                    await writer.wait_closed()
        assert self.surprise is None, self.surprise
        assert self.left == [], "not everything was asked"

    async def _serve(self, reader, writer):
        self.writers.append(writer)
        while data := await reader.read(256):
            asked, reply = self.left.pop(0) if self.left else ("nothing", "")
            if data.hex() != asked.lower():
                self.surprise = f"asked {data.hex()}, expected {asked.lower()}"
                break
            writer.write(bytes.fromhex(reply))
        writer.close()


def numbered(*exchanges):
    """Give PDUs of unit 1 their Modbus TCP heads, counted from 1."""
    return Script(
        *(
            (_framed(number, asked), _framed(number, reply))
            for number, (asked, reply) in enumerate(exchanges, 1)
        )
    )


def _framed(number, pdu):
    body = bytes.fromhex(pdu)
    return f"{number:04x}0000{len(body) + 1:04x}01{body.hex()}"


async def ask(address, *frames):
    """Send literal Modbus TCP frames and return the replies as hex."""
    host, port = address.removeprefix("modbus://").split("/")[0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    replies = []
    for frame in frames:
        writer.write(bytes.fromhex(frame.replace(" ", "")))
        head = await reader.readexactly(6)
        body = await reader.readexactly(int.from_bytes(head[4:6], "big"))
        replies.append((head + body).hex())
    writer.close()
    await writer.wait_closed()
    return replies


async def ask_pdus(address, *pdus):
    """Send PDUs and return the reply PDUs as hex."""
    frames = [_framed(number, pdu) for number, pdu in enumerate(pdus, 1)]
    return [reply[14:] for reply in await ask(address, *frames)]
