"""Thermal constraints on the transmission network, and who may help behind which.

Pure. A constraint parts the grid supply points: behind an export constraint too much is
generated, so that demand there has to rise; behind an import constraint too much is
drawn, so that it has to fall. Source: CrowdFlex WP5 technical specification, 2.2.1: the
location of every asset must be known, no action may be called on the wrong side, and
turning up behind an export constraint must not cause a further one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from harness.market.sites import mpan_fault


class Kind(StrEnum):
    """What there is too much of behind a constraint."""

    EXPORT = "export"
    IMPORT = "import"


class Refusal(StrEnum):
    """Why an asset is not called; its value is the reason as feature files say it."""

    UNPLACED = "nobody knows its grid supply point"
    ELSEWHERE = "it is on the other side of the constraint"
    WORSE = "that way makes the constraint worse"
    NEXT = "it would make a new constraint at its grid supply point"
    TAKEN = "its MPAN is another participant's"


@dataclass(frozen=True, slots=True)
class ThermalConstraint:
    """A boundary of the transmission network that carries too much."""

    name: str
    kind: Kind
    room_w: Mapping[str, float]
    """The grid supply points behind it, and how much each can take in the way that
    helps before something there is overloaded. [W]"""

    def __post_init__(self) -> None:
        if not self.room_w or min(self.room_w.values()) < 0:
            raise ValueError(f"{self.name} has nothing behind it, or a negative room")


@dataclass(frozen=True, slots=True)
class Placed:
    """An asset with its place on the network.

    Raises
    ------
    ValueError
        If its MPAN core cannot be.
    """

    role: str
    mpan: str
    usual_w: float
    """What it draws while nothing is asked of it. [W]"""
    gsp: str = ""
    """Its grid supply point; "" if its MPAN and postcode map to none."""
    taken: bool = False
    """Whether its MPAN is registered with another participant."""

    def __post_init__(self) -> None:
        if fault := mpan_fault(self.mpan):
            raise ValueError(fault)


def refusal(
    constraint: ThermalConstraint, asset: Placed, *, level_w: float, homes: int
) -> Refusal | None:
    """Return why an asset may not be called to move to a level, or None.

    Parameters
    ----------
    constraint : ThermalConstraint
        What is to be relieved.
    asset : Placed
        One asset, and where it is.
    level_w : float
        What it would draw. [W]
    homes : int
        How many like it are called at its grid supply point.
    """
    if asset.taken:
        return Refusal.TAKEN
    if not asset.gsp:
        return Refusal.UNPLACED
    if asset.gsp not in constraint.room_w:
        return Refusal.ELSEWHERE
    change_w = (level_w - asset.usual_w) * homes
    helps_w = change_w if constraint.kind is Kind.EXPORT else -change_w
    if helps_w <= 0:
        return Refusal.WORSE
    return Refusal.NEXT if helps_w > constraint.room_w[asset.gsp] else None
