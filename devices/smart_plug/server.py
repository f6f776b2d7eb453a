"""The server side of Shelly RPC: HTTP POST and GET, and the websocket that pushes.

Source: Shelly Technical Documentation, Gen2+, "RPC Channels", "Notifications" and
"Authentication".
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import WSMsgType, web

from devices.links.shelly_auth import (
    ALGORITHM,
    UNAUTHORIZED,
    frame_digest,
    header_digest,
    header_parts,
)

INVALID_ARGUMENT = -103
"""Source: "Common Errors"."""
OPEN_METHODS: Final = frozenset({"Shelly.GetDeviceInfo"})
"""Answered without a login. Source: "Authentication"."""

Answer = Callable[[str, Mapping[str, Any], str], object]


class RpcError(Exception):
    """A method that was refused: the code and message of its error object."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


class Gate:
    """Lets in who knows the password; without one, everybody.

    Parameters
    ----------
    realm : str
        The device's id.
    password : str
        Empty for no login.
    nonce : int
        What digests are made over; the device never changes it.
    """

    def __init__(self, realm: str, password: str, nonce: int) -> None:
        self._realm, self._password, self._nonce = realm, password, nonce

    @property
    def is_shut(self) -> bool:
        """Whether a login is needed at all."""
        return bool(self._password)

    def knows_header(self, header: str, method: str) -> bool:
        """Whether an ``Authorization`` header proves the password."""
        parts = header_parts(header)
        ours = (parts.get("realm"), parts.get("nonce")) == (
            self._realm, f"{self._nonce:x}",
        )  # fmt: skip
        expected = header_digest(parts, self._password, method=method)
        return ours and hmac.compare_digest(parts.get("response", ""), expected)

    def knows_frame(self, auth: object) -> bool:
        """Whether a frame's ``auth`` object proves the password."""
        if not isinstance(auth, dict) or auth.get("nonce") != self._nonce:
            return False
        expected = frame_digest(
            self._realm, self._password, self._nonce, auth.get("cnonce")
        )
        return hmac.compare_digest(str(auth.get("response")), expected)

    @property
    def header(self) -> str:
        """The challenge over HTTP."""
        return (
            f'Digest qop="auth", realm="{self._realm}", nonce="{self._nonce:x}", '
            f"algorithm={ALGORITHM}"
        )

    @property
    def error(self) -> RpcError:
        """The challenge in a frame."""
        challenge = {
            "auth_type": "digest",
            "nonce": self._nonce,
            "nc": 1,
            "realm": self._realm,
            "algorithm": ALGORITHM,
        }
        return RpcError(UNAUTHORIZED, json.dumps(challenge))


