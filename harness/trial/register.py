"""The facilitator's register as a recording's log tells it, for verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.core.recording import LogEntry, Recording, Series
from harness.market.actors import Actor
from harness.market.facilitator import Register
from harness.market.sites import Area, Direction
from harness.market.trades import trade_of

ENTERS_OUTLINE, WITHDRAWS_OUTLINE = "enters outline", "withdraws outline"
ENTERS_VERIFIED = "enters verification"
"""What the facilitator's log says of two sites that offset each other."""
_OF_SCHEMES = (ENTERS_OUTLINE, WITHDRAWS_OUTLINE, ENTERS_VERIFIED)


def register_of(recording: Recording, areas: Sequence[Area]) -> Register:
    """Return the register as it stood at the end of a recording."""
    register = Register(areas)
    for entry in recording.log:
        if entry.actor == Actor.FACILITATOR and entry.what in _OF_SCHEMES:
            demand, generator = (
                str(entry.detail[key]) for key in ("demand", "generator")
            )
            if entry.what == ENTERS_OUTLINE:
                register.approve_outline(demand, generator)
            elif entry.what == WITHDRAWS_OUTLINE:
                register.withdraw_outline(demand, generator)
            else:
                register.note_verified(demand, generator, at_s=entry.time_s)
        elif entry.actor == Actor.FACILITATOR and entry.what == "registers":
            register.agree(trade_of(entry.detail), at_s=entry.time_s)
        elif entry.actor == Actor.FACILITATOR and entry.what == "enters":
            _enter(register, entry)
    return register


def _enter(register: Register, entry: LogEntry) -> None:
    name, at_s = str(entry.detail["trade"]), entry.time_s
    power_w = entry.detail.get("power_w")
    if entry.detail["act"] == "approve":
        whole = None if power_w is None else float(str(power_w))
        register.approve(name, at_s=at_s, power_w=whole)
    elif entry.detail["act"] == "refuse":
        register.refuse(name, at_s=at_s)
    else:
        register.unwind(name, at_s=at_s)


def may_over_time(
    register: Register, site: str, direction: Direction, time_s: Series
) -> Series:
    """Return what a site may draw, or feed in, at each moment. [W]"""
    edges = np.array([-np.inf, *register.changes_s()])
    levels = np.array([register.may_w(site, direction, at) for at in edges])
    found: Series = levels[np.searchsorted(edges, time_s, side="right") - 1]
    return found
