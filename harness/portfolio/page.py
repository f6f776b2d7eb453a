"""The answer as words, tables and a page that needs nothing but a browser."""

from __future__ import annotations

import base64
import math
from html import escape

from harness.analysis.aggregate.criteria import ACCURACY
from harness.analysis.portfolio.distribution import Distribution
from harness.checks.access import access_table
from harness.checks.verdict import Grade
from harness.portfolio.answer import Answer
from harness.portfolio.figures import CAPTIONS
from harness.reporting.plain_page import plain_page, section
from harness.reporting.wording import banner


def headline(answer: Answer) -> str:
    """Say in one sentence how many homes it takes."""
    target = answer.file.target
    if math.isinf(answer.needed.homes):
        return f"No number of such homes makes {target.mw:g} MW: {answer.needed.why}."
    return (
        f"{answer.needed.homes:,.0f} such homes make {target.mw:g} MW from "
        f"{answer.file.event.begins} to {answer.file.event.ends} at "
        f"{target.confidence_percent:g} % confidence."
    )


def seen_as(answer: Answer) -> str:
    """Say in one sentence whether the control room would see the unit."""
    met = [one for one in answer.stands if one.meets]
    open_ = [one for one in answer.stands if one.meets is None]
    names = ", ".join(f"{one.regime.name} ({one.regime.edition})" for one in met)
    words = f"Operational metering: a unit of {answer.unit.homes:,} meets "
    words += names or "no edition"
    missed = len(answer.stands) - len(met) - len(open_)
    words += f"; it misses {missed} of {len(answer.stands)}"
    return f"{words}, {len(open_)} cannot be told." if open_ else f"{words}."


def answer_table(answer: Answer) -> list[list[str]]:
    """Return what the answer is made of, heading first."""
    needed, lag = answer.needed, answer.view.lag
    lag_words = f"{lag.value:.0f} s" if math.isfinite(lag.value) else lag.why or "never"
    begins, level = answer.file.event.begins, answer.file.event.down_to_kw
    kept = f"homes differ by {needed.sd_w:.0f} W"
    decides = f"{needed.seen:,} homes, settlement period {needed.period + 1} decides"
    error = answer.view.found[ACCURACY].value
    return [
        ["what", "value", "from"],
        ["asked", f"every home down to {level:g} kW at {begins}", "the file"],
        ["a home delivers", f"{needed.mean_w:.0f} W, {kept}", decides],
        [
            "after-diversity maximum demand",
            f"{_admd_kw(answer):.2f} kW a home",
            "the sample, without the event",
        ],
        ["homes needed", _whole(needed.homes), "each period at its share of the risk"],
        ["they deliver in", f"{answer.delivers:.1%} of events", "2,000 units drawn"],
        ["a tenth fewer in", f"{answer.delivers_fewer:.1%}", "the same"],
        ["unit seen right after", lag_words, "transition lag, within 5 % of the step"],
        ["error at rest", _percent(error), "signal against truth"],
        ["expected error", _percent(answer.view.expected.value), "declared meters"],
        [
            "of it in common",
            _percent(answer.view.floor.value),
            "what more homes would not help",
        ],
    ]


def _admd_kw(answer: Answer) -> float:
    """Highest power of all homes together, without the event, for each of them."""
    return float(answer.sample.usual_w.max()) / answer.sample.homes / 1000


def declared_table(answer: Answer) -> list[list[str]]:
    """Return every assumption with its source, heading first."""
    file, unit = answer.file, answer.portfolio
    rows = [["assumption", "value", "source"]]
    table = file.ev or file.heat_pump
    for name, value in (table.model_dump() if table else {}).items():
        if isinstance(value, dict):
            drawn: Distribution = getattr(table, name).drawn()
            rows.append([name.replace("_", " "), str(drawn), drawn.source])
        elif not name.endswith("_source"):
            source = str(getattr(table, f"{name.removesuffix('_percent')}_source", ""))
            rows.append([name.replace("_", " "), str(value), source or "the file"])
    metering, answering = unit.metering, unit.answering
    how = "each home at its own second" if metering.staggered else "all at once"
    lost = _told(answer, "reads lost") or "the file"
    rows += [
        ["response / s", str(answering.response_s), answering.response_s.source],
        ["release / s", str(answering.release_s), answering.release_s.source],
        [
            "no answer",
            f"{answering.no_answer:.1%}",
            _told(answer, "no answer") or file.answering.no_answer_source,
        ],
        [
            "read every / s",
            f"{metering.interval_s}, " + (how),
            _told(answer, "read interval") or "the file",
        ],
        ["latency / s", str(metering.latency_s), metering.latency_s.source],
        ["meter's own error / 1", str(metering.error), metering.error.source],
        [
            "errors in common",
            f"{metering.common_u:.2%} (u), {metering.makes} makes",
            "the file",
        ],
        ["bias nobody declared", f"{metering.bias:.2%}", "the file"],
        ["reads lost", f"{metering.lost:.2%}", lost],
        [
            "a read is held / s",
            f"{metering.hold_s:g}, then: {metering.missing}",
            "the file",
        ],
        ["diffusion / W²/s", f"{unit.diffusion_w2_per_s:.3g}", "reads of 64 homes"],
    ]
    return rows


def _told(answer: Answer, quantity: str) -> str:
    known = answer.lessons is not None and answer.lessons.of(quantity) is not None
    return "the bench" if known else ""


def _whole(homes: float) -> str:
    return f"{homes:,.0f}" if math.isfinite(homes) else "no number would do"


def _percent(value: float) -> str:
    return f"{value:.2f} %" if math.isfinite(value) else "cannot be told"


def page(answer: Answer, drawings: dict[str, bytes]) -> str:
    """Return the page as HTML: nothing external, no scripts."""
    bench = ""
    if answer.lessons is not None:
        bench = section("What the bench told of a home", answer.lessons.table())
    shown = "".join(_figure(key, drawings[key]) for key in drawings)
    tables = (
        section("The answer", answer_table(answer)),
        shown,
        section("Operational metering, every edition", access_table(answer.stands)),
        bench,
        section("Every assumption", declared_table(answer)),
    )
    return plain_page(
        f"Portfolio: {answer.file.portfolio.name}",
        header=f'<p class="big">{escape(headline(answer))}</p>'
        f"<p>{escape(seen_as(answer))}</p>"
        f'<div class="banner emulated" role="note">{banner(Grade.EMULATED)}</div>',
        main="\n".join(tables),
        footer=f"{answer.sample.homes:,} homes were worked out, second by second, with "
        f"seed {answer.portfolio.seed}; decision rule: "
        f"{escape(answer.decision_rule)}; {escape(answer.file.file_name)}, SHA-256 "
        f"{answer.file.digest[:16]}…",
    )


def _figure(name: str, svg: bytes) -> str:
    data = base64.b64encode(svg).decode()
    text = escape(CAPTIONS[name])
    return (
        f'<figure><img alt="{text}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )
