"""A load profile as a DLMS meter gives it: its columns, and what is in them.

A profile says itself what it captures. Energy is either each period's own (OBIS D = 29)
or what registers had counted by its end (D = 8): a period's energy is then the
difference to the entry before, and missing if that is not one period before. What the
meter calls not valid is missing too. Columns and the status's bits are those of IDIS
meters; null-data for a stamp means one period after the one before (Blue Book, 4.3.6).
All of it unverified: read in excerpts and others' programs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from devices.links.dlms import DlmsLink
from devices.links.dlms_apdu import Absent, Attribute
from devices.links.dlms_blocks import by_range, descriptor, octets
from devices.links.dlms_data import INVALID, Value, clock_of, date_time_of
from devices.meter.dlms_objects import CLOCK, DATA, PROFILE, REGISTER, TIME, factor_of
from harness.core.capabilities import ProfilePeriod, ProfileSize
from harness.core.errors import LinkError

IMPORT_C, EXPORT_C = 1, 2
CUMULATIVE_D, PERIOD_D = 8, 29
"""Value groups C and D of an OBIS code (IEC 62056-6-1; unverified)."""
STATUS_NAMES = "0.0.96.10."
NOT_VALID = 1 << 2
"""This period's values are not to be used."""
STATUS_BITS = {
    1 << 0: "critical error",
    1 << 1: "clock invalid",
    NOT_VALID: "data not valid",
    1 << 5: "clock adjusted",
    1 << 7: "power down",
}
"""What speaks against a period. Bit 3, daylight saving, does not."""
CLOSE = 0.5
"""An entry is one period after another if their stamps are, to this share of it."""


@dataclass(frozen=True, slots=True)
class Energy:
    """One column of energy."""

    column: int
    name: str
    cumulative: bool
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column of a profile is what."""

    columns: int
    stamp: int
    status: int | None
    energies: dict[int, Energy]
    """By value group C: import and export."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it stands in the profile."""

    stamp: datetime
    trusted: bool
    """False if the meter says in the stamp that its clock is invalid."""
    bits: int = 0
    values_wh: dict[int, float] = field(default_factory=dict)


def layout_of(captured: Value) -> Layout:
    """Read a profile's capture_objects.

    Raises
    ------
    ValueError
        If they are none, or have no clock among them.
    """
    objects = [_captured(one) for one in captured] if isinstance(captured, list) else []
    clocks = [at for at, (kind, _, _) in enumerate(objects) if kind == CLOCK]
    if not clocks:
        raise ValueError(f"captures {captured!r}, and no clock")
    status: int | None = None
    energies: dict[int, Energy] = {}
    for at, (kind, name, attribute) in enumerate(objects):
        if kind == DATA and name.startswith(STATUS_NAMES):
            status = at
        elif kind == REGISTER and attribute == 2:
            group_c, group_d, tariff = (int(part) for part in name.split(".")[2:5])
            if group_d in (CUMULATIVE_D, PERIOD_D) and not tariff:
                energy = Energy(at, name, group_d == CUMULATIVE_D)
                energies.setdefault(group_c, energy)
    return Layout(len(objects), clocks[0], status, energies)


def _captured(one: Value) -> tuple[int, str, int]:
    match one:
        case [int(kind), bytes(name), int(attribute), int()] if len(name) == 6:
            return kind, ".".join(str(part) for part in name), attribute
    raise ValueError(f"captures {one!r}, which is no object")


def periods_of(
    entries: Sequence[Entry], layout: Layout, period_s: float
) -> Iterator[ProfilePeriod]:
    """Turn entries into periods, each with its own energy."""
    before: Entry | None = None
    for entry in entries:
        apart_s = math.nan
        if before is not None:
            apart_s = (entry.stamp - before.stamp).total_seconds()
        follows = abs(apart_s - period_s) <= CLOSE * period_s
        found = []
        for group in (IMPORT_C, EXPORT_C):
            value_wh = entry.values_wh.get(group, math.nan)
            if group in layout.energies and layout.energies[group].cumulative:
                then_wh = math.nan
                if before is not None and follows:
                    then_wh = before.values_wh.get(group, math.nan)
                value_wh = value_wh - then_wh if value_wh >= then_wh else math.nan
            found.append(value_wh)
        gap = (
            "not one period after the entry before" if before else "no entry before it"
        )
        words = _words(entry, "" if follows else gap)
        yield ProfilePeriod(entry.stamp, found[0], found[1], words)
        before = entry


def _words(entry: Entry, against: str) -> str:
    words = [word for bit, word in STATUS_BITS.items() if entry.bits & bit]
    words += [] if entry.trusted else ["stamp not trusted by the meter"]
    words += [against] if against else []
    return ", ".join(words)


