"""Stiebel Eltron ISG register map (WPM heat pump managers), as data.

Stiebel's document counts from 1: its register 507 is 506 on the wire (`BASE`).

Sources, seen in 2026; none was run against hardware of ours:

- *manual*: Stiebel Eltron, Modbus TCP/IP software documentation for the ISG,
  321798-47824-0146 (2026), as quoted in evcc issue 23345 (not read by us): 4.1 how
  to address, 5.1 "one-based", 6 WPMsystem with the inverter's power at 3680 to 3684
  (0.1 kW, data type 2), 7 WPM 3 and WPM 3i without it, 32768 for no such object;
- *library*: ``pystiebeleltron`` (github.com/ThyMYthOS/python-stiebel-eltron), generated
  from that document's tables, 0-based;
- *evcc*: charger template ``stiebel-wpm``; its requests are in evcc issue 27539.

``verified`` means that two of them, or one and a log of a real device, agree.

The trap: BWP's contact 1 blocks and contact 2 boosts; on the ISG *input 1* boosts and
*input 2* reduces (evcc ``stiebel-wpm``; states seen by users of both inputs).
"""

from __future__ import annotations

from devices.heat_pump.register_map import Base, Known, Register
from harness.core.capabilities import Demand

BASE = Base(input=1, holding=1)
NO_VALUE = 0x8000

FE7 = Register(
    "room_fe7_c", "input", 500, "s16", "°C",
    "library: actual temperature FE7", "verified", 10, no_value=NO_VALUE,
)  # fmt: skip
FEK = Register(
    "room_fek_c", "input", 502, "s16", "°C",
    "library: actual temperature FEK; openHAB binding", "verified", 10,
    no_value=NO_VALUE,
)  # fmt: skip
DEW_POINT = Register(
    "dew_point_c", "input", 505, "s16", "°C",
    "library: dew point temperature", "unverified", 10, no_value=NO_VALUE,
)  # fmt: skip
OUTDOOR = Register(
    "outdoor_c", "input", 506, "s16", "°C",
    "library: outside temperature; openHAB binding", "verified", 10, no_value=NO_VALUE,
)  # fmt: skip
CIRCUIT_1 = Register(
    "circuit_1_c", "input", 507, "s16", "°C",
    "library: actual temperature HK 1", "unverified", 10, no_value=NO_VALUE,
)  # fmt: skip
SUPPLY = Register(
    "supply_c", "input", 514, "s16", "°C",
    "library: actual flow temperature", "unverified", 10, no_value=NO_VALUE,
)  # fmt: skip
BUFFER = Register(
    "buffer_c", "input", 517, "s16", "°C",
    "manual: 518 actual buffer temperature; evcc tempsource buffer", "verified", 10,
    no_value=NO_VALUE,
)  # fmt: skip
HOT_WATER = Register(
    "hot_water_c", "input", 521, "s16", "°C",
    "manual: 522 actual hot water temperature; evcc tempsource warmwater", "verified",
    10, no_value=NO_VALUE,
)  # fmt: skip
CONSUMPTION = Register(
    "energy_import_wh", "input", 3511, "k+M", "Wh",
    "library: electricity for heating, total, kWh then MWh", "unverified", 0.001,
    no_value=NO_VALUE,
)  # fmt: skip
POWER = Register(
    "power_w", "input", 3679, "s16", "W",
    "manual: 3680 inverter's power, heat pump 1, 0.1 kW, without pumps and immersion "
    "heater; evcc PR 33367. WPMsystem only", "verified", 0.01, no_value=NO_VALUE,
)  # fmt: skip
SG_STATE = Register(
    "sg_ready_state", "input", 5000, "u16", "",
    "manual: 5001 operating state 1 to 4; evcc getmode", "verified", no_value=NO_VALUE,
)  # fmt: skip
CONTROLLER = Register(
    "controller_id", "input", 5001, "u16", "",
    "library: controller identification, 390 WPM 3, 391 WPM 3i, 449 WPMsystem",
    "verified", no_value=NO_VALUE,
)  # fmt: skip
OPERATING_MODE = Register(
    "operating_mode", "holding", 1500, "u16", "",
    "library: operating mode 0 to 5; openHAB binding names them", "verified",
    writable=True, highest=5,
)  # fmt: skip
SG_ENABLE = Register(
    "sg_ready_on", "holding", 4000, "u16", "",
    "library: 4001 switch SG Ready on and off, read back on hardware", "verified",
    writable=True, highest=1,
)  # fmt: skip
INPUT_1 = Register(
    "sg_ready_input_1", "holding", 4001, "u16", "",
    "manual: 4002 SG Ready Modbus 1; evcc: 1 boosts", "verified", writable=True,
    highest=1,
)  # fmt: skip
INPUT_2 = Register(
    "sg_ready_input_2", "holding", 4002, "u16", "",
    "manual: 4003 SG Ready Modbus 2; evcc: 1 reduces", "verified", writable=True,
    highest=1,
)  # fmt: skip

MAP = (
    FE7, FEK, DEW_POINT, OUTDOOR, CIRCUIT_1, SUPPLY, BUFFER, HOT_WATER, CONSUMPTION,
    POWER, SG_STATE, CONTROLLER, OPERATING_MODE, SG_ENABLE, INPUT_1, INPUT_2,
)  # fmt: skip

CONTROLLERS = {390: "WPM 3", 391: "WPM 3i", 449: "WPMsystem"}
MODES = ("emergency", "ready", "program", "comfort", "eco", "hot water")
"""Names of `OPERATING_MODE`. Source: openHAB binding."""
COMFORT = 3
"""In this mode SG Ready is ignored. Source: evcc, requirements of its template."""

KNOWN = (
    Known(OUTDOOR, -40.0, 50.0),
    Known(CONTROLLER, min(CONTROLLERS), max(CONTROLLERS)),
    Known(SG_STATE, 1, 4),
)
"""Beside the outdoor temperature lie others as plausible; the identification lies
beside none."""

INPUTS = {Demand.REDUCE: (0, 1), Demand.NORMAL: (0, 0), Demand.BOOST: (1, 0)}
"""Inputs 1 and 2 for each demand. Source: evcc ``stiebel-wpm``."""
ORDERED = (1, 1)
STATES = {(0, 1): 1, (0, 0): 2, (1, 0): 3, (1, 1): 4}
"""What `SG_STATE` shows. Source: manual 5001, states 1 to 4; which inputs give which
is from evcc and from users' scripts."""
