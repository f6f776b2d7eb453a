"""Writing pcapng: whole frames, nanosecond stamps, and how many were lost.

Source: PCAP Next Generation Capture File Format, draft-ietf-opsawg-pcapng: 4.1 (Section
Header Block), 4.2 (Interface Description), 4.3 (Enhanced Packet), 4.6 (Interface
Statistics), 3.5 (options).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

SECTION, INTERFACE, STATISTICS, PACKET = 0x0A0D0D0A, 1, 5, 6
BYTE_ORDER = 0x1A2B3C4D
COMMENT, END_OF_OPTIONS = 1, 0
USER_APPLICATION = 4
IF_NAME, IF_TSRESOL, IF_FILTER = 2, 9, 11
ISB_START, ISB_END, ISB_RECEIVED, ISB_DROPPED = 2, 3, 4, 5
NANOSECONDS = bytes([9])
"""if_tsresol: stamps count 10^-9 s (4.2, table 5)."""
UNKNOWN_LENGTH = 0xFFFF_FFFF_FFFF_FFFF
_PACKET_HEAD = struct.Struct("<IIIIIII")
_LEAST = {INTERFACE: 8, PACKET: 20}
"""Bytes that a block of a kind holds at least."""
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface that is captured."""

    name: str
    link_type: int
    """1 Ethernet, 101 raw IP: the registry of link types at tcpdump.org."""
    filter: str = ""
    """What was kept, in words; empty for everything."""


@dataclass(slots=True)
class Counts:
    """What one interface delivered and lost."""

    received: int = 0
    """Frames that the kernel had for us."""
    dropped: int = 0
    """Of these, the ones that it threw away since we were too slow."""


class Writer:
    """Writes one section: opened with its interfaces, closed with their statistics.

    Parameters
    ----------
    file : BinaryIO
        Open for writing; stays the caller's to close.
    interfaces : sequence of Interface
        Packets name them by their place in it.
    application, comment : str
        Who captured, and for which run.
    """

    def __init__(
        self, file: BinaryIO, interfaces: Sequence[Interface], *, application: str,
        comment: str,
    ) -> None:  # fmt: skip
        self._file = file
        head = struct.pack("<IHHQ", BYTE_ORDER, 1, 0, UNKNOWN_LENGTH)
        said = [(COMMENT, comment.encode()), (USER_APPLICATION, application.encode())]
        file.write(_block(SECTION, head, said))
        for interface in interfaces:
            options = [(IF_NAME, interface.name.encode()), (IF_TSRESOL, NANOSECONDS)]
            if interface.filter:  # byte 0: a filter in words (4.2)
                options.append((IF_FILTER, b"\0" + interface.filter.encode()))
            body = struct.pack("<HHI", interface.link_type, 0, 0)
            file.write(_block(INTERFACE, body, options))

    def packet(
        self, interface: int, time_ns: int, data: memoryview, *, length: int
    ) -> None:
        """Write one frame as captured; `length` is what it was on the wire."""
        caught = len(data)
        padding = _PADDING[caught & 3]
        whole = 32 + caught + len(padding)
        write = self._file.write
        write(
            _PACKET_HEAD.pack(
                PACKET, whole, interface, time_ns >> 32, time_ns & 0xFFFF_FFFF,
                caught, length,
            )
        )  # fmt: skip
        write(data)
        write(padding + whole.to_bytes(4, "little"))

    def statistics(
        self, interface: int, counts: Counts, *, start_ns: int, end_ns: int
    ) -> None:
        """Write what an interface delivered and lost between two moments."""
        body = struct.pack("<I", interface) + _stamp(end_ns)
        options = [
            (ISB_START, _stamp(start_ns)),
            (ISB_END, _stamp(end_ns)),
            (ISB_RECEIVED, struct.pack("<Q", counts.received)),
            (ISB_DROPPED, struct.pack("<Q", counts.dropped)),
        ]
        self._file.write(_block(STATISTICS, body, options))


def _stamp(time_ns: int) -> bytes:
    return struct.pack("<II", time_ns >> 32, time_ns & 0xFFFF_FFFF)


def _block(kind: int, body: bytes, options: Sequence[tuple[int, bytes]]) -> bytes:
    written = b"".join(
        struct.pack("<HH", code, len(value)) + value + _PADDING[len(value) & 3]
        for code, value in options
        if value
    )
    if written:
        written += struct.pack("<HH", END_OF_OPTIONS, 0)
    whole = 12 + len(body) + len(written)
    return struct.pack("<II", kind, whole) + body + written + struct.pack("<I", whole)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it was captured."""

    time_ns: int
    """When, by the kernel, since 1970. [ns]"""
    link_type: int
    data: bytes
    length: int
    """How long it was on the wire; more than `data` where it was cut."""


def read(file: BinaryIO) -> Iterator[Frame]:
    """Read the frames of a file that `Writer` wrote, as far as it is whole.

    A capture that was killed ends within a block: what went before is read.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    interfaces: list[int] = []
    for kind, body in _blocks(file):
        if len(body) < _LEAST.get(kind, 0):
            raise ValueError("a block in it is too short")
        if kind == INTERFACE:
            interfaces.append(struct.unpack_from("<H", body)[0])
        elif kind == PACKET:
            number, high, low, caught, length = struct.unpack_from("<IIIII", body)
            if number >= len(interfaces) or caught > len(body) - 20:
                raise ValueError("a packet in it contradicts itself")
            data = body[20 : 20 + caught]
            yield Frame(high << 32 | low, interfaces[number], data, length)


def _blocks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    first = True
    while len(head := file.read(8)) == 8:
        kind, whole = struct.unpack("<II", head)
        if whole < 12 or whole & 3 or (first and kind != SECTION):
            raise ValueError("it is no capture that this program wrote")
        rest = file.read(whole - 8)
        if len(rest) < whole - 8:
            return
        if first and struct.unpack_from("<I", rest)[0] != BYTE_ORDER:
            raise ValueError("it is of another byte order than this program writes")
        if struct.unpack_from("<I", rest, whole - 12)[0] != whole:
            raise ValueError("a block in it contradicts itself")
        first = False
        yield kind, rest[:-4]
    if first:
        raise ValueError("it is no capture that this program wrote")
