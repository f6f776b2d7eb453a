"""Who is served first when one asset was promised to several buyers: primacy, as data.

The regimes are in ``primacy.toml`` beside this module, each with its source and status.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Primacy:
    """One order of buyers."""

    name: str
    order: tuple[str, ...]
    """Buyers, first served first. Those it does not name follow, first come first."""
    reason: str
    source: str
    status: str

    def rank(self, buyer: str) -> int:
        """Return a buyer's place: the lower is served first."""
        return self.order.index(buyer) if buyer in self.order else len(self.order)


@cache
def regimes() -> tuple[Primacy, ...]:
    """Return every regime, in the order of the data file."""
    text = files(__package__).joinpath("primacy.toml").read_text(encoding="utf-8")
    return tuple(
        Primacy(
            one["id"], tuple(one["order"]), one["reason"], one["source"], one["status"]
        )
        for one in tomllib.loads(text)["regime"]
    )


def regime_named(name: str) -> Primacy:
    """Return a regime by its name.

    Raises
    ------
    KeyError
        Naming the regimes that there are.
    """
    for one in regimes():
        if one.name == name:
            return one
    raise KeyError(", ".join(one.name for one in regimes()))


@dataclass(frozen=True, slots=True)
class Running:
    """A call that an asset should serve now."""

    service: str
    buyer: str
    wanted_w: float
    called_s: float
    """When it was called: earlier goes first among equals."""


def share_out(
    capacity_w: float, running: Sequence[Running], primacy: Primacy
) -> dict[str, float]:
    """Return how much each running call gets of an asset, by service. [W]

    In the order of primacy each gets what it wants until nothing is left. The parts
    never come to more than the capacity.
    """
    left_w = capacity_w
    found: dict[str, float] = {}
    ranked = sorted(running, key=lambda one: (primacy.rank(one.buyer), one.called_s))
    for one in ranked:
        found[one.service] = min(one.wanted_w, left_w)
        left_w -= found[one.service]
    return found
