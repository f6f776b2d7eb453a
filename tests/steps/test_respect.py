"""What a dispatch must respect: each Then red where it must be."""

import pytest

from harness.trial.departure import latest_start_s
from harness.trial.planned import Departure
from tests.cli.bench import ROOT, changed, flexrig_here
from tests.steps.use_cases import judged, only, require_ending, rig_of

DEVICES = ROOT / "features/devices"
LEAVES, OVERRIDE, GOODS, HEATER, GROUP, PRIMACY = (
    DEVICES / f"{name}.feature"
    for name in (
        "departure", "override", "white_goods", "storage_heater", "group_switching",
        "primacy",
    )
)  # fmt: skip
ON, WASH = "What is always on", "A washing machine"
THERMOSTAT = "    And somebody turns the thermostat up at 17:15\n"
ROW = "      | network, system, market | Peak management "
NETWORK_FIRST = f"{ROW}| STOR            | 1 kW  |\n"
MARKET_LAST = f"{ROW}| Evening price   | 2 kW  |\n"
CASES = {
    "a car that must be fuller than there is time for": (
        LEAVES, "It gives way", "the EV is charged", (("with 37 %", "with 60 %"),), (),
        "respect/charge-at-departure", "fail", "outside the bound",
    ),
    "a car whose battery is twice as large as was said": (
        LEAVES, "It gives way", "the EV is charged",
        (("a battery of 60 kWh", "a battery of 120 kWh"),
         ("with 37 %", "with 42 %")), (),
        "respect/charge-at-departure", "fail", "outside the bound",
    ),
    "a car that is let go at once is of no use": (
        LEAVES, "It gives way", "the EV gives way", (("with 37 %", "with 60 %"),), (),
        "respect/held-before-departure", "fail", "outside the bound",
    ),
    "a car that does not give way": (
        LEAVES, "It gives way", "the EV gives way", (),
        (("soc_percent = 30.0", "soc_percent = 30.0\nignores_commands = true"),),
        "respect/held-before-departure", "inconclusive", "did not see it give way",
    ),
    "a heat pump that obeys the aggregator rather than its owner": (
        OVERRIDE, "Somebody", "the heat pump does",
        ((THERMOSTAT, "    And somebody turns the thermostat down at 17:15\n"),), (),
        "respect/override", "fail", "went on doing",
    ),
    "nobody overrides anything": (
        OVERRIDE, "Somebody", "the heat pump does", ((THERMOSTAT, ""),), (),
        "respect/override", "inconclusive", "nobody overrode it",
    ),
    "an aggregator that calls it back": (
        OVERRIDE, "Somebody", "nobody calls",
        ((THERMOSTAT, THERMOSTAT + "    And the DSO instructs the heat pump to turn "
          "down to 0.6 kW from 17:20 to 17:30\n"),), (),
        "respect/called-again", "fail", "outside the bound",
    ),
    "a relay that does not open": (
        GOODS, ON, "the dehumidifier responds",
        (("    Then the dehumidifier responds",
          "    And the dehumidifier accepts and ignores from 16:59\n"
          "    Then the dehumidifier responds"),), (),
        "respect/white-goods-response", "fail", "",
    ),
    "a dehumidifier that rests for long": (
        GOODS, ON, "the dehumidifier is at work",
        (("from 17:00 to 17:15", "from 17:00 to 17:02"),),
        (("driest_percent = 54.0", "driest_percent = 54.0\nrestart_delay_s = 900.0"),),
        "respect/at-work-again", "fail", "went on doing",
    ),
    "a machine that has no programme to lose": (
        GOODS, WASH, "the washing machine",
        (), (('appliance = "washing machine"\n',
              'appliance = "washing machine"\n'), ("starts_at_s = 60.0",
                                                   "starts_at_s = 90000.0")),
        "respect/standby", "inconclusive", "it did nothing",
    ),
    "goods that go on by themselves are no washing machine": (
        GOODS, WASH, "the washing machine",
        (("Then the washing machine goes", "Then the dehumidifier goes"),
         ("instructs the washing machine", "instructs the dehumidifier"),
         ("| washing machine | standby", "| dehumidifier    | standby")), (),
        "respect/standby", "fail", "outside the bound",
    ),
    "a device that can be dispatched": (
        HEATER, "It is refused", "the storage heater cannot",
        (("the storage heater cannot be dispatched", "the dehumidifier cannot be "
          "dispatched"), ("| storage heater | dispatched anyway",
                          "| dehumidifier   | dispatched anyway")), (),
        "respect/dispatched-anyway", "fail", "that it can be dispatched",
    ),
    "a heater that is refused for another reason": (
        HEATER, "It is refused", "the storage heater cannot",
        (("because radio teleswitch", "because of the weather"),), (),
        "respect/dispatched-anyway", "fail", "it says",
    ),
    "a heater that does not hear its signal": (
        HEATER, "It is refused", "the storage heater turned", (),
        (("[device.storage_heater.emulator]\n",
          '[device.storage_heater.emulator]\nschedule = ["02:00-07:30"]\n'),),
        "respect/by-its-schedule", "fail", "outside the bound",
    ),
    "a group of which one takes all the turns": (
        GROUP, "Two cars", "the group holds",
        (("    Then the group holds",
          "    And the van accepts and ignores from 19:59\n    Then the group holds"),),
        (),
        "respect/group-reduction", "fail", "outside the bound",
    ),
    "a member that is held for longer than it stands": (
        GROUP, "Two cars", "no member",
        (("    Then no member",
          "    And the van accepts and ignores from 20:15\n    Then no member"),), (),
        "respect/own-period", "fail", "the van",
    ),
    "a member whose meter is silent while it is down": (
        GROUP, "Two cars", "no member",
        (("    Then no member",
          "    And the van meter is silent from 20:14 to 20:14:50\n"
          "    Then no member"),), (),
        "respect/own-period", "inconclusive", "lost",
    ),
    "a machine whose meter is silent when it is on again": (
        GOODS, WASH, "the washing machine",
        (("    Then the washing", "    And the washing machine meter is silent from "
          "17:12 to 17:12:50\n    Then the washing"),), (),
        "respect/standby", "inconclusive", "lost",
    ),
    "the market before the network": (
        PRIMACY, "All three", '"<first>" is delivered',
        ((NETWORK_FIRST,
          ""),
         (MARKET_LAST,
          "")), (),
        "transition/uc3/delivered-in-full", "pass", "",
    ),
    "a network that is served last": (
        PRIMACY, "All three", '"<first>" is delivered',
        ((NETWORK_FIRST,
          "      | first come | Peak management | STOR            | 1 kW  |\n"),
         (MARKET_LAST,
          ""),
         ("      | first come              | Evening price   | Peak management "
          "| 3 kW  |", "")), (),
        "transition/uc3/delivered-in-full", "fail", "outside the bound",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    feature, title, then, changes, wiring, *ends = CASES[case]
    text = feature.read_text(encoding="utf-8")
    rig = changed(rig_of(feature).read_text(encoding="utf-8"), *wiring)
    verdict = judged(tmp_path, changed(only(text, title, then), *changes), rig)
    require_ending(verdict, *ends)


def test_when_a_car_must_begin_by_hand():
    """7 % of 60 kWh at 90 % take 4.67 kWh, 4,667 s at 3.6 kW, and five minutes more."""
    one = Departure("ev", 37.0, 0.0, 60_000.0, 3_600.0)
    assert latest_start_s(one, 30.0, 7_200.0) == pytest.approx(
        7_200 - 4_666.7 - 300, abs=1
    )
    assert latest_start_s(one, 40.0, 7_200.0) == 6_900.0


@pytest.mark.parametrize(
    ("feature", "change", "says"),
    [
        (LEAVES, ("with 37 %", "with 137 %"), "no state of charge"),
        (LEAVES, ("of 60 kWh", "of 60 kW"), "no battery"),
        (OVERRIDE, ("thermostat up at", "thermostat sideways at"), "no way to turn"),
        (GROUP, ("| van   | 1.4 kW  | 10 ", "| EV    | 1.4 kW  | 10 "),
         "each once"),
        (GROUP, ("| van   | 1.4 kW  | 10 ", "| van   | 1.4 kW  | 5 "),
         "equal turns"),
        (PRIMACY, ("| trader | Evening", "| baker  | Evening"), "buys no service"),
        (HEATER, ("turned itself on", "turned itself over"), "no way to turn"),
    ],
)  # fmt: skip
def test_bad_input_never_passes(feature, change, says, tmp_path):
    path = tmp_path / feature.name
    path.write_text(changed(feature.read_text(encoding="utf-8"), change))
    folder = tmp_path / "r"
    run = flexrig_here("run", path, "--rig", rig_of(feature), "--run-folder", folder,
                       "--no-allure")  # fmt: skip
    assert run.code == 2, run.text
    assert says in " ".join(run.text.split())
