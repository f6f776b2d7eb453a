"""An asset's energy shared out among those whose it is, and what its profit pays them.

Whole watt-hours: what each has adds up to what was made. A member is credited with no
more than it drew; the rest is sold for all. Source 002, B.4 and B.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from harness.settlement.money import Price, amount_p, rounded

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class SharedOut:
    """One half-hour of an asset."""

    credited_wh: Mapping[str, int]
    """What each member used of its share. [Wh]"""
    sold_wh: int
    """What nobody used. [Wh]"""


def shared_out(
    made_wh: int, ppm: Mapping[str, int], drawn_wh: Mapping[str, int]
) -> SharedOut:
    """Share a half-hour's energy out.

    Watt-hours that do not divide go one by one to those who were cut most, by name if
    they were cut alike.

    Parameters
    ----------
    made_wh : int
        What the asset made, not negative. [Wh]
    ppm : mapping
        Shares in millionths; together all of it.
    drawn_wh : mapping
        What each member drew, import positive; one who fed in drew nothing. [Wh]

    Raises
    ------
    ValueError
        If the shares are not all of it, or the asset made less than nothing.
    """
    if sum(ppm.values()) != PPM or made_wh < 0:
        raise ValueError("shares of 100 % of what was made")
    exact = {name: Fraction(made_wh * share, PPM) for name, share in ppm.items()}
    parts = {name: int(part) for name, part in exact.items()}
    left = made_wh - sum(parts.values())
    cut = sorted(exact, key=lambda name: (parts[name] - exact[name], name))
    for name in cut[:left]:
        parts[name] += 1
    credited = {
        name: min(part, max(drawn_wh.get(name, 0), 0)) for name, part in parts.items()
    }
    return SharedOut(credited, made_wh - sum(credited.values()))


def dividend_p(
    made_wh: int, price: Price, costs_p: int, dividend_percent: float
) -> int:
    """Return what a half-hour's profit pays the community; a loss pays nothing. [p]"""
    profit_p = amount_p(made_wh, price) - costs_p
    share = Fraction(str(dividend_percent)) / 100
    return rounded(max(profit_p, 0) * share)
