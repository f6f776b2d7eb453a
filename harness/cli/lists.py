"""flexrig devices, steps and rules: what there is to choose from."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Column, Table

from harness.cli.run import read_date
from harness.core.capabilities import Device, Polled
from harness.rig.drivers import all_drivers
from harness.rulebook.loader import load_rulebook
from harness.steps.phrases import all_phrases


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
    for phrase in all_phrases():
        if all(word.lower() in phrase.text.lower() for word in words):
            table.add_row(phrase.keyword, phrase.text, phrase.meaning)
    _print(table)


@click.command()
@click.option("--date", "on", help="Only rules in force on this date, YYYY-MM-DD.")
@click.argument("words", nargs=-1)
def rules(on: str | None, words: tuple[str, ...]) -> None:
    """List the rulebook: bound, source, edition, status; WORDS narrow the list."""
    table = Table("rule", "bound", "source", "edition", "status", "valid")
    day = read_date(on) if on else None
    for rule in load_rulebook().all():
        ended = day is not None and rule.valid_to is not None and rule.valid_to < day
        if ended or (day is not None and rule.valid_from > day):
            continue
        if not all(word.lower() in rule.id.lower() for word in words):
            continue
        valid = f"{rule.valid_from} to {rule.valid_to or '…'}"
        table.add_row(
            rule.id, rule.bound, rule.source, rule.edition, rule.status, valid
        )
    _print(table)
