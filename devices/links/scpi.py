"""SCPI over raw TCP: a line for each command, a line for each answer.

An instrument acknowledges nothing: what it thinks of a setting is in its error queue.
So every setting is followed by ``SYSTem:ERRor?``, and what that says is the answer.

Sources: SCPI-1999, volume 1, 6 (headers, program messages) and volume 2, 21.8
(``SYSTem:ERRor?``); IEEE 488.2, 7.4 and 8.5 (terminators). The documents themselves
were not read, only makers' manuals that quote them: clause numbers are unverified.
"""

from __future__ import annotations

import asyncio
import re

from devices.links.byte_wire import ByteWire, Endpoint
from devices.links.tcp_address import host_and_port
from harness.core.bench import DeviceContext
from harness.core.errors import LinkError, RefusedError

FORMS = "scpi://HOST:PORT"
LONGEST_LINE = 1024
"""No answer that is asked for here is longer; waveforms are, and are not asked for."""
MOST_ERRORS = 32
"""An error queue that is longer than this has no end: those that are known hold 20."""
ERROR_QUERY = "SYST:ERR?"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ERROR = re.compile(r'\(?([+-]?\d+)\)?(?:[\s,]+"?([^"]*)"?)?')


def parse_address(where: str, text: str) -> Endpoint:
    """Read an address as a rig file gives it; a `RigError` names the right form."""
    return host_and_port(where, text, FORMS)


def frame_length(data: bytes) -> int:
    """Length of the first whole line, its end included."""
    return data.find(b"\n") + 1


def whole_line(data: bytes) -> int:
    """Length of the one line that answers a query, 0 while its end is not there.

    Raises
    ------
    ValueError
        If it has no end in sight, is no text, or is more than one line.
    """
    end = frame_length(data)
    line = data[:end] if end else data
    if len(line) > LONGEST_LINE:
        raise ValueError(f"{len(line)} bytes without the end of a line")
    if not line.isascii() or not line.rstrip(b"\r\n").decode("ascii").isprintable():
        raise ValueError(f"{line[:32].hex()} is no line of text")
    if end and len(data) > end:
        raise ValueError(f"more than one line for one question: {data[:64]!r}")
    return end


def parse_error(line: str) -> tuple[int, str]:
    """Read an answer to ``SYSTem:ERRor?``: number and words, number 0 for none.

    Raises
    ------
    ValueError
        If it is none.
    """
    match = _ERROR.fullmatch(line.strip())
    if match is None:
        raise ValueError(f"{line!r} is no entry of an error queue")
    return int(match[1]), (match[2] or "").strip()


def parse_number(line: str) -> float:
    """Read an answer that is one number.

    Raises
    ------
    ValueError
        If it is none, or is what SCPI writes for "not a number" or infinity: 9.91E37,
        9.9E37 (SCPI-1999, volume 1, 7.2.1; unverified).
    """
    if _NUMBER.fullmatch(line) is None or not abs(float(line)) < 9e37:
        raise ValueError(f"{line!r}, which is no number")
    return float(line)


class ScpiLink:
    """One instrument; one request at a time, whoever asks.

    Parameters
    ----------
    context : DeviceContext
        Gives the address, and takes every line verbatim in hex.
    timeout_s : float
        Longest wait for a connection and for each answer. [s]
    """

    def __init__(self, context: DeviceContext, *, timeout_s: float) -> None:
        endpoint = parse_address(context.where, context.address)
        self._wire = ByteWire(context, endpoint, timeout_s=timeout_s)
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self.failures = 0
        """Requests that got no usable answer."""

    @property
    def where(self) -> str:
        """Where the instrument is, for error messages."""
        return self._wire.where

    @property
    def is_open(self) -> bool:
        """Whether the next request needs no new connection."""
        return self._wire.is_open

    def close(self) -> None:
        """Let go of the wire."""
        self._wire.close()

    async def query(self, question: str) -> str:
        """Ask for one line of text.

        Raises
        ------
        LinkError
            If there is no usable answer in bounded time.
        """
        async with self._turn:
            return await self._ask(question)

    async def number(self, question: str) -> float:
        """Ask for one number.

        Raises
        ------
        LinkError
            If there is no usable answer in bounded time, or it is no number.
        """
        answer = await self.query(question)
        try:
            return parse_number(answer)
        except ValueError as error:
            raise self._failed(f"{question} was answered by {error}") from error

    async def set(self, command: str) -> None:
        """Send a setting, and ask what the instrument thinks of it.

        Raises
        ------
        RefusedError
            If it queued an error; the queue is empty again.
        LinkError
            If it does not say in bounded time.
        """
        async with self._turn:
            told = [await self._error(f"{command}\n{ERROR_QUERY}")]
            told += [] if told[0] is None else await self._drain()
        errors = [one for one in told if one is not None]
        if errors:
            fact = f"{command} was refused: {'; '.join(errors)}"
            raise RefusedError(self.where, fact, "a value that the instrument can hold")

    async def forget_errors(self) -> list[str]:
        """Empty the error queue of what others left in it; return what it was.

        Raises
        ------
        LinkError
            If it does not end, or the instrument does not answer in bounded time.
        """
        async with self._turn:
            return await self._drain()

    async def _drain(self) -> list[str]:
        found: list[str] = []
        for _ in range(MOST_ERRORS):
            error = await self._error(ERROR_QUERY)
            if error is None:
                return found
            found.append(error)
        raise self._failed(f"its error queue does not end: {found[-1]}, …")

    async def _error(self, asked: str) -> str | None:
        """Send what ends with a look at the error queue; return the first entry."""
        answer = await self._ask(asked)
        try:
            number, words = parse_error(answer)
        except ValueError as error:
            raise self._failed(str(error)) from error
        return f"{number} {words}".strip() if number else None

    async def _ask(self, asked: str) -> str:
        try:
            line = await self._wire.exchange(
                asked.encode("ascii") + b"\n", whole_line, timeout_s=self._timeout_s
            )
        except LinkError:
            self.failures += 1
            raise
        return line.decode("ascii").strip()

    def _failed(self, fact: str) -> LinkError:
        self.failures += 1
        self._wire.close()
        return LinkError(self.where, fact, "the instrument, and its other clients")
