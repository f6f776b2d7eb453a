"""How far a network looks after itself: what of its energy never crosses its boundary.

``docs/definitions.md``, "degree of self-balance" to "import avoided".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.delivery import mean_power
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN, OFFSET, MeterQuality, timing_budget
from harness.analysis.series import framed, usual_gap_s
from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class Seen:
    """One meter's power; import positive."""

    time_s: Series
    power_w: Series
    meter: MeterQuality

    def mean(self, from_s: float, until_s: float, part: str = "both") -> Estimate:
        """Return the mean power over a window, or of its import or export alone. [W]"""
        power_w = self.power_w
        if part == "import":
            power_w = np.maximum(power_w, 0.0)
        elif part == "export":
            power_w = np.maximum(-power_w, 0.0)
        return mean_power(
            self.time_s, power_w, from_s=from_s, until_s=until_s, meter=self.meter
        )


def self_balance(
    boundary: Seen,
    generation: Sequence[Seen],
    stores: Sequence[Seen],
    *,
    from_s: float,
    until_s: float,
) -> Estimate:
    """Share of what was drawn and made that never crossed the boundary. [%]

    ``100·(1 − (import + export)/(drawn + made))``, where what was drawn is what came
    through the boundary, and was made, less what stores took. 100 % if nothing crossed;
    0 % if all that was made went out and all that was drawn came in.

    Parameters
    ----------
    boundary : Seen
        The meter that sees everything.
    generation, stores : sequence of Seen
        Each source's meter, and each store's; a source's own draw counts as drawn.
    from_s, until_s : float
        The window. [s]

    Returns
    -------
    Estimate
        ``nan`` if a meter saw nothing of it, or nothing was drawn or made.
    """
    came, went = (boundary.mean(from_s, until_s, way) for way in ("import", "export"))
    made = [one.mean(from_s, until_s, "export") for one in generation]
    stored = [one.mean(from_s, until_s) for one in stores]
    for one in (came, went, *made, *stored):
        if math.isnan(one.value):
            return Estimate(math.nan, "%", why=one.why or "a meter saw nothing of it")
        if one.unseen is not None:
            return Estimate(math.nan, "%", why="a meter has gaps in it")
    crossed_w, net_w = came.value + went.value, came.value - went.value
    through_w = net_w + 2 * sum(e.value for e in made) - sum(e.value for e in stored)
    if not through_w > 0:
        return Estimate(math.nan, "%", why="nothing was drawn or made")
    share = 100 / through_w
    by_total = share * crossed_w / through_w
    quality = boundary.meter
    lines = [
        Contribution(GAIN, abs(share * crossed_w - by_total * net_w)
                     * quality.relative_u, "B", quality.source),
        # Near zero an offset makes what is nothing look like import, or like export.
        Contribution(OFFSET, share * quality.absolute_u_w, "B", quality.source),
    ]  # fmt: skip
    lines += [
        Contribution(f"source {number}", 2 * by_total * one.u, "B", "its meter")
        for number, one in enumerate(made, 1)
    ]
    lines += [
        Contribution(f"store {number}", by_total * one.u, "B", "its meter")
        for number, one in enumerate(stored, 1)
    ]
    return Estimate(
        100 - share * crossed_w, "%", tuple(line for line in lines if line.u > 0)
    )


def balanced_again(
    boundary: Seen,
    *,
    after_s: float,
    until_s: float,
    within_w: float,
    stands_s: float,
) -> Estimate:
    """How long after a moment the boundary was near zero, and stayed so. [s]

    Parameters
    ----------
    after_s, until_s : float
        The moment, and how long to look. [s]
    within_w : float
        What counts as near. [W]
    stands_s : float
        How long it must stay so to count. [s]

    Returns
    -------
    Estimate
        ``inf`` if it never was; ``nan`` if the meter had a gap before it was.
    """
    t, p = framed(boundary.time_s, boundary.power_w, after_s, until_s)
    begins = None
    for at_s, power_w in zip(t, p, strict=True):
        if math.isnan(power_w):
            return Estimate(math.nan, "s", why="the boundary's meter has a gap")
        if abs(power_w) > within_w:
            begins = None
        elif begins is None:
            begins = float(at_s)
        if begins is not None and at_s - begins >= stands_s:
            gap_s = min(usual_gap_s(boundary.time_s), begins - after_s)
            lines = tuple(timing_budget(boundary.meter, max(gap_s / 5, 0.0)))
            return Estimate(begins - after_s, "s", lines, marks=(("balanced", begins),))
    if not t.size:
        return Estimate(math.nan, "s", why="the boundary's meter saw nothing of it")
    return Estimate(math.inf, "s", why=f"it never stayed within {within_w:.0f} W")


def import_avoided(
    boundary: Seen, stores: Sequence[Seen], *, from_s: float, until_s: float
) -> tuple[Estimate, float, float]:
    """Share of the import that stores took away, with it before and after. [%, W, W]

    Without them the boundary would have drawn what it did less what they took: at every
    sample of the boundary's meter, and only while that is import.
    """
    seen = np.isfinite(boundary.power_w)
    time_s, power_w = boundary.time_s[seen], boundary.power_w[seen]
    without_w = power_w.copy()
    for one in stores:
        known = np.isfinite(one.power_w)
        if not known.any():
            return Estimate(math.nan, "%", why="a store's meter saw nothing"), 0.0, 0.0
        without_w = without_w - np.interp(time_s, one.time_s[known], one.power_w[known])
    before = Seen(time_s, without_w, boundary.meter).mean(from_s, until_s, "import")
    after = boundary.mean(from_s, until_s, "import")
    for one_mean in (before, after):
        if math.isnan(one_mean.value) or one_mean.unseen is not None:
            why = one_mean.why or "the boundary's meter has gaps in it"
            return Estimate(math.nan, "%", why=why), 0.0, 0.0
    if not before.value > 0:
        why = "nothing would have been imported anyway"
        return Estimate(math.nan, "%", why=why), 0.0, 0.0
    share = 100 / before.value
    u = share * math.hypot(after.u, after.value / before.value * before.u)
    found = Estimate(
        100 - share * after.value, "%",
        (Contribution(GAIN, u, "B", boundary.meter.source),),
    )  # fmt: skip
    return found, before.value, after.value
