"""Every rule that ships, with a value that just passes and one that just fails."""

import math

import pytest

from harness.analysis.estimate import Estimate
from harness.checks.decide import decide
from harness.checks.verdict import Outcome
from harness.rulebook.loader import load_rulebook

RULES = load_rulebook().all()


def outcome(value, rule):
    return decide(Estimate(value, rule.unit), rule, decision_rule="simple").outcome


def just_beyond(bound, towards):
    """Return the next number on one side: as near as a value can be."""
    return math.nextafter(bound, towards)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.id}@{rule.edition}")
def test_the_bound_passes_and_the_next_number_fails(rule):
    ends = ((rule.at_least, -math.inf), (rule.at_most, math.inf))
    for bound, outwards in ends:
        if bound is not None:
            assert outcome(bound, rule) is Outcome.PASS
            assert outcome(just_beyond(bound, outwards), rule) is Outcome.FAIL
