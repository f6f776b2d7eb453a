"""A heat pump behind Modbus: what the emulators of every maker have in common.

A maker's module says what its registers show (`sources`) and what the written ones
mean (`Maker.order`); everything else, faults and rebooting too, is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import Field

from devices.heat_pump.bank import Held, RegisterBank, RelayBoard
from devices.heat_pump.faults import Faults
from devices.heat_pump.model import BREAKS as OF_THE_MACHINE
from devices.heat_pump.model import OCCUPANT_K, HeatPump, Order
from devices.heat_pump.options import HeatPumpOptions
from devices.links.modbus_server import serve_serial, serve_tcp
from harness.core.bench import EmulatorContext
from harness.core.clock import BenchClock
from harness.core.faults import Fault, FaultKind

K = TypeVar("K")
OPERATIONS = {"turn the thermostat up": OCCUPANT_K, "turn the thermostat down": 0.0}
"""What an occupant can do: kelvins above the normal set point."""
UNSEEN_HOT_WATER_C = 47.0
"""What a machine shows whose hot water is not modelled. [°C]"""

OF_RELAYS = (
    *OF_THE_MACHINE,
    FaultKind.REBOOTS,
    FaultKind.GAP,
    FaultKind.EXCEPTION,
    FaultKind.STALE,
    FaultKind.SILENT_REVERT,
)
OF_REGISTERS = (*OF_RELAYS, FaultKind.WORD_SWAP)


class EmulatorOptions(HeatPumpOptions):
    """The model's options, and how the emulator is reached."""

    unit: int = Field(1, ge=1, le=247)
    base_offset: int = Field(0, ge=-5, le=5)
    """What the device's count of addresses adds to ours: the address trap. A driver
    must notice before it writes anything."""


class Readings:
    """What the machine's own sensors say, now.

    Parameters
    ----------
    model : HeatPump
        The machine.
    now_s : callable
        Bench time. [s]
    gain_percent : float
        Error of its own power reading. [%]
    """

    def __init__(
        self, model: HeatPump, now_s: Callable[[], float], gain_percent: float
    ) -> None:
        self._model, self._now_s = model, now_s
        self._gain = 1.0 + gain_percent / 100.0

    def _now(self) -> HeatPump:
        self._model.advance(self._now_s())
        return self._model

    def power_w(self) -> float:
        """Its own power reading. [W]"""
        return max(self._model.power_w(self._now_s()) * self._gain, 0.0)

    def energy_wh(self) -> float:
        """Its own energy reading. [Wh]"""
        return self._now().energy_wh

    def indoor_c(self) -> float:
        """The room's sensor. [°C]"""
        return self._now().air_c

    def outdoor_c(self) -> float:
        """The outdoor sensor. [°C]"""
        return self._now().outdoor_c

    def supply_c(self) -> float:
        """The flow's sensor. [°C]"""
        return self._now().supply_c

    def return_c(self) -> float:
        """The return's sensor: a sixth of the way down to the room. [°C]"""
        model = self._now()
        return model.supply_c - (model.supply_c - model.air_c) / 6.0

    def hot_water_c(self) -> float:
        """The cylinder's sensor. [°C]"""
        seen_c = self._now().hot_water_c
        return UNSEEN_HOT_WATER_C if seen_c is None else seen_c

    def buffer_c(self, none: float) -> float:
        """The buffer's sensor, or what stands for none. [°C]"""
        seen_c = self._now().buffer_c
        return none if seen_c is None else seen_c

    def seconds_to_start(self) -> float:
        """Rest that the compressor still needs. [s]"""
        return self._model.seconds_to_start(self._now_s())

    def runs(self) -> float:
        """1 while the compressor runs."""
        return float(self._now().running)

    def defrosts(self) -> float:
        """1 while the coil is being defrosted."""
        return float(self._now().is_defrosting)


@dataclass(frozen=True)
class Maker(Generic[K]):
    """What one maker's emulator has of its own."""

    at_power_on: Mapping[K, int]
    """Every place that can be written, with its first value."""
    order: Callable[[Mapping[K, int]], Order]
    """What the written values tell the machine."""
    bank: Callable[[Readings, Held[K], Faults], RegisterBank | RelayBoard]
    breaks: tuple[FaultKind, ...] = OF_REGISTERS
    functions: Collection[int] = (3, 4, 6, 16)
    restarts_machine: bool = True
    """Whether a reboot of what hangs on the wire takes the compressor down too."""
    on_write: Callable[[Sequence[K], Faults], None] = lambda _places, _faults: None
    """Told of every write before it is obeyed."""
    on_reboot: Callable[[], None] = lambda: None


