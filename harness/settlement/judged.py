"""Numbers of a settlement that a verdict can be about.

``docs/definitions.md``, "settlement of an event".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.estimate import Estimate
from harness.analysis.quality import relative_difference, scaled, share_of, total
from harness.settlement.money import FREE, WH_PER_MWH
from harness.settlement.payments import Paid, payment_estimate
from harness.settlement.statement import Instructed, Statement


def baseline_miss(nominated_w: float, before: Estimate) -> Estimate:
    """Return how far a nominated baseline is above the power before the event. [%]

    Positive if more was nominated than the meter saw: then energy is paid for that was
    never given up. ``nan`` if nothing flowed before.
    """
    return relative_difference(Estimate(float(nominated_w), "W"), before)


def settled_share(stated: Statement, calls: Sequence[Instructed]) -> Estimate:
    """Return what is paid, over what all the energy called for would cost. [%]

    What could not be settled is paid nothing, and what a gap hid the least; what both
    could have been is `Estimate.unseen`. ``nan`` if nothing was called for, or nothing
    of it could be settled.

    Parameters
    ----------
    stated : Statement
        The lines that were settled, all under one agreement.
    calls : sequence of Instructed
        All that was called for.
    """
    lines = [replace(line.paid, penalty=FREE) for line in stated.lines]
    if not lines:
        why = "; ".join(stated.refused) or "nothing was called for"
        return Estimate(math.nan, "%", why=why)
    per_wh = lines[0].price.steps / (WH_PER_MWH * 1_000)
    full_p = sum(one.energy_wh for one in calls) * per_wh
    if not full_p > 0:
        return Estimate(math.nan, "%", why="what was called for costs nothing")
    paid = payment_estimate(lines)
    settled_p = sum(one.instructed_wh for one in lines) * per_wh
    best_p = full_p - settled_p + payment_estimate([_at_best(x) for x in lines]).value
    if best_p > paid.value:
        paid = replace(paid, unseen=(paid.value, best_p))
    return scaled(paid, 100 / full_p, "%")


def _at_best(line: Paid) -> Paid:
    """Return a line as if the gap in its half-hour had hidden the most."""
    unseen = line.delivered.unseen
    most = line.delivered.value if unseen is None else unseen[1]
    return replace(line, delivered=Estimate(most, "Wh"))


def unaccounted(home: Estimate, assets: Sequence[Estimate]) -> Estimate:
    """Return the energy that the assets' meters do not account for. [%]

    Of the home's delivered energy. The meters are independent of each other.
    """
    if not home.value > 0 or any(math.isnan(one.value) for one in assets):
        why = next((one.why for one in assets if math.isnan(one.value)), home.why)
        return Estimate(math.nan, "%", why=why or "the home delivered nothing")
    together = total(assets, shared=False)
    share = share_of(together, home)
    seen = share.unseen
    left = None if seen is None else (100 - seen[1], 100 - seen[0])
    return replace(share, value=100 - share.value, unseen=left)
