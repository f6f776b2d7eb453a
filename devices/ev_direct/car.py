"""A car that its maker's cloud talks to: when it draws, and when it sleeps.

The battery and the charger are `devices.ev_chargepoint.model.ElectricVehicle`; here is
what a car adds to it: it starts and stops by its own will, stops at a chosen state of
charge, waits for a departure, and falls asleep when nothing goes on.

How long it takes to wake up, to act and to fall asleep is chosen, in the range that
owners report (10 to 60 s to wake; minutes to sleep); no document gives it.
"""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, time, timedelta
from typing import Literal

from pydantic import Field

from devices.ev_chargepoint.model import ElectricVehicle, Vehicle
from harness.core.bench import EmulatorContext, Options
from harness.core.calendar import LONDON
from harness.core.circuit import NOMINAL_V

READY_EARLY_S = 1800.0
"""With a departure set, it means to be charged so long before (chosen). [s]"""


class CarOptions(Options):
    """The car, and how it behaves."""

    battery_kwh: float = Field(60.0, gt=0)
    soc_percent: float = Field(40.0, ge=0, le=100)
    charge_limit_percent: int = Field(80, ge=50, le=100)
    """Where it stops charging, unless told otherwise."""
    onboard_limit_a: float = Field(32.0, gt=0)
    phases: Literal[1, 3] = 1
    efficiency: float = Field(0.9, gt=0, le=1)
    ramp_a_per_s: float = Field(10.0, gt=0)
    """How fast it changes its current, either way. [A/s]"""
    reaction_s: float = Field(1.0, ge=0)
    """From acting on a command to the first move of its current. [s]"""
    start_s: float = Field(5.0, ge=0)
    """Extra time to start charging from a stop. [s]"""
    wake_s: tuple[float, float] = (10.0, 40.0)
    """From the least to the most that waking up takes, drawn anew each time. [s]"""
    sleeps_after_s: float = Field(900.0, gt=0)
    """It sleeps when it neither charged nor was asked for so long. [s]"""
    plugged_in: bool = True
    charging: bool = True
    """Whether it charges as soon as it can, at the start."""
    asleep: bool = False
    """Whether it is asleep at the start, which it is not while it charges."""


