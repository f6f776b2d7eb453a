"""A meter that speaks DLMS/COSEM over TCP: registers by their logical names.

Each register says its own scaler and unit (scaler_unit), read once; objects that the
meter does not have are missing. Power comes signed (16.7.0) or as import and export
(1.7.0, 2.7.0). The meter's clock comes with its deviation from UTC; the options say
which way this maker counts it, and in which zone a clock hangs that gives none.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from devices.links.dlms import FORMS, DlmsLink, frame_length
from devices.links.dlms_apdu import Absent, Attribute
from devices.links.dlms_data import Value, clock_of
from devices.meter.dlms_emulator import DlmsEmulatorOptions, emulate
from devices.meter.dlms_objects import (
    BREAKS,
    DEVICE_NAME,
    EXPORT,
    FAST,
    FIRMWARE,
    IMPORT,
    PROFILE_NAME,
    REGISTER,
    SERIAL,
    SIGNED,
    SLOW,
    TIME,
    factor_of,
)
from devices.meter.dlms_profile import ProfileReader
from devices.meter.zones import known_zone
from harness.core.bench import DeviceContext, Driver, Options
from harness.core.capabilities import (
    Device,
    Identity,
    KeepsProfile,
    Polled,
    ProfilePeriod,
    ProfileSize,
)
from harness.core.errors import LinkError
from harness.core.recording import Reading


class DlmsOptions(Options):
    """How the meter is associated with, and read."""

    client: int = Field(16, ge=1, le=255)
    """Wrapper port of the client: 16 is the public one."""
    server: int = Field(1, ge=1, le=0xFFFF)
    """Wrapper port of the logical device: 1 manages the meter."""
    password: str = Field("", max_length=64)
    """For low level security; empty for none."""
    poll_interval_s: float = Field(1.0, gt=0, le=3600)
    """How often power, voltage and current are read. [s]"""
    slow_every: int = Field(10, ge=1, le=3600)
    """At every so many polls, energy and frequency are read as well."""
    timeout_s: float = Field(2.0, gt=0, le=60)
    """Longest wait for a connection and for each reply. [s]"""
    deviation: Literal["to UTC", "from UTC"] = "to UTC"
    """Which way the clock's deviation counts: from local time to UTC, as the standard
    has it, or the other way, as some makers have it."""
    time_zone: str = "UTC"
    """Where a clock hangs that gives no deviation."""
    profile: str = Field(PROFILE_NAME, pattern=r"^(\d{1,3}\.){5}\d{1,3}$")
    """Logical name of its load profile."""
    profile_timeout_s: float = Field(120.0, gt=0, le=3600)
    """Longest wait for as much of the profile as is asked for at once. [s]"""

    _zone = field_validator("time_zone")(known_zone)


class DlmsMeter:
    """A meter that is asked for its registers."""

    def __init__(self, context: DeviceContext, options: DlmsOptions) -> None:
        self._where = f"{context.where} {context.address}"
        self._clock, self._options = context.clock, options
        self._zone = ZoneInfo(options.time_zone)
        self._link = DlmsLink(
            context,
            client=options.client,
            server=options.server,
            password=options.password,
            timeout_s=options.timeout_s,
        )
        self._profile = ProfileReader(
            self._link,
            self._where,
            name=options.profile,
            zone=self._zone,
            deviation=options.deviation,
        )
        self._factors: dict[str, float] = {}
        """By logical name: the factor to our unit, of the registers that it has."""
        self._polls = 0

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns; the slow ones at every ``slow_every``-th."""
        return ("power_w", *FAST, *SLOW)

    @property
    def failures(self) -> int:
        """Requests that got no usable reply."""
        return self._link.failures

    @property
    def profile_period_s(self) -> float:
        """How long it says its periods are; ``nan`` if it keeps no profile. [s]"""
        return self._profile.period_s

    async def ready(self) -> None:
        """Associate; learn which registers there are, their scales, and its profile.

        Raises
        ------
        LinkError
            If it does not answer in bounded time, or shows no power at all.
        """
        wanted = {
            SIGNED: "w",
            IMPORT: "w",
            EXPORT: "w",
        } | {name: _unit(quantity) for quantity, name in (FAST | SLOW).items()}
        scales = await self._link.get([Attribute(REGISTER, name, 3) for name in wanted])
        self._factors = {
            name: self._factor(name, scale, unit)
            for (name, unit), scale in zip(wanted.items(), scales, strict=True)
            if not isinstance(scale, Absent)
        }
        if SIGNED not in self._factors and IMPORT not in self._factors:
            raise LinkError(
                self._where,
                f"no register {SIGNED} and no {IMPORT}: it shows no power",
                "another meter, or another client of this one",
            )
        await self._profile.learn()

    async def identify(self) -> Identity:
        """Return what the meter says of itself."""
        name, serial, firmware = (
            _text(value)
            for value in await self._link.get([DEVICE_NAME, SERIAL, FIRMWARE])
        )
        return Identity(
            name[:3] or "not read", name or "not read", serial or "not read", firmware
        )

    async def make_safe(self) -> None:
        """Do nothing: a meter is read, never told anything."""

    async def poll(self) -> Sequence[Reading]:
        """Read power, voltage and current with the meter's time; the rest now and then.

        Raises
        ------
        LinkError
            If the meter does not answer, in bounded time, or gives no number.
        """
        if not self._factors:
            await self.ready()
        wanted = dict(FAST)
        if self._polls % self._options.slow_every == 0:
            wanted |= SLOW
        powers = [SIGNED] if SIGNED in self._factors else [IMPORT, EXPORT]
        names = [name for name in (*powers, *wanted.values()) if name in self._factors]
        time, *values = await self._link.get(
            [TIME, *(Attribute(REGISTER, name) for name in names)]
        )
        self._polls += 1
        given = {
            name: self._number(name, value)
            for name, value in zip(names, values, strict=True)
        }
        device_s = self._device_s(time)
        power_w = given[powers[0]] - (given.get(EXPORT, 0.0) if len(powers) > 1 else 0)
        return [Reading("power_w", power_w, device_s)] + [
            Reading(quantity, given.get(name, math.nan), device_s)
            for quantity, name in wanted.items()
        ]

    async def profile_size(self) -> ProfileSize:
        """Ask how many periods it has now, and how many it has room for.

        Raises
        ------
        LinkError
            If it keeps none, or does not answer in bounded time.
        """
        return await self._profile.size()

    async def read_profile(
        self, since: datetime, until: datetime
    ) -> Sequence[ProfilePeriod]:
        """Return the periods stamped from `since` to `until`, in the meter's order.

        Raises
        ------
        ValueError
            If a time has no zone.
        LinkError
            If it keeps none, or they are not there and whole in bounded time.
        """
        if since.tzinfo is None or until.tzinfo is None:
            raise ValueError(f"from {since} to {until}: a time without a zone")
        within_s = self._options.profile_timeout_s
        return await self._profile.read(since, until, within_s=within_s)

    def close(self) -> None:
        """Let go of the wire."""
        self._link.close()

    def _factor(self, name: str, scale: Value | Absent, unit: str) -> float:
        try:
            return factor_of(scale, unit)
        except ValueError as error:
            raise self._wrong(f"{name} {error}") from error

    def _number(self, name: str, value: Value | Absent) -> float:
        if value is None:
            return math.nan
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(f"{name} holds {value!r}, not a number")
        return value * self._factors[name]

    def _device_s(self, time: Value | Absent) -> float:
        """The meter's own time on the bench clock; ``nan`` if it has or trusts none."""
        if not isinstance(time, bytes):
            return math.nan
        try:
            at = clock_of(time, self._zone, self._options.deviation)
        except (ValueError, OverflowError) as error:
            raise self._wrong(f"its clock shows {time.hex()} ({error})") from error
        return math.nan if at is None else self._clock.bench_s(at)

    def _wrong(self, fact: str) -> LinkError:
        return LinkError(self._where, fact, "the meter's object list")


def _unit(quantity: str) -> str:
    return quantity.rpartition("_")[2]


def _text(value: Value | Absent) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace").strip("\0 ")
    return value if isinstance(value, str) else ""


@asynccontextmanager
async def open_device(
    context: DeviceContext, options: DlmsOptions
) -> AsyncIterator[DlmsMeter]:
    """Hold the link for as long as the meter is in use."""
    device = DlmsMeter(context, options)
    try:
        yield device
    finally:
        device.close()


DRIVER = Driver(
    name="meter/dlms",
    maker="any",
    wire="DLMS/COSEM on TCP",
    source="DLMS UA 1000-1 (Blue Book) and 1000-2 (Green Book), IEC 62056-47 and -53 "
    "(unverified: read in excerpts)",
    options=DlmsOptions,
    open=open_device,
    emulator_options=DlmsEmulatorOptions,
    emulate=emulate,
    capabilities=(Device, Polled, KeepsProfile),
    address_form=FORMS,
    faults=BREAKS,
    frame_length=frame_length,
)
