"""Sums over a table of reads: a row an asset, a column a second.

``docs/definitions.md``, "aggregate power".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.analysis.aggregate.blocks import WIDTH, Rows, blocks_of, sum_portfolio
from harness.analysis.aggregate.columns import column_sums
from harness.analysis.aggregate.meters import AssetMeters
from harness.analysis.aggregate.patch import (
    Frame,
    Known,
    Patch,
    patch_of_holes,
    patch_of_reads,
    require_age,
)
from harness.analysis.aggregate.steps import Steps, steps_of_reads
from harness.analysis.aggregate.sums import Sums
from harness.analysis.series import Index
from harness.core.recording import Series

Table = NDArray[np.float64] | NDArray[np.float32]

SPAN = 1 << 17
"""Seconds that complete rows are summed over in one go, a day and a half: memory is
fastest read in long stretches, and sums of that length stay in the cache."""
LONG = 1 << 14
"""Seconds over which changes are added up before they are counted anew."""
START = 600
"""Seconds at the very start, in which the assets are heard of one after the other."""
FEW = 0.45
"""Share of holes up to which it is faster to fill them than to add up changes."""
LOOKS = 16
"""Columns looked at before rows are taken to be complete."""


def wide_sums(
    power_w: Table,
    meters: AssetMeters,
    *,
    max_age_s: float,
    from_s: int = 0,
    lag_s: ArrayLike = 0.0,
    threads: int = 2,
) -> Sums:
    """Sum reads that were taken on whole seconds, second by second.

    At each second the value of an asset is its last read that had arrived by then, if
    that is at most `max_age_s` old; otherwise the asset is missing. The table is only
    read, and never copied as a whole.

    Where most of the table holds reads, the same reads one by one (`reads_sums`) give
    the same bits. Where half of it is empty or more, only what each read changes is
    added up (`Steps`), and the two are the same but for rounding.

    Parameters
    ----------
    power_w : ndarray of shape (assets, seconds)
        Reads, import positive, ``nan`` where there was none. Row by row in memory (C
        order) and in double precision it is read fastest. [W]
    meters : AssetMeters
        What is known of each asset.
    max_age_s : float
        How long a value is held. [s]
    from_s : int
        Bench time of the first column. [s]
    lag_s : float or ndarray of shape (assets,)
        How long after a read it arrives. [s]
    threads : int
        How many threads share the work; the sums are the same to the bit.

    Raises
    ------
    ValueError
        If shapes differ, there is nothing to sum, a power is infinite, or an age or a
        lag is negative or no number.
    """
    reads = _Reads(power_w, _checked(power_w, meters, lag_s), from_s, max_age_s)
    require_age(max_age_s)
    return sum_portfolio(
        blocks_of(meters),
        reads.patches,
        from_s=from_s,
        seconds=power_w.shape[1],
        threads=threads,
    )


def _checked(power_w: Table, meters: AssetMeters, lag_s: ArrayLike) -> Index:
    """Return the whole seconds after which a read is there, asset by asset."""
    assets = meters.assets
    if power_w.ndim != 2 or power_w.shape[0] != assets:
        raise ValueError(
            f"power_w is {power_w.shape} but there are {assets} assets: a row for each"
        )
    if not power_w.shape[1]:
        raise ValueError("power_w holds no second")
    if power_w.dtype not in (np.float64, np.float32):
        raise ValueError(f"power_w holds {power_w.dtype}, not floats")
    given = np.asarray(lag_s, dtype=np.float64)
    if given.shape not in ((), (assets,)):
        raise ValueError(f"lag_s is {given.shape} but there are {assets} assets")
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise ValueError("lag_s must be finite and not negative: no read comes early")
    whole_s = np.minimum(np.ceil(given), power_w.shape[1])
    return np.broadcast_to(whole_s, (assets,)).astype(np.intp)


@dataclass(frozen=True, slots=True)
class _Reads:
    """A table of reads, and how late they arrive."""

    power_w: Table
    lag_s: Index
    from_s: int
    max_age_s: float

    def patches(self, rows: Rows) -> Iterator[Patch | Steps]:
        """Yield what was known of some rows: whole days if complete, else in pieces."""
        known = Known.nothing(rows.meters.assets)
        seconds = self.power_w.shape[1]
        for first in range(0, seconds, SPAN):
            last = min(first + SPAN, seconds)
            whole = self._complete(rows, first, last)
            if whole is not None:
                yield whole
                at_s = np.full(rows.meters.assets, self.from_s + last - 1.0)
                known = Known(whole.power_w[:, -1], at_s)
                continue
            for begin, end in _pieces(first, last):
                few = self._holes(rows, begin, end) <= FEW
                make, width = (self._filled, WIDTH) if few else (self._steps, LONG)
                for at in range(begin, end, width):
                    patch, known = make(rows, known, at, min(at + width, end))
                    yield patch

    def _complete(self, rows: Rows, first: int, last: int) -> Patch | None:
        """Return the rows as they are in the table, if nothing is missing or late."""
        table = self.power_w[rows.here, first:last]
        if table.dtype != np.float64 or table.strides[1] != table.itemsize:
            return None
        look = slice(None, None, max((last - first) // LOOKS, 1))
        if self.lag_s[rows.here].any() or np.isnan(table[:, look]).any():
            return None
        whole: Series = np.asarray(table, dtype=np.float64)  # which it is: no copy
        # A single nan or infinite power makes a sum that is not finite.
        total = column_sums(whole)
        return Patch(first, whole, total_w=total) if np.isfinite(total).all() else None

    def _holes(self, rows: Rows, first: int, last: int) -> float:
        """Return the share of holes, as far as a few looks tell."""
        look = slice(first, last, max((last - first) // LOOKS, 1))
        return float(np.isnan(self.power_w[rows.here, look]).mean())

    def _filled(
        self, rows: Rows, known: Known, first: int, last: int
    ) -> tuple[Patch, Known]:
        """Fill holes among many reads with what was known before each."""
        frame = rows.frame(first, last, from_s=self.from_s, max_age_s=self.max_age_s)
        arrived, lag_s = self._arrived(rows, first, last), self.lag_s[rows.here]
        table = np.empty((frame.rows, frame.width))
        table[:, 0], table[:, 1:] = known.power_w, arrived
        patch, then = patch_of_holes(
            frame, table, np.isnan(table), known.sampled_s, lag_s
        )
        patch = replace(patch, total_w=patch.sums())
        self._require_finite(patch.sums(), arrived, rows, first)
        return patch, then

    def _steps(
        self, rows: Rows, known: Known, first: int, last: int
    ) -> tuple[Steps | Patch, Known]:
        """Add up what each of few reads changes, but hold the first of them."""
        frame = rows.frame(first, last, from_s=self.from_s, max_age_s=self.max_age_s)
        arrived = self._arrived(rows, first, last)
        reads = _reads(frame, arrived, known, self.lag_s[rows.here])
        self._require_finite(reads[2], arrived, rows, first)
        return (steps_of_reads if first else patch_of_reads)(frame, *reads)

    def _arrived(self, rows: Rows, first: int, last: int) -> Series | Table:
        """Return the reads that arrived in each second."""
        lag_s = self.lag_s[rows.here]
        if not lag_s.any():
            return self.power_w[rows.here, first:last]
        arrived = np.full((lag_s.size, last - first), np.nan)
        for row, lag in enumerate(lag_s):
            begin, end = max(first - lag, 0), max(last - lag, 0)
            late = max(lag - first, 0)
            here = self.power_w[rows.first + row, begin:end]
            arrived[row, late : late + here.size] = here
        return arrived

    def _require_finite(
        self, sums: Series, arrived: Series | Table, rows: Rows, first: int
    ) -> None:
        """Name the power that is infinite, if what is made of them is not finite."""
        if np.isfinite(sums).all():
            return
        for row, column in np.argwhere(np.isinf(arrived)):
            raise ValueError(
                f"asset {rows.first + row} reads {arrived[row, column]:g} W "
                f"at {self.from_s + first + column} s"
            )


def _pieces(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cut seconds into long pieces; the first, in which power begins, is short."""
    start = min(START, last) if first == 0 else first
    if start > first:
        yield first, start
    for begin in range(start, last, LONG):
        yield begin, min(begin + LONG, last)


def _reads(
    frame: Frame, arrived: Series | Table, known: Known, lag_s: Index
) -> tuple[Index, Index, Series, Series]:
    """Return each read, in every row after what was known before.

    Row, column, power [W] and when it was sampled [s].
    """
    read = np.ones((frame.rows, frame.width), dtype=np.bool_)
    np.equal(arrived, arrived, out=read[:, 1:])  # nan differs from itself
    at = np.flatnonzero(read)
    begins = np.searchsorted(at, np.arange(frame.rows) * frame.width)
    row = np.repeat(np.arange(frame.rows), np.diff(begins, append=at.size))
    column = at - row * frame.width
    power_w = arrived[row, column - 1].astype(np.float64, copy=False)
    sampled_s = column + (frame.seconds_s[0] - 1)
    if lag_s.any():
        sampled_s -= lag_s[row]
    power_w[begins], sampled_s[begins] = known.power_w, known.sampled_s
    return row, column, power_w, sampled_s
