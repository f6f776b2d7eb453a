"""The faults that an emulated heat pump has now, and how strong."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.core.faults import Fault, FaultKind

DEFAULTS = {
    FaultKind.EXCEPTION: 4.0,
    FaultKind.SILENT_REVERT: 60.0,
    FaultKind.RAMPS_WRONG: 0.1,
    FaultKind.REBOOTS: 30.0,
}
"""Amounts where a plan names none: an exception code, seconds, a factor, seconds."""


class Faults:
    """Which of the faults that a device can have it has.

    Parameters
    ----------
    can : sequence of FaultKind
        Those that it can have.
    """

    def __init__(self, can: Sequence[FaultKind]) -> None:
        self.can = tuple(can)
        self._now: dict[FaultKind, float] = {}

    def impose(self, fault: Fault) -> Fault:
        """Have a fault, and return it with its amount filled in.

        Raises
        ------
        ValueError
            If the device cannot have it, or its amount makes no sense.
        """
        kind, amount = fault.kind, fault.amount
        if kind not in self.can:
            known = ", ".join(f"{each.value!r}" for each in self.can)
            raise ValueError(
                f"this heat pump cannot be one that {kind.value!r}: {known}"
            )
        amount = DEFAULTS.get(kind, amount) if math.isnan(amount) else amount
        if kind in DEFAULTS and not 0 < amount < math.inf:
            raise ValueError(f"a heat pump that {kind.value!r} by {amount:g}: above 0")
        if kind is FaultKind.EXCEPTION and not (
            amount <= 255 and amount == int(amount)
        ):
            raise ValueError(f"{amount:g} is no exception code: 1 to 255")
        self._now[kind] = amount
        return Fault(kind, amount)

    def lift(self, kind: FaultKind) -> None:
        """Be well again; nothing happens if it was."""
        self._now.pop(kind, None)

    def __contains__(self, kind: FaultKind) -> bool:
        return kind in self._now

    def amount(self, kind: FaultKind) -> float:
        """Return how strong a fault is that it has."""
        return self._now[kind]
