"""What the bench notices of a meter, or of a device's own: values, sign, clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from harness.analysis import meter_faults
from harness.analysis.agreement import lag_behind
from harness.analysis.estimate import Estimate
from harness.analysis.health import frozen_for, largest_gap
from harness.analysis.series import between
from harness.core.faults import FaultKind
from harness.core.recording import Channel
from harness.rulebook.rule import Rule
from harness.trial.view import log_of, meter_facts
from harness.trial.witnesses import Notice, Witnesses, names_of

LAG_REACH_S, MAX_LAG_S = 90.0, 60.0
"""Around each step: where two meters must show it, and how far apart at most. [s]"""
EARLIEST_S = -60.0
"""What the bench showed while it settled counts from here on. [s]"""


def stale(by: Witnesses, role: str) -> Notice:
    """How long values stood still while power moved."""
    if by.is_meter(role):
        return replace(frozen(by, role), kind=FaultKind.STALE)
    channel, other = by.channel(role), by.other(role)
    if channel is None or other is None:
        why = "there is no meter to compare its own values with"
        found = Estimate(math.nan, "s", why=why)
    else:
        _name, t, p = other
        found = meter_faults.stands_still(
            channel.time_s,
            channel.values,
            t,
            p,
            from_s=by.from_s,
            until_s=by.until_s,
            least_move_w=meter_faults.LEAST_STEP_W,
        )
    says = (
        f"the values of {role} stood still for {found.value:.0f} s"
        f"{by.at(found, 'from')} while its power moved"
    )
    return Notice(
        FaultKind.STALE, role, found, "notice/stands-still", says, names_of(channel)
    )


def swapped(by: Witnesses, role: str) -> Notice:
    """Readings that cannot be."""
    found = [
        meter_faults.implausible(
            *between(channel.time_s, channel.values, by.from_s, by.until_s),
            low=rule.at_least if rule.at_least is not None else -math.inf,
            high=rule.at_most if rule.at_most is not None else math.inf,
        )
        for channel, rule in _judgeable(by, role)
    ]
    known = [one for one in found if not math.isnan(one.value)]
    why = "it gives no quantity whose bounds are known"
    worst = max(
        known,
        key=lambda one: one.value,
        default=Estimate(math.nan, "readings", why=why),
    )
    says = (
        f"{worst.value:.0f} readings of {role} are implausible, the first"
        f"{by.at(worst, 'first')} (the order of its words?)"
    )
    channels = tuple(channel.name for channel, _rule in _judgeable(by, role))
    return Notice(
        FaultKind.WORD_SWAP, role, worst, "notice/implausible", says, channels
    )


def _judgeable(by: Witnesses, role: str) -> list[tuple[Channel, Rule]]:
    """A role's channels with what they can hold: voltage, or power if it gives none."""
    for quantity in ("voltage_v", "power_w"):
        channel = by.recording.channel(role, quantity)  # with what is infinite in it
        if channel is not None and channel.time_s.size:
            return [(channel, by.rules(f"notice/{quantity.partition('_')[0]}"))]
    return []


def frozen(by: Witnesses, role: str) -> Notice:
    """How long everything that a meter gives stood still."""
    channels = _live(by, role)
    if not by.is_meter(role):
        return replace(stale(by, role), kind=FaultKind.FROZEN)
    found = (
        frozen_for(
            channels[0].time_s,
            *(channel.values for channel in channels),
            from_s=by.from_s,
            until_s=by.until_s,
        )
        if channels
        else Estimate(math.nan, "s", why="nothing was read from it")
    )
    says = (
        f"meter {role} was frozen for {found.value:.0f} s"
        f"{by.at(found, 'frozen from')}: every value repeated"
    )
    names = tuple(channel.name for channel in channels)
    return Notice(FaultKind.FROZEN, role, found, "bench/frozen", says, names)


def _live(by: Witnesses, role: str) -> list[Channel]:
    """The quantities of a meter that share the times of its power."""
    power = by.channel(role)
    if power is None:
        return []
    found = [by.channel(role, quantity) for quantity in ("voltage_v", "current_a")]
    return [power] + [
        channel
        for channel in found
        if channel is not None and channel.time_s.shape == power.time_s.shape
    ]


