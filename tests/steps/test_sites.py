"""Use cases 3 to 8: each Then red where it must be, for its own reason.

Each case is one scenario of a shipped feature with one thing wrong, cut down to the
Then that should see it.
"""

import re

import pytest

from tests.cli.bench import ROOT, changed, flexrig_here, pytest_here

RIG = ROOT / "rigs/constrained_area.toml"
USE_CASES = ROOT / "features/use_cases"
UC3, UC4, UC5, UC6, UC7, UC8 = (
    next(USE_CASES.glob(f"uc0{number}_*.feature")) for number in range(3, 9)
)
LATER = " from 12:10:00 to 12:20:00"


UNUSED = {
    UC3: ("load_bank", "ev"), UC4: ("battery", "solar_inverter"),
    UC5: ("load_bank", "ev"), UC6: ("ev", "battery"),
    UC7: ("battery", "solar_inverter"), UC8: ("battery", "solar_inverter"),
}  # fmt: skip
METERS = {
    "load_bank": "load_meter", "ev": "ev_meter", "battery": "battery_meter",
    "solar_inverter": "solar_meter",
}  # fmt: skip


def only(text, title, then):
    """Cut a feature to one scenario, and of its Thens to those that begin so."""
    whole, *rules = re.split(r"(?=^  Rule: )", text, flags=re.M)
    for part in (whole, *rules):
        head, *scenarios = re.split(
            r"(?=^ *(?:@\w+\n *)?Scenario(?: Outline)?: )", part, flags=re.M
        )
        for one in scenarios:
            if f": {title}" in one:
                begin = "" if part is whole else whole.split("  Scenario")[0]
                return begin + head + _with_then(one, then)
    raise AssertionError(f"no scenario begins with {title!r}")


def _with_then(scenario, then):
    given, _, thens = scenario.partition(" Then ")
    kept, wanted, examples = [], False, ""
    if "Examples:" in thens:
        thens, _, rows = thens.partition("Examples:")
        examples = "    Examples:" + rows
    for line in ("Then " + thens).splitlines():
        words = re.sub(r"^ *(Then|And) ", "", line)
        if words != line:
            wanted = words.startswith(then)
            line = ("And " if kept else "Then ") + words
        if wanted and line.strip():
            kept.append(f"    {line.strip()}")
    assert kept, f"no Then begins with {then!r}"
    return given.rstrip() + "\n" + "\n".join(kept) + "\n\n" + examples


def rig_for(feature, *changes):
    """The shipped rig without what a feature does not use: a run costs less."""
    parts = re.split(
        r"(?=^\[(?:device|meter)\.\w+\]$)", RIG.read_text(encoding="utf-8"), flags=re.M
    )
    gone = [f"[device.{role}]" for role in UNUSED[feature]]
    gone += [f"[meter.{METERS[role]}]" for role in UNUSED[feature]]
    kept = [part for part in parts if part.split("\n", 1)[0] not in gone]
    assert len(kept) == len(parts) - 4
    return changed("".join(kept), *changes)


def ended(tmp_path, feature, title, then, *changes, wiring=()):
    text = changed(feature.read_text(encoding="utf-8"), *changes)
    text = re.sub(r"for \d+ minutes before and", "for 3 minutes before and", text)
    path, bench = tmp_path / "case.feature", tmp_path / "rig.toml"
    path.write_text(only(text, title, then), encoding="utf-8")
    bench.write_text(rig_for(feature, *wiring), encoding="utf-8")
    run = pytest_here(path, bench, tmp_path / "run")
    (verdict,) = run.record.verdicts
    return verdict


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
    "generation that does not wait for demand": (
        UC6, "Demand rises first", "the coldstore rises before",
        (("agreed at 10:40", "agreed at 11:50"), ("When the DNO approves it at 10:50\n    Then the coldstore rises", "When the windfarm feeds in 390 kW from 12:00 to 12:29\n    And the coldstore draws 200 kW from 12:05 to 12:30\n    Then the coldstore rises"),), (),  # noqa: E501
        "transition/uc6/demand-first", "fail", "outside the bound",
    ),
    "a generator that ignores its fail-safe": (
        UC6, "The cold store trips", "the fail-safe brings",
        (("And the load bank trips from 12:10\n", "And the load bank trips from 12:10\n    And the solar inverter accepts and ignores from 12:09\n"),), (),  # noqa: E501
        "transition/uc6/fail-safe-time", "fail", "",
    ),
    "demand that was never lost trips nothing": (
        UC6, "The cold store trips", "the fail-safe brings",
        (("And the load bank trips from 12:10\n", ""),), (),
        "transition/uc6/fail-safe-time", "inconclusive", "never lost",
    ),
    "a fail-safe verified in time is no reason to refuse": (
        UC6, "A fail-safe that nobody verified", "the facilitator refuses",
        (("was verified 40 days ago", "was verified 20 days ago"),), (),
        "transition/uc6/refused-otherwise", "fail", "none",
    ),
    "a site that does nothing leaves its order in the imbalance": (
        UC7, "Inside gate closure", "the depot moves as ordered",
        (("the depot draw 20 kW less from 17:00 to 17:30", "the depot draw 20 kW less from 17:00 to 17:06"),  # noqa: E501
         ("    Then the depot moves as ordered\n    And the depot stays", "    And the EV accepts and ignores from 16:59\n    Then the depot moves as ordered\n    And the depot stays")), (),  # noqa: E501
        "transition/uc7/delivered-share", "fail", "outside the bound",
    ),
    "an order that is within every limit is not declined": (
        UC7, "The trader declines", "the trader declines",
        (("      | 16:50 | 15 kW | 17:05 | lengthen or shorten      | gate closure has passed                     |\n      | 16:50 | 29 kW", "      | 16:50 | 20 kW"),  # noqa: E501
         ("      | 16:50 | 25 kW | 19:30 | forecast imbalance price | more could be lost than the trader may lose |\n", "")), (),  # noqa: E501
        "transition/uc7/declined-otherwise", "fail", "none",
    ),
    "an order at a price that the owner eats up": (
        UC8, "Inside gate closure", "it brings more",
        (("| 40 £/MWh        | 270 £/MWh | 25 kW        | −200 £/MWh      | 900 £/MWh |", "| 110 £/MWh       | 10 £/MWh  | 25 kW        | −200 £/MWh      | 900 £/MWh |"),), (),  # noqa: E501
        "transition/uc7/brings", "fail", "outside the bound",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    feature, title, then, changes, wiring, rule, outcome, says = CASES[case]
    verdict = ended(tmp_path, feature, title, then, *changes, wiring=wiring)
    assert verdict.rule.id.partition("/uc")[0] == rule.partition("/uc")[0]
    assert verdict.rule.id.rpartition("/")[2] == rule.rpartition("/")[2]
    assert str(verdict.outcome) == outcome, verdict.reason
    assert says in verdict.reason


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
    run = flexrig_here("run", path, "--rig", RIG, "--run-folder", tmp_path / "r")
    assert run.code == 2, run.text
    assert says in run.text
    assert "Traceback" not in run.text
