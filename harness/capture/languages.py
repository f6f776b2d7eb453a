"""What is said on a TCP connection: Modbus, HTTP, websockets, MQTT; message by message.

Each language is a function of the bytes that one side has sent and not been understood
yet. It returns how many bytes the first message is, and the message; or (0, None) while
that is not whole. ValueError means that this is not the language after all.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.capture.modbus_rtu import crc_fits, rtu_length

LARGEST_MESSAGE = 16 << 20
"""What claims to be larger is not understood. [bytes]"""


@dataclass(frozen=True, slots=True)
class Said:
    """One message."""

    protocol: str
    summary: str
    payload: str
    """The text that it carries, or its bytes in hex."""


Found = tuple[int, Said | None]
NOT_WHOLE: Found = (0, None)
Describe = Callable[[bytes, bool], str]
"""From a Modbus TCP frame, and whether it is a request, to words."""


@dataclass(slots=True)
class Languages:
    """The languages that a connection may turn out to speak."""

    describe: Describe
    upgrades: bool = field(default=False, init=False)
    """Whether what follows on this connection is a websocket."""

    def recognised(self, first: bytes) -> Language:
        """Return the language that begins like this."""
        if first[:1] == b"\x16" and first[1:2] == b"\x03":
            return tls
        if first.split(b" ", 1)[0] in _METHODS or first.startswith(b"HTTP/1."):
            return self.http
        if first[:1] == b"\x10" and first[3:9].find(b"MQ") >= 0:
            return mqtt
        if len(first) >= 8 and first[2:4] == b"\0\0" and _adu_length(first) <= 260:
            return self.modbus_tcp
        if 4 <= len(first) <= 256 and crc_fits(first):
            return self.modbus_rtu
        return unknown

    def modbus_tcp(self, data: bytes, asks: bool) -> Found:
        """MODBUS Messaging on TCP/IP V1.0b, 3.1.3."""
        if len(data) < 8:
            return NOT_WHOLE
        whole = _adu_length(data)
        if data[2:4] != b"\0\0" or not 8 <= whole <= 260:
            raise ValueError("no Modbus TCP header")
        if len(data) < whole:
            return NOT_WHOLE
        frame = data[:whole]
        return whole, Said("modbus_tcp", self.describe(frame, asks), frame.hex())

    def modbus_rtu(self, data: bytes, asks: bool) -> Found:
        """MODBUS over serial line V1.02, 2.5.1, as gateways pass it on unchanged."""
        whole = rtu_length(data, asks)
        if len(data) < whole or whole == 0:
            return NOT_WHOLE
        frame = data[:whole]
        if not crc_fits(frame):
            raise ValueError("a check sum that does not fit")
        like_tcp = b"\0\0\0\0" + struct.pack(">H", whole - 2) + frame[:-2]
        return whole, Said("modbus_rtu", self.describe(like_tcp, asks), frame.hex())

    def http(self, data: bytes, asks: bool) -> Found:
        """RFC 9112: a request or a response with its body."""
        at = data.find(b"\r\n\r\n")
        if at < 0:
            if len(data) > 65536:
                raise ValueError("a head without an end")
            return NOT_WHOLE
        line, *lines = data[:at].decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (one.partition(":") for one in lines)
        }
        if asks == line.startswith("HTTP/"):
            raise ValueError("neither a request nor a response")
        bodiless = (not asks and line[9:10] == "1") or line[9:12] in ("204", "304")
        if line[9:12] == "101" and headers.get("upgrade", "").lower() == "websocket":
            self.upgrades = True
        body_at = at + 4
        if headers.get("transfer-encoding", "").lower() == "chunked" and not bodiless:
            whole, body = _chunks(data, body_at)
        else:
            length = 0 if bodiless else _size(headers.get("content-length", "0"), 10)
            whole, body = body_at + length, data[body_at : body_at + length]
        if whole == 0 or len(data) < whole:
            return NOT_WHOLE
        return whole, Said("http", line, text_of(body))


Language = Callable[[bytes, bool], Found]
_METHODS = frozenset(
    (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS")
)


def text_of(data: bytes) -> str:
    """Text as it is; anything else in hex."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.hex()


def unknown(data: bytes, _asks: bool) -> Found:
    """Bytes that nobody here understands."""
    return len(data), Said("tcp", f"{len(data)} bytes", data.hex())


def tls(data: bytes, _asks: bool) -> Found:
    """RFC 8446, 5.1: records, of which only the outside can be read."""
    if len(data) < 5:
        return NOT_WHOLE
    kind, major, length = data[0], data[1], int.from_bytes(data[3:5], "big")
    if major != 3 or length > 16384 + 256:
        raise ValueError("no TLS record")
    if len(data) < 5 + length:
        return NOT_WHOLE
    names = {20: "change cipher", 21: "alert", 22: "handshake", 23: "data"}
    summary = f"{names.get(kind, kind)}, {length} bytes"
    return 5 + length, Said("tls", summary, "")


