"""From a measured value with its uncertainty to one of six outcomes.

Three decision rules of ILAC-G8:09/2019, agreed before measuring (ISO/IEC 17025:2017,
7.1.3). TL is the rule's bound, exact as published; U the expanded uncertainty:

``simple``
    4.2.1: inside TL is a pass, outside a fail; U is reported, not used.
``guard-band``
    4.2.2 with w = U: a pass only if inside by at least U, otherwise a fail.
``non-binary``
    4.2.3 with w = U: inside by U pass; inside conditional pass; outside by at most
    U conditional fail; further outside fail.

A value on the bound is inside. ``docs/definitions.md``, "decision rules".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.analysis.estimate import Estimate
from harness.checks.verdict import Outcome
from harness.core.errors import RuleError, UsageError
from harness.rulebook.rule import Rule

SIMPLE, GUARD_BAND, NON_BINARY = "simple", "guard-band", "non-binary"
DECISION_RULES = (SIMPLE, GUARD_BAND, NON_BINARY)

_GOOD = (Outcome.PASS, Outcome.CONDITIONAL_PASS)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision rule made of a value, and why it is not a plain pass."""

    outcome: Outcome
    probability: float
    """Probability that the true value conforms (JCGM 106:2012); ``nan`` unknown."""
    margin: float
    """Distance to the nearest bound, positive inside, in the rule's unit."""
    reason: str = ""
    remedy: str = ""


def decide(
    measured: Estimate, rule: Rule, *, decision_rule: str, complete: bool = True
) -> Decision:
    """Return the outcome of a measured value under a decision rule.

    Parameters
    ----------
    measured : Estimate
        The value with its budget, in the rule's unit.
    rule : Rule
        The bound, one- or two-sided, taken as exact.
    decision_rule : str
        One of `DECISION_RULES`.
    complete : bool
        False if the recording was cut short: then nothing is decided.

    Raises
    ------
    RuleError
        If value and rule are in different units.
    UsageError
        If there is no such decision rule.
    """
    require_decision_rule(decision_rule)
    if measured.unit != rule.unit:
        raise RuleError(
            rule.id,
            f"the rule is in {rule.unit} but the value is in {measured.unit}",
            "a rule about this quantity",
        )
    if math.isnan(measured.value):
        reason = measured.why or "the recording does not say"
        return Decision(
            Outcome.INCONCLUSIVE, math.nan, math.nan, reason, _SEE_IT_HAPPEN
        )
    decided = _decided(measured, measured.value, rule, decision_rule)
    if (unsure := _gaps_could_change(measured, rule, decision_rule)) is not None:
        decided = _open(decided, unsure, "a recording without these gaps")
    if not complete:
        reason = f"the recording was cut short; so far it is a {decided.outcome}"
        decided = _open(decided, reason, "running the trial to its end")
    return decided


def require_decision_rule(name: str) -> None:
    """Refuse a decision rule that does not exist.

    Raises
    ------
    UsageError
        Naming the ones that do.
    """
    if name not in DECISION_RULES:
        raise UsageError(
            "decision rule", f"there is no {name!r}", ", ".join(DECISION_RULES)
        )


def conformity_probability(value: float, u: float, rule: Rule) -> float:
    """Return the probability that the true value is inside the bound.

    The truth is taken as normal around the value with standard deviation u and
    nothing else known (JCGM 106:2012, 7.2 to 7.4). With u = 0 it is 0 or 1.
    """
    if math.isnan(value):
        return math.nan
    below = 1.0 if rule.at_most is None else _normal(rule.at_most - value, u)
    # The lower bound itself is inside, so what is strictly below it is taken off.
    under = 0.0 if rule.at_least is None else 1.0 - _normal(value - rule.at_least, u)
    return max(below - under, 0.0)


def margin_inside(value: float, rule: Rule) -> float:
    """Return the distance to the nearest bound, positive inside."""
    distances = []
    if rule.at_least is not None:
        distances.append(value - rule.at_least)
    if rule.at_most is not None:
        distances.append(rule.at_most - value)
    return min(distances)


def _normal(distance: float, u: float) -> float:
    if u == 0 or math.isinf(distance):
        return 1.0 if distance >= 0 else 0.0
    return 0.5 * math.erfc(-distance / (u * math.sqrt(2)))


