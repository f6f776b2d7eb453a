"""A virtual power plant: each Then red where it must be."""

import pytest

from harness.settlement.revenue import Shares
from tests.cli.bench import ROOT, changed, pytest_here
from tests.steps.use_cases import judged, only, require_ending, require_refused

FEATURE = ROOT / "features/smart_systems/virtual_power_plant.feature"
RIG = (ROOT / "rigs/neighbourhoods/p3_advanced_vpp.toml").read_text("utf-8")
LARGE, EARNS, TWICE, SMALL = (
    "It is large enough", "What it earns", "The same kilowatts", "What is too small",
)  # fmt: skip
EMPTY = (("capacity_wh = 10000.0", "capacity_wh = 10000.0\nstart_soc_percent = 5.0"),)
NO_ESO = (("    And the plant offers the ESO 1.1 MW from 17:30 to 18:00 at 250 £/MWh\n",
           ""),)  # fmt: skip
CASES = {
    "a plant whose batteries are empty is too small for a DSO": (
        LARGE, "it is large enough for the market of the DSO", NO_ESO, EMPTY,
        "smart/vpp/dso-entry", "fail", "outside the bound",
    ),
    "half a megawatt is too little for national markets": (
        LARGE, "it is large enough for the market of the ESO", NO_ESO, (),
        "smart/vpp/national-entry", "fail", "outside the bound",
    ),
    "a plant of two homes sells nothing": (
        LARGE, "it is large enough for the market of the DSO",
        (("of 250 homes", "of 2 homes"),), (),
        "smart/vpp/dso-entry", "inconclusive", "it sold nothing",
    ),
    "batteries that are empty deliver nothing": (
        LARGE, "it delivers", NO_ESO, EMPTY,
        "smart/vpp/delivered-share", "fail", "outside the bound",
    ),
    "batteries that are empty before the second sale": (
        LARGE, "it delivers", (),
        (("capacity_wh = 10000.0", "capacity_wh = 2000.0\nstart_soc_percent = 80.0"),),
        "smart/vpp/delivered-share", "fail", "outside the bound",
    ),
    "a meter that is silent while it should deliver": (
        LARGE, "it delivers",
        (("    Then it delivers", "    And the battery meter is silent from 17:10 to "
          "17:10:50\n    Then it delivers"),), (),
        "smart/vpp/delivered-share", "inconclusive", "silent",
    ),
    "an offer that is not refused": (
        TWICE, "the offer to the ESO",
        (("from 17:10 to 17:30", "from 17:30 to 17:45"),), (),
        "smart/vpp/refused-otherwise", "fail", "nothing of theirs",
    ),
    "an offer that is refused for another reason": (
        SMALL, "the offer to the ESO",
        (("because the market takes no less than 1000 kW", "because it is raining"),),
        (), "smart/vpp/refused-otherwise", "fail", "the market takes no less",
    ),
    "nothing was sold at all": (
        TWICE, "nothing of it", (("of 250 homes", "of 1 homes"),), (),
        "smart/vpp/sold-twice", "inconclusive", "it sold nothing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    title, then, changes, wiring, *ends = CASES[case]
    text = only(FEATURE.read_text(encoding="utf-8"), title, then)
    require_ending(
        judged(tmp_path, changed(text, *changes), changed(RIG, *wiring)), *ends
    )


def test_an_operator_that_sells_twice_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.market.plant.refusal", lambda *_: "")
    text = only(FEATURE.read_text(encoding="utf-8"), TWICE, "nothing of it")
    verdict = judged(tmp_path, changed(text, ("DSO 500 kW", "DSO 150 kW")), RIG)
    require_ending(verdict, "smart/vpp/sold-twice", "fail", "outside the bound")


def both(tmp_path, *changes):
    """Run what it earns; return both verdicts by their rules."""
    text = only(FEATURE.read_text(encoding="utf-8"), EARNS, "its owners")
    path, bench = tmp_path / "case.feature", tmp_path / "rig.toml"
    path.write_text(changed(text, *changes), encoding="utf-8")
    bench.write_text(RIG, encoding="utf-8")
    run = pytest_here(path, bench, tmp_path / "run")
    return {one.rule.id.rpartition("/")[2]: one for one in run.record.verdicts}


@pytest.mark.parametrize(
    "change", [("250 such days", "20 such days"), ("at 300 £/MWh", "at 3000 £/MWh")]
)
def test_a_year_that_earns_too_little_or_too_much_is_seen(change, tmp_path):
    found = both(tmp_path, change)
    assert str(found["earnings"].outcome) == "fail"
    assert str(found["owners-part"].outcome) == "pass"


def test_owners_who_are_left_with_less_than_their_part_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "harness.steps.plant.shared", lambda p, *_, **__: Shares(p // 2, 0, p - p // 2)
    )
    assert str(both(tmp_path)["owners-part"].outcome) == "fail"


def test_what_is_sold_for_nothing_earns_nothing(tmp_path):
    found = both(tmp_path, ("at 300 £/MWh", "at 0 £/MWh"))
    assert str(found["owners-part"].outcome) == "inconclusive"
    assert "it earned nothing" in found["earnings"].reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("500 kW from 17:00", "0 kW from 17:00"), "nothing to offer"),
        (("at 300 £/MWh", "at −3 £/MWh"), "negative"),
        (("of 250 homes", "of 0 homes"), "give something"),
        (("| DSO   | 10 kW |", "| DSO   | 20 kW |"), "smart/vpp/dso-entry says"),
    ],
)
def test_bad_input_is_named_before_anything_runs(change, says, tmp_path):
    require_refused(tmp_path, FEATURE, RIG, change, says)
