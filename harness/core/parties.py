"""The market actors, as the source documents name them."""

from __future__ import annotations

from enum import StrEnum


class Party(StrEnum):
    """The 14 market actors (TRANSITION use cases, Table 3), and one account."""

    AGGREGATOR = "Aggregator"
    BALANCE_RESPONSIBLE = "Balance Responsible Person"
    COMMUNITY_ENERGY = "Community Energy Scheme"
    DOMESTIC = "Consumer (Domestic)"
    NON_DOMESTIC = "Consumer (Non-Domestic)"
    DATA_COMMUNICATIONS = "Data Communications Company"
    GENERATION = "Directly-Connected Generation"
    STORAGE = "Directly-Connected Storage"
    DNO = "DNO"
    DSO = "DSO"
    SUPPLIER = "Electricity Supplier"
    ESO = "Electricity System Operator"
    TRADER = "Energy Trader"
    FACILITATOR = "Neutral Market Facilitator"
    CLEARING = "imbalance clearing (no actor)"
    """Where imbalance cash comes from and goes to. Nobody's gain or loss here."""


ACTORS = tuple(party for party in Party if party is not Party.CLEARING)
