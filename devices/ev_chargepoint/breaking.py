"""The faults that an emulated charging station can have while it runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from devices.ev_chargepoint.charging import ChargingControl
from devices.ev_chargepoint.metering import OwnMeter
from devices.ev_chargepoint.model import ElectricVehicle
from devices.ev_chargepoint.options import StationOptions
from harness.core.clock import BenchClock
from harness.core.faults import Fault, FaultKind

FORGETS_AFTER_S = 30.0
"""How long it keeps what it is told while it forgets its schedule (our choice). [s]"""

BREAKS = (
    FaultKind.IGNORES,
    FaultKind.RAMPS_WRONG,
    FaultKind.TRIPS,
    FaultKind.REBOOTS,
    FaultKind.FORGETS_SCHEDULE,
    FaultKind.GAP,
    FaultKind.FROZEN,
    FaultKind.SCALED,
    FaultKind.LATE_BACKLOG,
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
)

_LEAST = {
    FaultKind.RAMPS_WRONG: 0.0,
    FaultKind.LATE_BACKLOG: 0.0,
    FaultKind.CLOCK_DRIFT: -3600.0,
    FaultKind.CLOCK_STEP: -math.inf,
    FaultKind.SCALED: -math.inf,
}
"""Amounts must be above this; the other kinds need none."""


class Values(Protocol):
    """How a station's own meter values leave it."""

    silent: bool

    def freeze(self, on: bool) -> None:
        """Show what is shown now, and the time that it is now."""

    def deliver_every(self, interval_s: float | None) -> None:
        """Keep values back between deliveries; None for at once. [s]"""

    def align_again(self) -> None:
        """The clock has moved."""


class Emulated(Protocol):
    """What a station of any edition has that can break."""

    @property
    def charging(self) -> ChargingControl:
        """What moves the control pilot."""
        ...

    @property
    def sampler(self) -> Values:
        """What sends meter values."""
        ...

    @property
    def meter(self) -> OwnMeter:
        """The station's own meter."""
        ...

    @property
    def options(self) -> StationOptions:
        """How it is set up."""
        ...


@dataclass(frozen=True, slots=True)
class Power:
    """The station's mains switch."""

    off: Callable[[float], None]
    """Off for so long. [s]"""
    on: Callable[[], None]


class Breakage:
    """Imposes faults on a station and takes them away again."""

    def __init__(
        self,
        station: Emulated,
        vehicle: ElectricVehicle,
        clock: BenchClock,
        power: Power,
    ) -> None:
        self._station, self._vehicle = station, vehicle
        self._clock, self._power = clock, power
        charging, sampler = station.charging, station.sampler
        self._acts: dict[FaultKind, Callable[[float], None]] = {
            FaultKind.IGNORES: lambda _amount: charging.ignore(True),
            FaultKind.RAMPS_WRONG: self._change_pace,
            FaultKind.TRIPS: lambda _amount: charging.trip(True),
            FaultKind.REBOOTS: self._reboot,
            FaultKind.FORGETS_SCHEDULE: self._forget,
            FaultKind.GAP: lambda _amount: self._silence(True),
            FaultKind.FROZEN: lambda _amount: sampler.freeze(True),
            FaultKind.SCALED: self._scale,
            FaultKind.LATE_BACKLOG: sampler.deliver_every,
            FaultKind.CLOCK_STEP: self._step_clock,
            FaultKind.CLOCK_DRIFT: self._drift_clock,
        }
        self._cures: dict[FaultKind, Callable[[], None]] = {
            FaultKind.IGNORES: lambda: charging.ignore(False),
            FaultKind.RAMPS_WRONG: lambda: self._change_pace(1.0),
            FaultKind.TRIPS: lambda: charging.trip(False),
            FaultKind.REBOOTS: power.on,
            FaultKind.FORGETS_SCHEDULE: lambda: charging.be_forgetful(None),
            FaultKind.GAP: lambda: self._silence(False),
            FaultKind.FROZEN: lambda: sampler.freeze(False),
            FaultKind.SCALED: lambda: self._scale(1.0),
            FaultKind.LATE_BACKLOG: lambda: sampler.deliver_every(None),
            FaultKind.CLOCK_STEP: lambda: self._step_clock(0.0),
            FaultKind.CLOCK_DRIFT: lambda: self._drift_clock(0.0),
        }
        self._imposed: set[FaultKind] = set()

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on.

        Raises
        ------
        ValueError
            If a charging station cannot have it, or not by this amount.
        """
        act = self._acts.get(fault.kind)
        if act is None:
            can = ", ".join(repr(str(kind)) for kind in BREAKS)
            raise ValueError(
                f"a charging station cannot have the fault {str(fault.kind)!r}; "
                f"it can have {can}"
            )
        least = _LEAST.get(fault.kind)
        if least is not None and not least < fault.amount < math.inf:
            raise ValueError(
                f"the fault {str(fault.kind)!r} needs an amount above {least:g}, "
                f"not {fault.amount:g}"
            )
        self._imposed.add(fault.kind)
        act(fault.amount)

    def lift(self, kind: FaultKind) -> None:
        """Be well again; nothing happens if it was."""
        if kind in self._imposed:
            self._imposed.discard(kind)
            self._cures[kind]()

    def _change_pace(self, factor: float) -> None:
        self._vehicle.change_pace(factor, at_s=self._clock.now_s())

    def _reboot(self, away_s: float) -> None:
        option_s = self._station.options.reboot_s
        self._power.off(option_s if math.isnan(away_s) else max(0.0, away_s))

    def _forget(self, _amount: float) -> None:
        self._station.charging.forget()
        self._station.charging.be_forgetful(FORGETS_AFTER_S)

    def _silence(self, on: bool) -> None:
        self._station.sampler.silent = on

    def _scale(self, factor: float) -> None:
        self._station.meter.factor = factor

    def _step_clock(self, ahead_s: float) -> None:
        self._station.charging.own_clock.step(ahead_s)
        self._clock_moved()

    def _drift_clock(self, seconds_per_hour: float) -> None:
        self._station.charging.own_clock.drift(seconds_per_hour)
        self._clock_moved()

    def _clock_moved(self) -> None:
        """What waits for a time on the clock must look at it again."""
        self._station.charging.reconsider()
        self._station.sampler.align_again()
