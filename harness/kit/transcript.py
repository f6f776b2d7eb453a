"""Replay a conversation from the maker's document against a driver.

A file ``transcripts/DRIVER.toml`` beside the driver's module says what must go over
the wire, byte for byte, and what must come of it::

    source = "Acme heater manual 1.2, annex C, example 2"
    ask = "poll"                  # or identify, make_safe, limit_power_w, …
    arguments = []                # of that call

    [[exchange]]
    sent = "?? ?? 00 00 00 06 01 04 00 00 00 02"
    reply = "?? ?? 00 00 00 07 01 04 04 44 6E 80 00"

    [expect]                      # of the readings, or of the answer
    power_w = 954.0

``??`` is any byte; in a reply it is the byte that came at the same place (a Modbus
TCP transaction id). What `ready` asks for comes first, as every trial asks for it.
"""

from __future__ import annotations

import asyncio
import math
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.core.bench import Driver
from harness.core.clock import BenchClock
from harness.core.errors import FlexrigError, UsageError
from harness.kit.stand import Ear, opened
from harness.rig.findings import Finding, failed, passed

ANY = "??"
WITHIN_S = 300.0
"""A replay that takes longer has stopped. [s]"""


class Exchange(BaseModel):
    """What the driver must send, and what it is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sent: str
    reply: str

    def answer(self, sent: bytes) -> bytes:
        """Return the reply to these bytes; those at ``??`` are repeated."""
        return bytes(
            sent[at] if byte == ANY else int(byte, 16)
            for at, byte in enumerate(self.reply.split())
        )

    def differs(self, sent: bytes) -> str:
        """Say how bytes differ from the document's, or ""."""
        wanted = self.sent.split()
        for at, (byte, got) in enumerate(zip(wanted, sent, strict=False)):
            if byte != ANY and int(byte, 16) != got:
                return f"byte {at} is {got:02X}, the document says {byte}"
        return ""


class Transcript(BaseModel):
    """One conversation, and what it means."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: str = Field(min_length=10)
    ask: str = "poll"
    arguments: tuple[object, ...] = ()
    exchange: tuple[Exchange, ...] = Field(min_length=1)
    expect: dict[str, float | str | bool] = Field(min_length=1)


def read_transcript(path: Path) -> Transcript:
    """Read a transcript file.

    Raises
    ------
    UsageError
        If it is not TOML, or lacks source, exchanges or expectations.
    """
    try:
        transcript = Transcript.model_validate(tomllib.loads(path.read_text()))
        for one in transcript.exchange:
            for byte in (one.sent + " " + one.reply).split():
                if byte != ANY:
                    bytes([int(byte, 16)])
    except (tomllib.TOMLDecodeError, ValidationError, ValueError) as error:
        fact = str(error).splitlines()[0]
        hint = "source, ask, [[exchange]] with sent and reply in hex, [expect]"
        raise UsageError(str(path.name), fact, hint) from error
    return transcript


@dataclass(slots=True)
class _Peer(asyncio.Protocol):
    """Plays the document's side; notes the first byte that is not the document's."""

    exchanges: tuple[Exchange, ...]
    done: int = 0
    wrong: str = ""
    _got: bytearray = field(default_factory=bytearray)
    _transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type
        self._transport = transport
        self._got.clear()

    def data_received(self, data: bytes) -> None:
        self._got += data
        while self.done < len(self.exchanges):
            one = self.exchanges[self.done]
            size = len(one.sent.split())
            self.wrong = self.wrong or one.differs(bytes(self._got[:size]))
            if self.wrong or len(self._got) < size:
                break
            sent = bytes(self._got[:size])
            del self._got[:size]
            self.done += 1
            assert self._transport is not None  # noqa: S101 - bytes came over it
            self._transport.write(one.answer(sent))
        else:
            self.wrong = self.wrong or ("more is sent" if self._got else "")
        if self.wrong and self._transport is not None:
            self.wrong = f"exchange {self.done + 1}: {self.wrong}"
            self._transport.abort()


@asynccontextmanager
async def _playing(transcript: Transcript) -> AsyncIterator[tuple[_Peer, int]]:
    peer = _Peer(transcript.exchange)
    server = await asyncio.get_running_loop().create_server(
        lambda: peer, "127.0.0.1", 0
    )
    try:
        yield peer, int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def replay(
    driver: Driver, path: Path, address: str, clock: BenchClock
) -> Finding:
    """Play a transcript against a driver; `address` has ``{port}`` in it."""
    check = f"transcript {path.name}"
    transcript = read_transcript(path)
    if "TODO" in transcript.source:
        fact = f"nobody knows whose bytes these are: {transcript.source}"
        return failed(check, fact, "bytes from the maker's document, and its name")
    async with _playing(transcript) as (peer, port):
        said: object = None
        trouble = ""
        try:
            async with (
                asyncio.timeout(WITHIN_S),
                opened(driver, address.format(port=port), clock, Ear()) as device,
            ):
                await device.ready()
                ask = getattr(device, transcript.ask, None)
                if ask is None:
                    return failed(check, f"no {transcript.ask!r} to ask", "its name")
                said = await ask(*transcript.arguments)
        except (FlexrigError, TimeoutError) as error:
            trouble = str(error) or f"nothing more came within {WITHIN_S:.0f} s"
    if peer.wrong or trouble:
        return failed(
            check, peer.wrong or trouble, f"the document: {transcript.source}"
        )
    if peer.done < len(transcript.exchange):
        fact = f"exchange {peer.done + 1} of {len(transcript.exchange)} never came"
        return failed(check, fact, f"the document: {transcript.source}")
    wrong = _unexpected(transcript.expect, said)
    if wrong:
        return failed(check, wrong, f"the document: {transcript.source}")
    return passed(check, transcript.source)


def _unexpected(expect: Mapping[str, float | str | bool], said: object) -> str:
    """Say which expectation is not met: of readings, or of an answer's fields."""
    for name, wanted in expect.items():
        if isinstance(said, list | tuple):
            found = [one.value for one in said if one.quantity == name]
            got = found[-1] if found else None
        else:
            got = getattr(said, name, None)
        if isinstance(wanted, float) and isinstance(got, float | int):
            if math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9):
                continue
        elif got == wanted:
            continue
        return f"{name} is {got!r}, the document's bytes mean {wanted!r}"
    return ""
