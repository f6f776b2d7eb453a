"""How soon, how fast and how steadily power followed an instruction.

Definitions, conventions and sources: ``docs/definitions.md``. Import is positive.
In every function a gap (``nan``) is outside the band: it never helps a device, and
`Estimate.unseen` says what the value could have been had the gap been good.
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.arrival import Stay, arrival_spread, moved_u, width_s
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import CROSSING, MeterQuality, timing_budget
from harness.analysis.series import Band, Mask, ends_early, framed
from harness.analysis.uncertainty import DRAWS
from harness.core.recording import Series


def response_time(
    time_s: Series,
    power_w: Series,
    *,
    sent_at_s: float,
    band: Band,
    dwell_s: float,
    meter: MeterQuality,
    until_s: float = math.inf,
    ride_through_s: float = 0.0,
    draws: int = DRAWS,
) -> Estimate:
    """Time from an instruction until power is in its band and stays there. [s]

    Parameters
    ----------
    time_s, power_w : ndarray of shape (n,)
        Bench times [s] and active power of a reference meter. [W]
    sent_at_s : float
        When the instruction left the harness, bench time. [s]
    band : Band
        Powers that count as arrived.
    dwell_s : float
        How long power must stay in the band to count as arrived. [s]
    meter : MeterQuality
        The meter's error and timing; its latency is corrected for.
    until_s : float
        When the instruction ends; an arrival must dwell before it. [s]
    ride_through_s : float
        Departures up to this long do not end a stay. [s]
    draws : int
        Draws of the Monte Carlo that says where the truth may lie.

    Returns
    -------
    Estimate
        The latest arrival that the samples allow. ``inf`` if power never came to
        stay; ``nan`` if the recording does not reach far enough to tell.

    Notes
    -----
    ``docs/definitions.md``, "response time".
    """
    t, p = framed(time_s, power_w, sent_at_s, until_s)
    if not np.isfinite(p).any():
        return _nothing("s", "no sample after the instruction")
    stay = Stay(t, dwell_s, ride_through_s)
    first = stay.arrival(band.holds(p))
    hopeful = stay.arrival(band.holds(p) | np.isnan(p))
    best_s = _since(t, hopeful, sent_at_s, meter)
    if first is None:
        cut_short = ends_early(time_s, until_s)
        return _never_stayed(t, p, band, stay, best_s, cut_short=cut_short)
    value_s = _since(t, first, sent_at_s, meter)
    lines = timing_budget(meter, width_s(t, p, first, sent_at_s))
    crossing_s = moved_u(stay, p, band, first, meter)
    if crossing_s > 0:
        lines.append(Contribution(CROSSING, crossing_s, "B", meter.source))
    return Estimate(
        value_s,
        "s",
        tuple(lines),
        marks=(("settled", float(t[first])),),
        unseen=(best_s, value_s) if best_s < value_s else None,
        spread=arrival_spread(
            stay, p, band, sent_at_s=sent_at_s, meter=meter, draws=draws
        ),
    )


def _never_stayed(
    t: Series, p: Series, band: Band, stay: Stay, best_s: float, *, cut_short: bool
) -> Estimate:
    """Tell a device that never came from a recording that stopped too soon."""
    if cut_short and bool(band.holds(p[-1:])[0]):
        why = f"the recording ended before power had stayed for {stay.dwell_s:g} s"
        return _nothing("s", why)
    miss_w = float(np.nanmin(np.maximum(band.low_w - p, p - band.high_w)))
    why = f"power was never {band} for {stay.dwell_s:g} s"
    if miss_w > 0:
        why += f"; its nearest was {miss_w:.4g} W away"
    return Estimate(math.inf, "s", why=why, unseen=_hope(best_s))


def _hope(best_s: float) -> tuple[float, float] | None:
    return (best_s, math.inf) if math.isfinite(best_s) else None


def _since(
    t: Series, index: int | None, sent_at_s: float, meter: MeterQuality
) -> float:
    if index is None:
        return math.inf
    return max(float(t[index]) - sent_at_s - meter.latency_s, 0.0)


def settling_time(
    time_s: Series,
    power_w: Series,
    *,
    sent_at_s: float,
    until_s: float,
    band: Band,
    meter: MeterQuality,
) -> Estimate:
    """Time from an instruction until power leaves its band no more. [s]

    Unlike `response_time` it looks back from `until_s`: one late departure moves
    it. ``inf`` if power is outside at the end, ``nan`` if nothing was seen.
    ``docs/definitions.md``, "settling time".
    """
    t, p = framed(time_s, power_w, sent_at_s, until_s)
    if not np.isfinite(p).any():
        return _nothing("s", "no sample after the instruction")
    inside = band.holds(p)
    first = _after_last_false(inside)
    best_s = _since(t, _after_last_false(inside | np.isnan(p)), sent_at_s, meter)
    if first is None:
        why = f"power was not at {band} when the window ended"
        return Estimate(math.inf, "s", why=why, unseen=_hope(best_s))
    value_s = _since(t, first, sent_at_s, meter)
    return Estimate(
        value_s,
        "s",
        tuple(timing_budget(meter, width_s(t, p, first, sent_at_s))),
        marks=(("settled for good", float(t[first])),),
        unseen=(best_s, value_s) if best_s < value_s else None,
    )


def _after_last_false(inside: Mask) -> int | None:
    outside = np.flatnonzero(~inside)
    if not outside.size:
        return 0
    after = int(outside[-1]) + 1
    return after if after < inside.size else None


def time_to_fraction(
    time_s: Series,
    power_w: Series,
    *,
    sent_at_s: float,
    before_w: float,
    target_w: float,
    fraction: float,
    meter: MeterQuality,
    until_s: float = math.inf,
) -> Estimate:
    """Time from an instruction until a fraction of the asked change is done. [s]

    The first sample that is at least that far from `before_w` towards `target_w`;
    0.1 is the first movement, 0.9 the end of the ramp. ``inf`` if it never was.
    ``docs/definitions.md``, "first movement" and "90 %".

    Raises
    ------
    ValueError
        If no change was asked for: `before_w` equals `target_w`.
    """
    t, p = framed(time_s, power_w, sent_at_s, until_s)
    if not np.isfinite(p).any():
        return _nothing("s", "no sample after the instruction")
    done = progress(p, before_w, target_w)
    reached = np.flatnonzero(done >= fraction)
    hopeful = np.flatnonzero((done >= fraction) | np.isnan(p))
    best_s = _since(t, int(hopeful[0]) if hopeful.size else None, sent_at_s, meter)
    if not reached.size:
        why = f"power never made {fraction:.0%} of the change that was asked"
        return Estimate(math.inf, "s", why=why, unseen=_hope(best_s))
    first = int(reached[0])
    value_s = _since(t, first, sent_at_s, meter)
    return Estimate(
        value_s,
        "s",
        tuple(timing_budget(meter, width_s(t, p, first, sent_at_s))),
        marks=((f"{fraction:.0%}", float(t[first])),),
        unseen=(best_s, value_s) if best_s < value_s else None,
    )


def first_movement(
    time_s: Series,
    power_w: Series,
    *,
    sent_at_s: float,
    before_w: float,
    target_w: float,
    meter: MeterQuality,
    until_s: float = math.inf,
) -> Estimate:
    """Time from an instruction until a tenth of the asked change is seen. [s]

    `time_to_fraction` at 0.1. ``docs/definitions.md``, "first movement".
    """
    return time_to_fraction(
        time_s,
        power_w,
        sent_at_s=sent_at_s,
        before_w=before_w,
        target_w=target_w,
        fraction=0.1,
        meter=meter,
        until_s=until_s,
    )


def progress(power_w: Series, before_w: float, target_w: float) -> Series:
    """Return how much of the asked change is done: 0 before, 1 at the target."""
    if before_w == target_w:
        raise ValueError(f"no change was asked: {before_w:g} W before and after")
    done: Series = (power_w - before_w) / (target_w - before_w)
    return done


def _nothing(unit: str, why: str) -> Estimate:
    return Estimate(math.nan, unit, why=why)
