"""Frames of a conversation, made by hand: for captures that nobody had to wait for."""

from __future__ import annotations

import io
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.capture.pcapng import Interface, Writer

Endpoint = tuple[str, int]


@dataclass
class Wire:
    """One TCP connection on Ethernet (RFC 791 and 9293), from its first byte on."""

    near: Endpoint
    far: Endpoint
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    sent: dict[bool, int] = field(default_factory=lambda: {True: 1, False: 1})

    def say(self, time_ns: int, data: bytes, *, near: bool) -> None:
        source, target = (self.near, self.far) if near else (self.far, self.near)
        tcp = struct.pack(
            ">HHIIBBHHH", source[1], target[1], self.sent[near], self.sent[not near],
            5 << 4, 0x18, 65_535, 0, 0,
        )  # fmt: skip
        ip = struct.pack(
            ">BBHIBBH4s4s", 0x45, 0, 40 + len(data), 0, 64, 6, 0,
            socket.inet_aton(source[0]), socket.inet_aton(target[0]),
        )  # fmt: skip
        self.sent[near] += len(data)
        self.frames.append((time_ns, bytes(12) + b"\x08\0" + ip + tcp + data))


def capture_of(wires: Iterable[Wire]) -> bytes:
    """Return a pcapng file of these connections' frames, in the order of time."""
    file = io.BytesIO()
    writer = Writer(file, [Interface("lo", 1)], application="test", comment="")
    for time_ns, frame in sorted(frame for wire in wires for frame in wire.frames):
        writer.packet(0, time_ns, memoryview(frame), length=len(frame))
    return file.getvalue()


def websocket(text: str) -> bytes:
    """An unmasked text frame (RFC 6455, 5.2)."""
    data = text.encode()
    if len(data) < 126:
        return bytes([0x81, len(data)]) + data
    return b"\x81\x7e" + len(data).to_bytes(2, "big") + data


UPGRADED = (
    b"GET /EV1 HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
)
