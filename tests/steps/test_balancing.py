"""A network that balances itself: each Then red where it must be."""

import pytest

from harness.core.circuit import Circuit
from tests.cli.bench import ROOT, changed, flexrig_here
from tests.steps.use_cases import judged, only, require_ending, require_refused

FEATURE = ROOT / "features/smart_systems/self_balancing.feature"
RIG = (ROOT / "rigs/neighbourhoods/p6_private_wire.toml").read_text(encoding="utf-8")
NOON, TEA, SOURCE, CONTROLLER, GRID = (
    "At noon", "At tea-time", "A source is lost", "The controller is lost",
    "The grid connection is lost",
)  # fmt: skip
CAR = "      | EV            | load       | 1.4 kW     | 7 kW   |\n"
STILL = "      | EV            | load       | –          | –      |\n"
STORES = (
    ("| battery       | store      | −4.5 kW    | 4.5 kW",
     "| battery       | store      | −0.1 kW    | 0.1 kW"),
    ("| south battery | store      | −4.5 kW    | 4.5 kW",
     "| south battery | store      | −0.1 kW    | 0.1 kW"),
)  # fmt: skip
AT_REST = ("And the van is held", "And the EV is held at 0 kW\n    And the van is held")
FULL = (
    ("start_soc_percent = 60.0", "start_soc_percent = 100.0"),
    ("capacity_wh = 10000.0", "capacity_wh = 10000.0\nstart_soc_percent = 100.0"),
)
CASES = {
    "no car and no room in the stores": (
        NOON, "the network balances", ((CAR, STILL), AT_REST), FULL,
        "smart/sbn/self-balance", "fail", "outside the bound",
    ),
    "a connection too small for what is left": (
        NOON, "it stays", ((CAR, STILL), AT_REST), FULL,
        "smart/sbn/connection", "fail", "outside the bound",
    ),
    "stores that may give next to nothing": (
        TEA, "its stores", STORES, (),
        "smart/sbn/import-avoided", "fail", "outside the bound",
    ),
    "stores that are empty": (
        TEA, "its stores", (),
        (("start_soc_percent = 60.0", "start_soc_percent = 5.0"),
         ("capacity_wh = 10000.0", "capacity_wh = 10000.0\nstart_soc_percent = 5.0")),
        "smart/sbn/import-avoided", "fail", "outside the bound",
    ),
    "a store whose meter is silent for a while": (
        TEA, "its stores",
        (("    Then its stores", "    And the battery meter is silent from 17:20 to "
          "17:20:50\n    Then its stores"),), (),
        "smart/sbn/import-avoided", "inconclusive", "lost",
    ),
    "nothing makes up for a source": (
        SOURCE, "it is balanced again",
        (*STORES, (CAR, STILL),
         ("    And it is balanced again in time after 12:20\n", "")), (),
        "smart/sbn/balanced-again", "fail", "never",
    ),
    "nothing went out of balance": (
        SOURCE, "it is balanced again",
        (("    And it is balanced again in time after 12:20\n", ""),
         ("    And the solar farm trips from 12:10 to 12:20\n", "")), (),
        "smart/sbn/balanced-again", "inconclusive", "never went out of balance",
    ),
    "a car drives off, and nothing else may move": (
        "A car drives off", "it is balanced again",
        (("| battery       | store      | −4.5 kW    | 4.5 kW",
          "| battery       | store      | –          | –     "),
         ("| south battery | store      | −4.5 kW    | 4.5 kW",
          "| south battery | store      | –          | –     ")), (),
        "smart/sbn/balanced-again", "fail", "never",
    ),
    "a battery that is held for an hour by nobody": (
        CONTROLLER, "without the controller", (),
        (("poll_interval_s = 60\n[device.battery.emulator]",
          "poll_interval_s = 60\nreversion_s = 3600\n[device.battery.emulator]"),),
        "smart/sbn/lets-go", "fail", "never stayed within 100 W",
    ),
    "a controller that is not lost": (
        CONTROLLER, "without the controller",
        (("    And the controller is lost at 12:15\n", ""),), (),
        "smart/sbn/lets-go", "inconclusive", "never lost",
    ),
    "stores let go of what cars could have taken": (
        CONTROLLER, "it stays", ((CAR, STILL), AT_REST), (),
        "smart/sbn/connection", "fail", "outside the bound",
    ),
    "nothing holds the island up": (
        GRID, "the north", (), (('island_formed_by = "battery"\n', ""),),
        "smart/sbn/supply-kept", "fail", "outside the bound",
    ),
    "a battery too small for the island": (
        GRID, "the north", ((CAR, STILL), AT_REST, STORES[0], STORES[1]),
        (),
        "smart/sbn/supply-kept", "fail", "outside the bound",
    ),
    "a grid that is never lost": (
        GRID, "nothing crosses",
        (("    And the grid connection is lost from 12:10 to 12:20\n", ""),), (),
        "smart/sbn/open-connection", "inconclusive", "never lost",
    ),
}  # fmt: skip


def case_of(title, then, changes):
    text = only(changed(FEATURE.read_text(encoding="utf-8"), *changes), title, then)
    return text.replace("to 12:30", "to 12:24")


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    title, then, changes, wiring, *ends = CASES[case]
    verdict = judged(tmp_path, case_of(title, then, changes), changed(RIG, *wiring))
    require_ending(verdict, *ends)


def test_a_switch_that_does_not_open_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(Circuit, "connect", lambda *_: None)
    changes = ((CAR, STILL), AT_REST)
    verdict = judged(tmp_path, case_of(GRID, "nothing crosses", changes), RIG)
    require_ending(verdict, "smart/sbn/open-connection", "fail", "outside the bound")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("| store      | −4.5 kW    | 4.5 kW", "| shop       | −4.5 kW    | 4.5 kW"),
         "is no kind of member"),
        (("| store      | −4.5 kW    | 4.5 kW", "| store      | 4.5 kW    | 4.5 kW"),
         "would move from"),
        (("| store      | −4.5 kW    | 4.5 kW", "| store      | –    | 4.5 kW"),
         "is moved half"),
        (("a connection of 6 kW", "a connection of 0 kW"), "is none"),
        (("| van           | load", "| EV            | load"), "on it twice"),
        (("the controller is lost at 12:15", "the controller is lost at 11:15"),
         "lost before it balances"),
        (("at 10 p/kWh", "at 10 pence"), "is no price in p/kWh"),
    ],
)  # fmt: skip
def test_bad_input_is_named_before_anything_runs(change, says, tmp_path):
    require_refused(tmp_path, FEATURE, RIG, change, says)


def test_an_island_is_formed_by_a_device_of_the_rig(tmp_path):
    bench = tmp_path / "rig.toml"
    bench.write_text(changed(RIG, ('formed_by = "battery"', 'formed_by = "flywheel"')))
    run = flexrig_here("run", FEATURE, "--rig", bench, "--run-folder", tmp_path / "r")
    assert run.code == 2
    assert "there is no device 'flywheel'" in " ".join(run.text.split())
