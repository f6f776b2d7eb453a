"""A message gateway as its clients see it, and the people whom it reaches.

The shape of its messages is this project's own, plain and written down in README.md of
this folder; any text, push or e-mail service fits behind it with a few lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field

from devices.home.people import Household, Message, PeopleOptions, Receipt
from devices.links.http import HttpLink
from devices.links.http_server import Answer, HttpServer, Request
from devices.links.standing_faults import StandingFaults
from harness.core.bench import EmulatorContext
from harness.core.capabilities import Demand
from harness.core.errors import LinkError
from harness.core.faults import Fault, FaultKind

OPERATIONS = ("answer the message",)
FAULTS: Final = (
    FaultKind.IGNORES,
    FaultKind.GAP,
    FaultKind.FORGETS_SCHEDULE,
    FaultKind.REPLAYED_BACKLOG,
    FaultKind.LATE_BACKLOG,
)
_AMOUNTS = (FaultKind.REPLAYED_BACKLOG, FaultKind.LATE_BACKLOG)
CHANNELS = ("text", "push", "email")
VERSION = "1"
CALLBACK_TIMEOUT_S = 10.0


class EmulatorOptions(PeopleOptions):
    """The people's options, the gateway's, and defects for bad rigs."""

    token: str = ""
    """The bearer token that it wants; empty for none."""
    messages_kept: int = Field(1000, ge=1)
    ignores_messages: bool = False
    """The people agree to everything and do nothing."""


class Gateway:
    """Takes messages and tells what became of them; `Breakable`."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._context, self._options = context, options
        self._clock = context.clock
        self._faults = StandingFaults("a household", FAULTS, amounts=_AMOUNTS)
        self.household = Household(context, options, self._happened)
        self._reply_urls: dict[str, str] = {}
        self._receipts: dict[str, list[Receipt]] = {}
        self._kept_back: list[Receipt] = []
        self._flush: asyncio.TimerHandle | None = None
        self._outbox: asyncio.Queue[Receipt] = asyncio.Queue()
        self._link: HttpLink | None = None
        self.undelivered: list[str] = []
        """Callbacks that nobody took, each with the reason."""
        self.server = HttpServer(self.answer)
        self.address = ""
        if options.ignores_messages:
            self.impose(Fault(FaultKind.IGNORES))

    def operate(self, action: str) -> None:
        """Have somebody look at their telephone, and agree."""
        if action not in OPERATIONS:
            raise ValueError(f"nobody can {action!r}; people can: {OPERATIONS[0]}")
        if not self.household.answer():
            raise ValueError("there is no message that somebody has not seen")

    # Faults

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return FAULTS

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on.

        Raises
        ------
        ValueError
            If a household cannot have it, or its amount is missing or not positive.
        """
        if fault.kind in _AMOUNTS and fault.amount <= 0.0:
            raise ValueError(f"the fault {str(fault.kind)!r} needs more than 0 s")
        self._faults.impose(fault)
        if fault.kind is FaultKind.IGNORES:
            self.household.obey = False
        elif fault.kind is FaultKind.FORGETS_SCHEDULE:
            self.household.forget()
        elif fault.kind is FaultKind.REPLAYED_BACKLOG:
            self._replay(fault.amount)
        elif fault.kind is FaultKind.LATE_BACKLOG:
            self._keep_back()

    def lift(self, kind: FaultKind) -> None:
        """Be well again; nothing happens if it was."""
        if not self._faults.lift(kind):
            return
        if kind is FaultKind.IGNORES:
            self.household.obey = True
        elif kind is FaultKind.LATE_BACKLOG:
            self._give_all()

    def _replay(self, last_s: float) -> None:
        """Give what happened within so long again, as if it happened now."""
        now_s = self._clock.now_s()
        for receipts in list(self._receipts.values()):
            for old in list(receipts):
                if now_s - old.at_s <= last_s:
                    again = Receipt(old.message, old.person, old.status, now_s)
                    self._outbox.put_nowait(again)

    def _keep_back(self) -> None:
        """Give nothing for a while, then all that there is; and so on."""
        if self._flush is not None:
            self._flush.cancel()
        every_s = self._faults.amount(FaultKind.LATE_BACKLOG)
        loop = asyncio.get_running_loop()
        self._flush = loop.call_later(every_s, self._give_and_keep_back)

    def _give_and_keep_back(self) -> None:
        self._give_what_was_kept()
        self._keep_back()

    def _give_all(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        self._give_what_was_kept()

    def _give_what_was_kept(self) -> None:
        kept, self._kept_back = self._kept_back, []
        for receipt in kept:
            self._give(receipt)

    # Receipts

    def _happened(self, receipt: Receipt) -> None:
        """Take note of what became of a message, as far as the faults allow."""
        if FaultKind.GAP in self._faults:
            return
        if FaultKind.LATE_BACKLOG in self._faults:
            self._kept_back.append(receipt)
        else:
            self._give(receipt)

    def _give(self, receipt: Receipt) -> None:
        self._receipts[receipt.message].append(receipt)
        self._outbox.put_nowait(receipt)

    async def call_back(self) -> None:
        """Tell the sender of each message what became of it, one after the other."""
        while True:
            receipt = await self._outbox.get()
            url = self._reply_urls.get(receipt.message)
            if url is None:
                continue
            try:
                await self._post(url, self._plain(receipt))
            except LinkError as error:
                self.undelivered.append(error.fact)

    async def _post(self, url: str, body: Mapping[str, Any]) -> None:
        link = HttpLink(
            where=f"{self._context.where} (emulator)",
            address=url,
            wire=_unrecorded,
            timeout_s=CALLBACK_TIMEOUT_S,
            what="where receipts go",
        )
        try:
            reply = await link.request("POST", "", body)
        finally:
            await link.close()
        if reply.status >= 300:
            self.undelivered.append(f"HTTP {reply.status}")

    def _plain(self, receipt: Receipt) -> dict[str, Any]:
        at = self._clock.utc() + timedelta(seconds=receipt.at_s - self._clock.now_s())
        return {
            "id": receipt.message,
            "person": receipt.person,
            "status": receipt.status,
            "at": at.isoformat(timespec="milliseconds"),
        }

    # Requests

    async def answer(self, request: Request) -> Answer:
        """Answer as the gateway does."""
        if self._options.token and request.bearer != self._options.token:
            return _error(401, "the token is not valid")
        parts = request.path.strip("/").split("/")
        if (request.method, parts) == ("GET", [""]):
            return Answer(body={"service": "Flexrig messages", "version": VERSION})
        if (request.method, parts) == ("POST", ["messages"]):
            return self._take(request.json)
        if request.method == "GET" and parts[0] == "messages" and len(parts) == 2:
            return self._status(parts[1])
        return _error(404, "there is nothing here")

    def _take(self, body: Mapping[str, Any] | None) -> Answer:
        try:
            message, reply_url = self._read(body or {})
        except (KeyError, TypeError, ValueError) as error:
            return _error(422, f"not a message: {type(error).__name__} {error}")
        if message.name in self._receipts:
            return _error(409, "there is a message with this id")
        while len(self._receipts) >= self._options.messages_kept:
            oldest = next(iter(self._receipts))
            del self._receipts[oldest]
            self._reply_urls.pop(oldest, None)
        self._receipts[message.name] = []
        if reply_url:
            self._reply_urls[message.name] = reply_url
        self.household.ask(message)
        return Answer(202, {"id": message.name, "status": "queued"})

    def _read(self, body: Mapping[str, Any]) -> tuple[Message, str]:
        name, channel, wording = body["id"], body["channel"], body["wording"]
        if not (isinstance(name, str) and 0 < len(name) <= 64):
            raise ValueError("id")
        if channel not in CHANNELS or not (isinstance(wording, str) and wording):
            raise ValueError("channel or wording")
        until = datetime.fromisoformat(body["window"]["until"])
        if until.tzinfo is None:
            raise ValueError("window")
        reply_url = body.get("reply_url", "")
        if not isinstance(reply_url, str):
            raise TypeError("reply_url")
        demand = Demand(body["kind"])
        return Message(name, demand, self._clock.bench_s(until)), reply_url

    def _status(self, name: str) -> Answer:
        receipts = self._receipts.get(name)
        if receipts is None:
            return _error(404, "there is no such message")
        plain = [self._plain(receipt) for receipt in receipts]
        return Answer(body={"id": name, "receipts": plain})

    def close(self) -> None:
        """End what was under way."""
        if self._flush is not None:
            self._flush.cancel()
        self.household.close()


def _error(status: int, error: str) -> Answer:
    return Answer(status, {"error": error})


def _unrecorded(_sent: bool, _text: str) -> None:
    """Take no note: the harness's own end records every message."""


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[Gateway]:
    """Wire the people's load into the circuit and serve the gateway on loopback."""
    gateway = Gateway(context, options)
    context.circuit.attach(context.role, gateway.household)
    calling = asyncio.create_task(gateway.call_back())
    try:
        async with gateway.server.listening(context.port) as port:
            gateway.address = f"http://127.0.0.1:{port}"
            yield gateway
    finally:
        gateway.close()
        calling.cancel()
        with suppress(asyncio.CancelledError):
            await calling
