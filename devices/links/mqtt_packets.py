"""MQTT 3.1.1 control packets as bytes and back, without a socket.

What a client and a broker of QoS 0 and 1 need. QoS 2 is not spoken: a subscription
that asks for it is granted 1, which the protocol allows (3.8.4).

Source: MQTT Version 3.1.1, OASIS Standard, 29 October 2014; sections are named where
they are used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

LARGEST: Final = 1 << 20
"""Longest packet that is taken in, ours; the protocol allows 256 MB. [bytes]"""

ACCEPTED: Final = 0
REFUSALS: Final = {
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}
"""Return codes of CONNACK. Source: table 3.1."""
SUBSCRIBE_FAILED: Final = 0x80
"""Return code of SUBACK. Source: 3.9.3."""
RESERVED_FLAGS: Final = {
    1: 0,
    2: 0,
    4: 0,
    8: 2,
    9: 0,
    10: 2,
    11: 0,
    12: 0,
    13: 0,
    14: 0,
}
"""Types that are spoken here, PUBLISH aside: the flags that each must have
(table 2.2)."""


class PacketError(ValueError):
    """Bytes that are no control packet of MQTT 3.1.1."""


@dataclass(frozen=True, slots=True)
class Publish:
    """A message. Source: 3.3."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    number: int = 0
    """Packet identifier; 0 at QoS 0, which has none."""
    again: bool = False
    """The DUP flag: it may have been sent before."""


@dataclass(frozen=True, slots=True)
class Connect:
    """A client introduces itself. Source: 3.1."""

    client_id: str
    keepalive_s: int = 60
    clean: bool = True
    will: Publish | None = None
    username: str | None = None
    password: bytes | None = None


@dataclass(frozen=True, slots=True)
class Connack:
    """The broker's answer to CONNECT. Source: 3.2."""

    code: int
    session_present: bool = False


@dataclass(frozen=True, slots=True)
class Puback:
    """Receipt of a message of QoS 1. Source: 3.4."""

    number: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Wish to hear topics. Source: 3.8."""

    number: int
    wishes: tuple[tuple[str, int], ...]
    """Topic filters with the highest QoS wanted for each."""


@dataclass(frozen=True, slots=True)
class Suback:
    """What was granted for each filter. Source: 3.9."""

    number: int
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Wish to hear topics no more. Source: 3.10."""

    number: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsuback:
    """Receipt of UNSUBSCRIBE. Source: 3.11."""

    number: int


@dataclass(frozen=True, slots=True)
class Bare:
    """A packet of two bytes: PINGREQ, PINGRESP or DISCONNECT (3.12 to 3.14)."""

    kind: int


PINGREQ: Final = Bare(12)
PINGRESP: Final = Bare(13)
DISCONNECT: Final = Bare(14)

Packet = (
    Publish | Connect | Connack | Puback | Subscribe | Suback | Unsubscribe | Unsuback
    | Bare
)  # fmt: skip


def encode(packet: Packet) -> bytes:
    """Return a packet's bytes.

    Raises
    ------
    PacketError
        If a text or the whole is longer than the protocol can say.
    """
    match packet:
        case Publish():
            return _publish(packet)
        case Bare(kind):
            return bytes((kind << 4, 0))
        case Connect():
            return _framed(0x10, _connect(packet))
        case Connack(code, present):
            return _framed(0x20, bytes((present, code)))
        case Puback(number):
            return _framed(0x40, _u16(number))
        case Subscribe(number, wishes):
            body = b"".join(_text(each) + bytes((qos,)) for each, qos in wishes)
            return _framed(0x82, _u16(number) + body)
        case Suback(number, codes):
            return _framed(0x90, _u16(number) + bytes(codes))
        case Unsubscribe(number, filters):
            return _framed(0xA2, _u16(number) + b"".join(map(_text, filters)))
        case Unsuback(number):
            return _framed(0xB0, _u16(number))


def frame_length(data: bytes) -> int:
    """Return the length of the first whole packet, 0 if none is whole yet.

    Bytes that cannot begin a packet are one piece: their whole length.
    """
    try:
        head, body = _head(data)
    except PacketError:
        return len(data)
    return head + body if head and len(data) >= head + body else 0


