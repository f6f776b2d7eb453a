"""Does a number quoted in a feature file equal the rule that it cites?"""

from __future__ import annotations

import math
import re

from harness.core.errors import RuleError
from harness.core.quantities import Quantity, parse_quantity
from harness.rulebook.rule import Rule

_TWO_SIDED = re.compile(r"\+\s*(\S+)\s*(?:%|[A-Za-z]+)?\s*(?:/|to)\s*[-−–]\s*(.+)")
_RANGE = re.compile(r"([\d.,]+)\s*(?:[-–−]|to)\s*([\d.,]+\s*.*)")
_AT_MOST = ("at most", "no more than", "up to", "<=", "≤", "<", "about", "~")
_AT_LEAST = ("at least", "no less than", ">=", "≥", ">")

Quoted = tuple[float | None, float | None, str]
"""At least, at most, unit; a plain number stands in both places."""


def agrees(rule: Rule, text: str, unit: str = "") -> bool:
    """Tell whether a quoted number is the rule's: ``30 s``, ``±1.0 %``, ``4 h``.

    A plain number agrees with the one bound of a one-sided rule; with a two-sided
    rule both bounds must be quoted: ``±1.0 %``, ``+2.5 / −3.5 %``, ``10 to 20 s``.
    A comparison (``≤ 5 s``, ``at least 4 h``) must name the right side.

    Parameters
    ----------
    rule : Rule
        The rule cited.
    text : str
        The number as the feature file shows it.
    unit : str
        Its unit, if that stands in a column of its own.

    Raises
    ------
    ValueError
        If the text is not a number with a unit.
    """
    low, high, quoted_unit = quoted(f"{text} {unit}".strip())
    if quoted_unit != rule.unit:
        return False
    if rule.at_least is not None and rule.at_most is not None:
        return _same(low, rule.at_least) and _same(high, rule.at_most)
    if rule.at_most is not None:
        return _same(high, rule.at_most) and low in (None, high)
    return _same(low, rule.at_least) and high in (None, low)


def require_agreement(rule: Rule, text: str, unit: str = "", *, where: str) -> None:
    """Refuse a feature file that quotes a rule wrongly.

    Raises
    ------
    RuleError
        If the numbers differ, or the text is not a number with a unit.
    """
    try:
        right = agrees(rule, text, unit)
    except ValueError as error:
        raise RuleError(where, str(error), f"the rule's own: {rule.bound}") from error
    if not right:
        raise RuleError(
            where,
            f"it says {f'{text} {unit}'.strip()!r} but {rule.id} says {rule.bound} "
            f"({rule.source}, {rule.edition})",
            "the rule's number, another rule, or another edition",
        )


def quoted(text: str) -> Quoted:
    """Return what a text quotes, as (at least, at most, unit).

    Raises
    ------
    ValueError
        If it is not a number with a unit.
    """
    plain = text.strip()
    if plain.startswith("±"):
        half = parse_quantity(plain[1:].strip())
        return -half.value, half.value, half.unit
    if (found := _TWO_SIDED.fullmatch(plain)) is not None:
        below = parse_quantity(found[2])
        above = _beside(found[1], found[2])
        return -below.value, above.value, below.unit
    if (found := _RANGE.fullmatch(plain)) is not None:
        high = parse_quantity(found[2])
        return _beside(found[1], found[2]).value, high.value, high.unit
    return _one_number(plain)


def _one_number(plain: str) -> Quoted:
    lowered = plain.lower()
    for words, is_least in ((_AT_MOST, False), (_AT_LEAST, True)):
        for word in words:
            if lowered.startswith(word):
                one = parse_quantity(plain[len(word) :])
                return (
                    (one.value, None, one.unit)
                    if is_least
                    else (None, one.value, one.unit)
                )
    one = parse_quantity(plain)
    return one.value, one.value, one.unit


def _beside(number: str, other: str) -> Quantity:
    """Read a number that takes its unit from the one after it."""
    unit = re.sub(r"^[\d.,]+\s*", "", other)
    return parse_quantity(f"{number.rstrip('%')} {unit}")


def _same(quoted_value: float | None, bound: float | None) -> bool:
    if quoted_value is None or bound is None:
        return False
    return math.isclose(quoted_value, bound, rel_tol=1e-9, abs_tol=1e-12)
