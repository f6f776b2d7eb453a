"""What the conditions of a rule say: where it applies, and where not.

A range is stated in parts: ``current_from_percent`` and ``current_to_percent``, of the
rated measuring current or of what ``current_of`` names; ``temperature_from_c`` and
``temperature_to_c``. Either end may be left open. The lower end belongs to the range
unless ``…_from_inclusive`` is false, the upper end only if ``…_to_inclusive`` is true.

Anything else (``power_factor``, ``current_range``, ``meter_type``, ``meter_class``,
``load``) holds where it is equal. What a rule does not state, does not matter to it:
without a range of current it holds at every current.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.errors import RuleError
from harness.rulebook.rule import Rule

Condition = str | bool | int | float
Asked = Mapping[str, Condition]
"""Conditions by name; a range by the name of the value: ``current_percent``."""


@dataclass(frozen=True, slots=True)
class Range:
    """A condition that rules state as a range, by the names of its parts."""

    low: str
    high: str
    low_inclusive: str
    high_inclusive: str

    def parts(self) -> tuple[str, ...]:
        """Return the names of the conditions that make it up."""
        return self.low, self.high, self.low_inclusive, self.high_inclusive

    def stated_by(self, rule: Rule) -> bool:
        """Tell whether a rule states either end."""
        return self.low in rule.conditions or self.high in rule.conditions

    def holds(self, rule: Rule, value: float) -> bool:
        """Tell whether a value lies in the rule's range; open ends have no end."""
        low, high = _end(rule, self.low, -math.inf), _end(rule, self.high, math.inf)
        return (
            low < value < high
            or (value == low and self._has_low(rule))
            or (value == high and self._has_high(rule))
        )

    def told(self, rule: Rule, name: str) -> str:
        """Return the range as a person writes it: ``5 ≤ current_percent < 10``."""
        text = name
        if self.low in rule.conditions:
            sign = "≤" if self._has_low(rule) else "<"
            text = f"{_end(rule, self.low, 0):g} {sign} {text}"
        if self.high in rule.conditions:
            sign = "≤" if self._has_high(rule) else "<"
            text = f"{text} {sign} {_end(rule, self.high, 0):g}"
        return text

    def _has_low(self, rule: Rule) -> bool:
        return bool(rule.conditions.get(self.low_inclusive, True))

    def _has_high(self, rule: Rule) -> bool:
        return bool(rule.conditions.get(self.high_inclusive, False))


def _range(stem: str, unit: str) -> Range:
    return Range(
        f"{stem}_from_{unit}", f"{stem}_to_{unit}",
        f"{stem}_from_inclusive", f"{stem}_to_inclusive",
    )  # fmt: skip


RANGES = {
    "current_percent": _range("current", "percent"),
    "temperature_c": _range("temperature", "c"),
}
"""By the name of the value that is looked for in the range."""
PARTS = frozenset(part for one in RANGES.values() for part in one.parts())


def states(rule: Rule, key: str) -> bool:
    """Tell whether a condition matters to a rule."""
    return RANGES[key].stated_by(rule) if key in RANGES else key in rule.conditions


def meets(rule: Rule, key: str, value: Condition) -> bool:
    """Tell whether a rule holds as far as one condition goes."""
    if key in RANGES:
        return RANGES[key].holds(rule, float(value))
    return key not in rule.conditions or rule.conditions[key] == value


def told(rule: Rule, key: str) -> str:
    """Return what a rule states of one condition: ``power_factor '1'``."""
    if key in RANGES:
        return RANGES[key].told(rule, key)
    return f"{key} {rule.conditions[key]!r}"


def _end(rule: Rule, key: str, otherwise: float) -> float:
    value = rule.conditions.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RuleError(f"rulebook {rule.id}", f"{key} is {value!r}", "a number")
    return float(value)
