"""How fast power changed, and how far it went beyond where it was sent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis.estimate import Contribution, Estimate, Spread
from harness.analysis.quality import GAIN, OFFSET, UPDATE, MeterQuality
from harness.analysis.response import progress
from harness.analysis.series import Index, framed, seen_before
from harness.analysis.uncertainty import DRAWS, SEED, Shape, draw, spread_of
from harness.core.recording import Series


def ramp_rate(
    time_s: Series,
    power_w: Series,
    *,
    sent_at_s: float,
    before_w: float,
    target_w: float,
    meter: MeterQuality,
    until_s: float = math.inf,
) -> Estimate:
    """Rate of the asked change between a tenth and nine tenths of it. [W/s]

    Always positive. The value is the slowest rate that the samples allow: from the
    last sample below 10 % to the first at 90 %. So a coarse recording can only make
    a device look slower, and sampling adds nothing to the uncertainty against a
    rule of the form *at least*; a gap may have been the start. 0 if 90 % was never
    reached.
    ``docs/definitions.md``, "ramp rate".

    Raises
    ------
    ValueError
        If no change was asked for.
    """
    t, p = framed(time_s, power_w, sent_at_s, until_s)
    if not np.isfinite(p).any():
        return Estimate(math.nan, "W/s", why="no sample after the instruction")
    done = progress(p, before_w, target_w)
    ninety = np.flatnonzero(done >= 0.9)
    if not ninety.size:
        why = "power never made 90 % of the change that was asked"
        unseen = (0.0, math.inf) if np.isnan(p).any() else None
        return Estimate(0.0, "W/s", why=why, unseen=unseen)
    end = int(ninety[0])
    start = seen_before(p, int(np.flatnonzero((done >= 0.1) | np.isnan(p))[0]))
    began_s = sent_at_s if start is None else float(t[start])
    took_s = float(t[end]) - began_s
    if took_s <= 0:
        why = "power was there when the instruction was sent"
        return Estimate(math.nan, "W/s", why=why)
    step_w = 0.8 * abs(target_w - before_w)
    rate = step_w / took_s
    hidden = np.isnan(p[slice(0 if start is None else start, end)]).any()
    asked = _Asked(before_w, target_w)
    return Estimate(
        rate,
        "W/s",
        _rate_budget(rate, step_w, took_s, meter),
        marks=(("10 %", began_s), ("90 %", float(t[end]))),
        unseen=(rate, math.inf) if hidden else None,
        spread=_rate_spread(t, p, asked, sent_at_s=sent_at_s, meter=meter),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """The change asked for: the level before as the meter showed it, and where to."""

    before_w: float
    target_w: float

    def shown_w(self, part: float, gain: Series, offset_w: Series) -> Series:
        """What a meter that is wrong shows when a part of the change is done. [W]"""
        shown: Series = self.before_w + part * (
            self.target_w * gain + offset_w - self.before_w
        )
        return shown

    def step_w(self, gain: Series, offset_w: Series) -> Series:
        """How large the change truly was, if the meter is wrong so. [W]"""
        step: Series = np.abs(self.target_w - (self.before_w - offset_w) / gain)
        return step


def _rate_spread(
    t: Series, p: Series, asked: _Asked, *, sent_at_s: float, meter: MeterQuality
) -> Spread | None:
    """Draw where the rate truly lies; None if nothing is uncertain. [W/s]

    In each draw the meter is wrong by one gain and one offset; both ends of the ramp
    lie anywhere between the sample that shows them and the one before, and up to one
    update of the meter earlier. ``inf`` where both can have been one instant.
    """
    rng = np.random.default_rng(SEED)
    gain = 1 + draw(rng, meter.relative_shape, meter.relative_u, DRAWS)
    offset_w = draw(rng, Shape.NORMAL, meter.absolute_u_w, DRAWS)
    at_s = []
    for part in (0.1, 0.9):
        shown_w = asked.shown_w(part, gain, offset_w)
        first = _first_beyond(p, shown_w, upwards=asked.target_w > asked.before_w)
        reached_s = np.r_[t, math.inf][first]
        before_s = np.r_[sent_at_s, t][first]
        early_s = np.where(first < t.size, reached_s - before_s, 0.0)
        late_s = early_s * rng.random(DRAWS)
        at_s.append(reached_s - late_s - meter.update_interval_s * rng.random(DRAWS))
    # Never at 90 %: no rate at all. Both ends of one draw in the same instant, or the
    # wrong way round within what nobody saw: faster than anything the samples show.
    took_s = np.where(np.isinf(at_s[1]), math.inf, at_s[1] - at_s[0])
    step_w = 0.8 * asked.step_w(gain, offset_w)
    with np.errstate(divide="ignore"):
        rate = np.where(took_s > 0, step_w / np.maximum(took_s, 0.0), math.inf)
    return spread_of(rate) if rate.min() < rate.max() else None


def _first_beyond(p: Series, shown_w: Series, *, upwards: bool) -> Index:
    """Return for each level the first sample at or beyond it; the count if none is."""
    values = np.where(np.isnan(p), -math.inf, p if upwards else -p)
    highest = np.maximum.accumulate(values)
    return np.searchsorted(highest, shown_w if upwards else -shown_w, side="left")


def _rate_budget(
    rate: float, step_w: float, took_s: float, meter: MeterQuality
) -> tuple[Contribution, ...]:
    # Both ends of the ramp are late by anything up to one update, independently:
    # the difference of two even spreads has u = interval/√6.
    update_s = meter.update_interval_s / math.sqrt(6)
    lines = (
        Contribution(GAIN, rate * meter.relative_u, "B", meter.source),
        Contribution(
            OFFSET, rate * math.sqrt(2) * meter.absolute_u_w / step_w, "B", meter.source
        ),
        Contribution(UPDATE, rate * update_s / took_s, "B", meter.source),
    )
    return tuple(line for line in lines if line.u > 0)


def steepest_ramp(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    meter: MeterQuality,
) -> Estimate:
    """Largest change between neighbouring samples, per second. [W/s]

    Always positive; for rules of the form *at most*. A step inside one interval is
    at least this steep, so the value is a lower bound of the truth. Samples with a
    gap between them are not neighbours. ``docs/definitions.md``, "steepest ramp".
    """
    t, p = framed(time_s, power_w, from_s, until_s)
    spacing = np.diff(t)
    moving = spacing > 0
    slopes = np.abs(np.diff(p)[moving]) / spacing[moving]
    if not np.isfinite(slopes).any():
        return Estimate(
            math.nan, "W/s", why="no two neighbouring samples in the window"
        )
    worst = int(np.nanargmax(slopes))
    rate, width_s = float(slopes[worst]), float(spacing[moving][worst])
    noise = math.sqrt(2) * meter.absolute_u_w / width_s
    lines = (
        Contribution(GAIN, rate * meter.relative_u, "B", meter.source),
        Contribution(OFFSET, noise, "B", meter.source),
    )
    return Estimate(
        rate,
        "W/s",
        tuple(line for line in lines if line.u > 0),
        marks=(("steepest", float(t[:-1][moving][worst])),),
        unseen=(rate, math.inf) if np.isnan(p).any() else None,
    )


def overshoot(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    level_w: float,
    level_u_w: float = 0.0,
    reference_w: float,
    upwards: bool,
    meter: MeterQuality,
    hold_s: float = 0.0,
) -> Estimate:
    """How far power went beyond a level, as a share of a reference. [%]

    On arrival the level is the target and the reference the size of the change; on
    return both are the power before the event. ``docs/definitions.md``, "overshoot".

    Parameters
    ----------
    time_s, power_w : ndarray of shape (n,)
        Bench times [s] and active power. [W]
    from_s, until_s : float
        The window looked at. [s]
    level_w, level_u_w : float
        The level and its standard uncertainty. [W]
    reference_w : float
        What 100 % is. [W]
    upwards : bool
        Whether going beyond means above the level.
    meter : MeterQuality
        The meter's error.
    hold_s : float
        Count only what lasted at least this long; 0 counts single samples. [s]

    Returns
    -------
    Estimate
        Never negative. A gap that could hide more is in `Estimate.unseen`; ``nan``
        if the reference is not above 0 W.
    """
    if not reference_w > 0:
        why = f"{reference_w:g} W is nothing to take a share of"
        return Estimate(math.nan, "%", why=why)
    t, p = framed(time_s, power_w, from_s, until_s)
    if not np.isfinite(p).any():
        return Estimate(math.nan, "%", why="no sample in the window")
    beyond_w = (p - level_w) if upwards else (level_w - p)
    peak_w, at = _held_peak(t, np.where(np.isnan(p), -math.inf, beyond_w), hold_s)
    could_w, _ = _held_peak(t, np.where(np.isnan(p), math.inf, beyond_w), hold_s)
    peak_w, could_w = max(peak_w, 0.0), max(could_w, 0.0)
    percent = 100 / reference_w
    return Estimate(
        peak_w * percent,
        "%",
        _overshoot_budget(p[at], level_u_w, percent, meter),
        marks=(("furthest", float(t[at])),) if peak_w > 0 else (),
        unseen=(peak_w * percent, could_w * percent) if could_w > peak_w else None,
    )


def _overshoot_budget(
    peak_w: float, level_u_w: float, percent: float, meter: MeterQuality
) -> tuple[Contribution, ...]:
    reading_w = 0.0 if math.isnan(peak_w) else abs(float(peak_w))
    lines = (
        Contribution(GAIN, meter.relative_u * reading_w * percent, "B", meter.source),
        Contribution(OFFSET, meter.absolute_u_w * percent, "B", meter.source),
        Contribution("level", level_u_w * percent, "B", "the level's own budget"),
    )
    return tuple(line for line in lines if line.u > 0)


def _held_peak(t: Series, beyond_w: Series, hold_s: float) -> tuple[float, int]:
    """Return the highest level held for `hold_s`, and where it was first held."""
    if hold_s <= 0:
        at = int(np.argmax(beyond_w))
        return float(beyond_w[at]), at
    stop = np.searchsorted(t, t + hold_s, side="left")
    whole = np.flatnonzero(stop < t.size)
    if not whole.size:
        return -math.inf, 0
    lowest = _lowest(beyond_w, whole, stop[whole] + 1)
    best = int(np.argmax(lowest))
    return float(lowest[best]), int(whole[best])


def _lowest(values: Series, start: np.ndarray, stop: np.ndarray) -> Series:
    """Return the minimum of ``values[start:stop]`` for many ranges at once."""
    table, width = [values], 1
    while 2 * width <= int((stop - start).max()):
        previous = table[-1]
        table.append(np.minimum(previous[:-width], previous[width:]))
        width *= 2
    level = np.frexp((stop - start).astype(float))[1] - 1
    lowest = np.empty(start.size)
    for power, row in enumerate(table):
        mine = level == power
        left, right = start[mine], stop[mine] - 2**power
        lowest[mine] = np.minimum(row[left], row[right])
    return lowest
