"""An energy trader's decisions: when a portfolio's flexibility is worth using, and how.

Pure: prices, position and time are passed in. Source: TRANSITION use cases 7 and 8:
three price pre-conditions each, trading from day ahead to gate closure, balancing
within it, and a set of risk parameters agreed beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GATE_CLOSURE_S = 3600.0
"""How long before its half-hour a trade must be notified. [s]"""


class Motive(StrEnum):
    """Why flexibility is used: the pre-conditions of use cases 7 and 8."""

    EXPOSURE = "exposure to the price"
    """Less demand (7) or more (8), because the portfolio is exposed to the price."""
    POSITION = "lengthen or shorten"
    """A longer portfolio while the price is high (7), a shorter one while it is low."""
    IMBALANCE = "forecast imbalance price"
    """The portfolio is placed for the imbalance price that is forecast."""


@dataclass(frozen=True, slots=True)
class Risk:
    """What the trader may do without asking anybody."""

    most_w: float
    """Largest change of one asset's demand. [W]"""
    floor: float
    """Lowest price that is used. [£/MWh]"""
    ceiling: float
    """Highest price that is used. [£/MWh]"""
    worst_loss_p: float
    """Most that one order may lose if the asset does nothing and the imbalance price
    goes to the floor or the ceiling. [p]"""


@dataclass(frozen=True, slots=True)
class Market:
    """What the trader knows of a half-hour when it decides."""

    price: float
    """Wholesale. [£/MWh]"""
    usual_price: float
    """What counts as neither high nor low. [£/MWh]"""
    imbalance_price: float
    """Forecast. [£/MWh]"""
    exposed_wh: float
    """Energy of the portfolio that is not covered at a fixed price. [Wh]"""


@dataclass(frozen=True, slots=True)
class Order:
    """Use of one asset: positive to draw less, negative to draw more."""

    power_w: float
    from_s: float
    until_s: float
    cost: float
    """What its owner is paid for each megawatt-hour moved. [£/MWh]"""

    @property
    def energy_wh(self) -> float:
        """Energy that it moves. [Wh]"""
        return self.power_w * (self.until_s - self.from_s) / 3600


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether an order is worth it and allowed, and why (not)."""

    accepted: bool
    reason: str
    traded: bool = False
    """Sold, or bought, on the market; otherwise it stays in the imbalance."""


GATE_CLOSED = "gate closure has passed"
TOO_MUCH = "more than the trader may move"
BEYOND_PRICES = "the price is outside what the trader may use"
TOO_RISKY = "more could be lost than the trader may lose"
NOT_WORTH_IT = "it costs more than it brings"
NO_REASON = "the market gives no reason to"


def judge_order(
    order: Order, motive: Motive, market: Market, risk: Risk, *, at_s: float
) -> Judgement:
    """Say whether an order is given.

    Drawing less (7) is worth it where the price, or the forecast imbalance price, is
    above the usual one, at which the energy is drawn at another time, by more than its
    owner is paid; drawing more (8) is the mirror.

    Parameters
    ----------
    order, motive, market, risk
        See their classes.
    at_s : float
        When it is decided. [s]
    """
    less = order.power_w > 0
    trades = motive is not Motive.IMBALANCE
    if trades and at_s > order.from_s - GATE_CLOSURE_S:
        return Judgement(False, GATE_CLOSED)
    if abs(order.power_w) > risk.most_w:
        return Judgement(False, TOO_MUCH)
    price = market.price if trades else market.imbalance_price
    if not risk.floor <= price <= risk.ceiling:
        return Judgement(False, BEYOND_PRICES)
    worst_p = (
        abs(order.energy_wh)
        / 1e6
        * 100
        * max(abs(risk.ceiling - price), abs(price - risk.floor))
    )
    if worst_p > risk.worst_loss_p:
        return Judgement(False, TOO_RISKY)
    if not _has_reason(motive, market, less=less):
        return Judgement(False, NO_REASON)
    earns = price - market.usual_price if less else market.usual_price - price
    if earns <= order.cost:
        return Judgement(False, NOT_WORTH_IT)
    return Judgement(True, str(motive), traded=trades)


def _has_reason(motive: Motive, market: Market, *, less: bool) -> bool:
    if motive is Motive.IMBALANCE:
        above = market.imbalance_price > market.usual_price
    else:
        above = market.price > market.usual_price
    if motive is Motive.EXPOSURE and market.exposed_wh <= 0:
        return False
    return above == less and market.price != market.usual_price
