"""The driver that all Modbus meters share: a map, a link, and two requests."""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

from pydantic import Field

from devices.links.framing import modbus_rtu, modbus_tcp
from devices.links.modbus import ModbusLink, RegisterRefused
from devices.meter.emulator import (
    BREAKS,
    EmulatorOptions,
    MeterEmulator,
    emulate_meter,
)
from devices.meter.registers import Block, MeterMap, Word
from harness.core.bench import DeviceContext, Driver, EmulatorContext, Kindness, Options
from harness.core.capabilities import Device, Identity, Polled
from harness.core.errors import LinkError
from harness.core.recording import Reading

RTU_ADDRESS = "serial:/dev/ttyUSB0?baud=9600&unit=1 or rtu+tcp://HOST:PORT/UNIT"
TCP_ADDRESS = "modbus://HOST:502/UNIT"


class MeterOptions(Options):
    """How the driver reads the meter."""

    timeout_s: float = Field(1.0, gt=0, le=30)
    """Longest wait for a reply. [s]"""
    poll_interval_s: float = Field(1.0, gt=0, le=3600)
    """How often power, voltage and current are read. [s]"""
    slow_every: int = Field(10, ge=1, le=3600)
    """At every so many polls, energy and frequency are read as well."""


class ModbusMeter:
    """A reference meter that is only ever read."""

    def __init__(
        self, context: DeviceContext, options: MeterOptions, meter: MeterMap
    ) -> None:
        self._where = f"{context.where} {context.address}"
        self._link = ModbusLink(context, timeout_s=options.timeout_s)
        self._options, self._meter = options, meter
        self._fast = _Reader(meter.block(meter.fast))
        self._slow = _Reader(meter.block(meter.slow))
        link = self._link
        self._ask = link.read_input if meter.function == 4 else link.read_holding
        self._polls = 0

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns; the slow ones at every ``slow_every``-th."""
        return self._meter.quantities

    @property
    def failures(self) -> int:
        """Requests since the start that got no usable reply."""
        return self._link.failures

    async def ready(self) -> None:
        """Connect and read once; a meter that does not answer is found here."""
        await self._link.connect()
        await self._read(self._fast)

    async def identify(self) -> Identity:
        """Return what the meter says of itself, and of the rest what is expected.

        A register that it refuses is "not read"; so is one that nobody documented.
        """
        said = {"model": self._meter.model, "serial": "not read"}
        for word in self._meter.identity:
            try:
                said[word.what] = await self._said(word)
            except RegisterRefused:
                continue
        return Identity(self._meter.maker, **said)

    async def make_safe(self) -> None:
        """Do nothing: a meter is read, never told anything."""

    async def poll(self) -> Sequence[Reading]:
        """Read power, voltage and current; energy and frequency now and then.

        A value that the meter says it does not have is missing (``nan``).

        Raises
        ------
        LinkError
            If the meter does not answer, in bounded time, or gives no number.
        """
        readings = await self._read(self._fast)
        if self._polls % self._options.slow_every == 0:
            readings += await self._read(self._slow)
        self._polls += 1
        return readings

    def close(self) -> None:
        """Let go of the wire."""
        self._link.close()

    async def _said(self, word: Word) -> str:
        words = await self._link.read_holding(word.address, word.count)
        data = struct.pack(f">{word.count}H", *words)
        if word.is_text:
            return data.decode("ascii", "replace").strip("\0 ")
        number = int.from_bytes(data, "big")
        return (
            f"{self._meter.model} (code {number})"
            if word.what == "model"
            else str(number)
        )

    async def _read(self, reader: _Reader) -> list[Reading]:
        words = await self._ask(reader.address, reader.count)
        return [
            Reading(quantity, value)
            for quantity, value in reader.values(words, self._where)
        ]


class _Reader:
    """A block with its request and the places of its values worked out once."""

    def __init__(self, block: Block) -> None:
        self.address, self.count = block.address, block.count
        self._rows = [
            (each, each.address - block.address, each.encoding)
            for each in block.parameters
        ]

    def values(self, words: Sequence[int], where: str) -> list[tuple[str, float]]:
        """Return the block's values in our units.

        Raises
        ------
        LinkError
            If a register holds a single that is no number.
        """
        values = []
        for row, at, encoding in self._rows:
            value = encoding.value_of(words[at : at + encoding.words])
            if not math.isfinite(value) and encoding.missing is None:
                raise LinkError(
                    where,
                    f"register {row.address:#06x} ({row.quantity}) holds {value}, "
                    "not a number",
                    "the model of the meter, and its word order",
                )
            values.append((row.quantity, value * row.factor))
        return values


@asynccontextmanager
async def open_meter(
    context: DeviceContext, options: MeterOptions, meter: MeterMap
) -> AsyncIterator[ModbusMeter]:
    """Hold the link for as long as the meter is in use."""
    device = ModbusMeter(context, options, meter)
    try:
        yield device
    finally:
        device.close()


def modbus_meter(
    name: str,
    meter: MeterMap,
    *,
    framing: Literal["tcp", "rtu"] = "rtu",
    source: str = "",
    kindness: Kindness | None = None,
    options: type[MeterOptions] = MeterOptions,
    emulator_options: type[EmulatorOptions] = EmulatorOptions,
    choose: Callable[[Any], MeterMap] | None = None,
) -> Driver:
    """Make the driver of a meter from its map.

    Parameters
    ----------
    name : str
        As rig files name it.
    meter : MeterMap
        Where its values are.
    framing : {"tcp", "rtu"}
        What its emulator serves where it does not serve a port.
    source : str
        The document of the map, where its own words for it do not say all.
    kindness : Kindness, optional
        What the meter stands.
    options, emulator_options : type
        Those of the driver and of its emulator.
    choose : callable, optional
        Another map of the same meter, by the driver's options.
    """

    def open_device(
        context: DeviceContext, given: MeterOptions
    ) -> AbstractAsyncContextManager[ModbusMeter]:
        return open_meter(context, given, choose(given) if choose else meter)

    def emulate(
        context: EmulatorContext, given: EmulatorOptions
    ) -> AbstractAsyncContextManager[MeterEmulator]:
        return emulate_meter(context, given, meter, framing)

    return Driver(
        name=name,
        maker=meter.maker,
        wire="Modbus TCP" if framing == "tcp" else "Modbus RTU",
        source=source or meter.document,
        options=options,
        open=open_device,
        emulator_options=emulator_options,
        emulate=emulate,
        capabilities=(Device, Polled),
        address_form=TCP_ADDRESS if framing == "tcp" else RTU_ADDRESS,
        serial_capable=True,
        faults=BREAKS,
        frame_length=modbus_tcp if framing == "tcp" else modbus_rtu,
        kindness=kindness or Kindness(),
    )
