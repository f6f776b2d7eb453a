"""Which rule holds at a load point; holes, ambiguity and nonsense are refused."""

import itertools
import math
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import RuleError
from harness.rulebook.book import bound_together
from harness.rulebook.loader import load_rulebook
from harness.rulebook.rule import Rule
from harness.rulebook.where import Regime, regimes, rules_at

ON = date(2026, 1, 15)
BOOK = load_rulebook()


def one_at(document, **point):
    (rule,) = rules_at(BOOK, document, on=ON, **point)
    return rule


def limit(rule_id="doc/a", quantity="meter error", **conditions):
    day = date(2024, 1, 1)
    conditions = {"measurand": "active energy"} | conditions
    return Rule(
        rule_id, quantity, -1, 1, "%", "Doc, 1", "one", "verified", day,
        conditions=conditions,
    )  # fmt: skip


def book(*rules):
    return bound_together(rules)


@pytest.mark.parametrize(
    ("current_percent", "power_factor", "half_percent"),
    [
        (120, "1", 1.5),
        (10, "1", 1.5),
        (9.99, "1", 2.0),
        (5, "1", 2.0),
        (10, "0.5 inductive", 2.5),
        (100, "0.8 capacitive", 2.5),
    ],
)
def test_a_load_point_has_its_own_limit(current_percent, power_factor, half_percent):
    rule = one_at("cop3", current_percent=current_percent, power_factor=power_factor)
    assert (rule.at_least, rule.at_most) == (-half_percent, half_percent)


@pytest.mark.parametrize(
    ("current_percent", "power_factor", "nearest"),
    [
        (4.99, "1", r"cop3/accuracy/unity/5-to-10 \(5 ≤ current_percent < 10\)"),
        (120.01, "1", r"unity/10-to-120 \(10 ≤ current_percent ≤ 120\)"),
        (5, "0.5 inductive", r"inductive/10-to-120 \(10 ≤ .*unity/5-to-10 \(power"),
    ],
)
def test_a_load_point_without_a_limit_names_the_nearest(
    current_percent, power_factor, nearest
):
    with pytest.raises(RuleError, match=rf"cop3: no limit of error holds.*{nearest}"):
        one_at("cop3", current_percent=current_percent, power_factor=power_factor)


@pytest.mark.parametrize(
    ("document", "point", "says"),
    [
        ("cop3", {"current_percent": 7}, r"not enough.*Try: power_factor \('1'\)"),
        ("cop3", {"power_factor": "1"}, r"current_percent \(10 ≤ .*, 5 ≤"),
        ("cop3", {}, r"no condition is not enough.*current_percent.*power_factor"),
        (
            "cop11",
            {"current_percent": 50, "power_factor": "1"},
            r"Try: meter_type \(1, 2, 3, 4, 5\)\.",
        ),
        ("mid", {"meter_class": "B"}, r"temperature_c.*current_range.*load \('bal"),
        (
            "si1998_1566",
            {"current_percent": 100, "power_factor": "1", "schedule": 3},
            r"connection \('transformers not.*load \('single-phase load",
        ),
    ],
)
def test_too_little_to_choose_by_is_refused_with_the_choices(document, point, says):
    with pytest.raises(RuleError, match=says):
        one_at(document, **point)


@pytest.mark.parametrize(
    ("document", "point", "says"),
    [
        ("cop3", {"current_percent": math.nan}, "current_percent is nan"),
        ("cop3", {"current_percent": math.inf}, "current_percent is inf"),
        ("cop3", {"current_percent": "5 %"}, "current_percent is '5 %'"),
        ("cop3", {"current_percent": -5}, "current_percent is -5"),
        ("mid", {"temperature_c": math.nan}, "temperature_c is nan"),
        ("mid", {"power_factor": "0.9"}, "power_factor is '0.9'.*'0.5 inductive'"),
        ("cop11", {"meter_typ": 5}, "no rule has the condition 'meter_typ'.*meter_ty"),
        (
            "cop11",
            {"meter_type": 7},
            r"at meter_type 7\. Try: meter_type 1, .*meter_type 5",
        ),
        ("cop12", {}, "no document 'cop12' limits the error.*cop10, cop11, cop3"),
        ("crowdflex", {}, "no document 'crowdflex' limits the error"),
    ],
)
def test_nonsense_is_refused(document, point, says):
    with pytest.raises(RuleError, match=says) as caught:
        one_at(document, **point)
    assert caught.value.hint


def test_the_date_chooses_the_edition():
    before = date(2023, 1, 1)
    (rule,) = rules_at(BOOK, "cop11", on=before, meter_type=5)
    assert rule.edition == "as accessed in November 2022"
    with pytest.raises(RuleError, match=r"no limit.*meter_type 3.*cop11/type5"):
        rules_at(BOOK, "cop11", on=before, meter_type=3)
    with pytest.raises(RuleError, match=r"in force on 2000-01-01.*from 2022-11-01 on"):
        rules_at(BOOK, "cop11", on=date(2000, 1, 1))


