"""The charging station's own meter, as it stands in MeterValues.

Its error is a gain on power, current and energy. Values are written with the
resolution of a common station: 1 W, 0.1 A, 0.1 V, 1 Wh, 1 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from devices.ev_chargepoint.model import ElectricVehicle, Tally
from devices.ev_chargepoint.station_clock import stamp_of
from devices.links.lying_clock import LyingClock

Payload = dict[str, Any]
MOST_VOLTAGES = 60
"""How many voltages of an interval are averaged at most."""
TRUTHFUL = LyingClock("", 0.0)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the meter shows, its errors included, and when it says that is."""

    stamp: str
    power_w: float
    current_a: float
    """In each phase that is in use."""
    offered_a: float
    register_wh: int
    interval_wh: float
    """Energy in the interval that this stands for; 0 if it is one moment."""
    voltage_v: float
    soc_percent: float
    phases: int
    """Phases in use."""
    wired: int
    """Phases that the meter is on."""


@dataclass(slots=True)
class OwnMeter:
    """What the station measures of its connector."""

    vehicle: ElectricVehicle
    voltage_v: Callable[[float], float]
    gain: float = 1.0
    register_start_wh: float = 0.0
    knows_soc: bool = True
    clock: LyingClock = TRUTHFUL
    """A fault: what its time stamps tell."""
    factor: float = 1.0
    """A fault: on power and energy, such as 1000."""
    frozen: Shown | None = None
    """A fault: what it shows, whatever happens."""

    def stamp(self, posix_s: float) -> str:
        """Return a time on the station's clock as meter values have it."""
        return stamp_of(self.clock.told_s(posix_s))

    def register_wh(self, at_s: float) -> int:
        """Return the energy register, which never runs back. [Wh]"""
        if self.frozen is not None:
            return self.frozen.register_wh
        return self._register_wh(self.vehicle.drawn_wh(at_s))

    def _register_wh(self, drawn_wh: float) -> int:
        return int((self.register_start_wh + drawn_wh * self.gain) * self.factor)

    def show(self, at_s: float, stamp: str) -> Shown:
        """Return what it shows at one moment."""
        if self.frozen is not None:
            return self.frozen
        car, gain = self.vehicle, self.gain
        return Shown(
            stamp=stamp,
            power_w=car.power_w(at_s) * gain * self.factor,
            current_a=car.current_a(at_s) * gain,
            offered_a=car.offered_a,
            register_wh=self.register_wh(at_s),
            interval_wh=0.0,
            voltage_v=self.voltage_v(at_s),
            soc_percent=car.soc_percent(at_s),
            phases=car.phases,
            wired=car.vehicle.phases,
        )

    def show_mean(self, since: Tally, until: Tally, stamp: str) -> Shown:
        """Return what it shows of an interval: means, and the energy in it (9.1.5).

        A register cannot be averaged: it is what it was at the interval's start, of
        which the stamp is. State of charge is the mean of both ends.
        """
        lasts_s = until.at_s - since.at_s
        if self.frozen is not None or lasts_s <= 0:
            return self.show(until.at_s, stamp)
        energy_wh = (until.energy_wh - since.energy_wh) * self.gain * self.factor
        pieces = max(1, min(MOST_VOLTAGES, round(lasts_s)))
        times = (since.at_s + (n + 0.5) * lasts_s / pieces for n in range(pieces))
        return replace(
            self.show(until.at_s, stamp),
            power_w=energy_wh * 3600 / lasts_s,
            current_a=(until.charge_as - since.charge_as) * self.gain / lasts_s,
            offered_a=(until.offered_as - since.offered_as) / lasts_s,
            register_wh=self._register_wh(since.energy_wh),
            interval_wh=energy_wh,
            voltage_v=sum(self.voltage_v(at_s) for at_s in times) / pieces,
            soc_percent=(since.soc_percent + until.soc_percent) / 2,
        )

    def sample(
        self, shown: Shown, measurands: Iterable[str], context: str, *, plugged: bool
    ) -> Payload | None:
        """Return a MeterValue (7.33); no state of charge without a vehicle.

        None if there is nothing to say, which the schema does not allow.
        """
        values: list[Payload] = []
        for name in measurands:
            if name == "SoC" and not (self.knows_soc and plugged):
                continue
            for value in MEASURANDS[name](shown):
                values.append({**value, "context": context, "measurand": name})
        return {"timestamp": shown.stamp, "sampledValue": values} if values else None


def _power(shown: Shown) -> list[Payload]:
    return [{"value": f"{shown.power_w:.0f}", "unit": "W"}]


def _current(shown: Shown) -> list[Payload]:
    """3.16.3: what is measured on several phases is reported for each of them."""
    if shown.wired == 1:
        return [_amperes(shown.current_a)]
    return [
        {**_amperes(shown.current_a if n <= shown.phases else 0.0), "phase": f"L{n}"}
        for n in range(1, shown.wired + 1)
    ]


def _amperes(current_a: float) -> Payload:
    return {"value": f"{current_a:.1f}", "unit": "A"}


def _offered(shown: Shown) -> list[Payload]:
    return [_amperes(shown.offered_a)]


def _energy(shown: Shown) -> list[Payload]:
    return [{"value": str(shown.register_wh), "unit": "Wh"}]


def _interval(shown: Shown) -> list[Payload]:
    return [{"value": f"{shown.interval_wh:.0f}", "unit": "Wh"}]


def _soc(shown: Shown) -> list[Payload]:
    value = f"{shown.soc_percent:.0f}"
    return [{"value": value, "unit": "Percent", "location": "EV"}]


def _voltage(shown: Shown) -> list[Payload]:
    value = {"value": f"{shown.voltage_v:.1f}", "unit": "V"}
    if shown.wired == 1:
        return [value]
    return [{**value, "phase": f"L{n}-N"} for n in range(1, shown.wired + 1)]


MEASURANDS: dict[str, Callable[[Shown], list[Payload]]] = {
    "Power.Active.Import": _power,
    "Current.Import": _current,
    "Current.Offered": _offered,
    "Energy.Active.Import.Register": _energy,
    "Energy.Active.Import.Interval": _interval,
    "SoC": _soc,
    "Voltage": _voltage,
}
"""What it can measure, by the names of 7.31."""
