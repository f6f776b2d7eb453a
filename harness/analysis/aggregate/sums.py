"""Sums over assets, second by second, that simply add: the algebra of a portfolio.

Whatever is to be said of a portfolio comes out of these sums, so it makes no odds
whether they were taken over one array, over blocks one after the other, or on many
machines. ``docs/definitions.md``, "aggregate power".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.recording import Series

Count = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over `assets`, every array of shape ``(seconds,)`` unless it says more.

    An asset is *present* at a second if a read of it had arrived that is not too old,
    otherwise *missing*. The first six sums are over those present.
    """

    from_s: int
    """The first second, bench time. [s]"""
    assets: int
    power_w: Series
    """Σp. [W]"""
    square_w2: Series
    """Σp². [W²]"""
    random_w2: Series
    """Σ(r·p)²: errors that each meter has of its own. [W²]"""
    systematic_w: Series
    """Σ(b·p) for each cause, with sign, shape ``(causes, seconds)``. [W]"""
    absolute_w2: Series
    """Σa²: offset and resolution. [W²]"""
    staleness_w2: Series
    """Σ(D·age): what power may have moved since it was read. [W²]"""
    lost_w: Series
    """Sum of the last known power of those missing. [W]"""
    lost_square_w2: Series
    """The same of its squares. [W²]"""
    lost_variance_w2: Series
    """What is not known of those missing: last²/3 + D·age each; rating²/3 for one never
    heard of, which is infinite if no rating is declared. [W²]"""
    held: Count
    """Present, but with a value that an earlier second had already."""
    missing: Count

    @property
    def seconds(self) -> int:
        """How many seconds there are."""
        return self.power_w.size

    @property
    def present(self) -> Count:
        """How many assets were present at each second."""
        return self.assets - self.missing


ADDED = tuple(
    each.name for each in fields(Sums) if each.name not in ("from_s", "assets")
)
"""The fields that add."""


COUNTED, WIDE = ("held", "missing"), ("systematic_w",)
"""Those of them that count assets, and those with a row for each cause."""


def no_sums(*, from_s: int, seconds: int, causes: int, assets: int = 0) -> Sums:
    """Return the sums over nothing: every one 0, read-only, and without memory."""
    return Sums(
        from_s,
        assets,
        **{name: nothing(name, seconds=seconds, causes=causes) for name in ADDED},
    )


def nothing(name: str, *, seconds: int, causes: int) -> NDArray[Any]:
    """Return a field that is 0 throughout: one zero, seen as often as needed."""
    zero = np.zeros((), dtype=np.int64 if name in COUNTED else np.float64)
    return np.broadcast_to(zero, (causes, seconds) if name in WIDE else (seconds,))


def combine(parts: Iterable[Sums]) -> Sums:
    """Return the sums over all assets of all parts, which share none.

    Parts are added from the first to the last, so the same parts in the same order
    give the same bits, wherever each was computed. In another order they agree to
    rounding.

    Raises
    ------
    ValueError
        If there is no part, or two differ in seconds or in the number of causes.
    """
    several = iter(parts)
    first = next(several, None)
    if first is None:
        raise ValueError("there are no sums to combine")
    total = {name: getattr(first, name) for name in ADDED}
    own: set[str] = set()
    assets = first.assets
    for part in several:
        _require_alike(first, part)
        assets += part.assets
        for name in ADDED:
            each = getattr(part, name)
            if _is_nothing(each):
                continue
            if name in own:
                total[name] += each
            else:
                total[name] = total[name] + each
                own.add(name)
    return Sums(first.from_s, assets, **total)


def _is_nothing(array: NDArray[Any]) -> bool:
    return array.strides[-1] == 0


def _require_alike(first: Sums, part: Sums) -> None:
    if (first.from_s, first.seconds) != (part.from_s, part.seconds):
        raise ValueError(
            f"sums of {part.seconds} s from {part.from_s} s do not add to "
            f"{first.seconds} s from {first.from_s} s"
        )
    if first.systematic_w.shape != part.systematic_w.shape:
        raise ValueError(
            f"one part has {part.systematic_w.shape[0]} causes, another "
            f"{first.systematic_w.shape[0]}: declare `causes` for all"
        )


def joined(parts: Sequence[Sums]) -> Sums:
    """Return the sums of the same assets over stretches that follow each other.

    Raises
    ------
    ValueError
        If there is no part, or one does not begin where the one before ended.
    """
    if not parts:
        raise ValueError("there are no sums to join")
    for before, after in pairwise(parts):
        if before.from_s + before.seconds != after.from_s:
            raise ValueError(
                f"sums up to {before.from_s + before.seconds} s are followed by "
                f"sums from {after.from_s} s"
            )
        if before.assets != after.assets:
            raise ValueError(f"{before.assets} assets, then {after.assets}")
    return Sums(
        parts[0].from_s,
        parts[0].assets,
        *(
            np.concatenate([getattr(part, name) for part in parts], axis=-1)
            for name in ADDED
        ),
    )
