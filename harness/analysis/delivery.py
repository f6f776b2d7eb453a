"""What was delivered: how much power, how much energy, and what came after.

Definitions, conventions and sources: ``docs/definitions.md``. Import is positive;
*delivered* is positive in the direction that was asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import (
    BASELINE,
    GAIN,
    OFFSET,
    SAMPLING,
    SCATTER,
    MeterQuality,
    difference,
    scaled,
)
from harness.analysis.series import batch_dof, batch_u, checked, framed
from harness.core.recording import Series

HOUR_S = 3600.0


def mean_power(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    meter: MeterQuality,
) -> Estimate:
    """Mean power over a window, by straight lines between samples. [W]

    Gaps are left out of the mean; `Estimate.unseen` then spans what it would be had
    they been at the least or the most that was seen. ``nan`` if less than half of
    the window was seen. ``docs/definitions.md``, "mean power".
    """
    area = _Area.under(time_s, power_w, from_s, until_s)
    total_s = until_s - from_s
    if not total_s > 0:
        raise ValueError(f"the window from {from_s:g} s to {until_s:g} s is empty")
    if area.covered_s < 0.5 * total_s:
        seen = max(area.covered_s, 0.0) / total_s
        return Estimate(math.nan, "W", why=f"only {seen:.0%} of the window was seen")
    value_w = area.joules / area.covered_s
    lines = (
        Contribution(GAIN, meter.relative_u * abs(value_w), "B", meter.source),
        Contribution(OFFSET, meter.absolute_u_w, "B", meter.source),
        Contribution(
            SAMPLING, area.u_joules / area.covered_s, "B", "the recording's spacing"
        ),
    )
    gap_s = total_s - area.covered_s
    return Estimate(
        value_w,
        "W",
        tuple(line for line in lines if line.u > 0),
        unseen=area.ends_w(total_s) if gap_s > 1e-9 * total_s else None,
    )


@dataclass(frozen=True, slots=True)
class _Area:
    """The area under a power curve, as far as it was seen."""

    joules: float
    u_joules: float
    """From what power did between samples: anywhere between the two, evenly."""
    covered_s: float
    lowest_w: float
    highest_w: float

    @classmethod
    def under(
        cls, time_s: Series, power_w: Series, from_s: float, until_s: float
    ) -> _Area:
        t, p = checked(time_s, power_w)
        begin, end = np.maximum(t[:-1], from_s), np.minimum(t[1:], until_s)
        use = (end > begin) & np.isfinite(p[:-1]) & np.isfinite(p[1:])
        if not use.any():
            return cls(0.0, 0.0, 0.0, math.nan, math.nan)
        begin, end = begin[use], end[use]
        left_s, left_w = t[:-1][use], p[:-1][use]
        slope = (p[1:][use] - left_w) / (t[1:][use] - left_s)
        begin_w, end_w = (left_w + slope * (at - left_s) for at in (begin, end))
        width_s = end - begin
        u_joules = np.abs(end_w - begin_w) * width_s / math.sqrt(12)
        return cls(
            float(((begin_w + end_w) / 2 * width_s).sum()),
            float(np.sqrt((u_joules**2).sum())),
            float(width_s.sum()),
            float(np.minimum(begin_w, end_w).min()),
            float(np.maximum(begin_w, end_w).max()),
        )

    def ends_w(self, total_s: float) -> tuple[float, float]:
        gap_s = total_s - self.covered_s
        low = (self.joules + gap_s * self.lowest_w) / total_s
        high = (self.joules + gap_s * self.highest_w) / total_s
        return low, high


def level(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    meter: MeterQuality,
) -> Estimate:
    """Power before an event, as what it would have stayed at. [W]

    The mean over the window; its scatter between tenths of the window (type A) is
    part of the budget, because the mean stands for a time that it was not measured
    in. ``docs/definitions.md``, "power before the event".
    """
    mean = mean_power(time_s, power_w, from_s=from_s, until_s=until_s, meter=meter)
    _, p = framed(time_s, power_w, from_s, until_s)
    scatter = Contribution(
        SCATTER, batch_u(p), "A", "tenths of the window", batch_dof(p)
    )
    return replace(mean, budget=(*mean.budget, scatter)) if scatter.u > 0 else mean


def delivered_power(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    baseline: Estimate,
    upwards: bool,
    meter: MeterQuality,
) -> Estimate:
    """Mean change of power over an event, positive in the direction asked. [W]

    Parameters
    ----------
    time_s, power_w : ndarray of shape (n,)
        Bench times [s] and active power. [W]
    from_s, until_s : float
        The event. [s]
    baseline : Estimate
        Power had there been no event, in W, from the same meter (`level`), or from
        elsewhere, if its budget has no line called ``meter gain``.
    upwards : bool
        True if more import was asked for, False if less.
    meter : MeterQuality
        The meter's error; its gain acts on the difference only.

    Returns
    -------
    Estimate
        A gap counts as nothing delivered, or as the worst that was seen if that
        is worse; `Estimate.unseen` also says what it could have been at best.
    """
    mean = mean_power(time_s, power_w, from_s=from_s, until_s=until_s, meter=meter)
    first, second = (mean, baseline) if upwards else (baseline, mean)
    change = difference(first, second)
    if mean.unseen is None or math.isnan(change.value):
        return change
    sign = 1.0 if upwards else -1.0
    worst_w = sign * (mean.unseen[0 if upwards else 1] - baseline.value)
    best_w = sign * (mean.unseen[1 if upwards else 0] - baseline.value)
    area = _Area.under(time_s, power_w, from_s, until_s)
    nothing_w = change.value * area.covered_s / (until_s - from_s)
    worst_w = min(worst_w, nothing_w)
    return replace(change, value=worst_w, unseen=(worst_w, max(best_w, worst_w)))


def delivered_energy(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    baseline: Estimate,
    upwards: bool,
    meter: MeterQuality,
) -> Estimate:
    """Energy delivered over an event: delivered power times its length. [Wh]"""
    power = delivered_power(
        time_s,
        power_w,
        from_s=from_s,
        until_s=until_s,
        baseline=baseline,
        upwards=upwards,
        meter=meter,
    )
    return scaled(power, (until_s - from_s) / HOUR_S, "Wh")


def delivered_share(delivered: Estimate, asked_w: float) -> Estimate:
    """Delivered power as a share of what was asked for. [%]

    ``docs/definitions.md``, "accepted but not delivered".
    """
    if not asked_w > 0:
        raise ValueError(f"asked_w is {asked_w:g}; it must be above 0 W")
    return scaled(delivered, 100 / asked_w, "%")


def rebound_energy(
    time_s: Series,
    power_w: Series,
    *,
    released_at_s: float,
    until_s: float,
    baseline: Estimate,
    upwards: bool,
    meter: MeterQuality,
) -> Estimate:
    """Energy beyond the level before the event, after its release. [Wh]

    Only the part beyond counts: above the level after a turn-down (`upwards`
    True), below it after a turn-up. ``docs/definitions.md``, "rebound".
    """
    sign = 1.0 if upwards else -1.0
    beyond_w = np.where(
        np.isnan(power_w), np.nan, np.maximum(sign * (power_w - baseline.value), 0.0)
    )
    plain = replace(meter, relative_u=0.0, absolute_u_w=0.0)
    mean = mean_power(
        time_s, beyond_w, from_s=released_at_s, until_s=until_s, meter=plain
    )
    if math.isnan(mean.value):
        return replace(mean, unit="Wh")
    share = float(np.nanmean(framed(time_s, beyond_w, released_at_s, until_s)[1] > 0))
    lines = (
        Contribution(GAIN, meter.relative_u * mean.value, "B", meter.source),
        Contribution(OFFSET, meter.absolute_u_w * share, "B", meter.source),
        Contribution(BASELINE, _ungained_u(baseline) * share, "B", "its own budget"),
    )
    budget = (*mean.budget, *(line for line in lines if line.u > 0))
    worst_w = mean.value if mean.unseen is None else mean.unseen[1]
    return scaled(
        replace(mean, value=worst_w, budget=budget),
        (until_s - released_at_s) / HOUR_S,
        "Wh",
    )


def _ungained_u(baseline: Estimate) -> float:
    """The level's uncertainty without the gain, which acts on the difference."""
    return math.sqrt(sum(one.u**2 for one in baseline.budget if one.name != GAIN))
