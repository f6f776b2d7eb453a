"""Transactions, and their messages, which the station keeps until the CSMS has them.

Source: Open Charge Point Protocol 1.6 edition 2, 3.7.1 (error responses to
transaction-related messages), 4.8 to 4.10, 9.1.31 and 9.1.32.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from devices.ev_chargepoint.charging import Timers
from devices.ev_chargepoint.model import Tally
from devices.links.ocpp import Done, Payload
from harness.core.errors import LinkError

NO_ID = -1
"""The transactionId of one whose StartTransaction the CSMS never answered
(OCPP 1.6 errata, unverified)."""
MOST_KEPT = 10_000
"""Messages kept; then the oldest MeterValues go first (our choice)."""
MOST_SAMPLES = 1_000
"""Samples kept for StopTransaction; then every other one goes (our choice)."""


@dataclass(slots=True)
class Transaction:
    """A charging transaction; its id comes with StartTransaction.conf."""

    began: Tally
    id_tag: str
    ident: int | None = None
    data: list[Payload] = field(default_factory=list)
    """transactionData of StopTransaction.req: MeterValues (9.1.27, 9.1.29)."""

    @property
    def started_s(self) -> float:
        """Bench time. [s]"""
        return self.began.at_s

    def note(self, sample: Payload | None) -> None:
        """Keep a sample for StopTransaction."""
        if sample is not None:
            self.data.append(sample)
            if len(self.data) > MOST_SAMPLES:
                del self.data[1:-1:2]


@dataclass(slots=True)
class Kept:
    """A message on its way to the CSMS."""

    action: str
    payload: Payload
    transaction: Transaction
    attempts: int = 0

    def request(self) -> Payload:
        """Return the payload, by now with the transaction's id."""
        if self.action == "StartTransaction":
            return self.payload
        return {**self.payload, "transactionId": self.transaction.ident}


class Outbox:
    """Transaction-related messages: in their order, one at a time, none lost.

    Parameters
    ----------
    post : callable
        Sends a CALL.
    online : callable
        Whether anything can be sent.
    attempts, retry_s : callable
        TransactionMessageAttempts and TransactionMessageRetryInterval. [s]
    started : callable
        Told of each transaction that has its id, and whether its tag is accepted.
    """

    def __init__(
        self,
        *,
        post: Callable[[str, Payload, Done], None],
        online: Callable[[], bool],
        attempts: Callable[[], int],
        retry_s: Callable[[], int],
        started: Callable[[Transaction, bool], None],
        timers: Timers,
    ) -> None:
        self._post, self._online, self._started = post, online, started
        self._attempts, self._retry_s, self._timers = attempts, retry_s, timers
        self._kept: deque[Kept] = deque()
        self._under_way = False
        self._waiting: asyncio.TimerHandle | None = None

    def add(self, action: str, payload: Payload, transaction: Transaction) -> None:
        """Take a message; it goes when all before it have gone."""
        if len(self._kept) >= MOST_KEPT:
            self._make_room()
        self._kept.append(Kept(action, payload, transaction))
        self.go_on()

    def _make_room(self) -> None:
        first = 1 if self._under_way else 0
        for index in range(first, len(self._kept)):
            if self._kept[index].action == "MeterValues":
                del self._kept[index]
                return

    def go_on(self) -> None:
        """Send the next message if it can be sent."""
        blocked = self._under_way or self._waiting is not None
        if blocked or not self._kept or not self._online():
            return
        self._under_way = True
        kept = self._kept[0]
        self._post(kept.action, kept.request(), lambda said: self._done(kept, said))

    def _done(self, kept: Kept, answer: Payload | LinkError) -> None:
        self._under_way = False
        if not isinstance(answer, LinkError):
            self._kept.popleft()
            self._arrived(kept, answer)
        elif self._online():
            kept.attempts += 1
            if kept.attempts >= self._attempts():
                self._give_up(kept)
            else:  # "the number of preceding transmissions" times the interval (3.7.1)
                wait_s = self._retry_s() * kept.attempts
                self._waiting = self._timers.after(wait_s, self._try_again)
        self.go_on()

    def _arrived(self, kept: Kept, answer: Payload) -> None:
        if kept.action == "StartTransaction":
            kept.transaction.ident = answer["transactionId"]
            accepted = answer["idTagInfo"]["status"] == "Accepted"
            self._started(kept.transaction, accepted)

    def _give_up(self, kept: Kept) -> None:
        self._kept.popleft()
        if kept.action == "StartTransaction":
            kept.transaction.ident = NO_ID

    def _try_again(self) -> None:
        self._waiting = None
        self.go_on()
