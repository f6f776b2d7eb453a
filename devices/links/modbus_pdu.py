"""What a conforming Modbus server answers to one request, and how RTU frames end.

Pure: bytes in, bytes out. Source: MODBUS Application Protocol Specification V1.1b3,
section 6 (functions, with their order of checks) and section 7 (exception codes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Sequence
from typing import Protocol, runtime_checkable

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_FAILURE = 4
TARGET_FAILED = 11


class ModbusRefusal(Exception):
    """A request cannot be served; the reply carries this exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ModbusSilence(Exception):
    """The device does not answer at all, as one without power."""


class Registers(Protocol):
    """What an emulator implements: 16-bit words at 0-based wire addresses.

    The server has checked counts already. Each method raises `ModbusRefusal`, as
    a rule with `ILLEGAL_ADDRESS`, for what the device does not have.
    """

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Return `count` input registers (function 04)."""
        ...

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Return `count` holding registers (function 03)."""
        ...

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Write holding registers (functions 06 and 16)."""
        ...


@runtime_checkable
class Coils(Protocol):
    """What an emulator implements as well if its device has single bits."""

    def read_coils(self, address: int, count: int) -> Sequence[bool]:
        """Return `count` coils (function 01)."""
        ...

    def read_discretes(self, address: int, count: int) -> Sequence[bool]:
        """Return `count` discrete inputs (function 02)."""
        ...

    def write_coils(self, address: int, values: Sequence[bool]) -> None:
        """Write coils (functions 05 and 15)."""
        ...


USUAL_FUNCTIONS = frozenset({1, 2, 3, 4, 5, 6, 15, 16})
"""What a server does unless its device does less (or more: 8, an echo)."""


def answer(
    registers: Registers, request: bytes, functions: Collection[int] = USUAL_FUNCTIONS
) -> bytes:
    """Return the reply to a request, both from the function code on.

    Empty if nothing is to be sent: the device keeps silent, or this is no request
    (function codes end at 127; what is above them are exception replies).
    """
    function = request[0]
    if function > 0x7F:
        return b""
    try:
        if function not in functions:
            raise ModbusRefusal(ILLEGAL_FUNCTION)
        return _FUNCTIONS[function](registers, request)
    except ModbusRefusal as refusal:
        return bytes((function | 0x80, refusal.code))
    except ModbusSilence:
        return b""


def _two_words(request: bytes) -> tuple[int, int]:
    """Address and count (or value) of the many requests that are 5 bytes long."""
    if len(request) != 5:
        raise ModbusRefusal(ILLEGAL_VALUE)
    address, second = struct.unpack_from(">HH", request, 1)
    return address, second


def _check_span(address: int, count: int, highest: int) -> None:
    """Quantity before address: the order of the state diagrams of section 6."""
    if not 1 <= count <= highest:
        raise ModbusRefusal(ILLEGAL_VALUE)
    if address + count > 0x10000:
        raise ModbusRefusal(ILLEGAL_ADDRESS)


def _read_words(registers: Registers, request: bytes) -> bytes:
    address, count = _two_words(request)
    _check_span(address, count, 125)
    is_input = request[0] == 4
    read = registers.read_input if is_input else registers.read_holding
    return struct.pack(f">BB{count}H", request[0], 2 * count, *read(address, count))


def _write_word(registers: Registers, request: bytes) -> bytes:
    address, value = _two_words(request)
    registers.write_holding(address, [value])
    return request


def _write_words(registers: Registers, request: bytes) -> bytes:
    address, count, data = _many(request)
    _check_span(address, count, 123)
    if len(data) != 2 * count:
        raise ModbusRefusal(ILLEGAL_VALUE)
    registers.write_holding(address, struct.unpack(f">{count}H", data))
    return request[:5]


def _many(request: bytes) -> tuple[int, int, bytes]:
    """Address, count and data of a multiple write whose byte count is honest."""
    if len(request) < 6 or len(request) != 6 + request[5]:
        raise ModbusRefusal(ILLEGAL_VALUE)
    address, count = struct.unpack_from(">HH", request, 1)
    return address, count, request[6:]


def _coils(registers: Registers) -> Coils:
    if not isinstance(registers, Coils):
        raise ModbusRefusal(ILLEGAL_FUNCTION)
    return registers


def _read_bits(registers: Registers, request: bytes) -> bytes:
    coils = _coils(registers)
    address, count = _two_words(request)
    _check_span(address, count, 2000)
    read = coils.read_coils if request[0] == 1 else coils.read_discretes
    packed = sum(bit << place for place, bit in enumerate(read(address, count)))
    size = (count + 7) // 8
    return bytes((request[0], size)) + packed.to_bytes(size, "little")


def _write_bit(registers: Registers, request: bytes) -> bytes:
    coils = _coils(registers)
    address, value = _two_words(request)
    if value not in (0x0000, 0xFF00):
        raise ModbusRefusal(ILLEGAL_VALUE)
    coils.write_coils(address, [value == 0xFF00])
    return request


def _write_bits(registers: Registers, request: bytes) -> bytes:
    coils = _coils(registers)
    address, count, data = _many(request)
    _check_span(address, count, 1968)
    if len(data) != (count + 7) // 8:
        raise ModbusRefusal(ILLEGAL_VALUE)
    packed = int.from_bytes(data, "little")
    coils.write_coils(address, [bool(packed >> place & 1) for place in range(count)])
    return request[:5]


def _echo(_registers: Registers, request: bytes) -> bytes:
    """Diagnostics, sub-function 0: return the query's data (section 6.8)."""
    if request[1:3] != b"\0\0":
        raise ModbusRefusal(ILLEGAL_FUNCTION)
    if len(request) != 5:
        raise ModbusRefusal(ILLEGAL_VALUE)
    return request


_FUNCTIONS: dict[int, Callable[[Registers, bytes], bytes]] = {
    1: _read_bits,
    2: _read_bits,
    3: _read_words,
    4: _read_words,
    5: _write_bit,
    6: _write_word,
    8: _echo,
    15: _write_bits,
    16: _write_words,
}


def is_write(function: int) -> bool:
    """Whether a function changes something, so that a broadcast of it makes sense."""
    return function in (5, 6, 15, 16)


def _crc_table() -> tuple[int, ...]:
    table = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


_CRC = _crc_table()


def crc16(data: bytes) -> bytes:
    """Return the check sum of an RTU frame, as sent: low byte first.

    Source: MODBUS over serial line V1.02, 6.2.2 (polynomial A001, start FFFF).
    """
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def rtu_request_size(head: bytes) -> int | None:
    """Length of the RTU request that begins here, check sum and all.

    Zero if more bytes are needed to tell, None if the function gives no length.
    """
    if len(head) < 2:
        return 0
    if head[1] in (15, 16):
        return 9 + head[6] if len(head) > 6 else 0
    return 8 if head[1] in (1, 2, 3, 4, 5, 6, 8) else None
