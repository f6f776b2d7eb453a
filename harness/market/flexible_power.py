"""Dispatch signals and readings as they go between a DSO and a participant over HTTP.

Pure: shapes only. The participant hosts the interface; the DSO sends a start, a stop or
an emergency stop for one service in one zone; a reading for every minute goes back.
Times are UTC, a reading carries the end of its minute, export is positive.

Source: flexiblepower.co.uk, "Dispatch Signals and Metering Data" (who hosts, the
signals, minutes); flexiblepowerportal.co.uk, "Frequently Asked Questions" (UTC, end of
the minute, sign). The participants' guide was not read: names of paths and members are
this project's own. ``docs/flexible-power.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

MINUTE_S = 60.0


class SignalKind(StrEnum):
    """What a DSO can tell a participant; the words are those of the paths."""

    START = "start"
    STOP = "stop"
    EMERGENCY_STOP = "emergency-stop"


@dataclass(frozen=True, slots=True)
class Asset:
    """What is called: a unit that gives one service in one zone."""

    service: str
    zone: str
    unit: str

    def as_body(self) -> dict[str, object]:
        """Return it as members of a JSON object."""
        return {"service": self.service, "zone": self.zone, "unit": self.unit}


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal; a start says from when, and may say until when."""

    kind: SignalKind
    asset: Asset
    start: datetime | None = None
    end: datetime | None = None

    def as_body(self) -> dict[str, object]:
        """Return it as a JSON object."""
        times = {"start": self.start, "end": self.end}
        said = {key: stamp(at) for key, at in times.items() if at is not None}
        return self.asset.as_body() | said


def stamp(at: datetime) -> str:
    """Write an instant in UTC: ``2026-11-26T17:31:00Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def signal_of(kind: SignalKind, body: Mapping[str, object]) -> Signal:
    """Read a signal's JSON object.

    Raises
    ------
    ValueError
        Naming the member that is missing, or wrong.
    """
    names = ("service", "zone", "unit")
    texts = [body.get(name) for name in names]
    for name, text in zip(names, texts, strict=True):
        if not isinstance(text, str) or not text:
            raise ValueError(f"{name} is missing, or is no text")
    asset = Asset(*map(str, texts))
    known = {*names, "start", "end"} if kind is SignalKind.START else {*names}
    if unknown := sorted(set(body) - known):
        raise ValueError(f"a {kind} has no member {unknown[0]!r}")
    if kind is not SignalKind.START:
        return Signal(kind, asset)
    start = _instant(body.get("start"), "start")
    end = None if body.get("end") is None else _instant(body["end"], "end")
    if end is not None and end <= start:
        raise ValueError("end is not after start")
    return Signal(kind, asset, start, end)


def _instant(value: object, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"{name} is no instant with a time zone, such as …T17:31:00Z")
    return at.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class MinuteReading:
    """Mean power of one minute."""

    ends_at: datetime
    export_kw: float
    """Positive to the grid. [kW]"""


def readings_body(unit: str, readings: Sequence[MinuteReading]) -> dict[str, object]:
    """Return readings as a JSON object."""
    rows = [
        {"timestamp": stamp(one.ends_at), "power_kw": round(one.export_kw, 3)}
        for one in readings
    ]
    return {"unit": unit, "readings": rows}


def readings_of(body: Mapping[str, object]) -> tuple[str, tuple[MinuteReading, ...]]:
    """Read a unit and its readings from a JSON object.

    Raises
    ------
    ValueError
        Naming what is missing, or wrong: a minute that does not end on a minute, too.
    """
    unit, rows = body.get("unit"), body.get("readings")
    if not isinstance(unit, str) or not isinstance(rows, list):
        raise ValueError("unit is no text, or readings is no list")
    found = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise ValueError(f"{row!r} is no reading")
        at, power = _instant(row.get("timestamp"), "timestamp"), row.get("power_kw")
        if at.second or at.microsecond:
            raise ValueError(f"{stamp(at)} is not the end of a minute")
        numeric = isinstance(power, int | float) and not isinstance(power, bool)
        if not numeric or not math.isfinite(float(str(power))):
            raise ValueError(f"{power!r} is no power")
        found.append(MinuteReading(at, float(str(power))))
    return unit, tuple(found)


def minute_of(at: datetime) -> datetime:
    """Return the end of the minute in which an instant lies; its own if it ends one."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + timedelta(seconds=MINUTE_S)
