"""The Modbus client link: one request at a time, no silent retries, every frame kept.

The only module that imports pymodbus. Frames are built and split by pymodbus, so
that a misreading of ours cannot hide on both sides of the wire: the emulated side
(`devices.links.modbus_server`) shares no code with this one. The transaction is
ours (`devices.links.modbus_wire`), because pymodbus 3.16 sits out its time-out when
a connection is lost and drops a garbled frame without saying so.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import serial
from pymodbus.framer import FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU, ReadHoldingRegistersRequest
from pymodbus.pdu.bit_message import ReadCoilsRequest, WriteMultipleCoilsRequest
from pymodbus.pdu.register_message import (
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)
from pymodbus.transport.serialtransport import create_serial_connection

from devices.links.modbus_address import ModbusAddress, parse_modbus_address
from devices.links.modbus_wire import Asked, Connection, Wire
from harness.core.bench import DeviceContext, DeviceEvent
from harness.core.errors import LinkError, RefusedError, RigError

logging.getLogger("pymodbus").addHandler(logging.NullHandler())

EXCEPTIONS = {
    1: ("illegal function", "a driver that fits this model"),
    2: ("illegal data address", "the register map of this very model"),
    3: ("illegal data value", "a value and a count within the maker's range"),
    4: ("server device failure", "the device's own display for a fault"),
    5: ("acknowledge, still working", "a longer poll interval"),
    6: ("server device busy", "a longer poll interval"),
    8: ("memory parity error", "the device's own display for a fault"),
    10: ("gateway path unavailable", "the gateway's settings"),
    11: ("gateway target device failed to respond", "the unit id and its wire"),
}
"""Exception code: meaning, and what to try. Source: MODBUS Application Protocol
Specification V1.1b3, section 7."""


class RegisterRefused(RefusedError):
    """The device answered, with an exception code."""

    def __init__(self, where: str, register: int, code: int) -> None:
        meaning, hint = EXCEPTIONS.get(code, ("not in the standard", "the manual"))
        fact = f"register {register} refused: exception {code} ({meaning})"
        super().__init__(where, fact, hint)
        self.register, self.code = register, code


class ModbusLink:
    """One Modbus unit behind a socket or a serial port.

    Nothing is retried: each request is sent once and is answered, or raised as
    `LinkError`, within `timeout_s` (and as long again if the wire must be opened
    or a late reply awaited first). After a loss the next request connects anew.

    Parameters
    ----------
    context : DeviceContext
        Gives the address, and takes every frame verbatim in hex.
    timeout_s : float
        Longest wait for a reply, and for a connection. [s]

    Raises
    ------
    RigError
        If the address has none of the forms of `modbus_address.FORMS`.
    """

    def __init__(self, context: DeviceContext, *, timeout_s: float = 1.0) -> None:
        self.address = parse_modbus_address(context.where, context.address)
        self.failures = 0
        """Requests that got no usable reply; a refusal is a reply."""
        self._context = context
        self._where = f"{context.where} {context.address}"
        self._timeout_s = timeout_s
        self._framer = _framer(self.address)
        self._reads: dict[tuple[type[ModbusPDU], int, int], ModbusPDU] = {}
        self._frames: dict[ModbusPDU, bytes] = {}
        self._wire: Wire | None = None

    async def connect(self) -> None:
        """Open the socket or port.

        Raises
        ------
        LinkError
            If nobody listens or the port cannot be opened, in bounded time.
        """
        wire = self._joined()
        async with wire.lock:
            await self._opened(wire)

    def close(self) -> None:
        """Let go of the wire; safe to call twice."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.leave(self)

    async def read_holding(self, address: int, count: int) -> list[int]:
        """Read holding registers (function 03), as 16-bit words."""
        request = self._reading(ReadHoldingRegistersRequest, address, count)
        return self._words(await self._ask(request), request)

    async def read_input(self, address: int, count: int) -> list[int]:
        """Read input registers (function 04), as 16-bit words."""
        request = self._reading(ReadInputRegistersRequest, address, count)
        return self._words(await self._ask(request), request)

    async def read_coils(self, address: int, count: int) -> list[bool]:
        """Read coils (function 01)."""
        request = ReadCoilsRequest(address=address, count=count)
        reply = await self._ask(request)
        size = (count + 7) // 8
        if len(reply) != 2 + size or reply[1] != size:
            raise self._unfit(request, reply)
        packed = int.from_bytes(reply[2:], "little")
        return [bool(packed >> place & 1) for place in range(count)]

    async def write_coils(self, address: int, values: Sequence[bool]) -> None:
        """Write adjacent coils at once (function 15) and check the echo."""
        if not 1 <= len(values) <= 1968:
            raise ValueError(f"1 to 1968 coils fit one write, not {len(values)}")
        request = WriteMultipleCoilsRequest(address=address, bits=list(values))
        self._check_echo(await self._ask(request), request, len(values))

    async def write_register(self, address: int, value: int) -> None:
        """Write one holding register (function 06) and check the echo."""
        _check_words([value])
        request = WriteSingleRegisterRequest(address=address, registers=[value])
        self._check_echo(await self._ask(request), request, value)

    async def write_registers(self, address: int, values: Sequence[int]) -> None:
        """Write adjacent holding registers (function 16) and check the echo."""
        _check_words(values)
        if not 1 <= len(values) <= 123:
            raise ValueError(f"1 to 123 registers fit one write, not {len(values)}")
        request = WriteMultipleRegistersRequest(address=address, registers=list(values))
        self._check_echo(await self._ask(request), request, len(values))

    def _reading(self, kind: type[ModbusPDU], address: int, count: int) -> ModbusPDU:
        """Return a request to read words: made and framed once, and asked all day."""
        key = kind, address, count
        request = self._reads.get(key)
        if request is None:
            request = self._reads[key] = kind(address=address, count=count)
            self._frames[request] = self._built(request)
        return request

    def _built(self, request: ModbusPDU) -> bytes:
        request.verifyAddress()
        request.dev_id = self.address.unit
        return self._framer.buildFrame(request)

    def _frame(self, request: ModbusPDU) -> bytes:
        """Return a request's frame.

        Modbus TCP numbers its frames in their first two bytes; RTU does not.
        """
        frame = self._frames.get(request)
        if frame is None:
            return self._built(request)
        if self.address.wire == "tcp":
            return request.transaction_id.to_bytes(2, "big") + frame[2:]
        return frame

    async def _ask(self, request: ModbusPDU) -> bytes:
        """Send one request; return its reply from the function code on."""
        wire = self._joined()
        try:
            async with wire.lock:
                connection = await self._opened(wire)
                request.transaction_id = connection.next_tid()
                frame = self._frame(request)
                asked = self._asked(request, connection.new_answer())
                reply = await connection.ask(frame, asked)
        except LinkError:
            self.failures += 1
            raise
        if reply[0] & 0x80:
            raise RegisterRefused(self._where, request.address, reply[1])
        return reply

    def _asked(self, request: ModbusPDU, answer: asyncio.Future[bytes]) -> Asked:
        asked = Asked(
            self._where,
            self.address.unit,
            request.function_code,
            trace=self._context.wire,
            timeout_s=self._timeout_s,
            answer=answer,
        )
        asked.tid = request.transaction_id
        return asked

    def _words(self, reply: bytes, request: ModbusPDU) -> list[int]:
        if len(reply) != 2 + 2 * request.count or reply[1] != 2 * request.count:
            raise self._unfit(request, reply)
        return list(struct.unpack_from(f">{request.count}H", reply, 2))

    def _check_echo(self, reply: bytes, request: ModbusPDU, second: int) -> None:
        if reply[1:] != struct.pack(">HH", request.address, second):
            raise self._unfit(request, reply)

    def _unfit(self, request: ModbusPDU, reply: bytes) -> LinkError:
        self.failures += 1
        if self._wire is not None and self._wire.connection is not None:
            self._wire.connection.distrust(self._timeout_s)
        fact = f"reply for register {request.address} does not fit: {reply.hex()}"
        return LinkError(self._where, fact, "the wire, and other clients on it")

    def _joined(self) -> Wire:
        if self._wire is None:
            self._wire = _wire_for(self.address, self._context.where)
            self._wire.speakers.append(self)
        return self._wire

    async def _opened(self, wire: Wire) -> Connection:
        if wire.connection is None:
            if self.address.wire == "serial" and self._context.clock.is_virtual:
                raise RigError(
                    self._where,
                    "a serial port cannot take part in virtual time",
                    'clock = "wall" in [rig], or an rtu+tcp:// address',
                )
            connection = Connection(wire, self._framer.decode)
            await _open(connection, self.address, self._where, self._timeout_s)
            wire.opened(connection)
            return connection
        return wire.connection

    def notify(self, kind: str, detail: str) -> None:
        """Tell the bench that the wire was connected or lost."""
        self._context.notify(DeviceEvent(self._context.role, kind, detail))

    def stray(self, data: bytes) -> None:
        """Keep bytes that answer no request."""
        self._context.wire(False, data.hex())


