"""One event as the meters saw it: level before, band, response, what it was worth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from harness.analysis.delivery import delivered_power, delivered_share, level
from harness.analysis.estimate import Estimate
from harness.analysis.response import response_time
from harness.analysis.series import Band, at_least, at_most
from harness.analysis.waterfall import (
    Waterfall,
    accepted_against_delivered,
    waterfall,
)
from harness.core.faults import FaultKind
from harness.core.recording import Recording
from harness.steps.device_notices import OF_EVENTS
from harness.steps.trial import Trial
from harness.steps.words import HOME, asset_name
from harness.trial.notice import OF_WIRES
from harness.trial.planned import Move
from harness.trial.view import Dispatched, MeterView, dispatched, log_of

TOLD_OF = (
    FaultKind.TRIPS,
    FaultKind.LOST_WATCHDOG,
    FaultKind.FORGETS_SCHEDULE,
    FaultKind.SILENT_REVERT,
)
"""Faults of a device that explain why it was not where it should have been."""
BASELINE_WINDOW_S = 120.0
"""The level before an event is the mean over this long before it, or over as long as
the bench was watched before it. [s]"""


@dataclass(frozen=True, slots=True)
class Event:
    """What one role was asked, and the meter that saw what it did."""

    role: str
    move: Move
    level_w: float
    sent_s: float
    until_s: float
    view: MeterView
    before: Estimate
    """Power before, in W, or ``nan`` with the reason why nothing can be judged."""
    tolerance_w: float
    accepted: bool
    acked_s: float | None
    answer: str

    @property
    def band(self) -> Band:
        """Powers that count as delivered: at most, or at least, the level asked."""
        if self.move is Move.DOWN:
            return at_most(self.level_w + self.tolerance_w)
        return at_least(self.level_w - self.tolerance_w)

    @property
    def upwards(self) -> bool:
        """Whether more import was asked for."""
        return self.move is Move.UP

    @property
    def asked_w(self) -> float:
        """Size of the change that was asked for. [W]"""
        return abs(self.level_w - self.before.value)


def instructed_event(trial: Trial, role: str) -> Event | None:
    """Return the event of the role's first market instruction, None without a meter."""
    if role == HOME:
        return home_event(trial)
    view = trial.view(role)
    if view is None:
        return None
    sent = [one for one in dispatched(trial.recording) if one.role == role]
    if not sent:
        return None
    return event_of(trial, sent[0], view)


def home_event(trial: Trial) -> Event | None:
    """Return what the home as a whole was asked, seen by the boundary meter.

    It begins with the first device instruction and ends when the first of these
    comes: the end of the dispatch, or the moment the service was overruled.
    """
    view, agreement = trial.view(HOME), trial.plan.agreement
    sent = dispatched(trial.recording)
    if view is None or not sent or agreement is None:
        return None
    first = min(sent, key=lambda one: one.sent_s)
    overruled = log_of(trial.recording, "ESO", "overrules")
    ends = [one.until_s for one in sent] + [entry.time_s for entry in overruled]
    before = level_before(trial, view, first.sent_s)
    answers = "; ".join(f"{asset_name(one.role)}: {one.answer}" for one in sent)
    share = trial.named_rule("agreement/delivery-tolerance").at_most or 0.0
    acked = [one.acked_s for one in sent]
    return Event(
        role=HOME,
        move=Move.DOWN,
        level_w=before.value - agreement.capacity_w,
        sent_s=first.sent_s,
        until_s=min(ends),
        view=view,
        before=before,
        tolerance_w=share / 100 * agreement.capacity_w,
        accepted=all(one.accepted for one in sent),
        acked_s=max((at for at in acked if at is not None), default=None),
        answer=answers,
    )


def event_of(trial: Trial, sent: Dispatched, view: MeterView) -> Event:
    """Look at one instruction through one meter."""
    before = level_before(trial, view, sent.sent_s)
    share = trial.named_rule("agreement/delivery-tolerance").at_most or 0.0
    event = Event(
        role=sent.role,
        move=sent.move,
        level_w=sent.level_w,
        sent_s=sent.sent_s,
        until_s=sent.until_s,
        view=view,
        before=_movable(before, sent),
        tolerance_w=share / 100 * abs(sent.level_w - before.value),
        accepted=sent.accepted,
        acked_s=sent.acked_s,
        answer=sent.answer,
    )
    return _unless_tripped(trial, event)


def _unless_tripped(trial: Trial, event: Event) -> Event:
    """Refuse to take for delivery that a device stopped by itself."""
    if event.upwards or math.isnan(event.before.value):
        return event
    found = OF_EVENTS[FaultKind.TRIPS](trial.witnesses, event)
    if not trial.noticed(found):
        return event
    why = f"{found.says}: that is no answer to an instruction"
    return replace(event, before=replace(event.before, value=math.nan, why=why))


def level_before(trial: Trial, view: MeterView, at_s: float) -> Estimate:
    """Power before a moment, or ``nan`` if the meter may not judge. [W]"""
    trouble = trial.trouble(view, at_s)
    if trouble or at_s <= 0:
        why = trouble or "the bench was not watched before the event"
        return Estimate(math.nan, "W", why=why)
    return level(
        view.time_s,
        view.power_w,
        from_s=max(at_s - BASELINE_WINDOW_S, 0.0),
        until_s=at_s,
        meter=view.quality,
    )


