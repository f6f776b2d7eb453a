"""Quantities as a person writes them, converted once to the units used inside.

Inside the harness the unit is in the name: watts, seconds, watt-hours, percent.
Feature files, rig files and rule data say ``7.2 kW``, ``2 minutes`` or ``17:30``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MINUS = str.maketrans({"−": "-", "–": "-", "\u00a0": " ", "\u202f": " "})
_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*(\S.*)?")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")

_DURATIONS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
}
_UNITS: dict[str, tuple[str, float]] = {
    "w": ("W", 1.0),
    "kw": ("W", 1e3),
    "mw": ("W", 1e6),
    "wh": ("Wh", 1.0),
    "kwh": ("Wh", 1e3),
    "mwh": ("Wh", 1e6),
    "%": ("%", 1.0),
    "percent": ("%", 1.0),
    "a": ("A", 1.0),
    "v": ("V", 1.0),
    "va": ("VA", 1.0),
    "kva": ("VA", 1e3),
    "mva": ("VA", 1e6),
    "°c": ("°C", 1.0),
    "w/s": ("W/s", 1.0),
    "kw/s": ("W/s", 1e3),
    "kw/min": ("W/s", 1e3 / 60),
    "d.p.": ("d.p.", 1.0),
    "day": ("days", 1.0),
    "days": ("days", 1.0),
    "working days": ("working days", 1.0),
    "half-hours": ("half-hours", 1.0),
    "zone": ("zones", 1.0),
    "zones": ("zones", 1.0),
    "way": ("ways", 1.0),
    "ways": ("ways", 1.0),
    "declarations": ("declarations", 1.0),
    "trades": ("trades", 1.0),
    "offers": ("offers", 1.0),
    "projects": ("projects", 1.0),
    "units": ("units", 1.0),
    "acceptances": ("acceptances", 1.0),
    "devices": ("devices", 1.0),
    "instructions": ("instructions", 1.0),
    "p": ("p", 1.0),
    "p/kwh": ("p/kWh", 1.0),
    "£/kw": ("£/kW", 1.0),
    "per hour": ("per hour", 1.0),
    "starts per hour": ("per hour", 1.0),
} | {
    spelling: ("s", float(seconds))
    for name, seconds in _DURATIONS.items()
    for spelling in (name, name + "s")
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in one of the units used inside: W, s, Wh, %, A, V, °C, W/s, …"""

    value: float
    unit: str


def parse_quantity(text: str) -> Quantity:
    """Read a number with its unit: ``7.2 kW`` is 7,200 W, ``2 minutes`` is 120 s.

    Raises
    ------
    ValueError
        If there is no number, no unit, or a unit that is not known.
    """
    plain = text.translate(_MINUS).strip()
    found = _QUANTITY.fullmatch(plain)
    if found is None:
        raise ValueError(f"{text!r} is not a number with a unit, such as '7.2 kW'")
    number, unit = found.groups()
    if not unit:
        raise ValueError(f"{text!r} has no unit, such as '{plain} s' or '{plain} kW'")
    return Quantity(*_converted(float(number.replace(",", "")), unit.strip(), text))


def _converted(number: float, unit: str, text: str) -> tuple[float, str]:
    if unit.startswith("m") and unit.casefold() in {"mw", "mwh"}:
        raise ValueError(f"{text!r}: {unit!r} means milli; say 'M{unit[1:]}' for mega")
    known = _UNITS.get(unit.casefold())
    if known is None:
        raise ValueError(
            f"{text!r} has the unknown unit {unit!r}; known are W, kW, MW, Wh, kWh, "
            "MWh, s, minutes, h, days, %, A, V, °C, W/s, kW/min, d.p. and per hour"
        )
    base, factor = known
    return number * factor, base


def _expect(text: str, unit: str, example: str) -> float:
    try:
        got = parse_quantity(text)
    except ValueError as error:
        raise ValueError(f"{error} (here: {example})") from None
    if got.unit != unit:
        raise ValueError(f"{text!r} is in {got.unit}; here it must be like {example}")
    return got.value


def parse_power_w(text: str) -> float:
    """Read a power, ``7.2 kW`` or ``1,400 W``. Import is positive. [W]"""
    return _expect(text, "W", "'7.2 kW' or '1400 W'")


def parse_energy_wh(text: str) -> float:
    """Read an energy, ``12 kWh``. [Wh]"""
    return _expect(text, "Wh", "'12 kWh'")


def parse_percent(text: str) -> float:
    """Read a percentage, ``5 %`` or ``−3.5 %``, as the number before the sign. [%]"""
    return _expect(text, "%", "'5 %'")


def parse_duration_s(text: str) -> float:
    """Read a duration: ``90 s``, ``2 minutes``, ``4 h``, ``1 h 30 min``. [s]

    Raises
    ------
    ValueError
        If it is not a number with a unit of time, or is negative.
    """
    plain = text.translate(_MINUS).strip().lower()
    parts = _DURATION_PART.findall(plain)
    leftover = _DURATION_PART.sub("", plain).replace("and", "").strip(" ,")
    seconds = [_UNITS.get(unit, ("", 0.0)) for _number, unit in parts]
    if not parts or leftover or any(unit != "s" for unit, _factor in seconds):
        raise ValueError(
            f"{text!r} is not a duration, such as '90 s', '2 minutes' or '1 h 30 min'"
        )
    return sum(
        float(number) * factor
        for (number, _unit), (_base, factor) in zip(parts, seconds, strict=True)
    )


def parse_clock(text: str) -> int:
    """Read a clock time, ``17:30`` or ``17:30:15``, as seconds of the local day. [s]

    ``24:00`` is the end of the day.

    Raises
    ------
    ValueError
        If it is not a 24-hour clock time.
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is not None:
        hour, minute, second = (int(part or 0) for part in found.groups())
        at_s = hour * 3600 + minute * 60 + second
        if minute < 60 and second < 60 and at_s <= 86400:
            return at_s
    raise ValueError(f"{text!r} is not a clock time, such as '17:30'")
