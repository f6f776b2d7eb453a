"""Every limit on a meter's error, seen to pass, to fail and to leave open.

``python -m tests.tools.meter_table`` sets the load bank of the meter bench to every
load point of every rule, with six meters in one current: on either side one inside by
more than U, one on the limit within U, one outside by more than U. It judges them by
the four-way rule (ILAC-G8:09/2019, 4.2.3) and writes ``docs/meter-accuracy.md``.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from harness.checks.verdict import Verdict
from harness.reporting import wording
from harness.rulebook.loader import load_rulebook
from harness.rulebook.rule import Rule
from tests.cli.bench import ROOT, pytest_here

PAGE = ROOT / "docs/meter-accuracy.md"
BENCH = ROOT / "rigs/meter_bench.toml"
ON = date(2026, 11, 1)
STANDARD_PERCENT = 0.05
BEYOND, WITHIN = 2.5, 0.1
"""How far from the limit: just inside and outside, and on it, in units of U."""
PLACES = ("inside", "on the limit", "outside")
EXPECTED = {
    "inside": ("pass",),
    "on the limit": ("conditional pass", "conditional fail"),
    "outside": ("fail",),
}


@dataclass(frozen=True)
class Case:
    """One rule, the load points at which it is tried, and the meters' rating."""

    rule_id: str
    points: tuple[tuple[str, str], ...]
    """Current and power factor, as a feature file says them."""
    maximum_a: float = 100.0


LOW, UNITY, LAGGING, LEADING = (
    (("0.25 A", "1"),),
    (("1 A", "1"), ("6 A", "1")),
    (("1 A", "0.5 inductive"), ("6 A", "0.5 inductive")),
    (("1 A", "0.8 capacitive"), ("6 A", "0.8 capacitive")),
)
HALF = (("0.5 A", "1"), ("6 A", "1"))
HALF_LAGGING = (("0.5 A", "0.5 inductive"), ("6 A", "0.5 inductive"))
HALF_LEADING = (("0.5 A", "0.8 capacitive"), ("6 A", "0.8 capacitive"))
WHOLE = (("0.25 A", "1"), ("5 A", "1"), ("100 A", "1"))
WHOLE_LAGGING = (("5 A", "0.5 inductive"), ("100 A", "0.5 inductive"))


def _cases() -> tuple[Case, ...]:
    cases = [
        Case("cop10/accuracy/whole-current/unity", WHOLE),
        Case("cop10/accuracy/whole-current/inductive", WHOLE_LAGGING),
        Case("si1998_1566/schedule1/whole-current/unity", WHOLE),
        Case("si1998_1566/schedule1/whole-current/inductive", WHOLE_LAGGING),
        Case("si1998_1566/schedule3/whole-current/unity", WHOLE),
        Case("si1998_1566/schedule3/whole-current/inductive", WHOLE_LAGGING),
        Case("cop11/type5/accuracy", (*WHOLE, *WHOLE_LAGGING)),
    ]
    for letter in "abc":
        index = f"mid/class-index/class-{letter}"
        stem = f"mid/table2/class-{letter}/balanced"
        cases += [
            Case(index, (("5 A", "1"),)),
            Case(f"{stem}/imin-to-itr/5-to-30", (("0.3 A", "1"),)),
            Case(f"{stem}/itr-to-imax/5-to-30", (("0.5 A", "1"), ("100 A", "1"))),
        ]
    for code in ("cop5", "cop11/type4"):
        stem = f"{code}/accuracy"
        cases += [
            Case(f"{stem}/unity/5-to-20", LOW, 6.0),
            Case(f"{stem}/unity/20-to-120", UNITY, 6.0),
            Case(f"{stem}/inductive/20-to-120", LAGGING, 6.0),
            Case(f"{stem}/capacitive/20-to-120", LEADING, 6.0),
        ]
    for code in ("cop3", "cop11/type1", "cop11/type2", "cop11/type3"):
        stem = f"{code}/accuracy"
        cases += [
            Case(f"{stem}/unity/5-to-10", LOW, 6.0),
            Case(f"{stem}/unity/10-to-120", HALF, 6.0),
            Case(f"{stem}/inductive/10-to-120", HALF_LAGGING, 6.0),
            Case(f"{stem}/capacitive/10-to-120", HALF_LEADING, 6.0),
        ]
    return tuple(cases)


CASES = _cases()


def expected_u(rule: Rule) -> float:
    """U at a load point: a tenth of the bound, and the standard's own. [%]"""
    bound = min(abs(one) for one in (rule.at_least, rule.at_most) if one is not None)
    return math.hypot(0.1 * bound, STANDARD_PERCENT)


def meters_of(rule: Rule) -> dict[str, float]:
    """Six meters by what they are to show, and the gain that makes each so. [%]"""
    u = expected_u(rule)
    found = {}
    for side, bound, outwards in (
        ("low", rule.at_least, -1.0), ("high", rule.at_most, 1.0)
    ):  # fmt: skip
        assert bound is not None
        for place, times in zip(PLACES, (-BEYOND, -WITHIN, BEYOND), strict=True):
            found[f"{side} {place}"] = bound + outwards * times * u
    return found


def _role(name: str) -> str:
    return name.replace(" ", "_")