class ProfileReader:
    """Reads one profile of a meter.

    Parameters
    ----------
    link : DlmsLink
        The association.
    where : str
        For error messages.
    name : str
        The profile's logical name.
    zone : tzinfo
        In which the clock hangs where a stamp has no deviation.
    deviation : {"to UTC", "from UTC"}
        Which way deviations count.
    """

    def __init__(
        self,
        link: DlmsLink,
        where: str,
        *,
        name: str,
        zone: tzinfo,
        deviation: Literal["to UTC", "from UTC"],
    ) -> None:
        self._link, self._where, self._name = link, where, name
        self._zone, self._deviation = zone, deviation
        self._layout: Layout | None = None
        self.period_s = math.nan
        """How long the meter says its periods are. [s]"""

    async def learn(self) -> None:
        """Ask what the profile captures, how often, and in which scale.

        A meter without one, or that does not show it to this client, keeps none.

        Raises
        ------
        LinkError
            If it does not answer in bounded time, or its profile makes no sense.
        """
        captured, period = await self._link.get([self._at(3), self._at(4)])
        if isinstance(captured, Absent) or isinstance(period, Absent):
            return
        if isinstance(period, bool) or not isinstance(period, int) or period <= 0:
            raise self._wrong(f"says that a period has {period!r} s")
        try:
            self._layout = await self._scaled(layout_of(captured))
        except ValueError as error:
            raise self._wrong(str(error)) from error
        self.period_s = float(period)

    async def size(self) -> ProfileSize:
        """Ask how many entries are in use, and how many there is room for."""
        self._known()
        held, room = await self._link.get([self._at(7), self._at(8)])
        if not isinstance(held, int) or not isinstance(room, int):
            raise self._wrong(f"says that {held!s} of {room!s} entries are in use")
        return ProfileSize(held, room)

    async def read(
        self, since: datetime, until: datetime, *, within_s: float
    ) -> list[ProfilePeriod]:
        """Read the entries with stamps in a range, both ends included.

        One more is asked for at the beginning: what counts on needs its predecessor.

        Raises
        ------
        LinkError
            If they are not there and whole in this time, or make no sense. [s]
        """
        layout = self._known()
        early = since - timedelta(seconds=(1 + CLOSE) * self.period_s)
        first, last = (
            octets(date_time_of(at, self._zone, self._deviation))
            for at in (early, until)
        )
        clock = descriptor(CLOCK, TIME.name, TIME.number)
        selection = by_range(clock, first, last)
        rows = await self._link.get_part(self._at(2), selection, within_s=within_s)
        if not isinstance(rows, list):
            raise self._wrong(f"gives no entries by range: {rows!s}")
        try:
            entries = self._entries(rows, layout)
        except (ValueError, OverflowError) as error:
            raise self._wrong(str(error)) from error
        periods = periods_of(entries, layout, self.period_s)
        return [one for one in periods if since <= one.stamp <= until]

    def _at(self, number: int) -> Attribute:
        return Attribute(PROFILE, self._name, number)

    async def _scaled(self, layout: Layout) -> Layout:
        """Ask for the scaler of each column of energy."""
        groups = list(layout.energies.items())
        asked = [Attribute(REGISTER, one.name, 3) for _, one in groups]
        scales = await self._link.get(asked) if asked else []
        energies = {
            group: replace(one, factor=factor_of(scale, "wh"))
            for (group, one), scale in zip(groups, scales, strict=True)
        }
        return replace(layout, energies=energies)

    def _entries(self, rows: Sequence[Value], layout: Layout) -> list[Entry]:
        entries: list[Entry] = []
        for row in rows:
            if not isinstance(row, list) or len(row) != layout.columns:
                raise ValueError(f"has an entry {row!r}, not {layout.columns} values")
            status = row[layout.status] if layout.status is not None else 0
            bits = status if isinstance(status, int) else 0
            before = entries[-1].stamp if entries else None
            stamp, trusted = self._stamp(row[layout.stamp], before)
            values_wh = {}
            if not bits & NOT_VALID:
                values_wh = {
                    group: _number(row[one.column], one)
                    for group, one in layout.energies.items()
                }
            entries.append(Entry(stamp, trusted, bits, values_wh))
        return entries

    def _stamp(self, value: Value, before: datetime | None) -> tuple[datetime, bool]:
        """Return a stamp in UTC, and whether the meter trusts it."""
        if value is None and before is not None:
            return before + timedelta(seconds=self.period_s), True
        if not isinstance(value, bytes) or len(value) != 12:
            raise ValueError(f"has an entry stamped {value!r}")
        plain = value[:11] + bytes((value[11] & ~INVALID,))
        stamp = clock_of(plain, self._zone, self._deviation)
        if stamp is None:
            raise ValueError(f"has an entry stamped {value.hex()}, which is no time")
        return stamp, not value[11] & INVALID

    def _known(self) -> Layout:
        if self._layout is None:
            raise LinkError(
                self._where,
                f"keeps no profile {self._name} that this client may see",
                "another `profile` in its options, or another client",
            )
        return self._layout

    def _wrong(self, fact: str) -> LinkError:
        where = f"{self._where} profile {self._name}"
        return LinkError(where, fact, "the meter's object list")


def _number(value: Value, energy: Energy) -> float:
    """Return an energy as it stands in an entry. [Wh]"""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"has {value!r} for {energy.name}, not a number")
    return value * energy.factor