class HeatPumpEmulator(Generic[K]):
    """A bank of registers or relays over a `HeatPump`."""

    def __init__(
        self, context: EmulatorContext, options: EmulatorOptions, maker: Maker[K]
    ) -> None:
        clock = context.clock
        self._now_s, self._maker = clock.now_s, maker
        self.model = HeatPump(
            options,
            started_at_s=clock.now_s(),
            rng=context.rng,
            midnight_s=midnight_s(clock),
        )
        self._faults = Faults(maker.breaks)
        held = Held(
            maker.at_power_on,
            self._faults,
            lambda places: maker.on_write(places, self._faults),
            self.obey,
        )
        readings = Readings(self.model, clock.now_s, options.register_gain_percent)
        self.bank = maker.bank(readings, held, self._faults)
        self._order = maker.order(held.values)
        self._held = held
        self._reboot: asyncio.Task[None] | None = None
        self._back = asyncio.Event()
        self.presence: Presence | None = None
        self.address = ""

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return self._faults.can

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on.

        Raises
        ------
        ValueError
            If it cannot have this one, or its amount makes no sense.
        """
        fault = self._faults.impose(fault)
        if fault.kind in OF_THE_MACHINE:
            self.model.impose(fault, at_s=self._now_s())
        elif fault.kind is FaultKind.STALE:
            self.bank.freeze()
        elif fault.kind is FaultKind.REBOOTS:
            self._go_down(fault.amount)

    def lift(self, kind: FaultKind) -> None:
        """Be well again; from a reboot it comes back at once."""
        if kind not in self._faults:
            return
        self._faults.lift(kind)
        if kind in OF_THE_MACHINE:
            self.model.lift(kind, at_s=self._now_s())
        elif kind is FaultKind.STALE:
            self.bank.thaw()
        elif kind is FaultKind.SILENT_REVERT:
            self._held.keep()
        elif kind is FaultKind.REBOOTS:
            self._back.set()

    def operate(self, action: str) -> None:
        """Turn the thermostat up (which overrules any instruction) or back down."""
        if action not in OPERATIONS:
            can = ", ".join(OPERATIONS)
            raise ValueError(f"nobody can {action!r} with a heat pump; can: {can}")
        self.model.turn_thermostat(OPERATIONS[action], at_s=self._now_s())

    def obey(self) -> None:
        """Have the machine do what the written values say now, if that is new."""
        order = self._maker.order(self._held.values)
        if order != self._order:
            self._order = order
            self.model.instruct(
                order.demand, at_s=self._now_s(), limit_w=order.limit_w,
                aim_w=order.aim_w, lasts_s=order.lasts_s,
            )  # fmt: skip

    def _go_down(self, away_s: float) -> None:
        self._maker.on_reboot()
        self._held.reset()
        if self._maker.restarts_machine:
            self.model.reboot(is_down=True, at_s=self._now_s())
        self._back.clear()
        if self._reboot is None or self._reboot.done():
            self._reboot = asyncio.get_running_loop().create_task(self._away(away_s))

    async def _away(self, away_s: float) -> None:
        if self.presence is not None:
            await self.presence.leave()
        with suppress(TimeoutError):
            async with asyncio.timeout(away_s):
                await self._back.wait()
        if self.presence is not None:
            await self.presence.come()
        if self._maker.restarts_machine:
            self.model.reboot(is_down=False, at_s=self._now_s())
        self._faults.lift(FaultKind.REBOOTS)

    async def close(self) -> None:
        """End a reboot that is under way, and every timer."""
        self._held.keep()
        if self._reboot is not None:
            self._reboot.cancel()
            with suppress(asyncio.CancelledError):
                await self._reboot


class Presence:
    """A server that can leave its port and come back to the same one."""

    def __init__(
        self,
        bank: RegisterBank | RelayBoard,
        *,
        unit: int,
        port: int,
        functions: Collection[int],
    ) -> None:
        self._bank, self._unit, self._port = bank, unit, port
        self._functions = functions
        self._stack = AsyncExitStack()

    async def come(self) -> str:
        """Listen; return the address to dial."""
        address = await self._stack.enter_async_context(
            serve_tcp(
                self._bank, unit=self._unit, port=self._port, functions=self._functions
            )
        )
        self._port = int(address.rpartition(":")[2].partition("/")[0])
        return address

    async def leave(self) -> None:
        """Drop every connection and listen no more."""
        await self._stack.aclose()


def midnight_s(clock: BenchClock) -> float:
    """Return the bench time of the midnight (UTC) before the plan begins. [s]"""
    start = clock.starts_at
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - start).total_seconds()


@asynccontextmanager
async def emulate(
    context: EmulatorContext,
    options: EmulatorOptions,
    maker: Maker[K],
) -> AsyncIterator[HeatPumpEmulator[K]]:
    """Wire a heat pump into the circuit and serve its registers."""
    emulator = HeatPumpEmulator(context, options, maker)
    context.circuit.attach(context.role, emulator.model)
    async with AsyncExitStack() as stack:
        if context.serial:
            emulator.address = await stack.enter_async_context(
                serve_serial(
                    emulator.bank, unit=options.unit, functions=maker.functions
                )
            )
        else:
            emulator.presence = Presence(
                emulator.bank,
                unit=options.unit,
                port=context.port,
                functions=maker.functions,
            )
            emulator.address = await emulator.presence.come()
            stack.push_async_callback(emulator.presence.leave)
        stack.push_async_callback(emulator.close)
        yield emulator
