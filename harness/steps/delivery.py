"""Thens: what an asset did, as an independent meter saw it."""

from __future__ import annotations

import math

from pytest_bdd import parsers, then

from harness.analysis.agreement import power_agreement
from harness.analysis.cycling import shortest_rest, shortest_run, starts_in_an_hour
from harness.analysis.delivery import delivered_energy, rebound_energy
from harness.analysis.estimate import Estimate
from harness.analysis.health import lowest
from harness.analysis.hold import held_for, share_in_band
from harness.analysis.quality import MeterQuality, share_of
from harness.analysis.ramp import overshoot, ramp_rate
from harness.checks.judge import Witness
from harness.steps.event import (
    Event,
    event_marks,
    instructed_event,
    reasons,
    response,
    response_details,
    ride_through_s,
    unjudgeable,
)
from harness.steps.trial import Trial
from harness.steps.words import HOME, asset_name, clock_s, duration_s, role_of
from harness.trial.notice import OF_OWN_METERS, OF_WIRES
from harness.trial.planned import Move
from harness.trial.view import own_channel

ON_ABOVE_W, OFF_BELOW_W = 150.0, 80.0
"""Above the first a compressor runs, below the second it rests. [W]"""
INDOOR_MAX_GAP_S = 300.0
"""Longest time without a temperature that a house cannot cool down in unseen. [s]"""
INDOOR_SENSOR_U_C = 0.25
"""Standard uncertainty assumed of the heat pump's own indoor sensor. [°C]"""


def event_or_verdict(trial: Trial, role: str, quantity: str) -> Event | None:
    """Return the event, or judge that nothing was asked, or seen by a meter."""
    event = instructed_event(trial, role)
    if event is None:
        rule, view = trial.rule(role, quantity), trial.view(role)
        why = "no independent meter saw it" if view is None else "nothing was asked"
        channel = f"{role}.power_w" if view is None else view.channel
        nothing = Estimate(math.nan, rule.unit, why=why)
        trial.judge(role, nothing, rule, channels=(channel,))
    return event


def _move(trial: Trial, role: str) -> str:
    """``turn-down`` or ``turn-up``: what the plan asks of a role."""
    for instruction in trial.plan.instructions:
        if instruction.role == role:
            return str(instruction.move).replace(" ", "-")
    return str(Move.DOWN).replace(" ", "-")


@then(parsers.parse("the {asset} responds in the published time"))
def _(trial: Trial, asset: str) -> None:
    """From sending the instruction until power is where it was asked to be, to stay."""
    role = role_of(asset)
    quantity = f"{_move(trial, role)} response time"
    event = event_or_verdict(trial, role, quantity)
    if event is None:
        return
    measured = response(trial, event)
    trial.judge(
        role,
        measured,
        trial.rule(role, quantity),
        channels=(event.view.channel,),
        reason=reasons(trial, event),
        details=response_details(trial, event),
    )
    if math.isnan(event.before.value):
        return
    title = f"{asset_name(role)}: response at {trial.clock(event.sent_s)}"
    trial.draw(
        role,
        event.view,
        title,
        band=event.band,
        band_s=(event.sent_s, min(event.until_s, event.sent_s + 300)),
        span_s=(event.sent_s - 60, event.sent_s + 300),
        marks=event_marks(trial, event),
    )


@then(parsers.parse("the {asset} ramps as agreed"))
def _(trial: Trial, asset: str) -> None:
    """How fast power went from a tenth to nine tenths of the change that was asked."""
    role = role_of(asset)
    event = event_or_verdict(trial, role, "ramp rate")
    if event is None:
        return
    measured = unjudgeable(event, "W/s") or ramp_rate(
        event.view.time_s,
        event.view.power_w,
        sent_at_s=event.sent_s,
        before_w=event.before.value,
        target_w=event.level_w,
        meter=event.view.quality,
        until_s=event.until_s,
    )
    rule = trial.rule(role, "ramp rate")
    trial.judge(role, measured, rule, channels=(event.view.channel,))


