"""How numbers, bounds and times are written, the same in every report."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from harness.analysis.estimate import Estimate, Spread
from harness.checks.decide import decision_rule_of
from harness.checks.verdict import Grade, Outcome, Verdict
from harness.core.calendar import LONDON
from harness.core.errors import UsageError
from harness.reporting.record import SEVERITY, ScenarioRecord, TrialFacts

BANNERS = {
    Grade.EMULATED: "Emulated evidence: this certifies nothing.",
    Grade.MIXED: "Mixed evidence: some devices were emulated; this certifies nothing.",
    Grade.REAL: "Real evidence: every device judged here was on the bench.",
}
UNKNOWN_GRADE = "The grade of this evidence is not known, so it certifies nothing."


def measured(estimate: Estimate) -> str:
    """Return a value with its uncertainty: ``8.3 ± 0.7 s``, ``8.0 (6.1 to 8.1) s``.

    U is rounded to two figures and the value to the same place (JCGM 100, 7.2.6). An
    uncertainty that was drawn has an interval of its own, which need not be even: a
    time that ends with the reading that shows it can only be shorter, and is written
    ``≤ 9.0 (0.0 to 7.9) s``.
    """
    if math.isnan(estimate.value):
        return "not seen"
    if math.isinf(estimate.value):
        return "never happened"
    if estimate.spread is not None:
        return _signed(_with_interval(estimate.value, estimate.spread, estimate.unit))
    if not 0 < estimate.expanded < math.inf:
        return _signed(f"{plain(estimate.value)} {estimate.unit}")
    places = max(0, 1 - math.floor(math.log10(estimate.expanded)))
    value, half = f"{estimate.value:z.{places}f}", f"{estimate.expanded:.{places}f}"
    return _signed(f"{value} ± {half} {estimate.unit}")


def _with_interval(value: float, spread: Spread, unit: str) -> str:
    low, high = spread.interval
    width = high - low
    if not 0 < width < math.inf:
        open_end = "never" if unit == "s" else "any more"
        return f"{plain(value)} ({plain(low)} to {open_end}) {unit}"
    places = max(0, 1 - math.floor(math.log10(width)))
    least, told, most = (f"{each:z.{places}f}" for each in (low, value, high))
    outside = "≤ " if float(told) > float(most) else ""
    outside = "≥ " if float(told) < float(least) else outside
    return f"{outside}{told} ({least} to {most}) {unit}"


def method(estimate: Estimate) -> str:
    """Say how the uncertainty was worked out, for the caption of a budget."""
    k = f"k = {plain(estimate.coverage, 3)}"
    if math.isfinite(estimate.dof):
        k += f" (t for {plain(estimate.dof, 3)} effective degrees of freedom)"
    if estimate.spread is None:
        return f"{k}, 95.45 %"
    drawn = f"{estimate.spread.draws:,} Monte Carlo draws decide (JCGM 101)"
    alone = f"± {plain(estimate.coverage * estimate.u, 2)} {estimate.unit}"
    text = f"{drawn}; this budget alone would give {alone}, {k}"
    return f"{text}; {estimate.spread.note}" if estimate.spread.note else text


def risk(verdict: Verdict) -> str:
    """Return the risk that the outcome is wrong, and what kind of error that is."""
    if math.isnan(verdict.risk):
        return "–"
    accepted = verdict.outcome in (Outcome.PASS, Outcome.CONDITIONAL_PASS)
    kind = "false acceptance" if accepted else "false rejection"
    return f"{_percent(verdict.risk)} ({kind})"


def decision_rule(text: str) -> str:
    """Return a decision rule in words, with the risk that it allows at most."""
    try:
        rule = decision_rule_of(text)
    except UsageError:
        return text
    worst = _percent(rule.worst_false_accept)
    return f"{rule}; at most {worst} risk of false acceptance at a bound"


def result(verdict: Verdict) -> str:
    """Return what was measured, or a dash where the rule does not apply."""
    if verdict.outcome is Outcome.NOT_APPLICABLE:
        return "–"
    return measured(verdict.measured)


def bound(verdict: Verdict) -> str:
    """Return the rule's bound, or say that it has none."""
    rule = verdict.rule
    if rule.at_least is None and rule.at_most is None:
        return "reported, no bound"
    return _signed(rule.bound)


def margin(verdict: Verdict) -> str:
    """Return the distance from the bound: ``+1.7 s`` is inside, ``−58 s`` outside."""
    if not math.isfinite(verdict.margin):
        return "–"
    sign = "+" if verdict.margin >= 0 else "−"
    return f"{sign}{plain(abs(verdict.margin), 3)} {verdict.rule.unit}"


def plain(number: float, figures: int = 4) -> str:
    """Return a number to so many figures, never with an exponent a person may meet."""
    if number == 0 or not 1e-4 <= abs(number) < 1e9:
        return f"{number:z.{figures}g}"
    places = max(0, figures - 1 - math.floor(math.log10(abs(number))))
    text = f"{number:z.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _signed(text: str) -> str:
    """Return text with true minus signs before digits."""
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text)


def probability(verdict: Verdict) -> str:
    """Return the probability of conformity, never rounded to certainty."""
    return "–" if math.isnan(verdict.probability) else _percent(verdict.probability)


def _percent(p: float) -> str:
    if p > 0.999:
        return "> 99.9 %"
    return "< 0.1 %" if p < 0.001 else f"{100 * p:.1f} %"


def duration(seconds: float | None) -> str:
    """Return a length of time as ``4 h 15 min 0 s``; ``–`` if it is not known."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{seconds:.3g} s"


def speed(trial: TrialFacts) -> str:
    """Return how fast bench time ran against real time."""
    return "–" if trial.speed is None else f"{trial.speed:,.0f} × real time"


def started(trial: TrialFacts) -> str:
    """Return when bench second 0 was, in local time."""
    if trial.starts_at is None:
        return "–"
    local = trial.starts_at.astimezone(LONDON)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S %Z}"


def grade_of(records: Iterable[ScenarioRecord]) -> Grade | None:
    """Return the weakest grade of a run's evidence, or None if it is not known."""
    known = list(records)
    grades = {verdict.grade for record in known for verdict in record.verdicts}
    grades |= {r.trial.grade for r in known if r.trial.grade is not None}
    order = (Grade.EMULATED, Grade.MIXED, Grade.REAL)
    return min(grades, key=order.index, default=None)


def banner(grade: Grade | None) -> str:
    """Return what the evidence may be used for, in one sentence."""
    return UNKNOWN_GRADE if grade is None else BANNERS[grade]


def outcome_counts(records: Iterable[ScenarioRecord]) -> dict[str, int]:
    """Return how many scenarios ended in each outcome, best first."""
    outcomes = [record.outcome for record in records]
    order = [SEVERITY[1], *SEVERITY[2:], SEVERITY[0]]
    return {str(o): outcomes.count(o) for o in order if o in outcomes}
