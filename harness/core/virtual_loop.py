"""An event loop whose hour takes seconds and whose sockets are real.

Time jumps to the next timer only when nothing is in flight, and that is proved,
not guessed: every TCP connection of the process is entered in a ledger that
counts bytes handed to the kernel by one end against bytes taken out by the
other, handshakes begun against handshakes finished, and closed ends against
ends that have seen the close. While any of these is open, or a thread works for
the loop, time stands still. A connection whose other end is outside the process
can never balance; it is reported, not waited for.

Before a round of callbacks runs, every socket that is owed bytes has them, and
events come in the order in which sockets were opened, so the same seed gives
the same interleaving on an idle machine and on a busy one. (Proved for
messages that fit one loopback segment, 64 KiB; larger ones may be split
differently from run to run, which moves no timestamp.)

This module wraps private parts of asyncio (``_selector``, ``_scheduled``,
``_make_socket_transport``, ``Handle._run``); nothing else in the project does.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from heapq import heappop, heappush, heapreplace
from itertools import count
from typing import Any

from harness.core.errors import StalledError
from harness.core.ledger import Ledger

STALL_AFTER_S = 20.0
"""Real seconds without any progress after which waiting is declared hopeless."""

WALL_CLOCK = 'clock = "wall" in the rig file if a part of it is another process'

AT_ONCE = 1 << 16
"""Bytes taken out of the kernel at once. asyncio asks for four times as many, and then
two thirds of the time that a frame takes goes into making room."""


Between = Callable[[], float | None]
"""Something done as time passes; it returns when it is done next, if ever."""

Event = tuple[selectors.SelectorKey, int]
"""A socket that is ready, and for what."""


class _CountedSocket:
    """A connected socket that tells the ledger what passes through it."""

    __slots__ = ("_end", "_ledger", "_sock")

    def __init__(self, sock: Any, ledger: Ledger) -> None:
        self._sock, self._ledger = sock, ledger
        self._end = ledger.open(sock)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def send(self, data: Any) -> int:
        count: int = self._sock.send(data)
        self._ledger.sent(self._end, count)
        return count

    def sendmsg(self, buffers: Any) -> int:
        count: int = self._sock.sendmsg(buffers)
        self._ledger.sent(self._end, count)
        return count

    def recv(self, size: int) -> bytes:
        data: bytes = self._take(self._sock.recv, min(size, AT_ONCE))
        self._ledger.received(self._end, len(data))
        return data

    def recv_into(self, buffer: Any) -> int:
        count: int = self._take(self._sock.recv_into, buffer)
        self._ledger.received(self._end, count)
        return count

    def _take(self, receive: Callable[[Any], Any], room: Any) -> Any:
        """Receive; what is owed and still on its way through the kernel is awaited."""
        try:
            return receive(room)
        except InterruptedError:
            raise
        except BlockingIOError:
            if self._end not in self._ledger.owed:
                raise
        except OSError:
            self._ledger.reset(self._end)
            raise
        arrival = select.poll()
        arrival.register(self._sock, select.POLLIN)
        if not arrival.poll(STALL_AFTER_S * 1000):
            raise StalledError(
                "virtual time", "a socket never got its bytes", WALL_CLOCK
            )
        return self._take(receive, room)

    def shutdown(self, how: int) -> None:
        self._ledger.shut(self._end)
        self._sock.shutdown(how)

    def close(self) -> None:
        self._ledger.close(self._end)
        self._sock.close()


class _JumpingSelector:
    """Serve the real sockets first; move time only when all of them are quiet.

    The kernel is not asked what the ledger shows: who is owed bytes, or that nothing is
    on a wire. What the ledger cannot show (a signal, a connection from outside, room to
    write again) is looked for all the same: now and then, or as long as it is due.
    """

    LOOK_EVERY = 64
    """Rounds after which the kernel is asked, whatever the ledger shows."""

    def __init__(self, real: Any, loop: VirtualLoop) -> None:
        self._real, self._loop = real, loop
        self._order: dict[int, int] = {}
        self._writing: set[int] = set()
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._opened = self._unasked = 0
        for key in real.get_map().values():
            self._number(key.fd)
            self._note(key, key.events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def _number(self, fd: int) -> None:
        self._opened += 1
        self._order[fd] = self._opened

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        key = self._real.register(fileobj, events, data)
        self._number(key.fd)
        self._note(key, events)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> Any:
        key = self._real.modify(fileobj, events, data)
        self._note(key, events)
        return key

    def unregister(self, fileobj: Any) -> Any:
        key = self._real.unregister(fileobj)
        self._note(key, 0)
        return key

    def _note(self, key: selectors.SelectorKey, events: int) -> None:
        """Keep who reads, and who waits to write: of that the ledger knows nothing."""
        if events:
            self._keys[key.fd] = key
        else:
            self._keys.pop(key.fd, None)
        if events & selectors.EVENT_WRITE:
            self._writing.add(key.fd)
        else:
            self._writing.discard(key.fd)

    def _must_ask(self) -> bool:
        """Whether the kernel must be asked this time."""
        if self._writing or self._loop.held:
            return True
        self._unasked = (self._unasked + 1) % self.LOOK_EVERY
        return not self._unasked

    def select(self, timeout: float | None = None) -> Any:
        loop = self._loop
        events = self._owed() if loop.ledger.owed else []
        if self._must_ask() or (loop.ledger.owed and not events):
            events = self._with_others(events)
        if events:
            if len(events) > 1:
                events.sort(key=lambda event: self._order[event[0].fd])
            return events
        if timeout == 0:
            return events
        if loop.held:
            return self._wait_for_the_world()
        if timeout is None and loop.idle:
            return self._wait_for_the_world()
        loop.jump()
        return events

    def _owed(self) -> list[Event]:
        """Reads of the ends that are owed something and are being read."""
        found = []
        for end in self._loop.ledger.owed:
            key = self._keys.get(end.fd)
            if key is not None and key.events & selectors.EVENT_READ:
                found.append((key, selectors.EVENT_READ))
        return found

    def _with_others(self, owed: list[Event]) -> list[Event]:
        """Add what the kernel has beside what is owed."""
        events = {key.fd: (key, mask) for key, mask in self._real.select(0)}
        for key, mask in owed:
            events[key.fd] = key, mask | events.get(key.fd, (key, 0))[1]
        return list(events.values())

    def _wait_for_the_world(self) -> Any:
        """Block for a thread, a handshake or a signal; never for a mere guess."""
        began = time.monotonic()  # noqa: TID251 - real patience
        while True:
            events = self._real.select(0.05)
            if events or not (self._loop.held or self._loop.idle):
                return events
            if self._loop.jobs_in_threads:
                continue
            if time.monotonic() - began > STALL_AFTER_S:  # noqa: TID251
                raise self._stalled(self._loop.why_held())

    def _stalled(self, fact: str) -> StalledError:
        return StalledError(
            f"virtual time {self._loop.time():.3f} s",
            fact,
            WALL_CLOCK,
        )


class _Timer(float):
    """A timer that is the instant at which it is due.

    asyncio's own is compared in Python, some seven times for each that is set; a number
    is not. In all else it is as an `asyncio.TimerHandle`, which cannot be a number.
    """

    _when: float
    _loop: VirtualLoop
    _callback: Callable[..., object] | None
    _args: tuple[Any, ...] | None
    _context: Context
    _cancelled: bool
    _scheduled: bool
    _source_traceback: None
    __slots__ = (
        "_args", "_callback", "_cancelled", "_context", "_loop", "_scheduled",
        "_source_traceback", "_when",
    )  # fmt: skip
    __hash__ = object.__hash__  # two timers for one instant are two

    def __new__(
        cls, when: float, callback: Callable[..., object], args: tuple[Any, ...],
        loop: VirtualLoop, context: Context | None,
    ) -> _Timer:  # fmt: skip
        self = super().__new__(cls, when)
        self._when, self._loop = when, loop
        self._callback, self._args = callback, args
        self._context = copy_context() if context is None else context
        self._cancelled, self._scheduled, self._source_traceback = False, True, None
        return self

    _run = asyncio.Handle._run

    def when(self) -> float:
        return self._when

    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self._loop._timer_handle_cancelled(self)  # type: ignore[attr-defined]
            self._callback = self._args = None


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's selector loop on virtual time; sockets stay real.

    `time()` begins at 0 and moves only in `jump()`. Serial ports, pipes and
    datagram sockets are refused: their bytes cannot be counted at both ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._between: list[tuple[float, int, Between]] = []
        self._entered = count()
        self.ledger = Ledger()
        self.jobs_in_threads = 0
        self._selector: Any = _JumpingSelector(self._selector, self)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._now_s

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> _Timer:
        """Set a timer; see `_Timer`."""
        self._check_closed()  # type: ignore[attr-defined]
        timer = _Timer(when, callback, args, self, context)
        heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        return timer

    @property
    def held(self) -> bool:
        """Whether something is under way that bytes alone do not show."""
        ledger = self.ledger
        return bool(self.jobs_in_threads or ledger.handshakes or ledger.lonely)

    @property
    def idle(self) -> bool:
        """Whether no timer is set and no callback is due."""
        return not (self._scheduled or self._ready or self._between)  # type: ignore[attr-defined]

    def why_held(self) -> str:
        """Name what keeps time from moving."""
        ledger = self.ledger
        if ledger.lonely:
            return f"{len(ledger.lonely)} connections lead out of this process"
        if ledger.handshakes:
            return f"{ledger.handshakes} connections were never accepted"
        return "no timer is set, no socket is active: everything waits for everything"

    def between(self, when: float, act: Between) -> None:
        """Do something as time passes an instant, without a turn of the loop.

        For what is done thousands of times for each message on a wire. It must not
        wait; what it raises ends the run.

        Parameters
        ----------
        when : float
            The instant, on the loop's clock. [s]
        act : callable
            Returns when it is done next, or None if it is not.
        """
        heappush(self._between, (when, next(self._entered), act))

    def jump(self) -> None:
        """Move time to the next timer, exactly; it never moves back.

        On the way everything is done that falls between; if that makes a callback due,
        time moves no further.
        """
        timers, ready = self._scheduled, self._ready  # type: ignore[attr-defined]
        between = self._between
        while between and not (timers and timers[0] < between[0][0]):
            when, _, act = between[0]
            self._now_s = max(self._now_s, when)
            again = act()
            if again is None:
                heappop(between)
            else:
                heapreplace(between, (again, next(self._entered), act))
            if ready or not timers:
                return
        self._now_s = max(self._now_s, timers[0].when())

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """Hold time still until the job is done."""
        self.jobs_in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _future: object) -> None:
        self.jobs_in_threads -= 1

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Connect, holding time still until the handshake is over."""
        self.ledger.handshakes += 1
        try:
            await super().sock_connect(sock, address)
        finally:
            self.ledger.handshakes -= 1

    def add_reader(  # type: ignore[override]
        self, fd: Any, callback: Any, *args: Any
    ) -> None:
        """Refuse: a raw descriptor's bytes cannot be counted at both ends."""
        raise self._refusal(f"file descriptor {fd}")

    def add_writer(  # type: ignore[override]
        self, fd: Any, callback: Any, *args: Any
    ) -> None:
        """Refuse: see `add_reader`."""
        raise self._refusal(f"file descriptor {fd}")

    def _make_socket_transport(self, sock: Any, *args: Any, **kwargs: Any) -> Any:
        counted = _CountedSocket(sock, self.ledger)
        return super()._make_socket_transport(  # type: ignore[misc]
            counted, *args, **kwargs
        )

    def _make_ssl_transport(self, rawsock: Any, *args: Any, **kwargs: Any) -> Any:
        counted = _CountedSocket(rawsock, self.ledger)
        return super()._make_ssl_transport(  # type: ignore[misc]
            counted, *args, **kwargs
        )

    def _make_datagram_transport(self, *_args: Any, **_kwargs: Any) -> Any:
        raise self._refusal("a datagram socket")

    def _make_read_pipe_transport(self, *_args: Any, **_kwargs: Any) -> Any:
        raise self._refusal("a pipe")

    def _make_write_pipe_transport(self, *_args: Any, **_kwargs: Any) -> Any:
        raise self._refusal("a pipe")

    def _refusal(self, what: str) -> StalledError:
        return StalledError(
            "virtual time",
            f"{what} cannot take part: its bytes cannot be counted at both ends",
            'clock = "wall" in the rig file, or a TCP address instead',
        )
