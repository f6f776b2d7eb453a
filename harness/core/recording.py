"""What was measured: channels of samples, each with its three times.

Every sample keeps *bench* time (when the harness asked, or for pushed values
when it was told), *arrival* time (when the value was in our hands) and *device*
time (what the device's own clock said, ``nan`` if it says nothing). A read that
failed is a sample whose value is ``nan``: missing is missing, never mended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]


class Reading(NamedTuple):
    """One value as a device gave it.

    `quantity` carries its unit as a suffix: ``power_w``, ``energy_import_wh``,
    ``voltage_v``, ``current_a``, ``current_offered_a``, ``indoor_c``,
    ``soc_percent``. Import is positive. `device_time_s` is the device's own
    timestamp converted to bench time, or ``nan``.
    """

    quantity: str
    value: float
    device_time_s: float = float("nan")


@dataclass(frozen=True, slots=True)
class Channel:
    """One quantity of one role over a trial: never resampled, never mended."""

    role: str
    quantity: str
    time_s: Series
    """Bench time of each sample, shape ``(n,)``, not decreasing. [s]"""
    values: Series
    """Values in the unit of `quantity`, shape ``(n,)``; ``nan`` where a read failed."""
    arrival_s: Series
    """When each value was in our hands, on the bench clock, shape ``(n,)``. [s]"""
    device_s: Series
    """The device's own timestamp on the bench clock, or ``nan``, shape ``(n,)``. [s]"""

    @property
    def name(self) -> str:
        """Return ``role.quantity``."""
        return f"{self.role}.{self.quantity}"


class Message(NamedTuple):
    """One wire message, verbatim. `sent` is from the harness's point of view."""

    time_s: float
    role: str
    sent: bool
    payload: str
    """Text as it was, or the bytes of a binary frame in hex."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Something an actor did or learnt, at a bench time."""

    time_s: float
    actor: str
    what: str
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recording:
    """All that a trial observed; every verdict is a function of this alone."""

    channels: Mapping[str, Channel]
    """By name, ``role.quantity``. Roles named ``truth`` hold emulated true power."""
    messages: Sequence[Message]
    log: tuple[LogEntry, ...]
    facts: Mapping[str, object]
    """Rig, seed, clock, identities, calibration, decision rule: see ``evidence``."""
    complete: bool = True
    """False if the run was cut short; no verdict can then be a pass."""

    def channel(self, role: str, quantity: str) -> Channel | None:
        """Return a channel, or None if nothing was ever recorded for it."""
        return self.channels.get(f"{role}.{quantity}")
