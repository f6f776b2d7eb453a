"""DSO constraint management: who may be told what, and when (TRANSITION use case 1).

Pure decisions: time is passed in, nothing is remembered between calls but what
the caller holds. Times are bench seconds. The source leaves the Arming Period's
length and the delivery time open; they are parameters of the agreement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the DSO and the aggregator agreed before anything happened."""

    capacity_w: float
    window_from_s: float
    window_until_s: float
    arming_period_s: float
    deliver_within_s: float
    notice_within_s: float
    price_gbp_per_mwh: float = 0.0


@dataclass(frozen=True, slots=True)
class Position:
    """Where a service stands: armed since when, dispatched until when, overruled."""

    armed_at_s: float | None = None
    dispatched_until_s: float | None = None
    overruled_at_s: float | None = None
    stopped_at_s: float | None = None
    """When the DSO stopped it in an emergency."""
    unavailable: frozenset[str] = frozenset()
    serves: str = ""
    """Another buyer that has its assets."""
    serves_until_s: float = -math.inf


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the aggregator takes a dispatch, and why not if it does not."""

    accepted: bool
    reason: str = ""
    ready_at_s: float | None = None
    """For a refusal that time heals: when the Arming Period ends, or the assets are
    free again."""


def decide_dispatch(
    agreement: Agreement, position: Position, *, from_s: float, until_s: float
) -> Decision:
    """Accept or refuse a dispatch of the agreed capacity.

    Source: TRANSITION use cases, Use Case 1, "Potential Conflicts and
    Management": notice is needed some time ahead of delivery (Arming Period).
    """
    if position.overruled_at_s is not None:
        return Decision(False, "the ESO has overruled the service")
    if position.stopped_at_s is not None:
        return Decision(False, "the DSO has stopped the service in an emergency")
    if position.armed_at_s is None:
        return Decision(False, "the service was never armed")
    if from_s < position.serves_until_s:
        fact = f"the home serves the {position.serves}"
        return Decision(False, fact, position.serves_until_s)
    ready_at_s = position.armed_at_s + agreement.arming_period_s
    if from_s < ready_at_s:
        return Decision(False, "the arming period has not ended", ready_at_s)
    if from_s < agreement.window_from_s or until_s > agreement.window_until_s:
        return Decision(False, "the dispatch leaves the agreed window")
    return Decision(True)


def decide_other(
    agreement: Agreement, position: Position, *, from_s: float, until_s: float
) -> Decision:
    """Say whether another buyer may have assets that are promised to the DSO, now.

    It may outside the delivery window; and inside, from the beginning of a delivery for
    which nobody armed the service in time. Source: TRANSITION use cases 1 and 2,
    "Potential Conflicts and Management": stacking at any time outside the delivery
    window, and after the Arming Period has passed.
    """
    outside = until_s <= agreement.window_from_s or from_s >= agreement.window_until_s
    released = position.overruled_at_s is not None or position.stopped_at_s is not None
    if outside or released or position.armed_at_s is None:
        return Decision(True)
    return Decision(False, "the home is armed for the DSO", agreement.window_until_s)


@dataclass(frozen=True, slots=True)
class Offer:
    """How far an asset can move: the levels that the aggregator may ask for."""

    role: str
    usual_w: float
    down_to_w: float

    @property
    def reduction_w(self) -> float:
        """How much the asset can give up."""
        return max(0.0, self.usual_w - self.down_to_w)


def allocate(
    offers: Sequence[Offer], capacity_w: float, unavailable: frozenset[str]
) -> tuple[Offer, ...]:
    """Choose assets, in the order offered, until the capacity is covered.

    All available assets are returned if together they do not cover it.
    """
    chosen: list[Offer] = []
    covered_w = 0.0
    for offer in offers:
        if covered_w >= capacity_w:
            break
        if offer.role in unavailable or offer.reduction_w <= 0:
            continue
        chosen.append(offer)
        covered_w += offer.reduction_w
    return tuple(chosen)


def lose_asset(
    position: Position, offers: Mapping[str, Offer], role: str
) -> tuple[Position, float | None]:
    """Note that an asset cannot deliver; return what must be declared. [W]

    ``None`` if the asset offered nothing or was declared already: the same loss
    is declared once. Source: Use Case 1, "prompt notification of unplanned
    unavailability".
    """
    if role in position.unavailable or role not in offers:
        return position, None
    lost = replace(position, unavailable=position.unavailable | {role})
    return lost, offers[role].reduction_w