def feature_of(case: Case, rule: Rule) -> str:
    """A feature that judges the six meters at every load point of a case."""
    names = list(meters_of(rule))
    limit = f"{rule.at_most:+g} / {rule.at_least:+g} %".replace("-", "−")
    given = [f"    And the {name} is tested against the standard" for name in names]
    rows = [f"      | {name} | meter error | {limit} | {rule.id} |" for name in names]
    when = [f"the load bank draws {a} at power factor {f}" for a, f in case.points]
    then = [f"    And the {name}'s register agrees with the standard" for name in names]
    return "\n".join(
        [
            "Feature: A limit",
            "  Scenario: It is seen from both sides",
            "    Given a bench with a load bank",
            *given,
            "    And the published limits",
            "      | asset | quantity | limit | rule |",
            *rows,
            f"    When {when[0]}",
            *(f"    And {one}" for one in when[1:]),
            *(["    Then" + then[0].removeprefix("    And"), *then[1:]]),
            "",
        ]
    )


def rig_of(case: Case, rule: Rule) -> str:
    """The meter bench with these six meters instead of its own two.

    Their registers are finer than their cards claim, so that chance does not move what
    one of them shows by as much as the uncertainty that is stated.
    """
    text = BENCH.read_text(encoding="utf-8")
    kept = text[: text.index("# Under test")]
    meters = [
        f"""
[meter.{_role(name)}]
driver = "meter/sdm230"
sees = ["load_bank"]
[meter.{_role(name)}.options]
poll_interval_s = 10
slow_every = 1
[meter.{_role(name)}.emulator]
gain_percent = {percent:.6f}
energy_resolution_wh = 0.05
[meter.{_role(name)}.rating]
basic_a = 5.0
maximum_a = {case.maximum_a}
[meter.{_role(name)}.calibration]
basis = "class"
document = "the meter under test"
error_percent = 1.0
due = 2099-12-31
"""
        for name, percent in meters_of(rule).items()
    ]
    return kept + "".join(meters)


@dataclass(frozen=True)
class Row:
    """One rule at one load point: each meter's number and outcome."""

    rule: Rule
    at: str
    shown: tuple[tuple[str, Verdict], ...]

    @property
    def wrong(self) -> list[str]:
        """What came out otherwise than it had to."""
        return [
            f"{self.rule.id} at {self.at}, {name}: {verdict}"
            for name, verdict in self.shown
            if str(verdict.outcome) not in EXPECTED[name.partition(" ")[2]]
        ]


def rows_of(case: Case, folder: Path) -> list[Row]:
    """Run a case and return its rows."""
    rule = load_rulebook().rule(case.rule_id, on=ON)
    folder.mkdir(parents=True, exist_ok=True)
    feature, rig = folder / "limit.feature", folder / "rig.toml"
    feature.write_text(feature_of(case, rule), encoding="utf-8")
    rig.write_text(rig_of(case, rule), encoding="utf-8")
    options = ("--decision-rule", "non-binary", "--date", ON.isoformat())
    run = pytest_here(feature, rig, folder / "run", *options)
    names = {_role(name): name for name in meters_of(rule)}
    by_point: dict[str, list[tuple[str, Verdict]]] = {}
    for verdict in run.record.verdicts:
        at = str(verdict.details["load_point"])
        by_point.setdefault(at, []).append((names[verdict.subject], verdict))
    if len(by_point) != len(case.points):
        raise RuntimeError(f"{case.rule_id}: {run.text}")
    return [Row(rule, at, tuple(shown)) for at, shown in by_point.items()]


def _run(case: Case) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="flexrig-limit-") as folder:
        return rows_of(case, Path(folder))


def page(rows: list[Row]) -> str:
    """The page: a line for each rule and load point."""
    lines = [
        "# Every limit on a meter's error, from both sides",
        "",
        "Made by `python -m tests.tools.meter_table` on `rigs/meter_bench.toml` with "
        "six meters in one current, each of its own gain. *Inside* and *outside* are "
        f"meant to be {BEYOND:g} U from the limit, *on it* {WITHIN:g} U inside. The "
        f"standard is certified to {STANDARD_PERCENT:g} %; each load stood for as long "
        "as the steps of the registers need. Judged by the four-way rule of "
        "ILAC-G8:09/2019, 4.2.3, w = U. Emulated: this shows the bench, and certifies "
        "no meter.",
        "",
        "| rule | load point | low: inside | on it | outside | high: inside | on it "
        "| outside | U / % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = " | ".join(_cell(verdict) for _name, verdict in row.shown)
        u = max(verdict.measured.expanded for _name, verdict in row.shown)
        lines.append(
            f"| `{row.rule.id}`, {_bound(row.rule)} | {row.at.replace(' at ', ', ')} "
            f"| {cells} | {u:.2g} |"
        )
    counts = f"{len(rows)} load points, {sum(len(row.shown) for row in rows)} verdicts"
    return "\n".join([*lines, "", f"{counts}.", ""])


def _bound(rule: Rule) -> str:
    return re.sub(r"-(?=\d)", "−", rule.bound)


def _cell(verdict: Verdict) -> str:
    short = str(verdict.outcome).replace("conditional ", "cond. ")
    value = wording.plain(verdict.measured.value, 3).replace("-", "−")
    return f"{value} {short}"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with ProcessPoolExecutor(2) as pool:
        rows = [row for rows in pool.map(_run, CASES) for row in rows]
    PAGE.write_text(page(rows), encoding="utf-8")
    wrong = [text for row in rows for text in row.wrong]
    print("\n".join(wrong) or f"{len(rows)} load points, each as it must be")  # noqa: T201
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