def _check_words(values: Sequence[int]) -> None:
    for value in values:
        if not 0 <= value <= 0xFFFF:
            raise ValueError(f"{value} does not fit a 16-bit register")


def _framer(address: ModbusAddress) -> FramerBase:
    decoder = DecodePDU(False)
    return FramerSocket(decoder) if address.wire == "tcp" else FramerRTU(decoder)


_BUSES: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Wire]] = (
    WeakKeyDictionary()
)
"""RTU wires in use: units on one bus take turns, however many links there are."""


def _wire_for(address: ModbusAddress, where: str) -> Wire:
    """A wire of one's own for Modbus TCP, the shared one for a bus."""
    if address.wire == "tcp":
        return Wire(address)
    buses = _BUSES.setdefault(asyncio.get_running_loop(), {})
    wire = buses.get(address.endpoint)
    if wire is None or not wire.speakers:
        wire = buses[address.endpoint] = Wire(address)
    first = wire.address
    if (first.baud, first.parity, first.stop_bits) != (
        address.baud,
        address.parity,
        address.stop_bits,
    ):
        raise RigError(
            f"{where} address",
            f"{address.endpoint} is already in use with other line settings",
            f"baud={first.baud}&parity={first.parity}&stop={first.stop_bits} for both",
        )
    return wire


async def _open(
    connection: Connection, address: ModbusAddress, where: str, timeout_s: float
) -> None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            if address.wire == "serial":
                await _open_serial(loop, connection, address)
            else:
                await loop.create_connection(
                    lambda: connection, address.host, address.port
                )
    except TimeoutError as error:
        fact = f"no connection within {timeout_s:g} s"
        raise LinkError(where, fact, "the power, the network and the port") from error
    except serial.SerialException as error:
        fact = f"the port cannot be opened: {error}"
        raise LinkError(
            where, fact, "the cable, the port's name, its rights"
        ) from error
    except OSError as error:
        fact = f"nobody listens ({os.strerror(error.errno or 0)})"
        raise LinkError(where, fact, "the power, the host and the port") from error


async def _open_serial(
    loop: asyncio.AbstractEventLoop, connection: Connection, address: ModbusAddress
) -> None:
    await create_serial_connection(
        loop,
        lambda: connection,
        address.path,
        baudrate=address.baud,
        bytesize=8,
        parity=address.parity,
        stopbits=address.stop_bits,
        timeout=0,
    )
    await connection.made.wait()
