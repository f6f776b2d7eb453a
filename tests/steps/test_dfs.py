"""Demand Flexibility Service on the bench: each Then red where it must be."""

import re

import pytest

from tests.cli.bench import ROOT, changed, flexrig_here, pytest_here

FEATURE = ROOT / "features/services/demand_flexibility.feature"
RIG = ROOT / "rigs/home_half_hours.toml"
IGNORES = (
    "[device.ev.emulator]\n",
    "[device.ev.emulator]\nfaults = { ignores_profiles = true }\n",
)
FROZEN = (
    "[meter.boundary.emulator]\n",
    "[meter.boundary.emulator]\nfrozen_after_s = 200.0\n",
)
CALL = (
    "When the ESO's call is from 17:00 to 17:30, for which each home turns its EV down "
    "to 1.4 kW\n"
)
LATER = "    Given a unit of 250 homes like it, each giving 5.9 kW, as of 2023/24\n"
DELIVERS = "the unit delivers what it accepted"
PAYS = "the ESO pays for what the unit delivered"
ENOUGH = "its baseline has as many days as it needs"
WEEK = "the week goes as Figure 1 has it"
MISS = "its baseline is what it drew before the call"
OUT = "the unit does not take part, because "


def verdicts_of(tmp_path, thens, *changes, wiring=(), given=LATER, options=()):
    text = changed(FEATURE.read_text(encoding="utf-8"), *changes)
    head = re.split(r"(?=^  Scenario)", text, maxsplit=1, flags=re.M)[0]
    steps = given + f"    {CALL}    Then " + "\n    And ".join(thens)
    tmp_path.mkdir(exist_ok=True)
    case, bench = tmp_path / "case.feature", tmp_path / "rig.toml"
    case.write_text(f"{head}  Scenario: a twin\n{steps}\n", encoding="utf-8")
    bench.write_text(changed(RIG.read_text(encoding="utf-8"), *wiring))
    return pytest_here(case, bench, tmp_path / "run", *options).record.verdicts


def outcomes(verdicts):
    return [str(one.outcome) for one in verdicts]


def test_a_car_that_does_not_give_way_delivers_and_earns_nothing(tmp_path):
    slow = ("[device.ev.emulator]\n", "[device.ev.emulator]\nonboard_limit_a = 10.0\n")
    found = verdicts_of(
        tmp_path, (DELIVERS, PAYS), ("9.7 kW", "4.6 kW"), ("9.7 kW", "4.6 kW"),
        ("drew 3.8 kW", "drew 3.6 kW"), wiring=(slow,),
    )  # fmt: skip
    assert outcomes(found) == ["fail", "fail"]
    assert found[0].measured.value < 50


def test_a_unit_that_nobody_registered_is_called_for_nothing(tmp_path):
    text = FEATURE.read_text(encoding="utf-8")
    begin = text.index("    And each home of the unit is registered with")
    end = text.index("    And its boundary meter counted")
    registered = (text[begin:end], "")
    out = f"{OUT}it is registered nowhere"
    found = verdicts_of(tmp_path, (out, DELIVERS), registered)
    assert outcomes(found)[0] == "pass"
    assert outcomes(found)[1] != "pass"
    assert outcomes(verdicts_of(tmp_path / "b", (out,))) == ["fail"]


def test_a_car_that_says_yes_and_does_nothing_earns_nothing(tmp_path):
    found = verdicts_of(tmp_path, (DELIVERS, PAYS), wiring=(IGNORES,))
    assert outcomes(found) == ["fail", "fail"]
    assert found[0].measured.value < 5


def test_a_history_of_more_than_it_draws_earns_nothing(tmp_path):
    """A home that "usually" draws 15.6 kW would deliver its 5.9 by doing nothing."""
    found = verdicts_of(
        tmp_path, (MISS, DELIVERS, PAYS), ("9.7 kW", "15.6 kW"), ("9.7 kW", "15.6 kW")
    )
    assert outcomes(found) == ["fail", "inconclusive", "inconclusive"]
    assert "it would be paid for doing nothing" in found[1].reason


def test_a_meter_that_stands_still_settles_nothing(tmp_path):
    found = verdicts_of(tmp_path, (MISS, DELIVERS, PAYS), wiring=(FROZEN,))
    assert outcomes(found) == ["inconclusive"] * 3


