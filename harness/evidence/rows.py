"""From samples to rows: one row for each moment at which a role was heard.

A sample joins the row before it if all three of its times are the same to the bit
and its quantity is not in that row yet; otherwise it begins a row. So a report whose
quantities bear different device times becomes several rows, two equal moments stay
two, and reading each column downwards gives its samples in the order recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.core.recording import Series
from harness.evidence.columns import Codes, Mask

TIMES = ("bench_s", "arrival_s", "device_s")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one role, quantity by quantity."""

    times: Series
    """Bench, arrival and device time, shape ``(3, rows)``. [s]"""
    values: Series
    """Shape ``(quantities, rows)``; ``nan`` where a read failed."""
    heard: Mask
    """Whether a quantity was part of that answer, shape ``(quantities, rows)``."""

    def __len__(self) -> int:
        return int(self.times.shape[1])

    def between(self, first: int, end: int) -> Rows:
        """Return the rows from `first` on, up to but not including `end`."""
        cut = slice(first, end)
        return Rows(self.times[:, cut], self.values[:, cut], self.heard[:, cut])


def joined(parts: list[Rows]) -> Rows:
    """Return the rows of at least one part as one."""
    return Rows(
        np.concatenate([part.times for part in parts], axis=1),
        np.concatenate([part.values for part in parts], axis=1),
        np.concatenate([part.heard for part in parts], axis=1),
    )


class RowMaker:
    """Makes rows of one role's samples, however they are cut into pieces.

    Parameters
    ----------
    width : int
        How many quantities the role has.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._times, self._values = np.empty((3, 0)), np.empty(0)
        self._quantity: Codes = np.empty(0, dtype=np.int64)

    def add(self, times: Series, quantity: Codes, values: Series) -> Rows:
        """Take samples; return the rows to which nothing more can be added.

        Parameters
        ----------
        times : ndarray of shape (3, n)
            Bench, arrival and device time of each. [s]
        quantity : ndarray of shape (n,)
            Position of each sample's quantity, from 0.
        values : ndarray of shape (n,)
            In the unit of the quantity.
        """
        times = np.concatenate([self._times, times], axis=1)
        quantity = np.concatenate([self._quantity, quantity])
        values = np.concatenate([self._values, values])
        begins = _beginnings(times, quantity, self._width)
        last = int(np.flatnonzero(begins)[-1]) if begins.size else 0
        self._times, self._values = times[:, last:], values[last:]
        self._quantity = quantity[last:]
        return self._rows(
            times[:, :last], quantity[:last], values[:last], begins[:last]
        )

    def finish(self) -> Rows:
        """Return the row that was still open, if there is one."""
        begins = _beginnings(self._times, self._quantity, self._width)
        return self._rows(self._times, self._quantity, self._values, begins)

    def _rows(
        self, times: Series, quantity: Codes, values: Series, begins: Mask
    ) -> Rows:
        row = np.cumsum(begins) - 1
        shape = (self._width, int(begins.sum()))
        wide, heard = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
        wide[quantity, row] = values
        heard[quantity, row] = True
        return Rows(times[:, begins], wide, heard)


def _beginnings(times: Series, quantity: Codes, width: int) -> Mask:
    """Return which samples begin a row."""
    begins = np.ones(quantity.size, dtype=np.bool_)
    if not begins.size:
        return begins
    bits = np.ascontiguousarray(times).view(np.int64)
    begins[1:] = (bits[:, 1:] != bits[:, :-1]).any(axis=0)
    moment = np.cumsum(begins) - 1
    often = np.bincount(moment * width + quantity) > 1
    if often.any():
        _part_repeats(begins, quantity, np.unique(np.flatnonzero(often) // width))
    return begins


def _part_repeats(begins: Mask, quantity: Codes, moments: Codes) -> None:
    """Begin a row anew wherever a quantity comes again within one of these moments."""
    first = np.r_[np.flatnonzero(begins), begins.size]
    for moment in moments:
        heard: set[int] = set()
        for at in range(first[moment], first[moment + 1]):
            if int(quantity[at]) in heard:
                begins[at] = True
                heard.clear()
            heard.add(int(quantity[at]))
