"""Numbers of a settlement that a verdict can be about.

``docs/definitions.md``, "settlement of an event".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.estimate import Estimate
from harness.analysis.quality import scaled, share_of
from harness.settlement.money import FREE, WH_PER_MWH
from harness.settlement.payments import payment_estimate
from harness.settlement.statement import Statement
from harness.settlement.volumes import total


def baseline_miss(nominated_w: float, before: Estimate) -> Estimate:
    """Return how far a nominated baseline is above the power before the event. [%]

    Positive if more was nominated than the meter saw: then energy is paid for that was
    never given up. ``nan`` if nothing flowed before.
    """
    share = share_of(Estimate(float(nominated_w), "W"), before)
    return replace(share, value=share.value - 100, unseen=None)


def settled_share(stated: Statement) -> Estimate:
    """Return what is paid, over what all the energy called for would cost. [%]

    Exact but for the metering; ``nan`` if nothing was called for. A line that could not
    be settled is not in it, and the statement says so.
    """
    lines = [replace(line.paid, penalty=FREE) for line in stated.lines]
    full_p = sum(
        one.instructed_wh * one.price.steps / (WH_PER_MWH * 1_000) for one in lines
    )
    if not full_p > 0:
        why = "; ".join(stated.refused) or "nothing was called for"
        return Estimate(math.nan, "%", why=why)
    return scaled(payment_estimate(lines), 100 / full_p, "%")


def unaccounted(home: Estimate, assets: Sequence[Estimate]) -> Estimate:
    """Return the energy that the assets' meters do not account for. [%]

    Of the home's delivered energy. The meters are independent of each other.
    """
    if not home.value > 0 or any(math.isnan(one.value) for one in assets):
        why = next((one.why for one in assets if math.isnan(one.value)), home.why)
        return Estimate(math.nan, "%", why=why or "the home delivered nothing")
    together = total(assets, shared=False)
    share = share_of(together, home)
    return replace(share, value=100 - share.value, unseen=None)
