"""A NIBE S-series heat pump as Modbus clients see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from devices.heat_pump import emulator
from devices.heat_pump import nibe_s_map as reg
from devices.heat_pump.bank import Held, RegisterBank
from devices.heat_pump.emulator import HeatPumpEmulator, Maker, Readings
from devices.heat_pump.faults import Faults
from devices.heat_pump.model import Order
from devices.heat_pump.register_map import Register
from harness.core.bench import EmulatorContext
from harness.core.capabilities import Demand

DEMANDS = {0: Demand.REDUCE, 1: Demand.NORMAL, 2: Demand.BOOST, 3: Demand.BOOST}
"""What the machine makes of a request. That 2 heats as 3 does is a simplification."""


class EmulatorOptions(emulator.EmulatorOptions):
    """The model's options, and how the emulator is reached."""

    start_sg_ready_via_api: bool = False
    """Whether register 3032 is already 1 when the trial begins."""


def request(held: Mapping[Register, int]) -> int:
    """Return the SG Ready request in force: normal unless enabled via API."""
    if not held[reg.SG_ENABLE]:
        return reg.REQUESTS[Demand.NORMAL]
    return held[reg.SG_REQUEST]


def sources(
    readings: Readings, held: Held[Register]
) -> Mapping[Register, Callable[[], float]]:
    """Return what each input register shows."""
    return {
        reg.OUTDOOR: readings.outdoor_c,
        reg.SUPPLY: readings.supply_c,
        reg.HOT_WATER: readings.hot_water_c,
        reg.INDOOR: readings.indoor_c,
        reg.TIME_TO_START: lambda: math.ceil(readings.seconds_to_start() / 60.0),
        reg.SG_MODE: lambda: reg.MODES[request(held.values)],
        reg.POWER: readings.power_w,
        reg.CONSUMPTION: lambda: readings.energy_wh() / 1000.0,
    }


def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AbstractAsyncContextManager[HeatPumpEmulator[Register]]:
    """Wire a heat pump into the circuit and serve its registers."""

    def bank(readings: Readings, held: Held[Register], faults: Faults) -> RegisterBank:
        offset = options.base_offset
        return RegisterBank(sources(readings, held), held, faults, base_offset=offset)

    maker = Maker(
        at_power_on={
            reg.SG_ENABLE: int(options.start_sg_ready_via_api),
            reg.SG_REQUEST: reg.REQUESTS[Demand.NORMAL],
            reg.AUX_FROM_MODBUS: 0,
        },
        order=lambda held: Order(DEMANDS[request(held)]),
        bank=bank,
    )
    return emulator.emulate(context, options, maker)
