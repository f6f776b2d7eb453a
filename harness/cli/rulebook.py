"""flexrig rules: list the rulebook, show one rule whole, compare two editions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import click
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from harness.cli.progress import make_console
from harness.cli.run import read_date
from harness.rulebook.compare import Comparison, Difference, compare
from harness.rulebook.loader import load_rulebook
from harness.rulebook.rule import Rule

LIST_WIDTH = 180
"""Columns of the list where there is no terminal to ask."""
ROOM = 60
"""Columns that sources and editions need in a table beside what must stay whole."""
UNVERIFIED = "unverified"
_MEANS = {
    "verified": "the number was read in its source",
    UNVERIFIED: "someone still has to read or settle the number in its source",
}
LIST = "list"
INDENT = (0, 0, 0, 2)


class _ListsByDefault(click.Group):
    """`flexrig rules cop10` lists: what is no command is a word to narrow the list."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in self.commands and first not in ctx.help_option_names:
            args = [LIST, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_ListsByDefault, subcommand_metavar="[--date DATE] [WORDS]... | COMMAND ..."
)
def rules() -> None:
    r"""Read the rulebook: every limit, its source, and whether anyone read it there.

    \b
    Examples:
      flexrig rules                              every rule of every edition
      flexrig rules cop10 --date 2024-06-01      what CoP10 asked on that day
      flexrig rules show cop11/type5/accuracy    one rule whole
      flexrig rules diff trial-10s trial-60s     what differs between two regimes

    WORDS narrow the list by ids, --date to what was in force on a day. A rule is
    unverified until someone has read its number in the source that it names.
    """


@rules.command(LIST)
@click.option("--date", "on", help="Only rules in force on this date, YYYY-MM-DD.")
@click.argument("words", nargs=-1)
def list_rules(on: str | None, words: tuple[str, ...]) -> None:
    r"""List rules, the default; WORDS narrow the list by ids.

    \b
    Examples:
      flexrig rules list mid class-b balanced
      flexrig rules list opmetering --date 2023-07-01
    """
    day = read_date(on) if on else None
    found = [
        rule
        for rule in load_rulebook().all()
        if (day is None or rule.in_force(day))
        and all(word.lower() in rule.id.lower() for word in words)
    ]
    if not found:
        click.echo("no such rule; `flexrig rules` lists them all")
        return
    console = make_console(log_width=LIST_WIDTH)
    _print(console, _table(found) if _fits(found, console) else _blocks(found))
    unread = sum(rule.status == UNVERIFIED for rule in found)
    _print(console, [Text(f"rules: {len(found)}, unverified: {unread}")])


def _fits(found: Sequence[Rule], console: Console) -> bool:
    """Tell whether a table leaves room for sources; its cells would break words."""
    rows = ((one.id, one.bound, one.status, _valid(one)) for one in found)
    whole = sum(max(map(len, column)) for column in zip(*rows, strict=True))
    lines = 3 * 6 + 1
    return console.width - whole - lines >= ROOM


def _table(found: Iterable[Rule]) -> Iterable[RenderableType]:
    whole = (
        Column(name, no_wrap=True) for name in ("rule", "bound", "status", "valid")
    )
    rest = (Column(name, overflow="fold") for name in ("source", "edition"))
    table = Table(*whole, *rest)
    for rule in found:
        table.add_row(
            rule.id, rule.bound, _status(rule), _valid(rule), Text(rule.source),
            Text(rule.edition),
        )  # fmt: skip
    yield table


def _blocks(found: Iterable[Rule]) -> Iterable[RenderableType]:
    for rule in found:
        yield Text.assemble((rule.id, "bold"), f"  {rule.bound}")
        told = Text.assemble(_status(rule), f", {_valid(rule)}, {rule.edition}")
        for line in (told, Text(rule.source, style="dim")):
            yield Padding(line, INDENT, expand=False)


@rules.command()
@click.argument("rule_id", metavar="ID")
@click.option("--date", "on", help="The edition in force on this date. Default: today.")
@click.option("--edition", help="The edition of this name, whatever the date.")
def show(rule_id: str, on: str | None, edition: str | None) -> None:
    r"""Show the rule ID whole, and every other edition of it.

    \b
    Examples:
      flexrig rules show cop3/storage
      flexrig rules show cop3/storage --date 2022-01-31
      flexrig rules show cop3/storage --edition "before the June 2022 release"
    """
    book = load_rulebook()
    day = read_date(on)
    rule = book.rule(rule_id, on=day, edition=edition)
    others = [one for one in book.editions[rule_id] if one is not rule]
    console = make_console()
    _print(console, [Text(rule.id, style="bold"), _whole(rule, day)])
    if others:
        _print(console, [Text("\nother editions", style="bold"), _editions(others)])


