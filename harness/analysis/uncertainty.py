"""From the uncertainty of what goes in to that of what comes out.

Linear propagation with correlations (JCGM 100:2008, 5.1 and 5.2) and Monte Carlo
(JCGM 101:2008), and which of the two may speak (JCGM 101:2008, 8).
``docs/definitions.md``, "uncertainty".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from harness.analysis.estimate import QUANTILES_AT, Contribution, Estimate, Spread
from harness.core.recording import Series

DRAWS = 100_000
"""Draws of a Monte Carlo: enough for two figures of a 95 % interval."""
SEED = 101
"""Fixed, so that a verdict judged again is the same verdict."""
STEP = 1e-3
"""Part of u by which an input is moved to find its sensitivity."""

Model = Callable[..., Series]
"""The measurand as a function of its inputs, in their order; it takes arrays."""
Correlations = Mapping[tuple[str, str], float]
"""Correlation coefficient of two inputs, by their names in either order."""


class Shape(StrEnum):
    """How an input's error is spread; u is its standard deviation in each case."""

    NORMAL = "normal"
    RECTANGULAR = "rectangular"
    TRIANGULAR = "triangular"
    ARCSINE = "arcsine"


_REACH = {Shape.RECTANGULAR: 3.0, Shape.TRIANGULAR: 6.0, Shape.ARCSINE: 2.0}
"""Half-width over u, squared (JCGM 100:2008, 4.3.7 and 4.3.9; JCGM 101:2008, 6.4)."""


@dataclass(frozen=True, slots=True)
class Input:
    """One quantity that a result depends on."""

    name: str
    value: float
    u: float
    """Standard uncertainty, in the unit of `value`."""
    kind: str = "B"
    source: str = ""
    dof: float = math.inf
    shape: Shape = Shape.NORMAL


def draw(
    rng: np.random.Generator, shape: Shape, u: float, draws: int, dof: float = math.inf
) -> Series:
    """Return draws of an error with mean 0 and standard uncertainty u.

    A normal one of few degrees of freedom is drawn from Student's t, scaled by u
    (JCGM 101:2008, 6.4.9): its standard deviation is larger than u.
    """
    if u == 0:
        return np.zeros(draws)
    if shape is Shape.NORMAL:
        normal = math.isinf(dof)
        return u * (
            rng.standard_normal(draws) if normal else rng.standard_t(dof, draws)
        )
    half = u * math.sqrt(_REACH[shape])
    if shape is Shape.TRIANGULAR:
        return rng.triangular(-half, 0.0, half, draws)
    even = rng.random(draws)
    if shape is Shape.ARCSINE:
        found: Series = half * np.sin(2 * math.pi * even)
        return found
    return half * (2 * even - 1)


def linear(
    model: Model,
    inputs: Sequence[Input],
    unit: str,
    *,
    correlations: Correlations | None = None,
) -> Estimate:
    """Propagate to first order: the budget has a line for each input.

    Sensitivities are central differences over a small part of u. The effect of
    correlations is `Estimate.covariance`.

    Parameters
    ----------
    model : callable
        Takes one array for each input and returns an array.
    inputs : sequence of Input
        In the order of the model's arguments, each with a name of its own.
    unit : str
        Of the result.
    correlations : mapping, optional
        Correlation coefficients by pairs of names; what is left out is 0.

    Raises
    ------
    ValueError
        If a name stands twice, a u is negative, or correlations are impossible.
    """
    matrix = _correlation(inputs, correlations)
    values = np.array([one.value for one in inputs])
    signed = np.array(
        [_effect(model, values, place, one.u) for place, one in enumerate(inputs)]
    )
    lines = tuple(
        Contribution(one.name, abs(effect), one.kind, one.source, one.dof)
        for one, effect in zip(inputs, signed.tolist(), strict=True)
        if effect
    )
    apart = matrix - np.eye(len(inputs))
    return Estimate(
        float(np.asarray(model(*values))),
        unit,
        lines,
        covariance=float(signed @ apart @ signed),
    )


def _effect(model: Model, values: Series, place: int, u: float) -> float:
    """Return by how much the result moves if one input moves by its u, signed."""
    if u == 0:
        return 0.0
    step = np.zeros(values.size)
    step[place] = STEP * u
    ends = (np.asarray(model(*(values + step))), np.asarray(model(*(values - step))))
    return float(ends[0] - ends[1]) / (2 * STEP)


