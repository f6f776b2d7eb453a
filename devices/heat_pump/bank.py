"""What an emulated device answers on Modbus: its registers, or the coils of a relay.

Both keep what was written, tell their owner of every change, and have the faults of
registers: exceptions, silence, values that stand still, words the wrong way round,
writes that are undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from devices.heat_pump.faults import Faults
from devices.heat_pump.register_map import Register, Space, blocks, encode
from devices.links.modbus_pdu import ILLEGAL_ADDRESS, ILLEGAL_VALUE
from devices.links.modbus_server import ModbusRefusal, ModbusSilence
from harness.core.faults import FaultKind

K = TypeVar("K", bound=Hashable)


class Held(Generic[K]):
    """Values that were written, and their undoing.

    Parameters
    ----------
    at_power_on : mapping
        Every writable place with its first value.
    faults : Faults
        The device's.
    on_write : callable
        Told which places the wire wrote, changed or not, before `on_change`.
    on_change : callable
        Told that values may have changed, whoever changed them.
    """

    def __init__(
        self,
        at_power_on: Mapping[K, int],
        faults: Faults,
        on_write: Callable[[Sequence[K]], None],
        on_change: Callable[[], None],
    ) -> None:
        self.values = dict(at_power_on)
        self._at_power_on, self._faults = at_power_on, faults
        self._on_write, self._on_change = on_write, on_change
        self._undoing: set[asyncio.TimerHandle] = set()

    def write(self, new: Mapping[K, int]) -> None:
        """Take values from the wire; undo them later if that fault is on."""
        before = {place: self.values[place] for place in new}
        self._on_write(list(new))
        self._set(new)
        if FaultKind.SILENT_REVERT in self._faults and before != dict(new):
            self._undo_later(before, self._faults.amount(FaultKind.SILENT_REVERT))

    def _undo_later(self, before: Mapping[K, int], after_s: float) -> None:
        timer: asyncio.TimerHandle

        def undo() -> None:
            self._undoing.discard(timer)
            self._set(before)

        timer = asyncio.get_running_loop().call_later(after_s, undo)
        self._undoing.add(timer)

    def keep(self) -> None:
        """Undo nothing that is still to be undone."""
        for timer in self._undoing:
            timer.cancel()
        self._undoing.clear()

    def reset(self) -> None:
        """Go back to how it is switched on."""
        self.keep()
        self._set(self._at_power_on)

    def _set(self, new: Mapping[K, int]) -> None:
        self.values.update(new)
        self._on_change()


def answer_at_all(faults: Faults) -> None:
    """Keep silent, or refuse, if such a fault is on."""
    if FaultKind.GAP in faults or FaultKind.REBOOTS in faults:
        raise ModbusSilence
    if FaultKind.EXCEPTION in faults:
        raise ModbusRefusal(int(faults.amount(FaultKind.EXCEPTION)))


class RegisterBank:
    """A maker's map with live values behind it.

    Parameters
    ----------
    sources : mapping
        Every register that is measured, with where its value comes from.
    held : Held
        Every register that is written.
    faults : Faults
        The device's.
    base_offset : int
        What the device's own count of addresses adds to the map's: 0 if the map is
        right.
    hole : int or None
        What stands in registers of no meaning between others; None if those are
        refused, and values of two registers can only be read whole.
    gap : int
        How wide such holes are at most.
    """

    def __init__(
        self,
        sources: Mapping[Register, Callable[[], float]],
        held: Held[Register],
        faults: Faults,
        *,
        base_offset: int = 0,
        hole: int | None = None,
        gap: int = 0,
    ) -> None:
        self._sources, self.held, self._faults = sources, held, faults
        self._offset, self._hole = base_offset, hole
        self._still: dict[Register, list[int]] = {}
        registers = [*sources, *held.values]
        self._places = {
            (each.space, each.address + index): (each, index)
            for each in registers
            for index in range(each.words)
        }
        self._spans = [
            (group[0].space, group[0].address, group[-1].address)
            for group in blocks(registers, gap=gap)
        ]

    def freeze(self) -> None:
        """Let every measured value stand still as it is now."""
        self._still = {
            each: encode(each, source()) for each, source in self._sources.items()
        }

    def thaw(self) -> None:
        """Let values live again."""
        self._still = {}

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Answer function 04."""
        return self._read("input", address, count)

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Answer function 03."""
        return self._read("holding", address, count)

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Answer functions 06 and 16; nothing is written unless all of it can be."""
        answer_at_all(self._faults)
        new: dict[Register, int] = {}
        for at, value in enumerate(values, address - self._offset):
            place = self._places.get(("holding", at))
            if place is None or place[0] not in self.held.values:
                raise ModbusRefusal(ILLEGAL_ADDRESS)
            register = place[0]
            if value > register.highest:
                raise ModbusRefusal(ILLEGAL_VALUE)
            new[register] = value
        self.held.write(new)

    def _read(self, space: Space, address: int, count: int) -> Sequence[int]:
        answer_at_all(self._faults)
        first = address - self._offset
        words: list[int] = []
        while len(words) < count:
            words += self._at(space, first + len(words), count - len(words))
        return words

    def _at(self, space: Space, at: int, room: int) -> list[int]:
        """Return the words from an address on, of one value or of a hole."""
        place = self._places.get((space, at))
        if place is None:
            if self._hole is None or not self._is_between(space, at):
                raise ModbusRefusal(ILLEGAL_ADDRESS)
            return [self._hole]
        register, index = place
        if self._hole is None and (index or register.words > room):
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        return self._words(register)[index : index + room]

    def _words(self, register: Register) -> list[int]:
        if register in self.held.values:
            return [self.held.values[register]]
        words = self._still.get(register)
        if words is None:
            words = encode(register, self._sources[register]())
        return words[::-1] if FaultKind.WORD_SWAP in self._faults else words

    def _is_between(self, space: Space, at: int) -> bool:
        return any(
            space == of and first <= at <= last for of, first, last in self._spans
        )


