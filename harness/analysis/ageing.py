"""How fast a transformer's insulation ages under a load, against a life as designed.

The thermal model of IEC 60076-7 for an oil-filled distribution transformer: top oil
follows the load with its time constant, the hot spot follows the oil; insulation ages
twice as fast for every 6 K above 98 °C. Constants are those of the standard's table for
distribution transformers with natural cooling, from general knowledge: unverified.
``docs/definitions.md``, "relative ageing".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.core.recording import Series

MINUTE_S = 60.0
REFERENCE_C, DOUBLES_K = 98.0, 6.0


@dataclass(frozen=True, slots=True)
class ThermalModel:
    """Constants of a transformer's temperatures."""

    oil_rise_k: float = 55.0
    """Of the top oil at rated load. [K]"""
    hot_spot_k: float = 23.0
    """Of the hot spot above it at rated load. [K]"""
    loss_ratio: float = 5.0
    """Losses under rated load to those without load."""
    oil_exponent: float = 0.8
    winding_exponent: float = 1.6
    oil_s: float = 180 * MINUTE_S
    """Time constant of the oil. [s]"""
    winding_s: float = 4 * MINUTE_S
    """Time constant of the winding. [s]"""


def hot_spot_c(
    time_s: Series, load: Series, *, ambient_c: float, model: ThermalModel
) -> Series:
    """Return the temperature of the hot spot, steady before the first sample. [°C]

    Parameters
    ----------
    time_s : ndarray of shape (n,)
        Rising. [s]
    load : ndarray of shape (n,)
        As a share of the rating; not negative.
    """
    share = (1 + model.loss_ratio * load**2) / (1 + model.loss_ratio)
    oil_goal = model.oil_rise_k * share**model.oil_exponent
    winding_goal = model.hot_spot_k * load**model.winding_exponent
    oil, winding = oil_goal[0], winding_goal[0]
    found = np.empty(load.size)
    found[0] = ambient_c + oil + winding
    for n, step_s in enumerate(np.diff(time_s).tolist(), 1):
        oil += (oil_goal[n] - oil) * -math.expm1(-step_s / model.oil_s)
        winding += (winding_goal[n] - winding) * -math.expm1(-step_s / model.winding_s)
        found[n] = ambient_c + oil + winding
    return found


def life_used_s(
    time_s: Series, load: Series, *, ambient_c: float, model: ThermalModel
) -> float:
    """Return how much of its life a load takes, in seconds at the designed pace. [s]"""
    hot = hot_spot_c(time_s, load, ambient_c=ambient_c, model=model)
    pace = 2.0 ** ((hot - REFERENCE_C) / DOUBLES_K)
    return float(np.trapezoid(pace, time_s))


def ageing_saved(
    time_s: Series,
    load: Series,
    without: Series,
    *,
    ambient_c: float,
    load_u: float,
    source: str,
    model: ThermalModel | None = None,
) -> Estimate:
    """Share of the life used without a service that it spared. [%]

    Parameters
    ----------
    time_s : ndarray of shape (n,)
        Rising. [s]
    load, without : ndarray of shape (n,)
        With the service and without it, as shares of the rating.
    ambient_c : float
        Taken as exact. [°C]
    load_u : float
        Relative standard uncertainty of both, from one meter.
    source : str
        Of that uncertainty.

    Returns
    -------
    Estimate
        ``nan`` if a load is missing, or fewer than two samples are there.
    """
    used = model or ThermalModel()
    if time_s.size < 2 or not np.isfinite(load).all() or not np.isfinite(without).all():
        return Estimate(math.nan, "%", why="the load was not seen all of the time")

    def share(factor: float) -> float:
        with_s, without_s = (
            life_used_s(time_s, np.maximum(one * factor, 0), ambient_c=ambient_c,
                        model=used)
            for one in (load, without)
        )  # fmt: skip
        return 100 * (1 - with_s / without_s)

    value = share(1.0)
    u = abs(share(1.0 + load_u) - value)
    return Estimate(value, "%", (Contribution("meter", u, "B", source),))
