"""What a dispatch must respect: departure, an occupant's will, and what a device is.

Also how assets that cannot give way for long do so in turn (group switching).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pytest_bdd import given, parsers, then, when

from harness.analysis.delivery import HOUR_S, mean_power
from harness.analysis.estimate import Contribution, Estimate, unless
from harness.analysis.quality import rectangular_u, timing_budget
from harness.analysis.series import between, framed
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.core.quantities import parse_quantity
from harness.core.recording import LogEntry
from harness.steps.event import BASELINE_WINDOW_S
from harness.steps.trial import Trial
from harness.steps.words import (
    HOME,
    asset_name,
    clock_s,
    duration_s,
    percent,
    power_w,
    role_of,
    span_s,
    table_rows,
)
from harness.trial.departure import EFFICIENCY
from harness.trial.plan import Plan
from harness.trial.planned import Departure, Operation, Turns, Watch
from harness.trial.turns import OVERLAP_S
from harness.trial.view import MeterView, dispatched, log_of

GROUP = "group"
SETTLES_S = 45.0
"""How long the first of a group takes to be down. [s]"""
BACK_SHARE = 0.8
"""Of what it drew before, what a device draws that is at work again."""
STANDBY_W = 10.0
"""Below this an appliance stands by. [W]"""
AWAY_W = 50.0
"""Below this a heater that is switched off is off. [W]"""


def _state_of_charge(text: str) -> float:
    found = percent(text, "60 %")
    if not 0 < found <= 100:
        raise FeatureError(f"“{text}”", "is no state of charge", "60 %")
    return found


@given(
    parsers.parse(
        "the {asset}, with a battery of {size} charged at {power}, leaves at {at} with "
        "{soc}"
    )
)
def _(plan: Plan, asset: str, size: str, power: str, at: str, soc: str) -> None:
    """A departure that every instruction must leave time for."""
    role = role_of(asset)
    plan.need(role)
    try:
        battery = parse_quantity(size)
    except ValueError as error:
        raise FeatureError(f"“{size}”", str(error), "60 kWh") from error
    charges_w = power_w(power)
    if battery.unit != "Wh" or not battery.value > 0 or not charges_w > 0:
        raise FeatureError(f"“{size}”", "is no battery that charges", "60 kWh, 3.7 kW")
    plan.departures.append(
        Departure(role, _state_of_charge(soc), clock_s(at), battery.value, charges_w)
    )


@when(parsers.parse("somebody turns the thermostat {way:w} at {at}"))
def _(plan: Plan, way: str, at: str) -> None:
    """An occupant overrides what was asked of the heat pump."""
    if way not in ("up", "down"):
        raise FeatureError(f"“{way}”", "is no way to turn it", "up, down")
    plan.need("heat_pump")
    operation = f"turn the thermostat {way}"
    plan.operations.append(Operation("heat_pump", operation, clock_s(at)))


@when(parsers.parse("the {actor:w} has a group give way in turn from {start} to {end}"))
def _(plan: Plan, actor: str, start: str, end: str, datatable: list[list[str]]) -> None:
    """One after the other is turned down, each for its own event period."""
    rows = table_rows(datatable, ("asset", "down to", "for"), "the group")
    levels = {role_of(row["asset"]): power_w(row["down to"]) for row in rows}
    periods = {duration_s(row["for"]) for row in rows}
    if len(levels) < 2 or len(levels) != len(rows) or len(periods) != 1:
        fact = "two assets or more, each once, take equal turns"
        raise FeatureError("the group", fact, "| EV | 1.4 kW | 10 minutes |")
    (each_s,) = periods
    from_s, until_s = span_s(start, end)
    if each_s <= 2 * OVERLAP_S:
        raise FeatureError(
            "the group", f"turns of {each_s:g} s are too short", "10 minutes"
        )
    for role in levels:
        plan.need(role)
    plan.turns = Turns(actor, levels, each_s, from_s, until_s)


@when(parsers.parse("the {asset} runs by its own schedule from {start} to {end}"))
def _(plan: Plan, asset: str, start: str, end: str) -> None:
    """Nobody asks it for anything, for nobody can."""
    plan.need(role_of(asset))
    plan.watches.append(Watch(*span_s(start, end)))


def _judge(trial: Trial, role: str, quantity: str, measured: Estimate, why: str = "",
           reason: str = "") -> None:  # fmt: skip
    rule, seen_as = trial.rule(role, quantity), HOME if role == GROUP else role
    shown = unless(why, measured, rule.unit)
    trial.judge(role, shown, rule, channels=trial.channels(seen_as), reason=reason)


def _overrides(trial: Trial, role: str) -> list[LogEntry]:
    """What a person did to a device, in order."""
    return [
        one
        for one in trial.recording.log
        if one.actor == "operator" and one.detail.get("role") == role
    ]


@then(parsers.parse("the {asset} is charged as far as it must be when it leaves"))
def _(trial: Trial, asset: str) -> None:
    """What it had when the trial began, and what its meter let into it since.

    The car itself says only what it began with; the rest is the meter's.
    """
    role = role_of(asset)
    one = next((d for d in trial.plan.departures if d.role == role), None)
    if one is None:
        hint = "Given the …, with a battery of … charged at …, leaves at … with …"
        raise FeatureError(f"“{trial.step_text}”", "it leaves at no time", hint)
    leaves_s = trial.plan.bench_s(one.at_clock_s)
    view, why = trial.watched(role, 0.0, leaves_s)
    told = trial.recording.channel(role, "soc_percent")
    seen = None if told is None else told.values[np.isfinite(told.values)]
    if seen is None or not seen.size:
        why = why or "the car never said how far it was charged"
    measured = Estimate(math.nan, "%")
    if view is not None and seen is not None and not why:
        mean = mean_power(view.time_s, view.power_w, from_s=0.0, until_s=leaves_s,
                          meter=view.quality)  # fmt: skip
        if mean.unseen is not None:
            why = "its meter has gaps"
        percent = 100 * EFFICIENCY * leaves_s / HOUR_S / one.battery_wh
        reached = float(seen[0]) + percent * mean.value
        share = 100 / one.soc_percent
        # Efficiency is known within five points, the car's charge to its whole percent.
        lines = (
            Contribution("meter", share * percent * mean.u, "B", view.quality.source),
            Contribution("efficiency", share * rectangular_u(
                0.05 / EFFICIENCY * percent * abs(mean.value)), "B", "the plan"),
            Contribution("said charge", share * rectangular_u(0.5), "B", "the car"),
        )  # fmt: skip
        measured = Estimate(share * reached, "%", lines)
    _judge(trial, role, "charge at departure", measured, why)


@then(parsers.parse("the {asset} gives way until it must charge"))
def _(trial: Trial, asset: str) -> None:
    """How long it was held, before it was let charge: it was of use, and no longer."""
    role = role_of(asset)
    sent = [one for one in dispatched(trial.recording) if one.role == role]
    let = log_of(trial.recording, "aggregator", "releases", role=role)
    why = "" if sent and let else "it was never held, or never let go"
    held = Estimate(let[0].time_s - sent[0].sent_s, "s") if not why else Estimate(
        math.nan, "s")  # fmt: skip
    span_s = (sent[0].sent_s, let[0].time_s) if not why else (0.0, 0.0)
    view, trouble = trial.watched(role, *span_s)
    if view is not None and not (why or trouble) and held.value > SETTLES_S:
        _t, power = between(view.time_s, view.power_w, sent[0].sent_s + SETTLES_S,
                            let[0].time_s)  # fmt: skip
        least = trial.named_rule("agreement/delivery-tolerance").at_most or 0.0
        above = power > sent[0].level_w * (1 + least / 100) + AWAY_W
        if not power.size or above.any():
            why = "its meter did not see it give way all that time"
    _judge(trial, role, "held before departure", held, why or trouble)


@then(parsers.parse("the {asset} does what its occupant wants, in spite of the call"))
def _(trial: Trial, asset: str) -> None:
    """From the override until it draws again most of what it drew before the call."""
    role = role_of(asset)
    sent = [one for one in dispatched(trial.recording) if one.role == role]
    done = _overrides(trial, role)
    why = "" if sent and done else "it was not called, or nobody overrode it"
    view, trouble = trial.seen(role, sent[0].sent_s if sent else 0.0)
    measured = Estimate(math.nan, "s")
    if view is not None and not (why or trouble):
        at_s, sent_s = done[0].time_s, sent[0].sent_s
        before = mean_power(
            view.time_s, view.power_w, from_s=max(sent_s - BASELINE_WINDOW_S, 0.0),
            until_s=sent_s, meter=view.quality,
        )  # fmt: skip
        until_s = min(one.until_s for one in sent)
        measured = _back_at(view, at_s, until_s, BACK_SHARE * before.value)
    _judge(trial, role, "override", measured, why or trouble)


def _back_at(view: MeterView, at_s: float, until_s: float, least_w: float) -> Estimate:
    """When power was first at a level again, after it was below it. [s]"""
    t, power = framed(view.time_s, view.power_w, at_s, until_s)
    _t, held = between(view.time_s, view.power_w, at_s - SETTLES_S, at_s)
    if not held.size or np.nanmax(held) >= least_w:
        why = "it had not given way when it was overridden"
        return Estimate(math.nan, "s", why=why)
    if not np.isfinite(power).all():
        return Estimate(math.nan, "s", why="its meter has a gap")
    up = np.flatnonzero(power >= least_w)
    if not up.size:
        why = "it went on doing what it was called for"
        return Estimate(math.inf, "s", why=why)
    spacing_s = float(np.median(np.diff(t))) if t.size > 1 else 0.0
    return Estimate(float(t[up[0]]) - at_s, "s",
                    tuple(timing_budget(view.quality, spacing_s)))  # fmt: skip


@then(parsers.parse("nobody calls the {asset} again before its call is over"))
def _(trial: Trial, asset: str) -> None:
    """Instructions that went to it after the override."""
    role = role_of(asset)
    done = _overrides(trial, role)
    sent = [one for one in dispatched(trial.recording) if one.role == role]
    why = "" if done and sent else "it was not called, or nobody overrode it"
    again = [one for one in sent if done and one.sent_s > done[0].time_s]
    measured = Estimate(float(len(again)), "instructions")
    rule = trial.rule(role, "called again")
    shown = unless(why, measured, rule.unit)
    trial.judge(role, shown, rule, witness=Witness.LOG)


def _turns(trial: Trial) -> Turns:
    if trial.plan.turns is None:
        hint = "When the … has a group give way in turn from … to …"
        raise FeatureError(f"“{trial.step_text}”", "no group takes turns", hint)
    return trial.plan.turns


@then(parsers.parse("the group holds its reduction for the whole of the event"))
def _(trial: Trial) -> None:
    """The least that the boundary fell by, minute by minute, from the first turn on."""
    asked = _turns(trial)
    from_s, until_s = map(trial.plan.bench_s, (asked.from_clock_s, asked.until_clock_s))
    view, why = trial.seen(HOME, from_s)
    measured = Estimate(math.nan, "W")
    if view is not None and not why:
        before = mean_power(
            view.time_s, view.power_w, from_s=max(from_s - BASELINE_WINDOW_S, 0.0),
            until_s=from_s, meter=view.quality,
        )  # fmt: skip
        minutes = np.arange(from_s + SETTLES_S, until_s - 60.0 + 1e-6, 60.0)
        means = [
            mean_power(
                view.time_s, view.power_w, from_s=at, until_s=at + 60.0,
                meter=view.quality,
            )
            for at in minutes.tolist()
        ]  # fmt: skip
        if any(one.unseen is not None or math.isnan(one.value) for one in means):
            why = "the boundary's meter has gaps"
        elif means:
            worst = max(means, key=lambda one: one.value)
            u = math.hypot(before.u, worst.u)
            line = Contribution("meter", u, "B", view.quality.source)
            measured = Estimate(before.value - worst.value, "W", (line,))
    _judge(trial, GROUP, "reduction held", measured, why)
    if view is not None:
        trial.draw(HOME, view, "The group in turn", span_s=(from_s - 60, until_s + 60))


@then("no member of it gives way for longer than its own period")
def _(trial: Trial) -> None:
    """The longest that one was down, by its own meter, of what its period allows."""
    asked, longest, who, why = _turns(trial), 0.0, "", ""
    for role, level_w in asked.levels_w.items():
        began_s = trial.plan.bench_s(asked.from_clock_s)
        view, trouble = trial.watched(
            role, began_s - BASELINE_WINDOW_S, trial.plan.duration_s
        )
        if view is None or trouble:
            why = trouble
            continue
        _t, before = between(view.time_s, view.power_w, began_s - BASELINE_WINDOW_S,
                             began_s)  # fmt: skip
        usual_w = float(np.nanmean(before)) if before.size else math.nan
        if not usual_w > level_w + AWAY_W:
            why = f"the {asset_name(role)} had nothing to give"
            continue
        down_s = _longest_below(view, began_s, (usual_w + level_w) / 2)
        if down_s == 0.0:
            why = f"the {asset_name(role)} never gave way"
        if down_s > longest:
            longest, who = down_s, asset_name(role)
    percent = 100 / asked.each_s
    line = Contribution("sampling", percent * 1.0, "B", "the recording's own spacing")
    measured = Estimate(percent * longest, "%", (line,))
    _judge(trial, GROUP, "own period", measured, why, f"the {who}" if who else "")


def _longest_below(view: MeterView, from_s: float, level_w: float) -> float:
    """The longest stretch below a level from a moment on. [s]"""
    t, power = between(view.time_s, view.power_w, from_s, math.inf)
    longest, since = 0.0, None
    for at_s, each in zip(t.tolist(), power.tolist(), strict=True):
        if each < level_w:
            since = at_s if since is None else since
            longest = max(longest, at_s - since)
        else:
            since = None
    return longest


@dataclass(frozen=True, slots=True)
class _Switched:
    """A device that was switched off and on again, as its meter saw it."""

    view: MeterView
    usual_w: float
    """What it drew just before. [W]"""
    on_again_s: float


def _switched(trial: Trial, role: str) -> _Switched | str:
    """Look at a device's first call and its release, or say why not."""
    sent = [one for one in dispatched(trial.recording) if one.role == role]
    let = log_of(trial.recording, "aggregator", "releases", role=role)
    if not sent or not let:
        return "it was never switched off, or never on again"
    sent_s = sent[0].sent_s
    view, why = trial.watched(role, sent_s - BASELINE_WINDOW_S, trial.plan.duration_s)
    if view is None or why:
        return why
    _t, before = between(view.time_s, view.power_w, sent_s - BASELINE_WINDOW_S, sent_s)
    if not before.size or np.nanmax(before) <= STANDBY_W:
        return "it did nothing before it was switched off"
    return _Switched(view, float(np.nanmean(before)), let[0].time_s)


