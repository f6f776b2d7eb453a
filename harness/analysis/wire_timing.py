"""Response times from the wire, beside those that the driver wrote down.

Messages and frames are brought together by `harness.analysis.wire_match`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import one_sided_u, rectangular_u
from harness.analysis.series import Band
from harness.analysis.wire import Frame, Part
from harness.analysis.wire_match import RATE, Matches, Tie, WireFrame
from harness.core.recording import Channel

STAMP_WIDTH_S = 50e-6
"""How long after a program's own write, or before its read, the kernel may stamp a
frame: 13 µs typical, 50 µs taken, of which it lies anywhere within. [s]"""
STAMPS = "frame stamps"
READS = frozenset(map(str, range(1, 5)))
"""Modbus functions that only read (MODBUS Application Protocol V1.1b3, 6.1-6.4)."""
READING_WORDS = ("Get", "List", "Trigger", "Read")
"""What the name of a call that only asks begins with, after its last dot."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One length of time, by the driver's own times and by the frames'."""

    driver: Estimate
    wire: Estimate
    difference: Estimate
    """Driver less wire: what the harness itself adds. [s]"""


def answered(
    found: Matches, tie: Tie, *, sent_s: float, acked_s: float | None
) -> tuple[Compared, WireFrame | None]:
    """Time from an instruction to the device's answer, and the frame that carried it.

    The driver's is from when it was called to when it returned. The wire's is from the
    first frame that changes something to the last answer to such a frame.
    """
    if acked_s is None:
        return _not_compared("the device never answered"), None
    asked = [
        (ask, reply)
        for ask, reply in found.said.answers
        if sent_s <= ask.at_s <= acked_s and _changes(ask)
    ]
    driver = Estimate(acked_s - sent_s, "s")
    if not asked:
        why = "no message that changes anything was recorded meanwhile"
        return _not_compared(why, driver), None
    carrier = found.of(asked[0][0])
    answers = [found.of(reply) for _, reply in asked if reply is not None]
    if carrier is None or not answers or answers[-1] is None:
        return _not_compared("its messages are not in the capture", driver), carrier
    return _compared(driver, carrier, answers[-1], tie), carrier


def seen(
    carrier: WireFrame | None,
    meter: Matches,
    channel: Channel,
    tie: Tie,
    *,
    sent_s: float,
    until_s: float,
    band: Band,
) -> Compared:
    """Time from an instruction to the first meter reply with power in its band.

    The driver's is from when it was called to when the value was in our hands; the
    wire's from the carrying frame to the frame of that reply.
    """
    asked, values = channel.time_s, channel.values
    inside = np.flatnonzero(
        (asked >= sent_s) & (asked <= until_s) & band.holds(np.asarray(values))
    )
    if not inside.size:
        return _not_compared(f"no reading of {channel.role} was {band}")
    first = int(inside[0])
    arrival_s = float(channel.arrival_s[first])
    driver = Estimate(arrival_s - sent_s, "s", marks=(("in its band", arrival_s),))
    replies = [
        frame
        for frame in meter.said.frames
        if not frame.sent and float(asked[first]) <= frame.at_s <= arrival_s
    ]
    reply = meter.of(replies[-1]) if replies else None
    if reply is None:
        why = f"replies of {channel.role} are not in the capture: is it on a network?"
        return _not_compared(why, driver)
    if carrier is None:
        return _not_compared("the instruction is not in the capture", driver)
    return _compared(driver, carrier, reply, tie)


@dataclass(frozen=True, slots=True)
class Exchanges:
    """All questions of one role and their answers, on the wire and by the driver."""

    asked: int
    found: int
    """Of these, the ones whose question and answer were both captured."""
    wire_s: Estimate
    """Median time on the wire from question to answer."""
    driver_s: Estimate
    """The same by the driver's times."""
    excess_s: Estimate
    """Median of what the driver adds."""
    worst_excess_s: float


def exchanges(found: Matches, tie: Tie) -> Exchanges:
    """Compare every question of a role, polls included.

    Those from before the bench clock ran are left out: it stood still.
    """
    wire, driver = [], []
    begun_s = tie.points[0].bench_s
    pairs = [
        (ask, reply)
        for ask, reply in found.said.answers
        if reply is not None and ask.at_s >= begun_s
    ]
    for ask, reply in pairs:
        left, came = found.of(ask), found.of(reply)
        if left is not None and came is not None:
            wire.append((came.time_ns - left.time_ns) / 1e9)
            driver.append(reply.at_s - ask.at_s)
    if not wire:
        nothing = Estimate(math.nan, "s", why="none of them is in the capture")
        return Exchanges(len(pairs), 0, nothing, nothing, nothing, math.nan)
    excess = np.asarray(driver) - np.asarray(wire)
    middle = int(np.argsort(wire)[len(wire) // 2])
    lines = _lines(wire[middle], tie)
    return Exchanges(
        asked=len(pairs),
        found=len(wire),
        wire_s=Estimate(float(np.median(wire)), "s", lines),
        driver_s=Estimate(float(np.median(driver)), "s"),
        excess_s=Estimate(float(np.median(excess)), "s", lines),
        worst_excess_s=float(excess.max()),
    )


def _changes(ask: Frame) -> bool:
    """Whether a request changes something; what cannot be told is taken to."""
    if ask.part is not Part.REQUEST:
        return False
    name = ask.action.rpartition(".")[2]
    return ask.action not in READS and not name.startswith(READING_WORDS)


def _compared(driver: Estimate, left: WireFrame, came: WireFrame, tie: Tie) -> Compared:
    took_s = (came.time_ns - left.time_ns) / 1e9
    wire = Estimate(took_s, "s", _lines(took_s, tie))
    difference = replace(wire, value=driver.value - took_s)
    return Compared(replace(driver, why=""), wire, difference)


def _lines(took_s: float, tie: Tie) -> tuple[Contribution, ...]:
    """What is not known of a length of time between two frames, in bench seconds."""
    stamp_u = math.sqrt(2) * one_sided_u(STAMP_WIDTH_S)
    # A step of either clock may fall into the time that is looked at.
    parted_s = max(abs(tie.rate) * abs(took_s), abs(tie.parted_s))
    return (
        Contribution(STAMPS, stamp_u, "B", "the kernel's stamps, one at each end"),
        Contribution(RATE, rectangular_u(parted_s), "B", "the clocks at start and end"),
    )


def _not_compared(why: str, driver: Estimate | None = None) -> Compared:
    nothing = Estimate(math.nan, "s", why=why)
    return Compared(driver or nothing, nothing, nothing)
