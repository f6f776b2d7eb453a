"""Who told whom, and when: a recording's log as messages between actors and devices."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.recording import LogEntry, Recording
from harness.market.actors import Actor

NOTICE = "notice: "
HEARD = ("unavailable",)
"""What a device says of its own that its aggregator acts upon."""
ACTS = {"arms": "arms the service", "dispatches": "calls", "overrules": "overrules"}


@dataclass(frozen=True, slots=True)
class Told:
    """One message."""

    time_s: float
    """Bench time. [s]"""
    sender: str
    receiver: str
    """The same as the sender where an actor only notes something."""
    what: str


def messages_told(recording: Recording) -> list[Told]:
    """Return what market actors and devices told each other, in order."""
    found = (_told(entry) for entry in recording.log)
    return [one for one in found if one is not None]


def _told(entry: LogEntry) -> Told | None:
    actor, what, detail = entry.actor, entry.what, entry.detail
    aggregator = str(Actor.AGGREGATOR)
    if actor == Actor.NETWORK and what == "trips":
        return Told(entry.time_s, actor, actor, f"{detail.get('asset', '')} trips")
    if actor in (Actor.DSO, Actor.ESO) and what in ACTS:
        return Told(entry.time_s, actor, aggregator, ACTS[what])
    if actor == aggregator and what.startswith(NOTICE):
        text = what.removeprefix(NOTICE)
        if reason := str(detail.get("reason") or ""):
            text = f"{text}: {reason}"
        return Told(entry.time_s, aggregator, str(detail["to"]), text)
    if actor == aggregator and what == "instructs" and "number" in detail:
        level = f"{float(str(detail['level_w'])) / 1000:g} kW"
        text = f"{detail['move']} to {level}"
        return Told(entry.time_s, aggregator, str(detail["role"]), text)
    if actor == aggregator and what == "releases":
        return Told(entry.time_s, aggregator, str(detail["role"]), "released")
    if what in ("accepts", "refuses") and "number" in detail:
        return Told(entry.time_s, actor, aggregator, what)
    if what in HEARD and entry.time_s >= 0:
        return Told(entry.time_s, actor, aggregator, what)
    return None
