"""DLMS/COSEM in parts: a range of a profile, and data that comes in blocks.

Pure: bytes in, bytes out. Sources: DLMS UA 1000-2 (Green Book), 9.3.6 (GET) and 9.5
(Get-Request-Normal, -Next, Get-Response-With-Datablock); DLMS UA 1000-1 (Blue Book),
4.3.6 (profile generic, range_descriptor). Read in excerpts and open implementations,
not in the documents themselves: clause numbers are unverified.
"""

from __future__ import annotations

import struct

from devices.links.dlms_data import take_byte, take_length

BY_RANGE = 1
"""Access selector of a profile's buffer: entries from a value to a value."""
MOST_DATA = 4 << 20
"""More than this is no profile: one of 90 days in periods of 5 minutes is 0.7 MB."""


def descriptor(interface: int, name: str, attribute: int) -> bytes:
    """Encode which attribute of which object is meant."""
    parts = bytes(int(part) for part in name.split("."))
    return struct.pack(">H", interface) + parts + struct.pack(">b", attribute)


def by_range(restricting: bytes, since: bytes, until: bytes) -> bytes:
    """Encode a selection: all columns of the entries from one value to another.

    `restricting` is the descriptor of the column that is compared, such as the clock;
    both values are encoded data.
    """
    interface, name, attribute = restricting[:2], restricting[2:8], restricting[8:]
    column = (
        b"\x02\x04"
        + (b"\x12" + interface)
        + (b"\x09\x06" + name)
        + (b"\x0f" + attribute)
        + b"\x12\x00\x00"
    )
    every_column = b"\x01\x00"
    return bytes((BY_RANGE,)) + b"\x02\x04" + column + since + until + every_column


def octets(data: bytes) -> bytes:
    """Encode an octet-string of up to 127 bytes."""
    return b"\x09" + bytes((len(data),)) + data


def part_request(wanted: bytes, selection: bytes, *, number: int) -> bytes:
    """Make a GET for one attribute, all of it or a selection."""
    head = bytes((0xC0, 1, 0xC0 | number)) + wanted
    return head + (b"\x01" + selection if selection else b"\x00")


def next_request(block: int, *, number: int) -> bytes:
    """Ask for what follows a block."""
    return bytes((0xC0, 2, 0xC0 | number)) + struct.pack(">I", block)


def is_block(reply: bytes) -> bool:
    """Whether a reply is one block of several."""
    return reply[:2] == b"\xc4\x02"


def parse_block(reply: bytes, *, number: int, block: int) -> tuple[bytes | int, bool]:
    """Read one block: its piece of the data, or why there is none; and if it is last.

    Raises
    ------
    ValueError
        If it is none, answers another request, or is another block.
    """
    if not is_block(reply) or len(reply) < 9:
        raise ValueError(f"{reply[:32].hex()} is no block of a get response")
    if reply[2] & 0x0F != number:
        raise ValueError(f"a block of request {reply[2] & 15}, not {number}")
    last, given = bool(reply[3]), int.from_bytes(reply[4:8], "big")
    if given != block:
        raise ValueError(f"block {given} where {block} was due")
    choice, at = take_byte(reply, 8)
    if choice == 1:
        code, _ = take_byte(reply, at)
        return code, True
    size, at = take_length(reply, at)
    piece = reply[at:]
    if choice or len(piece) != size or not (piece or last):
        raise ValueError(f"block {block} does not hold what it says")
    return piece, last
