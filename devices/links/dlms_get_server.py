"""What a meter answers to a GET: one attribute, a list, a range of a profile, blocks.

For emulators, and like `devices.links.dlms_server` without a line of the client's code.
Sources are the same. A reply that is larger than the client or the meter can take in
one piece goes out in blocks; a client that did not ask for blocks does not get it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

OBJECT_UNDEFINED, READ_WRITE_DENIED, OTHER_REASON = 4, 3, 250
DATA_BLOCK_UNAVAILABLE, NO_LONG_GET, WRONG_BLOCK = 14, 16, 19
"""data-access-result. Green Book, 9.5."""
GET, MULTIPLE_REFERENCES, BLOCKS, SELECTIVE = 1 << 4, 1 << 9, 1 << 12, 1 << 2
"""Bits of the conformance block, the last of 24 being bit 0."""
MOST, LEAST = 1024, 64
"""Octets of a reply, as the association says; and what a client must at least take."""
BY_RANGE = 1
NOT_SUPPORTED = bytes.fromhex("d80102")
"""exception-response: service not allowed, service not supported."""


class DataRefused(Exception):
    """Why there is no data: a data-access-result."""

    def __init__(self, code: int) -> None:
        super().__init__(f"data-access-result {code}")
        self.code = code


ObjectKey = tuple[int, bytes, int]
"""Class, logical name, attribute."""
Parts = Callable[[bytes], bytes]
"""Gives encoded data for a selection (empty for all of it), or raises `DataRefused`."""
Objects = Mapping[ObjectKey, bytes | Parts]
"""Every attribute: its data, or what gives parts of it."""


def selected_range(selection: bytes, column: bytes) -> tuple[bytes, bytes]:
    """Return from what date-time to what a selection goes; 12 bytes each.

    `column` is the one that it must be about: class, name and attribute. All columns
    are given, or none.

    Raises
    ------
    DataRefused
        For another selector, another column, or a choice of columns.
    """
    head = bytes((BY_RANGE,)) + b"\x02\x04\x02\x04"
    about = (
        (b"\x12" + column[:2])
        + (b"\x09\x06" + column[2:8])
        + (b"\x0f" + column[8:])
        + b"\x12\x00\x00"
    )
    rest = selection.removeprefix(head + about)
    if rest == selection:
        raise DataRefused(OTHER_REASON)
    since, rest = _date_time(rest)
    until, rest = _date_time(rest)
    if rest != b"\x01\x00":
        raise DataRefused(OTHER_REASON)
    return since, until


def _date_time(data: bytes) -> tuple[bytes, bytes]:
    """Take a date-time, as an octet-string or with its own tag."""
    for tag in (b"\x09\x0c", b"\x19"):
        if data.startswith(tag) and len(data) >= len(tag) + 12:
            return data[len(tag) : len(tag) + 12], data[len(tag) + 12 :]
    raise DataRefused(OTHER_REASON)


class GetService:
    """Answers GETs within one association.

    Parameters
    ----------
    granted : int
        The services of the conformance block that both ends have.
    most : int
        Octets that a reply may have.
    """

    def __init__(self, granted: int, most: int) -> None:
        self._granted, self._most = granted, max(min(most or MOST, MOST), LEAST)
        self._left, self._block = b"", 0

    def answer(self, apdu: bytes, objects: Objects) -> bytes:
        """Answer a GET: normal, next, or with list."""
        kind, invoke = apdu[1], apdu[2:3]
        if kind == 2 and len(apdu) == 7:
            return self._next(invoke, int.from_bytes(apdu[3:7], "big"))
        self._left, self._block = b"", 0
        if kind == 1 and len(apdu) >= 13:
            return self._one(invoke, apdu[3:], objects)
        several = self._granted & MULTIPLE_REFERENCES
        if kind == 3 and several and len(apdu) == 4 + 10 * apdu[3]:
            wanted = [apdu[at : at + 10] for at in range(4, len(apdu), 10)]
            results = b"".join(_result(each, objects) for each in wanted)
            return b"\xc4\x03" + invoke + apdu[3:4] + results
        return NOT_SUPPORTED

    def _one(self, invoke: bytes, wanted: bytes, objects: Objects) -> bytes:
        has_selection = len(wanted) > 10
        if has_selection != bool(wanted[9]):
            return NOT_SUPPORTED
        if has_selection and not self._granted & SELECTIVE:
            return NOT_SUPPORTED
        result = _result(wanted, objects)
        reply = b"\xc4\x01" + invoke + result
        if len(reply) <= self._most:
            return reply
        if not self._granted & BLOCKS:
            return b"\xc4\x01" + invoke + bytes((1, DATA_BLOCK_UNAVAILABLE))
        self._left = result[1:]
        return self._next(invoke, 0)

    def _next(self, invoke: bytes, taken: int) -> bytes:
        """Give the block after the one that was taken."""
        if not self._left or taken != self._block:
            code = WRONG_BLOCK if self._left else NO_LONG_GET
            self._left = b""
            number = taken.to_bytes(4, "big")
            return b"\xc4\x02" + invoke + b"\x01" + number + bytes((1, code))
        # Ahead of a piece: 9 octets of the block, and 3 of the piece's length.
        size = self._most - 12
        piece, self._left = self._left[:size], self._left[size:]
        self._block += 1
        last = b"\x00" if self._left else b"\x01"
        number = self._block.to_bytes(4, "big")
        return b"\xc4\x02" + invoke + last + number + b"\x00" + _octets(piece)


def _octets(piece: bytes) -> bytes:
    size = len(piece)
    if size < 0x80:
        return bytes((size,)) + piece
    return b"\x82" + size.to_bytes(2, "big") + piece


def _result(wanted: bytes, objects: Objects) -> bytes:
    """Data or the reason why there is none, for class, name, attribute, selection."""
    interface, name = int.from_bytes(wanted[:2], "big"), wanted[2:8]
    selection = wanted[10:]
    data = objects.get((interface, name, wanted[8]))
    if data is None or (wanted[9] and not callable(data)):
        known = any(key[:2] == (interface, name) for key in objects)
        return bytes((1, READ_WRITE_DENIED if known else OBJECT_UNDEFINED))
    if not callable(data):
        return b"\0" + data
    try:
        return b"\0" + data(selection)
    except DataRefused as refusal:
        return bytes((1, refusal.code))
