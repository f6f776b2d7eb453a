"""Who told whom, and when: a recording's log as messages between actors and devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.recording import LogEntry, Recording
from harness.market.actors import Actor

NOTICE = "notice: "
HEARD = ("unavailable",)
"""What a device says of its own that its aggregator acts upon."""
ACTS = {
    "arms": "arms the service",
    "dispatches": "calls",
    "stops": "stops",
    "overrules": "overrules",
}
DECISIONS = {"approve": "approves", "refuse": "refuses", "unwind": "unwinds"}
"""What the DNO says to a trade."""
SCHEME = "offset scheme"
ABOUT = ("trade", "service", "site", "area")
SPEAKERS = (
    Actor.AGGREGATOR, Actor.ESO, Actor.FACILITATOR, Actor.NETWORK, Actor.TRADER, SCHEME,
)  # fmt: skip
"""Who sends notices."""


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
    if actor in SPEAKERS and what.startswith(NOTICE):
        text = _about(what.removeprefix(NOTICE), detail)
        return Told(entry.time_s, actor, str(detail["to"]), text)
    if actor == Actor.DNO and what in DECISIONS:
        text = f"{DECISIONS[what]} {detail.get('trade', '')}"
        return Told(entry.time_s, actor, str(Actor.FACILITATOR), text)
    if what == "agrees" and "buyer" in detail:
        text = f"agrees {detail['trade']}: {float(str(detail['power_w'])) / 1e3:g} kW"
        return Told(entry.time_s, actor, str(detail["buyer"]), text)
    if actor == Actor.TRADER and what in ("orders", "declines"):
        return Told(entry.time_s, actor, str(detail["site"]), _about(what, detail))
    if actor == aggregator and what == "instructs" and "number" in detail:
        level = f"{float(str(detail['level_w'])) / 1000:g} kW".replace("-", "−")
        sender = _sender(str(detail.get("on_behalf_of", Actor.DSO)))
        # A site or a scheme has its own device go to a level; nobody sold a move.
        what = str(detail["move"]) if sender == aggregator else "go"
        return Told(entry.time_s, sender, str(detail["role"]), f"{what} to {level}")
    if actor == aggregator and what == "releases":
        return Told(entry.time_s, aggregator, str(detail["role"]), "released")
    if what in ("accepts", "refuses") and "number" in detail:
        return Told(entry.time_s, actor, aggregator, what)
    if what in HEARD and entry.time_s >= 0:
        return Told(entry.time_s, actor, aggregator, what)
    return None


def _about(what: str, detail: Mapping[str, object]) -> str:
    """Say what a notice is about: the trade, service or site, and the reason."""
    about = next((str(detail[key]) for key in ABOUT if detail.get(key)), "")
    text = f"{about} {what}".strip()
    reason = str(detail.get("reason") or detail.get("why") or "")
    return f"{text}: {reason}" if reason else text


def _sender(on_behalf_of: str) -> str:
    """Who speaks to a device: a site or a scheme for itself, else the aggregator."""
    market = (str(Actor.DSO), str(Actor.ESO), "DSO and ESO", "bench")
    return str(Actor.AGGREGATOR) if on_behalf_of in market else on_behalf_of
