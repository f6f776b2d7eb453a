"""The server end of HTTP with JSON bodies: one function answers every request.

For emulators, and for drivers that are called back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from devices.links.http import LARGEST_BODY, compact, parse_object


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    text: str

    @property
    def json(self) -> dict[str, Any] | None:
        """The body as a JSON object; an empty body is an empty object."""
        return parse_object(self.text) if self.text.strip() else {}

    @property
    def bearer(self) -> str:
        """The token of ``Authorization: Bearer``; empty without one."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a request; a body of None is none."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpServer:
    """Hands every request on loopback to one function.

    Parameters
    ----------
    answer : callable
        Takes a `Request`; returns its `Answer`, in its own time.
    """

    def __init__(self, answer: Callable[[Request], Awaitable[Answer]]) -> None:
        self._answer = answer
        self._runner: web.AppRunner | None = None

    @asynccontextmanager
    async def listening(self, port: int, host: str = "127.0.0.1") -> AsyncIterator[int]:
        """Serve; yields the port.

        Raises
        ------
        OSError
            If the port is taken.
        """
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await runner.setup()
        self._runner = runner
        try:
            await web.TCPSite(runner, host, port).start()
            yield runner.addresses[0][1]
        finally:
            await self.vanish()

    async def vanish(self) -> None:
        """Stop listening and drop every connection at once."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for connection in runner.server.connections if runner.server else ():
            connection.force_close()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        asked = Request(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            text=(await request.read()).decode(errors="replace"),
        )
        said = await self._answer(asked)
        body = None if said.body is None else compact(said.body)
        response = web.Response(status=said.status, headers=dict(said.headers))
        if body is not None:
            response.text, response.content_type = body, "application/json"
        response.force_close()
        return response
