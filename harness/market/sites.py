"""Sites on a constrained part of the network: what each may draw and feed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from harness.core.parties import Party
from harness.market.network import LoadPointOfDay

_MPAN_WEIGHTS = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)
MPAN_DIGITS = 13


class Direction(StrEnum):
    """Which way energy flows through a site's boundary."""

    IMPORT = "import"
    EXPORT = "export"

    @property
    def sign(self) -> int:
        """1 for import, which is counted positive; −1 for export."""
        return 1 if self is Direction.IMPORT else -1


def mpan_fault(mpan: str) -> str:
    """Say what is wrong with an MPAN core of 13 digits; "" if nothing is.

    The last digit checks the others: the sum of the twelve, each times a prime from 3
    to 43 without 11, modulo 11, modulo 10. Source: MPAN core check digit as the
    industry's data specification has it, from general knowledge (unverified).
    """
    digits = mpan.replace(" ", "")
    if len(digits) != MPAN_DIGITS or not digits.isdigit():
        return f"{mpan!r} is not {MPAN_DIGITS} digits"
    weighted = zip(_MPAN_WEIGHTS, map(int, digits[:-1]), strict=True)
    expected = sum(weight * digit for weight, digit in weighted) % 11 % 10
    if expected != int(digits[-1]):
        return f"{mpan}: its check digit should be {expected}"
    return ""


@dataclass(frozen=True, slots=True)
class Site:
    """A site, the device on the bench that stands for it, and how many of them it is.

    Raises
    ------
    ValueError
        If its MPAN or a capacity cannot be.
    """

    name: str
    party: Party
    mpan: str
    role: str
    """The device on the bench."""
    like: int
    """How many such devices the site has."""
    usual_w: float
    """What the site draws while nothing is asked of it. [W]"""
    mic_w: float
    """Maximum Import Capacity. [W]"""
    mec_w: float
    """Maximum Export Capacity, as a positive number. [W]"""

    def __post_init__(self) -> None:
        if fault := mpan_fault(self.mpan):
            raise ValueError(fault)
        if self.like < 1 or min(self.mic_w, self.mec_w) < 0:
            raise ValueError(f"the {self.name} has no devices, or a negative capacity")

    def holds_w(self, direction: Direction) -> float:
        """Return the capacity that is its own. [W]"""
        return self.mic_w if direction is Direction.IMPORT else self.mec_w

    def of_one_w(self, site_w: float) -> float:
        """Return what one of its devices draws when the site draws this. [W]"""
        return site_w / self.like


@dataclass(frozen=True, slots=True)
class Area:
    """A constrained area: sites behind one cable or transformer with a rating.

    Raises
    ------
    ValueError
        If the rating is not positive, two sites share a name, an MPAN or a device.
    """

    name: str
    rating_w: float
    """In both directions, at unity power factor. [W]"""
    sites: tuple[Site, ...]
    others: tuple[LoadPointOfDay, ...] = ()
    """Load of everybody else on it, in order of the day."""

    def __post_init__(self) -> None:
        if not self.rating_w > 0:
            raise ValueError(f"{self.name} has no rating")
        for what in ("name", "mpan", "role"):
            values = [getattr(site, what) for site in self.sites]
            if twice := sorted({one for one in values if values.count(one) > 1}):
                raise ValueError(f"two sites have the same {what}: {twice[0]}")

    def others_w(self, clock_s: float) -> float:
        """Return the load of everybody else at a time of day. [W]"""
        if not self.others:
            return 0.0
        times = [point.at_clock_s for point in self.others]
        return float(np.interp(clock_s, times, [one.load_w for one in self.others]))

    def site(self, name: str) -> Site | None:
        """Return a site by its name."""
        return next((site for site in self.sites if site.name == name), None)


def site_named(areas: Sequence[Area], name: str) -> Site | None:
    """Return a site of any area by its name."""
    return next((site for area in areas if (site := area.site(name))), None)
