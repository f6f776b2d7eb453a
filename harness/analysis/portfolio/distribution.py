"""How a number differs from home to home: declared, or bootstrapped from a bench."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from harness.core.recording import Series


class Shape(StrEnum):
    """How the numbers of many homes are spread."""

    CONSTANT = "constant"
    NORMAL = "normal"
    UNIFORM = "uniform"
    LOGNORMAL = "lognormal"
    CHOICE = "choice"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Distribution:
    """A number that each home has of its own; made by `constant`, `normal`, ….

    Nothing is ever drawn outside `least` to `most`: the distribution is cut off there,
    its values are not heaped up at the ends. Only what was measured is moved to them.
    """

    shape: Shape
    values: tuple[float, ...]
    """Constant: the value. Normal: mean and standard deviation. Uniform: both ends.
    Lognormal: median and the standard deviation of the logarithm. Else the values."""
    weights: tuple[float, ...] = ()
    """Choice: the share of each value. Measured: standard uncertainty of each."""
    least: float = -math.inf
    most: float = math.inf
    source: str = ""
    """Where it comes from, for the report."""

    def draw(self, rng: np.random.Generator, count: int) -> Series:
        """Return one number for each of `count` homes."""
        first = self.values[0]
        match self.shape:
            case Shape.CONSTANT:
                return np.full(count, first)
            case Shape.NORMAL:
                return self._cut_off(rng, count, first, self.values[1])
            case Shape.LOGNORMAL:
                drawn = self._cut_off(rng, count, math.log(first), self.values[1])
                return np.exp(drawn)
            case Shape.UNIFORM:
                return rng.uniform(first, self.values[1], count)
            case Shape.CHOICE:
                places = np.searchsorted(
                    np.cumsum(self.weights)[:-1], rng.random(count), side="right"
                )
                return np.array(self.values)[places]
            case Shape.MEASURED:
                which = rng.integers(len(self.values), size=count)
                blur = np.array(self.weights)[which] * rng.standard_normal(count)
                return np.clip(np.array(self.values)[which] + blur, *self._ends)

    def __str__(self) -> str:
        """Say what it is in words."""
        v = [f"{value:g}" for value in self.values]
        match self.shape:
            case Shape.CONSTANT:
                return v[0]
            case Shape.NORMAL:
                return f"{v[0]} ± {v[1]} (normal)"
            case Shape.LOGNORMAL:
                return f"median {v[0]}, log sd {v[1]} (lognormal)"
            case Shape.UNIFORM:
                return f"{v[0]} to {v[1]}"
            case Shape.CHOICE:
                shares = zip(v, self.weights, strict=True)
                return ", ".join(f"{value} ({share:.0%})" for value, share in shares)
            case Shape.MEASURED:
                return f"{min(self.values):.3g} to {max(self.values):.3g}, measured"

    @property
    def _ends(self) -> tuple[float, float]:
        return self.least, self.most

    def _cut_off(
        self, rng: np.random.Generator, count: int, centre: float, sd: float
    ) -> Series:
        """Draw from a normal distribution of which only a part is there."""
        from scipy.special import ndtr, ndtri  # costs 0.3 s: most runs draw nobody

        ends = self._ends
        if self.shape is Shape.LOGNORMAL:
            ends = (math.log(max(ends[0], 1e-300)), _log(ends[1]))
        low, high = (float(ndtr((end - centre) / sd)) for end in ends)
        drawn: Series = centre + sd * ndtri(low + (high - low) * rng.random(count))
        # Rounding may leave a hair beyond an end.
        return np.clip(drawn, *ends)


def _log(value: float) -> float:
    return math.inf if math.isinf(value) else math.log(value)


def constant(value: float, *, source: str = "") -> Distribution:
    """Return the same number for every home."""
    _require(math.isfinite(value), f"{value:g} is no constant")
    return Distribution(Shape.CONSTANT, (value,), source=source)


def normal(
    mean: float,
    sd: float,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    source: str = "",
) -> Distribution:
    """Return a normal distribution, cut off at its ends.

    Raises
    ------
    ValueError
        If sd is not above 0, or next to nothing of it lies between the ends.
    """
    _require(math.isfinite(mean) and 0 < sd < math.inf, f"{mean:g} ± {sd:g} is none")
    from scipy.special import ndtr

    share = float(ndtr((most - mean) / sd) - ndtr((least - mean) / sd))
    _require(share > 1e-6, f"nothing of {mean:g} ± {sd:g} is in {least:g} to {most:g}")
    return Distribution(Shape.NORMAL, (mean, sd), (), least, most, source)


def lognormal(
    median: float,
    log_sd: float,
    *,
    least: float = 0.0,
    most: float = math.inf,
    source: str = "",
) -> Distribution:
    """Return a lognormal distribution, cut off at its ends.

    Raises
    ------
    ValueError
        If median or log_sd is not above 0, or next to nothing lies between the ends.
    """
    _require(
        0 < median < math.inf and 0 < log_sd < math.inf,
        f"a lognormal of median {median:g} and log sd {log_sd:g} is none",
    )
    low = -math.inf if least <= 0 else math.log(least)
    inside = normal(math.log(median), log_sd, least=low, most=_log(most))
    return Distribution(
        Shape.LOGNORMAL, (median, inside.values[1]), (), max(least, 0.0), most, source
    )


def uniform(low: float, high: float, *, source: str = "") -> Distribution:
    """Return a number that lies evenly between both ends."""
    _require(-math.inf < low < high < math.inf, f"{low:g} to {high:g} is no range")
    return Distribution(Shape.UNIFORM, (low, high), (), low, high, source)


def choice(
    values: Sequence[float], shares: Sequence[float], *, source: str = ""
) -> Distribution:
    """Return one of several numbers, each with its share of the homes.

    Raises
    ------
    ValueError
        If there is no value, or the shares are negative or do not add up to 1.
    """
    _require(len(values) == len(shares) > 0, "a share is needed for each value")
    _require(all(math.isfinite(value) for value in values), "a value is not finite")
    _require(all(share >= 0 for share in shares), "a share is negative")
    _require(abs(sum(shares) - 1) < 1e-6, f"shares add up to {sum(shares):g}, not 1")
    return Distribution(
        Shape.CHOICE, tuple(values), tuple(shares), min(values), max(values), source
    )


def measured(
    values: Sequence[float],
    u: Sequence[float],
    *,
    least: float = -math.inf,
    source: str = "",
) -> Distribution:
    """Return what a bench saw: any of the values, each with its uncertainty.

    Drawing whole values with replacement is the bootstrap. The standard uncertainty of
    each is added, so that few values do not pass for certainty.

    Raises
    ------
    ValueError
        If there is no value, or one is not finite.
    """
    _require(len(values) == len(u) > 0, "an uncertainty is needed for each value")
    _require(
        all(map(math.isfinite, values)) and all(0 <= one < math.inf for one in u),
        "a measured value or its uncertainty is not finite",
    )
    return Distribution(
        Shape.MEASURED, tuple(values), tuple(u), least, math.inf, source
    )


def _require(good: bool, otherwise: str) -> None:
    if not good:
        raise ValueError(otherwise)
