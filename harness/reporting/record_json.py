"""Scenario records as JSON: same record, same bytes.

A file that is not such a record is refused with one sentence; nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Container
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.checks.codec import verdict_from_json, verdict_to_json
from harness.checks.verdict import Grade
from harness.core.errors import EvidenceError
from harness.reporting.record import (
    FigureRecord,
    ScenarioOutcome,
    ScenarioRecord,
    StepRecord,
    StepStatus,
    TableRecord,
    TrialFacts,
)

FORMAT = 1
FILE_NAME = "scenario.json"


def record_to_json(record: ScenarioRecord) -> str:
    """Return a record as JSON text, ending in a newline."""
    content = {
        "format": FORMAT,
        "feature": record.feature,
        "title": record.title,
        "feature_file": record.feature_file,
        "slug": record.slug,
        "outcome": str(record.outcome),
        "line": record.line,
        "row": record.row,
        "description": record.description,
        "rule": record.rule,
        "tags": list(record.tags),
        "example": dict(record.example),
        "error": record.error,
        "trial": _trial_to_json(record.trial),
        "steps": [_step_to_json(step) for step in record.steps],
        "verdicts": [verdict_to_json(verdict) for verdict in record.verdicts],
        "figures": [
            {"title": figure.title, "file": figure.file, "alt": figure.alt}
            for figure in record.figures
        ],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def record_from_json(text: str, *, where: str = FILE_NAME) -> ScenarioRecord:
    """Read a record back.

    Raises
    ------
    EvidenceError
        If the text is not a scenario record of this format.
    """
    try:
        return _record(json.loads(text))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceError(
            where,
            f"this is not a scenario record ({type(error).__name__}: {error})",
            "run the trial again, or take the folder from the original evidence",
        ) from error


def read_records(run_folder: Path) -> list[ScenarioRecord]:
    """Read every record of a run, in the order of the feature files.

    Raises
    ------
    EvidenceError
        If a record cannot be read.
    """
    records = read_further(run_folder, known=())
    return sorted(
        records.values(), key=lambda r: (r.feature_file, r.line, r.row, r.slug)
    )


def read_further(
    run_folder: Path, known: Container[Path]
) -> dict[Path, ScenarioRecord]:
    """Read those records of a run that are not known yet; by file, in its order.

    Raises
    ------
    EvidenceError
        If a record cannot be read.
    """
    return {
        path: record_from_json(path.read_text(encoding="utf-8"), where=str(path))
        for path in sorted(run_folder.glob(f"*/{FILE_NAME}"))
        if path not in known
    }


def _record(content: dict[str, Any]) -> ScenarioRecord:
    if content["format"] != FORMAT:
        raise ValueError(f"format {content['format']!r}, expected {FORMAT}")
    record = ScenarioRecord(
        feature=content["feature"],
        title=content["title"],
        feature_file=content["feature_file"],
        slug=content["slug"],
        outcome=ScenarioOutcome(content["outcome"]),
        line=content["line"],
        row=content["row"],
        description=content["description"],
        rule=content["rule"],
        tags=tuple(content["tags"]),
        example=dict(content["example"]),
        error=content["error"],
        trial=_trial_from_json(content["trial"]),
        steps=tuple(_step_from_json(step) for step in content["steps"]),
        verdicts=tuple(verdict_from_json(one) for one in content["verdicts"]),
        figures=tuple(FigureRecord(**figure) for figure in content["figures"]),
    )
    _check_positions(record)
    return record


def _check_positions(record: ScenarioRecord) -> None:
    for step in record.steps:
        if any(not 0 <= n < len(record.verdicts) for n in step.verdicts) or any(
            not 0 <= n < len(record.figures) for n in step.figures
        ):
            raise ValueError(f"step {step.text!r} points at what is not there")


def _trial_to_json(trial: TrialFacts) -> dict[str, Any]:
    return {
        "rig": trial.rig,
        "grade": None if trial.grade is None else str(trial.grade),
        "decision_rule": trial.decision_rule,
        "seed": trial.seed,
        "starts_at": trial.starts_at.isoformat() if trial.starts_at else None,
        "bench_s": trial.bench_s,
        "speed": trial.speed,
        "evidence": trial.evidence,
        "digest": trial.digest,
        "sections": {heading: dict(facts) for heading, facts in trial.sections.items()},
    }


def _trial_from_json(content: dict[str, Any]) -> TrialFacts:
    starts_at, grade = content["starts_at"], content["grade"]
    return TrialFacts(
        rig=content["rig"],
        grade=None if grade is None else Grade(grade),
        decision_rule=content["decision_rule"],
        seed=content["seed"],
        starts_at=datetime.fromisoformat(starts_at) if starts_at else None,
        bench_s=content["bench_s"],
        speed=content["speed"],
        evidence=content["evidence"],
        digest=content["digest"],
        sections={head: dict(facts) for head, facts in content["sections"].items()},
    )


def _step_to_json(step: StepRecord) -> dict[str, Any]:
    return {
        "keyword": step.keyword,
        "text": step.text,
        "status": str(step.status),
        "line": step.line,
        "table": [list(row) for row in step.table],
        "doc_string": step.doc_string,
        "message": step.message,
        "verdicts": list(step.verdicts),
        "figures": list(step.figures),
        "made": [
            {"title": table.title, "rows": [list(row) for row in table.rows]}
            for table in step.made
        ],
    }


def _step_from_json(content: dict[str, Any]) -> StepRecord:
    return StepRecord(
        keyword=content["keyword"],
        text=content["text"],
        status=StepStatus(content["status"]),
        line=content["line"],
        table=tuple(tuple(row) for row in content["table"]),
        doc_string=content["doc_string"],
        message=content["message"],
        verdicts=tuple(content["verdicts"]),
        figures=tuple(content["figures"]),
        made=tuple(
            TableRecord(table["title"], tuple(tuple(row) for row in table["rows"]))
            for table in content.get("made", ())
        ),
    )
