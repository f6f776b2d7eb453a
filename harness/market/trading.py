"""An energy trader's decisions: when a portfolio's flexibility is worth using, and how.

Pure: prices, position and time are passed in. Source: TRANSITION use cases 7 and 8:
three price pre-conditions each, trading from day ahead to gate closure, balancing
within it, and risk parameters agreed beforehand for either side of gate closure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.core.calendar import PERIOD_S

LEAST_W = 1.0
"""What is cut to less than this is declined. [W]"""


class Motive(StrEnum):
    """Why flexibility is used: the pre-conditions of use cases 7 and 8."""

    EXPOSURE = "exposure to the price"
    """Less demand (7) or more (8), because the portfolio is exposed to the price."""
    POSITION = "lengthen or shorten"
    """A longer portfolio while the price is high (7), a shorter one while it is low."""
    IMBALANCE = "forecast imbalance price"
    """The portfolio is placed for the imbalance price that is forecast."""

    @property
    def trades(self) -> bool:
        """Whether energy is sold or bought for it, which ends at gate closure."""
        return self is not Motive.IMBALANCE


@dataclass(frozen=True, slots=True)
class Risk:
    """What the trader may do without asking anybody, on one side of gate closure.

    Raises
    ------
    ValueError
        If it lets nothing be done at all, or its prices are the wrong way round.
    """

    most_w: float
    """Largest change of demand at any moment, of all orders together. [W]"""
    most_open_wh: float
    """Largest position of one settlement period, of all orders together. [Wh]"""
    floor: float
    """Lowest price that is used. [£/MWh]"""
    ceiling: float
    """Highest price that is used. [£/MWh]"""
    worst_loss_p: float
    """Most that orders together may lose if their sites do nothing and the imbalance
    price goes to the floor or the ceiling. [p]"""
    cuts: bool = False
    """Whether an order that does not fit is cut to what does; otherwise declined."""

    def __post_init__(self) -> None:
        if self.floor > self.ceiling:
            fact = f"{self.floor:g} £/MWh is above {self.ceiling:g} £/MWh"
            raise ValueError(f"the lowest price that is used, {fact}, the highest")
        for name, most in (
            ("move", self.most_w), ("hold open", self.most_open_wh),
            ("lose", self.worst_loss_p),
        ):  # fmt: skip
            if not most > 0:
                raise ValueError(f"the trader may {name} nothing")


@dataclass(frozen=True, slots=True)
class Market:
    """What the trader knows of a half-hour when it decides."""

    price: float
    """Wholesale. [£/MWh]"""
    usual_price: float
    """What counts as neither high nor low. [£/MWh]"""
    imbalance_price: float
    """Forecast. [£/MWh]"""
    tariff: float
    """What the company's customers pay it for each megawatt-hour. [£/MWh]"""
    exposed_wh: float
    """Energy of each half-hour that is not covered at a fixed price. [Wh]"""

    def price_for(self, motive: Motive) -> float:
        """Return the price that an order is for. [£/MWh]"""
        return self.price if motive.trades else self.imbalance_price


