"""How fast a held value grows old, learnt from an asset's own reads.

``docs/definitions.md``, "staleness".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.analysis.aggregate.reads import Reads, checked_reads
from harness.core.recording import Series

LEAST_PAIRS = 10
"""Fewer successive reads say little about how power moves."""


def learnt_diffusion(
    reads: Reads,
    assets: int,
    *,
    undisturbed: Sequence[tuple[float, float]],
    early_s: float = 0.0,
) -> Series:
    """Return how fast the power of each asset spreads between reads. [W²/s]

    Σ(Δp)²/ΣΔt over the successive reads of an asset, by when they were sampled: the
    variance that a second of age adds to a held value.

    Parameters
    ----------
    reads : Reads
        In any order.
    assets : int
        How many assets there are.
    undisturbed : sequence of (from_s, until_s)
        Stretches in which nobody told the assets what to do. A step that many make
        together is no staleness: it does not average out (`transition_lag`). [s]
    early_s : float
        As for `checked_reads`. [s]

    Returns
    -------
    ndarray of shape (assets,)
        ``nan`` for an asset with fewer than ten such pairs of reads, which then needs a
        declared one.

    Raises
    ------
    ValueError
        As `checked_reads` does, or if there is no stretch, or one is empty.
    """
    if not undisturbed or any(not until_s > from_s for from_s, until_s in undisturbed):
        raise ValueError("name the stretches in which the assets were undisturbed")
    good = checked_reads(reads, assets, early_s=early_s)
    good = good.only(np.lexsort((good.arrival_s, good.sampled_s, good.asset)))
    first = np.ones(good.count, dtype=np.bool_)
    first[1:] = (np.diff(good.asset) != 0) | (np.diff(good.sampled_s) != 0)
    good = good.only(first)
    pair = np.flatnonzero((np.diff(good.asset) == 0) & _within(good, undisturbed))
    whose = good.asset[pair]
    squares = np.bincount(whose, np.diff(good.power_w)[pair] ** 2, minlength=assets)
    times_s = np.bincount(whose, np.diff(good.sampled_s)[pair], minlength=assets)
    enough = np.bincount(whose, minlength=assets) >= LEAST_PAIRS
    learnt: Series = np.full(assets, np.nan)
    learnt[enough] = squares[enough] / times_s[enough]
    return learnt


def _within(
    reads: Reads, stretches: Sequence[tuple[float, float]]
) -> NDArray[np.bool_]:
    """Tell which neighbours both lie in one stretch."""
    within = np.zeros(max(reads.count - 1, 0), dtype=np.bool_)
    for from_s, until_s in stretches:
        inside = (reads.sampled_s >= from_s) & (reads.sampled_s < until_s)
        within |= inside[:-1] & inside[1:]
    return within
