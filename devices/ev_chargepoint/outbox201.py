"""What a station tells of its transactions: in order, each until it is answered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from devices.ev_chargepoint.charging import Timers
from devices.links.ocpp import CallRefused, Done, Payload
from harness.core.errors import LinkError

ATTEMPTS = 3
"""OCPPCommCtrlr.MessageAttempts for TransactionEvent (E13)."""
RETRY_S = 60.0
"""OCPPCommCtrlr.MessageAttemptInterval for TransactionEvent. [s]"""
Post = Callable[[str, Payload, Done], None]


@dataclass(slots=True)
class Transaction:
    """A charging transaction, which the station itself gives a name."""

    ident: str
    started_s: float
    """Bench time. [s]"""
    said: str = ""
    """The charging state last told."""
    messages: int = 0

    def number(self) -> int:
        """Return the next ``seqNo``."""
        self.messages += 1
        return self.messages - 1


class Outbox:
    """Keeps TransactionEvents while the CSMS is away, and sends them one by one.

    Parameters
    ----------
    post : callable
        Sends a CALL.
    online : callable
        Whether the CSMS is there.
    timers : Timers
        For another attempt, and for deliveries that are late by a fault.
    """

    def __init__(self, post: Post, online: Callable[[], bool], timers: Timers) -> None:
        self._post, self._online, self._timers = post, online, timers
        self._kept: deque[Payload] = deque()
        self._sending, self._attempts = False, 0
        self._may_go: int | None = None
        """How many may go before the next delivery; None for all."""
        self._delivery: asyncio.TimerHandle | None = None
        self._when_empty: Callable[[], None] | None = None

    @property
    def late(self) -> bool:
        """Whether what is put in now will not leave at once."""
        return self._may_go is not None or not self._online()

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, event: Payload) -> None:
        """Keep an event until it is delivered."""
        self._kept.append(event)
        self.settle()

    def settle(self) -> None:
        """Send the first that waits, if it can be sent."""
        if self._sending or not self._kept or self._may_go == 0 or not self._online():
            return
        self._sending = True
        self._post("TransactionEvent", self._kept[0], self._answered)

    def _answered(self, answer: Payload | LinkError) -> None:
        self._sending = False
        if isinstance(answer, LinkError) and not self._give_up(answer):
            if self._online():
                self._timers.after(RETRY_S, self.settle)
            return
        self._kept.popleft()
        self._attempts = 0
        if self._may_go:
            self._may_go -= 1
        if self._kept:
            self.settle()
        elif self._when_empty is not None:
            act, self._when_empty = self._when_empty, None
            act()

    def _give_up(self, error: LinkError) -> bool:
        """E13: what the CSMS refuses again and again is dropped."""
        self._attempts += isinstance(error, CallRefused)
        return self._attempts >= ATTEMPTS

    def once_empty(self, act: Callable[[], None] | None) -> None:
        """Act when everything has been delivered, or now if it has; None for never."""
        self._when_empty = act if self._kept else None
        if act is not None and not self._kept:
            act()

    def deliver_every(self, interval_s: float | None) -> None:
        """Keep everything back between deliveries; None for no longer. [s]"""
        self._timers.cancel(self._delivery)
        self._delivery = None
        if interval_s is None:
            self._may_go = None
            self.settle()
        else:
            self._may_go = 0
            self._wait(interval_s)

    def _wait(self, interval_s: float) -> None:
        def deliver() -> None:
            self._may_go = len(self._kept)
            self._wait(interval_s)
            self.settle()

        self._delivery = self._timers.after(interval_s, deliver)
