"""The maker's cloud as a client asks it: vehicles, their data, commands, waking up.

Source: see `devices.ev_direct.emulator`; paths and parameters are those of Tesla's
Fleet API. The words for "it is so already" are as clients handle them: unverified.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from devices.links.http import HttpLink, Json, Reply, read_token, retry_after_s
from harness.core.bench import DeviceContext
from harness.core.errors import LinkError, RefusedError

OUT_OF_REACH: Final = "offline or asleep"
"""Part of the error of a car that cannot be reached, whatever the status: 408, or 500
through the maker's proxy (``pkg/connector/inet``)."""
ALREADY_SO: Final = frozenset(
    {
        "already_set",
        "already started",
        "charging",
        "is_charging",
        "not_charging",
        "requested",
    }
)
"""Reasons of a command that changed nothing because nothing had to change."""
RETRY_UNSAID_S = 60.0
"""Taken if 429 comes without Retry-After: rate limits are per minute. [s]"""


class OutOfReach(RefusedError):
    """The cloud cannot reach the car: it is asleep, or has no connection."""


class TooMany(RefusedError):
    """The cloud wants to be left alone for a while."""

    def __init__(self, where: str, fact: str, hint: str, *, wait_s: float) -> None:
        super().__init__(where, fact, hint)
        self.wait_s = wait_s

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep `wait_s` when copied."""
        return (_too_many, (self.where, self.fact, self.hint, self.wait_s))


def _too_many(where: str, fact: str, hint: str, wait_s: float) -> TooMany:
    return TooMany(where, fact, hint, wait_s=wait_s)


class FleetApi:
    """Requests about one vehicle. Each is sent once, or twice if the token changed.

    Parameters
    ----------
    context : DeviceContext
        The bench.
    link : HttpLink
        The way to the cloud.
    vin : str
        Which vehicle.
    token_file : str
        File that holds the bearer token; empty for none. It is read again when the
        token is refused: whoever renews it writes it there.
    """

    def __init__(
        self, context: DeviceContext, link: HttpLink, *, vin: str, token_file: str
    ) -> None:
        self._context, self._link = context, link
        self._path = f"/api/1/vehicles/{vin}"
        self._token_file, self._token = token_file, ""

    async def vehicle(self) -> Json:
        """Return what the cloud knows without asking the car; does not wake it."""
        return await self._ask("GET", "")

    async def charge_state(self) -> Json:
        """Return what the car says of its charging.

        Raises
        ------
        OutOfReach
            It is asleep, or has no connection.
        LinkError
            Anything else that is no answer.
        """
        response = await self._ask("GET", "/vehicle_data", query="charge_state")
        state = response.get("charge_state")
        if not isinstance(state, dict):
            raise self._link.error(
                "GET vehicle_data: the answer has no charge_state",
                "the scope of the token (vehicle_device_data)",
            )
        return state

    async def wake_up(self) -> Json:
        """Ask the car to wake up; it does so in its time."""
        return await self._ask("POST", "/wake_up")

    async def command(self, name: str, body: Json, *, timeout_s: float) -> str:
        """Send a command; return why it was refused, or "".

        Raises
        ------
        OutOfReach
            The car is asleep, or has no connection.
        LinkError
            Anything else that is no answer.
        """
        response = await self._ask(
            "POST", f"/command/{name}", body, timeout_s=timeout_s
        )
        result, reason = response.get("result"), str(response.get("reason") or "")
        if not isinstance(result, bool):
            raise self._link.error(
                f"{name}: the answer has no result", "the address of the Fleet API"
            )
        return "" if result or reason in ALREADY_SO else reason or "no reason given"

    async def _ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: str = "",
        timeout_s: float | None = None,
    ) -> Json:
        where = self._path + path
        whole = f"{where}?endpoints={query}" if query else where
        reply = await self._send(method, whole, body, timeout_s)
        if reply.status == 401 and self._token_is_new():
            reply = await self._send(method, whole, body, timeout_s)
        if reply.status != 200:
            raise self._refusal(path.rpartition("/")[2] or "vehicle", reply)
        response = (reply.json or {}).get("response")
        if not isinstance(response, dict):
            raise self._link.error(
                f"{method} {where}: not an answer of the Fleet API: "
                f"{_start(reply.text)!r}",
                "the address: is this the maker's API?",
            )
        return response

    async def _send(
        self, method: str, path: str, body: Json | None, timeout_s: float | None
    ) -> Reply:
        if self._token_file and not self._token:
            self._token_is_new()
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return await self._link.request(
            method, path, body, headers=headers, timeout_s=timeout_s
        )

    def _token_is_new(self) -> bool:
        """Read the token's file; return whether it holds another one than before."""
        if not self._token_file:
            return False
        before = self._token
        self._token = read_token(self._token_file, self._context.where)
        self._link.hide(self._token)
        return self._token != before

    def _refusal(self, what: str, reply: Reply) -> LinkError:
        where, said = self._link.where, reply.json or {}
        error = str(said.get("error") or "") or _start(reply.text)
        fact = f"{what}: HTTP {reply.status}, {error}" if error else (
            f"{what}: HTTP {reply.status}"
        )  # fmt: skip
        if reply.status == 429:
            wait_s = retry_after_s(reply, self._context.clock)
            wait_s = RETRY_UNSAID_S if wait_s is None else wait_s
            fact = f"{what}: HTTP 429, asked too often; again in {wait_s:g} s"
            return TooMany(
                where, fact, "fewer instructions, or a slower poll", wait_s=wait_s
            )
        if reply.status == 408 or OUT_OF_REACH in error:
            return OutOfReach(where, fact, "the car's own connection")
        if reply.status in (401, 403):
            return LinkError(where, fact, "a token that is valid, in token_file")
        if reply.status == 404:
            return LinkError(where, fact, "the vin in the rig file, and the region")
        return RefusedError(where, fact, "the maker's status page, or the request")


def number(state: Mapping[str, Any], member: str) -> float:
    """Return a number of an answer; ``nan`` if it is none."""
    value = state.get(member)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        found = float(value)
    except OverflowError:
        return math.nan
    return found if math.isfinite(found) else math.nan


def _start(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
