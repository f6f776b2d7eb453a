"""The people of a home, asked by text, push or e-mail through a message webhook.

What a gateway accepts is not delivered, what is delivered is not read, and what is read
is not done: receipts are the people's word, and the boundary meter decides.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from devices.home import emulator
from devices.home.receipts import parse_receipt
from devices.links import framing
from devices.links.http import HttpLink, Json, Reply, parse_url, read_token
from devices.links.http_server import Answer, HttpServer, Request
from harness.core.bench import DeviceContext, DeviceEvent, Driver, Kindness, Options
from harness.core.calendar import LONDON
from harness.core.capabilities import (
    Acknowledgement,
    Demand,
    Device,
    Identity,
    Polled,
    ShiftsDemand,
)
from harness.core.errors import BenchError, LinkError, RefusedError, RigError
from harness.core.recording import Reading

QUANTITIES = {
    "delivered_people": "delivered",
    "read_people": "read",
    "agreed_people": "agreed",
    "declined_people": "declined",
}
"""Quantity: the status that it counts, for the last request."""
MESSAGES_KEPT = 20
"""Receipts of older messages are news of nothing."""
DAY_S = 86_400.0


class OccupantsOptions(Options):
    """How the harness asks, and how it hears."""

    channel: Literal["text", "push", "email"] = "push"
    audience: str = Field("household", min_length=1)
    """Whom the gateway sends it to, in its own terms; no names, no numbers."""
    reduce_wording: str = "Please use less electricity from now until {until}."
    boost_wording: str = "Please use more electricity from now until {until}."
    normal_wording: str = "Thank you. Please use electricity as you like again."
    window_s: float = Field(7200.0, gt=0)
    """How long a request stands if nobody says that it is over. [s]"""
    messages_per_day: int = Field(3, ge=1)
    """Requests that people stand; one more is not sent. The all clear is always."""
    token_file: str = ""
    """File that holds the gateway's bearer token; never in the rig file itself."""
    timeout_s: float = Field(10.0, gt=0)
    poll_interval_s: float = Field(60.0, ge=10)
    callback: bool = True
    """Listen for receipts; without it they are only asked for at each poll."""
    callback_host: str = "127.0.0.1"
    callback_port: int = Field(0, ge=0, le=65535)
    public_url: str = ""
    """Where the gateway reaches the callback, if it is not on this computer."""


