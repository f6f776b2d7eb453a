"""The verdicts as a table for the terminal, and the exit code they amount to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.checks.verdict import Verdict
from harness.reporting import wording
from harness.reporting.record import QUIET, ScenarioOutcome, ScenarioRecord, TableRecord

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

HEADS = ("", "Judged", "Measured ± U", "Limit [source]", "Margin")
MANY = 10
"""More scenarios than this, and what did not pass is named once more at the end."""
RIGHT = (2, 4)
NAME, LEAST_NAME = 1, 24

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


@dataclass(frozen=True, slots=True)
class VerdictTable:
    """The verdicts, their sources, the counts and what they certify.

    It fits the terminal: names are cut before numbers, and the margin is left out
    where there is no room for it. Sources are numbered and listed once.
    """

    records: Sequence[ScenarioRecord]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        verdicts = [verdict for record in self.records for verdict in record.verdicts]
        sources = list(dict.fromkeys(map(_source, verdicts)))
        cells = [HEADS, *(_cells(verdict, sources) for verdict in verdicts)]
        rows = iter(_aligned(cells, options.max_width))
        yield Text(next(rows), style="dim")
        for record in self.records:
            yield _title(record)
            for verdict in record.verdicts:
                yield _coloured(next(rows), verdict)
                if verdict.outcome not in QUIET and verdict.reason:
                    yield _why(verdict)
            for step in record.steps:
                yield from map(_made, step.made)
            if record.error and not record.verdicts:
                yield Text(f"  {record.error}", style=COLOURS[record.outcome])
        yield Text()
        for number, source in enumerate(sources, start=1):
            yield Text(f"[{number}] {source}", style="dim")
        yield Text()
        yield _counts(self.records)
        if len(self.records) > MANY:
            yield from _not_passed(self.records)
        yield Text(wording.banner(wording.grade_of(self.records)), style="bold")


def verdict_table(records: Sequence[ScenarioRecord]) -> RenderableType:
    """Return the table of a run for the terminal."""
    return VerdictTable(records)


def _title(record: ScenarioRecord) -> Text:
    """Return a scenario's name, with what its example row adds, and its outcome."""
    unsaid = [text for text in record.example.values() if text not in record.title]
    title = Text(record.title, style="bold")
    title.append(f" ({', '.join(unsaid)})" if unsaid else "", style="dim")
    return title.append("  ").append_text(_outcome(record.outcome))


def _cells(verdict: Verdict, sources: Sequence[str]) -> tuple[str, ...]:
    return (
        _short(verdict.outcome),
        f"{verdict.subject}: {verdict.judged}",
        wording.result(verdict),
        f"{wording.bound(verdict)} [{sources.index(_source(verdict)) + 1}]",
        wording.margin(verdict),
    )


def _not_passed(records: Sequence[ScenarioRecord]) -> Iterator[Text]:
    """Name once more, at the end of a long table, who wants to be looked at."""
    for record in records:
        if record.outcome not in QUIET:
            where = f"  {record.feature_file}"
            yield Text("  ").append_text(_title(record)).append(where, style="dim")


def _short(outcome: str) -> str:
    return "n/a" if outcome == "not applicable" else str(outcome)


def _coloured(row: str, verdict: Verdict) -> Text:
    line = Text(row, no_wrap=True, overflow="ellipsis")
    line.stylize(COLOURS[verdict.outcome], 2, 2 + len(_short(verdict.outcome)))
    return line


def _why(verdict: Verdict) -> Padding:
    remedy = f". Try: {verdict.remedy}" if verdict.remedy else ""
    return Padding(Text(f"{verdict.reason}{remedy}", style="italic"), (0, 0, 0, 6))


def _made(table: TableRecord) -> Padding:
    """A table that a step made, beneath the verdicts of its scenario."""
    head, *rows = table.rows
    shown = Table(*head, title=table.title, title_justify="left", box=SIMPLE)
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    return Padding(shown, (0, 0, 0, 4))


def _source(verdict: Verdict) -> str:
    rule = verdict.rule
    doubt = "" if rule.status == "verified" else f" ({rule.status})"
    return f"{rule.source}, {rule.edition}{doubt}"


def _aligned(rows: Sequence[tuple[str, ...]], room: int) -> list[str]:
    """Pad columns to one width within `room`; numbers stand at the right of theirs."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    spare = room - sum(widths) - 2 * len(widths) + widths[NAME]
    if spare < LEAST_NAME and widths[NAME] > spare:
        spare += widths.pop() + 2
    widths[NAME] = max(8, min(widths[NAME], spare))
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if number in RIGHT else _cut(cell, width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        for row in rows
    ]


def _cut(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else f"{text[: width - 1]}…"


def _outcome(outcome: str) -> Text:
    return Text(str(outcome), style=COLOURS[str(outcome)])


def _counts(records: Sequence[ScenarioRecord]) -> Text:
    line = Text("Scenarios: ")
    for number, (name, count) in enumerate(wording.outcome_counts(records).items()):
        line.append(", " if number else "")
        line.append(f"{count} ").append_text(_outcome(name))
    return line
