"""A secondary BM unit: each Then red where it must be."""

import re

import pytest

from tests.cli.bench import ROOT, changed
from tests.steps.use_cases import judged, only, require_ending, require_refused

FEATURE = ROOT / "features/services/bm_unit.feature"
RIG = (ROOT / "rigs/neighbourhoods/p3_advanced_vpp.toml").read_text("utf-8")
OFFER, BID, REFUSED, WHO = "An offer", "A bid", "What the unit cannot", "Who may not"
OFF, MISSED, OTHERWISE, REGISTERED = (
    "bm/off-profile", "bm/not-delivered", "bm/refused-otherwise",
    "bm/registered-otherwise",
)  # fmt: skip
THEN = "    Then the unit follows"
SLOW = (("capacity_wh = 10000.0", "capacity_wh = 10000.0\nresponse_delay_s = 60.0"),)
SMALL = (("capacity_wh = 10000.0", "capacity_wh = 2500.0"),)
ROWS = re.findall(r"^ +\| [23]00 .*\n", FEATURE.read_text("utf-8"), flags=re.M)
CASES = {
    "a battery a minute behind": (OFFER, "the unit follows", (), SLOW, OFF, "fail", ""),
    "a battery that is empty half-way": (
        OFFER, "the unit follows", (), SMALL, OFF, "fail", "",
    ),
    "a battery that does not move": (
        OFFER, "the unit follows",
        ((THEN, f"    And the battery accepts and ignores from 16:59\n{THEN}"),), (),
        OFF, "fail", "",
    ),
    "what an empty battery owes": (
        OFFER, "the accepted volume", (), SMALL, MISSED, "fail", "outside the bound",
    ),
    "what a full battery cannot take": (
        BID, "the accepted volume", (),
        (("capacity_wh = 10000.0", "capacity_wh = 10000.0\nstart_soc_percent = 97.0"),),
        MISSED, "fail", "outside the bound",
    ),
    "nothing that it could follow was accepted": (
        OFFER, "the accepted volume",
        (("| 17:02 | 1.2 MW |", "| 17:00:10 | 1.2 MW |"),), (),
        MISSED, "inconclusive", "it took no acceptance",
    ),
    "an acceptance that it can follow": (
        REFUSED, "the acceptance at 16:56",
        (("| 17:33 | 1.4 MW |", "| 17:33 | 1.3 MW |"),), (),
        OTHERWISE, "fail", "it was not",
    ),
    "an acceptance refused for another reason": (
        REFUSED, "the acceptance at 16:57", (("because it goes beyond MIL",
                                              "because it goes beyond MEL"),), (),
        OTHERWISE, "fail", "beyond MIL",
    ),
    "a unit that is too small": (
        OFFER, "the unit may be", (("of 300 homes", "of 200 homes"),
                                   ("1.2 MW", "0.8 MW"), ("1.2 MW", "0.8 MW")), (),
        REGISTERED, "fail", "smaller than the least unit",
    ),
    "a unit that nothing is against": (
        WHO, "the unit may not",
        ((ROWS[0], ROWS[0].replace("_D", "_C")), (ROWS[1], ""), (ROWS[2], "")), (),
        REGISTERED, "fail", "nothing is against it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    title, then, changes, wiring, *ends = CASES[case]
    text = only(FEATURE.read_text(encoding="utf-8"), title, then)
    require_ending(
        judged(tmp_path, changed(text, *changes), changed(RIG, *wiring)), *ends
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("| _C        | no                  | yes ", "| _C        | perhaps | yes "),
         "neither yes nor no"),
        (("| 1.3 MW | −1.3 MW |", "| 1.3 MW | 1.3 MW |"), "MIL 0 or less"),
        (("| 600 kW/min | 600 kW/min |", "| 600 kW | 600 kW/min |"), "is no rate"),
        (("| −1   | 1.3 MW", "| 0    | 1.3 MW"), "is no band"),
        (("| 17:28 | 1.2 MW |", "| 17:01 | 1.2 MW |"), "order of time"),
        (("because it goes beyond MEL", "because it rains"), "is no reason"),
        (("of 300 homes whose battery gives 4.5 kW\n", "of 0 homes whose battery gives "
          "4.5 kW\n"), "at sites"),
    ],
)  # fmt: skip
def test_bad_input_never_passes(change, says, tmp_path):
    require_refused(tmp_path, FEATURE, RIG, change, says)
