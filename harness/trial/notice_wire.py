"""What the bench notices of a wire, and of the device's manners on it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from harness.analysis import wire
from harness.analysis.estimate import Estimate
from harness.analysis.health import completeness
from harness.analysis.series import between
from harness.core.faults import FaultKind
from harness.core.recording import Channel
from harness.trial.view import log_of
from harness.trial.witnesses import Notice, Witnesses

LEAST_ASKED = 10
"""Requests from which on their lost share says something."""


def slow(by: Witnesses, role: str) -> Notice:
    """How long an answer took at most, against how often it is asked."""
    found = wire.longest_round_trip(by.said(role))
    says = f"the wire of {role} was slow: {found.value:.1f} s to an answer"
    share = replace(
        found, value=found.value / by.reading_interval_s(role), unit="intervals"
    )
    return Notice(FaultKind.LATENCY, role, share, "notice/round-trip", says)


def lossy(by: Witnesses, role: str) -> Notice:
    """How much of what was sent never came."""
    said, channel = by.said(role), by.channel(role)
    if len(said.answers) >= LEAST_ASKED or channel is None:
        found = wire.unanswered(said)
    else:
        found = _missing_pushes(by, channel)
    says = f"the wire of {role} lost {found.value:.0f} % of the messages"
    return Notice(FaultKind.LOSS, role, found, "notice/unanswered", says)


def _missing_pushes(by: Witnesses, channel: Channel) -> Estimate:
    """Share of the values that a device should have sent of itself, and did not. [%]"""
    t, values = between(channel.time_s, channel.values, by.from_s, by.until_s)
    usual_s = float(np.median(np.diff(t))) if t.size > 2 else 0.0
    if not usual_s > 0:
        return Estimate(math.nan, "%", why="it sends too little to miss any of it")
    there = completeness(
        t, values, from_s=float(t[0]), until_s=float(t[-1]), interval_s=usual_s
    )
    return Estimate(100 - there.value, "%")


def repeats(by: Witnesses, role: str) -> Notice:
    """What came twice."""
    found = wire.repeated(by.said(role))
    says = f"the wire of {role} repeated {_messages(found)}"
    return Notice(FaultKind.DUPLICATE, role, found, "notice/repeated", says)


def reorders(by: Witnesses, role: str) -> Notice:
    """What came out of order."""
    found = wire.overtaken(by.said(role))
    says = f"the wire of {role} reordered {_messages(found)}"
    return Notice(FaultKind.REORDER, role, found, "notice/overtaken", says)


def cut(by: Witnesses, role: str) -> Notice:
    """Connections that were lost."""
    found = _losses(by, role)
    says = f"the connection to {role} was lost{by.at(found, 'first')}"
    return Notice(FaultKind.DISCONNECT, role, found, "notice/lost-connections", says)


def _losses(by: Witnesses, role: str) -> Estimate:
    """How often a connection was lost while the plan ran."""
    times = [entry.time_s for entry in log_of(by.recording, role, "lost")]
    inside = [at_s for at_s in times if by.from_s <= at_s < by.until_s]
    marks = (("first", inside[0]),) if inside else ()
    return Estimate(float(len(inside)), "times", marks=marks)


def garbles(by: Witnesses, role: str) -> Notice:
    """What is none of the wire's language."""
    found = wire.garbled(by.said(role))
    says = f"the wire of {role} garbled {_messages(found)}"
    return Notice(FaultKind.MALFORMED, role, found, "notice/garbled", says)


def _messages(found: Estimate) -> str:
    return "a message" if found.value == 1 else f"{found.value:.0f} messages"


def refuses(by: Witnesses, role: str) -> Notice:
    """Requests answered with an error."""
    found = wire.refused(by.said(role))
    says = f"{role} answered {_messages(found)} with an error"
    return Notice(FaultKind.EXCEPTION, role, found, "notice/refused", says)


def reboots(by: Witnesses, role: str) -> Notice:
    """How often the device started while the plan ran."""
    found, rule = wire.introductions(by.said(role)), "notice/introductions"
    if math.isnan(found.value):
        found, rule = _losses(by, role), "notice/lost-connections"
    says = f"{role} started anew{by.at(found, 'first')}"
    return Notice(FaultKind.REBOOTS, role, found, rule, says)
