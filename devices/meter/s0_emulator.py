"""An emulated pulse-input module that counts an emulated meter's S0 pulses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from devices.links.codec import words_of_u32
from devices.links.modbus_pdu import ILLEGAL_ADDRESS, ModbusRefusal
from devices.meter.emulator import EmulatorOptions, answer_at_all, served
from devices.meter.faults import OF_EVERY_METER, OF_REGISTERS
from devices.meter.metering import EmulatedMeter, Metering
from harness.core.bench import EmulatorContext
from harness.core.faults import FaultKind

COUNT, PERIOD = 0, 2
"""Registers of the emulated module's first input; each input has four."""
INPUTS = 2
BREAKS = tuple(
    kind for kind in OF_EVERY_METER + OF_REGISTERS if kind is not FaultKind.REVERSED
)
"""Pulses have no sign that could be wrong."""


class S0EmulatorOptions(EmulatorOptions):
    """The meter's error model, and how the module is reached."""

    pulses_per_kwh: float = Field(1000.0, gt=0, le=1e6)
    """What the meter's pulse is worth: imp/kWh."""
    energy_resolution_wh: float = Field(0.0, ge=0, le=1000)
    """Step in which the meter's energy advances before it is made pulses. [Wh]"""


class S0Emulator(EmulatedMeter):
    """A pulse module with a meter on its first input and nothing on its second."""

    def __init__(self, context: EmulatorContext, options: S0EmulatorOptions) -> None:
        self._wh_per_pulse = 1000.0 / options.pulses_per_kwh
        super().__init__(Metering(context, options, breaks=BREAKS))
        self._metering.on_update = self._pulse
        shown = self._metering.shown()
        self._count = self._energy(shown.energy_import_wh)
        self._count_then, self._then_s = self._count, shown.at_s
        self._pulse_s, self._period_s = shown.at_s, 0.0

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Answer function 04."""
        answer_at_all(self._metering)
        if address + count > 4 * INPUTS:
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        shown_wh = self._metering.shown().energy_import_wh
        pulses = int(self._energy(shown_wh)) % (1 << 32)
        period = min(round(self._period_s * 1000), 0xFFFF_FFFF)
        swapped = FaultKind.WORD_SWAP in self._metering.faults
        words = (
            *words_of_u32(pulses, low_first=swapped),
            *words_of_u32(period, low_first=swapped),
            *(0,) * 4 * (INPUTS - 1),
        )
        return words[address : address + count]

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Refuse: it has input registers only."""
        answer_at_all(self._metering)
        raise ModbusRefusal(ILLEGAL_ADDRESS)

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Refuse: its counts cannot be set."""
        self.read_holding(address, len(values))

    def _energy(self, energy_wh: float) -> float:
        """Energy in pulses, whole ones and the part of the next."""
        return energy_wh / self._wh_per_pulse

    def _pulse(self) -> None:
        """Time the pulses of the last update, by a straight line through its energy."""
        shown = self._metering.shown()
        count = self._energy(shown.energy_import_wh)
        new = int(count) - int(self._count)
        if new > 0 and shown.at_s > self._then_s:
            apart_s = (shown.at_s - self._then_s) / (count - self._count)
            pulse_s = self._then_s + (int(count) - self._count) * apart_s
            self._period_s = apart_s if new > 1 else pulse_s - self._pulse_s
            self._pulse_s = pulse_s
        self._count, self._then_s = count, shown.at_s


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: S0EmulatorOptions
) -> AsyncIterator[S0Emulator]:
    """Put a meter into the circuit and its pulses into a module: RTU over TCP."""
    emulator = S0Emulator(context, options)
    functions = frozenset({3, 4, 6, 16})
    async with served(context, options, emulator, framing="rtu", functions=functions):
        yield emulator
