"""Which frames a capture keeps, told from their headers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass

ETHERNET, RAW_IP = 1, 101
TCP = 6
Keep = Callable[[memoryview], bool]


@dataclass(frozen=True, slots=True)
class Peer:
    """One end to listen for: an address, and a port unless 0."""

    host: str
    """An IP address, not a name; empty for any."""
    port: int = 0

    def __str__(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host or "*"
        return f"{shown}:{self.port or '*'}"


@dataclass(frozen=True, slots=True)
class Tap:
    """One interface to capture on, and whose TCP to keep there: all, if nobody's."""

    interface: str
    peers: tuple[Peer, ...] = ()

    def __str__(self) -> str:
        ends = ",".join(map(str, self.peers))
        return f"{self.interface}={ends}" if ends else self.interface


def tap_of(text: str) -> Tap:
    """Read ``NAME`` or ``NAME=HOST:PORT,…``; the inverse of ``str``.

    Raises
    ------
    ValueError
        If an end is none.
    """
    name, _, ends = text.partition("=")
    return Tap(name, tuple(peer_of(end) for end in ends.split(",") if end))


def in_words(peers: Iterable[Peer]) -> str:
    """Return a filter as a person reads it; empty for everything."""
    shown = ", ".join(str(peer) for peer in peers)
    return f"TCP from or to {shown}" if shown else ""


def peer_of(text: str) -> Peer:
    """Read ``HOST:PORT``, with ``*`` for any; the inverse of ``str``.

    Raises
    ------
    ValueError
        If it is none.
    """
    host, _, port = text.rpartition(":")
    host = host.strip("[]").replace("*", "")
    whole = str(ipaddress.ip_address(host)) if host else ""
    return Peer(whole, 0 if port == "*" else int(port))


def keep(peers: Iterable[Peer], link_type: int) -> Keep | None:
    """Return the test of a frame; None where everything is kept.

    Fragments of IP are kept by address alone: only the first has ports.
    """
    ends = {
        (ipaddress.ip_address(peer.host).packed if peer.host else b"", peer.port)
        for peer in peers
    }
    if not ends:
        return None
    offset = 14 if link_type == ETHERNET else 0

    def wanted(frame: memoryview) -> bool:
        if len(frame) < offset + 20:
            return False
        found = _ends_of(frame, offset)
        return any(
            (host, port) in ends or (host, 0) in ends or (b"", port) in ends
            for host, port in found
        )

    return wanted


def _ends_of(frame: memoryview, offset: int) -> tuple[tuple[bytes, int], ...]:
    """Source and destination of a TCP frame; nothing for any other."""
    version = frame[offset] >> 4
    if version == 4 and frame[offset + 9] == TCP:
        at = offset + 4 * (frame[offset] & 15)
        hosts = bytes(frame[offset + 12 : offset + 20])
    elif version == 6 and len(frame) >= offset + 40 and frame[offset + 6] == TCP:
        at = offset + 40
        hosts = bytes(frame[offset + 8 : offset + 40])
    else:
        return ()
    half = len(hosts) // 2
    source = int.from_bytes(frame[at : at + 2], "big")
    target = int.from_bytes(frame[at + 2 : at + 4], "big")
    return (hosts[:half], source), (hosts[half:], target)