def _movable(before: Estimate, sent: Dispatched) -> Estimate:
    """Refuse to judge a move of something that was there already."""
    if sent.spared:
        why = f"it was not sent to the {asset_name(sent.role)}: {sent.spared}"
        return replace(before, value=math.nan, why=why)
    if math.isnan(before.value):
        return before
    room_w = before.value - sent.level_w
    room_w = room_w if sent.move is Move.DOWN else -room_w
    if room_w > max(100.0, 0.1 * before.value):
        return before
    why = (
        f"the {asset_name(sent.role)} was at {before.value:.0f} W before the event: "
        f"there was nothing to {sent.move}"
    )
    return replace(before, value=math.nan, why=why)


def dwell_s(trial: Trial) -> float:
    """How long power must stay to count as arrived. [s]"""
    return trial.named_rule("agreement/dwell").at_least or 0.0


def ride_through_s(trial: Trial) -> float:
    """How long a departure, or a gap, may be that ends nothing. [s]"""
    return trial.named_rule("agreement/ride-through").at_most or 0.0


def unjudgeable(event: Event, unit: str) -> Estimate | None:
    """Return the estimate that says why an event cannot be judged, or None."""
    if math.isnan(event.before.value):
        return Estimate(math.nan, unit, why=event.before.why)
    return None


def response(trial: Trial, event: Event) -> Estimate:
    """Time from sending until power is in its band and stays. [s]"""
    return unjudgeable(event, "s") or response_time(
        event.view.time_s,
        event.view.power_w,
        sent_at_s=event.sent_s,
        until_s=event.until_s,
        band=event.band,
        dwell_s=dwell_s(trial),
        ride_through_s=ride_through_s(trial),
        meter=event.view.quality,
    )


def event_marks(trial: Trial, event: Event) -> tuple[tuple[str, float], ...]:
    """The latency waterfall's instants, for the figure."""
    return _waterfall(trial, event).marks()


def _waterfall(trial: Trial, event: Event) -> Waterfall:
    return waterfall(
        event.view.time_s,
        event.view.power_w,
        sent_at_s=event.sent_s,
        acknowledged_at_s=event.acked_s,
        before_w=event.before.value,
        target_w=event.level_w,
        band=event.band,
        dwell_s=dwell_s(trial),
        meter=event.view.quality,
        until_s=event.until_s,
        ride_through_s=ride_through_s(trial),
    )


def response_details(trial: Trial, event: Event) -> dict[str, object]:
    """What the report shows beside a response: answer, waterfall, level before."""
    details: dict[str, object] = {"answer": event.answer, "accepted": event.accepted}
    if not math.isnan(event.before.value):
        details |= _waterfall(trial, event).details()
        details["before_w"] = event.before.value
        details["asked_w"] = event.level_w
    return details


def word_against_meter(trial: Trial, event: Event) -> str:
    """Say, if they differ, what the device said and what the meter saw.

    Names current offered but not drawn where the device reports what it offers.
    """
    if math.isnan(event.before.value):
        return ""
    power = delivered_power(
        event.view.time_s,
        event.view.power_w,
        from_s=event.sent_s,
        until_s=event.until_s,
        baseline=event.before,
        upwards=event.upwards,
        meter=event.view.quality,
    )
    share = delivered_share(power, event.asked_w)
    found = accepted_against_delivered(accepted=event.accepted, share=share)
    if found == "delivered":
        return ""
    text = f"{found} ({share.value:z.0f} % of what was asked; it said: {event.answer})"
    offered = _offered_and_drawn(trial.recording, event)
    return f"{text}; {offered}" if offered else text


def reasons(trial: Trial, event: Event) -> str:
    """Say all that a person should know beside a number that is short of a pass.

    What the device said and the meter saw, if they differ; what it did unasked; what
    was wrong with its wire.
    """
    told = [word_against_meter(trial, event)]
    if event.role != HOME and not math.isnan(event.before.value):
        found = {kind: OF_EVENTS[kind](trial.witnesses, event) for kind in TOLD_OF}
        if trial.noticed(found[FaultKind.LOST_WATCHDOG]):
            del found[FaultKind.FORGETS_SCHEDULE]  # it says the same, and why
        told += [one.says for one in found.values() if trial.noticed(one)]
    if event.role != HOME:
        told.append(trial.trouble_with(event.role, OF_WIRES))
        told.append(trial.trouble_with(event.role, (FaultKind.REBOOTS,)))
    return "; ".join(dict.fromkeys(filter(None, told)))


def _offered_and_drawn(recording: Recording, event: Event) -> str:
    """``offered 20.0 A, drew 6.0 A``, if the device reports what it offers."""
    offered = recording.channel(event.role, "current_offered_a")
    drawn = recording.channel(event.view.meter, "current_a")
    if offered is None or drawn is None:
        return ""
    means = []
    for channel in (offered, drawn):
        inside = (channel.time_s >= event.sent_s + 30) & (
            channel.time_s <= event.until_s
        )
        if not inside.any():
            return ""
        means.append(float(channel.values[inside].mean()))
    return f"offered {means[0]:.1f} A, drew {means[1]:.1f} A"
