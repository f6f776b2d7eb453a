"""A rule as plain JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from harness.rulebook.rule import Rule


def rule_to_json(rule: Rule) -> dict[str, Any]:
    """Return the rule as JSON values; dates as ``2022-11-01``."""
    return {
        "id": rule.id,
        "quantity": rule.quantity,
        "at_least": rule.at_least,
        "at_most": rule.at_most,
        "unit": rule.unit,
        "source": rule.source,
        "edition": rule.edition,
        "status": rule.status,
        "valid_from": rule.valid_from.isoformat(),
        "valid_to": rule.valid_to.isoformat() if rule.valid_to else None,
        "conditions": dict(rule.conditions),
        "note": rule.note,
    }


def rule_from_json(data: Mapping[str, Any]) -> Rule:
    """Return the rule that `rule_to_json` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not such a rule.
    """
    plain = dict(data)
    plain["valid_from"] = date.fromisoformat(plain["valid_from"])
    if plain["valid_to"] is not None:
        plain["valid_to"] = date.fromisoformat(plain["valid_to"])
    return Rule(**plain)
