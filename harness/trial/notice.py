"""What the bench takes notice of: for every kind of fault, what a recording says of it.

Pure functions of a recording. None reads what the plan imposed: a detector that looks
at the answer detects nothing. What cannot be told is ``nan`` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from harness.core.faults import FaultKind
from harness.trial import notice_meter, notice_wire
from harness.trial.witnesses import Notice, Witnesses

Detector = Callable[[Witnesses, str], Notice]


def notice(witnesses: Witnesses, role: str, kind: FaultKind) -> Notice:
    """Return what the recording says of one kind of fault of one role.

    Raises
    ------
    KeyError
        If the kind is one of a device that was asked for something: see
        `harness.steps.faults`.
    """
    return DETECTORS[kind](witnesses, role)


DETECTORS: Mapping[FaultKind, Detector] = {
    FaultKind.LATENCY: notice_wire.slow,
    FaultKind.LOSS: notice_wire.lossy,
    FaultKind.DUPLICATE: notice_wire.repeats,
    FaultKind.REORDER: notice_wire.reorders,
    FaultKind.DISCONNECT: notice_wire.cut,
    FaultKind.MALFORMED: notice_wire.garbles,
    FaultKind.EXCEPTION: notice_wire.refuses,
    FaultKind.STALE: notice_meter.stale,
    FaultKind.WORD_SWAP: notice_meter.swapped,
    FaultKind.FROZEN: notice_meter.frozen,
    FaultKind.GAP: notice_meter.silent,
    FaultKind.CLOCK_STEP: notice_meter.clock_steps,
    FaultKind.CLOCK_DRIFT: notice_meter.clock_drifts,
    FaultKind.REVERSED: notice_meter.reversed_sign,
    FaultKind.SCALED: notice_meter.scaled,
    FaultKind.REPLAYED_BACKLOG: notice_meter.replays,
    FaultKind.LATE_BACKLOG: notice_meter.late,
    FaultKind.REBOOTS: notice_wire.reboots,
}
"""Detectors that need nothing but the recording, by the kind that they are for."""

OF_WIRES = (
    FaultKind.LATENCY,
    FaultKind.LOSS,
    FaultKind.DUPLICATE,
    FaultKind.REORDER,
    FaultKind.MALFORMED,
    FaultKind.EXCEPTION,
)
"""Kinds after which a device's own word, or a meter's, is not to be relied on. A cut
is not among them: what it cost is a gap, and a short one costs nothing."""
OF_METERS = (
    FaultKind.REPLAYED_BACKLOG,
    FaultKind.WORD_SWAP,
    FaultKind.REVERSED,
    FaultKind.SCALED,
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
    FaultKind.LATE_BACKLOG,
)
"""Kinds after which a meter may not judge; frozen, silent and out of step are looked
for by `harness.trial.view.meter_trouble`, around each event."""
OF_OWN_METERS = (
    FaultKind.STALE,
    FaultKind.GAP,
    FaultKind.SCALED,
    FaultKind.REVERSED,
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
    FaultKind.LATE_BACKLOG,
)
"""Kinds of which a person should know when a device's own meter is judged."""

EXPLAINS: Mapping[FaultKind, frozenset[FaultKind]] = {
    FaultKind.WORD_SWAP: frozenset(
        {FaultKind.REVERSED, FaultKind.SCALED, FaultKind.CLOCK_STEP}
    ),
    FaultKind.REPLAYED_BACKLOG: frozenset(
        {FaultKind.REVERSED, FaultKind.SCALED, FaultKind.CLOCK_DRIFT}
    ),
    FaultKind.CLOCK_STEP: frozenset({FaultKind.REVERSED, FaultKind.SCALED}),
    FaultKind.STALE: frozenset({FaultKind.REVERSED, FaultKind.SCALED}),
    FaultKind.REORDER: frozenset({FaultKind.LATENCY}),
    FaultKind.LATE_BACKLOG: frozenset(
        {FaultKind.GAP, FaultKind.CLOCK_STEP, FaultKind.CLOCK_DRIFT}
    ),
}
"""What goes without saying once a kind was noticed: its consequences."""


def unexplained(noticed: Collection[FaultKind]) -> tuple[FaultKind, ...]:
    """Return what was noticed less the mere consequences of something else noticed."""
    known = [EXPLAINS.get(kind, frozenset()) for kind in noticed]
    return tuple(k for k in noticed if not any(k in explained for explained in known))
