"""A meter's load profile: energy by periods, kept for as long as there is room.

The end of a period comes from the meter's own clock, right or wrong, and so does its
stamp. Pure but for `Capturing`, which waits for the ends. Sources: periods of 30, 20,
15, 10 and 5 minutes and 90 days of half-hours are what CoPs 3, 5 and 10 ask of
outstations (facts-gb 1.4, CP1527); what is kept for each period follows IDIS meters
(cumulative registers and a status; unverified).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Literal, NamedTuple

from pydantic import Field

from devices.meter.metering import Metering
from devices.meter.own_clock import DAY_S
from harness.core.bench import Options

CLOCK_ADJUSTED, POWER_DOWN = 1 << 5, 1 << 7
"""Bits of a period's status, as IDIS has them (unverified): the clock was set within
it; it is not whole, since the meter had no power at its beginning."""
JUMP_S = 1.0
"""A clock that is off by more from where it must be was set. [s]"""
HISTORY_W, HISTORY_SWING_W, HISTORY_PEAK_H = 250.0, 150.0, 18.0
"""What the meter saw before the bench began: 6 kWh a day, most in the evening. Ours."""


class ProfileOptions(Options):
    """What an emulated meter keeps, and for how long."""

    profile_period_min: Literal[30, 20, 15, 10, 5] = 30
    """How long it says that its periods are. [min]"""
    profile_period_error_percent: float = Field(0.0, gt=-50, lt=50)
    """How much longer they truly are, by its own clock: their ends then are multiples
    of that, and not the clock's half-hours. [%]"""
    profile_entries: int = Field(4320, ge=1, le=100_000)
    """How many periods it has room for: 90 days of half-hours."""
    profile_stamps: Literal["end", "start"] = "end"
    """Which end of its period a stamp is."""
    profile_values: Literal["registers", "periods"] = "registers"
    """What it keeps: its registers at each period's end, or each period's energy."""
    in_service_days: float = Field(0.0, ge=0, le=3660)
    """How long it has been at work when the bench begins: its profile then holds what
    it saw, and its import register is that much higher. [d]"""


def history_wh(posix_s: float) -> float:
    """Return a running sum of what was drawn before the bench began; up to a constant.

    Its difference between two times is the energy between them: a mean, and a swing
    over the day. [Wh]
    """
    hours = posix_s / 3600
    turn = 2 * math.pi * (hours - HISTORY_PEAK_H) / 24
    return HISTORY_W * hours + HISTORY_SWING_W * 24 / (2 * math.pi) * math.sin(turn)


class Entry(NamedTuple):
    """What is kept of one period; times are the meter's own, POSIX. [s]"""

    began_s: float
    ended_s: float
    status: int
    import_wh: float
    export_wh: float
    """At its end: the registers, or its own energy. [Wh]"""

    def stamp_s(self, which: Literal["end", "start"]) -> float:
        """Return the end that it is stamped with. [s]"""
        return self.ended_s if which == "end" else self.began_s


class Profile:
    """The periods that are kept; the oldest gives way.

    Parameters
    ----------
    options : ProfileOptions
        How many, how long, and what of each.
    """

    def __init__(self, options: ProfileOptions) -> None:
        self._options = options
        self.entries: deque[Entry] = deque(maxlen=options.profile_entries)
        self._registers = (0.0, 0.0)
        """At the end of the last period. [Wh]"""

    @property
    def period_s(self) -> float:
        """How long a period truly is, by the meter's own clock. [s]"""
        error = self._options.profile_period_error_percent / 100
        return self._options.profile_period_min * 60 * (1 + error)

    def begin(self, at_s: float, registers: tuple[float, float]) -> float:
        """Fill in what was kept before; return how far import rose meanwhile. [Wh]

        `at_s` is the meter's own time, `registers` what they showed when it was put
        into service.
        """
        self._registers = registers
        if not self._options.in_service_days:
            return 0.0
        served_s = at_s - self._options.in_service_days * DAY_S
        newest, whole_from = (
            math.floor(at_s / self.period_s),
            math.ceil(served_s / self.period_s),
        )
        base_wh = registers[0] - history_wh(served_s)
        # One end more than there is room for: a period's energy needs the one before.
        first = max(whole_from, newest - self._options.profile_entries)
        for number in range(first, newest + 1):
            ended_s = number * self.period_s
            # Registers count what has passed: whole watt-hours, never ahead of it.
            then = (math.floor(base_wh + history_wh(ended_s)), registers[1])
            if number > whole_from:
                self.keep(ended_s, 0, then)
            else:
                self._registers = then
        return history_wh(at_s) - history_wh(served_s)

    def keep(self, ended_s: float, status: int, registers: tuple[float, float]) -> None:
        """Keep the period that ended then, with what the registers show. [Wh]"""
        values = registers
        if self._options.profile_values == "periods":
            values = (
                registers[0] - self._registers[0],
                registers[1] - self._registers[1],
            )
        self._registers = registers
        self.entries.append(Entry(ended_s - self.period_s, ended_s, status, *values))


class Capturing:
    """Waits for the end of each period on the meter's own clock, and keeps it.

    Parameters
    ----------
    metering : Metering
        The clock and the registers.
    options : ProfileOptions
        How long a period is.
    profile : Profile
        Where it is kept.
    """

    def __init__(
        self, metering: Metering, options: ProfileOptions, profile: Profile
    ) -> None:
        self._metering, self._profile = metering, profile
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._status = 0 if options.in_service_days else POWER_DOWN
        self._due_s = self._next_end(self._own_s())
        self._wait()

    def stop(self) -> None:
        """Keep nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def clock_changed(self) -> None:
        """Look at the clock again: it may have been set, stopped, or run otherwise."""
        self.stop()
        was_own_s, was_s, was_rate = self._waits_since
        own_s = self._own_s()
        expected_s = was_own_s + (self._metering.now_s() - was_s) * was_rate
        if abs(own_s - expected_s) > JUMP_S:
            self._status |= CLOCK_ADJUSTED
            self._due_s = self._next_end(own_s)
        elif self._due_s <= own_s:
            self._due_s = self._next_end(own_s)
        self._wait()

    def _own_s(self) -> float:
        return self._metering.utc_now().timestamp()

    def _next_end(self, own_s: float) -> float:
        """Return the next multiple of a period on its own clock. [s]"""
        return (math.floor(own_s / self._profile.period_s) + 1) * self._profile.period_s

    def _wait(self) -> None:
        own_s, rate = self._own_s(), self._metering.clock_rate
        self._waits_since = (own_s, self._metering.now_s(), rate)
        self._timer = self._loop.call_later(
            max((self._due_s - own_s) / rate, 0.0), self._ended
        )

    def _ended(self) -> None:
        period_s, own_s = self._profile.period_s, self._own_s()
        if not -JUMP_S <= own_s - self._due_s < period_s / 2:
            # London's clocks were changed under a clock that follows them.
            self._due_s = round(own_s / period_s) * period_s
            self._status |= CLOCK_ADJUSTED
        self._profile.keep(self._due_s, self._status, self._metering.registers_wh())
        self._status = 0
        self._due_s += period_s
        self._wait()
