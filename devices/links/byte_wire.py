"""One conversation at a time over a socket or a serial line: a request, then its reply.

Knows no protocol: where a reply ends is handed in. Every wait is bounded, a reply
without an end is given up, and after any failure the wire is closed and opened anew at
the next request, since what is still to come would answer the wrong question.
"""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Callable
from dataclasses import dataclass

from harness.core.bench import DeviceContext, DeviceEvent
from harness.core.errors import LinkError, RigError

MOST_BYTES = 64 * 1024
"""A reply that is longer than this has no end."""
BITS_PER_CHARACTER = 10
"""Start, 7 data, parity, stop."""
SPEEDS = {
    300: termios.B300,
    600: termios.B600,
    1200: termios.B1200,
    2400: termios.B2400,
    4800: termios.B4800,
    9600: termios.B9600,
    19200: termios.B19200,
}
"""Line speeds of optical ports, and what the system calls them. [bit/s]"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the wire leads: a host and port, or a serial device."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


class ByteWire:
    """A wire that is opened when it is needed.

    Parameters
    ----------
    context : DeviceContext
        Takes every frame in hex, and hears when the wire is connected or lost.
    endpoint : Endpoint
        Where it leads. A serial line is 7 data bits, even parity, 1 stop bit.
    timeout_s : float
        Longest wait for a connection. [s]
    """

    def __init__(
        self, context: DeviceContext, endpoint: Endpoint, *, timeout_s: float
    ) -> None:
        self.where = f"{context.where} {context.address}"
        self._context, self._endpoint, self._timeout_s = context, endpoint, timeout_s
        self._line: _TcpEnd | _SerialEnd | None = None
        self._was_up = False

    @property
    def is_open(self) -> bool:
        """Whether the next request needs no new connection."""
        return self._line is not None and not self._line.inbox.reason

    async def open(self) -> None:
        """Open the socket or line, unless it is open.

        Raises
        ------
        LinkError
            If nobody listens or the line cannot be opened, in bounded time.
        """
        if self.is_open:
            return
        self.close()
        try:
            async with asyncio.timeout(self._timeout_s):
                self._line = await self._opened()
        except TimeoutError as error:
            fact = f"no connection within {self._timeout_s:g} s"
            hint = "the power, the network and the port"
            raise LinkError(self.where, fact, hint) from error
        except (OSError, termios.error) as error:
            what = os.strerror(getattr(error, "errno", 0) or error.args[0])
            fact = f"nobody listens ({what})"
            hint = "the power, the cable, the host and the port"
            raise LinkError(self.where, fact, hint) from error
        if not self._was_up:
            self._notify("connected", str(self._endpoint))
        self._was_up = True

    def close(self) -> None:
        """Let go of the wire; safe to call twice."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    async def exchange(
        self,
        request: bytes,
        whole: Callable[[bytes], int],
        *,
        timeout_s: float,
        then_baud: int = 0,
    ) -> bytes:
        """Send a request and return its reply.

        Parameters
        ----------
        request : bytes
            Sent as it is.
        whole : callable
            Length of the reply at the beginning of what has arrived, 0 if it is not
            whole yet. It may raise `ValueError` for what can never become one.
        timeout_s : float
            Longest wait for the whole reply. [s]
        then_baud : int
            Speed to which a serial line changes once the request has left it at 300
            baud; 0 for none. [bit/s]

        Raises
        ------
        LinkError
            If no whole reply comes in time; the wire is closed.
        """
        await self.open()
        line = self._line
        assert line is not None  # noqa: S101 - it was just opened
        line.inbox.clear()
        self._context.wire(True, request.hex())
        line.write(request)
        try:
            async with asyncio.timeout(timeout_s):
                if then_baud and isinstance(line, _SerialEnd):
                    await asyncio.sleep(len(request) * BITS_PER_CHARACTER / 300)
                    line.set_speed(then_baud)
                reply = await line.inbox.take(whole)
        except TimeoutError:
            raise self._failed(line, _lateness(line, timeout_s)) from None
        except (ValueError, ConnectionError) as error:
            raise self._failed(line, str(error)) from error
        except asyncio.CancelledError:
            self.close()
            raise
        self._context.wire(False, reply.hex())
        return reply

    async def send(self, request: bytes) -> None:
        """Send what is not answered, such as a sign-off."""
        if self._line is not None:
            self._context.wire(True, request.hex())
            self._line.write(request)

    def set_speed(self, baud: int) -> None:
        """Set a serial line's speed; a gateway behind a socket follows by itself."""
        if isinstance(self._line, _SerialEnd):
            self._line.set_speed(baud)

    async def _opened(self) -> _TcpEnd | _SerialEnd:
        loop = asyncio.get_running_loop()
        if not self._endpoint.path:
            _, end = await loop.create_connection(
                _TcpEnd, self._endpoint.host, self._endpoint.port
            )
            return end
        if self._context.clock.is_virtual:
            raise RigError(
                self.where,
                "a serial port cannot take part in virtual time",
                'clock = "wall" in [rig], or an address on TCP',
            )
        return _SerialEnd(self._endpoint.path)

    def _failed(self, line: _TcpEnd | _SerialEnd, fact: str) -> LinkError:
        """Close the wire, keep what came, and say what was wrong."""
        if line.inbox.data:
            self._context.wire(False, line.inbox.data.hex())
        if line.inbox.reason:
            self._was_up = False
            self._notify("lost", line.inbox.reason)
        self.close()
        return LinkError(self.where, fact, "the device, the wire, its other clients")

    def _notify(self, kind: str, detail: str) -> None:
        self._context.notify(DeviceEvent(self._context.role, kind, detail))


