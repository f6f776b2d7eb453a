"""How many homes it takes to deliver so much, so surely.

``docs/definitions.md``, "homes needed".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.core.recording import Series

SAMPLES = 2000
"""Units drawn to see how often one of so many homes delivers."""
TOLD_APART = 1e-9
"""Share of μ² that must be left of it; less is what arithmetic leaves of nothing."""
DRAWN_AT_ONCE = 1 << 22
"""Numbers drawn at a time, so that memory stays small."""


@dataclass(frozen=True, slots=True)
class HomesNeeded:
    """How many homes a target takes."""

    homes: float
    """``inf`` with the reason if no number would do."""
    period: int
    """The settlement period that decides, counted from 0."""
    mean_w: float
    """What a home delivers in it, on average. [W]"""
    sd_w: float
    """How far homes are from that, one standard deviation. [W]"""
    seen: int
    """From how many homes that is known."""
    why: str = ""


def homes_for(
    mean_w: float, sd_w: float, seen: int, *, target_w: float, confidence: float
) -> float:
    """Return how many homes deliver a target in one settlement period.

    The smallest N with N·μ − z·√(N·σ² + N²·σ²/n) ≥ target: homes differ (σ), and μ is
    known from n of them alone. z is one-sided.

    Parameters
    ----------
    mean_w, sd_w : float
        μ and σ: of the power that a home leaves out. [W]
    seen : int
        n.
    target_w : float
        What is to be delivered. [W]
    confidence : float
        How often it is to be delivered, above 0.5 and below 1.

    Returns
    -------
    float
        A whole number; ``inf`` if none would do.

    Raises
    ------
    ValueError
        If an argument is impossible.
    """
    if not (target_w > 0 and 0.5 < confidence < 1 and seen > 1 and sd_w >= 0):
        raise ValueError(
            f"a target of {target_w:g} W at {confidence:g} from {seen} homes is none"
        )
    from scipy.special import ndtri

    z2 = float(ndtri(confidence)) ** 2 * sd_w**2
    square = mean_w**2 - z2 / seen
    if mean_w <= 0 or square <= TOLD_APART * mean_w**2:
        return math.inf
    # (N·μ − T)² = z²σ²·(N + N²/n); the larger root is the one with N·μ > T. What stands
    # under the root is written out: the difference of two squares loses a small σ.
    half = target_w * mean_w + z2 / 2
    under = z2 * (target_w * mean_w + z2 / 4 + target_w**2 / seen)
    root = (half + math.sqrt(under)) / square
    homes = max(math.ceil(root - 1e-9), 1)
    return float(homes)


def homes_needed(
    delivered_w: Series, *, target_w: float, confidence: float
) -> HomesNeeded:
    """Return how many homes deliver a target in every settlement period of an event.

    The chance to fall short is shared out evenly over the periods (Bonferroni), so the
    whole event is delivered at least as surely as asked, however the periods hang
    together.

    Parameters
    ----------
    delivered_w : ndarray of shape (homes, periods)
        Mean power that each home left out in each period. [W]
    target_w : float
        What is to be delivered in each. [W]
    confidence : float
        How often, above 0.5 and below 1.

    Raises
    ------
    ValueError
        If there are fewer than two homes, no period, or an impossible target.
    """
    if delivered_w.ndim != 2 or delivered_w.shape[0] < 2 or not delivered_w.shape[1]:
        raise ValueError(f"delivered_w is {delivered_w.shape}: homes × periods")
    homes, periods = delivered_w.shape
    each = 1 - (1 - confidence) / periods
    means, sds = delivered_w.mean(axis=0), delivered_w.std(axis=0, ddof=1)
    needed = [
        homes_for(float(m), float(sd), homes, target_w=target_w, confidence=each)
        for m, sd in zip(means, sds, strict=True)
    ]
    worst = int(np.argmax(needed))
    why = ""
    if math.isinf(needed[worst]):
        why = (
            f"a home delivers {means[worst]:.3g} W on average in period {worst + 1}, "
            "which cannot be told from nothing"
        )
    return HomesNeeded(
        needed[worst], worst, float(means[worst]), float(sds[worst]), homes, why
    )


def share_delivered(
    delivered_w: Series,
    *,
    homes: int,
    target_w: float,
    seed: int,
    samples: int = SAMPLES,
) -> float:
    """Return how often a unit of so many homes delivers in every period.

    Units are drawn from the homes seen, with replacement: no normal distribution is
    assumed, and a home that delivers much in one period keeps its others.

    Parameters
    ----------
    delivered_w : ndarray of shape (homes, periods)
        As for `homes_needed`. [W]
    homes : int
        Size of the unit.
    target_w : float
        What is to be delivered in each period. [W]
    seed : int
        Of the draws.
    samples : int
        Units drawn.
    """
    if homes < 1 or samples < 1:
        raise ValueError(f"{samples} units of {homes} homes are none")
    rng = np.random.default_rng(seed)
    seen, met, left = delivered_w.shape[0], 0, samples
    at_once = max(DRAWN_AT_ONCE // max(seen, 1), 1)
    even = np.full(seen, 1 / seen)
    while left > 0:
        some = min(left, at_once)
        counts = rng.multinomial(homes, even, size=some)
        met += int(((counts @ delivered_w) >= target_w).all(axis=1).sum())
        left -= some
    return met / samples
