"""The metering numbers that ship, against a table of their own.

Everything here was written down a second time, from the documents or from what is
known of them, so that a slip in a data file does not pass.
"""

import itertools
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import RuleError
from harness.rulebook.book import bound_together
from harness.rulebook.loader import load_rulebook
from harness.rulebook.where import MEASURAND, regimes, rules_at

ON = date(2026, 1, 15)
BOOK = load_rulebook()
PUBLISHED = Path(__file__).with_name("published_ids.txt")
UNITY, INDUCTIVE, CAPACITIVE = "1", "0.5 inductive", "0.8 capacitive"
BALANCED, ONE_PHASE = (
    "balanced or single phase",
    "single-phase load of a polyphase meter",
)

# Overall accuracy, ± percent: (from, to) in percent of the rated current. The last row
# of each power factor includes its upper end.
COP1 = {
    UNITY: [(1, 5, 1.5), (5, 10, 0.7), (10, 120, 0.5)],
    INDUCTIVE: [(10, 120, 1.0)],
    CAPACITIVE: [(10, 120, 1.0)],
}
COP2 = {
    UNITY: [(1, 5, 2.5), (5, 10, 1.5), (10, 120, 1.0)],
    INDUCTIVE: [(10, 120, 2.0)],
    CAPACITIVE: [(10, 120, 2.0)],
}
COP3 = {
    UNITY: [(5, 10, 2.0), (10, 120, 1.5)],
    INDUCTIVE: [(10, 120, 2.5)],
    CAPACITIVE: [(10, 120, 2.5)],
}
COP5 = {
    UNITY: [(5, 20, 2.5), (20, 120, 1.5)],
    INDUCTIVE: [(20, 120, 2.5)],
    CAPACITIVE: [(20, 120, 2.5)],
}
TABLES = [
    ("cop3", {}, COP3),
    ("cop5", {}, COP5),
    ("cop11", {"meter_type": 1}, COP1),
    ("cop11", {"meter_type": 2}, COP2),
    ("cop11", {"meter_type": 3}, COP3),
    ("cop11", {"meter_type": 4, "connection": "through current transformers"}, COP5),
]
RANGES = [
    (document, of, power_factor, rows)
    for document, of, table in TABLES
    for power_factor, rows in table.items()
]


def half_at(rows, percent):
    """Return the limit that a table has at a current; None outside its range."""
    for low, high, half in rows:
        if low <= percent < high or (percent == high == rows[-1][1]):
            return half
    return None


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(RANGES),
    st.one_of(st.floats(0, 200), st.sampled_from([1, 5, 10, 20, 120])),
)
def test_every_load_point_of_a_table_has_one_limit_and_no_other_has(case, percent):
    document, of, power_factor, rows = case
    point = of | {"current_percent": percent, "power_factor": power_factor}
    half = half_at(rows, percent)
    if half is None:
        with pytest.raises(RuleError, match="no limit of error holds"):
            rules_at(BOOK, document, on=ON, **point)
    else:
        (rule,) = rules_at(BOOK, document, on=ON, **point)
        assert (rule.at_least, rule.at_most, rule.unit) == (-half, half, "%")


@pytest.mark.parametrize(("document", "of", "power_factor", "rows"), RANGES)
def test_a_row_ends_where_the_next_begins(document, of, power_factor, rows):
    for low, high, half in rows:
        for percent in (low, (low + high) / 2, high - 1e-9):
            (rule,) = rules_at(
                BOOK, document, on=ON, current_percent=percent,
                power_factor=power_factor, **of,
            )  # fmt: skip
            assert (rule.at_least, rule.at_most) == (-half, half)


# Measuring Instruments Directive, Annex V, Table 2: ± percent for classes A, B, C.
MPE = {
    (BALANCED, "Imin to Itr"): [
        (3.5, 2, 1), (5, 2.5, 1.3), (7, 3.5, 1.7), (9, 4, 2),
    ],
    (BALANCED, "Itr to Imax"): [
        (3.5, 2, 0.7), (4.5, 2.5, 1), (7, 3.5, 1.3), (9, 4, 1.5),
    ],
    (ONE_PHASE, "Itr to Imax"): [
        (4, 2.5, 1), (5, 3, 1.3), (7, 4, 1.7), (9, 4.5, 2),
    ],
}  # fmt: skip


