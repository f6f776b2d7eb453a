"""Shelly Gen2+ RPC over HTTP, and over a websocket that also pushes.

HTTP is one request for each connection (``POST /rpc``, no keep-alive); the websocket
``ws://HOST/rpc`` stays open and brings notifications once a first request has named a
source. Either may ask for a login. Source: Shelly Technical Documentation, Gen2+, "RPC
Protocol", "RPC Channels", "Notifications", "Authentication"
(shelly-api-docs.shelly.cloud, read in 2026).

The only module that imports aiohttp's client.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from devices.links.shelly_auth import UNAUTHORIZED, USER
from devices.links.shelly_frames import (
    IS_IT_ONE,
    POWERED,
    SOURCE,
    Conversation,
    Notified,
    Result,
    compact,
    for_the_record,
    parsed,
    request,
    result_of,
    silence,
)
from harness.core.bench import DeviceContext, DeviceEvent
from harness.core.errors import LinkError, RefusedError, RigError

__all__ = ["SOURCE", "Result", "ShellyRpc", "dialled", "parse_http_address"]

LARGEST_FRAME: Final = 256 * 1024


def parse_http_address(where: str, address: str) -> str:
    """Return ``HOST:PORT`` of an ``http://HOST[:PORT]`` address.

    Raises
    ------
    RigError
        If the address has another form.
    """
    try:
        parts = urlsplit(address)
        port = parts.port or 80
    except ValueError:
        parts, port = urlsplit(""), 0
    plain = not (parts.path.strip("/") or parts.query or parts.username)
    if parts.scheme != "http" or not parts.hostname or not plain:
        raise RigError(
            f"{where} address",
            f"{address!r} is not the address of a Shelly",
            "http://HOST or http://HOST:PORT",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}"


class ShellyRpc:
    """One Shelly device, over both of its channels.

    Nothing is retried, but for a login that the device asks for. Each call is answered,
    or raised as `LinkError`, within `timeout_s`; a lost websocket is opened anew by the
    next call over it.

    Parameters
    ----------
    context : DeviceContext
        Gives the address, and takes every frame verbatim, but for the login.
    timeout_s : float
        Longest wait for a connection, and for a reply. [s]
    notified : callable
        Takes ``method`` and ``params`` of every notification.
    password : str
        To log in with; empty if the device has none.
    """

    def __init__(
        self,
        context: DeviceContext,
        *,
        timeout_s: float,
        notified: Notified,
        password: str = "",
    ) -> None:
        self._host = parse_http_address(context.where, context.address)
        self._where = f"{context.where} {context.address}"
        self._context, self._timeout_s = context, timeout_s
        self._password = password
        # Given to each request and not to the session: it serves one origin, and to
        # it the websocket is another.
        login = aiohttp.DigestAuthMiddleware(USER, password)
        self._login = (login,) if password else ()
        self._talk = Conversation(
            self._where, timeout_s=timeout_s, notified=notified, password=password
        )
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self.failures = 0
        """Calls that brought no result."""

    async def close(self) -> None:
        """Let go of both channels; safe to call twice."""
        await self._drop("")
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(self, method: str, params: Result | None = None) -> Result:
        """Call a method over HTTP, one connection for the one request.

        Raises
        ------
        LinkError
            Nobody listens, silence, an HTTP status other than 200, a body that is
            no response frame, or an error object: the fact names which.
        """
        number = self._talk.number()
        try:
            async with asyncio.timeout(self._timeout_s):
                text = await self._post(
                    method, compact(request(number, method, params))
                )
            frame = parsed(self._where, method, text)
            return result_of(self._where, method, frame, number)
        except TimeoutError as error:
            raise self._failed(f"{method}: {self._silence()}", POWERED) from error
        except aiohttp.ClientError as error:
            raise self._unreachable(method, error) from error
        except LinkError:
            self.failures += 1
            raise

    async def call_socket(self, method: str, params: Result | None = None) -> Result:
        """Call a method over the websocket, opening it if need be.

        Raises
        ------
        LinkError
            As for `call`; also if the connection is lost while waiting.
        """
        try:
            return await self._talk.call(method, params, self._send)
        except TimeoutError as error:
            await self._drop(self._silence())
            raise self._failed(f"{method}: {self._silence()}", POWERED) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise self._unreachable(method, error) from error
        except LinkError:
            self.failures += 1
            raise

    async def _send(self, text: str) -> None:
        socket = await self._opened()
        self._context.wire(True, for_the_record(text))
        await socket.send_str(text)

    async def _post(self, method: str, body: str) -> str:
        self._context.wire(True, body)
        async with self._http().post(
            f"http://{self._host}/rpc",
            data=body,
            headers={"Content-Type": "application/json"},
            middlewares=self._login,
        ) as response:
            text = await response.text(errors="replace")
            if response.status != 200:
                self._context.wire(False, f"HTTP {response.status} {text}")
                raise self._refused(method, response.status)
        self._context.wire(False, text)
        return text

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, use_dns_cache=False),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    async def _opened(self) -> aiohttp.ClientWebSocketResponse:
        async with self._opening:
            if self._socket is None:
                self._socket = await self._http().ws_connect(
                    f"ws://{self._host}/rpc",
                    compress=0,
                    max_msg_size=LARGEST_FRAME,
                    timeout=aiohttp.ClientWSTimeout(ws_close=self._timeout_s),
                )
                self._reader = asyncio.create_task(self._read(self._socket))
                self._tell("connected", "websocket open")
            return self._socket

    async def _drop(self, why: str) -> None:
        """Give up the websocket, if there is one; say why unless it was wanted."""
        reader, self._reader = self._reader, None
        if reader is None or reader.done():
            return
        reader.cancel()
        await asyncio.wait([reader])
        if why:
            self._tell("lost", why)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Hand out what comes over the websocket until it ends or makes no sense."""
        lost = LinkError(self._where, "the websocket was closed", POWERED)
        try:
            async for message in socket:
                text = str(message.data)
                self._context.wire(False, text)
                self._talk.hear(parsed(self._where, "websocket", text))
        except LinkError as error:
            lost = error
        finally:
            self._socket = None
            await socket.close()
        self._tell("lost", lost.fact)
        self._talk.lost(lost)

    def _refused(self, method: str, status: int) -> LinkError:
        if status != UNAUTHORIZED:
            return LinkError(
                self._where, f"{method} answered with HTTP {status}", IS_IT_ONE
            )
        if self._password:
            return RefusedError(
                self._where, "the password is not accepted", "password_env"
            )
        return LinkError(
            self._where,
            f"{method} answered with HTTP {status}: it needs a login",
            "password_env, or authentication off on the device",
        )

    def _failed(self, fact: str, hint: str) -> LinkError:
        self.failures += 1
        return LinkError(self._where, fact, hint)

    def _unreachable(self, method: str, error: Exception) -> LinkError:
        if isinstance(error, aiohttp.ClientConnectorError):
            return self._failed(f"{method}: nobody listens", POWERED)
        if isinstance(error, aiohttp.WSServerHandshakeError):
            fact = f"no websocket there: HTTP {error.status}"
            return self._failed(f"{method}: {fact}", "a Gen2+ device; Gen1 has none")
        fact = f"{method}: connection lost ({type(error).__name__})"
        return self._failed(fact, POWERED)

    def _silence(self) -> str:
        return silence(self._timeout_s)

    def _tell(self, kind: str, detail: str) -> None:
        self._context.notify(DeviceEvent(self._context.role, kind, detail))


