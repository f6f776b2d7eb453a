"""The features that test meters: green on a good bench, red on one that deserves it."""

import pytest

from tests.cli.bench import ROOT, changed, pytest_here

METERING = ROOT / "features/metering"
BENCH, WEEKS = ROOT / "rigs/meter_bench.toml", ROOT / "rigs/meter_weeks.toml"
SDM, DLMS = "[meter.sdm230_under_test.emulator]\n", "[meter.dlms_under_test.emulator]\n"
STANDARD = "[meter.standard.emulator]\n"

ONE_POINT = """\
Feature: One load point
  Scenario: It agrees
    Given a bench with a load bank
    And the SDM230 under test is tested against the standard
    And the published limits
      | asset             | quantity    | limit   | rule   |
      | SDM230 under test | meter error | {limit} | {rule} |
    When the load bank draws {current} at power factor {factor}
    Then the SDM230 under test's register agrees with the standard
"""
COP10 = ("±1.9 %", "cop10/accuracy/whole-current/unity")
LAGGING = ("±1.9 %", "cop10/accuracy/whole-current/inductive")
TYPE5 = ("+2.5 / −3.5 %", "cop11/type5/accuracy")
CLASS_B = ("±1 %", "mid/class-index/class-b")


def one_point(tmp_path, limit, *changes, current="20 A", factor="1", options=()):
    """Judge one load point on the meter bench with changes."""
    feature = tmp_path / "one_point.feature"
    number, rule = limit
    feature.write_text(
        ONE_POINT.format(limit=number, rule=rule, current=current, factor=factor)
    )
    rig = tmp_path / "rig.toml"
    rig.write_text(changed(BENCH.read_text(encoding="utf-8"), *changes))
    return pytest_here(feature, rig, tmp_path / "run", *options)


def gain(percent, minutes=0):
    """Make the SDM230 wrong by so much, and its current path displaced by so much."""
    return (
        "gain_percent = 0.3\nphase_error_minutes = 3",
        f"gain_percent = {percent}\nphase_error_minutes = {minutes}",
    )


@pytest.mark.parametrize(
    ("limit", "good", "bad"),
    [(COP10, 1.7, 2.1), (COP10, -1.7, -2.1), (TYPE5, 2.2, 2.8), (TYPE5, -3.2, -3.8)],
    ids=["CoP10 high", "CoP10 low", "type 5 high", "type 5 low"],
)
def test_a_meter_just_inside_passes_and_just_outside_fails(limit, good, bad, tmp_path):
    for percent, outcome in ((good, "pass"), (bad, "fail")):
        run = one_point(tmp_path / str(percent), limit, gain(percent))
        assert run.record.outcome == outcome, run.text
        (verdict,) = run.record.verdicts
        assert verdict.measured.value == pytest.approx(percent, abs=0.2)
        assert verdict.judged.endswith("at 20 A at power factor 1")


@pytest.fixture(autouse=True)
def folders(tmp_path):
    for name in ("1.7", "2.1", "-1.7", "-2.1", "2.2", "2.8", "-3.2", "-3.8", "0", "1"):
        (tmp_path / name).mkdir()


def test_a_displaced_current_path_shows_where_the_current_lags_and_not_before(
    tmp_path,
):
    # 60 minutes of arc: 100·tan 60°·0.01745 = 3 % at 0.5 inductive, nothing at 1.
    displaced = gain(0.0, minutes=60)
    upright = one_point(tmp_path / "1", COP10, displaced)
    lagging = one_point(tmp_path / "0", LAGGING, displaced, factor="0.5 inductive")
    assert upright.record.outcome == "pass"
    assert lagging.record.outcome == "fail"
    assert abs(lagging.record.verdicts[0].measured.value) == pytest.approx(3, abs=0.3)


def test_a_meter_that_starts_too_late_counts_nothing_of_a_trickle(tmp_path):
    late = ("starting_current_a = 0.02", "starting_current_a = 0.4")
    run = one_point(tmp_path, COP10, late, current="0.3 A")
    assert run.record.outcome == "fail"
    assert run.record.verdicts[0].measured.value == -100.0


def test_a_frozen_standard_blames_nobody(tmp_path):
    frozen = (STANDARD, f"{STANDARD}frozen_after_s = 300.0\n")
    run = one_point(tmp_path, COP10, frozen)
    assert run.record.outcome == "inconclusive"
    assert "the reference counted nothing" in run.record.verdicts[0].reason


def test_a_class_b_standard_certifies_no_one_percent(tmp_path):
    class_b = (
        'basis = "certificate"\ndocument = "emulated certificate S-0001, reference '
        'standard, active energy"\nexpanded_uncertainty_percent = 0.05\ncoverage = 2',
        'basis = "class"\ndocument = "MID class B"\nerror_percent = 2.0',
    )
    options = ("--decision-rule", "guard-band")
    run = one_point(tmp_path, CLASS_B, class_b, options=options)
    (verdict,) = run.record.verdicts
    assert verdict.outcome == "conditional pass"
    assert "no value can pass while U is above 1 %" in verdict.reason
    assert "a meter certified to" in verdict.remedy