def column_at(temperature_c):
    """Return which column of temperatures holds, the strictest where two meet."""
    for column, (low, high) in enumerate([(5, 30), (-10, 40), (-25, 55), (-40, 70)]):
        if low <= temperature_c <= high:
            return column
    return None


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(list(itertools.product(MPE, "ABC"))),
    st.one_of(st.floats(-60, 90), st.sampled_from([-40, -25, -10, 5, 30, 40, 55, 70])),
    st.sampled_from([UNITY, INDUCTIVE, CAPACITIVE]),
)
def test_permissible_errors_by_class_current_and_temperature(
    case, temperature_c, power_factor
):
    (load, current_range), meter_class = case
    point = {
        "meter_class": meter_class,
        "load": load,
        "current_range": current_range,
        "temperature_c": temperature_c,
        "power_factor": power_factor,
    }
    column = column_at(temperature_c)
    if column is None:
        with pytest.raises(RuleError, match="no limit of error holds"):
            rules_at(BOOK, "mid", on=ON, **point)
    else:
        (rule,) = rules_at(BOOK, "mid", on=ON, **point)
        half = MPE[load, current_range][column]["ABC".index(meter_class)]
        assert (rule.at_least, rule.at_most, rule.unit) == (-half, half, "%")


# SI 1998/1566, paragraph 9 of Schedules 1 and 3: tests 1 to 4, then tests 5 and 6.
WITH, WITHOUT = (
    "whole current, or tested with its transformers",
    "transformers not connected",
)
MARGINS = {
    (1, WITH): ((-1.5, 1.5), (-2.7, 1.7)),
    (1, WITHOUT): ((-1.0, 1.0), (-2.2, 1.2)),
    (3, WITH): ((-1.9, 1.9), (-3.0, 2.0)),
    (3, WITHOUT): ((-1.4, 1.4), (-2.5, 1.5)),
}


@pytest.mark.parametrize(("schedule", "connection"), MARGINS)
def test_certification_margins(schedule, connection):
    balanced, element = MARGINS[schedule, connection]
    loads = [
        (BALANCED, UNITY, 5, balanced),
        (BALANCED, UNITY, 1000, balanced),
        (BALANCED, INDUCTIVE, 100, balanced),
        (ONE_PHASE, UNITY, 100, element),
        (ONE_PHASE, INDUCTIVE, 100, element),
    ]
    for load, power_factor, percent, bounds in loads:
        (rule,) = rules_at(
            BOOK, "si1998_1566", on=ON, schedule=schedule, connection=connection,
            load=load, power_factor=power_factor, current_percent=percent,
        )  # fmt: skip
        assert (rule.at_least, rule.at_most) == bounds
        contested = (schedule, connection, load) == (3, WITH, BALANCED)
        assert rule.status == ("unverified" if contested else "verified")


OPEN_UPWARDS = [
    ("cop10", {}, UNITY, 5),
    ("cop10", {}, INDUCTIVE, 100),
    ("electricity_act1989", {}, CAPACITIVE, 0),
    ("cop11", {"meter_type": 5}, CAPACITIVE, 0),
] + [
    (
        "si1998_1566",
        {"schedule": schedule, "connection": connection, "load": load},
        power_factor,
        5 if (load, power_factor) == (BALANCED, UNITY) else 100,
    )
    for schedule, connection in MARGINS
    for load in (BALANCED, ONE_PHASE)
    for power_factor in (UNITY, INDUCTIVE)
]


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(OPEN_UPWARDS),
    st.one_of(st.floats(0, 2000), st.sampled_from([0, 5, 100])),
)
def test_a_range_without_an_upper_end_has_one_limit_from_its_lower_end_on(
    case, percent
):
    document, of, power_factor, first = case
    point = of | {"current_percent": percent, "power_factor": power_factor}
    if percent < first:
        with pytest.raises(RuleError, match="no limit of error holds"):
            rules_at(BOOK, document, on=ON, **point)
    else:
        (rule,) = rules_at(BOOK, document, on=ON, **point)
        assert rule.at_least < 0 < rule.at_most


