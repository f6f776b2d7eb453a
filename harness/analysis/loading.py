"""How heavily an asset of the network is loaded, against its rating.

``docs/definitions.md``, "peak loading".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.delivery import mean_power
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import (
    GAIN,
    OFFSET,
    MeterQuality,
    scaled,
    total,
)
from harness.analysis.series import framed
from harness.core.recording import Series

MINUTE_S = 60.0


def peak_loading(
    time_s: Series,
    home_w: Series,
    others_w: Series,
    *,
    homes: int,
    rating_w: float,
    from_s: float,
    until_s: float,
    meter: MeterQuality,
) -> Estimate:
    """Highest load of an asset over a window, as a share of its rating. [%]

    Parameters
    ----------
    time_s, home_w : ndarray of shape (n,)
        The boundary meter of one home. [s], [W]
    others_w : ndarray of shape (n,)
        Load of everybody else at the same moments, taken as exact. [W]
    homes : int
        How many homes like it the asset carries.
    rating_w : float
        Its rating, at unity power factor. [W]
    from_s, until_s : float
        The window. [s]
    meter : MeterQuality
        The boundary meter's error: it is that of every home.

    Returns
    -------
    Estimate
        ``nan`` if nothing was seen. Gaps may have held any load: `unseen` is then open
        upwards.
    """
    if not rating_w > 0 or homes < 1:
        raise ValueError(f"a rating of {rating_w:g} W or {homes} homes is none")
    t, home = framed(time_s, home_w, from_s, until_s)
    seen = np.isfinite(home)
    if not seen.any():
        return Estimate(math.nan, "%", why="nothing was seen of the load")
    load = homes * home + np.interp(t, time_s, others_w)
    at = int(np.nanargmax(load))
    share = 100 / rating_w
    lines = (
        Contribution(GAIN, share * homes * abs(home[at]) * meter.relative_u, "B",
                     meter.source),
        Contribution(OFFSET, share * homes * meter.absolute_u_w, "B", meter.source),
    )  # fmt: skip
    found = Estimate(
        share * float(load[at]),
        "%",
        tuple(line for line in lines if line.u > 0),
        marks=(("peak", float(t[at])),),
    )
    return found if seen.all() else replace(found, unseen=(found.value, math.inf))


@dataclass(frozen=True, slots=True)
class Part:
    """One of several loads that an asset carries, or the one of a site."""

    time_s: Series
    power_w: Series
    """Of one device. [W]"""
    like: int
    """How many devices like it there are."""
    meter: MeterQuality


def busiest_minute(
    parts: Sequence[Part], may_w: Series, minutes_s: Series, *, others_w: Series
) -> Estimate:
    """Highest minute's mean of some loads together, as a share of what they may. [%]

    Parameters
    ----------
    parts : sequence of Part
        Each with a meter of its own; their errors are independent.
    may_w : ndarray of shape (m,)
        What they may draw together in each minute; negative for what they may feed
        in. [W]
    minutes_s : ndarray of shape (m,)
        When each minute begins, in bench time. [s]
    others_w : ndarray of shape (m,)
        What everybody else draws, taken as exact. [W]

    Returns
    -------
    Estimate
        Negative where power flows the other way. ``nan`` if no minute was seen by all
        meters; a minute that was not leaves `unseen` open upwards.
    """
    if not parts or np.any(may_w == 0):
        raise ValueError("nothing is carried, or nothing may be")
    best, missed = None, ""
    for begins_s, may, others in zip(minutes_s, may_w, others_w, strict=True):
        load = _in_minute(parts, float(begins_s), float(others))
        if math.isnan(load.value):
            missed = load.why or "a minute was not seen"
            continue
        share = scaled(load, 100 / float(may), "%")
        if best is None or share.value > best.value:
            best = replace(share, marks=(("busiest minute", float(begins_s)),))
    if best is None:
        return Estimate(math.nan, "%", why=missed or "nothing was seen")
    if missed and best.unseen is None:
        return replace(best, unseen=(best.value, math.inf))
    return best


def _in_minute(parts: Sequence[Part], begins_s: float, others_w: float) -> Estimate:
    means = (
        scaled(
            mean_power(
                part.time_s, part.power_w, from_s=begins_s, until_s=begins_s + MINUTE_S,
                meter=part.meter,
            ),
            float(part.like),
            "W",
        )
        for part in parts
    )  # fmt: skip
    return total([Estimate(others_w, "W"), *means], shared=False)
