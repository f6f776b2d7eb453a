"""The built-in report: one HTML file that needs nothing but a browser.

It is made from the scenario records of a run, without Node and without a network:
no scripts, nothing external (its content security policy forbids both), and every
text of a record is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from harness.core.errors import EvidenceError
from harness.reporting import wording
from harness.reporting.builtin_card import card, css_of, pill
from harness.reporting.builtin_index import Feature, anchor, by_feature, index, rigs
from harness.reporting.coverage import Traced, ledger
from harness.reporting.record import ScenarioRecord
from harness.reporting.record_json import read_records

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
COLUMNS = (
    ("Judged", ""),
    ("Measured ± U", "number"),
    ("Limit", ""),
    ("Margin", "number"),
    ("Outcome", ""),
    ("Decision rule", ""),
    ("Source and edition", ""),
    ("Limit is", ""),
)


def write_report(run_folder: Path, out_file: Path, *, title: str = "Flexrig") -> Path:
    """Write the report of a run folder; return where it is.

    Raises
    ------
    EvidenceError
        If the folder holds no scenario record, or one cannot be read.
    """
    records = read_records(run_folder)
    if not records:
        raise EvidenceError(
            str(run_folder), "no scenario was recorded here", "the folder of a run"
        )
    out_file.write_text(page(records, run_folder, title=title), encoding="utf-8")
    return out_file


def page(
    records: Sequence[ScenarioRecord], run_folder: Path, *, title: str = "Flexrig"
) -> str:
    """Return the report as HTML; figures are read from the run folder."""
    style = files("harness.reporting").joinpath("data/report.css").read_text("utf-8")
    grade = wording.grade_of(records)
    cards = "".join(
        _feature(name, mine, run_folder) for name, mine in by_feature(records).items()
    )
    return f"""<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}: {escape(_headline(records))}</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#verdicts">Skip to the verdicts</a>
<header>
<h1>{escape(title)}: trial report</h1>
<div class="soft">{_summary(records)}</div>
<div class="banner {grade or "emulated"}" role="note">{wording.banner(grade)}</div>
{_counts(records)}
</header>
<main>
{index(records)}
<section id="verdicts"><h2>Verdicts</h2>{_verdicts(records)}</section>
{cards}
{_requirements(records)}
</main>
<footer>{_footer()}</footer>
</body>
</html>
"""


def _requirements(records: Sequence[ScenarioRecord]) -> str:
    """What the sources ask for, as far as these scenarios show it; both ways round."""
    rows = []
    for entry in ledger():
        mine = [one for one in records if entry.id in one.tags]
        if not mine:
            continue
        shown = Traced(entry, (), tuple(mine))
        links = ", ".join(
            f'<a href="#{escape(one.slug)}">{escape(one.title)}</a>' for one in mine
        )
        rows.append(
            f'<tr><th scope="row">{escape(entry.id)}</th><td>{escape(entry.title)}</td>'
            f"<td>{escape(entry.source)}</td><td>{links}</td>"
            f"<td>{pill(shown.outcome)}</td>"
            f"<td>{escape(shown.grade)}</td></tr>"
        )
    if not rows:
        return ""
    names = ("Id", "What", "Source", "Shown by", "Outcome", "Evidence")
    heads = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        '<section id="requirements"><h2>Requirements shown</h2>'
        '<p class="soft">Of the requirements ledger, what the scenarios of this run '
        "claim. <code>flexrig trace</code> prints all of it.</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        "</section>"
    )


def _headline(records: Sequence[ScenarioRecord]) -> str:
    counts = wording.outcome_counts(records)
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _summary(records: Sequence[ScenarioRecord]) -> str:
    judged = sum(len(record.verdicts) for record in records)
    return (
        f"<p>{_number(len(records), 'scenario')} of "
        f"{_number(len(by_feature(records)), 'feature')}, "
        f"{_number(judged, 'verdict')}.</p>{rigs(records)}"
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _counts(records: Sequence[ScenarioRecord]) -> str:
    items = "".join(
        f'<li class="{css_of(name)}"><b>{number}</b>{escape(_outcome_words(name))}</li>'
        for name, number in wording.outcome_counts(records).items()
    )
    return f'<ul class="counts" aria-label="Scenarios by outcome">{items}</ul>'


def _outcome_words(name: str) -> str:
    return "broken (bench or input)" if name == "broken" else name


def _verdicts(records: Sequence[ScenarioRecord]) -> str:
    heads = "".join(
        f'<th scope="col" class="{css}">{name}</th>' for name, css in COLUMNS
    )
    found = by_feature(records)
    rows = ""
    for feature, mine in found.items():
        if len(found) > 1:
            rows += (
                f'<tr class="feature"><th scope="rowgroup" colspan="{len(COLUMNS)}">'
                f"{escape(feature[1])}</th></tr>"
            )
        rows += "".join(map(_scenario_rows, mine))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _scenario_rows(record: ScenarioRecord) -> str:
    head = (
        f'<tr class="scenario"><th scope="rowgroup" colspan="{len(COLUMNS)}">'
        f'<a href="#{escape(record.slug)}">{escape(record.title)}</a>'
        f" {pill(record.outcome)}</th></tr>"
    )
    if not record.verdicts:
        why = escape(record.error.split("\n")[0]) or "nothing was judged"
        head += f'<tr><td class="why" colspan="{len(COLUMNS)}">{why}</td></tr>'
    return head + "".join(
        f'<tr><th scope="row">{escape(v.subject)}: {escape(v.judged)}</th>'
        f'<td class="number">{escape(wording.result(v))}</td>'
        f'<td class="limit">{escape(wording.bound(v))}</td>'
        f'<td class="number">{escape(wording.margin(v))}</td>'
        f"<td>{pill(v.outcome)}</td>"
        f"<td>{escape(v.decision_rule)}</td>"
        f"<td>{escape(v.rule.source)}, {escape(v.rule.edition)}</td>"
        f"<td>{escape(v.rule.status)}</td></tr>"
        for v in record.verdicts
    )


def _feature(feature: Feature, mine: Sequence[ScenarioRecord], run_folder: Path) -> str:
    cards = "".join(card(record, run_folder / record.slug) for record in mine)
    return (
        f'<section id="{escape(anchor(feature))}"><h2>{escape(feature[1])}</h2>'
        f"<p>{escape(mine[0].description)}</p>"
        f'<p class="soft"><code>{escape(feature[0])}</code></p>{cards}</section>'
    )


def _footer() -> str:
    return (
        "Import is positive. ± is the expanded uncertainty U (k as each budget says, "
        "2 covers about 95 %). A number marked <em>unverified</em> was not read in its "
        "source. Every verdict can be computed again from the evidence folder, without "
        "the bench: <code>flexrig rejudge</code>."
    )
