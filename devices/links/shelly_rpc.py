"""Shelly Gen2+ RPC: JSON-RPC frames over HTTP, and over a websocket that also pushes.

HTTP is one request for each connection (``POST /rpc``, no keep-alive); the websocket
``ws://HOST/rpc`` stays open and brings notifications once a first request has named a
source. Source: Shelly Technical Documentation, Gen2+, "RPC Protocol", "RPC
Channels", "Notifications" (shelly-api-docs.shelly.cloud, read in 2026).

The only module that imports aiohttp's client.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from harness.core.bench import DeviceContext, DeviceEvent
from harness.core.errors import LinkError, RefusedError, RigError

SOURCE: Final = "flexrig"
"""How the harness names itself; notifications come back addressed to it."""

LARGEST_FRAME: Final = 256 * 1024
POWERED: Final = "the power, the network and the port"

Result = Mapping[str, Any]


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

    Nothing is retried. Each call is answered, or raised as `LinkError`, within
    `timeout_s`; a lost websocket is opened anew by the next call over it.

    Parameters
    ----------
    context : DeviceContext
        Gives the address, and takes every frame verbatim.
    timeout_s : float
        Longest wait for a connection, and for a reply. [s]
    notified : callable
        Takes ``method`` and ``params`` of every notification.
    """

    def __init__(
        self,
        context: DeviceContext,
        *,
        timeout_s: float,
        notified: Callable[[str, Result], None],
    ) -> None:
        self._host = parse_http_address(context.where, context.address)
        self._where = f"{context.where} {context.address}"
        self._context = context
        self._timeout_s = timeout_s
        self._notified = notified
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._asked = 0
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
        frame = self._frame(method, params)
        try:
            async with asyncio.timeout(self._timeout_s):
                text = await self._post(
                    method, json.dumps(frame, separators=(",", ":"))
                )
            return self._result(method, self._parsed(method, text), frame["id"])
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
        frame = self._frame(method, params, source=SOURCE)
        answered = asyncio.get_running_loop().create_future()
        self._waiting[frame["id"]] = answered
        try:
            async with asyncio.timeout(self._timeout_s):
                socket = await self._opened()
                text = _compact(frame)
                self._context.wire(True, text)
                await socket.send_str(text)
                reply = await answered
            return self._result(method, reply, frame["id"])
        except TimeoutError as error:
            await self._drop(self._silence())
            raise self._failed(f"{method}: {self._silence()}", POWERED) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise self._unreachable(method, error) from error
        except LinkError:
            self.failures += 1
            raise
        finally:
            del self._waiting[frame["id"]]

    def _frame(
        self, method: str, params: Result | None, *, source: str = ""
    ) -> dict[str, Any]:
        frame: dict[str, Any] = {"id": self._asked}
        self._asked += 1
        if source:
            frame["src"] = source
        frame["method"] = method
        if params is not None:
            frame["params"] = params
        return frame

    async def _post(self, method: str, body: str) -> str:
        self._context.wire(True, body)
        async with self._http().post(
            f"http://{self._host}/rpc",
            data=body,
            headers={"Content-Type": "application/json"},
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
                self._dispatch(self._parsed("websocket", text))
        except LinkError as error:
            lost = error
        finally:
            self._socket = None
            await socket.close()
        self._tell("lost", lost.fact)
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(lost)

    def _dispatch(self, frame: Result) -> None:
        if "method" in frame:
            params = frame.get("params")
            self._notified(
                str(frame["method"]), params if isinstance(params, dict) else {}
            )
            return
        number = frame.get("id")
        answered = self._waiting.get(number) if isinstance(number, int) else None
        if answered is not None and not answered.done():
            answered.set_result(frame)

    def _parsed(self, method: str, text: str) -> Result:
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            frame = None
        if not isinstance(frame, dict):
            raise self._garbled(method, text)
        return frame

    def _result(self, method: str, frame: Result, asked: int) -> Result:
        error = frame.get("error")
        if isinstance(error, dict):
            said = f"error {error.get('code')}: {error.get('message', '')}"
            raise RefusedError(
                self._where, f"{method} refused, {said}", "a method and id it has"
            )
        result = frame.get("result")
        if frame.get("id") != asked or not isinstance(result, dict):
            raise self._garbled(method, json.dumps(frame))
        return result

    def _garbled(self, method: str, text: str) -> LinkError:
        start = text if len(text) <= 60 else f"{text[:60]}…"
        fact = f"{method}: not a response frame: {start!r}"
        return LinkError(self._where, fact, "the address: is this a Gen2+ Shelly?")

    def _refused(self, method: str, status: int) -> LinkError:
        if status == 401:
            hint = "authentication off on the device; this driver does not log in"
        else:
            hint = "the address: is this a Gen2+ Shelly?"
        return LinkError(self._where, f"{method} answered with HTTP {status}", hint)

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
        return f"no answer within {self._timeout_s:g} s"

    def _tell(self, kind: str, detail: str) -> None:
        self._context.notify(DeviceEvent(self._context.role, kind, detail))


def _compact(frame: Result) -> str:
    return json.dumps(frame, separators=(",", ":"))
