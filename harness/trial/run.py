"""Carry out a plan once: the only place where a bench is orchestrated."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import ParamSpec

from harness.core.clock import BenchClock
from harness.core.errors import FeatureError, FlexrigError, LinkError
from harness.rig.assemble import Bench, assemble
from harness.rig.file import Rig
from harness.trial.aggregator import Aggregator
from harness.trial.balancer import lose_mains
from harness.trial.breaking import Breaking, check_faults, wires_of
from harness.trial.kindness import Budgets, check_dispatch, check_polls, limits_of
from harness.trial.market import Market, at, open_market
from harness.trial.meter_tests import (
    check_meter_tests,
    read_back,
    set_load,
    unload,
)
from harness.trial.observe import Observer, Tell, observe
from harness.trial.participant import dso_link
from harness.trial.plan import Plan
from harness.trial.planned import LoadPoint, Operation, Preparation
from harness.trial.recorder import Recorder
from harness.trial.safe_state import make_safe, prove_safe

LEAD_S = 120.0
"""On virtual time: bench time for preparing and settling, before second 0. [s]"""
WALL_LEAD_S = 15.0
"""The same on the wall clock, from when every part is ready: a car that has just been
connected takes 8 s to begin and 3 s to reach its full current. [s]"""
P = ParamSpec("P")


@dataclass(slots=True)
class Outcome:
    """What a run leaves besides its recording."""

    facts: dict[str, object] = field(default_factory=dict)


async def run(
    plan: Plan,
    rig: Rig,
    recorder: Recorder,
    clock: BenchClock,
    tell: Tell,
    outcome: Outcome,
) -> None:
    """Carry out a plan on a rig, recording everything.

    `clock` must stand at its lead when this is called; a held one runs from when
    every part of the bench is ready. Whatever happens, every device is sent to its
    safe state before this returns or raises, and `outcome` holds what was learnt
    until then.

    Raises
    ------
    RigError, FeatureError
        If the bench cannot be what the plan needs.
    BenchError
        If a part of the bench failed; what was recorded stays.
    """
    check_roles(plan, rig)
    observer = Observer(recorder, clock)
    tell(clock.now_s())
    faulty = wires_of(plan)
    async with assemble(rig, clock, observer, faulty_wires=faulty) as bench:
        check_polls(bench)
        breaking = Breaking(plan, bench, recorder.log)
        outcome.facts["identities"] = await _identities(bench)
        outcome.facts["drivers"] = _drivers(bench)
        budgets = Budgets(limits_of(rig))
        aggregator = Aggregator(plan, bench.devices, clock, recorder.log, budgets)
        observer.aggregator = aggregator
        link = dso_link(
            plan, rig.dso, aggregator, clock, recorder.log, recorder.message,
            rig.boundary_meter(),
        )  # fmt: skip
        market = open_market(
            plan, aggregator, clock, recorder.log, _meters(rig), link,
            rig.boundary_meter(),
            {name: m.calibration.update_interval_s for name, m in rig.meter.items()},
        )  # fmt: skip
        observer.listeners = market.listeners(plan)
        clock.begin()
        background = asyncio.create_task(observe(plan, bench, observer, recorder, tell))
        try:
            work = _carry_out(plan, bench, aggregator, market, recorder, breaking)
            await _beside(background, work)
        except BaseExceptionGroup as group:
            raise first_cause(group) from group
        finally:
            breaking.lift_all()
            observer.listeners = ()
            made_safe: dict[str, object] = {}
            outcome.facts["made_safe"] = made_safe
            await make_safe(bench, recorder, made_safe)
            await _stop(background)
        outcome.facts["safe_state"] = await prove_safe(bench, recorder)
        # From here on the bench is being taken apart: what devices say of that is
        # kept in the log, but it is no news for the market.
        observer.aggregator = None
        after = await _identities(bench)
        if after != outcome.facts["identities"]:
            recorder.log("bench", "identities changed", after=after)
            outcome.facts["identities_after"] = after


def _meters(rig: Rig) -> dict[str, str]:
    """The meter that sees each device and nothing else, by the device's role."""
    found = {role: rig.reference_meter(role) for role in rig.device}
    return {role: meter for role, meter in found.items() if meter is not None}


def check_roles(plan: Plan, rig: Rig) -> None:
    """Refuse a plan that needs what the rig does not have, or cannot do."""
    for role in plan.roles:
        if role not in rig.device:
            raise FeatureError(
                f"{rig.file_name}",
                f"the scenario needs a {role.replace('_', ' ')}, the rig has none",
                f"a rig with [device.{role}], or another scenario",
            )
    for role, meter in plan.judges.items():
        if meter not in rig.meter or rig.meter[meter].sees != (role,):
            raise FeatureError(
                f"{rig.file_name}",
                f"no meter {meter!r} that sees {role!r} and nothing else",
                f'[meter.{meter}] with sees = ["{role}"]',
            )
    check_meter_tests(plan, rig)
    check_faults(plan, rig)
    check_dispatch(plan, rig)


