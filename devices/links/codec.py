"""Numbers in 16-bit registers, both ways.

A register holds its two bytes high byte first (MODBUS Application Protocol
V1.1b3, 4.2). How a 32-bit number is spread over two registers is the maker's
choice: most put the word with the sign and exponent first; `low_first` is for
those that do not.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

Words = tuple[int, int]


def float32_of(words: Sequence[int], *, low_first: bool = False) -> float:
    """Return the IEEE 754 single held in two registers; it may be nan or inf."""
    return float(struct.unpack(">f", _joined(words, low_first))[0])


def words_of_float32(value: float, *, low_first: bool = False) -> Words:
    """Spread a number, rounded to single precision, over two registers.

    Raises
    ------
    OverflowError
        If the number is finite and too large for single precision.
    """
    return _split(struct.pack(">f", value), low_first)


def u32_of(words: Sequence[int], *, low_first: bool = False) -> int:
    """Return the unsigned 32-bit number held in two registers."""
    return int.from_bytes(_joined(words, low_first), "big")


def words_of_u32(value: int, *, low_first: bool = False) -> Words:
    """Spread an unsigned 32-bit number over two registers.

    Raises
    ------
    ValueError
        If it is outside 0 to 4,294,967,295.
    """
    if not 0 <= value < 1 << 32:
        raise ValueError(f"{value} does not fit an unsigned 32-bit number")
    return _split(value.to_bytes(4, "big"), low_first)


def s32_of(words: Sequence[int], *, low_first: bool = False) -> int:
    """Return the signed 32-bit number held in two registers."""
    return int.from_bytes(_joined(words, low_first), "big", signed=True)


def words_of_s32(value: int, *, low_first: bool = False) -> Words:
    """Spread a signed 32-bit number over two registers.

    Raises
    ------
    ValueError
        If it is outside -2,147,483,648 to 2,147,483,647.
    """
    if not -(1 << 31) <= value < 1 << 31:
        raise ValueError(f"{value} does not fit a signed 32-bit number")
    return _split(value.to_bytes(4, "big", signed=True), low_first)


def s16_of(word: int) -> int:
    """Return the signed number held in one register."""
    _check_word(word)
    return word - 0x10000 if word & 0x8000 else word


def word_of_s16(value: int) -> int:
    """Return the register that holds a signed number.

    Raises
    ------
    ValueError
        If it is outside -32,768 to 32,767.
    """
    if not -0x8000 <= value <= 0x7FFF:
        raise ValueError(f"{value} does not fit a signed 16-bit register")
    return value & 0xFFFF


def _check_word(word: int) -> None:
    if not 0 <= word <= 0xFFFF:
        raise ValueError(f"{word} is not a 16-bit register")


def _joined(words: Sequence[int], low_first: bool) -> bytes:
    first, second = words
    _check_word(first)
    _check_word(second)
    high, low = (second, first) if low_first else (first, second)
    return struct.pack(">HH", high, low)


def _split(data: bytes, low_first: bool) -> Words:
    high, low = struct.unpack(">HH", data)
    return (low, high) if low_first else (high, low)
