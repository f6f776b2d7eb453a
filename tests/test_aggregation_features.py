"""The feature of aggregated units: each Then red where it must be."""

import pytest

from tests.cli.bench import GOOD_RIG, ROOT, changed, pytest_here

FEATURE = ROOT / "features/metering/aggregation.feature"
APART, TOGETHER = "at its own second", "all at one second"
HIGH = "    And every meter reads 1.2 % high\n"
EV_METER = "[meter.ev_meter.emulator]\n"


def ended(tmp_path, only, *changes, rig=()):
    path = tmp_path / "aggregation.feature"
    path.write_text(changed(FEATURE.read_text(encoding="utf-8"), *changes))
    bench = tmp_path / "rig.toml"
    bench.write_text(changed(GOOD_RIG.read_text(encoding="utf-8"), *rig))
    options = ("-k", only, "--date", "2026-06-21")
    run = pytest_here(path, bench, tmp_path / "run", *options)
    return {
        verdict.rule.id: (str(verdict.outcome), verdict.reason, verdict.measured.value)
        for verdict in run.record.verdicts
    }


@pytest.mark.parametrize(
    ("only", "change", "rule"),
    [
        (
            "truly",
            (APART + "\n    When", APART + "\n" + HIGH + "    When"),
            "crowdflex/table1/existing-accuracy",
        ),
        ("bias", (HIGH, ""), "agreement/more-homes"),
        (
            "dispatch",
            ("10,000 homes like it, and the EV of each reports every 60 s",
             "100 homes like it, and the EV of each reports every 120 s"),
            "agreement/unit-lag",
        ),
        (
            "dispatch",
            (f"10,000 homes like it, and the EV of each reports every 60 s, {APART}",
             f"100 homes like it, and the EV of each reports every 60 s, {TOGETHER}"),
            "agreement/unit-behind",
        ),
    ],
    ids=["a bias is seen", "no bias", "seldom", "synchronised"],
)  # fmt: skip
def test_each_then_is_red_where_it_must_be(only, change, rule, tmp_path):
    came = ended(tmp_path, only, change)
    assert came[rule][0] == "fail", came
    assert "outside the bound" in came[rule][1]


def test_ten_times_as_many_homes_change_nothing_about_a_bias(tmp_path):
    few = ended(tmp_path, "bias", ("1,000 homes", "100 homes"))
    outcome, _why, beyond = few["agreement/more-homes"]
    assert outcome == "pass"
    assert beyond == pytest.approx(0.8, abs=0.3)


def test_a_meter_that_stands_still_speaks_for_no_unit(tmp_path):
    frozen = "[meter.ev_meter.emulator]\nfrozen_after_s = 150.0\n"
    came = ended(tmp_path, "truly", rig=((EV_METER, frozen),))
    assert {outcome for outcome, _why, _value in came.values()} == {"inconclusive"}
    assert all("frozen" in why for _outcome, why, _value in came.values()), came


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("1,000 homes", "no homes"), "is no number"),
        (("1,000 homes", "0 homes"), "1 to 100,000"),
        (("every 60 s", "every 0.5 s"), "whole seconds"),
    ],
)
def test_a_unit_that_is_none_is_refused_before_anything_runs(change, says, tmp_path):
    from tests.cli.bench import flexrig_here

    path = tmp_path / "aggregation.feature"
    path.write_text(changed(FEATURE.read_text(encoding="utf-8"), change))
    ended = flexrig_here("run", path, "--rig", GOOD_RIG, "--run-folder", tmp_path / "r")
    assert ended.code == 2
    assert says in ended.text
