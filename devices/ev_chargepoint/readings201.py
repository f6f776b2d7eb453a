"""Sampled values of OCPP 2.0.1 from and to those of 1.6.

A value is a number rather than text, and its unit an object with a power of ten.
Source: OCPP 2.0.1 edition 3, part 2, 2.44 (SampledValueType) and 2.52
(UnitOfMeasureType).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from devices.ev_chargepoint import readings as before
from harness.core.recording import Reading

Payload = dict[str, Any]

GREATEST_POWER_OF_TEN = 30
"""Beyond it, a multiplier is a mistake, and 10 to its power no number."""


def readings(
    meter_values: Iterable[Payload], bench_s: Callable[[datetime], float]
) -> list[Reading]:
    """Return the readings in a ``meterValue`` array, in the order of the message.

    Raises
    ------
    ValueError
        If a value is not finite, or its multiplier absurd.
    OverflowError
        If a time is beyond what a clock can show.
    """
    return before.readings(
        (
            {
                "timestamp": sample["timestamp"],
                "sampledValue": [_as_before(item) for item in sample["sampledValue"]],
            }
            for sample in meter_values
        ),
        bench_s,
    )


def _as_before(item: Payload) -> Payload:
    measure = item.get("unitOfMeasure", {})
    power = measure.get("multiplier", 0)
    if abs(power) > GREATEST_POWER_OF_TEN:
        name = item.get("measurand", "a value")
        raise ValueError(f"{name} has the multiplier {power}")
    value = item["value"] * 10.0**power if power else item["value"]
    return {**item, "value": repr(value), "unit": measure.get("unit")}


def sampled_value(item: Payload) -> Payload:
    """Return a SampledValue of 1.6 as 2.0.1 writes it."""
    kept = {name: value for name, value in item.items() if name != "unit"}
    number = float(item["value"])
    return {**kept, "value": number, "unitOfMeasure": {"unit": item["unit"]}}
