"""A Stiebel Eltron heat pump behind an ISG, as Modbus clients see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from pydantic import Field

from devices.heat_pump import emulator
from devices.heat_pump import stiebel_isg_map as reg
from devices.heat_pump.bank import Held, RegisterBank
from devices.heat_pump.emulator import HeatPumpEmulator, Maker, Readings
from devices.heat_pump.faults import Faults
from devices.heat_pump.register_map import Register
from devices.heat_pump.sg_ready_rules import FOUR_STATE, State, order_of
from harness.core.bench import EmulatorContext

GAP = 64


class EmulatorOptions(emulator.EmulatorOptions):
    """The model's options, the controller's, and how the emulator is reached."""

    controller: int = 449
    """390 WPM 3, 391 WPM 3i, 449 WPMsystem; only the last shows its power."""
    operating_mode: int = Field(2, ge=0, le=5)
    start_sg_ready_on: bool = False


def state(held: Mapping[Register, int]) -> State:
    """Return the SG Ready state in force: 2 while SG Ready is off, or in comfort."""
    if not held[reg.SG_ENABLE] or held[reg.OPERATING_MODE] == reg.COMFORT:
        return State.NORMAL
    return State(reg.STATES[held[reg.INPUT_1], held[reg.INPUT_2]])


def sources(
    readings: Readings, held: Held[Register], options: EmulatorOptions
) -> Mapping[Register, Callable[[], float]]:
    """Return what each input register shows; what is not there shows no value."""
    shown: dict[Register, Callable[[], float]] = {
        reg.FE7: lambda: math.nan,
        reg.FEK: readings.indoor_c,
        reg.DEW_POINT: lambda: 9.3,
        reg.OUTDOOR: readings.outdoor_c,
        reg.CIRCUIT_1: readings.return_c,
        reg.SUPPLY: readings.supply_c,
        reg.BUFFER: lambda: readings.buffer_c(math.nan),
        reg.HOT_WATER: readings.hot_water_c,
        reg.CONSUMPTION: readings.energy_wh,
        reg.SG_STATE: lambda: state(held.values),
        reg.CONTROLLER: lambda: options.controller,
    }
    if options.controller == max(reg.CONTROLLERS):
        shown[reg.POWER] = readings.power_w
    return shown


def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AbstractAsyncContextManager[HeatPumpEmulator[Register]]:
    """Wire a heat pump into the circuit and serve its registers."""

    def bank(readings: Readings, held: Held[Register], faults: Faults) -> RegisterBank:
        return RegisterBank(
            sources(readings, held, options), held, faults,
            base_offset=options.base_offset, hole=reg.NO_VALUE, gap=GAP,
        )  # fmt: skip

    maker = Maker(
        at_power_on={
            reg.OPERATING_MODE: options.operating_mode,
            reg.SG_ENABLE: int(options.start_sg_ready_on),
            reg.INPUT_1: 0,
            reg.INPUT_2: 0,
        },
        order=lambda held: order_of(FOUR_STATE[state(held)], options),
        bank=bank,
    )
    return emulator.emulate(context, options, maker)
