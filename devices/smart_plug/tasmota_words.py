"""Words and numbers of Tasmota's MQTT interface, for driver and emulator.

Source: Tasmota documentation (tasmota.github.io/docs, read in 2026): "MQTT",
"Commands", "PowerOnState"; replies as a device with firmware 12.1.1 printed them.
"""

from __future__ import annotations

from typing import Final

SOURCE: Final = 'Tasmota documentation: "MQTT", "Commands", "PowerOnState" (2026)'
TELE_PERIOD_S: Final = (10, 3600)
"""Range of TelePeriod; its default is 300. Source: "Commands", TelePeriod. [s]"""
PULSE_INVERTED: Final = 5
"""PowerOnState that turns PulseTime round: on again after it. Source: "Commands"."""
LONGEST_PULSE_S: Final = 64_800.0
"""PulseTime 64900. Source: "Commands", PulseTime. [s]"""


def pulse_time(seconds: float) -> int:
    """Return the PulseTime that lasts so long: tenths up to 11.1 s, then whole seconds.

    Source: "Commands", PulseTime: 1..111 in 0.1 s, 112..64900 in 1 s offset by 100.

    Raises
    ------
    ValueError
        If it is too short or too long for it.
    """
    if 0.05 <= seconds < 11.15:
        return round(seconds * 10)
    whole = round(seconds)
    if 12 <= whole <= LONGEST_PULSE_S:
        return whole + 100
    if whole == 11:
        return 111
    raise ValueError(f"PulseTime cannot be {seconds:g} s: 0.1 to {LONGEST_PULSE_S:g} s")


def pulse_seconds(value: int) -> float:
    """Return how long a PulseTime lasts; 0 is none. [s]"""
    return value / 10 if value <= 111 else float(value - 100)
