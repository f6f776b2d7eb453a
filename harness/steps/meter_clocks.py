"""Tests of meters: clocks, and what a load profile gives back."""

from __future__ import annotations

import math

import numpy as np
from pytest_bdd import parsers, then, when

from harness.analysis.agreement import register_energy
from harness.analysis.clocks import Lie, clock_after, clock_error, lies_of
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.periods import (
    days_stored,
    lie_of_intervals,
    period_length,
    shifted_energy,
)
from harness.analysis.quality import relative_difference
from harness.checks.judge import Witness
from harness.core.recording import Channel, Series
from harness.rulebook.rule import Rule
from harness.steps.trial import Trial
from harness.steps.words import role_of, span_s
from harness.trial.clocks import RoleClock, role_clock
from harness.trial.meter_tests import DAY_S, PROFILE
from harness.trial.plan import Plan
from harness.trial.planned import ReadBack, Watch
from harness.trial.view import log_of, meter_facts, starts_at

BEGINS_CLOCK_S = 9 * 3600.0
"""When the bench is left alone, if nobody says. [s]"""
CLOCK, PERIOD, STORED = "clock error", "period length", "days stored"
PERIOD_S = 1800.0
ENERGY = "energy_import_wh"


@when(parsers.parse("the bench is left alone for {days:d} days"))
def _(plan: Plan, days: int) -> None:
    """Nothing is asked of anything for so long; only clocks and registers go on."""
    plan.watches.append(Watch(BEGINS_CLOCK_S, BEGINS_CLOCK_S + days * DAY_S))


@when(parsers.parse("the bench is left alone from {start} to {end}"))
def _(plan: Plan, start: str, end: str) -> None:
    """Nothing is asked of anything between two clock times."""
    plan.watches.append(Watch(*span_s(start, end)))


@when(parsers.parse("the {meter} is asked for the last {days:d} days of half-hours"))
def _(plan: Plan, meter: str, days: int) -> None:
    """A meter's load profile is read back when everything else has ended."""
    ends = [one.until_clock_s for one in plan.watches]
    ends += [one.until_clock_s for one in plan.load_points]
    at_s = max(ends, default=BEGINS_CLOCK_S)
    plan.readbacks.append(ReadBack(role_of(meter), at_s, float(days)))


def _clock_of(trial: Trial, role: str) -> RoleClock | None:
    return role_clock(trial.recording, role)


@then(parsers.parse("the {meter}'s clock is right"))
def _(trial: Trial, meter: str) -> None:
    """How far a clock was off while the plan ran: at its worst of beginning and end."""
    role = role_of(meter)
    rule, clock = trial.rule(role, CLOCK), _clock_of(trial, role)
    if clock is None:
        _no_clock(trial, role, rule)
        return
    measured, when = _worst_error(trial, clock)
    trial.judge(
        role,
        measured,
        rule,
        channels=(clock.channel,),
        witness=Witness.SELF,
        reason=str(clock.lie or ""),
        details={"looked_at": when, "clock": str(clock)},
    )


def _worst_error(trial: Trial, clock: RoleClock) -> tuple[Estimate, str]:
    """The larger error of the plan's first and last tenth. [s]"""
    ends_s = trial.plan.duration_s
    spans = {
        "the first tenth": (0.0, ends_s / 10),
        "the last tenth": (0.9 * ends_s, ends_s + 1.0),
    }
    found = {
        when: clock_error(clock.stamps.between(*span), zero_s=clock.zero_s)
        for when, span in spans.items()
    }
    known = {when: one for when, one in found.items() if not math.isnan(one.value)}
    if len(known) < len(found):
        return Estimate(math.nan, "s", why="its clock was not seen throughout"), ""
    worst = max(known, key=lambda when: abs(known[when].value))
    return known[worst], worst


def _no_clock(trial: Trial, role: str, rule: Rule) -> None:
    nothing = Estimate(math.nan, rule.unit, why="it gives no time of its own")
    channel = f"{role}.power_w"
    trial.judge(role, nothing, rule, channels=(channel,), witness=Witness.SELF)


@then(parsers.parse("the {meter}'s clock would stay right for {days:d} days unset"))
def _(trial: Trial, meter: str, days: int) -> None:
    """Today's error and what the clock gains, over so many days without being set."""
    role = role_of(meter)
    rule, clock = trial.rule(role, CLOCK), _clock_of(trial, role)
    if clock is None:
        _no_clock(trial, role, rule)
        return
    measured = clock_after(clock.error, clock.drift, float(days))
    trial.judge(role, measured, rule, channels=(clock.channel,), witness=Witness.SELF)


@then(parsers.parse("the {meter}'s half-hours are half an hour long"))
def _(trial: Trial, meter: str) -> None:
    """The length of the periods that a meter stored, by a clock without its drift."""
    role = role_of(meter)
    rule, clock = trial.rule(role, PERIOD), _clock_of(trial, role)
    profile = _profile(trial, role)
    drift = None if clock is None else clock.drift
    measured = period_length(_stamps(profile), nominal_s=PERIOD_S, drift=drift)
    trial.judge(role, measured, rule, channels=_names(role), witness=Witness.SELF)