def silent(by: Witnesses, role: str) -> Notice:
    """How long nothing came."""
    channel = by.channel(role)
    found = Estimate(math.nan, "s", why="nothing was read from it")
    rule = "bench/largest-gap" if by.is_meter(role) else "notice/own-silence"
    if channel is not None:
        window = {"from_s": by.from_s, "until_s": by.until_s}
        found = largest_gap(channel.time_s, channel.values, **window)
    if channel is not None and not by.is_meter(role):
        spacing = np.diff(channel.time_s)
        usual_s = float(np.median(spacing)) if spacing.size else 0.0
        found = replace(found, value=max(found.value - 2 * usual_s, 0.0))
    says = f"{role} was silent for {found.value:.0f} s{by.at(found, 'gap from')}"
    return Notice(FaultKind.GAP, role, found, rule, says, names_of(channel))


def clock_steps(by: Witnesses, role: str) -> Notice:
    """How far a clock jumped, by its own stamps or by when it shows a change."""
    channel = by.channel(role)
    if channel is not None and np.isfinite(channel.device_s).any():
        inside = (channel.time_s >= by.from_s) & (channel.time_s <= by.until_s)
        arrival_s, device_s = channel.arrival_s[inside], channel.device_s[inside]
        found = meter_faults.clock_step(arrival_s, device_s)
        how = f"the clock of {role} jumped by {found.value:+.0f} s"
        says = how + by.at(found, "step")
    else:
        lags = _lags(by, role)
        found = max(
            lags, key=lambda lag: abs(lag.value), default=_no_step(by, role, "s")
        )
        says = f"the clock of {role} is off by {abs(found.value):.0f} s or more"
    found = replace(found, value=abs(found.value))
    return Notice(
        FaultKind.CLOCK_STEP, role, found, "notice/clock-step", says, names_of(channel)
    )


def clock_drifts(by: Witnesses, role: str) -> Notice:
    """How fast a clock drifts, by its own stamps or by when it shows changes."""
    channel = by.channel(role)
    if channel is not None and np.isfinite(channel.device_s).any():
        inside = (channel.time_s >= by.from_s) & (channel.time_s <= by.until_s)
        arrival_s = channel.arrival_s[inside]
        offset_s = channel.device_s[inside] - arrival_s
        found = meter_faults.clock_drift(arrival_s, offset_s)
    else:
        lags = _lags(by, role)
        at_s = np.array([lag.marks[0][1] for lag in lags])
        lead_s = np.array([-lag.value for lag in lags])
        u_s = max((lag.u for lag in lags), default=0.0)
        found = meter_faults.clock_drift(at_s, lead_s, u_s=u_s)
        if not lags:
            found = _no_step(by, role, "s/h")
    says = f"the clock of {role} drifts by {found.value:+.0f} s an hour"
    found = replace(found, value=abs(found.value))
    return Notice(
        FaultKind.CLOCK_DRIFT,
        role,
        found,
        "notice/clock-drift",
        says,
        names_of(channel),
    )


def _no_step(by: Witnesses, role: str, unit: str) -> Estimate:
    why = "power did not change enough to tell"
    if by.other(role) is None:
        why = "it gives no time of its own and there is no other meter"
    return Estimate(math.nan, unit, why=why)


def _lags(by: Witnesses, role: str) -> list[Estimate]:
    """How much later than another meter it shows each change that was asked for. [s]"""
    channel, other = by.channel(role), by.other(role)
    if channel is None or other is None:
        return []
    _name, t, p = other
    found = []
    for at_s in _changes_s(by):
        lag = lag_behind(
            channel.time_s,
            channel.values,
            t,
            p,
            from_s=max(at_s - LAG_REACH_S / 3, EARLIEST_S),
            until_s=min(at_s + LAG_REACH_S, by.until_s),
            meter=by.quality(role),
            other_meter=by.quality(other[0]),
            max_lag_s=MAX_LAG_S,
            least_likeness=0.95,
        )
        if not math.isnan(lag.value):
            found.append(replace(lag, marks=(("change", at_s),)))
    return found


