"""A relay card with a heat pump's SG Ready contacts on two of its relays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Literal

from pydantic import Field

from devices.heat_pump import emulator
from devices.heat_pump.bank import Held, RelayBoard
from devices.heat_pump.emulator import OF_RELAYS, HeatPumpEmulator, Maker, Readings
from devices.heat_pump.faults import Faults
from devices.heat_pump.model import Order
from devices.heat_pump.sg_ready_rules import (
    FOUR_STATE,
    LIMITED_W,
    STATES,
    Edition,
    Effect,
    State,
    order_of,
)
from harness.core.bench import EmulatorContext

__all__ = ["EmulatorOptions", "State", "emulate"]

FUNCTIONS = (1, 3, 5, 6, 15)
"""What the card knows. Source: Waveshare, development protocol V2, function codes."""


class EmulatorOptions(emulator.EmulatorOptions):
    """The model's options, the contacts', and how the card is reached."""

    reduce_to: Literal["minimum", "off"] = "off"
    edition: Edition = "four-state"
    first_coil: int = Field(0, ge=0, le=254)
    coils: int = Field(8, ge=2, le=32)
    limited_w: float = Field(LIMITED_W, gt=0)
    """What contact 1 limits to in edition 1.1. [W]"""


def order(held: Mapping[int, int], options: EmulatorOptions) -> Order:
    """Return what the contacts tell the machine."""
    first = options.first_coil
    contacts = held[first], held[first + 1]
    state = STATES[options.edition][contacts]
    if state is State.LIMITED:
        return order_of(Effect(limit_w=options.limited_w), options)
    told = order_of(FOUR_STATE[state], options)
    if options.edition == "1.1":
        return Order(told.demand, math.inf, told.aim_w)
    return told


def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AbstractAsyncContextManager[HeatPumpEmulator[int]]:
    """Wire a heat pump into the circuit and serve the card's coils."""

    def bank(_readings: Readings, held: Held[int], faults: Faults) -> RelayBoard:
        unit, offset = options.unit, options.base_offset
        return RelayBoard(held, faults, unit=unit, base_offset=offset)

    last = max(options.coils, options.first_coil + 2)
    maker = Maker(
        at_power_on=dict.fromkeys(range(last), 0),
        order=lambda held: order(held, options),
        bank=bank,
        breaks=OF_RELAYS,
        functions=FUNCTIONS,
        restarts_machine=False,
    )
    return emulator.emulate(context, options, maker)
