"""A unit: many homes put together, chunk by chunk, the same to the bit everywhere.

A chunk is some homes with random numbers of their own. What is kept of it simply adds,
so a unit of a hundred thousand homes takes little more memory than one of a hundred,
and its first thousand homes are those of a smaller one. Chunks are added in order in a
batch, and batches in order: threads, processes and machines all give the same bits.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from harness.analysis.aggregate.columns import column_sums
from harness.analysis.aggregate.reads import reads_of
from harness.analysis.aggregate.staleness import learnt_diffusion
from harness.analysis.aggregate.sums import Sums, combine
from harness.analysis.aggregate.wide import wide_sums
from harness.analysis.portfolio.event import Answer, Answering, Event
from harness.analysis.portfolio.metering import (
    HomesRead,
    Metering,
    Meters,
    draw_meters,
    read_homes,
)
from harness.analysis.portfolio.power_steps import PowerSteps
from harness.core.recording import Series

CHUNK = 64
"""Homes that are worked out at a time: a day of them a second takes 44 MB."""
BATCH = 16
"""Chunks of a batch: what one thread or machine is given."""
PERIOD_S = 1800.0
"""Length of a settlement period. [s]"""


class HomesDay(Protocol):
    """One day of some homes; every array in it is ``(homes,)``."""

    @property
    def rated_w(self) -> Series:
        """The most that each can draw. [W]"""

    def steps(
        self, event: Event | None = None, answer: Answer | None = None
    ) -> PowerSteps:
        """Return what each draws, undisturbed or in an event."""


class Homes(Protocol):
    """How homes of one kind differ."""

    def draw(self, rng: np.random.Generator, homes: int) -> HomesDay:
        """Return one day of some homes."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Everything that says what a unit does; with a number of homes it *is* one."""

    homes: Homes
    answering: Answering
    metering: Metering
    event: Event | None
    seconds: int
    seed: int
    wander: Series = dataclasses.field(default_factory=lambda: np.ones(1))
    """Power of one asset at rest over its mean, second by second, from which every home
    takes its own stretch; a single 1 if it does not wander."""
    diffusion_w2_per_s: float = math.nan
    """What a home's power may move by between reads (`pilot`). [W²/s]"""


@dataclass(frozen=True, slots=True)
class Unit:
    """What is kept of some homes."""

    sums: Sums
    """Their reads, as the aggregator puts them together."""
    true_w: Series
    """True power, ``(seconds,)``. [W]"""
    usual_w: Series
    """What it would have been without the event, but for wander. [W]"""
    delivered_w: Series
    """Mean power that each home left out in each settlement period of the event,
    ``(homes, periods)``. [W]"""
    could_w: Series
    """Mean power that each would have left out in each half-hour of the day had it been
    told then: sum and sum of squares over homes, ``(2, half-hours)``. [W, W²]"""
    lag_s: Series
    usual_s: Series
    """Latency and usual read interval of each home. [s]"""
    reads_expected: int
    reads_arrived: int

    @property
    def homes(self) -> int:
        """How many there are."""
        return self.sums.assets


def unit_of(portfolio: Portfolio, homes: int, *, each: Each | None = None) -> Unit:
    """Return the unit of so many homes.

    Parameters
    ----------
    portfolio : Portfolio
        How homes differ, what they are told, how they are read. If nobody declared how
        fast power wanders, the first chunk tells (`pilot`).
    homes : int
        How many there are.
    each : callable, optional
        Carries a function out for each of some arguments and gives the results in that
        order: threads, processes, other machines. One after the other if not given.

    Raises
    ------
    ValueError
        If there is no home.
    """
    if homes < 1:
        raise ValueError(f"a unit of {homes} homes has no power")
    if math.isnan(portfolio.diffusion_w2_per_s):
        portfolio = replace(portfolio, diffusion_w2_per_s=pilot(portfolio))
    size = CHUNK * BATCH
    batches = [(at, min(at + size, homes)) for at in range(0, homes, size)]
    parts = (each or _in_turn)(_Batch(portfolio), batches)
    return together(parts)


Work = Callable[[tuple[int, int]], Unit]
"""Works some homes out: from one up to but without another."""
Each = Callable[[Work, list[tuple[int, int]]], Iterable[Unit]]


def _in_turn(work: Work, batches: list[tuple[int, int]]) -> Iterator[Unit]:
    return map(work, batches)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Works a batch out; a class, so that it travels to another process."""

    portfolio: Portfolio

    def __call__(self, homes: tuple[int, int]) -> Unit:
        first, last = homes
        chunks = range(first, last, CHUNK)
        return together(
            _chunk(self.portfolio, at, min(CHUNK, last - at)) for at in chunks
        )


def together(parts: Iterable[Unit]) -> Unit:
    """Return the unit of all homes of some parts, in their order.

    Raises
    ------
    ValueError
        If there is no part, or two are not of the same portfolio.
    """
    several = iter(parts)
    first = next(several, None)
    if first is None:
        raise ValueError("there are no homes to put together")
    kept: dict[str, list[Series]] = {name: [getattr(first, name)] for name in _HOMES}
    true_w, usual_w = first.true_w.copy(), first.usual_w.copy()
    could_w, counts = first.could_w.copy(), [first.reads_expected, first.reads_arrived]

    def rest() -> Iterator[Sums]:
        yield first.sums
        for part in several:
            np.add(true_w, part.true_w, out=true_w)
            np.add(usual_w, part.usual_w, out=usual_w)
            np.add(could_w, part.could_w, out=could_w)
            counts[0] += part.reads_expected
            counts[1] += part.reads_arrived
            for name in _HOMES:
                kept[name].append(getattr(part, name))
            yield part.sums

    sums = combine(rest())
    by_home = {name: np.concatenate(arrays) for name, arrays in kept.items()}
    return Unit(
        sums, true_w, usual_w, could_w=could_w,
        reads_expected=counts[0], reads_arrived=counts[1], **by_home,
    )  # fmt: skip


_HOMES = ("delivered_w", "lag_s", "usual_s")
"""What is kept home by home."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Some homes: their day, their answer to the event, their meters, their wander."""

    day: HomesDay
    answer: Answer
    meters: Meters
    begins: Series
    """Where each begins in the stretch of wander, from 0 to 1."""


