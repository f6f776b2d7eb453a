"""A PV inverter that speaks SunSpec: what it feeds in can be limited, not asked for."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from devices.links.framing import modbus_tcp
from devices.links.sunspec_control import LIMIT_EXPORT, LIMIT_EXPORT_123, HeldFunction
from devices.links.sunspec_der import FAULTS
from devices.links.sunspec_inverter import Inverter
from devices.links.sunspec_map import scaled
from devices.solar.emulator import EmulatorOptions, emulate
from harness.core.bench import DeviceContext, Driver, Kindness, Options
from harness.core.capabilities import (
    Acknowledgement,
    Device,
    Identity,
    LimitsExport,
    Polled,
)
from harness.core.errors import BenchError
from harness.core.recording import Reading

RATED = {704: (702, "WMaxRtg"), 123: (121, "WMax")}
"""What 100 % of a limit is, by the model that has the limit."""


class SolarOptions(Options):
    """How the driver treats the inverter."""

    timeout_s: float = Field(1.0, gt=0, le=30)
    """Longest wait for a reply. [s]"""
    poll_interval_s: float = Field(1.0, gt=0, le=3600)
    """How often power, voltage, frequency and energy are read: one request. [s]"""
    reversion_s: int = Field(60, ge=6, le=65_000)
    """With nobody there to refresh a limit, the inverter drops it after this. [s]"""


class SolarInverter:
    """Limits what is fed in, through model 704 or, where there is none, model 123."""

    def __init__(self, context: DeviceContext, options: SolarOptions) -> None:
        self._inverter = Inverter(context, timeout_s=options.timeout_s)
        self._where = f"{context.where} {context.address}"
        self._options = options
        self._limit = self._function()
        self._rated_w = 0.0

    def _function(self) -> HeldFunction:
        link = self._inverter.link
        return HeldFunction(
            link,
            LIMIT_EXPORT if self._control() == 704 else LIMIT_EXPORT_123,
            reversion_s=self._options.reversion_s,
            remark=self._inverter.remark,
        )

    def _control(self) -> int:
        return 123 if 704 not in self._inverter.link.models else 704

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns, as far as the inverter implements it."""
        return self._inverter.quantities

    async def ready(self) -> None:
        """Find the map, and the rating that a limit is a percentage of.

        Raises
        ------
        LinkError
            If it cannot be reached, is no SunSpec device, or has no limit to set.
        """
        await self._inverter.open((), ("WMaxRtg",))
        number, name = RATED[self._control()]
        rated_w = await self._inverter.link.number(number, name)
        if not rated_w:
            raise self._inverter.link.wrong(f"model {number} gives 0 W as its {name}")
        self._limit = self._function()
        self._rated_w = rated_w

    async def identify(self) -> Identity:
        """Return maker, model, serial number and version as model 1 has them."""
        await self._ensure_open()
        return await self._inverter.identify()

    async def poll(self) -> Sequence[Reading]:
        """Read power (generation is negative), voltage, frequency and energy."""
        await self._ensure_open()
        return await self._inverter.measure()

    async def limit_export_w(self, limit_w: float | None) -> Acknowledgement:
        """Feed in no more than this; None lifts the limit. [W]

        That it feeds in as much is up to the sun.

        Raises
        ------
        LinkError
            If the wire fails, or this is not the device that it was; nothing is
            written then. A `RefusedError` if the inverter refuses.
        BenchError
            If the limit is negative, or beyond the rating; nothing is written.
        """
        await self._ensure_open()
        await self._inverter.check()
        if limit_w is None:
            return Acknowledgement(*await self._limit.release())
        if not 0 <= limit_w <= self._rated_w + 0.5:
            raise BenchError(
                self._where,
                f"cannot be limited to an export of {limit_w:g} W: it feeds in 0 to "
                f"{self._rated_w:g} W",
                f"a level between -{self._rated_w:g} W and 0 W",
            )
        percent = min(100 * limit_w / self._rated_w, 100.0)
        # Rounded down: a limit may not come out above what was asked for.
        exponent = await self._inverter.link.scale_factor(self._control(), "WMaxLimPct")
        steps = math.floor(percent / 10**exponent + 1e-9)
        setting = {"WMaxLimPct": scaled(steps, exponent)}
        return Acknowledgement(*await self._limit.engage(setting))

    async def make_safe(self) -> None:
        """Lift the limit."""
        await self._ensure_open()
        await self._limit.release()

    async def close(self) -> None:
        """Stop refreshing and let go of the wire."""
        await self._limit.stop()
        self._inverter.close()

    async def _ensure_open(self) -> None:
        if not self._rated_w:
            await self.ready()


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: SolarOptions
) -> AsyncIterator[SolarInverter]:
    """Hold the link for as long as the device is in use."""
    device = SolarInverter(context, options)
    try:
        yield device
    finally:
        await device.close()


DRIVER = Driver(
    name="solar/sunspec",
    maker="any with SunSpec models 701 to 704, or 101 or 103 with 121 and 123",
    wire="Modbus TCP",
    source=(
        "SunSpec model definitions 1, 101, 103, 120, 121, 123, 701, 702, 703, 704 "
        "(github.com/sunspec/models, as in pysunspec2 1.3.7); "
        "DER Information Model Specification 3.2 for reversion (unverified)"
    ),
    options=SolarOptions,
    open=open_driver,
    emulator_options=EmulatorOptions,
    emulate=emulate,
    capabilities=(Device, Polled, LimitsExport),
    address_form=(
        "modbus://HOST:502/UNIT, rtu+tcp://HOST:PORT/UNIT or "
        "serial:/dev/ttyUSB0?baud=9600&unit=1"
    ),
    faults=FAULTS,
    frame_length=modbus_tcp,
    kindness=Kindness(source="SunSpec gives no budget, and none is known (unverified)"),
)
