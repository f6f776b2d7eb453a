"""A Daikin Altherma behind a Home Hub, as Modbus clients see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from pydantic import Field

from devices.heat_pump import daikin_home_hub_map as reg
from devices.heat_pump import emulator
from devices.heat_pump.bank import Held, RegisterBank
from devices.heat_pump.emulator import OF_RELAYS, HeatPumpEmulator, Maker, Readings
from devices.heat_pump.faults import Faults
from devices.heat_pump.model import Order
from devices.heat_pump.register_map import Register
from devices.heat_pump.sg_ready_rules import Effect, order_of
from harness.core.bench import EmulatorContext
from harness.core.capabilities import Demand

GAP = 16
EFFECTS = (
    Effect(),
    Effect(Demand.REDUCE),
    Effect(Demand.BOOST),
    Effect(Demand.BOOST, at_full_power=True),
)
"""What the machine does in each smart grid mode."""


class EmulatorOptions(emulator.EmulatorOptions):
    """The model's options, and how the emulator is reached."""

    start_limit_w: float = Field(20_000.0, ge=0, le=20_000)
    """The general power limit when the trial begins. [W]"""
    has_room_sensor: bool = True


def order(held: Mapping[Register, int], options: EmulatorOptions) -> Order:
    """Return what mode and limits together tell the machine."""
    mode = held[reg.SMART_GRID]
    limit_w = _limit_w(held[reg.LIMIT])
    if mode == reg.MODES[Demand.BOOST]:
        limit_w = min(limit_w, _limit_w(held[reg.BOOST_LIMIT]))
    told = order_of(EFFECTS[mode], options)
    return Order(told.demand, limit_w, told.aim_w, told.lasts_s)


def _limit_w(raw: int) -> float:
    """The highest limit is none: no machine behind a hub draws 20 kW. [W]"""
    return math.inf if raw >= reg.LIMIT.highest else raw / reg.LIMIT.divisor


def sources(
    readings: Readings, options: EmulatorOptions
) -> Mapping[Register, Callable[[], float]]:
    """Return what each input register shows."""
    room = readings.indoor_c if options.has_room_sensor else (lambda: math.nan)
    return {
        reg.COMPRESSOR: readings.runs,
        reg.DEFROST: readings.defrosts,
        reg.LEAVING_WATER: readings.supply_c,
        reg.RETURN_WATER: readings.return_c,
        reg.HOT_WATER: readings.hot_water_c,
        reg.OUTDOOR: readings.outdoor_c,
        reg.REFRIGERANT: readings.return_c,
        reg.ROOM: room,
        reg.POWER: readings.power_w,
    }


def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AbstractAsyncContextManager[HeatPumpEmulator[Register]]:
    """Wire a heat pump into the circuit and serve its registers."""

    def bank(readings: Readings, held: Held[Register], faults: Faults) -> RegisterBank:
        return RegisterBank(
            sources(readings, options), held, faults,
            base_offset=options.base_offset, hole=reg.NO_VALUE, gap=GAP,
        )  # fmt: skip

    maker = Maker(
        at_power_on={
            reg.SMART_GRID: reg.MODES[Demand.NORMAL],
            reg.BOOST_LIMIT: reg.BOOST_LIMIT.highest,
            reg.LIMIT: round(options.start_limit_w * reg.LIMIT.divisor),
        },
        order=lambda held: order(held, options),
        bank=bank,
        breaks=OF_RELAYS,
    )
    return emulator.emulate(context, options, maker)
