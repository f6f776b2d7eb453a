"""The other use cases of Table 6: each Then red where it must be."""

import pytest

from tests.cli.bench import changed
from tests.steps.use_cases import USE_CASES, judged, only, require_ending, rig_of

FIRST, SECOND = "Generation rises first", "The wind farm trips"
APPROVED = "When the DNO approves it at 10:50\n"
SHORT = ("from 12:00 to 12:30", "from 12:00 to 12:08")
CASES = {
    "OF2: demand that does not wait for generation": (
        "of_generation_first", FIRST, "the windfarm rises before",
        (SHORT, (APPROVED, "When the coldstore draws 460 kW from 12:00 to 12:07\n"
                 "    And the windfarm feeds in 280 kW from 12:02 to 12:08\n")),
        "transition/table6/generation-first", "fail", "outside the bound",
    ),
    "OF2: demand that outstays generation": (
        "of_generation_first", FIRST, "the coldstore falls before",
        (SHORT, (APPROVED, "When the windfarm feeds in 280 kW from 12:00 to 12:05\n"
                 "    And the coldstore draws 460 kW from 12:01 to 12:07\n")),
        "transition/table6/demand-falls-first", "fail", "outside the bound",
    ),
    "OF2: demand beyond its own when generation has gone": (
        "of_generation_first", FIRST, "the coldstore is never beyond",
        (SHORT, (APPROVED, "When the windfarm feeds in 280 kW from 12:00 to 12:05\n"
                 "    And the coldstore draws 460 kW from 12:01 to 12:07\n")),
        "transition/table6/time-not-covered", "fail", "outside the bound",
    ),
    "OF2: demand that rises by less": (
        "of_generation_first", FIRST, "both are up",
        (SHORT, (APPROVED, "When the windfarm feeds in 280 kW from 12:00 to 12:08\n"
                 "    And the coldstore draws 440 kW from 12:01 to 12:08\n")),
        "transition/uc6/equal-levels", "fail", "outside the bound",
    ),
    "OF2: a fail-safe that is not obeyed": (
        "of_generation_first", SECOND, "the fail-safe brings",
        (("And the solar inverter trips from 12:10",
          "And the load bank accepts and ignores from 12:09\n"
          "    And the solar inverter trips from 12:10"),),
        "transition/table6/fail-safe-time", "fail", "",
    ),
    "OF2: generation that was never lost": (
        "of_generation_first", SECOND, "the fail-safe brings",
        (("    And the solar inverter trips from 12:10\n", ""),),
        "transition/table6/fail-safe-time", "inconclusive", "never lost",
    ),
    "OF2: drawing without an approval": (
        "of_generation_first", FIRST, "the coldstore stays inside",
        (SHORT, (APPROVED, "When the coldstore draws 460 kW from 12:00 to 12:07\n")),
        "transition/uc6/within-capacity", "fail", "outside the bound",
    ),
    "OF4: where nothing is agreed demand keeps to its own": (
        "of_generation_first", "The same where", "the windfarm rises before",
        (("When the DNO approves it", "When the DNO refuses it"),),
        "transition/table6/generation-first", "inconclusive", "",
    ),
    "OF6: vans that stop, and a depot that goes on": (
        "of_cars_discharge", "The cars stop", "the fail-safe brings",
        (("And the V2G charger trips",
          "And the battery accepts and ignores from 12:07\n"
          "    And the V2G charger trips"),),
        "transition/table6/fail-safe-time", "fail", "",
    ),
    "OF3: generation beyond its own by itself": (
        "of_demand_first", "Demand rises first", "the windfarm is never beyond",
        (("When the DNO approves it at 11:55",
          "When the windfarm feeds in 390 kW from 12:01 to 12:10"),),
        "transition/uc6/time-not-covered", "fail", "outside the bound",
    ),
    "OF5: vans that charge later than the wind farm feeds in": (
        "of_demand_first", "Vans charge", "the vans rises before",
        (("When the DNO approves it at 11:55",
          "When the windfarm feeds in 390 kW from 12:01 to 12:10\n"
          "    And the vans draws 128 kW from 12:03 to 12:12"),),
        "transition/uc6/demand-first", "fail", "outside the bound",
    ),
    "CT3: a wind farm that gives way to nobody": (
        "ct03_non_firm", "A store that was there", "the windfarm makes room",
        (("    And an ANM scheme holds the export of cable \"N3\" at 600 kW, by the "
          "windfarm\n", ""),),
        "transition/table6/room-made", "fail", "outside the bound",
    ),
    "CT3: and its cable": (
        "ct03_non_firm", "A store that was there", 'cable "N3"',
        (("    And an ANM scheme holds the export of cable \"N3\" at 600 kW, by the "
          "windfarm\n", ""),),
        "transition/uc5/asset-within-rating", "fail", "outside the bound",
    ),
    "CT3: a store that does nothing has room made for it by nobody": (
        "ct03_non_firm", "A store that was there", "the windfarm makes room",
        (("When the store feeds in 300 kW", "When the store feeds in 0 kW"),),
        "transition/table6/room-made", "inconclusive", "no more than",
    ),
    "CT4: a bakery that uses what it left to the depot": (
        "ct04_earlier_demand", "While the bakery", "the bakery stays inside",
        (("to 22:29\n",
          "to 22:29\n    And the bakery draws 55 kW from 22:05 to 22:25\n"),),
        "transition/uc4/within-capacity", "fail", "outside the bound",
    ),
    "CT4: a depot that grows without asking": (
        "ct04_earlier_demand", "Without an approval", "the depot stays inside",
        (("the depot keeps to what it may draw, up to 38 kW,",
          "the depot draws 38 kW"),),
        "transition/uc4/within-capacity", "fail", "outside the bound",
    ),
    "CT5: a store that grows without asking": (
        "ct05_earlier_export", "Without an approval", "the farm stays inside",
        (("the farm keeps to what it may feed in, up to 30 kW,",
          "the farm feeds in 30 kW"),),
        "transition/uc5/within-capacity", "fail", "outside the bound",
    ),
    "CM4: nobody called, and the neighbour is overloaded": (
        "cm4_planned_outage", "Flexibility is there", 'transformer "T2"',
        (("When the DSO dispatches the agreed capacity from 17:25 to 18:30\n    And ",
          "When "),),
        "transition/uc2/asset-within-rating", "fail", "outside the bound",
    ),
    "CM4: called once the transformer is out": (
        "cm4_planned_outage", "Flexibility is there", 'transformer "T2"',
        (("from 17:25 to 18:30", "from 17:35 to 18:30"),),
        "transition/uc2/asset-within-rating", "fail", "outside the bound",
    ),
    "PM2: a habit that did not change": (
        "pm2_long_term", "The <asset>'s evening", "the <asset>'s evening",
        (("draws 1.3 kW", "draws 2.0 kW"), ("      | home      | boundary    |\n", "")),
        "transition/table6/peak-lower", "fail", "outside the bound",
    ),
    "PM5: a store that rests": (
        "pm5_storage_at_peak", "They give while", 'the peak of cable "P5"',
        (("the store feeds in 60 kW", "the store feeds in 1 kW"),
         ("the fleet feeds in 40 kW", "the fleet feeds in 20 kW")),
        "transition/table6/peak-without", "fail", "outside the bound",
    ),
    "PM5: charging at the peak": (
        "pm5_storage_at_peak", "They give while", 'the peak of cable "P5"',
        (("And the fleet feeds in 40 kW", "And the fleet draws 40 kW"),),
        "transition/table6/peak-without", "fail", "outside the bound",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    name, title, then, changes, *ends = CASES[case]
    feature = USE_CASES / f"{name}.feature"
    text = feature.read_text(encoding="utf-8")
    rig = rig_of(feature).read_text(encoding="utf-8")
    verdict = judged(tmp_path, changed(only(text, title, then), *changes), rig)
    require_ending(verdict, *ends)
