"""A conforming Modbus server for emulators: TCP, RTU over TCP, RTU on a pty.

Shares no code with the client link, so that a mistake in one is seen by the other.

Choices where the documents leave one:

- Modbus TCP, another unit: exception 0B, as a gateway answers for a unit that is not
  on its bus (Application Protocol V1.1b3, section 7). Units 0 and 255 mean the device
  itself (Messaging on TCP/IP V1.0b, 4.4.1.2; clause number unverified).
- Modbus TCP, protocol id other than 0: silence (same guide, 4.4.2.1, number
  unverified: the header is checked and the indication discarded). A length that no
  frame can have: the place in the stream is lost, so the connection is closed.
- RTU: a burst whose check sum is wrong is discarded whole, and so is a frame with a
  gap in it (MODBUS over serial line V1.02, 2.5.1.1). A general-purpose system
  cannot time 1.5 characters; the gap is 20 ms on a port, 50 ms on TCP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Literal

from devices.links.loopback import Session, serve_port, serve_terminal
from devices.links.modbus_pdu import (
    TARGET_FAILED,
    USUAL_FUNCTIONS,
    Coils,
    ModbusRefusal,
    ModbusSilence,
    Registers,
    answer,
    crc16,
    is_write,
    rtu_request_size,
)

__all__ = [
    "Coils",
    "ModbusRefusal",
    "ModbusSilence",
    "Registers",
    "serve_serial",
    "serve_tcp",
]

SERIAL_GAP_S = 0.02
TCP_GAP_S = 0.05
BITS_PER_CHARACTER = 11
"""Start, 8 data, parity or second stop, stop. Serial line V1.02, 2.5.1."""


class TcpFraming:
    """Cuts a Modbus TCP stream into requests, and wraps their replies."""

    def __init__(self, serve: Callable[[bytes], bytes], unit: int) -> None:
        self._serve, self._unit = serve, unit
        self._buffer = b""

    def receive(self, data: bytes, _now_s: float) -> tuple[list[bytes], bool]:
        """Return the replies due, and whether the stream is still in step."""
        buffer = self._buffer + data if self._buffer else data
        replies: list[bytes] = []
        while len(buffer) >= 7:
            length = buffer[4] << 8 | buffer[5]
            if not 2 <= length <= 254:
                return replies, False
            if len(buffer) < 6 + length:
                break
            if buffer[2:4] == b"\0\0":
                replies += self._reply(buffer[:7], buffer[7 : 6 + length])
            buffer = buffer[6 + length :]
        self._buffer = buffer
        return replies, True

    def _reply(self, header: bytes, request: bytes) -> list[bytes]:
        if header[6] in (self._unit, 0, 255):
            body = self._serve(request)
        elif request[0] <= 0x7F:
            body = bytes((request[0] | 0x80, TARGET_FAILED))
        else:
            body = b""
        length = (len(body) + 1).to_bytes(2, "big")
        return [header[:4] + length + header[6:7] + body] if body else []


class RtuFraming:
    """Cuts RTU bursts into requests by length and check sum."""

    def __init__(
        self, serve: Callable[[bytes], bytes], unit: int, gap_s: float
    ) -> None:
        self._serve, self._unit, self._gap_s = serve, unit, gap_s
        self._buffer = b""
        self._heard_s = 0.0

    def receive(self, data: bytes, now_s: float) -> tuple[list[bytes], bool]:
        """Return the replies due; RTU never falls out of step for good."""
        if self._buffer and now_s - self._heard_s > self._gap_s:
            self._buffer = b""
        self._heard_s = now_s
        buffer, replies = self._buffer + data, list[bytes]()
        while buffer:
            size = rtu_request_size(buffer)
            if size is None:
                size = len(buffer)
            if size == 0 or len(buffer) < size:
                break
            frame, buffer = buffer[:size], buffer[size:]
            if size < 4 or crc16(frame[:-2]) != frame[-2:]:
                buffer = b""
                break
            replies += self._reply(frame[0], frame[1:-2])
        self._buffer = buffer[-256:]
        return replies, True

    def _reply(self, unit: int, request: bytes) -> list[bytes]:
        """One reply, or none: for a broadcast, another unit, another's reply."""
        if unit == 0 and is_write(request[0]):
            self._serve(request)
        if unit != self._unit:
            return []
        body = self._serve(request)
        frame = bytes((unit,)) + body
        return [frame + crc16(frame)] if body else []


@asynccontextmanager
async def serve_tcp(
    registers: Registers,
    *,
    unit: int,
    port: int = 0,
    framing: Literal["tcp", "rtu"] = "tcp",
    functions: Collection[int] = USUAL_FUNCTIONS,
    reply_delay_s: Callable[[], float] | None = None,
) -> AsyncIterator[str]:
    """Serve registers on a loopback port; yield the address to dial.

    Parameters
    ----------
    registers : Registers
        The emulator. A defect in it is not hidden: the connection breaks.
    unit : int
        The unit id that is served, 1 to 247.
    port : int
        Port on 127.0.0.1; 0 lets the kernel choose.
    framing : {"tcp", "rtu"}
        Modbus TCP, or RTU frames over TCP as RS-485 gateways carry them.
    functions : collection of int
        Function codes that the device knows; any other is refused with 01.
    reply_delay_s : callable, optional
        Drawn for each reply: how long the device takes to answer. [s]
    """
    delay_s = None if reply_delay_s is None else (lambda _reply: reply_delay_s())
    scheme = "modbus" if framing == "tcp" else "rtu+tcp"

    def serve(request: bytes) -> bytes:
        return answer(registers, request, functions)

    def session() -> Session:
        if framing == "tcp":
            return TcpFraming(serve, unit)
        return RtuFraming(serve, unit, TCP_GAP_S)

    async with serve_port(session, port=port, delay_s=delay_s) as chosen:
        yield f"{scheme}://127.0.0.1:{chosen}/{unit}"


@asynccontextmanager
async def serve_serial(
    registers: Registers,
    *,
    unit: int,
    baud: int = 9600,
    functions: Collection[int] = USUAL_FUNCTIONS,
) -> AsyncIterator[str]:
    """Serve registers on a pseudo-terminal (wall clock only); yield its address.

    A pseudo-terminal has no line speed of its own, so that each reply is held
    back for the time that the reply's characters would take on the wire, plus
    the silence that parts it from the request.
    """
    framing = RtuFraming(
        lambda request: answer(registers, request, functions), unit, SERIAL_GAP_S
    )

    def delay_s(reply: bytes) -> float:
        return (len(reply) + 8 + 3.5) * BITS_PER_CHARACTER / baud

    async with serve_terminal(framing, delay_s=delay_s) as path:
        yield f"serial:{path}?baud={baud}&parity=N&stop=1&unit={unit}"
