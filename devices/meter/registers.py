"""How a Modbus meter's registers are described: as data, in one shape for all makes.

A map says where each value is, how it is encoded and in what unit it comes. The driver
and the emulator read the same map, so only tests with a maker's own bytes can find a
wrong row in it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a number is spread over registers."""

    code: Literal["f", "h", "H", "i", "I", "q", "Q"]
    """As in `struct`: single; 16, 32 and 64 bits, signed or (capital) not."""
    low_first: bool = False
    """Whether the word with the lowest bits comes first."""
    missing: int | None = None
    """The number that means "no value", as it stands in the registers."""

    @property
    def words(self) -> int:
        """Return the number of registers."""
        return _shape(self.code).words

    def words_of(self, value: float) -> tuple[int, ...]:
        """Spread a number over registers; one that is too large sticks at the end.

        ``nan`` becomes `missing`, or in a single stays what it is.

        Raises
        ------
        ValueError
            If it is ``nan`` and this encoding has nothing to say so.
        """
        shape = _shape(self.code)
        raw: float = value
        if self.code != "f":
            if math.isnan(value):
                if self.missing is None:
                    raise ValueError(f"nothing in {self} says that a value is missing")
                raw = self.missing
            else:
                highest = shape.highest - (self.missing == shape.highest)
                raw = min(max(round(value), shape.lowest), highest)
        words = shape.registers.unpack(shape.number.pack(raw))
        return words[::-1] if self.low_first else words

    def value_of(self, words: Sequence[int]) -> float:
        """Return the number in these registers; ``nan`` if it is `missing`."""
        shape = _shape(self.code)
        ordered = words[::-1] if self.low_first else words
        value: float = shape.number.unpack(shape.registers.pack(*ordered))[0]
        return math.nan if value == self.missing else value


class _Shape(NamedTuple):
    """What follows from a code of `struct`."""

    number: struct.Struct
    registers: struct.Struct
    words: int
    lowest: int
    highest: int


@cache
def _shape(code: str) -> _Shape:
    size = struct.calcsize(code)
    bits = 8 * size - code.islower()
    lowest = -(1 << bits) if code.islower() else 0
    registers = struct.Struct(f">{size // 2}H")
    return _Shape(
        struct.Struct(f">{code}"), registers, size // 2, lowest, (1 << bits) - 1
    )


F32 = Encoding("f")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a meter: where it is, what it is, and in what unit it comes."""

    address: int
    """Register of the first word, 0-based as on the wire."""
    quantity: str
    """Channel that it becomes, with its unit; in the emulator, a key of `values_of`."""
    factor: float = 1.0
    """From the meter's unit to ours: 1,000 for kWh."""
    encoding: Encoding = F32


@dataclass(frozen=True, slots=True)
class Block:
    """Parameters that one request reads."""

    parameters: tuple[Parameter, ...]

    @property
    def address(self) -> int:
        """Return the first register."""
        return min(each.address for each in self.parameters)

    @property
    def count(self) -> int:
        """Return the number of registers, gaps and all."""
        ends = [each.address + each.encoding.words for each in self.parameters]
        return max(ends) - self.address


@dataclass(frozen=True, slots=True)
class Word:
    """Something a meter says of itself: a serial number, a type."""

    what: Literal["model", "serial", "firmware"]
    address: int
    count: int
    is_text: bool = False
    """Two letters in each register; else an unsigned number, high word first."""
    emulated: str = ""
    """What an emulator says; a serial number follows from its role."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a meter answers to a request that it does not like."""

    functions: frozenset[int]
    """Function codes that it knows."""
    spans: tuple[tuple[int, int], ...]
    """First and last register of each stretch that can be read."""
    gap: int = 0
    """What a register without a value in such a stretch holds."""
    most: int = 125
    """Most registers in one request."""
    whole_values: bool = False
    """Whether it refuses odd addresses and counts."""

    def allow(self, address: int, count: int) -> bool:
        """Whether these registers can be read in one request."""
        if count > self.most or (self.whole_values and (address % 2 or count % 2)):
            return False
        last = address + count - 1
        return any(first <= address and last <= end for first, end in self.spans)


@dataclass(frozen=True, slots=True)
class MeterMap:
    """All that driver and emulator know of a model."""

    maker: str
    model: str
    document: str
    function: Literal[3, 4]
    """Function code that reads its values."""
    parameters: tuple[Parameter, ...]
    """Every value that the emulator has."""
    fast: tuple[str, ...]
    """Quantities that one request reads at every poll."""
    slow: tuple[str, ...]
    """Those that one request reads at every so many polls: energy moves slowly, and
    9,600 baud are few."""
    rules: Rules
    identity: tuple[Word, ...] = ()
    """Read with function 03."""
    node_register: int | None = None
    """Holding register of its unit id, a single, in the emulator."""

    @property
    def quantities(self) -> tuple[str, ...]:
        """Return every quantity that the driver reads, the fast ones first."""
        return self.fast + self.slow

    def block(self, quantities: Collection[str]) -> Block:
        """Return the block that reads these quantities."""
        rows = {each.quantity: each for each in self.parameters}
        return Block(tuple(rows[quantity] for quantity in quantities))
