"""From MeterValues to readings: units, phases and defaults of OCPP 1.6 (7.31, 7.43)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from harness.core.recording import Reading

Payload = dict[str, Any]

QUANTITIES = {
    "Power.Active.Import": "power_w",
    "Current.Import": "current_a",
    "Current.Offered": "current_offered_a",
    "Energy.Active.Import.Register": "energy_import_wh",
    "SoC": "soc_percent",
    "Voltage": "voltage_v",
}
"""Measurand (7.31) to quantity; others stay in the wire log alone."""
_DEFAULT = "Energy.Active.Import.Register"
_THOUSANDS = frozenset({"kW", "kWh"})
_PHASES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})
_ELSEWHERE = frozenset({"Inlet", "Body"})

_COMBINE: dict[str, Callable[[list[float]], float]] = {
    "power_w": sum,
    "energy_import_wh": sum,
    "current_a": max,
    "current_offered_a": max,
    "voltage_v": lambda values: sum(values) / len(values),
    "soc_percent": max,
}


def readings(
    meter_values: Iterable[Payload], bench_s: Callable[[datetime], float]
) -> list[Reading]:
    """Return the readings in a ``meterValue`` array, in the order of the message.

    Where a quantity comes per phase and not as a whole, power and energy are added,
    current is the highest phase's, voltage the mean.

    Raises
    ------
    ValueError
        If a raw value is not a finite number.
    OverflowError
        If a time is beyond what a clock can show.
    """
    found: list[Reading] = []
    for sample in meter_values:
        at_s = bench_s(datetime.fromisoformat(sample["timestamp"]))
        for quantity, value in _values(sample["sampledValue"]).items():
            found.append(Reading(quantity, value, at_s))
    return found


def _values(sampled: Iterable[Payload]) -> dict[str, float]:
    whole: dict[str, float] = {}
    parts: dict[str, list[float]] = {}
    for item in sampled:
        quantity = QUANTITIES.get(item.get("measurand", _DEFAULT))
        if quantity is None or item.get("format", "Raw") != "Raw":
            continue
        if item.get("location") in _ELSEWHERE:
            continue
        value = _number(item)
        phase = item.get("phase")
        if phase is None:
            whole[quantity] = value
        elif phase in _PHASES:
            parts.setdefault(quantity, []).append(value)
    for quantity, values in parts.items():
        whole.setdefault(quantity, _COMBINE[quantity](values))
    return whole


def _number(item: Payload) -> float:
    text = item["value"]
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        name = item.get("measurand", _DEFAULT)
        raise ValueError(f"{name} is {text!r}, which is not a number")
    return value * 1000.0 if item.get("unit") in _THOUSANDS else value
