"""SunSpec information models as data, and numbers in and out of their points.

A model is a block of holding registers that begins with its number and its length;
each point of it has an offset from the model's number, a type and, for many, a scale
factor in another point: value = register x 10 ** scale factor. Each type has one bit
pattern that means "not implemented", which is never a number here.

Sources: SunSpec Device Information Model Specification 1.1 (2022) for types, patterns
and scale factors, not read itself: taken from the public reference client
(pysunspec2 1.3.7, ``mb.py``), so unverified; the offsets in ``sunspec_models/`` are
those of the public model definitions (github.com/sunspec/models, 2025), which a test
compares with the copy that pysunspec2 carries.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

Raw = int | float | str
"""What a point holds before its scale factor is applied."""

HEADER = 2
"""Registers before the part that a model's length counts: number and length."""
MOST_REGISTERS = 125
"""Registers in one read. Source: MODBUS Application Protocol V1.1b3, 6.3."""
SCALE_FACTORS = range(-10, 11)
"""Exponents that a scale factor may have (facts as above, unverified)."""

_CODES = {
    "int16": "h", "uint16": "H", "enum16": "H", "bitfield16": "H", "sunssf": "h",
    "pad": "H", "count": "H",
    "int32": "i", "uint32": "I", "enum32": "I", "bitfield32": "I", "acc32": "I",
    "int64": "q", "uint64": "Q", "acc64": "Q", "float32": "f",
}  # fmt: skip
_UNPACK = {kind: struct.Struct(f">{code}").unpack_from for kind, code in _CODES.items()}
_ABSENT: Mapping[str, int] = {
    "int16": -0x8000, "uint16": 0xFFFF, "enum16": 0xFFFF, "bitfield16": 0xFFFF,
    "sunssf": -0x8000, "pad": 0x8000, "count": 0xFFFF,
    "int32": -(1 << 31), "uint32": 0xFFFFFFFF, "enum32": 0xFFFFFFFF,
    "bitfield32": 0xFFFFFFFF, "acc32": 0,
    "int64": -(1 << 63), "uint64": (1 << 64) - 1, "acc64": 0,
}  # fmt: skip
_FLOAT_ABSENT = b"\x7f\xc0\x00\x00"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a model."""

    name: str
    offset: int
    """Registers after the model's number."""
    kind: str
    size: int
    """In registers."""
    scale: str
    """The point that holds its scale factor; empty if it has none."""
    writable: bool
    symbols: Mapping[str, int]
    """Names of an enumeration's values, or of a bit field's bit numbers."""


@dataclass(frozen=True, slots=True)
class Model:
    """One information model."""

    number: int
    name: str
    length: int
    """Registers after number and length, without repeating groups."""
    points: Mapping[str, Point]

    def symbol(self, point: str, name: str) -> int:
        """Return the value that a name of an enumeration stands for."""
        return self.points[point].symbols[name]

    def name_of(self, point: str, value: int) -> str:
        """Return what an enumeration's value is called, or its number."""
        symbols = self.points[point].symbols
        names = [name for name, number in symbols.items() if number == value]
        return names[0] if names else str(value)


@cache
def model(number: int) -> Model:
    """Return a model's definition.

    Raises
    ------
    FileNotFoundError
        If no definition of it is carried here.
    """
    path = files("devices.links") / "sunspec_models" / f"{number}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    points = {
        name: Point(
            name, offset, kind, size, scale, access == "rw",
            data["symbols"].get(name, {}),
        )
        for name, offset, kind, size, scale, access in data["points"]
    }  # fmt: skip
    return Model(data["id"], data["name"], data["length"], points)


def decode(point: Point, words: Sequence[int]) -> Raw | None:
    """Return what a point's registers hold, or None if it is not implemented.

    A float that is no number (nan, infinite) is None as well, and so is an
    accumulator at 0: its pattern for "not implemented" is 0.
    """
    return unpacked(point, struct.pack(f">{len(words)}H", *words), 0)


