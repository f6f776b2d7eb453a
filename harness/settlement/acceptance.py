"""The Balancing Mechanism: accepted volumes by band, and what was not delivered.

BSC sign in this module alone: export is positive, an offer raises it, a bid lowers it.
Power in W, energies in whole Wh. Sources: BSC Sections Q and T, as recollected and as
public code has them; unverified. ``docs/definitions.md``, "acceptance volume".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from harness.core.errors import UsageError
from harness.core.recording import Series
from harness.settlement.money import Price, amount_p, rounded, whole_wh

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Levels at moments, straight lines between: a notification or an acceptance.

    Raises
    ------
    UsageError
        If there are fewer than two points, or moments go backwards.
    """

    time_s: tuple[float, ...]
    level_w: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.time_s) < 2 or len(self.time_s) != len(self.level_w):
            fact = f"{len(self.time_s)} moments and {len(self.level_w)} levels"
            raise UsageError("a profile", fact, "two points or more")
        if any(b < a for a, b in zip(self.time_s, self.time_s[1:], strict=False)):
            raise UsageError(
                "a profile", "its moments go backwards", "in order of time"
            )

    def at(self, time_s: Series) -> Series:
        """Return its levels; ``nan`` outside. [W]"""
        found: Series = np.interp(
            time_s, self.time_s, self.level_w, left=np.nan, right=np.nan
        )
        return found


@dataclass(frozen=True, slots=True)
class Band:
    """One step of a bid-offer ladder; offers have positive numbers, bids negative."""

    number: int
    width_w: float
    price: Price


@dataclass(frozen=True, slots=True)
class BandVolume:
    """What was accepted in one band; bids are negative. [Wh]"""

    band: Band
    energy_wh: int

    @property
    def cash_p(self) -> int:
        """What the unit is paid; for a bid it is negative at a positive price. [p]"""
        return amount_p(self.energy_wh, self.band.price)


def accepted_volumes(
    notified: Profile,
    acceptances: Sequence[Profile],
    bands: Sequence[Band],
    *,
    from_s: float,
    until_s: float,
) -> tuple[BandVolume, ...]:
    """Return accepted volumes of a settlement period, by band.

    The profile of the latest acceptance that covers a moment, less the notification,
    integrated exactly: both are straight lines between points. Bands fill from the
    notification outwards.

    Parameters
    ----------
    notified : Profile
        Final physical notification, which covers the period.
    acceptances : sequence of Profile
        In the order in which they were given.
    bands : sequence of Band
        Of both signs.
    from_s, until_s : float
        The settlement period. [s]

    Raises
    ------
    UsageError
        If the notification does not cover the period, or an acceptance goes beyond
        the last band.
    """
    time_s, change_w = _change(notified, acceptances, from_s, until_s)
    found, reach_w = [], {1: 0.0, -1: 0.0}
    for band in sorted(bands, key=lambda one: abs(one.number)):
        side = 1 if band.number > 0 else -1
        low_w = reach_w[side]
        reach_w[side] = low_w + band.width_w
        energy = _between(time_s, side * change_w, low_w, reach_w[side])
        found.append(BandVolume(band, side * whole_wh(energy)))
    over = max(float(change_w.max()) - reach_w[1], -float(change_w.min()) - reach_w[-1])
    if over > 1e-6:
        fact = f"it goes {over:.0f} W beyond the last band"
        raise UsageError("the acceptance", fact, "bands that reach as far")
    return tuple(found)


def _change(
    notified: Profile, acceptances: Sequence[Profile], from_s: float, until_s: float
) -> tuple[Series, Series]:
    """Return acceptance less notification at the moments between which it is straight.

    Where an acceptance begins or ends, a moment stands twice, before and after.
    """
    profiles = (notified, *acceptances)
    inner = [t for one in profiles for t in one.time_s if from_s < t < until_s]
    edges = np.unique([from_s, *inner, until_s])
    begin, end = edges[:-1], edges[1:]
    middle = (begin + end) / 2
    level = np.stack([notified.at(begin), notified.at(end)], axis=1)
    if np.isnan(level).any():
        fact = "it does not cover the settlement period"
        raise UsageError("the physical notification", fact, "a level from start to end")
    accepted = level.copy()
    for one in acceptances:
        covers = ~np.isnan(one.at(middle))
        ends = np.stack([one.at(begin), one.at(end)], axis=1)
        accepted[covers] = ends[covers]
    time_s = np.stack([begin, end], axis=1).ravel()
    return time_s, (accepted - level).ravel()


def _between(time_s: Series, power_w: Series, low_w: float, high_w: float) -> float:
    """Return the energy of the part of a straight-lined power between levels. [Wh]"""
    joules = 0.0
    for place in range(0, time_s.size, 2):
        (t0, t1), (p0, p1) = time_s[place : place + 2], power_w[place : place + 2]
        least, most = min(p0, p1), max(p0, p1)
        crossed = [level for level in (low_w, high_w) if least < level < most]
        cuts = {0.0, 1.0} | {float((level - p0) / (p1 - p0)) for level in crossed}
        shares = np.array(sorted(cuts))
        inside = np.clip(p0 + shares * (p1 - p0), low_w, high_w) - low_w
        joules += float(np.trapezoid(inside, shares)) * float(t1 - t0)
    return joules / HOUR_S


@dataclass(frozen=True, slots=True)
class NonDelivery:
    """What of an acceptance was not delivered, and what that costs."""

    energy_wh: int
    """Never negative."""
    charge_p: int
    """Never negative: a band cheaper than the system price costs nothing. [p]"""


def non_delivery(
    accepted: Sequence[BandVolume],
    *,
    notified_wh: int,
    metered_wh: int,
    system: Price,
    loss_multiplier: Fraction = Fraction(1),
) -> NonDelivery:
    """Return the non-delivery charge of a settlement period.

    Expected is the notified energy and all accepted volumes. What is missing of the
    offers (or too much after bids) is taken from the band whose price is worst for the
    unit first. BSC T4.8, from memory: unverified.
    """
    accepted_wh = sum(one.energy_wh for one in accepted)
    missing_wh = notified_wh + accepted_wh - metered_wh
    side = 1 if missing_wh > 0 else -1
    own = [one for one in accepted if side * one.energy_wh > 0]
    left = min(abs(missing_wh), sum(abs(one.energy_wh) for one in own))
    undelivered_wh, charge = left, Fraction(0)
    worst = sorted(own, key=lambda one: one.band.price, reverse=side > 0)
    for one in worst:
        taken = min(left, abs(one.energy_wh))
        left -= taken
        gain = side * (one.band.price.steps - system.steps)
        charge += Fraction(taken * max(gain, 0), 10**9) * loss_multiplier
    return NonDelivery(undelivered_wh, rounded(charge))
