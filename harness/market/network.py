"""A critical asset of the network: what it carries, from what the rig measured.

Power of the home on the bench, times the homes like it, plus the load of everybody else
as it is declared for the day. At unity power factor, so that W and VA are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class LoadPointOfDay:
    """What everybody else draws at a time of day; straight lines in between."""

    at_clock_s: float
    load_w: float


@dataclass(frozen=True, slots=True)
class CriticalAsset:
    """A transformer with a rating, homes like the one on the bench, and others."""

    name: str
    rating_w: float
    homes: int
    """How many homes like the one on the bench it carries."""
    others: tuple[LoadPointOfDay, ...] = ()
    """Load of everybody else, in order of the day."""

    def __post_init__(self) -> None:
        times = [point.at_clock_s for point in self.others]
        if self.rating_w <= 0 or self.homes < 1:
            raise ValueError(f"transformer {self.name!r} has no rating or no homes")
        if sorted(set(times)) != times or any(one.load_w < 0 for one in self.others):
            raise ValueError(
                f"the load of transformer {self.name!r} must be in order of the day, "
                "and none of it negative"
            )

    def others_w(self, clock_s: Series) -> Series:
        """Return the load of everybody else at times of day. [W]

        Before the first point and after the last it stays as it is there.
        """
        if not self.others:
            return np.zeros_like(clock_s)
        found: Series = np.interp(
            clock_s,
            [point.at_clock_s for point in self.others],
            [point.load_w for point in self.others],
        )
        return found
