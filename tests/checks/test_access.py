"""One recording against every edition: what is met, what is missed and by how much."""

import math

import pytest

from harness.analysis.aggregate.criteria import (
    ACCURACY,
    COMPLETENESS,
    INTERVAL,
    LATENCY,
    RESOLUTION,
)
from harness.analysis.estimate import Contribution, Estimate
from harness.checks.access import access, access_table
from harness.rulebook.loader import load_rulebook
from harness.rulebook.where import regimes


@pytest.fixture(scope="module")
def every():
    return regimes(load_rulebook())


def measured(error=0.5, every_s=1.0, late_s=4.0, places=3.0, whole=99.5, u=0.0):
    budget = (Contribution("reference: meter gain", u),) if u else ()
    return {
        ACCURACY: Estimate(error, "%", budget),
        INTERVAL: Estimate(every_s, "s"),
        LATENCY: Estimate(late_s, "s"),
        RESOLUTION: Estimate(places, "d.p."),
        COMPLETENESS: Estimate(whole, "%"),
    }


def by_name(found):
    return {one.regime.name: one for one in found}


def stands(every, rule="simple", **options):
    return by_name(access(measured(**options), every, decision_rule=rule))


def test_a_reading_a_second_within_one_percent_meets_them_all(every):
    assert all(one.meets for one in stands(every).values())
    assert len(stands(every)) == 6


@pytest.mark.parametrize(
    ("options", "met"),
    [
        ({"error": 1.2}, {"aggregated-small", "trial-10s", "trial-60s", "cohort"}),
        ({"error": -2.0}, {"trial-10s", "trial-60s", "cohort"}),
        ({"error": 2.6}, set()),
        ({"every_s": 10.0}, {"trial-10s", "trial-60s", "cohort"}),
        ({"every_s": 60.0}, {"trial-60s", "cohort"}),
        ({"every_s": 61.0}, set()),
        ({"late_s": 13.0}, {"trial-10s", "trial-60s", "cohort"}),
        ({"places": 2.0}, {"trial-10s", "trial-60s", "cohort"}),
        ({"whole": 98.9}, set()),
    ],
)
def test_each_criterion_closes_the_doors_that_ask_for_it(every, options, met):
    found = stands(every, **options)
    assert {name for name, one in found.items() if one.meets} == met


def test_the_nearest_miss_comes_first_and_says_by_how_much(every):
    existing = stands(every, error=1.3, every_s=60.0)["existing"]
    assert existing.nearest_miss == (
        "operational metering error by 0.3 %; read interval by 59 s"
    )
    table = access_table([existing])
    assert table[1][1:4] == ["±1 % missed by 0.3 %", "≤ 1 s missed by 59 s",
                             "≤ 5 s met by 1 s"]  # fmt: skip
    assert table[1][-1].startswith("no: operational metering error by 0.3 %; read")


def test_what_was_not_seen_opens_no_door_and_closes_none(every):
    unseen = measured() | {LATENCY: Estimate(math.nan, "s", why="no stamps")}
    found = by_name(access(unseen, every, decision_rule="simple"))
    assert found["existing"].meets is None
    assert found["cohort"].meets is True  # it does not ask for latency
    rows = {row[0].partition(",")[0]: row for row in access_table(list(found.values()))}
    assert rows["existing"][3] == "≤ 5 s: cannot tell"
    assert rows["existing"][-1] == "cannot tell"
    assert rows["cohort"][3] == "not asked"
    nothing = access({}, every, decision_rule="simple")
    assert all(one.meets is None for one in nothing)


def test_a_class_b_reference_opens_the_one_percent_door_conditionally_at_best(every):
    found = stands(every, rule="non-binary", u=1 / math.sqrt(3))
    _rule, decision = found["existing"].decisions[ACCURACY]
    assert decision.outcome == "conditional pass"
    rows = access_table([found["existing"]])
    assert rows[1][1] == "±1 % met by 0.5 %, within U"
    assert found["trial-60s"].decisions[ACCURACY][1].outcome == "pass"


def test_a_recording_cut_short_opens_nothing(every):
    found = access(measured(), every, decision_rule="simple", complete=False)
    assert all(one.meets is None for one in found)
