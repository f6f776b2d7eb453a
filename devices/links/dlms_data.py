"""The data of DLMS/COSEM: A-XDR values and the meter's clock, read strictly.

Pure: bytes in, values out. Sources: DLMS UA 1000-2 (Green Book), 9.5 (`Data`);
DLMS UA 1000-1 (Blue Book), 4.1.6.1 (date-time). Read in excerpts and open
implementations, not in the documents themselves: clause numbers are unverified.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

Value = None | bool | int | float | bytes | str | list[Any]

_NUMBERS = {
    5: ">i",
    6: ">I",
    15: ">b",
    16: ">h",
    17: ">B",
    18: ">H",
    20: ">q",
    21: ">Q",
    22: ">B",
    23: ">f",
    24: ">d",
}
"""Tag: how the number behind it is written. Green Book, 9.5, `Data`."""
_FIXED_TEXTS = {25: 12, 26: 5, 27: 4}
"""date-time, date and time with tags of their own: length."""
DEEPEST = 16
EXCERPT = 64
"""Bytes that an error quotes: a profile has a hundred thousand."""
NO_DEVIATION = -0x8000
INVALID = 0x01
"""Bit of a clock's status: it does not trust itself."""


def decode(data: bytes, at: int = 0, *, depth: int = 0) -> tuple[Value, int]:
    """Read one A-XDR value; return it and where the next one begins.

    Raises
    ------
    ValueError
        If it is cut short, too deep, or of a kind that is not read here.
    """
    tag, at = take_byte(data, at)
    if tag in (0, 255):
        return None, at
    if tag in _NUMBERS:
        size = struct.calcsize(_NUMBERS[tag])
        piece, at = _piece(data, at, size)
        number: int | float = struct.unpack(_NUMBERS[tag], piece)[0]
        return number, at
    if tag == 3:
        flag, at = take_byte(data, at)
        return bool(flag), at
    if tag in _FIXED_TEXTS:
        return _piece(data, at, _FIXED_TEXTS[tag])
    if tag in (1, 2):
        return _several(data, at, depth)
    if tag in (9, 10, 12):
        size, at = take_length(data, at)
        piece, at = _piece(data, at, size)
        return (piece if tag == 9 else piece.decode("utf-8", "replace")), at
    raise ValueError(f"data of kind {tag} is not read")


def decode_whole(data: bytes) -> Value:
    """Read one A-XDR value that is all there is.

    Raises
    ------
    ValueError
        As `decode`, or if something follows it.
    """
    value, at = decode(data)
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes behind the data")
    return value


def _several(data: bytes, at: int, depth: int) -> tuple[list[Value], int]:
    count, at = take_length(data, at)
    if depth >= DEEPEST or count > len(data) - at:
        raise ValueError("a structure that is deeper or longer than its bytes")
    values = []
    for _ in range(count):
        value, at = decode(data, at, depth=depth + 1)
        values.append(value)
    return values, at


def take_byte(data: bytes, at: int) -> tuple[int, int]:
    """Return the byte at a place, and the next place.

    Raises
    ------
    ValueError
        If there is none.
    """
    piece, at = _piece(data, at, 1)
    return piece[0], at


def take_length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length at a place, and the next place.

    Raises
    ------
    ValueError
        If it is cut short.
    """
    first, at = take_byte(data, at)
    if first < 0x80:
        return first, at
    piece, at = _piece(data, at, first & 0x7F)
    return int.from_bytes(piece, "big"), at


def _piece(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(data):
        seen = data[-EXCERPT:].hex()
        raise ValueError(f"{'…' if len(data) > EXCERPT else ''}{seen} is cut short")
    return data[at : at + size], at + size


def clock_of(
    date_time: bytes, zone: tzinfo, deviation: Literal["to UTC", "from UTC"]
) -> datetime | None:
    """Return the instant that a date-time of 12 bytes stands for, in UTC.

    The deviation is what must be added to local time to get UTC (Blue Book, 4.1.6.1:
    -60 in a British summer); some makers write what local time is ahead of UTC. Without
    one (8000), `zone` says where the clock hangs. None if the clock says of itself that
    it is invalid, or leaves parts of the time open.

    Raises
    ------
    ValueError
        If it is no date-time.
    """
    if len(date_time) != 12:
        raise ValueError(f"{date_time.hex()} is no date-time")
    year, month, day, _, hour, minute, second, hundredths, minutes, status = (
        struct.unpack(">HBBBBBBBhB", date_time)
    )
    if status & INVALID or year == 0xFFFF or 0xFF in (month, day, hour, minute, second):
        return None
    part = 0 if hundredths == 0xFF else hundredths
    local = datetime(year, month, day, hour, minute, second, part * 10_000)  # noqa: DTZ001
    if minutes == NO_DEVIATION:
        fold = int(not status & 0x80)
        return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    ahead = timedelta(minutes=minutes)
    offset = ahead if deviation == "to UTC" else -ahead
    return (local + offset).replace(tzinfo=UTC)


def date_time_of(
    at: datetime, zone: tzinfo, deviation: Literal["to UTC", "from UTC"]
) -> bytes:
    """Encode an instant as a date-time of 12 bytes, as a clock in that zone has it.

    The opposite of `clock_of`.
    """
    local = at.astimezone(zone)
    offset = local.utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    return struct.pack(
        ">HBBBBBBBhB",
        local.year,
        local.month,
        local.day,
        local.isoweekday(),
        local.hour,
        local.minute,
        local.second,
        local.microsecond // 10_000,
        -minutes if deviation == "to UTC" else minutes,
        0x80 if local.dst() else 0,
    )
