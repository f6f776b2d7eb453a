"""Few reads of some assets, summed by what each of them changes.

As long as nobody is read, sums stand still. So where reads are few, sums are taken over
what was known before, and then only the changes are added. That is many times faster
than to hold every value through every second (`patch`), and equal to it but for
rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.aggregate.patch import (
    Count,
    Frame,
    Known,
    Late,
    Patch,
    patch_of_reads,
)
from harness.analysis.series import Index
from harness.core.recording import Series

LEFT = 1e-4
"""Share of the largest p² or Σp² that must be left for changes to be added up."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Some assets over some seconds, as the values that begin to stand.

    Row by row and in each from left to right, in a table with one column for what was
    known before and one for each second; every row begins in column 0.
    """

    frame: Frame
    begins: Index
    """Where each row begins, shape ``(rows,)``."""
    row: Index
    column: Index
    power_w: Series
    """The value; 0 from where an asset is missing. [W]"""
    held: Count
    """Present assets whose value is not new, each second."""
    staleness_w2: Series | None
    """Σ(D·age) over those present, each second; None if that is 0. [W²]"""
    late: Late | None = None
    """Those missing; None if nobody is."""
    squares_w2: Series | None = None
    """Σp² of each second, where it is known already. [W²]"""

    @property
    def first(self) -> int:
        """Return the first column, counted from the first second of the sums."""
        return self.frame.first

    @property
    def seconds(self) -> int:
        """How many seconds there are."""
        return self.frame.width - 1

    def sums(self, weight: Series | None = None) -> Series:
        """Return Σp of each second, or Σ(w·p) with a weight for each row."""
        each = self.power_w if weight is None else weight[self.row] * self.power_w
        return self.standing(each)

    def squares(self, weight: Series | None = None) -> Series:
        """Return Σp² of each second, or Σ(w·p²) with a weight for each row."""
        if weight is None and self.squares_w2 is not None:
            return self.squares_w2
        each = self.power_w**2
        if weight is not None:
            each *= weight[self.row]
        return np.maximum(self.standing(each), 0.0)

    def standing(self, each: Series) -> Series:
        """Return the sum over rows of what stands in each second."""
        change = np.diff(each, prepend=0.0)
        change[self.begins] = each[self.begins]
        changes = np.bincount(self.column, change, minlength=self.frame.width)
        total: Series = np.cumsum(changes, dtype=np.float64)[1:]
        return total


def steps_of_reads(
    frame: Frame, row: Index, column: Index, power_w: Series, sampled_s: Series
) -> tuple[Steps | Patch, Known]:
    """Return the steps that reads make, and what is known at the end.

    If nearly all power goes away at some second, what rounding leaves of it would show
    in what is left. Then every value is held instead (`patch_of_reads`).

    Parameters
    ----------
    frame : Frame
        Where they lie; its seconds are whole, and so are the times sampled.
    row, column, power_w, sampled_s
        As for `patch_of_reads`.
    """
    steps, known = _steps(frame, row, column, power_w, sampled_s)
    squares = steps.squares()
    before = np.square(power_w[column == 0]).sum()
    largest = max(squares.max(), before, np.square(power_w).max())
    if squares.min() < LEFT * largest:
        return patch_of_reads(frame, row, column, power_w, sampled_s)
    return replace(steps, squares_w2=squares), known


def _steps(
    frame: Frame, row: Index, column: Index, power_w: Series, sampled_s: Series
) -> tuple[Steps, Known]:
    begins = np.searchsorted(row, np.arange(frame.rows))
    ends = np.append(begins[1:], row.size) - 1
    last = np.append(column[1:], 0) - 1
    last[ends] = frame.width - 1
    known = Known(power_w[ends], sampled_s[ends])
    since_s = sampled_s - frame.seconds_s[0]
    renewed = np.bincount(column, minlength=frame.width)[1:]
    # In column c a value is c − 1 − since old; in column 0 nobody asks.
    old = np.flatnonzero((last - since_s > frame.max_age_s + 1) & (last > 0))
    if old.size:
        reads = _Old(frame, row, column, power_w, since_s, old, last[old])
        return reads.steps(renewed), known
    steps = Steps(frame, begins, row, column, power_w, frame.rows - renewed, None)
    grows = frame.diffusion_w2_per_s
    if not grows.any():
        return steps, known
    # Σ(D·age) = Σ(D·now) − Σ(D·sampled); rounding may leave less than nothing. One
    # never heard of is read in the first second here, and has no age before.
    since_s[begins[np.isinf(since_s[begins])]] = 0.0
    sampled = steps.standing(grows[row] * since_s)
    now = grows.sum() * (frame.seconds_s - frame.seconds_s[0])
    return replace(steps, staleness_w2=np.maximum(now - sampled, 0.0)), known


@dataclass(frozen=True, slots=True)
class _Old:
    """Reads of which some grow too old before the next: their assets are missing."""

    frame: Frame
    row: Index
    column: Index
    power_w: Series
    since_s: Series
    """When each was sampled, counted from the first second. [s]"""
    old: Index
    """Which grow too old."""
    last: Index
    """The last column in which each of those stands."""

    def steps(self, renewed: Count) -> Steps:
        """Return the steps, with one more where each grows too old."""
        frame, old, after = self.frame, self.old, self.old + 1
        expires = self._expires()
        late = self._late(expires)
        present = frame.rows - np.bincount(late.column, minlength=frame.width - 1)
        stillborn = self.column[old][expires <= self.column[old]]
        renewed = renewed - np.bincount(stillborn, minlength=frame.width)[1:]
        row = np.insert(self.row, after, self.row[old])
        heard = np.isfinite(self.since_s)
        grows = np.where(heard, frame.diffusion_w2_per_s[self.row], 0.0)
        aged = grows * np.where(heard, self.since_s, 0.0)
        steps = Steps(
            frame,
            np.searchsorted(row, np.arange(frame.rows)),
            row,
            np.insert(self.column, after, expires),
            np.insert(self.power_w, after, 0.0),
            present - renewed,
            None,
            late,
        )
        now_s = frame.seconds_s - frame.seconds_s[0]
        now = steps.standing(np.insert(grows, after, 0.0)) * now_s
        staleness = now - steps.standing(np.insert(aged, after, 0.0))
        staleness = np.where(present > 0, np.maximum(staleness, 0.0), 0.0)
        return replace(steps, staleness_w2=staleness)

    def _expires(self) -> Index:
        """Return the column from which on each is too old. Ages are whole seconds."""
        at = self.since_s[self.old] + np.floor(self.frame.max_age_s) + 2
        stands = np.maximum(self.column[self.old], 1)
        expires: Index = np.maximum(at, stands).astype(np.intp)
        return expires

    def _late(self, expires: Index) -> Late:
        """Return the missing: from where each expires to the last it stands in."""
        stands = self.last - expires + 1
        which = np.repeat(self.old, stands)
        begins = np.cumsum(stands) - stands
        column = np.arange(which.size) - np.repeat(begins - expires, stands)
        age_s = column - 1 - self.since_s[which]
        return Late(self.row[which], column - 1, self.power_w[which], age_s)
