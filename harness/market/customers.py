"""Customers by category: the contracts each can hold, and whose calls reach it.

Pure. Source: Customer Categories, "Definition of Customer Categories": A sells services
to system operators, B takes part in the market actively and has no contracts for
services, C is passive with products fit and forget, D is a passive consumer. A customer
moves between them; who is vulnerable can be in any, and protection goes along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Category(StrEnum):
    """The categories, by what the customer wishes to do."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


NAMES = {
    Category.A: "system service provider",
    Category.B: "active participant",
    Category.C: "passive participant",
    Category.D: "passive consumer",
}


class Contract(StrEnum):
    """The contracts that the source gives as examples."""

    SERVICES = "service agreement"
    """Bilateral, between the customer and a DSO or the TSO."""
    POWER_PURCHASE = "power purchase agreement"
    AGGREGATOR = "aggregator contract"
    TIME_OF_USE = "time-of-use tariff"
    STANDARD = "standard tariff"


MAY_HOLD: dict[Category, frozenset[Contract]] = {
    Category.A: frozenset(Contract) - {Contract.STANDARD},
    Category.B: frozenset(
        {Contract.POWER_PURCHASE, Contract.AGGREGATOR, Contract.TIME_OF_USE}
    ),
    Category.C: frozenset({Contract.TIME_OF_USE}),
    Category.D: frozenset({Contract.STANDARD}),
}
"""By category. That A, which is in the market as well, may hold what B may follows from
"a key element of their overall business portfolio"; the rest is the source's."""

REACHED_BY = {
    "ESO": Contract.SERVICES,
    "DSO": Contract.SERVICES,
    "aggregator": Contract.AGGREGATOR,
}
"""Through which contract an actor's instruction reaches a customer."""


class Refusal(StrEnum):
    """Why something does not happen to a customer; as feature files say it."""

    NOT_OF_CATEGORY = "its category cannot hold that contract"
    NOT_HELD = "it holds no contract by which that reaches it"
    PROTECTED = "it is vulnerable and would be left with less than is protected"
    STILL_HELD = "it still holds a contract that the category cannot hold"


class RefusedError(Exception):
    """Something that a customer's category or protection forbids."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer, what it holds, and what is protected."""

    category: Category
    contracts: frozenset[Contract] = frozenset()
    protected_w: float | None = None
    """What it is never left with less than, if it is vulnerable. [W]"""

    def signs(self, contract: Contract) -> Customer:
        """Return it with a contract.

        Raises
        ------
        RefusedError
            If its category cannot hold it.
        """
        if contract not in MAY_HOLD[self.category]:
            raise RefusedError(Refusal.NOT_OF_CATEGORY)
        return replace(self, contracts=self.contracts | {contract})

    def ends(self, contract: Contract) -> Customer:
        """Return it without a contract."""
        return replace(self, contracts=self.contracts - {contract})

    def moves_to(self, category: Category) -> Customer:
        """Return it in another category; its protection goes along.

        Raises
        ------
        RefusedError
            If it holds what the category cannot: that has to end first.
        """
        if self.contracts - MAY_HOLD[category]:
            raise RefusedError(Refusal.STILL_HELD)
        return replace(self, category=category)

    def require_reached(self, actor: str, level_w: float) -> None:
        """Refuse an instruction that must not reach it.

        Raises
        ------
        RefusedError
            If it holds no contract for it, or is protected from it.
        """
        if REACHED_BY.get(actor) not in self.contracts:
            raise RefusedError(Refusal.NOT_HELD)
        if self.protected_w is not None and level_w < self.protected_w:
            raise RefusedError(Refusal.PROTECTED)
