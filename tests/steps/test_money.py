"""UC1's money: each Then passes on a good bench and fails where it should, by name."""

import pytest

from harness.core.errors import FeatureError
from harness.settlement.money import price_of
from harness.steps.leaves import wanted_positions
from harness.steps.prices import agreed, price, whole_percent
from tests.cli.bench import GOOD_RIG, ROOT, changed, flexrig_here, pytest_here, seldom

FEATURE = ROOT / "features/use_cases/uc01_constraint_management.feature"
ANSWERS, REFUSED, OVERRULED = "answers_the_fault", "inside_the_arming", "overrules"
PAID, BASELINE, UNACCOUNTED = (
    "agreement/settled-energy", "agreement/baseline-miss",
    "agreement/unaccounted-energy",
)  # fmt: skip
POSITIONS = "transition/uc1/positions-otherwise"
NOTHING_DUE = "transition/uc1/money-when-refused"
UNWOUND = "transition/uc1/lost-opportunity"
BOUNDARY = "[meter.boundary.emulator]\n"
TERMS = "| 9.7 kW    | Flexible Power | 100 £/MWh | 50 %             | 80 %         | 270 £/MWh     | 90 £/MWh        |"  # noqa: E501


def shorter(text):
    """Arm the first scenario's service as late as it may be: less bench time."""
    armed = "the DSO armed the service at "
    return text.replace(f"{armed}16:30", f"{armed}16:55", 1)


@pytest.fixture
def run(tmp_path):
    def ended(scenario, *changes, rig=GOOD_RIG, wiring=()):
        feature, bench = tmp_path / "uc01.feature", tmp_path / "rig.toml"
        text = changed(FEATURE.read_text(encoding="utf-8"), *changes)
        text = shorter(text) if scenario == ANSWERS else text
        feature.write_text(text, encoding="utf-8")
        parts = changed(rig.read_text(encoding="utf-8"), *wiring)
        bench.write_text(seldom(parts), encoding="utf-8")
        return pytest_here(feature, bench, tmp_path / "run", "-k", scenario)

    return ended


def verdicts(ended):
    return {verdict.rule.id: verdict for verdict in ended.record.verdicts}


def outcomes(ended, *rules):
    found = verdicts(ended)
    return [str(found[rule].outcome) for rule in rules]


def tables(ended):
    return {made.title: made.rows for step in ended.record.steps for made in step.made}


PAYS = "    And the DSO pays the aggregator for the energy that the meter saw\n"
MORE = f"""{PAYS}    And the ESO compensates the aggregator for what was unwound
    And the settlement leaves
      | actor | position |
      | DNO   | pays     |
"""


def test_the_dso_pays_for_what_the_meter_saw_and_the_report_shows_who_pays_whom(run):
    """One run, with two Thens more that cannot be so."""
    ended = run(ANSWERS, (PAYS, MORE))
    rules = (PAID, BASELINE, UNACCOUNTED, POSITIONS)  # of positions the last: the true
    assert outcomes(ended, *rules) == ["pass"] * 4, ended.text
    details = verdicts(ended)[PAID].details
    # 29 and 30 minutes of 7 kW at £300/MWh, capped: 101 p and 105 p
    assert details["instructed_wh"] == 3_383 + 3_500
    assert details["paid_p"] == 206
    assert details["delivered_wh"] > 6_883
    made = tables(ended)
    halves = made["Half-hours settled"]
    assert [row[1] for row in halves[1:]] == ["3.383 kWh", "3.500 kWh"]
    assert [row[3:] for row in halves[1:]] == [("£1.01", "£0.00"), ("£1.05", "£0.00")]
    first = made["Who pays whom, for this home"][1]
    assert first[:3] == ("DSO", "Aggregator", "utilisation")
    assert first[4] == "£2.06"
    rows = made["Position of every market actor"]
    assert len(rows) == 1 + 14 + 1 + 1
    assert rows[-1][3] == "£0.00"
    net = {row[0]: row[3] for row in rows}
    # 80 % of £2.06 goes to the home
    assert (net["DSO"], net["Aggregator"]) == ("−£2.06", "£0.41")
    assert outcomes(ended, UNWOUND) == ["inconclusive"]
    assert verdicts(ended)[UNWOUND].reason == "nothing was unwound"
    wrong = next(v for v in ended.record.verdicts if v.rule.id == POSITIONS)
    assert (str(wrong.outcome), wrong.measured.value) == ("fail", 6)
    assert "the DNO is left with nothing where it should be: pays" in wrong.reason
    assert "the DSO pays where it should be: nothing" in wrong.reason


def test_a_device_that_accepts_and_ignores_is_paid_nothing_and_owes_a_penalty(run):
    ended = run(ANSWERS, rig=ROOT / "rigs/bad/accepts_and_ignores.toml")
    assert outcomes(ended, PAID, POSITIONS) == ["fail", "fail"], ended.text
    assert outcomes(ended, BASELINE) == ["pass"]
    assert verdicts(ended)[PAID].measured.value < 50
    assert "the DSO" in verdicts(ended)[POSITIONS].reason
    said = [row[2] for row in tables(ended)["Who pays whom, for this home"]]
    assert "penalty for the shortfall" in said


def test_a_nomination_of_more_than_the_home_draws_is_caught_although_it_is_paid(run):
    ended = run(ANSWERS, ("| 9.7 kW ", "| 12 kW "))
    assert outcomes(ended, PAID, BASELINE, UNACCOUNTED) == ["pass", "fail", "fail"]
    assert verdicts(ended)[BASELINE].measured.value == pytest.approx(23, abs=2)


