"""Getting hold of a car: awake, asleep, left alone, or behind a cloud that is cross.

A car that is asked for its data does not fall asleep, and one that sleeps must be woken
before it obeys. So an idle car is left alone, and only an instruction wakes it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from pydantic import Field

from devices.ev_direct.api import FleetApi, OutOfReach, TooMany
from devices.links.http import Json
from harness.core.bench import DeviceContext, DeviceEvent, Options

DRAWING = ("Charging", "Starting")
T = TypeVar("T")


class OemOptions(Options):
    """How the harness uses the car."""

    vin: str = Field("LRWFLEXR1G0000001", min_length=17, max_length=17)
    token_file: str = ""
    """File that holds the bearer token; the rig file, which is kept, never does."""
    ca_file: str = ""
    """Certificates to trust instead of the system's (the maker's own proxy)."""
    phases: Literal[1, 3] = 1
    """Phases that the car charges on: for amperes from watts."""
    voltage_v: float = Field(230.0, gt=0)
    """Likewise. [V]"""
    least_a: int = Field(6, ge=1)
    """Less than this is said by stopping: a control pilot cannot say it. [A]"""
    poll_interval_s: float = Field(30.0, ge=10)
    timeout_s: float = Field(10.0, gt=0)
    """For an answer of the cloud alone. [s]"""
    command_timeout_s: float = Field(30.0, gt=0)
    """For an answer that comes from the car. [s]"""
    wake_timeout_s: float = Field(90.0, gt=0)
    """How long the car may take to wake up. [s]"""
    wake_poll_s: float = Field(5.0, ge=2)
    """How often it is asked meanwhile whether it is awake. [s]"""
    longest_wait_s: float = Field(60.0, ge=0)
    """An instruction waits so long at most when the cloud says Retry-After. [s]"""
    idle_s: float = Field(300.0, ge=0)
    """A car that has not charged for so long is left alone, to let it sleep. [s]"""
    quiet_s: float = Field(1200.0, ge=0)
    """And for how long, unless it wakes up by itself. [s]"""


class Reach:
    """The way to one car, and what is known of it without asking.

    Parameters
    ----------
    context : DeviceContext
        The bench.
    api : FleetApi
        Its maker's cloud.
    options : OemOptions
        How patient to be.
    """

    def __init__(
        self, context: DeviceContext, api: FleetApi, options: OemOptions
    ) -> None:
        self._context, self._api, self._options = context, api, options
        self._clock, self._where = context.clock, f"{context.where} {context.address}"
        self.found: Json | None = None
        """What it said first, before anything was asked of it."""
        self._state = self._charging_state = ""
        self._drew_s = self._clock.now_s()
        self._idle_until_s = self._banned_until_s = -math.inf

    async def first_look(self) -> None:
        """Ask the cloud for the car, without waking it."""
        self._note_state(str((await self._api.vehicle()).get("state", "")))
        if self._state == "online":
            try:
                await self._charge_state()
            except OutOfReach:
                self._note_state("asleep")

    async def glance(self) -> Json | None:
        """Return what the car says, or None if it is better left alone now.

        That is so while it sleeps, for a while once it has been idle, and for as long
        as the cloud says Retry-After.
        """
        now_s = self._clock.now_s()
        if now_s < self._banned_until_s:
            return None
        try:
            if now_s < self._idle_until_s and not await self._woke_by_itself():
                return None
            return await self._charge_state()
        except OutOfReach:
            self._note_state("asleep")
        except TooMany as error:
            self._banned_until_s = self._clock.now_s() + error.wait_s
            self._tell("status", error.fact)
        return None

    async def awake(self) -> tuple[Json, str]:
        """Return what a car says that is awake, and how it got there.

        Raises
        ------
        OutOfReach
            It did not wake up in time.
        LinkError
            The cloud does not answer, or refuses.
        """
        began_s = self._clock.now_s()
        try:
            return await self.patiently(self._charge_state), ""
        except OutOfReach as error:
            self._note_state("asleep")
            last = error
        await self.patiently(self._api.wake_up)
        until_s = began_s + self._options.wake_timeout_s
        while self._clock.now_s() < until_s:
            # The cloud tells of it to those who ask, and to nobody else.
            await asyncio.sleep(self._options.wake_poll_s)
            if (await self._api.vehicle()).get("state") != "online":
                continue
            try:
                state = await self._charge_state()
            except OutOfReach as error:
                last = error
                continue
            return state, f"awake after {self._clock.now_s() - began_s:.0f} s"
        raise OutOfReach(
            self._where,
            f"did not wake up in {self._options.wake_timeout_s:g} s ({last.fact})",
            "the car's own connection, or a longer wake_timeout_s",
        )

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask; if the cloud wants to be left alone for a bearable while, once again."""
        try:
            return await ask()
        except TooMany as error:
            if error.wait_s > self._options.longest_wait_s:
                raise
            await asyncio.sleep(error.wait_s)
            return await ask()

    def stir(self) -> None:
        """Something was asked of it: what follows is worth asking for."""
        self._drew_s, self._idle_until_s = self._clock.now_s(), -math.inf

    async def _charge_state(self) -> Json:
        state = await self._api.charge_state()
        self._note_state("online")
        if self.found is None:
            self.found = state
        now_s = self._clock.now_s()
        if draws(state):
            self._drew_s = now_s
        elif now_s - self._drew_s >= self._options.idle_s:
            self._idle_until_s, self._drew_s = now_s + self._options.quiet_s, now_s
        self._note_charging(str(state.get("charging_state", "")))
        return state

    async def _woke_by_itself(self) -> bool:
        """Whether a car that slept is awake; the cloud knows without waking it."""
        slept = self._state != "online"
        self._note_state(str((await self._api.vehicle()).get("state", "")))
        if slept and self._state == "online":
            self._idle_until_s = -math.inf
            return True
        return False

    def _note_state(self, state: str) -> None:
        if state and state != self._state:
            self._state = state
            self._tell("status", f"the car is {state}")

    def _note_charging(self, now: str) -> None:
        before, self._charging_state = self._charging_state, now
        if now == before:
            return
        self._tell("status", f"charging_state {now}")
        if now == "Disconnected":
            self._tell("unavailable", "the car is not plugged in")
        elif before == "Disconnected":
            self._tell("available", "the car is plugged in")

    def _tell(self, kind: str, detail: str) -> None:
        self._context.notify(DeviceEvent(self._context.role, kind, detail))


def draws(state: Json) -> bool:
    """Whether a car says that it charges, or is about to."""
    return state.get("charging_state") in DRAWING
