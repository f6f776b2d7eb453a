"""A block of assets, summed: the one place where sums over assets are taken.

A block is summed some rows at a time, as many as stay in the processor's cache with
some thousand seconds of each. That order belongs to the block alone. So its sums are
the same to the bit however many seconds are taken at once, and however many threads or
machines took part; only where `Steps` add up changes is it the same but for rounding.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.aggregate.meters import AssetMeters
from harness.analysis.aggregate.patch import Frame, Late, Patch
from harness.analysis.aggregate.steps import Steps
from harness.analysis.aggregate.sums import ADDED, Sums, combine, nothing
from harness.core.recording import Series

BLOCK = 256
"""Assets of a block. Blocks are summed each for itself and added in order."""
ROWS = 256
"""Assets that are summed at a time, at the most."""
WIDTH = 4096
"""Seconds of a patch: with `ROWS` assets it takes eight megabytes."""
ALIKE = 32
"""Alike neighbours, on average, from which on it pays to sum each kind for itself."""
KEPT_BYTES = 30 << 20
"""Memory to keep for the next patch instead of giving it back to the system."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some assets that follow each other in the portfolio."""

    first: int
    """Number of the first."""
    meters: AssetMeters
    systematic_u: tuple[tuple[int, Series | float], ...]
    """For each cause the shares of those that have it, 0 for the others; one number if
    all are alike."""
    random_u2: Series | float
    """Squares of the shares; one number if all are alike."""
    absolute_u2_w2: float
    """Sum of the squares. [W²]"""

    @property
    def here(self) -> slice:
        """Where they are in arrays of the portfolio."""
        return slice(self.first, self.first + self.meters.assets)

    def frame(self, first: int, last: int, *, from_s: int, max_age_s: float) -> Frame:
        """Return the frame of a patch of these assets over some of the seconds."""
        return Frame(
            self.meters.assets,
            first,
            from_s + np.arange(first, last, dtype=np.float64),
            max_age_s,
            self.meters.diffusion_w2_per_s,
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Assets that follow each other, cut into rows."""

    assets: int
    causes: int
    rows: tuple[Rows, ...]


Patches = Callable[[Rows], Iterable[Patch | Steps]]
"""What was known of some assets, patch by patch, over all seconds asked for."""


def blocks_of(meters: AssetMeters) -> list[Block]:
    """Cut a portfolio into blocks, and those into rows."""
    return [
        Block(part.assets, part.causes, tuple(_cut(first, part)))
        for first in range(0, meters.assets, BLOCK)
        for part in (meters.part(first, first + BLOCK),)
    ]


def _cut(first: int, meters: AssetMeters) -> Iterator[Rows]:
    """Cut a block into rows that are alike, or anywhere if few neighbours are."""
    each = np.stack((meters.random_u, meters.systematic_u, meters.cause))
    edges = np.flatnonzero((np.diff(each) != 0).any(axis=0)) + 1
    if (edges.size + 1) * ALIKE > meters.assets:
        edges = edges[:0]
    for begin, end in pairwise((0, *map(int, edges), meters.assets)):
        for at in range(begin, end, ROWS):
            yield _rows(first + at, meters.part(at, min(at + ROWS, end)))


def _rows(first: int, meters: AssetMeters) -> Rows:
    by_cause = (
        (int(cause), np.where(meters.cause == cause, meters.systematic_u, 0.0))
        for cause in np.unique(meters.cause)
    )
    return Rows(
        first,
        meters,
        tuple((cause, _one_if_alike(u)) for cause, u in by_cause if u.any()),
        _one_if_alike(meters.random_u**2),
        # One after the other, as sums down a column are taken.
        float(np.cumsum(meters.absolute_u_w**2)[-1]),
    )


def _one_if_alike(numbers: Series) -> Series | float:
    return float(numbers[0]) if (numbers == numbers[0]).all() else numbers


def sum_portfolio(
    blocks: Sequence[Block],
    patches: Patches,
    *,
    from_s: int,
    seconds: int,
    threads: int,
) -> Sums:
    """Sum each block of a portfolio and add the sums in the order of the assets.

    Raises
    ------
    ValueError
        If there is no thread to work, or squares of powers do not fit a float.
    """
    if threads < 1:
        raise ValueError(f"{threads} threads cannot sum anything")
    # The C library learns from the largest piece that was freed what to keep. Without
    # that lesson every patch asks the system for zeroed memory, which takes longer
    # than to sum it. The piece itself is never touched.
    np.empty(KEPT_BYTES, dtype=np.uint8)

    def sum_one(block: Block) -> Sums:
        return _sum_block(block, patches, from_s=from_s, seconds=seconds)

    if threads == 1 or len(blocks) == 1:
        return combine(map(sum_one, blocks))
    return combine(_side_by_side(sum_one, blocks, threads))


def _side_by_side(
    sum_one: Callable[[Block], Sums], blocks: Sequence[Block], threads: int
) -> Iterator[Sums]:
    """Yield the sums of each block in order, while helpers take others.

    The caller's own thread works too: it would only wait, and on a core that the
    helpers need.
    """
    found: list[Future[Sums]] = [Future() for _ in blocks]
    todo, taking = iter(zip(blocks, found, strict=True)), Lock()

    def take_one() -> bool:
        with taking:
            block, future = next(todo, (None, None))
        if block is None or future is None:
            return False
        try:
            future.set_result(sum_one(block))
        except BaseException as error:
            future.set_exception(error)  # for who asked for the sums
        return True

    def take_all() -> None:
        while take_one():
            pass

    with ThreadPoolExecutor(threads - 1) as helpers:
        for _ in range(threads - 1):
            helpers.submit(take_all)
        try:
            for number, future in enumerate(found):
                while not future.done() and take_one():
                    pass
                yield future.result()
                found[number] = Future()  # its sums are no longer needed here
        finally:
            with taking:
                deque(todo, maxlen=0)


class _Tally:
    """The sums of one block while they are taken; a field is made when first needed."""

    def __init__(self, block: Block, from_s: int, seconds: int) -> None:
        self._block, self._from_s, self._seconds = block, from_s, seconds
        self._fields: dict[str, NDArray[Any]] = {}

    def add(self, name: str, values: NDArray[Any] | float, *where: int | slice) -> None:
        """Add to a field at some of its seconds; `values` is given away."""
        field = self._fields.get(name)
        whole = where == (slice(0, self._seconds),)
        if field is None and whole and isinstance(values, np.ndarray):
            self._fields[name] = values
            return
        if field is None:
            field = self._fields[name] = np.copy(self._nothing(name))
        field[where] += values

    def sums(self) -> Sums:
        """Return the sums.

        Raises
        ------
        ValueError
            If squares of powers do not fit a float.
        """
        for name in ("square_w2", "lost_square_w2"):
            if not np.isfinite(self._fields.get(name, 0.0)).all():
                raise ValueError(
                    "powers beyond 1e150 W are no powers: is the unit right?"
                )
        return Sums(
            self._from_s,
            self._block.assets,
            **{name: self._fields.get(name, self._nothing(name)) for name in ADDED},
        )

    def _nothing(self, name: str) -> NDArray[Any]:
        return nothing(name, seconds=self._seconds, causes=self._block.causes)


def _sum_block(block: Block, patches: Patches, *, from_s: int, seconds: int) -> Sums:
    tally = _Tally(block, from_s, seconds)
    # Overflow and infinite powers are looked for in the sums.
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in block.rows:
            for patch in patches(rows):
                _add(tally, rows, patch)
    return tally.sums()


def _add(tally: _Tally, rows: Rows, patch: Patch | Steps) -> None:
    here = slice(patch.first, patch.first + patch.seconds)
    total, squares = patch.sums(), patch.squares()
    tally.add("power_w", total, here)
    tally.add("square_w2", squares, here)
    if not isinstance(rows.random_u2, float):
        tally.add("random_w2", patch.squares(rows.random_u2), here)
    elif rows.random_u2:
        tally.add("random_w2", rows.random_u2 * squares, here)
    for cause, share in rows.systematic_u:
        common = share * total if isinstance(share, float) else patch.sums(share)
        tally.add("systematic_w", common, cause, here)
    if patch.staleness_w2 is not None:
        tally.add("staleness_w2", patch.staleness_w2, here)
    if patch.held is not None:
        tally.add("held", patch.held, here)
    if patch.late is not None:
        _add_late(tally, here, rows, patch.late)
    elif rows.absolute_u2_w2:
        tally.add("absolute_w2", rows.absolute_u2_w2, here)


def _add_late(tally: _Tally, here: slice, rows: Rows, late: Late) -> None:
    """Add what is known of those missing, row by row as sums down a column are."""
    meters, seconds = rows.meters, here.stop - here.start

    def summed(each: Series) -> Series:
        total = np.bincount(late.column, each, minlength=seconds)
        return total.astype(np.float64, copy=False)

    heard = np.isfinite(late.age_s)
    squares = late.last_w**2
    grown = meters.diffusion_w2_per_s[late.row] * np.where(heard, late.age_s, 0.0)
    anything = meters.rating_w[late.row] ** 2
    tally.add("lost_w", summed(late.last_w), here)
    tally.add("lost_square_w2", summed(squares), here)
    variance = np.where(heard, squares / 3 + grown, anything / 3)
    tally.add("lost_variance_w2", summed(variance), here)
    tally.add("missing", np.bincount(late.column, minlength=seconds), here)
    silent = summed(meters.absolute_u_w[late.row] ** 2)
    tally.add("absolute_w2", np.maximum(rows.absolute_u2_w2 - silent, 0.0), here)
