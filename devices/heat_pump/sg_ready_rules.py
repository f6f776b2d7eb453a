"""SG Ready: what two contacts mean, in each edition of the label.

*Four-state*: Bundesverband Wärmepumpe (BWP), regulations for the SG Ready label, 2.1
(2013), as quoted in public: state 1 (contacts 1:0) a hard block of 2 hours at most,
state 2 (0:0) normal, state 3 (0:1) a recommendation to run, state 4 (1:1) an order to
run.

*1.1*: three states; contact 1 closed limits the power (recommended: 4.2 kW, or 40 %
of a connection above 11 kW) and does not switch off, whatever contact 2 does; 0:1
boosts; a defrost under way may be ended first. Unverified: not read by us.

A relay on contact 1 makes a machine of the first edition stop and one of the second
draw up to 4.2 kW: the edition must be known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from devices.heat_pump.model import Order
from devices.heat_pump.options import HeatPumpOptions
from harness.core.bench import Kindness
from harness.core.capabilities import Demand

Edition = Literal["four-state", "1.1"]
Contacts = tuple[int, int]

BLOCK_S = 7200.0
"""Longest block. Source: BWP 2.1 a, as quoted in public."""
LIMITED_W = 4200.0
"""Source: SG Ready 1.1 (unverified)."""
KINDNESS = Kindness(
    cycles_per_hour=6.0,
    least_state_s=600.0,
    source="BWP, SG Ready label, 10 minutes in each state; makers allow 3 to 6 "
    "compressor starts an hour (unverified)",
)


class State(IntEnum):
    """States as the four-state edition numbers them; 5 is the limit of 1.1."""

    BLOCKED = 1
    NORMAL = 2
    ENCOURAGED = 3
    ORDERED = 4
    LIMITED = 5


@dataclass(frozen=True, slots=True)
class Effect:
    """What a machine does in a state."""

    demand: Demand = Demand.NORMAL
    limit_w: float = math.inf
    lasts_s: float = math.inf
    at_full_power: bool = False


FOUR_STATE: Mapping[State, Effect] = {
    State.BLOCKED: Effect(Demand.REDUCE, lasts_s=BLOCK_S),
    State.NORMAL: Effect(),
    State.ENCOURAGED: Effect(Demand.BOOST),
    State.ORDERED: Effect(Demand.BOOST, at_full_power=True),
}
STATES: Mapping[Edition, Mapping[Contacts, State]] = {
    "four-state": {
        (1, 0): State.BLOCKED,
        (0, 0): State.NORMAL,
        (0, 1): State.ENCOURAGED,
        (1, 1): State.ORDERED,
    },
    "1.1": {
        (1, 0): State.LIMITED,
        (1, 1): State.LIMITED,
        (0, 0): State.NORMAL,
        (0, 1): State.ENCOURAGED,
    },
}
"""Contacts 1 and 2 (1 is closed) and the state that they ask for."""
ASKED: Mapping[Demand, Contacts] = {
    Demand.REDUCE: (1, 0),
    Demand.NORMAL: (0, 0),
    Demand.BOOST: (0, 1),
}
ORDERED: Contacts = (1, 1)


def order_of(effect: Effect, options: HeatPumpOptions) -> Order:
    """Return what a machine with these options makes of an effect."""
    aim_w = options.max_power_w if effect.at_full_power else None
    return Order(effect.demand, effect.limit_w, aim_w, effect.lasts_s)
