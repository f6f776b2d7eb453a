import json
import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.uncertainty import spread_of
from harness.checks.codec import (
    verdict_from_json,
    verdict_to_json,
    verdicts_from_text,
    verdicts_to_text,
)
from harness.checks.verdict import Grade, Outcome, Verdict
from harness.core.errors import EvidenceError
from harness.rulebook.rule import Rule

RULE = Rule(
    id="cop11/type5/accuracy",
    quantity="own meter error",
    at_least=-3.5,
    at_most=2.5,
    unit="%",
    source="CoP11, type 5",
    edition="v3.0",
    status="unverified",
    valid_from=date(2024, 10, 1),
    valid_to=date(2026, 12, 31),
    conditions={"maximum_demand": "<= 100 kW", "embedded": True},
    note="−3.5 is not +3.5",
)
VERDICT = Verdict(
    subject="ev",
    statement="its own meter agrees with the reference",
    measured=Estimate(
        5.000000000000001,
        "%",
        (Contribution("meter gain", 1 / 3, "B", "class 1", 4.5),),
        marks=(("sent", 10.0),),
        unseen=(4.0, math.inf),
        covariance=-0.01,
        spread=spread_of(np.array([1.0, 2.5, math.inf]), "three draws"),
    ),
    rule=RULE,
    decision_rule="guard-band",
    outcome=Outcome.FAIL,
    grade=Grade.EMULATED,
    channels=("ev.power_w", "ev_meter.power_w"),
    probability=0.1,
    margin=-2.5,
    reason="outside",
    remedy="lower it",
    details={"settled_after_s": "inf", "parts": [1, 2.5, None, True]},
)

anything = st.floats(allow_nan=False, allow_infinity=True)


def test_round_trip_is_exact():
    assert verdict_from_json(verdict_to_json(VERDICT)) == VERDICT
    assert verdicts_from_text(verdicts_to_text([VERDICT, VERDICT])) == [VERDICT] * 2


@settings(deadline=None)
@given(anything, anything, st.text(), st.sampled_from(list(Outcome)))
def test_any_number_and_word_comes_back(number, other, word, outcome):
    verdict = replace(
        VERDICT,
        measured=Estimate(number, word, (Contribution(word, abs(other)),), why=word),
        outcome=outcome,
        margin=other,
        details={},
    )
    text = verdicts_to_text([verdict])
    assert verdicts_from_text(text) == [verdict]
    assert verdicts_to_text(verdicts_from_text(text)) == text


def test_not_a_number_survives_where_json_has_none():
    verdict = replace(
        VERDICT, measured=Estimate(math.nan, "s", why="unseen"), probability=math.nan
    )
    text = verdicts_to_text([verdict])
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    back = verdicts_from_text(text)[0]
    assert math.isnan(back.measured.value)
    assert math.isnan(back.probability)
    assert verdicts_to_text([back]) == text


def test_details_from_numpy_become_plain_values():
    verdict = replace(
        VERDICT,
        details={
            "at_s": np.float64(3.5),
            "count": np.int64(2),
            "hit": np.bool_(True),
            "series": np.array([1.0, math.nan]),
            "marks": (("sent", 1.0),),
        },
    )
    assert verdict_to_json(verdict)["details"] == {
        "at_s": 3.5,
        "count": 2,
        "hit": True,
        "series": [1.0, "nan"],
        "marks": [["sent", 1.0]],
    }


def test_the_order_of_details_does_not_change_a_byte():
    one = replace(VERDICT, details={"a": 1, "b": 2})
    other = replace(VERDICT, details={"b": 2, "a": 1})
    assert verdicts_to_text([one]) == verdicts_to_text([other])


def test_what_is_not_json_is_refused():
    with pytest.raises(TypeError, match="date in a verdict's details"):
        verdict_to_json(replace(VERDICT, details={"day": date(2024, 1, 1)}))


@pytest.mark.parametrize("text", ["", "{}", "[{}]", "[1]", '[{"subject": "ev"}]'])
def test_what_is_no_verdict_is_refused_by_name(text):
    with pytest.raises(EvidenceError, match=r"x\.json: this is not a list of verdicts"):
        verdicts_from_text(text, where="x.json")