_OPCODES = {0: "continues", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}


class Websocket:
    """RFC 6455, 5.2: frames, unmasked, and put together to whole messages."""

    def __init__(self) -> None:
        self._parts: dict[bool, list[bytes]] = {True: [], False: []}
        self._first: dict[bool, str] = {}

    def __call__(self, data: bytes, asks: bool) -> Found:
        """Read one frame; a message is told when its last one is here."""
        head = _websocket_head(data)
        if head is None:
            return NOT_WHOLE
        at, length, mask = head
        if len(data) < at + length:
            return NOT_WHOLE
        body, name = unmasked(data[at : at + length], mask), _OPCODES[data[0] & 15]
        if data[0] & 0x40:
            said = Said("websocket", f"{name}, compressed", body.hex())
        elif data[0] & 8:
            said = _control(name, body)
        else:
            return at + length, self._message(name, body, asks, bool(data[0] & 0x80))
        return at + length, said

    def _message(self, name: str, body: bytes, asks: bool, ends: bool) -> Said | None:
        self._parts[asks].append(body)
        if name != "continues":
            self._first[asks] = name
        if not ends:
            return None
        whole, self._parts[asks] = b"".join(self._parts[asks]), []
        name = self._first.get(asks, name)
        shown = whole.decode(errors="replace") if name == "text" else whole.hex()
        return Said("websocket", name, shown)


def _websocket_head(data: bytes) -> tuple[int, int, bytes] | None:
    """Where a frame's body begins, how long it is, and its mask; None if not whole."""
    if len(data) < 2:
        return None
    if data[0] & 15 not in _OPCODES or data[0] & 0x30:
        raise ValueError("no websocket frame")
    length, at = data[1] & 0x7F, 2
    if length >= 126:
        wide = 2 if length == 126 else 8
        if len(data) < at + wide:
            return None
        length, at = int.from_bytes(data[at : at + wide], "big"), at + wide
    if length > LARGEST_MESSAGE:
        raise ValueError("a frame too large to be one")
    mask = data[at : at + 4] if data[1] & 0x80 else b""
    if data[1] & 0x80 and len(mask) < 4:
        return None
    return at + len(mask), length, mask


def unmasked(data: bytes, mask: bytes) -> bytes:
    """Take a mask off (RFC 6455, 5.3); none leaves the bytes as they are."""
    if not mask or not data:
        return data
    long_mask = (mask * (len(data) // 4 + 1))[: len(data)]
    plain = int.from_bytes(data, "big") ^ int.from_bytes(long_mask, "big")
    return plain.to_bytes(len(data), "big")


def _control(name: str, body: bytes) -> Said:
    if name == "close" and len(body) >= 2:
        code, why = int.from_bytes(body[:2], "big"), body[2:].decode(errors="replace")
        return Said("websocket", f"close {code}", why)
    return Said("websocket", name, text_of(body))


def _size(text: str, base: int) -> int:
    size = int(text, base)
    if not 0 <= size <= LARGEST_MESSAGE:
        raise ValueError("a length that cannot be")
    return size


def _chunks(data: bytes, at: int) -> tuple[int, bytes]:
    """The end and the content of a chunked body (RFC 9112, 7.1); end 0: not whole."""
    body = b""
    while (end := data.find(b"\r\n", at)) >= 0:
        size = _size(data[at:end].split(b";")[0].decode("latin-1"), 16)
        if size == 0:
            last = data.find(b"\r\n\r\n", end)
            return (last + 4 if last >= 0 else 0), body
        body += data[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
        if at > len(data):
            break
    return 0, b""


_PACKETS = (
    "", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
    "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP",
    "DISCONNECT", "AUTH",
)  # fmt: skip


def mqtt(data: bytes, _asks: bool) -> Found:
    """MQTT 3.1.1, 2.2: a control packet; of PUBLISH its topic and text (3.3)."""
    length, at = 0, 1
    while True:
        if len(data) <= at:
            return NOT_WHOLE
        length |= (data[at] & 0x7F) << 7 * (at - 1)
        at += 1
        if not data[at - 1] & 0x80:
            break
        if at > 4:
            raise ValueError("a length that never ends")
    kind = data[0] >> 4
    if kind == 0 or length > LARGEST_MESSAGE:
        raise ValueError("no MQTT packet")
    if len(data) < at + length:
        return NOT_WHOLE
    body, name = data[at : at + length], _PACKETS[kind]
    if name != "PUBLISH" or len(body) < 2:
        return at + length, Said("mqtt", name, "" if name == "CONNECT" else body.hex())
    after = 2 + int.from_bytes(body[:2], "big")
    topic, qos = text_of(body[2:after]), data[0] >> 1 & 3
    payload = text_of(body[after + (2 if qos else 0) :])
    return at + length, Said("mqtt", f"PUBLISH {topic}", payload)


def _adu_length(data: bytes) -> int:
    return 6 + int.from_bytes(data[4:6], "big")
