"""The charging station's own meter, as it stands in MeterValues.

Its error is a gain on power, current and energy. Values are written with the
resolution of a common station: 1 W, 0.1 A, 0.1 V, 1 Wh, 1 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from devices.ev_chargepoint.model import ElectricVehicle

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OwnMeter:
    """What the station measures of its connector."""

    vehicle: ElectricVehicle
    voltage_v: Callable[[float], float]
    gain: float = 1.0
    register_start_wh: float = 0.0
    knows_soc: bool = True

    def register_wh(self, at_s: float) -> int:
        """Return the energy register, which never runs back. [Wh]"""
        drawn_wh = self.vehicle.drawn_wh(at_s) * self.gain
        return int(self.register_start_wh + drawn_wh)

    def sampled(
        self, measurands: Iterable[str], context: str, *, at_s: float, plugged: bool
    ) -> list[Payload]:
        """Return SampledValues (7.43); no state of charge without a vehicle."""
        values: list[Payload] = []
        for name in measurands:
            if name == "SoC" and not (self.knows_soc and plugged):
                continue
            for value in MEASURANDS[name](self, at_s):
                values.append({**value, "context": context, "measurand": name})
        return values


def _power(meter: OwnMeter, at_s: float) -> list[Payload]:
    power_w = meter.vehicle.power_w(at_s) * meter.gain
    return [{"value": f"{power_w:.0f}", "unit": "W"}]


def _current(meter: OwnMeter, at_s: float) -> list[Payload]:
    value = {
        "value": f"{meter.vehicle.current_a(at_s) * meter.gain:.1f}",
        "unit": "A",
    }
    return _on_each_phase(meter, value, "L{}")


def _offered(meter: OwnMeter, _at_s: float) -> list[Payload]:
    return [{"value": f"{meter.vehicle.offered_a:.1f}", "unit": "A"}]


def _energy(meter: OwnMeter, at_s: float) -> list[Payload]:
    return [{"value": str(meter.register_wh(at_s)), "unit": "Wh"}]


def _soc(meter: OwnMeter, at_s: float) -> list[Payload]:
    value = f"{meter.vehicle.soc_percent(at_s):.0f}"
    return [{"value": value, "unit": "Percent", "location": "EV"}]


def _voltage(meter: OwnMeter, at_s: float) -> list[Payload]:
    value = {"value": f"{meter.voltage_v(at_s):.1f}", "unit": "V"}
    return _on_each_phase(meter, value, "L{}-N")


def _on_each_phase(meter: OwnMeter, value: Payload, name: str) -> list[Payload]:
    """3.16.3: what is measured on several phases is reported for each of them."""
    phases = meter.vehicle.vehicle.phases
    if phases == 1:
        return [value]
    return [{**value, "phase": name.format(n)} for n in range(1, phases + 1)]


MEASURANDS: dict[str, Callable[[OwnMeter, float], list[Payload]]] = {
    "Power.Active.Import": _power,
    "Current.Import": _current,
    "Current.Offered": _offered,
    "Energy.Active.Import.Register": _energy,
    "SoC": _soc,
    "Voltage": _voltage,
}
"""What it can measure, by the names of 7.31."""
