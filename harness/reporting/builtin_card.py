"""One scenario in the built-in report: its text, its verdicts, its facts."""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from harness.checks.verdict import Verdict
from harness.core.errors import EvidenceError
from harness.reporting import wording
from harness.reporting.record import FigureRecord, ScenarioRecord, StepRecord

AFTER = "_after_s"
UNITS = {
    "s": "s", "w": "W", "kw": "kW", "wh": "Wh", "kwh": "kWh", "percent": "%",
    "c": "°C", "a": "A", "v": "V",
}  # fmt: skip


def css_of(outcome: str) -> str:
    """Return the class that the style sheet has for an outcome."""
    return outcome.replace(" ", "-")


def pill(outcome: str) -> str:
    """Return an outcome as a coloured word."""
    return f'<span class="pill {css_of(outcome)}">{outcome}</span>'


def card(record: ScenarioRecord, folder: Path) -> str:
    """Return one scenario as HTML; its figures are read from `folder`."""
    tags = " ".join(f"@{tag}" for tag in record.tags)
    rule = f'<p class="soft">Rule: {escape(record.rule)}</p>' if record.rule else ""
    return (
        f'<article class="card" id="{escape(record.slug)}"><header>'
        f"<h3>{escape(record.title)}</h3>"
        f'{pill(record.outcome)}</header><div class="body">'
        f'<p class="tags">{escape(tags)}</p>{rule}'
        f"{_error(record)}{_example(record.example)}"
        f"<h4>What was asked</h4>{_steps(record)}"
        f"{_judged(record, folder)}{_facts(record)}</div></article>"
    )


def _error(record: ScenarioRecord) -> str:
    if not record.error:
        return ""
    return f'<p class="error {css_of(record.outcome)}">{escape(record.error)}</p>'


def _example(example: Mapping[str, str]) -> str:
    return f"<h4>Example row</h4>{_pairs(example.items())}" if example else ""


def _pairs(pairs: Iterable[tuple[str, str]], css: str = "one") -> str:
    rows = "".join(
        f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in pairs
    )
    return f'<dl class="{css}">{rows}</dl>'


def _steps(record: ScenarioRecord) -> str:
    items = "".join(_step(step, record) for step in record.steps)
    return f'<ol class="steps">{items}</ol>'


def _step(step: StepRecord, record: ScenarioRecord) -> str:
    words = "not run" if step.status == "skipped" else step.status
    if step.status == "skipped" and step.verdicts:
        words = "not applicable"
    if step.status == "broken" and record.outcome == "inconclusive":
        words = "inconclusive"
    why = "" if step.verdicts else step.message
    return (
        f'<li><span class="pill {step.status}">{words}</span><div>'
        f'<span class="keyword">{escape(step.keyword)}</span> {escape(step.text)}'
        f"{_table(step.table)}"
        + (f"<pre>{escape(step.doc_string)}</pre>" if step.doc_string else "")
        + (f'<div class="why">{escape(why)}</div>' if why else "")
        + "</div></li>"
    )


def _table(table: tuple[tuple[str, ...], ...], caption: str = "") -> str:
    if not table:
        return ""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table[0])
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table[1:]
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _judged(record: ScenarioRecord, folder: Path) -> str:
    """Return each step's verdicts with the tables and figures that belong to them."""
    parts = ""
    for step in record.steps:
        parts += "".join(_verdict(record.verdicts[n]) for n in step.verdicts)
        parts += "".join(_table(made.rows, made.title) for made in step.made)
        parts += "".join(_figure(record.figures[n], folder) for n in step.figures)
    return f"<h4>What was judged</h4>{parts}" if parts else ""


def _verdict(verdict: Verdict) -> str:
    rule = verdict.rule
    facts = [
        ("Step", verdict.statement),
        ("Limit", f"{wording.bound(verdict)} ({rule.id}, {rule.status})"),
        ("Source", f"{rule.source}, {rule.edition}"),
        ("Decision rule", wording.decision_rule(verdict.decision_rule)),
        ("Margin", wording.margin(verdict)),
        ("Probability of conformity", wording.probability(verdict)),
        ("Risk that this is wrong", wording.risk(verdict)),
        ("Measured on", ", ".join(verdict.channels) or "–"),
        ("Evidence", str(verdict.grade)),
        ("Why", verdict.reason or verdict.measured.why),
        ("What would change it", verdict.remedy),
        ("Note", rule.note),
    ]
    return (
        f'<section class="verdict {css_of(verdict.outcome)}"><div class="headline">'
        f"{pill(verdict.outcome)}"
        f"<strong>{escape(verdict.subject)}: {escape(verdict.judged)}</strong>"
        f'<span class="big">{escape(wording.result(verdict))}</span>'
        f'<span class="soft">{escape(wording.bound(verdict))}</span></div>'
        f"{_pairs([fact for fact in facts if fact[1]], css='two')}"
        f"{_waterfall(verdict)}{_budget(verdict)}{_details(verdict)}</section>"
    )


