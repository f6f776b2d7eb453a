"""The server side of Shelly RPC: HTTP POST and GET, and the websocket that pushes.

Source: Shelly Technical Documentation, Gen2+, "RPC Channels" and "Notifications".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

INVALID_ARGUMENT = -103
"""Source: "Common Errors"."""

Answer = Callable[[str, Mapping[str, Any], str], object]


class RpcError(Exception):
    """A method that was refused: the code and message of its error object."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


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
    """

    def __init__(
        self, device_id: str, answer: Answer, spoil: Callable[[str], str]
    ) -> None:
        self._id, self._answer, self._spoil = device_id, answer, spoil
        self._clients: dict[web.WebSocketResponse, str] = {}
        self._outbox: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._runner: web.AppRunner | None = None

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[int]:
        """Serve on loopback; yields the port."""
        app = web.Application()
        app.router.add_post("/rpc", self._post_frame)
        app.router.add_get("/rpc", self._websocket)
        app.router.add_post("/rpc/{method}", self._post_params)
        app.router.add_get("/rpc/{method}", self._get_params)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        pump = asyncio.create_task(self._pump())
        try:
            yield self._runner.addresses[0][1]
        finally:
            pump.cancel()
            await self.vanish()

    async def vanish(self) -> None:
        """Stop listening and drop every connection at once."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for connection in runner.server.connections if runner.server else ():
            connection.force_close()
        await runner.cleanup()

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send to every websocket client that has named itself."""
        if self._clients:
            self._outbox.put_nowait({"method": method, "params": params})

    async def _pump(self) -> None:
        while True:
            content = await self._outbox.get()
            for client, name in list(self._clients.items()):
                frame = {"src": self._id, "dst": name, **content}
                if not client.closed:
                    await client.send_str(self._spoil(_compact(frame)))

    async def _post_frame(self, request: web.Request) -> web.Response:
        frame = _object(await request.text())
        if frame is None:
            return _reply(400, "{}")
        return _reply(200, self._spoil(_compact(self._reply_frame(frame, "http"))))

    async def _post_params(self, request: web.Request) -> web.Response:
        params = _object(await request.text() or "{}")
        return _reply(400, "{}") if params is None else self._bare(request, params)

    async def _get_params(self, request: web.Request) -> web.Response:
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
        client = web.WebSocketResponse(compress=False)
        await client.prepare(request)
        try:
            async for message in client:
                frame = _object(message.data) if message.type is WSMsgType.TEXT else {}
                if frame:
                    # Notifications begin once a request has named its source.
                    self._clients[client] = str(frame.get("src", ""))
                    reply = self._reply_frame(frame, "WS_in")
                    await client.send_str(self._spoil(_compact(reply)))
        finally:
            self._clients.pop(client, None)
        return client

    def _reply_frame(self, frame: Mapping[str, Any], channel: str) -> dict[str, Any]:
        reply: dict[str, Any] = {"id": frame.get("id"), "src": self._id}
        if frame.get("src"):
            reply["dst"] = frame["src"]
        params = frame.get("params")
        try:
            if not isinstance(params, dict | None):
                raise RpcError(INVALID_ARGUMENT, "Invalid params")
            method = str(frame.get("method"))
            reply["result"] = self._answer(method, params or {}, channel)
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
