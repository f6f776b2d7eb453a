"""A number with what is not known about it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contribution:
    """One line of an uncertainty budget: a standard uncertainty and its origin."""

    name: str
    """``sampling interval``, ``meter``, ``clock``, …"""
    u: float
    """Standard uncertainty, in the unit of the estimate."""
    kind: str = "B"
    """``A`` (from the scatter of observations) or ``B`` (from anything else)."""
    source: str = ""
    """Where it comes from: a certificate, a class, the recording itself."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value, its unit and its uncertainty budget (JCGM 100).

    ``nan`` means that the recording does not say; ``inf`` that it never happened.
    """

    value: float
    unit: str
    budget: tuple[Contribution, ...] = ()
    coverage: float = 2.0
    """Coverage factor k; 2 covers about 95 %."""
    why: str = ""
    """For ``nan`` or ``inf``: the reason, as a clause of a sentence."""
    marks: tuple[tuple[str, float], ...] = ()
    """Instants worth showing in the figure, as (name, bench time in s)."""
    unseen: tuple[float, float] | None = None
    """What the value could have been, from least to most, whatever the missing
    samples were. `value` itself takes them at their worst for the device where
    the quantity has a worst; see ``docs/definitions.md``, "gaps"."""

    @property
    def u(self) -> float:
        """Combined standard uncertainty, contributions taken as independent."""
        return math.sqrt(sum(line.u * line.u for line in self.budget))

    @property
    def expanded(self) -> float:
        """Expanded uncertainty U = k·u."""
        return self.coverage * self.u
