"""Faults: Whens that impose them, and Thens that ask whether the bench noticed."""

from __future__ import annotations

import math
from dataclasses import replace

from pytest_bdd import then, when

from harness.analysis.estimate import Estimate
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.core.faults import FaultKind
from harness.rulebook.rule import Rule
from harness.steps.device_notices import OF_EVENTS
from harness.steps.event import instructed_event
from harness.steps.fault_words import WORDINGS, FaultPhrase, amount_of
from harness.steps.trial import Trial
from harness.steps.words import clock_s, role_of, span_s
from harness.trial.plan import Plan
from harness.trial.planned import PlannedFault
from harness.trial.witnesses import Notice

COUNTED = ("messages", "readings", "times")
"""Units that are counts: beyond a bound is one more."""


@when(FaultPhrase("the {asset}{fault}{span}"))
def _(plan: Plan, asset: str, kind: FaultKind, parts: dict[str, str | None]) -> None:
    """A fault begins and, if a second time is given, ends (see docs/faults.md)."""
    start, end = str(parts["start"]), parts["end"]
    from_s, until_s = span_s(start, end) if end else (clock_s(start), None)
    way, words = parts["way"], parts["words"] or ""
    if (way or words) and not kind.on_the_wire:
        raise FeatureError(
            f"“{kind}”",
            "a fault inside a device does not happen to some messages only",
            f"the {asset}{WORDINGS[kind].text.partition('[')[0]} from {start}",
        )
    plan.faults.append(
        PlannedFault(
            role=role_of(asset),
            kind=kind,
            from_clock_s=from_s,
            until_clock_s=until_s,
            amount=amount_of(kind, parts.get("amount")),
            direction=f"{way} the device" if way else "both",  # type: ignore[arg-type]
            containing=words,
        )
    )


@then(FaultPhrase("the bench notices that the {asset}{fault}"))
def _(trial: Trial, asset: str, kind: FaultKind) -> None:
    """A detector finds this fault: what it measured is outside what is tolerated."""
    found, rule = _found(trial, role_of(asset), kind)
    _judge(trial, found, _exceeded(rule))


@then(FaultPhrase("the bench does not notice that the {asset}{fault}"))
def _(trial: Trial, asset: str, kind: FaultKind) -> None:
    """A detector looked for this fault, could have seen it, and found nothing."""
    _judge(trial, *_found(trial, role_of(asset), kind))


def _found(trial: Trial, role: str, kind: FaultKind) -> tuple[Notice, Rule]:
    found = _notice(trial, role, kind)
    published = trial.limits.get((role, "ramp rate"))
    if kind is FaultKind.RAMPS_WRONG and published is not None:
        found = replace(found, rule_id=published)
    return found, trial.named_rule(found.rule_id)


def _notice(trial: Trial, role: str, kind: FaultKind) -> Notice:
    if kind not in OF_EVENTS:
        return trial.notice(role, kind)
    event = instructed_event(trial, role)
    rule_id, unit = _UNTOLD[kind]
    if event is None:
        why = "it was told nothing, or no independent meter saw it"
        return Notice(kind, role, Estimate(math.nan, unit, why=why), rule_id, why)
    if math.isnan(event.before.value) and kind is not FaultKind.TRIPS:
        nothing = Estimate(math.nan, unit, why=event.before.why)
        return Notice(kind, role, nothing, rule_id, "", (event.view.channel,))
    return OF_EVENTS[kind](trial.witnesses, event)


_UNTOLD = {
    FaultKind.IGNORES: ("notice/ignored", "%"),
    FaultKind.RAMPS_WRONG: ("agreement/ev-ramp", "W/s"),
    FaultKind.TRIPS: ("notice/at-nothing", "s"),
    FaultKind.FORGETS_SCHEDULE: ("notice/away", "s"),
    FaultKind.SILENT_REVERT: ("notice/away", "s"),
    FaultKind.LOST_WATCHDOG: ("notice/away", "s"),
}
"""Rule and unit of what cannot be told."""


def _judge(trial: Trial, found: Notice, rule: Rule) -> None:
    # What cannot be told has its reason in the estimate; "nan %" is none.
    said = "" if math.isnan(found.estimate.value) else found.says
    trial.judge(
        found.role,
        found.estimate,
        rule,
        channels=found.channels,
        witness=Witness.SELF if found.channels else Witness.LOG,
        reason=said,
        details={"finding": said or found.estimate.why},
    )


def _exceeded(rule: Rule) -> Rule:
    """Return the rule that what is outside a one-sided rule meets."""
    step = 1.0 if rule.unit in COUNTED else 0.0
    if rule.at_most is not None:
        return replace(rule, at_most=None, at_least=rule.at_most + step)
    return replace(rule, at_least=None, at_most=rule.at_least)
