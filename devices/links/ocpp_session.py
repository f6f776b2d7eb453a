"""A websocket and the calls on it: what CSMS and station have of each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlsplit

from devices.links.ocpp import Handler, Rpc
from devices.links.ocpp_schema import OCPP16 as EDITION_16
from devices.links.ocpp_schema import Edition
from devices.links.ocpp_security import (
    NONE_NEEDED,
    OPEN,
    Credentials,
    CsmsSecurity,
    Guard,
    make_guard,
    must_be_secure,
)
from devices.links.ocpp_socket import OCPP16, ClientEnd, Listener, ServerEnd, SocketEnd
from devices.links.tls import HANDSHAKE_WITHIN_S, TlsDoor
from harness.core.errors import LinkError, RigError


def _unrecorded(_sent: bool, _text: str) -> None:
    """Keep nothing: an emulator's messages are kept by the harness's end."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side of a session brings to it."""

    where: str
    prefix: str
    """Begins its message ids."""
    handlers: Mapping[str, Handler]
    opened: Callable[[Session], None]
    closed: Callable[[Session, str], None]
    violated: Callable[[str], None]
    wire: Callable[[bool, str], None] = _unrecorded
    timeout_s: float = 30.0
    edition: Edition = EDITION_16


class Session:
    """One connection from handshake to close; a `Listener` of its websocket."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._end: SocketEnd | None = None
        self.rpc = Rpc(
            where=side.where,
            prefix=side.prefix,
            send=self._send,
            handlers=side.handlers,
            wire=side.wire,
            violated=side.violated,
            timeout_s=side.timeout_s,
            edition=side.edition,
        )

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._end is not None and self._end.is_open

    def _send(self, text: str) -> bool:
        return self._end is not None and self._end.send(text)

    def send_raw(self, text: str) -> None:
        """Put any text on the wire, as a faulty device would."""
        self._send(text)

    def close(self, reason: str, code: int = 1000) -> None:
        """Say goodbye."""
        if self._end is not None:
            self._end.close(reason, code)

    async def hang_up(self, reason: str) -> None:
        """Say goodbye (1001, going away) and wait until the connection is gone."""
        if self._end is not None:
            self._end.close(reason, 1001)
            await self._end.over

    def cut(self, reason: str) -> None:
        """Drop the connection without a word."""
        if self._end is not None:
            self._end.cut(reason)

    def opened(self, end: SocketEnd) -> None:
        """`Listener`: the connection stands."""
        self._end = end
        self._side.opened(self)

    def received(self, text: str) -> None:
        """`Listener`: a message came."""
        self.rpc.received(text)

    def unreadable(self, data: bytes, why: str) -> None:
        """`Listener`: something came that is not a text message."""
        self._side.wire(False, data.hex())
        self._side.violated(f"a message is {why}: {data[:40].hex()}")

    def closed(self, why: str) -> None:
        """`Listener`: the connection is over."""
        self.rpc.lost(why)
        self._side.closed(self, why)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a CSMS listens for one station."""

    host: str
    port: int
    path: str
    """Up to and without the station's identity: ``/`` or ``/ocpp/``."""
    station: str
    secure: bool = False
    """Whether it is TLS."""

    @property
    def url(self) -> str:
        """The connection URL that the station dials (OCPP-J 1.6, 3.1.1)."""
        scheme = "wss" if self.secure else "ws"
        station = quote(self.station, safe="")
        return f"{scheme}://{self.host}:{self.port}{self.path}{station}"


def parse_endpoint(where: str, address: str) -> Endpoint:
    """Read ``ws://HOST:PORT/STATION_ID``, or ``wss``.

    Raises
    ------
    RigError
        Saying what is wrong and what an address looks like.
    """
    hint = "an address such as ws://127.0.0.1:9000/EV1"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise RigError(where, f"address {address!r}: {error}", hint) from None
    path, _slash, station = parts.path.rpartition("/")
    known = parts.scheme in {"ws", "wss"}
    if not known or not parts.hostname or port is None or not station:
        fact = f"address {address!r} does not name host, port and station"
        raise RigError(where, fact, hint)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    secure = parts.scheme == "wss"
    return Endpoint(host, port, f"{path}/", unquote(station), secure)


def secure_endpoint(
    where: str, endpoint: Endpoint, options: CsmsSecurity
) -> tuple[Endpoint, Guard]:
    """Return where a CSMS listens under a security profile, and what it checks.

    Raises
    ------
    RigError
        If address and profile contradict each other, or a file is missing.
    """
    profile = options.security_profile
    secure = must_be_secure(
        where, endpoint.host, secure=endpoint.secure, profile=profile
    )
    checks = make_guard(where, endpoint.host, endpoint.station, options)
    return replace(endpoint, secure=secure), checks


async def listen(
    where: str,
    endpoint: Endpoint,
    *,
    admit: Callable[[str], Listener | None],
    refused: Callable[[str], None],
    subprotocol: str = OCPP16,
    guard: Guard = OPEN,
) -> asyncio.Server:
    """Listen for the station; port 0 lets the kernel choose.

    `refused` hears of every connection that came to nothing, and why.

    Raises
    ------
    LinkError
        If the port cannot be had.
    """
    loop = asyncio.get_running_loop()
    host, context = endpoint.host.strip("[]"), guard.context

    def end() -> asyncio.Protocol:
        return ServerEnd(admit, refused, subprotocol, guard)

    def door() -> asyncio.Protocol:
        return end() if context is None else TlsDoor(end, context, failed)

    def failed(why: str) -> None:
        refused(f"no TLS handshake: {why}")

    try:
        return await loop.create_server(door, host, endpoint.port)
    except OSError as error:
        fact = f"cannot listen on {endpoint.host}:{endpoint.port} ({error.strerror})"
        raise LinkError(where, fact, "another port, or 0 for any free one") from None


async def dial(
    url: str,
    listener: Listener,
    *,
    subprotocol: str = OCPP16,
    credentials: Credentials = NONE_NEEDED,
) -> ClientEnd:
    """Connect a station's websocket; the listener hears how it went.

    Raises
    ------
    OSError
        If nobody listens there, or TLS fails (`devices.links.tls.meaning`).
    """
    parts, context = urlsplit(url), credentials.context
    host = parts.hostname or ""
    loop = asyncio.get_running_loop()
    _transport, end = await loop.create_connection(
        lambda: ClientEnd(url, listener, subprotocol, credentials.authorization),
        host,
        parts.port or (443 if parts.scheme == "wss" else 80),
        ssl=context,
        server_hostname=host if context is not None else None,
        ssl_handshake_timeout=HANDSHAKE_WITHIN_S if context is not None else None,
    )
    return end
