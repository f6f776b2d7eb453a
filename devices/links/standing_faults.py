"""Which faults an emulated device has now, for emulators that are `Breakable`."""

from __future__ import annotations

import math
from collections.abc import Collection

from harness.core.faults import Fault, FaultKind


class StandingFaults:
    """The faults that a device can have, and those that it has.

    Parameters
    ----------
    device : str
        What it is, for error messages: ``a car``.
    kinds : tuple of FaultKind
        Those that it can have.
    amounts : collection of FaultKind
        Those of them that mean nothing without an amount.
    """

    def __init__(
        self,
        device: str,
        kinds: tuple[FaultKind, ...],
        *,
        amounts: Collection[FaultKind] = (),
    ) -> None:
        self.kinds = kinds
        self._device, self._amounts = device, frozenset(amounts)
        self._now: dict[FaultKind, float] = {}

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on; the last of a kind counts.

        Raises
        ------
        ValueError
            If the device cannot have it, or its amount is missing or senseless.
        """
        if fault.kind not in self.kinds:
            known = ", ".join(repr(str(kind)) for kind in self.kinds)
            raise ValueError(
                f"{self._device} cannot have the fault {str(fault.kind)!r}; it can "
                f"have {known}"
            )
        if fault.kind in self._amounts and not math.isfinite(fault.amount):
            raise ValueError(
                f"{self._device} with the fault {str(fault.kind)!r} needs an amount"
            )
        self._now[fault.kind] = fault.amount

    def lift(self, kind: FaultKind) -> bool:
        """Be well again; return whether it was not."""
        return self._now.pop(kind, None) is not None

    def __contains__(self, kind: FaultKind) -> bool:
        return kind in self._now

    def amount(self, kind: FaultKind) -> float:
        """Return how strong a fault is; 0 without it."""
        return self._now.get(kind, 0.0)
