"""A network that balances itself: what its controller moves, and how it is shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Mover:
    """A device that the controller moves between two powers; negative feeds in."""

    role: str
    least_w: float
    """Above 0 it is either off or draws at least this. [W]"""
    most_w: float

    def __post_init__(self) -> None:
        if not self.least_w < self.most_w:
            raise ValueError(
                f"{self.role} would move from {self.least_w:g} W to {self.most_w:g} W"
            )


class Kind(StrEnum):
    """What a member of the network is."""

    LOAD = "load"
    GENERATION = "generation"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Balancing:
    """Who is on a network of its own, what is moved, and what is lost meanwhile.

    Times are clock seconds.
    """

    name: str
    connection_w: float
    """What the connection to the wider grid is rated for. [W]"""
    kinds: dict[str, Kind]
    """What each device is, by its role."""
    movers: tuple[Mover, ...] = ()
    """In the order in which they are moved."""
    from_clock_s: float | None = None
    until_clock_s: float | None = None
    controller_lost_clock_s: float | None = None
    mains_lost_clock_s: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.connection_w > 0:
            raise ValueError(f"a connection of {self.connection_w:g} W is none")

    def of_kind(self, kind: Kind) -> list[str]:
        """Return the roles that are of a kind."""
        return [role for role, one in self.kinds.items() if one is kind]

    def clock_times(self) -> list[float]:
        """Return every time that a plan must last for. [s]"""
        times = [self.from_clock_s, self.until_clock_s, self.controller_lost_clock_s]
        return [
            at for at in (*times, *(self.mains_lost_clock_s or ())) if at is not None
        ]


def shared_out(movers: Sequence[Mover], total_w: float) -> dict[str, float]:
    """Return what each mover is to draw, so that together they draw `total_w`. [W]

    In their order, each as much as it can; what no one can take is left to the mains.
    """
    left_w, found = total_w, {}
    for mover in movers:
        takes_w = min(left_w, mover.most_w)
        if mover.least_w <= 0:
            takes_w = max(takes_w, mover.least_w)
        elif takes_w < mover.least_w:
            takes_w = 0.0
        found[mover.role] = takes_w
        left_w -= takes_w
    return found
