"""The aggregator as its DSO reaches it over HTTP, and the readings that go back.

`Participant` hosts what `harness.market.flexible_power` describes, for whoever has the
token, and sends a reading a minute. `ControlRoom` stands for a DSO on emulated rigs:
it sends the plan's signals over a real socket and takes what comes back.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
from aiohttp import web

from harness.core.clock import BenchClock
from harness.core.errors import RigError
from harness.core.recording import LogEntry, Reading
from harness.market.actors import Actor
from harness.market.flexible_power import (
    MINUTE_S,
    Asset,
    MinuteReading,
    Signal,
    SignalKind,
    minute_of,
    readings_body,
    readings_of,
    signal_of,
    stamp,
)
from harness.rig.file import DsoTable
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import GARBLED, UNKNOWN, MarketAct

Log = Callable[..., LogEntry]
Wire = Callable[[str, bool, str], None]
WIRE = "dso"
"""Whose messages these are in a recording."""
LOOPBACK = "127.0.0.1"
LARGEST_BODY = 64 * 1024
"""Ours: a longer body is not read. [byte]"""
PATIENCE_S = 10.0
"""How long an answer may take. [s]"""
WAITS_S = 5.0
"""How much of the next minute passes before a minute's reading is sent. [s]"""
KINDS = {
    SignalKind.START: "dispatch",
    SignalKind.STOP: "stop",
    SignalKind.EMERGENCY_STOP: "emergency stop",
}
"""What each signal is to the aggregator."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the participant says to a request."""

    status: int
    body: Mapping[str, object]


