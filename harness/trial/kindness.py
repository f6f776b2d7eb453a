"""What a device stands without harm, kept: too much is not sent, and said so.

Budgets count what the harness sends to a device for the market or the bench; the way
to its safe state is always open.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.bench import Kindness

HOUR_S = 3600.0


@dataclass(slots=True)
class _Sent:
    """What was sent to one device within the last hour, and when last."""

    writes_s: deque[float] = field(default_factory=deque)
    cycles_s: deque[float] = field(default_factory=deque)
    is_off: bool = False
    last_s: float = -math.inf

    def forget(self, before_s: float) -> None:
        for times in (self.writes_s, self.cycles_s):
            while times and times[0] <= before_s:
                times.popleft()


class Budgets:
    """How much of each device's hour is used up.

    Parameters
    ----------
    limits : mapping
        What each role stands; a role that is not there stands everything.
    """

    def __init__(self, limits: Mapping[str, Kindness]) -> None:
        self._limits = limits
        self._sent: dict[str, _Sent] = {}

    def refusal(self, role: str, *, now_s: float, off: bool) -> str:
        """Return why an instruction must not be sent now, or "".

        `off` says whether the instruction stops the device from drawing.
        """
        kindness, sent = self._limits.get(role), self._sent.get(role)
        if kindness is None or sent is None:
            return ""
        sent.forget(now_s - HOUR_S)
        source = f" ({kindness.source})" if kindness.source else ""
        if len(sent.writes_s) >= kindness.writes_per_hour:
            return f"at most {kindness.writes_per_hour:g} writes an hour{source}"
        starts = off and not sent.is_off
        if starts and len(sent.cycles_s) >= kindness.cycles_per_hour:
            return f"at most {kindness.cycles_per_hour:g} cycles an hour{source}"
        if self.must_stand_s(role, now_s=now_s) > 0:
            return (
                f"a state must stand for {kindness.least_state_s:g} s, it stood for "
                f"{now_s - sent.last_s:.0f} s{source}"
            )
        return ""

    def must_stand_s(self, role: str, *, now_s: float) -> float:
        """Return how much longer the device's state must stand. [s]"""
        kindness, sent = self._limits.get(role), self._sent.get(role)
        if kindness is None or sent is None:
            return 0.0
        return max(0.0, kindness.least_state_s - (now_s - sent.last_s))

    def note(self, role: str, *, now_s: float, off: bool) -> None:
        """Count an instruction that is sent now."""
        sent = self._sent.setdefault(role, _Sent())
        sent.writes_s.append(now_s)
        if off and not sent.is_off:
            sent.cycles_s.append(now_s)
        sent.is_off, sent.last_s = off, now_s
