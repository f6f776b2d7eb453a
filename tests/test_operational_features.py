"""The features of operational metering: red on an asset that deserves it."""

import pytest

from tests.cli.bench import GOOD_RIG, ROOT, changed, pytest_here
from tests.tools.access_page import PAGE

FEATURE = ROOT / "features/metering/operational_metering.feature"
EV, OPTIONS = "[device.ev.emulator]\n", 'driver = "ev_chargepoint/ocpp16"\n'


def ended(tmp_path, *changes, only="makers"):
    rig = tmp_path / "rig.toml"
    rig.write_text(changed(GOOD_RIG.read_text(encoding="utf-8"), *changes))
    options = ("-k", only, "--date", "2026-06-21")
    return pytest_here(FEATURE, rig, tmp_path / "run", *options)


def found(run):
    return {
        verdict.rule.id: (str(verdict.outcome), verdict.reason)
        for verdict in run.record.verdicts
    }


@pytest.mark.parametrize(
    ("change", "rule", "outcome", "says"),
    [
        (
            (EV, f"{EV}own_meter_gain_percent = 3.0\n"),
            "crowdflex/table3/ev-accuracy", "fail", "outside the bound",
        ),
        (
            (OPTIONS, f"{OPTIONS}options = {{ sample_interval_s = 90 }}\n"),
            "crowdflex/table3/ev-read-interval", "fail", "30 s outside",
        ),
        (
            (EV, f'{EV}faults = {{ clock_lie = "local as UTC" }}\n'),
            "crowdflex/table3/ev-latency", "inconclusive", "local time as UTC",
        ),
        (
            (EV, f'{EV}faults = {{ clock_lie = "1970" }}\n'),
            "crowdflex/table3/ev-latency", "inconclusive", "1970",
        ),
    ],
    ids=["flatters", "seldom", "local time", "1970"],
)  # fmt: skip
def test_an_asset_that_deserves_it_is_red(change, rule, outcome, says, tmp_path):
    came = found(ended(tmp_path, change))
    assert came[rule][0] == outcome, came
    assert says in came[rule][1]


def test_the_table_of_all_editions_is_in_the_report_and_on_its_page(tmp_path):
    run = ended(tmp_path, only="cohort")
    (table,) = [made for step in run.record.steps for made in step.made]
    names = [row[0].partition(",")[0] for row in table.rows[1:]]
    assert names == [
        "existing", "aggregated-small", "aggregated-large", "trial-10s", "trial-60s",
        "cohort",
    ]  # fmt: skip
    assert [row[-1][:3] for row in table.rows[1:]] == ["no:"] * 3 + ["yes"] * 3
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| {row[0]} |" in text for row in table.rows[1:])
