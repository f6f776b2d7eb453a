"""What is out of balance after gate closure, and what that costs.

BSC: energy imbalance cash flow at one price, long paid at it and short charged at it
(Section T; unverified here). Import positive: bought less metered is long.
``docs/definitions.md``, "imbalance exposure".
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.parties import Party
from harness.settlement.money import Price, amount_p
from harness.settlement.positions import Transfer, owed


@dataclass(frozen=True, slots=True)
class Imbalance:
    """One party's imbalance in one settlement period."""

    party: str
    bought_wh: int
    """Its position at gate closure."""
    metered_wh: int
    adjusted_wh: int = 0
    """Volume of a service that was notified: bought by it and taken away again."""

    @property
    def long_wh(self) -> int:
        """Bought and not used; negative if it used more than it bought. [Wh]"""
        return self.bought_wh - self.adjusted_wh - self.metered_wh

    def cash(self, price: Price, *, when: str = "") -> tuple[Transfer, ...]:
        """Return what clearing pays for it; a negative price turns it around."""
        pence = amount_p(self.long_wh, price)
        return owed(
            Party.CLEARING, self.party, pence, "imbalance",
            energy_wh=abs(self.long_wh), when=when,
        )  # fmt: skip


def bill_change(
    bought_wh: int,
    metered_wh: int,
    retail: Price,
    *,
    consumer: str = Party.DOMESTIC,
    when: str = "",
) -> tuple[Transfer, ...]:
    """Return how a consumer's bill differs from what its supplier expected to sell.

    Energy not used is a saving of the consumer's and a sale that the supplier lost.
    """
    saved_wh = bought_wh - metered_wh
    pence = amount_p(saved_wh, retail)
    what = "energy not bought" if pence >= 0 else "more energy bought"
    return owed(
        Party.SUPPLIER, consumer, pence, what,
        energy_wh=abs(saved_wh), when=when,
    )  # fmt: skip