@then(
    parsers.parse("the {asset} holds its level for the published event period of {t}")
)
def _(trial: Trial, asset: str, t: str) -> None:
    """How long power stayed where it was asked to be, from the start of the event."""
    role = role_of(asset)
    duration_s(t)
    quantity = f"{_move(trial, role)} event period of {t}"
    event = event_or_verdict(trial, role, quantity)
    if event is None:
        return
    measured = unjudgeable(event, "s") or held_for(
        event.view.time_s,
        event.view.power_w,
        from_s=event.sent_s,
        until_s=event.until_s,
        band=event.band,
        meter=event.view.quality,
        arrived_by_s=event.sent_s + _allowed_s(trial, role),
        ride_through_s=ride_through_s(trial),
    )
    trial.judge(
        role,
        measured,
        trial.rule(role, quantity),
        channels=(event.view.channel,),
        reason=reasons(trial, event),
        details=_energy(event),
    )
    _draw_event(trial, event, "the whole event")


@then(
    parsers.re(r"the (?P<asset>.+) holds (its level|it) until (?P<end>\d+:\d+(:\d+)?)")
)
def _(trial: Trial, asset: str, end: str) -> None:
    """Share of the event that power spent where it was asked to be."""
    role = role_of(asset)
    event = event_or_verdict(trial, role, "delivered share")
    if event is None:
        return
    measured = unjudgeable(event, "%") or share_in_band(
        event.view.time_s,
        event.view.power_w,
        from_s=event.sent_s + _allowed_s(trial, role),
        until_s=trial.plan.bench_s(clock_s(end)),
        band=event.band,
        meter=event.view.quality,
    )
    trial.judge(
        role,
        measured,
        trial.rule(role, "delivered share"),
        channels=(event.view.channel,),
        reason=reasons(trial, event),
        details=_energy(event),
    )
    _draw_event(trial, event, "the whole event")


def _allowed_s(trial: Trial, role: str) -> float:
    """How long the response may take: from then on power must be there."""
    quantity = (
        "delivery time" if role == HOME else f"{_move(trial, role)} response time"
    )
    return trial.rule(role, quantity).at_most or 0.0


def _energy(event: Event) -> dict[str, object]:
    """Energy that the event moved, for the report."""
    if math.isnan(event.before.value):
        return {}
    moved = delivered_energy(
        event.view.time_s,
        event.view.power_w,
        from_s=event.sent_s,
        until_s=event.until_s,
        baseline=event.before,
        upwards=event.upwards,
        meter=event.view.quality,
    )
    return {"delivered_wh": moved.value, "delivered_expanded_wh": moved.expanded}


def _draw_event(trial: Trial, event: Event, what: str) -> None:
    if math.isnan(event.before.value):
        return
    trial.draw(
        event.role,
        event.view,
        f"{asset_name(event.role)}: {what}",
        band=event.band,
        band_s=(event.sent_s, event.until_s),
        marks=(("instructed", event.sent_s), ("released", event.until_s)),
    )


@then(parsers.parse("the {asset} returns without overshoot"))
def _(trial: Trial, asset: str) -> None:
    """How far power went beyond its level before the event, after the release."""
    role = role_of(asset)
    event = event_or_verdict(trial, role, "overshoot on return")
    if event is None:
        return
    measured = unjudgeable(event, "%") or overshoot(
        event.view.time_s,
        event.view.power_w,
        from_s=event.until_s,
        until_s=trial.plan.duration_s,
        level_w=event.before.value,
        level_u_w=event.before.u,
        reference_w=event.before.value,
        upwards=not event.upwards,
        meter=event.view.quality,
        hold_s=ride_through_s(trial),
    )
    rule = trial.rule(role, "overshoot on return")
    trial.judge(role, measured, rule, channels=(event.view.channel,))


@then(parsers.parse("the {asset}'s rebound stays within its bound"))
def _(trial: Trial, asset: str) -> None:
    """Energy beyond the level before, after the release, against what was moved."""
    role = role_of(asset)
    event = event_or_verdict(trial, role, "rebound")
    if event is None:
        return
    rule = trial.rule(role, "rebound")
    measured = unjudgeable(event, "%") or _rebound_share(trial, event)
    trial.judge(role, measured, rule, channels=(event.view.channel,))


