"""The people of a home, and what they do with a message that asks them for something.

Each person looks after an equal part of the load that the home could do without for a
while: cooking, washing, drying, the television. A message may not be seen; who sees it
does so late, may say no, moves only a share, tires of being asked, and makes up for
some of it afterwards. Every figure is chosen to be plausible and can be set; none comes
from a document.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from pydantic import Field

from harness.core.base_load import BaseLoad
from harness.core.bench import EmulatorContext, Options
from harness.core.capabilities import Demand
from harness.core.circuit import FixedLoad, Load

DAY_S = 86_400.0
GRID_S = 60.0
"""How finely the energy that was moved is summed up. [s]"""
DELIVERED_S = (1.0, 15.0)
"""From the least to the most that a message takes to a telephone (chosen). [s]"""


class PeopleOptions(Options):
    """Who lives there, and how they take to being asked."""

    people: int = Field(2, ge=1, le=12)
    discretionary_w: float = Field(1200.0, ge=0)
    """What they could do without for a while, if it never changes. [W]"""
    discretionary_profile: Literal["constant", "half-hourly", "appliances"] = "constant"
    """As ``[circuit] base_load_profile``."""
    discretionary_kwh_per_day: float = Field(5.0, gt=0)
    """For a profile: mean over a year."""
    reach: float = Field(0.8, ge=0, le=1)
    """Share of people who see a message at all."""
    agrees: float = Field(0.85, ge=0, le=1)
    """Share of those who then do something."""
    opts_out: float = Field(0.02, ge=0, le=1)
    """Share of those who see it who want no further one."""
    delay_median_s: float = Field(300.0, gt=0)
    """Half of those who see it have seen it after so long. [s]"""
    delay_sigma: float = Field(0.7, ge=0)
    """Spread of that, as the sigma of a lognormal distribution."""
    shiftable: float = Field(0.6, ge=0, le=1)
    """Share of their load that they turn off when asked for less."""
    boost: float = Field(0.5, ge=0)
    """What they turn on when asked for more, as a share of their load."""
    fatigue: float = Field(0.85, ge=0, le=1)
    """What is left of `reach` for each message of the last 24 h."""
    returns_s: float = Field(120.0, ge=0)
    """How long after the end they are back to normal. [s]"""
    rebound: float = Field(0.3, ge=0, le=2)
    """Share of the energy that they saved which they use afterwards."""
    rebound_s: float = Field(1800.0, gt=0)
    """Over how long. [s]"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message with one person."""

    message: str
    person: int
    status: str
    """``delivered``, ``read``, ``agreed``, ``declined`` or ``opted_out``."""
    at_s: float


@dataclass(frozen=True, slots=True)
class Message:
    """What the people are asked."""

    name: str
    demand: Demand
    until_s: float
    """When it ends by itself, in bench time. [s]"""


@dataclass(slots=True)
class Person:
    """One of them: what they do now, and what they are about to do."""

    number: int
    opted_out: bool = False
    by: float = 0.0
    """What they add to their part of the load, as a share; negative is less."""
    since_s: float = math.nan
    unread: Message | None = None
    doing: Message | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def drop_timers(self) -> None:
        """Do nothing of what was about to be done."""
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()


