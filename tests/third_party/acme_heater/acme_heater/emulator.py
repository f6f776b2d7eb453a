"""The device in software, on its real wire: as simple as it can be and still true."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from devices.links.codec import words_of_float32
from devices.links.modbus_pdu import ILLEGAL_ADDRESS
from devices.links.modbus_server import ModbusRefusal, serve_tcp
from harness.core.bench import EmulatorContext, Options
from harness.core.faults import Fault, FaultKind

from acme_heater import registers

FAULTS = (FaultKind.IGNORES,)
"""What it can be made to do wrong while it runs."""


class EmulatorOptions(Options):
    """What the emulated device is like."""

    unit: int = Field(default=1, ge=1, le=247)
    draws_w: float = Field(default=2000.0, ge=0)
    """What it draws when nobody asks for anything. [W]"""


class Emulator:
    """Registers and physics of one device."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._context, self._options = context, options
        self._command = registers.NO_LIMIT
        self._faults: set[FaultKind] = set()
        self.address = ""
        context.circuit.attach(context.role, self)

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The faults that it can have."""
        return FAULTS

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on."""
        if fault.kind not in FAULTS:
            raise ValueError(f"it cannot have {fault.kind!r}, only {FAULTS}")
        self._faults.add(fault.kind)

    def lift(self, kind: FaultKind) -> None:
        """Be well again."""
        self._faults.discard(kind)

    def operate(self, action: str) -> None:
        """Refuse: nobody does anything to it by hand."""
        raise ValueError(f"nobody can {action!r} with it")

    def power_w(self, at_s: float) -> float:
        """Return true active power: `harness.core.circuit.Load`. [W]"""
        return min(self._options.draws_w, self._command * float(registers.STEP_W))

    def _shown_w(self) -> float:
        return self.power_w(self._context.clock.now_s())

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Answer function 04."""
        if (address, count) == (registers.MODEL, 1):
            return [registers.KNOWN_MODEL]
        if (address, count) == (registers.POWER, 2):
            return words_of_float32(self._shown_w() / 1000, low_first=True)
        raise ModbusRefusal(ILLEGAL_ADDRESS)

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Answer function 03."""
        if (address, count) == (registers.COMMAND, 1):
            return [self._command]
        raise ModbusRefusal(ILLEGAL_ADDRESS)

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Answer functions 06 and 16."""
        if (address, len(values)) != (registers.COMMAND, 1):
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        if FaultKind.IGNORES not in self._faults:
            self._command = values[0]


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[Emulator]:
    """Put the device into the circuit and serve its registers."""
    emulator = Emulator(context, options)
    async with serve_tcp(emulator, unit=options.unit, port=context.port) as address:
        emulator.address = address
        yield emulator
