"""A meter's energy register against a reference standard, and how long that takes.

``docs/definitions.md``, "register error" and "dwell".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.estimate import Estimate
from harness.analysis.quality import GAIN
from harness.analysis.uncertainty import DRAWS, Input, Shape, propagate
from harness.core.recording import Series

HOUR_S = 3600.0
SHARE = 0.1
"""U of what a longer dwell makes smaller may be this part of the bound."""
COVERAGE = 2.0
STEPS, REFRESH, INSTANT = "register steps", "register refresh", "reading instants"


@dataclass(frozen=True, slots=True)
class RegisterQuality:
    """What is known of an energy register."""

    source: str
    step_wh: float
    """One step of what it shows. [Wh]"""
    refresh_s: float = 0.0
    """How often it is renewed: what it shows may be this old. [s]"""
    relative_u: float = 0.0
    """Standard uncertainty of its gain; 0 for the meter that is judged."""
    relative_shape: Shape = Shape.NORMAL


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a register counted between its first and its last reading in a window."""

    energy_wh: float
    lasted_s: float
    instant_u_s: float
    """Standard uncertainty of the instant of one reading. [s]"""

    @property
    def power_w(self) -> float:
        return self.energy_wh / self.lasted_s * HOUR_S


def register_error(
    asked_s: Series,
    arrival_s: Series,
    energy_wh: Series,
    reference_asked_s: Series,
    reference_arrival_s: Series,
    reference_wh: Series,
    *,
    from_s: float,
    until_s: float,
    meter: RegisterQuality,
    reference: RegisterQuality,
    draws: int = DRAWS,
) -> Estimate:
    """How far a meter's register is from a reference standard's at a steady load. [%]

    ``100·(P_meter/P_reference − 1)``, each P being what that register counted between
    its own first and last reading in the window, over the time between them. Positive
    if the meter shows more than flowed. ``docs/definitions.md``, "register error".

    Parameters
    ----------
    asked_s, arrival_s, energy_wh : ndarray of shape (n,)
        When the register was asked for and when its value was there [s]; the register,
        ``nan`` where a read failed. [Wh]
    reference_asked_s, reference_arrival_s, reference_wh : ndarray of shape (m,)
        The same for the reference standard.
    from_s, until_s : float
        The window, in which the load is steady. [s]
    meter, reference : RegisterQuality
        The meter's gain is what is judged, so only its steps and refresh are used.
    draws : int
        Draws of the Monte Carlo beside the linear budget.

    Returns
    -------
    Estimate
        ``nan`` with the reason if either register was read fewer than twice, went
        backwards, or the reference counted nothing.
    """
    own = _counted(asked_s, arrival_s, energy_wh, from_s, until_s, "the register")
    known = _counted(
        reference_asked_s, reference_arrival_s, reference_wh, from_s, until_s,
        "the reference's register",
    )  # fmt: skip
    for one in (own, known):
        if isinstance(one, str):
            return Estimate(math.nan, "%", why=one)
    assert isinstance(own, _Counted)  # noqa: S101 - the loop above returned otherwise
    assert isinstance(known, _Counted)  # noqa: S101 - likewise
    if known.energy_wh <= 0:
        return Estimate(math.nan, "%", why="the reference counted nothing")
    ratio = own.power_w / known.power_w
    mine = _inputs("own", own, meter, scale_w=known.power_w, ratio=ratio)
    theirs = _inputs("reference", known, reference, scale_w=known.power_w, ratio=1.0)

    def model(*errors: Series) -> Series:
        own_errors, reference_errors = errors[: len(mine)], errors[len(mine) :]
        own_ratio = ratio + np.asarray(sum(own_errors))
        found: Series = 100 * (own_ratio / (1 + np.asarray(sum(reference_errors))) - 1)
        return found

    measured = propagate(model, (*mine, *theirs), "%", draws=draws)
    # The plain ratio stays the value, whichever way its uncertainty was found.
    return replace(measured, value=100 * (ratio - 1))