PER_CODE = [
    ("clock/offset", -20, 20, "s", "unverified"),
    ("clock/period-length", -0.1, 0.1, "%", "unverified"),
    ("clock/without-communication", 20, None, "days", "unverified"),
    ("storage", 90, None, "days", "unverified"),
    ("integration-period/30-minutes", 1800, 1800, "s", "verified"),
    ("integration-period/20-minutes", 1200, 1200, "s", "verified"),
    ("integration-period/15-minutes", 900, 900, "s", "verified"),
    ("integration-period/10-minutes", 600, 600, "s", "verified"),
    ("integration-period/5-minutes", 300, 300, "s", "verified"),
    ("resolution", None, 0.1, "%", "unverified"),
    ("demand-values", -0.1, 0.1, "%", "unverified"),
    ("equipment/current-transformer-class", None, 0.5, "class index", "unverified"),
    (
        "equipment/current-transformer-class-cp1553",
        None,
        0.5,
        "class index",
        "unverified",
    ),
]


@pytest.mark.parametrize(
    ("rule_id", "at_least", "at_most", "unit", "status"),
    [
        (f"{code}/{name}", *rest)
        for code in ("cop3", "cop5", "cop10")
        for name, *rest in PER_CODE
    ]
    + [
        (f"cop11/type{meter_type}/storage", 90, None, "days", "unverified")
        for meter_type in range(1, 6)
    ]
    + [
        (f"si1998_1566/schedule{schedule}/{name}", *rest, "verified")
        for schedule in (1, 3)
        for name, *rest in (
            ("transformers", -0.5, 0.5, "%"),
            ("reference/position", -3, 3, "°"),
            ("reference/voltage", -1.5, 1.5, "%"),
            ("reference/frequency", -0.5, 0.5, "%"),
            ("reference/distortion", None, 5, "%"),
            ("reference/induction", -0.3, 0.3, "%"),
        )
    ]
    + [
        ("cop10/accuracy/whole-current/unity", -1.9, 1.9, "%", "unverified"),
        ("cop10/accuracy/whole-current/inductive", -1.9, 1.9, "%", "unverified"),
        ("electricity_act1989/schedule7/in-service", -3.5, 2.5, "%", "unverified"),
        (
            "cop3/equipment/voltage-transformer-class",
            None,
            1,
            "class index",
            "unverified",
        ),
        (
            "cop5/equipment/voltage-transformer-class",
            None,
            1,
            "class index",
            "unverified",
        ),
        ("cop3/equipment/meter-class", None, 1, "class index", "unverified"),
        ("cop5/equipment/meter-class", None, 2, "class index", "unverified"),
        ("cop5/equipment/meter-class-cp1553", None, 1, "class index", "unverified"),
        ("cop11/type5/accuracy", -3.5, 2.5, "%", "unverified"),
        ("cop11/type1/clock/offset", -10, 10, "s", "unverified"),
        ("cop11/type2/clock/offset", -10, 10, "s", "unverified"),
        ("cop11/type3/clock/offset", -20, 20, "s", "unverified"),
        ("cop11/type4/clock/offset", -20, 20, "s", "unverified"),
        ("cop11/type5/clock/offset", -20, 20, "s", "unverified"),
        ("cop11/type4/meter-class", None, 2, "class index", "unverified"),
        ("mid/class-index/class-a", -2, 2, "%", "unverified"),
        ("mid/class-index/class-b", -1, 1, "%", "unverified"),
        ("mid/class-index/class-c", -0.5, 0.5, "%", "unverified"),
        ("si1998_1566/schedule2/uncertainty/unity", None, 0.4, "%", "verified"),
        ("si1998_1566/schedule2/uncertainty/inductive", None, 0.6, "%", "verified"),
        ("si1998_1566/schedule1/reference/temperature", 15, 30, "°C", "verified"),
        ("si1998_1566/schedule3/reference/temperature", 21, 25, "°C", "verified"),
        ("si1998_1566/schedule1/balance/voltage", -1.5, 1.5, "%", "verified"),
        ("si1998_1566/schedule1/balance/current", -2.5, 2.5, "%", "verified"),
        ("si1998_1566/schedule1/balance/displacement", None, 3, "°", "verified"),
    ],
)
def test_the_numbers_without_a_load_point(rule_id, at_least, at_most, unit, status):
    rule = BOOK.rule(rule_id, on=ON)
    assert (rule.at_least, rule.at_most) == (at_least, at_most)
    assert (rule.unit, rule.status) == (unit, status)