class RelayBoard:
    """A relay card: coils, and a register that holds its own address.

    Parameters
    ----------
    held : Held
        The coils by number, 0 or 1.
    faults : Faults
        The device's.
    unit : int
        Its address on the bus.
    base_offset : int
        As for `RegisterBank`.
    """

    ADDRESS_REGISTER = 0x4000
    """Source: Waveshare, Modbus RTU Relay protocol V2, "read device address"."""

    def __init__(
        self, held: Held[int], faults: Faults, *, unit: int, base_offset: int = 0
    ) -> None:
        self.held, self._faults = held, faults
        self._unit, self._offset = unit, base_offset
        self._still: dict[int, int] = {}

    def freeze(self) -> None:
        """Let what is read back stand still."""
        self._still = dict(self.held.values)

    def thaw(self) -> None:
        """Read back what is there."""
        self._still = {}

    def read_coils(self, address: int, count: int) -> Sequence[bool]:
        """Answer function 01."""
        answer_at_all(self._faults)
        values = self._still or self.held.values
        first = address - self._offset
        if any(at not in values for at in range(first, first + count)):
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        return [bool(values[at]) for at in range(first, first + count)]

    def read_discretes(self, address: int, count: int) -> Sequence[bool]:
        """Refuse: the card has no inputs."""
        raise ModbusRefusal(ILLEGAL_ADDRESS)

    def write_coils(self, address: int, values: Sequence[bool]) -> None:
        """Answer functions 05 and 15."""
        answer_at_all(self._faults)
        first = address - self._offset
        new = {first + at: int(value) for at, value in enumerate(values)}
        if not set(new) <= set(self.held.values):
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        self.held.write(new)

    def read_input(self, address: int, count: int) -> Sequence[int]:
        """Refuse: the card has no input registers."""
        raise ModbusRefusal(ILLEGAL_ADDRESS)

    def read_holding(self, address: int, count: int) -> Sequence[int]:
        """Answer function 03: its own address."""
        answer_at_all(self._faults)
        if (address - self._offset, count) != (self.ADDRESS_REGISTER, 1):
            raise ModbusRefusal(ILLEGAL_ADDRESS)
        return [self._unit]

    def write_holding(self, address: int, values: Sequence[int]) -> None:
        """Refuse: its settings are not emulated."""
        raise ModbusRefusal(ILLEGAL_ADDRESS)
