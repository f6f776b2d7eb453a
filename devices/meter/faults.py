"""The faults that an emulated meter has now, how strong, and since when.

Shared by every emulated meter, whatever wire it hangs on. What a kind means is said in
`harness.core.faults`; what it does to the values is done in `devices.meter.metering`,
what it does to the wire in the emulator of that wire.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.core.faults import Fault, FaultKind

OF_EVERY_METER = (
    FaultKind.FROZEN,
    FaultKind.GAP,
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
    FaultKind.REVERSED,
    FaultKind.SCALED,
    FaultKind.REPLAYED_BACKLOG,
)
"""What a meter can have on any wire."""

OF_REGISTERS = (FaultKind.EXCEPTION, FaultKind.STALE, FaultKind.WORD_SWAP)
"""What it can have on Modbus as well."""

_NUMBERS = {
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
    FaultKind.SCALED,
    FaultKind.REPLAYED_BACKLOG,
    FaultKind.LATE_BACKLOG,
}
"""Kinds that mean nothing without an amount."""
_BACKLOGS = {FaultKind.REPLAYED_BACKLOG, FaultKind.LATE_BACKLOG}


class MeterFaults:
    """Which of the faults that a meter can have it has.

    Parameters
    ----------
    can : sequence of FaultKind
        Those that it can have.
    memory_s : float
        How far back a backlog can reach. [s]
    """

    def __init__(self, can: Sequence[FaultKind], *, memory_s: float) -> None:
        self.can = tuple(can)
        self._memory_s = memory_s
        self._now: dict[FaultKind, tuple[float, float]] = {}

    def impose(self, fault: Fault, now_s: float) -> None:
        """Have a fault from a bench time on; one of the same kind is replaced.

        Raises
        ------
        ValueError
            If the meter cannot have it, or its amount makes no sense.
        """
        kind, amount = fault.kind, fault.amount
        if kind not in self.can:
            known = ", ".join(f"{each.value!r}" for each in self.can)
            raise ValueError(f"this meter cannot be one that {kind.value!r}: {known}")
        if kind in _NUMBERS and not math.isfinite(amount):
            raise ValueError(f"a meter that {kind.value!r} needs an amount")
        if kind in _BACKLOGS and not 0 < amount <= self._memory_s:
            raise ValueError(
                f"a meter that {kind.value!r} by {amount:g} s: it remembers up to "
                f"{self._memory_s:g} s"
            )
        if kind is FaultKind.EXCEPTION and math.isfinite(amount):
            check_code(amount)
        self._now[kind] = (amount, now_s)

    def lift(self, kind: FaultKind) -> None:
        """Be well again; nothing happens if it was."""
        self._now.pop(kind, None)

    def __contains__(self, kind: FaultKind) -> bool:
        return kind in self._now

    def __bool__(self) -> bool:
        return bool(self._now)

    def amount(self, kind: FaultKind, *, well: float) -> float:
        """Return the amount of a fault, or `well` if there is none of that kind."""
        return self._now[kind][0] if kind in self._now else well

    def since_s(self, kind: FaultKind) -> float:
        """Return since when a fault is there; ``inf`` if it is not. [s]"""
        return self._now[kind][1] if kind in self._now else math.inf

    def clock_error_s(self, now_s: float) -> float:
        """Return how far ahead the clock is; negative is behind. [s]"""
        error_s = self.amount(FaultKind.CLOCK_STEP, well=0.0)
        if FaultKind.CLOCK_DRIFT in self._now:
            per_hour_s, since_s = self._now[FaultKind.CLOCK_DRIFT]
            error_s += per_hour_s * (now_s - since_s) / 3600
        return error_s


def check_code(code: float) -> None:
    """Refuse what cannot be a Modbus exception code.

    Raises
    ------
    ValueError
        If it is not a whole number from 1 to 255.
    """
    if code != int(code) or not 1 <= code <= 255:
        raise ValueError(f"{code:g} is no exception code: 1 to 255")
