"""A local market's half-hour, settled against the meters; the rest by the supplier.

What was sold is owed whatever was made: a seller that made less buys the rest of its
supplier, a buyer that drew less sells what is left to it. Energy is conserved, because
the supplier takes every member's meter less what it traded; money is, because every
penny is paid by one and had by another. Whole watt-hours and pence. Source 002, B.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.settlement.money import Price, amount_p


@dataclass(frozen=True, slots=True)
class Traded:
    """Energy that one member sold another in one half-hour."""

    seller: str
    buyer: str
    wh: int
    price: Price


@dataclass(frozen=True, slots=True)
class Account:
    """One member's half-hour."""

    metered_wh: int
    """Import positive. [Wh]"""
    bought_wh: int
    """Of other members, less what it sold them. [Wh]"""
    local_p: int
    """Paid to other members, less what they paid. [p]"""
    supplier_p: int
    """Paid to the supplier; negative: had of it. [p]"""
    alone_p: int
    """What its supplier alone would have asked, or paid. [p]"""

    @property
    def rest_wh(self) -> int:
        """What goes through the supplier. [Wh]"""
        return self.metered_wh - self.bought_wh

    @property
    def paid_p(self) -> int:
        """All that it paid. [p]"""
        return self.local_p + self.supplier_p


@dataclass(frozen=True, slots=True)
class HalfHourSettled:
    """Everybody's account for one half-hour."""

    accounts: Mapping[str, Account]
    local_wh: int
    """Sold among members, as far as the sellers' meters show it was there. [Wh]"""

    @property
    def supplier_wh(self) -> int:
        """What the supplier supplied to all of them, net. [Wh]"""
        return sum(one.rest_wh for one in self.accounts.values())

    @property
    def supplier_p(self) -> int:
        """What the supplier had of all of them, net. [p]"""
        return sum(one.supplier_p for one in self.accounts.values())


def settled(
    metered_wh: Mapping[str, int], trades: Sequence[Traded], *, tariff: Price,
    export: Price,
) -> HalfHourSettled:  # fmt: skip
    """Settle one half-hour.

    Parameters
    ----------
    metered_wh : mapping
        What each member's meters counted, import positive. [Wh]
    trades : sequence of Traded
        What was agreed before it began.
    tariff, export : Price
        What the supplier asks, and what it pays.

    Raises
    ------
    ValueError
        If somebody traded who has no meter.
    """
    strangers = {p for one in trades for p in (one.seller, one.buyer)} - set(metered_wh)
    if strangers:
        raise ValueError(f"no meter of {', '.join(sorted(strangers))}")
    bought = dict.fromkeys(metered_wh, 0)
    sold = dict.fromkeys(metered_wh, 0)
    local = dict.fromkeys(metered_wh, 0)
    for one in trades:
        pays_p = amount_p(one.wh, one.price)
        bought[one.buyer] += one.wh
        sold[one.seller] += one.wh
        local[one.buyer] += pays_p
        local[one.seller] -= pays_p
    accounts = {}
    for name, wh in metered_wh.items():
        net_bought = bought[name] - sold[name]
        accounts[name] = Account(
            wh, net_bought, local[name], _by_supplier(wh - net_bought, tariff, export),
            _by_supplier(wh, tariff, export),
        )  # fmt: skip
    there = sum(min(wh, max(-metered_wh[name], 0)) for name, wh in sold.items())
    return HalfHourSettled(accounts, there)


def _by_supplier(wh: int, tariff: Price, export: Price) -> int:
    return amount_p(wh, tariff if wh > 0 else export)
