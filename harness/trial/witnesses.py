"""What detectors look at in a recording, and what they hand back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from harness.analysis import wire
from harness.analysis.agreement import held_at
from harness.analysis.estimate import Estimate
from harness.analysis.quality import MeterQuality
from harness.core.circuit import Circuit
from harness.core.faults import FaultKind
from harness.core.recording import Channel, Message, Recording, Series
from harness.rulebook.rule import Rule
from harness.trial.plan import clock_text
from harness.trial.view import (
    MeterView,
    finite,
    meter_facts,
    meter_quality,
    meter_view,
    starts_at,
    watched_s,
)

Rules = Callable[[str], Rule]
"""A rule by its id."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What one detector found for one role, and from when on it matters."""

    kind: FaultKind
    role: str
    estimate: Estimate
    rule_id: str
    says: str
    """What is wrong, as a clause, should the estimate be outside the rule."""
    channels: tuple[str, ...] = ()
    """What it looked at; empty if that were messages and the log."""


class Witnesses:
    """All that detectors ask of one recording, each worked out once."""

    def __init__(self, recording: Recording, rules: Rules) -> None:
        self.recording, self.rules = recording, rules
        self.from_s, self.until_s = watched_s(recording)
        if math.isinf(self.until_s):
            ends = [c.time_s[-1] for c in recording.channels.values() if c.time_s.size]
            self.until_s = float(max(ends, default=0.0))
        self._spoken: dict[str, list[Message]] = {}
        self._said: dict[str, wire.Conversation] = {}

    def said(self, role: str) -> wire.Conversation:
        """What was said on a role's wire while the plan ran."""
        if not self._spoken:
            for message in self.recording.messages:
                self._spoken.setdefault(message.role, []).append(message)
        if role not in self._said:
            whole = wire.conversation(self._spoken.get(role, ()))
            self._said[role] = whole.within(self.from_s, self.until_s)
        return self._said[role]

    def channel(self, role: str, quantity: str = "power_w") -> Channel | None:
        """A channel that holds anything at all; what is infinite is missing."""
        found = self.recording.channel(role, quantity)
        return finite(found) if found is not None and found.time_s.size else None

    def reading_interval_s(self, role: str) -> float:
        """How often a role is asked for its values; a second if it is not asked. [s]"""
        drivers = self.recording.facts.get("drivers")
        known = drivers.get(role, {}) if isinstance(drivers, Mapping) else {}
        channel = self.channel(role)
        if channel is None or "Polled" not in known.get("capabilities", ()):
            return 1.0
        spacing = np.diff(np.unique(channel.time_s))
        return max(1.0, float(np.median(spacing))) if spacing.size else 1.0

    def is_meter(self, role: str) -> bool:
        """Whether the rig lists it as a meter."""
        return role in meter_facts(self.recording)

    def clock(self, bench_s: float) -> str:
        """A bench time as the clock showed it."""
        return clock_text(starts_at(self.recording), bench_s)

    def at(self, estimate: Estimate, mark: str) -> str:
        """`` at 17:04:10``, if the estimate has that mark."""
        return "".join(
            f" at {self.clock(at_s)}" for name, at_s in estimate.marks if name == mark
        )

    def quality(self, role: str) -> MeterQuality:
        """A meter's quality; of a device's own meter nothing is known."""
        facts = meter_facts(self.recording).get(role)
        if facts is None:
            return MeterQuality("the device's own meter")
        return meter_quality(facts)

    def other(self, role: str) -> tuple[str, Series, Series] | None:
        """Name, time and power of what a meter, or a device, is compared with.

        An asset's meter with the boundary less the other assets' meters; the boundary
        with the sum of the assets' meters; a device with its own reference meter.
        """
        if not self.is_meter(role):
            view = meter_view(self.recording, role)
            return None if view is None else (view.meter, view.time_s, view.power_w)
        boundary = meter_view(self.recording, "home")
        channel = self.channel(role)
        if boundary is None or channel is None:
            return None
        if boundary.meter == role:
            total = self._sum_of_assets(boundary, role)
            if total is None:
                return None
            return "the sum of the other meters", boundary.time_s, total
        rest = self._sum_of_assets(boundary, role)
        power_w = boundary.power_w if rest is None else boundary.power_w - rest
        return boundary.meter, boundary.time_s, power_w

    def _sum_of_assets(self, boundary: MeterView, less: str) -> Series | None:
        """Power of all meters of one asset but `less`, at the boundary's times."""
        found = []
        for name, facts in meter_facts(self.recording).items():
            single = len(facts["sees"]) == 1 and Circuit.EVERYTHING not in facts["sees"]
            channel = self.channel(name) if single and name != less else None
            if channel is not None:
                t, p = channel.time_s, channel.values
                found.append(held_at(t, p, boundary.time_s, max_age_s=15.0))
        return np.sum(found, axis=0) if found else None


def is_beyond(found: Notice, rule: Rule) -> bool:
    """Whether an estimate is outside a rule by more than its uncertainty."""
    value, expanded = found.estimate.value, found.estimate.expanded
    if math.isnan(value):
        return False
    above = rule.at_most is not None and value - expanded > rule.at_most
    below = rule.at_least is not None and value + expanded < rule.at_least
    return above or below


def names_of(*channels: Channel | None) -> tuple[str, ...]:
    """Return the names of the channels that there are."""
    return tuple(channel.name for channel in channels if channel is not None)
