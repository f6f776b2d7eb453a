"""The commands of ITECH's IT8600 loads that driver and emulator share.

Sources: for the syntax, IT8600 Programming Guide V2.2 (one page read); for the
commands, two public programs that drive an IT8615 and agree; so every one of them is
unverified against the guide itself. The short forms are sent.
"""

from __future__ import annotations

SOURCE = (
    "ITECH IT8600 Programming Guide, IT8600-402266 (unverified: one page was read; the "
    "commands are those of public programs for the IT8615)"
)
MAKER, SERIES = "ITECH", "IT86"
"""What ``*IDN?`` must hold: another load has other commands."""
WHO = "*IDN?"
REMOTE, LOCAL = "SYST:REM", "SYST:LOC"
SET_UP = ("SYST:MODE AC", "FUNC CURR", "SYST:CFPF:MODE PF")
"""Alternating voltage, constant current, and the power factor as it is set: in mode CF
the crest factor would be, and the current would be no sine."""
CURRENT, POWER_FACTOR = "CURR", "PFAC"
"""RMS, never the peak (that is another command). [A]; and the power factor, whose sign
tells leading from lagging."""
INPUT = "INP"
MEASURED = {
    "power_w": "MEAS:POW?",
    "voltage_v": "MEAS:VOLT:RMS?",
    "current_a": "MEAS:CURR:RMS?",
    "power_factor": "MEAS:POW:PFAC?",
    "frequency_hz": "MEAS:FREQ?",
}
"""``MEAS:CURR?`` alone is left alone: whether it means RMS is not known."""
