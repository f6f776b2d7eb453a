from datetime import date

import pytest

from harness.core.errors import RuleError
from harness.rulebook.agree import agrees, require_agreement
from harness.rulebook.rule import Rule


def rule(at_least=None, at_most=None, unit="s"):
    day = date(2024, 1, 1)
    return Rule("d/r", "q", at_least, at_most, unit, "D, 1", "one", "verified", day)


@pytest.mark.parametrize(
    ("bound", "text", "unit"),
    [
        (rule(at_most=30), "30 s", ""),
        (rule(at_most=30), "30", "s"),
        (rule(at_most=120), "2 minutes", ""),
        (rule(at_most=120), "about 2 minutes", ""),
        (rule(at_most=5), "≤ 5 s", ""),
        (rule(at_most=5), "at most 5 s", ""),
        (rule(at_least=14400), "4 h", ""),
        (rule(at_least=14400), "at least 4 hours", ""),
        (rule(at_least=-1.0, at_most=1.0, unit="%"), "±1.0 %", ""),
        (rule(at_least=-3.5, at_most=2.5, unit="%"), "+2.5 / −3.5 %", ""),
        (rule(at_least=-3.5, at_most=2.5, unit="%"), "+2.5 % / -3.5 %", ""),
        (rule(at_least=10, at_most=20), "10-20 s", ""),
        (rule(at_least=10, at_most=20), "10 to 20", "s"),
        (rule(at_most=1400, unit="W"), "1.4 kW", ""),
        (rule(at_least=3, unit="d.p."), "3 d.p.", ""),
        (rule(at_least=90, unit="days"), "90 days", ""),
        (rule(at_least=1800, at_most=1800), "30 minutes", ""),
        (rule(at_least=-20, at_most=20), "±20 s", ""),
        (rule(at_least=-1.0, at_most=1.0, unit="%"), "±1.0", "%"),
    ],
)
def test_a_number_that_is_the_rules(bound, text, unit):
    assert agrees(bound, text, unit)
    require_agreement(bound, text, unit, where="x.feature")


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (rule(at_most=30), "31 s"),
        (rule(at_most=30), "30.001 s"),
        (rule(at_most=30), "30 minutes"),
        (rule(at_most=30), "30 W"),
        (rule(at_most=30), "at least 30 s"),
        (rule(at_least=30), "≤ 30 s"),
        (rule(at_most=30), "±30 s"),
        (rule(at_least=90, unit="days"), "89 days"),
        (rule(at_least=1800, at_most=1800), "20 minutes"),
        (rule(at_least=-1.0, at_most=1.0, unit="%"), "1.0 %"),
        (rule(at_least=-1.0, at_most=1.0, unit="%"), "±1.5 %"),
        (rule(at_least=-3.5, at_most=2.5, unit="%"), "±3.5 %"),
        (rule(at_least=-3.5, at_most=2.5, unit="%"), "+3.5 / −2.5 %"),
        (rule(at_least=-3.5, at_most=2.5, unit="%"), "at most 2.5 %"),
    ],
)
def test_a_number_that_is_not_the_rules(bound, text):
    assert not agrees(bound, text)
    with pytest.raises(RuleError, match=r"x\.feature: .* but d/r says"):
        require_agreement(bound, text, where="x.feature")


def test_a_word_is_no_number():
    with pytest.raises(RuleError, match=r"'instant' is not a number.*at most 30 s"):
        require_agreement(rule(at_most=30), "instant", where="x.feature line 7")
