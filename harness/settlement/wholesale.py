"""What an energy trader's use of flexibility comes to, for it and for everybody else.

``docs/definitions.md``, "settlement of a trader's orders".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.estimate import Estimate
from harness.analysis.quality import total
from harness.core.calendar import PERIOD_S, PeriodOnBench
from harness.core.parties import Party
from harness.core.recording import Series
from harness.settlement.imbalance import Imbalance, bill_change
from harness.settlement.money import WH_PER_MWH, Price, amount_p, whole_wh
from harness.settlement.payments import through_one_meter
from harness.settlement.positions import Transfer, owed
from harness.settlement.sites import SitesSettlement
from harness.settlement.volumes import HalfHour

MARKET = "wholesale market (no actor)"
"""Where energy is bought and sold. Nobody's gain or loss here."""
SOLD, MOVED = "energy on the wholesale market", "flexibility"


@dataclass(frozen=True, slots=True)
class Ordered:
    """One accepted order of one site, and what its meter counted."""

    site: str
    halves: tuple[HalfHour, ...]
    """Of the whole site, import positive, as many as `parts`."""
    usual_w: float
    power_w: float
    """Positive to draw less. [W]"""
    from_s: float
    until_s: float
    traded: bool

    def ordered_wh(self, part: PeriodOnBench) -> int:
        """Return what was to be moved in a settlement period. [Wh]"""
        lasted_s = min(self.until_s, part.until_s) - max(self.from_s, part.from_s)
        return whole_wh(self.power_w * max(lasted_s, 0.0) / 3600)


def settle_orders(
    orders: Sequence[Ordered],
    parts: Sequence[PeriodOnBench],
    *,
    price: Price,
    cost: Price,
    tariff: Price,
    imbalance: Price,
) -> SitesSettlement:
    """Settle a trader's orders, in the half-hours that they touch.

    What was traded is bought or sold in full, delivered or not. Owners are paid for
    what their meter shows, at most what was ordered; the rest is imbalance.
    """
    owes: list[Transfer] = []
    exposed: list[tuple[str, int]] = []
    marks: list[str] = []
    nets: dict[str, Estimate] = {}
    for one in orders:
        usual_wh, energies = whole_wh(one.usual_w * PERIOD_S / 3600), []
        for half, part in zip(one.halves, parts, strict=True):
            ordered_wh = one.ordered_wh(part)
            if not ordered_wh:
                continue
            if not half.settled or not math.isfinite(half.energy.value):
                marks.append(f"{half.period}: {one.site}: {half.mark or 'not seen'}")
                continue
            energies.append(half.energy)
            used_wh, when = whole_wh(half.energy.value), str(half.period)
            sold_wh = ordered_wh if one.traded else 0
            owes += owed(
                MARKET, Party.TRADER, amount_p(sold_wh, price), SOLD,
                energy_wh=abs(sold_wh), when=when,
            )  # fmt: skip
            moved_wh = _moved(ordered_wh, usual_wh - used_wh)
            owes += owed(
                Party.TRADER, one.site, amount_p(abs(moved_wh), cost), MOVED,
                energy_wh=abs(moved_wh), when=when,
            )  # fmt: skip
            owes += bill_change(usual_wh, used_wh, tariff, consumer=one.site, when=when)
            left = Imbalance(Party.BALANCE_RESPONSIBLE, usual_wh - sold_wh, used_wh)
            owes += left.cash(imbalance, when=when)
            exposed.append((Party.BALANCE_RESPONSIBLE, left.long_wh))
        nets[one.site] = _worth(energies, cost.steps + tariff.steps)
        for party, steps in (
            (Party.TRADER, cost.steps), (Party.SUPPLIER, tariff.steps),
            (Party.BALANCE_RESPONSIBLE, imbalance.steps),
        ):  # fmt: skip
            more = _worth(energies, steps)
            so_far = nets.get(party)
            nets[party] = (
                more if so_far is None else total([so_far, more], shared=False)
            )
    return SitesSettlement(
        tuple(owes), tuple(exposed), nets, (), tuple(dict.fromkeys(marks))
    )


def _moved(ordered_wh: int, less_wh: int) -> int:
    """Return how much of an order a meter shows: the right way, and no more. [Wh]"""
    if ordered_wh > 0:
        return min(max(less_wh, 0), ordered_wh)
    return max(min(less_wh, 0), ordered_wh)


def _worth(energies: Sequence[Estimate], steps: int) -> Estimate:
    """Return energies of one meter at a price. [p]"""
    if not energies:
        return Estimate(0.0, "p")

    def worth(wh: Sequence[Series]) -> Series:
        together: Series = np.asarray(sum(wh, start=np.zeros(())))
        return together * (steps / (WH_PER_MWH * 1_000))

    return through_one_meter(worth, energies)