class Household:
    """A `harness.core.circuit.Load`: what the people of a home draw at will.

    Parameters
    ----------
    context : EmulatorContext
        The bench.
    options : PeopleOptions
        Who lives there.
    receipt : callable
        Hears what becomes of each message.
    """

    def __init__(
        self,
        context: EmulatorContext,
        options: PeopleOptions,
        receipt: Callable[[Receipt], None],
    ) -> None:
        self._options, self._rng, self._tell = options, context.rng, receipt
        self._clock, self._loop = context.clock, asyncio.get_running_loop()
        self._usual = _usual_load(context, options)
        self.people = [Person(number + 1) for number in range(options.people)]
        self.obey = True
        """False: they answer, and do nothing (a fault)."""
        self._asked_s: list[float] = []
        self._rebounds: list[tuple[float, float, float]] = []

    def power_w(self, at_s: float) -> float:
        """Return true active power at a bench time. [W]"""
        share = sum(person.by for person in self.people) / len(self.people)
        extra_w = sum(
            power_w for from_s, until_s, power_w in self._rebounds
            if from_s <= at_s < until_s
        )  # fmt: skip
        return max(self._usual.power_w(at_s) * (1.0 + share) + extra_w, 0.0)

    def close(self) -> None:
        """Cancel every timer."""
        for person in self.people:
            person.drop_timers()

    def ask(self, message: Message) -> None:
        """Send them a message; what comes of it comes in its time."""
        now_s = self._clock.now_s()
        self._asked_s = [at for at in self._asked_s if now_s - at < DAY_S]
        reach = self._options.reach
        if message.demand is not Demand.NORMAL:
            reach *= self._options.fatigue ** len(self._asked_s)
            self._asked_s.append(now_s)
        for person in self.people:
            # Drawn for everybody, so that one person's luck moves no other's.
            delivered_s = self._rng.uniform(*DELIVERED_S)
            sees = self._rng.random() < reach
            delay_s = self._options.delay_median_s * math.exp(
                self._options.delay_sigma * self._rng.standard_normal()
            )
            agrees, leaves = self._rng.random(2) < (
                self._options.agrees,
                self._options.opts_out,
            )
            if person.opted_out:
                continue
            self._later(
                person, delivered_s, self._receipt, message, person, "delivered"
            )
            person.unread = message
            if sees:
                wait_s = delivered_s + delay_s
                self._later(person, wait_s, self._see, message, person, agrees, leaves)

    def answer(self) -> bool:
        """Have somebody who has not seen the last message see it now, and agree."""
        for person in self.people:
            if person.unread is not None:
                self._see(person.unread, person, True, False)
                return True
        return False

    def forget(self) -> None:
        """Go back to normal, all of them, and know of no message."""
        for person in self.people:
            person.drop_timers()
            person.by, person.unread, person.doing = 0.0, None, None

    def _see(
        self, message: Message, person: Person, agrees: bool, leaves: bool
    ) -> None:
        if person.unread is not message or person.opted_out:
            return
        person.unread = None
        self._receipt(message, person, "read")
        if leaves:
            person.opted_out = True
            self._receipt(message, person, "opted_out")
            return
        if message.demand is Demand.NORMAL:
            self._settle(person, self._clock.now_s())
        elif not agrees:
            self._receipt(message, person, "declined")
        elif self._clock.now_s() < message.until_s:
            self._receipt(message, person, "agreed")
            self._act(message, person)

    def _act(self, message: Message, person: Person) -> None:
        now_s = self._clock.now_s()
        self._settle(person, now_s)
        person.doing = message
        if self.obey:
            down = message.demand is Demand.REDUCE
            person.by = -self._options.shiftable if down else self._options.boost
            person.since_s = now_s
        back_s = message.until_s - now_s + self._options.returns_s
        self._later(person, back_s, self._return, message, person)

    def _return(self, message: Message, person: Person) -> None:
        if person.doing is message:
            self._settle(person, self._clock.now_s())

    def _settle(self, person: Person, now_s: float) -> None:
        """End what a person does, and make up for some of what they saved."""
        if person.by < 0.0:
            saved_wh = -person.by * self._usual_wh(person.since_s, now_s)
            saved_wh /= len(self.people)
            rebound_s = self._options.rebound_s
            power_w = saved_wh * self._options.rebound * 3600.0 / rebound_s
            self._rebounds = [each for each in self._rebounds if each[1] > now_s]
            self._rebounds.append((now_s, now_s + rebound_s, power_w))
        person.by, person.doing = 0.0, None

    def _usual_wh(self, from_s: float, until_s: float) -> float:
        count = max(math.ceil((until_s - from_s) / GRID_S), 1)
        edges_s = np.linspace(from_s, until_s, count + 1)
        middles_s = (edges_s[:-1] + edges_s[1:]) / 2
        mean_w = sum(self._usual.power_w(float(at)) for at in middles_s) / count
        return mean_w * (until_s - from_s) / 3600.0

    def _later(
        self, person: Person, delay_s: float, act: Callable[..., None], *args: object
    ) -> None:
        now_s = self._loop.time()
        person.timers = [
            timer for timer in person.timers
            if not timer.cancelled() and timer.when() > now_s
        ]  # fmt: skip
        person.timers.append(self._loop.call_later(delay_s, act, *args))

    def _receipt(self, message: Message, person: Person, status: str) -> None:
        at_s = self._clock.now_s()
        self._tell(Receipt(message.name, person.number, status, at_s))


def _usual_load(context: EmulatorContext, options: PeopleOptions) -> Load:
    """Return what they draw when nobody asks them for anything."""
    if options.discretionary_profile == "constant":
        return FixedLoad(options.discretionary_w)
    return BaseLoad(
        context.clock.starts_at,
        seed=int(context.rng.integers(2**31)),
        kwh_per_day=options.discretionary_kwh_per_day,
        appliances=options.discretionary_profile == "appliances",
        stream=context.role,
    )
