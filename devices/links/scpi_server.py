"""The instrument's side of SCPI over raw TCP, for emulators.

Shares no code with the client (`devices.links.scpi`), so that a mistake in one is seen
by the other. Sources are the same; the numbers of errors are those of SCPI-1999, volume
2, 21.8 (unverified). Headers may be long or short, in either case, and a line may hold
several commands with semicolons between them. Not there: block data, expressions,
numeric suffixes of headers, units behind numbers, service requests.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from devices.links.loopback import serve_port

LONGEST_LINE = 1024
ROOM = 20
"""Errors that the queue holds (ITECH's manuals say 20)."""
SYNTAX, UNDEFINED_HEADER = (-102, "Syntax error"), (-113, "Undefined header")
MISSING_PARAMETER, EXTRA_PARAMETER = (
    (-109, "Missing parameter"),
    (-108, "Parameter not allowed"),
)
OUT_OF_RANGE, ILLEGAL_VALUE = (
    (-222, "Data out of range"),
    (-224, "Illegal parameter value"),
)
INVALID_CHARACTER, TOO_MUCH = (-101, "Invalid character"), (-223, "Too much data")
OVERFLOW = (-350, "Queue overflow")

Act = Callable[[str], str | None]
"""What a command does with its parameter (empty for none); a query returns its answer,
without one it keeps silence. It raises `ScpiError` for what the instrument refuses."""


class ScpiError(Exception):
    """What the instrument puts into its error queue."""

    def __init__(self, number: int, words: str) -> None:
        super().__init__(f"{number} {words}")
        self.entry = (number, words)


def header_pattern(header: str) -> re.Pattern[str]:
    """Make what a header of a manual matches: ``[SOURce:]CURRent[:LEVel]``.

    Capitals are the short form; what is in brackets may be left out.
    """
    if header.startswith("*"):
        return re.compile(re.escape(header), re.IGNORECASE)
    text = header.removesuffix("?")
    pattern = ""
    for piece in re.findall(r"\[[^\]]*\]|[^\[\]]+", text):
        words = re.sub(
            r"([A-Z]+)([a-z]+)", lambda m: f"{m[1]}(?:{m[2]})?", piece.strip("[]")
        )
        pattern += f"(?:{words})?" if piece.startswith("[") else words
    query = r"\?" if header.endswith("?") else ""
    return re.compile(f":?{pattern}{query}", re.IGNORECASE)


class Instrument:
    """Commands by their headers, and the error queue that every client shares."""

    def __init__(self, commands: Mapping[str, Act]) -> None:
        self._commands = [(header_pattern(name), act) for name, act in commands.items()]
        self._errors: deque[tuple[int, str]] = deque()
        self._commands += [
            (header_pattern("SYSTem:ERRor[:NEXT]?"), self._next_error),
            (header_pattern("*CLS"), self._clear),
        ]

    def note(self, entry: tuple[int, str]) -> None:
        """Queue an error; the one too many says so itself."""
        if len(self._errors) < ROOM:
            self._errors.append(entry)
        else:
            self._errors[-1] = OVERFLOW

    def carry_out(self, line: str) -> str | None:
        """Carry out a line; return its answers, or None if it asked nothing."""
        answers, path = [], ""
        for unit in filter(None, (part.strip() for part in line.split(";"))):
            header, _, parameter = unit.partition(" ")
            full = header if header[0] in ":*" else path + header
            if header[0] != "*":
                path = full.removesuffix("?").rpartition(":")[0] + ":"
                path = path.lstrip(":")
            try:
                answer = self._act(full, parameter.strip())
            except ScpiError as error:
                self.note(error.entry)
                break
            if answer is not None:
                answers.append(answer)
        return ";".join(answers) if answers else None

    def _act(self, header: str, parameter: str) -> str | None:
        for pattern, act in self._commands:
            if pattern.fullmatch(header):
                return act(parameter)
        raise ScpiError(*UNDEFINED_HEADER)

    def _next_error(self, parameter: str) -> str:
        number, words = self._errors.popleft() if self._errors else (0, "No error")
        return f'{number},"{words}"'

    def _clear(self, parameter: str) -> None:
        self._errors.clear()


class ScpiSession:
    """One client's connection: lines in, lines out."""

    def __init__(self, instrument: Instrument, is_silent: Callable[[], bool]) -> None:
        self._instrument, self._is_silent = instrument, is_silent
        self._buffer = b""
        self._overlong = False

    def receive(self, data: bytes, _now_s: float) -> tuple[list[bytes], bool]:
        """Return the answers due; a line that is none is an error, and is left out."""
        self._buffer += data
        replies = []
        while (end := self._buffer.find(b"\n")) >= 0:
            line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
            answer = self._heard(line)
            if answer is not None and not self._is_silent():
                replies.append(answer.encode("ascii") + b"\n")
        if len(self._buffer) > LONGEST_LINE:
            self._buffer, self._overlong = b"", True
        return replies, True

    def _heard(self, line: bytes) -> str | None:
        too_long, self._overlong = self._overlong or len(line) > LONGEST_LINE, False
        if too_long:
            self._instrument.note(TOO_MUCH)
            return None
        text = line.rstrip(b"\r").decode("latin-1").strip()
        if not text.isascii() or not text.isprintable():
            self._instrument.note(INVALID_CHARACTER)
            return None
        return self._instrument.carry_out(text)


@asynccontextmanager
async def serve_scpi(
    instrument: Instrument,
    is_silent: Callable[[], bool],
    *,
    port: int = 0,
    reply_delay_s: float = 0.0,
) -> AsyncIterator[str]:
    """Serve an instrument on a loopback port; yield its address.

    Parameters
    ----------
    instrument : Instrument
        What it can be told and asked.
    is_silent : callable
        Whether it answers nothing now.
    port : int
        Port on 127.0.0.1; 0 lets the kernel choose.
    reply_delay_s : float
        How long it takes to answer. [s]
    """

    def session() -> ScpiSession:
        return ScpiSession(instrument, is_silent)

    delay_s = (lambda _reply: reply_delay_s) if reply_delay_s else None
    async with serve_port(session, port=port, delay_s=delay_s) as chosen:
        yield f"scpi://127.0.0.1:{chosen}"