def _lateness(line: _TcpEnd | _SerialEnd, timeout_s: float) -> str:
    if line.inbox.data:
        seen = _excerpt(line.inbox.data)
        return f"truncated reply {seen}, not complete within {timeout_s:g} s"
    return f"silence, no reply within {timeout_s:g} s"


def _excerpt(data: bytes) -> str:
    return data.hex() if len(data) <= 32 else f"{data[:32].hex()}… ({len(data)} bytes)"


class _Inbox:
    """What has arrived, and who waits for it."""

    def __init__(self) -> None:
        self.data = b""
        self.reason = ""
        """Why nothing more will come; empty while it may."""
        self._news = asyncio.Event()

    def clear(self) -> None:
        self.data = b""

    def put(self, data: bytes) -> None:
        self.data += data
        self._news.set()

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._news.set()

    async def take(self, whole: Callable[[bytes], int]) -> bytes:
        """Wait for a whole reply and take it out."""
        while True:
            length = whole(self.data) if self.data else 0
            if length:
                reply, self.data = self.data[:length], self.data[length:]
                return reply
            if len(self.data) > MOST_BYTES:
                raise ValueError(f"flood: {_excerpt(self.data)} without an end")
            if self.reason:
                raise ConnectionError(self.reason)
            self._news.clear()
            await self._news.wait()


class _TcpEnd(asyncio.Protocol):
    """Our end of a socket."""

    def __init__(self) -> None:
        self.inbox = _Inbox()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.inbox.put(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.inbox.end(f"connection lost ({exc or 'closed by the other end'})")

    def write(self, data: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - connected
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def with_parity(data: bytes) -> bytes:
    """Put even parity into the eighth bit of each byte."""
    return bytes(byte | (byte.bit_count() & 1) << 7 for byte in data)


class _SerialEnd:
    """Our end of a serial line: 300 baud to begin with, 7 bits with even parity.

    On the wire 7E1 is 8N1 whose eighth bit is the parity. Made here, it does not depend
    on what an adapter can do; a pseudo-terminal refuses 7E1.
    """

    def __init__(self, path: str) -> None:
        self.inbox = _Inbox()
        self._loop = asyncio.get_running_loop()
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            self.set_speed(300)
            self._loop.add_reader(self._file, self._readable)
        except BaseException:
            os.close(self._file)
            raise

    def set_speed(self, baud: int) -> None:
        """Set the line to this speed, 8 bits, no parity, nothing interpreted."""
        speed = SPEEDS[baud]
        control = termios.CS8 | termios.CREAD | termios.CLOCAL
        characters = termios.tcgetattr(self._file)[6]
        characters[termios.VMIN], characters[termios.VTIME] = 0, 0
        settings = [0, 0, control, 0, speed, speed, characters]
        termios.tcsetattr(self._file, termios.TCSANOW, settings)

    def write(self, data: bytes) -> None:
        try:
            os.write(self._file, with_parity(data))
        except OSError as error:
            self._gone(error)

    def close(self) -> None:
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._file, 4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._gone(error)
            return
        if data:
            self.inbox.put(data)
        else:
            self._gone(OSError("the other end is closed"))

    def _gone(self, error: OSError) -> None:
        self._loop.remove_reader(self._file)
        self.inbox.end(f"connection lost ({error.strerror or error})")
