"""The numbers that ship, against the documents they cite."""

from datetime import date

import pytest

from harness.rulebook.loader import load_rulebook

ON = date(2026, 1, 15)
MINUTE, HOUR = 60, 3600


@pytest.fixture(scope="module")
def book():
    return load_rulebook()


# CrowdFlex WP5 technical specification, Tables 1, 3 and 4, as printed.
@pytest.mark.parametrize(
    ("rule_id", "at_least", "at_most", "unit", "status"),
    [
        ("crowdflex/table1/existing-accuracy", -1.0, 1.0, "%", "verified"),
        ("crowdflex/table1/existing-read-interval", None, 1, "s", "verified"),
        ("crowdflex/table1/existing-latency", None, 5, "s", "verified"),
        ("crowdflex/table1/existing-resolution", 3, None, "d.p.", "verified"),
        ("crowdflex/table1/aggregated-small-accuracy", -1.5, 1.5, "%", "verified"),
        ("crowdflex/table1/aggregated-large-accuracy", -1.0, 1.0, "%", "verified"),
        ("crowdflex/table3/smart-meter-accuracy", -1, 1, "%", "verified"),
        ("crowdflex/table3/smart-meter-read-interval", 10, 20, "s", "verified"),
        ("crowdflex/table3/smart-meter-latency", None, 13, "s", "verified"),
        ("crowdflex/table3/ev-accuracy", -2, 2, "%", "verified"),
        ("crowdflex/table3/ev-read-interval", None, MINUTE, "s", "verified"),
        ("crowdflex/table3/ev-latency", None, 5, "s", "verified"),
        ("crowdflex/table4/ev-turn-down-response", None, 10, "s", "unverified"),
        ("crowdflex/table4/ev-turn-up-response", None, 30, "s", "verified"),
        ("crowdflex/table4/ev-turn-up-event-period", 4 * HOUR, None, "s", "verified"),
        ("crowdflex/table4/ev-turn-down-event-period", 4 * HOUR, None, "s", "verified"),
        ("crowdflex/table4/heat-response", None, 2 * MINUTE, "s", "verified"),
        (
            "crowdflex/table4/heat-turn-down-event-period-shortest",
            HOUR,
            None,
            "s",
            "verified",
        ),
        (
            "crowdflex/table4/heat-turn-up-event-period-longest",
            2 * HOUR,
            None,
            "s",
            "verified",
        ),
        (
            "crowdflex/table4/heat-with-storage-turn-down-event-period-shortest",
            4 * HOUR,
            None,
            "s",
            "verified",
        ),
        (
            "crowdflex/table4/heat-with-storage-turn-up-event-period-longest",
            6 * HOUR,
            None,
            "s",
            "verified",
        ),
        ("cop11/type5/accuracy", -3.5, 2.5, "%", "unverified"),
    ],
)
def test_the_published_numbers(book, rule_id, at_least, at_most, unit, status):
    rule = book.rule(rule_id, on=ON)
    assert (rule.at_least, rule.at_most) == (at_least, at_most)
    assert (rule.unit, rule.status) == (unit, status)


@pytest.mark.parametrize(
    ("rule_id", "at_least", "at_most"),
    [
        ("transition/uc1/arming-period", 30 * MINUTE, None),
        ("transition/uc1/delivery-within", None, 2 * MINUTE),
        ("transition/uc1/notice-of-unavailability", None, MINUTE),
        ("transition/uc1/asset-back-inside", None, 4 * MINUTE),
    ],
)
def test_what_the_use_case_leaves_open_is_a_default_and_unverified(
    book, rule_id, at_least, at_most
):
    rule = book.rule(rule_id, on=ON)
    assert (rule.at_least, rule.at_most) == (at_least, at_most)
    assert rule.status == "unverified"
    assert "by default" in rule.note


def test_every_rule_cites_its_document_and_unverified_ones_say_why(book):
    for rule in book.all():
        document, _, clause = rule.source.partition(", ")
        assert document
        assert clause
        assert rule.status in {"verified", "unverified"}
        if rule.id.startswith(("agreement/", "bench/", "transition/", "cop11/")):
            assert rule.note, rule.id
            assert rule.status == "unverified"


def test_the_edition_in_force_depends_on_the_date(book):
    rule_id = "opmetering/aggregated-read-interval"
    found = {
        day: book.rule(rule_id, on=date.fromisoformat(day)).at_most
        for day in (
            "2023-06-01",
            "2023-11-30",
            "2023-12-01",
            "2024-02-01",
            "2030-01-01",
        )
    }
    assert found == {
        "2023-06-01": 10,
        "2023-11-30": 10,
        "2023-12-01": 60,
        "2024-02-01": 60,
        "2030-01-01": 60,
    }
