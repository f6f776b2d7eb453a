"""An emulated DLMS/COSEM meter: objects that are what its metering shows."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from devices.links.dlms_get_server import ObjectKey, Objects, Parts
from devices.links.dlms_server import (
    double_long,
    double_long_unsigned,
    long_unsigned,
    octet_string,
    scaler_unit,
    serve_dlms,
)
from devices.meter.dlms_objects import (
    BREAKS,
    CLOCK,
    DATA,
    DEVICE_NAME,
    EXPORT,
    FIRMWARE,
    IMPORT,
    NUMBERS,
    REGISTER,
    SERIAL,
    SIGNED,
    TIME,
)
from devices.meter.dlms_profile_emulator import ProfileObjects, instant_of, name_of
from devices.meter.metering import EmulatedMeter, Metering
from devices.meter.model import OwnClockErrors
from devices.meter.own_clock import OwnClock
from devices.meter.profile import Capturing, Profile, ProfileOptions
from devices.meter.zones import known_zone
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind


class DlmsEmulatorOptions(OwnClockErrors, ProfileOptions):
    """The error model, what it keeps, and what the emulated meter is like."""

    server: int = Field(1, ge=1, le=0xFFFF)
    password: str = Field("", max_length=64)
    """What it asks for; empty for nothing."""
    signed_power: bool = True
    """16.7.0; else 1.7.0 and 2.7.0."""
    several: bool = True
    """Whether it takes a GET for several attributes at once."""
    time_zone: str = "UTC"
    """In which its clock runs."""
    deviation: Literal["to UTC", "from UTC", "none"] = "to UTC"
    """Which way its clock's deviation counts, or that it gives none."""
    reply_delay_s: float = Field(0.0, ge=0, le=60)
    """How long it takes to answer. [s]"""

    _zone = field_validator("time_zone")(known_zone)


class DlmsEmulator(EmulatedMeter):
    """A meter whose objects are what its metering shows."""

    def __init__(self, context: EmulatorContext, options: DlmsEmulatorOptions) -> None:
        self._options, self._zone = options, ZoneInfo(options.time_zone)
        profile = Profile(options)
        had_s = OwnClock(context.clock, options).has().timestamp()
        start_wh = options.start_energy_wh
        start_wh += profile.begin(had_s, (start_wh, 0.0))
        errors = options.model_copy(update={"start_energy_wh": start_wh})
        super().__init__(Metering(context, errors, breaks=BREAKS))
        self._capturing = Capturing(self._metering, options, profile)
        serial = f"{zlib.crc32(context.role.encode()) % 100_000_000:08d}"
        self._fixed: dict[ObjectKey, bytes | Parts] = {
            **_fixed_objects(serial, options.signed_power),
            **ProfileObjects(
                profile, options, date_time=self._as_told, instant=self._as_meant
            ).attributes(),
        }

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on; see `Breakable`."""
        super().impose(fault)
        if fault.kind is FaultKind.FROZEN:
            self._capturing.stop()
        else:
            self._look_at_the_clock()

    def lift(self, kind: FaultKind) -> None:
        """Be well again; see `Breakable`."""
        super().lift(kind)
        self._look_at_the_clock()

    def close(self) -> None:
        """Stop looking, and keep nothing more."""
        self._capturing.stop()
        super().close()

    def objects(self) -> Objects | None:
        """Return every attribute as it is now, or None if it keeps silence."""
        if self._metering.is_silent:
            return None
        shown = self._metering.shown()
        values = {
            "1.0.1.8.0.255": double_long_unsigned(shown.energy_import_wh),
            "1.0.2.8.0.255": double_long_unsigned(shown.energy_export_wh),
            "1.0.32.7.0.255": long_unsigned(shown.voltage_v * 10),
            "1.0.31.7.0.255": long_unsigned(shown.current_a * 100),
            "1.0.14.7.0.255": long_unsigned(shown.frequency_hz * 100),
        }
        if self._options.signed_power:
            values[SIGNED] = double_long(shown.power_w * 10)
        else:
            values[IMPORT] = double_long_unsigned(shown.power_w * 10)
            values[EXPORT] = double_long_unsigned(-shown.power_w * 10)
        now = octet_string(self._as_told(self._metering.utc()))
        current = {(REGISTER, name_of(name), 2): data for name, data in values.items()}
        return self._fixed | current | {(CLOCK, name_of(TIME.name), 2): now}

    def _look_at_the_clock(self) -> None:
        if FaultKind.FROZEN not in self._metering.faults:
            self._capturing.clock_changed()

    def _as_told(self, at: datetime) -> bytes:
        """An instant as its clock has it: 12 bytes."""
        local = at.astimezone(self._zone)
        offset = local.utcoffset()
        minutes = 0 if offset is None else round(offset.total_seconds() / 60)
        told = {"to UTC": -minutes, "from UTC": minutes, "none": -0x8000}
        return date_time(local, told[self._options.deviation], summer=bool(local.dst()))

    def _as_meant(self, told: bytes) -> datetime:
        """The instant that a client means by a date-time."""
        return instant_of(
            told,
            utc_of=lambda local: local.replace(tzinfo=self._zone).astimezone(UTC),
            sign=-1 if self._options.deviation == "from UTC" else 1,
        )


def date_time(local: datetime, deviation: int, *, summer: bool) -> bytes:
    """Encode a date-time. Source: Blue Book, 4.1.6.1."""
    return (
        local.year.to_bytes(2, "big")
        + bytes((local.month, local.day, local.isoweekday()))
        + bytes((local.hour, local.minute, local.second))
        + bytes((local.microsecond // 10_000,))
        + deviation.to_bytes(2, "big", signed=True)
        + bytes((0x80 if summer else 0,))
    )


def _fixed_objects(serial: str, signed: bool) -> dict[ObjectKey, bytes]:
    """Attributes that never change: names, and scalers with units."""
    scales = {
        "1.0.1.8.0.255": (0, "wh"),
        "1.0.2.8.0.255": (0, "wh"),
        "1.0.32.7.0.255": (-1, "v"),
        "1.0.31.7.0.255": (-2, "a"),
        "1.0.14.7.0.255": (-2, "hz"),
    } | dict.fromkeys((SIGNED,) if signed else (IMPORT, EXPORT), (-1, "w"))
    texts = {
        DEVICE_NAME.name: f"FLX{serial}",
        SERIAL.name: serial,
        FIRMWARE.name: "emulated",
    }
    objects = {
        (REGISTER, name_of(name), 3): scaler_unit(power, NUMBERS[unit])
        for name, (power, unit) in scales.items()
    }
    return objects | {
        (DATA, name_of(name), 2): octet_string(text.encode())
        for name, text in texts.items()
    }


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: DlmsEmulatorOptions
) -> AsyncIterator[DlmsEmulator]:
    """Put a meter into the circuit and serve its objects."""
    emulator = DlmsEmulator(context, options)
    try:
        async with serve_dlms(
            emulator.objects,
            server=options.server,
            password=options.password,
            several=options.several,
            port=context.port,
            reply_delay_s=options.reply_delay_s,
        ) as address:
            emulator.address = address
            yield emulator
    finally:
        emulator.close()
