"""The aggregator: turns market instructions into device instructions, and hears back.

It decides with the pure functions of `harness.market`, acts through device
capabilities, and writes down everything it did and heard; verdicts are computed
from that log and from the meters, never from its opinion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from harness.core.bench import DeviceEvent
from harness.core.capabilities import (
    Acknowledgement,
    Demand,
    Device,
    LimitsExport,
    LimitsPower,
    Refreshed,
    SetsLoad,
    SetsPower,
    SetsReactivePower,
    ShiftsDemand,
    Switches,
)
from harness.core.clock import BenchClock
from harness.core.errors import BenchError, FeatureError, RefusedError
from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.constraint import (
    Agreement,
    Decision,
    Offer,
    Position,
    allocate,
    decide_dispatch,
    decide_other,
    lose_asset,
)
from harness.trial.kindness import Budgets
from harness.trial.plan import Plan
from harness.trial.planned import Instruction, MarketAct, Move, ReactiveCall

Log = Callable[..., LogEntry]
NOMINAL_V = 230.0
"""A load that is set to a current is told what a power comes to at this voltage. [V]"""
_DEMANDS = {None: Demand.NORMAL, Move.DOWN: Demand.REDUCE, Move.UP: Demand.BOOST}


class Aggregator:
    """One aggregator with its devices and its agreement, on one bench."""

    def __init__(
        self, plan: Plan, devices: dict[str, Device], clock: BenchClock, log: Log,
        budgets: Budgets | None = None,
    ) -> None:  # fmt: skip
        self._plan, self._devices, self._clock, self._log = plan, devices, clock, log
        self._budgets = budgets or Budgets({})
        self._offers = {offer.role: offer for offer in plan.offers}
        self._position = Position()
        self._told: set[str] = set()
        self._held: dict[str, float] = {}
        self._running: set[str] = set()
        self._count = 0
        self._calls = 0
        """How often the DSO stopped what it had called."""

    @property
    def touched(self) -> tuple[str, ...]:
        """Roles that were ever instructed: they must be left safe."""
        return tuple(sorted(self._told))

    async def instruct(
        self, actor: str, role: str, move: Move, level_w: float, until_s: float
    ) -> bool:
        """Ask an asset to move to a level; return whether it said yes."""
        self._count += 1
        number = self._count
        self._told.add(role)
        self._running.add(role)
        sent_s = self._clock.now_s()
        self._log(
            Actor.AGGREGATOR, "instructs", number=number, role=role, move=str(move),
            level_w=level_w, until_s=until_s, on_behalf_of=actor, sent_s=sent_s,
        )  # fmt: skip
        return await self._ask(number, role, sent_s, move, level_w)

    async def call_reactive(self, call: ReactiveCall) -> None:
        """Have a device take reactive power now, and none when the call ends."""
        device = self._devices[call.role]
        if not isinstance(device, SetsReactivePower):
            fact = "this device cannot be asked for reactive power"
            hint = "an inverter (flexrig devices)"
            raise FeatureError(f"role {call.role!r}", fact, hint)
        self._told.add(call.role)
        self._log(
            Actor.AGGREGATOR, "asks for reactive power", role=call.role,
            reactive_var=call.reactive_var, on_behalf_of=call.actor,
        )  # fmt: skip
        asked = device.set_reactive_var(call.reactive_var)
        await self._answered(call.role, asked, sent_s=self._clock.now_s())
        await self._clock.until(self._plan.bench_s(call.until_clock_s))
        await device.set_reactive_var(None)
        self._log(Actor.AGGREGATOR, "asks for no reactive power", role=call.role)

    async def hold(self, role: str, level_w: float) -> bool:
        """Hold an asset at a level, to which later releases return it."""
        self._held[role] = level_w
        return await self.instruct("bench", role, Move.DOWN, level_w, 0.0)

    async def release(self, role: str) -> bool:
        """Lift what was asked of an asset; return whether it said yes."""
        await self._let_stand(role)
        self._running.discard(role)
        sent_s, held_w = self._clock.now_s(), self._held.get(role)
        self._log(Actor.AGGREGATOR, "releases", role=role, sent_s=sent_s, to_w=held_w)
        move = None if held_w is None else Move.DOWN
        return await self._ask(0, role, sent_s, move, held_w)

    @property
    def instructed(self) -> frozenset[str]:
        """Roles that are held by an instruction now."""
        return frozenset(self._running)

    async def abandon(self, role: str) -> None:
        """Say nothing to an asset any more, not even that it is released."""
        device = self._devices[role]
        if isinstance(device, Refreshed):
            await device.stop_refreshing()
        self._log(Actor.AGGREGATOR, "is not heard any more", role=role)

    async def _let_stand(self, role: str) -> None:
        """Wait until a state that began has stood as long as the device needs."""
        now_s = self._clock.now_s()
        wait_s = self._budgets.must_stand_s(role, now_s=now_s)
        if wait_s > 0:
            self._log(Actor.AGGREGATOR, "waits", role=role, wait_s=wait_s)
            await self._clock.until(now_s + wait_s)

    async def _ask(
        self, number: int, role: str, sent_s: float, move: Move | None,
        level_w: float | None,
    ) -> bool:  # fmt: skip
        device = self._devices[role]
        off = move is Move.DOWN and (level_w == 0 or isinstance(device, Switches))
        if move is not None:
            refusal = self._budgets.refusal(role, now_s=sent_s, off=off)
            if refusal:
                self._log(role, "was spared", number=number, detail=refusal)
                return False
        self._budgets.note(role, now_s=sent_s, off=off)
        asked = command(device, role, move, level_w)
        return await self._answered(role, asked, sent_s=sent_s, number=number)

    async def _answered(
        self, role: str, asked: Awaitable[Acknowledgement], *, sent_s: float,
        **about: object,
    ) -> bool:  # fmt: skip
        """Keep what a device answers; return whether it said yes."""
        try:
            answer = await asked
        except RefusedError as error:
            # The device's own no is evidence: the meters show what it costs.
            answer = Acknowledgement(False, str(error))
        except BenchError as error:
            # Nobody knows what the device does now: it must not be judged by it.
            self._log(role, "was not reached", **about, detail=str(error))
            raise
        self._log(
            role, "accepts" if answer.accepted else "refuses", **about,
            detail=answer.detail, sent_s=sent_s, acked_s=self._clock.now_s(),
        )  # fmt: skip
        return answer.accepted

    async def carry_out(self, instruction: Instruction) -> None:
        """Instruct an asset now and release it when the instruction ends."""
        until_s = self._plan.bench_s(instruction.until_clock_s)
        self._log(
            instruction.actor, "instructs", role=instruction.role,
            move=str(instruction.move), level_w=instruction.level_w, until_s=until_s,
        )  # fmt: skip
        if not self._may_serve(instruction, until_s):
            return
        await self.instruct(
            instruction.actor, instruction.role, instruction.move,
            instruction.level_w, until_s,
        )  # fmt: skip
        await self._clock.until(until_s)
        await self.release(instruction.role)

    def _may_serve(self, instruction: Instruction, until_s: float) -> bool:
        """Whether an asset promised to the DSO may serve another; note it if so."""
        agreement = self._plan.agreement
        if agreement is None or instruction.role not in self._offers:
            return True
        decision = decide_other(
            agreement, self._position, from_s=instruction.from_clock_s,
            until_s=instruction.until_clock_s,
        )  # fmt: skip
        if not decision.accepted:
            for recipient in (instruction.actor, Actor.FACILITATOR):
                self._log(
                    Actor.AGGREGATOR, "notice: refused", to=str(recipient),
                    reason=decision.reason, role=instruction.role,
                )  # fmt: skip
            return False
        self._position = replace(
            self._position, serves=instruction.actor,
            serves_until_s=instruction.until_clock_s,
        )  # fmt: skip
        return True

    async def market_act(self, act: MarketAct) -> None:
        """Let a market actor act on the constraint service."""
        handle = {
            "arm": self._arm,
            "dispatch": self._dispatch,
            "overrule": self._overrule,
            "stop": self._stop,
            "emergency stop": self._stop,
            "trip": self._trip,
        }[act.kind]
        await handle(act)

    async def _trip(self, act: MarketAct) -> None:
        self._log(Actor.NETWORK, "trips", asset=act.detail)

    async def _arm(self, act: MarketAct) -> None:
        self._position = replace(self._position, armed_at_s=act.at_clock_s)
        self._log(act.actor, "arms", armed_at_s=self._clock.now_s())
        self._notice("armed", capacity_w=self._agreement().capacity_w)

    async def _dispatch(self, act: MarketAct) -> None:
        agreement = self._agreement()
        from_s, until_s = (
            self._plan.bench_s(act.from_clock_s),
            self._plan.bench_s(act.until_clock_s),
        )
        self._log(act.actor, "dispatches", from_s=from_s, until_s=until_s)
        decision = self.decide(act)
        if not decision.accepted:
            ready = decision.ready_at_s
            ready_at_s = None if ready is None else self._plan.bench_s(ready)
            self._notice("refused", reason=decision.reason, ready_at_s=ready_at_s)
            return
        self._notice("accepted", capacity_w=agreement.capacity_w)
        calls = self._calls
        await self._clock.until(from_s)
        if self._position.overruled_at_s is not None or self._calls != calls:
            return
        self._position = replace(self._position, dispatched_until_s=until_s)
        chosen = allocate(
            self._plan.offers, agreement.capacity_w, self._position.unavailable
        )
        await self._move_all(chosen, until_s)
        await self._clock.until(until_s)
        if self._position.overruled_at_s is None and self._calls == calls:
            await self._release_all([offer.role for offer in chosen])

    def decide(self, act: MarketAct) -> Decision:
        """Say what becomes of an act of the DSO's; only a dispatch can be refused."""
        if act.kind != "dispatch":
            return Decision(True)
        return decide_dispatch(
            self._agreement(), self._position,
            from_s=act.from_clock_s, until_s=act.until_clock_s,
        )  # fmt: skip

    async def _stop(self, act: MarketAct) -> None:
        """End what was called, now; after an emergency nothing can be called again."""
        self._log(act.actor, "stops", emergency=act.kind == "emergency stop")
        self._calls += 1
        was_called = self._position.dispatched_until_s is not None
        self._position = replace(self._position, dispatched_until_s=None)
        if act.kind == "emergency stop":
            now_s = self._clock.now_s()
            self._position = replace(self._position, stopped_at_s=now_s)
        self._notice("stopped", emergency=act.kind == "emergency stop")
        if was_called:
            await self._release_all(list(self.touched))

    async def _move_all(self, chosen: tuple[Offer, ...], until_s: float) -> None:
        async with asyncio.TaskGroup() as group:
            for offer in chosen:
                group.create_task(
                    self.instruct(
                        Actor.DSO, offer.role, Move.DOWN, offer.down_to_w, until_s
                    )
                )

    async def _release_all(self, roles: list[str]) -> None:
        async with asyncio.TaskGroup() as group:
            for role in roles:
                group.create_task(self.release(role))

    async def _overrule(self, act: MarketAct) -> None:
        now_s = self._clock.now_s()
        self._position = replace(self._position, overruled_at_s=now_s)
        self._log(act.actor, "overrules", reason=act.detail)
        self._notice("overruled", by=act.actor)
        if self._position.dispatched_until_s is not None:
            await self._release_all(list(self.touched))

    def hear(self, event: DeviceEvent) -> None:
        """Take note of what a device said; declare what can no longer be delivered."""
        self._log(event.role, event.kind, detail=event.detail)
        if event.kind != "unavailable" or self._position.armed_at_s is None:
            return
        self._position, lost_w = lose_asset(self._position, self._offers, event.role)
        if lost_w is not None:
            self._notice("unavailable", role=event.role, capacity_w=lost_w)

    def _notice(self, what: str, **detail: object) -> None:
        """Tell the DSO, and give the neutral market facilitator the same notice."""
        for recipient in (Actor.DSO, Actor.FACILITATOR):
            self._log(Actor.AGGREGATOR, f"notice: {what}", to=str(recipient), **detail)

    def _agreement(self) -> Agreement:
        if self._plan.agreement is None:
            raise FeatureError(
                "this scenario",
                "the DSO acts on a service that was never agreed",
                "a Given with the agreement's table",
            )
        return self._plan.agreement


async def command(
    device: Device, role: str, move: Move | None, level_w: float | None
) -> Acknowledgement:
    """Translate a move into what this device can be asked for.

    Raises
    ------
    FeatureError
        If the device can be asked for nothing of the kind.
    LinkError
        If the wire failed, or the device answered with a protocol error.
    """
    if isinstance(device, SetsPower):
        return await device.set_power_w(level_w)
    if isinstance(device, SetsLoad):
        return await device.set_load(max(level_w or 0.0, 0.0) / NOMINAL_V)
    if isinstance(device, LimitsExport):
        return await device.limit_export_w(None if level_w is None else -level_w)
    if isinstance(device, ShiftsDemand):
        # A limit is the better way to less; it is no way to more.
        limited = isinstance(device, LimitsPower) and move is not Move.UP
        if not limited or move is None:
            answer = await device.shift_demand(_DEMANDS[move])
        if not limited:
            return answer
    if isinstance(device, LimitsPower):
        return await device.limit_power_w(level_w)
    if isinstance(device, Switches):
        return await device.switch(move is not Move.DOWN)
    raise FeatureError(
        f"role {role!r}",
        "this device cannot be asked to change its power",
        "another role, or a driver with that capability (flexrig devices)",
    )