def test_a_fixed_edition_stands_whatever_the_date():
    fixed = load_rulebook({"cop11": "Issue 1.0 v3.0"})
    point = {"current_percent": 50, "power_factor": "1", "meter_type": 3}
    (rule,) = rules_at(fixed, "cop11", on=date(2023, 1, 1), **point)
    assert rule.edition == "Issue 1.0 v3.0"


def test_the_asymmetric_limit_holds_at_every_load():
    for current_percent in (0.1, 5, 100):
        rule = one_at(
            "cop11", meter_type=5, current_percent=current_percent, power_factor="1"
        )
        assert (rule.at_least, rule.at_most) == (-3.5, 2.5)


def test_permissible_errors_and_the_class_index_are_never_mixed():
    point = {
        "meter_class": "B",
        "load": "balanced or single phase",
        "current_range": "Itr to Imax",
    }
    assert one_at("mid", temperature_c=23, **point).at_most == 2
    index = BOOK.rule("mid/class-index/class-b", on=ON)
    assert index.at_most == 1
    assert index.quantity != one_at("mid", temperature_c=23, **point).quantity


@pytest.mark.parametrize(
    ("temperature_c", "at_most"),
    [(5, 2), (30, 2), (4.9, 2.5), (30.1, 2.5), (40, 2.5), (-10, 2.5), (-10.1, 3.5)],
)
def test_a_temperature_that_two_ranges_share_takes_the_stricter(temperature_c, at_most):
    rule = one_at(
        "mid", meter_class="B", load="balanced or single phase",
        current_range="Itr to Imax", temperature_c=temperature_c,
    )  # fmt: skip
    assert rule.at_most == at_most


def test_rules_that_overlap_are_refused_by_name():
    wide = limit("doc/a", current_from_percent=5, current_to_percent=20)
    narrow = limit("doc/b", current_from_percent=10, current_to_percent=15)
    rules = book(wide, narrow)
    assert rules_at(rules, "doc", on=ON, current_percent=9) == (wide,)
    with pytest.raises(RuleError, match=r"more than one rule holds.*doc/a, doc/b"):
        rules_at(rules, "doc", on=ON, current_percent=12)


def test_two_quantities_at_one_load_point_are_no_ambiguity():
    first, second = limit("doc/a"), limit("doc/b", "phase error")
    assert rules_at(book(first, second), "doc", on=ON) == (first, second)


def test_a_range_that_is_no_number_names_its_rule():
    rules = book(limit(current_from_percent="5"))
    with pytest.raises(RuleError, match="doc/a: current_from_percent is '5'"):
        rules_at(rules, "doc", on=ON, current_percent=5)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 200), min_size=2, max_size=6, unique=True),
    st.floats(0, 200),
    st.randoms(use_true_random=False),
)
def test_ranges_that_touch_leave_no_hole_whatever_their_order(ends, percent, random):
    ends = sorted(ends)
    rules = [
        limit(f"doc/r{low}", current_from_percent=low, current_to_percent=high)
        for low, high in itertools.pairwise(ends)
    ]
    random.shuffle(rules)
    if ends[0] <= percent < ends[-1]:
        (rule,) = rules_at(book(*rules), "doc", on=ON, current_percent=percent)
        low = max(end for end in ends if end <= percent)
        assert rule.id == f"doc/r{low}"
    else:
        with pytest.raises(RuleError, match="no limit of error holds"):
            rules_at(book(*rules), "doc", on=ON, current_percent=percent)


def test_regimes_come_in_time_order_each_with_what_all_share():
    found = regimes(BOOK)
    assert [one.name for one in found] == [
        "existing",
        "aggregated-small",
        "aggregated-large",
        "trial-10s",
        "trial-60s",
        "cohort",
    ]
    shared = {rules["data completeness"].id for rules in found.values()}
    assert shared == {"opmetering/completeness"}


def in_regime(rule_id, regime, edition="one", since=date(2024, 1, 1)):
    return Rule(
        rule_id, "latency", None, 5, "s", "Doc, 1", edition, "verified", since,
        conditions={"regime": regime},
    )  # fmt: skip


def test_a_regime_with_two_editions_is_there_twice():
    rules = book(
        in_regime("doc/new", "fast", "two", date(2025, 1, 1)),
        in_regime("doc/old", "fast"),
    )
    assert list(regimes(rules)) == [Regime("fast", "one"), Regime("fast", "two")]


def test_one_quantity_twice_in_a_regime_is_refused():
    rules = book(in_regime("doc/a", "fast"), in_regime("doc/b", "fast"))
    with pytest.raises(RuleError, match="doc/b: doc/a is about 'latency' in the same"):
        regimes(rules)
