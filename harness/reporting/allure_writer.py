"""One scenario record as one Allure result: steps, verdicts, labels, attachments."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from allure_commons.model2 import (
    Label,
    Link,
    Parameter,
    StatusDetails,
    TestResult,
    TestStepResult,
)
from allure_commons.types import AttachmentType, LabelType, LinkType
from allure_commons.utils import now as _now

from harness.checks.verdict import Verdict
from harness.reporting import wording
from harness.reporting.coverage import ledger
from harness.reporting.record import (
    STEP_STATUS,
    ScenarioOutcome,
    ScenarioRecord,
    StepRecord,
)

OWN_LABELS = frozenset(
    {
        LabelType.EPIC,
        LabelType.FEATURE,
        LabelType.STORY,
        LabelType.PARENT_SUITE,
        LabelType.SUITE,
        LabelType.SUB_SUITE,
        LabelType.TAG,
        LabelType.THREAD,
        "package",
    }
)
LINKED = {"issue": LinkType.ISSUE, "tms": LinkType.TEST_CASE, "link": LinkType.LINK}
"""Tags such as ``@issue:12`` become links, by ``--allure-link-pattern``."""


def now_ms() -> int:
    """Return Allure's own wall-clock stamp, in milliseconds."""
    return int(_now())  # type: ignore[no-untyped-call]


class AllureWriter:
    """Writes one record into the Allure result that is open."""

    def __init__(self, reporter: Any, folder: Path) -> None:  # noqa: ANN401 - untyped
        self._reporter = reporter
        self._folder = folder
        self._result: TestResult = reporter.get_test(None)

    def write(
        self,
        record: ScenarioRecord,
        times: list[tuple[int, int]],
        link_patterns: list[list[str]],
    ) -> None:
        """Fill the result from a record; `times` are its steps' begins and ends."""
        result = self._result
        result.name = record.title
        result.fullName = f"{record.feature_file}:{record.line} {record.title}"
        result.titlePath = [_epic(record), record.feature]
        result.description = _description(record)
        result.parameters = [Parameter(k, v) for k, v in record.example.items()]
        kept = [label for label in result.labels if label.name not in OWN_LABELS]
        result.labels = [*kept, *_labels(record)]
        result.links = [*result.links, *_links(record, dict(link_patterns))]
        result.statusDetails = _status_details(record, result.statusDetails)
        result.status = _status(record.outcome)
        end = result.stop or now_ms()
        for number, step in enumerate(record.steps):
            at = times[number] if number < len(times) else (end, end)
            self._step(step, record, at)

    def _step(
        self, step: StepRecord, record: ScenarioRecord, at: tuple[int, int]
    ) -> None:
        own = self._start(None, f"{step.keyword} {step.text}", at)
        if step.table:
            self._attach(own, "Table", _csv(step.table), AttachmentType.CSV)
        if step.doc_string:
            self._attach(own, "Text", step.doc_string, AttachmentType.TEXT)
        for number in step.verdicts:
            self._verdict(own, record.verdicts[number], at)
        for number in step.figures:
            figure = record.figures[number]
            svg = (self._folder / figure.file).read_bytes()
            self._attach(own, figure.title, svg, AttachmentType.SVG)
        for made in step.made:
            self._attach(own, made.title, _csv(made.rows), AttachmentType.CSV)
        # Verdicts beneath the step say why; said twice, it would read as two faults.
        self._stop(own, at, str(step.status), "" if step.verdicts else step.message)

    def _verdict(self, parent: str, verdict: Verdict, at: tuple[int, int]) -> None:
        got, bound = wording.result(verdict), wording.bound(verdict)
        name = (
            f"{verdict.outcome.upper()}: {verdict.subject} {verdict.judged} "
            f"{got}, {bound}"
        )
        own = self._start(parent, name, at, _verdict_parameters(verdict))
        self._stop(own, at, _status(verdict.outcome), verdict.reason)

    def _start(
        self,
        parent: str | None,
        name: str,
        at: tuple[int, int],
        parameters: Iterable[tuple[str, str]] = (),
    ) -> str:
        own = str(uuid.uuid4())
        rows = [Parameter(key, value) for key, value in parameters]
        step = TestStepResult(name=name, start=at[0], parameters=rows)
        self._reporter.start_step(parent, own, step)
        return own

    def _stop(self, own: str, at: tuple[int, int], status: str, message: str) -> None:
        details = StatusDetails(message=message) if message else None
        self._reporter.stop_step(own, stop=at[1], status=status, statusDetails=details)

    def _attach(
        self, parent: str, name: str, body: str | bytes, kind: AttachmentType
    ) -> None:
        self._reporter.attach_data(
            str(uuid.uuid4()), body, name, kind, parent_uuid=parent
        )


