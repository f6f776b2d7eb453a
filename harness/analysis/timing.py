"""How often a meter shows a new value, how it flickers, how right its clock is.

Measured on the bench, since data sheets leave it open. Definitions:
``docs/definitions.md``, "update interval", "noise floor", "clock offset".
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import SAMPLING, SCATTER, one_sided_u
from harness.analysis.series import stacked
from harness.core.recording import Series

MAD_TO_SIGMA = 1.4826
"""From the median absolute deviation to a standard deviation, for a normal spread."""


def update_interval(time_s: Series, *values: Series) -> Estimate:
    """Usual time between two changes of what a meter shows: the median. [s]

    Give all that it measures: power may rest, mains voltage hardly does. A meter that
    is read more slowly than it updates shows something new at every read: then this
    is the reading interval, and ``unseen`` says that the truth may be anything below.

    Raises
    ------
    ValueError
        If no quantity is given, or their shapes differ from `time_s`.
    """
    table, whole = stacked(time_s, values)
    t, rows = time_s[whole], table[:, whole]
    if t.size < 3:
        return Estimate(math.nan, "s", why="fewer than three whole readings")
    new = (np.diff(rows, axis=1) != 0).any(axis=0)
    changed_s = t[1:][new]
    if changed_s.size < 2:
        return Estimate(math.nan, "s", why="it showed the same throughout")
    spacing_s = float(np.median(np.diff(t)))
    interval_s = float(np.median(np.diff(changed_s)))
    budget = (
        Contribution(SAMPLING, one_sided_u(spacing_s), "B", "the reading interval"),
    )
    slow = interval_s < 1.5 * spacing_s
    unseen = (0.0, interval_s) if slow else None
    return Estimate(interval_s, "s", budget, unseen=unseen)


def noise_floor(values: Series, unit: str) -> Estimate:
    """How much neighbouring readings differ beyond what truly changed. [`unit`]

    The spread of the differences between neighbours, over √2, from their median
    absolute deviation: a step or a slow drift of the load hardly moves it.
    """
    known = values[np.isfinite(values)]
    if known.size < 10:
        return Estimate(math.nan, unit, why="fewer than ten readings")
    steps = np.diff(known)
    mad = float(np.median(np.abs(steps - np.median(steps))))
    return Estimate(MAD_TO_SIGMA * mad / math.sqrt(2), unit)


def value_step(values: Series) -> float:
    """Return the step that values come in, in their unit; ``nan`` if they do not move.

    The largest power of ten, down to a millionth, that all of them are multiples of:
    what a person sees when looking at the digits. ``docs/definitions.md``,
    "resolution".
    """
    known = np.unique(values[np.isfinite(values)])
    if known.size < 2:
        return math.nan
    for power in range(3, -7, -1):
        step = 10.0**power
        rest = np.abs(known / step - np.round(known / step))
        if rest.max() < 1e-5:
            return step
    return 10.0**-7


def decimal_places(step: float) -> float:
    """Return the decimal places of a figure that comes in such steps. [d.p.]

    1 W is 1e-6 MW: six places. ``docs/definitions.md``, "resolution".
    """
    if not step > 0:
        raise ValueError(f"a step of {step:g} is none")
    return float(math.floor(-math.log10(step) + 1e-9))


def clock_offset(device_s: Series, arrival_s: Series) -> Estimate:
    """How far a device's clock is ahead of the bench's, by its own time stamps. [s]

    Device time minus arrival time, both on the bench clock, as a median: the way from
    the device to the harness makes it look behind by as long as it takes, and
    one-sided, so the least delay seen bounds it.
    """
    both = np.isfinite(device_s) & np.isfinite(arrival_s)
    if not both.any():
        return Estimate(math.nan, "s", why="it gives no time of its own")
    apart = device_s[both] - arrival_s[both]
    spread = MAD_TO_SIGMA * float(np.median(np.abs(apart - np.median(apart))))
    few = float(apart.size - 1) if apart.size > 1 else math.inf
    lines = [
        Contribution(SCATTER, spread / math.sqrt(apart.size), "A", "its stamps", few)
    ]
    width_s = float(np.max(apart) - np.median(apart))
    lines.append(Contribution("delay on the way", one_sided_u(width_s), "B", "arrival"))
    return Estimate(
        float(np.median(apart)), "s", tuple(line for line in lines if line.u > 0)
    )
