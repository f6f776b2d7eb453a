"""Do two meters tell the same story: how much, and when?

Definitions, conventions and sources: ``docs/definitions.md``.
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import (
    GAIN,
    OFFSET,
    SAMPLING,
    SCATTER,
    UPDATE,
    MeterQuality,
    one_sided_u,
    times,
)
from harness.analysis.series import batch_dof, batch_u, checked, framed
from harness.core.recording import Series

ALIKE = 0.005
"""Correlations nearer than this to the best are as good: a step falls by more than that
within a second, a ramp does not."""
SLOW_S = 4.0
"""Changes that are alike over a shorter span of shifts are sharp. [s]"""


def power_agreement(
    own_time_s: Series,
    own_w: Series,
    reference_time_s: Series,
    reference_w: Series,
    *,
    from_s: float,
    until_s: float,
    own_meter: MeterQuality,
    reference_meter: MeterQuality,
    max_age_s: float,
) -> Estimate:
    """How far a device's own power is from the reference's, over a window. [%]

    ``100·(mean own − mean reference)/mean reference``, both taken at the reference's
    sample times; the device's last value stands until its next, for at most
    `max_age_s`. Positive if the device shows more than flowed.
    ``docs/definitions.md``, "own-meter agreement".

    Parameters
    ----------
    own_time_s, own_w : ndarray of shape (n,)
        The device's own channel. [s], [W]
    reference_time_s, reference_w : ndarray of shape (m,)
        The reference meter's channel. [s], [W]
    from_s, until_s : float
        The window. [s]
    own_meter, reference_meter : MeterQuality
        For the own meter only what is not to be judged: resolution and timing.
    max_age_s : float
        Age beyond which a value no longer stands. [s]

    Returns
    -------
    Estimate
        ``nan`` if fewer than nine tenths of the reference's samples have a partner,
        or if the reference shows no power to compare with.
    """
    t, reference = framed(reference_time_s, reference_w, from_s, until_s)
    own = held_at(own_time_s, own_w, t, max_age_s=max_age_s)
    both = np.isfinite(own) & np.isfinite(reference)
    if not t.size or both.mean() < 0.9:
        share = float(both.mean()) if t.size else 0.0
        return Estimate(math.nan, "%", why=f"only {share:.0%} of the samples pair up")
    width_s = np.diff(np.r_[t, until_s])[both]
    if not width_s.sum() > 0:
        return Estimate(math.nan, "%", why="the window is too short to compare in")
    own_mean = float(np.average(own[both], weights=width_s))
    mean = float(np.average(reference[both], weights=width_s))
    if mean <= 2 * reference_meter.absolute_u_w or mean <= 0:
        why = "the reference shows too little power to compare with"
        return Estimate(math.nan, "%", why=why)
    change_w = float(reference[both][-1] - reference[both][0])
    apart_w = own[both] - reference[both]
    budget = _agreement_budget(
        own_mean / mean,
        mean,
        change_w * _lag_u_s(own_time_s, own_meter) / float(width_s.sum()),
        Contribution(
            SCATTER, batch_u(apart_w), "A", "tenths of the window", batch_dof(apart_w)
        ),
        (own_meter, reference_meter),
    )
    return Estimate(100 * (own_mean / mean - 1), "%", budget)


def _agreement_budget(
    ratio: float,
    mean_w: float,
    alignment_w: float,
    scatter: Contribution,
    meters: tuple[MeterQuality, MeterQuality],
) -> tuple[Contribution, ...]:
    own, reference = meters
    percent = 100 / mean_w
    gain = 100 * abs(ratio)
    lines = (
        Contribution(
            f"reference: {GAIN}", gain * reference.relative_u, "B", reference.source
        ),
        Contribution(
            f"reference: {OFFSET}",
            percent * abs(ratio) * reference.absolute_u_w,
            "B",
            reference.source,
        ),
        Contribution(f"own: {GAIN}", gain * own.relative_u, "B", own.source),
        Contribution(f"own: {OFFSET}", percent * own.absolute_u_w, "B", own.source),
        Contribution("alignment", percent * abs(alignment_w), "B", "update intervals"),
        *times((scatter,), percent),
    )
    return tuple(line for line in lines if line.u > 0)


def _lag_u_s(own_time_s: Series, own_meter: MeterQuality) -> float:
    """How late the device's own values may be: its spacing, update and latency."""
    spacing_s = float(np.median(np.diff(own_time_s))) if own_time_s.size > 1 else 0.0
    return math.hypot(
        one_sided_u(spacing_s),
        one_sided_u(own_meter.update_interval_s),
        own_meter.latency_s,
        own_meter.latency_u_s,
    )


