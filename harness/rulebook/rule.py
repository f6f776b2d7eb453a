"""A rule: one published bound, with its source and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Rule:
    """A bound on one quantity, as one document states it.

    Two-sided and asymmetric bounds are two numbers, never one ±
    (CoP11 Type 5 is +2.5 / −3.5 %).
    """

    id: str
    """``document/rule``: ``crowdflex/table4/ev-turn-up-response``."""
    quantity: str
    at_least: float | None
    at_most: float | None
    unit: str
    source: str
    """Document, with its clause or table."""
    edition: str
    status: str
    """``verified`` if the number was read in its source, else ``unverified``."""
    valid_from: date
    valid_to: date | None = None
    conditions: Mapping[str, object] = field(default_factory=dict)
    note: str = ""

    @property
    def document(self) -> str:
        """Return the id of the document, the first part of the rule's own."""
        return self.id.partition("/")[0]

    def in_force(self, on: date) -> bool:
        """Tell whether this edition is in force on a date, both ends included."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)

    @property
    def bound(self) -> str:
        """Return the bound as a person writes it: ``at most 30 s``."""
        if self.at_least is not None and self.at_least == self.at_most:
            return f"exactly {self.at_least:g} {self.unit}"
        if self.at_least is not None and self.at_most is not None:
            return f"{self.at_least:+g} to {self.at_most:+g} {self.unit}"
        if self.at_most is not None:
            return f"at most {self.at_most:g} {self.unit}"
        return f"at least {self.at_least:g} {self.unit}"
