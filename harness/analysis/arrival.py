"""When power came to stay, and where that instant may truly lie.

``docs/definitions.md``, "response time". The instant is no smooth function of what
the meter may be wrong by: it jumps from sample to sample. So its uncertainty is drawn
(JCGM 101:2008), and the linear budget only says what it is made of.
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.estimate import Spread
from harness.analysis.quality import MeterQuality
from harness.analysis.series import Band, Index, Mask, runs, seen_before
from harness.analysis.uncertainty import DRAWS, SEED, Shape, draw, spread_of
from harness.core.recording import Series

MOST_EDGES = 256
"""Different positions of the band's edges that are tried at most."""


class Stay:
    """What counts as having come to stay, within one window."""

    __slots__ = ("_ride_through_s", "dwell_s", "t")

    def __init__(self, t: Series, dwell_s: float, ride_through_s: float) -> None:
        self.t, self._ride_through_s = t, ride_through_s
        self.dwell_s = dwell_s

    def arrival(self, inside: Mask) -> int | None:
        """Return the index at which the first stay of at least the dwell begins."""
        t = self.t
        first, last = runs(inside, t, ride_through_s=self._ride_through_s)
        long_enough = np.flatnonzero(t[last] - t[first] >= self.dwell_s)
        return int(first[long_enough[0]]) if long_enough.size else None


def moved_u(
    stay: Stay, p: Series, band: Band, first: int, meter: MeterQuality
) -> float:
    """How far the arrival moves if the band's edges move by the meter's own u. [s]

    A finite difference (JCGM 100:2008, 5.1.4), the larger of both directions; it
    covers slopes, creeping arrivals and noise at the edge alike.
    """
    t, shifts = stay.t, []
    for sign in (-1.0, 1.0):
        shifted = stay.arrival(_moved(band, sign, meter).holds(p))
        shifts.append(math.inf if shifted is None else abs(t[shifted] - t[first]))
    return float(max(shifts))


def _moved(band: Band, sign: float, meter: MeterQuality) -> Band:
    low, high = band.low_w, band.high_w
    if math.isfinite(low):
        low -= sign * meter.power_u_w(low)
    if math.isfinite(high):
        high += sign * meter.power_u_w(high)
    return Band(low, high)


def arrival_spread(
    stay: Stay,
    p: Series,
    band: Band,
    *,
    sent_at_s: float,
    meter: MeterQuality,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Spread | None:
    """Draw where the response time truly lies; None if nothing is uncertain.

    In each draw the meter is wrong by one gain and one offset, which shifts the edges
    of the band. The sample that is then the first of a stay comes late by anything up
    to its spacing and up to one update of the meter, on a clock that is off. ``inf``
    for draws in which power never stayed.
    """
    rng = np.random.default_rng(seed)
    seen = np.unique(p[np.isfinite(p)])
    keys = _keys(seen, *_edges(band, meter, draws, rng))
    tried, which = np.unique(keys, return_inverse=True)
    note = ""
    if tried.size > MOST_EDGES:
        note = f"{MOST_EDGES} positions of the band's edges were tried"
        tried, which = keys[:MOST_EDGES], np.arange(draws) % MOST_EDGES
    ends = np.array([_arrival(stay, p, seen, key, sent_at_s) for key in tried.tolist()])
    arrived_s, unseen_s = ends[which].T
    late_s = meter.latency_s + meter.update_interval_s * rng.random(draws)
    late_s += draw(rng, Shape.NORMAL, meter.latency_u_s, draws)
    late_s += draw(rng, Shape.NORMAL, meter.clock_u_s, draws)
    late_s += unseen_s * rng.random(draws)
    found = np.maximum(arrived_s - late_s - sent_at_s, 0.0)
    return spread_of(found, note) if found.min() < found.max() else None


def _edges(
    band: Band, meter: MeterQuality, draws: int, rng: np.random.Generator
) -> tuple[Series, Series]:
    """Draw where the meter shows the edges of the band. [W]"""
    gain = 1 + draw(rng, meter.relative_shape, meter.relative_u, draws)
    offset_w = draw(rng, Shape.NORMAL, meter.absolute_u_w, draws)
    low_w, high_w = band.low_w * gain + offset_w, band.high_w * gain + offset_w
    return low_w, high_w


def _keys(seen: Series, low_w: Series, high_w: Series) -> Index:
    """Say of each pair of edges between which of the values seen they lie.

    Two pairs between the same values let the same samples in. The key is the number of
    values below the low edge, times one more than all, plus that up to the high edge.
    """
    below = np.searchsorted(seen, low_w, side="left")
    return below * (seen.size + 1) + np.searchsorted(seen, high_w, side="right")


def _arrival(
    stay: Stay, p: Series, seen: Series, key: int, sent_at_s: float
) -> tuple[float, float]:
    """Return when a stay between two of the values seen begins, and since when unseen.

    Both in seconds: the sample's time, ``inf`` for never, and how long before it there
    was no look.
    """
    below, upto = divmod(key, seen.size + 1)
    if upto <= below:
        return math.inf, 0.0
    first = stay.arrival((p >= seen[below]) & (p <= seen[upto - 1]))
    if first is None:
        return math.inf, 0.0
    return float(stay.t[first]), width_s(stay.t, p, first, sent_at_s)


def width_s(t: Series, p: Series, index: int, sent_at_s: float) -> float:
    """Time since the last look before `index`: the truth lies within it. [s]"""
    before = seen_before(p, index)
    return float(t[index]) - (sent_at_s if before is None else float(t[before]))
