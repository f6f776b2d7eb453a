"""One Modbus wire: who speaks when, and which bytes answer which request.

Knows nothing of registers; the splitting of frames is handed in, so that this
module needs no Modbus library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from devices.links.modbus_address import ModbusAddress
from harness.core.errors import LinkError

Split = Callable[[bytes], tuple[int, int, int, bytes]]
"""Bytes to (bytes used, unit, transaction, reply from the function code on);
nothing used means that more must come, an empty reply that the frame is bad."""


class Speaker(Protocol):
    """Someone who uses a wire."""

    def notify(self, kind: str, detail: str) -> None:
        """Hear that the wire was connected or lost."""
        ...

    def stray(self, data: bytes) -> None:
        """Keep bytes that answer nothing."""
        ...


class Asked:
    """A request that is under way, and the future of its reply."""

    __slots__ = ("answer", "function", "tid", "timeout_s", "trace", "unit", "where")

    def __init__(
        self,
        where: str,
        unit: int,
        function: int,
        *,
        trace: Callable[[bool, str], None],
        timeout_s: float,
        answer: asyncio.Future[bytes],
    ) -> None:
        self.where, self.unit, self.function = where, unit, function
        self.trace, self.timeout_s = trace, timeout_s
        self.tid = 0
        self.answer = answer

    def fail(self, fact: str, hint: str) -> None:
        """End the request with a `LinkError`."""
        if not self.answer.done():
            self.answer.set_exception(LinkError(self.where, fact, hint))


class Wire:
    """A socket or port, and everyone who speaks over it, one at a time."""

    def __init__(self, address: ModbusAddress) -> None:
        self.address = address
        self.lock = asyncio.Lock()
        self.connection: Connection | None = None
        self.speakers: list[Speaker] = []
        self._up = False

    def opened(self, connection: Connection) -> None:
        """Use a new connection; tell the speakers unless it only replaces one."""
        self.connection = connection
        if not self._up:
            self._tell("connected", self.address.endpoint)
        self._up = True

    def leave(self, speaker: Speaker) -> None:
        """Let a speaker go; the last one closes the wire."""
        self.speakers.remove(speaker)
        if not self.speakers:
            self.drop()

    def drop(self) -> None:
        """Close the connection of our own accord; the next request makes a new one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def lost(self, connection: Connection, reason: str) -> None:
        """Hear from a connection that it is gone."""
        if connection is self.connection:
            self.connection = None
            self._up = False
            self._tell("lost", reason)

    def _tell(self, kind: str, detail: str) -> None:
        for speaker in self.speakers:
            speaker.notify(kind, detail)