def _decided(
    measured: Estimate, value: float, rule: Rule, decision_rule: str
) -> Decision:
    if math.isinf(value):
        reason = measured.why or "it never happened"
        return Decision(Outcome.FAIL, 0.0, -math.inf, reason, _MAKE_IT_HAPPEN)
    margin, expanded = margin_inside(value, rule), measured.expanded
    outcome = _outcome(margin, expanded, decision_rule)
    return Decision(
        outcome,
        conformity_probability(value, measured.u, rule),
        margin,
        *_explained(outcome, margin, measured, rule),
    )


def _outcome(margin: float, expanded: float, decision_rule: str) -> Outcome:
    if decision_rule == SIMPLE:
        return Outcome.PASS if margin >= 0 else Outcome.FAIL
    if margin >= expanded:
        return Outcome.PASS
    if decision_rule == GUARD_BAND:
        return Outcome.FAIL
    if margin >= 0:
        return Outcome.CONDITIONAL_PASS
    return Outcome.CONDITIONAL_FAIL if margin >= -expanded else Outcome.FAIL


def _explained(
    outcome: Outcome, margin: float, measured: Estimate, rule: Rule
) -> tuple[str, str]:
    """Return why it is not a plain pass, and what would make it one."""
    if outcome is Outcome.PASS:
        return "", ""
    unit, expanded = measured.unit, measured.expanded
    if margin < 0:
        reason = f"{-margin:.3g} {unit} outside the bound"
        if outcome is Outcome.CONDITIONAL_FAIL:
            reason += f", within U = {expanded:.2g} {unit}"
        if measured.why:
            reason += f": {measured.why}"
        return reason, _device_remedy(margin, measured, rule)
    reason = (
        f"inside the bound by {margin:.3g} {unit}, less than U = {expanded:.2g} {unit}"
    )
    if math.isinf(expanded):
        reason = "inside the bound, but the meter cannot tell that it is"
    width = _half_width(rule)
    if expanded > width:
        reason += f"; no value can pass while U is above {width:.3g} {unit}"
    return reason, _meter_remedy(margin, measured)


def _device_remedy(margin: float, measured: Estimate, rule: Rule) -> str:
    lower = rule.at_most is not None and measured.value > rule.at_most
    verb = "lower" if lower else "raise"
    return f"{verb} it by at least {-margin:.3g} {measured.unit}"


def _meter_remedy(margin: float, measured: Estimate) -> str:
    largest = max(measured.budget, key=lambda line: line.u)
    best = math.sqrt(sum(one.u**2 for one in measured.budget if one is not largest))
    unit = measured.unit
    if margin == 0:
        return "a value further inside; on the bound no uncertainty is small enough"
    remedy = f"a measurement with U of at most {margin:.2g} {unit}"
    if measured.coverage * best < margin:
        return f"{remedy}; a smaller {largest.name} alone would do"
    return f"{remedy}; the largest part is the {largest.name}"


def _half_width(rule: Rule) -> float:
    if rule.at_least is None or rule.at_most is None:
        return math.inf
    return (rule.at_most - rule.at_least) / 2


def _gaps_could_change(
    measured: Estimate, rule: Rule, decision_rule: str
) -> str | None:
    """Tell whether the missing samples could turn good into bad or back."""
    if measured.unseen is None:
        return None
    margins = [margin_inside(end, rule) for end in measured.unseen]
    if math.isfinite(measured.value):
        margins.append(margin_inside(measured.value, rule))
    good = [
        _outcome(margin, measured.expanded, decision_rule) in _GOOD
        for margin in margins
    ]
    if all(good) or not any(good):
        return None
    low, high = measured.unseen
    return (
        f"missing samples leave it anywhere from {low:.4g} to {high:.4g} "
        f"{measured.unit}, on both sides of the bound"
    )


def _open(decided: Decision, reason: str, remedy: str) -> Decision:
    return Decision(Outcome.INCONCLUSIVE, math.nan, decided.margin, reason, remedy)


_SEE_IT_HAPPEN = "a recording that shows it"
_MAKE_IT_HAPPEN = "a device that does it at all"
