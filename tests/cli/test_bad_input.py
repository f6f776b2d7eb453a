"""A person's mistake is one sentence: where, what, what to try; and exit code 2.

Each mistake is made twice: with the command, and with plain pytest. Nothing may
run, nothing may look like a pass, and nobody is shown a traceback.
"""

import pytest

from harness.rig.shipped import find_file
from tests.cli.bench import (
    GOOD_RIG,
    QUARTER_HOUR,
    feature,
    flexrig_here,
    pytest_here,
    rig,
)

EV = "[device.ev.emulator]\n"
METER = '[meter.ev_meter]\ndriver = "meter/sdm230"\n'
PUMP_METER = '[meter.heat_pump_meter]\ndriver = "meter/sdm120"\n'
ADDRESS = 'address = "modbus://127.0.0.1:5020/1"\n'

RIGS = {
    "no TOML": (
        (('name = "Emulated home"', 'name = "Emulated home'),),
        "bench.toml: not valid TOML: ",
        "quotes around text",
    ),
    "unknown key": (
        (("safe_power_w = 7700", "safe_pover_w = 7700"),),
        "bench.toml [device.ev] safe_pover_w: unknown key 'safe_pover_w'",
        "'safe_power_w'",
    ),
    "negative seed": (
        (("seed = 1", "seed = -1"),),
        "bench.toml [rig] seed: ",
        "README",
    ),
    "unknown driver": (
        (("ev_chargepoint/ocpp16", "ev_chargepoint/ocpp17"),),
        "bench.toml [device.ev] driver: no driver 'ev_chargepoint/ocpp17'",
        "'ev_chargepoint/ocpp16'",
    ),
    "unknown driver option": (
        ((EV, '[device.ev.options]\nrateunit = "A"\n' + EV),),
        "bench.toml [device.ev] options rateunit: unknown key 'rateunit'",
        "'rate_unit'",
    ),
    "unknown emulator option": (
        (("gain_percent = 0.1", "gian_percent = 0.1"),),
        "bench.toml [meter.ev_meter] emulator gian_percent: unknown key",
        "'gain_percent'",
    ),
    "unknown fault": (
        ((EV, EV + "faults = { ignore_profiles = true }\n"),),
        "bench.toml [device.ev] emulator [faults] ignore_profiles: unknown key",
        "'ignores_profiles'",
    ),
    "two meters at one address": (
        ((METER, METER + ADDRESS), (PUMP_METER, PUMP_METER + ADDRESS)),
        "modbus://127.0.0.1:5020/1 is already the address of 'ev_meter'",
        "another port or unit id",
    ),
    "meter that sees nothing": (
        (('sees = ["ev"]', "sees = []"),),
        "bench.toml [meter.ev_meter] sees: a meter that sees nothing",
        'sees = ["ev"]',
    ),
    "overdue calibration": (
        (("due = 2099-12-31", "due = 2025-12-31"),),
        "bench.toml [meter.ev_meter] calibration.due: calibration was due on 2025",
        "recalibrate the meter",
    ),
}

WHEN_EV = "When the ESO instructs the EV to turn down to 1.4 kW from 17:00 to 17:15"
FEATURES = {
    "empty": ((), "bench.feature: there is no feature in it", "Feature: "),
    "no Gherkin": (
        (("@BM @quick\n", "Once upon a time\n"),),
        "bench.feature:1: not Gherkin: “Once upon a time” cannot stand here",
        "Feature:",
    ),
    "ragged table": (
        (("| 10 s      | crowd", "| crowd"),),
        "bench.feature:11: not Gherkin: inconsistent cell count",
        "|",
    ),
    "misspelt keyword": (
        ((WHEN_EV, "Wen" + WHEN_EV[4:]),),
        "looks like a step, but 'Wen' begins none",
        "Given, When, Then",
    ),
    "two scenarios of one title": (
        (("The car takes more and", "The car gives way and"),),
        "bench.feature:38: two scenarios are titled 'The car gives way and comes back'",
        "a title of its own",
    ),
    "titles that differ by a sign": (
        (("The car takes more and", "The car gives way, and"),),
        "differ by signs alone",
        "a title of its own",
    ),
    "number that is not its rule's": (
        (("| 10 s      |", "| 11 s      |"),),
        "bench.feature:11: it says '11 s' but crowdflex/table4/ev-turn-down-response "
        "says at most 10 s",
        "the rule's number",
    ),
    "unknown rule": (
        (("table4/ev-turn-down-response", "table4/ev-turndown-response"),),
        "bench.feature:11: there is no rule 'crowdflex/table4/ev-turndown-response'",
        "crowdflex/table4/ev-turn-down-response",
    ),
    "unknown phrase": (
        (("EV responds in the", "EV answers in the"),),
        "bench.feature:31: nobody knows the phrase “Then the EV answers in the",
        "“the {asset} responds in the published time”",
    ),
    "energy where power belongs": (
        (("to 1.4 kW from", "to 1.4 kWh from"),),
        "bench.feature:30 “1.4 kWh”: '1.4 kWh' is in Wh",
        "a power, such as 7.2 kW",
    ),
    "no clock time": (
        (("from 17:00", "from 25:00"),),
        "bench.feature:30 “25:00”: '25:00' is not a clock time",
        "17:30",
    ),
    "no such move": (
        (("turn down to", "turn sideways to"),),
        "bench.feature:30 “turn sideways”: there is no such move",
        "turn up, or turn down",
    ),
    "limits without their column": (
        (("| limit     | rule  ", "| bound     | rule  "),),
        "bench.feature:9 the published limits: the table has no column 'limit'",
        "asset, quantity, limit, rule",
    ),
}


