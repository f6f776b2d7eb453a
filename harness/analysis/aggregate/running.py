"""Sums as reads arrive: every second is given out once nothing can change it.

``docs/definitions.md``, "aggregate power".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.aggregate.blocks import blocks_of, sum_portfolio
from harness.analysis.aggregate.meters import AssetMeters
from harness.analysis.aggregate.patch import NEVER_S, Known, require_age
from harness.analysis.aggregate.reads import Reads, checked_reads, newer, no_reads
from harness.analysis.aggregate.shown import Shown
from harness.analysis.aggregate.sums import Sums, no_sums
from harness.core.recording import Series

LONGEST_WAIT_S = 7 * 86_400
"""Longest time without a read that a portfolio may fall silent for. [s]"""


def reads_sums(
    reads: Reads,
    meters: AssetMeters,
    *,
    from_s: int,
    until_s: int,
    max_age_s: float,
    clock_offset_s: ArrayLike = 0.0,
    early_s: float = 0.0,
    threads: int = 2,
) -> Sums:
    """Sum reads that came in any way, second by second.

    At each second only reads count that had arrived by then, and of those of one asset
    the one sampled last: a late, older read never replaces a newer one, a duplicate
    changes nothing. That value stands while it is at most `max_age_s` old; otherwise
    the asset is missing.

    Parameters
    ----------
    reads : Reads
        In any order.
    meters : AssetMeters
        What is known of each asset.
    from_s, until_s : int
        The first second, and the one after the last. Reads that arrived before count
        for what was known at the start. [s]
    max_age_s : float
        How long a value is held, counted from when it was sampled. [s]
    clock_offset_s, early_s
        As for `checked_reads`.
    threads : int
        How many threads share the work; the sums are the same to the bit.

    Raises
    ------
    ValueError
        As `checked_reads` does, if there is no second, or if reads with the same stamp
        that arrived together contradict each other.
    """
    if until_s <= from_s:
        raise ValueError(f"from {from_s} s until {until_s} s there is no second")
    running = RunningAggregate(
        meters,
        from_s=from_s,
        max_age_s=max_age_s,
        clock_offset_s=clock_offset_s,
        early_s=early_s,
        threads=threads,
    )
    in_order = reads.only(np.argsort(reads.arrival_s, kind="stable"))
    running.take_in(in_order)
    return running.finish(until_s)


class RunningAggregate:
    """The sums of a portfolio, fed with reads in the order in which they arrive.

    Cutting the reads into batches anywhere gives the same sums, to the bit.
    """

    def __init__(
        self,
        meters: AssetMeters,
        *,
        from_s: int,
        max_age_s: float,
        clock_offset_s: ArrayLike = 0.0,
        early_s: float = 0.0,
        threads: int = 1,
    ) -> None:
        """Begin at `from_s`, with nothing known; arguments as for `reads_sums`."""
        require_age(max_age_s)
        self._meters, self._max_age_s = meters, max_age_s
        self._blocks = blocks_of(meters)
        self._clock_offset_s, self._early_s = clock_offset_s, early_s
        self._threads = threads
        self._next_s = from_s
        self._arrived_s = -np.inf
        self._newest = Known.nothing(meters.assets)
        self._newest_arrival_s: Series = np.full(meters.assets, NEVER_S)
        self._shown = Known.nothing(meters.assets)
        self._pending = no_reads()

    def feed(self, reads: Reads) -> Sums:
        """Take in a batch and return the sums of the seconds that are now complete.

        A second is complete when a read has arrived after it; there may be none.

        Raises
        ------
        ValueError
            As `reads_sums` does, if a read arrived before one of an earlier batch, or
            later than `LONGEST_WAIT_S` after it. Nothing of the batch counts then.
        """
        if not reads.count:
            return self._until(self._next_s)
        self._require_soon(float(reads.arrival_s[-1]))
        self.take_in(reads)
        return self._until(max(math.ceil(self._arrived_s), self._next_s))

    def _require_soon(self, arrival_s: float) -> None:
        """Refuse a batch that would complete more seconds than anybody waits for."""
        if arrival_s - self._next_s > LONGEST_WAIT_S:
            raise ValueError(
                f"a read arrived at {arrival_s:.12g} s, while {self._next_s} s is the "
                "next second to be given out: is its time right?"
            )

    def finish(self, until_s: int) -> Sums:
        """Return the sums up to but without `until_s`: nothing more arrives before.

        Raises
        ------
        ValueError
            If those seconds were given out already.
        """
        if until_s < self._next_s:
            raise ValueError(f"seconds up to {self._next_s} s were given out already")
        just_after_s = float(np.nextafter(until_s - 1, np.inf))
        self._arrived_s = max(self._arrived_s, just_after_s)
        return self._until(until_s)

    def take_in(self, reads: Reads) -> None:
        """Take in a batch without asking for sums."""
        if not reads.count:
            return
        good = checked_reads(
            reads,
            self._meters.assets,
            clock_offset_s=self._clock_offset_s,
            early_s=self._early_s,
        )
        in_order_s = np.r_[self._arrived_s, reads.arrival_s]
        if not (np.diff(in_order_s) >= 0).all():
            which = int(np.argmax(np.diff(in_order_s) < 0))
            raise ValueError(
                f"the read that arrived at {reads.arrival_s[which]:g} s comes after "
                f"one of {in_order_s[which]:g} s: feed reads as they arrive"
            )
        self._require_agreement(good)
        new = newer(good, self._newest.sampled_s)
        # Nothing is taken in of a batch that is refused.
        self._arrived_s = float(reads.arrival_s[-1])
        last = np.flatnonzero(np.diff(new.asset, append=-1))
        whose = new.asset[last]
        self._newest.power_w[whose] = new.power_w[last]
        self._newest.sampled_s[whose] = new.sampled_s[last]
        self._newest_arrival_s[whose] = new.arrival_s[last]
        self._pending = _both(self._pending, new)

    def _require_agreement(self, reads: Reads) -> None:
        """Refuse another value for the newest read's stamp and arrival."""
        twice = (
            (reads.sampled_s == self._newest.sampled_s[reads.asset])
            & (reads.arrival_s == self._newest_arrival_s[reads.asset])
            & (reads.power_w != self._newest.power_w[reads.asset])
        )
        if twice.any():
            which = int(np.argmax(twice))
            raise ValueError(
                f"asset {reads.asset[which]} says both {reads.power_w[which]:g} W and "
                f"{self._newest.power_w[reads.asset[which]]:g} W for "
                f"{reads.sampled_s[which]:g} s, in two reads that arrived together"
            )

    def _until(self, until_s: int) -> Sums:
        """Give out the seconds before `until_s`."""
        from_s, self._next_s = self._next_s, until_s
        if until_s == from_s:
            return no_sums(
                from_s=from_s,
                seconds=0,
                causes=self._meters.causes,
                assets=self._meters.assets,
            )
        due = np.ceil(self._pending.arrival_s) < until_s
        changes, self._pending = self._pending.only(due), self._pending.only(~due)
        self._show(changes.only(changes.arrival_s <= from_s - 1))
        shown = Shown.of(
            changes.only(changes.arrival_s > from_s - 1),
            self._shown,
            from_s=from_s,
            until_s=until_s,
            max_age_s=self._max_age_s,
        )
        sums = sum_portfolio(
            self._blocks,
            shown.patches,
            from_s=from_s,
            seconds=until_s - from_s,
            threads=self._threads,
        )
        self._show(changes)
        return sums

    def _show(self, changes: Reads) -> None:
        """Let the last change of each asset be what is shown."""
        order = np.lexsort((changes.sampled_s, changes.asset))
        last = order[np.flatnonzero(np.diff(changes.asset[order], append=-1))]
        self._shown.power_w[changes.asset[last]] = changes.power_w[last]
        self._shown.sampled_s[changes.asset[last]] = changes.sampled_s[last]


def _both(first: Reads, second: Reads) -> Reads:
    return Reads(
        np.concatenate((first.asset, second.asset)),
        np.concatenate((first.sampled_s, second.sampled_s)),
        np.concatenate((first.arrival_s, second.arrival_s)),
        np.concatenate((first.power_w, second.power_w)),
    )
