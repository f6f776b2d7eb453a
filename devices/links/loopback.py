"""How emulators serve bytes: on a loopback port, or on a pseudo-terminal.

Knows no protocol: a *session* is handed what arrived and gives back what is to be sent,
and a delay says how long that takes. On TCP every client has a session of its own; a
pseudo-terminal has one.
"""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

Delay = Callable[[bytes], float]
"""How long a reply takes, from when it is due until its last byte is sent. [s]"""


class Session(Protocol):
    """One client's side of a conversation, as the emulated device keeps it."""

    def receive(self, data: bytes, now_s: float) -> tuple[list[bytes], bool]:
        """Return the replies due, and whether the stream is still in step."""
        ...


class Outbox:
    """Sends replies in order, each after its delay."""

    def __init__(self, send: Callable[[bytes], None], delay_s: Delay | None) -> None:
        self._send, self._delay_s = send, delay_s
        self._loop = asyncio.get_running_loop()
        self._free_at_s = 0.0
        self._timers: set[asyncio.TimerHandle] = set()

    def put(self, reply: bytes) -> None:
        """Send now, or once the delay and all earlier replies are over."""
        if self._delay_s is None:
            self._send(reply)
            return
        due_s = self._delay_s(reply) + max(self._loop.time(), self._free_at_s)
        self._free_at_s = due_s
        timer: asyncio.TimerHandle

        def send() -> None:
            self._timers.discard(timer)
            self._send(reply)

        timer = self._loop.call_at(due_s, send)
        self._timers.add(timer)

    def close(self) -> None:
        """Drop what has not been sent."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


class _Connection(asyncio.Protocol):
    """One client's TCP connection."""

    def __init__(
        self,
        session: Session,
        delay_s: Delay | None,
        alive: dict[_Connection, asyncio.Future[None]],
    ) -> None:
        self._session, self._delay_s, self._alive = session, delay_s, alive
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP
        self._transport = transport
        self._outbox = Outbox(transport.write, self._delay_s)
        self._alive[self] = self._loop.create_future()

    def data_received(self, data: bytes) -> None:
        replies, in_step = self._session.receive(data, self._loop.time())
        for reply in replies:
            self._outbox.put(reply)
        if not in_step:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._outbox.close()
        self._alive.pop(self).set_result(None)

    def close(self) -> None:
        self._transport.close()


@asynccontextmanager
async def serve_port(
    session: Callable[[], Session], *, port: int = 0, delay_s: Delay | None = None
) -> AsyncIterator[int]:
    """Serve a session to each client on a loopback port; yield the port.

    Parameters
    ----------
    session : callable
        Makes one for each client. A defect in it is not hidden: the connection breaks.
    port : int
        Port on 127.0.0.1; 0 lets the kernel choose.
    delay_s : callable, optional
        How long a reply takes. [s]
    """
    loop = asyncio.get_running_loop()
    alive: dict[_Connection, asyncio.Future[None]] = {}
    server = await loop.create_server(
        lambda: _Connection(session(), delay_s, alive), "127.0.0.1", port
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        gone = list(alive.values())
        for open_connection in list(alive):
            open_connection.close()
        if gone:
            await asyncio.wait(gone)
        await server.wait_closed()


@asynccontextmanager
async def serve_terminal(session: Session, *, delay_s: Delay) -> AsyncIterator[str]:
    """Serve a session on a pseudo-terminal (wall clock only); yield its path.

    A pseudo-terminal has no line speed of its own: `delay_s` is to hold each reply
    back for as long as its characters would take.
    """
    loop = asyncio.get_running_loop()
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    outbox = Outbox(lambda reply: _write(master, reply), delay_s)

    def readable() -> None:
        for reply in session.receive(os.read(master, 4096), loop.time())[0]:
            outbox.put(reply)

    try:
        loop.add_reader(master, readable)
        yield os.ttyname(slave)
    finally:
        loop.remove_reader(master)
        outbox.close()
        os.close(slave)
        os.close(master)


def _write(master: int, reply: bytes) -> None:
    try:
        os.write(master, reply)
    except BlockingIOError:
        # Nobody reads the port and its buffer is full: on a bus, bytes that
        # nobody listens to are gone as well.
        return
