"""A reserve service such as STOR: size, response, holding, recovery, by edition."""

from __future__ import annotations

import math

import pytest
from pytest_bdd import given, parsers, then

from harness.analysis.estimate import Estimate
from harness.analysis.quality import scaled
from harness.core.errors import FeatureError
from harness.rulebook.rule import Rule
from harness.steps.answers import (
    ARRIVED,
    HELD,
    NOT_LONGER,
    SHARE,
    UNIT,
    Answer,
    answers,
)
from harness.steps.event import instructed_event
from harness.steps.trial import Trial
from harness.steps.words import EDITIONS, role_of, table_rows
from harness.trial.plan import Plan
from harness.trial.view import dispatched

RECOVERY = "recovery"
PREFERRED = "full delivery, preferred"
ASKED = (UNIT, ARRIVED, PREFERRED, HELD, RECOVERY)
"""What a table of a reserve service may say."""


@given("the reserve service asks")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """What each edition asks, quoted from its rules."""
    for row in table_rows(datatable, (EDITIONS, "rule"), "the reserve service"):
        what = row[EDITIONS].strip()
        if what not in ASKED:
            raise FeatureError(f"“{what}”", "is no requirement", ", ".join(ASKED))
        plan.reserve_rules[what] = row["rule"].strip()


def _rule(trial: Trial, what: str, edition: str) -> Rule:
    rule_id = trial.plan.reserve_rules.get(what)
    if rule_id is None:
        hint = f"a row for {what} in the table of the reserve service"
        raise FeatureError(f"“{trial.step_text}”", "nothing is asked of that", hint)
    on = trial.session.assignment.on
    return trial.session.rulebook.rule(rule_id, on=on, edition=edition)


_ANSWERS = pytest.StashKey[dict[str, list[Answer]]]()


def _answers(trial: Trial, role: str) -> list[Answer]:
    """How a device answered each call; worked out once for all Thens."""
    known = trial.node.stash.setdefault(_ANSWERS, {})
    if role not in known:
        known[role] = answers(trial, role)
    return known[role]


def _first(trial: Trial, role: str) -> Answer | None:
    found = _answers(trial, role)
    return found[0] if found else None


def _judge(trial: Trial, asset: str, what: str, criterion: str, edition: str) -> None:
    role = role_of(asset)
    rule, view = _rule(trial, what, edition), trial.view(role)
    answer = _first(trial, role)
    if answer is None:
        why = "no independent meter saw an answer"
        measured = Estimate(math.nan, rule.unit, why=why)
    else:
        measured = answer.measured[criterion]
    channel = f"{role}.power_w" if view is None else view.channel
    longer = criterion == HELD and measured.unseen is not None
    reason = NOT_LONGER if longer else ""
    trial.judge(role, measured, rule, channels=(channel,), reason=reason)


@then(parsers.parse("by the {edition} the {asset} delivers in full in time"))
def _(trial: Trial, edition: str, asset: str) -> None:
    """From the call until all of it is there to stay."""
    _judge(trial, asset, ARRIVED, ARRIVED, edition)


@then(parsers.parse("by the {edition} the {asset} delivers as soon as is preferred"))
def _(trial: Trial, edition: str, asset: str) -> None:
    """The same against the time that the edition would rather see."""
    _judge(trial, asset, PREFERRED, ARRIVED, edition)


@then(parsers.parse("by the {edition} the {asset} holds for long enough"))
def _(trial: Trial, edition: str, asset: str) -> None:
    """How long all of it was there."""
    _judge(trial, asset, HELD, HELD, edition)


@then(parsers.parse("by the {edition} {homes:d} such {asset}s make a unit"))
def _(trial: Trial, edition: str, homes: int, asset: str) -> None:
    """What so many move together, by what the meter saw of one."""
    role = role_of(asset)
    rule, event = _rule(trial, UNIT, edition), instructed_event(trial, role)
    answer = _first(trial, role)
    if event is None or answer is None or math.isnan(event.before.value):
        why = "no answer was seen" if event is None else event.before.why
        measured = Estimate(math.nan, rule.unit, why=why)
    else:
        share = answer.measured[SHARE]
        measured = scaled(share, homes * event.asked_w / 100, rule.unit)
    channel = f"{role}.power_w" if event is None else event.view.channel
    trial.judge(role, measured, rule, channels=(channel,), details={"homes": homes})


@then(parsers.parse("by the {edition} the {asset} is there again in time"))
def _(trial: Trial, edition: str, asset: str) -> None:
    """From the end of one delivery to the call that it answered in full again.

    A second call that it did not answer says only that recovery takes longer.
    """
    role = role_of(asset)
    rule, view = _rule(trial, RECOVERY, edition), trial.view(role)
    sent = [one for one in dispatched(trial.recording) if one.role == role]
    found = _answers(trial, role)
    if len(sent) < 2 or len(found) < 2:
        measured = Estimate(math.nan, "s", why="it was not called a second time")
    else:
        again_s = sent[1].sent_s - sent[0].until_s
        arrived = found[1].measured[ARRIVED]
        ready = math.isfinite(arrived.value)
        late = rule.at_most is not None and again_s > rule.at_most
        why = f"called again after {again_s / 60:.0f} min, it did not deliver"
        measured = (
            Estimate(again_s, "s")
            if ready or late
            else Estimate(math.nan, "s", why=arrived.why or why)
        )
    channel = f"{role}.power_w" if view is None else view.channel
    trial.judge(role, measured, rule, channels=(channel,))
