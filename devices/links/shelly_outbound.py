"""Shelly Gen2+ RPC over a websocket that the device opens ("outbound websocket").

The device dials us, tells its whole status at once (``NotifyFullStatus``), pushes every
change with its own time, and answers requests. There is no login on this channel
("Authentication"). Source: Shelly Technical Documentation, Gen2+, "Outbound Websocket",
"RPC Channels", "Notifications".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from devices.links.shelly_frames import (
    POWERED,
    Conversation,
    Notified,
    Result,
    parsed,
    silence,
)
from harness.core.bench import DeviceContext, DeviceEvent
from harness.core.errors import LinkError, RigError

LARGEST_FRAME = 256 * 1024
FORM = "ws://HOST:PORT/PATH, where we listen"


class ShellyOutbound:
    """Where one Shelly device calls in.

    A second connection takes over from the first: a device that lost its network dials
    anew before its old connection is found dead.
    """

    def __init__(
        self, context: DeviceContext, *, timeout_s: float, notified: Notified
    ) -> None:
        self._context, self._timeout_s = context, timeout_s
        self.address = context.address
        self._where = f"{context.where} {context.address}"
        self._talk = Conversation(self._where, timeout_s=timeout_s, notified=notified)
        self._socket: web.WebSocketResponse | None = None
        self._came = asyncio.Event()
        self.failures = 0
        """Calls that brought no result."""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen where the address says; port 0 takes a free one."""
        host, port, path = _parsed_address(self._context.where, self._context.address)
        app = web.Application()
        app.router.add_get(path, self._serve)
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            self.address = f"ws://{host}:{runner.addresses[0][1]}{path}"
            self._where = f"{self._context.where} {self.address}"
            yield
        except OSError as error:
            raise RigError(
                f"{self._context.where} address",
                f"{self._context.address}: {error.strerror}",
                "another port",
            ) from error
        finally:
            if self._socket is not None:
                await self._socket.close()
            for connection in runner.server.connections if runner.server else ():
                connection.force_close()
            await runner.cleanup()

    async def come(self, within_s: float) -> None:
        """Return when the device has called in.

        Raises
        ------
        LinkError
            If it does not in time.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._came.wait()
        except TimeoutError as error:
            raise LinkError(
                self._where,
                f"the device has not called within {within_s:g} s",
                "its outbound websocket: enabled, with this address as the server",
            ) from error

    async def call(self, method: str, params: Result | None = None) -> Result:
        """Call a method of the device.

        Raises
        ------
        LinkError
            If it is not there, is silent, or answers with no response frame.
        """
        try:
            return await self._talk.call(method, params, self._send)
        except TimeoutError as error:
            self.failures += 1
            fact = f"{method}: {silence(self._timeout_s)}"
            raise LinkError(self._where, fact, POWERED) from error
        except LinkError:
            self.failures += 1
            raise

    async def _send(self, text: str) -> None:
        socket = self._socket
        if socket is None or socket.closed:
            raise LinkError(self._where, "the device is not connected", POWERED)
        self._context.wire(True, text)
        await socket.send_str(text)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=LARGEST_FRAME)
        await socket.prepare(request)
        older, self._socket = self._socket, socket
        if older is not None:
            await older.close()
        self._came.set()
        self._tell("connected", "the device called in")
        lost = LinkError(self._where, "the websocket was closed", POWERED)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._context.wire(False, message.data)
                    self._talk.hear(parsed(self._where, "websocket", message.data))
        except LinkError as error:
            lost = error
            await socket.close()
        if self._socket is socket:
            self._socket = None
            self._came.clear()
            self._tell("lost", lost.fact)
            self._talk.lost(lost)
        return socket

    def _tell(self, kind: str, detail: str) -> None:
        self._context.notify(DeviceEvent(self._context.role, kind, detail))


def _parsed_address(where: str, address: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "ws" or not parts.hostname or port is None or parts.query:
        raise RigError(f"{where} address", f"{address!r} is no place to listen", FORM)
    return parts.hostname, port, parts.path or "/"
