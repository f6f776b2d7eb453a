"""From charging profiles to the control pilot: what the station offers, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from devices.ev_chargepoint import profiles as engine
from devices.ev_chargepoint.default_hours import default_hours
from devices.ev_chargepoint.model import FLOOR_A, ElectricVehicle
from devices.ev_chargepoint.options import StationOptions
from devices.ev_chargepoint.profiles import Profile, Situation
from devices.ev_chargepoint.station_clock import StationClock
from harness.core.clock import BenchClock

CONNECTOR = 1
HORIZON_S = 86_400.0
"""How far ahead the next change is looked for; then it looks again. [s]"""
LEAST_WAIT_S = 0.001
"""Device time has microseconds, so a timer may come that much early. [s]"""


class Timers:
    """Timers that end together, so that nothing of a closed device lives on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._handles: set[asyncio.TimerHandle] = set()

    def after(self, delay_s: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        """Act once, after a delay on the event loop's clock."""

        def fire() -> None:
            self._handles.discard(handle)
            act()

        handle = self._loop.call_later(delay_s, fire)
        self._handles.add(handle)
        return handle

    def cancel(self, handle: asyncio.TimerHandle | None) -> None:
        """Forget a timer; None and timers that went off are fine."""
        if handle is not None:
            handle.cancel()
            self._handles.discard(handle)

    def cancel_all(self) -> None:
        """Forget every timer."""
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()


@dataclass(frozen=True, slots=True)
class Offer:
    """What the station lets the vehicle draw."""

    current_a: float
    """In each phase; 0 is a pause. [A]"""
    phases: int


@dataclass(slots=True)
class _Pending:
    offer: asyncio.TimerHandle | None = None
    change: asyncio.TimerHandle | None = None
    delayed: asyncio.TimerHandle | None = None


class ChargingControl:
    """Keeps the control pilot in step with profiles, transaction and faults.

    `changed` is called whenever the station's status may have.
    """

    def __init__(
        self,
        vehicle: ElectricVehicle,
        options: StationOptions,
        *,
        clock: BenchClock,
        rng: np.random.Generator,
        changed: Callable[[], None],
    ) -> None:
        self._vehicle, self._options, self._faults = vehicle, options, options.faults
        self._clock, self._rng, self._changed = clock, rng, changed
        self.own_clock = StationClock(
            clock, options.clock_offset_s, options.clock_drift_s_per_day
        )
        self._timers = Timers()
        self._pending = _Pending()
        self.profiles: tuple[Profile, ...] = ()
        self._external: tuple[Profile, ...] = ()
        self._obeyed: tuple[Profile, ...] | None = None
        """What it follows instead of its profiles, if it ignores those."""
        if options.faults.ignores_profiles:
            self._obeyed = ()
        self._keeps_for_s = options.faults.drops_profile_after_s
        self.tripped = False
        self._began_s: float | None = None
        self._overshoots_until_s = float("-inf")
        self._decided = self._wanted = Offer(0.0, options.phases)
        self._switching = False
        self._pilot_changed_s = float("-inf")

    def close(self) -> None:
        """Stop every timer."""
        self._timers.cancel_all()

    def device_s(self) -> float:
        """Return what the station's own clock says, POSIX. [s]"""
        return self.own_clock.posix_s()

    def begin(self) -> None:
        """A transaction starts: offer what the profiles allow."""
        self._began_s = self._clock.now_s()
        self.reconsider()

    def end(self) -> None:
        """The transaction is over: open the contactor, drop its profiles (7.10)."""
        self._began_s = None
        self.profiles = engine.without_transaction(self.profiles)
        if self._obeyed is not None:
            self._obeyed = engine.without_transaction(self._obeyed)
        self._open_contactor()

    def _open_contactor(self) -> None:
        for timer in (
            self._pending.change,
            self._pending.offer,
            self._pending.delayed,
        ):
            self._timers.cancel(timer)
        self._switching = False
        self._decided = self._wanted = Offer(0.0, self._options.phases)
        self._vehicle.disconnect(at_s=self._clock.now_s())

    # Faults

    def ignore(self, on: bool) -> None:
        """Go on as before whatever is instructed, or follow again."""
        self._obeyed = self.profiles if on else None
        self.reconsider()

    def trip(self, on: bool) -> None:
        """Open the contactor and keep it open, or let it close again."""
        if on == self.tripped:
            return
        self.tripped = on
        if on:
            self._open_contactor()
        self.reconsider()
        self._changed()

    def forget(self) -> None:
        """Lose every profile, without a word."""
        self.profiles = ()
        if self._obeyed is not None:
            self._obeyed = ()
        self.reconsider()

    def be_forgetful(self, keeps_for_s: float | None) -> None:
        """Lose each new profile after so long; None for the option's own. [s]"""
        own_s = self._faults.drops_profile_after_s
        self._keeps_for_s = own_s if keeps_for_s is None else keeps_for_s

    # Profiles

    def install(self, profile: Profile) -> None:
        """Take a profile and act on it."""
        if self._faults.watts_as_amperes:
            profile = replace(profile, unit="A")
        self.profiles = engine.install(self.profiles, profile)
        if self._keeps_for_s is not None:
            self._timers.after(self._keeps_for_s, lambda: self._drop(profile))
        self.reconsider()

    def constrain(self, profiles: tuple[Profile, ...]) -> None:
        """Heed limits that came from elsewhere; no CSMS can clear them."""
        self._external = profiles
        self.reconsider()

    def clear(
        self,
        *,
        profile_id: int | None,
        connector_id: int | None,
        purpose: str | None,
        stack_level: int | None,
    ) -> bool:
        """Remove what matches; return whether anything did."""
        self.profiles, gone = engine.clear(
            self.profiles,
            profile_id=profile_id,
            connector_id=connector_id,
            purpose=purpose,
            stack_level=stack_level,
        )
        if gone and self._faults.overshoot_a is not None:
            lasts_s = self._faults.overshoot_s
            self._overshoots_until_s = self._clock.now_s() + lasts_s
            self._timers.after(lasts_s, self.reconsider)
        if gone:
            self.reconsider()
        return bool(gone)

    def composite(self, duration_s: float) -> tuple[engine.Step, ...]:
        """Return the connector's composite schedule from now (5.7)."""
        return self._steps(self.profiles, duration_s)

    def _steps(
        self, profiles: tuple[Profile, ...], duration_s: float
    ) -> tuple[engine.Step, ...]:
        options, here = self._options, self._here()
        if options.default_hours:
            own = default_hours(here.at_s, full_a=options.max_current_a)
            profiles = (*profiles, own)
        steps, external = (
            engine.composite(
                found,
                here,
                duration_s=duration_s,
                ceiling_a=options.max_current_a,
            )
            for found in (profiles, self._external)
        )
        return engine.least(steps, external) if self._external else steps

    def _here(self) -> Situation:
        at_s, started_s = self.device_s(), None
        if self._began_s is not None:  # a clock that steps moves no stopwatch
            started_s = at_s - (self._clock.now_s() - self._began_s)
        return Situation(
            CONNECTOR,
            at_s,
            started_s,
            self._options.phases,
            self._options.switches_phases,
        )

    def _drop(self, profile: Profile) -> None:
        self.profiles = tuple(kept for kept in self.profiles if kept is not profile)
        self.reconsider()

    # What to offer

    def reconsider(self, *, by_schedule: bool = False) -> None:
        """Weigh the profiles now, and again when they next change."""
        self._timers.cancel(self._pending.change)
        self._pending.change = None
        if self._began_s is None or self.tripped:
            return
        followed = self.profiles if self._obeyed is None else self._obeyed
        steps = self._steps(followed, HORIZON_S)
        wait_s = steps[1].start_s if len(steps) > 1 else HORIZON_S
        self._pending.change = self._timers.after(
            max(self.own_clock.bench_wait_s(wait_s), LEAST_WAIT_S),
            lambda: self.reconsider(by_schedule=True),
        )
        self._decide(self._offer(steps[0]), by_schedule=by_schedule)

    def _offer(self, step: engine.Step) -> Offer:
        limit_a = step.limit_a
        if self._clock.now_s() < self._overshoots_until_s and self._faults.overshoot_a:
            limit_a = self._faults.overshoot_a
        return Offer(limit_a if limit_a >= FLOOR_A else 0.0, step.phases)

    def _decide(self, offer: Offer, *, by_schedule: bool) -> None:
        if offer == self._decided:
            return
        self._decided = offer
        self._timers.cancel(self._pending.delayed)
        self._pending.delayed = None
        delay_s = self._random_delay_s(by_schedule)
        if delay_s:
            self._pending.delayed = self._timers.after(
                delay_s, lambda: self._respond(offer)
            )
        else:
            self._respond(offer)

    def _random_delay_s(self, by_schedule: bool) -> float:
        """Return a new delay in whole seconds: SI 2021/1467, regulation 11.

        On a rise or fall by schedule, none on an instruction nor when the driver
        plugs in; its 1 s granularity and 1,800 s ceiling are unverified.
        """
        options = self._options
        delayed = options.random_delay == "always" or (
            options.random_delay == "schedule" and by_schedule
        )
        if not delayed or self._began_s == self._clock.now_s():
            return 0.0
        return float(self._rng.integers(0, options.random_delay_s, endpoint=True))

    def _respond(self, offer: Offer) -> None:
        def follow() -> None:
            if self._began_s is not None and not self.tripped:
                self._wanted = offer
                self._move_pilot()

        if self._faults.response_delay_s:
            self._timers.after(self._faults.response_delay_s, follow)
        else:
            follow()

    # The control pilot

    def _move_pilot(self) -> None:
        """Change the duty of the pilot, though not too soon after the last change."""
        if self._switching:
            return
        self._timers.cancel(self._pending.offer)
        self._pending.offer = None
        wanted, vehicle = self._wanted, self._vehicle
        if wanted.current_a and wanted.phases != vehicle.phases:
            self._begin_switching()
        elif wanted.current_a != vehicle.offered_a:
            self._offer_soon(wanted.current_a)

    def _offer_soon(self, current_a: float) -> None:
        now_s = self._clock.now_s()
        wait_s = self._pilot_changed_s + self._options.pwm_spacing_s - now_s
        if wait_s > 0:
            self._pending.offer = self._timers.after(wait_s, self._move_pilot)
        else:
            self._offer_now(current_a)

    def _offer_now(self, current_a: float) -> None:
        self._pilot_changed_s = now_s = self._clock.now_s()
        follows_s = self._vehicle.offer(
            current_a, at_s=now_s, reaction_s=self._reaction_s()
        )
        self._changed()
        self._timers.after(follows_s - now_s, self._changed)

    def _begin_switching(self) -> None:
        """Pause, change the contactors, go on: no contactor moves under load."""
        self._switching = True
        if self._vehicle.offered_a:
            self._offer_now(0.0)
        self._pending.offer = self._timers.after(
            self._options.phase_switch_s, self._switched
        )

    def _switched(self) -> None:
        self._switching, self._pending.offer = False, None
        self._vehicle.use_phases(self._wanted.phases, at_s=self._clock.now_s())
        self._move_pilot()

    def _reaction_s(self) -> float:
        spread_s = self._options.reaction_spread_s
        late_s = float(self._rng.uniform(0.0, spread_s)) if spread_s else 0.0
        return self._options.reaction_s + late_s