class Connection(asyncio.Protocol):
    """One connection: a request out, its reply in, and nothing mistaken for it."""

    def __init__(self, wire: Wire, split: Split) -> None:
        self._wire, self._split = wire, split
        self._kind = wire.address.wire
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._asked: Asked | None = None
        self._buffer = b""
        self._tid = 0
        self._gap_s = silent_gap_s(wire.address)
        self._quiet_since_s = self._loop.time()
        self._owed_s = 0.0
        self._late = asyncio.Event()
        self.made = asyncio.Event()

    def new_answer(self) -> asyncio.Future[bytes]:
        """Return where a reply will be put."""
        return self._loop.create_future()

    def next_tid(self) -> int:
        """Number a request: Modbus TCP counts, RTU has no room for a number."""
        if self._kind == "tcp":
            self._tid = self._tid % 0xFFFF + 1
        return self._tid

    async def ask(self, frame: bytes, asked: Asked) -> bytes:
        """Send a frame and return its reply from the function code on.

        Raises
        ------
        LinkError
            If no whole and fitting reply comes within ``asked.timeout_s``.
        """
        if self._kind == "serial":
            await self._silence()
        assert self._transport is not None  # noqa: S101 - `made` was awaited
        asked.trace(True, frame.hex())
        self._asked, self._buffer = asked, b""
        self._transport.write(frame)
        timer = self._loop.call_later(asked.timeout_s, self._expire, asked)
        try:
            return await asked.answer
        finally:
            timer.cancel()
            self._asked = None
            self._quiet_since_s = self._loop.time()
            if asked.answer.cancelled():
                self.distrust(asked.timeout_s)

    def close(self) -> None:
        """Close without calling it a loss."""
        if self._asked is not None:
            self._asked.fail(
                "the link was closed while a request was under way",
                "closing it after its last request",
            )
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]
        self.made.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request under way at once."""
        reason = f"connection lost ({exc or 'closed by the other end'})"
        self._wire.lost(self, reason)
        if self._asked is not None:
            self._asked.fail(reason, "the device's power, and its other clients")

    def data_received(self, data: bytes) -> None:
        """Take what arrived: part of a reply, a reply, or something stray."""
        asked = self._asked
        if asked is None or asked.answer.done():
            self._stray(data)
            return
        self._buffer += data
        while self._buffer and not asked.answer.done():
            fault = self._fault(asked)
            if fault:
                self._garbled(asked, fault)
                return
            used, _unit, tid, reply = self._split(self._buffer)
            if not used:
                return
            if not reply:
                self._garbled(asked, "its check sum is wrong")
                return
            asked.trace(False, self._buffer[:used].hex())
            self._buffer = self._buffer[used:]
            if tid == asked.tid:
                asked.answer.set_result(reply)

    def _fault(self, asked: Asked) -> str:
        """What cannot be right in the bytes so far; empty if all may be well."""
        head = self._buffer
        if self._kind == "tcp":
            if len(head) < 8:
                return ""
            if head[2] or head[3]:
                return f"protocol id {head[2:4].hex()}, not 0000"
            if not 3 <= int.from_bytes(head[4:6], "big") <= 254:
                return f"a length of {int.from_bytes(head[4:6], 'big')} bytes"
            if int.from_bytes(head[:2], "big") != asked.tid:
                return ""  # late: the answer to a request that was given up
            head = head[6:]
        if head[0] != asked.unit:
            return f"it is from unit {head[0]}, not {asked.unit}"
        if len(head) > 1 and head[1] & 0x7F != asked.function:
            return f"function {head[1]:#04x} answers {asked.function:#04x}"
        return ""

    def _garbled(self, asked: Asked, fault: str) -> None:
        frame, self._buffer = self._buffer.hex(), b""
        asked.trace(False, frame)
        self._lose_place(asked.timeout_s)
        asked.fail(
            f"garbled reply {frame}: {fault}", "the wire, and other clients on it"
        )

    def _expire(self, asked: Asked) -> None:
        waited = f"within {asked.timeout_s:g} s"
        frame, self._buffer = self._buffer, b""
        if frame:
            asked.trace(False, frame.hex())
            self._lose_place(asked.timeout_s)
            fact = f"truncated reply {frame.hex()}, not complete {waited}"
            asked.fail(fact, "the wire, and other clients on it")
            return
        self.distrust(asked.timeout_s)
        fact = f"unit {asked.unit} kept silence, no reply {waited}"
        asked.fail(fact, "another unit id, or the wire")

    def distrust(self, wait_s: float) -> None:
        """Expect a late reply, which must not answer the next request.

        On Modbus TCP its number gives it away. RTU has no number: a socket is
        made anew, and a port is listened to for as long again before it is used.
        """
        if self._kind != "tcp":
            self._lose_place(wait_s)

    def _lose_place(self, wait_s: float) -> None:
        """Begin anew, since where the next frame starts is not known."""
        if self._kind == "serial":
            self._owed_s = wait_s
            self._late.clear()
        elif self._wire.connection is self:
            self._wire.connection = None
            assert self._transport is not None  # noqa: S101 - it carried the request
            self._transport.close()

    def _stray(self, data: bytes) -> None:
        self._quiet_since_s = self._loop.time()
        self._late.set()
        for speaker in self._wire.speakers[:1]:
            speaker.stray(data)

    async def _silence(self) -> None:
        """Let a late reply pass, then keep the bus silent between frames."""
        if self._owed_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._owed_s):
                    await self._late.wait()
            self._owed_s = 0.0
        wait_s = self._quiet_since_s + self._gap_s - self._loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)


def silent_gap_s(address: ModbusAddress) -> float:
    """Silence that must part two frames on a serial line. [s]

    3.5 characters of 11 bits, and 1.75 ms above 19,200 baud. Source: MODBUS over
    serial line V1.02, 2.5.1.1.
    """
    if address.wire != "serial":
        return 0.0
    return 0.00175 if address.baud > 19_200 else 3.5 * 11 / address.baud