@then(parsers.parse("the {meter} gives back what it stored, whole"))
def _(trial: Trial, meter: str) -> None:
    """Days of half-hours without a hole, back from the latest."""
    role = role_of(meter)
    rule, profile = trial.rule(role, STORED), _profile(trial, role)
    energy = profile.values if profile is not None else _stamps(None)
    measured = days_stored(_stamps(profile), energy, period_s=PERIOD_S)
    told_of = log_of(trial.recording, "bench", "reads profile back", meter=role)
    details = dict(told_of[-1].detail) if told_of else {}
    trial.judge(
        role,
        measured,
        rule,
        channels=_names(role),
        witness=Witness.SELF,
        details={key: details[key] for key in ("held", "room") if key in details},
    )


@then(parsers.parse("the {meter}'s half-hours add up to its register"))
def _(trial: Trial, meter: str) -> None:
    """Energy of the stored periods against what the register counted meanwhile."""
    role = role_of(meter)
    rule, profile = trial.rule(role, "profile against register"), _profile(trial, role)
    register = trial.recording.channel(role, ENERGY)
    channels = (*_names(role), f"{role}.{ENERGY}")
    if profile is None or register is None:
        nothing = Estimate(math.nan, "%", why="no profile or no register was read")
        trial.judge(role, nothing, rule, channels=channels, witness=Witness.SELF)
        return
    measured = _added_up(trial, role, profile, register)
    trial.judge(role, measured, rule, channels=channels, witness=Witness.SELF)


def _added_up(trial: Trial, role: str, profile: Channel, register: Channel) -> Estimate:
    """The sum of the periods of the plan's time over the register's difference. [%]"""
    stamps = profile.device_s
    inside = (stamps - PERIOD_S >= register.time_s[0]) & (stamps <= register.time_s[-1])
    if int(inside.sum()) < 2:
        return Estimate(math.nan, "%", why="fewer than two periods in the plan's time")
    card = meter_facts(trial.recording)[role]["calibration"]
    step_wh, source = float(card["energy_resolution_wh"]), str(card["document"])
    counted = register_energy(
        register.time_s,
        register.values,
        from_s=float(stamps[inside].min()) - PERIOD_S,
        until_s=float(stamps[inside].max()),
        resolution_wh=step_wh,
        source=source,
    )
    moved = _moved_by_clock(trial, role, register, stamps[inside])
    stored = Estimate(float(profile.values[inside].sum()), "Wh", moved)
    return relative_difference(stored, counted)


def _moved_by_clock(
    trial: Trial, role: str, register: Channel, stamps: Series
) -> tuple[Contribution, ...]:
    """What the sum of the periods owes to the clock that closed them. [Wh]"""
    clock, power = _clock_of(trial, role), trial.recording.channel(role, "power_w")
    if clock is None or power is None or math.isnan(clock.error.value):
        return ()
    ends = np.searchsorted(power.time_s, [stamps.min() - PERIOD_S, stamps.max()])
    at = np.minimum(ends, power.time_s.size - 1)
    begins_w, ends_w = power.values[at].tolist()
    moved = shifted_energy(begins_w, ends_w, clock.error)
    if not math.isfinite(moved.value):
        return ()
    u_wh = math.hypot(moved.value, moved.u)
    return (Contribution("clock at both ends", u_wh, "B", clock.channel),)


@then(parsers.parse("the {meter}'s stamps tell the truth"))
def _(trial: Trial, meter: str) -> None:
    """Lies in a role's stamps that have a name: 1970, local time as UTC, wrong end."""
    role = role_of(meter)
    rule, clock = trial.named_rule("notice/lying-stamps"), _clock_of(trial, role)
    if clock is None:
        _no_clock(trial, role, rule)
        return
    lies = lies_of(
        clock.error, starts_at(trial.recording), (_interval_lie(trial, role),)
    )
    said = ", ".join(lies)
    trial.judge(
        role,
        Estimate(float(len(lies)), rule.unit, why=said),
        rule,
        channels=(clock.channel,),
        witness=Witness.SELF,
        details={"clock": str(clock)},
    )


def _interval_lie(trial: Trial, role: str) -> Lie | None:
    """Whether stored periods are stamped at their start, by the reference register."""
    profile = _profile(trial, role)
    standard = trial.plan.references.get(role, role)
    register = trial.recording.channel(standard, ENERGY)
    if profile is None or register is None or register.time_s.size < 2:
        return None
    return lie_of_intervals(
        profile.device_s,
        profile.values,
        register.time_s,
        register.values,
        period_s=PERIOD_S,
    )


def _profile(trial: Trial, role: str) -> Channel | None:
    return trial.recording.channel(role, PROFILE[0])


def _stamps(profile: Channel | None) -> Series:
    return np.empty(0) if profile is None else profile.device_s


def _names(role: str) -> tuple[str, ...]:
    return (f"{role}.{PROFILE[0]}",)
