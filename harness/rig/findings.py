"""What a proof of a bench or of a driver says: a line for each thing looked at."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    outcome: Outcome
    detail: str
    remedy: str = ""


def passed(check: str, detail: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, Outcome.PASS, detail)


def failed(check: str, detail: str, remedy: str) -> Finding:
    """Return a finding that something is not as it must be."""
    return Finding(check, Outcome.FAIL, detail, remedy)


def not_applicable(check: str, why: str) -> Finding:
    """Return a finding that there was nothing to look at."""
    return Finding(check, Outcome.NOT_APPLICABLE, why)
