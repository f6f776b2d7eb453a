"""The registers of an emulated SunSpec device, and what can go wrong with them.

A `Chain` is the map: models one after the other, each point either implemented, with
a value, or holding the pattern that says it is not. `Served` answers Modbus requests
from it: it asks the emulator to renew the moving values before a read, and tells it
which points were written.

Choices where the documents leave one (unverified): a write must cover whole points;
one that covers a point that cannot be written, or is not implemented, is refused with
exception 02, a value that the point does not know with 03.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from devices.links.modbus_pdu import DEVICE_FAILURE, ILLEGAL_ADDRESS, ILLEGAL_VALUE
from devices.links.modbus_server import ModbusRefusal, ModbusSilence
from devices.links.sunspec import END, MARKER
from devices.links.sunspec_map import (
    HEADER,
    Model,
    Point,
    Raw,
    decode,
    encode,
    scaled,
)
from harness.core.faults import Fault, FaultKind

FUNCTIONS = frozenset({3, 6, 16})
"""SunSpec uses holding registers, and these functions only (unverified)."""
REGISTER_FAULTS = (
    FaultKind.EXCEPTION,
    FaultKind.STALE,
    FaultKind.WORD_SWAP,
    FaultKind.GAP,
)
"""What `Served` can suffer from."""
Key = tuple[int, str]
"""A point: number of its model, its name."""


class _Slot(NamedTuple):
    """How a scaled value gets into its registers."""

    at: int
    size: int
    low: int
    high: int
    factor: float
    absent: tuple[int, ...]


class Chain:
    """Models in holding registers, from the marker to the end mark.

    Parameters
    ----------
    base : int
        Register of the marker.
    models : sequence of Model
        In the order of the map; every point not implemented at first.
    """

    def __init__(self, base: int, models: Sequence[Model]) -> None:
        self.base = base
        self.words = list(MARKER)
        self.placed: dict[Key, tuple[int, Point]] = {}
        """Where each point begins, counted from the marker."""
        self.owner: dict[int, Key] = {}
        """Which point begins at a place."""
        self.spans: dict[int, tuple[int, int]] = {}
        """Where each model begins and ends."""
        self._slots: dict[Key, _Slot] = {}
        for each in models:
            self._append(each)
        self.words += [END, 0]

    def _append(self, added: Model) -> None:
        start = len(self.words)
        self.spans[added.number] = (start, start + HEADER + added.length)
        for name, point in added.points.items():
            at = start + point.offset
            self.placed[added.number, name] = (at, point)
            self.owner[at] = (added.number, name)
            self.words += encode(point, None)
        self.put(added.number, {"ID": added.number, "L": added.length})

    def put(self, number: int, values: Mapping[str, Raw | None]) -> None:
        """Set points to raw register values, not scaled."""
        for name, value in values.items():
            at, point = self.placed[number, name]
            self.words[at : at + point.size] = encode(point, value)
            if point.kind == "sunssf":
                self._slots.clear()

    def show(self, number: int, values: Mapping[str, float | None]) -> None:
        """Set points to values, scaled; one that does not fit shows its nearest."""
        words, slots = self.words, self._slots
        for name, value in values.items():
            key = (number, name)
            slot = slots.get(key) or self._slot(key)
            if value is None:
                words[slot.at : slot.at + slot.size] = slot.absent
                continue
            raw = round(value * slot.factor)
            raw = slot.low if raw < slot.low else min(raw, slot.high)
            # What `encode` does as well, without the checks that the range has made:
            # this runs for a dozen points at every read.
            for place in range(slot.at + slot.size - 1, slot.at - 1, -1):
                words[place] = raw & 0xFFFF
                raw >>= 16

    def _slot(self, key: Key) -> _Slot:
        """Work out once what showing a value needs."""
        at, point = self.placed[key]
        factor = 10.0 ** -self._exponent(key[0], point)
        slot = _Slot(at, point.size, *_RANGE[point.kind], factor, encode(point, None))
        self._slots[key] = slot
        return slot

    def _exponent(self, number: int, point: Point) -> int:
        return int(self.raw(number, point.scale) or 0) if point.scale else 0

    def raw(self, number: int, name: str) -> Raw | None:
        """Return what a point holds, not scaled."""
        at, point = self.placed[number, name]
        return decode(point, self.words[at : at + point.size])

    def value(self, number: int, name: str) -> float | None:
        """Return a number, scaled, or None if the point is not implemented."""
        raw = self.raw(number, name)
        _, point = self.placed[number, name]
        if raw is None or isinstance(raw, str):
            return None
        return scaled(raw, self._exponent(number, point))

    def models_in(self, first: int, count: int) -> list[int]:
        """Return the numbers of the models that a stretch of registers touches."""
        return [
            number
            for number, (start, end) in self.spans.items()
            if start < first + count and first < end
        ]


_RANGE = {
    "int16": (-0x7FFF, 0x7FFF), "uint16": (0, 0xFFFE),
    "int32": (-0x7FFFFFFF, 0x7FFFFFFF), "uint32": (0, 0xFFFFFFFE),
    "uint64": (0, (1 << 64) - 2), "acc32": (0, 0xFFFFFFFF),
    "enum16": (0, 0xFFFE), "bitfield32": (0, 0x7FFFFFFF),
}  # fmt: skip
"""What a scaled point can hold, without the pattern for "not implemented"."""


class Served:
    """Answers Modbus requests from a chain.

    Parameters
    ----------
    chain : Chain
        The registers.
    renew : callable
        Called with each model that a read touches, to put its moving values in.
    written : callable
        Called with the points of one write, once all of them are in the registers.
    allows : callable
        Whether a point may take a raw value; called before anything is written.
    """

    def __init__(
        self,
        chain: Chain,
        *,
        renew: Callable[[int], None],
        written: Callable[[Sequence[Key]], None],
        allows: Callable[[Key, Raw], bool],
    ) -> None:
        self._chain, self._renew = chain, renew
        self._written, self._allows = written, allows
        self._faults: dict[FaultKind, Fault] = {}
        self._stale: list[int] = []

    def impose(self, fault: Fault) -> None:
        """Suffer from one of `REGISTER_FAULTS` from now on."""
        if fault.kind is FaultKind.STALE:
            self._renew_all()
            self._stale = list(self._chain.words)
        self._faults[fault.kind] = fault

    def lift(self, kind: FaultKind) -> None:
        """Be well again."""
        self._faults.pop(kind, None)

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Refuse: there are no input registers."""
        raise ModbusRefusal(ILLEGAL_ADDRESS)

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Answer function 03 with any stretch of the map."""
        self._suffer()
        first = self._inside(address, count)
        if FaultKind.STALE in self._faults:
            return self._swapped(self._stale, first, count)
        for number in self._chain.models_in(first, count):
            self._renew(number)
        return self._swapped(self._chain.words, first, count)

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Answer functions 06 and 16: all of it, or nothing."""
        self._suffer()
        first = self._inside(address, len(values))
        keys, at = [], first
        while at < first + len(values):
            key, end = self._writable(at)
            words = values[at - first : end - first]
            if self._is_news(key, words, end - at):
                keys.append(key)
            at = end
        self._chain.words[first : first + len(values)] = values
        self._written(keys)

    def _renew_all(self) -> None:
        for number in self._chain.models_in(0, len(self._chain.words)):
            self._renew(number)

    def _suffer(self) -> None:
        if FaultKind.GAP in self._faults:
            raise ModbusSilence
        fault = self._faults.get(FaultKind.EXCEPTION)
        if fault is not None:
            code = DEVICE_FAILURE if math.isnan(fault.amount) else int(fault.amount)
            raise ModbusRefusal(code)

    def _inside(self, address: int, count: int) -> int:
        first = address - self._chain.base
        if first < 0 or first + count > len(self._chain.words):
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        return first

    def _writable(self, at: int) -> tuple[Key, int]:
        """Return the writable point that begins at a place, and where it ends."""
        key = self._chain.owner.get(at)
        if key is None:
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        _, point = self._chain.placed[key]
        if not point.writable:
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        return key, at + point.size

    def _is_news(self, key: Key, words: Sequence[int], size: int) -> bool:
        """Check a point's new registers; False for one that stays absent."""
        _, point = self._chain.placed[key]
        if len(words) < size:
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        value, held = decode(point, words), self._chain.raw(*key)
        if held is None and value is not None:
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        if held is None:
            return False
        known = not point.symbols or value in point.symbols.values()
        if value is None or not known or not self._allows(key, value):
            raise ModbusRefusal(ILLEGAL_VALUE)
        return True

    def _swapped(self, words: Sequence[int], first: int, count: int) -> Sequence[int]:
        """Return a stretch; numbers of several registers reversed if so broken."""
        if FaultKind.WORD_SWAP not in self._faults:
            return words[first : first + count]
        turned = list(words)
        for at, point in self._chain.placed.values():
            if point.size > 1 and point.kind != "string":
                turned[at : at + point.size] = turned[at : at + point.size][::-1]
        return turned[first : first + count]


def refusal_of(kinds: Iterable[FaultKind], kind: FaultKind) -> ValueError:
    """Return the error for a fault that an emulator cannot have."""
    can = ", ".join(f"'{each}'" for each in kinds)
    return ValueError(f"it cannot have the fault '{kind}'; it can: {can}")
