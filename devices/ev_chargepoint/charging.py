"""From charging profiles to the control pilot: what the station offers, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from devices.ev_chargepoint import profiles as engine
from devices.ev_chargepoint.model import FLOOR_A, ElectricVehicle
from devices.ev_chargepoint.options import StationOptions
from devices.ev_chargepoint.profiles import Profile, Situation
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


@dataclass(slots=True)
class _Pending:
    offer: asyncio.TimerHandle | None = None
    change: asyncio.TimerHandle | None = None


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
        self._timers = Timers()
        self._pending = _Pending()
        self.profiles: tuple[Profile, ...] = ()
        self._started_s: float | None = None
        self._overshoots_until_s = float("-inf")
        self._decided_a = self._wanted_a = 0.0
        self._pilot_changed_s = float("-inf")

    def close(self) -> None:
        """Stop every timer."""
        self._timers.cancel_all()

    def device_s(self) -> float:
        """Return what the station's own clock says, POSIX. [s]"""
        return self._clock.utc().timestamp() + self._options.clock_offset_s

    def begin(self) -> None:
        """A transaction starts: offer what the profiles allow."""
        self._started_s = self.device_s()
        self._reconsider()

    def end(self) -> None:
        """The transaction is over: open the contactor, drop its profiles (7.10)."""
        self._started_s = None
        self.profiles = engine.without_transaction(self.profiles)
        self._timers.cancel(self._pending.change)
        self._timers.cancel(self._pending.offer)
        self._decided_a = self._wanted_a = 0.0
        self._vehicle.disconnect(at_s=self._clock.now_s())

    def install(self, profile: Profile) -> None:
        """Take a profile and act on it."""
        if self._faults.watts_as_amperes:
            profile = replace(profile, unit="A")
        self.profiles = engine.install(self.profiles, profile)
        if self._faults.drops_profile_after_s is not None:
            self._timers.after(
                self._faults.drops_profile_after_s, lambda: self._drop(profile)
            )
        self._reconsider()

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
            self._timers.after(lasts_s, self._reconsider)
        if gone:
            self._reconsider()
        return bool(gone)

    def composite(self, duration_s: float) -> tuple[engine.Step, ...]:
        """Return the connector's composite schedule from now (5.7)."""
        here = Situation(
            CONNECTOR, self.device_s(), self._started_s, self._options.phases
        )
        return engine.composite(
            self.profiles,
            here,
            duration_s=duration_s,
            ceiling_a=self._options.max_current_a,
        )

    def _drop(self, profile: Profile) -> None:
        self.profiles = tuple(kept for kept in self.profiles if kept is not profile)
        self._reconsider()

    def _reconsider(self) -> None:
        """Weigh the profiles now, and again when they next change."""
        self._timers.cancel(self._pending.change)
        self._pending.change = None
        if self._started_s is None:
            return
        steps = self.composite(HORIZON_S)
        wait_s = steps[1].start_s if len(steps) > 1 else HORIZON_S
        self._pending.change = self._timers.after(
            max(wait_s, LEAST_WAIT_S), self._reconsider
        )
        self._decide(self._offer_a(steps[0].limit_a))

    def _offer_a(self, limit_a: float) -> float:
        if self._clock.now_s() < self._overshoots_until_s and self._faults.overshoot_a:
            return self._faults.overshoot_a
        if self._faults.ignores_profiles:
            limit_a = self._options.max_current_a
        return limit_a if limit_a >= FLOOR_A else 0.0

    def _decide(self, offer_a: float) -> None:
        if offer_a == self._decided_a:
            return
        self._decided_a = offer_a

        def follow() -> None:
            if self._started_s is not None:
                self._wanted_a = offer_a
                self._move_pilot()

        if self._faults.response_delay_s:
            self._timers.after(self._faults.response_delay_s, follow)
        else:
            follow()

    def _move_pilot(self) -> None:
        """Change the duty of the pilot, though not too soon after the last change."""
        self._timers.cancel(self._pending.offer)
        self._pending.offer = None
        now_s = self._clock.now_s()
        wait_s = self._pilot_changed_s + self._options.pwm_spacing_s - now_s
        if self._wanted_a == self._vehicle.offered_a:
            return
        if wait_s > 0:
            self._pending.offer = self._timers.after(wait_s, self._move_pilot)
            return
        self._pilot_changed_s = now_s
        follows_s = self._vehicle.offer(
            self._wanted_a, at_s=now_s, reaction_s=self._reaction_s()
        )
        self._changed()
        self._timers.after(follows_s - now_s, self._changed)

    def _reaction_s(self) -> float:
        spread_s = self._options.reaction_spread_s
        late_s = float(self._rng.uniform(0.0, spread_s)) if spread_s else 0.0
        return self._options.reaction_s + late_s
