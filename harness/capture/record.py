"""Reading every frame off an interface into a file, with the kernel's time stamps.

Needs nothing but Python's own library and `harness.core.errors`: it is the one part
that may need the right to read raw frames (CAP_NET_RAW).

Source: Linux ``packet(7)``, ``socket(7)`` and ``linux/if_packet.h``.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from harness.capture.interfaces import LOOPBACK, link_type
from harness.capture.pcapng import Counts, Interface, Writer
from harness.capture.wanted import Keep, Tap, in_words, keep
from harness.core.errors import BenchError, UsageError

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 263, 6, 23
PACKET_OUTGOING = 4
SO_TIMESTAMPNS = 35
"""As an option and as the type of the message that carries the stamp: a timespec."""
SO_RCVBUFFORCE = 33
KERNEL_BUFFER = 64 << 20
"""Bytes that the kernel may hold for us, where it grants that."""
LARGEST = 1 << 19
"""Loopback hands over frames before they are cut: larger than any cable's."""
AT_ONCE = 256
"""Frames read of one interface before the others, and a stop, have their turn."""
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)
HOW_TO_ALLOW = (
    "a copy of this Python that may do it, beside it: cp PYTHON DIR/python-capture && "
    "sudo setcap cap_net_raw+ep DIR/python-capture"
)


@dataclass(slots=True)
class Ear:
    """One interface that is listened to."""

    interface: Interface
    sock: socket.socket
    keep: Keep | None
    counts: Counts = field(default_factory=Counts)

    @property
    def is_loopback(self) -> bool:
        """Whether frames pass here both going and coming."""
        return self.interface.name == LOOPBACK

    def count(self) -> None:
        """Ask the kernel what it had and what it dropped since it was last asked."""
        told = self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        received, dropped = struct.unpack("=II", told)
        self.counts.received += received
        self.counts.dropped += dropped


@dataclass(slots=True)
class Tally:
    """What came of a capture."""

    packets: int = 0
    bytes: int = 0
    """Of frames as they were on the wire."""
    left_out: int = 0
    """Frames that the filter did not want."""


def record(path: Path, wanted: Sequence[Tap], *, comment: str) -> None:
    """Capture until standard input is closed or the process is asked to end.

    Prints one JSON line when every frame from then on is kept, and one at the end.

    Raises
    ------
    UsageError, BenchError
        If an interface is none, may not be read, or the file cannot be written.
    """
    with ExitStack() as stack:
        ears = [stack.enter_context(_listening(tap)) for tap in wanted]
        file = stack.enter_context(_created(path))
        interfaces = [ear.interface for ear in ears]
        writer = Writer(file, interfaces, application="flexrig", comment=comment)
        stopped = stack.enter_context(_StopSignals())
        start_ns = _now_ns()
        _tell(ready=True, start_ns=start_ns)
        try:
            tally = _Follower(ears, writer, file, stopped).follow()
            end_ns = _now_ns()
            for index, ear in enumerate(ears):
                ear.count()
                writer.statistics(index, ear.counts, start_ns=start_ns, end_ns=end_ns)
            file.flush()
        except OSError as error:
            raise BenchError(
                str(path),
                f"the capture broke off ({error.strerror})",
                "room on the disk, and the interface's cable",
            ) from error
        dropped = sum(ear.counts.dropped for ear in ears)
        _tell(
            packets=tally.packets, bytes=tally.bytes, drops=dropped,
            left_out=tally.left_out, start_ns=start_ns, end_ns=end_ns,
        )  # fmt: skip


@contextmanager
def _listening(tap: Tap) -> Iterator[Ear]:
    kind = link_type(tap.interface)
    interface = Interface(tap.interface, kind, in_words(tap.peers))
    with open_socket(tap.interface) as sock:
        yield Ear(interface, sock, keep(tap.peers, kind))


def open_socket(name: str) -> socket.socket:
    """Return a socket from which every frame of an interface can be read.

    Raises
    ------
    BenchError
        If this process may not do that.
    UsageError
        If there is no such interface.
    """
    try:
        # No protocol yet: nothing may queue before the interface is chosen.
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise BenchError(
            f"capture on {name}",
            "this process may not read raw frames (no CAP_NET_RAW)",
            HOW_TO_ALLOW,
        ) from error
    try:
        _set_up(sock, name)
    except OSError as error:
        sock.close()
        raise UsageError(
            f"capture on {name}", f"it cannot be read ({error.strerror})", "another"
        ) from error
    return sock


