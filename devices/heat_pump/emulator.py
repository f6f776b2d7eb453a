"""A NIBE S-series heat pump as Modbus clients see it, with the model behind it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from devices.heat_pump import registers as reg
from devices.heat_pump.model import OCCUPANT_K, HeatPump, HeatPumpOptions
from devices.links.modbus_server import ModbusRefusal, serve_tcp
from harness.core.bench import EmulatorContext
from harness.core.capabilities import Demand

ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3
HOT_WATER_C = 47.0
OPERATIONS = {"raise the thermostat": OCCUPANT_K, "lower the thermostat": 0.0}
"""What an occupant can do: kelvins above the normal set point."""
DEMANDS = {0: Demand.REDUCE, 1: Demand.NORMAL, 2: Demand.BOOST, 3: Demand.BOOST}
"""What the machine makes of a request. That 2 heats as 3 does is a simplification."""


class EmulatorOptions(HeatPumpOptions):
    """The model's options, and how the emulator is reached."""

    unit: int = Field(1, ge=1, le=247)
    start_sg_ready_via_api: bool = False
    """Whether register 3032 is already 1 when the trial begins."""


class HeatPumpEmulator:
    """Registers over a `HeatPump`."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        clock = context.clock
        self._now_s = clock.now_s
        self.model = HeatPump(options, started_at_s=clock.now_s(), rng=context.rng)
        self._gain = 1.0 + options.register_gain_percent / 100.0
        self._outdoor_c = options.outdoor_c
        self.address = ""
        self._held = {
            reg.SG_ENABLE.address: int(options.start_sg_ready_via_api),
            reg.SG_REQUEST.address: reg.REQUESTS[Demand.NORMAL],
            reg.AUX_FROM_MODBUS.address: 0,
        }
        self._inputs = self._words_by_address()

    def operate(self, action: str) -> None:
        """Turn the thermostat up (which overrules any instruction) or back down."""
        if action not in OPERATIONS:
            can = ", ".join(OPERATIONS)
            raise ValueError(f"nobody can {action!r} with a heat pump; can: {can}")
        self.model.turn_thermostat(OPERATIONS[action], at_s=self._now_s())

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Answer function 04; a value of two registers is read whole."""
        words: list[int] = []
        while len(words) < count:
            known = self._inputs.get(address + len(words))
            if known is None:
                raise ModbusRefusal(ILLEGAL_ADDRESS)
            register, value = known
            words += reg.encode(register, value())
        if len(words) > count:
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        return words

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Answer function 03."""
        try:
            return [self._held[address + offset] for offset in range(count)]
        except KeyError:
            raise ModbusRefusal(ILLEGAL_ADDRESS) from None

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Answer functions 06 and 16; act on the request if SG Ready is enabled."""
        for offset, value in enumerate(values):
            highest = HIGHEST.get(address + offset)
            if highest is None:
                raise ModbusRefusal(ILLEGAL_ADDRESS)
            if value > highest:
                raise ModbusRefusal(ILLEGAL_VALUE)
        before = self._request()
        for offset, value in enumerate(values):
            self._held[address + offset] = value
        if self._request() != before:
            self.model.instruct(DEMANDS[self._request()], at_s=self._now_s())

    def _request(self) -> int:
        """Return the SG Ready request in force: normal unless enabled via API."""
        if not self._held[reg.SG_ENABLE.address]:
            return reg.REQUESTS[Demand.NORMAL]
        return self._held[reg.SG_REQUEST.address]

    def _power_w(self) -> float:
        return max(self.model.power_w(self._now_s()) * self._gain, 0.0)

    def _of_model(self, name: str) -> float:
        self.model.power_w(self._now_s())
        return float(getattr(self.model, name))

    def _minutes_to_start(self) -> float:
        return math.ceil(self.model.seconds_to_start(self._now_s()) / 60.0)

    def _words_by_address(
        self,
    ) -> dict[int, tuple[reg.Register, Callable[[], float]]]:
        sources: dict[reg.Register, Callable[[], float]] = {
            reg.OUTDOOR: lambda: self._outdoor_c,
            reg.SUPPLY: lambda: self._of_model("supply_c"),
            reg.HOT_WATER: lambda: HOT_WATER_C,
            reg.INDOOR: lambda: self._of_model("air_c"),
            reg.TIME_TO_START: self._minutes_to_start,
            reg.SG_MODE: lambda: reg.MODES[self._request()],
            reg.POWER: self._power_w,
            reg.CONSUMPTION: lambda: self._of_model("energy_wh") / 1000.0,
        }
        return {register.address: (register, get) for register, get in sources.items()}


HIGHEST = {
    reg.SG_ENABLE.address: 1,
    reg.SG_REQUEST.address: 3,
    reg.AUX_FROM_MODBUS.address: 1,
}
"""Writable registers and the highest value each takes. Source: export."""


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[HeatPumpEmulator]:
    """Wire a heat pump into the circuit and serve its registers."""
    emulator = HeatPumpEmulator(context, options)
    context.circuit.attach(context.role, emulator.model)
    async with serve_tcp(emulator, unit=options.unit, port=context.port) as address:
        emulator.address = address
        yield emulator
