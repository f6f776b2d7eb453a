from datetime import date

import pytest

from harness.core.errors import RuleError
from harness.rulebook.loader import load_rulebook
from harness.rulebook.rule_json import rule_from_json, rule_to_json

DOCUMENT = """
[document]
id = "doc"
title = "A document"
edition = "one"
valid_from = 2024-01-01
"""
RULE = """
[[rule]]
id = "doc/table/limit"
quantity = "response time"
at_most = 30
unit = "s"
clause = "Table 1"
status = "verified"
"""
ON = date(2025, 6, 1)


def load(tmp_path, text, **options):
    (tmp_path / "doc.toml").write_text(text, encoding="utf-8")
    return load_rulebook(folder=tmp_path, **options)


def test_a_rule_carries_source_edition_and_dates(tmp_path):
    rule = load(tmp_path, DOCUMENT + RULE).rule("doc/table/limit", on=ON)
    assert rule.source == "A document, Table 1"
    assert rule.edition == "one"
    assert rule.valid_from == date(2024, 1, 1)
    assert rule.bound == "at most 30 s"
    assert rule_from_json(rule_to_json(rule)) == rule


@pytest.mark.parametrize(
    ("change", "where", "fact"),
    [
        (("at_most = 30", ""), "doc/table/limit", "neither at_least nor at_most"),
        (("at_most = 30", "maximum = 30"), "doc/table/limit", "unknown|neither"),
        (('"verified"', '"seen"'), "status", "'verified' or 'unverified'"),
        (("at_most = 30", "at_most = 3\nat_least = 4"), "doc/table/limit", "above"),
        (("at_most = 30", "at_most = nan"), "at_most", "finite"),
        (('id = "doc/', 'id = "other/'), "doc.toml", "not of document 'doc'"),
        (("at_most = 30", "at_most = "), "doc.toml", "not TOML"),
        (('title = "A document"', ""), "document", "title|required"),
        (
            ('clause = "Table 1"', 'clause = "Table 1"\nedition = "two"'),
            "doc/table/limit",
            "needs its own valid_from",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path, change, where, fact):
    old, new = change
    with pytest.raises(RuleError, match=fact) as caught:
        load(tmp_path, (DOCUMENT + RULE).replace(old, new))
    assert where in str(caught.value)
    assert "Try:" in str(caught.value)


EDITIONS = DOCUMENT + RULE + RULE.replace("30", "60") + 'edition = "two"\nvalid_from = '


def test_an_edition_still_in_force_may_not_overlap_the_next(tmp_path):
    with pytest.raises(RuleError, match="'one' and 'two' are both in force on 2025"):
        load(tmp_path, EDITIONS + "2025-01-01\n")


def test_one_day_belongs_to_one_edition(tmp_path):
    text = EDITIONS.replace('"verified"\n', '"verified"\nvalid_to = 2025-01-01\n', 1)
    with pytest.raises(RuleError, match="are both in force on 2025-01-01"):
        load(tmp_path, text + "2025-01-01\n")


def test_editions_that_touch_are_told_apart_to_the_day(tmp_path):
    text = EDITIONS.replace('"verified"\n', '"verified"\nvalid_to = 2024-12-31\n', 1)
    book = load(tmp_path, text + "2025-01-01\n")
    assert book.rule("doc/table/limit", on=date(2024, 12, 31)).at_most == 30
    assert book.rule("doc/table/limit", on=date(2025, 1, 1)).at_most == 60


def test_a_named_edition_stands_whatever_the_date(tmp_path):
    text = EDITIONS.replace('"verified"\n', '"verified"\nvalid_to = 2024-12-31\n', 1)
    text += "2025-01-01\n"
    book = load(tmp_path, text)
    assert book.rule("doc/table/limit", on=ON, edition="one").at_most == 30
    for key in ("doc", "doc/table/limit"):
        fixed = load(tmp_path, text, edition_overrides={key: "one"})
        assert fixed.rule("doc/table/limit", on=ON).at_most == 30
        assert fixed.digest() != book.digest()


def test_a_rule_that_is_not_there_names_the_nearest(tmp_path):
    book = load(tmp_path, DOCUMENT + RULE)
    with pytest.raises(RuleError, match=r"no rule 'doc/table/limits'.*doc/table/limit"):
        book.rule("doc/table/limits", on=ON)


def test_a_rule_out_of_force_says_when_it_is(tmp_path):
    book = load(tmp_path, DOCUMENT + RULE)
    with pytest.raises(RuleError, match=r"not in force on 2020-01-01.*2024-01-01 to"):
        book.rule("doc/table/limit", on=date(2020, 1, 1))


def test_unknown_editions_are_refused(tmp_path):
    book = load(tmp_path, DOCUMENT + RULE)
    with pytest.raises(RuleError, match=r"no edition 'nine'.*'one'"):
        book.rule("doc/table/limit", on=ON, edition="nine")
    with pytest.raises(RuleError, match="'doc' has an edition 'nine'"):
        load(tmp_path, DOCUMENT + RULE, edition_overrides={"doc": "nine"})


def test_an_empty_folder_is_no_rulebook(tmp_path):
    with pytest.raises(RuleError, match="no rule files"):
        load_rulebook(folder=tmp_path)


def test_the_digest_moves_with_any_number(tmp_path):
    one = load(tmp_path, DOCUMENT + RULE).digest()
    assert load(tmp_path, DOCUMENT + RULE).digest() == one
    assert load(tmp_path, DOCUMENT + RULE.replace("30", "31")).digest() != one


DEFAULT_NOTE = DOCUMENT + 'unverified_note = "Nobody read it."\n'


@pytest.mark.parametrize(
    ("status", "own_note", "note"),
    [
        ("unverified", "", "Nobody read it."),
        ("unverified", 'note = "Read in a newspaper."', "Read in a newspaper."),
        ("verified", "", ""),
    ],
)
def test_an_unverified_rule_has_the_note_of_its_document(
    tmp_path, status, own_note, note
):
    text = DEFAULT_NOTE + RULE.replace("verified", status) + own_note
    assert load(tmp_path, text).rule("doc/table/limit", on=ON).note == note


def test_the_digest_moves_with_any_condition(tmp_path):
    first = RULE + "conditions = { current_from_percent = 5 }\n"
    second = RULE + "conditions = { current_from_percent = 10 }\n"
    digests = {load(tmp_path, DOCUMENT + one).digest() for one in (RULE, first, second)}
    assert len(digests) == 3


def test_what_is_in_force_is_one_edition_of_each_rule(tmp_path):
    text = EDITIONS.replace('"verified"\n', '"verified"\nvalid_to = 2024-12-31\n', 1)
    text += "2025-01-01\n"
    book = load(tmp_path, text)
    on = {year: book.in_force(date(year, 6, 1)) for year in (2020, 2024, 2025)}
    assert [[rule.at_most for rule in rules] for rules in on.values()] == [
        [],
        [30],
        [60],
    ]
    assert book.in_force(ON, document="doc") == book.in_force(ON)
    assert book.in_force(ON, document="do") == ()
    fixed = load(tmp_path, text, edition_overrides={"doc": "one"})
    assert [rule.at_most for rule in fixed.in_force(ON)] == [30]


def test_equal_bounds_are_told_as_one(tmp_path):
    text = DOCUMENT + RULE.replace("at_most = 30", "at_least = 30\nat_most = 30")
    assert load(tmp_path, text).rule("doc/table/limit", on=ON).bound == "exactly 30 s"
