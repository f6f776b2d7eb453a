"""flexrig rules: the list, one rule whole, what differs between two editions."""

import re

import pytest

from harness.cli.rulebook import rules as group
from harness.rulebook.loader import load_rulebook
from harness.rulebook.where import regimes
from tests.cli.bench import flexrig, flexrig_here

WIDTHS = (80, 100, 137, 180)
EARLIER, LATER = "before the June 2022 release", "June 2022 release"


def told(*arguments):
    """Return what a command says, without lines, colours or breaks."""
    ended = flexrig_here("rules", *arguments)
    assert ended.code == 0, ended.text
    return re.sub(r"[\s│┃|]+", " ", ended.text)


def refused(*arguments):
    ended = flexrig_here("rules", *arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.text
    return ended.text


@pytest.fixture(params=WIDTHS)
def columns(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(request.param))
    return request.param


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_without_a_command_every_edition_of_every_rule_is_listed(arguments):
    listed = told(*arguments)
    rules = load_rulebook().all()
    for rule in rules:
        assert rule.id in listed
        assert rule.bound in listed
        assert rule.edition in listed
    unverified = sum(rule.status == "unverified" for rule in rules)
    assert f"rules: {len(rules)}, unverified: {unverified}" in listed


def test_words_and_a_date_narrow_the_list():
    listed = told("cop3", "STORAGE", "--date", "2022-06-29")
    assert "at least 20 days" in listed
    assert "at least 90 days" not in listed
    assert "rules: 1, unverified: 1" in listed
    assert told("--date", "2022-06-30", "cop3", "storage").count("cop3/") == 1
    assert "no such rule" in told("cop3", "no-such-word")
    assert "crowdflex" not in told("--date", "1990-01-01", "crowdflex")
    assert "'soon' is no date" in refused("cop3", "--date", "soon")


def test_no_rule_is_shown_without_its_status(columns):
    listed = told("cop10", "--date", "2026-01-15")
    rules = [rule for rule in load_rulebook().all() if rule.document == "cop10"]
    current = [rule for rule in rules if rule.valid_to is None]
    assert len(re.findall(r"\b(?:un)?verified(?=,| \d)", listed)) == len(current)


def test_a_rule_is_shown_whole(columns):
    shown = told("show", "cop11/type5/accuracy", "--date", "2026-01-15")
    for part in (
        "quantity own meter error",
        "bound -3.5 to +2.5 %",
        "unit %",
        "meter_type = 5",
        "embedded = True",
        "maximum_demand = <= 100 kW",
        "source Elexon Code of Practice 11, Asset Metering Type 5",
        "edition Issue 1.0 v3.0",
        "valid 2024-10-01 to …",
        "status unverified: someone still has to read or settle the number",
        "note As quoted in CrowdFlex WP5 section 2.1.1",
        "other editions as accessed in November 2022 -3.5 to +2.5 %, unverified, 2022-",
    ):
        assert part in shown


def test_the_date_or_a_name_chooses_the_edition():
    for options in (("--date", "2022-06-29"), ("--edition", EARLIER)):
        shown = told("show", "cop3/storage", *options)
        assert "bound at least 20 days unit days" in shown
        assert f"edition {EARLIER}" in shown
        assert f"other editions {LATER} at least 90 days" in shown
    assert "; not in force on " in told("show", "cop3/storage", "--edition", EARLIER)


def test_a_verified_rule_says_so_and_brackets_stay():
    shown = told("show", "si1998_1566/schedule1/whole-current/unity")
    assert "status verified: the number was read in its source" in shown
    assert "'within [minutes]'" in told("show", "transition/uc1/delivery-within")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("cop11/type5/accurate",),
            r"no rule 'cop11/type5/accurate'.*cop11/type5/accu",
        ),
        (("cop3/storage", "--date", "2000-01-01"), "not in force on 2000-01-01.*2015"),
        (("cop3/storage", "--edition", "v9"), f"no edition 'v9'.*'{LATER}'"),
        (("cop3/storage", "--date", "today"), "'today' is no date"),
        ((), "Missing argument 'ID'"),
    ],
)
def test_a_rule_that_cannot_be_shown_is_refused_with_a_way_on(arguments, says):
    assert re.search(says, refused("show", *arguments), re.DOTALL)


def test_two_regimes_differ_in_what_they_ask(columns):
    ended = flexrig_here("rules", "diff", "trial-10s", "trial-60s")
    assert ended.code == 0
    assert re.search(r"read interval.*at most 10 s.*at most 60 s", told_of(ended))
    assert "operational metering error" not in ended.text
    assert "2 rules are the same" in ended.text


def told_of(ended):
    return re.sub(r"[\s│┃|]+", " ", ended.text)


def test_two_editions_differ_rule_by_rule(columns):
    shown = told("diff", f"cop3@{EARLIER}", f"cop3@{LATER}")
    assert re.search(r"cop3/storage.*at least 20 days.*at least 90 days", shown)
    assert f"only in cop3@{LATER}" in shown
    assert "0 rules are the same" in shown


def test_a_changed_status_is_shown():
    shown = told("diff", "existing", "cohort")
    assert "bound, status, conditions" in shown
    assert re.search(r"latency.*only in existing", shown)


def test_nothing_differs_from_itself():
    assert "no difference: 3 rules are the same" in told("diff", "cohort", "COHORT")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("trial-15s", "cohort"), "no edition or regime 'trial-15s'.*'trial-10s'"),
        (
            ("June 2022 release", "cohort"),
            "3 editions.*'cop10@June 2022 release', 'cop",
        ),
        (("cohort",), "Missing argument 'EDITION'"),
    ],
)
def test_editions_that_cannot_be_told_are_refused(arguments, says):
    assert re.search(says, refused("diff", *arguments), re.DOTALL)


def test_no_line_is_wider_than_the_screen(columns):
    for arguments in (
        (),
        ("show", "si1998_1566/schedule3/whole-current/unity"),
        ("diff", "existing", "cohort"),
        ("diff", f"cop3@{EARLIER}", f"cop3@{LATER}"),
        ("--help",),
        ("diff", "--help"),
    ):
        text = flexrig_here("rules", *arguments).text
        assert max(map(len, text.splitlines())) <= columns


def test_a_pipe_gets_plain_text():
    ended = flexrig("rules", "show", "cop10/clock/offset")
    assert ended.code == 0
    assert "\x1b" not in ended.text
    assert "-20 to +20 s" in ended.text


@pytest.mark.parametrize("name", ["", *group.commands])
def test_help_teaches_by_examples(name):
    lines = flexrig_here("rules", *filter(None, [name]), "--help").text.splitlines()
    examples = [line.strip() for line in lines if "  flexrig rules" in line]
    assert examples
    assert not any("\\b" in line for line in lines)


def test_help_names_every_regime():
    text = flexrig_here("rules", "diff", "--help").text
    for one in regimes(load_rulebook()):
        assert one.name in text