@dataclass(frozen=True, slots=True)
class Order:
    """Use of one asset: positive to draw less, negative to draw more."""

    power_w: float
    from_s: float
    until_s: float
    cost: float
    """What its owner is paid for each megawatt-hour moved. [£/MWh]"""
    motive: Motive
    period_s: float
    """When the settlement period begins in which it begins. [s]"""

    @property
    def energy_wh(self) -> float:
        """Energy that it moves. [Wh]"""
        return self.power_w * (self.until_s - self.from_s) / 3600

    def hours_in(self, period_s: float) -> float:
        """Return how long it lasts in a settlement period. [h]"""
        until_s = min(self.until_s, period_s + PERIOD_S)
        return max(until_s - max(self.from_s, period_s), 0.0) / 3600

    def is_before_gate(self, at_s: float, gate_closure_s: float) -> bool:
        """Whether it can still be traded at a moment."""
        return at_s <= self.period_s - gate_closure_s

    @property
    def periods_s(self) -> tuple[float, ...]:
        """When each settlement period begins that it touches. [s]"""
        count = math.ceil((self.until_s - self.period_s) / PERIOD_S - 1e-9)
        return tuple(self.period_s + PERIOD_S * number for number in range(count))


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether an order is worth it and allowed, and why (not)."""

    accepted: bool
    reason: str
    traded: bool = False
    """Sold, or bought, on the market; otherwise it stays in the imbalance."""
    order: Order | None = None
    """The order as it is given: cut, if it was."""
    cut_for: str = ""
    """Why it was cut, or ""."""


GATE_CLOSED = "gate closure has passed"
TOO_MUCH = "more than the trader may move"
TOO_OPEN = "more than the trader may hold open"
UNEXPOSED = "more than is exposed to the price"
BEYOND_PRICES = "the price is outside what the trader may use"
TOO_RISKY = "more could be lost than the trader may lose"
NOT_WORTH_IT = "it costs more than it brings"
NO_REASON = "the market gives no reason to"


def judge_order(
    order: Order,
    market: Market,
    risk: Risk,
    *,
    at_s: float,
    gate_closure_s: float,
    taken: Sequence[Order] = (),
) -> Judgement:
    """Say whether an order is given, whole or cut, beside those given before it.

    There is a reason to draw less (7) where the price that it is for is above the
    usual one, and to draw more (8) where it is below. It is worth it if the company
    gains by it as it is settled: the price, less the tariff that its customers no
    longer pay, less what the owner is paid; drawing more is the mirror. See
    ``docs/definitions.md``, "settlement of a trader's orders".

    Parameters
    ----------
    order, market, risk
        See their classes; `risk` is that of the side of gate closure `at_s` is on.
    at_s : float
        When it is decided. [s]
    gate_closure_s : float
        How long before its settlement period a trade is final. [s]
    taken : sequence of Order
        Orders given before, as given.
    """
    less, motive = order.power_w > 0, order.motive
    if motive.trades and not order.is_before_gate(at_s, gate_closure_s):
        return Judgement(False, GATE_CLOSED)
    price = market.price_for(motive)
    if not risk.floor <= price <= risk.ceiling:
        return Judgement(False, BEYOND_PRICES)
    if not _has_reason(motive, market, less=less):
        return Judgement(False, NO_REASON)
    earns = price - market.tariff if less else market.tariff - price
    if earns <= order.cost:
        return Judgement(False, NOT_WORTH_IT)
    room_w, why = _room(order, market, risk, taken, at_s)
    fits = room_w >= abs(order.power_w) * (1 - 1e-9)
    if not fits and (not risk.cuts or room_w < LEAST_W):
        return Judgement(False, why)
    if not fits:
        given = replace(order, power_w=math.copysign(room_w, order.power_w))
        return Judgement(True, str(motive), motive.trades, given, cut_for=why)
    return Judgement(True, str(motive), motive.trades, order)


def _room(
    order: Order, market: Market, risk: Risk, taken: Sequence[Order], at_s: float
) -> tuple[float, str]:
    """Return how much may be moved beside what was given, and what bounds it. [W]"""
    hours = (order.until_s - order.from_s) / 3600
    open_p = sum(_worst_p(one, market, risk) for one in taken if one.until_s > at_s)
    rooms = [
        (risk.most_w - _most_w(order, taken), TOO_MUCH),
        (_open_room(order, taken, risk.most_open_wh), TOO_OPEN),
        (
            (risk.worst_loss_p - open_p) / (hours * _swing_p(order, market, risk)),
            TOO_RISKY,
        ),
    ]
    if order.motive is Motive.EXPOSURE:
        same = [one for one in taken if one.motive is Motive.EXPOSURE]
        rooms.append((_open_room(order, same, market.exposed_wh), UNEXPOSED))
    return min(rooms, key=lambda one: one[0])


def _most_w(order: Order, taken: Sequence[Order]) -> float:
    """Return the most that others move at any moment of an order. [W]"""
    others = [
        one
        for one in taken
        if one.from_s < order.until_s and order.from_s < one.until_s
    ]
    moments = [order.from_s, *(max(one.from_s, order.from_s) for one in others)]
    return max(
        sum(abs(one.power_w) for one in others if one.from_s <= at_s < one.until_s)
        for at_s in moments
    )


def _open_room(order: Order, taken: Sequence[Order], most_wh: float) -> float:
    """Return the power at which no settlement period moves more than this. [W]"""
    return min(
        (most_wh - sum(abs(one.power_w) * one.hours_in(period_s) for one in taken))
        / order.hours_in(period_s)
        for period_s in order.periods_s
    )


def _swing_p(order: Order, market: Market, risk: Risk) -> float:
    """Return what a watt-hour can lose if the price goes to either bound. [p/Wh]"""
    price = market.price_for(order.motive)
    return 100 / 1e6 * max(risk.ceiling - price, price - risk.floor, 1e-9)


def _worst_p(order: Order, market: Market, risk: Risk) -> float:
    return abs(order.energy_wh) * _swing_p(order, market, risk)


def _has_reason(motive: Motive, market: Market, *, less: bool) -> bool:
    price = market.price_for(motive)
    if motive is Motive.EXPOSURE and market.exposed_wh <= 0:
        return False
    return price > market.usual_price if less else price < market.usual_price
