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
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote

from websockets.client import ClientProtocol
from websockets.datastructures import MultipleValuesError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from devices.links.ocpp_security import OPEN, QUIET, Guard
from devices.links.tls import meaning

OCPP16 = Subprotocol("ocpp1.6")
"""OCPP-J 1.6, table 1."""
CLOSED_EARLY = (
    "the CSMS closed the connection before the websocket was open; over TLS it may "
    "want a certificate that it accepts"
)
TLS_HANDSHAKE = b"\x16"
"""What every TLS connection begins with (RFC 8446, 5.1: content type 22)."""
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
        self._first = b""
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
        self._first = self._first or data[:1]
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
            self._listener.closed(self._why or self._farewell() or _told(exc))

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
            else:  # TLS has no half of a close
                self._transport.close()
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
        subprotocol: str = OCPP16,
        guard: Guard = OPEN,
    ) -> None:
        self._wanted = Subprotocol(subprotocol)
        self._server = ServerProtocol(
            subprotocols=[self._wanted],
            select_subprotocol=_select,
            max_size=2**20,
            logger=QUIET,
        )
        super().__init__(self._server)
        self._admit, self._refused, self._guard = admit, refused, guard

    def _shake_hands(self, event: Request | Response) -> None:
        assert isinstance(event, Request)  # noqa: S101 - for the type
        if self._server.eof_sent:  # what came behind the request was no frame
            self._refused("no websocket handshake: it spoke before it was answered")
            return
        station = unquote(event.path.partition("?")[0].rpartition("/")[2])
        listener = self._admit(station)
        if listener is None:
            self._refused(f"a station dialled {event.path}, which is not this device")
            self._reject(404, f"no charging station {station!r} here")
            return
        objection = self._objection(station, event)
        if objection is not None:
            status, why = objection
            self._refused(f"{why} ({status})")
            self._reject(status, "")
            return
        self._server.send_response(self._server.accept(event))
        self._flush()
        if self._server.subprotocol == self._wanted:
            self._listener = listener
            listener.opened(self)
        elif self.is_open:
            self._part_over_subprotocol(event)

    def _objection(self, station: str, request: Request) -> tuple[int, str] | None:
        peer = None
        if self._transport is not None:
            peer = self._transport.get_extra_info("peercert")
        try:
            authorization = request.headers.get("Authorization", "")
        except MultipleValuesError:
            return 401, f"station {station!r} gave two Authorizations"
        return self._guard.objection(station, authorization, peer)

    def _reject(self, status: int, text: str) -> None:
        response = self._server.reject(status, f"{text}\n")
        if status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="OCPP"'
        self._server.send_response(response)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the TCP connection is gone."""
        if self._server.handshake_exc is not None:
            self._refused(f"no websocket handshake: {self._no_handshake()}")
        super().connection_lost(exc)

    def _no_handshake(self) -> str:
        if self._first == TLS_HANDSHAKE:
            return "it speaks TLS, and this address does not"
        return str(self._server.handshake_exc)

    def _part_over_subprotocol(self, request: Request) -> None:
        """Complete the handshake, then close at once (OCPP-J 1.6, 3.2)."""
        offered = ", ".join(request.headers.get_all("Sec-WebSocket-Protocol"))
        fact = f"subprotocol {self._wanted} needed, offered: {offered or 'none'}"
        self._refused(fact)
        self.close(fact, CloseCode.PROTOCOL_ERROR)


class ClientEnd(SocketEnd):
    """The charging station's end."""

    def __init__(
        self,
        url: str,
        listener: Listener,
        subprotocol: str = OCPP16,
        authorization: str = "",
    ) -> None:
        self._wanted = Subprotocol(subprotocol)
        self._client = ClientProtocol(
            parse_uri(url),
            subprotocols=[self._wanted],
            max_size=2**20,
            logger=QUIET,
        )
        super().__init__(self._client)
        self._listener = listener
        self._authorization, self._answered = authorization, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the TCP connection stands; ask for the websocket."""
        super().connection_made(transport)
        request = self._client.connect()
        if self._authorization:
            request.headers["Authorization"] = self._authorization
        self._client.send_request(request)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the TCP connection is gone."""
        if not self._answered and exc is None:
            self._why = self._why or CLOSED_EARLY
        super().connection_lost(exc)

    def _shake_hands(self, event: Request | Response) -> None:
        self._answered = True
        if self._client.handshake_exc is not None:
            self.cut(f"handshake refused: {self._client.handshake_exc}")
        elif self._client.subprotocol != self._wanted:
            self._why = f"the CSMS did not agree to {self._wanted}"
        elif self._listener is not None:
            self._listener.opened(self)


def _select(core: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    spoken = core.available_subprotocols or ()
    return next((name for name in spoken if name in offered), None)


def _told(error: Exception | None) -> str:
    return "cut" if error is None else meaning(error)
