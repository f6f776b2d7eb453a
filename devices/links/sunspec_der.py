"""What emulated SunSpec inverters share: reversion timers, faults, a wire that drops.

A family adds its machine (`Machine`): what it draws, and what its registers show.

Reversion, as this emulator does it (see `sunspec_control` for the source): writing any
setting of an enabled function whose reversion time is not 0 starts that time anew;
when it runs out, each setting takes the value of its reversion point (``WSet`` that of
``WSetRvrt``), and the enable point that of ``…EnaRvrt``, or 0 where there is none.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

from devices.links.modbus_server import serve_tcp
from devices.links.sunspec_control import Function
from devices.links.sunspec_map import Raw
from devices.links.sunspec_server import (
    FUNCTIONS,
    REGISTER_FAULTS,
    Chain,
    Key,
    Served,
    refusal_of,
)
from harness.core.faults import Fault, FaultKind

FAULTS = (
    *REGISTER_FAULTS,
    FaultKind.SILENT_REVERT,
    FaultKind.LOST_WATCHDOG,
    FaultKind.IGNORES,
    FaultKind.RAMPS_WRONG,
    FaultKind.TRIPS,
    FaultKind.REBOOTS,
)
"""The device faults of every emulated inverter. There is no schedule to forget."""
USUALLY = {
    FaultKind.SILENT_REVERT: 10.0,
    FaultKind.RAMPS_WRONG: 0.1,
    FaultKind.REBOOTS: 30.0,
}
"""Amounts of faults that are imposed without one."""


class Machine(Protocol):
    """What a family's emulator adds."""

    def show(self, chain: Chain, number: int, at_s: float) -> None:
        """Put the moving values of a model into the registers."""
        ...

    def obey(self, chain: Chain, at_s: float) -> None:
        """Act on what the registers ask for."""
        ...

    def allows(self, key: Key, raw: Raw) -> bool:
        """Return whether a point may take a raw value."""
        ...

    def trip(self, tripped: bool, at_s: float) -> None:
        """Stop drawing and feeding, or start again."""
        ...

    def pace(self, factor: float, at_s: float) -> None:
        """Ramp so many times as fast as usual."""
        ...


