"""Every rig of rigs/bad/ is caught for its own reason; the good rig is not.

One seed each; `python -m tests.tools.seeds` tries twenty.
"""

import pytest

from tests.cli.bench import GOOD_RIG
from tests.tools.seeds import (
    BAD_RIGS,
    bad_cases,
    expectation,
    good_cases,
    shortfall,
)

DEFECTS = {
    "accepts_and_ignores",
    "delays_instructions",
    "heat_pump_short_cycles",
    "late_notice",
    "offers_20_a_draws_6_a",
    "overshoots_on_return",
    "own_meter_flatters",
    "ramps_too_slowly",
    "reads_watts_as_amperes",
    "reference_meter_clock_off",
    "reference_meter_frozen",
    "responds_too_slowly",
    "stops_early",
}


def name(case):
    path, _, scenario = case
    return f"{path.stem}: {scenario}"


def test_every_defect_that_was_promised_has_its_rig():
    assert {path.stem for path in BAD_RIGS} >= DEFECTS


@pytest.mark.parametrize("path", BAD_RIGS, ids=lambda path: path.stem)
def test_a_bad_rig_differs_from_the_good_one_by_its_defect_alone(path):
    good = GOOD_RIG.read_text(encoding="utf-8").splitlines()
    bad = path.read_text(encoding="utf-8").partition("[expect]")[0].splitlines()
    lost = [line for line in good[3:] if line and line not in bad]
    added = [line for line in bad[3:] if line and line not in good]
    assert not lost
    assert 1 <= len(added) <= 2
    assert expectation(path).outcome in ("fail", "inconclusive")


@pytest.mark.parametrize("case", bad_cases(), ids=name)
def test_a_bad_rig_is_caught_for_its_own_reason(case, tmp_path):
    assert shortfall(case, tmp_path) == ""


@pytest.mark.parametrize("case", good_cases(), ids=name)
def test_the_good_rig_passes_where_a_bad_one_fails(case, tmp_path):
    assert shortfall(case, tmp_path) == ""