@asynccontextmanager
async def dialled(
    url: str, heard: Callable[[str], None]
) -> AsyncIterator[tuple[Callable[[str], None], asyncio.Task[None]]]:
    """Dial a websocket as a device with "outbound websocket" does; for emulators.

    Yields what sends a text, and a task that is done when the other end has closed.

    Raises
    ------
    ConnectionError
        If nobody listens there.
    """
    async with aiohttp.ClientSession() as session:
        try:
            socket = await session.ws_connect(url, compress=0)
        except aiohttp.ClientError as error:
            raise ConnectionRefusedError(str(error)) from error
        outbox: asyncio.Queue[str] = asyncio.Queue()
        pump = asyncio.create_task(_send_from(outbox, socket))
        reading = asyncio.create_task(_read_into(heard, socket))
        try:
            yield outbox.put_nowait, reading
        finally:
            pump.cancel()
            reading.cancel()
            await asyncio.wait({pump, reading})
            await socket.close()


async def _send_from(
    outbox: asyncio.Queue[str], socket: aiohttp.ClientWebSocketResponse
) -> None:
    while not socket.closed:
        text = await outbox.get()
        with contextlib.suppress(ConnectionError):
            await socket.send_str(text)


async def _read_into(
    heard: Callable[[str], None], socket: aiohttp.ClientWebSocketResponse
) -> None:
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            heard(message.data)
