"""Was it kept up: held for how long, in its band for what share, out for how long.

Definitions, conventions and sources: ``docs/definitions.md``. A gap (``nan``) is
out of the band, so it never helps a device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import CROSSING, SAMPLING, MeterQuality, one_sided_u
from harness.analysis.series import Band, Mask, framed, runs
from harness.core.recording import Series


def held_for(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    band: Band,
    meter: MeterQuality,
    arrived_by_s: float | None = None,
    ride_through_s: float = 0.0,
) -> Estimate:
    """How long delivery held, counted from the start of the event. [s]

    Parameters
    ----------
    time_s, power_w : ndarray of shape (n,)
        Bench times [s] and active power. [W]
    from_s, until_s : float
        The event, from its start until its release. [s]
    band : Band
        Powers that count as delivering.
    meter : MeterQuality
        The meter's error.
    arrived_by_s : float, optional
        Power is looked at from here on; response is judged by itself. [s]
    ride_through_s : float
        A departure or a gap up to this long does not end delivery. [s]

    Returns
    -------
    Estimate
        Time from `from_s` to the last sample before the departure that ended it.
        A device still delivering at `until_s` has held the whole event: the value
        is its length, exactly. 0 if it was not delivering when looked at first.

    Notes
    -----
    ``docs/definitions.md``, "sustained delivery".
    """
    start_s = from_s if arrived_by_s is None else arrived_by_s
    t, p = framed(time_s, power_w, start_s, until_s)
    if not np.isfinite(p).any():
        return Estimate(math.nan, "s", why="no sample during the event")
    hold = _Hold(t, from_s, start_s, until_s, ride_through_s)
    end_s = hold.end_s(band.holds(p))
    best_s = hold.end_s(band.holds(p) | np.isnan(p)) - from_s
    value_s = end_s - from_s
    narrow_s = hold.end_s(_narrowed(band, meter).holds(p))
    lines = (
        Contribution(SAMPLING, hold.width_u_s(end_s), "B", "the recording's spacing"),
        Contribution(CROSSING, end_s - narrow_s, "B", meter.source),
    )
    return Estimate(
        value_s,
        "s",
        tuple(line for line in lines if line.u > 0),
        why="" if end_s >= until_s else f"power left {band} before the event ended",
        marks=(("held until", end_s),) if value_s > 0 else (),
        unseen=(value_s, best_s) if best_s > value_s else None,
    )


@dataclass(frozen=True, slots=True)
class _Hold:
    """When a stay that begins at the start of a window ends."""

    t: Series
    from_s: float
    start_s: float
    until_s: float
    ride_through_s: float

    def end_s(self, inside: Mask) -> float:
        """Return the last good instant; `from_s` if there was no good start."""
        allowed_s = self.ride_through_s
        first, last = runs(inside, self.t, ride_through_s=allowed_s)
        began_late = first.size == 0 or (
            first[0] > 0 and self.t[first[0]] - self.start_s > allowed_s
        )
        if began_late:
            return self.from_s
        end = int(last[0])
        to_the_end = end == self.t.size - 1 or (
            first.size == 1 and self.until_s - self.t[end] <= allowed_s
        )
        return self.until_s if to_the_end else float(self.t[end])

    def width_u_s(self, end_s: float) -> float:
        """Return u of a departure within one spacing after the last good sample."""
        if end_s in (self.from_s, self.until_s):
            return 0.0
        after = self.t[self.t > end_s]
        return one_sided_u(float(after[0]) - end_s) if after.size else 0.0


def _narrowed(band: Band, meter: MeterQuality) -> Band:
    low, high = band.low_w, band.high_w
    if math.isfinite(low):
        low += meter.power_u_w(low)
    if math.isfinite(high):
        high -= meter.power_u_w(high)
    return Band(low, high)


def share_in_band(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    band: Band,
    meter: MeterQuality,
) -> Estimate:
    """Share of the window during which power was in its band. [%]

    Each sample stands for the time until the next; a gap is out of the band.
    ``docs/definitions.md``, "share in band".
    """
    t, p = framed(time_s, power_w, from_s, until_s)
    if not np.isfinite(p).any():
        return Estimate(math.nan, "%", why="no sample in the window")
    width_s = np.diff(np.r_[t, until_s])
    percent = 100 / float(width_s.sum()) if width_s.sum() > 0 else math.nan
    inside = band.holds(p)
    value = float(width_s[inside].sum()) * percent
    best = float(width_s[inside | np.isnan(p)].sum()) * percent
    narrow = float(width_s[_narrowed(band, meter).holds(p)].sum()) * percent
    changes = np.flatnonzero(np.diff(inside))
    sampling_s = math.sqrt(float((width_s[changes] ** 2).sum()) / 12)
    lines = (
        Contribution(SAMPLING, sampling_s * percent, "B", "the recording's spacing"),
        Contribution(CROSSING, value - narrow, "B", meter.source),
    )
    return Estimate(
        value,
        "%",
        tuple(line for line in lines if line.u > 0),
        unseen=(value, best) if best > value else None,
    )


def longest_excursion(
    time_s: Series,
    power_w: Series,
    *,
    from_s: float,
    until_s: float,
    band: Band,
    meter: MeterQuality,
) -> Estimate:
    """Longest time that power may have been out of its band. [s]

    From the last good sample before to the first good sample after, the window's
    ends included; a gap is out of the band. 0 if every sample was in.
    ``docs/definitions.md``, "longest excursion".
    """
    t, p = framed(time_s, power_w, from_s, until_s)
    if not np.isfinite(p).any():
        return Estimate(math.nan, "s", why="no sample in the window")
    inside = band.holds(p)
    value_s, at_s, width_s = _longest_out(t, inside, from_s, until_s)
    best_s, _, _ = _longest_out(t, inside | np.isnan(p), from_s, until_s)
    narrow_s, _, _ = _longest_out(t, _narrowed(band, meter).holds(p), from_s, until_s)
    lines = (
        Contribution(SAMPLING, width_s / math.sqrt(6), "B", "the recording's spacing"),
        Contribution(CROSSING, narrow_s - value_s, "B", meter.source),
    )
    return Estimate(
        value_s,
        "s",
        tuple(line for line in lines if line.u > 0),
        marks=(("longest excursion", at_s),) if value_s > 0 else (),
        unseen=(best_s, value_s) if best_s < value_s else None,
    )


def _longest_out(
    t: Series, inside: Mask, from_s: float, until_s: float
) -> tuple[float, float, float]:
    """Return length and start of the longest stay outside, and the spacing there."""
    first, last = runs(~inside, t)
    if not first.size:
        return 0.0, from_s, 0.0
    edges = np.r_[from_s, t, until_s]
    lengths = edges[last + 2] - edges[first]
    worst = int(np.argmax(lengths))
    began_s = float(edges[first[worst]])
    return float(lengths[worst]), began_s, float(edges[first[worst] + 1]) - began_s
