"""The verdicts as a table for the terminal, and the exit code they amount to."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.checks.verdict import Verdict
from harness.reporting import wording
from harness.reporting.record import ScenarioOutcome, ScenarioRecord

ALL_PASS, DEVICE_FAILED, BENCH_OR_USAGE, INCONCLUSIVE = 0, 1, 2, 3

EXIT_CODES = {
    ScenarioOutcome.PASS: ALL_PASS,
    ScenarioOutcome.CONDITIONAL_PASS: ALL_PASS,
    ScenarioOutcome.NOT_APPLICABLE: ALL_PASS,
    ScenarioOutcome.CONDITIONAL_FAIL: DEVICE_FAILED,
    ScenarioOutcome.FAIL: DEVICE_FAILED,
    ScenarioOutcome.INCONCLUSIVE: INCONCLUSIVE,
    ScenarioOutcome.BROKEN: BENCH_OR_USAGE,
}
PRECEDENCE = (ALL_PASS, INCONCLUSIVE, DEVICE_FAILED, BENCH_OR_USAGE)

COLOURS = {
    "pass": "green",
    "conditional pass": "yellow",
    "conditional fail": "red",
    "fail": "bold red",
    "inconclusive": "bold yellow",
    "not applicable": "dim",
    "broken": "bold magenta",
}


def exit_code(records: Sequence[ScenarioRecord]) -> int:
    """Return what a run amounts to: 0 pass, 1 device, 2 bench or usage, 3 open.

    The worst wins, in the order 2, 1, 3, 0. A bench fault outranks a failed device
    because a bench that failed once may have misled elsewhere, so nobody should act
    against a device on the code alone; the table still names every miss. A miss
    outranks an open question: one bound surely missed is an answer. A run with no
    record at all, or in which nothing applied, judged nothing: that is 2, never 0.
    """
    outcomes = [record.outcome for record in records]
    if all(outcome is ScenarioOutcome.NOT_APPLICABLE for outcome in outcomes):
        return BENCH_OR_USAGE
    return max((EXIT_CODES[outcome] for outcome in outcomes), key=PRECEDENCE.index)


def verdict_table(records: Sequence[ScenarioRecord]) -> RenderableType:
    """Return the table of verdicts, with a line of counts and what it certifies."""
    table = Table(box=box.SIMPLE_HEAD, expand=False, pad_edge=False)
    table.add_column("Judged", overflow="fold")
    table.add_column("Measured ± U", justify="right", no_wrap=True)
    table.add_column("Limit", no_wrap=True)
    table.add_column("Margin", justify="right", no_wrap=True)
    table.add_column("Outcome", no_wrap=True)
    table.add_column("Source", overflow="fold")
    for record in records:
        _add(table, record)
    grade = wording.grade_of(records)
    return Group(table, _counts(records), Text(wording.banner(grade), style="bold"))


def _add(table: Table, record: ScenarioRecord) -> None:
    title = Text(record.title, style="bold")
    if record.example:
        title.append(f" ({', '.join(record.example.values())})", style="dim")
    table.add_row(title, "", "", "", _outcome(record.outcome), record.trial.rig)
    for verdict in record.verdicts:
        table.add_row(*_cells(verdict))
    if record.error and not record.verdicts:
        table.add_row(Text(f"  {record.error}", style=COLOURS[record.outcome]))
    table.add_section()


def _cells(verdict: Verdict) -> tuple[Text, ...]:
    rule = verdict.rule
    doubt = "" if rule.status == "verified" else f" ({rule.status})"
    cells = [
        Text(f"  {verdict.subject}: {rule.quantity}"),
        Text(wording.measured(verdict.measured)),
        Text(wording.bound(verdict)),
        Text(wording.margin(verdict)),
        _outcome(verdict.outcome),
        Text(f"{rule.source}, {rule.edition}{doubt}", style="dim"),
    ]
    return tuple(cells)


def _outcome(outcome: str) -> Text:
    return Text(str(outcome), style=COLOURS[str(outcome)])


def _counts(records: Sequence[ScenarioRecord]) -> Text:
    line = Text("Scenarios: ")
    for number, (name, count) in enumerate(wording.outcome_counts(records).items()):
        line.append(", " if number else "")
        line.append(f"{count} ").append_text(_outcome(name))
    return line
