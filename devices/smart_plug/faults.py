"""The faults that an emulated plug has now, and what they do to its clock."""

from __future__ import annotations

import math

from harness.core.faults import Fault, FaultKind

BREAKS = (
    FaultKind.IGNORES,
    FaultKind.TRIPS,
    FaultKind.REBOOTS,
    FaultKind.FORGETS_SCHEDULE,
    FaultKind.GAP,
    FaultKind.FROZEN,
    FaultKind.SCALED,
    FaultKind.LATE_BACKLOG,
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
)
"""What any emulated plug can have."""

_NEED_A_NUMBER = {
    FaultKind.SCALED,
    FaultKind.LATE_BACKLOG,
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
}
_NEED_TIME = {FaultKind.LATE_BACKLOG, FaultKind.REBOOTS}
REBOOT_S = 20.0
"""How long a plug is away if the fault does not say; chosen. [s]"""


class PlugFaults:
    """Which faults a plug has, how strong, and since when."""

    def __init__(self) -> None:
        self._now: dict[FaultKind, tuple[float, float]] = {}

    def impose(self, fault: Fault, now_s: float) -> None:
        """Have a fault from now on.

        Raises
        ------
        ValueError
            If a plug cannot have it, or its amount makes no sense.
        """
        kind, amount = fault.kind, fault.amount
        if kind not in BREAKS:
            can = ", ".join(repr(each.value) for each in BREAKS)
            raise ValueError(f"a plug cannot be one that {kind.value!r}; can: {can}")
        if kind is FaultKind.REBOOTS and math.isnan(amount):
            amount = REBOOT_S
        if kind in _NEED_A_NUMBER | _NEED_TIME and not math.isfinite(amount):
            raise ValueError(f"a plug that {kind.value!r} needs an amount")
        if kind in _NEED_TIME and amount <= 0:
            raise ValueError(f"a plug that {kind.value!r} for {amount:g} s")
        self._now[kind] = (amount, now_s)

    def lift(self, kind: FaultKind) -> bool:
        """Be well again; return whether it had this fault."""
        return self._now.pop(kind, None) is not None

    def __contains__(self, kind: FaultKind) -> bool:
        return kind in self._now

    def amount(self, kind: FaultKind, *, well: float) -> float:
        """Return the amount of a fault, or `well` without one."""
        return self._now[kind][0] if kind in self._now else well

    def clock_error_s(self, now_s: float) -> float:
        """Return how far ahead the plug's clock is. [s]"""
        error_s = self.amount(FaultKind.CLOCK_STEP, well=0.0)
        if FaultKind.CLOCK_DRIFT in self._now:
            per_hour_s, since_s = self._now[FaultKind.CLOCK_DRIFT]
            error_s += per_hour_s * (now_s - since_s) / 3600
        return error_s
