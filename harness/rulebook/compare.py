"""What differs between two editions, or two regimes of operational metering."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.core.errors import RuleError
from harness.rulebook.book import WHERE, Rulebook
from harness.rulebook.rule import Rule
from harness.rulebook.where import REGIME, Regime, regimes


@dataclass(frozen=True, slots=True)
class Difference:
    """One rule that is not the same on both sides."""

    name: str
    """The rule's id; its quantity where two regimes are compared."""
    one: Rule | None
    other: Rule | None
    """None where that side has no such rule."""
    what: tuple[str, ...]
    """``bound``, ``status``, ``conditions``; empty if only one side has the rule."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two editions or regimes, by the names that say which they are."""

    one: str
    other: str
    differences: tuple[Difference, ...]
    same: int
    """Rules that do not differ."""


@dataclass(frozen=True, slots=True)
class _Side:
    names: tuple[str, ...]
    """What a person may call it; the last is unlike that of any other."""
    rules: tuple[Rule, ...]
    is_regime: bool


def compare(rulebook: Rulebook, one: str, other: str) -> Comparison:
    """Return what differs between two editions or regimes.

    Editions are compared rule by rule. Two regimes are compared by quantity, as
    different documents may state them.

    Parameters
    ----------
    rulebook : Rulebook
        Every rule of every edition.
    one, other : str
        An edition's name, ``document@edition``, or the name of a regime.

    Raises
    ------
    RuleError
        If nothing has that name, or more than one edition has.
    """
    sides = _sides(rulebook)
    first, second = _find(sides, one), _find(sides, other)
    by_quantity = first.is_regime and second.is_regime
    ours, theirs = _keyed(first, by_quantity), _keyed(second, by_quantity)
    differences = tuple(_differences(ours, theirs))
    same = len(ours.keys() | theirs.keys()) - len(differences)
    return Comparison(first.names[-1], second.names[-1], differences, same)


def _keyed(side: _Side, by_quantity: bool) -> dict[str, Rule]:
    return {rule.quantity if by_quantity else rule.id: rule for rule in side.rules}


def _differences(
    ours: Mapping[str, Rule], theirs: Mapping[str, Rule]
) -> Iterable[Difference]:
    for name in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(name), theirs.get(name)
        what = () if one is None or other is None else _changed(one, other)
        if what or one is None or other is None:
            yield Difference(name, one, other, what)


def _changed(one: Rule, other: Rule) -> tuple[str, ...]:
    changed = {
        "bound": _bound(one) != _bound(other),
        "status": one.status != other.status,
        "conditions": _conditions(one) != _conditions(other),
    }
    return tuple(name for name, differs in changed.items() if differs)


def _bound(rule: Rule) -> tuple[float | None, float | None, str]:
    return rule.at_least, rule.at_most, rule.unit


def _conditions(rule: Rule) -> dict[str, object]:
    """Return a rule's conditions, without the name of what is compared."""
    return {key: value for key, value in rule.conditions.items() if key != REGIME}


def _sides(rulebook: Rulebook) -> list[_Side]:
    """Return all that can be compared: every edition of every document, and regimes."""
    editions: dict[tuple[str, str], list[Rule]] = {}
    for rule in rulebook.all():
        editions.setdefault((rule.document, rule.edition), []).append(rule)
    found = regimes(rulebook)
    times = Counter(regime.name for regime in found)
    return [
        _Side((edition, f"{document}@{edition}"), tuple(rules), is_regime=False)
        for (document, edition), rules in editions.items()
    ] + [
        _Side(_called(regime, times), tuple(rules.values()), is_regime=True)
        for regime, rules in found.items()
    ]


def _called(regime: Regime, times: Mapping[str, int]) -> tuple[str, ...]:
    """Return a regime's names: its edition is part of one only if it has several."""
    if times[regime.name] == 1:
        return (regime.name,)
    return regime.name, f"{regime.name}@{regime.edition}"


def _find(sides: list[_Side], name: str) -> _Side:
    wanted = name.strip().casefold()
    found = [
        side for side in sides if wanted in (called.casefold() for called in side.names)
    ]
    if len(found) > 1:
        candidates = ", ".join(repr(side.names[-1]) for side in found)
        fact = f"{name!r} is the name of {len(found)} editions"
        raise RuleError(WHERE, fact, candidates)
    if not found:
        known = dict.fromkeys(called for side in sides for called in side.names)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = ", ".join(map(repr, near)) or "flexrig rules, which lists every edition"
        raise RuleError(WHERE, f"there is no edition or regime {name!r}", hint)
    return found[0]
