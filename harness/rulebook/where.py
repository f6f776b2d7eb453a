"""Which rules hold at a load point, and which make up one regime.

At a load point only rules with the condition ``measurand`` are looked at: they limit
the error of a meter. `harness.rulebook.conditions` says how a rule states where it
holds. Which rules of operational metering belong together, their condition ``regime``
says; what ``every`` regime shares is stated once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from harness.core.errors import RuleError
from harness.rulebook.book import WHERE, Rulebook
from harness.rulebook.conditions import (
    PARTS,
    RANGES,
    Asked,
    Condition,
    meets,
    states,
    told,
)
from harness.rulebook.rule import Rule

MEASURAND, REGIME, EVERY, SERVICE = "measurand", "regime", "every", "service"
POWER_FACTORS = ("1", "0.5 inductive", "0.8 capacitive")
"""What a limit of error may be stated for."""
SHOWN_AT_MOST = 7
"""Rules or ranges that an error lists, so that it stays a sentence."""
_POINT = (*RANGES, "current_range", "power_factor")
"""What makes a load point: a rule that states it is not chosen without it."""


def rules_at(
    rulebook: Rulebook,
    document: str,
    *,
    on: date,
    current_percent: float | None = None,
    current_range: str | None = None,
    power_factor: str | None = None,
    temperature_c: float | None = None,
    **others: Condition,
) -> tuple[Rule, ...]:
    """Return the limits of a meter's error at a load point, one for each quantity.

    Parameters
    ----------
    rulebook : Rulebook
        Every rule of every edition.
    document : str
        Id of a document: ``cop3``, ``mid``.
    on : date
        Date of the trial; the edition in force then is looked at.
    current_percent : float, optional
        Current, of the rated measuring current or of what the rules name. [%]
    current_range : str, optional
        Where the document names ranges: ``Imin to Itr`` or ``Itr to Imax``.
    power_factor : str, optional
        One of `POWER_FACTORS`.
    temperature_c : float, optional
        Operating temperature. [°C]
    **others
        Any other condition, as the rules name it: ``meter_type=5``.

    Raises
    ------
    RuleError
        If no rule holds there, more than one does, what was asked does not suffice
        to choose, or the document knows nothing of what was asked.
    """
    where = f"{WHERE} {document}"
    rules = _limits(rulebook, document, on)
    point = {
        "current_percent": current_percent, "current_range": current_range,
        "power_factor": power_factor, "temperature_c": temperature_c,
    }  # fmt: skip
    asked = others | {key: v for key, v in point.items() if v is not None}
    _refuse_nonsense(where, rules, asked)
    holding = [rule for rule in rules if not _misses(rule, asked)]
    if not holding:
        raise _hole(where, rules, asked)
    _refuse_unasked(where, holding, asked)
    return tuple(holding)


def _limits(rulebook: Rulebook, document: str, on: date) -> list[Rule]:
    """Return the limits of error of a document that are in force on a date."""
    every = [rule for rule in rulebook.all() if MEASURAND in rule.conditions]
    ours = [rule for rule in every if rule.document == document]
    if not ours:
        known = ", ".join(sorted({rule.document for rule in every}))
        fact = f"no document {document!r} limits the error of a meter"
        raise RuleError(WHERE, fact, known or "another rulebook")
    found = [
        rule
        for rule in rulebook.in_force(on, document=document)
        if MEASURAND in rule.conditions
    ]
    if not found:
        first = min(rule.valid_from for rule in ours)
        fact = f"no limit of error was in force on {on}"
        raise RuleError(f"{WHERE} {document}", fact, f"a date from {first} on")
    return found


def _refuse_nonsense(where: str, rules: Sequence[Rule], asked: Asked) -> None:
    known = {key for rule in rules for key in rule.conditions} - PARTS
    for key, value in asked.items():
        if key not in known and key not in _POINT:
            hint = ", ".join(sorted(known - {MEASURAND}))
            raise RuleError(where, f"no rule has the condition {key!r}", hint)
        if key in RANGES and not _is_finite(value):
            raise RuleError(where, f"{key} is {value!r}", "a number")
    if float(asked.get("current_percent", 0)) < 0:
        fact = f"current_percent is {asked['current_percent']!r}"
        raise RuleError(where, fact, "a current without a sign, in percent")
    if asked.get("power_factor", "1") not in POWER_FACTORS:
        fact = f"power_factor is {asked['power_factor']!r}"
        raise RuleError(where, fact, ", ".join(map(repr, POWER_FACTORS)))


def _misses(rule: Rule, asked: Asked) -> list[str]:
    """Return which of the conditions asked for a rule does not meet."""
    return [key for key, value in asked.items() if not meets(rule, key, value)]


def _hole(where: str, rules: Sequence[Rule], asked: Asked) -> RuleError:
    """Return the error for a load point without a rule; it names the nearest."""
    misses = {rule.id: _misses(rule, asked) for rule in rules}
    fewest = min(map(len, misses.values()))
    near = {
        rule.id: ", ".join(told(rule, key) for key in misses[rule.id])
        for rule in rules
        if len(misses[rule.id]) == fewest
    }
    texts = [f"{rule_id} ({needs})" for rule_id, needs in near.items()]
    if len(texts) > SHOWN_AT_MOST:
        texts = list(dict.fromkeys(near.values()))
    fact = f"no limit of error holds at {_listed(asked)}"
    return RuleError(where, fact, _shortened(texts))


def _refuse_unasked(where: str, holding: Sequence[Rule], asked: Asked) -> None:
    """Refuse to choose where the load point is not whole, or rules compete."""
    missing = [
        key
        for key in _POINT
        if key not in asked and any(states(rule, key) for rule in holding)
    ]
    counts = Counter(rule.quantity for rule in holding)
    rivals = [rule for rule in holding if counts[rule.quantity] > 1]
    missing += [key for key in _telling_apart(rivals, asked) if key not in missing]
    if missing:
        fact = f"{_listed(asked) or 'no condition'} is not enough to choose a rule"
        choices = (f"{key} ({_choices(holding, key)})" for key in missing)
        raise RuleError(where, fact, "; ".join(choices))
    if rivals:
        names = ", ".join(rule.id for rule in rivals)
        fact = f"more than one rule holds at {_listed(asked)}: {names}"
        raise RuleError(where, fact, "rules that do not overlap")


def _telling_apart(rivals: Sequence[Rule], asked: Asked) -> list[str]:
    """Return the fewest conditions, in their order, that tell rules apart."""
    keys: list[str] = []
    groups = 1
    for key in dict.fromkeys(key for rule in rivals for key in rule.conditions):
        if key in asked or key in PARTS:
            continue
        tried = [*keys, key]
        seen = {tuple(rule.conditions.get(one) for one in tried) for rule in rivals}
        if len(seen) > groups:
            keys, groups = tried, len(seen)
    return keys


def _choices(rules: Iterable[Rule], key: str) -> str:
    found = (told(rule, key) for rule in rules if states(rule, key))
    return _shortened([text.removeprefix(f"{key} ") for text in dict.fromkeys(found)])


def _listed(asked: Asked) -> str:
    return ", ".join(f"{key} {value!r}" for key, value in asked.items())


def _shortened(texts: Sequence[str]) -> str:
    more = len(texts) - SHOWN_AT_MOST
    first = ", ".join(texts[:SHOWN_AT_MOST])
    return f"{first} and {more} more" if more > 0 else first


def _is_finite(value: Condition) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class Regime:
    """What is asked of operational metering, or for a service, in one edition."""

    name: str
    """Short and stable: ``existing``, ``trial-60s``."""
    edition: str


def regimes(rulebook: Rulebook, key: str = REGIME) -> dict[Regime, dict[str, Rule]]:
    """Return every regime of operational metering, each with its rules by quantity.

    With `SERVICE` as key, every service that states what takes part in it must do.

    All editions are there, whether in force or not, so that one recording can be
    held against each. The earliest comes first; within a day the order is that of
    the data files.

    Raises
    ------
    RuleError
        If one edition of a regime has two rules for one quantity.
    """
    found: dict[Regime, dict[str, Rule]] = {}
    shared: list[Rule] = []
    for rule in (rule for versions in rulebook.editions.values() for rule in versions):
        name = rule.conditions.get(key)
        if name == EVERY:
            shared.append(rule)
        elif name is not None:
            _add(found.setdefault(Regime(str(name), rule.edition), {}), rule)
    for rules in found.values():
        begins = _begins(rules)
        for rule in (rule for rule in shared if rule.in_force(begins)):
            _add(rules, rule)
    return dict(sorted(found.items(), key=lambda item: _begins(item[1])))


def _begins(rules: Mapping[str, Rule]) -> date:
    """Return from when on a regime holds, whatever the age of what all share."""
    return min(
        rule.valid_from
        for rule in rules.values()
        if rule.conditions.get(REGIME) != EVERY
    )


def _add(rules: dict[str, Rule], rule: Rule) -> None:
    if rule.quantity in rules:
        raise RuleError(
            f"{WHERE} {rule.id}",
            f"{rules[rule.quantity].id} is about {rule.quantity!r} in the same regime "
            f"and edition, {rule.edition!r}",
            "a regime or an edition of its own",
        )
    rules[rule.quantity] = rule
