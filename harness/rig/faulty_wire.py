"""A relay between a driver and its device that can make their wire faulty.

It stands on loopback, takes every message from one side and hands it to the other:
whole messages, cut by the driver's own `Driver.frame_length`. While nothing is wrong
with the wire, every byte goes on at once, as it came.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np

from harness.core.faults import Direction, Fault, FaultKind
from harness.rig.message_line import CLOSE, EOF, MOMENT_S, MessageLine

LOOPBACK = "127.0.0.1"
LONGEST_MESSAGE = 1 << 20
"""Bytes that are kept waiting for the end of a message; more go on as they are."""
GARBLED_SHARE = 0.25
"""Length of the stretch of a garbled message whose bytes are changed, as a share."""

Cut = Callable[[bytes], int]
"""Length of the first whole message, 0 if there is none (`Driver.frame_length`)."""
Say = Callable[[bytes], bytes]
"""What a message says, where the wire hides it (`Driver.frame_text`)."""
Seeded = tuple[Fault, np.random.Generator]


class FaultyWire:
    """Relays the connections of one role, and knows what is wrong with them now.

    Parameters
    ----------
    cut : callable, optional
        Tells where a message ends; without it each piece that arrives is one.
    say : callable, optional
        Tells what a message says, for faults that happen to some messages only.
    device_dials : bool
        Whether the device is the one that connects (a charging station its CSMS).
    """

    def __init__(
        self,
        cut: Cut | None = None,
        say: Say | None = None,
        *,
        device_dials: bool = False,
    ) -> None:
        self.cut, self._say = cut, say
        onwards: tuple[Direction, Direction] = ("to the device", "from the device")
        self.onwards, self.back = onwards[::-1] if device_dials else onwards
        self._faults: dict[FaultKind, Seeded] = {}
        self._sides: dict[_Side, None] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._there = (LOOPBACK, 0)
        self.address = (LOOPBACK, 0)
        """Host and port on which it listens."""

    @asynccontextmanager
    async def between(
        self, here: tuple[str, int], there: tuple[str, int]
    ) -> AsyncIterator[FaultyWire]:
        """Listen `here` (port 0 for any) and relay to `there` until the context ends.

        Raises
        ------
        OSError
            If the port cannot be had.
        """
        self._there = there
        server = await asyncio.get_running_loop().create_server(
            lambda: _Side(self, self.onwards), *here
        )
        self.address = server.sockets[0].getsockname()[:2]
        try:
            yield self
        finally:
            server.close()
            for task in self._connecting:
                task.cancel()
            self._drop_all()

    def impose(self, fault: Fault, rng: np.random.Generator) -> None:
        """Have a fault from now on; one of the same kind is replaced.

        `rng` decides which messages it happens to.

        Raises
        ------
        ValueError
            If it does not happen on a wire, or its amount makes no sense.
        """
        require_sound(fault)
        self._faults[fault.kind] = (fault, rng)
        if fault.kind is FaultKind.DISCONNECT:
            self._drop_all()

    def lift(self, kind: FaultKind) -> None:
        """Be well again; nothing happens if it was. What waits to be overtaken goes."""
        self._faults.pop(kind, None)
        for side in self._sides:
            side.line.release()

    def faults_of(
        self, direction: Direction, message: bytes
    ) -> dict[FaultKind, Seeded]:
        """Return what can happen to a message that goes in a direction."""
        if not self._faults:
            return {}
        text = message if self._say is None else self._say(message)
        return {
            kind: (fault, rng)
            for kind, (fault, rng) in self._faults.items()
            if fault.direction in ("both", direction) and fault.containing in text
        }

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong with it now."""
        return not self._faults

    def joined(self, side: _Side) -> None:
        """Take in one end of a connection, and go on to the other if it is new."""
        self._sides[side] = None
        if FaultKind.DISCONNECT in self._faults:
            side.abort()
        elif side.other is None:
            task = asyncio.create_task(self._go_on(side))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    def left(self, side: _Side) -> None:
        """Let one end of a connection go."""
        self._sides.pop(side, None)

    async def _go_on(self, side: _Side) -> None:
        far = _Side(self, self.back, other=side)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: far, *self._there)
        except OSError:  # the other end sees a lost connection, as behind any gateway
            side.abort()
        else:
            side.meet(far)

    def _drop_all(self) -> None:
        for side in list(self._sides):
            side.abort()


def require_sound(fault: Fault) -> None:
    """Refuse a fault that no wire can have.

    Raises
    ------
    ValueError
        Saying what its amount must be.
    """
    kind, amount = fault.kind, fault.amount
    if not kind.on_the_wire:
        raise ValueError(f"a wire that {kind.value!r}: that happens inside a device")
    if kind is FaultKind.DISCONNECT:
        return
    if kind is FaultKind.LATENCY and not 0 <= amount < math.inf:
        raise ValueError(f"a wire that {kind.value!r} needs the seconds that it takes")
    if kind is not FaultKind.LATENCY and not 0 <= amount <= 1:
        raise ValueError(f"a wire that {kind.value!r} needs a share of them, 0 to 1")


