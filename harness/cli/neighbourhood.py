"""flexrig neighbourhood: a year of the homes that a rig stands for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from harness.cli.progress import make_console
from harness.core.errors import RigError, UsageError
from harness.neighbourhood.page import NOTE, figure, held_table, page, table
from harness.neighbourhood.pathways import compare
from harness.reporting.plain_page import Rows
from harness.rig.file import Rig, read_rig
from harness.rig.shipped import find_file, shipped
from harness.rulebook.loader import load_rulebook


@click.command()
@click.argument("names", nargs=-1, metavar="[RIG]...")
@click.option("--year", type=click.IntRange(2000, 2100),
              help="Which year. Default: the present one.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True,
              help="Fixes weather, who has what, and how prices differ.")  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False),
              help="Also write it as a page with a figure.")  # fmt: skip
def neighbourhood(
    names: tuple[str, ...], year: int | None, seed: int, html: Path | None
) -> None:
    r"""A neighbourhood's year with and without coordination, against its source.

    RIG is a rig file with a [neighbourhood] table: a path, or the name of a shipped one
    (default: all six pathways). Homes, panels, cars, stores and prices are worked out
    half-hour by half-hour, the same year and weather for all; what a device must do for
    it is proven on the wire, by the features that name the same rig.

    \b
    Examples:
      flexrig neighbourhood
      flexrig neighbourhood p6_private_wire --seed 7
      flexrig neighbourhood my_village.toml --year 2027 --html village.html
    """
    console = make_console()
    rigs = [_read(name) for name in names or _shipped()]
    chosen = year or datetime.now(UTC).year  # noqa: TID251 - which year people live in
    found = compare(rigs, load_rulebook(), year=chosen, seed=seed)
    _show(console, f"A year, side by side ({chosen}, seed {seed}); £ a home and year",
          table(found))  # fmt: skip
    _show(console, "Against the figures of the source", held_table(found))
    console.print(NOTE, style="dim")
    if html is not None:
        html.write_text(page(found, figure(found), year=chosen, seed=seed), "utf-8")
        console.print(f"page: {html}", markup=False, highlight=False, soft_wrap=True)


def _shipped() -> list[str]:
    folder = shipped("rigs") / "neighbourhoods"
    return [str(path) for path in sorted(folder.glob("*.toml"))]


def _read(name: str) -> Rig:
    path = find_file(name, "rigs")
    if not path.exists():
        known = ", ".join(Path(each).stem for each in _shipped())
        raise UsageError(name, "there is no such rig", known)
    rig = read_rig(path)
    if rig.neighbourhood is None:
        fact, hint = "it says nothing of a neighbourhood", "a [neighbourhood] table"
        raise RigError(rig.file_name, fact, hint)
    return rig


def _show(console: Console, title: str, rows: Rows) -> None:
    head, *body = rows
    shown = Table(*head, box=SIMPLE, title=title, title_justify="left")
    for row in body:
        shown.add_row(*row)
    console.print(shown)
