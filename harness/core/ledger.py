"""What is on the wires of one process, to the byte: why virtual time must stand still.

Every loopback connection has two ends in the process. Bytes that one handed to the
kernel and the other has not taken out are on their way, and so is a close that the
other has not seen.
"""

from __future__ import annotations

import socket


class End:
    """One end of a loopback connection, as the ledger sees it."""

    __slots__ = ("closed", "fd", "peer", "received", "saw_eof", "sent", "shut")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.peer: End | None = None
        self.sent = self.received = 0
        self.shut = self.saw_eof = self.closed = False


class Ledger:
    """What is on the wires of this process, to the byte."""

    def __init__(self) -> None:
        self._by_address: dict[tuple[object, object], End] = {}
        self.owed: set[End] = set()
        """Ends that have bytes or a close coming to them."""
        self.lonely: set[End] = set()
        """Ends whose other end has not been seen in this process yet."""
        self.handshakes = 0

    def open(self, sock: socket.socket) -> End:
        """Enter a connected socket and pair it with its other end if known."""
        here, there = sock.getsockname()[:2], sock.getpeername()[:2]
        end = End(sock.fileno())
        peer = self._by_address.pop((there, here), None)
        if peer is None:
            self._by_address[(here, there)] = end
            self.lonely.add(end)
        else:
            end.peer, peer.peer = peer, end
            self.lonely.discard(peer)
            self._settle(end)
            self._settle(peer)
        return end

    def sent(self, end: End, count: int) -> None:
        """Bytes went into the kernel."""
        end.sent += count
        if end.peer is not None and not end.peer.closed:
            self.owed.add(end.peer)

    def received(self, end: End, count: int) -> None:
        """Bytes came out of the kernel; zero is the end of the stream."""
        end.received += count
        if count == 0:
            end.saw_eof = True
        self._settle(end)

    def reset(self, end: End) -> None:
        """The kernel says that this connection is gone; nothing more will come."""
        end.saw_eof = True
        if end.peer is not None:
            end.received = end.peer.sent
        self._settle(end)

    def shut(self, end: End) -> None:
        """This end will send no more; its other end must notice."""
        end.shut = True
        if end.peer is not None:
            self._settle(end.peer)

    def close(self, end: End) -> None:
        """This end is gone; what was coming to it no longer counts."""
        end.closed = True
        self.lonely.discard(end)
        self.owed.discard(end)
        self.shut(end)

    def _settle(self, end: End) -> None:
        peer = end.peer
        if peer is None or end.closed:
            self.owed.discard(end)
            return
        due = end.received < peer.sent or (peer.shut and not end.saw_eof)
        (self.owed.add if due else self.owed.discard)(end)
