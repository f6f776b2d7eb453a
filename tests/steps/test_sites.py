"""Use cases 3 to 5: each Then red where it must be, for its own reason."""

import pytest

from tests.cli.bench import changed, flexrig_here
from tests.steps.use_cases import UC3, UC4, UC5, UC6, require, rig_of

EXPIRES = "When the trade expires"
KEEPS = "the depot keeps to what it may draw, up to 58 kW, from 22:00 to 22:25"
CASES = {
    "the buyer goes on after expiry": (
        UC4, EXPIRES, "the depot stays inside",
        ((KEEPS, "the depot draws 58 kW from 22:00 to 22:25"),), (),
        "transition/uc4/within-capacity", "fail", "outside the bound",
    ),
    "the buyer goes beyond what it bought": (
        UC4, "The DNO approves on condition", "the depot stays inside",
        (("up to 58 kW, from 22:00 to 22:15\n    Then the depot stays inside what it may import\n    And the bakery", "up to 58 kW, from 22:00 to 22:15\n    And the depot draws 58 kW from 22:05 to 22:10\n    Then the depot stays inside what it may import\n    And the bakery"),), (),  # noqa: E501
        "transition/uc4/within-capacity", "fail", "outside the bound",
    ),
    "the seller uses what it sold": (
        UC4, EXPIRES, "the bakery stays inside",
        (("the bakery draws 55 kW from 22:16", "the bakery draws 55 kW from 22:10"),),
        (), "transition/uc4/within-capacity", "fail", "outside the bound",
    ),
    "a frozen meter says nothing of a seller": (
        UC4, EXPIRES, "the depot stays inside", (),
        (('[meter.ev_meter.emulator]\n',
          '[meter.ev_meter.emulator]\nfrozen_after_s = 300.0\n'),),
        "transition/uc4/within-capacity", "inconclusive", "frozen",
    ),
    "nobody is caught who stays inside": (
        UC4, "A seller who uses what it sold", "the bakery is caught",
        (("the bakery draws 55 kW", "the bakery draws 39 kW"),), (),
        "transition/uc4/breach-seen-within", "fail", "notice",
    ),
    "a breach is no good trade": (
        UC4, EXPIRES, "the depot stays inside",
        (("    Then the depot stays inside what it may import\n    And the bakery stays inside what it may import\n\n  Scenario: The DNO unwinds", "    Then the depot stays inside what it may import\n\n  Scenario: The DNO unwinds"),  # noqa: E501
         (KEEPS, "the depot draws 75 kW from 22:00 to 22:25")), (),
        "transition/uc4/within-capacity", "fail", "outside the bound",
    ),
    "the DNO approved before it was warned of anything": (
        UC4, "A seller who never used it", "the DNO was warned",
        (("drew more than 35 kW", "drew more than 55 kW"),), (),
        "transition/uc4/warned-before", "fail", "",
    ),
    "an approval in time is no refusal": (
        UC4, "An approval that comes late", "the facilitator refuses",
        (("approves it at 22:02", "approves it at 21:59"),), (),
        "transition/uc4/refused-otherwise", "fail", "none",
    ),
    "an approved trade does cost something": (
        UC4, "An approval that comes late", "nothing is owed",
        (("approves it at 22:02", "approves it at 21:59"),), (),
        "transition/uc4/money-without-approval", "fail", "outside the bound",
    ),
    "an exporter goes on after its trade was unwound": (
        UC5, "The DNO unwinds the trade", "the farm is back inside",
        (("the farm keeps to what it may feed in, up to 58 kW, from 12:00 to 12:25\n    And the DNO unwinds", "the farm feeds in 58 kW from 12:00 to 12:25\n    And the DNO unwinds"),), (),  # noqa: E501
        "transition/uc5/back-inside", "fail", "",
    ),
    "a battery that says yes and does nothing": (
        UC3, "Reserve that nobody else wants", '"STOR" is delivered in full',
        (("16:50 for 17:00 to 17:30\n      Then \"STOR\" is delivered in the agreed time\n      And \"STOR\" is delivered in full\n      And all", "16:50 for 17:00 to 17:10\n      And the battery accepts and ignores from 16:59\n      Then \"STOR\" is delivered in the agreed time\n      And \"STOR\" is delivered in full\n      And all"),), (),  # noqa: E501
        "transition/uc3/delivered-in-full", "fail", "outside the bound",
    ),
    "a shortfall that the meter does not show as told": (
        UC3, "Both call at once", '"<loser>" is <short> short',
        (("16:51 for 17:00 to 17:30\n      Then \"<winner>\"", "16:51 for 17:00 to 17:30\n      And the battery accepts and ignores from 16:59\n      Then \"<winner>\""),  # noqa: E501
         ("        | system first  | STOR            | Peak management | 2 kW  | ESO   | DSO    |\n", ""),  # noqa: E501
         ("        | first come    | STOR            | Peak management | 2 kW  | ESO   | DSO    |\n", "")), (),  # noqa: E501
        "transition/uc3/shortfall-told", "fail", "outside the bound",
    ),
    "with primacy the hour may be promised twice": (
        UC3, "Without primacy", '"Peak management" may not',
        (('Given the ESO armed "STOR" at 16:35\n      When the ESO calls "STOR" at 16:50 for 17:00 to 17:30\n      And the DSO calls', 'Given primacy is agreed as "first come"\n      And the ESO armed "STOR" at 16:35\n      When the ESO calls "STOR" at 16:50 for 17:00 to 17:30\n      And the DSO calls'),), (),  # noqa: E501
        "transition/uc3/refused-otherwise", "fail", "",
    ),
    "without active network management nothing is undone": (
        UC3, "Behind a full connection", "the ANM scheme undid",
        (('      And an ANM scheme holds the export of cable "C5" at 600 kW, by the windfarm\n', ""),), (),  # noqa: E501
        "transition/uc3/taken-back", "fail", "outside the bound",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    require(CASES[case], tmp_path)


@pytest.mark.parametrize(
    ("feature", "change", "says"),
    [
        (UC4, ("2000000000015", "2000000000016"), "check digit should be 5"),
        (UC4, ("| 50 £/MWh | 400", "| -5 £/MWh | 400"), "negative"),
        (UC4, ("| EV ", "| load bank "), "same role"),
        (UC4, ("lend the depot 20 kW of import from 22:00 to 22:30\n    When the DNO approves it at 20:50", "lend the bakery 20 kW of import from 22:00 to 22:30\n    When the DNO approves it at 20:50"), "trade with itself"),  # noqa: E501
        (UC4, ("to lend the depot 20 kW of import", "to lend the depot 20 kW of water"), "is no capacity"),  # noqa: E501
        (UC4, ("the depot draws 58 kW from 22:00 to 22:29", "the palace draws 58 kW from 22:00 to 22:29"), "'palace'"),  # noqa: E501
        (UC3, ('primacy is agreed as "network first"\n      And the ESO armed "STOR" at 16:35\n      When the ESO calls "STOR" at 16:50 for 17:00 to 17:30\n      Then "STOR"', 'primacy is agreed as "loudest first"\n      And the ESO armed "STOR" at 16:35\n      When the ESO calls "STOR" at 16:50 for 17:00 to 17:30\n      Then "STOR"'), "is no primacy"),  # noqa: E501
        (UC3, ("| ESO   | STOR            | 3 kW ", "| BBC   | STOR            | 3 kW "), "buys no service"),  # noqa: E501
        (UC3, ('overrules "STOR" at 17:30', 'overrules "FFR" at 17:30'), "was promised to nobody"),  # noqa: E501
        (UC6, ('for the windfarm to feed in\n    When the DNO approves it at 10:50', 'for the sunfarm to feed in\n    When the DNO approves it at 10:50'), "'sunfarm'"),  # noqa: E501
    ],
)  # fmt: skip
def test_bad_input_is_named_before_anything_runs(feature, change, says, tmp_path):
    path = tmp_path / "case.feature"
    path.write_text(changed(feature.read_text(encoding="utf-8"), change))
    run = flexrig_here(
        "run", path, "--rig", rig_of(feature), "--run-folder", tmp_path / "r"
    )
    assert run.code == 2, run.text
    assert says in run.text
    assert "Traceback" not in run.text
