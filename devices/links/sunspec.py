"""A SunSpec device over a Modbus link: find its map, read its points, write them.

The map begins with the four characters ``SunS`` at holding register 40000, 0 or
50000 (looked for in this order, as pysunspec2 does), followed by models, each with
its number and its length, up to the number FFFF. Source: SunSpec Device Information
Model Specification 1.1, by way of pysunspec2 1.3.7 and the SolarNetwork wiki
("SunSpec model discovery"): unverified.

Writes go out as function 16 even for one register: some devices know no other
(pysunspec2 issue 104).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from devices.links.modbus import ModbusLink, RegisterRefused
from devices.links.sunspec_map import (
    HEADER,
    SCALE_FACTORS,
    Picker,
    Point,
    Raw,
    encode,
    model,
    scaled,
    unscaled,
)
from harness.core.bench import DeviceContext
from harness.core.capabilities import Identity
from harness.core.errors import LinkError

BASES = (40000, 0, 50000)
"""Where a map may begin, in the order in which it is looked for."""
MARKER = [0x5375, 0x6E53]
"""``SunS``."""
END = 0xFFFF
"""Model number that ends the map."""
MOST_MODELS = 100
"""More than any device has: a chain that goes on for longer is no chain."""
COMMON = 1


class SunSpecLink:
    """The models of one device, found once, read and written by point names.

    Parameters
    ----------
    context : DeviceContext
        Gives the address, and takes every frame.
    timeout_s : float
        Longest wait for a reply; looking for the map takes up to three. [s]
    """

    def __init__(self, context: DeviceContext, *, timeout_s: float = 1.0) -> None:
        self.modbus = ModbusLink(context, timeout_s=timeout_s)
        self.where = f"{context.where} {context.address}"
        self._placed: dict[int, tuple[int, int]] = {}
        self._scales: dict[tuple[int, str], int] = {}
        self._pickers: dict[tuple[int, tuple[str, ...]], Picker] = {}

    @property
    def models(self) -> tuple[int, ...]:
        """Numbers of the models that were found, in the order of the map."""
        return tuple(self._placed)

    async def open(self) -> None:
        """Connect and walk the map.

        Raises
        ------
        LinkError
            If nobody answers, or what answers has no map, or one without end.
        """
        await self.modbus.connect()
        placed: dict[int, tuple[int, int]] = {}
        address = await self._begin() + len(MARKER)
        for _ in range(MOST_MODELS):
            number, length = await self._header(address)
            if number == END:
                break
            if not placed and number != COMMON:
                raise self.wrong(f"the map begins with model {number}, not {COMMON}")
            # A model that comes twice (a second string of cells) stays unread.
            placed.setdefault(number, (address, length))
            address += HEADER + length
        else:
            raise self.wrong(f"the map has no end within {MOST_MODELS} models")
        self._placed = placed
        self._scales.clear()

    def close(self) -> None:
        """Let go of the wire; safe to call twice."""
        self.modbus.close()

    async def identify(self) -> Identity:
        """Return maker, model, serial number and version of model 1."""
        # The whole model is 66 or 65 registers; the padding is left alone.
        said = await self.read(COMMON, ("Mn", "Md", "Vr", "SN"))
        text = {name: str(value or "") for name, value in said.items()}
        return Identity(text["Mn"], text["Md"], text["SN"], text["Vr"])

    async def read(self, number: int, names: Iterable[str]) -> dict[str, Raw | None]:
        """Read points of a model in one request, scaled.

        Returns
        -------
        dict
            Value by name; None where the device does not implement the point.

        Raises
        ------
        LinkError
            If the model is missing or too short, a scale factor makes no sense, or
            the wire fails.
        """
        picker = self._picker(number, tuple(names))
        address, length = self._place(number)
        if picker.offset + picker.count > HEADER + length:
            raise self.wrong(
                f"model {number} has {length} registers, too few for what is read of it"
            )
        words = await self.modbus.read_holding(address + picker.offset, picker.count)
        try:
            values, exponents = picker.pick(words)
        except ValueError as error:
            raise self.wrong(f"model {number}: {error}") from error
        for name, exponent in exponents.items():
            self._scales[number, name] = exponent
        return values

    async def number(self, number: int, name: str) -> float:
        """Read one point that must be there and be a number."""
        value = (await self.read(number, (name,)))[name]
        return self.must(number, name, value)

    def must(self, number: int, name: str, value: Raw | None) -> float:
        """Return a value as a number.

        Raises
        ------
        LinkError
            If the device does not implement it.
        """
        if value is None or isinstance(value, str):
            raise self.wrong(f"model {number} does not implement {name}")
        return float(value)

    async def write(
        self, number: int, settings: Mapping[str, float]
    ) -> dict[str, float]:
        """Write points of a model, in the order given, neighbours in one request.

        Returns
        -------
        dict
            What was written: the values as their scale factors allow them.

        Raises
        ------
        LinkError
            If the model is missing, a value does not fit, or the device refuses.
        """
        run: list[int] = []
        first = 0
        written = {}
        for name, value in settings.items():
            point = model(number).points[name]
            exponent = await self.scale_factor(number, name)
            register = unscaled(value, exponent)
            written[name] = scaled(register, exponent)
            words = self._words(number, point, register)
            if run and first + len(run) != point.offset:
                await self._send(number, first, run)
                run = []
            if not run:
                first = point.offset
            run.extend(words)
        if run:
            await self._send(number, first, run)
        return written

    async def scale_factor(self, number: int, name: str) -> int:
        """Return a point's scale factor as last read, or read it; 0 without one."""
        scale = model(number).points[name].scale
        if not scale:
            return 0
        if (number, scale) not in self._scales:
            exponent = await self.number(number, scale)
            if exponent not in SCALE_FACTORS:
                raise self.wrong(f"model {number}: {scale} holds {exponent:g}")
            self._scales[number, scale] = int(exponent)
        return self._scales[number, scale]

    def wrong(self, fact: str) -> LinkError:
        """Return an error about the map."""
        hint = "the unit id, SunSpec in the device's Modbus settings, its firmware"
        return LinkError(self.where, fact, hint)

    async def _send(self, number: int, offset: int, words: list[int]) -> None:
        address, _ = self._place(number)
        await self.modbus.write_registers(address + offset, words)

    def _words(self, number: int, point: Point, register: int) -> tuple[int, ...]:
        try:
            return encode(point, register)
        except ValueError as error:
            raise self.wrong(f"model {number}: {error}") from error

    def _picker(self, number: int, names: tuple[str, ...]) -> Picker:
        if (number, names) not in self._pickers:
            self._pickers[number, names] = Picker(model(number), names)
        return self._pickers[number, names]

    def _place(self, number: int) -> tuple[int, int]:
        if number not in self._placed:
            found = ", ".join(str(each) for each in self._placed) or "none"
            raise self.wrong(f"has no SunSpec model {number}; found: {found}")
        return self._placed[number]

    async def _begin(self) -> int:
        found = []
        for base in BASES:
            try:
                words = await self.modbus.read_holding(base, len(MARKER))
            except RegisterRefused as error:
                # A device has nothing at the other two addresses, and says so.
                found.append(f"exception {error.code}")
                continue
            if words == MARKER:
                return base
            found.append("".join(f"{word:04X}" for word in words))
        places = " or ".join(str(base) for base in BASES)
        raise self.wrong(
            f"no SunSpec map: no 'SunS' at register {places}, but {', '.join(found)}"
        )

    async def _header(self, address: int) -> tuple[int, int]:
        if address > 0xFFFF - HEADER:
            raise self.wrong("the map runs past the last register")
        try:
            number, length = await self.modbus.read_holding(address, HEADER)
        except RegisterRefused as error:
            raise self.wrong(
                f"the map breaks off at register {address}, without its end mark"
            ) from error
        return number, length