def monte_carlo(
    model: Model,
    inputs: Sequence[Input],
    unit: str,
    *,
    correlations: Correlations | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Estimate:
    """Propagate distributions: the value is the mean of the draws.

    The budget has one line, the standard deviation of the draws. Only normal inputs
    can be correlated here.

    Raises
    ------
    ValueError
        As `linear`; if a correlated input is not normal; if the model gives ``nan``.
    """
    rng = np.random.default_rng(seed)
    found = np.asarray(model(*_drawn(inputs, correlations, rng, draws)), dtype=float)
    if found.shape != (draws,) or np.isnan(found).any():
        raise ValueError(f"the model gave {found.shape} or nan for {draws} draws")
    u = Contribution("Monte Carlo", float(found.std(ddof=1)), "B", f"{draws:,} draws")
    return Estimate(float(found.mean()), unit, (u,), spread=spread_of(found))


def propagate(
    model: Model,
    inputs: Sequence[Input],
    unit: str,
    *,
    correlations: Correlations | None = None,
    draws: int = DRAWS,
) -> Estimate:
    """Propagate both ways; Monte Carlo speaks where the linear way is not valid.

    The linear way is valid if both ends of its interval are those of Monte Carlo to
    two figures of u (JCGM 101:2008, 8.1). The budget is the linear one either way: it
    says what the uncertainty is made of.
    """
    first = linear(model, inputs, unit, correlations=correlations)
    drawn = monte_carlo(model, inputs, unit, correlations=correlations, draws=draws)
    if agree(first, drawn):
        return first
    return replace(first, value=drawn.value, spread=drawn.spread)


def agree(first: Estimate, drawn: Estimate) -> bool:
    """Tell whether a linear interval is that of Monte Carlo, to two figures of u.

    JCGM 101:2008, 7.9.2 and 8.1: the tolerance is half a unit in the second figure.
    """
    if drawn.spread is None or not 0 < drawn.u < math.inf:
        return first.u == drawn.u
    tolerance = 0.5 * 10.0 ** (math.floor(math.log10(drawn.u)) - 1)
    low, high = drawn.spread.interval
    half = first.coverage * first.u
    apart = abs(first.value - half - low), abs(first.value + half - high)
    return max(apart) <= tolerance


def spread_of(found: Series, note: str = "") -> Spread:
    """Return the quantiles of draws; ``inf`` among them stays what it is.

    Raises
    ------
    ValueError
        If there is no draw, or one of them is not a number.
    """
    if not found.size or np.isnan(found).any():
        raise ValueError(f"{found.size} draws, of which some are not numbers")
    ordered = np.sort(found)
    places = np.minimum(
        (np.array(QUANTILES_AT) * found.size).astype(int), found.size - 1
    )
    return Spread(tuple(ordered[places].tolist()), found.size, note)


def _drawn(
    inputs: Sequence[Input],
    correlations: Correlations | None,
    rng: np.random.Generator,
    draws: int,
) -> list[Series]:
    matrix = _correlation(inputs, correlations)
    tied = np.flatnonzero((matrix != np.eye(len(inputs))).any(axis=1)).tolist()
    for place in tied:
        if inputs[place].shape is not Shape.NORMAL or math.isfinite(inputs[place].dof):
            raise ValueError(
                f"{inputs[place].name} is correlated but not normal with many degrees"
            )
    together = np.empty((0, draws))
    if tied:
        part = matrix[np.ix_(tied, tied)]
        # By eigenvalues, not by Cholesky: full correlation makes it singular.
        sizes, ways = np.linalg.eigh(part)
        root = ways * np.sqrt(np.maximum(sizes, 0.0))
        together = root @ rng.standard_normal((len(tied), draws))
    return [
        one.value + one.u * together[tied.index(place)]
        if place in tied
        else one.value + draw(rng, one.shape, one.u, draws, one.dof)
        for place, one in enumerate(inputs)
    ]


def _correlation(
    inputs: Sequence[Input], correlations: Correlations | None
) -> np.ndarray:
    """Return the correlation matrix, checked."""
    names = [one.name for one in inputs]
    if len(set(names)) < len(names):
        raise ValueError(f"two inputs share a name: {', '.join(names)}")
    if any(not one.u >= 0 for one in inputs):
        raise ValueError("a standard uncertainty is negative or not a number")
    matrix = np.eye(len(names))
    for (one, other), r in (correlations or {}).items():
        if one not in names or other not in names or one == other:
            raise ValueError(f"no two inputs {one!r} and {other!r} to be correlated")
        first, second = names.index(one), names.index(other)
        matrix[first, second] = matrix[second, first] = r
    if np.linalg.eigvalsh(matrix).min() < -1e-9 or np.abs(matrix).max() > 1:
        raise ValueError("these correlations cannot all hold")
    return matrix
