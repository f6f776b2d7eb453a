"""Verdicts as JSON: exact, byte for byte the same each time, and read back whole.

JSON has no ``nan`` and no ``inf``; they are the strings ``"nan"``, ``"inf"`` and
``"-inf"`` where a number is expected. `Verdict.details` holds plain JSON values;
a tuple in it comes back as a list.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.analysis.estimate import QUANTILES_AT, Contribution, Estimate, Spread
from harness.checks.verdict import Grade, Outcome, Verdict
from harness.core.errors import EvidenceError
from harness.rulebook.rule_json import rule_from_json, rule_to_json


def verdicts_to_text(verdicts: Sequence[Verdict]) -> str:
    """Return verdicts as JSON text that is the same for the same verdicts."""
    plain = [verdict_to_json(verdict) for verdict in verdicts]
    text = json.dumps(
        plain, ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True
    )
    return text + "\n"


def verdicts_from_text(text: str, *, where: str = "verdicts") -> list[Verdict]:
    """Read what `verdicts_to_text` wrote.

    Raises
    ------
    EvidenceError
        If it is not such text; `where` says what was being read.
    """
    try:
        content = json.loads(text)
        if not isinstance(content, list):
            raise TypeError(f"{type(content).__name__} instead of a list")
        return [verdict_from_json(plain) for plain in content]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceError(
            where,
            f"this is not a list of verdicts ({type(error).__name__}: {error})",
            "judging the recording again: flexrig rejudge",
        ) from error


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as JSON values only."""
    return {
        "subject": verdict.subject,
        "statement": verdict.statement,
        "measured": estimate_to_json(verdict.measured),
        "rule": rule_to_json(verdict.rule),
        "decision_rule": verdict.decision_rule,
        "outcome": verdict.outcome.value,
        "grade": verdict.grade.value,
        "channels": list(verdict.channels),
        "probability": _number(verdict.probability),
        "margin": _number(verdict.margin),
        "reason": verdict.reason,
        "remedy": verdict.remedy,
        "details": _plain(verdict.details),
    }


def verdict_from_json(data: Mapping[str, Any]) -> Verdict:
    """Return the verdict that `verdict_to_json` wrote."""
    return Verdict(
        subject=data["subject"],
        statement=data["statement"],
        measured=estimate_from_json(data["measured"]),
        rule=rule_from_json(data["rule"]),
        decision_rule=data["decision_rule"],
        outcome=Outcome(data["outcome"]),
        grade=Grade(data["grade"]),
        channels=tuple(data["channels"]),
        probability=float(data["probability"]),
        margin=float(data["margin"]),
        reason=data["reason"],
        remedy=data["remedy"],
        details=data["details"],
    )


def estimate_to_json(estimate: Estimate) -> dict[str, Any]:
    """Return the estimate, with its budget, as JSON values only."""
    unseen = estimate.unseen
    return {
        "value": _number(estimate.value),
        "unit": estimate.unit,
        "budget": [
            {
                "name": line.name,
                "u": _number(line.u),
                "kind": line.kind,
                "source": line.source,
                "dof": _number(line.dof),
            }
            for line in estimate.budget
        ],
        "covariance": _number(estimate.covariance),
        "spread": None if estimate.spread is None else _spread_to_json(estimate.spread),
        "why": estimate.why,
        "marks": [[name, _number(at_s)] for name, at_s in estimate.marks],
        "unseen": None if unseen is None else [_number(end) for end in unseen],
    }


def estimate_from_json(data: Mapping[str, Any]) -> Estimate:
    """Return the estimate that `estimate_to_json` wrote, or wrote in an old bundle."""
    unseen, spread = data["unseen"], data.get("spread")
    return Estimate(
        value=float(data["value"]),
        unit=data["unit"],
        budget=tuple(
            Contribution(
                line["name"],
                float(line["u"]),
                line["kind"],
                line["source"],
                float(line.get("dof", math.inf)),
            )
            for line in data["budget"]
        ),
        why=data["why"],
        marks=tuple((name, float(at_s)) for name, at_s in data["marks"]),
        unseen=None if unseen is None else (float(unseen[0]), float(unseen[1])),
        covariance=float(data.get("covariance", 0.0)),
        spread=None if spread is None else _spread_from_json(spread),
    )


def _spread_to_json(spread: Spread) -> dict[str, Any]:
    return {
        "quantiles": [_number(quantile) for quantile in spread.quantiles],
        "draws": spread.draws,
        "note": spread.note,
    }


def _spread_from_json(data: Mapping[str, Any]) -> Spread:
    quantiles = tuple(float(quantile) for quantile in data["quantiles"])
    if len(quantiles) != len(QUANTILES_AT):
        raise ValueError(f"{len(quantiles)} quantiles instead of {len(QUANTILES_AT)}")
    return Spread(quantiles, int(data["draws"]), data["note"])


def _number(value: float) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _plain(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return JSON values for what analysis puts into a verdict's details."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | np.floating):
        return _number(float(value))
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} in a verdict's details is not JSON")