class Decoder:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Take in bytes; yield every packet that they complete.

        Raises
        ------
        PacketError
            At the first bytes that are no packet; the stream is of no more use.
        """
        self._data += data
        while True:
            head, body = _head(self._data)
            if not head or len(self._data) < head + body:
                return
            first, content = self._data[0], bytes(self._data[head : head + body])
            del self._data[: head + body]
            yield _decoded(first, content)


def _head(data: bytes | bytearray) -> tuple[int, int]:
    """Lengths of the fixed header and of what follows it; (0, 0) if not yet known.

    Source: 2.2.3, "Remaining Length": seven bits a byte, at most four bytes.

    Raises
    ------
    PacketError
        As soon as the bytes cannot become a packet.
    """
    if data and data[0] >> 4 != 3:
        kind, flags = data[0] >> 4, data[0] & 0x0F
        if RESERVED_FLAGS.get(kind) != flags:
            raise PacketError(f"first byte {data[0]:#04x} begins no packet of MQTT")
    length = 0
    for place, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if length > LARGEST:
                raise PacketError(f"a packet of {length} bytes, above {LARGEST}")
            return place + 2, length
    if len(data) >= 5:
        raise PacketError("a length of more than four bytes")
    return 0, 0


def _decoded(first: int, content: bytes) -> Packet:
    kind, reader = first >> 4, _Reader(content)
    packet = _body(kind, first & 0x0F, reader)
    if reader.left:
        raise PacketError(f"{reader.left} bytes too many in a packet of type {kind}")
    return packet


def _body(kind: int, flags: int, reader: _Reader) -> Packet:
    match kind:
        case 3:
            return _read_publish(flags, reader)
        case 1:
            return _read_connect(reader)
        case 2:
            present, code = reader.byte(), reader.byte()
            return Connack(code, bool(present & 1))
        case 4:
            return Puback(reader.number())
        case 8:
            return Subscribe(reader.number(), tuple(_read_wishes(reader)))
        case 9:
            return Suback(reader.number(), tuple(reader.rest()))
        case 10:
            return Unsubscribe(reader.number(), tuple(_read_filters(reader)))
        case 11:
            return Unsuback(reader.number())
        case _:
            return Bare(kind)


class _Reader:
    """Takes fields off the front of a packet."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if self.left < count:
            raise PacketError("a packet that ends within a field")
        self._at += count
        return self._data[self._at - count : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """Two bytes that name a packet; 0 names none (2.3.1)."""
        number = int.from_bytes(self.take(2), "big")
        if not number:
            raise PacketError("packet identifier 0")
        return number

    def binary(self) -> bytes:
        return self.take(int.from_bytes(self.take(2), "big"))

    def text(self) -> str:
        """UTF-8 without the null character. Source: 1.5.3."""
        try:
            text = self.binary().decode()
        except UnicodeDecodeError as error:
            raise PacketError("a text that is no UTF-8") from error
        if "\0" in text:
            raise PacketError("a text with a null character")
        return text

    def rest(self) -> bytes:
        return self.take(self.left)


def _read_publish(flags: int, reader: _Reader) -> Publish:
    qos = flags >> 1 & 3
    if qos == 3:
        raise PacketError("a message of QoS 3")
    topic = reader.text()
    if not topic or "#" in topic or "+" in topic:
        raise PacketError("a message without a topic of its own")
    number = reader.number() if qos else 0
    return Publish(
        topic, reader.rest(), qos, bool(flags & 1), number, again=bool(flags & 8)
    )


def _read_connect(reader: _Reader) -> Connect:
    name, level = reader.binary(), reader.byte()
    if (name, level) != (b"MQTT", 4):
        raise PacketError(f"protocol {name!r} level {level}, not 'MQTT' level 4")
    flags, keepalive_s = reader.byte(), int.from_bytes(reader.take(2), "big")
    if flags & 1 or flags >> 3 & 3 == 3:
        raise PacketError(f"connect flags {flags:#04x}")
    client_id, will = reader.text(), None
    if flags & 4:
        topic, payload = reader.text(), reader.binary()
        will = Publish(topic, payload, flags >> 3 & 3, bool(flags & 0x20))
    return Connect(
        client_id,
        keepalive_s,
        bool(flags & 2),
        will,
        reader.text() if flags & 0x80 else None,
        reader.binary() if flags & 0x40 else None,
    )


def _read_wishes(reader: _Reader) -> Iterator[tuple[str, int]]:
    if not reader.left:
        raise PacketError("a subscription to nothing")
    while reader.left:
        wanted, qos = reader.text(), reader.byte()
        if qos > 2:
            raise PacketError(f"a subscription of QoS {qos}")
        yield checked_filter(wanted), qos


def _read_filters(reader: _Reader) -> Iterator[str]:
    if not reader.left:
        raise PacketError("an unsubscription from nothing")
    while reader.left:
        yield reader.text()


def _publish(packet: Publish) -> bytes:
    first = 0x30 | packet.again << 3 | packet.qos << 1 | packet.retain
    number = _u16(packet.number) if packet.qos else b""
    return _framed(first, _text(packet.topic) + number + packet.payload)


def _connect(packet: Connect) -> bytes:
    will = packet.will
    flags = packet.clean << 1
    body = _text(packet.client_id)
    if will is not None:
        flags |= 4 | will.qos << 3 | will.retain << 5
        body += _text(will.topic) + _binary(will.payload)
    if packet.username is not None:
        flags |= 0x80
        body += _text(packet.username)
    if packet.password is not None:
        flags |= 0x40
        body += _binary(packet.password)
    return b"\0\4MQTT\4" + bytes((flags,)) + _u16(packet.keepalive_s) + body


def _framed(first: int, body: bytes) -> bytes:
    length, head = len(body), bytearray((first,))
    if length > LARGEST:
        raise PacketError(f"a packet of {length} bytes, above {LARGEST}")
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + body


def _u16(number: int) -> bytes:
    return struct.pack(">H", number)


def _text(text: str) -> bytes:
    return _binary(text.encode())


def _binary(data: bytes) -> bytes:
    if len(data) > 0xFFFF:
        raise PacketError(f"a field of {len(data)} bytes, above 65,535")
    return _u16(len(data)) + data


def checked_filter(text: str) -> str:
    """Return a topic filter if it is one.

    Raises
    ------
    PacketError
        If a wildcard is not a level of its own, or ``#`` not the last (4.7.1).
    """
    levels = text.split("/")
    if not text or "#" in levels[:-1]:
        raise PacketError(f"topic filter {text!r}")
    if any(len(each) > 1 and ("#" in each or "+" in each) for each in levels):
        raise PacketError(f"topic filter {text!r}")
    return text


def matches(wanted: str, topic: str) -> bool:
    """Whether a topic filter covers a topic. Source: 4.7.

    Topics that begin with ``$`` are the broker's own: wildcards leave them out (4.7.2).
    """
    if wanted == topic:
        return True
    if topic[:1] == "$" and wanted[:1] in ("#", "+"):
        return False
    return _matches(wanted.split("/"), topic.split("/"))


def _matches(wanted: Sequence[str], levels: Sequence[str]) -> bool:
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or level not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)