class Car:
    """A `harness.core.circuit.Load` with a will of its own.

    Everything happens at bench times; only waking up and the ends of waiting and of
    charging need timers.
    """

    def __init__(self, context: EmulatorContext, options: CarOptions) -> None:
        self._options, self._clock, self._rng = options, context.clock, context.rng
        self._loop = asyncio.get_running_loop()
        now_s = self._clock.now_s()
        self.vehicle = ElectricVehicle(
            Vehicle(
                battery_kwh=options.battery_kwh,
                soc_percent=options.soc_percent,
                onboard_limit_a=options.onboard_limit_a,
                phases=options.phases,
                efficiency=options.efficiency,
                ramp_a_per_s=options.ramp_a_per_s,
                wake_up_s=options.start_s,
            ),
            voltage_v=context.circuit.voltage_v,
            at_s=now_s,
        )
        self.plugged, self.enabled = options.plugged_in, options.charging
        self.highest_a = options.onboard_limit_a
        self.requested_a = self.shown_a = self.highest_a
        """What it may draw, what it was told and says, what it can at most. [A]"""
        self.limit_percent = options.charge_limit_percent
        self.departs_at: datetime | None = None
        self.waits = False
        """Whether it holds back until it must charge for its departure."""
        self.tripped = False
        self._full_timer: asyncio.TimerHandle | None = None
        self._start_timer: asyncio.TimerHandle | None = None
        self._active_s = -math.inf if options.asleep else now_s
        self._wakes_s: float | None = None
        self._offline_until_s = -math.inf
        self.update()

    def close(self) -> None:
        """Cancel every timer."""
        for timer in (self._full_timer, self._start_timer):
            if timer is not None:
                timer.cancel()

    # What it draws

    def power_w(self, at_s: float) -> float:
        """Advance to a bench time and return true active power. [W]"""
        return self.vehicle.power_w(at_s)

    def update(self) -> None:
        """Draw, or stop, as plug, will, charge and departure have it now."""
        now_s = self._clock.now_s()
        if self.vehicle.offered_a:
            self._active_s = now_s
        if not self.plugged or self.tripped:
            self.vehicle.disconnect(at_s=now_s)
        else:
            offer_a = self.requested_a if self._may_charge(now_s) else 0.0
            if offer_a != self.vehicle.offered_a:
                reaction_s = self._options.reaction_s
                self.vehicle.offer(offer_a, at_s=now_s, reaction_s=reaction_s)
        self._plan_full()

    def _may_charge(self, now_s: float) -> bool:
        return self.enabled and not self.waits and not self.is_full(now_s)

    def is_full(self, at_s: float) -> bool:
        """Whether it has reached its charge limit."""
        return self.vehicle.soc_percent(at_s) >= self.limit_percent - 1e-6

    @property
    def charges(self) -> bool:
        """Whether it means to draw now."""
        return bool(self.vehicle.offered_a)

    def _plan_full(self) -> None:
        """Look again when it should have reached its limit."""
        if self._full_timer is not None:
            self._full_timer.cancel()
            self._full_timer = None
        if not self.charges:
            return
        rate_w = self.vehicle.offered_a * self._options.phases * NOMINAL_V
        wait_s = self._missing_wh() / rate_w * 3600.0
        self._full_timer = self._loop.call_later(max(wait_s, 1.0), self.update)

    def _missing_wh(self) -> float:
        """Return what it must draw from the wall to reach its limit. [Wh]"""
        soc = self.vehicle.soc_percent(self._clock.now_s())
        missing = max(self.limit_percent - soc, 0.0) / 100.0
        return missing * self._options.battery_kwh * 1000.0 / self._options.efficiency

    # Departure

    def depart(self, minute_of_day: int) -> None:
        """Be charged by the next time that local clocks show this, and wait till then.

        It begins as late as its charge limit and its current allow.
        """
        self.departs_at = self._next(minute_of_day)
        draws_w = self.requested_a * self._options.phases * NOMINAL_V
        ahead_s = self._clock.bench_s(self.departs_at) - self._clock.now_s()
        needs_s = self._missing_wh() / draws_w * 3600.0 + READY_EARLY_S
        self._cancel_start()
        self.waits = ahead_s > needs_s
        if self.waits:
            self._start_timer = self._loop.call_later(ahead_s - needs_s, self._begin)
        self.update()

    def forget_departure(self) -> None:
        """Know of no departure any more; what it waited for never comes."""
        self.departs_at = None
        self._cancel_start()

    def stop_waiting(self) -> None:
        """Charge by will alone from now on."""
        self.waits = False
        self._cancel_start()

    def _begin(self) -> None:
        self.waits, self.enabled = False, True
        self.update()

    def _cancel_start(self) -> None:
        if self._start_timer is not None:
            self._start_timer.cancel()
            self._start_timer = None

    def _next(self, minute_of_day: int) -> datetime:
        now = self._clock.utc().astimezone(LONDON)
        at = time(minute_of_day // 60, minute_of_day % 60)
        for day in (now.date(), now.date() + timedelta(days=1)):
            found = datetime.combine(day, at, LONDON)
            if found.timestamp() > now.timestamp():
                return found
        raise AssertionError("one of two days has it")

    # Sleep

    def state(self) -> str:
        """Return ``online``, ``asleep`` or ``offline``."""
        now_s = self._clock.now_s()
        if now_s < self._offline_until_s:
            return "offline"
        if self._wakes_s is not None and now_s >= self._wakes_s:
            self._active_s, self._wakes_s = self._wakes_s, None
        if self.charges:
            self._active_s = now_s
        if self._wakes_s is not None:
            return "asleep"
        idle_s = now_s - self._active_s
        return "asleep" if idle_s >= self._options.sleeps_after_s else "online"

    def keep_awake(self) -> None:
        """Somebody asked it for something."""
        self._active_s = self._clock.now_s()

    def wake(self) -> None:
        """Begin to wake up, unless it is awake, under way or out of reach."""
        if self.state() == "asleep" and self._wakes_s is None:
            self._wakes_s = self._clock.now_s() + self._rng.uniform(
                *self._options.wake_s
            )

    def reboot(self, away_s: float) -> None:
        """Be out of reach for a while, and know nothing of what it was told."""
        self._offline_until_s = self._clock.now_s() + away_s
        self.requested_a = self.shown_a = self.highest_a
        self.limit_percent = self._options.charge_limit_percent
        self.forget_departure()
        self.waits, self.enabled = False, self._options.charging
        self._wakes_s = None
        self.keep_awake()
        self.update()

    def return_online(self) -> None:
        """Come back from a reboot at once."""
        self._offline_until_s = -math.inf
        self.keep_awake()
