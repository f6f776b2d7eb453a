"""A verdict: one judged number, complete enough to be argued with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.analysis.estimate import Estimate
from harness.rulebook.rule import Rule


class Outcome(StrEnum):
    """The six outcomes; a bench fault is an exception, not an outcome."""

    PASS = "pass"  # noqa: S105
    CONDITIONAL_PASS = "conditional pass"  # noqa: S105
    CONDITIONAL_FAIL = "conditional fail"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not applicable"


class Grade(StrEnum):
    """What the evidence was taken on. Emulated evidence certifies nothing."""

    EMULATED = "emulated"
    MIXED = "mixed"
    REAL = "real"


LOAD_POINT = "load_point"
"""Detail that says at which load a number was measured, where there are several."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured, against which rule, decided how, and what came out."""

    subject: str
    """The role judged, ``ev``, or ``home``."""
    statement: str
    """The Then step, as the feature file says it."""
    measured: Estimate
    rule: Rule
    decision_rule: str
    outcome: Outcome
    grade: Grade
    channels: tuple[str, ...] = ()
    """The recorded channels that the number was computed from."""
    probability: float = math.nan
    """Probability that the true value conforms (JCGM 106)."""
    margin: float = math.nan
    """Distance from the nearest bound, positive inside. In the rule's unit."""
    reason: str = ""
    """Why it is not a plain pass."""
    remedy: str = ""
    """What would turn it into a pass, or decide it."""
    details: Mapping[str, object] = field(default_factory=dict)
    """Further numbers for the report: the latency waterfall, the nearest miss."""

    @property
    def judged(self) -> str:
        """Return what was judged: the rule's quantity, and at which load point."""
        at = self.details.get(LOAD_POINT)
        return f"{self.rule.quantity} at {at}" if at else self.rule.quantity

    @property
    def risk(self) -> float:
        """Return the specific risk that this outcome is wrong (JCGM 106:2012, 8 and 9).

        Of what was accepted, that it does not conform (false acceptance); of what was
        rejected, that it does (false rejection); ``nan`` if nothing was decided.
        """
        if self.outcome in (Outcome.PASS, Outcome.CONDITIONAL_PASS):
            return 1.0 - self.probability
        if self.outcome in (Outcome.FAIL, Outcome.CONDITIONAL_FAIL):
            return self.probability
        return math.nan

    def __str__(self) -> str:
        """Read as a sentence an engineer can paste into an e-mail."""
        got, rule = self.measured, self.rule
        number = f"{got.value:.4g} ± {got.expanded:.2g} {got.unit}"
        if got.spread is not None:
            low, high = got.spread.interval
            number = f"{got.value:.4g} ({low:.4g} to {high:.4g}) {got.unit}"
        if math.isnan(got.value):
            number = "not seen"
        elif math.isinf(got.value):
            number = "never happened"
        text = (
            f"{self.outcome.upper()}: {self.subject} {self.judged} {number}, "
            f"{rule.bound} ({rule.source}, {rule.edition}, {rule.status})"
        )
        if self.reason:
            text += f": {self.reason}"
        if self.remedy:
            text += f". Try: {self.remedy}"
        return text


class FailedVerdict(AssertionError):
    """The device missed its bound; Allure shows *failed*."""


class InconclusiveVerdict(Exception):
    """The evidence does not decide; Allure shows *broken*, never green."""
