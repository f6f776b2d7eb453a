"""Every kind of fault can be said, planned and asked for, in words of its own."""

import pytest

from harness.core.errors import FeatureError
from harness.core.faults import FaultKind
from harness.steps.fault_words import WORDINGS, FaultPhrase, amount_of
from tests.tools.fault_table import CASES

PLANNED = FaultPhrase("the {asset}{fault}{span}")
ASKED = FaultPhrase("the bench notices that the {asset}{fault}")

SAID = {
    "the EV meter is frozen from 17:03 to 17:10": (FaultKind.FROZEN, None, "EV meter"),
    "the EV meter's clock drifts by 30 s an hour from 17:00": (
        FaultKind.CLOCK_DRIFT, 30.0, "EV meter",
    ),
    "the EV's wire loses 20 % of messages from 17:01": (FaultKind.LOSS, 0.2, "EV"),
    "the boundary meter's clock is stepped by −90 s from 17:00": (
        FaultKind.CLOCK_STEP, -90.0, "boundary meter",
    ),
    "the heat pump reboots from 17:00 to 17:01": (FaultKind.REBOOTS, None, "heat pump"),
    "the heat pump reboots for 1 minute from 17:00": (
        FaultKind.REBOOTS, 60.0, "heat pump",
    ),
    "the EV meter reads by a wrong factor of 1000 from 17:00": (
        FaultKind.SCALED, 1000.0, "EV meter",
    ),
    "the EV meter replays old values, 2 minutes old from 17:00": (
        FaultKind.REPLAYED_BACKLOG, 120.0, "EV meter",
    ),
}  # fmt: skip


def test_every_kind_has_words_and_a_case_of_the_table():
    assert set(WORDINGS) == set(FaultKind)
    assert [case.kind for case in CASES] == list(FaultKind)


@pytest.mark.parametrize("text", SAID)
def test_a_fault_is_read_as_it_is_said(text):
    kind, amount, asset = SAID[text]
    assert PLANNED.is_matching(text)
    found = PLANNED.parse_arguments(text)
    assert (found["kind"], found["asset"]) == (kind, asset)
    assert amount_of(kind, found["parts"].get("amount")) == amount


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind.name)
def test_a_fault_that_is_planned_can_be_asked_for(case):
    assert PLANNED.is_matching(case.fault)
    question = f"the bench notices that {case.noticed}"
    assert ASKED.is_matching(question)
    assert ASKED.parse_arguments(question)["kind"] is case.kind
    assert not PLANNED.is_matching(case.noticed)


def test_which_messages_and_which_way_is_read():
    text = (
        'the EV\'s wire loses 20 % of messages from it that say "Heartbeat" from 17:01'
    )
    parts = PLANNED.parse_arguments(text)["parts"]
    assert (parts["way"], parts["words"]) == ("from", "Heartbeat")
    assert (parts["start"], parts["end"]) == ("17:01", None)


@pytest.mark.parametrize(
    "text",
    [
        "the ESO instructs the EV to turn down to 1.4 kW from 17:00 to 17:02",
        "the EV is unplugged at 17:00",
        "the EV meter is frozen",
        "the EV meter is odd from 17:00",
        "the EV is held at 1.4 kW",
    ],
)
def test_other_phrases_are_left_alone(text):
    assert not PLANNED.is_matching(text)
    assert PLANNED.parse_arguments(text) is None


def test_an_amount_that_is_needed_and_missing_is_asked_for():
    with pytest.raises(FeatureError, match="how much is not said"):
        amount_of(FaultKind.LATENCY, None)
    assert amount_of(FaultKind.EXCEPTION, None) is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [(FaultKind.LATENCY, "2 kW"), (FaultKind.LOSS, "a few"), (FaultKind.SCALED, "x")],
)
def test_an_amount_that_is_none_of_its_kind_is_refused(kind, text):
    with pytest.raises(FeatureError, match=r"no amount of|is not a duration"):
        amount_of(kind, text)
