"""The meter's side of DLMS/COSEM over TCP, for emulators: associate, and GET.

Shares no code with the client (`devices.links.dlms`) and uses no library, so that a
mistake in one is seen by the other. Sources are the same. Not there: ciphering, high
level security, SET and ACTION; each is refused as the standard has it.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from devices.links.dlms_get_server import (
    BLOCKS,
    GET,
    MOST,
    MULTIPLE_REFERENCES,
    NOT_SUPPORTED,
    SELECTIVE,
    GetService,
    Objects,
)
from devices.links.loopback import serve_port

Serves = Callable[[], Objects | None]
"""Gives every attribute of now, or None to keep silence."""

AUTHENTICATION_FAILURE = 13
EXCEPTION_NOT_ALLOWED = bytes.fromhex("d80101")
"""exception-response: service not allowed, operation not possible."""
CONTEXT_NAME = bytes.fromhex("a109060760857405080101")
"""Application context: logical names, no ciphering."""


def null() -> bytes:
    """Encode null-data."""
    return b"\0"


def double_long(value: float) -> bytes:
    """Encode a signed number of 32 bits; one that is too large sticks at the end."""
    return b"\5" + struct.pack(">i", _within(value, -(1 << 31), (1 << 31) - 1))


def double_long_unsigned(value: float) -> bytes:
    """Encode an unsigned number of 32 bits."""
    return b"\6" + struct.pack(">I", _within(value, 0, (1 << 32) - 1))


def long_unsigned(value: float) -> bytes:
    """Encode an unsigned number of 16 bits."""
    return b"\x12" + struct.pack(">H", _within(value, 0, (1 << 16) - 1))


def integer(value: int) -> bytes:
    """Encode a signed number of 8 bits."""
    return b"\x0f" + struct.pack(">b", value)


def unsigned(value: int) -> bytes:
    """Encode an unsigned number of 8 bits."""
    return b"\x11" + bytes((value,))


def structure(*parts: bytes) -> bytes:
    """Encode a structure of encoded parts."""
    return b"\x02" + bytes((len(parts),)) + b"".join(parts)


def octet_string(data: bytes) -> bytes:
    """Encode up to 127 bytes."""
    return b"\x09" + bytes((len(data),)) + data


def scaler_unit(scaler: int, unit: int) -> bytes:
    """Encode a register's scaler (power of ten) and unit."""
    return b"\x02\x02\x0f" + struct.pack(">b", scaler) + b"\x16" + bytes((unit,))


def _within(value: float, lowest: int, highest: int) -> int:
    return min(max(round(value), lowest), highest)


class DlmsSession:
    """One client's association."""

    def __init__(
        self, objects: Serves, *, server: int, password: str, several: bool
    ) -> None:
        self._objects, self._server = objects, server
        self._password = password.encode()
        self._can = GET | BLOCKS | SELECTIVE | (MULTIPLE_REFERENCES if several else 0)
        self._buffer, self._client = b"", -1
        self._service = GetService(0, 0)

    def receive(self, data: bytes, _now_s: float) -> tuple[list[bytes], bool]:
        """Return the replies due; a wrapper that is none ends the connection."""
        self._buffer += data
        replies: list[bytes] = []
        while len(self._buffer) >= 8:
            version, client, server, length = struct.unpack_from(">4H", self._buffer)
            if version != 1:
                return replies, False
            if len(self._buffer) < 8 + length:
                break
            apdu, self._buffer = (
                self._buffer[8 : 8 + length],
                self._buffer[8 + length :],
            )
            answer = self._answer(apdu, client) if server == self._server else b""
            if answer:
                header = struct.pack(">4H", 1, server, client, len(answer))
                replies.append(header + answer)
        return replies, True

    def _answer(self, apdu: bytes, client: int) -> bytes:
        objects = self._objects()
        if objects is None or not apdu:
            return b""
        if apdu[0] == 0x60:
            return self._associate(apdu, client)
        if apdu[0] == 0x62:
            self._client = -1
            return bytes.fromhex("6303800100")
        if client != self._client:
            return EXCEPTION_NOT_ALLOWED
        if apdu[0] != 0xC0 or len(apdu) < 4:
            return NOT_SUPPORTED
        return self._service.answer(apdu, objects)

    def _associate(self, request: bytes, client: int) -> bytes:
        """Answer an AARQ with an AARE (Green Book, 9.4.2)."""
        fields = _ber(request[2:])
        context_name = b"\xa1\x09" + fields.get(0xA1, b"")
        secret = fields.get(0xAC, b"")
        right = secret[2:] == self._password if self._password else not secret
        fits = context_name == CONTEXT_NAME and right
        self._client = client if fits else -1
        initiate = fields.get(0xBE, b"")
        granted = int.from_bytes(initiate[-5:-2], "big") & self._can
        self._service = GetService(granted, int.from_bytes(initiate[-2:], "big"))
        diagnostic = 0 if fits else AUTHENTICATION_FAILURE
        response = b"\x08\x00\x06\x5f\x1f\x04\x00" + granted.to_bytes(3, "big")
        body = (
            CONTEXT_NAME
            + bytes((0xA2, 3, 2, 1, int(not fits)))
            + bytes((0xA3, 5, 0xA1, 3, 2, 1, diagnostic))
            + b"\xbe\x10\x04\x0e"
            + response
            + struct.pack(">HH", MOST, 7)
        )
        return bytes((0x61, len(body))) + body


def _ber(data: bytes) -> dict[int, bytes]:
    """Split fields with one byte of tag and one of length; a broken one ends it."""
    fields = {}
    while len(data) >= 2 and len(data) >= 2 + data[1]:
        fields[data[0]] = data[2 : 2 + data[1]]
        data = data[2 + data[1] :]
    return fields


@asynccontextmanager
async def serve_dlms(
    objects: Serves,
    *,
    server: int,
    password: str,
    several: bool,
    port: int = 0,
    reply_delay_s: float = 0.0,
) -> AsyncIterator[str]:
    """Serve a logical device on a loopback port; yield its address.

    Parameters
    ----------
    objects : callable
        Gives what can be got.
    server : int
        Wrapper port of the logical device.
    password : str
        What low level security asks for; empty for none.
    several : bool
        Whether it takes a GET with a list.
    port : int
        Port on 127.0.0.1; 0 lets the kernel choose.
    reply_delay_s : float
        How long it takes to answer. [s]
    """

    def session() -> DlmsSession:
        return DlmsSession(objects, server=server, password=password, several=several)

    delay_s = (lambda _reply: reply_delay_s) if reply_delay_s else None
    async with serve_port(session, port=port, delay_s=delay_s) as chosen:
        yield f"dlms://127.0.0.1:{chosen}"
