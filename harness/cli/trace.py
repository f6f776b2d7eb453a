"""flexrig trace: what the sources ask for, and which scenarios show it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from harness.cli.progress import make_console
from harness.core.errors import UsageError
from harness.reporting.coverage import (
    Trace,
    Traced,
    ledger,
    one_id,
    summary,
    trace,
    trace_rows,
)
from harness.reporting.plain_page import plain_page, section
from harness.reporting.record_json import read_records
from harness.reporting.table import COLOURS
from harness.rig.shipped import shipped
from harness.rulebook.loader import load_rulebook
from harness.steps.claims import claims_of
from harness.steps.reading import day_of, read_feature

UNTRUE = 1
RUNS = Path("reports/runs")
OUTCOME = 4
"""Column of the last outcome."""


@click.command("trace")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--run", "run_folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Whose outcomes to show. Default: the newest of reports/runs, if any.",
)  # fmt: skip
@click.option(
    "--features", "folder", type=click.Path(path_type=Path, exists=True),
    help="Where feature files are. Default: the shipped ones.",
)  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False),
              help="Also write it as a page.")  # fmt: skip
def trace_command(
    ids: tuple[str, ...], run_folder: Path | None, folder: Path | None,
    html: Path | None,
) -> None:  # fmt: skip
    r"""Hold the requirements ledger against scenarios, rules and their last outcome.

    With an ID: every scenario that shows it, and every rule that they quote. Exit code
    1 if the ledger is untrue: a scenario without an id, a tag that looks like an id and
    is none, or an id marked as done that has lost its scenarios.

    \b
    Examples:
      flexrig trace
      flexrig trace UC1 OPM
      flexrig trace --run reports/runs/20270110T170000Z --html trace.html
    """
    console = make_console()
    run_folder = run_folder or _newest_run()
    found = _traced(folder or shipped("features"), run_folder)
    if ids:
        for wanted in ids:
            _show_one(console, one_id(found, wanted))
        return
    _show(console, found, run_folder)
    if html is not None:
        html.write_text(_page(found, run_folder), encoding="utf-8")
        console.print(f"page: {html}", markup=False, highlight=False, soft_wrap=True)
    if found.faults:
        sys.exit(UNTRUE)


def _newest_run() -> Path | None:
    runs = sorted(path for path in RUNS.glob("*") if path.is_dir())
    return runs[-1] if runs else None


def _traced(folder: Path, run_folder: Path | None) -> Trace:
    paths = sorted(folder.rglob("*.feature")) if folder.is_dir() else [folder]
    if not paths:
        raise UsageError(str(folder), "no feature file in it", "features/")
    book, today = load_rulebook(), datetime.now(UTC).date()  # noqa: TID251 - a civil date
    features = [read_feature(path, book, day_of(path, today=today)) for path in paths]
    records = [] if run_folder is None else read_records(run_folder)
    return trace(ledger(), claims_of(features), records)


def _show(console: Console, found: Trace, run_folder: Path | None) -> None:
    for group, (head, *rows) in trace_rows(found).items():
        first = Column(head[0], no_wrap=True)
        table = Table(first, *head[1:], title=group, title_justify="left", box=SIMPLE)
        for row in rows:
            style = "" if row[2].isdigit() else "dim"
            cells = [Text(cell, style=style) for cell in row]
            cells[OUTCOME] = Text(row[OUTCOME], style=COLOURS.get(row[OUTCOME], style))
            table.add_row(*cells)
        console.print(table)
    console.print(Text(summary(found), style="bold"))
    where = "no run was found" if run_folder is None else f"outcomes of {run_folder}"
    console.print(Text(where, style="dim"))
    for fault in found.faults:
        console.print(Text(fault, style="red"), soft_wrap=True)


def _show_one(console: Console, one: Traced) -> None:
    entry = one.entry
    console.print(Text(f"{entry.id}  {entry.title}", style="bold"))
    console.print(Text(f"{entry.group}, {entry.source}", style="dim"))
    if entry.shows:
        console.print(Text(f"asks for: {entry.shows}"))
    if not one.claims:
        console.print(Text("no scenario yet"))
    came = {record.title: str(record.outcome) for record in one.records}
    for claim in one.claims:
        outcome = came.get(claim.title, "")
        line = Text(f"  {claim.feature}: {claim.title}  ")
        console.print(line.append(outcome, style=COLOURS.get(outcome, "")))
    if one.rules:
        console.print(Text(f"rules: {', '.join(one.rules)}", style="dim"))


def _page(found: Trace, run_folder: Path | None) -> str:
    ran = "no run" if run_folder is None else f"the run {run_folder.name}"
    faults = "".join(f'<p class="error fail">{escape(one)}</p>' for one in found.faults)
    tables = [section(group, rows) for group, rows in trace_rows(found).items()]
    scenarios = [["scenario", "feature", "ids"]]
    seen: dict[tuple[str, str], list[str]] = {}
    for one in found.traced:
        for claim in one.claims:
            seen.setdefault((claim.title, claim.feature), []).append(one.entry.id)
    scenarios += [[*where, ", ".join(ids)] for where, ids in sorted(seen.items())]
    return plain_page(
        "Requirements ledger",
        header=f'<p class="big">{escape(summary(found))}</p>{faults}',
        main="\n".join([*tables, section("Every scenario", scenarios)]),
        footer=f"Outcomes and evidence of {escape(ran)}.",
    )
