"""What the field has taught can go wrong, as a plan can ask for it.

A *wire* fault happens to messages between the harness and a device, by a relay that
stands between the two; any device can have one. A *device* fault happens inside an
emulator, which says which ones it can have (`Breakable`); no real device is broken on
purpose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

Direction = Literal["both", "to the device", "from the device"]


class FaultKind(StrEnum):
    """Every fault that a feature file can name; the words are its own."""

    # On the wire: happens to whole messages.
    LATENCY = "is slow"
    """Each message is held back. Amount: seconds."""
    LOSS = "loses messages"
    """Messages vanish. Amount: share of them, 0 to 1."""
    DUPLICATE = "repeats messages"
    """Messages arrive twice. Amount: share of them, 0 to 1."""
    REORDER = "reorders messages"
    """A message is overtaken by the next. Amount: share of them, 0 to 1."""
    DISCONNECT = "is cut"
    """The connection drops and nothing connects until the fault is lifted."""
    MALFORMED = "garbles messages"
    """Bytes of a message are changed. Amount: share of them, 0 to 1."""

    # What a register device does.
    EXCEPTION = "answers with an exception"
    """Every request is refused. Amount: the Modbus exception code."""
    STALE = "serves stale values"
    """Registers stand still while the device itself goes on."""
    WORD_SWAP = "swaps its words"
    """Numbers of two registers or more are served in the other word order."""
    SILENT_REVERT = "reverts what was written"
    """A write is acknowledged, and undone unasked. Amount: seconds until then."""
    LOST_WATCHDOG = "does not see the refresh"
    """The device's watchdog runs out although the setpoint is refreshed."""

    # What a meter does.
    FROZEN = "is frozen"
    """Every value stands still, time stamps included."""
    GAP = "is silent"
    """Nothing is answered, nothing is sent."""
    CLOCK_STEP = "has its clock stepped"
    """The clock jumps. Amount: seconds, positive is ahead."""
    CLOCK_DRIFT = "has a drifting clock"
    """The clock runs wrong. Amount: seconds in each hour, positive is fast."""
    REVERSED = "has its current transformer reversed"
    """Power has the wrong sign."""
    SCALED = "reads by a wrong factor"
    """Power and energy are multiplied. Amount: the factor, such as 1000."""
    REPLAYED_BACKLOG = "replays old values"
    """Values of some time ago are given again as new. Amount: seconds ago."""
    LATE_BACKLOG = "delivers late"
    """Values are kept back and given all at once, with their old times. Amount:
    seconds between deliveries."""

    # What a controllable device does.
    IGNORES = "accepts and ignores"
    """Every instruction is accepted; nothing changes."""
    RAMPS_WRONG = "ramps at a wrong pace"
    """Amount: the factor on its pace, such as 0.1."""
    TRIPS = "trips"
    """It stops drawing and feeding until the fault is lifted."""
    REBOOTS = "reboots"
    """It drops its connection and what it was told, and comes back. Amount: seconds
    that it is away."""
    FORGETS_SCHEDULE = "forgets its schedule"
    """What was set for later, or for now by schedule, is gone; it says nothing."""

    @property
    def on_the_wire(self) -> bool:
        """Whether it happens to messages rather than inside the device."""
        return self in _WIRE


_WIRE = frozenset(
    {
        FaultKind.LATENCY,
        FaultKind.LOSS,
        FaultKind.DUPLICATE,
        FaultKind.REORDER,
        FaultKind.DISCONNECT,
        FaultKind.MALFORMED,
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, as strong as `amount` says, in the unit that its kind names."""

    kind: FaultKind
    amount: float = math.nan
    direction: Direction = "both"
    """Wire faults only."""
    containing: bytes = b""
    """Wire faults only: happens to messages that hold these bytes (an action's name);
    empty for every message."""


@runtime_checkable
class Breakable(Protocol):
    """An emulator that can be made faulty while it runs."""

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        ...

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on.

        Raises
        ------
        ValueError
            If it cannot have this one; names those that it can.
        """
        ...

    def lift(self, kind: FaultKind) -> None:
        """Be well again; nothing happens if it was."""
        ...
