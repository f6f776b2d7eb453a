"""An emulated meter with an optical port: what its metering shows, read out."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from devices.links.iec62056_server import serve_mode_c
from devices.meter.faults import OF_EVERY_METER
from devices.meter.metering import EmulatedMeter, Metering
from devices.meter.model import OwnClockErrors
from devices.meter.zones import known_zone
from harness.core.bench import EmulatorContext
from harness.core.faults import FaultKind

BREAKS = (*OF_EVERY_METER, FaultKind.LATE_BACKLOG)
"""The faults that it can have; a read-out carries the meter's time."""


class ReadoutEmulatorOptions(OwnClockErrors):
    """The error model, and what the emulated meter reads out."""

    identification: str = Field("FLX5FLEXRIG-OPTICAL", pattern=r"^[A-Z]{3}[0-6][ -~]+$")
    """Three letters, the speed character (5 is 9,600 baud), and the rest."""
    device_address: str = Field("", pattern=r"^[0-9A-Za-z ]{0,32}$")
    """The address that it answers to, beside none."""
    signed_power: bool = True
    """16.7.0; else 1.7.0 and 2.7.0."""
    time_zone: str = "UTC"
    """In which its clock runs."""
    reply_delay_s: float = Field(0.0, ge=0, le=60)
    """How much longer than it must it takes to answer. [s]"""

    _zone = field_validator("time_zone")(known_zone)


class OpticalEmulator(EmulatedMeter):
    """A meter whose optical port reads out what its metering shows."""

    def __init__(
        self, context: EmulatorContext, options: ReadoutEmulatorOptions
    ) -> None:
        super().__init__(Metering(context, options, breaks=BREAKS))
        self._options, self._zone = options, ZoneInfo(options.time_zone)
        self._serial = zlib.crc32(context.role.encode()) % 100_000_000

    def data_sets(self) -> Sequence[str] | None:
        """Return what it reads out now, or None if it keeps silence."""
        if self._metering.is_silent:
            return None
        shown, now = self._metering.shown(), self._metering.utc()
        local = now.astimezone(self._zone)
        if self._options.signed_power:
            power = [f"16.7.0({shown.power_w / 1000:08.3f}*kW)"]
        else:
            power = [
                f"1.7.0({max(shown.power_w, 0.0) / 1000:07.3f}*kW)",
                f"2.7.0({max(-shown.power_w, 0.0) / 1000:07.3f}*kW)",
            ]
        return (
            "F.F(00)",
            f"0.0.0({self._serial:08d})",
            "0.2.0(emulated)",
            f"0.9.1({local:%H:%M:%S})",
            f"0.9.2({local:%y-%m-%d})",
            f"1.8.0({shown.energy_import_wh / 1000:010.3f}*kWh)",
            f"2.8.0({shown.energy_export_wh / 1000:010.3f}*kWh)",
            *power,
            f"32.7.0({shown.voltage_v:05.1f}*V)",
            f"31.7.0({shown.current_a:06.2f}*A)",
            f"14.7.0({shown.frequency_hz:05.2f}*Hz)",
        )


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: ReadoutEmulatorOptions
) -> AsyncIterator[OpticalEmulator]:
    """Put a meter into the circuit and serve its optical port."""
    emulator = OpticalEmulator(context, options)
    try:
        async with serve_mode_c(
            emulator.data_sets,
            identification=options.identification,
            device_address=options.device_address,
            port=context.port,
            serial=context.serial,
            reply_delay_s=options.reply_delay_s,
        ) as address:
            emulator.address = address
            yield emulator
    finally:
        emulator.close()
