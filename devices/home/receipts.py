"""Receipts: what a gateway says became of a message with one person.

Source: README.md of this folder, "The messages".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STATUSES = ("delivered", "read", "agreed", "declined", "opted_out")
MOST_PEOPLE = 10_000


@dataclass(frozen=True, slots=True)
class Told:
    """A receipt as it came over the wire."""

    message: str
    person: int
    """A number that the gateway chose; never a name or an address."""
    status: str
    at: datetime


def parse_receipt(said: object) -> Told | None:
    """Return a receipt, or None if this is none."""
    if not isinstance(said, Mapping):
        return None
    fields: Mapping[str, Any] = said
    message, person, status = (fields.get(key) for key in ("id", "person", "status"))
    if isinstance(person, bool) or not isinstance(person, int):
        return None
    if not isinstance(message, str) or status not in STATUSES:
        return None
    try:
        at = datetime.fromisoformat(str(fields.get("at")))
    except ValueError:
        return None
    if at.tzinfo is None or not 0 < person <= MOST_PEOPLE:
        return None
    return Told(message, person, str(status), at)
