"""A bench for devices that speak HTTP, and peers of plain sockets."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import numpy as np

from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop

WHERE = "rig.toml [device.it]"
LEAD_S = 10.0


def run(trial):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(trial)


class Bench:
    """What one driver told, and what its emulator draws."""

    def __init__(self, driver, *, starts_at=datetime(2026, 1, 15, 17, tzinfo=UTC)):
        self.driver = driver
        self.clock = BenchClock(starts_at, lead_s=LEAD_S)
        self.circuit = Circuit(seed=1)
        self.wire, self.events, self.pushed = [], [], []

    def emulate(self, *, seed=1, **options):
        rng = np.random.default_rng(seed)
        context = EmulatorContext(WHERE, "it", self.clock, rng, self.circuit)
        return self.driver.emulate(context, self.driver.emulator_options(**options))

    def open(self, address, **options):
        context = DeviceContext(
            WHERE,
            "it",
            address,
            self.clock,
            lambda sent, text: self.wire.append((sent, text)),
            self.pushed.append,
            lambda event: self.events.append((event.kind, event.detail)),
        )
        return self.driver.open(context, self.driver.options(**options))

    @contextlib.asynccontextmanager
    async def both(self, *, driver=None, seed=1, **emulator):
        async with (
            self.emulate(seed=seed, **emulator) as there,
            self.open(there.address, **(driver or {})) as here,
        ):
            yield there, here

    def power_w(self):
        return self.circuit.power_w(("it",), self.clock.now_s())


def http(body, status="200 OK", *headers):
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(body.encode())}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


@contextlib.asynccontextmanager
async def http_peer(*replies):
    """Serve raw replies, one a connection, the last for ever; `None` stays silent.

    Yields the address, and the requests as (head, body).
    """
    left, requests, writers = list(replies), [], []

    async def answer(reader, writer):
        writers.append(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = 0
        for line in head.lower().split("\r\n"):
            if line.startswith("content-length: "):
                length = int(line.removeprefix("content-length: "))
        requests.append((head, (await reader.readexactly(length)).decode()))
        reply = left.pop(0) if len(left) > 1 else left[0]
        if reply is not None:
            writer.write(reply if isinstance(reply, bytes) else reply.encode())
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        try:
            port = server.sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{port}", requests
        finally:
            for writer in writers:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()


async def raw_http(address, request):
    """Send a request as it stands; return head and body of the answer."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode() if isinstance(request, str) else request)
    reply = (await reader.read()).decode()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    head, _, body = reply.partition("\r\n\r\n")
    return head, body


def asked(method, path, body="", *headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: it", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def values(readings):
    return {each.quantity: each.value for each in readings}
