"""Sums down the columns of a patch of assets × seconds, bit for bit repeatable.

Every sum goes from the first row to the last, one addition after the other, so a
second's sum does not depend on how many seconds are summed beside it. numpy does that
for two columns or more; a single one it would add up pairwise, so it gets a twin.
"""

from __future__ import annotations

import numpy as np

from harness.core.recording import Series


def column_sums(patch: Series) -> Series:
    """Return Σp of each column."""
    total: Series = np.add.reduce(_wide(patch), axis=0)
    return total[: patch.shape[1]]


def column_squares(patch: Series) -> Series:
    """Return Σp² of each column, without a second copy of the patch."""
    two = _wide(patch)
    total: Series = np.einsum("ij,ij->j", two, two)
    return total[: patch.shape[1]]


def weighted_columns(weight: Series, patch: Series) -> Series:
    """Return Σ(w·p) of each column, one weight a row."""
    total: Series = np.einsum("i,ij->j", weight, _wide(patch))
    return total[: patch.shape[1]]


def weighted_squares(weight: Series, patch: Series) -> Series:
    """Return Σ(w·p²) of each column, one weight a row."""
    two = _wide(patch)
    total: Series = np.einsum("i,ij,ij->j", weight, two, two)
    return total[: patch.shape[1]]


def _wide(patch: Series) -> Series:
    return patch if patch.shape[1] > 1 else np.repeat(patch, 2, axis=1)
