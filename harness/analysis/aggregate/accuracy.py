"""How right the power is that an aggregator would send, and how soon after a step.

Accuracy at rest and the lag after a step are two criteria: more assets help the first
and never the second. Definitions: ``docs/definitions.md``, "steady-state error" and
"transition lag".
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.aggregate.power import AggregatePower
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import (
    CROSSING,
    GAIN,
    OFFSET,
    MeterQuality,
    timing_budget,
)
from harness.analysis.series import Mask
from harness.core.recording import Series

CENTRAL = 0.95
"""Share of the steady seconds that the error is looked for in."""


def steady_state_error(
    aggregate: AggregatePower,
    true_w: Series,
    *,
    settle_s: float,
    steady_percent: float,
    reference: MeterQuality,
    least_w: float = 0.0,
) -> Estimate:
    """How far aggregate power is off while the true power rests. [%]

    ``100·(aggregate/truth − 1)``: of the central 95 % of the steady seconds, that which
    is largest either way, with its sign. Positive if the aggregate shows more than
    flowed. ``docs/definitions.md``, "steady-state error".

    Parameters
    ----------
    aggregate : AggregatePower
        What the aggregator would have sent.
    true_w : ndarray of shape (seconds,)
        True power of the portfolio at the same seconds, ``nan`` where unknown. [W]
    settle_s : float
        Longest read interval and latency together: a second is steady if the truth
        rested for longer than that before it. [s]
    steady_percent : float
        How far apart its highest and lowest value may lie then, as a share of it. [%]
    reference : MeterQuality
        How well the truth is known.
    least_w : float
        Power, either way, below which an error in percent says nothing. [W]

    Returns
    -------
    Estimate
        The worst second is marked. `unseen` says what it could have been, had the gaps
        been errors. ``nan`` if no second was steady, or all too near to 0 W.

    Raises
    ------
    ValueError
        If shapes differ, the truth is infinite, or a number is negative.
    """
    _require_truth(aggregate, true_w)
    if not (0 <= settle_s < math.inf and steady_percent >= 0 and least_w >= 0):
        raise ValueError(
            "settle_s, steady_percent and least_w must be finite and not negative"
        )
    steady = _steady(true_w, settle_s, steady_percent)
    if not steady.any():
        why = f"the true power never rested for longer than {settle_s:g} s"
        return Estimate(math.nan, "%", why=why)
    large = np.abs(true_w) > max(least_w, 2 * reference.absolute_u_w)
    which = np.flatnonzero(steady & large)
    if not which.size:
        why = "the true power is too near to 0 W for an error in percent"
        return Estimate(math.nan, "%", why=why)
    errors = 100 * (aggregate.power_w[which] / true_w[which] - 1)
    return _central(errors, aggregate.time_s[which], true_w[which], reference)


def _require_truth(aggregate: AggregatePower, true_w: Series) -> None:
    if true_w.shape != aggregate.power_w.shape:
        raise ValueError(
            f"true_w is {true_w.shape} but aggregate power is "
            f"{aggregate.power_w.shape}: one value a second in each"
        )
    if np.isinf(true_w).any():
        raise ValueError("true_w is infinite")


def _steady(true_w: Series, settle_s: float, steady_percent: float) -> Mask:
    """Tell at which seconds the truth had rested for longer than `settle_s`."""
    width = math.floor(settle_s) + 2
    steady = np.zeros(true_w.size, dtype=np.bool_)
    if width > true_w.size:
        return steady
    # A gap in the truth is a nan in every window that holds it: not steady.
    spread = _highest(true_w, width) + _highest(-true_w, width)
    steady[width - 1 :] = spread <= steady_percent / 100 * np.abs(true_w[width - 1 :])
    return steady


def _highest(values: Series, width: int) -> Series:
    """Return the highest of every `width` neighbours, by windows that double."""
    span = 1
    while span < width:
        step = min(span, width - span)
        values = np.maximum(values[:-step], values[step:])
        span += step
    return values


def _central(
    errors: Series, time_s: Series, true_w: Series, reference: MeterQuality
) -> Estimate:
    seen = np.flatnonzero(np.isfinite(errors))
    if not seen.size:
        return Estimate(
            math.nan, "%", why="there is no aggregate power while the truth rests"
        )
    order = seen[np.argsort(errors[seen], kind="stable")]
    ends = order[[_cut(order.size), -1 - _cut(order.size)]]
    at = int(ends[np.argmax(np.abs(errors[ends]))])
    worst = int(seen[np.argmax(np.abs(errors[seen]))])
    ratio = abs(1 + errors[at] / 100)
    absolute = reference.absolute_u_w / abs(float(true_w[at]))
    lines = (
        Contribution(
            f"reference: {GAIN}",
            100 * ratio * reference.relative_u,
            "B",
            reference.source,
        ),
        Contribution(
            f"reference: {OFFSET}", 100 * ratio * absolute, "B", reference.source
        ),
    )
    return Estimate(
        float(errors[at]),
        "%",
        tuple(line for line in lines if line.u > 0),
        marks=(("worst second", float(time_s[worst])),),
        unseen=_had_gaps_been_errors(errors[order], errors.size - order.size),
    )


def _cut(count: int) -> int:
    """How many seconds at either end are not central."""
    return int((1 - CENTRAL) / 2 * count)


def _had_gaps_been_errors(in_order: Series, gaps: int) -> tuple[float, float] | None:
    """Return what the ends of the central part were, had all gaps been beyond one."""
    if not gaps:
        return None
    cut = _cut(in_order.size + gaps) - gaps
    if cut < 0:
        return -math.inf, math.inf
    return float(in_order[cut]), float(in_order[-1 - cut])


def transition_lag(
    aggregate: AggregatePower,
    true_w: Series,
    *,
    step_at_s: float,
    until_s: float,
    within_percent: float,
    reference: MeterQuality,
    of_w: float | None = None,
) -> Estimate:
    """Time from a step of the true power until the aggregate is right for good. [s]

    ``docs/definitions.md``, "transition lag".

    Parameters
    ----------
    aggregate : AggregatePower
        What the aggregator would have sent.
    true_w : ndarray of shape (seconds,)
        True power of the portfolio at the same seconds, ``nan`` where unknown. [W]
    step_at_s, until_s : float
        When the truth stepped, and the end of the window, excluded. [s]
    within_percent : float
        How far off is right. [%]
    reference : MeterQuality
        How well the truth is known.
    of_w : float, optional
        What the percentage is of, such as the size of the step where it leads to 0 W;
        the truth itself if not given. [W]

    Returns
    -------
    Estimate
        ``inf`` if the aggregate is wrong or missing when the window ends; ``nan`` if
        there is no second in the window, or the truth is 0 W and `of_w` not given.

    Raises
    ------
    ValueError
        If shapes differ, the truth is infinite, or the percentage is not above 0.
    """
    _require_truth(aggregate, true_w)
    if not within_percent > 0 or not (of_w is None or of_w > 0):
        raise ValueError("within_percent and of_w must be above 0")
    time_s = aggregate.time_s
    window = (time_s >= step_at_s) & (time_s < until_s)
    t, sent, truth = time_s[window], aggregate.power_w[window], true_w[window]
    if not t.size:
        return Estimate(math.nan, "s", why="there is no second after the step")
    scale = np.abs(truth) if of_w is None else np.full(t.shape, of_w)
    if (scale == 0).any():
        why = "the true power is 0 W: name the power that the percentage is of"
        return Estimate(math.nan, "s", why=why)
    beyond_w = np.abs(sent - truth) - within_percent / 100 * scale
    first = _for_good(beyond_w <= 0)
    best_s = _since(t, _for_good((beyond_w <= 0) | np.isnan(beyond_w)), step_at_s)
    if first is None:
        why = f"when the window ended it was not within {within_percent:g} %"
        ends = (best_s, math.inf) if math.isfinite(best_s) else None
        return Estimate(math.inf, "s", why=why, unseen=ends)
    value_s = _since(t, first, step_at_s)
    margin_w = np.hypot(reference.relative_u * truth, reference.absolute_u_w)
    moved_s = [
        abs(_since(t, _for_good(beyond_w <= sign * margin_w), step_at_s) - value_s)
        for sign in (-1, 1)
    ]
    lines = timing_budget(reference, 1.0 if first else 0.0)
    if max(moved_s) > 0:
        lines.append(Contribution(CROSSING, max(moved_s), "B", reference.source))
    return Estimate(
        value_s,
        "s",
        tuple(lines),
        marks=(("right for good", float(t[first])),),
        unseen=(best_s, value_s) if best_s < value_s else None,
    )


def _for_good(right: Mask) -> int | None:
    """Return from where on all are right, or None if the last is not."""
    wrong = np.flatnonzero(~right)
    after = int(wrong[-1]) + 1 if wrong.size else 0
    return after if after < right.size else None


def _since(time_s: Series, index: int | None, from_s: float) -> float:
    return math.inf if index is None else float(time_s[index]) - from_s