class Server:
    """Serves methods over HTTP and websockets, and sends notifications.

    Parameters
    ----------
    device_id : str
        Source of every frame that the device sends.
    answer : callable
        Takes method, params and channel name; returns a result or raises `RpcError`.
    spoil : callable
        Passes every outgoing text; a defect may damage it.
    is_silent : callable
        Whether nothing is answered now.
    gate : Gate
        Who is let in.
    """

    def __init__(
        self,
        device_id: str,
        answer: Answer,
        spoil: Callable[[str], str],
        *,
        is_silent: Callable[[], bool],
        gate: Gate,
    ) -> None:
        self._id, self._answer, self._spoil = device_id, answer, spoil
        self._is_silent, self._gate = is_silent, gate
        self._clients: dict[web.WebSocketResponse, str] = {}
        self._outbox: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._runner: web.AppRunner | None = None
        self._moving: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._port = 0

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[int]:
        """Serve on loopback; yields the port."""
        self._port = port
        await self._listen()
        pump = asyncio.create_task(self._pump())
        try:
            yield self._port
        finally:
            pump.cancel()
            for task in self._moving:
                task.cancel()
            await self._vanish()

    def went(self) -> None:
        """Stop listening and drop every connection."""
        self._move(self._vanish())

    def came(self) -> None:
        """Listen again, where it did before."""
        self._move(self._listen())

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send to every websocket client that has named itself."""
        if self._clients:
            self._outbox.put_nowait({"method": method, "params": params})

    def _move(self, change: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(change)
        self._moving.add(task)
        task.add_done_callback(self._moving.discard)

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_post("/rpc", self._post_frame)
        app.router.add_get("/rpc", self._websocket)
        app.router.add_post("/rpc/{method}", self._post_params)
        app.router.add_get("/rpc/{method}", self._get_params)
        self._closing = asyncio.Event()
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def _vanish(self) -> None:
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._closing.set()
        for connection in runner.server.connections if runner.server else ():
            connection.force_close()
        await runner.cleanup()

    async def _pump(self) -> None:
        while True:
            content = await self._outbox.get()
            for client, name in list(self._clients.items()):
                frame = {"src": self._id, "dst": name, **content}
                if not client.closed:
                    await client.send_str(self._spoil(_compact(frame)))

    async def _let_in(self, request: web.Request, method: str) -> None:
        """Pass a request, hold it for ever if the device is silent, or refuse it."""
        if self._is_silent():
            await self._closing.wait()
        header = request.headers.get("Authorization", "")
        is_open = method in OPEN_METHODS or not self._gate.is_shut
        if not is_open and not self._gate.knows_header(header, request.method):
            raise web.HTTPUnauthorized(
                headers={"WWW-Authenticate": self._gate.header, "Connection": "close"}
            )

    async def _post_frame(self, request: web.Request) -> web.Response:
        frame = _object(await request.text())
        await self._let_in(request, str((frame or {}).get("method")))
        if frame is None:
            return _reply(400, "{}")
        return _reply(200, self._spoil(_compact(self._reply_frame(frame, "http"))))

    async def _post_params(self, request: web.Request) -> web.Response:
        await self._let_in(request, request.match_info["method"])
        params = _object(await request.text() or "{}")
        return _reply(400, "{}") if params is None else self._bare(request, params)

    async def _get_params(self, request: web.Request) -> web.Response:
        await self._let_in(request, request.match_info["method"])
        params = {key: _scalar(value) for key, value in request.query.items()}
        return self._bare(request, params)

    def _bare(self, request: web.Request, params: Mapping[str, Any]) -> web.Response:
        """Answer with nothing but the content of result or error."""
        try:
            result = self._answer(request.match_info["method"], params, "http")
        except RpcError as error:
            status = 404 if error.code == 404 else 500
            body = {"code": error.code, "message": error.message}
            return _reply(status, self._spoil(_compact(body)))
        return _reply(200, self._spoil(_compact(result)))

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        if self._is_silent():
            await self._closing.wait()
        client = web.WebSocketResponse(compress=False)
        await client.prepare(request)
        try:
            async for message in client:
                frame = _object(message.data) if message.type is WSMsgType.TEXT else {}
                if frame and not self._is_silent():
                    # Notifications begin once a request has named its source.
                    self._clients[client] = str(frame.get("src", ""))
                    reply = self._reply_frame(frame, "WS_in")
                    await client.send_str(self._spoil(_compact(reply)))
        finally:
            self._clients.pop(client, None)
        return client

    def _reply_frame(self, frame: Mapping[str, Any], channel: str) -> dict[str, Any]:
        gate = self._gate if channel == "WS_in" else None
        return reply_to(frame, self._id, self._answer, channel, gate)


def reply_to(
    frame: Mapping[str, Any],
    device_id: str,
    answer: Answer,
    channel: str,
    gate: Gate | None = None,
) -> dict[str, Any]:
    """Return the response frame to a request frame that came over a channel."""
    reply: dict[str, Any] = {"id": frame.get("id"), "src": device_id}
    if frame.get("src"):
        reply["dst"] = frame["src"]
    params, method = frame.get("params"), str(frame.get("method"))
    try:
        shut = gate is not None and gate.is_shut and method not in OPEN_METHODS
        if gate is not None and shut and not gate.knows_frame(frame.get("auth")):
            raise gate.error
        if not isinstance(params, dict | None):
            raise RpcError(INVALID_ARGUMENT, "Invalid params")
        reply["result"] = answer(method, params or {}, channel)
    except RpcError as error:
        reply["error"] = {"code": error.code, "message": error.message}
    return reply


def _object(text: str) -> dict[str, Any] | None:
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return frame if isinstance(frame, dict) else None


def _scalar(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _reply(status: int, body: str) -> web.Response:
    response = web.Response(status=status, text=body, content_type="application/json")
    response.force_close()
    return response


def _compact(frame: object) -> str:
    return json.dumps(frame, separators=(",", ":"))
