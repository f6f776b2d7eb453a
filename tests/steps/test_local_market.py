"""A local market: each Then red where it must be."""

import pytest

from harness.market.local_market import LocalTrade, Matched
from tests.cli.bench import ROOT, changed
from tests.steps.use_cases import judged, only, require_ending, require_refused

FEATURE = ROOT / "features/smart_systems/local_market.feature"
RIG = (ROOT / "rigs/neighbourhoods/p4_community_energy.toml").read_text("utf-8")
NOON, CLOUD = "At noon", "A cloud"
HALF = ("from 12:00 to 13:00", "from 12:00 to 12:30")
FARM = "| farm   | solar farm    | 8 p/kWh    | –          | –     |"
TRIPS = (
    "    When the local market trades from 12:00 to 12:30\n",
    "    When the local market trades from 12:00 to 12:30\n"
    "    And the solar farm trips from 12:00:30 to 12:30\n",
)
DEAR = (FARM, FARM.replace("8 p/kWh ", "30 p/kWh"))
CASES = {
    "limits that do not meet": (
        NOON, "every trade",
        (HALF, DEAR, ("| 8 p/kWh    | 12 p", "| 30 p/kWh   | 12 p")),
        (), "smart/lem/trades", "inconclusive", "nobody traded",
    ),
    "a load that is no member's": (
        NOON, "what the members' meters", (HALF,),
        (("base_load_w = 0", "base_load_w = 900"),),
        "smart/lem/adds-up", "fail", "outside the bound",
    ),
    "a meter of a member with a gap": (
        NOON, "what the members' meters",
        (("    When the local market trades from 12:00 to 13:00\n",
          "    When the local market trades from 12:00 to 12:30\n"
          "    And the bob meter is silent from 12:10 to 12:10:50\n"),),
        (), "smart/lem/adds-up", "inconclusive", "Bob: missing",
    ),
    "nobody sells to neighbours": (
        NOON, "most of what they draw",
        (HALF, DEAR, ("| 8 p/kWh    | 12 p", "| 30 p/kWh   | 12 p")), (),
        "smart/lem/bought-locally", "fail", "outside the bound",
    ),
    "what was sold was never made": (
        NOON, "most of what they draw", (HALF, TRIPS), (),
        "smart/lem/bought-locally", "fail", "outside the bound",
    ),
    "a farm that owes what it did not make earns no premium": (
        NOON, "the farm", (HALF, TRIPS), (),
        "smart/lem/premium", "fail", "outside the bound",
    ),
    "a premium that neighbours pay too dearly": (
        NOON, "the farm", (HALF, ("–          | 12 p/kWh   | farm",
                                  "–          | 26 p/kWh   | farm")), (),
        "smart/lem/premium", "fail", "outside the bound",
    ),
    "a farm that sells nothing": (
        NOON, "the farm", (HALF, DEAR), (),
        "smart/lem/premium", "inconclusive", "sold nothing",
    ),
    "a farm that is worse off for having sold": (
        NOON, "nobody pays", (HALF, TRIPS), (),
        "smart/lem/worse-off", "fail", "farm is worse off",
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
    "trade",
    [
        LocalTrade("farm", "school", 1_000, 9_000_000_000),
        LocalTrade("farm", "school", 9_000_000, 10_000_000),
        LocalTrade("school", "farm", 1_000, 10_000_000),
        LocalTrade("farm", "stranger", 1_000, 10_000_000),
    ],
    ids=["price", "energy", "direction", "stranger"],
)
def test_an_operator_that_does_not_do_as_it_was_told_is_seen(
    trade, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "harness.trial.local_desk.matched", lambda *_: Matched((trade,), {}, {})
    )
    text = only(FEATURE.read_text(encoding="utf-8"), NOON, "every trade")
    verdict = judged(tmp_path, changed(text, HALF), RIG)
    require_ending(verdict, "smart/lem/trades", "fail", "otherwise")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("asks 27 p/kWh", "asks 27 pence"), "is no price"),
        (("asks 27 p/kWh", "asks 7 p/kWh"), "nobody would trade"),
        (("12 p/kWh   | Ann ", "12 p/kWh   | Zoe "), "who is that"),
        (("| Bob    | bob ", "| Bob    | ann "), "one meter"),
        (("from 12:00 to 13:00", "from 12:10 to 13:00"), "half-hours begin"),
        (("the farm earns", "the mill earns"), "is no member"),
    ],
)  # fmt: skip
def test_bad_input_is_named_before_or_never_passes(change, says, tmp_path):
    require_refused(tmp_path, FEATURE, RIG, change, says)
