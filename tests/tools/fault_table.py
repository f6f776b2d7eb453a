"""The fault table: every kind of fault, what notices it, and what becomes of a verdict.

``python -m tests.tools.fault_table`` carries out one short scenario for each kind, with
an ordinary Then and the question whether the bench noticed, and writes
``docs/faults.md``. ``--seeds 20`` runs the good twins of all of them over so many seeds
instead: nothing may be noticed.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import click

from harness.core.faults import FaultKind
from harness.reporting import figures
from harness.steps.fault_words import WORDINGS
from tests.cli.bench import GOOD_RIG, ROOT, pytest_here

TABLE = ROOT / "docs/faults.md"
SEEDS = 20

GIVEN = """\
Feature: Faults

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 60 s before and 30 s after
    And the published limits
      | asset     | quantity                | limit     | rule                                   |
      | EV        | turn-down response time | 10 s      | crowdflex/table4/ev-turn-down-response |
      | heat pump | turn-down response time | 2 minutes | crowdflex/table4/heat-response         |
      | battery   | turn-up response time   | 30 s      | crowdflex/table4/ev-turn-up-response   |
    And the bench's own expectations
      | asset     | quantity        | limit         | rule                      |
      | EV        | ramp rate       | 100 W/s       | agreement/ev-ramp         |
      | EV        | delivered share | 95 %          | agreement/delivered-share |
      | EV        | own meter error | +2.5 / −3.5 % | cop11/type5/accuracy      |
      | heat pump | delivered share | 95 %          | agreement/delivered-share |
      | heat pump | own meter error | +2.5 / −3.5 % | cop11/type5/accuracy      |
      | battery   | delivered share | 95 %          | agreement/delivered-share |
