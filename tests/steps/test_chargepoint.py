"""A charging station's limits in amperes: green where kept, red where too low."""

import pytest

from tests.cli.bench import GOOD_RIG, ROOT, pytest_here

FEATURE = ROOT / "features/devices/chargepoint_limits.feature"
THREE_PHASES = ROOT / "rigs/emulated_three_phase.toml"


def table(folder, row):
    """The feature with one row in its table."""
    head, _examples, _rows = FEATURE.read_text(encoding="utf-8").partition(
        "| limit | d"
    )
    feature = folder / "limits.feature"
    feature.write_text(f"{head}| limit | drawn |\n      {row}\n", encoding="utf-8")
    return feature


@pytest.mark.parametrize(
    ("row", "outcome"),
    [("| 5.9 | 0 |", "pass"), ("| 5.9 | 5.9 |", "fail")],
)
def test_three_phases_in_watts_over_tls(tmp_path, row, outcome):
    """Drawing less than a limit allows is red too."""
    record = pytest_here(table(tmp_path, row), THREE_PHASES, tmp_path).record
    assert record.outcome == outcome
    short = [str(verdict) for verdict in record.verdicts if verdict.outcome == "fail"]
    assert all("delivered share" in verdict for verdict in short)


def test_an_ampere_that_is_no_number_is_one_sentence(tmp_path):
    ended = pytest_here(table(tmp_path, "| six | 6 |"), GOOD_RIG, tmp_path)
    assert ended.code != 0
    assert "“six A”: is no current. Try: 6 A or 5.9 A." in ended.text
