"""Modbus RTU without its silences, as gateways pass it on over TCP: where it ends."""

from __future__ import annotations

from functools import cache


def rtu_length(data: bytes, asks: bool) -> int:
    """How long the RTU frame is that begins here; 0 if it cannot be told yet.

    Source: MODBUS Application Protocol V1.1b3, 6.

    Raises
    ------
    ValueError
        If its function has no length that could be told.
    """
    if len(data) < 3:
        return 0
    function = data[1]
    if function & 0x80:
        return 5
    if function in (5, 6) or (asks and function in (1, 2, 3, 4)):
        return 8
    if function in (1, 2, 3, 4) or (not asks and function in (17, 23)):
        return 5 + data[2]
    if function in (15, 16):
        return (9 + data[6] if len(data) > 6 else 0) if asks else 8
    if asks and function == 23:
        return 13 + data[10] if len(data) > 10 else 0
    if asks and function == 17:
        return 4
    raise ValueError("a function whose length is not known")


def crc_fits(data: bytes) -> bool:
    """Whether the last two bytes are the check sum (MODBUS over serial line, 6.2.2)."""
    check = 0xFFFF
    table = _crc_table()
    for byte in data:
        check = check >> 8 ^ table[(check ^ byte) & 0xFF]
    return check == 0


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _bit in range(8):
            byte = byte >> 1 ^ 0xA001 if byte & 1 else byte >> 1
        table.append(byte)
    return tuple(table)