async def _beside(
    background: asyncio.Task[None], work: Coroutine[None, None, None]
) -> None:
    """Run work while a background task lives; the first failure of either ends both."""
    doing = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait(
            {doing, background}, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        await _stop(doing)
    await (doing if doing in done else background)


async def _stop(task: asyncio.Task[None]) -> None:
    """End a task; what it raised, if anything, is still in it."""
    task.cancel()
    await asyncio.wait({task})


def first_cause(error: BaseException) -> BaseException:
    """Return the error that a person can act on from a group of them."""
    while isinstance(error, BaseExceptionGroup):
        ours = [e for e in error.exceptions if isinstance(e, FlexrigError)]
        error = ours[0] if ours else error.exceptions[0]
    return error


async def _identities(bench: Bench) -> dict[str, object]:
    """Ask every device who it is."""
    found: dict[str, object] = {}
    for role, device in bench.devices.items():
        who = await device.identify()
        found[role] = {
            "maker": who.maker,
            "model": who.model,
            "serial": who.serial,
            "firmware": who.firmware,
        }
    return found


def _drivers(bench: Bench) -> dict[str, object]:
    """What speaks to each role, and what a trial may ask of it."""
    return {
        role: {
            "driver": driver.name,
            "wire": driver.wire,
            "capabilities": [capability.__name__ for capability in driver.capabilities],
        }
        | (
            {"not_dispatchable": driver.not_dispatchable}
            if driver.not_dispatchable
            else {}
        )
        for role, driver in bench.drivers.items()
    }


async def _carry_out(
    plan: Plan,
    bench: Bench,
    aggregator: Aggregator,
    market: Market,
    recorder: Recorder,
    breaking: Breaking,
) -> None:
    """Prepare, then let every part of the plan happen at its time."""
    clock = bench.clock
    for preparation in plan.preparations:
        await _prepare(preparation, bench, aggregator)
    await clock.until(0.0)
    recorder.log("bench", "begins")
    async with market.reached(), asyncio.TaskGroup() as group:
        breaking.begin(group)
        for instruction in plan.instructions:
            at_s = plan.bench_s(instruction.from_clock_s)
            group.create_task(at(clock, at_s, aggregator.carry_out, instruction))
        for act in plan.acts:
            at_s = plan.bench_s(act.at_clock_s)
            group.create_task(at(clock, at_s, market.act, act))
        market.begin(group, plan, clock)
        for point in plan.load_points:
            at_s = plan.bench_s(point.from_clock_s)
            group.create_task(at(clock, at_s, set_load, point, bench, recorder))
            if not _goes_on(point, plan):
                at_s = plan.bench_s(point.until_clock_s)
                group.create_task(at(clock, at_s, unload, point, bench, recorder))
        for asked in plan.readbacks:
            at_s = plan.bench_s(asked.at_clock_s)
            group.create_task(at(clock, at_s, read_back, asked, bench, recorder, clock))
        for operation in plan.operations:
            at_s = plan.bench_s(operation.at_clock_s)
            group.create_task(at(clock, at_s, _operate, operation, bench, recorder))
        group.create_task(lose_mains(plan, bench.circuit, clock, recorder.log))
        group.create_task(clock.until(plan.duration_s))
    recorder.log("bench", "ends")


def _goes_on(point: LoadPoint, plan: Plan) -> bool:
    """Whether another load point of the same load begins where this one ends."""
    ends_s = point.until_clock_s
    return any(
        one.role == point.role and one.from_clock_s == ends_s
        for one in plan.load_points
    )


async def _prepare(
    preparation: Preparation, bench: Bench, aggregator: Aggregator
) -> None:
    """Hold an asset at a level before the plan begins."""
    accepted = await aggregator.hold(preparation.role, preparation.level_w)
    if not accepted:
        raise LinkError(
            bench.rig.where(preparation.role),
            "refused the level at which the scenario wants it held beforehand",
            "the log of this run, for the device's own words",
        )


async def _operate(operation: Operation, bench: Bench, recorder: Recorder) -> None:
    """Have a person's action done: by the emulator, or by the person."""
    emulator = bench.emulators.get(operation.role)
    recorder.log("operator", operation.action, role=operation.role)
    if emulator is None:
        return  # on a real bench the prompt of the live display asks for it
    try:
        emulator.operate(operation.action)
    except ValueError as error:
        raise FeatureError(
            bench.rig.where(operation.role), str(error), "another action"
        ) from error