def held_at(
    time_s: Series, values: Series, at_s: Series, *, max_age_s: float
) -> Series:
    """Return the last value at each instant, ``nan`` if it is missing or too old."""
    checked(time_s, values)
    if not time_s.size:
        return np.full(at_s.shape, np.nan)
    last = np.searchsorted(time_s, at_s, side="right") - 1
    held = values[np.maximum(last, 0)]
    fresh = (last >= 0) & (at_s - time_s[np.maximum(last, 0)] <= max_age_s)
    return np.where(fresh, held, np.nan)


def register_energy(
    time_s: Series,
    energy_wh: Series,
    *,
    from_s: float,
    until_s: float,
    resolution_wh: float,
    source: str,
    relative_u: float = 0.0,
    max_age_s: float | None = None,
) -> Estimate:
    """Energy between two readings of a counting register. [Wh]

    Straight lines between readings. ``docs/definitions.md``, "register energy".

    Parameters
    ----------
    time_s, energy_wh : ndarray of shape (n,)
        Bench times [s] and the register, ``nan`` where a read failed. [Wh]
    from_s, until_s : float
        The window. [s]
    resolution_wh : float
        One step of the register. [Wh]
    source : str
        Where resolution and accuracy come from.
    relative_u : float
        Standard uncertainty as a share of the energy.
    max_age_s : float, optional
        Longest stretch between readings that is bridged. [s]

    Returns
    -------
    Estimate
        ``nan`` if the register was not read around both ends, or went backwards.
    """
    checked(time_s, energy_wh)
    seen = np.isfinite(energy_wh)
    t, wh = time_s[seen], energy_wh[seen]
    if t.size < 2 or from_s < t[0] or until_s > t[-1]:
        why = "the register was not read before and after the window"
        return Estimate(math.nan, "Wh", why=why)
    if np.any(np.diff(wh) < 0):
        return Estimate(math.nan, "Wh", why="the register went backwards")
    around = np.searchsorted(t, [from_s, until_s], side="left").clip(1)
    spacing_s, step_wh = t[around] - t[around - 1], wh[around] - wh[around - 1]
    if max_age_s is not None and float(spacing_s.max()) > max_age_s:
        why = f"the register was not read for {float(spacing_s.max()):.4g} s"
        return Estimate(math.nan, "Wh", why=why)
    value = float(np.diff(np.interp([from_s, until_s], t, wh))[0])
    lines = (
        # Two quantised readings: the difference of two even spreads of one step.
        Contribution("register steps", resolution_wh / math.sqrt(6), "B", source),
        Contribution(
            SAMPLING, float(np.sqrt((step_wh**2).sum() / 12)), "B", "reading interval"
        ),
        Contribution(GAIN, relative_u * abs(value), "B", source),
    )
    return Estimate(value, "Wh", tuple(line for line in lines if line.u > 0))