@asynccontextmanager
async def _serving(
    handle: Callable[[web.Request], Awaitable[web.Response]], host: str, port: int
) -> AsyncIterator[str]:
    """Answer every request with one function; yields the address."""
    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=1.0
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _object(text: str) -> dict[str, object]:
    """Read a JSON object.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("the body is no JSON object")
    return found


def _response(status: int, body: Mapping[str, object]) -> web.Response:
    response = web.json_response(dict(body), status=status)
    response.force_close()
    return response


@dataclass(slots=True)
class Participant:
    """The aggregator's end: signals in, a reading a minute out."""

    plan: Plan
    aggregator: Aggregator
    clock: BenchClock
    log: Log
    wire: Wire
    token: str
    meter: str | None
    """The meter whose minutes go back."""
    readings_to: str = ""
    group: asyncio.TaskGroup | None = None
    """Where what a signal sets off runs."""
    _seen: list[tuple[float, float]] = field(default_factory=list)
    _waiting: list[MinuteReading] = field(default_factory=list)

    @property
    def asset(self) -> Asset:
        """What this participant gives."""
        assert self.plan.over_http is not None  # noqa: S101 - opened for such a plan
        return self.plan.over_http

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[str]:
        """Take signals; yields the address."""
        async with _serving(self._handle, host, port) as address:
            yield address

    async def _handle(self, request: web.Request) -> web.Response:
        text = (await request.read()).decode(errors="replace")
        self.wire(WIRE, False, f"{request.method} {request.path} {text}")
        answer = self._answer(request, text)
        self.wire(WIRE, True, f"{answer.status} {json.dumps(answer.body)}")
        self.log(
            Actor.AGGREGATOR, "answers", path=request.path, status=answer.status,
            body=dict(answer.body),
        )  # fmt: skip
        return _response(answer.status, answer.body)

    def _answer(self, request: web.Request, text: str) -> Answer:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        known = hmac.compare_digest(token.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not known:
            return Answer(401, {"error": "these are no credentials of the DSO's"})
        name = request.path.strip("/")
        if name not in tuple(SignalKind):
            paths = ", ".join(f"/{kind}" for kind in SignalKind)
            return Answer(404, {"error": f"there are {paths}"})
        if request.method != "POST":
            return Answer(405, {"error": "a signal is posted"})
        try:
            signal = signal_of(SignalKind(name), _object(text))
        except ValueError as error:
            return Answer(400, {"error": str(error)})
        if signal.asset != self.asset:
            fact = f"{signal.asset.unit} gives no {signal.asset.service} here"
            return Answer(404, {"error": f"{fact}, in zone {signal.asset.zone}"})
        return self._decide(signal)

    def _decide(self, signal: Signal) -> Answer:
        if self.group is None:
            return Answer(503, {"error": "the trial has not begun"})
        act = self._act(signal)
        decision = self.aggregator.decide(act)
        # Refused or not, the aggregator notes the call and tells whom it must tell.
        self.group.create_task(self.aggregator.market_act(act))
        if not decision.accepted:
            return Answer(409, {"accepted": False, "reason": decision.reason})
        return Answer(202, {"accepted": True})

    def _act(self, signal: Signal) -> MarketAct:
        """Return a signal as what the DSO does, in clock seconds."""
        zero_s, agreement = self.plan.start_clock_s, self.plan.agreement
        now_s = zero_s + self.clock.now_s()
        if signal.start is None:
            return MarketAct(KINDS[signal.kind], str(Actor.DSO), now_s)
        from_s = zero_s + self.clock.bench_s(signal.start)
        until_s = agreement.window_until_s if agreement else from_s
        if signal.end is not None:
            until_s = zero_s + self.clock.bench_s(signal.end)
        return MarketAct(KINDS[signal.kind], str(Actor.DSO), now_s, from_s, until_s)

    def hear(self, meter: str, readings: Sequence[Reading]) -> None:
        """Take note of what the meter says whose minutes go back."""
        if meter != self.meter:
            return
        for reading in readings:
            if reading.quantity == "power_w" and not math.isnan(reading.value):
                self._seen.append((self.clock.now_s(), reading.value))

    async def report(self) -> None:
        """Send every minute's reading; what does not arrive goes again."""
        ends_s = -math.inf
        while True:
            now, now_s = self.clock.utc(), self.clock.now_s()
            ends_at = minute_of(now)
            if now_s + (ends_at - now).total_seconds() <= ends_s + 1:
                ends_at += timedelta(seconds=MINUTE_S)
            ends_s = now_s + (ends_at - now).total_seconds()
            if ends_s + WAITS_S > self.plan.duration_s:
                return
            await self.clock.until(ends_s + WAITS_S)
            if (reading := self._minute(ends_at, ends_s)) is not None:
                self._waiting.append(reading)
                await self._send()

    def _minute(self, ends_at: datetime, ends_s: float) -> MinuteReading | None:
        """Return the mean of a minute's readings; None if there were none."""
        begins_s = ends_s - MINUTE_S
        powers = [w for at_s, w in self._seen if begins_s < at_s <= ends_s]
        self._seen = [one for one in self._seen if one[0] > ends_s]
        if not powers:
            return None
        return MinuteReading(ends_at, -sum(powers) / len(powers) / 1e3)

    async def _send(self) -> None:
        body = json.dumps(readings_body(self.asset.unit, self._waiting))
        self.wire(WIRE, True, f"POST {body}")
        status, said = await _post(self.readings_to, body, self.token)
        self.wire(WIRE, False, f"{status} {said}")
        if status < 300 and status:
            self._waiting.clear()
        self.log(Actor.AGGREGATOR, "reports", status=status, waiting=len(self._waiting))


async def _post(url: str, body: str, token: str) -> tuple[int, str]:
    """Post a JSON body; return status and text, 0 and why if nobody answered."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    limit = aiohttp.ClientTimeout(total=PATIENCE_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(url, data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return 0, f"{type(error).__name__}: {error}"


@dataclass(slots=True)
class ControlRoom:
    """A DSO on an emulated rig: sends the plan's signals, takes the readings."""

    plan: Plan
    clock: BenchClock
    log: Log
    token: str
    participant: str = ""
    """Where the aggregator is reached."""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Take readings; yields the address."""
        async with _serving(self._handle, LOOPBACK, 0) as address:
            yield address

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            unit, readings = readings_of(_object(await request.text()))
        except ValueError as error:
            return _response(400, {"error": str(error)})
        for one in readings:
            self.log(
                Actor.DSO, "receives", unit=unit, ends_at=stamp(one.ends_at),
                export_kw=one.export_kw,
            )  # fmt: skip
        return _response(200, {"received": len(readings)})

    async def send(self, act: MarketAct) -> None:
        """Send one act of the plan as its signal."""
        assert self.plan.over_http is not None  # noqa: S101 - opened for such a plan
        kind = next(one for one, name in KINDS.items() if act.kind == name)
        at = [
            self._utc(clock_s) if kind is SignalKind.START else None
            for clock_s in (act.from_clock_s, act.until_clock_s)
        ]
        signal = Signal(kind, self.plan.over_http, *at)
        body = json.dumps(signal.as_body())
        if act.detail == GARBLED:
            body = body[: len(body) // 2]
        token = "guessed" if act.detail == UNKNOWN else self.token
        status, said = await _post(f"{self.participant}/{kind}", body, token)
        self.log(
            act.actor, "signals", kind=str(kind), status=status, answer=said,
            said=act.detail,
        )  # fmt: skip

    def _utc(self, clock_s: float) -> datetime:
        ahead_s = self.plan.bench_s(clock_s) - self.clock.now_s()
        at = self.clock.utc().timestamp() + ahead_s
        return datetime.fromtimestamp(round(at), UTC)


@dataclass(slots=True)
class DsoLink:
    """How the DSO reaches the aggregator over HTTP: both ends, or only ours."""

    participant: Participant
    room: ControlRoom | None
    """The DSO's end, where nobody outside plays the DSO."""
    host: str = LOOPBACK
    port: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listen at both ends, or at ours."""
        if self.room is None:
            async with AsyncExitStack() as stack:
                ours = self.participant.listening(self.host, self.port)
                try:
                    address = await stack.enter_async_context(ours)
                except OSError as error:
                    raise RigError(
                        "[dso] listen", f"{self.host}:{self.port}: {error.strerror}",
                        "an address of this computer, and a port nobody uses",
                    ) from error  # fmt: skip
                self.participant.log("bench", "is reached by the DSO", address=address)
                yield
            return
        async with (
            self.room.listening() as readings_to,
            self.participant.listening(self.host, self.port) as address,
        ):
            self.participant.readings_to, self.room.participant = readings_to, address
            yield

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Take signals from now on, and send readings."""
        self.participant.group = group
        group.create_task(self.participant.report())

    def carries(self, act: MarketAct) -> bool:
        """Whether an act is a signal; other acts are told directly."""
        return act.kind in KINDS.values()

    async def send(self, act: MarketAct) -> None:
        """Send an act as a signal; a DSO outside sends its own."""
        if self.room is not None:
            await self.room.send(act)


def dso_link(
    plan: Plan, table: DsoTable | None, aggregator: Aggregator, clock: BenchClock,
    log: Log, wire: Wire, meter: str | None,
) -> DsoLink | None:  # fmt: skip
    """Return the link that a plan needs; None if its DSO tells the aggregator directly.

    Raises
    ------
    RigError
        If the rig names a DSO outside, and its token is nowhere.
    """
    if plan.over_http is None:
        return None
    if table is None:
        token = "emulated"  # noqa: S105 - both ends are ours, on loopback
        ours = Participant(plan, aggregator, clock, log, wire, token, meter)
        return DsoLink(ours, ControlRoom(plan, clock, log, token))
    token = os.environ.get(table.token_from, "")
    if not token:
        raise RigError(
            "[dso] token_from", f"{table.token_from} is not set, or empty",
            f"{table.token_from}=… in the environment",
        )  # fmt: skip
    ours = Participant(
        plan, aggregator, clock, log, wire, token, meter, table.readings_to
    )
    host, _, port = table.listen.rpartition(":")
    return DsoLink(ours, None, host, int(port))