@pytest.mark.parametrize(
    ("limit", "current", "factor", "says"),
    [
        (COP10, "20 A", "0.5 inductive", "0 of those quoted hold at 20 A"),
        (LAGGING, "2 A", "0.5 inductive", "0 of those quoted hold at 2 A"),
        (COP10, "0.1 A", "1", "0 of those quoted hold at 0.1 A"),
        (COP10, "500 A", "1", "500"),
        (COP10, "20 W", "1", "is no current"),
        (COP10, "20 A", "0.5", "power factor 0.5"),
        (COP10, "20 A", "1.2 inductive", "power factor 1.2"),
    ],
)
def test_a_load_point_that_proves_nothing_is_refused(
    limit, current, factor, says, tmp_path
):
    run = one_point(tmp_path, limit, current=current, factor=factor)
    assert says in run.text
    assert not any(record.outcome == "pass" for record in run.records)
    assert "Traceback" not in run.text


def test_a_meter_that_sees_something_else_is_no_reference(tmp_path):
    other = ('[meter.standard]\ndriver = "meter/sdm230"\nsees = ["load_bank"]',
             '[meter.standard]\ndriver = "meter/sdm230"\nsees = ["*"]')  # fmt: skip
    run = one_point(tmp_path, COP10, other)
    assert "do not see the same" in run.text
    assert run.record.outcome == "broken"


DAYS = """\
Feature: A few days
  Scenario: It keeps time
    Given a bench with a load bank
    And the DLMS under test is tested against the standard
    And the published limits
      | asset           | quantity                 | limit   | rule                    |
      | DLMS under test | clock error              | ±20 s   | cop10/clock/offset      |
      | DLMS under test | period length            | ±0.1 %  | cop10/clock/period-length |
      | DLMS under test | days stored              | 90 days | cop10/storage           |
      | DLMS under test | profile against register | ±0.1 %  | cop10/demand-values     |
    When the bench is left alone for 3 days
    And the DLMS under test is asked for the last 95 days of half-hours
    Then the DLMS under test's clock is right
    And the DLMS under test's clock would stay right for 20 days unset
    And the DLMS under test's half-hours are half an hour long
    And the DLMS under test gives back what it stored, whole
    And the DLMS under test's half-hours add up to its register
    And the DLMS under test's stamps tell the truth
"""  # noqa: E501 - a table of a feature file
NAMES = (
    "clock offset", "clock offset", "demand period length error", "data storage",
    "energy from demand values against the register", "lies in its stamps",
)  # fmt: skip


def days(tmp_path, *changes):
    feature, rig = tmp_path / "days.feature", tmp_path / "rig.toml"
    feature.write_text(DAYS)
    rig.write_text(changed(WEEKS.read_text(encoding="utf-8"), *changes))
    return pytest_here(feature, rig, tmp_path / "run", "--date", "2026-06-21")


def not_passed(run):
    return [
        (at, verdict.reason)
        for at, verdict in enumerate(run.record.verdicts)
        if verdict.outcome != "pass"
    ]


def test_a_good_clock_and_whole_half_hours_pass(tmp_path):
    run = days(tmp_path)
    assert [verdict.rule.quantity for verdict in run.record.verdicts] == list(NAMES)
    assert not_passed(run) == []
    clocks = run.record.trial.sections["Clocks"]["dlms_under_test"]
    assert "during +" in clocks
    assert "drift +0.4" in clocks


def wrong(line):
    return (DLMS, f"{DLMS}{line}\n")


@pytest.mark.parametrize(
    ("change", "found", "says"),
    [
        (wrong("clock_lie = '1970'"), {0, 1, 3, 4, 5}, "1970"),
        (wrong("clock_lie = 'local as UTC'"), {0, 1, 3, 4, 5}, "local time as UTC"),
        (
            ("clock_offset_s = -1.5", "clock_offset_s = 25.0"),
            {0, 1},
            "outside the bound",
        ),
        (
            ("clock_drift_s_per_day = 0.4", "clock_drift_s_per_day = -1.5"),
            {1},
            "outside the bound",
        ),
        (wrong("profile_period_error_percent = 0.2"), {2}, "outside the bound"),
        (wrong("profile_stamps = 'start'"), {5}, "start of an interval"),
        (("profile_entries = 4321", "profile_entries = 4320"), {3}, "0.0208 days"),
    ],
    ids=["1970", "local", "behind", "drift", "long periods", "start stamps", "full"],
)
def test_a_meter_whose_time_cannot_be_settled_by_is_found_out(
    change, found, says, tmp_path
):
    bad = not_passed(days(tmp_path, change))
    assert {at for at, _reason in bad} == found, bad
    assert says in str(bad)
