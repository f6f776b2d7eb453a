"""A Modbus meter on its real wire, with the circuit behind it."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Literal, Protocol

from pydantic import Field

from devices.links.codec import words_of_float32
from devices.links.modbus_pdu import DEVICE_FAILURE, ILLEGAL_ADDRESS
from devices.links.modbus_server import (
    ModbusRefusal,
    ModbusSilence,
    Registers,
    serve_serial,
    serve_tcp,
)
from devices.meter.faults import OF_EVERY_METER, OF_REGISTERS
from devices.meter.metering import EmulatedMeter, Metering
from devices.meter.model import MeterErrors, Shown
from devices.meter.registers import F32, MeterMap, Parameter, Word
from harness.core.bench import EmulatorContext
from harness.core.faults import FaultKind

ValueOf = Callable[[Shown, int], float]
"""A value of a meter, from what it shows and how many phases are wired (1 or 3)."""

Row = tuple[int, Parameter, ValueOf]
"""Where in a block a value begins, what it is, and how it is made."""

Layout = tuple[list[Row], struct.Struct | None]
"""A block's values, and how it is packed at once, if it can be."""

BREAKS = OF_EVERY_METER + OF_REGISTERS
"""The faults that every emulated Modbus meter can have."""


class EmulatorOptions(MeterErrors):
    """The error model, and how the emulated meter is reached."""

    unit: int = Field(1, ge=1, le=247)
    baud: int = Field(9600, ge=1200, le=38400)
    """Line speed, where it serves a pseudo-terminal. [bit/s]"""
    reply_delay_s: float = Field(0.0, ge=0, le=60)
    """How long it takes to answer. [s]"""

    def absent(self) -> frozenset[str]:
        """Return the values that this very meter does not have."""
        return frozenset()


class ThreePhaseOptions(EmulatorOptions):
    """Also how the meter is wired."""

    phases: Literal[1, 3] = 1
    """1: everything on phase 1, as in most British homes. 3: in equal parts."""


class MeterEmulator(EmulatedMeter):
    """A meter's registers: what its metering shows, as its map spreads it."""

    def __init__(
        self, context: EmulatorContext, options: EmulatorOptions, meter: MeterMap
    ) -> None:
        super().__init__(Metering(context, options, breaks=BREAKS))
        self._options, self._meter = options, meter
        self._wired = options.phases if isinstance(options, ThreePhaseOptions) else 1
        self._shown: Shown | None = None
        self._swapped = False
        self._blocks: dict[tuple[int, int], list[int]] = {}
        self._layouts: dict[tuple[int, int], Layout] = {}
        self._serial = zlib.crc32(context.role.encode()) % 100_000_000
        self._identity = {
            (word.address, word.count): self._said(word) for word in meter.identity
        }
        if meter.node_register is not None:
            node = words_of_float32(options.unit)
            self._identity[meter.node_register, 2] = node

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Answer function 04."""
        return self._read(4, address, count)

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Answer function 03."""
        return self._read(3, address, count)

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Refuse: an emulated meter's set-up is in its rig file."""
        answer_at_all(self._metering)
        raise ModbusRefusal(ILLEGAL_ADDRESS)

    def _read(self, function: int, address: int, count: int) -> Sequence[int]:
        answer_at_all(self._metering)
        meter = self._meter
        if function == 3 and (address, count) in self._identity:
            return self._identity[address, count]
        if function != meter.function or not meter.rules.allow(address, count):
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        return self._block(address, count)

    def _block(self, address: int, count: int) -> Sequence[int]:
        """Adjacent registers, spread anew only if something changed.

        Only those that are asked for: most of a meter's values nobody reads.
        """
        shown = self._metering.shown()
        swapped = FaultKind.WORD_SWAP in self._metering.faults
        if shown is not self._shown or swapped != self._swapped:
            self._shown, self._swapped = shown, swapped
            self._blocks = {}
        block = self._blocks.get((address, count))
        if block is None:
            block = self._spread(shown, address, count, swapped=swapped)
            self._blocks[address, count] = block
        return block

    def _spread(
        self, shown: Shown, address: int, count: int, *, swapped: bool
    ) -> list[int]:
        """Spread values over registers, with the words of each the wrong way if told.

        A request may begin or end inside a value.
        """
        layout = self._layouts.get((address, count))
        if layout is None:
            rows = self._rows_in(address, count)
            layout = rows, _all_singles(rows, count, self._meter.rules.gap)
            self._layouts[address, count] = layout
        rows, singles = layout
        if singles is not None and not swapped:
            wired = self._wired
            values = [value_of(shown, wired) / row.factor for _, row, value_of in rows]
            return list(struct.unpack(f">{count}H", singles.pack(*values)))
        block = [self._meter.rules.gap] * count
        for at, row, value_of in rows:
            words = row.encoding.words_of(value_of(shown, self._wired) / row.factor)
            if swapped:
                words = words[::-1]
            if at >= 0 and at + len(words) <= count:
                block[at : at + len(words)] = words
                continue
            for place, word in enumerate(words, start=at):
                if 0 <= place < count:
                    block[place] = word
        return block

    def _rows_in(self, address: int, count: int) -> list[Row]:
        """Where in a block each of its values begins, and what it is."""
        absent = self._options.absent()
        return [
            (
                row.address - address,
                row,
                _nothing if row.quantity in absent else _VALUES[row.quantity],
            )
            for row in self._meter.parameters
            if -row.encoding.words < row.address - address < count
        ]

    def _said(self, word: Word) -> Sequence[int]:
        """What it says of itself, in registers."""
        said = f"{self._serial:08d}" if word.what == "serial" else word.emulated
        if word.is_text:
            data = said.encode().ljust(2 * word.count, b"\0")
        else:
            data = int(said).to_bytes(2 * word.count, "big")
        return [data[at] << 8 | data[at + 1] for at in range(0, 2 * word.count, 2)]


