"""NIBE S-series register map, as data.

NIBE's own documents and exports count input registers from 30001 and holding
registers from 40001 (`BASE`).

Sources, both seen in 2026; neither was run against hardware of ours:

- *export*: register list that an S1155/S1255 writes to a USB stick, as carried by
  the ``nibe`` library 2.25.0 (github.com/yozik04/nibe, ``data/s1155_s1255.json``);
- *evcc*: charger template ``nibe-s-series`` (github.com/evcc-io/evcc), for firmware
  4.7.5 and newer.

``verified`` means that two of them, or one and a log of a real device, agree on
address, width and scale. Values of two registers are read low word first (NIBE's
Modbus manual: registers "appear in reverse order"; nibe issue 314, on hardware);
writes of two registers would be high word first, so none is offered here.
"""

from __future__ import annotations

from devices.heat_pump.register_map import Base, Known, Register
from harness.core.capabilities import Demand

BASE = Base(input=30001, holding=40001)

OUTDOOR = Register(
    "outdoor_c", "input", 1, "s16", "°C",
    "export: current outdoor temperature (BT1); HA core issue 57410", "verified", 10,
)  # fmt: skip
SUPPLY = Register(
    "supply_c", "input", 5, "s16", "°C",
    "export: supply line (BT2); home-assistant.io issue 25129. Register 2 is "
    "EP23-BT2, another climate system", "verified", 10,
)  # fmt: skip
HOT_WATER = Register(
    "hot_water_c", "input", 8, "s16", "°C",
    "export: hot water top (BT7); evcc tempsource water_top", "verified", 10,
)  # fmt: skip
INDOOR = Register(
    "indoor_c", "input", 26, "s16", "°C",
    "export: room sensor 1-1; nibe PR 217: room temperature 1 (BT50)", "verified", 10,
)  # fmt: skip
TIME_TO_START = Register(
    "time_to_start_min", "input", 1530, "u8", "min",
    "export: compressor, time to start (EB100-EP14)", "unverified",
)  # fmt: skip
SG_MODE = Register(
    "sg_ready_mode", "input", 1911, "u8", "",
    "export: operating mode (SG Ready); evcc getmode; evcc issue 26035", "verified",
)  # fmt: skip
POWER = Register(
    "power_w", "input", 2166, "u32", "W",
    "export: instantaneous used power; absent on S320, S330 and S2125", "unverified",
    low_first=True,
)  # fmt: skip
CONSUMPTION = Register(
    "energy_import_kwh", "input", 3823, "u32", "kWh",
    "export: tot. consumption; evcc energy", "verified", 10, low_first=True,
)  # fmt: skip
AUX_FROM_MODBUS = Register(
    "aux_power_limit", "holding", 2741, "s16", "",
    "export: AUX from Modbus (42742); evcc writes 1 to limit power. Its neighbour "
    "2740 (42741, u8) has the same title", "unverified", writable=True, highest=1,
)  # fmt: skip
SG_ENABLE = Register(
    "sg_ready_via_api", "holding", 3032, "u8", "",
    "export: activate SG Ready via API, 0 or 1; evcc requirements", "verified",
    writable=True, highest=1,
)  # fmt: skip
SG_REQUEST = Register(
    "sg_ready_request", "holding", 6008, "u8", "",
    "export: requested operating mode (SG Ready), 0 to 3; evcc setmode; evcc issue "
    "26035", "verified", writable=True, highest=3,
)  # fmt: skip

MAP = (
    OUTDOOR, SUPPLY, HOT_WATER, INDOOR, TIME_TO_START, SG_MODE, POWER, CONSUMPTION,
    AUX_FROM_MODBUS, SG_ENABLE, SG_REQUEST,
)  # fmt: skip

KNOWN = (Known(OUTDOOR, -40.0, 50.0),)
"""What must be plausible before a write. Nothing that this driver knows of lies beside
it, so that an address off by one is refused by the machine itself."""

REQUESTS = {Demand.REDUCE: 0, Demand.NORMAL: 1, Demand.BOOST: 3}
"""What to write into `SG_REQUEST`. 2 is "low price"; 3, "free electricity", is what
evcc writes for a boost. Source: evcc setmode and issue 26035."""

MODES = {0: 20, 1: 10, 2: 30, 3: 40}
"""What `SG_MODE` shows for each request: 10 normal, 20 high price, 30 low price,
40 free electricity. Source: export; evcc issue 26035."""
