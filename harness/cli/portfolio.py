"""flexrig portfolio: from a bench to thousands of homes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from harness.analysis.portfolio.unit import Each
from harness.checks.access import access_table
from harness.cli.progress import make_console
from harness.cli.run import DECISION_RULE, read_date
from harness.core.errors import UsageError
from harness.portfolio.answer import FEWEST, Answer, answer
from harness.portfolio.figures import figures
from harness.portfolio.file import PortfolioFile, read_portfolio
from harness.portfolio.learn import Lessons, learn, scenes_in
from harness.portfolio.page import answer_table, headline, page, seen_as
from harness.portfolio.workers import cluster, threads
from harness.rig.shipped import find_file, shipped
from harness.rulebook.loader import load_rulebook

SAMPLE = 10_000


@click.command()
@click.argument("names", nargs=-1, metavar="[FILE]...")
@click.option(
    "--sample",
    type=click.IntRange(FEWEST, 1_000_000),
    default=SAMPLE,
    show_default=True,
    help="Homes that the answer is drawn from.",
)
@click.option("--target-mw", type=float, help="What to deliver. Default: the file's.")
@click.option(
    "--confidence", type=float, help="How surely, in percent. Default: the file's."
)
@click.option("--outdoor", type=float, help="Mean outdoor temperature in °C.")
@click.option(
    "--from", "runs", type=click.Path(path_type=Path), multiple=True, metavar="RUN",
    help="A run of the bench: what it saw of a home stands for what the file declares.",
)  # fmt: skip
@click.option("--role", help="Whose recordings those are. Default: the file's kind.")
@click.option("--decision-rule", type=DECISION_RULE, default="simple",
              show_default=True, help="How uncertainty enters a verdict.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), help="Instead of the file's.")
@click.option("--date", "on", help="Date of the question, YYYY-MM-DD. Default: today.")
@click.option("--workers", type=click.IntRange(1, 64),
              help="Threads on this machine. Default: one for each core.")  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS",
              help="A Dask scheduler: the same bits, on many machines.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False),
    help="Where pages go. Default: reports/portfolios/<time>.",
)  # fmt: skip
def portfolio(
    names: tuple[str, ...], sample: int, target_mw: float | None,
    confidence: float | None, outdoor: float | None, runs: tuple[Path, ...],
    role: str | None, decision_rule: str, seed: int | None, on: str | None,
    workers: int | None, scheduler: str | None, out: Path | None,
) -> None:  # fmt: skip
    r"""How many such homes make 1 MW, and would the control room see their unit?

    FILE declares a portfolio: a path, or the name of a shipped one (ev, heat_pump;
    default: both). Every home is worked out second by second: when it is plugged in or
    heated, how it answers an event, how its meter errs, when it is read.

    \b
    Examples:
      flexrig portfolio
      flexrig portfolio heat_pump --outdoor -5
      flexrig portfolio ev --from reports/runs/20270110T170000Z
      flexrig portfolio my_fleet.toml --sample 100000 --scheduler tcp://10.0.0.5:8786
    """
    console, day = make_console(), read_date(on)
    declared = [_asked(_read(name), target_mw, confidence) for name in _names(names)]
    folder = out or Path("reports/portfolios") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"  # noqa: TID251 - an evidence stamp
    for file in declared:
        lessons = _lessons(runs, role or file.portfolio.kind) if runs else None
        with _each(console, file, sample, workers or _cores(), scheduler) as each:
            found = answer(
                file,
                sample=sample,
                rulebook=load_rulebook(),
                on=day,
                decision_rule=decision_rule,
                lessons=lessons,
                outdoor_c=outdoor if file.heat_pump or len(declared) == 1 else None,
                seed=seed,
                each=each,
            )
        _show(console, found)
        path = _write(folder, found)
        console.print(f"page: {path}", markup=False, highlight=False, soft_wrap=True)


def _cores() -> int:
    return os.cpu_count() or 1


def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    if names:
        return names
    return tuple(path.stem for path in sorted(shipped("portfolios").glob("*.toml")))


def _read(name: str) -> PortfolioFile:
    path = find_file(name, "portfolios")
    if not path.exists():
        known = sorted(path.stem for path in shipped("portfolios").glob("*.toml"))
        raise UsageError(name, "there is no such portfolio", ", ".join(known))
    return read_portfolio(path)


def _asked(
    file: PortfolioFile, target_mw: float | None, confidence: float | None
) -> PortfolioFile:
    """Return the file with another target, if one was asked for."""
    target = file.target
    if target_mw is not None:
        if not 0 < target_mw <= 10_000:
            raise UsageError("--target-mw", f"{target_mw:g} MW is no target", "1")
        target = target.model_copy(update={"mw": target_mw})
    if confidence is not None:
        if not 50 < confidence < 100:
            fact = f"{confidence:g} % is none"
            raise UsageError("--confidence", fact, "a number above 50 and below 100")
        target = target.model_copy(update={"confidence_percent": confidence})
    return file.model_copy(update={"target": target})


def _lessons(runs: tuple[Path, ...], role: str) -> Lessons:
    return learn([scene for run in runs for scene in scenes_in(run)], role)


@contextmanager
def _each(
    console: Console,
    file: PortfolioFile,
    sample: int,
    workers: int,
    scheduler: str | None,
) -> Iterator[Each]:
    """Give the way in which homes are worked out, with progress for a person."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(file.portfolio.name, total=sample)

        def told(homes: int) -> None:
            progress.update(task, completed=homes)

        if scheduler is None:
            yield threads(workers, told)
            return
        with cluster(scheduler, told) as each:
            yield each


def _show(console: Console, found: Answer) -> None:
    console.print(Text(found.file.portfolio.name, style="bold"))
    console.print(Text(headline(found)))
    console.print(Text(seen_as(found)))
    tables = [("", answer_table(found))]
    if found.lessons is not None:
        tables.append(("What the bench told of a home", found.lessons.table()))
    tables.append(("Operational metering, every edition", access_table(found.stands)))
    for title, (head, *rows) in tables:
        shown = Table(*head, title=title, title_justify="left", box=SIMPLE)
        for row in rows:
            shown.add_row(*map(Text, row))
        console.print(shown)


def _write(folder: Path, found: Answer) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{Path(found.file.file_name).stem}.html"
    path.write_text(page(found, figures(found)), encoding="utf-8")
    return path
