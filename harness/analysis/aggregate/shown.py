"""Which value each asset shows over a stretch of seconds, made into patches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.aggregate.blocks import WIDTH, Rows
from harness.analysis.aggregate.patch import Frame, Known, Patch, patch_of_reads
from harness.analysis.aggregate.reads import Reads
from harness.analysis.series import Index


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown before some seconds, and every change within them."""

    changes: Reads
    """Asset by asset, a later change after an earlier one."""
    before: Known
    from_s: int
    until_s: int
    max_age_s: float

    @classmethod
    def of(
        cls,
        changes: Reads,
        before: Known,
        *,
        from_s: int,
        until_s: int,
        max_age_s: float,
    ) -> Shown:
        """Sort the changes; a later change of an asset was also sampled later."""
        order = np.lexsort((changes.sampled_s, changes.asset))
        return cls(changes.only(order), before, from_s, until_s, max_age_s)

    def patches(self, rows: Rows) -> Iterator[Patch]:
        """Yield what was shown of some assets."""
        known = Known(self.before.power_w[rows.here], self.before.sampled_s[rows.here])
        changes, second = self._changes(rows)
        for begin in range(0, self.until_s - self.from_s, WIDTH):
            end = min(begin + WIDTH, self.until_s - self.from_s)
            frame = rows.frame(begin, end, from_s=self.from_s, max_age_s=self.max_age_s)
            edges = np.searchsorted(
                second // WIDTH, (begin // WIDTH, begin // WIDTH + 1)
            )
            here = slice(*edges)
            patch, known = _patch(
                frame,
                known,
                changes.asset[here] - rows.first,
                second[here] - begin + 1,
                changes.only(here),
            )
            yield patch

    def _changes(self, rows: Rows) -> tuple[Reads, Index]:
        """Return the changes of some assets as patches need them, and their seconds.

        Of several changes of one asset within a second only the last is ever shown.
        """
        edges = np.searchsorted(self.changes.asset, (rows.here.start, rows.here.stop))
        changes = self.changes.only(slice(*edges))
        second = np.ceil(changes.arrival_s).astype(np.intp) - self.from_s
        last = np.ones(second.size, dtype=np.bool_)
        last[:-1] = (np.diff(second) != 0) | (np.diff(changes.asset) != 0)
        order = np.flatnonzero(last)
        order = order[np.argsort(second[order] // WIDTH, kind="stable")]
        return changes.only(order), second[order]


def _patch(
    frame: Frame, known: Known, row: NDArray[np.integer], column: Index, changes: Reads
) -> tuple[Patch, Known]:
    """Put what was known before into the first column, and hold it all."""
    rows = np.concatenate((np.arange(frame.rows), row))
    columns = np.concatenate((np.zeros(frame.rows, dtype=np.intp), column))
    order = np.argsort(rows * frame.width + columns, kind="stable")
    return patch_of_reads(
        frame,
        rows[order],
        columns[order],
        np.concatenate((known.power_w, changes.power_w))[order],
        np.concatenate((known.sampled_s, changes.sampled_s))[order],
    )
