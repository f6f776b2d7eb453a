"""The 14 market actors, the functions of a DSO that they support, and their log names.

Source: TRANSITION use cases (WP4.3), Table 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from harness.core.parties import ACTORS, Party


class Actor(StrEnum):
    """Who acts in a recording's log, as the log names them."""

    DSO = "DSO"
    ESO = "ESO"
    AGGREGATOR = "aggregator"
    FACILITATOR = "neutral market facilitator"
    NETWORK = "DNO network"
    DNO = "DNO"
    BALANCE_RESPONSIBLE = "balance responsible person"
    TRADER = "energy trader"


class DsoFunction(StrEnum):
    """The functions of a DSO that market actors support (Table 3)."""

    COORDINATION = "system coordination"
    OPERATION = "network operation"
    PLANNING = "investment planning"
    CONNECTIONS = "connections and connection rights"
    DEFENCE = "system defence and restoration"
    FACILITATION = "services and market facilitation"
    OPTIMISATION = "service optimisation"
    CHARGING = "charging"


_ALL = frozenset(DsoFunction)
_OF_TRADING_IN_FLEXIBILITY = _ALL - {DsoFunction.CONNECTIONS, DsoFunction.CHARGING}

FUNCTIONS: Mapping[Party, frozenset[DsoFunction]] = {
    **dict.fromkeys(ACTORS, _ALL),
    Party.AGGREGATOR: _OF_TRADING_IN_FLEXIBILITY,
    Party.BALANCE_RESPONSIBLE: _OF_TRADING_IN_FLEXIBILITY,
    Party.DOMESTIC: frozenset(
        {DsoFunction.CONNECTIONS, DsoFunction.FACILITATION, DsoFunction.CHARGING}
    ),
    Party.NON_DOMESTIC: _ALL - {DsoFunction.OPERATION},
    Party.DATA_COMMUNICATIONS: frozenset(
        {DsoFunction.COORDINATION, DsoFunction.OPERATION, DsoFunction.OPTIMISATION}
    ),
    Party.SUPPLIER: frozenset({DsoFunction.COORDINATION, DsoFunction.CHARGING}),
    Party.TRADER: frozenset({DsoFunction.FACILITATION}),
    Party.FACILITATOR: _ALL - {DsoFunction.PLANNING, DsoFunction.CHARGING},
}
"""Which functions each actor supports, directly or through a third party."""