def require_one_sentence(text, says, hint):
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    told = [line for line in text.splitlines() if says in line]
    assert len(told) == 1, text
    assert hint in told[0].partition("Try: ")[2]


def refused_by_command(says, hint, *arguments):
    ended = flexrig_here("run", *arguments)
    assert ended.code == 2
    require_one_sentence(ended.text, says, hint)
    assert ended.text.count("\n") == 1


@pytest.fixture
def made(tmp_path):
    """Write a changed rig or feature; an empty one for no change at all."""

    def write(maker, name, changes):
        path = tmp_path / name
        if changes:
            return maker(path, *changes)
        path.write_text("")
        return path

    return write


@pytest.mark.parametrize(("changes", "says", "hint"), RIGS.values(), ids=RIGS)
def test_a_wrong_rig_is_refused_by_the_command(made, tmp_path, changes, says, hint):
    path = made(rig, "bench.toml", changes)
    folder = tmp_path / "run"
    refused_by_command(says, hint, QUARTER_HOUR, "--rig", path, "--run-folder", folder)
    assert not folder.exists()


@pytest.mark.parametrize(("changes", "says", "hint"), RIGS.values(), ids=RIGS)
def test_a_wrong_rig_is_refused_by_pytest(made, tmp_path, changes, says, hint):
    path = made(rig, "bench.toml", changes)
    ended = pytest_here(QUARTER_HOUR, path, tmp_path / "run")
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    require_one_sentence(ended.text, says, hint)
    assert not ended.records


@pytest.mark.parametrize(("changes", "says", "hint"), FEATURES.values(), ids=FEATURES)
def test_a_wrong_feature_is_refused_by_the_command(made, tmp_path, changes, says, hint):
    path = made(feature, "bench.feature", changes)
    folder = tmp_path / "run"
    refused_by_command(says, hint, path, "--run-folder", folder)
    assert not folder.exists()


@pytest.mark.parametrize(("changes", "says", "hint"), FEATURES.values(), ids=FEATURES)
def test_a_wrong_feature_is_refused_by_pytest(made, tmp_path, changes, says, hint):
    path = made(feature, "bench.feature", changes)
    ended = pytest_here(path, GOOD_RIG, tmp_path / "run")
    assert ended.code == pytest.ExitCode.INTERRUPTED
    require_one_sentence(ended.text, says, hint)
    assert not ended.records


def test_a_feature_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "bench.feature"
    path.write_bytes(b"Feature: a\n  Scenario: caf\xe9\n")
    says = "bench.feature:2: byte 0xe9 is not UTF-8"
    refused_by_command(says, "saving the file as UTF-8", path)


def test_a_scenario_without_steps_is_refused(tmp_path):
    path = tmp_path / "bench.feature"
    path.write_text("Feature: a\n  Scenario: b\n")
    says = "bench.feature:2: scenario 'b' has no steps"
    refused_by_command(says, "a When and a Then", path)


def test_a_table_that_is_forgotten_is_missed(tmp_path):
    path = tmp_path / "bench.feature"
    path.write_text("Feature: a\n  Scenario: b\n    Given the home offers\n")
    says = "bench.feature:3: “the home offers” needs a table beneath it"
    refused_by_command(says, "rows that begin with |", path)


