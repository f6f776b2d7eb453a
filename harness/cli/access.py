"""flexrig access: which services one recorded session would open."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from harness.cli.progress import make_console
from harness.cli.run import DECISION_RULE
from harness.core.errors import EvidenceError, UsageError
from harness.evidence.bundle import MANIFEST, read_bundle
from harness.reporting.plain_page import Rows, plain_page, section
from harness.rulebook.loader import load_rulebook
from harness.steps.answers import answer_table, answers, headline, looked_at

NOTE = (
    "Only what a bench can measure is looked at. Services ask for more: contracts, "
    "prequalification, a least unit, metering of their own. Emulated or not, this "
    "admits nobody to anything."
)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--role", help="Only this device's answers, such as ev.")
@click.option("--decision-rule", type=DECISION_RULE, default="simple",
              show_default=True, help="How uncertainty enters.")  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False),
              help="Also write it as a page.")  # fmt: skip
def access(run: Path, role: str | None, decision_rule: str, html: Path | None) -> None:
    r"""Hold the answers in a RUN against every service: STOR, reserves, DFS, DSO, …

    RUN is a run's folder, or one scenario's in it. Each instruction that an independent
    meter saw gets a table: how soon power moved, how soon all of it was delivered, for
    how long it held and how often it can be read, against what each service asks in
    each edition, with what is missed and by how much.

    \b
    Examples:
      flexrig access reports/runs/20270110T170000Z
      flexrig access reports/runs/20270110T170000Z --role ev --html access.html
    """
    console, rulebook = make_console(), load_rulebook()
    parts = []
    for bundle in _bundles(run):
        recording = read_bundle(bundle)
        trial = looked_at(recording, rulebook, bundle / "rig.toml", decision_rule)
        for one in answers(trial, role):
            stands = one.stands(rulebook, decision_rule)
            rows = answer_table(one, stands, rulebook)
            said = headline(one, stands)
            _show(console, bundle.name, one.title, rows, said)
            parts.append(section(one.title, rows, note=f"{bundle.name}. {said}"))
    if not parts:
        whose = f" of the {role}" if role else ""
        fact = f"no instruction{whose} that an independent meter saw"
        hint = "a run in which a device was told to turn up or down, by its own meter"
        raise UsageError(str(run), fact, hint)
    console.print(NOTE, style="dim")
    if html is not None:
        header = f'<p class="soft">{escape(str(run))}, {_now()}</p>'
        main = "\n".join(parts)
        page = plain_page("market access", header=header, main=main, footer=NOTE)
        html.write_text(page, encoding="utf-8")
        console.print(f"page: {html}", markup=False, highlight=False, soft_wrap=True)


def _bundles(run: Path) -> list[Path]:
    """Return a run's scenarios that were recorded, or the one that was named."""
    if (run / MANIFEST).exists():
        return [run]
    found = sorted(manifest.parent for manifest in run.glob(f"*/{MANIFEST}"))
    if not found:
        raise EvidenceError(
            str(run), "no recording is in it", "a folder of reports/runs"
        )
    return found


def _show(console: Console, scenario: str, title: str, rows: Rows, said: str) -> None:
    head, *body = rows
    table = Table(*head, box=SIMPLE, title=title, title_justify="left")
    for row in body:
        table.add_row(*row)
    console.print(scenario, style="dim", markup=False, highlight=False)
    console.print(table)
    console.print(said, markup=False, highlight=False)
    console.print()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")  # noqa: TID251 - a page's
