"""Storage heaters on a radio teleswitch: in the home, and nobody's to instruct.

The Radio Teleswitch Service switches them by a signal on the BBC's long-wave
broadcast. It is being switched off in stages, area by area, since 30 June 2025
(written statement of the Minister for Energy Consumers, June 2025); the meter that
replaces it switches the same circuit itself, to its supplier's schedule. Neither has
an interface for anybody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devices.storage_heater.model import StorageHeater, StorageHeaterOptions
from harness.core.bench import DeviceContext, Driver, EmulatorContext, Options
from harness.core.capabilities import Device, Identity
from harness.core.errors import RigError
from harness.core.faults import Fault, FaultKind

FORM = "rts:LABEL"
OPERATIONS = {"open the damper": True, "close the damper": False}
BREAKS = (FaultKind.TRIPS, FaultKind.FORGETS_SCHEDULE)
"""Without its signal a teleswitch stays as it is, open or closed."""
NOT_DISPATCHABLE = (
    "it is switched by the broadcast radio teleswitch, or by the smart meter that "
    "replaces it, to the supplier's schedule, and has no interface to instruct it by"
)


class RadioTeleswitchOptions(Options):
    """Nothing can be set: nothing is asked."""


class RadioTeleswitch:
    """A device that can be named and cannot be told anything."""

    def __init__(self, context: DeviceContext) -> None:
        label = context.address.removeprefix("rts:")
        if label == context.address or not label:
            raise RigError(
                f"{context.where} address",
                f"{context.address!r}: nothing is dialled, a label is enough",
                f"{FORM}, such as rts:storage_heaters",
            )
        self._label = label

    async def ready(self) -> None:
        """Return at once: there is nothing to reach."""

    async def identify(self) -> Identity:
        """Say what the rig file says."""
        return Identity("not read", f"storage heaters ({self._label})", "not read")

    async def make_safe(self) -> None:
        """Do nothing: no trial can have told it anything."""


class RadioTeleswitchEmulator:
    """The heaters in the circuit; no wire."""

    def __init__(self, context: EmulatorContext, options: StorageHeaterOptions) -> None:
        start = context.clock.starts_at
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        self._now_s = context.clock.now_s
        self.model = StorageHeater(
            options,
            started_at_s=context.clock.now_s(),
            midnight_s=(midnight - start).total_seconds(),
            rng=context.rng,
        )
        self.address = f"rts:{context.role}"

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return BREAKS

    def impose(self, fault: Fault) -> None:
        """Cut the heaters off, or let the switch lose its signal.

        Raises
        ------
        ValueError
            If it cannot have this fault.
        """
        if fault.kind not in BREAKS:
            known = ", ".join(f"{each.value!r}" for each in BREAKS)
            kind = fault.kind.value
            raise ValueError(f"storage heaters cannot be ones that {kind!r}: {known}")
        self._have(fault.kind, True)

    def lift(self, kind: FaultKind) -> None:
        """Be well again; nothing happens if it was."""
        self._have(kind, False)

    def _have(self, kind: FaultKind, has: bool) -> None:
        if kind is FaultKind.TRIPS:
            self.model.trip(has, at_s=self._now_s())
        elif kind is FaultKind.FORGETS_SCHEDULE:
            self.model.lose_signal(has, at_s=self._now_s())

    def operate(self, action: str) -> None:
        """Open or close the damper."""
        if action not in OPERATIONS:
            can = ", ".join(OPERATIONS)
            raise ValueError(f"nobody can {action!r} with storage heaters; can: {can}")
        self.model.turn_damper(OPERATIONS[action], at_s=self._now_s())


@asynccontextmanager
async def open_driver(
    context: DeviceContext, _options: RadioTeleswitchOptions
) -> AsyncIterator[RadioTeleswitch]:
    """Hold nothing: there is no wire."""
    yield RadioTeleswitch(context)


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: StorageHeaterOptions
) -> AsyncIterator[RadioTeleswitchEmulator]:
    """Wire the heaters into the circuit."""
    emulator = RadioTeleswitchEmulator(context, options)
    context.circuit.attach(context.role, emulator.model)
    yield emulator


DRIVER = Driver(
    name="storage_heater/radio_teleswitch",
    maker="any on a teleswitch",
    wire="none",
    source="Radio Teleswitch Service: written statement, Minister for Energy "
    "Consumers, June 2025; radioteleswitch.org.uk (read as quoted in public)",
    options=RadioTeleswitchOptions,
    open=open_driver,
    emulator_options=StorageHeaterOptions,
    emulate=emulate,
    capabilities=(Device,),
    address_form=FORM,
    operations=tuple(OPERATIONS),
    faults=BREAKS,
    not_dispatchable=NOT_DISPATCHABLE,
)