def test_more_than_it_can_give_is_short(tmp_path):
    """The cold day's unit, had it promised by what it really gives."""
    found = verdicts_of(
        tmp_path, (DELIVERS, PAYS), ("9.7 kW", "8.7 kW"), ("9.7 kW", "8.7 kW")
    )
    assert outcomes(found) == ["fail", "fail"]
    assert 85 < found[0].measured.value < 90


def test_homes_that_draw_more_make_a_unit_short_if_it_is_settled_net(tmp_path):
    more = LATER + "    And 60 more homes of the unit draw 4 kW more than usual\n"
    found = verdicts_of(tmp_path, (DELIVERS, PAYS), given=more)
    assert outcomes(found) == ["fail", "fail"]


def test_a_week_out_of_turn_calls_nobody(tmp_path):
    wrong = ("| 1           | 14:30 | ESO", "| 1           | 09:30 | ESO")
    found = verdicts_of(
        tmp_path, (WEEK, DELIVERS, f"{OUT}the unit is too small"), wrong
    )
    assert outcomes(found) == ["fail", "inconclusive", "fail"]
    assert "no later than the expects to call" in found[0].reason
    assert "nothing was delivered on the day" in found[0].reason
    assert "the week went out of turn" in found[2].reason


def test_a_unit_that_is_called_was_not_refused(tmp_path):
    (found,) = verdicts_of(tmp_path, (f"{OUT}the unit is too small",))
    assert (str(found.outcome), found.measured.value) == ("fail", 1.0)
    assert "its homes were instructed" in found.reason


def test_a_unit_that_bids_nothing_has_no_share_of_pay(tmp_path):
    (found,) = verdicts_of(tmp_path, (PAYS,), ("bids 3,000 £/MWh", "bids 0 £/MWh"))
    assert str(found.outcome) == "inconclusive"
    assert "the unit bids nothing" in found.reason


@pytest.mark.parametrize(
    ("day", "last", "says"),
    [("2026-11-26", 57, "2 of 5"), ("2026-11-28", 55, "1 of 2"),
     ("2026-12-25", 54, "1 of 2")],
)  # fmt: skip
def test_too_few_days_of_its_kind_leave_no_baseline(tmp_path, day, last, says):
    few = LATER + f"    And half-hours are missing 3 to {last} days before\n"
    found = verdicts_of(tmp_path, (ENOUGH, PAYS), given=few, options=("--date", day))
    assert outcomes(found) == ["fail", "inconclusive"]
    assert f"too few days for a baseline, {says}" in found[1].reason


@pytest.mark.parametrize(
    ("day", "days"), [("2026-11-28", 4), ("2026-11-29", 4), ("2026-12-25", 4)]
)
def test_a_weekend_and_a_bank_holiday_are_compared_with_their_like(tmp_path, day, days):
    thens = (ENOUGH, MISS, DELIVERS, PAYS)
    found = verdicts_of(tmp_path, thens, options=("--date", day))
    assert outcomes(found) == ["pass"] * 4
    assert found[0].measured.value == days
    assert found[0].rule.id == "bl01/least-non-working-days"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("| 1 MW       | 1 MW       | 0.2 MW", "| 2 MW       | 1 MW       | 0.2 MW"),
         "it says '2 MW' but dfs/least-unit says at least"),
        (("as of 2022/23", "as of 2019/20"), "no edition in the table"),
        (("2000000000015", "2000000000016"), "its check digit should be"),
        (("| calls   ", "| shouts  "), "is no step of Figure 1"),
        (("| aggregator | accepts", "| ESO        | accepts"), "is not for the ESO to"),
        (("17:00 to 18:00", "17:10 to 18:10"), "begin and end at :00 and :30"),
        (("3,000 £/MWh", "-1 £/MWh"), "negative"),
        (("called 1 and 2 days", "called some days"), "are no days"),
        (("| zones              |", "| regions            |"), "a row each for"),
        (("| 00:00 | 24:00 |", "| 24:00 | 00:00 |"), "ends before it begins"),
        (("it was called 1 and 2", "the unit is settled by positive volumes only\n"
          "    And it was called 1 and 2"), "settles net volumes"),
    ],
)  # fmt: skip
def test_bad_input_is_named_before_anything_runs(change, says, tmp_path):
    path = tmp_path / FEATURE.name
    path.write_text(changed(FEATURE.read_text(encoding="utf-8"), change))
    run = flexrig_here("run", path, "--rig", RIG, "--run-folder", tmp_path / "r")
    assert run.code == 2, run.text
    assert says in " ".join(run.text.split())
