"""Lambda EU-L register map, as data. Everything is a holding register, 0-based.

A register's number is made of the module (hundreds and thousands) and the data point:
0000 ambient, 0100 E-Manager, 1000 heat pump 1, 2000 boiler 1, 3000 buffer 1, 5000
heating circuit 1.

Sources, seen in 2026; none was run against hardware of ours, and Lambda's own
"Modbus Beschreibung und Protokoll" (2025-02; protocol version 1.0) was not read by us:

- *openHAB*: binding ``modbus.lambda``, written from that document;
- *HA*: ``lambda_heat_pumps`` (github.com/GuidoJeuken-6512), likewise; its issue 100:
  on firmware 1.3.10 the addresses are those of the document;
- *evcc*: charger template ``lambda-zewotherm``.

``verified`` means that two of them agree on address and scale.

Firmware decides twice. From 1.1.3 on 32-bit numbers come low word first (evcc PR
24935), and 103 is 0 while the E-Manager is off, so that power is read from 1012 (evcc
PR 30780; a user measured both to be equal otherwise).
"""

from __future__ import annotations

from dataclasses import replace

from devices.heat_pump.register_map import Base, Known, Register

BASE = Base(input=0, holding=0)

AMBIENT_ERROR = Register(
    "ambient_error", "holding", 0, "s16", "", "HA: error number", "verified"
)
AMBIENT_STATE = Register(
    "ambient_state", "holding", 1, "u16", "",
    "openHAB: 0 off, 1 automatic, 2 manual, 3 error", "verified",
)  # fmt: skip
OUTDOOR = Register(
    "outdoor_c", "holding", 2, "s16", "°C", "HA: actual ambient temperature",
    "verified", 10,
)  # fmt: skip
OUTDOOR_MEAN = Register(
    "outdoor_mean_c", "holding", 3, "s16", "°C", "HA: mean ambient temperature, 1 h",
    "verified", 10,
)  # fmt: skip
OUTDOOR_USED = Register(
    "outdoor_used_c", "holding", 4, "s16", "°C", "HA: calculated ambient temperature",
    "verified", 10,
)  # fmt: skip
MANAGER_ERROR = Register(
    "manager_error", "holding", 100, "s16", "", "openHAB: E-Manager error", "verified"
)
MANAGER_STATE = Register(
    "manager_state", "holding", 101, "u16", "",
    "openHAB: 0 off, 1 automatic, 2 manual, 3 error, 4 offline", "verified",
)  # fmt: skip
SURPLUS = Register(
    "surplus_w", "holding", 102, "s16", "W",
    "openHAB: actual excess power; evcc writes it with function 16 and refreshes it "
    "at half of 60 s (evcc PR 19664)", "verified", writable=True,
)  # fmt: skip
MANAGER_POWER = Register(
    "power_w", "holding", 103, "s16", "W",
    "openHAB: consumption, only in automatic mode; evcc power", "verified",
)  # fmt: skip
ERROR_STATE = Register(
    "error_state", "holding", 1000, "u16", "", "openHAB: 0 none to 4 fault", "verified"
)
OPERATING_STATE = Register(
    "operating_state", "holding", 1003, "u16", "", "openHAB: operating state",
    "verified",
)  # fmt: skip
SUPPLY = Register(
    "supply_c", "holding", 1004, "s16", "°C", "HA: flow line temperature", "verified",
    100,
)  # fmt: skip
RETURN = Register(
    "return_c", "holding", 1005, "s16", "°C", "HA: return line temperature",
    "verified", 100,
)  # fmt: skip
POWER = Register(
    "power_w", "holding", 1012, "s16", "W",
    "HA: inverter power consumption; evcc PR 30780", "verified",
)  # fmt: skip
CONSUMPTION = Register(
    "energy_import_wh", "holding", 1020, "s32", "Wh",
    "HA: electricity of the compressor; evcc energy", "verified", low_first=True,
)  # fmt: skip
HOT_WATER = Register(
    "hot_water_c", "holding", 2002, "s16", "°C",
    "evcc tempsource warmwater_top; openHAB boiler, high sensor", "verified", 10,
)  # fmt: skip
BUFFER = Register(
    "buffer_c", "holding", 3002, "s16", "°C",
    "evcc tempsource buffer_top; openHAB buffer, high sensor", "verified", 10,
)  # fmt: skip
ROOM = Register(
    "indoor_c", "holding", 5004, "s16", "°C",
    "HA: room device temperature; -300 without a sensor", "unverified", 10,
)  # fmt: skip

MAP = (
    AMBIENT_ERROR, AMBIENT_STATE, OUTDOOR, OUTDOOR_MEAN, OUTDOOR_USED, MANAGER_ERROR,
    MANAGER_STATE, SURPLUS, MANAGER_POWER, ERROR_STATE, OPERATING_STATE, SUPPLY, RETURN,
    POWER, CONSUMPTION, HOT_WATER, BUFFER, ROOM,
)  # fmt: skip
OLD_CONSUMPTION = replace(CONSUMPTION, low_first=False)
"""As firmware before 1.1.3 gives it."""
OLD_MAP = tuple(OLD_CONSUMPTION if each is CONSUMPTION else each for each in MAP)

KNOWN = (
    Known(OUTDOOR, -40.0, 50.0),
    Known(AMBIENT_STATE, 0, 3),
    Known(OPERATING_STATE, 0, 99),
    Known(SUPPLY, 2.0, 85.0),
)
"""A state beside a temperature: whichever way an address is off, one takes the other's
place and cannot be what it should."""

WATCHDOG_S = 60.0
"""How long `SURPLUS` stays valid. Source: evcc's default; not seen in a document."""
AUTOMATIC, OFFLINE = 1, 4
LEAST_SURPLUS_W = 500.0
"""Below this the E-Manager asks for nothing. Source: evcc issue 18812, default of
"Leistungsanforderung Minimum"."""