def test_two_scenarios_of_one_title_beneath_a_rule_are_found(tmp_path):
    path = tmp_path / "bench.feature"
    steps = "    When the ESO overrules the service at 17:00\n"
    twins = f"  Scenario: b\n{steps}  Rule: c\n  Scenario: b\n{steps}"
    path.write_text(f"Feature: a\n{twins}")
    says = "bench.feature:5: two scenarios are titled 'b'"
    refused_by_command(says, "a title of its own", path)


MISSING = {
    "feature": (("nowhere.feature",), "nowhere.feature: no such feature file", "path"),
    "rig": (("--rig", "rigs/emulatd.toml"), "no such rig file", "emulated.toml"),
    "rig in a folder of mine": (
        ("--rig", "my_bench/emulated.toml"),
        "my_bench/emulated.toml: no such rig file",
        ".toml",
    ),
    "tag": (("-m", "UC1 and turnup"), "no scenario has the tag 'turnup'", "turn_up"),
    "words to choose by": (("-k", "a b (("), "-k 'a b ((': expected end", "and, or"),
    "tags to choose by": (("-m", "UC1 and"), "-m 'UC1 and': expected", "and, or, not"),
    "date": (("--date", "2026-13-01"), "--date: '2026-13-01' is no date", "YYYY-MM"),
}


@pytest.mark.parametrize(("arguments", "says", "hint"), MISSING.values(), ids=MISSING)
def test_what_is_not_there_is_said(arguments, says, hint):
    refused_by_command(says, hint, *arguments)


def test_a_run_folder_in_use_is_never_written_over(tmp_path):
    kept = tmp_path / "kept.txt"
    kept.write_text("mine")
    says = "holds something already"
    refused_by_command(says, "another --run-folder", "--run-folder", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_run_folder_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    says = "cannot be a folder for evidence"
    refused_by_command(says, "another --run-folder", "--run-folder", path)


USAGE = {
    "option": ("run", "--nope"),
    "command": ("nope",),
    "decision rule": ("run", "--decision-rule", "lenient"),
    "seed": ("run", "--seed", "-1"),
    "date of rules": ("rules", "--date", "soon"),
    "rig to emulate": ("emulate", "nowhere.toml"),
    "nothing to rejudge": ("rejudge", "nowhere"),
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_wrong_usage_is_exit_code_2_without_a_traceback(arguments):
    ended = flexrig_here(*arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.text
    assert "Try" in ended.text


def test_a_role_that_the_rig_lacks_breaks_its_scenario_and_no_other(tmp_path):
    role = ("the EV is held at 1.4 kW", "the tumble dryer is held at 1.4 kW")
    path = feature(tmp_path / "bench.feature", role)
    ended = pytest_here(path, GOOD_RIG, tmp_path / "run", "-k", "car")
    outcomes = {record.title: record.outcome for record in ended.records}
    assert outcomes == {
        "The car gives way and comes back": "pass",
        "The car takes more and comes back": "broken",
    }
    assert (ended.code, ended.exit_code) == (1, 2)
    says = "emulated.toml: the scenario needs a tumble dryer, the rig has none"
    require_one_sentence(ended.text, says, "[device.tumble_dryer]")


def test_a_place_that_cannot_be_written_is_said(monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device", "/dev/full")

    monkeypatch.setattr("harness.cli.rulebook.load_rulebook", full)
    ended = flexrig_here("rules")
    assert ended.code == 2
    assert ended.text.startswith("flexrig: /dev/full: No space left on device. Try: ")


def test_what_the_help_shows_is_there():
    listed = flexrig_here("--help").text
    assert "flexrig run quarter_hour --rig stops_early" in listed
    assert find_file("quarter_hour", "features").is_file()
    assert find_file("stops_early", "rigs").is_file()


def test_a_scenario_that_asks_nothing_is_inconclusive_and_says_why(tmp_path):
    asks = (
        "    When the ESO instructs the EV to turn down to 1.4 kW from 17:00 to",
        "#",
    )
    path = feature(tmp_path / "bench.feature", asks)
    ended = pytest_here(path, GOOD_RIG, tmp_path / "run", "-k", "car_gives")
    assert ended.exit_code == 3
    assert "nothing was asked" in ended.record.verdicts[0].reason