def _whole(rule: Rule, day: date) -> Table:
    """Return all that a rule says, a line for each thing."""
    valid = _valid(rule)
    if not rule.in_force(day):
        valid += f"; not in force on {day}"
    grid = _grid()
    grid.add_row("quantity", Text(rule.quantity))
    grid.add_row("bound", Text(rule.bound))
    grid.add_row("unit", Text(rule.unit))
    label = "conditions"
    for key, value in rule.conditions.items():
        grid.add_row(label, Text(f"{key} = {value}"))
        label = ""
    grid.add_row("source", Text(rule.source))
    grid.add_row("edition", Text(rule.edition))
    grid.add_row("valid", Text(valid))
    grid.add_row("status", Text.assemble(_status(rule), f": {_MEANS[rule.status]}"))
    if rule.note:
        grid.add_row("note", Text(rule.note))
    return grid


def _editions(others: Sequence[Rule]) -> Table:
    grid = _grid()
    for rule in others:
        told = Text.assemble(f"{rule.bound}, ", _status(rule), f", {_valid(rule)}")
        grid.add_row(Text(rule.edition), told)
    return grid


@rules.command()
@click.argument("one", metavar="EDITION")
@click.argument("other", metavar="EDITION")
def diff(one: str, other: str) -> None:
    r"""Show what differs between two editions, or two regimes of operational metering.

    An EDITION is the name of an edition, DOCUMENT@EDITION where several documents
    have one of that name, or a regime: existing, aggregated-small, aggregated-large,
    trial-10s, trial-60s, cohort. Exit code 0, whether anything differs or not.

    \b
    Examples:
      flexrig rules diff trial-10s trial-60s
      flexrig rules diff existing cohort
      flexrig rules diff "trial from June 2023" "cohort from February 2024"
      flexrig rules diff "cop3@June 2022 release" \
        "cop3@before the June 2022 release"
    """
    found = compare(load_rulebook(), one, other)
    console = make_console()
    table = _differences(found)
    if found.differences:
        whole = Measurement.get(console, console.options.update(width=9999), table)
        fits = whole.maximum <= console.width
        _print(console, [table] if fits else _pairs(found))
    same = f"{found.same} {'rule is' if found.same == 1 else 'rules are'} the same"
    _print(console, [Text(same if found.differences else f"no difference: {same}")])


def _differences(found: Comparison) -> Table:
    sides = (Column(Text(name)) for name in (found.one, found.other))
    table = Table("rule", *sides, "differs")
    for one in found.differences:
        told = _told(one, found)
        table.add_row(one.name, _cell(one.one), _cell(one.other), told)
    return table


def _pairs(found: Comparison) -> Iterable[RenderableType]:
    """Return the differences one under the other, where a table is too wide."""
    for one in found.differences:
        yield Text.assemble((one.name, "bold"), f"  {_told(one, found)}")
        sides = ((found.one, one.one), (found.other, one.other))
        for name, rule in sides:
            if rule is not None:
                told = Text.assemble(f"{name}: {rule.bound}, ", _status(rule))
                yield Padding(told, INDENT, expand=False)


def _told(one: Difference, found: Comparison) -> str:
    only = found.one if one.other is None else found.other
    return ", ".join(one.what) or f"only in {only}"


def _cell(rule: Rule | None) -> Text:
    if rule is None:
        return Text("–")
    return Text.assemble(f"{rule.bound}\n", _status(rule))


def _status(rule: Rule) -> Text:
    """Return the status, so that what nobody read stands out."""
    return Text(rule.status, style="yellow" if rule.status == UNVERIFIED else "")


def _valid(rule: Rule) -> str:
    return f"{rule.valid_from} to {rule.valid_to or '…'}"


def _grid() -> Table:
    return Table(
        Column(style="dim", no_wrap=True), Column(overflow="fold"),
        box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0),
    )  # fmt: skip


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    for part in parts:
        console.print(part)