def _all_singles(rows: Sequence[Row], count: int, gap: int) -> struct.Struct | None:
    """Return how a block is packed at once, if singles and empty gaps are all of it."""
    form, end = ">", 0
    for at, row, _ in rows:
        if row.encoding != F32 or at < end or at + 2 > count:
            return None
        form, end = f"{form}{2 * (at - end)}xf", at + 2
    return None if gap else struct.Struct(f"{form}{2 * (count - end)}x")


def answer_at_all(metering: Metering) -> None:
    """Keep silent or refuse a request, if such a fault is on.

    Raises
    ------
    ModbusSilence, ModbusRefusal
        What the server then does.
    """
    if metering.is_silent:
        raise ModbusSilence
    if FaultKind.EXCEPTION in metering.faults:
        code = metering.faults.amount(FaultKind.EXCEPTION, well=math.nan)
        raise ModbusRefusal(DEVICE_FAILURE if math.isnan(code) else int(code))


def _per_phase(phase: int) -> dict[str, ValueOf]:
    """Values of one phase: powers and current are shared evenly by those wired."""

    def shared(whole: Callable[[Shown], float]) -> ValueOf:
        return lambda shown, wired: whole(shown) / wired if phase <= wired else 0.0

    def alike(whole: Callable[[Shown], float]) -> ValueOf:
        return lambda shown, wired: whole(shown) if phase <= wired else 0.0

    return {
        f"voltage_l{phase}_v": alike(lambda shown: shown.voltage_v),
        f"current_l{phase}_a": shared(lambda shown: shown.current_a),
        f"power_l{phase}_w": shared(lambda shown: shown.power_w),
        f"apparent_l{phase}_va": shared(lambda shown: shown.apparent_va),
        f"reactive_l{phase}_var": shared(lambda shown: shown.reactive_var),
        f"power_factor_l{phase}": alike(lambda shown: shown.power_factor),
    }


def _nothing(_shown: Shown, _wired: int) -> float:
    return math.nan


_VALUES: dict[str, ValueOf] = {
    "power_w": lambda shown, _: shown.power_w,
    "voltage_v": lambda shown, _: shown.voltage_v,
    "voltage_average_v": lambda shown, wired: shown.voltage_v * wired / 3,
    "current_a": lambda shown, _: shown.current_a,
    "current_average_a": lambda shown, _: shown.current_a / 3,
    "apparent_va": lambda shown, _: shown.apparent_va,
    "reactive_var": lambda shown, _: shown.reactive_var,
    "power_factor": lambda shown, _: shown.power_factor,
    "frequency_hz": lambda shown, _: shown.frequency_hz,
    "energy_import_wh": lambda shown, _: shown.energy_import_wh,
    "energy_export_wh": lambda shown, _: shown.energy_export_wh,
    "energy_total_wh": (
        lambda shown, _: shown.energy_import_wh + shown.energy_export_wh
    ),
    "voltage_thd_percent": lambda shown, _: shown.voltage_thd_percent,
    "current_thd_percent": lambda shown, _: shown.current_thd_percent,
    "nothing": _nothing,
} | _per_phase(1) | _per_phase(2) | _per_phase(3)  # fmt: skip
"""What a meter shows under each name that a map may give it, in our units."""


@asynccontextmanager
async def emulate_meter(
    context: EmulatorContext,
    options: EmulatorOptions,
    meter: MeterMap,
    framing: Literal["tcp", "rtu"],
) -> AsyncIterator[MeterEmulator]:
    """Put a meter into the circuit and serve its registers."""
    emulator = MeterEmulator(context, options, meter)
    async with served(
        context, options, emulator, framing=framing, functions=meter.rules.functions
    ):
        yield emulator


class Served(Registers, Protocol):
    """An emulator that answers Modbus requests."""

    address: str

    def close(self) -> None:
        """Stop looking."""
        ...


@asynccontextmanager
async def served(
    context: EmulatorContext,
    options: EmulatorOptions,
    emulator: Served,
    *,
    framing: Literal["tcp", "rtu"],
    functions: Collection[int],
) -> AsyncIterator[None]:
    """Serve an emulator's registers on TCP or a port, and close it at the end."""
    if context.serial:
        serving = serve_serial(
            emulator, unit=options.unit, baud=options.baud, functions=functions
        )
    else:
        delay_s = options.reply_delay_s
        serving = serve_tcp(
            emulator,
            unit=options.unit,
            port=context.port,
            framing=framing,
            functions=functions,
            reply_delay_s=(lambda: delay_s) if delay_s else None,
        )
    try:
        async with serving as address:
            emulator.address = address
            yield
    finally:
        emulator.close()
