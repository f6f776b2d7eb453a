"""How right each device's clock was before, during and after the plan.

``docs/definitions.md``, "clocks". From the stamps of a recording alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from harness.analysis.clocks import (
    Lie,
    Stamps,
    clock_drift_per_day,
    clock_error,
    lie_of_clock,
)
from harness.analysis.estimate import Estimate
from harness.core.recording import Channel, Recording
from harness.trial.meter_tests import PROFILE
from harness.trial.view import starts_at, watched_s

WINDOWS = ("before", "during", "after")


@dataclass(frozen=True, slots=True)
class RoleClock:
    """What one role's stamps say of its clock."""

    role: str
    channel: str
    stamps: Stamps
    zero_s: float
    """Civil seconds of bench second 0, so that whole seconds are whole. [s]"""
    errors: Mapping[str, Estimate]
    """How far it was ahead, by `WINDOWS`. [s]"""
    drift: Estimate
    """Over the whole recording. [s/d]"""
    lie: Lie | None

    @property
    def error(self) -> Estimate:
        """How far it was ahead while the plan ran, or whenever it was seen. [s]"""
        during = self.errors["during"]
        if not math.isnan(during.value):
            return during
        return clock_error(self.stamps, zero_s=self.zero_s)

    def __str__(self) -> str:
        told = [
            f"{when} {error.value:+.2f} ± {error.expanded:.2g} s"
            for when, error in self.errors.items()
            if not math.isnan(error.value)
        ]
        if not math.isnan(self.drift.value):
            gained = f"{self.drift.value:+.2g} ± {self.drift.expanded:.2g} s a day"
            told.append(f"drift {gained}")
        lie = f"; IT LIES: {self.lie}" if self.lie else ""
        return ", ".join(told) + lie


def stamped_channel(recording: Recording, role: str) -> Channel | None:
    """Return a role's channel with the most stamps; None if it stamps nothing.

    What a load profile gives back was stamped long before it was asked for: its stamps
    say nothing of the clock now.
    """
    mine = [
        one
        for one in recording.channels.values()
        if one.role == role and one.quantity not in PROFILE
    ]
    stamped = [(int(np.isfinite(one.device_s).sum()), one) for one in mine]
    most = max(stamped, key=lambda pair: pair[0], default=(0, None))
    return most[1] if most[0] else None


def role_clock(recording: Recording, role: str) -> RoleClock | None:
    """Return what a role's stamps say of its clock; None if it stamps nothing."""
    channel = stamped_channel(recording, role)
    if channel is None:
        return None
    stamps = Stamps(channel.time_s, channel.arrival_s, channel.device_s).known
    zero = starts_at(recording)
    zero_s = zero.timestamp() % 60
    begins_s, ends_s = watched_s(recording)
    spans = ((-math.inf, begins_s), (begins_s, ends_s), (ends_s, math.inf))
    errors = {
        when: clock_error(stamps.between(*span), zero_s=zero_s)
        for when, span in zip(WINDOWS, spans, strict=True)
    }
    whole = clock_error(stamps, zero_s=zero_s)
    return RoleClock(
        role,
        channel.name,
        stamps,
        zero_s,
        errors,
        clock_drift_per_day(stamps, zero_s=zero_s),
        lie_of_clock(whole, _seen_at(zero, stamps)),
    )


def role_clocks(recording: Recording) -> dict[str, RoleClock]:
    """Return the clocks of every role that stamps what it says."""
    roles = dict.fromkeys(channel.role for channel in recording.channels.values())
    found = {role: role_clock(recording, role) for role in roles}
    return {role: clock for role, clock in found.items() if clock is not None}


def _seen_at(zero: datetime, stamps: Stamps) -> datetime:
    return zero + timedelta(seconds=float(np.median(stamps.arrival_s)))
