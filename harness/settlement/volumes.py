"""Half-hourly energy with its uncertainty, and what was missing by name.

Import is positive. ``docs/definitions.md``, "metered volume" and "delivered volume".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from harness.analysis.agreement import register_energy
from harness.analysis.delivery import HOUR_S, mean_power
from harness.analysis.estimate import Estimate
from harness.analysis.quality import MeterQuality, difference, scaled
from harness.analysis.registers import RegisterQuality
from harness.analysis.series import checked
from harness.core.calendar import (
    PERIOD_S,
    PeriodOnBench,
    SettlementPeriod,
    periods_on_bench,
)
from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class HalfHour:
    """What one meter counted in one settlement period."""

    period: SettlementPeriod
    energy: Estimate
    """In Wh, import positive; ``nan`` if the period cannot be settled, with `why`."""
    seen_s: float = PERIOD_S
    """How much of the period the meter saw. [s]"""
    mark: str = ""
    """What was missing, as a clause; ``""`` if nothing was."""

    @property
    def settled(self) -> bool:
        """Whether there is an energy to settle."""
        return math.isfinite(self.energy.value)


def metered(
    time_s: Series,
    power_w: Series,
    *,
    starts_at: datetime,
    from_s: float,
    until_s: float,
    meter: MeterQuality,
) -> tuple[HalfHour, ...]:
    """Return the energy of every settlement period that a trial saw a part of.

    Mean power of the period times half an hour. A period that the trial does not cover
    whole is not settled. A gap is marked by name and left open in `Estimate.unseen`;
    with less than half of the period seen nothing is settled.

    Parameters
    ----------
    time_s, power_w : ndarray of shape (n,)
        Bench times [s] and power, ``nan`` where a read failed. [W]
    starts_at : datetime
        Civil time of bench second 0, with its zone.
    from_s, until_s : float
        What the trial watched, in bench time. [s]
    meter : MeterQuality
        The meter's error.
    """
    return tuple(
        _from_power(time_s, power_w, part, meter)
        for part in periods_on_bench(starts_at, from_s=from_s, until_s=until_s)
    )


def metered_by_register(
    time_s: Series,
    register_wh: Series,
    *,
    starts_at: datetime,
    from_s: float,
    until_s: float,
    register: RegisterQuality,
    max_age_s: float = PERIOD_S / 30,
) -> tuple[HalfHour, ...]:
    """Return the same from a counting register.

    The register must have been read around both ends of a period, with at most
    `max_age_s` between the two readings; else the period is marked and not settled.
    """
    found = []
    for part in periods_on_bench(starts_at, from_s=from_s, until_s=until_s):
        if not part.whole:
            found.append(_cut_off(part))
            continue
        energy = register_energy(
            time_s,
            register_wh,
            from_s=part.from_s,
            until_s=part.until_s,
            resolution_wh=register.step_wh,
            source=register.source,
            relative_u=register.relative_u,
            max_age_s=max_age_s,
        )
        seen_s = PERIOD_S if math.isfinite(energy.value) else 0.0
        found.append(HalfHour(part.period, energy, seen_s, energy.why))
    return tuple(found)


def _cut_off(part: PeriodOnBench) -> HalfHour:
    seen_s = part.until_s - part.from_s
    why = f"the trial covers {seen_s / 60:.3g} of its {PERIOD_S / 60:g} minutes"
    return HalfHour(part.period, Estimate(math.nan, "Wh", why=why), seen_s, why)


def _from_power(
    time_s: Series, power_w: Series, part: PeriodOnBench, meter: MeterQuality
) -> HalfHour:
    if not part.whole:
        return _cut_off(part)
    span = {"from_s": part.from_s, "until_s": part.until_s}
    mean = mean_power(time_s, power_w, meter=meter, **span)
    seen_s, mark = _missing(time_s, power_w, part)
    return HalfHour(part.period, scaled(mean, PERIOD_S / HOUR_S, "Wh"), seen_s, mark)


def _missing(time_s: Series, power_w: Series, part: PeriodOnBench) -> tuple[float, str]:
    """Return how long the meter saw, and where in the period it did not."""
    t, p = checked(time_s, power_w)
    begin, end = np.maximum(t[:-1], part.from_s), np.minimum(t[1:], part.until_s)
    use = (end > begin) & np.isfinite(p[:-1]) & np.isfinite(p[1:])
    if not use.any():
        return 0.0, "no reading at all"
    seen_s = float((end - begin)[use].sum())
    at_start = float(begin[use][0]) - part.from_s
    at_end = part.until_s - float(end[use][-1])
    within = PERIOD_S - seen_s - at_start - at_end
    parts = ((at_start, "at its start"), (at_end, "at its end"), (within, "within"))
    said = [f"{gap_s:.0f} s {where}" for gap_s, where in parts if gap_s > 0.5]
    return seen_s, f"missing: {', '.join(said)}" if said else ""


def delivered(half: HalfHour, baseline: Estimate, *, upwards: bool) -> Estimate:
    """Return a half-hour's delivered volume, positive in the direction asked. [Wh]

    A gap helps nobody: it delivered nothing, or the worst that was seen if that is
    worse. The gain of one meter acts on the difference alone if the baseline has a line
    for it. ``docs/definitions.md``, "delivered volume".

    Parameters
    ----------
    half : HalfHour
        What was metered.
    baseline : Estimate
        What would have been metered without the instruction. [Wh]
    upwards : bool
        Whether more import was asked for.
    """
    pair = (half.energy, baseline) if upwards else (baseline, half.energy)
    change = difference(*pair)
    if half.energy.unseen is None or math.isnan(change.value):
        return replace(change, unseen=None)
    sign = 1.0 if upwards else -1.0
    ends = [sign * (end - baseline.value) for end in half.energy.unseen]
    nothing_wh = change.value * half.seen_s / PERIOD_S
    worst_wh = min(*ends, nothing_wh)
    return replace(change, value=worst_wh, unseen=(worst_wh, max(*ends, worst_wh)))
