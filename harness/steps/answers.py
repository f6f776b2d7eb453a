"""What one device's answers would open: held against every service there is.

A table and no verdict: which doors are open, and by how much the next is missed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from pytest_bdd import parsers, then

from harness.analysis.aggregate.criteria import INTERVAL
from harness.analysis.delivery import delivered_power, delivered_share
from harness.analysis.estimate import Estimate
from harness.analysis.hold import held_for
from harness.analysis.response import first_movement
from harness.checks.access import Access, access, access_table
from harness.core.calendar import LONDON
from harness.core.recording import Recording
from harness.reporting import wording
from harness.reporting.record import note_table
from harness.rig.file import read_rig
from harness.rulebook.book import Rulebook
from harness.rulebook.rule import Rule
from harness.rulebook.where import SERVICE, regimes
from harness.steps.event import (
    Event,
    event_of,
    response,
    ride_through_s,
    unjudgeable,
)
from harness.steps.trial import Trial
from harness.steps.words import asset_name, role_of
from harness.trial.measure import Assignment
from harness.trial.operational import operational
from harness.trial.plan import Plan
from harness.trial.session import Session
from harness.trial.view import dispatched, own_channel, starts_at, watched_s

MOVED, ARRIVED, HELD, SHARE, UNIT = (
    "first movement", "full delivery", "event held", "delivered share", "least unit",
)  # fmt: skip
HEADS = {
    MOVED: "moves within", ARRIVED: "delivers within", HELD: "holds for",
    SHARE: "delivers", INTERVAL: "read every",
}  # fmt: skip
"""What a bench can measure of a service's requirements, with its heading."""
NOT_LONGER = "the session asked for no longer"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a device answered one instruction."""

    role: str
    title: str
    measured: Mapping[str, Estimate]
    """By criterion, in the units of the rules."""
    moved_w: float
    """Size of the change that was asked for and could be judged, or ``nan``. [W]"""
    complete: bool = True

    def stands(self, rulebook: Rulebook, decision_rule: str) -> list[Access]:
        """Judge it by what each service asks, in every edition."""
        services = {
            name: rules
            for name, rules in regimes(rulebook, SERVICE).items()
            if rules.keys() & (HEADS.keys() - {SHARE})
        }
        return access(
            self.measured, services, decision_rule=decision_rule,
            complete=self.complete, criteria=tuple(HEADS),
        )  # fmt: skip


def answers(trial: Trial, role: str | None = None) -> list[Answer]:
    """Return every answer to an instruction that an independent meter saw.

    Parameters
    ----------
    trial : Trial
        With its recording.
    role : str, optional
        Only this device's.
    """
    found = []
    for sent in dispatched(trial.recording):
        view = trial.view(sent.role)
        if view is not None and role in (None, sent.role):
            found.append(_answer(trial, event_of(trial, sent, view)))
    return found


def _answer(trial: Trial, event: Event) -> Answer:
    blocked = unjudgeable(event, "s")
    delivered = response(trial, event)
    measured = {
        MOVED: blocked or _moved(event),
        ARRIVED: delivered,
        SHARE: _share(event, delivered),
        HELD: blocked or _held(trial, event, delivered),
        INTERVAL: _interval(trial, event),
    }
    title = (
        f"{asset_name(event.role)}: {event.move} to {event.level_w / 1e3:g} kW at "
        f"{trial.clock(event.sent_s)}"
    )
    change_w = math.nan if blocked else event.asked_w
    return Answer(event.role, title, measured, change_w, trial.recording.complete)


def _moved(event: Event) -> Estimate:
    return first_movement(
        event.view.time_s, event.view.power_w, sent_at_s=event.sent_s,
        before_w=event.before.value, target_w=event.level_w, until_s=event.until_s,
        meter=event.view.quality,
    )  # fmt: skip


def _share(event: Event, delivered: Estimate) -> Estimate:
    """How much of the change was there, from the arrival on; of none, none."""
    if blocked := unjudgeable(event, "%"):
        return blocked
    arrived = math.isfinite(delivered.value)
    from_s = event.sent_s + (delivered.value if arrived else 0.0)
    power = delivered_power(
        event.view.time_s, event.view.power_w,
        from_s=from_s if from_s < event.until_s else event.sent_s,
        until_s=event.until_s, baseline=event.before, upwards=event.upwards,
        meter=event.view.quality,
    )  # fmt: skip
    return delivered_share(power, event.asked_w)


def _held(trial: Trial, event: Event, delivered: Estimate) -> Estimate:
    """How long it held; nobody knows for how long it would have, had it been asked."""
    if not math.isfinite(delivered.value):
        return Estimate(math.nan, "s", why="it never delivered in full")
    held = held_for(
        event.view.time_s, event.view.power_w, from_s=event.sent_s,
        until_s=event.until_s, band=event.band, meter=event.view.quality,
        arrived_by_s=event.sent_s + delivered.value,
        ride_through_s=ride_through_s(trial),
    )  # fmt: skip
    if held.value < event.until_s - event.sent_s:
        return held
    return replace(held, why=NOT_LONGER, unseen=(held.value, math.inf))


def _interval(trial: Trial, event: Event) -> Estimate:
    """How often the device's own power can be read."""
    from_s, until_s = watched_s(trial.recording)
    seen = operational(
        trial.recording, own_channel(trial.recording, event.role), event.view,
        from_s=from_s, until_s=until_s,
    )  # fmt: skip
    return seen.found[INTERVAL]


