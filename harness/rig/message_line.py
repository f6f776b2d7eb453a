"""Messages on their way to one end of a wire: in order, each not before it is due."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

EOF: Final = b"end of what is sent, on its way like a message"
CLOSE: Final = b"end of the connection, on its way like a message"
"""Known by identity: a message that says the same is a message."""


MOMENT_S = 0.02
"""How long after a message its copy goes out, or the one that it overtook: late enough
to be a message of its own, soon enough to meet who still works on the first. [s]"""


class MessageLine:
    """A queue on the event loop's clock.

    Parameters
    ----------
    deliver : callable
        Takes each message when it has come through.
    """

    def __init__(self, deliver: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._apart: set[asyncio.TimerHandle] = set()
        self._overtaken: list[bytes] = []

    def send(self, message: bytes, *, wait_s: float = 0.0) -> None:
        """Hand on a message after `wait_s`, and never before those ahead of it.

        What waits to be overtaken goes a moment behind it.
        """
        if wait_s <= 0 and not self._waiting:
            self._deliver(message)
        else:
            last_s = self._waiting[-1][0] if self._waiting else 0.0
            due_s = max(self._loop.time() + wait_s, last_s)
            self._waiting.append((due_s, message))
            self._set_timer()
        self.release(wait_s=wait_s + MOMENT_S)

    @property
    def holds(self) -> bool:
        """Whether a message waits to be overtaken."""
        return bool(self._overtaken)

    def hold(self, message: bytes) -> None:
        """Keep a message back until the next has gone."""
        self._overtaken.append(message)

    def release(self, *, wait_s: float = 0.0) -> None:
        """Let go of what waits to be overtaken, after `wait_s`."""
        held, self._overtaken = self._overtaken, []
        for message in held:
            self.send_apart(message, wait_s=wait_s)

    def send_apart(self, message: bytes, *, wait_s: float) -> None:
        """Hand on a message after `wait_s`, past whatever is ahead of it."""
        if wait_s <= 0:
            self._deliver(message)
            return

        def go() -> None:
            self._apart.discard(handle)
            self._deliver(message)

        handle = self._loop.call_later(wait_s, go)
        self._apart.add(handle)

    def cancel(self) -> None:
        """Forget all that is on its way."""
        self._waiting.clear()
        self._overtaken.clear()
        for timer in self._apart:
            timer.cancel()
        self._apart.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._due)

    def _due(self) -> None:
        self._timer = None
        # As asyncio does it: a timer may come a clock tick early.
        now_s = self._loop.time() + 1e-6
        while self._waiting and self._waiting[0][0] <= now_s:
            self._deliver(self._waiting.popleft()[1])
        self._set_timer()