def _rebound_share(trial: Trial, event: Event) -> Estimate:
    window = {"baseline": event.before, "meter": event.view.quality}
    moved = delivered_energy(
        event.view.time_s,
        event.view.power_w,
        from_s=event.sent_s,
        until_s=event.until_s,
        upwards=event.upwards,
        **window,  # type: ignore[arg-type]
    )
    back = rebound_energy(
        event.view.time_s,
        event.view.power_w,
        released_at_s=event.until_s,
        until_s=trial.plan.duration_s,
        upwards=not event.upwards,
        **window,  # type: ignore[arg-type]
    )
    return share_of(back, moved)


@then(parsers.parse("the {asset}'s own meter agrees with the independent meter"))
def _(trial: Trial, asset: str) -> None:
    """How far the device's own power is from the reference's over the event."""
    role = role_of(asset)
    event = event_or_verdict(trial, role, "own meter error")
    if event is None:
        return
    rule, own = trial.rule(role, "own meter error"), own_channel(trial.recording, role)
    if own is None:
        nothing = Estimate(math.nan, "%", why="the device reported no power of its own")
        trial.judge(role, nothing, rule, channels=(event.view.channel,))
        return
    blocked = unjudgeable(event, "%") or own_word_lost(trial, role, "%")
    measured = blocked or power_agreement(
        own.time_s,
        own.values,
        event.view.time_s,
        event.view.power_w,
        from_s=event.sent_s + _allowed_s(trial, role) + 30,
        until_s=event.until_s,
        own_meter=MeterQuality("the device's own resolution", absolute_u_w=0.5),
        reference_meter=event.view.quality,
        max_age_s=65.0,
    )
    trial.judge(
        role,
        measured,
        rule,
        channels=(event.view.channel, own.name),
        reason=trial.trouble_with(role, OF_OWN_METERS),
    )


def own_word_lost(trial: Trial, role: str, unit: str) -> Estimate | None:
    """Return the estimate that says why a device's own word cannot be relied on."""
    trouble = trial.trouble_with(role, OF_WIRES)
    return Estimate(math.nan, unit, why=trouble) if trouble else None


@then("the house stays at or above its comfort limit")
def _(trial: Trial) -> None:
    """The lowest indoor temperature, by the heat pump's own sensor."""
    role = "heat_pump"
    rule = trial.rule(role, "lowest indoor temperature")
    channel = trial.recording.channel(role, "indoor_c")
    if channel is None:
        nothing = Estimate(math.nan, "°C", why="no indoor temperature was recorded")
        trial.judge(role, nothing, rule, channels=(f"{role}.indoor_c",))
        return
    measured = own_word_lost(trial, role, "°C") or lowest(
        channel.time_s,
        channel.values,
        from_s=0.0,
        until_s=trial.plan.duration_s,
        unit="°C",
        u=INDOOR_SENSOR_U_C,
        max_gap_s=INDOOR_MAX_GAP_S,
    )
    trial.judge(role, measured, rule, channels=(channel.name,), witness=Witness.SELF)


@then("the compressor keeps its minimum run and rest times")
def _(trial: Trial) -> None:
    """Starts in an hour, shortest run and shortest rest, by the independent meter."""
    role = "heat_pump"
    event = event_or_verdict(trial, role, "starts per hour")
    if event is None:
        return
    view, blocked = event.view, unjudgeable(event, "per hour")
    window = {
        "from_s": 0.0,
        "until_s": trial.plan.duration_s,
        "on_above_w": ON_ABOVE_W,
        "off_below_w": OFF_BELOW_W,
        "ride_through_s": ride_through_s(trial),
    }
    starts = blocked or starts_in_an_hour(view.time_s, view.power_w, **window)
    channels = (view.channel,)
    trial.judge(role, starts, trial.rule(role, "starts per hour"), channels=channels)
    for quantity, shortest in (
        ("shortest run", shortest_run),
        ("shortest rest", shortest_rest),
    ):
        rule = trial.rule(role, quantity)
        measured = shortest(view.time_s, view.power_w, meter=view.quality, **window)
        if math.isnan(measured.value) and measured.unseen is None and blocked is None:
            trial.judge_not_applicable(role, rule, measured.why)
        else:
            trial.judge(role, measured, rule, channels=channels)