def _inputs(
    whose: str,
    counted: _Counted,
    quality: RegisterQuality,
    *,
    scale_w: float,
    ratio: float,
) -> list[Input]:
    """Return what a register's power may be wrong by, as parts of the reference's.

    `scale_w` is the power of the reference, `ratio` that of this register over it.
    """
    # A difference of two even spreads of one width is a triangle (JCGM 100, 4.3.9).
    step_w = quality.step_wh / math.sqrt(6) * HOUR_S / counted.lasted_s
    refresh = quality.refresh_s / math.sqrt(6) / counted.lasted_s
    instant = math.sqrt(2) * counted.instant_u_s / counted.lasted_s
    parts = (
        (STEPS, step_w / scale_w, Shape.TRIANGULAR, quality.source),
        (REFRESH, ratio * refresh, Shape.TRIANGULAR, quality.source),
        (INSTANT, ratio * instant, Shape.TRIANGULAR, "question and answer"),
        (GAIN, ratio * quality.relative_u, quality.relative_shape, quality.source),
    )
    return [
        Input(f"{whose}: {name}", 0.0, u, "B", source, shape=shape)
        for name, u, shape, source in parts
        if u > 0
    ]


def _counted(
    asked_s: Series,
    arrival_s: Series,
    energy_wh: Series,
    from_s: float,
    until_s: float,
    what: str,
) -> _Counted | str:
    """Return what was counted in the window, or why that cannot be said."""
    if not asked_s.shape == arrival_s.shape == energy_wh.shape or asked_s.ndim != 1:
        raise ValueError(f"{what}: times and values differ in shape")
    if np.isinf(energy_wh).any():
        raise ValueError(f"{what} holds an infinite value")
    inside = np.flatnonzero(
        (asked_s >= from_s) & (arrival_s <= until_s) & np.isfinite(energy_wh)
    )
    if inside.size < 2:
        return f"{what} was read {inside.size} times in the window"
    wh = energy_wh[inside]
    if np.any(np.diff(wh) < 0):
        return f"{what} went backwards"
    first, last = int(inside[0]), int(inside[-1])
    middles = (asked_s + arrival_s) / 2
    lasted_s = float(middles[last] - middles[first])
    if not lasted_s > 0:
        return f"{what} was read at one instant only"
    widest_s = float((arrival_s - asked_s)[[first, last]].max())
    return _Counted(float(wh[-1] - wh[0]), lasted_s, widest_s / math.sqrt(12))


def dwell_needed(
    power_w: float,
    bound_percent: float,
    *,
    meter: RegisterQuality,
    reference: RegisterQuality,
    instant_u_s: float = 0.1,
    share: float = SHARE,
) -> float:
    """How long a load must stand until the registers can tell. [s]

    Until U (k = 2) of all that a longer wait makes smaller, the steps, the refresh and
    the instants of reading of both registers, is `share` of the bound. The gain of the
    reference stays whatever the wait is. ``docs/definitions.md``, "dwell".

    Parameters
    ----------
    power_w : float
        The load. [W]
    bound_percent : float
        The nearest bound on the meter's error. [%]
    meter, reference : RegisterQuality
        Both registers.
    instant_u_s : float
        Standard uncertainty of the instant of one reading. [s]
    share : float
        Part of the bound that U may be.

    Raises
    ------
    ValueError
        If there is no load or no room for an error: no wait is long enough.
    """
    if not power_w > 0 or not bound_percent > 0 or not 0 < share < 1:
        raise ValueError(
            f"no wait is long enough at {power_w:g} W for {bound_percent:g} %"
        )
    per_wh = HOUR_S / power_w
    seconds = [
        part
        for one in (meter, reference)
        for part in (
            one.step_wh * per_wh / math.sqrt(6),
            one.refresh_s / math.sqrt(6),
            math.sqrt(2) * instant_u_s,
        )
    ]
    u_s = math.sqrt(sum(part * part for part in seconds))
    return COVERAGE * u_s / (share * bound_percent / 100)
