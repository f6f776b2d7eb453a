"""The driver that all Eastron SDM meters share: a map, a link, and two requests."""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from devices.links.codec import u32_of
from devices.links.modbus import ModbusLink, RegisterRefused
from devices.meter.registers import SERIAL_NUMBER, Block, MeterMap
from harness.core.bench import DeviceContext, Options
from harness.core.capabilities import Identity
from harness.core.errors import LinkError
from harness.core.recording import Reading


class MeterOptions(Options):
    """How the driver reads the meter."""

    timeout_s: float = Field(1.0, gt=0, le=30)
    """Longest wait for a reply. [s]"""
    poll_interval_s: float = Field(1.0, gt=0, le=3600)
    """How often power, voltage and current are read. [s]"""
    slow_every: int = Field(10, ge=1, le=3600)
    """At every so many polls, energy and frequency are read as well."""


class EastronMeter:
    """A reference meter that is only ever read."""

    def __init__(
        self, context: DeviceContext, options: MeterOptions, meter: MeterMap
    ) -> None:
        self._where = f"{context.where} {context.address}"
        self._link = ModbusLink(context, timeout_s=options.timeout_s)
        self._options, self._meter = options, meter
        self._fast, self._slow = _Reader(meter.fast), _Reader(meter.slow)
        self._polls = 0

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns; energy and frequency at every ``slow_every``-th."""
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
        """Return the model that the driver is for, and the serial number if given.

        The SDM protocol documents name a serial number and no model or firmware:
        those are not read.
        """
        try:
            words = await self._link.read_holding(SERIAL_NUMBER, 2)
        except RegisterRefused:
            return Identity(maker="Eastron", model=self._meter.model, serial="not read")
        return Identity("Eastron", self._meter.model, serial=str(u32_of(words)))

    async def make_safe(self) -> None:
        """Do nothing: a meter is read, never told anything."""

    async def poll(self) -> Sequence[Reading]:
        """Read power, voltage and current; energy and frequency now and then.

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

    async def _read(self, reader: _Reader) -> list[Reading]:
        words = await self._link.read_input(reader.address, reader.count)
        values = reader.values(words)
        for (address, quantity), value in zip(reader.names, values, strict=True):
            if not math.isfinite(value):
                raise LinkError(
                    self._where,
                    f"register {address:#06x} ({quantity}) holds {value}, not a number",
                    "the model of the meter, and its word order (normal)",
                )
        return [
            Reading(quantity, value)
            for (_, quantity), value in zip(reader.names, values, strict=True)
        ]


class _Reader:
    """A block with its request and the places of its values worked out once."""

    def __init__(self, block: Block) -> None:
        self.address, self.count = block.address, block.count
        self.names = [(each.address, each.quantity) for each in block.parameters]
        self._places = [
            ((each.address - block.address) * 2, each.factor)
            for each in block.parameters
        ]
        self._words = struct.Struct(f">{block.count}H")
        self._single = struct.Struct(">f")

    def values(self, words: Sequence[int]) -> list[float]:
        """Return the block's values in our units."""
        data = self._words.pack(*words)
        unpack = self._single.unpack_from
        return [unpack(data, at)[0] * factor for at, factor in self._places]


@asynccontextmanager
async def open_meter(
    context: DeviceContext, options: MeterOptions, meter: MeterMap
) -> AsyncIterator[EastronMeter]:
    """Hold the link for as long as the meter is in use."""
    device = EastronMeter(context, options, meter)
    try:
        yield device
    finally:
        device.close()