@then(parsers.parse("the {asset} is at work again soon after"))
def _(trial: Trial, asset: str) -> None:
    """From its release until it draws most of what it drew before it was called."""
    role = role_of(asset)
    found, measured = _switched(trial, role), Estimate(math.nan, "s")
    if isinstance(found, _Switched):
        least_w = BACK_SHARE * found.usual_w
        measured = _back_at(
            found.view, found.on_again_s, trial.plan.duration_s, least_w
        )
    why = found if isinstance(found, str) else ""
    _judge(trial, role, "at work again", measured, why)


@then(parsers.parse("the {asset} goes to standby when it has power again"))
def _(trial: Trial, asset: str) -> None:
    """The most that its meter saw from a minute after it was switched on again."""
    role = role_of(asset)
    found, measured = _switched(trial, role), Estimate(math.nan, "W")
    if isinstance(found, _Switched):
        view, from_s = found.view, found.on_again_s + 60.0
        _t, after = between(view.time_s, view.power_w, from_s, math.inf)
        seen = after[np.isfinite(after)]
        if not seen.size:
            found = "nothing was seen of it afterwards"
        else:
            most_w = float(seen.max())
            u = view.quality.power_u_w(most_w)
            line = Contribution("meter", u, "B", view.quality.source)
            measured = Estimate(most_w, "W", (line,))
    why = found if isinstance(found, str) else ""
    _judge(trial, role, "standby", measured, why)