def lag_behind(
    time_s: Series,
    power_w: Series,
    other_time_s: Series,
    other_w: Series,
    *,
    from_s: float,
    until_s: float,
    meter: MeterQuality,
    other_meter: MeterQuality,
    max_lag_s: float = 300.0,
    step_s: float = 1.0,
    least_likeness: float = 0.8,
) -> Estimate:
    """How much later the first meter shows the changes that the other shows. [s]

    The shift at which the two look most alike (largest Pearson correlation, both
    held between samples on a common grid). Negative if the first is earlier.
    ``docs/definitions.md``, "lag between meters".

    Parameters
    ----------
    time_s, power_w, other_time_s, other_w : ndarray
        The meter asked about and the one to compare with. [s], [W]
    from_s, until_s : float
        The window; the shifted series may reach `max_lag_s` beyond it. [s]
    meter, other_meter : MeterQuality
        Update interval, latency and clock are used.
    max_lag_s, step_s : float
        Range and grid of the shifts tried. [s]
    least_likeness : float
        Correlation below which the two do not show the same change.

    Returns
    -------
    Estimate
        ``nan`` if neither changed enough to tell, or they never look alike.
    """
    shifts = round(max_lag_s / step_s)
    grid_s: Series = np.arange(from_s, until_s, step_s, dtype=np.float64)
    around_s: Series = from_s + step_s * np.arange(
        -shifts, grid_s.size + shifts, dtype=np.float64
    )
    kept_s = max_lag_s + 10 * step_s
    still = _filled(held_at(other_time_s, other_w, grid_s, max_age_s=kept_s))
    moved = _filled(held_at(time_s, power_w, around_s, max_age_s=kept_s))
    if still is None or moved is None or np.ptp(still) == 0 or np.ptp(moved) == 0:
        return Estimate(math.nan, "s", why="power did not change enough to tell")
    likeness = _likeness(still, moved)
    best = int(np.argmax(likeness))
    if likeness[best] < least_likeness:
        why = f"the two meters do not show the same change (r = {likeness[best]:.2f})"
        return Estimate(math.nan, "s", why=why)
    tied = np.flatnonzero(likeness >= likeness[best] - 1e-9)
    lag_s = float((tied.mean() - shifts) * step_s)
    budget = _lag_budget(step_s * tied.size, meter, other_meter)
    # A slow ramp looks alike over many shifts: which of them it is nobody can say.
    alike_s = step_s * float(np.ptp(np.flatnonzero(likeness >= likeness[best] - ALIKE)))
    if alike_s > SLOW_S:
        budget += (Contribution("a slow change", alike_s / math.sqrt(12), "A"),)
    # Read less often than the shifts are tried, a change is seen as much later.
    for name, t in (("its readings", time_s), ("the other's readings", other_time_s)):
        seldom_s = float(np.median(np.diff(t))) if t.size > 1 else 0.0
        if seldom_s > 1.5 * step_s:
            budget += (Contribution(name, one_sided_u(seldom_s), "B", "their spacing"),)
    return Estimate(lag_s, "s", budget)


def _lag_budget(
    width_s: float, meter: MeterQuality, other: MeterQuality
) -> tuple[Contribution, ...]:
    lines = [Contribution(SAMPLING, width_s / math.sqrt(3), "B", "grid of the shifts")]
    for one in (meter, other):
        lines.append(
            Contribution(UPDATE, one_sided_u(one.update_interval_s), "B", one.source)
        )
        lines.append(Contribution("latency", one.latency_u_s, "B", one.source))
    return tuple(line for line in lines if line.u > 0)


def _filled(values: Series) -> Series | None:
    """Bridge what is missing by the neighbours; None if under half is there."""
    seen = np.isfinite(values)
    if not values.size or seen.mean() < 0.5:
        return None
    at = np.arange(values.size)
    return np.interp(at, at[seen], values[seen])


def _likeness(still: Series, moved: Series) -> Series:
    """Pearson correlation of `still` with each stretch of `moved`."""
    size = still.size
    centred = still - still.mean()
    # The mean of `moved` is taken off first, or its square would eat the digits.
    moved = moved - moved.mean()
    product = np.correlate(moved, centred, mode="valid")
    total = np.cumsum(np.r_[0.0, moved])
    squares = np.cumsum(np.r_[0.0, moved**2])
    sums = total[size:] - total[:-size]
    spread = (squares[size:] - squares[:-size]) - sums**2 / size
    floor = 1e-9 * max(float(spread.max()), 1e-300)
    scale = np.sqrt(np.maximum(spread, floor) * float((centred**2).sum()))
    likeness: Series = np.where(spread > floor, product / scale, 0.0)
    return likeness
