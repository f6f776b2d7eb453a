"""What differs between two editions or regimes, and which names say so."""

from dataclasses import replace
from datetime import date

import pytest

from harness.core.errors import RuleError
from harness.rulebook.book import bound_together
from harness.rulebook.compare import compare
from harness.rulebook.loader import load_rulebook
from harness.rulebook.rule import Rule

BOOK = load_rulebook()
OLD = Rule(
    "doc/limit", "latency", None, 5, "s", "Doc, 1", "one", "unverified",
    date(2024, 1, 1), date(2024, 12, 31),
)  # fmt: skip
NEW = replace(OLD, edition="two", valid_from=date(2025, 1, 1), valid_to=None)


def found(*rules, one="one", other="two"):
    return compare(bound_together(rules), one, other)


def test_a_rule_that_is_the_same_does_not_differ():
    result = found(OLD, NEW)
    assert (result.differences, result.same) == ((), 1)
    assert (result.one, result.other) == ("doc@one", "doc@two")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"at_most": 6}, ("bound",)),
        ({"at_least": 0}, ("bound",)),
        ({"unit": "W"}, ("bound",)),
        ({"status": "verified"}, ("status",)),
        ({"conditions": {"meter_type": 5}}, ("conditions",)),
        ({"at_most": 6, "status": "verified"}, ("bound", "status")),
        ({"note": "another", "source": "Doc, 2"}, ()),
    ],
)
def test_each_kind_of_change_is_named(change, what):
    result = found(OLD, replace(NEW, **change))
    assert tuple(one.what for one in result.differences) == ((what,) if what else ())


def test_rules_that_only_one_side_has_are_told():
    gone, come = replace(OLD, id="doc/gone"), replace(NEW, id="doc/come")
    result = found(OLD, NEW, gone, come)
    told = {one.name: (one.one, one.other) for one in result.differences}
    assert told == {"doc/gone": (gone, None), "doc/come": (None, come)}
    assert result.same == 1


def test_regimes_of_different_documents_are_compared_by_quantity():
    result = compare(BOOK, "existing", "cohort")
    bounds = {
        one.name: (one.one and one.one.bound, one.other and one.other.bound)
        for one in result.differences
    }
    assert bounds == {
        "operational metering error": ("-1 to +1 %", "-2.5 to +2.5 %"),
        "read interval": ("at most 1 s", "at most 60 s"),
        "latency": ("at most 5 s", None),
        "resolution": ("at least 3 d.p.", None),
    }
    assert result.same == 1


def test_the_trials_differ_by_their_read_interval_alone():
    (only,) = compare(BOOK, "trial-10s", "trial-60s").differences
    assert (only.name, only.what) == ("read interval", ("bound",))


@pytest.mark.parametrize(
    "name",
    [
        "cohort from February 2024",
        "opmetering@cohort from February 2024",
        " COHORT FROM FEBRUARY 2024 ",
    ],
)
def test_an_edition_has_a_short_name_and_a_whole_one(name):
    assert compare(BOOK, name, name).one == "opmetering@cohort from February 2024"


def test_a_name_of_many_editions_is_refused_with_all_of_them():
    with pytest.raises(RuleError, match=r"'cop10@June 20.*'cop3@June 20.*'cop5@June"):
        compare(BOOK, "June 2022 release", "cohort")


def test_a_regime_with_two_editions_asks_which():
    first = replace(OLD, conditions={"regime": "fast"})
    second = replace(NEW, conditions={"regime": "fast"})
    with pytest.raises(RuleError, match=r"2 editions.*'fast@one', 'fast@two'"):
        found(first, second, one="fast")
    assert found(first, second, one="fast@one", other="fast@two").same == 1


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("trial-15s", "trial-10s"), ("cop3@June release", "cop3@June 2022"), ("", "flex")],
)
def test_an_unknown_name_names_the_nearest(name, nearest):
    with pytest.raises(RuleError, match=f"no edition or regime '{name}'.*{nearest}"):
        compare(BOOK, name, "cohort")
