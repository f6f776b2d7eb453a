"""NIBE S-series register map, as data.

Addresses are 0-based wire addresses. NIBE's own documents and exports count input
registers from 30001 and holding registers from 40001: `Register.document`.

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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.core.capabilities import Demand

Kind = Literal["u8", "u16", "s16", "u32"]


@dataclass(frozen=True, slots=True)
class Register:
    """One value of the map: where it is, how it is written, where that is from."""

    name: str
    space: Literal["input", "holding"]
    address: int
    """0-based address on the wire."""
    kind: Kind
    unit: str
    divisor: float
    """Raw value = value in `unit` times this."""
    source: str
    status: Literal["verified", "unverified"]
    writable: bool = False

    @property
    def document(self) -> int:
        """The number in NIBE's lists: 30001 or 40001 based."""
        return self.address + (30001 if self.space == "input" else 40001)

    @property
    def words(self) -> int:
        """How many 16-bit registers it takes."""
        return 2 if self.kind == "u32" else 1


OUTDOOR = Register(
    "outdoor_c", "input", 1, "s16", "°C", 10,
    "export: current outdoor temperature (BT1); HA core issue 57410", "verified",
)  # fmt: skip
SUPPLY = Register(
    "supply_c", "input", 5, "s16", "°C", 10,
    "export: supply line (BT2); home-assistant.io issue 25129. Register 2 is "
    "EP23-BT2, another climate system", "verified",
)  # fmt: skip
HOT_WATER = Register(
    "hot_water_c", "input", 8, "s16", "°C", 10,
    "export: hot water top (BT7); evcc tempsource water_top", "verified",
)  # fmt: skip
INDOOR = Register(
    "indoor_c", "input", 26, "s16", "°C", 10,
    "export: room sensor 1-1; nibe PR 217: room temperature 1 (BT50)", "verified",
)  # fmt: skip
TIME_TO_START = Register(
    "time_to_start_min", "input", 1530, "u8", "min", 1,
    "export: compressor, time to start (EB100-EP14)", "unverified",
)  # fmt: skip
SG_MODE = Register(
    "sg_ready_mode", "input", 1911, "u8", "", 1,
    "export: operating mode (SG Ready); evcc getmode; evcc issue 26035", "verified",
)  # fmt: skip
POWER = Register(
    "power_w", "input", 2166, "u32", "W", 1,
    "export: instantaneous used power; absent on S320, S330 and S2125", "unverified",
)  # fmt: skip
CONSUMPTION = Register(
    "energy_import_kwh", "input", 3823, "u32", "kWh", 10,
    "export: tot. consumption; evcc energy", "verified",
)  # fmt: skip
AUX_FROM_MODBUS = Register(
    "aux_power_limit", "holding", 2741, "s16", "", 1,
    "export: AUX from Modbus (42742); evcc writes 1 to limit power. Its neighbour "
    "2740 (42741, u8) has the same title", "unverified", writable=True,
)  # fmt: skip
SG_ENABLE = Register(
    "sg_ready_via_api", "holding", 3032, "u8", "", 1,
    "export: activate SG Ready via API, 0 or 1; evcc requirements", "verified",
    writable=True,
)  # fmt: skip
SG_REQUEST = Register(
    "sg_ready_request", "holding", 6008, "u8", "", 1,
    "export: requested operating mode (SG Ready), 0 to 3; evcc setmode; evcc issue "
    "26035", "verified", writable=True,
)  # fmt: skip

MAP = (
    OUTDOOR, SUPPLY, HOT_WATER, INDOOR, TIME_TO_START, SG_MODE, POWER, CONSUMPTION,
    AUX_FROM_MODBUS, SG_ENABLE, SG_REQUEST,
)  # fmt: skip

REQUESTS = {Demand.REDUCE: 0, Demand.NORMAL: 1, Demand.BOOST: 3}
"""What to write into `SG_REQUEST`. 2 is "low price"; 3, "free electricity", is what
evcc writes for a boost. Source: evcc setmode and issue 26035."""

MODES = {0: 20, 1: 10, 2: 30, 3: 40}
"""What `SG_MODE` shows for each request: 10 normal, 20 high price, 30 low price,
40 free electricity. Source: export; evcc issue 26035."""


def decode(register: Register, words: Sequence[int]) -> float:
    """Return the value of raw registers, in the register's unit."""
    raw = words[0]
    if register.kind == "u32":
        raw |= words[1] << 16
    elif register.kind == "s16" and raw >= 0x8000:
        raw -= 0x10000
    return raw / register.divisor


def encode(register: Register, value: float) -> list[int]:
    """Return raw registers for a value, as an S-series answers a read.

    Raises
    ------
    ValueError
        If the value does not fit the register.
    """
    raw = round(value * register.divisor)
    low, high = _RANGE[register.kind]
    if not low <= raw <= high:
        raise ValueError(f"{value} {register.unit} does not fit {register.name}")
    if register.kind == "u32":
        return [raw & 0xFFFF, raw >> 16]
    return [raw & 0xFFFF]


_RANGE: dict[Kind, tuple[int, int]] = {
    "u8": (0, 0xFF),
    "u16": (0, 0xFFFF),
    "s16": (-0x8000, 0x7FFF),
    "u32": (0, 0xFFFFFFFF),
}
