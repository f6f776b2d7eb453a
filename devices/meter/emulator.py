"""An Eastron SDM meter on its real wire, with the circuit behind it."""

from __future__ import annotations

import asyncio
import math
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import Field

from devices.links.codec import words_of_float32, words_of_u32
from devices.links.modbus_pdu import ILLEGAL_ADDRESS
from devices.links.modbus_server import (
    ModbusRefusal,
    ModbusSilence,
    serve_serial,
    serve_tcp,
)
from devices.meter.model import MeterErrors, MeterModel, Shown
from devices.meter.registers import FUNCTIONS, MOST_REGISTERS, SERIAL_NUMBER, MeterMap
from harness.core.bench import EmulatorContext

LAST_INPUT = 0x0158
"""Registers up to here exist, and read 0 where a wiring or this emulator has no value
(SDM630 V1.8, 1.2: "will return the value zero")."""
NETWORK_NODE = 0x0014
"""Holding register of the unit id, a single. Source: SDM630 V1.8, 1.3.1."""


class EmulatorOptions(MeterErrors):
    """The error model, and how the emulated meter is reached."""

    unit: int = Field(1, ge=1, le=247)
    baud: int = Field(9600, ge=1200, le=38400)
    """Line speed, where it serves a pseudo-terminal. [bit/s]"""
    reply_delay_s: float = Field(0.0, ge=0, le=60)
    """How long it takes to answer. [s]"""
    silent_after_s: float | None = None
    """Bench time from which on it answers nothing. [s]"""


class ThreePhaseOptions(EmulatorOptions):
    """Also how the meter is wired."""

    phases: Literal[1, 3] = 1
    """1: everything on phase 1, as in most British homes. 3: in equal parts."""


class MeterEmulator:
    """A meter that looks at the circuit on a timer of its own and shows registers.

    A timer, and not a look when read: the circuit's time never goes back, and by
    the time of a read someone else may have asked it for a later instant.
    """

    def __init__(
        self, context: EmulatorContext, options: EmulatorOptions, meter: MeterMap
    ) -> None:
        self._now_s = context.clock.now_s
        self._circuit, self._sees = context.circuit, context.sees
        self._options, self._meter = options, meter
        self._phases = options.phases if isinstance(options, ThreePhaseOptions) else 1
        self._model = MeterModel(options, context.rng)
        silent_after_s = options.silent_after_s
        self._silent_from_s = math.inf if silent_after_s is None else silent_after_s
        self._shown: Shown | None = None
        self._values: dict[int, float] = {}
        self._serial = zlib.crc32(context.role.encode()) % 100_000_000
        self._loop = asyncio.get_running_loop()
        # Where in an interval a meter updates is chance; the first look is at once.
        self._first_s = self._now_s() + context.rng.random() * options.update_interval_s
        self._timer: asyncio.TimerHandle | None = None
        self.address = ""
        self._look()

    def operate(self, action: str) -> None:
        """Refuse: nobody does anything to a meter."""
        raise ValueError(f"nobody can {action!r} with a meter")

    def close(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Answer function 04: whole values only."""
        self._check_span(address, count)
        if address + count > LAST_INPUT:
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        values = self._registers()
        span = range(address, address + count, 2)
        data = struct.pack(f">{count // 2}f", *[values.get(at, 0.0) for at in span])
        return struct.unpack(f">{count}H", data)

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Answer function 03: serial number and unit id."""
        self._check_span(address, count)
        if (address, count) == (SERIAL_NUMBER, 2):
            return words_of_u32(self._serial)
        if (address, count) == (NETWORK_NODE, 2):
            return words_of_float32(self._options.unit)
        raise ModbusRefusal(ILLEGAL_ADDRESS)

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Refuse: an emulated meter's set-up is in its rig file."""
        self._check_span(address, len(values))
        raise ModbusRefusal(ILLEGAL_ADDRESS)

    def _check_span(self, address: int, count: int) -> None:
        """Silence if dead; refuse halves of values, and more than 40 of them."""
        if self._now_s() >= self._silent_from_s:
            raise ModbusSilence
        if address % 2 or count % 2 or count > MOST_REGISTERS:
            raise ModbusRefusal(ILLEGAL_ADDRESS)

    def _registers(self) -> dict[int, float]:
        shown = self._model.shown(self._now_s())
        if shown != self._shown:
            self._shown = shown
            self._values = _values(shown, self._meter.phases, self._phases)
        return self._values

    def _look(self) -> None:
        """Look at the circuit now, and set the timer for the next update."""
        now_s = self._now_s()
        self._model.update(
            now_s,
            power_w=self._circuit.power_w(self._sees, now_s),
            voltage_v=self._circuit.voltage_v(now_s),
        )
        interval_s = self._options.update_interval_s
        # From the first update, so that a thousand steps do not drift; late ones, on
        # the wall clock, are left out, and while bench time stands still none pass.
        ticks = math.floor((now_s - self._first_s) / interval_s + 1e-6) + 1
        next_s = self._first_s + ticks * interval_s
        if next_s < self._model.is_frozen_at_s:
            self._timer = self._loop.call_later(next_s - now_s, self._look)


def _values(shown: Shown, phases: int, wired: int) -> dict[int, float]:
    """Register contents of a one-phase meter, or of a three-phase one as wired."""
    values = {
        0x0046: shown.frequency_hz,
        0x0048: shown.energy_import_wh / 1000,
        0x004A: shown.energy_export_wh / 1000,
        0x0156: (shown.energy_import_wh + shown.energy_export_wh) / 1000,
    }
    step = 2 if phases == 3 else 6
    for phase in range(wired):
        at = 2 * phase
        values[at] = shown.voltage_v
        values[3 * 2 + at] = shown.current_a / wired
        values[0x000C + at] = shown.power_w / wired
        values[0x0012 + at] = abs(shown.power_w) / wired
        values[0x001E + at] = 1.0 if shown.power_w >= 0 else -1.0
    if step == 2:
        values[0x002A] = shown.voltage_v * wired / 3
        values[0x002E] = shown.current_a / 3
        values[0x0030] = shown.current_a
        values[0x0034] = shown.power_w
        values[0x0038] = abs(shown.power_w)
        values[0x003E] = 1.0 if shown.power_w >= 0 else -1.0
    return values


@asynccontextmanager
async def emulate_meter(
    context: EmulatorContext,
    options: EmulatorOptions,
    meter: MeterMap,
    framing: Literal["tcp", "rtu"],
) -> AsyncIterator[MeterEmulator]:
    """Put a meter into the circuit and serve its registers."""
    emulator = MeterEmulator(context, options, meter)
    if context.serial:
        serving = serve_serial(
            emulator, unit=options.unit, baud=options.baud, functions=FUNCTIONS
        )
    else:
        delay_s = options.reply_delay_s
        serving = serve_tcp(
            emulator,
            unit=options.unit,
            port=context.port,
            framing=framing,
            functions=FUNCTIONS,
            reply_delay_s=(lambda: delay_s) if delay_s else None,
        )
    try:
        async with serving as address:
            emulator.address = address
            yield emulator
    finally:
        emulator.close()
