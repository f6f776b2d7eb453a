"""Acme's water heater WH-3 over Modbus TCP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from devices.links.codec import float32_of
from devices.links.modbus import ModbusLink
from harness.core.bench import DeviceContext, Driver, Kindness, Options
from harness.core.capabilities import (
    Acknowledgement,
    Identity,
    LimitsPower,
    Polled,
)
from harness.core.errors import LinkError
from harness.core.recording import Reading

from acme_heater import registers
from acme_heater.emulator import FAULTS, EmulatorOptions, emulate


class DeviceOptions(Options):
    """How the driver uses the device."""

    timeout_s: float = Field(default=1.0, gt=0, le=30)
    """Longest wait for a reply. [s]"""
    poll_interval_s: float = Field(default=1.0, gt=0, le=3600)


class Device:
    """What a trial may ask of it."""

    quantities = ("power_w",)

    def __init__(self, context: DeviceContext, options: DeviceOptions) -> None:
        self._where = f"{context.where} {context.address}"
        self._link = ModbusLink(context, timeout_s=options.timeout_s)
        self.poll_interval_s = options.poll_interval_s

    async def ready(self) -> None:
        """Connect, and read back a known value before anything is written."""
        await self._link.connect()
        (model,) = await self._link.read_input(registers.MODEL, 1)
        if model != registers.KNOWN_MODEL:
            raise LinkError(
                self._where,
                f"register {registers.MODEL} holds {model}",
                "the model of the device, and whether its manual counts from 0 or 1",
            )

    async def identify(self) -> Identity:
        """Return maker and model: the sheet has no register for a serial number."""
        return Identity(maker="Acme", model="WH-3")

    async def poll(self) -> Sequence[Reading]:
        """Read the device's own power: import is positive."""
        words = await self._link.read_input(registers.POWER, 2)
        return [Reading("power_w", 1000 * float32_of(words, low_first=True))]

    async def limit_power_w(self, limit_w: float | None) -> Acknowledgement:
        """Draw no more than this, or run freely with ``None``. [W]"""
        value = registers.NO_LIMIT
        if limit_w is not None:
            value = min(value, int(limit_w / registers.STEP_W))
        await self._link.write_register(registers.COMMAND, value)
        return Acknowledgement(True, f"register {registers.COMMAND} echoed {value}")

    async def make_safe(self) -> None:
        """Undo what the trial asked for; safe to call twice."""
        await self._link.write_register(registers.COMMAND, registers.NO_LIMIT)

    def close(self) -> None:
        """Let go of the wire."""
        self._link.close()


@asynccontextmanager
async def opened(
    context: DeviceContext, options: DeviceOptions
) -> AsyncIterator[Device]:
    """Hold the link for as long as the device is in use."""
    device = Device(context, options)
    try:
        yield device
    finally:
        device.close()


DRIVER = Driver(
    name="acme_heater/modbus",
    maker="Acme",
    wire="Modbus TCP",
    source=registers.SOURCE,
    options=DeviceOptions,
    open=opened,
    emulator_options=EmulatorOptions,
    emulate=emulate,
    capabilities=(Polled, LimitsPower),
    address_form="modbus://HOST:PORT/UNIT",
    faults=FAULTS,
    kindness=Kindness(
        least_state_s=60.0, source="Acme WH-3 Modbus sheet, note c (a made-up maker)"
    ),
)
