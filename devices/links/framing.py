"""Where a message ends on each wire, for faults that happen to whole messages.

Pure functions over what has arrived: the length of the first whole message, or 0 if
it is not whole yet (`harness.core.bench.Driver.frame_length`). Bytes that begin no
message of the wire's are one message, as far as they have come: nothing is kept for
ever. These decide nothing about a device; the links read their own frames.
"""

from __future__ import annotations

from devices.links.modbus_pdu import crc16

HTTP_LETTERS = tuple(bytes((letter,)) for letter in b"GHPDO")
"""First bytes of what `HTTP_STARTS` lists. As the first byte of a websocket frame each
would be a compressed frame of an opcode that does not exist."""
HTTP_STARTS = (
    b"HTTP/1.",
    b"GET ",
    b"POST ",
    b"PUT ",
    b"PATCH ",
    b"DELETE ",
    b"HEAD ",
    b"OPTIONS ",
)
LONGEST_HEAD = 64 * 1024
"""Bytes in which the head of an HTTP message must end."""
BODILESS = (b"1", b"204", b"304")
"""Beginnings of the statuses that have no body (RFC 9112, 6.3)."""
CONTINUATION, LAST_DATA_OPCODE = 0x0, 0x2
READS, WORD_WRITE, WORDS_WRITE = (0x01, 0x02, 0x03, 0x04), (0x05, 0x06), (0x0F, 0x10)


def modbus_tcp(data: bytes) -> int:
    """Modbus TCP: 6 bytes, then as many as bytes 5 and 6 say.

    Source: MODBUS Messaging on TCP/IP V1.0b, 3.1.3.
    """
    if len(data) < 6:
        return 0
    length = 6 + int.from_bytes(data[4:6], "big")
    return length if len(data) >= length else 0


def modbus_rtu(data: bytes) -> int:
    """Modbus RTU in either direction: the first length at which the check sum is right.

    A request and a reply of one function differ in length, and nothing in the bytes
    says which it is. Source: MODBUS over serial line V1.02, 2.5.1; lengths from MODBUS
    Application Protocol V1.1b3, section 6.
    """
    if len(data) < 3:
        return 0
    lengths = sorted(_rtu_lengths(data))
    for length in lengths:
        whole = data[:length]
        if len(whole) == length and crc16(whole[:-2]) == whole[-2:]:
            return length
    # None fits although all have arrived: garbled, or a function of the maker's own.
    return len(data) if len(data) >= lengths[-1] else 0


def _rtu_lengths(data: bytes) -> set[int]:
    """Lengths that a frame which begins so can have, check sum included."""
    function = data[1]
    if function & 0x80:
        return {5}
    if function in READS:
        return {8, 5 + data[2]}
    if function in WORD_WRITE:
        return {8}
    if function in WORDS_WRITE:
        return {8, 9 + data[6]} if len(data) > 6 else {8}
    return {4}


def http(data: bytes) -> int:
    """HTTP/1.1: the head, and the body as long as the head says (RFC 9112, 6.3).

    A body that only the end of the connection delimits is handed on as it comes.
    """
    if not any(data.startswith(start[: len(data)]) for start in HTTP_STARTS):
        return len(data)
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return len(data) if len(data) > LONGEST_HEAD else 0
    head, begins = data[:end].lower(), end + 4
    if _has_no_body(head):
        return begins
    if b"\r\ntransfer-encoding: chunked" in head:
        return _chunked(data, begins)
    length = begins + _content_length(head)
    return length if len(data) >= length else 0


def _has_no_body(head: bytes) -> bool:
    status = head.split(b" ", 2)[1] if head.startswith(b"http/1.") else b""
    return status.startswith(BODILESS)


def _content_length(head: bytes) -> int:
    _before, found, after = head.partition(b"\r\ncontent-length:")
    text = after.split(b"\r\n", 1)[0].strip()
    return int(text) if found and text.isdigit() and len(text) < 10 else 0


def _chunked(data: bytes, at: int) -> int:
    """Follow the chunks to the last, of length 0 (RFC 9112, 7.1)."""
    while (line := data.find(b"\r\n", at)) >= 0:
        size = data[at:line].split(b";", 1)[0].strip()
        try:
            length = int(size, 16)
        except ValueError:
            return len(data)
        if length == 0:
            end = data.find(b"\r\n\r\n", line)
            return end + 4 if end >= 0 else 0
        at = line + 2 + max(length, 0) + 2
    return 0


def websocket(data: bytes) -> int:
    """A websocket: its HTTP upgrade, then messages of one frame or more (RFC 6455, 5).

    No frame begins as an HTTP head does, so one port can have both. A control frame is
    a message of its own.
    """
    if data[:1] in HTTP_LETTERS:
        return http(data)
    at = 0
    while (end := _ws_end(data, at)) and end <= len(data):
        control = data[at] & 0x0F > LAST_DATA_OPCODE
        if data[at] & 0x80 and (at == 0 or not control):
            return end
        at = end
    return 0


def _ws_end(data: bytes, at: int) -> int:
    """Where the frame that begins at a place ends, 0 if that is not known yet."""
    if len(data) < at + 2:
        return 0
    length, masked = data[at + 1] & 0x7F, 4 * (data[at + 1] >> 7)
    more = {126: 2, 127: 8}.get(length, 0)
    if len(data) < at + 2 + more:
        return 0
    if more:
        length = int.from_bytes(data[at + 2 : at + 2 + more], "big")
    return at + 2 + more + masked + length


def websocket_text(message: bytes) -> bytes:
    """What a message of a websocket says, with the mask taken off (RFC 6455, 5.3)."""
    if message[:1] in HTTP_LETTERS:
        return message
    text, at = b"", 0
    while (end := _ws_end(message, at)) and end <= len(message):
        text += _unmasked(message, at, end)
        at = end
    return text


def _unmasked(data: bytes, at: int, end: int) -> bytes:
    begins = at + 2 + {126: 2, 127: 8}.get(data[at + 1] & 0x7F, 0)
    if not data[at + 1] & 0x80:
        return data[begins:end]
    mask, body = data[begins : begins + 4], data[begins + 4 : end]
    stream = (mask * (len(body) // 4 + 1))[: len(body)]
    plain = int.from_bytes(body, "big") ^ int.from_bytes(stream, "big")
    return plain.to_bytes(len(body), "big")


def mqtt(data: bytes) -> int:
    """MQTT: a byte, the length in one to four, then as many (MQTT 3.1.1, 2.2)."""
    length = 0
    for count, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << (7 * count)
        if not byte & 0x80:
            whole = 2 + count + length
            return whole if len(data) >= whole else 0
    return len(data) if len(data) >= 5 else 0