def unpacked(point: Point, data: bytes, at: int) -> Raw | None:
    """Return a point that begins at a byte of a block's bytes; see `decode`."""
    if point.kind == "string":
        text = data[at : at + 2 * point.size].split(b"\0")[0]
        return text.decode("latin-1").strip() or None
    value: Raw = _UNPACK[point.kind](data, at)[0]
    if point.kind == "float32":
        return value if abs(float(value)) < float("inf") else None
    return None if value == _ABSENT[point.kind] else value


def encode(point: Point, value: Raw | None) -> tuple[int, ...]:
    """Return a point's registers; None is the pattern for "not implemented".

    Raises
    ------
    ValueError
        If the value does not fit the point, or is the pattern that means nothing.
    """
    if point.kind == "string":
        text = str(value or "").encode("latin-1")
        if len(text) > 2 * point.size:
            raise ValueError(f"{value!r} does not fit {2 * point.size} characters")
        data = text.ljust(2 * point.size, b"\0")
    elif point.kind == "float32":
        data = _FLOAT_ABSENT if value is None else struct.pack(">f", value)
    else:
        data = _packed(point, value)
    return struct.unpack(f">{point.size}H", data)


def _packed(point: Point, value: Raw | None) -> bytes:
    absent = _ABSENT[point.kind]
    if value is not None and value == absent and not point.kind.startswith("acc"):
        raise ValueError(f"{value} means 'not implemented' in {point.name}")
    try:
        return struct.pack(">" + _CODES[point.kind], absent if value is None else value)
    except struct.error:
        raise ValueError(
            f"{value} does not fit {point.name}, of type {point.kind}"
        ) from None


def scaled(raw: float, exponent: int) -> float:
    """Return a register's number times ten to its scale factor, exactly rounded."""
    if exponent < 0:
        return raw / float(10**-exponent)
    return raw * float(10**exponent)


def unscaled(value: float, exponent: int) -> int:
    """Return the register's number that comes nearest to a value."""
    if exponent < 0:
        return round(value * float(10**-exponent))
    return round(value / float(10**exponent))


class Picker:
    """Some points of one model, and their scale factors, picked from one read.

    One read, because a scale factor may change from one moment to the next, and
    numbers of one moment must not be scaled by another's.

    Parameters
    ----------
    definition : Model
        The model.
    names : iterable of str
        Points that are wanted.

    Raises
    ------
    ValueError
        If they do not fit into one request.
    """

    def __init__(self, definition: Model, names: Iterable[str]) -> None:
        self.model = definition
        self._wanted = [definition.points[name] for name in names]
        scales = {each.scale for each in self._wanted if each.scale}
        self._scales = [definition.points[name] for name in sorted(scales)]
        every = self._wanted + self._scales
        self.offset = min(each.offset for each in every)
        """First register that is read, from the model's number."""
        self.count = max(each.offset + each.size for each in every) - self.offset
        """How many registers are read."""
        if self.count > MOST_REGISTERS:
            raise ValueError(f"{self.count} registers do not fit one request")
        self._struct = struct.Struct(f">{self.count}H")

    def pick(
        self, words: Sequence[int]
    ) -> tuple[dict[str, Raw | None], dict[str, int]]:
        """Return each point's scaled value, and the scale factors by name.

        A value that is not implemented is None; a scale factor is left out.

        Raises
        ------
        ValueError
            If a scale factor that is needed is missing or outside -10 to 10.
        """
        data = self._struct.pack(*words)
        exponents = {
            each.name: exponent
            for each in self._scales
            if isinstance(exponent := self._raw(each, data), int)
        }
        values = {
            each.name: self._value(each, data, exponents) for each in self._wanted
        }
        return values, exponents

    def _raw(self, point: Point, data: bytes) -> Raw | None:
        return unpacked(point, data, 2 * (point.offset - self.offset))

    def _value(
        self, point: Point, data: bytes, exponents: Mapping[str, int]
    ) -> Raw | None:
        raw = self._raw(point, data)
        if raw is None or not point.scale or isinstance(raw, str):
            return raw
        exponent = exponents.get(point.scale)
        if exponent is None or exponent not in SCALE_FACTORS:
            said = "is not implemented" if exponent is None else f"holds {exponent}"
            raise ValueError(f"{point.name} has no scale: {point.scale} {said}")
        return scaled(raw, exponent)