"""  # noqa: E501 - a table of a feature file
EV = "the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00"
PUMP = "the ESO instructs the heat pump to turn down to 0.6 kW from 17:00 to 17:06"
BATTERY = "the ESO instructs the battery to turn up to 2 kW from 17:00 to 17:05"
BATTERY_HOLDS = "the battery holds its level until 17:05"
EV_HOLDS = "the EV holds its level until 17:02:00"
EV_AGREES = "the EV's own meter agrees with the independent meter"
PUMP_HOLDS = "the heat pump holds its level until 17:06"
PUMP_AGREES = "the heat pump's own meter agrees with the independent meter"
DURING = "from 17:00:20 to 17:01:20"
THROUGHOUT = "from 16:59:10 to 17:02:10"


@dataclass(frozen=True)
class Case:
    """One kind of fault: how it is imposed, and what an ordinary Then makes of it."""

    kind: FaultKind
    fault: str
    asked: str
    then: str
    outcome: str
    because: str
    """Words of the reason."""
    rig: str = "emulated"

    @property
    def asset(self) -> str:
        """What has the fault, as the feature file names it."""
        return re.split(r"'s (?:wire|clock)| ", self.fault.removeprefix("the "))[0]

    @property
    def noticed(self) -> str:
        """The fault as a question: no amount, no time."""
        wording = WORDINGS[self.kind]
        found = re.match(rf"the (?P<asset>[^']+?){wording.pattern}", self.fault)
        assert found is not None, self.fault
        before, bracket, rest = wording.text.partition("[")
        text = before + (rest.partition("]")[2] if bracket else "")
        return f"the {found['asset']}{text}"

    @property
    def title(self) -> str:
        return f"{self.kind.name.lower().replace('_', ' ')}"

    def scenario(self, *, faulty: bool = True) -> str:
        notices = "notices" if faulty else "does not notice"
        steps = [f"When {self.fault}", f"And {self.asked}"]
        steps = steps if faulty else [f"When {self.asked}"]
        steps += [f"Then {self.then}", f"And the bench {notices} that {self.noticed}"]
        lines = "".join(f"    {step}\n" for step in steps)
        return f"\n  Scenario: {self.title}\n{lines}"


K, SHUT = FaultKind, "inconclusive"
CASES = (
    Case(K.LATENCY, f"the EV meter's wire is slow by 0.4 s {DURING}", EV, EV_HOLDS,
         SHUT, "was slow"),
    Case(K.LOSS, f"the EV meter's wire loses 20 % of messages {DURING}", EV, EV_HOLDS,
         SHUT, "of the messages"),
    Case(K.DUPLICATE, f"the EV meter's wire repeats 20 % of messages {DURING}", EV,
         EV_HOLDS, SHUT, "repeated"),
    Case(K.REORDER, "the heat pump's wire reorders 10 % of messages from it from "
         "16:59:30 to 17:05", PUMP, PUMP_AGREES, SHUT, "reordered"),
    Case(K.DISCONNECT, "the EV meter's wire is cut from 17:00:30 to 17:01:00", EV,
         EV_HOLDS, SHUT, "was silent"),
    Case(K.MALFORMED, f"the EV meter's wire garbles 30 % of messages {DURING}", EV,
         EV_HOLDS, SHUT, "garbled"),
    Case(K.EXCEPTION, "the EV meter answers with an exception of code 4 from 17:00:30 "
         "to 17:01:00", EV, EV_HOLDS, SHUT, "with an error"),
    Case(K.STALE, "the heat pump serves stale values from 16:59:30 to 17:05", PUMP,
         PUMP_AGREES, "fail", "stood still"),
    Case(K.WORD_SWAP, f"the EV meter swaps its words {DURING}", EV, EV_HOLDS, SHUT,
         "implausible"),
    Case(K.SILENT_REVERT, "the heat pump reverts what was written after 60 s from "
         "16:59:30 to 17:05", PUMP, PUMP_HOLDS, "fail", "went back"),
    Case(K.LOST_WATCHDOG, "the battery does not see the refresh from 17:01 to 17:05",
         BATTERY, BATTERY_HOLDS, "fail", "although it was told", rig="battery"),
    Case(K.FROZEN, f"the EV meter is frozen {DURING}", EV, EV_HOLDS, SHUT,
         "was frozen for"),
    Case(K.GAP, "the EV meter is silent from 17:00:30 to 17:01:00", EV, EV_HOLDS, SHUT,
         "was silent for"),
    Case(K.CLOCK_STEP, f"the EV meter's clock is stepped by 40 s {THROUGHOUT}", EV,
         EV_HOLDS, SHUT, "is off by"),
    Case(K.CLOCK_DRIFT, "the EV meter's clock drifts by 400 s an hour from 16:59:10",
         EV, EV_HOLDS, SHUT, "drifts by"),
    Case(K.REVERSED, "the EV meter has its current transformer reversed "
         f"{DURING}", EV, EV_HOLDS, SHUT, "the opposite sign"),
    Case(K.SCALED, f"the EV meter reads by a wrong factor of 1000 {DURING}", EV,
         EV_HOLDS, SHUT, "times as large"),
    Case(K.REPLAYED_BACKLOG, "the EV meter replays old values, 40 s old "
         f"{DURING}", EV, EV_HOLDS, SHUT, "gave again"),
    Case(K.LATE_BACKLOG, f"the EV delivers late, every 50 s {THROUGHOUT}", EV,
         EV_AGREES, "fail", "old when it arrived"),
    Case(K.IGNORES, f"the EV accepts and ignores {THROUGHOUT}", EV, EV_HOLDS, "fail",
         "accepted but not delivered"),
    Case(K.RAMPS_WRONG, "the EV ramps at a wrong pace, 0.02 times its own "
         f"{THROUGHOUT}", EV, "the EV ramps as agreed", "fail", "outside the bound"),
    Case(K.TRIPS, "the EV trips from 17:01:00 to 17:01:40", EV, EV_HOLDS, SHUT,
         "fell to nothing"),
    Case(K.REBOOTS, "the EV reboots for 20 s from 17:00:50 to 17:01:30", EV, EV_HOLDS,
         SHUT, "started anew"),
    Case(K.FORGETS_SCHEDULE, "the EV forgets its schedule from 17:00:50 to 17:01:50",
         EV, EV_HOLDS, "fail", "left its level"),
)  # fmt: skip
"""One for each kind, on a role of the emulated rig that can have it."""


@dataclass(frozen=True)
class Row:
    """What came of one case."""

    case: Case
    noticed: str
    """Outcome of the question whether the bench noticed."""
    finding: str
    rule: str
    outcome: str
    reason: str


BATTERY_PARTS = """
[device.battery]
driver = "battery/sunspec"
safe_power_w = 7000
[device.battery.emulator]

[meter.battery_meter]
driver = "meter/sdm230"
sees = ["battery"]
[meter.battery_meter.emulator]
[meter.battery_meter.calibration]
basis = "certificate"
document = "emulated certificate E-0003"
expanded_uncertainty_percent = 0.4
due = 2099-12-31
"""


def rigs(folder: Path) -> dict[str, Path]:
    """The emulated rig, and the same with a battery, which has a watchdog."""
    path = folder / "battery.toml"
    path.write_text(GOOD_RIG.read_text(encoding="utf-8") + BATTERY_PARTS)
    return {"emulated": GOOD_RIG, "battery": path}


def rows(folder: Path, cases: tuple[Case, ...] = CASES) -> list[Row]:
    """Carry out every case; return what came of each, in their order."""
    found: dict[FaultKind, Row] = {}
    for name, rig in rigs(folder).items():
        these = tuple(case for case in cases if case.rig == name)
        found |= {row.case.kind: row for row in _run(folder / name, rig, these)}
    return [found[case.kind] for case in cases]


def _run(folder: Path, rig: Path, cases: tuple[Case, ...]) -> list[Row]:
    records = _records(folder, rig, [case.scenario() for case in cases])
    return [_row(case, records[case.title]) for case in cases]


def _records(folder: Path, rig: Path, scenarios: list[str], *options: str):
    if not scenarios:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    feature = folder / "faults.feature"
    feature.write_text(GIVEN + "".join(scenarios), encoding="utf-8")
    nothing = mock.Mock(return_value=b"")
    with mock.patch.multiple(
        figures, draw=nothing, describe=mock.Mock(return_value="")
    ):
        ended = pytest_here(feature, rig, folder / "run", *options)
    found = {record.title: record for record in ended.records}
    if len(found) != len(scenarios):
        raise AssertionError(ended.text[-3000:])
    return found


def _row(case: Case, record) -> Row:
    if len(record.verdicts) < 2:
        return Row(case, "", "", "", record.outcome, record.error)
    ordinary, asked = record.verdicts[0], record.verdicts[-1]
    finding = str(asked.details.get("finding", asked.reason))
    return Row(
        case, str(asked.outcome), finding, asked.rule.id, str(ordinary.outcome),
        ordinary.reason,
    )  # fmt: skip


def shortfall(row: Row) -> str:
    """How a row fell short of what its case promises, or ""."""
    case = row.case
    if row.noticed != "pass":
        return f"{case.kind.name}: not noticed ({row.noticed}): {row.finding}"
    if row.outcome != case.outcome or case.because not in row.reason:
        return f"{case.kind.name}: {row.outcome}: {row.reason}"
    return ""


HEAD = """\
# Faults, and what notices them

