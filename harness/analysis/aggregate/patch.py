"""Reads made into a patch: the power that each asset was known to have each second.

A read is held until the next one of that asset has arrived. Nothing is interpolated.
A patch has a row an asset and a column a second. It is made from a table with one
column more, which comes first and holds what was known when the patch begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.aggregate.columns import (
    column_squares,
    column_sums,
    weighted_columns,
    weighted_squares,
)
from harness.analysis.series import Index, Mask
from harness.core.recording import Series

Count = NDArray[np.int64]

NEVER_S = -np.inf
"""When an asset was read that was never heard of."""
NOBODY: Index = np.zeros(0, dtype=np.intp)
NO_AGES: Series = np.zeros(0)


def require_age(max_age_s: float) -> None:
    """Refuse to hold a value for a time that is no number, negative or endless."""
    if not 0 <= max_age_s < np.inf:
        raise ValueError(f"max_age_s must be finite and not negative: {max_age_s:g} s")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of some assets at one moment, shape ``(rows,)``."""

    power_w: Series
    """The last known power; 0 if there is none. [W]"""
    sampled_s: Series
    """When that was; `NEVER_S` if there is none. [s]"""

    @classmethod
    def nothing(cls, rows: int) -> Known:
        """Return what is known before the first read."""
        return cls(np.zeros(rows), np.full(rows, NEVER_S))


@dataclass(frozen=True, slots=True)
class Late:
    """The missing of a patch, row by row and in each from left to right."""

    row: Index
    column: Index
    last_w: Series
    """Last known power; 0 for one never heard of. [W]"""
    age_s: Series
    """How old that is; infinite for one never heard of. [s]"""


