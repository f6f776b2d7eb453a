"""flexrig devices and steps: what there is to choose from."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Column, Table

from harness.core.capabilities import Device, Polled
from harness.rig.drivers import all_drivers
from harness.steps.phrases import library


def _print(table: Table) -> None:
    Console(width=None if Console().is_terminal else 180).print(table)


@click.command()
def devices() -> None:
    """List every driver: family, maker, wire, capabilities, source."""
    name, can_do = Column("driver", no_wrap=True), Column("can", no_wrap=True)
    table = Table(name, "maker", "wire", "address", can_do, "source")
    for driver in all_drivers():
        asked = [one for one in driver.capabilities if one not in (Device, Polled)]
        can = "\n".join(one.__name__ for one in asked) or "is read"
        if driver.not_dispatchable:
            can = "not dispatchable"
        table.add_row(
            driver.name, driver.maker, driver.wire, driver.address_form, can,
            driver.source,
        )  # fmt: skip
    _print(table)


@click.command()
@click.argument("words", nargs=-1)
def steps(words: tuple[str, ...]) -> None:
    """List the phrases a feature file may use; WORDS narrow the list."""
    table = Table("keyword", "phrase", "meaning")
    for phrase in library().phrases:
        if all(word.lower() in phrase.text.lower() for word in words):
            table.add_row(phrase.keyword, phrase.text, phrase.meaning)
    _print(table)
