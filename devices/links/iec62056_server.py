"""The meter's side of IEC 62056-21 mode C, for emulators.

Shares no code with the client (`devices.links.iec62056`), so that a mistake in one is
seen by the other. Sources are the same. What it does where the standard leaves a
choice: it answers a sign-on for its own address or for none; an acknowledgement that
asks for programming or for another speed, or that comes too late, ends the conversation
without a word, as a meter that gives up does.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from devices.links.loopback import serve_port, serve_terminal

REACTION_S = 0.2
"""From a message to its answer: at least 200 ms. IEC 62056-21, 6.3.14 (unverified)."""
PATIENCE_S = 2.2
"""How long it waits for an acknowledgement: 1.5 s, and the 6 characters at 300 baud."""
BITS_PER_CHARACTER = 10
SPEEDS = {
    "0": 300,
    "1": 600,
    "2": 1200,
    "3": 2400,
    "4": 4800,
    "5": 9600,
    "6": 19200,
}

_SIGN_ON = re.compile(rb"/\?([0-9A-Za-z ]{0,32})!\r\n")

DataSets = Callable[[], Sequence[str] | None]
"""Gives the data sets of now (``1.8.0(0001.234*kWh)``), or None to keep silence."""


class ModeC:
    """One optical port: what it hears, and what it says to that."""

    def __init__(
        self, data_sets: DataSets, *, identification: str, device_address: str
    ) -> None:
        self._data_sets, self._address = data_sets, device_address.encode()
        self._identification = f"/{identification}\r\n".encode("ascii")
        self._letter = identification[3]
        self._buffer = b""
        self._signed_on_s = float("-inf")

    def receive(self, data: bytes, now_s: float) -> tuple[list[bytes], bool]:
        """Return the replies due; an optical port never falls out of step for good."""
        self._buffer = (self._buffer + data)[-128:]
        replies = []
        while (end := self._buffer.find(b"\n") + 1) > 0:
            line, self._buffer = self._buffer[:end], self._buffer[end:]
            replies += self._answer(bytes(byte & 0x7F for byte in line), now_s)
        return replies, True

    def _answer(self, line: bytes, now_s: float) -> list[bytes]:
        # What was heard before the message begins is noise of the optical head.
        begin = max(line.rfind(b"/?"), line.rfind(b"\x06"))
        line = line[begin:] if begin > 0 else line
        sets = self._data_sets()
        if sets is None:
            return []
        sign_on = _SIGN_ON.fullmatch(line)
        if sign_on is not None:
            if sign_on[1] not in (b"", self._address):
                return []
            self._signed_on_s = now_s
            return [self._identification]
        signed_on_s, self._signed_on_s = self._signed_on_s, float("-inf")
        wanted = b"\x060" + self._letter.encode() + b"0\r\n"
        if line != wanted or now_s - signed_on_s > PATIENCE_S + self._talk_s:
            return []
        return [data_block(sets)]

    @property
    def _talk_s(self) -> float:
        """How long its identification takes at 300 baud. [s]"""
        return REACTION_S + len(self._identification) * BITS_PER_CHARACTER / 300

    def delay_s(self, reply: bytes) -> float:
        """Return how long a reply takes on the line.

        That is the request's characters, which a socket hands over at once, the pause,
        and the reply's own characters.
        """
        signing_on = reply.startswith(b"/")
        speed = 300 if signing_on else SPEEDS[self._letter]
        heard_s = (5 + len(self._address) if signing_on else 6) / 30
        return heard_s + REACTION_S + len(reply) * BITS_PER_CHARACTER / speed


def data_block(data_sets: Sequence[str]) -> bytes:
    """Put data sets into a block: STX … ! CR LF ETX and the block check character."""
    body = "".join(f"{each}\r\n" for each in data_sets).encode("ascii") + b"!\r\n\x03"
    check = 0
    for byte in body:
        check ^= byte
    return b"\x02" + body + bytes((check,))


@asynccontextmanager
async def serve_mode_c(
    data_sets: DataSets,
    *,
    identification: str,
    device_address: str,
    port: int = 0,
    serial: bool = False,
    reply_delay_s: float = 0.0,
) -> AsyncIterator[str]:
    """Serve a meter on a loopback port or a pseudo-terminal; yield its address.

    Parameters
    ----------
    data_sets : callable
        Gives what is read out.
    identification : str
        Three letters of the maker, the speed character, and the rest.
    device_address : str
        The address that it answers to, beside none.
    port : int
        Port on 127.0.0.1; 0 lets the kernel choose.
    serial : bool
        Serve a pseudo-terminal instead (wall clock only).
    reply_delay_s : float
        How much longer than it must it takes to answer. [s]
    """

    def session() -> ModeC:
        return ModeC(
            data_sets, identification=identification, device_address=device_address
        )

    pace = session().delay_s

    def delay_s(reply: bytes) -> float:
        return reply_delay_s + pace(reply)

    if serial:
        async with serve_terminal(session(), delay_s=delay_s) as path:
            yield f"serial:{path}"
    else:
        async with serve_port(session, port=port, delay_s=delay_s) as chosen:
            yield f"iec62056+tcp://127.0.0.1:{chosen}"