@dataclass(frozen=True, slots=True)
class Patch:
    """Some assets over some seconds."""

    first: int
    """Its first column, counted from the first second of the sums."""
    power_w: Series
    """Power of those present, 0 for those missing, shape ``(rows, seconds)``. [W]"""
    held: Count | None = None
    """Present assets whose value is not new, each second; None if there is none."""
    staleness_w2: Series | None = None
    """Σ(D·age) over those present, each second; None if that is 0. [W²]"""
    late: Late | None = None
    """Those missing; None if nobody is."""
    total_w: Series | None = None
    """Σp of each second, where it is known already. [W]"""

    @property
    def seconds(self) -> int:
        """How many seconds it has."""
        return int(self.power_w.shape[1])

    def sums(self, weight: Series | None = None) -> Series:
        """Return Σp of each second, or Σ(w·p) with a weight for each row."""
        if weight is not None:
            return weighted_columns(weight, self.power_w)
        return column_sums(self.power_w) if self.total_w is None else self.total_w

    def squares(self, weight: Series | None = None) -> Series:
        """Return Σp² of each second, or Σ(w·p²) with a weight for each row."""
        if weight is not None:
            return weighted_squares(weight, self.power_w)
        return column_squares(self.power_w)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a patch lies, and what is asked of it."""

    rows: int
    first: int
    """Its first column, counted from the first second of the sums."""
    seconds_s: Series
    """Bench time of each of its seconds. [s]"""
    max_age_s: float
    """Age up to which a value stands. [s]"""
    diffusion_w2_per_s: Series
    """How fast the values of each row grow less sure. [W²/s]"""

    @property
    def width(self) -> int:
        """Columns of the table: one for what was known before, one a second."""
        return self.seconds_s.size + 1


def patch_of_reads(
    frame: Frame, row: Index, column: Index, power_w: Series, sampled_s: Series
) -> tuple[Patch, Known]:
    """Hold every read until the next, and return what is known at the end.

    Parameters
    ----------
    frame : Frame
        Where the patch lies.
    row, column : ndarray of shape (n,)
        Where in the table each value begins to stand, row by row and in each from left
        to right. Every row has an entry in column 0.
    power_w, sampled_s : ndarray of shape (n,)
        The value [W] and when it was sampled. [s]
    """
    shape, seconds_s = (frame.rows, frame.width), frame.seconds_s
    stands = np.diff(row * frame.width + column, append=frame.rows * frame.width)
    last = column + stands - 1
    known = Known(power_w[last == frame.width - 1], sampled_s[last == frame.width - 1])
    table_w = np.repeat(power_w, stands).reshape(shape)
    # What was known before counts as if it stood in the first second.
    fresh = seconds_s[np.maximum(column, 1) - 1] - sampled_s <= frame.max_age_s
    renewed = np.bincount(column[fresh & (column > 0)] - 1, minlength=frame.width - 1)
    oldest_s = seconds_s[np.maximum(last, 1) - 1] - sampled_s
    expires = bool((oldest_s > frame.max_age_s).any())
    if not (expires or frame.diffusion_w2_per_s.any()):
        return _sorted_out(frame, table_w, NOBODY, NO_AGES, renewed, None), known
    table_s = np.repeat(sampled_s, stands).reshape(shape)
    np.subtract(seconds_s, table_s[:, 1:], out=table_s[:, 1:])
    return _aged(frame, table_w, table_s, renewed, expires=expires), known


def patch_of_holes(
    frame: Frame, table_w: Series, hole: Mask, sampled_s: Series, lag_s: Index
) -> tuple[Patch, Known]:
    """Fill the holes of a table with what was known before each.

    `patch_of_reads` gives the same bits; this is faster while holes are few.

    Parameters
    ----------
    frame : Frame
        Where the patch lies.
    table_w : ndarray of shape (rows, width)
        What was known before, then a read each second. Filled in place. [W]
    hole : ndarray of shape (rows, width)
        Where there is no read; never in the first column.
    sampled_s : ndarray of shape (rows,)
        When what was known before was sampled. [s]
    lag_s : ndarray of shape (rows,)
        Whole seconds after which a read is there. [s]
    """
    holes = np.flatnonzero(hole)
    row, column = np.divmod(holes, frame.width)
    read_s = _fill(frame, table_w, holes, sampled_s, lag_s)
    known_s = frame.seconds_s[-1] - lag_s
    at_end = column == frame.width - 1
    known_s[row[at_end]] = read_s[at_end]
    known = Known(table_w[:, -1].copy(), known_s)
    age_s = frame.seconds_s[column - 1] - read_s
    if lag_s.any():
        table_s = np.repeat(lag_s.astype(np.float64), frame.width).reshape(hole.shape)
        table_s.reshape(-1)[holes] = age_s
        prompt = ~hole[lag_s <= frame.max_age_s, 1:]
        renewed = np.count_nonzero(prompt, axis=0)
        return _aged(frame, table_w, table_s, renewed, expires=True), known
    renewed = frame.rows - np.bincount(column - 1, minlength=frame.width - 1)
    late = age_s > frame.max_age_s
    grown = frame.diffusion_w2_per_s[row] * np.where(late, 0.0, age_s)
    staleness: Series = np.bincount(
        column - 1, grown, minlength=frame.width - 1
    ).astype(np.float64, copy=False)
    return _sorted_out(
        frame, table_w, holes[late], age_s[late], renewed, staleness
    ), known


def _fill(
    frame: Frame, table_w: Series, holes: Index, sampled_s: Series, lag_s: Index
) -> Series:
    """Put into each hole what stands before it, and return when that was sampled."""
    begins = np.diff(holes, prepend=-2) != 1
    run = np.cumsum(begins) - 1
    source = holes[begins] - 1
    row, column = np.divmod(source, frame.width)
    table_w.reshape(-1)[holes] = table_w.reshape(-1)[source][run]
    read_s = frame.seconds_s[column - 1] - lag_s[row]
    filled_s: Series = np.where(column == 0, sampled_s[row], read_s)[run]
    return filled_s


def _aged(
    frame: Frame, table_w: Series, table_s: Series, renewed: Count, *, expires: bool
) -> Patch:
    """Make a patch of a table of powers and a table of their ages."""
    table_s[:, 0] = 0.0
    late = np.flatnonzero(table_s > frame.max_age_s) if expires else NOBODY
    late_s = table_s.reshape(-1)[late]
    table_s.reshape(-1)[late] = 0.0
    # Multiplied and added one after the other: that has the same bits on any machine.
    table_s *= frame.diffusion_w2_per_s[:, np.newaxis]
    staleness = column_sums(table_s[:, 1:])
    return _sorted_out(frame, table_w, late, late_s, renewed, staleness)


def _sorted_out(
    frame: Frame,
    table_w: Series,
    late: Index,
    late_s: Series,
    renewed: Count,
    staleness_w2: Series | None,
) -> Patch:
    """Take those missing out of a table of powers."""
    if not late.size:
        held = frame.rows - renewed
        return Patch(frame.first, table_w[:, 1:], held, staleness_w2)
    row, column = np.divmod(late, frame.width)
    missing = Late(row, column - 1, table_w.reshape(-1)[late], late_s)
    table_w.reshape(-1)[late] = 0.0
    present = frame.rows - np.bincount(column - 1, minlength=frame.width - 1)
    return Patch(frame.first, table_w[:, 1:], present - renewed, staleness_w2, missing)
