"""From TCP segments to messages: who said what to whom, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.capture.languages import Describe, Language, Languages, Said, Websocket
from harness.capture.streams import Piece, Segment, Stream


@dataclass(frozen=True, slots=True)
class Told:
    """One message on the wire."""

    time_ns: int
    """When the frame passed that made it whole, since 1970. [ns]"""
    source: str
    target: str
    said: Said


@dataclass(slots=True)
class _Side:
    """What one end has sent."""

    source: str
    target: str
    stream: Stream = field(default_factory=Stream)
    pending: bytearray = field(default_factory=bytearray)


class Talk:
    """One TCP connection."""

    def __init__(self, segment: Segment, describe: Describe) -> None:
        self._languages = Languages(describe)
        self._language: Language | None = None
        self._caller = segment.source
        if segment.opens and segment.acknowledged is not None:  # SYN and ACK
            self._caller = segment.target
        self.sides = {
            segment.source: _Side(segment.source, segment.target),
            segment.target: _Side(segment.target, segment.source),
        }

    def take(self, segment: Segment) -> Iterator[Told]:
        """Return the messages that are whole now."""
        own, other = self.sides[segment.source], self.sides[segment.target]
        if segment.acknowledged is not None:
            for piece in other.stream.acknowledge(
                segment.acknowledged, segment.time_ns
            ):
                yield from self._piece(other, piece)
        for piece in own.stream.take(segment):
            yield from self._piece(own, piece)

    def _piece(self, side: _Side, piece: Piece) -> Iterator[Told]:
        if piece.missing:
            side.pending.clear()
            said = Said("gap", f"{piece.missing} bytes were not captured", "")
            yield Told(piece.time_ns, side.source, side.target, said)
            return
        side.pending += piece.data
        asks = side.source == self._caller
        while side.pending:
            used, message = self._next(bytes(side.pending), asks)
            del side.pending[:used]
            if message is not None:
                yield Told(piece.time_ns, side.source, side.target, message)
            if not used:
                return

    def _next(self, data: bytes, asks: bool) -> tuple[int, Said | None]:
        if self._language is None:
            self._language = self._languages.recognised(data)
        try:
            found = self._language(data, asks)
        except ValueError as error:
            return len(data), Said("tcp", f"{len(data)} bytes: {error}", data.hex())
        if self._languages.upgrades and not isinstance(self._language, Websocket):
            self._language = Websocket()
        return found


def messages(segments: Iterable[Segment], describe: Describe) -> Iterator[Told]:
    """Return every message of every connection, in the order of their last bytes."""
    talks: dict[frozenset[str], Talk] = {}
    for segment in segments:
        ends = frozenset((segment.source, segment.target))
        fresh = segment.opens and segment.acknowledged is None
        if ends not in talks or fresh:
            talks[ends] = Talk(segment, describe)
        yield from talks[ends].take(segment)
