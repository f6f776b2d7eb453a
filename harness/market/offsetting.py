"""The scheme by which one site may rise because another rose first the other way.

Pure: bench time is passed in. Source: TRANSITION use case 6 and Table 6, Offsetting.
Usually demand leads and generation follows; generation may lead as well, so that demand
may follow. The leader rises first and falls last; if it is lost, or nobody knows of it
any more, the follower falls at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from harness.market.rules import ForbiddenError, Rule


@dataclass(frozen=True, slots=True)
class Scheme:
    """What the DNO approved in outline: who offsets whom, and how it fails safe."""

    demand: str
    generator: str
    outline: bool
    """Whether the DNO approved it in outline."""
    trips_within_s: float
    verified_days_ago: float
    verify_every_days: float

    def require_safe(self, *, at_s: float, verified_s: float | None = None) -> None:
        """Refuse a scheme whose fail-safe was not verified in time.

        Parameters
        ----------
        at_s : float
            Now, in bench time. [s]
        verified_s : float, optional
            When it was verified on the bench, if it was; renews what came before. [s]

        Raises
        ------
        ForbiddenError
            Saying when it was verified and how often it should be.
        """
        begun_s = -self.verified_days_ago * DAY_S if verified_s is None else verified_s
        days = (at_s - begun_s) / DAY_S
        if days > self.verify_every_days:
            fact = (
                f"the fail-safe of the {self.generator} was verified "
                f"{days:.3g} days ago, and is to be every "
                f"{self.verify_every_days:g} days"
            )
            raise ForbiddenError(Rule.FAIL_SAFE, fact)


class Step(StrEnum):
    """Where an offset is."""

    WAITING = "waiting"
    LEADER_RISES = "leader rises"
    BOTH_UP = "both up"
    FOLLOWER_FALLS = "follower falls"
    ENDED = "ended"
    TRIPPED = "tripped"


DAY_S = 86_400.0
RISEN_SHARE = 0.9
"""Demand has risen when it shows this share of what was agreed."""
LOST_SHARE = 0.8
"""Demand is lost when it shows less than this share of what was agreed."""
SILENT_S = 5.0
"""Demand is lost, too, when nothing new was heard of it for so long. [s]"""
STANDS_S = 5.0
"""Demand has risen when it has stood for so long: then generation may follow. [s]"""


@dataclass(slots=True)
class Offset:
    """One approved offset, step by step, as its two meters are heard."""

    power_w: float
    """What both rise by. [W]"""
    leads: str = field(default="demand", kw_only=True)
    """What leads, for people: demand, or generation."""
    from_s: float
    until_s: float
    ends_early_s: float
    """How long before the end the follower falls: the leader must outlast it. [s]"""
    step: Step = Step.WAITING
    why: str = ""
    """Why it tripped."""
    _risen_s: float = math.inf
    """Since when demand stands. [s]"""

    def advance(
        self, at_s: float, *, leader_w: float, heard_s: float, follower_w: float
    ) -> Step:
        """Return the step at a moment; it never goes back.

        Parameters
        ----------
        at_s : float
            Now. [s]
        leader_w, follower_w : float
            By how much both have risen, as their meters said last. [W]
        heard_s : float
            When the leader's meter last said something new. [s]
        """
        if self.step is Step.WAITING and at_s >= self.from_s:
            self.step = Step.LEADER_RISES
        if self.step is Step.BOTH_UP and (why := self._lost(at_s, leader_w, heard_s)):
            self.step, self.why = Step.TRIPPED, why
        elif self.step is Step.LEADER_RISES and at_s >= self._falls_s:
            self.step = Step.ENDED
        elif self.step is Step.LEADER_RISES and self._stands(at_s, leader_w, heard_s):
            self.step = Step.BOTH_UP
        elif self.step is Step.BOTH_UP and at_s >= self._falls_s:
            self.step = Step.FOLLOWER_FALLS
        elif self.step is Step.FOLLOWER_FALLS and (
            at_s >= self.until_s and follower_w < (1 - RISEN_SHARE) * self.power_w
        ):
            self.step = Step.ENDED
        return self.step

    def _stands(self, at_s: float, leader_w: float, heard_s: float) -> bool:
        """Whether demand is up, was heard of, and has been for a while."""
        if self._lost(at_s, leader_w / RISEN_SHARE * LOST_SHARE, heard_s):
            self._risen_s = math.inf
        else:
            self._risen_s = min(self._risen_s, at_s)
        return at_s - self._risen_s >= STANDS_S

    @property
    def _falls_s(self) -> float:
        return self.until_s - self.ends_early_s

    def end(self, at_s: float) -> None:
        """Have it end now, in its order, as when the DNO unwinds it."""
        self.until_s = min(self.until_s, at_s + self.ends_early_s)

    def _lost(self, at_s: float, leader_w: float, heard_s: float) -> str:
        if at_s - heard_s > SILENT_S:
            return (
                f"nothing new was heard of the {self.leads} for {at_s - heard_s:.0f} s"
            )
        if not leader_w >= LOST_SHARE * self.power_w:
            return f"the {self.leads} is up by {leader_w / 1e3:.3g} kW only"
        return ""
