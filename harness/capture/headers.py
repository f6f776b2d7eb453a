"""From frames to TCP segments: Ethernet, IP version 4 and 6, TCP.

By hand, since an hour of a bench is some 400,000 frames. Source: IEEE 802.3 and 802.1Q;
RFC 791, 3.1; RFC 8200, 3; RFC 9293, 3.1.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache

from harness.capture.pcapng import Frame
from harness.capture.streams import Segment
from harness.capture.wanted import ETHERNET, TCP

IP4, IP6, VLAN = 0x0800, 0x86DD, 0x8100
FIN, SYN, ACK = 1, 2, 16
_TCP = struct.Struct(">HHIIBB")


def segments(frames: Iterable[Frame]) -> Iterator[Segment]:
    """Return the TCP segments in frames; what is none, or was cut, is passed over.

    Fragments of IP are passed over too: TCP's peers avoid them.
    """
    for frame in frames:
        found = _inside_ip(frame)
        if found is None:
            continue
        source, target, tcp = found
        if len(tcp) < 20:
            continue
        from_port, to_port, number, acknowledged, offset, flags = _TCP.unpack_from(tcp)
        yield Segment(
            time_ns=frame.time_ns,
            source=_end(source, from_port),
            target=_end(target, to_port),
            number=number,
            acknowledged=acknowledged if flags & ACK else None,
            data=tcp[4 * (offset >> 4) :],
            opens=bool(flags & SYN),
            ends=bool(flags & FIN),
        )


def _inside_ip(frame: Frame) -> tuple[bytes, bytes, bytes] | None:
    """Both addresses and what IP carries, if that is TCP."""
    data = frame.data
    at = 14 if frame.link_type == ETHERNET else 0
    if at and data[12:14] == VLAN.to_bytes(2, "big"):
        at = 18
    if len(data) < at + 20:
        return None
    version = data[at] >> 4
    if version == 4 and data[at + 9] == TCP:
        whole = int.from_bytes(data[at + 2 : at + 4], "big")
        if int.from_bytes(data[at + 6 : at + 8], "big") & 0x3FFF:
            return None  # a fragment
        # Length 0: a frame larger than the field can say, cut up further down.
        end = at + whole if whole else len(data)
        inside = data[at + 4 * (data[at] & 15) : end]
        return data[at + 12 : at + 16], data[at + 16 : at + 20], inside
    if version == 6 and data[at + 6] == TCP and len(data) >= at + 40:
        length = int.from_bytes(data[at + 4 : at + 6], "big")
        end = at + 40 + length if length else len(data)
        return data[at + 8 : at + 24], data[at + 24 : at + 40], data[at + 40 : end]
    return None


@lru_cache(maxsize=4096)
def _end(host: bytes, port: int) -> str:
    if len(host) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, host)}:{port}"
    return f"[{socket.inet_ntop(socket.AF_INET6, host)}]:{port}"
