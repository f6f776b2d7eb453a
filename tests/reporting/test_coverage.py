"""The requirements ledger: true in both directions, and seen to be untrue."""

import pytest

from harness.core.errors import UsageError
from harness.reporting.coverage import (
    Claim,
    ledger,
    one_id,
    summary,
    trace,
    trace_rows,
)
from harness.reporting.record import ScenarioOutcome, ScenarioRecord

SMALL = """
[[group]]
name = "Use cases"
source = "a source"
entry = [
  { id = "UC1", title = "One", done = true, shows = "all of it" },
  { id = "D380-E", title = "Two" },
]
"""
UC1 = Claim("uc01.feature", "It delivers", frozenset({"UC1", "ev"}), ("a/b", "a/c"))


def ran(outcome, *tags):
    return ScenarioRecord(
        "feature", "It delivers", "uc01.feature", "slug", outcome, tags=tags
    )


def test_the_shipped_ledger_holds_every_id_once():
    ids = [entry.id for entry in ledger()]
    assert len(set(ids)) == len(ids)
    assert {f"UC{n}" for n in range(1, 9)} <= set(ids)
    assert {"BM", "DFS", "CoP10", "D380-E", "EVCP", "VPP", "P6", "CAT-X"} <= set(ids)
    assert all(entry.title and entry.source for entry in ledger())


def test_what_shows_an_id_and_what_became_of_it_is_found():
    records = [
        ran(ScenarioOutcome.PASS, "UC1"),
        ran(ScenarioOutcome.INCONCLUSIVE, "UC1", "ev"),
        ran(ScenarioOutcome.FAIL, "D380_E"),
    ]
    found = trace(ledger(SMALL), [UC1], records)
    first, second = found.traced
    assert (first.claims, first.rules, first.outcome) == (
        (UC1,), ("a/b", "a/c"), "inconclusive",
    )  # fmt: skip
    assert (second.claims, second.outcome) == ((), "fail")
    assert not found.faults
    (rows,) = trace_rows(found).values()
    assert rows[1][:4] == ["UC1", "One", "1", "2"]
    assert rows[2][2] == "not yet"
    assert summary(found).startswith("2 ids: 1 have scenarios, 1 of them all")


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ([UC1, Claim("x.feature", "Alone", frozenset({"ev"}))], "no id of the ledger"),
        ([UC1, Claim("x.feature", "Off", frozenset({"UC9", "UC1"}))], "@UC9 is no id"),
        ([], "UC1 is marked as done and has no scenario"),
    ],
)
def test_an_untrue_ledger_says_where(claims, says):
    assert says in "; ".join(trace(ledger(SMALL), claims).faults)


def test_an_id_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="UC1"):
        ledger(SMALL.replace("D380-E", "UC1"))


def test_an_id_that_is_none_is_answered_with_those_near():
    found = trace(ledger(), [UC1])
    assert one_id(found, "uc1").claims == (UC1,)
    with pytest.raises(UsageError, match="CoP10"):
        one_id(found, "CoP12")
