"""A month of Sustain or Secure: each Then red where it must be."""

import re

import pytest

from tests.cli.bench import ROOT, changed, flexrig_here, pytest_here

FEATURE = ROOT / "features/services/sustain.feature"
SECURE = ROOT / "features/services/secure_month.feature"
RIG = ROOT / "rigs/month.toml"
DELIVERS = "the load bank delivers its month, by the asset meter"
PAYS = "the DSO pays the load bank for its month, by the asset meter"
WHOLE = "the asset meter's month is complete"
ZONES = "the asset meter's month is submitted zone by zone"
METER = "[meter.asset_meter.emulator]\n"


def verdicts_of(tmp_path, thens, *changes, wiring=(), feature=FEATURE):
    week = ("on each of 28 days", "on each of 4 days")
    text = changed(feature.read_text(encoding="utf-8"), *changes)
    head, first, *_rest = re.split(r"(?=^  Scenario)", text, flags=re.M)
    whens = changed(first[: first.index("    Then")], week)
    case, bench = tmp_path / "case.feature", tmp_path / "rig.toml"
    case.write_text(f"{head}{whens}    Then " + "\n    And ".join(thens) + "\n")
    bench.write_text(changed(RIG.read_text(encoding="utf-8"), *wiring))
    return pytest_here(case, bench, tmp_path / "run").record.verdicts


def outcomes(verdicts):
    return [str(one.outcome) for one in verdicts]


@pytest.mark.parametrize("feature", [FEATURE, SECURE], ids=["Sustain", "Secure"])
def test_a_load_that_gives_less_is_paid_less_than_in_proportion(tmp_path, feature):
    wrong = ("[device.load_bank.emulator]\n",
             "[device.load_bank.emulator]\nslew_a_per_s = 0.001\n")  # fmt: skip
    found = verdicts_of(tmp_path, (DELIVERS, PAYS), wiring=(wrong,), feature=feature)
    assert outcomes(found) == ["fail", "fail"]
    assert found[1].measured.value < found[0].measured.value


def test_a_meter_that_forgets_leaves_a_month_incomplete_and_unpaid(tmp_path):
    short = ("profile_entries = 2000", "profile_entries = 60")
    found = verdicts_of(tmp_path, (WHOLE, DELIVERS, PAYS), wiring=(short,))
    assert outcomes(found) == ["fail", "fail", "fail"]
    assert "half-hours of windows are missing" in found[1].reason


def test_a_meter_that_shows_less_is_a_month_that_is_not_believed(tmp_path):
    """Deemed to draw 2 kW, and never seen to: nothing was given up."""
    deaf = (METER, METER + "gain_percent = -30.0\n")
    found = verdicts_of(tmp_path, (DELIVERS, PAYS), wiring=(deaf,))
    assert outcomes(found) == ["inconclusive", "inconclusive"]
    assert "it would be paid for doing nothing" in found[0].reason


def test_a_deemed_baseline_that_never_was_earns_nothing(tmp_path):
    found = verdicts_of(
        tmp_path, (DELIVERS,), ("load bank is 2.0 kW", "load bank is 3.4 kW")
    )
    assert outcomes(found) == ["inconclusive"]


def test_a_meter_that_keeps_ten_minutes_is_added_up(tmp_path):
    found = verdicts_of(
        tmp_path, ("the asset meter's month is half-hourly or finer", WHOLE, DELIVERS),
        wiring=((METER, METER + "profile_period_min = 10\n"),),
    )  # fmt: skip
    assert outcomes(found) == ["pass", "pass", "pass"]
    assert found[0].measured.value == 600


def test_a_month_that_is_paid_nothing_has_no_share_of_pay(tmp_path):
    (found,) = verdicts_of(tmp_path, (PAYS,), ("pays 300 £/MWh", "pays 0 £/MWh"))
    assert str(found.outcome) == "inconclusive"
    assert "it is paid nothing for all of it" in found.reason


def test_a_meter_that_nobody_asked_shows_no_month(tmp_path):
    asks = "    And the asset meter is asked for its half-hours at the month's end\n"
    other = asks.replace("asset meter", "boundary")
    found = verdicts_of(
        tmp_path, ("the asset meter's month is half-hourly or finer", WHOLE, DELIVERS),
        (asks, other),
    )  # fmt: skip
    assert outcomes(found) == ["inconclusive"] * 3


def test_homes_whom_nobody_located_are_in_no_zone(tmp_path):
    lost = ("| Wallingford   |", "| –             |")
    found = verdicts_of(
        tmp_path, ("every home is located down to its HV substation", ZONES), lost
    )
    assert outcomes(found) == ["fail", "fail"]
    assert found[0].measured.value == 80
    assert "80 homes in CMZ B" in found[1].reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("from 17:00 to 19:00", "from 17:10 to 19:00"), "begin and end at :00"),
        (("on each of 28 days", "on each of 40 days"), "are no month"),
        (("the Flexible Power curve", "the lenient curve"), "is no payment curve"),
        (("| 120   |", "| some  |"), "are none"),
        (("pays 300", "pays -300"), "negative"),
    ],
)
def test_bad_input_is_named_before_anything_runs(change, says, tmp_path):
    path = tmp_path / FEATURE.name
    path.write_text(changed(FEATURE.read_text(encoding="utf-8"), change))
    run = flexrig_here("run", path, "--rig", RIG, "--run-folder", tmp_path / "r")
    assert run.code == 2, run.text
    assert says in " ".join(run.text.split())
