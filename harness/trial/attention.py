"""When a bench is looked at closely: around everything that its plan has happen.

A rig file may say ``quiet_interval_s``: between what the plan has happen, and of what
it does not use, everything that is polled is read at most that often. What the plan
times to the second is read as often as ever, and a day costs what its events cost.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable

from harness.analysis.series import HOLE_FACTOR
from harness.core.circuit import Circuit
from harness.rig.file import Rig
from harness.trial.plan import Plan

BEFORE_S = 60.0
"""How long before something happens it is looked at closely: what power was. [s]"""
AFTER_S = 180.0
"""How long after it: the slowest that may still be in time, heat pumps, answer within
two minutes (CrowdFlex WP5, Table 4), and must then stay. [s]"""


class Attention:
    """Tells when to read next.

    Parameters
    ----------
    spans : iterable of (float, float)
        Stretches of bench time that are looked at closely; they may overlap. [s]
    quiet_interval_s : float, optional
        Shortest time between two readings outside of them; None if everything is
        always looked at closely. [s]
    most_intervals : float
        For how many of its own intervals anything may be left alone: beyond five, what
        was read before and after would count as apart, if it is read closely at times.
    """

    def __init__(
        self,
        spans: Iterable[tuple[float, float]],
        quiet_interval_s: float | None,
        *,
        most_intervals: float = HOLE_FACTOR,
    ) -> None:
        self.quiet_interval_s = quiet_interval_s
        self._most_intervals = most_intervals
        self._begins_s: list[float] = []
        self._ends_s: list[float] = []
        for begin_s, end_s in sorted(spans):
            if self._ends_s and begin_s <= self._ends_s[-1]:
                self._ends_s[-1] = max(self._ends_s[-1], end_s)
            else:
                self._begins_s.append(begin_s)
                self._ends_s.append(end_s)

    def aside(self) -> Attention:
        """Return how what the plan does not use is looked at: never closely."""
        return Attention((), self.quiet_interval_s, most_intervals=math.inf)

    def next_s(self, now_s: float, interval_s: float) -> float:
        """Return the first instant after `now_s` at which to read. [s]

        It is a multiple of `interval_s`: the next one while the bench is looked at
        closely; else one that is a quiet interval away, or the first at which the bench
        is looked at closely again, if that is sooner.
        """
        soon_s = _multiple_after(now_s, interval_s)
        seldom_s = self.longest_s(interval_s)
        which = bisect_right(self._begins_s, soon_s) - 1
        if seldom_s <= interval_s or (which >= 0 and soon_s <= self._ends_s[which]):
            return soon_s
        next_span = self._begins_s[which + 1 : which + 2]
        due_s = min(_multiple_after(now_s, seldom_s), *next_span, math.inf)
        return _multiple_from(due_s, interval_s)

    def longest_s(self, interval_s: float) -> float:
        """Return the longest time between two readings of what has an interval. [s]"""
        quiet_s = min(self.quiet_interval_s or 0.0, self._most_intervals * interval_s)
        return max(interval_s, quiet_s)


def attention(plan: Plan, rig: Rig) -> Attention:
    """Return how closely a plan is looked at on a rig, and when."""
    spans = [
        (plan.bench_s(from_s) - BEFORE_S, plan.bench_s(until_s) + AFTER_S)
        for from_s, until_s in plan.attended()
    ]
    return Attention(spans, rig.rig.quiet_interval_s)


def roles_aside(plan: Plan, rig: Rig) -> frozenset[str]:
    """Return what is on the bench and not used by the plan, its meters with it.

    A meter that sees more than one device is the second witness of every plan. Meters
    under test, their references and whatever a fault is given to are used as well.
    """
    if not plan.roles:
        return frozenset()
    used = {*plan.roles, *plan.references, *plan.references.values()}
    used |= {one.role for one in plan.faults} | {one.meter for one in plan.readbacks}
    speaking = {plan.judges.get(role) or rig.reference_meter(role) for role in used}
    meters = {
        role
        for role, meter in rig.meter.items()
        if len(meter.sees) > 1 or Circuit.EVERYTHING in meter.sees or role in speaking
    }
    return frozenset({*rig.device, *rig.meter} - used - meters)


def _multiple_after(now_s: float, interval_s: float) -> float:
    """Return the first multiple that is later than `now_s`, to a millionth of it."""
    return interval_s * (math.floor(now_s / interval_s + 1e-6) + 1)


def _multiple_from(at_s: float, interval_s: float) -> float:
    """Return the first multiple that is no earlier than `at_s`."""
    return interval_s * math.ceil(at_s / interval_s - 1e-6)