Made by `python -m tests.tools.fault_table`, which carries out one short scenario for
each kind of fault on the emulated rig. Do not edit it by hand.

A plan names a fault in a When: what has it, what is wrong and how much, from when, and
until when. Without a second time it lasts until the plan ends.

A fault *of a wire* happens to messages between harness and device, in a relay that
stands between the two; a real device can have it as well, unless its wire is serial or
encrypted. It can happen to messages *to it* or *from it* only, and to those only that
*say "MeterValues"*: `When the EV's wire loses 20 % of messages from it that say
"MeterValues" from 17:01 to 17:05`. Which messages it happens to is drawn from the rig's
seed, the role and the place of the fault in the plan.

Every other fault happens inside an emulator. A device that cannot have it, and any real
one, is refused before anything is measured.

The bench notices from the recording alone, without knowing what was imposed. `Then the
bench notices that …` asks for the finding itself; what cannot be told (no other meter,
no number on the messages) is inconclusive, with that reason.
"""


def document(found: list[Row]) -> str:
    """The table, in Markdown."""
    said = [(row.case.kind, f"When {row.case.fault}") for row in found]
    came = [
        (
            row.case.kind, row.finding, f"`{row.rule}`", row.case.then, row.outcome,
            row.reason,
        )
        for row in found
    ]  # fmt: skip
    titles = ("fault", "finding", "rule", "ordinary Then", "verdict", "reason")
    return "\n".join(
        [
            HEAD,
            "## How each is said\n",
            *_table(("fault", "in a feature file"), said),
            "\n## What notices each, and what becomes of a verdict\n",
            *_table(titles, came),
            "",
        ]
    )


def _table(titles, rows) -> list[str]:
    lines = [titles, ["---"] * len(titles), *rows]
    return [
        "| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |"
        for line in lines
    ]


def without_numbers(text: str) -> str:
    """A text with its figures masked: those move with every emulator's noise."""
    return re.sub(r"[-−+]?\d[\d,.:]*", "#", text)


def false_alarms(folder: Path, seed: int) -> list[str]:
    """What is noticed on benches without a fault, for one seed."""
    found = []
    for name, rig in rigs(folder).items():
        for asked in (EV, PUMP, BATTERY):
            these = [c for c in CASES if c.rig == name and c.asked == asked]
            found += _alarms(folder / f"{name}{len(asked)}{seed}", rig, these, seed)
    return found


def _alarms(folder: Path, rig: Path, cases: list[Case], seed: int) -> list[str]:
    """One good twin that asks for every kind of these cases at once."""
    if not cases:
        return []
    thens = list(dict.fromkeys(case.then for case in cases))
    asked = [f"the bench does not notice that {case.noticed}" for case in cases]
    first, *others = [*thens, *asked]
    lines = [f"When {cases[0].asked}", f"Then {first}", *(f"And {o}" for o in others)]
    text = "".join(f"    {line}\n" for line in lines)
    scenario = f"\n  Scenario: the good twin\n{text}"
    (record,) = _records(folder, rig, [scenario], "--seed", str(seed)).values()
    return [f"seed {seed}: {v}" for v in record.verdicts if v.outcome != "pass"]


def main() -> None:
    """Write the table, or look for false alarms over many seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flexrig-faults-") as temporary:
        folder = Path(temporary)
        if chosen.seeds:
            wrong = [
                a for s in range(1, chosen.seeds + 1) for a in false_alarms(folder, s)
            ]
        else:
            cases = tuple(c for c in CASES if chosen.only in c.kind.name)
            found = rows(folder, cases)
            wrong = [short for short in map(shortfall, found) if short]
            if len(cases) == len(CASES):
                TABLE.write_text(document(found), encoding="utf-8")
    for line in wrong:
        click.echo(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
