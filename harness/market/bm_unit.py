"""A secondary Balancing Mechanism unit: who may be in it, what acceptances it takes.

Export is positive, as in the BSC; a home's import is negative. Times are clock seconds,
levels watts of the whole unit. The dynamic parameters are those of the Grid Code's
data (BC1), from general knowledge: unverified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WITHIN_W = 1.0
"""What a profile may be off a level and still be at it. [W]"""


@dataclass(frozen=True, slots=True)
class BmSite:
    """A kind of site in a unit."""

    gsp_group: str
    half_hourly: bool
    """Whether it is settled half-hourly."""
    derogated: bool
    """Whether it is let in all the same."""


@dataclass(frozen=True, slots=True)
class Dynamics:
    """What a unit can do, as it declared it."""

    ndz_s: float
    """Notice to deviate from zero. [s]"""
    mzt_s: float
    """Minimum zero time. [s]"""
    mnzt_s: float
    """Minimum non-zero time. [s]"""
    mel_w: float
    """Maximum export limit. [W]"""
    mil_w: float
    """Maximum import limit, not positive. [W]"""
    up_w_per_s: float
    """Run-up rate, both when it raises export and lowers import. [W/s]"""
    down_w_per_s: float
    """Run-down rate. [W/s]"""

    def __post_init__(self) -> None:
        if min(self.ndz_s, self.mzt_s, self.mnzt_s) < 0:
            raise ValueError("a time below nothing")
        if self.mel_w < 0 or self.mil_w > 0 or self.mel_w == self.mil_w:
            raise ValueError("MEL is 0 or more and MIL 0 or less, not both 0")
        if not (self.up_w_per_s > 0 and self.down_w_per_s > 0):
            raise ValueError("run-up and run-down rates are above nothing")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A bid-offer acceptance: levels at moments, straight lines between."""

    given_clock_s: float
    points: tuple[tuple[float, float], ...]
    """Clock seconds and watts, in order."""

    def __post_init__(self) -> None:
        times = [at for at, _level in self.points]
        if len(times) < 2 or any(b <= a for a, b in pairwise(times)):
            raise ValueError("an acceptance has two points or more, in order of time")
        if self.given_clock_s > times[0]:
            raise ValueError("an acceptance is given before it begins")

    def level_w(self, clock_s: float) -> float:
        """Return its level at a moment, or at its nearer end. [W]"""
        before = self.points[0]
        for after in self.points:
            if clock_s <= after[0]:
                if after[0] == before[0]:
                    return after[1]
                along = (clock_s - before[0]) / (after[0] - before[0])
                return before[1] + max(along, 0.0) * (after[1] - before[1])
            before = after
        return before[1]


@dataclass(frozen=True, slots=True)
class BmUnit:
    """A unit of many homes with one kind of device each."""

    name: str
    homes: int
    role: str
    gives_w: float
    """What one home gives. [W]"""
    sites: tuple[BmSite, ...]
    dynamics: Dynamics | None = None
    notified_w: float = 0.0
    """Final physical notification, the same throughout. [W]"""
    bands: tuple[tuple[int, float, int], ...] = ()
    """Number, width in watts, price in the caller's unit."""
    system_price: int = 0
    acceptances: tuple[Acceptance, ...] = ()

    def __post_init__(self) -> None:
        if self.homes < 1 or not self.gives_w > 0 or not self.sites:
            raise ValueError("a unit has homes that give something, at sites")

    @property
    def capacity_w(self) -> float:
        """What all homes give together. [W]"""
        return self.homes * self.gives_w

    def clock_times(self) -> list[float]:
        """Return every time that a plan must last for. [s]"""
        return [
            at
            for one in self.acceptances
            for at in (one.given_clock_s, one.points[0][0], one.points[-1][0])
        ]


GROUPS, NOT_HH, TOO_SMALL = (
    "its sites are in several GSP groups",
    "a site is not settled half-hourly and has no derogation",
    "it is smaller than the least unit",
)


