"""The register map of Acme's (made-up) water heater WH-3."""

SOURCE = "Acme WH-3 Modbus sheet, edition 2, tables 1 and 2 (a made-up maker)"

POWER = 200
"""Input registers 200 and 201 (table 1, lines 201 and 202: the sheet counts from 1):
active power, a single, low word first. [kW]"""
MODEL = 0
"""Input register 0 (table 1, line 1): product code."""
KNOWN_MODEL = 0x5748
"""``WH``, the product code of every WH-3."""
COMMAND = 40
"""Holding register 40 (table 2, line 41): most power, in steps of 10 W."""
STEP_W = 10
NO_LIMIT = 360
"""3.6 kW, the rating: what lifts the limit (table 2, note b)."""
