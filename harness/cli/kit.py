"""flexrig check-driver and new-device: for people who write drivers."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from harness.checks.verdict import Outcome
from harness.core.bench import Driver
from harness.core.errors import UsageError
from harness.kit.conformance import check_driver as checks_of
from harness.kit.real import check_real
from harness.kit.scaffold import KINDS, scaffold
from harness.rig.drivers import all_drivers, find_driver
from harness.rig.file import validation_error
from harness.rig.findings import Finding

EXIT_FAILED = 1


@click.command("check-driver")
@click.argument("names", nargs=-1)
@click.option("--address", default="", help="A real device; without it, the emulator.")
@click.option("--options", "options_text", default="", help="Its options, as TOML.")
@click.option("--steer", is_flag=True, help="Allow writes to the real device.")
def check_driver(
    names: tuple[str, ...], address: str, options_text: str, steer: bool
) -> None:
    r"""Prove drivers NAMES (default: all) against their emulators, or one real device.

    \b
    Examples:
      flexrig check-driver meter/sdm230
      flexrig check-driver heat_pump/nibe_s --address modbus://192.168.1.40:502/1
      flexrig check-driver heat_pump/nibe_s --address … --steer

    Exit codes: 0 all as it must be, 1 something is not, 2 usage.
    """
    chosen = [find_driver(name, "check-driver") for name in names] or all_drivers()
    if address and len(chosen) != 1:
        raise UsageError("--address", "one device has one driver", "one NAME with it")
    bad = 0
    for driver in chosen:
        findings: Iterable[Finding]
        if address:
            findings = asyncio.run(_real(driver, address, options_text, steer))
        else:
            findings = checks_of(driver)
        bad += _show(driver, findings)
    if bad:
        click.echo(f"{bad} not as it must be", err=True)
        sys.exit(EXIT_FAILED)


async def _real(
    driver: Driver, address: str, options_text: str, steer: bool
) -> list[Finding]:
    try:
        data = tomllib.loads(options_text)
        options = driver.options.model_validate(data)
    except tomllib.TOMLDecodeError as error:
        hint = "phases = 1, a line for each"
        raise UsageError("--options", str(error), hint) from error
    except ValidationError as error:
        raise validation_error("--options", error, driver.options) from error
    return [one async for one in check_real(driver, address, options, steer=steer)]


def _show(driver: Driver, findings: Iterable[Finding]) -> int:
    """Print a driver's findings; return how many are bad."""
    table = Table("check", "", "found", "try", title=driver.name, title_justify="left")
    bad = 0
    for one in findings:
        bad += one.outcome is Outcome.FAIL
        style = {Outcome.FAIL: "red", Outcome.PASS: "green"}.get(one.outcome, "dim")
        table.add_row(one.check, one.outcome, one.detail, one.remedy, style=style)
    console = Console()
    Console(width=None if console.is_terminal else 160).print(table)
    return bad


@click.command("new-device")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(sorted(KINDS)),
    default="meter",
    show_default=True,
    help="What a trial may ask of it.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder in which the new folder is made. Default: here.",
)
def new_device(name: str, kind: str, into: Path) -> None:
    r"""Make a folder NAME with a driver, an emulator, tests and a rig to start from.

    \b
    flexrig new-device acme_heater --kind limit
    pip install -e acme_heater
    flexrig check-driver acme_heater/modbus

    It is a package of its own: Flexrig finds it through its entry point. It speaks
    Modbus TCP with three registers that are nobody's; replace them by the maker's.
    """
    folder = scaffold(name, kind, into)
    click.echo(f"made {folder}; read {folder / 'README.md'} first")
