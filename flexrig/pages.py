"""How runs and scenarios show themselves, in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from harness.checks.verdict import Grade
from harness.core.errors import EvidenceError
from harness.reporting import wording

if TYPE_CHECKING:
    from flexrig.run import Run
    from flexrig.scenario import Scenario

_MARK = '<b style="color:#b00020">{}</b>'


def marks(scenario: Scenario) -> Iterator[str]:
    """Yield what a reader must know before trusting a number of it."""
    if not scenario.complete:
        yield f"INCOMPLETE: {scenario.facts.get('cut_short_by', 'it has no end')}"
    if not scenario.sealed:
        yield "NOT VERIFIED: it bears no seal"
    elif not scenario.verified:
        yield "NOT VERIFIED: nobody looked whether it was touched"


def line(scenario: Scenario) -> str:
    """Return a scenario as one line."""
    said = (f"{scenario.outcome}: {scenario.title}", *marks(scenario))
    return f"<Scenario {'; '.join(said)}; {wording.banner(scenario.grade)}>"


def lines(run: Run) -> str:
    """Return a run as a few lines, one a scenario."""
    width = max((len(one.outcome) for one in run), default=0)
    rows = [
        "; ".join((f"  {at}  {one.outcome:{width}}  {one.title}", *marks(one)))
        for at, one in enumerate(run)
    ]
    return "\n".join((f"<Run {run.folder}", *rows, f"  {_banner(run)}>"))


def run_page(run: Run) -> str:
    """Return a run as HTML: its scenarios, how each ended, and what to beware of."""
    rows = [
        (str(at), escape(one.title), escape(one.outcome), _marked(one))
        for at, one in enumerate(run)
    ]
    table = _table(("", "scenario", "outcome", ""), rows)
    return f"<p>{escape(str(run.folder))}</p>{table}<p>{_banner(run)}</p>"


def scenario_page(scenario: Scenario) -> str:
    """Return a scenario as HTML: its verdicts, its channels, and what to beware of."""
    verdicts = scenario.record.verdicts if scenario.record else ()
    rows = [
        (
            verdict.subject,
            verdict.rule.quantity,
            wording.result(verdict),
            wording.bound(verdict),
            wording.margin(verdict),
            str(verdict.outcome),
        )
        for verdict in verdicts
    ]
    heads = ("judged", "quantity", "measured ± U", "bound", "margin", "outcome")
    return (
        f"<p><b>{escape(scenario.title)}</b>: {escape(scenario.outcome)} "
        f"{_marked(scenario)}</p>"
        + (_table(heads, [tuple(map(escape, row)) for row in rows]) if rows else "")
        + _channels(scenario)
        + f"<p>{escape(wording.banner(scenario.grade))}</p>"
    )


def _channels(scenario: Scenario) -> str:
    try:
        names = scenario.channels
    except EvidenceError as error:
        return f"<p>{_MARK.format(escape(str(error)))}</p>"
    roles: dict[str, list[str]] = {}
    for role, _, quantity in (name.partition(".") for name in names):
        roles.setdefault(role, []).append(quantity)
    items = [
        f"<li>{escape(role)}: {escape(', '.join(quantities))}</li>"
        for role, quantities in roles.items()
    ]
    return (
        f"<details><summary>{len(names)} channels</summary>"
        f"<ul>{''.join(items)}</ul></details>"
    )


def _marked(scenario: Scenario) -> str:
    return " ".join(_MARK.format(escape(mark)) for mark in marks(scenario))


def _banner(run: Run) -> str:
    """Return what the weakest evidence of a run may be used for."""
    grades = [scenario.grade for scenario in run]
    known = [grade for grade in Grade if grade in grades]
    return wording.banner(known[0] if known and None not in grades else None)


def _table(heads: Iterable[str], rows: Sequence[tuple[str, ...]]) -> str:
    """Return an HTML table of cells that are HTML already."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
