"""What every emulated meter does, whatever wire it hangs on: it looks at the circuit.

On a timer of its own, and not when it is read: the circuit's time never goes back, and
by the time of a read someone else may have asked it for a later instant. Between what
it saw and what it shows stand the error model (`devices.meter.model`) and the faults
(`devices.meter.faults`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from devices.meter.faults import OF_EVERY_METER, MeterFaults
from devices.meter.model import MeterErrors, MeterModel, OwnClockErrors, Shown
from devices.meter.own_clock import OwnClock
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind
from harness.core.harmonics import distortion_percent, sampled
from harness.core.regular import Regular

_HOLDING = (FaultKind.FROZEN, FaultKind.STALE)


class Metering:
    """A meter without its wire: values and time, right or wrong as it was told.

    Parameters
    ----------
    context : EmulatorContext
        The circuit, the roles that it sees, time and chance.
    errors : MeterErrors
        The error model. With `OwnClockErrors` the protocol carries the meter's time,
        and a wrong clock shows in `utc`. Without, it can only show in values that are
        as old as the clock is wrong, ahead or behind: no meter shows the future.
    breaks : sequence of FaultKind
        The faults that it can have.
    """

    def __init__(
        self,
        context: EmulatorContext,
        errors: MeterErrors,
        *,
        breaks: Sequence[FaultKind] = OF_EVERY_METER,
    ) -> None:
        self._clock, self._own_clock = context.clock, isinstance(errors, OwnClockErrors)
        self._circuit, self._sees = context.circuit, context.sees
        self._interval_s = errors.update_interval_s
        self._samples = errors.measures_distortion
        silent_s = errors.silent_after_s
        self._silent_from_s = math.inf if silent_s is None else silent_s
        self._own = OwnClock(context.clock, errors)
        if self._own_clock:
            errors = errors.model_copy(update={"clock_offset_s": 0.0})
        self._model = MeterModel(errors, context.rng)
        self.faults = MeterFaults(breaks, memory_s=self._model.memory_s)
        self._held: dict[FaultKind, tuple[Shown, datetime]] = {}
        self.on_update: Callable[[], None] = lambda: None
        """Called after each look but the first."""
        # Where in an interval a meter updates is chance; the first look is at once.
        now_s = self.now_s()
        self._first_s = now_s + context.rng.random() * self._interval_s
        self._look(now_s)
        self._looks = self._go_on()

    def now_s(self) -> float:
        """Return bench time. [s]"""
        return self._clock.now_s()

    @property
    def is_silent(self) -> bool:
        """Whether it answers nothing now."""
        return self.now_s() >= self._silent_from_s or FaultKind.GAP in self.faults

    def live(self) -> Shown:
        """Return what it measures now, for wires that keep values back themselves."""
        return self._shown_as_of(self.now_s())

    def shown(self) -> Shown:
        """Return what it shows now; if it delivers late, what it let out last."""
        if not self.faults:
            return self._model.shown(self.now_s())
        return self._shown_as_of(self._delivered_s(self.now_s()))

    def registers_wh(self) -> tuple[float, float]:
        """Return what the import and export registers have counted by now. [Wh]

        To the instant, and not as of the last update: what a meter keeps at the end of
        a period.
        """
        now_s = self.now_s()
        power_w, reactive_var, voltage_v = self._flows(now_s)
        counted = self._model.count_to(
            now_s, power_w=power_w, reactive_var=reactive_var, voltage_v=voltage_v
        )
        factor = self.faults.amount(FaultKind.SCALED, well=1.0)
        return counted[0] * factor, counted[1] * factor

    @property
    def clock_rate(self) -> float:
        """How many seconds its clock counts in one of the bench's."""
        per_hour_s = self.faults.amount(FaultKind.CLOCK_DRIFT, well=0.0)
        return 1.0 + self._own.gain_per_s + per_hour_s / 3600

    def utc_now(self) -> datetime:
        """Return what the meter's own clock shows now, in UTC."""
        if FaultKind.FROZEN in self._held:
            return self._held[FaultKind.FROZEN][1]
        return self._own.tells(self.faults.clock_error_s(self.now_s()))

    def utc(self) -> datetime:
        """Return the meter's own time of what it shows."""
        if self._held or FaultKind.LATE_BACKLOG not in self.faults:
            return self.utc_now()
        now_s = self.now_s()
        return self.utc_now() - timedelta(seconds=now_s - self._delivered_s(now_s))

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on; see `Breakable`."""
        held = self.shown(), self.utc()
        self.faults.impose(fault, self.now_s())
        if fault.kind in _HOLDING:
            self._held[fault.kind] = held
        if fault.kind is FaultKind.FROZEN:
            self.close()

    def lift(self, kind: FaultKind) -> None:
        """Be well again. What flowed while it was frozen is not counted."""
        was_frozen = FaultKind.FROZEN in self._held
        self.faults.lift(kind)
        self._held.pop(kind, None)
        if was_frozen and kind is FaultKind.FROZEN:
            self._model.interrupt()
            self._look(self.now_s())
            self._looks = self._go_on()

    def close(self) -> None:
        """Stop looking."""
        self._looks.cancel()

    def _shown_as_of(self, at_s: float) -> Shown:
        """What it shows, or showed at a bench time, as its faults have it."""
        for held, _ in self._held.values():
            return held
        at_s -= self.faults.amount(FaultKind.REPLAYED_BACKLOG, well=0.0)
        if not self._own_clock:
            at_s -= abs(self.faults.clock_error_s(self.now_s()))
        shown = self._model.shown(at_s)
        factor = self.faults.amount(FaultKind.SCALED, well=1.0)
        return shown if factor == 1.0 else _scaled(shown, factor)

    def _delivered_s(self, now_s: float) -> float:
        """When values were last let out, if they are kept back; else now. [s]"""
        if FaultKind.LATE_BACKLOG not in self.faults:
            return now_s
        every_s = self.faults.amount(FaultKind.LATE_BACKLOG, well=1.0)
        since_s = self.faults.since_s(FaultKind.LATE_BACKLOG)
        return since_s + (now_s - since_s + 1e-9) // every_s * every_s

    def _flows(self, now_s: float) -> tuple[float, float, float]:
        """Power, reactive power and voltage where it sits; it may be reversed."""
        sign = -1.0 if FaultKind.REVERSED in self.faults else 1.0
        return (
            sign * self._circuit.power_w(self._sees, now_s),
            sign * self._circuit.reactive_var(self._sees, now_s),
            self._circuit.voltage_v(now_s),
        )

    def _distortion(self, now_s: float) -> tuple[float, float]:
        """Sample ten cycles of voltage and current, and group what is in them. [%]"""
        voltage, current = self._circuit.spectra(self._sees, now_s)
        return (
            distortion_percent(sampled(voltage)),
            distortion_percent(sampled(current)),
        )

    def _look(self, now_s: float) -> None:
        """Look at the circuit now."""
        power_w, reactive_var, voltage_v = self._flows(now_s)
        distortion = self._distortion(now_s) if self._samples else (0.0, 0.0)
        self._model.update(
            now_s, power_w=power_w, reactive_var=reactive_var, voltage_v=voltage_v,
            distortion_percent=distortion,
        )  # fmt: skip

    def _update(self, now_s: float) -> None:
        self._look(now_s)
        self.on_update()

    def _go_on(self) -> Regular:
        """Look at every update from now on, until it freezes."""
        return Regular(
            self._clock,
            self._update,
            interval_s=self._interval_s,
            first_s=self._first_s,
            until_s=self._model.is_frozen_at_s,
        )


def _scaled(shown: Shown, factor: float) -> Shown:
    """Power and energy as by a wrong factor; voltage and current stay right."""
    return shown._replace(
        power_w=shown.power_w * factor,
        reactive_var=shown.reactive_var * factor,
        energy_import_wh=shown.energy_import_wh * factor,
        energy_export_wh=shown.energy_export_wh * factor,
    )


class EmulatedMeter:
    """A meter as the bench has it: a `harness.core.bench.Emulator`, and `Breakable`.

    Each wire's emulator adds what is read over that wire.
    """

    def __init__(self, metering: Metering) -> None:
        self._metering = metering
        self.address = ""

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return self._metering.faults.can

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on."""
        self._metering.impose(fault)

    def lift(self, kind: FaultKind) -> None:
        """Be well again."""
        self._metering.lift(kind)

    def operate(self, action: str) -> None:
        """Refuse: nobody does anything to a meter."""
        raise ValueError(f"nobody can {action!r} with a meter")

    def close(self) -> None:
        """Stop looking."""
        self._metering.close()
