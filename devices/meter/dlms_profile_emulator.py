"""The load profile of an emulated DLMS meter, as COSEM has it: a profile generic.

Each entry is a date-time, a status, and import and export in watt-hours: the registers
at the end of the period, as IDIS meters keep them, or the period's own energy.
Sources: Blue Book, 4.3.6 (profile generic); IDIS package 2 for the columns and the
logical names (both unverified: read in excerpts and others' programs).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from devices.links.dlms_get_server import ObjectKey, Parts, selected_range
from devices.links.dlms_server import (
    double_long_unsigned,
    integer,
    long_unsigned,
    octet_string,
    scaler_unit,
    structure,
    unsigned,
)
from devices.meter.dlms_objects import (
    CLOCK,
    DATA,
    NUMBERS,
    PROFILE,
    PROFILE_NAME,
    REGISTER,
    TIME,
)
from devices.meter.profile import Entry, Profile, ProfileOptions

STATUS = "0.0.96.10.1.255"
REGISTERS = ("1.0.1.8.0.255", "1.0.2.8.0.255")
PERIODS = ("1.0.1.29.0.255", "1.0.2.29.0.255")
"""Energy of the last period (value group D = 29; unverified)."""
FIFO = b"\x16\x01"
DAYLIGHT_SAVING = 1 << 3
"""Bit of a period's status: its stamp is in summer time."""

DateTime = Callable[[datetime], bytes]
"""Encodes an instant as the meter's clock has it, 12 bytes."""


class ProfileObjects:
    """A profile's attributes, and those of what it captures.

    Parameters
    ----------
    profile : Profile
        The periods.
    options : ProfileOptions
        What of each is kept, and how it is stamped.
    date_time, instant : callable
        The meter's way with date-times, there and back.
    """

    def __init__(
        self,
        profile: Profile,
        options: ProfileOptions,
        *,
        date_time: DateTime,
        instant: Callable[[bytes], datetime],
    ) -> None:
        self._profile, self._options = profile, options
        self._date_time, self._instant = date_time, instant
        self._column = struct.pack(">H", CLOCK) + name_of(TIME.name) + b"\x02"

    def attributes(self) -> dict[ObjectKey, bytes | Parts]:
        """Return every attribute; those that change give themselves when asked."""
        options, name = self._options, name_of(PROFILE_NAME)
        values = PERIODS if options.profile_values == "periods" else REGISTERS
        columns = [(CLOCK, TIME.name), (DATA, STATUS)]
        columns += [(REGISTER, each) for each in values]
        captured = b"".join(_column(*each) for each in columns)
        period = double_long_unsigned(options.profile_period_min * 60)
        attributes: dict[ObjectKey, bytes | Parts] = {
            (PROFILE, name, 1): octet_string(name),
            (PROFILE, name, 2): self._buffer,
            (PROFILE, name, 3): b"\x01" + bytes((len(columns),)) + captured,
            (PROFILE, name, 4): period,
            (PROFILE, name, 5): FIFO,
            (PROFILE, name, 6): _column(0, "0.0.0.0.0.0", 0),
            (PROFILE, name, 7): self._in_use,
            (PROFILE, name, 8): double_long_unsigned(options.profile_entries),
        }
        for place, each in enumerate(PERIODS):
            attributes[REGISTER, name_of(each), 3] = scaler_unit(0, NUMBERS["wh"])
            attributes[REGISTER, name_of(each), 2] = self._last(place)
        return attributes

    def _in_use(self, selection: bytes) -> bytes:
        return double_long_unsigned(len(self._profile.entries))

    def _last(self, place: int) -> Parts:
        """Give the energy of the last period, if that is what is kept."""

        def last(selection: bytes) -> bytes:
            entries = self._profile.entries
            if not entries or self._options.profile_values != "periods":
                return b"\0"
            return double_long_unsigned(entries[-1][3 + place])

        return last

    def _buffer(self, selection: bytes) -> bytes:
        """Give the entries, all of them or those in a range of stamps."""
        entries = list(self._profile.entries)
        if selection:
            since, until = (
                self._instant(each).timestamp()
                for each in selected_range(selection, self._column)
            )
            which = self._options.profile_stamps
            entries = [one for one in entries if since <= one.stamp_s(which) <= until]
        count = len(entries)
        length = bytes((count,)) if count < 0x80 else b"\x82" + struct.pack(">H", count)
        return b"\x01" + length + b"".join(map(self._encoded, entries))

    def _encoded(self, entry: Entry) -> bytes:
        stamp_s = entry.stamp_s(self._options.profile_stamps)
        stamp = self._date_time(datetime.fromtimestamp(stamp_s, UTC))
        summer = DAYLIGHT_SAVING if stamp[11] & 0x80 else 0
        return structure(
            octet_string(stamp),
            unsigned(entry.status | summer),
            double_long_unsigned(entry.import_wh),
            double_long_unsigned(entry.export_wh),
        )


def name_of(text: str) -> bytes:
    """Return a logical name's six bytes."""
    return bytes(int(part) for part in text.split("."))


def _column(interface: int, name: str, attribute: int = 2) -> bytes:
    """Encode a capture object: the whole of one attribute."""
    return structure(
        long_unsigned(interface),
        octet_string(name_of(name)),
        integer(attribute),
        long_unsigned(0),
    )


def instant_of(
    date_time: bytes, *, utc_of: Callable[[datetime], datetime], sign: int
) -> datetime:
    """Return the instant that a date-time in a request stands for.

    What it leaves open (FF) is 0. `sign` is that of its deviation, towards UTC; without
    one, `utc_of` says what the meter's clock makes of local time.
    """
    year, month, day, _, *clock, deviation, _ = struct.unpack(">HBBBBBBBhB", date_time)
    hour, minute, second, part = (0 if each == 0xFF else each for each in clock)
    try:
        local = datetime(year, month, day, hour, minute, second, part % 100 * 10_000)  # noqa: DTZ001
    except ValueError:
        # No such day: before everything that could be in a profile.
        return datetime(1970, 1, 1, tzinfo=UTC)
    if deviation == -0x8000:
        return utc_of(local)
    return (local + timedelta(minutes=sign * deviation)).replace(tzinfo=UTC)
