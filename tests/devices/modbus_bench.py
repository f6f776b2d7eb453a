"""What the Modbus and meter tests share: a bench, and a scripted other end."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from harness.core.bench import DeviceContext
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop


def on_virtual_time(coroutine):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


START = datetime(2026, 1, 15, 17, 0, tzinfo=UTC)


class Bench:
    """A device's context, and all that it handed over."""

    def __init__(self, address, role="meter", starts_at=START):
        self.clock = BenchClock(starts_at)
        self.frames = []
        self.events = []
        self.context = DeviceContext(
            where=f"test.toml [meter.{role}]",
            role=role,
            address=address,
            clock=self.clock,
            wire=lambda sent, payload: self.frames.append((sent, payload)),
            report=lambda readings: None,
            notify=self.events.append,
        )


def hexes(text):
    return bytes.fromhex(text)


class Script:
    """Requests that are expected, byte by byte, and what is sent back for each.

    A reply is hex, or a list of hex pieces and pauses in seconds, or None for
    silence, or "hang up".
    """

    def __init__(self, *exchanges):
        self.exchanges = list(exchanges)
        self.heard = []
        self.connections = 0

    @property
    def expected(self):
        return [hexes(request) for request, _ in self.exchanges]


@asynccontextmanager
async def scripted(script):
    """Play a script on a loopback port; yield the port."""
    gone = []

    async def play(reader, writer):
        script.connections += 1
        left = asyncio.Event()
        gone.append(left)
        try:
            while len(script.heard) < len(script.exchanges):
                request, reply = script.exchanges[len(script.heard)]
                try:
                    heard = await reader.readexactly(len(hexes(request)))
                except asyncio.IncompleteReadError:
                    return
                script.heard.append(heard)
                if reply == "hang up":
                    return
                await send(writer, reply)
            await reader.read()
        finally:
            writer.close()
            left.set()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for left in gone:
            await left.wait()
        await server.wait_closed()


async def send(writer, reply):
    for piece in [reply] if isinstance(reply, str) else reply or []:
        if isinstance(piece, str):
            writer.write(hexes(piece))
        else:
            await asyncio.sleep(piece)


async def raw_exchange(address_or_port, *pieces):
    """Send bytes to a server and return all it says until we hang up."""
    port = int(str(address_or_port).split(":")[-1].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await send(writer, list(pieces))
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
