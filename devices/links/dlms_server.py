"""The meter's side of DLMS/COSEM over TCP, for emulators: associate, and GET.

Shares no code with the client (`devices.links.dlms`) and uses no library, so that a
mistake in one is seen by the other. Sources are the same. Not there: ciphering, high
level security, block transfer, SET and ACTION; each is refused as the standard has it.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from devices.links.loopback import serve_port

ObjectKey = tuple[int, bytes, int]
"""Class, logical name, attribute."""
Objects = Callable[[], Mapping[ObjectKey, bytes] | None]
"""Gives every attribute of now as encoded data, or None to keep silence."""

OBJECT_UNDEFINED, READ_WRITE_DENIED = 4, 3
AUTHENTICATION_FAILURE = 13
EXCEPTION_NOT_ALLOWED = bytes.fromhex("d80101")
"""exception-response: service not allowed, operation not possible."""
EXCEPTION_NOT_SUPPORTED = bytes.fromhex("d80102")
"""exception-response: service not allowed, service not supported."""
GET, MULTIPLE_REFERENCES = 1 << 4, 1 << 9
"""Bits of the conformance block, the last of 24 being bit 0."""
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
        self, objects: Objects, *, server: int, password: str, several: bool
    ) -> None:
        self._objects, self._server = objects, server
        self._password, self._several = password.encode(), several
        self._buffer, self._client = b"", -1

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
            return EXCEPTION_NOT_SUPPORTED
        return _get(apdu, objects, several=self._several)

    def _associate(self, request: bytes, client: int) -> bytes:
        """Answer an AARQ with an AARE (Green Book, 9.4.2)."""
        fields = _ber(request[2:])
        context_name = b"\xa1\x09" + fields.get(0xA1, b"")
        secret = fields.get(0xAC, b"")
        right = secret[2:] == self._password if self._password else not secret
        fits = context_name == CONTEXT_NAME and right
        self._client = client if fits else -1
        wanted = int.from_bytes(fields.get(0xBE, b"")[-5:-2], "big")
        granted = wanted & (GET | (MULTIPLE_REFERENCES if self._several else 0))
        diagnostic = 0 if fits else AUTHENTICATION_FAILURE
        initiate = b"\x08\x00\x06\x5f\x1f\x04\x00" + granted.to_bytes(3, "big")
        body = (
            CONTEXT_NAME
            + bytes((0xA2, 3, 2, 1, int(not fits)))
            + bytes((0xA3, 5, 0xA1, 3, 2, 1, diagnostic))
            + b"\xbe\x10\x04\x0e"
            + initiate
            + struct.pack(">HH", 1024, 7)
        )
        return bytes((0x61, len(body))) + body


def _ber(data: bytes) -> dict[int, bytes]:
    """Split fields with one byte of tag and one of length; a broken one ends it."""
    fields = {}
    while len(data) >= 2 and len(data) >= 2 + data[1]:
        fields[data[0]] = data[2 : 2 + data[1]]
        data = data[2 + data[1] :]
    return fields


def _get(apdu: bytes, objects: Mapping[ObjectKey, bytes], *, several: bool) -> bytes:
    """Answer a GET, normal or with list."""
    kind, invoke = apdu[1], apdu[2:3]
    if kind == 1 and len(apdu) == 13:
        return b"\xc4\x01" + invoke + _result(apdu[3:13], objects)
    if kind == 3 and several and len(apdu) == 4 + 10 * apdu[3]:
        wanted = [apdu[at : at + 10] for at in range(4, len(apdu), 10)]
        results = b"".join(_result(each, objects) for each in wanted)
        return b"\xc4\x03" + invoke + apdu[3:4] + results
    return EXCEPTION_NOT_SUPPORTED


def _result(descriptor: bytes, objects: Mapping[ObjectKey, bytes]) -> bytes:
    """Data or the reason why there is none, for class, name, attribute, selection."""
    interface, name = int.from_bytes(descriptor[:2], "big"), descriptor[2:8]
    data = objects.get((interface, name, descriptor[8]))
    if data is None or descriptor[9]:
        known = any(key[:2] == (interface, name) for key in objects)
        return bytes((1, READ_WRITE_DENIED if known else OBJECT_UNDEFINED))
    return b"\0" + data


@asynccontextmanager
async def serve_dlms(
    objects: Objects,
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