class Occupants:
    """People who can be asked for less, for more, and told that it is over."""

    def __init__(
        self, context: DeviceContext, link: HttpLink, options: OccupantsOptions
    ) -> None:
        self._context, self._link, self._options = context, link, options
        self._clock, self._where = context.clock, f"{context.where} {context.address}"
        self._headers: dict[str, str] = {}
        self._sent_s: deque[float] = deque()
        self._asked: Demand = Demand.NORMAL
        self._number = 0
        self._last = ""
        self._heard: dict[str, set[tuple[int, str]]] = {}
        self.reply_url = ""
        """Where receipts are to be sent; empty if nobody listens."""

    @property
    def poll_interval_s(self) -> float:
        """How often receipts are asked for. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns: people, by what they said to the last request."""
        return tuple(QUANTITIES)

    async def ready(self) -> None:
        """Ask the gateway who it is; nobody is sent anything."""
        self._headers = self._authorisation()
        await self.identify()

    async def identify(self) -> Identity:
        """Return who the gateway is; the people stay unnamed."""
        said = await self._ask("GET", "/")
        return Identity(
            maker=str(said.get("service", "")),
            model="message gateway",
            firmware=str(said.get("version", "")),
        )

    async def poll(self) -> Sequence[Reading]:
        """Ask what became of the last request, and count the people."""
        if not self._last:
            await self.identify()  # a gateway that is gone is no silence of people
        else:
            said = await self._ask("GET", f"/messages/{self._last}")
            receipts = said.get("receipts")
            if not isinstance(receipts, list):
                raise self._link.error(
                    "the answer has no receipts", "the address of the gateway"
                )
            for receipt in receipts:
                self._hear(receipt)
        return self._counts()

    async def shift_demand(self, demand: Demand) -> Acknowledgement:
        """Send the request, or the all clear; accepted means queued, no more.

        Raises
        ------
        LinkError
            If the gateway does not answer, or refuses.
        BenchError
            If people were asked `messages_per_day` times within 24 h.
        """
        if demand is Demand.NORMAL and self._asked is Demand.NORMAL:
            return Acknowledgement(True, "nobody was asked for anything: nothing sent")
        if demand is not Demand.NORMAL:
            self._check_budget()
        name = self._name()
        body = self._message(name, demand)
        said = await self._ask("POST", "/messages", body)
        self._heard[name] = set()
        while len(self._heard) > MESSAGES_KEPT:
            del self._heard[next(iter(self._heard))]
        if demand is not Demand.NORMAL:
            self._sent_s.append(self._clock.now_s())
            self._last = name
        self._asked = demand
        status = str(said.get("status", "no status"))
        return Acknowledgement(True, f"{demand}: {status} as {name}, not delivered yet")

    async def make_safe(self) -> None:
        """Tell people that it is over, if they were asked for anything."""
        await self.shift_demand(Demand.NORMAL)

    async def callback(self, request: Request) -> Answer:
        """Take a receipt that the gateway sends."""
        if not self.reply_url.endswith(request.path) or request.path == "/":
            return Answer(404, {"error": "there is nothing here"})
        self._link.record(False, f"{request.method} {request.path}", request.text)
        receipt = request.json
        if request.method != "POST" or not self._hear(receipt):
            return Answer(422, {"error": "not a receipt of a message sent from here"})
        self._context.report(self._counts())
        return Answer(204)

    def _hear(self, receipt: object) -> bool:
        """Take note of a receipt; return whether it is one that is known of."""
        found = parse_receipt(receipt)
        known = None if found is None else self._heard.get(found.message)
        if found is None or known is None:
            return False
        new = (found.person, found.status)
        if new not in known:
            known.add(new)
            late_s = self._clock.now_s() - self._clock.bench_s(found.at)
            self._tell(f"person {found.person}: {found.status} ({late_s:.0f} s ago)")
        return True

    def _counts(self) -> list[Reading]:
        heard = self._heard.get(self._last, set())
        return [
            Reading(quantity, float(sum(said == status for _, said in heard)))
            for quantity, status in QUANTITIES.items()
        ]

    def _name(self) -> str:
        self._number += 1
        stamp = f"{self._clock.utc():%Y%m%dT%H%M%S}"
        return f"{self._context.role}-{stamp}-{self._number}"

    def _message(self, name: str, demand: Demand) -> Json:
        options, now = self._options, self._clock.utc()
        until = now + timedelta(seconds=options.window_s)
        wording = {
            Demand.REDUCE: options.reduce_wording,
            Demand.BOOST: options.boost_wording,
            Demand.NORMAL: options.normal_wording,
        }[demand]
        body = {
            "id": name,
            "kind": str(demand),
            "channel": options.channel,
            "audience": options.audience,
            "wording": wording.replace("{until}", f"{until.astimezone(LONDON):%H:%M}"),
            "window": {"from": _stamp(now), "until": _stamp(until)},
        }
        return body | ({"reply_url": self.reply_url} if self.reply_url else {})

    def _check_budget(self) -> None:
        now_s = self._clock.now_s()
        while self._sent_s and now_s - self._sent_s[0] >= DAY_S:
            self._sent_s.popleft()
        most = self._options.messages_per_day
        if len(self._sent_s) >= most:
            raise BenchError(
                self._where,
                f"people were asked {most} times within 24 h, and are asked no more",
                "fewer requests, or messages_per_day in the rig file",
            )

    async def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        reply = await self._link.request(method, path, body, headers=self._headers)
        if reply.status not in (200, 201, 202):
            raise self._refusal(f"{method} {path}", reply)
        said = reply.json
        if said is None:
            raise self._link.error(
                f"{method} {path}: not a JSON object",
                "the address: is this a message gateway?",
            )
        return said

    def _refusal(self, what: str, reply: Reply) -> LinkError:
        error = (reply.json or {}).get("error", "")
        fact = f"{what}: HTTP {reply.status}" + (f", {error}" if error else "")
        if reply.status in (401, 403):
            return self._link.error(fact, "a token that is valid, in token_file")
        if reply.status == 404:
            return self._link.error(fact, "the address: is this a message gateway?")
        return RefusedError(self._where, fact, "the gateway's own log")

    def _authorisation(self) -> dict[str, str]:
        if not self._options.token_file:
            return {}
        token = read_token(self._options.token_file, self._context.where)
        self._link.hide(token)
        return {"Authorization": f"Bearer {token}"}

    def _tell(self, detail: str) -> None:
        self._context.notify(DeviceEvent(self._context.role, "status", detail))


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: OccupantsOptions
) -> AsyncIterator[Occupants]:
    """Hold the link, and listen for receipts, for as long as it is in use."""
    link = HttpLink(
        where=context.where,
        address=context.address,
        wire=context.wire,
        timeout_s=options.timeout_s,
        what="a message gateway",
    )
    people = Occupants(context, link, options)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(link.close)
        if options.callback:
            await _listen(people, context, link, options, stack)
        yield people


async def _listen(
    people: Occupants,
    context: DeviceContext,
    link: HttpLink,
    options: OccupantsOptions,
    stack: AsyncExitStack,
) -> None:
    server, host = HttpServer(people.callback), options.callback_host
    try:
        port = await stack.enter_async_context(
            server.listening(options.callback_port, host)
        )
    except OSError as error:
        raise RigError(
            f"{context.where} options callback_port",
            f"nobody can listen on {host}:{options.callback_port} ({error.strerror})",
            "another port, or 0 for any",
        ) from error
    where = f"{context.where} options public_url"
    base = options.public_url or f"http://{host}:{port}"
    secret = secrets.token_urlsafe(16)
    url = parse_url(where, base, what="the callback") + f"/receipts/{secret}"
    people.reply_url = url
    link.hide(secret, url)


DRIVER = Driver(
    name="home/occupants",
    maker="any",
    wire="HTTP (message webhook)",
    source="this project's own shape, devices/home/README.md",
    options=OccupantsOptions,
    open=open_driver,
    emulator_options=emulator.EmulatorOptions,
    emulate=emulator.emulate,
    capabilities=(Device, Polled, ShiftsDemand),
    address_form="https://HOST/PATH",
    operations=emulator.OPERATIONS,
    faults=emulator.FAULTS,
    kindness=Kindness(
        writes_per_hour=6,
        least_poll_interval_s=10.0,
        source="chosen: people tire of messages (unverified)",
    ),
    frame_length=framing.http,
)
