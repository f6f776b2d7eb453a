"""What is declared of the assets of a portfolio and their meters, asset by asset."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.analysis.series import Index
from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class AssetMeters:
    """One number an asset, every array of shape ``(assets,)``; see `asset_meters`."""

    random_u: Series
    """Error of its own: standard uncertainty as a share of the reading."""
    systematic_u: Series
    """Error that all of one cause have in common, as a share, with its sign."""
    cause: Index
    """Whose error it shares: 0, 1, … below `causes`, such as the make of the meter."""
    absolute_u_w: Series
    """Offset, noise and resolution together, of its own. [W]"""
    diffusion_w2_per_s: Series
    """How fast a held value grows old: variance for each second of its age. [W²/s]"""
    rating_w: Series
    """The most that it can draw or give; ``inf`` if nobody said. [W]"""
    causes: int
    """How many causes there are in the whole portfolio."""

    @property
    def assets(self) -> int:
        """How many assets there are."""
        return self.random_u.size

    def part(self, first: int, last: int) -> AssetMeters:
        """Return the assets from `first` up to but without `last`."""
        here = slice(first, last)
        return AssetMeters(
            self.random_u[here],
            self.systematic_u[here],
            self.cause[here],
            self.absolute_u_w[here],
            self.diffusion_w2_per_s[here],
            self.rating_w[here],
            self.causes,
        )


def asset_meters(
    assets: int,
    *,
    random_u: ArrayLike,
    diffusion_w2_per_s: ArrayLike,
    systematic_u: ArrayLike = 0.0,
    cause: ArrayLike = 0,
    absolute_u_w: ArrayLike = 0.0,
    rating_w: ArrayLike = math.inf,
    causes: int | None = None,
) -> AssetMeters:
    """Declare what is known of the assets: one number for all, or one for each.

    Assets of one make are best numbered one after the other: sums over neighbours that
    are alike are much faster.

    Parameters
    ----------
    assets : int
        How many there are.
    random_u : float or ndarray of shape (assets,)
        Standard uncertainty of the meter error that each has of its own, as a share
        of the reading.
    diffusion_w2_per_s : float or ndarray of shape (assets,)
        Variance for each second that a value is held (`learnt_diffusion`). 0 says that
        power never moves between reads. [W²/s]
    systematic_u : float or ndarray of shape (assets,)
        Standard uncertainty of the error common to a cause, as a share; assets whose
        errors go opposite ways have opposite signs.
    cause : int or ndarray of shape (assets,)
        Which cause that is.
    absolute_u_w : float or ndarray of shape (assets,)
        Standard uncertainty of offset and resolution. [W]
    rating_w : float or ndarray of shape (assets,)
        The most that an asset can draw or give. [W]
    causes : int, optional
        How many causes the portfolio has, where this is a part of it.

    Raises
    ------
    ValueError
        If there is no asset, a shape does not fit, or a number is impossible.
    """
    if assets < 1:
        raise ValueError(f"a portfolio of {assets} assets has no power")
    number = _indices(cause, assets)
    there_are = int(number.max()) + 1 if causes is None else causes
    if number.min() < 0 or number.max() >= there_are:
        raise ValueError(
            f"cause runs from {number.min()} to {number.max()}, "
            f"but the portfolio has {there_are}: 0 to {there_are - 1}"
        )
    return AssetMeters(
        _each("random_u", random_u, assets),
        _each("systematic_u", systematic_u, assets, signed=True),
        number,
        _each("absolute_u_w", absolute_u_w, assets),
        _each("diffusion_w2_per_s", diffusion_w2_per_s, assets),
        _each("rating_w", rating_w, assets, open_ended=True),
        there_are,
    )


def _each(
    name: str,
    value: ArrayLike,
    assets: int,
    *,
    signed: bool = False,
    open_ended: bool = False,
) -> Series:
    given = np.asarray(value, dtype=np.float64)
    if given.shape not in ((), (assets,)):
        raise ValueError(f"{name} is {given.shape} but there are {assets} assets")
    each: Series = np.ascontiguousarray(np.broadcast_to(given, (assets,)))
    wrong = np.isnan(each) | (each < 0 if not signed else False)
    if not open_ended:
        wrong |= np.isinf(each)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(f"{name} of asset {first} is {each[first]:g}")
    return each


def _indices(cause: ArrayLike, assets: int) -> Index:
    given = np.asarray(cause)
    if given.shape not in ((), (assets,)):
        raise ValueError(f"cause is {given.shape} but there are {assets} assets")
    if not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"cause numbers the causes: whole numbers, not {given.dtype}")
    return np.ascontiguousarray(np.broadcast_to(given, (assets,)), dtype=np.intp)