def _set_up(sock: socket.socket, name: str) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, KERNEL_BUFFER)
    except PermissionError:  # as much as everybody may have: net.core.rmem_max
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    if name == LOOPBACK:
        # There every frame passes twice, once going and once coming.
        sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.setblocking(False)
    sock.bind((name, ETH_P_ALL))


def _created(path: Path) -> BinaryIO:
    try:
        return path.open("xb", buffering=1 << 18)
    except OSError as error:
        raise UsageError(
            str(path), f"cannot be written: {error.strerror}", "another file"
        ) from error


class _StopSignals:
    """A socket that becomes readable when the process is asked to end."""

    def __enter__(self) -> socket.socket:
        self._hears, self._says = socket.socketpair()
        for end in (self._hears, self._says):
            end.setblocking(False)
        signal.set_wakeup_fd(self._says.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        return self._hears

    def __exit__(self, *_error: object) -> None:
        signal.set_wakeup_fd(-1)
        self._hears.close()
        self._says.close()


def _standard_input() -> list[int]:
    """Standard input where somebody can close it: a pipe, a socket or a terminal."""
    number = 0
    mode = os.fstat(number).st_mode
    closable = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(number)
    return [number] if closable else []


@dataclass(slots=True)
class _Follower:
    """Writes frames as they come, until it is time to stop and all are written."""

    ears: Sequence[Ear]
    writer: Writer
    file: BinaryIO
    stopped: socket.socket
    tally: Tally = field(default_factory=Tally)
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(LARGEST)))
    until_ns: int | None = None
    """Set when asked to stop: later frames are not ours any more."""

    def follow(self) -> Tally:
        with selectors.DefaultSelector() as selector:
            for index, ear in enumerate(self.ears):
                selector.register(ear.sock, selectors.EVENT_READ, index)
            stops: list[socket.socket | int] = [self.stopped, *_standard_input()]
            for stop in stops:
                selector.register(stop, selectors.EVENT_READ, None)
            while self.until_ns is None:
                events = selector.select()
                taken = [self._catch(k.data) for k, _ in events if k.data is not None]
                if sum(taken) < AT_ONCE:
                    self.file.flush()  # a kill loses nothing of a quiet wire
                if any(k.data is None and _asks(k.fileobj) for k, _ in events):
                    self.until_ns = _now_ns()
        while sum(map(self._catch, range(len(self.ears)))):
            continue
        return self.tally

    def _catch(self, index: int) -> int:
        """Write what has come on one interface; return how many frames that was."""
        ear, buffer, tally = self.ears[index], self.buffer, self.tally
        until_ns = self.until_ns
        for taken in range(AT_ONCE):
            try:
                length, told, _, address = ear.sock.recvmsg_into(
                    [buffer], _ANCILLARY, socket.MSG_TRUNC
                )
            except BlockingIOError:
                return taken
            time_ns = _stamp_of(told)
            if until_ns is not None and time_ns > until_ns:
                return 0
            if ear.is_loopback and address[2] == PACKET_OUTGOING:
                continue
            frame = buffer[: min(length, LARGEST)]
            if ear.keep is not None and not ear.keep(frame):
                tally.left_out += 1
                continue
            self.writer.packet(index, time_ns, frame, length=length)
            tally.packets += 1
            tally.bytes += length
        return AT_ONCE


def _stamp_of(ancillary: Sequence[tuple[int, int, bytes]]) -> int:
    """The kernel's time stamp, in whole nanoseconds of CLOCK_REALTIME."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    raise BenchError(
        "capture", "the kernel gave a frame without its time", "a newer kernel"
    )


def _asks(stop: object) -> bool:
    """Whether what can be read is a request to stop: a signal, or the end of input."""
    return isinstance(stop, socket.socket) or not os.read(0, 4096)


def _now_ns() -> int:
    return time.clock_gettime_ns(
        time.CLOCK_REALTIME
    )  # the clock of the kernel's stamps


def _tell(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
