"""Daikin Home Hub (EKRHH) register map for Altherma, use case 3, as data.

Daikin's document counts from 1: its holding register 56 is 55 on the wire (`BASE`).
Temperatures are in 0.01 °C, powers in 0.01 kW.

Sources, seen in 2026; neither was run against hardware of ours, and Daikin's
installer reference guide of the EKRHH was not read by us:

- *HA*: ``daikin-ha-ekrhh-modbus`` (github.com/gerione), transcribed from that guide,
  with its numbers;
- *evcc*: charger template ``daikin-homehub``, 0-based, for Altherma 3.

``verified`` means that both agree on address and scale.
"""

from __future__ import annotations

from devices.heat_pump.register_map import Base, Known, Register
from harness.core.capabilities import Demand

BASE = Base(input=1, holding=1)
NO_VALUE = 0x8000

COMPRESSOR = Register(
    "compressor_runs", "input", 30, "u16", "", "HA: 31 compressor run", "unverified"
)
DEFROST = Register(
    "defrosts", "input", 34, "u16", "", "HA: 35 defrost/startup", "unverified"
)
LEAVING_WATER = Register(
    "supply_c", "input", 39, "s16", "°C",
    "HA: 40 leaving water temperature PHE", "unverified", 100, no_value=NO_VALUE,
)  # fmt: skip
RETURN_WATER = Register(
    "return_c", "input", 41, "s16", "°C",
    "HA: 42 return water temperature", "unverified", 100, no_value=NO_VALUE,
)  # fmt: skip
HOT_WATER = Register(
    "hot_water_c", "input", 42, "s16", "°C",
    "HA: 43 domestic hot water temperature; evcc tempsource warmwater", "verified", 100,
    no_value=NO_VALUE,
)  # fmt: skip
OUTDOOR = Register(
    "outdoor_c", "input", 43, "s16", "°C",
    "HA: 44 outside air temperature", "unverified", 100, no_value=NO_VALUE,
)  # fmt: skip
REFRIGERANT = Register(
    "refrigerant_c", "input", 44, "s16", "°C",
    "HA: 45 liquid refrigerant temperature", "unverified", 100, no_value=NO_VALUE,
)  # fmt: skip
ROOM = Register(
    "indoor_c", "input", 49, "s16", "°C",
    "HA: 50 remote controller room temperature; evcc reads it as a buffer's",
    "unverified", 100, no_value=NO_VALUE,
)  # fmt: skip
POWER = Register(
    "power_w", "input", 50, "s16", "W",
    "HA: 51 heat pump power consumption; evcc power", "verified", 0.1,
    no_value=NO_VALUE,
)  # fmt: skip
SMART_GRID = Register(
    "smart_grid_mode", "holding", 55, "u16", "",
    "HA: 56 smart grid; evcc getmode and setmode", "verified", writable=True, highest=3,
)  # fmt: skip
BOOST_LIMIT = Register(
    "boost_limit_w", "holding", 56, "u16", "W",
    "HA: 57 power limit during recommended on; evcc setmaxpower", "verified", 0.1,
    writable=True, highest=2000,
)  # fmt: skip
LIMIT = Register(
    "limit_w", "holding", 57, "u16", "W",
    "HA: 58 general power limit, 0 to 20 kW", "unverified", 0.1, writable=True,
    highest=2000,
)  # fmt: skip

MAP = (
    COMPRESSOR, DEFROST, LEAVING_WATER, RETURN_WATER, HOT_WATER, OUTDOOR, REFRIGERANT,
    ROOM, POWER, SMART_GRID, BOOST_LIMIT, LIMIT,
)  # fmt: skip

KNOWN = (
    Known(OUTDOOR, -40.0, 50.0),
    Known(LEAVING_WATER, 5.0, 80.0),
    Known(ROOM, 5.0, 35.0, optional=True),
)
"""The outdoor temperature lies among others as plausible; the room's lies between a
flow and a power, of which neither passes for a room."""

MODES = {Demand.NORMAL: 0, Demand.REDUCE: 1, Demand.BOOST: 2}
"""What to write into `SMART_GRID`: free, forced off, recommended on."""
FORCED_ON = 3
NAMES = ("free", "forced off", "recommended on", "forced on")
