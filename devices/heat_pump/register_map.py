"""What a register is: one shape for every maker's map.

A map module holds one maker's registers as data, each with its document, and knows
nothing of wires. Addresses are 0-based wire addresses; `Base` says how the maker's
own lists count, since that is where most mistakes are made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from devices.links.codec import (
    s16_of,
    s32_of,
    u32_of,
    word_of_s16,
    words_of_s32,
    words_of_u32,
)

Kind = Literal["u8", "u16", "s16", "u32", "s32", "k+M"]
"""How a number is spread: ``k+M`` is two registers, units and thousands, as kWh and
MWh beside each other."""
Space = Literal["input", "holding"]
TWO_WORDS = frozenset({"u32", "s32", "k+M"})


@dataclass(frozen=True, slots=True)
class Register:
    """One value of a map: where it is, how it is written, where that is from."""

    name: str
    space: Space
    address: int
    """0-based address on the wire."""
    kind: Kind
    unit: str
    source: str
    status: Literal["verified", "unverified"]
    divisor: float = 1.0
    """Raw value = value in `unit` times this."""
    writable: bool = False
    highest: int = 0xFFFF
    """Highest raw value that a writable register takes; the lowest is 0."""
    low_first: bool = False
    """Of two words, whether the low one comes first."""
    no_value: int | None = None
    """The word that stands for "no such sensor"."""

    @property
    def words(self) -> int:
        """How many 16-bit registers it takes."""
        return 2 if self.kind in TWO_WORDS else 1


@dataclass(frozen=True, slots=True)
class Base:
    """How a maker's lists number registers: what to add to a wire address."""

    input: int
    holding: int

    def document(self, register: Register) -> int:
        """Return the number of a register in the maker's lists."""
        offset = self.input if register.space == "input" else self.holding
        return register.address + offset


@dataclass(frozen=True, slots=True)
class Known:
    """A value that can be judged before anything is written."""

    register: Register
    lowest: float
    highest: float
    optional: bool = False
    """Whether a machine may be without this sensor."""


def decode(register: Register, words: Sequence[int]) -> float:
    """Return the value of raw registers in the register's unit; ``nan`` for none."""
    if words[0] == register.no_value:
        return math.nan
    match register.kind:
        case "u32":
            raw = u32_of(words, low_first=register.low_first)
        case "s32":
            raw = s32_of(words, low_first=register.low_first)
        case "k+M":
            raw = words[0] + 1000 * words[1]
        case "s16":
            raw = s16_of(words[0])
        case _:
            raw = words[0]
    return raw / register.divisor


def encode(register: Register, value: float) -> list[int]:
    """Return raw registers for a value; ``nan`` gives the maker's word for none.

    Raises
    ------
    ValueError
        If the value does not fit the register.
    """
    if math.isnan(value):
        if register.no_value is None:
            raise ValueError(f"{register.name} has no word for no value")
        return [register.no_value] * register.words
    raw = round(value * register.divisor)
    low, high = _RANGE[register.kind]
    if not low <= raw <= high:
        raise ValueError(f"{value} {register.unit} does not fit {register.name}")
    match register.kind:
        case "u32":
            return list(words_of_u32(raw, low_first=register.low_first))
        case "s32":
            return list(words_of_s32(raw, low_first=register.low_first))
        case "k+M":
            return [raw % 1000, raw // 1000]
        case "s16":
            return [word_of_s16(raw)]
        case _:
            return [raw]


_RANGE: dict[Kind, tuple[int, int]] = {
    "u8": (0, 0xFF),
    "u16": (0, 0xFFFF),
    "s16": (-0x8000, 0x7FFF),
    "u32": (0, 0xFFFFFFFF),
    "s32": (-0x80000000, 0x7FFFFFFF),
    "k+M": (0, 65_535_999),
}


def blocks(registers: Iterable[Register], *, gap: int) -> list[list[Register]]:
    """Group registers that one request can read: neighbours in one space.

    Parameters
    ----------
    registers : iterable of Register
        In any order.
    gap : int
        How many registers that are not asked for may lie between two that are.
    """
    ordered = sorted(registers, key=lambda each: (each.space, each.address))
    groups = [[each] for each in ordered[:1]]
    for before, after in pairwise(ordered):
        free = after.address - before.address - before.words
        if after.space == before.space and free <= gap:
            groups[-1].append(after)
        else:
            groups.append([after])
    return groups


def check_map(registers: Sequence[Register]) -> None:
    """Refuse a map in which two values share a register.

    Raises
    ------
    ValueError
        Naming both.
    """
    taken: dict[tuple[Space, int], Register] = {}
    for each in registers:
        for address in range(each.address, each.address + each.words):
            other = taken.setdefault((each.space, address), each)
            if other is not each:
                raise ValueError(f"{each.name} and {other.name} share {address}")
