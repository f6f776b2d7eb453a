"""Operational metering of one asset: five questions, each judged apart."""

from __future__ import annotations

import math

from pytest_bdd import parsers, then

from harness.analysis.aggregate.criteria import (
    ACCURACY,
    COMPLETENESS,
    INTERVAL,
    LATENCY,
    RESOLUTION,
)
from harness.analysis.estimate import Estimate
from harness.checks.access import access, access_table
from harness.checks.judge import Witness
from harness.reporting.record import note_table
from harness.rulebook.where import regimes
from harness.steps.trial import Trial
from harness.steps.words import asset_name, role_of
from harness.trial.operational import Operational, operational
from harness.trial.view import MeterView, meter_facts, view_of


def _seen(trial: Trial, role: str) -> tuple[Operational, MeterView | None]:
    """What operational metering would have had of a role, and the meter beside it."""
    recording, reference = trial.recording, _reference(trial, role)
    own = recording.channel(role, "power_w")
    found = operational(
        recording, own, reference, from_s=0.0, until_s=trial.plan.duration_s
    )
    return found, reference


def _reference(trial: Trial, role: str) -> MeterView | None:
    """The independent meter: of a meter, that which it is tested against."""
    standard = trial.plan.references.get(role)
    if standard is None:
        return trial.view(role)
    channel = trial.recording.channel(standard, "power_w")
    if channel is None:
        return None
    return view_of(channel, meter_facts(trial.recording)[standard])


def _judge(trial: Trial, asset: str, criterion: str) -> None:
    role = role_of(asset)
    rule = trial.rule(role, criterion)
    found, reference = _seen(trial, role)
    channels = [found.channel or f"{role}.power_w"]
    witness = Witness.SELF
    measured = found.found[criterion]
    if criterion == ACCURACY:
        witness = Witness.METER
        trouble = "" if reference is None else trial.trouble(reference, 0.0)
        if trouble:
            measured = Estimate(math.nan, measured.unit, why=trouble)
        if reference is not None:
            channels.insert(0, reference.channel)
    trial.judge(role, measured, rule, channels=tuple(channels), witness=witness)


@then(parsers.parse("the {asset}'s readings are as accurate as asked"))
def _(trial: Trial, asset: str) -> None:
    """What the control room would have seen, against the meter, while power rests."""
    _judge(trial, asset, ACCURACY)


@then(parsers.parse("the {asset}'s readings come as often as asked"))
def _(trial: Trial, asset: str) -> None:
    """The usual time between two readings."""
    _judge(trial, asset, INTERVAL)


@then(parsers.parse("the {asset}'s readings arrive as soon as asked"))
def _(trial: Trial, asset: str) -> None:
    """The age that 95 % of the readings keep to when they arrive."""
    _judge(trial, asset, LATENCY)


@then(parsers.parse("the {asset}'s readings are as fine as asked"))
def _(trial: Trial, asset: str) -> None:
    """Decimal places of a megawatt that the readings can tell."""
    _judge(trial, asset, RESOLUTION)


@then(parsers.parse("the {asset}'s readings are as complete as asked"))
def _(trial: Trial, asset: str) -> None:
    """Share of the usual intervals that hold a reading."""
    _judge(trial, asset, COMPLETENESS)


@then(
    parsers.parse("the {asset} is held against every edition of operational metering")
)
def _(trial: Trial, asset: str) -> None:
    """The same recording by the rules of every regime and edition, in one table."""
    role = role_of(asset)
    found, _reference_meter = _seen(trial, role)
    stands = access(
        found.found,
        regimes(trial.session.rulebook),
        decision_rule=trial.session.assignment.decision_rule,
        complete=trial.recording.complete,
    )
    title = f"{asset_name(role)}: operational metering, every edition"
    note_table(trial.node, title, access_table(stands))
