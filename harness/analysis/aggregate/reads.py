"""Reads of many assets as they come: irregular, late, twice, out of order.

``docs/definitions.md``, "aggregate power".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.analysis.series import Index
from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of many assets, every array of shape ``(n,)``, in any order."""

    asset: NDArray[np.integer]
    """Whose it is: 0, 1, …"""
    sampled_s: Series
    """When the device says that it sampled, converted to bench time. [s]"""
    arrival_s: Series
    """When the value was in the aggregator's hands, bench time. [s]"""
    power_w: Series
    """Power, import positive; ``nan`` if the read failed. [W]"""

    def __post_init__(self) -> None:
        shapes = {
            np.shape(each)
            for each in (self.asset, self.sampled_s, self.arrival_s, self.power_w)
        }
        if len(shapes) != 1 or len(shapes.pop()) != 1:
            raise ValueError(
                f"asset is {np.shape(self.asset)}, sampled_s "
                f"{np.shape(self.sampled_s)}, arrival_s {np.shape(self.arrival_s)} "
                f"and power_w {np.shape(self.power_w)}: one number a read in each"
            )
        if not np.issubdtype(self.asset.dtype, np.integer):
            raise ValueError(f"asset numbers the assets, but holds {self.asset.dtype}")

    @property
    def count(self) -> int:
        """How many reads there are."""
        return self.asset.size

    def only(self, which: Index | NDArray[np.bool_] | slice) -> Reads:
        """Return some of the reads, in the order asked for."""
        return Reads(
            self.asset[which],
            self.sampled_s[which],
            self.arrival_s[which],
            self.power_w[which],
        )


def no_reads() -> Reads:
    """Return no read at all."""
    return Reads(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0))


def reads_of(power_w: Series, *, from_s: int = 0, lag_s: ArrayLike = 0.0) -> Reads:
    """Return a table of reads as one read after the other; see `wide_sums`.

    Parameters
    ----------
    power_w : ndarray of shape (assets, seconds)
        Reads, ``nan`` where there was none. [W]
    from_s : int
        Bench time of the first column. [s]
    lag_s : float or ndarray of shape (assets,)
        How long after a read it arrives. [s]
    """
    asset, second = np.nonzero(~np.isnan(power_w))
    sampled_s: Series = from_s + second.astype(np.float64)
    late_s = np.broadcast_to(np.asarray(lag_s, dtype=np.float64), power_w.shape[:1])
    return Reads(asset, sampled_s, sampled_s + late_s[asset], power_w[asset, second])


def checked_reads(
    reads: Reads, assets: int, *, clock_offset_s: ArrayLike = 0.0, early_s: float = 0.0
) -> Reads:
    """Return the reads that carry a value, their times corrected for the clocks.

    Parameters
    ----------
    reads : Reads
        As they came.
    assets : int
        How many assets there are.
    clock_offset_s : float or ndarray of shape (assets,)
        How far each device's clock is ahead (``docs/definitions.md``, "clock
        offset"). It is taken off. [s]
    early_s : float
        How far a clock may still be ahead then: a read stamped up to that much after
        it arrived counts as sampled on arrival. [s]

    Raises
    ------
    ValueError
        If an asset does not exist, a time or power is infinite or a time missing, or a
        read arrived before it was sampled.
    """
    if reads.count and not 0 <= reads.asset.min() <= reads.asset.max() < assets:
        raise ValueError(
            f"reads are of assets {reads.asset.min()} to {reads.asset.max()}, "
            f"but there are {assets}: 0 to {assets - 1}"
        )
    if not (np.isfinite(reads.sampled_s).all() and np.isfinite(reads.arrival_s).all()):
        raise ValueError("sampled_s and arrival_s must be finite in every read")
    if np.isinf(reads.power_w).any():
        which = int(np.argmax(np.isinf(reads.power_w)))
        raise ValueError(
            f"asset {reads.asset[which]} reads {reads.power_w[which]:g} W "
            f"at {reads.sampled_s[which]:g} s"
        )
    good = reads.only(~np.isnan(reads.power_w))
    offset_s = _offsets(clock_offset_s, assets)
    sampled_s = good.sampled_s - offset_s[good.asset]
    _require_in_time(good, sampled_s, early_s)
    return Reads(
        good.asset.astype(np.intp, copy=False),
        np.minimum(sampled_s, good.arrival_s),
        good.arrival_s,
        good.power_w,
    )


