"""Shelly RPC frames: requests, replies and notifications, whatever carries them.

Source: Shelly Technical Documentation, Gen2+, "RPC Protocol", "Notifications",
"Common Errors", "Authentication" (shelly-api-docs.shelly.cloud, read in 2026).
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from devices.links.shelly_auth import REMOVED, challenge_of, frame_auth
from harness.core.errors import LinkError, RefusedError, RigError

SOURCE: Final = "flexrig"
"""How the harness names itself; notifications come back addressed to it."""
POWERED: Final = "the power, the network and the port"
IS_IT_ONE: Final = "the address: is this a Gen2+ Shelly?"

Result = Mapping[str, Any]
Notified = Callable[[str, Result], None]
Send = Callable[[str], Awaitable[None]]


def request(
    number: int, method: str, params: Result | None, *, source: str = ""
) -> dict[str, Any]:
    """Return a request frame."""
    frame: dict[str, Any] = {"id": number}
    if source:
        frame["src"] = source
    frame["method"] = method
    if params is not None:
        frame["params"] = params
    return frame


def compact(frame: object) -> str:
    """Return a frame as devices write it."""
    return json.dumps(frame, separators=(",", ":"))


def parsed(where: str, method: str, text: str) -> Result:
    """Return a frame.

    Raises
    ------
    LinkError
        If the text is no JSON object.
    """
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict):
        raise garbled(where, method, text)
    return frame


def result_of(where: str, method: str, frame: Result, asked: int) -> Result:
    """Return the result that a reply carries.

    Raises
    ------
    RefusedError
        If it carries an error object instead.
    LinkError
        If it carries neither, or answers another request.
    """
    error = frame.get("error")
    if isinstance(error, dict):
        if challenge_of(error) is not None:
            raise RefusedError(where, f"{method} needs a login", "password_env")
        said = f"error {error.get('code')}: {error.get('message', '')}"
        raise RefusedError(where, f"{method} refused, {said}", "a method and id it has")
    result = frame.get("result")
    if frame.get("id") != asked or not isinstance(result, dict):
        raise garbled(where, method, json.dumps(frame))
    return result


def garbled(where: str, method: str, text: str) -> LinkError:
    """Return the error for what is no response frame."""
    start = text if len(text) <= 60 else f"{text[:60]}…"
    return LinkError(where, f"{method}: not a response frame: {start!r}", IS_IT_ONE)


def silence(timeout_s: float) -> str:
    """Return how a missing answer is told."""
    return f"no answer within {timeout_s:g} s"


def password_of(where: str, variable: str) -> str:
    """Return the password that an environment variable holds; empty without one.

    Raises
    ------
    RigError
        If there is no such variable.
    """
    if not variable:
        return ""
    try:
        return os.environ[variable]
    except KeyError as error:
        raise RigError(
            f"{where} options password_env",
            f"the environment has no {variable!r}",
            f"export {variable}=… before the trial",
        ) from error


class Conversation:
    """Requests and their replies over one channel that also brings notifications.

    Parameters
    ----------
    where : str
        For error messages.
    timeout_s : float
        Longest wait for a reply. [s]
    notified : callable
        Takes ``method`` and ``params`` of every notification.
    source : str
        How we name ourselves in frames.
    password : str
        To log in with when the device asks for it.
    """

    def __init__(
        self,
        where: str,
        *,
        timeout_s: float,
        notified: Notified,
        source: str = SOURCE,
        password: str = "",
    ) -> None:
        self._where, self._timeout_s = where, timeout_s
        self._notified, self._source, self._password = notified, source, password
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._challenge: Mapping[str, Any] | None = None
        self._asked = 0

    def number(self) -> int:
        """Return the next request's number."""
        self._asked += 1
        return self._asked - 1

    async def call(self, method: str, params: Result | None, send: Send) -> Result:
        """Send a request, wait for its reply, log in if the device asks for that.

        Raises
        ------
        TimeoutError
            No reply in time.
        LinkError
            A reply that is none, or a refusal.
        """
        reply, number = await self._ask(method, params, send)
        error = reply.get("error")
        challenge = challenge_of(error) if isinstance(error, dict) else None
        if challenge is not None and self._password:
            self._challenge = challenge
            reply, number = await self._ask(method, params, send)
            if challenge_of(reply.get("error") or {}) is not None:
                raise RefusedError(
                    self._where, "the password is not accepted", "password_env"
                )
        return result_of(self._where, method, reply, number)

    def hear(self, frame: Result) -> None:
        """Hand a frame to whom it is for."""
        if "method" in frame:
            params = frame.get("params")
            self._notified(
                str(frame["method"]), params if isinstance(params, dict) else {}
            )
            return
        number = frame.get("id")
        waiting = self._waiting.get(number) if isinstance(number, int) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)

    def lost(self, error: LinkError) -> None:
        """Tell whoever waits that no reply will come."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)

    async def _ask(
        self, method: str, params: Result | None, send: Send
    ) -> tuple[Result, int]:
        number = self.number()
        frame = request(number, method, params, source=self._source)
        if self._challenge is not None:
            frame["auth"] = self._answer()
        answered = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        try:
            async with asyncio.timeout(self._timeout_s):
                await send(compact(frame))
                return await answered, number
        finally:
            del self._waiting[number]

    def _answer(self) -> dict[str, Any]:
        try:
            # Nine digits, so that frames do not differ in length from run to run.
            cnonce = 10**8 + secrets.randbelow(9 * 10**8)
            return frame_auth(self._challenge or {}, self._password, cnonce=cnonce)
        except ValueError as error:
            raise LinkError(self._where, str(error), IS_IT_ONE) from error


def for_the_record(text: str) -> str:
    """Return a frame as it may be recorded: without what answers a challenge."""
    if '"auth":' not in text:
        return text
    frame = json.loads(text)
    return compact({**frame, "auth": REMOVED})