def headline(one: Answer, stands: list[Access]) -> str:
    """Say in a sentence what is open, and what is missed by least."""
    opens = [a for a in stands if a.meets]
    missed = [a for a in stands if a.meets is False]
    unseen = [a for a in stands if a.meets is None]
    said = [f"Meets what could be measured of {_listed(opens)}." if opens else
            "Meets none in all that could be measured."]  # fmt: skip
    if missed:
        near = min(missed, key=lambda a: a.miss)
        said.append(
            f"The nearest miss is {near.regime.name} ({near.regime.edition}): "
            f"{near.nearest_miss}."
        )
    if unseen:
        said.append(f"Not told by this session: {_listed(unseen)}.")
    if math.isfinite(one.moved_w):
        said.append(f"1 MW would take {math.ceil(1e6 / one.moved_w):,} such changes.")
    return " ".join(said)


def _listed(found: list[Access]) -> str:
    """Name services, each with its editions if there are several of it."""
    editions: dict[str, list[str]] = {}
    for one in found:
        editions.setdefault(one.regime.name, []).append(one.regime.edition)
    return "; ".join(
        f"{name} ({', '.join(those)})" if len(those) > 1 else name
        for name, those in editions.items()
    )


def answer_table(
    one: Answer, stands: list[Access], rulebook: Rulebook
) -> list[list[str]]:
    """Return the table of every service and edition, heading first.

    Beneath the heading stands what was measured. Before the last column stands how
    many such changes make the least unit, where the service has one.
    """
    services = regimes(rulebook, SERVICE)
    head, *rows = access_table(stands, HEADS, of="service")
    units = [_least(one, services[stand.regime].get(UNIT)) for stand in stands]
    seen = [_seen(one.measured[name]) for name in HEADS]
    return [
        [*head[:-1], UNIT, head[-1]],
        ["this session", *seen, "", ""],
        *([*row[:-1], unit, row[-1]] for row, unit in zip(rows, units, strict=True)),
    ]


def _least(one: Answer, rule: Rule | None) -> str:
    """How many such changes make a service's least unit."""
    if rule is None or rule.at_least is None:
        return "not asked"
    many = math.ceil(rule.at_least / one.moved_w) if one.moved_w > 0 else None
    count = "" if many is None else f": {many:,} such"
    return f"{rule.at_least / 1e6:g} MW{count}"


def _seen(found: Estimate) -> str:
    if math.isnan(found.value):
        return f"not seen: {found.why}"
    longer = ", asked for no longer" if found.why == NOT_LONGER else ""
    return f"{wording.measured(found)}{longer}"


def looked_at(
    recording: Recording, rulebook: Rulebook, rig_file: Path, decision_rule: str
) -> Trial:
    """Return a trial over a recording that is there, to be looked at and not judged."""
    on = starts_at(recording).astimezone(LONDON).date()
    rig = read_rig(rig_file)
    assignment = Assignment(rig, "", on, decision_rule, rulebook.digest())
    session = Session(assignment, rulebook, rig_file.parent)
    # Nothing is reported and nothing is planned: there is no test and no feature.
    return Trial(cast(pytest.Item, None), Plan(), session, _recording=recording)


@then(parsers.parse("the {asset}'s answers are held against every service"))
def _(trial: Trial, asset: str) -> None:
    """A table for each instruction: services and editions, and the nearest miss."""
    for one in answers(trial, role_of(asset)):
        stands = one.stands(
            trial.session.rulebook, trial.session.assignment.decision_rule
        )
        note_table(trial.node, f"{one.title}, against every service",
                   answer_table(one, stands, trial.session.rulebook))  # fmt: skip
