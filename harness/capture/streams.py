"""TCP put together again: the bytes of each direction, in order, and what is missing.

Source: RFC 9293, 3.4 (sequence numbers) and 3.10.7.4 (segments that overlap).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

WINDOW = 1 << 32


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment."""

    time_ns: int
    source: str
    """``HOST:PORT``"""
    target: str
    number: int
    """Sequence number of its first byte."""
    acknowledged: int | None
    """What the sender has of the other direction; None if it does not say."""
    data: bytes
    opens: bool = False
    """SYN"""
    ends: bool = False
    """FIN"""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that came next in a stream; or, without bytes, how many never came."""

    time_ns: int
    data: bytes
    missing: int = 0


@dataclass(slots=True)
class Stream:
    """One direction of a connection."""

    next: int | None = None
    held: dict[int, Segment] = field(default_factory=dict)
    over: bool = False
    """FIN was seen: it counts as one byte that never comes."""
    """Segments that came before the one in front of them."""

    def take(self, segment: Segment) -> Iterator[Piece]:
        """Return what is in order now."""
        if segment.opens:
            self.next, self.held = (segment.number + 1) % WINDOW, {}
            return
        self.over |= segment.ends
        if not segment.data:
            return
        if self.next is None:
            self.next = segment.number
        known = self.held.get(segment.number)
        if known is None or len(known.data) < len(segment.data):
            self.held[segment.number] = segment
        yield from self._in_order()

    def acknowledge(self, number: int, time_ns: int) -> Iterator[Piece]:
        """Learn what the other side has: what we lack of it was never captured."""
        if self.next is None or ahead(number, self.next) <= 0:
            return
        while self.held and ahead(first := self._first(), self.next) > 0:
            if ahead(number, first) < 0:
                break
            yield Piece(time_ns, b"", ahead(first, self.next))
            self.next = first
            yield from self._in_order()
        lost = ahead(number, self.next)
        if lost > int(self.over) and not self.held:
            self.next = number
            yield Piece(time_ns, b"", lost)

    def _first(self) -> int:
        assert self.next is not None  # noqa: S101 - nothing is held before
        expected = self.next
        return min(self.held, key=lambda number: ahead(number, expected))

    def _in_order(self) -> Iterator[Piece]:
        while self.held:
            first = self._first()
            assert self.next is not None  # noqa: S101 - nothing is held before
            known = -ahead(first, self.next)
            if known < 0:
                return
            segment = self.held.pop(first)
            data = segment.data[known:]
            if data:
                self.next = (self.next + len(data)) % WINDOW
                yield Piece(segment.time_ns, data)


def ahead(number: int, other: int) -> int:
    """How far a sequence number is ahead of another; they wrap at 2^32."""
    return (number - other + WINDOW // 2) % WINDOW - WINDOW // 2
