"""The scenario record: what one scenario asked, what was judged, how it ended.

Both reports, the table in the terminal and the exit code read nothing but these
records, so they cannot disagree. Steps hand over verdicts, figures and facts with
`note_verdict`, `note_figure` and `note_trial`; `harness.reporting.recorder` turns
them into one `ScenarioRecord` per scenario, kept as ``scenario.json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import pytest

from harness.checks.verdict import Grade, Outcome, Verdict


class StepStatus(StrEnum):
    """How one step ended; the words are Allure's."""

    PASSED = "passed"
    FAILED = "failed"
    """A device missed its bound."""
    BROKEN = "broken"
    """The bench is at fault, or the evidence does not decide."""
    SKIPPED = "skipped"
    """It was not reached, or it does not apply."""


class ScenarioOutcome(StrEnum):
    """How a scenario ended: an outcome of its verdicts, or the bench's own fault."""

    PASS = "pass"  # noqa: S105
    CONDITIONAL_PASS = "conditional pass"  # noqa: S105
    CONDITIONAL_FAIL = "conditional fail"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not applicable"
    BROKEN = "broken"


SEVERITY = (
    ScenarioOutcome.NOT_APPLICABLE,
    ScenarioOutcome.PASS,
    ScenarioOutcome.CONDITIONAL_PASS,
    ScenarioOutcome.INCONCLUSIVE,
    ScenarioOutcome.CONDITIONAL_FAIL,
    ScenarioOutcome.FAIL,
    ScenarioOutcome.BROKEN,
)
"""From harmless to worst; a scenario is as bad as the worst thing in it.

Broken is worst: what a bench at fault measured convicts nobody. A fail outranks
an inconclusive: one bound that is surely missed is missed whatever the others do.
"""

QUIET: tuple[str, ...] = (ScenarioOutcome.PASS, ScenarioOutcome.NOT_APPLICABLE)
"""How a scenario, or a verdict, ends that nobody has to look at."""

STEP_STATUS = {
    ScenarioOutcome.NOT_APPLICABLE: StepStatus.SKIPPED,
    ScenarioOutcome.PASS: StepStatus.PASSED,
    ScenarioOutcome.CONDITIONAL_PASS: StepStatus.PASSED,
    ScenarioOutcome.INCONCLUSIVE: StepStatus.BROKEN,
    ScenarioOutcome.CONDITIONAL_FAIL: StepStatus.FAILED,
    ScenarioOutcome.FAIL: StepStatus.FAILED,
    ScenarioOutcome.BROKEN: StepStatus.BROKEN,
}
"""What Allure calls each outcome; inconclusive is never green."""


def worst_of(
    outcomes: Iterable[Outcome | ScenarioOutcome],
) -> ScenarioOutcome | None:
    """Return the worst of several outcomes, or None if there is none."""
    named = [ScenarioOutcome(str(outcome)) for outcome in outcomes]
    return max(named, key=SEVERITY.index, default=None)


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table that a step made of what was observed."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    """Heading row first; every row as long as it."""

    def __post_init__(self) -> None:
        if len({len(row) for row in self.rows}) != 1:
            raise ValueError(f"the rows of {self.title!r} differ in length")


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One Gherkin step, as it was written and as it ended."""

    keyword: str
    """``Given``, ``When``, ``Then``, ``And`` or ``But``, as in the feature file."""
    text: str
    status: StepStatus
    line: int = 0
    table: tuple[tuple[str, ...], ...] = ()
    """The data table beneath it, heading row first."""
    doc_string: str = ""
    message: str = ""
    """Why it did not pass."""
    verdicts: tuple[int, ...] = ()
    """Positions in `ScenarioRecord.verdicts` of what this step judged."""
    figures: tuple[int, ...] = ()
    """Positions in `ScenarioRecord.figures` of what this step drew."""
    made: tuple[TableRecord, ...] = ()
    """Tables that this step made, such as one recording against every edition."""


@dataclass(frozen=True, slots=True)
class FigureRecord:
    """A figure kept beside the record."""

    title: str
    file: str
    """File name, in the folder of the record."""
    alt: str
    """What a reader who cannot see it should know."""


@dataclass(frozen=True, slots=True)
class TrialFacts:
    """What the bench was and how it ran; whatever is unknown is left empty."""

    rig: str = ""
    grade: Grade | None = None
    decision_rule: str = ""
    seed: int | None = None
    starts_at: datetime | None = None
    """Civil time of bench second 0; carries a time zone."""
    bench_s: float | None = None
    """How long the trial took on the bench clock. [s]"""
    speed: float | None = None
    """Bench seconds per real second; 1 on hardware."""
    evidence: str = ""
    """The evidence folder."""
    digest: str = ""
    """Digest of the recording: two runs with the same seed share it."""
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """More, by heading: ``{"Identities": {"ev": "…"}, "Calibration": {…}}``."""


@dataclass(frozen=True, slots=True)
class ScenarioRecord:
    """One scenario, or one example row of a scenario outline, after it ran."""

    feature: str
    title: str
    feature_file: str
    """From ``features/`` on, or relative to the root of the run; forward slashes."""
    slug: str
    """The name of its folder."""
    outcome: ScenarioOutcome
    line: int = 0
    row: int = 0
    """Position of the example row, from 0."""
    description: str = ""
    """The feature's description."""
    rule: str = ""
    """The Gherkin ``Rule:`` it belongs to."""
    tags: tuple[str, ...] = ()
    example: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    """Why it ended early, as one sentence."""
    trial: TrialFacts = field(default_factory=TrialFacts)
    steps: tuple[StepRecord, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    figures: tuple[FigureRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class NotedFigure:
    """A figure as a step hands it over."""

    title: str
    svg: bytes
    alt: str


VERDICTS = pytest.StashKey[list[Verdict]]()
FIGURES = pytest.StashKey[list[NotedFigure]]()
TABLES = pytest.StashKey[list[TableRecord]]()
TRIAL = pytest.StashKey[TrialFacts]()
RECORD = pytest.StashKey[ScenarioRecord]()


def note_verdict(node: pytest.Item, verdict: Verdict) -> None:
    """Keep a verdict for the reports; the step that is running owns it."""
    node.stash.setdefault(VERDICTS, []).append(verdict)


def note_figure(node: pytest.Item, title: str, svg: bytes, *, alt: str = "") -> None:
    """Keep a figure for the reports; the step that is running owns it."""
    node.stash.setdefault(FIGURES, []).append(NotedFigure(title, svg, alt or title))


def note_table(node: pytest.Item, title: str, rows: Iterable[Iterable[str]]) -> None:
    """Keep a table for the reports; the step that is running owns it."""
    table = TableRecord(title, tuple(tuple(row) for row in rows))
    node.stash.setdefault(TABLES, []).append(table)


def note_trial(node: pytest.Item, facts: TrialFacts) -> None:
    """Keep what is known of the bench; call again when more is known."""
    node.stash[TRIAL] = facts


def record_of(node: pytest.Item) -> ScenarioRecord | None:
    """Return the record of a scenario that has ended, or None."""
    return node.stash.get(RECORD, None)
