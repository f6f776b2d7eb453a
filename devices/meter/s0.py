"""A meter's S0 pulses, counted by a Modbus pulse-input module.

The pulse output of a meter (IEC 62053-31) closes once for so many watt-hours, without a
direction and without an address. What counts it here is a DIN-rail module with pulse
inputs, as several makers sell them: for each input a 32-bit count, and with the better
ones the time between the last two pulses. Where those registers are is the module's
matter, so the options say it; the defaults are those of the emulated module and of no
make.

Power from pulses is coarse: at 1,000 per kWh one pulse a second is 3.6 kW, and 100 W is
a pulse every 36 s. Every reading of power comes with `power_resolution_w`, half of the
band in which the true mean power since the last pulse lies.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from devices.links.codec import u32_of
from devices.links.framing import modbus_rtu
from devices.links.modbus import ModbusLink
from devices.meter.modbus_meter import RTU_ADDRESS
from devices.meter.s0_emulator import (
    BREAKS,
    COUNT,
    PERIOD,
    S0EmulatorOptions,
    emulate,
)
from harness.core.bench import DeviceContext, Driver, Options
from harness.core.capabilities import Device, Identity, Polled
from harness.core.errors import LinkError
from harness.core.recording import Reading

MOST = 16
"""Registers between count and period that one request still spans."""


class S0Options(Options):
    """How the module is read, and what a pulse is worth."""

    pulses_per_kwh: float = Field(1000.0, gt=0, le=1e6)
    """As printed on the meter: imp/kWh."""
    count_register: int = Field(COUNT, ge=0, le=0xFFFE)
    """Register of the count, 0-based."""
    has_period: bool = True
    """Whether the module measures the time between pulses; if not, it is taken from the
    polls that saw the count change."""
    period_register: int = Field(PERIOD, ge=0, le=0xFFFE)
    """Register of the time between the last two pulses."""
    period_unit_s: float = Field(0.001, gt=0, le=1)
    """What one in the period register is. [s]"""
    low_first: bool = False
    """Whether the low word of both comes first."""
    function: Literal[3, 4] = 4
    """Function code that reads them."""
    hold_s: float = Field(60.0, gt=0, le=3600)
    """How long after the last pulse power still has a value. [s]"""
    poll_interval_s: float = Field(1.0, gt=0, le=3600)
    """How often the module is read. [s]"""
    timeout_s: float = Field(1.0, gt=0, le=30)
    """Longest wait for a reply. [s]"""


@dataclass(frozen=True, slots=True)
class Pulses:
    """What is known of the pulses at a poll."""

    count: int
    seen_s: float
    """When the count was seen to change last. [s]"""
    period_s: float
    """Time between pulses, ``nan`` while unknown. [s]"""
    period_error_s: float
    """Half of the band in which that time lies. [s]"""


def power_of(
    pulses: Pulses, *, now_s: float, wh_per_pulse: float, hold_s: float
) -> tuple[float, float]:
    """Return mean power since the last pulse and half its resolution. [W]

    Both are ``nan`` if no period is known or the last pulse is older than `hold_s`.
    While the next pulse is overdue, power is no more than what would have made it due
    now: the value falls as time passes.
    """
    since_s = now_s - pulses.seen_s
    if not pulses.period_s > 0 or since_s > hold_s:
        return math.nan, math.nan
    period_s = max(pulses.period_s, since_s)
    power_w = wh_per_pulse * 3600 / period_s
    return power_w, power_w * min(pulses.period_error_s / period_s, 1.0)


class S0Meter:
    """A meter known by its pulses."""

    def __init__(self, context: DeviceContext, options: S0Options) -> None:
        self._where = f"{context.where} {context.address}"
        self._link = ModbusLink(context, timeout_s=options.timeout_s)
        self._now_s, self._options = context.clock.now_s, options
        self._wh_per_pulse = 1000.0 / options.pulses_per_kwh
        self._pulses: Pulses | None = None

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """Power, its resolution, and energy since the module's count was 0."""
        return ("power_w", "power_resolution_w", "energy_import_wh")

    @property
    def failures(self) -> int:
        """Requests since the start that got no usable reply."""
        return self._link.failures

    async def ready(self) -> None:
        """Connect and read once."""
        await self._link.connect()
        await self._read()

    async def identify(self) -> Identity:
        """Return nothing but that it counts: a pulse says nothing of its meter."""
        return Identity("any", "S0 pulses", serial="not read")

    async def make_safe(self) -> None:
        """Do nothing: pulses are counted, nothing is told."""

    async def poll(self) -> Sequence[Reading]:
        """Read count and period.

        Raises
        ------
        LinkError
            If the module does not answer in bounded time, or has counted backwards.
        """
        options = self._options
        count, period_s = await self._read()
        now_s = self._now_s()
        self._pulses = pulses = self._after(count, period_s, now_s)
        power_w, resolution_w = power_of(
            pulses, now_s=now_s, wh_per_pulse=self._wh_per_pulse, hold_s=options.hold_s
        )
        return [
            Reading("power_w", power_w),
            Reading("power_resolution_w", resolution_w),
            Reading("energy_import_wh", count * self._wh_per_pulse),
        ]

    def close(self) -> None:
        """Let go of the wire."""
        self._link.close()

    async def _read(self) -> tuple[int, float]:
        """Return count and period, ``nan`` without one; in one request if they fit."""
        options, link = self._options, self._link
        read = link.read_input if options.function == 4 else link.read_holding
        first = last = options.count_register
        if options.has_period:
            first, last = sorted((first, options.period_register))
        if last + 2 - first <= MOST:
            words = await read(first, last + 2 - first)
        else:
            words = [*await read(first, 2), *await read(last, 2)]
        low, high = (
            u32_of(pair, low_first=options.low_first)
            for pair in (words[:2], words[-2:])
        )
        if not options.has_period:
            return low, math.nan
        count, period = (low, high) if first == options.count_register else (high, low)
        return count, period * options.period_unit_s

    def _after(self, count: int, period_s: float, now_s: float) -> Pulses:
        """What is known after a poll; the first one only tells the count."""
        last = self._pulses
        if last is None:
            return Pulses(count, -math.inf, math.nan, math.nan)
        if count == last.count:
            return last
        # A count that starts anew at 2**32 went on; one that fell was reset.
        pulses = (count - last.count) % (1 << 32)
        if pulses >= 1 << 31:
            self._pulses = None
            raise LinkError(
                self._where,
                f"the count went back from {last.count} to {count}",
                "the module's power, and whether someone reset it",
            )
        if self._options.has_period:
            return Pulses(count, now_s, period_s, self._options.period_unit_s / 2)
        between_s = (now_s - last.seen_s) / pulses if last.seen_s > -math.inf else 0.0
        error_s = self._options.poll_interval_s / pulses
        return Pulses(count, now_s, between_s or math.nan, error_s)


@asynccontextmanager
async def open_device(
    context: DeviceContext, options: S0Options
) -> AsyncIterator[S0Meter]:
    """Hold the link for as long as the meter is in use."""
    device = S0Meter(context, options)
    try:
        yield device
    finally:
        device.close()


DRIVER = Driver(
    name="meter/s0",
    maker="any",
    wire="S0 pulses, counted by a Modbus RTU module",
    source="IEC 62053-31 for the pulse (unverified); the module's layout is no make's",
    options=S0Options,
    open=open_device,
    emulator_options=S0EmulatorOptions,
    emulate=emulate,
    capabilities=(Device, Polled),
    address_form=RTU_ADDRESS,
    serial_capable=True,
    faults=BREAKS,
    frame_length=modbus_rtu,
)
