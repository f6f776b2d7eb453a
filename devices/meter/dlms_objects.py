"""The COSEM objects of an electricity meter that driver and emulator share."""

from __future__ import annotations

from devices.links.dlms_apdu import Absent, Attribute
from devices.links.dlms_data import Value
from devices.meter.faults import OF_EVERY_METER
from harness.core.faults import FaultKind

BREAKS = (*OF_EVERY_METER, FaultKind.LATE_BACKLOG)

DATA, REGISTER, PROFILE, CLOCK = 1, 3, 7, 8
"""Interface classes. Source: Blue Book, 4.3.1, 4.3.2, 4.3.6 and 4.5.1."""
UNITS = {27: "w", 29: "var", 30: "wh", 33: "a", 35: "v", 44: "hz"}
"""Unit by its number. Source: Blue Book, 4.3.2, table of units."""
NUMBERS = {unit: number for number, unit in UNITS.items()}

PROFILE_NAME = "1.0.99.1.0.255"
"""Load profile with period 1, where IDIS and many others keep half-hours (OBIS, IEC
62056-6-1; unverified)."""
SIGNED, IMPORT, EXPORT = "1.0.16.7.0.255", "1.0.1.7.0.255", "1.0.2.7.0.255"
FAST = {"voltage_v": "1.0.32.7.0.255", "current_a": "1.0.31.7.0.255"}
SLOW = {
    "frequency_hz": "1.0.14.7.0.255",
    "energy_import_wh": "1.0.1.8.0.255",
    "energy_export_wh": "1.0.2.8.0.255",
}
TIME = Attribute(CLOCK, "0.0.1.0.0.255")
DEVICE_NAME = Attribute(DATA, "0.0.42.0.0.255")
"""Logical device name: the first three letters are the maker's."""
SERIAL = Attribute(DATA, "0.0.96.1.0.255")
FIRMWARE = Attribute(DATA, "1.0.0.2.0.255")


def factor_of(scale: Value | Absent, unit: str) -> float:
    """Return the factor from a register's number to our unit, by its scaler_unit.

    Raises
    ------
    ValueError
        If it is none, or in another unit.
    """
    match scale:
        case [int(power), int(number)] if UNITS.get(number) == unit:
            return 10.0**power
    raise ValueError(f"has the scaler and unit {scale!s}, not in {unit}")
