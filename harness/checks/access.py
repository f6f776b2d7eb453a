"""One recording against every edition of what operators ask of operational metering.

Each criterion is judged apart, under the decision rule that was agreed. Nothing here
is a verdict: the table says which door is open, and by how much the next is missed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.aggregate.criteria import CRITERIA
from harness.analysis.estimate import Estimate
from harness.checks.decide import Decision, decide
from harness.checks.verdict import Outcome
from harness.rulebook.rule import Rule
from harness.rulebook.where import Regime

_GOOD = (Outcome.PASS, Outcome.CONDITIONAL_PASS)
_BAD = (Outcome.FAIL, Outcome.CONDITIONAL_FAIL)


@dataclass(frozen=True, slots=True)
class Access:
    """How one recording stands against one regime in one edition."""

    regime: Regime
    decisions: Mapping[str, tuple[Rule, Decision]]
    """By criterion; what a regime does not ask for is not there."""

    @property
    def meets(self) -> bool | None:
        """Whether it meets all that is asked; None if that cannot be told."""
        outcomes = [decision.outcome for _rule, decision in self.decisions.values()]
        if any(outcome in _BAD for outcome in outcomes):
            return False
        return all(outcome in _GOOD for outcome in outcomes) or None

    @property
    def nearest_miss(self) -> str:
        """Say what keeps it out, the criterion that is missed by least first."""
        missed = [
            (_far(rule, decision), name, rule, decision)
            for name, (rule, decision) in self.decisions.items()
            if decision.outcome in _BAD
        ]
        return "; ".join(
            f"{name} by {_amount(decision, rule)}"
            for _, name, rule, decision in sorted(missed, key=lambda one: one[0])
        )


def access(
    measured: Mapping[str, Estimate],
    regimes: Mapping[Regime, Mapping[str, Rule]],
    *,
    decision_rule: str,
    complete: bool = True,
) -> list[Access]:
    """Judge what was measured by every regime's rules.

    Parameters
    ----------
    measured : mapping
        An estimate by criterion (`CRITERIA`). What a regime asks for and is not there
        cannot be told.
    regimes : mapping
        As `harness.rulebook.where.regimes` gives them.
    decision_rule : str
        As `decide` takes it.
    complete : bool
        False if the recording was cut short.

    Raises
    ------
    RuleError
        If a value and a rule are in different units.
    """
    found = []
    for regime, rules in regimes.items():
        decisions = {
            name: (
                rules[name],
                decide(
                    measured.get(name, Estimate(math.nan, rules[name].unit)),
                    rules[name],
                    decision_rule=decision_rule,
                    complete=complete,
                ),
            )
            for name in CRITERIA
            if name in rules
        }
        found.append(Access(regime, decisions))
    return found


def access_table(found: Sequence[Access]) -> list[list[str]]:
    """Return the table as rows of text, heading first."""
    heads = ["accuracy", "reads every", "latency", "resolution", "completeness"]
    rows = [["regime, edition", *heads, "met"]]
    for one in found:
        cells = [_cell(one.decisions.get(name)) for name in CRITERIA]
        name = f"{one.regime.name}, {one.regime.edition}"
        rows.append([name, *cells, _verdict(one)])
    return rows


def _verdict(one: Access) -> str:
    if one.meets is None:
        return "cannot tell"
    return "yes" if one.meets else f"no: {one.nearest_miss}"


def _cell(found: tuple[Rule, Decision] | None) -> str:
    if found is None:
        return "not asked"
    rule, decision = found
    if decision.outcome is Outcome.INCONCLUSIVE:
        return f"{_short(rule)}: cannot tell"
    word = "met" if decision.outcome in _GOOD else "missed"
    unsure = decision.outcome in (Outcome.CONDITIONAL_PASS, Outcome.CONDITIONAL_FAIL)
    within = ", within U" if unsure else ""
    return f"{_short(rule)} {word} by {_amount(decision, rule)}{within}"


def _short(rule: Rule) -> str:
    low, high = rule.at_least, rule.at_most
    if low is not None and high is not None and low == -high:
        return f"±{high:g} {rule.unit}"
    sign, bound = ("≥", low) if high is None else ("≤", high)
    return (
        rule.bound
        if low is not None and high is not None
        else (f"{sign} {bound:g} {rule.unit}")
    )


def _amount(decision: Decision, rule: Rule) -> str:
    if math.isinf(decision.margin):
        return "far"
    return f"{abs(decision.margin):.2g} {rule.unit}"


def _far(rule: Rule, decision: Decision) -> float:
    """How far off in parts of the bound, so that seconds and percent compare."""
    bound = max(abs(one) for one in (rule.at_least, rule.at_most) if one is not None)
    return abs(decision.margin) / (bound or 1.0)