class _Side(asyncio.Protocol):
    """One end of a relayed connection: what comes in here goes out at the other."""

    def __init__(
        self, wire: FaultyWire, direction: Direction, other: _Side | None = None
    ) -> None:
        self._wire, self._direction, self.other = wire, direction, other
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._ahead = 0
        """Bytes of the buffer that went on already, before their message was whole."""
        self._eof_in = self._eof_out = False
        self.line = MessageLine(self._deliver)

    # What the wire does to it.

    def meet(self, other: _Side) -> None:
        """Have the other end, and take what comes."""
        self.other = other
        if self._transport is None or self._transport.is_closing():
            other.abort()
            return
        early, self._buffer = self._buffer, b""
        if early:
            self.data_received(early)
        if self._eof_in:
            self._end_other(EOF)

    def pause(self) -> None:
        """Take nothing for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take what comes."""
        if self._transport is not None:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self.line.cancel()
        if self._transport is not None:
            self._transport.abort()

    # What asyncio tells it.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """This end stands."""
        self._transport = transport  # type: ignore[assignment]
        self._wire.joined(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came: hand on every whole message, or all of them if all is well."""
        if self.other is None:
            self._buffer += data
            return
        if self._wire.cut is None:
            self._hand_on(data, self.other.line)
            return
        self._buffer += data
        while self._buffer and (length := self._wire.cut(self._buffer)):
            message, self._buffer = self._buffer[:length], self._buffer[length:]
            gone, self._ahead = min(self._ahead, length), 0
            if gone:  # it began before the fault did
                self.other.line.send(message[gone:])
            else:
                self._hand_on(message, self.other.line)
        if self._wire.is_well or len(self._buffer) > LONGEST_MESSAGE:
            self._hand_on_rest()

    def eof_received(self) -> bool:
        """This end sends no more; the other may still."""
        self._eof_in = True
        self._end_other(EOF)
        return not self._eof_out

    def connection_lost(self, exc: Exception | None) -> None:
        """This end is gone, so the other goes."""
        self._wire.left(self)
        self.line.cancel()
        if exc is not None and self.other is not None:
            self.other.abort()
        else:
            self._end_other(CLOSE)

    def pause_writing(self) -> None:
        """This end takes no more for now."""
        if self.other is not None:
            self.other.pause()

    def resume_writing(self) -> None:
        """This end takes more."""
        if self.other is not None:
            self.other.resume()

    # What it does with messages.

    def _hand_on(self, message: bytes, line: MessageLine) -> None:
        """Send a message on, or do to it what is wrong with the wire now."""
        found = self._wire.faults_of(self._direction, message)
        hit = {kind for kind, seeded in found.items() if _happens(*seeded)}
        if FaultKind.LOSS in hit:
            return
        if FaultKind.MALFORMED in hit:
            message = garbled(message, found[FaultKind.MALFORMED][1])
        late = found.get(FaultKind.LATENCY)
        wait_s = late[0].amount if late else 0.0
        if FaultKind.REORDER in hit and not line.holds:
            line.hold(message)
        else:
            line.send(message, wait_s=wait_s)
        if FaultKind.DUPLICATE in hit:
            line.send_apart(message, wait_s=wait_s + MOMENT_S)

    def _hand_on_rest(self) -> None:
        if self.other is not None and len(self._buffer) > self._ahead:
            self.other.line.send(self._buffer[self._ahead :])
            self._ahead = len(self._buffer)

    def _end_other(self, how: bytes) -> None:
        self._hand_on_rest()
        if self.other is not None:
            self.other.line.release()
            self.other.line.send(how)

    def _deliver(self, message: bytes) -> None:
        """Put what has come through the line out at this end."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if message is CLOSE or (message is EOF and self._eof_in):
            transport.close()
        elif message is EOF:
            self._eof_out = True
            transport.write_eof()
        elif not self._eof_out:
            transport.write(message)


def _happens(fault: Fault, rng: np.random.Generator) -> bool:
    """Draw whether a fault of some messages happens to this one."""
    if fault.kind in (FaultKind.LATENCY, FaultKind.DISCONNECT):
        return True
    return bool(rng.random() < fault.amount)


def garbled(message: bytes, rng: np.random.Generator) -> bytes:
    """Return a message of the same length with a stretch of its bytes changed."""
    length = max(1, round(len(message) * GARBLED_SHARE))
    first = int(rng.integers(0, len(message) - length + 1))
    noise = rng.integers(1, 256, size=length, dtype=np.uint8)
    changed = bytes(
        byte ^ int(bits)
        for byte, bits in zip(message[first : first + length], noise, strict=True)
    )
    return message[:first] + changed + message[first + length :]