def test_a_boundary_meter_that_the_assets_meters_contradict_is_caught(run):
    """A tenth too high, and nominated to match: only the other meters can tell."""
    ended = run(
        ANSWERS, ("| 9.7 kW ", "| 10.8 kW"),
        wiring=((BOUNDARY, f"{BOUNDARY}gain_percent = 10.0\n"),),
    )  # fmt: skip
    assert outcomes(ended, PAID, BASELINE, UNACCOUNTED) != ["pass"] * 3, ended.text
    assert outcomes(ended, UNACCOUNTED) != ["pass"]


def test_a_frozen_boundary_meter_settles_nothing(run):
    frozen = f"{BOUNDARY}frozen_after_s = 1500.0\n"
    ended = run(ANSWERS, wiring=((BOUNDARY, frozen),))
    rules = (PAID, BASELINE, UNACCOUNTED, POSITIONS)
    assert outcomes(ended, *rules) == ["inconclusive"] * 4, ended.text
    assert tables(ended) == {}


def test_money_that_should_not_have_moved_is_seen(run):
    ended = run(REFUSED, ("the service at 17:10", "the service at 17:00"))
    due = verdicts(ended)[NOTHING_DUE]
    assert str(due.outcome) == "fail"
    assert due.measured.value > 206


def test_what_the_eso_unwound_is_compensated_as_agreed_or_it_shows(run):
    ended = run(OVERRULED, (TERMS, TERMS.replace("50 %", "20 %")))
    assert outcomes(ended, PAID, POSITIONS, UNWOUND) == ["pass", "pass", "fail"]
    unwound = verdicts(ended)[UNWOUND]
    assert unwound.measured.value == 20
    assert unwound.details == {"paid_p": 42, "unwound_wh": 7_000}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("| 300 £/MWh |", "| -300 £/MWh |"), "the agreed price is negative"),
        (("| 300 £/MWh |", "| 300         |"), "is no price"),
        ((TERMS, TERMS.replace("100 £", "-10 £")), "the agreed price is negative"),
        ((TERMS, TERMS.replace("80 %", "180 %")), "is no whole percentage"),
        ((TERMS, TERMS.replace("Flexible Power", "whatever")), "is no payment curve"),
        ((TERMS, TERMS.replace("9.7 kW", "9.7 kA")), "9.7 kA"),
        (("curve          |", "bend           |"), "no column 'curve'"),
    ],
)
def test_bad_money_is_refused_before_anything_runs(change, says, tmp_path):
    feature = tmp_path / "uc01.feature"
    feature.write_text(changed(FEATURE.read_text(encoding="utf-8"), change))
    ended = flexrig_here("run", feature, "--rig", GOOD_RIG)
    assert ended.code == 2
    assert says in " ".join(ended.text.split())


LEFT = "before_the_call"


def test_what_was_declared_unavailable_is_neither_called_for_nor_paid(run):
    ended = run(LEFT)
    assert outcomes(ended, PAID, BASELINE, UNACCOUNTED) == ["pass"] * 3, ended.text
    details = verdicts(ended)[PAID].details
    # 1 kW is left of 7 kW: 29 and 30 minutes of it, 14.5 p and 15 p
    assert details["instructed_wh"] == 483 + 500
    assert details["paid_p"] == 14 + 15


def test_a_car_that_left_unnoticed_is_paid_for_and_the_nomination_shows_it(run):
    """The notice comes after the call: what the meter saw was no turn-down."""
    unplugged = "When the car is unplugged at 17:00\n    And the DSO dispatches"
    late = "When the car is unplugged at 17:30\n    And the DSO dispatches"
    ended = run(
        LEFT, (unplugged, late),
        ("by 17:01\n    And the aggregator n", "by 17:31\n    And the aggregator n"),
        wiring=(("[device.ev.emulator]\n",
                 "[device.ev.emulator]\nfaults = { status_delay_s = 90.0 }\n"),),
    )  # fmt: skip
    found = verdicts(ended)
    assert found[PAID].details["instructed_wh"] == 3_383 + 3_500, ended.text
    assert outcomes(ended, PAID, BASELINE, UNACCOUNTED) == ["pass", "fail", "fail"]


def test_a_price_above_the_ceiling_breaks_the_scenario_and_never_passes(run):
    ended = run(ANSWERS, ("| 300 £/MWh |", "| 501 £/MWh  |"))
    assert ended.code != 0
    assert str(ended.record.outcome) == "broken"
    assert "above the ceiling of 500" in ended.record.error


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("Moneylender", "pays"), "is no market actor"),
        (("DSO", "rejoices"), "is no position"),
        (("everyone else", "gains"), "everyone else cannot gain"),
    ],
)
def test_a_position_that_nobody_can_have_is_refused(row, says):
    with pytest.raises(FeatureError, match=says):
        wanted_positions([["actor", "position"], [*row]], [])


def test_prices_are_exact_and_signed_where_they_may_be():
    assert price("−20 £/MWh") == price_of("-20")
    assert agreed("1,000.5 £/MWh") == price_of("1000.5")
    assert whole_percent("0 %") == 0
    for wrong in ("80", "8.5 %", "-1 %", "101 %"):
        with pytest.raises(FeatureError, match="whole percentage"):
            whole_percent(wrong)


def test_what_the_meter_missed_is_marked_in_the_report_and_pays_nobody(run):
    trip = 'When transformer "T1" trips at 17:30\n'
    silent = f"{trip}    And the boundary meter is silent from 18:05:00 to 18:05:50\n"
    ended = run(ANSWERS, (trip, silent))
    # 50 s of 30 minutes at 7.4 kW are 100 Wh: 7 kW are still there without them
    assert outcomes(ended, PAID) == ["pass"], ended.text
    (mark,) = tables(ended)["Marked by name"][1:]
    assert "SP 37: missing: 5" in mark[0]
    assert mark[0].endswith("s within")