def _budget(verdict: Verdict) -> str:
    estimate = verdict.measured
    if not estimate.budget:
        if not math.isfinite(estimate.value):
            return ""
        return (
            '<p class="soft">No uncertainty budget: a count, or times of the log.</p>'
        )
    total = estimate.u**2
    rows = "".join(
        f'<tr><th scope="row">{escape(line.name)}</th>'
        f'<td class="number">{line.u:.3g} {escape(estimate.unit)}</td>'
        f'<td class="number">{_share(line.u**2, total)}</td>'
        f"<td>{escape(line.kind)}</td>"
        f'<td class="number">{_dof(line.dof)}</td>'
        f"<td>{escape(line.source)}</td></tr>"
        for line in estimate.budget
    )
    if estimate.covariance:
        rows += (
            '<tr><th scope="row">correlations</th><td class="number"></td>'
            f'<td class="number">{_share(estimate.covariance, total)}</td>'
            "<td></td><td></td><td>of the contributions above</td></tr>"
        )
    return (
        "<table><caption>Uncertainty budget: combined standard uncertainty "
        f"{estimate.u:.3g} {escape(estimate.unit)}, {escape(wording.method(estimate))}"
        "</caption>"
        '<thead><tr><th scope="col">Contribution</th>'
        '<th scope="col" class="number">u</th>'
        '<th scope="col" class="number">Share of variance</th>'
        '<th scope="col">Type</th><th scope="col" class="number">ν</th>'
        '<th scope="col">Where it comes from</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _dof(dof: float) -> str:
    return "∞" if math.isinf(dof) else wording.plain(dof, 3)


def _share(part: float, total: float) -> str:
    known = math.isfinite(part) and math.isfinite(total) and total > 0
    return f"{100 * part / total:.0f} %" if known else "–"


def _waterfall(verdict: Verdict) -> str:
    """Return the instants of the waterfall as bars, each from the one before it."""
    marks = _instants(verdict)
    if len(marks) < 3:
        return ""
    first, last = marks[0][1], max(at for _name, at in marks)
    room = (last - first) or 1.0
    rows = ""
    for (_before, from_s), (name, at_s) in itertools.pairwise(marks):
        left, width = (100 * x / room for x in (from_s - first, at_s - from_s))
        rows += (
            f'<tr><th scope="row">{escape(name)}</th>'
            f'<td class="number">+{wording.plain(at_s - from_s, 3)} s</td>'
            f'<td class="number">{wording.plain(at_s - first, 3)} s</td>'
            f'<td class="bar"><div class="track"><span style="left:{left:.1f}%;'
            f'width:{max(width, 0):.1f}%"></span></div></td></tr>'
        )
    return (
        f'<table class="waterfall"><caption>From {escape(marks[0][0])}, where the time '
        'went</caption><thead><tr><th scope="col">Reached</th>'
        '<th scope="col" class="number">Took</th>'
        '<th scope="col" class="number">Since start</th><th scope="col">'
        f"</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _instants(verdict: Verdict) -> list[tuple[str, float]]:
    """Return what was reached when: from ``…_after_s`` details, else the marks."""
    after = [
        (_label(key)[0].removesuffix(" after"), value)
        for key, value in verdict.details.items()
        if key.endswith(AFTER) and isinstance(value, int | float)
    ]
    marks = [("sent", 0.0), *after] if after else [*verdict.measured.marks]
    return [(name, float(at_s)) for name, at_s in marks if math.isfinite(at_s)]


def _details(verdict: Verdict) -> str:
    """Return the further numbers of a verdict, each with the unit in its name."""
    shown = []
    for key, value in verdict.details.items():
        if not key.endswith(AFTER):
            name, unit = _label(key)
            shown.append((name, f"{_plain(value)} {unit}".strip()))
    return _pairs(shown, css="two") if shown else ""


def _label(key: str) -> tuple[str, str]:
    """Split ``before_w`` into what it is and its unit."""
    stem, _underscore, suffix = key.rpartition("_")
    if suffix in UNITS and stem:
        return stem.replace("_", " "), UNITS[suffix]
    return key.replace("_", " "), ""


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return wording.plain(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return str(value)


def _figure(figure: FigureRecord, folder: Path) -> str:
    path = folder / figure.file
    if path.parent != folder or not path.is_file():
        raise EvidenceError(
            str(folder), f"the figure {figure.file!r} is missing", "the whole folder"
        )
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img src="data:image/svg+xml;base64,{data}"'
        f' alt="{escape(figure.alt)}"><figcaption>{escape(figure.title)}'
        "</figcaption></figure>"
    )


def _facts(record: ScenarioRecord) -> str:
    trial = record.trial
    seed = "–" if trial.seed is None else str(trial.seed)
    run = [
        ("Rig", trial.rig or "–"),
        ("Evidence", str(trial.grade) if trial.grade else "–"),
        ("Bench second 0", wording.started(trial)),
        ("Bench time", wording.duration(trial.bench_s)),
        ("Speed", wording.speed(trial)),
        ("Seed", seed),
        ("Decision rule", wording.decision_rule(trial.decision_rule) or "–"),
        ("Evidence folder", trial.evidence or "–"),
        ("Digest", trial.digest or "–"),
    ]
    blocks = [("The run", dict(run)), *trial.sections.items()]
    columns = "".join(
        f"<div><h4>{escape(heading)}</h4>{_pairs(facts.items())}</div>"
        for heading, facts in blocks
    )
    return f'<div class="columns">{columns}</div>'
