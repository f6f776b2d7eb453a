"""The pathways' own scenarios: each Then that no other test has seen red."""

import pytest

from tests.cli.bench import ROOT, changed
from tests.steps.use_cases import judged, only, require_ending, rig_of

SYSTEMS = ROOT / "features/smart_systems"
MESSAGE, ROOFS, DAY = (
    SYSTEMS / f"{name}.feature"
    for name in ("asked_by_message", "rooftop_pv", "private_wire_day")
)
SHORT = ("from 00:10 to 23:50", "from 16:10 to 18:10")
CASES = {
    "P1: too few homes": (
        MESSAGE, "60 homes", (("60 homes that", "2 homes that"),), (),
        "smart/vpp/dso-entry", "fail", "outside the bound",
    ),
    "P1: people who have nothing to leave": (
        MESSAGE, "60 homes", (("60 homes that", "20 homes that"),),
        (("discretionary_w = 2000.0", "discretionary_w = 1.0"),),
        "smart/vpp/dso-entry", "fail", "outside the bound",
    ),
    "P1: nobody is asked": (
        MESSAGE, "60 homes",
        (("When the DSO asks the home by message to use less",
          "When nobody is asked for anything"),), (),
        "smart/vpp/dso-entry", "inconclusive", "nobody was asked",
    ),
    "P2: a cable too thin for the street's noon": (
        ROOFS, "it stays", (("connection of 10 kW", "connection of 4 kW"),), (),
        "smart/sbn/connection", "fail", "outside the bound",
    ),
    "P2: roofs that are half as large": (
        ROOFS, "what they bought", (),
        (("max_w = 3680.0", "max_w = 1800.0"),),
        "smart/cpu/as-specified", "fail", "outside the bound",
    ),
    "P6: stores that may hardly move": (
        DAY, "its stores",
        (SHORT, ("from 16:30 to 19:00", "from 17:00 to 18:00"),
         ("| battery       | store      | −4.5 kW    | 4.5 kW",
          "| battery       | store      | −0.1 kW    | 0.1 kW"),
         ("| south battery | store      | −4.5 kW    | 4.5 kW",
          "| south battery | store      | −0.1 kW    | 0.1 kW")), (),
        "smart/sbn/import-avoided", "fail", "outside the bound",
    ),
    "P6: a noon whose sun nobody takes": (
        DAY, "the network balances",
        (("from 00:10 to 23:50", "from 11:40 to 12:40"),
         ("from 00:15 to 23:45", "from 11:50 to 12:30"),
         ("| EV            | load       | 1.4 kW     | 7 kW ",
          "| EV            | load       | –          | –    "),
         ("And the van is held", "And the EV is held at 0 kW\n    And the van is held"),
         ("| battery       | store      | −4.5 kW    | 4.5 kW",
          "| battery       | store      | −0.1 kW    | 0.1 kW"),
         ("| south battery | store      | −4.5 kW    | 4.5 kW",
          "| south battery | store      | −0.1 kW    | 0.1 kW")), (),
        "smart/sbn/self-balance-day", "fail", "outside the bound",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    feature, then, changes, wiring, *ends = CASES[case]
    text = feature.read_text(encoding="utf-8")
    title = text.split("Scenario: ")[1].split("\n")[0]
    rig = rig_of(feature).read_text(encoding="utf-8")
    verdict = judged(
        tmp_path, changed(only(text, title, then), *changes), changed(rig, *wiring)
    )
    require_ending(verdict, *ends)