def _changes_s(by: Witnesses) -> list[float]:
    """When devices were told to move, or to move back."""
    acts = ("instructs", "releases")
    told = [e.time_s for what in acts for e in log_of(by.recording, "aggregator", what)]
    return sorted({at_s for at_s in told if by.from_s <= at_s < by.until_s})


def _gain(by: Witnesses, role: str) -> Estimate:
    """What it shows of its largest step, as a share of what another meter shows. [%]"""
    channel, other = by.channel(role), by.other(role)
    if channel is None or other is None:
        return Estimate(math.nan, "%", why="there is no other meter to compare with")
    name, t, p = other
    # The boundary moves by loads that no other meter sees: there the others are asked.
    asked_others = by.is_meter(role) and name not in meter_facts(by.recording)
    one, two = (channel.time_s, channel.values), (t, p)
    if asked_others:
        one, two = two, one
    found = meter_faults.gain_against(
        *one,
        *two,
        from_s=max(by.from_s, EARLIEST_S),
        until_s=by.until_s,
        meter=by.quality(role),
        other_meter=by.quality(name),
        unseen_loads=by.is_meter(role),
    )
    if not asked_others:
        return found
    return replace(found, value=1e4 / found.value if found.value else math.inf)


def reversed_sign(by: Witnesses, role: str) -> Notice:
    """A step that another meter saw the other way round."""
    found = _gain(by, role)
    other = by.other(role)
    name = other[0] if other else "none"
    says = (
        f"{role} shows a step{by.at(found, 'step')} with the opposite sign of {name}: "
        "one of them is reversed"
    )
    names = names_of(by.channel(role))
    return Notice(FaultKind.REVERSED, role, found, "notice/reversed", says, names)


def scaled(by: Witnesses, role: str) -> Notice:
    """The factor between two meters' views of one step."""
    gain, other = _gain(by, role), by.other(role)
    share = abs(gain.value) / 100
    factor = max(share, 1 / share) if share else math.inf
    u = gain.u / 100 if share >= 1 or not share else gain.u / 100 / share**2
    budget = tuple(replace(line, u=u) for line in gain.budget)
    found = replace(gain, value=factor, unit="times", budget=budget)
    name = other[0] if other else "none"
    at = by.at(gain, "step")
    says = f"{role} shows a step{at} {share:,.2f} times as large as {name}"
    names = names_of(by.channel(role))
    return Notice(FaultKind.SCALED, role, found, "notice/factor", says, names)


def replays(by: Witnesses, role: str) -> Notice:
    """How long values were given again."""
    channels = _live(by, role)
    found = Estimate(math.nan, "s", why="nothing was read from it")
    if channels:
        inside = channels[0].time_s <= by.until_s
        found = meter_faults.given_again(
            channels[0].time_s[inside],
            *(channel.values[inside] for channel in channels),
        )
    marks: Mapping[str, float] = dict(found.marks)
    ago_s = marks.get("again from", 0.0) - marks.get("known since", 0.0)
    says = (
        f"{role} gave again for {found.value:.0f} s what it gave {ago_s:.0f} s before"
        f"{by.at(found, 'again from')} (a backlog, or its clock)"
    )
    names = tuple(channel.name for channel in channels)
    return Notice(
        FaultKind.REPLAYED_BACKLOG, role, found, "notice/given-again", says, names
    )


def late(by: Witnesses, role: str) -> Notice:
    """How old a value was when it came."""
    channel = by.channel(role)
    found = Estimate(math.nan, "s", why="nothing was read from it")
    if channel is not None:
        inside = (channel.time_s >= by.from_s) & (channel.time_s <= by.until_s)
        found = meter_faults.lateness(
            channel.arrival_s[inside], channel.device_s[inside]
        )
    says = f"a value of {role} was {found.value:.0f} s old when it arrived"
    says += by.at(found, "arrived")
    return Notice(
        FaultKind.LATE_BACKLOG, role, found, "notice/lateness", says, names_of(channel)
    )
