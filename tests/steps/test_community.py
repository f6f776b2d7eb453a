"""A plan, a fund, a purchase, a shared asset: each Then red where it must be."""

import pytest

from tests.cli.bench import ROOT, changed, flexrig_here
from tests.steps.use_cases import judged, only, require_ending, rig_of

SYSTEMS = ROOT / "features/smart_systems"
BASE, SHARED, COMPANY = (
    SYSTEMS / f"{name}.feature"
    for name in ("foundations", "community_asset", "company_asset")
)
PLAN, FUND, BUY = "A hyperlocal plan", "A marketplace", "Homes buy"
OWNERS, DIVIDEND = "Each owner", "The community is paid"
LIES = (("[device.solar_farm.emulator]\n",
         "[device.solar_farm.emulator]\nregister_gain_percent = 8.0\n"),)  # fmt: skip
CASES = {
    "an asset that is smaller than the plan has it": (
        BASE, PLAN, "every asset", (("30    | 7.4 kW", "30    | 11 kW "),), (),
        "smart/laep/as-planned", "fail", "the chargepoints",
    ),
    "an asset that is not there": (
        BASE, PLAN, "every asset",
        (("    When the DSO instructs the battery to turn up to 4.5 kW from 12:00 to "
          "12:10\n", "    When the DSO instructs the battery to turn up to 2 kW from "
          "12:00 to 12:10\n"),), (),
        "smart/laep/as-planned", "fail", "the batteries",
    ),
    "more cars than the substation carries": (
        BASE, PLAN, "its substation", (("| 30    | 7.4 kW", "| 60    | 7.4 kW"),), (),
        "smart/laep/substation", "fail", "outside the bound",
    ),
    "a meter that is silent while cars may draw more": (
        BASE, PLAN, "its substation",
        (("    Then its substation", "    And the EV meter is silent from 12:02 to "
          "12:02:50\n    Then its substation"),), (),
        "smart/laep/substation", "inconclusive", "silent",
    ),
    "a project whose device does not do it": (
        BASE, FUND, 'the marketplace funds "fast', (("| EV           | 7 kW",
                                                     "| EV           | 9 kW"),), (),
        "smart/mkt/funded-otherwise", "fail", "claim is not proven",
    ),
    "a project that should not have been funded": (
        BASE, FUND, 'the marketplace does not fund "second',
        (("holds £10,000", "holds £20,000"),), (),
        "smart/mkt/funded-otherwise", "fail", "funded with £3,000.00",
    ),
    "a fund in which nothing is proven": (
        BASE, FUND, "what it grants",
        (("battery      | 4.4 kW", "battery      | 9 kW  "),
         ("| EV           | 7 kW ", "| EV           | 17 kW"),
         ("| EV           | 7 kW ", "| EV           | 17 kW")), (),
        "smart/mkt/spent", "inconclusive", "nothing was granted",
    ),
    "batteries that do less than was specified": (
        BASE, BUY, "what they bought",
        (("specified, 4.5 kW", "specified, 4.9 kW"),), (),
        "smart/cpu/as-specified", "fail", "outside the bound",
    ),
    "a discount that nobody gets": (
        BASE, BUY, "each saves", (("for £4,100", "for £3,000"),), (),
        "smart/cpu/discount", "fail", "outside the bound",
    ),
    "a discount that is none": (
        BASE, BUY, "each saves", (("for £4,100", "for £4,900"),), (),
        "smart/cpu/discount", "fail", "outside the bound",
    ),
    "an inverter that flatters itself": (
        SHARED, OWNERS, "every member", (), LIES,
        "smart/caa/credited-otherwise", "fail", "outside the bound",
    ),
    "a farm that makes nothing": (
        SHARED, OWNERS, "every member",
        (("    When its energy is shared", "    And the solar farm is held at 0 kW\n"
          "    When its energy is shared"),), (),
        "smart/caa/credited-otherwise", "inconclusive", "",
    ),
    "a company whose farm counts too little": (
        COMPANY, DIVIDEND, "the community", (),
        (("[device.wind_farm.emulator]\n",
          "[device.wind_farm.emulator]\nregister_gain_percent = -9.0\n"),),
        "smart/coa/dividend-otherwise", "fail", "outside the bound",
    ),
    "a farm that makes no profit": (
        COMPANY, DIVIDEND, "the community", (("bears £40", "bears £900"),), (),
        "smart/coa/dividend-otherwise", "inconclusive", "no profit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    feature, title, then, changes, wiring, *ends = CASES[case]
    text = only(feature.read_text(encoding="utf-8"), title, then)
    rig = rig_of(feature).read_text(encoding="utf-8")
    require_ending(
        judged(tmp_path, changed(text, *changes), changed(rig, *wiring)), *ends
    )


@pytest.mark.parametrize(
    ("feature", "change", "says"),
    [
        (BASE, ("30    | 7.4 kW", "30.5  | 7.4 kW"), "is no whole number"),
        (BASE, ("rated 500 kW", "rated 100 kW"), "more than it is rated for"),
        (BASE, ("holds £10,000", "holds 10,000"), "is no money"),
        (BASE, ("a fee of 4 %", "a fee of 104 %"), "below 100 %"),
        (BASE, ("Given 60 homes buy", "Given 1 homes buy"), "two homes"),
        (SHARED, ("| 65 %", "| 60 %"), "do not add up"),
        (SHARED, ("| 65 %", "| lots"), "is no percentage"),
        (SHARED, ("from 12:00 to 13:00", "from 12:05 to 13:00"), "half-hours begin"),
        (COMPANY, ("80 £/MWh", "−80 £/MWh"), "negative"),
        (COMPANY, ("1000 times", "0 times"), "that can be"),
    ],
)
def test_bad_input_is_named_before_anything_runs(feature, change, says, tmp_path):
    path = tmp_path / feature.name
    path.write_text(changed(feature.read_text(encoding="utf-8"), change))
    rig, folder = rig_of(feature), tmp_path / "r"
    run = flexrig_here("run", path, "--rig", rig, "--run-folder", folder)
    assert run.code == 2, run.text
    assert says in " ".join(run.text.split())
