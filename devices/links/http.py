"""HTTP with JSON bodies: a client with bounded time; its peer is `http_server`.

Every request and every answer is recorded as it was, except for what must not be
kept: header fields are left out (tokens travel there), and so are the values of the
secrets that the caller names and of JSON members in `PRIVATE`.

Source: RFC 9110 (HTTP Semantics), section 10.2.3 (Retry-After) and 15 (status codes);
RFC 6750, section 2.1 (``Authorization: Bearer``).
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from harness.core.clock import BenchClock
from harness.core.errors import LinkError, RigError

LARGEST_BODY: Final = 1024 * 1024
"""Ours: a longer answer is not read. [byte]"""
REACHABLE: Final = "the network, the address and the port"
PRIVATE: Final = (
    "access_token",
    "refresh_token",
    "id_token",
    "tokens",
    "user_id",
    "latitude",
    "longitude",
    "native_latitude",
    "native_longitude",
)
"""JSON members whose values are never recorded."""
_MASK = "***"
_PRIVATE_MEMBER = re.compile(
    rf'"({"|".join(PRIVATE)})"\s*:\s*("(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|[^,}}\]\s]+)'
)

Json = Mapping[str, Any]


def parse_url(where: str, address: str, *, what: str) -> str:
    """Return an ``http://HOST[:PORT][/PATH]`` address without a slash at its end.

    Raises
    ------
    RigError
        If the address has another form, or carries a password.
    """
    try:
        parts = urlsplit(address)
        port_is_fine = parts.port != 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not (
        parts.hostname and plain and port_is_fine
    ):
        raise RigError(
            f"{where} address",
            f"{address!r} is not the address of {what}",
            "http://HOST:PORT or https://HOST/PATH",
        )
    return address.rstrip("/")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""

    @property
    def json(self) -> dict[str, Any] | None:
        """The body as a JSON object; None if it is none."""
        return parse_object(self.text)


class HttpLink:
    """Requests to one server, one connection for each.

    Nothing is retried. Each request is answered, or raised as `LinkError`, within
    its timeout.

    Parameters
    ----------
    where : str
        Where the device stands in the rig file, for error messages.
    address : str
        Where requests begin: ``http://HOST[:PORT][/PATH]``.
    wire : callable
        Takes every message: whether it was sent, and its text.
    timeout_s : float
        Longest wait for a whole answer, unless a request says otherwise. [s]
    what : str
        What should be there, for the error messages: ``a vehicle's cloud``.
    ca_file : str
        Certificates to trust instead of the system's, for ``https``.
    """

    def __init__(
        self,
        *,
        where: str,
        address: str,
        wire: Callable[[bool, str], None],
        timeout_s: float,
        what: str,
        ca_file: str = "",
    ) -> None:
        self.base = parse_url(where, address, what=what)
        self.where = f"{where} {address}"
        self._wire, self._timeout_s, self._what = wire, timeout_s, what
        self._trust: ssl.SSLContext | bool = True
        if ca_file:
            self._trust = _trusting(ca_file, where)
        self._secrets: set[str] = set()
        self._session: aiohttp.ClientSession | None = None

    def hide(self, *secrets: str) -> None:
        """Never record these again, wherever they stand."""
        self._secrets.update(secret for secret in secrets if secret)

    async def close(self) -> None:
        """Let go of the connections; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        base: str | None = None,
    ) -> Reply:
        """Send one request and return the answer, whatever its status.

        `base` is where the path begins, unless it begins at the device's address.

        Raises
        ------
        LinkError
            Nobody listens, silence, what is not HTTP, or more than `LARGEST_BODY`.
        """
        url = (self.base if base is None else base) + path
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        text = None if body is None else compact(body)
        self.record(True, f"{method} {urlsplit(url).path or '/'}", text)
        try:
            async with asyncio.timeout(limit_s):
                reply = await self._exchange(method, url, text, headers or {})
        except TimeoutError as error:
            raise self.error(
                f"{method} {path}: no answer within {limit_s:g} s", REACHABLE
            ) from error
        except aiohttp.ClientConnectorError as error:
            fact = f"{method} {path}: nobody listens"
            raise self.error(fact, REACHABLE) from error
        except (aiohttp.ClientError, OSError) as error:
            why = type(error).__name__
            raise self.error(
                f"{method} {path}: no whole HTTP answer ({why})",
                f"the address: is this {self._what}?",
            ) from error
        self.record(False, f"HTTP {reply.status}", reply.text)
        return reply

    def error(self, fact: str, hint: str) -> LinkError:
        """A `LinkError` of this link, without its secrets."""
        return LinkError(self.where, self._clean(fact), hint)

    async def _exchange(
        self, method: str, url: str, text: str | None, headers: Mapping[str, str]
    ) -> Reply:
        own = {} if text is None else {"Content-Type": "application/json"}
        async with self._http().request(
            method, url, data=text, headers={**own, **headers}, allow_redirects=False
        ) as response:
            parts, size = [], 0
            async for part in response.content.iter_chunked(65536):
                size += len(part)
                if size > LARGEST_BODY:
                    raise self.error(
                        f"{method} {urlsplit(url).path}: an answer of more than "
                        f"{LARGEST_BODY} bytes",
                        f"the address: is this {self._what}?",
                    )
                parts.append(part)
            return Reply(
                response.status,
                b"".join(parts).decode(errors="replace"),
                {name.lower(): value for name, value in response.headers.items()},
            )

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    force_close=True, use_dns_cache=False, ssl=self._trust
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    def record(self, sent: bool, line: str, body: str | None) -> None:
        """Have a message recorded without what must not be."""
        whole = f"{line} {body}" if body else line
        self._wire(sent, self._clean(whole))

    def _clean(self, text: str) -> str:
        # The longest first: one may be a part of another.
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, _MASK)
        return without_private(text)


def without_private(text: str) -> str:
    """Return a text without the values of its `PRIVATE` members."""
    return _PRIVATE_MEMBER.sub(rf'"\1":"{_MASK}"', text)


def _trusting(ca_file: str, where: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=Path(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise RigError(
            f"{where} options ca_file",
            f"{ca_file!r} holds no certificates that can be read",
            "a PEM file",
        ) from error


def read_token(path: str, where: str) -> str:
    """Return the bearer token in a file: rig files are kept, so it is not in them.

    Raises
    ------
    RigError
        If the file cannot be read, or holds something else.
    """
    place = f"{where} options token_file"
    try:
        token = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RigError(
            place, "cannot be read", "a text file that holds the bearer token"
        ) from error
    if not token or not token.isascii() or any(each.isspace() for each in token):
        raise RigError(place, "holds no bearer token", "the token alone, on one line")
    return token


def compact(body: object) -> str:
    """Return JSON without white space."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def parse_object(text: str) -> dict[str, Any] | None:
    """Return a JSON object, or None if the text is no such thing."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def retry_after_s(reply: Reply, clock: BenchClock) -> float | None:
    """Return how long a server asks to be left alone; None if it does not say. [s]

    Seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    said = reply.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    # A date without a zone is in UTC (RFC 9110, 5.6.7).
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((at - clock.utc()).total_seconds(), 0.0)