def _status(outcome: str) -> str:
    return str(STEP_STATUS[ScenarioOutcome(str(outcome))])


def _status_details(
    record: ScenarioRecord, found: StatusDetails | None
) -> StatusDetails | None:
    """Return the message; a trace only where nobody foresaw the error."""
    judged = [str(v) for v in record.verdicts if v.outcome != "pass"]
    message, word = record.error or "\n".join(judged), record.outcome.upper()
    if not message:
        return None
    broken = record.outcome is ScenarioOutcome.BROKEN
    if not broken and word not in message.upper():
        message = f"{word}: {message}"
    trace = found.trace if found is not None and broken else None
    foreseen = trace is not None and trace.strip() == record.error.strip()
    return StatusDetails(message=message, trace=None if foreseen else trace)


def _verdict_parameters(verdict: Verdict) -> list[tuple[str, str]]:
    rule, estimate = verdict.rule, verdict.measured
    budget = [
        (f"u, {line.name}", f"{line.u:.3g} {estimate.unit}, {line.source or line.kind}")
        for line in estimate.budget
    ]
    rows = [
        ("Measured ± U", wording.result(verdict)),
        ("Limit", wording.bound(verdict)),
        ("Margin", wording.margin(verdict)),
        ("Decision rule", wording.decision_rule(verdict.decision_rule)),
        ("Probability of conformity", wording.probability(verdict)),
        ("Risk that this is wrong", wording.risk(verdict)),
        ("Outcome", str(verdict.outcome)),
        ("Source", f"{rule.source}, {rule.edition} ({rule.status})"),
        ("Rule", rule.id),
        ("Measured on", ", ".join(verdict.channels)),
        ("Evidence", str(verdict.grade)),
        ("What would change it", verdict.remedy),
        *budget,
    ]
    if budget:
        combined = f"{estimate.u:.3g} {estimate.unit}, {wording.method(estimate)}"
        rows.append(("u, combined", combined))
    return [(name, text) for name, text in rows if text]


def _description(record: ScenarioRecord) -> str:
    trial = record.trial
    facts = [
        ("Rig", trial.rig),
        ("Seed", "" if trial.seed is None else str(trial.seed)),
        ("Decision rule", trial.decision_rule),
        ("Bench second 0", wording.started(trial)),
        ("Bench time", wording.duration(trial.bench_s)),
        ("Evidence", trial.evidence),
        ("Digest", trial.digest),
    ]
    shown = [
        (f"Shows {entry.id}", f"{entry.title} ({entry.source})")
        for entry in ledger()
        if entry.id in record.tags
    ]
    sections = [list(pairs.items()) for pairs in trial.sections.values()]
    blocks = [shown, facts, *sections]
    lists = [
        "\n".join(f"- {name}: {text}" for name, text in block if text)
        for block in blocks
    ]
    banner = f"**{wording.banner(wording.grade_of([record]))}**"
    return "\n\n".join([banner, escape(record.description), *map(escape, lists)])


def _epic(record: ScenarioRecord) -> str:
    """Return the folder of the feature as a heading: ``use_cases`` is Use cases."""
    folder = Path(record.feature_file).parent.name or "features"
    return folder.replace("_", " ").capitalize()


def _labels(record: ScenarioRecord) -> list[Label]:
    epic = _epic(record)
    pairs = [
        (LabelType.EPIC, epic),
        (LabelType.FEATURE, record.feature),
        (LabelType.STORY, record.rule or record.title),
        (LabelType.PARENT_SUITE, epic),
        (LabelType.SUITE, record.feature),
        ("outcome", str(record.outcome)),
        ("evidence", str(record.trial.grade or "unknown")),
    ]
    for tag in record.tags:
        name, colon, value = tag.partition(":")
        if not colon:
            pairs.append((LabelType.TAG, tag))
        elif name not in LINKED:
            pairs.append((name, value))
    return [Label(name, value) for name, value in pairs]


def _links(record: ScenarioRecord, patterns: dict[str, str]) -> list[Link]:
    named = [tag.partition(":") for tag in record.tags]
    return [
        Link(LINKED[name], patterns.get(name, "{}").format(value), value)
        for name, _colon, value in named
        if name in LINKED and value
    ]


def _csv(table: tuple[tuple[str, ...], ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(table)
    return out.getvalue()