def test_the_asymmetric_limit_is_the_same_in_both_editions():
    for rule in BOOK.editions["cop11/type5/accuracy"]:
        assert (rule.at_least, rule.at_most) == (-3.5, 2.5)


@pytest.mark.parametrize("code", ["cop3", "cop5", "cop10"])
def test_storage_changed_with_the_release_of_june_2022(code):
    day_before, day = date(2022, 6, 29), date(2022, 6, 30)
    assert BOOK.rule(f"{code}/storage", on=day_before).at_least == 20
    assert BOOK.rule(f"{code}/storage", on=day).at_least == 90


# Operational metering: ± percent, read interval s, latency s, decimal places.
REGIMES = {
    ("existing", date(2022, 11, 1)): (1.0, 1, 5, 3),
    ("aggregated-small", date(2022, 11, 1)): (1.5, 1, 5, 3),
    ("aggregated-large", date(2022, 11, 1)): (1.0, 1, 5, 3),
    ("trial-10s", date(2023, 6, 1)): (2.5, 10, None, None),
    ("trial-60s", date(2023, 12, 1)): (2.5, 60, None, None),
    ("cohort", date(2024, 2, 1)): (2.5, 60, None, None),
}


def test_every_regime_is_complete_as_far_as_numbers_exist():
    found = {
        (one.name, rules["read interval"].valid_from): rules
        for one, rules in regimes(BOOK).items()
    }
    assert list(found) == list(REGIMES)
    for regime, (half, read_s, latency_s, places) in REGIMES.items():
        rules = dict(found[regime])
        error = rules.pop("operational metering error")
        assert (error.at_least, error.at_most) == (-half, half)
        assert rules.pop("read interval").at_most == read_s
        assert rules.pop("data completeness").at_least == 99
        if latency_s is not None:
            assert rules.pop("latency").at_most == latency_s
            assert rules.pop("resolution").at_least == places
        assert not rules


def test_every_unverified_rule_says_what_was_seen():
    assert not [rule.id for rule in BOOK.all() if not (rule.note or is_verified(rule))]


def is_verified(rule):
    return rule.status == "verified"


def test_every_limit_of_error_says_which_ends_belong_to_it():
    limits = [rule for rule in BOOK.all() if MEASURAND in rule.conditions]
    assert len(limits) > 100
    for rule in limits:
        for stem, unit in (("current", "percent"), ("temperature", "c")):
            if f"{stem}_to_{unit}" in rule.conditions:
                assert f"{stem}_to_inclusive" in rule.conditions, rule.id
        assert rule.conditions.get("power_factor", UNITY) in TABLES[0][2], rule.id


def test_only_one_edition_of_a_rule_is_in_force_on_a_day():
    days = {rule.valid_from for rule in BOOK.all()}
    days |= {rule.valid_to for rule in BOOK.all() if rule.valid_to}
    for day in days:
        ids = [rule.id for rule in BOOK.all() if rule.in_force(day)]
        assert len(ids) == len(set(ids)), day
        assert ids == [rule.id for rule in BOOK.in_force(day)]


def test_an_id_once_published_stays():
    published = PUBLISHED.read_text(encoding="utf-8").split()
    assert len(published) > 200
    assert not set(published) - set(BOOK.editions)


def test_the_digest_covers_conditions():
    rules = BOOK.all()
    turned = next(rule for rule in rules if "current_from_percent" in rule.conditions)
    other = replace(turned, conditions=turned.conditions | {"current_from_percent": 4})
    changed = bound_together(other if rule is turned else rule for rule in rules)
    assert changed.digest() != BOOK.digest()
    assert bound_together(rules).digest() == BOOK.digest()
