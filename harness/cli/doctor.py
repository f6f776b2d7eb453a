"""flexrig doctor: prove a bench before a device is blamed."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, date, datetime

import click
from rich.console import Console
from rich.table import Table

from harness.checks.verdict import Outcome
from harness.cli.run import read_date
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop
from harness.rig.doctor import examine
from harness.rig.file import Rig, read_rig
from harness.rig.findings import Finding
from harness.rig.shipped import find_file

EXIT_BENCH = 2
STYLES = {Outcome.FAIL: "red", Outcome.PASS: "green"}


@click.command()
@click.argument("rig")
@click.option("--date", "on", help="Date of the trial, YYYY-MM-DD. Default: today.")
@click.option(
    "--watch",
    "watch_s",
    default=120.0,
    show_default=True,
    type=click.FloatRange(60.0, 3600.0),
    help="How long the meters are watched. [s]",
)
def doctor(rig: str, on: str | None, watch_s: float) -> None:
    r"""Examine the bench RIG: what answers, what it is, and whether it tells the truth.

    \b
    Reads only; nothing is written to any device. Looks at: reachability, identity,
    calibration, update interval, noise floor, polarity, scale, clocks, poll rate.
    Exit codes: 0 nothing to mend, 2 something to mend or a wrong rig file.
    """
    rig_file = read_rig(find_file(rig, "rigs"))
    day = read_date(on)
    virtual = rig_file.rig.clock == "virtual"
    factory = VirtualLoop if virtual else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        findings = runner.run(_examined(rig_file, day, watch_s))
    _show(rig_file, findings)
    bad = sum(one.outcome is Outcome.FAIL for _, one in findings)
    if bad:
        click.echo(f"{bad} to mend before a device is blamed", err=True)
        sys.exit(EXIT_BENCH)


async def _examined(rig: Rig, on: date, watch_s: float) -> list[tuple[str, Finding]]:
    if rig.rig.clock == "virtual":
        clock = BenchClock(datetime(on.year, on.month, on.day, 17, tzinfo=UTC))
    else:
        clock = BenchClock(datetime.now(UTC), held=True)  # noqa: TID251 - a real bench
    found = []
    async for role, one in examine(rig, clock, on, watch_s=watch_s):
        click.echo(f"{role}: {one.check}: {one.outcome}", err=True)
        found.append((role, one))
    return found


def _show(rig: Rig, findings: list[tuple[str, Finding]]) -> None:
    """Print what was found, by role, with what to do about each trouble."""
    table = Table("role", "check", "", "found", "try", title=rig.rig.name)
    roles = [role for role, _ in rig.entries()]
    for role, one in sorted(findings, key=lambda found: roles.index(found[0])):
        style = STYLES.get(one.outcome, "dim")
        table.add_row(role, one.check, one.outcome, one.detail, one.remedy, style=style)
    console = Console()
    Console(width=None if console.is_terminal else 160).print(table)