def unregistered(unit: BmUnit, *, least_w: float) -> str:
    """Say why a unit cannot be registered, or ""."""
    if len({one.gsp_group for one in unit.sites}) > 1:
        return GROUPS
    if any(not one.half_hourly and not one.derogated for one in unit.sites):
        return NOT_HH
    return "" if unit.capacity_w >= least_w else TOO_SMALL


BEYOND_MEL, BEYOND_MIL = "it goes beyond MEL", "it goes beyond MIL"
RUN_UP, RUN_DOWN = "it runs up too fast", "it runs down too fast"
NDZ, MZT, MNZT = (
    "NDZ is longer than its notice", "it stays at zero for less than MZT",
    "it is away from zero for less than MNZT",
)  # fmt: skip
OFF_PN = "it does not begin and end at the physical notification"
REASONS = (BEYOND_MEL, BEYOND_MIL, RUN_UP, RUN_DOWN, NDZ, MZT, MNZT, OFF_PN)


def untakeable(
    acceptance: Acceptance,
    dynamics: Dynamics,
    *,
    notified_w: float,
    left_zero_clock_s: Sequence[tuple[float, float]] = (),
) -> list[str]:
    """Return every reason for which a unit cannot follow an acceptance.

    Parameters
    ----------
    notified_w : float
        The physical notification. [W]
    left_zero_clock_s : sequence of (from, until)
        When acceptances taken before have it away from zero. [s]
    """
    points, found = acceptance.points, []
    levels = [level for _at, level in points]
    if max(levels) > dynamics.mel_w + WITHIN_W:
        found.append(BEYOND_MEL)
    if min(levels) < dynamics.mil_w - WITHIN_W:
        found.append(BEYOND_MIL)
    for (t0, p0), (t1, p1) in pairwise(points):
        rate = (p1 - p0) / (t1 - t0)
        if rate > dynamics.up_w_per_s * (1 + 1e-9) and RUN_UP not in found:
            found.append(RUN_UP)
        if -rate > dynamics.down_w_per_s * (1 + 1e-9) and RUN_DOWN not in found:
            found.append(RUN_DOWN)
    if any(abs(end - notified_w) > WITHIN_W for end in (levels[0], levels[-1])):
        found.append(OFF_PN)
    return found + _about_zero(acceptance, dynamics, left_zero_clock_s)


def _about_zero(
    acceptance: Acceptance, dynamics: Dynamics, before: Sequence[tuple[float, float]]
) -> list[str]:
    """Return what NDZ, MZT and MNZT have against it."""
    away = away_from_zero(acceptance)
    if away is None or abs(acceptance.points[0][1]) > WITHIN_W:
        return []
    leaves_s, returns_s = away
    found = []
    if leaves_s - acceptance.given_clock_s < dynamics.ndz_s:
        found.append(NDZ)
    if any(0 <= leaves_s - ended < dynamics.mzt_s for _began, ended in before):
        found.append(MZT)
    if returns_s - leaves_s < dynamics.mnzt_s:
        found.append(MNZT)
    return found


def away_from_zero(acceptance: Acceptance) -> tuple[float, float] | None:
    """Return when an acceptance leaves zero and is back, None if it never does. [s]"""
    points = acceptance.points
    away = [n for n, (_at, level) in enumerate(points) if abs(level) > WITHIN_W]
    if not away:
        return None
    leaves = points[max(away[0] - 1, 0)][0]
    returns = points[min(away[-1] + 1, len(points) - 1)][0]
    return leaves, returns


def taken_and_refused(
    unit: BmUnit,
) -> tuple[list[Acceptance], list[tuple[Acceptance, list[str]]]]:
    """Decide every acceptance in the order in which it was given."""
    taken: list[Acceptance] = []
    refused = []
    if unit.dynamics is None:
        raise ValueError("nobody said what the unit can do")
    for one in unit.acceptances:
        spans = [span for each in taken if (span := away_from_zero(each)) is not None]
        why = untakeable(
            one, unit.dynamics, notified_w=unit.notified_w, left_zero_clock_s=spans
        )
        if why:
            refused.append((one, why))
        else:
            taken.append(one)
    return taken, refused
