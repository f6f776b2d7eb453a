"""One end of an OCPP-J websocket: a handshake, whole text messages, a close.

Built on the sans-I/O core of ``websockets``: a message is handled in the same round
of the event loop in which its bytes arrive, without a task or a future, so that a
bench second costs microseconds and the order of messages is that of their bytes.
Compression is off, so that a capture of the wire can be read. There are no
keepalive pings: their period would be one more timer of the harness's own in every
recording, and the time limit of each CALL already finds a dead peer. A peer's
pings are answered.

Source: OCPP-J 1.6, section 3 (connection); RFC 6455.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import unquote

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

OCPP16 = Subprotocol("ocpp1.6")
"""OCPP-J 1.6, table 1."""
CLOSE_WITHIN_S = 5.0
"""How long a peer has to answer a close before the connection is cut. [s]"""


class Listener(Protocol):
    """Who is told what comes out of a websocket."""

    def opened(self, end: SocketEnd) -> None:
        """The handshake is over and the subprotocol agreed."""

    def received(self, text: str) -> None:
        """One whole text message."""

    def unreadable(self, data: bytes, why: str) -> None:
        """One message that is not text at all; the connection stays."""

    def closed(self, why: str) -> None:
        """The connection is over; called once, also if it never opened."""


class SocketEnd(asyncio.Protocol):
    """One end of the connection; the handshake differs, the rest does not."""

    def __init__(self, core: ClientProtocol | ServerProtocol) -> None:
        self._core = core
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._cutting: asyncio.TimerHandle | None = None
        self._parts: list[bytes] = []
        self._why = ""
        self._listener: Listener | None = None
        self.over: asyncio.Future[None] = self._loop.create_future()
        """Done when the TCP connection is gone."""

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._core.state is State.OPEN

    def send(self, text: str) -> bool:
        """Send one text message; return False if the connection is closing."""
        if self._core.state is not State.OPEN:
            return False
        self._core.send_text(text.encode())
        self._flush()
        return True

    def close(self, reason: str = "", code: int = CloseCode.NORMAL_CLOSURE) -> None:
        """Say goodbye; safe to call twice. `over` is done when it has happened."""
        self._why = self._why or reason
        if self._core.state is State.OPEN:
            self._core.send_close(code, reason[:120])
            self._flush()
        elif self._core.state is State.CONNECTING:
            self.cut(reason)

    def cut(self, reason: str) -> None:
        """Drop the connection without a word, as a power failure would."""
        self._why = self._why or reason
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the TCP connection stands."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        self._core.receive_data(data)
        self._flush()
        for event in self._core.events_received():
            if isinstance(event, Frame):
                self._take(event)
            else:
                self._shake_hands(event)

    def eof_received(self) -> bool:
        """asyncio: the peer sends no more."""
        self._core.receive_eof()
        self._flush()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the TCP connection is gone."""
        if self._cutting is not None:
            self._cutting.cancel()
        self._core.receive_eof()
        self.over.set_result(None)
        if self._listener is not None:
            self._listener.closed(self._why or self._farewell() or str(exc or "cut"))

    def _farewell(self) -> str:
        close = self._core.close_rcvd
        return "" if close is None else f"close {close.code} {close.reason}".strip()

    def _shake_hands(self, event: Request | Response) -> None:
        raise NotImplementedError

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            self._parts.append(bytes(frame.data))
            if frame.fin:
                data = b"".join(self._parts)
                self._parts.clear()
                self._hand_over(data)
        elif frame.opcode is Opcode.BINARY and self._listener is not None:
            self._listener.unreadable(bytes(frame.data), "a binary message")

    def _hand_over(self, data: bytes) -> None:
        if self._listener is None:
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._listener.unreadable(data, "not UTF-8 (OCPP-J 1.6, 4.1.2)")
            return
        self._listener.received(text)

    def _flush(self) -> None:
        if self._transport is None:
            return
        for data in self._core.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._core.state is State.OPEN or self._cutting is not None:
            return
        if self._core.close_expected():
            self._cutting = self._loop.call_later(CLOSE_WITHIN_S, self.cut, "")


class ServerEnd(SocketEnd):
    """The CSMS's end. `admit` names a listener for a station, or None for 404."""

    def __init__(
        self,
        admit: Callable[[str], Listener | None],
        refused: Callable[[str], None],
    ) -> None:
        self._server = ServerProtocol(
            subprotocols=[OCPP16], select_subprotocol=_select, max_size=2**20
        )
        super().__init__(self._server)
        self._admit, self._refused = admit, refused

    def _shake_hands(self, event: Request | Response) -> None:
        assert isinstance(event, Request)  # noqa: S101 - for the type
        station = unquote(event.path.partition("?")[0].rpartition("/")[2])
        listener = self._admit(station)
        if listener is None:
            self._refused(f"a station dialled {event.path}, which is not this device")
            self._server.send_response(
                self._server.reject(404, f"no charging station {station!r} here\n")
            )
            self._flush()
            return
        self._server.send_response(self._server.accept(event))
        self._flush()
        if self._server.subprotocol == OCPP16:
            self._listener = listener
            listener.opened(self)
        elif self.is_open:
            self._part_over_subprotocol(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the TCP connection is gone."""
        if self._server.handshake_exc is not None:
            self._refused(f"no websocket handshake: {self._server.handshake_exc}")
        super().connection_lost(exc)

    def _part_over_subprotocol(self, request: Request) -> None:
        """Complete the handshake, then close at once (OCPP-J 1.6, 3.2)."""
        offered = ", ".join(request.headers.get_all("Sec-WebSocket-Protocol"))
        fact = f"subprotocol {OCPP16} needed, offered: {offered or 'none'}"
        self._refused(fact)
        self.close(fact, CloseCode.PROTOCOL_ERROR)


class ClientEnd(SocketEnd):
    """The charging station's end."""

    def __init__(self, url: str, listener: Listener) -> None:
        self._client = ClientProtocol(
            parse_uri(url), subprotocols=[OCPP16], max_size=2**20
        )
        super().__init__(self._client)
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the TCP connection stands; ask for the websocket."""
        super().connection_made(transport)
        self._client.send_request(self._client.connect())
        self._flush()

    def _shake_hands(self, event: Request | Response) -> None:
        if self._client.handshake_exc is not None:
            self.cut(f"handshake refused: {self._client.handshake_exc}")
        elif self._client.subprotocol != OCPP16:
            self._why = f"the CSMS did not agree to {OCPP16}"
        elif self._listener is not None:
            self._listener.opened(self)


def _select(
    _core: ServerProtocol, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    return OCPP16 if OCPP16 in offered else None