def _drawn(portfolio: Portfolio, first: int, homes: int) -> _Drawn:
    """Draw a whole chunk and keep some of it: no home depends on how many follow."""
    rng = np.random.default_rng([portfolio.seed, first // CHUNK])
    day = portfolio.homes.draw(rng, CHUNK)
    answer = portfolio.answering.draw(rng, CHUNK)
    meters = draw_meters(portfolio.metering, rng, CHUNK)
    begins = rng.random(CHUNK)
    kept = (_some(day, homes), _some(answer, homes), _some(meters, homes))
    return _Drawn(*kept, begins[:homes])


Drawn = TypeVar("Drawn")


def _some(drawn: Drawn, homes: int) -> Drawn:
    """Return the first homes of a dataclass of arrays."""
    arrays: dict[str, Any] = {
        each.name: getattr(drawn, each.name)[:homes]
        for each in dataclasses.fields(drawn)  # type: ignore[arg-type]
        if isinstance(getattr(drawn, each.name), np.ndarray)
    }
    return replace(drawn, **arrays)  # type: ignore[type-var]


def _true(portfolio: Portfolio, drawn: _Drawn, steps: PowerSteps) -> Series:
    """Return true power a second, each home with its own stretch of wander."""
    table = steps.table(portfolio.seconds)
    if portfolio.wander.size > 1:
        length = portfolio.wander.size
        often = -(-portfolio.seconds // length) + 1
        endless = np.tile(portfolio.wander, often)
        for row, begins in zip(table, drawn.begins, strict=True):
            at = int(begins * length)
            row *= endless[at : at + portfolio.seconds]
    return table


def _chunk(portfolio: Portfolio, first: int, homes: int) -> Unit:
    """Work some homes out: what they draw, how they are read, what they deliver."""
    drawn = _drawn(portfolio, first, homes)
    event = portfolio.event
    usual = drawn.day.steps()
    steps = usual if event is None else drawn.day.steps(event, drawn.answer)
    true_w = _true(portfolio, drawn, steps)
    read, sums = _read(portfolio, drawn, true_w, first)
    return Unit(
        sums=sums,
        true_w=column_sums(true_w),
        usual_w=usual.total(portfolio.seconds),
        delivered_w=_delivered(event, usual, steps),
        could_w=_could(portfolio, usual, drawn.answer),
        lag_s=read.lag_s,
        usual_s=read.usual_s,
        reads_expected=int(read.expected.sum()),
        reads_arrived=int(read.arrived.sum()),
    )


def _read(
    portfolio: Portfolio, drawn: _Drawn, true_w: Series, first: int
) -> tuple[HomesRead, Sums]:
    metering = portfolio.metering
    make = metering.make_of(first, true_w.shape[0])
    common = metering.make_errors(portfolio.seed)[make]
    read = read_homes(true_w, metering, drawn.meters, common)
    known = metering.declared(drawn.day.rated_w, portfolio.diffusion_w2_per_s, make)
    sums = wide_sums(
        read.table_w, known, max_age_s=metering.hold_s, lag_s=read.lag_s, threads=1
    )
    return read, sums


def _delivered(event: Event | None, usual: PowerSteps, steps: PowerSteps) -> Series:
    if event is None:
        return np.zeros((usual.begin_s.shape[0], 0))
    found = [
        (usual.energy_wh(*period) - steps.energy_wh(*period))
        / ((period[1] - period[0]) / 3600)
        for period in event.periods(PERIOD_S)
    ]
    return np.stack(found, axis=1)


def _could(portfolio: Portfolio, usual: PowerSteps, answer: Answer) -> Series:
    """Return what homes could leave out in each half-hour: Σ and Σ² over homes."""
    level = 0.0 if portfolio.event is None else portfolio.event.down_to_w
    starts = np.arange(0.0, portfolio.seconds, PERIOD_S)
    power = np.stack(
        [
            usual.energy_wh(at, at + PERIOD_S, above_w=level) * 3600 / PERIOD_S
            for at in starts
        ]
    )
    power *= answer.answers
    # One home after the other, so that the sum does not depend on how many there are.
    return np.stack(
        (np.cumsum(power, axis=1)[:, -1], np.cumsum(power**2, axis=1)[:, -1])
    )


def pilot(portfolio: Portfolio) -> float:
    """Return how fast power spreads between reads, from the first chunk. [W²/s]

    As an aggregator would learn it: from the reads of an undisturbed day
    (`learnt_diffusion`), the mean over homes.
    """
    drawn = _drawn(portfolio, 0, CHUNK)
    true_w = _true(portfolio, drawn, drawn.day.steps())
    make = portfolio.metering.make_of(0, CHUNK)
    common = portfolio.metering.make_errors(portfolio.seed)[make]
    read = read_homes(true_w, portfolio.metering, drawn.meters, common)
    learnt = learnt_diffusion(
        reads_of(read.table_w),
        CHUNK,
        undisturbed=[(0.0, float(portfolio.seconds))],
    )
    known = learnt[np.isfinite(learnt)]
    return float(known.mean()) if known.size else 0.0
