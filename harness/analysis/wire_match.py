"""Which captured frame carried which recorded message, and when, on the bench clock.

Frames bear the kernel's stamps, in nanoseconds of CLOCK_REALTIME; messages and samples
bear bench time. Both clocks were read together when the bench began and when it was
safe again: that ties them. A message is found among the frames by what it says. See
``docs/decisions/0006-capture.md``.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.estimate import Contribution
from harness.analysis.quality import rectangular_u
from harness.analysis.wire import Conversation, Frame, Language

NEAR_S = 0.5
"""A frame further than this from a message's own time is another message. [s]"""
TIE, RATE = "tie of the clocks", "rate of the clocks"


@dataclass(frozen=True, slots=True)
class WireFrame:
    """One message as it was captured."""

    time_ns: int
    source: str
    target: str
    protocol: str
    summary: str
    payload: str


@dataclass(frozen=True, slots=True)
class TiePoint:
    """Bench time and real time, read at one moment."""

    bench_s: float
    realtime_ns: int
    width_ns: int
    """Time between the two readings of the one around the reading of the other."""


@dataclass(frozen=True, slots=True)
class Tie:
    """How bench time and the frames' stamps belong together.

    Raises
    ------
    ValueError
        If there is no point at all.
    """

    points: tuple[TiePoint, ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("the two clocks were never read together")

    def bench_s(self, time_ns: int) -> float:
        """Convert a stamp to bench time, along the line through the points. [s]"""
        first = self.points[0]
        since_s = (time_ns - first.realtime_ns) / 1e9  # whole ns until here
        return first.bench_s + since_s * (1 + self.rate)

    @property
    def rate(self) -> float:
        """How much faster bench time runs than the stamps' clock, as a fraction."""
        first, last = self.points[0], self.points[-1]
        span_ns = last.realtime_ns - first.realtime_ns
        return self.parted_s / (span_ns / 1e9) if span_ns > 0 else 0.0

    @property
    def parted_s(self) -> float:
        """How far the clocks moved against each other from first to last point. [s]"""
        first, last = self.points[0], self.points[-1]
        span_s = (last.realtime_ns - first.realtime_ns) / 1e9
        return last.bench_s - first.bench_s - span_s

    @property
    def budget(self) -> tuple[Contribution, ...]:
        """What is not known of a stamp in bench time.

        The clocks may have moved evenly or in one step: anywhere between both.
        """
        width_s = max(point.width_ns for point in self.points) / 1e9
        read = Contribution(TIE, rectangular_u(width_s / 2), "B", "both clocks read")
        if len(self.points) < 2:
            return (read,)
        moved = Contribution(RATE, rectangular_u(abs(self.parted_s)), "B", "start, end")
        return read, moved


@dataclass(frozen=True, slots=True)
class Matches:
    """Which frame carried which message of a role, and what was not found."""

    said: Conversation
    frames: dict[int, WireFrame]
    """By the identity of the message, one of the conversation's own."""

    def of(self, frame: Frame) -> WireFrame | None:
        """Return the captured frame of one message of the conversation."""
        return self.frames.get(id(frame))

    @property
    def share(self) -> float:
        """Share of the messages that were found on the wire; ``nan`` of none."""
        total = len(self.said.frames)
        return len(self.frames) / total if total else math.nan


@dataclass(frozen=True, slots=True)
class _Vote:
    """One frame that may have carried one message."""

    away_s: float
    message: Frame
    place: int
    """Of the frame, among those captured."""


def matched(said: Conversation, captured: Sequence[WireFrame], tie: Tie) -> Matches:
    """Find the messages of one role among the frames, each frame used once.

    Others may say the same at the same time: each connection is weighed whole, from
    either end, and the one that explains most messages speaks first. Before a relay
    that is the harness's side of it, whose frames are nearer in time.
    """
    votes = _votes(said, captured, [tie.bench_s(one.time_ns) for one in captured])
    ranked = sorted(votes.values(), key=lambda own: (-len(own), _away_s(own)))
    frames: dict[int, WireFrame] = {}
    used: set[int] = set()
    for own in ranked:
        for vote in sorted(own, key=lambda vote: vote.away_s):
            if vote.place not in used and id(vote.message) not in frames:
                used.add(vote.place)
                frames[id(vote.message)] = captured[vote.place]
    return Matches(said, frames)


def _votes(
    said: Conversation, captured: Sequence[WireFrame], times_s: Sequence[float]
) -> dict[tuple[str, str], list[_Vote]]:
    """What speaks for each connection, by its own end and the other."""
    by_payload: defaultdict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(captured):
        if one.payload:
            by_payload[one.payload].append(place)
    loose = said.language in (Language.OTHER, Language.JSON_RPC)
    votes: defaultdict[tuple[str, str], list[_Vote]] = defaultdict(list)
    for message in said.frames:
        places = by_payload.get(message.text)
        if places is None:
            places = _containing(message, captured, times_s) if loose else []
        for place in places:
            away_s = abs(times_s[place] - message.at_s)
            if away_s <= NEAR_S:
                one = captured[place]
                ends = (one.source, one.target)
                own = ends if message.sent else ends[::-1]
                votes[own].append(_Vote(away_s, message, place))
    return votes


def _away_s(votes: Sequence[_Vote]) -> float:
    return sum(vote.away_s for vote in votes)


def _containing(
    message: Frame, captured: Sequence[WireFrame], times_s: Sequence[float]
) -> list[int]:
    """Frames whose text is part of what was recorded of a message, as with HTTP."""
    start = bisect_left(times_s, message.at_s - NEAR_S)
    end = bisect_left(times_s, message.at_s + NEAR_S)
    return [
        place
        for place in range(start, end)
        if len(captured[place].payload) > 1 and captured[place].payload in message.text
    ]
