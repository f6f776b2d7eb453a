"""What the drivers of register heat pumps have in common: read, judge, write, verify.

Nothing is written before the machine's map was judged by values that can be known: an
outdoor temperature, a state, an identification. A map that is off by one address, or
another maker's, fails that and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydantic import Field

from devices.heat_pump.register_map import Known, Register, blocks, decode
from devices.links.modbus import ModbusLink
from harness.core.bench import DeviceContext, Options
from harness.core.errors import LinkError
from harness.core.recording import Reading


class MachineOptions(Options):
    """How a driver treats a register heat pump."""

    timeout_s: float = Field(1.0, gt=0)
    """For a connection, and for a reply. [s]"""
    poll_interval_s: float = Field(10.0, gt=0)


class Machine:
    """A maker's registers over a link.

    Parameters
    ----------
    context : DeviceContext
        For error messages.
    link : ModbusLink
        Where the registers are.
    known : sequence of Known
        What is read and judged before the first write.
    fits : str
        Which machines the map is for: the hint if it does not fit.
    gap : int
        How many registers of no interest one request may read over.
    multiple : bool
        Whether single registers too are written with function 16.
    """

    def __init__(
        self,
        context: DeviceContext,
        link: ModbusLink,
        *,
        known: Sequence[Known],
        fits: str,
        gap: int = 0,
        multiple: bool = False,
    ) -> None:
        self._where = f"{context.where} {context.address}"
        self._link, self._known, self._fits = link, known, fits
        self._gap, self._multiple = gap, multiple
        self.is_judged = False
        """Whether the map was found to fit, once."""

    async def connect(self) -> None:
        """Open the wire, and judge the map."""
        await self._link.connect()
        await self.judge()

    async def judge(self) -> None:
        """Read what can be known, and refuse a map that does not fit.

        Raises
        ------
        LinkError
            Naming the register and what it gives; nothing was written then.
        """
        found = await self.read_all([each.register for each in self._known])
        for each in self._known:
            value = found[each.register]
            if math.isnan(value) and each.optional:
                continue
            if not each.lowest <= value <= each.highest:
                raise self._unfit(each.register, value)
        self.is_judged = True

    async def read(self, register: Register) -> float:
        """Return one value in its unit; ``nan`` where the machine has none."""
        link = self._link
        ask = link.read_input if register.space == "input" else link.read_holding
        return decode(register, await ask(register.address, register.words))

    async def read_all(self, registers: Iterable[Register]) -> dict[Register, float]:
        """Return several values, with as few requests as `gap` allows."""
        values: dict[Register, float] = {}
        for group in blocks(registers, gap=self._gap):
            values |= await self._read_block(group)
        return values

    async def readings(self, registers: Sequence[Register]) -> list[Reading]:
        """Return several values as a poll gives them."""
        values = await self.read_all(registers)
        return [Reading(each.name, values[each]) for each in registers]

    async def _read_block(self, group: Sequence[Register]) -> dict[Register, float]:
        first, last = group[0], group[-1]
        count = last.address + last.words - first.address
        link = self._link
        ask = link.read_input if first.space == "input" else link.read_holding
        words = await ask(first.address, count)
        return {
            each: decode(each, words[at : at + each.words])
            for each in group
            for at in [each.address - first.address]
        }

    async def set(self, register: Register, raw: int) -> tuple[int, int]:
        """Write unless it is there already; return what was there and what is.

        Raises
        ------
        LinkError
            If the wire fails, or what is there cannot be in this register: then the
            map does not fit and nothing is written.
        """
        found = await self.found(register)
        if found == raw:
            return found, found
        await self.write(register, raw)
        return found, await self.raw(register)

    async def found(self, register: Register) -> int:
        """Return what a writable register holds, if that can be.

        Raises
        ------
        LinkError
            If it is above the highest value that the register takes.
        """
        raw = await self.raw(register)
        if raw > register.highest:
            raise self._unfit(register, raw / register.divisor)
        return raw

    async def raw(self, register: Register) -> int:
        """Return a writable register as it is."""
        return (await self._link.read_holding(register.address, 1))[0]

    async def write(self, register: Register, raw: int) -> None:
        """Write a register and check the echo."""
        if self._multiple:
            await self._link.write_registers(register.address, [raw])
        else:
            await self._link.write_register(register.address, raw)

    def _unfit(self, register: Register, value: float) -> LinkError:
        if register.name == "outdoor_c":
            what = f"an outdoor temperature of {value:g} °C"
        else:
            what = f"{value:g} {register.unit}".strip() + f" for {register.name}"
        return LinkError(
            self._where,
            f"{register.space} register {register.address} gives {what}, so the "
            "register map does not fit",
            self._fits,
        )