def _offsets(clock_offset_s: ArrayLike, assets: int) -> Series:
    given = np.asarray(clock_offset_s, dtype=np.float64)
    if given.shape not in ((), (assets,)) or not np.isfinite(given).all():
        raise ValueError(
            f"clock_offset_s must be finite, one number or {assets}: {given.shape}"
        )
    return np.broadcast_to(given, (assets,))


def _require_in_time(reads: Reads, sampled_s: Series, early_s: float) -> None:
    if not 0 <= early_s < np.inf:
        raise ValueError(f"early_s must be finite and not negative: {early_s:g} s")
    early = sampled_s > reads.arrival_s + early_s
    if early.any():
        which = int(np.argmax(early))
        raise ValueError(
            f"asset {reads.asset[which]} sampled at {sampled_s[which]:g} s what "
            f"arrived at {reads.arrival_s[which]:g} s: declare how far its clock is "
            "ahead"
        )


def newer(reads: Reads, than_s: Series) -> Reads:
    """Return the reads that, on arrival, were sampled later than all before them.

    A late read does not replace a newer one, and one with the same stamp changes
    nothing.

    Parameters
    ----------
    reads : Reads
        Checked, in order of arrival.
    than_s : ndarray of shape (assets,)
        When the newest read of each asset was sampled that is known already. [s]

    Returns
    -------
    Reads
        Asset by asset, each in order of arrival.

    Raises
    ------
    ValueError
        If two reads with the same stamp arrived together and differ.
    """
    some = reads.only(reads.sampled_s > than_s[reads.asset])
    some = some.only(_by_asset(some))
    same = some.asset[1:] == some.asset[:-1]
    if not (some.sampled_s[1:] >= some.sampled_s[:-1])[same].all():
        # Equal arrivals may come in any order: the one sampled last decides.
        some = some.only(np.lexsort((some.sampled_s, some.arrival_s, some.asset)))
        same = some.asset[1:] == some.asset[:-1]
    _require_agreement(some, same)
    return some.only(_records(some, same))


def _by_asset(reads: Reads) -> Index:
    """Return the order by asset; sorting small numbers is much faster."""
    small = reads.asset.max(initial=0) < 1 << 16
    asset = reads.asset.astype(np.uint16) if small else reads.asset
    return np.argsort(asset, kind="stable")


def _records(reads: Reads, same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which reads were sampled later than all of that asset before them."""
    later = np.ones(reads.count, dtype=np.bool_)
    later[1:] = ~same | (reads.sampled_s[1:] > reads.sampled_s[:-1])
    if (reads.sampled_s[1:] >= reads.sampled_s[:-1])[same].all():
        return later
    # Ranked by asset first, the highest so far never comes from another asset.
    order = np.lexsort((reads.sampled_s, reads.asset))
    step = np.ones(reads.count, dtype=np.int64)
    step[1:] = (np.diff(reads.asset[order]) != 0) | (
        np.diff(reads.sampled_s[order]) != 0
    )
    rank = np.empty(reads.count, dtype=np.int64)
    rank[order] = np.cumsum(step)
    highest = np.maximum.accumulate(rank)
    later[1:] = rank[1:] > highest[:-1]
    return later


def _require_agreement(reads: Reads, same: NDArray[np.bool_]) -> None:
    twice = (
        same
        & (reads.sampled_s[1:] == reads.sampled_s[:-1])
        & (reads.arrival_s[1:] == reads.arrival_s[:-1])
        & (reads.power_w[1:] != reads.power_w[:-1])
    )
    if twice.any():
        which = int(np.argmax(twice))
        raise ValueError(
            f"asset {reads.asset[which]} says both {reads.power_w[which]:g} W and "
            f"{reads.power_w[which + 1]:g} W for {reads.sampled_s[which]:g} s, in two "
            "reads that arrived together"
        )
