"""A meter's optical port by IEC 62056-21 mode C: the values that it reads out.

Which OBIS codes a meter reads out is its maker's and its utility's choice. Power comes
signed (16.7.0) or as import and export (1.7.0, 2.7.0); what a meter does not read out
is missing. Its clock (0.9.1, 0.9.2) has no time zone of its own: the options name it,
and a wrong one shows as a clock that is an hour off. Codes: IEC 62056-61 (unverified).
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from devices.links.iec62056 import (
    FORMS,
    OpticalPort,
    Readout,
    frame_length,
    number_and_unit,
)
from devices.meter.readout_emulator import BREAKS, ReadoutEmulatorOptions, emulate
from devices.meter.zones import known_zone
from harness.core.bench import (
    DeviceContext,
    Driver,
    Kindness,
    Options,
)
from harness.core.capabilities import Device, Identity, Polled
from harness.core.errors import LinkError
from harness.core.recording import Reading

FACTORS = {
    "W": ("w", 1.0),
    "kW": ("w", 1e3),
    "MW": ("w", 1e6),
    "Wh": ("wh", 1.0),
    "kWh": ("wh", 1e3),
    "MWh": ("wh", 1e6),
    "var": ("var", 1.0),
    "kvar": ("var", 1e3),
    "V": ("v", 1.0),
    "A": ("a", 1.0),
    "Hz": ("hz", 1.0),
}
"""Unit as read out: ours, and the factor to it."""

QUANTITIES = {
    "1.8.0": "energy_import_wh",
    "2.8.0": "energy_export_wh",
    "32.7.0": "voltage_v",
    "31.7.0": "current_a",
    "14.7.0": "frequency_hz",
}
SIGNED, IMPORT, EXPORT = "16.7.0", "1.7.0", "2.7.0"
TIME, DATE = "0.9.1", "0.9.2"
SERIALS = ("0.0.0", "C.1.0", "0.0")
FIRMWARE = "0.2.0"


class ReadoutOptions(Options):
    """How the meter is read out."""

    poll_interval_s: float = Field(5.0, gt=0, le=3600)
    """How often. At 300 baud the sign-on alone takes more than a second. [s]"""
    timeout_s: float = Field(5.0, gt=0, le=60)
    """Longest wait for a connection, for the identification and for the block. [s]"""
    device_address: str = Field("", pattern=r"^[0-9A-Za-z ]{0,32}$")
    """Which of several meters on one line; empty for the only one."""
    time_zone: str = "UTC"
    """In which the meter's clock runs: ``UTC``, ``Europe/London``."""

    _zone = field_validator("time_zone")(known_zone)


class OpticalMeter:
    """A meter that is read out over its optical port."""

    def __init__(self, context: DeviceContext, options: ReadoutOptions) -> None:
        self._where = f"{context.where} {context.address}"
        self._clock, self._options = context.clock, options
        self._zone = ZoneInfo(options.time_zone)
        self._port = OpticalPort(
            context,
            device_address=options.device_address,
            timeout_s=options.timeout_s,
        )
        self._readout: Readout | None = None

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns; what the meter does not read out is ``nan``."""
        return ("power_w", *QUANTITIES.values())

    @property
    def failures(self) -> int:
        """Read-outs that gave nothing usable."""
        return self._port.failures

    async def ready(self) -> None:
        """Read it out once."""
        await self._port.connect()
        self._readout = await self._port.read_out()

    async def identify(self) -> Identity:
        """Return what the last read-out said: maker's letters, type, serial number."""
        readout = self._readout or await self._port.read_out()
        serials = [
            readout.values[code][0] for code in SERIALS if code in readout.values
        ]
        return Identity(
            maker=readout.maker,
            model=readout.identification,
            serial=serials[0] if serials else "not read",
            firmware=readout.values.get(FIRMWARE, ("",))[0],
        )

    async def make_safe(self) -> None:
        """Do nothing: a meter is read, never told anything."""

    async def poll(self) -> Sequence[Reading]:
        """Read it out; every reading carries the meter's own time.

        Raises
        ------
        LinkError
            If the meter does not answer in bounded time, or a value is none.
        """
        self._readout = readout = await self._port.read_out()
        try:
            values = measured(readout.values)
            at = clock_of(readout.values, self._zone)
        except ValueError as error:
            raise LinkError(
                self._where, str(error), "the meter's list of OBIS codes and units"
            ) from error
        device_s = math.nan if at is None else self._clock.bench_s(at)
        return [
            Reading(quantity, values.get(quantity, math.nan), device_s)
            for quantity in self.quantities
        ]

    def close(self) -> None:
        """Let go of the wire."""
        self._port.close()


def measured(values: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    """Return our quantities from data sets, each by its code and its unit.

    Raises
    ------
    ValueError
        If a value is no number or has a unit that does not fit its code.
    """
    found = {
        quantity: _value(code, values[code], quantity.rpartition("_")[2])
        for code, quantity in QUANTITIES.items()
        if code in values
    }
    if SIGNED in values:
        found["power_w"] = _value(SIGNED, values[SIGNED], "w")
    elif IMPORT in values:
        found["power_w"] = _value(IMPORT, values[IMPORT], "w")
        if EXPORT in values:
            found["power_w"] -= _value(EXPORT, values[EXPORT], "w")
    return found


def _value(code: str, texts: tuple[str, ...], unit: str) -> float:
    number, given = number_and_unit(texts[0])
    ours, factor = FACTORS.get(given, ("", 1.0))
    if ours != unit:
        what = f"the unit {given!r}" if given else "no unit"
        raise ValueError(f"{code}({texts[0]}) has {what}")
    return number * factor


def clock_of(values: Mapping[str, tuple[str, ...]], zone: tzinfo) -> datetime | None:
    """Return the meter's own time in UTC, or None if it does not read it out.

    Digits with any separators between them. Seven digits begin with a flag: 0 standard
    time, 1 summer time, 2 UTC (VDEW read-out format, unverified); without one, the hour
    that comes twice in autumn is taken for the first.

    Raises
    ------
    ValueError
        If it is no time.
    """
    if TIME not in values or DATE not in values:
        return None
    time, date = (re.sub(r"\D", "", values[code][0]) for code in (TIME, DATE))
    flag = time[0] if len(time) == 7 else ""
    try:
        local = datetime.strptime(date[-6:] + time[-6:], "%y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise ValueError(f"no time: {values[DATE][0]} {values[TIME][0]}") from None
    if flag == "2":
        return local.replace(tzinfo=UTC)
    return local.replace(tzinfo=zone, fold=int(flag == "0")).astimezone(UTC)


@asynccontextmanager
async def open_device(
    context: DeviceContext, options: ReadoutOptions
) -> AsyncIterator[OpticalMeter]:
    """Hold the port for as long as the meter is in use."""
    device = OpticalMeter(context, options)
    try:
        yield device
    finally:
        device.close()


DRIVER = Driver(
    name="meter/iec62056_21",
    maker="any",
    wire="IEC 62056-21 mode C",
    source="IEC 62056-21:2002, 6.3 and 6.4.3; IEC 62056-61 for the codes (unverified)",
    options=ReadoutOptions,
    open=open_device,
    emulator_options=ReadoutEmulatorOptions,
    emulate=emulate,
    capabilities=(Device, Polled),
    address_form=FORMS,
    serial_capable=True,
    faults=BREAKS,
    frame_length=frame_length,
    kindness=Kindness(
        least_poll_interval_s=2.0,
        source="a read-out takes about 2 s at 300 and 9,600 baud (calculated)",
    ),
)