class Der:
    """An inverter's registers with all that happens to them.

    Parameters
    ----------
    chain : Chain
        The map, with what it holds when the power comes on.
    machine : Machine
        The family's part.
    functions : sequence of Function
        Those that have a reversion time.
    now_s : callable
        Bench time. [s]
    """

    def __init__(
        self,
        chain: Chain,
        machine: Machine,
        *,
        functions: Sequence[Function],
        now_s: Callable[[], float],
    ) -> None:
        self._chain, self._machine, self._now_s = chain, machine, now_s
        self._loop = asyncio.get_running_loop()
        self._defaults = list(chain.words)
        self._timers = [_Reversion(chain, each, self._obey) for each in functions]
        self._faults: dict[FaultKind, Fault] = {}
        self._undo: asyncio.TimerHandle | None = None
        self._away: asyncio.Task[None] | None = None
        self._back = asyncio.Event()
        self._wire = AsyncExitStack()
        self._unit, self._port = 1, 0
        self.address = ""
        self.registers = Served(
            chain, renew=self._renew, written=self._written, allows=machine.allows
        )

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return FAULTS

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on; see `Breakable`."""
        kind = fault.kind
        if kind not in FAULTS:
            raise refusal_of(FAULTS, kind)
        amount = USUALLY.get(kind, 0.0) if math.isnan(fault.amount) else fault.amount
        self._faults[kind] = Fault(kind, amount)
        if kind in REGISTER_FAULTS:
            self.registers.impose(fault)
        elif kind is FaultKind.RAMPS_WRONG:
            self._machine.pace(amount, self._now_s())
        elif kind is FaultKind.TRIPS:
            self._machine.trip(True, self._now_s())
        elif kind is FaultKind.LOST_WATCHDOG:
            self._watch_lost(True)
        elif kind is FaultKind.REBOOTS and self._away is None:
            self._back.clear()
            self._away = asyncio.create_task(self._reboot(amount))

    def lift(self, kind: FaultKind) -> None:
        """Be well again; see `Breakable`."""
        if self._faults.pop(kind, None) is None:
            return
        if kind in REGISTER_FAULTS:
            self.registers.lift(kind)
        elif kind is FaultKind.RAMPS_WRONG:
            self._machine.pace(1.0, self._now_s())
        elif kind is FaultKind.TRIPS:
            self._machine.trip(self._away is not None, self._now_s())
        elif kind is FaultKind.LOST_WATCHDOG:
            self._watch_lost(False)
        elif kind is FaultKind.REBOOTS:
            self._back.set()
        elif kind is FaultKind.IGNORES:
            self._obey()

    @asynccontextmanager
    async def serving(self, *, unit: int, port: int) -> AsyncIterator[None]:
        """Answer on a loopback port until left."""
        self._unit, self._port = unit, port
        try:
            await self._go_up()
            yield
        finally:
            if self._away is not None:
                self._away.cancel()
                await asyncio.wait([self._away])
            self._stop_timers()
            await self._wire.aclose()

    def _renew(self, number: int) -> None:
        for timer in self._timers:
            timer.show(number)
        self._machine.show(self._chain, number, self._now_s())

    def _written(self, keys: Sequence[Key]) -> None:
        for timer in self._timers:
            timer.written(keys)
        self._obey()
        fault = self._faults.get(FaultKind.SILENT_REVERT)
        if fault is not None and self._undo is None:
            self._undo = self._loop.call_later(fault.amount, self._revert)

    def _revert(self) -> None:
        """Undo unasked what was written: back to what held when the power came on."""
        self._undo = None
        if FaultKind.SILENT_REVERT in self._faults:
            self._forget()

    def _forget(self) -> None:
        for timer in self._timers:
            timer.stop()
        self._chain.words[:] = self._defaults
        self._obey()

    def _obey(self) -> None:
        if FaultKind.IGNORES not in self._faults:
            self._machine.obey(self._chain, self._now_s())

    def _watch_lost(self, lost: bool) -> None:
        for timer in self._timers:
            timer.is_lost = lost

    async def _go_up(self) -> None:
        serving = serve_tcp(
            self.registers, unit=self._unit, port=self._port, functions=FUNCTIONS
        )
        self.address = await self._wire.enter_async_context(serving)
        self._port = int(self.address.rsplit(":", 1)[1].split("/")[0])

    async def _reboot(self, away_s: float) -> None:
        """Be gone, connection and all, then start with nothing remembered."""
        self._machine.trip(True, self._now_s())
        await self._wire.aclose()
        self._stop_timers()
        try:
            async with asyncio.timeout(away_s):
                await self._back.wait()
        except TimeoutError:
            self._faults.pop(FaultKind.REBOOTS, None)
        self._forget()
        self._machine.trip(FaultKind.TRIPS in self._faults, self._now_s())
        self._away = None
        await self._go_up()

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.stop()
        if self._undo is not None:
            self._undo.cancel()
            self._undo = None


class _Reversion:
    """The reversion time of one function."""

    def __init__(
        self, chain: Chain, function: Function, obey: Callable[[], None]
    ) -> None:
        self._chain, self._function, self._obey = chain, function, obey
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._prefix = function.enable.removesuffix("Ena").rstrip("_")
        names = [name for number, name in chain.placed if number == function.model]
        self._pairs = [
            (name, f"{name}Rvrt")
            for name in names
            if name.startswith(self._prefix) and f"{name}Rvrt" in names
        ]
        self.is_lost = False
        """Whether it runs on although it is refreshed (a fault)."""

    def written(self, keys: Sequence[Key]) -> None:
        """Start anew if one of this function's settings was written."""
        function = self._function
        mine = [
            name
            for number, name in keys
            if number == function.model and name.startswith(self._prefix)
        ]
        if not mine:
            return
        enabled = self._chain.raw(function.model, function.enable) == 1
        after_s = self._chain.value(function.model, function.revert_after) or 0.0
        if not enabled or not after_s:
            self.stop()
        elif self._handle is None or not self.is_lost:
            self.stop()
            self._handle = self._loop.call_later(after_s, self._run_out)

    def show(self, number: int) -> None:
        """Put the time that is left into its register, in whole seconds."""
        if self._function.remaining and number == self._function.model:
            left_s = 0.0
            if self._handle is not None:
                left_s = max(self._handle.when() - self._loop.time(), 0.0)
            left = {self._function.remaining: math.ceil(left_s - 1e-6)}
            self._chain.put(self._function.model, left)

    def stop(self) -> None:
        """Run no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run_out(self) -> None:
        self._handle = None
        number = self._function.model
        for name, source in self._pairs:
            value = self._chain.raw(number, source)
            if self._chain.raw(number, name) is not None and value is not None:
                self._chain.put(number, {name: value})
        if self._function.enable not in dict(self._pairs):
            self._chain.put(number, {self._function.enable: 0})
        self._obey()
