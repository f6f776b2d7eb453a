"""One recording against every edition of what operators ask, service by service.

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

LONG_S = 180.0
"""From here on seconds are told in minutes. [s]"""
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
        return "; ".join(
            f"{name} by {_amount(decision, rule)}"
            for _, name, rule, decision in self._missed
        )

    @property
    def miss(self) -> float:
        """How far its widest miss is off, in parts of the bound; 0 without one."""
        return max((one[0] for one in self._missed), default=0.0)

    @property
    def _missed(self) -> list[tuple[float, str, Rule, Decision]]:
        missed = [
            (_far(rule, decision), name, rule, decision)
            for name, (rule, decision) in self.decisions.items()
            if decision.outcome in _BAD
        ]
        return sorted(missed, key=lambda one: one[0])


def access(
    measured: Mapping[str, Estimate],
    regimes: Mapping[Regime, Mapping[str, Rule]],
    *,
    decision_rule: str,
    complete: bool = True,
    criteria: Sequence[str] = CRITERIA,
) -> list[Access]:
    """Judge what was measured by every regime's rules.

    Parameters
    ----------
    measured : mapping
        An estimate by criterion. What a regime asks for and is not there cannot be
        told.
    regimes : mapping
        As `harness.rulebook.where.regimes` gives them.
    decision_rule : str
        As `decide` takes it.
    complete : bool
        False if the recording was cut short.
    criteria : sequence of str
        The quantities that are looked at.

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
            for name in criteria
            if name in rules
        }
        found.append(Access(regime, decisions))
    return found


METERING = dict(
    zip(
        CRITERIA,
        ("accuracy", "reads every", "latency", "resolution", "completeness"),
        strict=True,
    )
)
"""Headings of the criteria of operational metering."""


def access_table(
    found: Sequence[Access], heads: Mapping[str, str] = METERING, *, of: str = "regime"
) -> list[list[str]]:
    """Return the table as rows of text, heading first.

    `heads` has the criteria to show, in order, each with its heading.
    """
    rows = [[f"{of}, edition", *heads.values(), "met"]]
    for one in found:
        cells = [_cell(one.decisions.get(name)) for name in heads]
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
        else f"{sign} {_said(bound or 0.0, rule.unit, '.6g')}"
    )


def _amount(decision: Decision, rule: Rule) -> str:
    if math.isinf(decision.margin):
        return "far"
    margin = abs(decision.margin)
    return _said(margin, rule.unit, ".2g" if margin < 100 else ".0f")


def _said(value: float, unit: str, digits: str) -> str:
    """Say minutes for many seconds."""
    if unit == "s" and value >= LONG_S:
        return f"{value / 60:.3g} min"
    return f"{value:{digits}} {unit}"


def _far(rule: Rule, decision: Decision) -> float:
    """How far off in parts of the bound, so that seconds and percent compare."""
    bound = max(abs(one) for one in (rule.at_least, rule.at_most) if one is not None)
    return abs(decision.margin) / (bound or 1.0)