@then(parsers.parse("the {asset} cannot be dispatched, because {why}"))
def _(trial: Trial, asset: str, why: str) -> None:
    """Whether its driver says so, for that reason, and nobody instructed it."""
    role, rule = role_of(asset), trial.rule(role_of(asset), "dispatched anyway")
    drivers = trial.recording.facts.get("drivers")
    known = drivers.get(role, {}) if isinstance(drivers, Mapping) else {}
    said = str(known.get("not_dispatchable", "")) if isinstance(known, Mapping) else ""
    sent: Sequence[object] = [o for o in dispatched(trial.recording) if o.role == role]
    wrong = bool(sent) or why.lower() not in said.lower()
    reason = f"it says: {said or 'that it can be dispatched'}" if wrong else ""
    measured = Estimate(float(wrong), "devices", why=reason)
    trial.judge(role, measured, rule, witness=Witness.LOG, reason=reason)


@then(parsers.parse("the {asset} turned itself {way:w} by {at}, whoever wants what"))
def _(trial: Trial, asset: str, way: str, at: str) -> None:
    """What its meter saw before its schedule's time and after it."""
    role = role_of(asset)
    if way not in ("on", "off"):
        raise FeatureError(f"“{way}”", "is no way to turn", "on, off")
    rule, at_s = trial.rule(role, "by its schedule"), trial.plan.bench_s(clock_s(at))
    view, why = trial.watched(role, 0.0, trial.plan.duration_s)
    measured = Estimate(math.nan, rule.unit)
    if view is not None and not why:
        ends_s = trial.plan.duration_s
        before, after = (
            mean_power(view.time_s, view.power_w, from_s=a, until_s=b,
                       meter=view.quality)
            for a, b in ((0.0, BASELINE_WINDOW_S), (at_s, ends_s))
        )  # fmt: skip
        moved = (
            after.value - before.value if way == "on" else before.value - after.value
        )
        line = Contribution("meter", math.hypot(before.u, after.u), "B", "its card")
        measured = Estimate(moved, "W", (line,))
    _judge(trial, role, "by its schedule", measured, why)
