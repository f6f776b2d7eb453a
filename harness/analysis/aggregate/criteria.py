"""What operators ask of operational metering, as the rules name it."""

from __future__ import annotations

ACCURACY, INTERVAL, LATENCY, RESOLUTION, COMPLETENESS = (
    "operational metering error", "read interval", "latency", "resolution",
    "data completeness",
)  # fmt: skip
CRITERIA = (ACCURACY, INTERVAL, LATENCY, RESOLUTION, COMPLETENESS)
"""Quantities of the rules of operational metering, in the order of the table."""
