"""Make a verdict of a measured value, and let only the right witness speak.

The verdict on power comes from a meter other than the device judged. A channel's
role says whose word it is; channels named ``truth`` exist on emulated rigs only and
prove nothing on any.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum

from harness.analysis.estimate import Estimate
from harness.checks.decide import Decision, decide, decision_rule_of
from harness.checks.verdict import (
    FailedVerdict,
    Grade,
    InconclusiveVerdict,
    Outcome,
    Verdict,
)
from harness.rulebook.rule import Rule

ELECTRICAL = ("power", "energy", "current", "voltage", "reactive", "apparent")
"""Quantities whose witness must be a meter, by the first word of their name."""

TRUTH = "truth"


class Witness(StrEnum):
    """Whose word a verdict may rest on."""

    METER = "independent meter"
    """Anything about power, energy or current: never the device judged."""
    SELF = "the channel itself"
    """The subject's own channel is what is judged: is this meter frozen, complete?"""
    LOG = "log"
    """What actors did and when; there is no channel."""


def judge(
    *,
    subject: str,
    statement: str,
    measured: Estimate,
    rule: Rule,
    decision_rule: str,
    grade: Grade,
    channels: Sequence[str],
    witness: Witness = Witness.METER,
    complete: bool = True,
    details: Mapping[str, object] | None = None,
) -> Verdict:
    """Return the verdict on one measured value.

    Parameters
    ----------
    subject : str
        The role judged.
    statement : str
        The Then step, as the feature file says it.
    measured : Estimate
        What analysis made of the channels.
    rule : Rule
        The bound.
    decision_rule : str
        ``simple``, ``guard-band``, ``non-binary``; the last two may carry their r.
    grade : Grade
        What the evidence was taken on.
    channels : sequence of str
        Every channel the value was computed from, as ``role.quantity``.
    witness : Witness
        Whose word is allowed. With `Witness.METER` a value that comes from the
        subject's own electrical channels only is inconclusive.
    complete : bool
        `Recording.complete`.
    details : mapping, optional
        Further numbers for the report; JSON values.

    Raises
    ------
    RuleError, UsageError
        As `decide` does.
    ValueError
        If no channel is named although the witness is not the log, or the reverse.
    """
    decision_rule_of(decision_rule)
    if bool(channels) == (witness is Witness.LOG):
        raise ValueError(f"{len(channels)} channels do not fit the witness: {witness}")
    if (own_word := _own_word(subject, channels, witness)) is not None:
        decision = own_word
    else:
        decision = decide(
            measured, rule, decision_rule=decision_rule, complete=complete
        )
    return Verdict(
        subject=subject,
        statement=statement,
        measured=measured,
        rule=rule,
        decision_rule=decision_rule,
        outcome=decision.outcome,
        grade=grade,
        channels=tuple(channels),
        probability=decision.probability,
        margin=decision.margin,
        reason=decision.reason,
        remedy=decision.remedy,
        details=dict(details or {}),
    )


def not_applicable(
    *,
    subject: str,
    statement: str,
    rule: Rule,
    decision_rule: str,
    grade: Grade,
    reason: str,
) -> Verdict:
    """Return the verdict of a rule that does not concern this subject."""
    return Verdict(
        subject=subject,
        statement=statement,
        measured=Estimate(math.nan, rule.unit, why=reason),
        rule=rule,
        decision_rule=decision_rule,
        outcome=Outcome.NOT_APPLICABLE,
        grade=grade,
        reason=reason,
    )


def require(verdict: Verdict) -> Verdict:
    """Return the verdict if it is no reason to stop, or raise it.

    Pass, conditional pass and not applicable return; a conditional pass keeps its
    outcome, so that no report shows it as a plain pass.

    Raises
    ------
    FailedVerdict
        On fail and conditional fail.
    InconclusiveVerdict
        If the evidence does not decide.
    """
    if verdict.outcome in (Outcome.FAIL, Outcome.CONDITIONAL_FAIL):
        raise FailedVerdict(str(verdict))
    if verdict.outcome is Outcome.INCONCLUSIVE:
        raise InconclusiveVerdict(str(verdict))
    return verdict


def _own_word(
    subject: str, channels: Sequence[str], witness: Witness
) -> Decision | None:
    """Return the refusal of evidence that no independent meter supports."""
    if witness is not Witness.METER:
        return None
    told = [name for name in channels if _role(name).startswith(TRUTH)]
    reason = "an emulator's truth is no measurement"
    if not told:
        electrical = [name for name in channels if _is_electrical(name)]
        told = [name for name in electrical if _role(name) == subject]
        reason = "there is only the device's own word"
        if not told or len(told) < len(electrical):
            return None
    return Decision(
        Outcome.INCONCLUSIVE,
        math.nan,
        math.nan,
        f"{reason} ({', '.join(told)})",
        f"a reference meter in the rig that sees {subject}",
    )


def _role(channel: str) -> str:
    return channel.partition(".")[0]


def _is_electrical(channel: str) -> bool:
    return channel.rpartition(".")[2].startswith(ELECTRICAL)
