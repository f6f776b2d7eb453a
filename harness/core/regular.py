"""What is done again and again at a steady pace: a meter's look at its circuit."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from harness.core.virtual_loop import VirtualLoop


class Tells(Protocol):
    """What tells bench time: a `harness.core.clock.BenchClock`."""

    def now_s(self) -> float:
        """Return bench time. [s]"""
        ...


class Regular:
    """Something done at every instant of a grid of bench time, until it is cancelled.

    Instants count from the grid's first, so that a thousand do not drift. Those that
    are late, on the wall clock, are left out. While bench time stands still it is done
    at that one time. On virtual time it costs no turn of the loop.

    Parameters
    ----------
    clock : Tells
        The bench's.
    act : callable
        What is done; it is given bench time. [s] It must be short, and must not wait.
    interval_s : float
        Between two instants of the grid. [s]
    first_s : float
        Bench time of one of them. [s]
    until_s : float
        Bench time from which on nothing is done. [s]
    """

    def __init__(
        self,
        clock: Tells,
        act: Callable[[float], object],
        *,
        interval_s: float,
        first_s: float,
        until_s: float = math.inf,
    ) -> None:
        self._clock, self._act = clock, act
        self._interval_s, self._first_s, self._until_s = interval_s, first_s, until_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        due = self._due(clock.now_s())
        if due is None:
            return
        if isinstance(self._loop, VirtualLoop):
            self._loop.between(due, self._turn)
        else:
            self._timer = self._loop.call_at(due, self._go_on)

    def cancel(self) -> None:
        """Do it no more."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    def _due(self, now_s: float) -> float | None:
        """When it is done next on the loop's clock; None if never. [s]"""
        passed = math.floor((now_s - self._first_s) / self._interval_s + 1e-6)
        next_s = self._first_s + (passed + 1) * self._interval_s
        return None if next_s >= self._until_s else self._loop.time() + next_s - now_s

    def _turn(self) -> float | None:
        if self._is_over:
            return None
        now_s = self._clock.now_s()
        if now_s >= self._until_s:  # a timer on the wall clock may be late
            return None
        self._act(now_s)
        return self._due(now_s)

    def _go_on(self) -> None:
        due = self._turn()
        if due is not None and not self._is_over:
            self._timer = self._loop.call_at(due, self._go_on)
