"""Carry out a plan's faults: refuse what cannot be, impose, lift, write it down."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict

import numpy as np

from harness.core.bench import Driver
from harness.core.clock import BenchClock
from harness.core.errors import FeatureError
from harness.core.faults import Breakable, Fault, FaultKind
from harness.core.recording import LogEntry
from harness.rig.assemble import Bench, parts_of
from harness.rig.faulty_wire import require_sound
from harness.rig.file import DeviceTable, MeterTable, Rig
from harness.rig.wire_address import endpoint_of
from harness.trial.plan import Plan
from harness.trial.planned import PlannedFault

Log = Callable[..., LogEntry]
IMPOSED, LIFTED = "fault imposed", "fault lifted"
"""What the log says of the actor ``bench``; no detector reads it."""


def wires_of(plan: Plan) -> frozenset[str]:
    """Return the roles whose wire the plan makes faulty."""
    return frozenset(f.role for f in plan.faults if f.kind.on_the_wire)


def check_faults(plan: Plan, rig: Rig) -> None:
    """Refuse a plan with a fault that this rig cannot have, before anything connects.

    Raises
    ------
    FeatureError
        Naming the role that cannot have it, and those that can.
    """
    if not plan.faults:
        return
    entries = dict(rig.entries())
    parts = {part.role: part for part in parts_of(rig)}
    drivers = {role: part.driver for role, part in parts.items()}
    for fault in plan.faults:
        if fault.role not in entries:
            raise FeatureError(
                rig.file_name,
                f"the fault “{fault}” is of a role that the rig does not have",
                f"one of {', '.join(entries)}",
            )
        if fault.kind.on_the_wire:
            _check_wire(fault, rig, parts[fault.role].address, drivers[fault.role])
        else:
            _check_device(fault, rig, entries, drivers)


def _check_wire(fault: PlannedFault, rig: Rig, address: str, driver: Driver) -> None:
    where = rig.where(fault.role)
    _sound(fault.fault, where)
    entry = dict(rig.entries())[fault.role]
    if entry.emulator is None or driver.listens:
        endpoint_of(where, address)
    elif driver.serial_capable and rig.rig.clock == "wall":
        raise FeatureError(
            where,
            f"the fault “{fault}” needs a relay, and none can stand on a serial line",
            'clock = "virtual" in [rig], where this emulator serves TCP',
        )


def _sound(fault: Fault, where: str) -> None:
    try:
        require_sound(fault)
    except ValueError as error:
        raise FeatureError(where, str(error), "an amount in the phrase") from error


def _check_device(
    fault: PlannedFault,
    rig: Rig,
    entries: Mapping[str, DeviceTable | MeterTable],
    drivers: Mapping[str, Driver],
) -> None:
    where = rig.where(fault.role)
    if entries[fault.role].emulator is None:
        raise FeatureError(
            where,
            f"“{fault}” cannot be imposed: no real device is broken on purpose",
            "a rig that emulates it, or a fault of its wire",
        )
    if fault.kind not in drivers[fault.role].faults:
        able = [
            role
            for role, driver in drivers.items()
            if fault.kind in driver.faults and entries[role].emulator is not None
        ]
        raise _unable(fault, where, able, drivers[fault.role].faults)


def _unable(
    fault: PlannedFault, where: str, able: list[str], own: Collection[FaultKind]
) -> FeatureError:
    can = ", ".join(f"“{kind}”" for kind in own) or "none"
    return FeatureError(
        where,
        f"{fault.role} cannot have the fault “{fault.kind}” (it can have: {can})",
        f"a role that can: {', '.join(able) or 'none in this rig'}",
    )


class Breaking:
    """Imposes and lifts the faults of one plan on one bench.

    Parameters
    ----------
    log : callable
        The recorder's log.
    """

    def __init__(self, plan: Plan, bench: Bench, log: Log) -> None:
        self._plan, self._bench, self._log = plan, bench, log
        self._imposed: dict[tuple[str, FaultKind], PlannedFault] = {}
        for fault in plan.faults:
            if not fault.kind.on_the_wire:
                self._device(fault)

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Let every fault come and go at its time."""
        for index, fault in enumerate(self._plan.faults):
            group.create_task(self._carry_out(index, fault))

    async def _carry_out(self, index: int, fault: PlannedFault) -> None:
        clock: BenchClock = self._bench.clock
        await clock.until(self._plan.bench_s(fault.from_clock_s))
        self._impose(index, fault)
        if fault.until_clock_s is not None:
            await clock.until(self._plan.bench_s(fault.until_clock_s))
            self._lift(fault)

    def lift_all(self) -> None:
        """Leave nothing broken: a bench is made safe as a whole one."""
        for fault in list(self._imposed.values()):
            self._lift(fault)

    def _impose(self, index: int, fault: PlannedFault) -> None:
        detail = asdict(fault) | {"kind": str(fault.kind)}
        self._log("bench", IMPOSED, **detail)
        self._imposed[fault.role, fault.kind] = fault
        if fault.kind.on_the_wire:
            rng = fault_rng(self._bench.rig.rig.seed, fault.role, index)
            self._bench.wires[fault.role].impose(fault.fault, rng)
            return
        try:
            self._device(fault).impose(fault.fault)
        except ValueError as error:
            where = self._bench.rig.where(fault.role)
            raise FeatureError(where, str(error), "another fault") from error

    def _lift(self, fault: PlannedFault) -> None:
        if self._imposed.get((fault.role, fault.kind)) is not fault:
            return  # a later one of its kind has replaced it
        del self._imposed[fault.role, fault.kind]
        if fault.kind.on_the_wire:
            self._bench.wires[fault.role].lift(fault.kind)
        else:
            self._device(fault).lift(fault.kind)
        self._log("bench", LIFTED, role=fault.role, kind=str(fault.kind))

    def _device(self, fault: PlannedFault) -> Breakable:
        emulator = self._bench.emulators.get(fault.role)
        if isinstance(emulator, Breakable) and fault.kind in emulator.breaks:
            return emulator
        able = [
            role
            for role, one in self._bench.emulators.items()
            if isinstance(one, Breakable) and fault.kind in one.breaks
        ]
        own = emulator.breaks if isinstance(emulator, Breakable) else ()
        raise _unable(fault, self._bench.rig.where(fault.role), able, own)


def fault_rng(seed: int, role: str, index: int) -> np.random.Generator:
    """A generator of its own for each fault: one more in a plan moves no other's."""
    return np.random.default_rng([seed, zlib.crc32(role.encode()), index])
