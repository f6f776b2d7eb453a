"""What the bench notices of a device that was asked for something, by its meter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.analysis.delivery import delivered_power, delivered_share
from harness.analysis.device_faults import (
    at_nothing,
    left_unasked,
    refreshes,
    went_back,
)
from harness.analysis.estimate import Estimate
from harness.analysis.ramp import ramp_rate
from harness.core.capabilities import LimitsPower, SetsPower
from harness.core.faults import FaultKind
from harness.core.recording import Channel, Series
from harness.trial.view import log_of
from harness.trial.witnesses import Notice, Witnesses

if TYPE_CHECKING:
    from harness.steps.event import Event

SETTING_WORDS = ("mode", "setpoint")
"""Words that mark a quantity as what a device reads back of its setting."""
REFRESHED_WITHIN_S = 60.0
"""A setpoint that was sent so recently had not run out. [s]"""
MODBUS_WRITES = ("6", "16")
TOLD_A_LEVEL = {LimitsPower.__name__, SetsPower.__name__}
"""Only of such a device can be said that it should draw anything."""


def _ignores(by: Witnesses, event: Event) -> Notice:
    power = delivered_power(
        event.view.time_s,
        event.view.power_w,
        from_s=event.sent_s,
        until_s=event.until_s,
        baseline=event.before,
        upwards=event.upwards,
        meter=event.view.quality,
    )
    found = delivered_share(power, event.asked_w)
    if not event.accepted:
        found = Estimate(math.nan, "%", why="it did not accept the instruction")
    share = 0 if math.isnan(found.value) else round(found.value)
    says = f"{event.role} accepted and ignored: {share} % was delivered"
    return _notice(FaultKind.IGNORES, event, found, "notice/ignored", says)


def _ramps(_by: Witnesses, event: Event) -> Notice:
    found = ramp_rate(
        event.view.time_s,
        event.view.power_w,
        sent_at_s=event.sent_s,
        before_w=event.before.value,
        target_w=event.level_w,
        meter=event.view.quality,
        until_s=event.until_s,
    )
    rule = "agreement/ev-ramp" if event.role == "ev" else "agreement/heat-ramp"
    says = f"{event.role} ramped at {found.value:.1f} W/s"
    return _notice(FaultKind.RAMPS_WRONG, event, found, rule, says)


def _trips(by: Witnesses, event: Event) -> Notice:
    found = at_nothing(
        event.view.time_s,
        event.view.power_w,
        from_s=by.from_s,
        until_s=by.until_s,
        level_w=event.before.value,
        told=_told(by, event.role),
    )
    facts = by.recording.facts.get("drivers")
    known = facts.get(event.role, {}) if isinstance(facts, Mapping) else {}
    why = ""
    if not TOLD_A_LEVEL & set(known.get("capabilities", ())):
        why = "it is told no level, so that rest and a trip look the same"
    elif any(
        entry.actor == "operator" and entry.detail.get("role") == event.role
        for entry in by.recording.log
    ):
        why = "a person did something to it"
    if why:
        found = Estimate(math.nan, "s", why=why)
    says = f"{event.role} fell to nothing{by.at(found, 'fell')}, unasked"
    return _notice(FaultKind.TRIPS, event, found, "notice/at-nothing", says)


def _told(by: Witnesses, role: str) -> list[tuple[float, float]]:
    """When a role was told to go to which level; ``nan`` is a release. [s], [W]"""
    asked = log_of(by.recording, "aggregator", "instructs", role=role)
    freed = log_of(by.recording, "aggregator", "releases", role=role)
    told = [(e.time_s, float(str(e.detail["level_w"]))) for e in asked]
    told += [(e.time_s, _level(e.detail["to_w"])) for e in freed]
    return sorted(told)


def _level(to_w: object) -> float:
    return math.nan if to_w is None else float(str(to_w))


def _forgets(by: Witnesses, event: Event) -> Notice:
    rules = by.rules
    found = left_unasked(
        event.view.time_s,
        event.view.power_w,
        from_s=event.sent_s,
        until_s=event.until_s,
        band=event.band,
        dwell_s=rules("agreement/dwell").at_least or 0.0,
        ride_through_s=rules("agreement/ride-through").at_most or 0.0,
    )
    says = f"{event.role} left its level{by.at(found, 'left')}, unasked"
    return _notice(FaultKind.FORGETS_SCHEDULE, event, found, "notice/away", says)


def _reverts(by: Witnesses, event: Event) -> Notice:
    setting = _setting(by, event.role)
    if setting is None:
        return replace(_forgets(by, event), kind=FaultKind.SILENT_REVERT)
    found = went_back(
        setting.time_s, setting.values, sent_s=event.sent_s, until_s=event.until_s
    )
    says = (
        f"{setting.name} went back{by.at(found, 'went back')} to what it was before "
        "the instruction, unasked"
    )
    return Notice(
        FaultKind.SILENT_REVERT, event.role, found, "notice/away", says, (setting.name,)
    )


def _setting(by: Witnesses, role: str) -> Channel | None:
    for channel in by.recording.channels.values():
        words = channel.quantity.split("_")
        if channel.role == role and any(word in words for word in SETTING_WORDS):
            return channel
    return None


def _loses_watchdog(by: Witnesses, event: Event) -> Notice:
    left = _forgets(by, event)
    at_s = dict(left.estimate.marks).get("left")
    said = by.said(event.role)
    writes = [f.at_s for f in said.frames if f.sent and f.action in MODBUS_WRITES]
    count = 0.0
    if at_s is not None:
        sent: Series = np.array(writes, dtype=np.float64)
        count = refreshes(sent, before_s=at_s, within_s=REFRESHED_WITHIN_S).value
    says = (
        f"{left.says}, although it was told {count:.0f} times in the "
        f"{REFRESHED_WITHIN_S:.0f} s before"
    )
    estimate = left.estimate
    if at_s is not None and not count:
        why = "nothing was refreshed in the time before"
        estimate = Estimate(math.nan, "s", why=why)
    return replace(left, kind=FaultKind.LOST_WATCHDOG, says=says, estimate=estimate)


def _notice(
    kind: FaultKind, event: Event, found: Estimate, rule: str, says: str
) -> Notice:
    return Notice(kind, event.role, found, rule, says, (event.view.channel,))


OF_EVENTS: Mapping[FaultKind, Callable[[Witnesses, Event], Notice]] = {
    FaultKind.IGNORES: _ignores,
    FaultKind.RAMPS_WRONG: _ramps,
    FaultKind.TRIPS: _trips,
    FaultKind.FORGETS_SCHEDULE: _forgets,
    FaultKind.SILENT_REVERT: _reverts,
    FaultKind.LOST_WATCHDOG: _loses_watchdog,
}
"""Detectors that need an instruction and the meter that saw what came of it."""
