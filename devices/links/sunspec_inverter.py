"""What every SunSpec inverter can be asked: who it is, what flows, whether it is fit.

SunSpec counts what is fed in as positive; readings count what is drawn. Source: model
701 ("active power is positive for DER generation and negative for absorption"; energy
and reactive energy "injected" and "absorbed"), read in the public model definition.
That reactive power is signed as active power is, injected positive, follows from the
latter and is unverified. The older models 101 and 103 know generators only; their
energy counts what was fed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from devices.links.sunspec import SunSpecLink
from devices.links.sunspec_map import Raw, model
from harness.core.bench import DeviceContext, DeviceEvent
from harness.core.capabilities import Identity
from harness.core.recording import Reading

PLAUSIBLE_HZ = (40.0, 70.0)
"""Anything else is no mains: another map, or words in the wrong order."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Where one model of measurements has which quantity, and with which sign."""

    model: int
    signs: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    """Point to quantity and factor."""
    states: tuple[str, ...] = ()
    """Points whose changes are worth telling."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every point that is read, in one request."""
        return (*self.signs, *self.states)


MEASURED = (
    Measured(
        701,
        {
            "W": ("power_w", -1.0),
            "Var": ("reactive_var", -1.0),
            "LNV": ("voltage_v", 1.0),
            "Hz": ("frequency_hz", 1.0),
            "TotWhAbs": ("energy_import_wh", 1.0),
            "TotWhInj": ("energy_export_wh", 1.0),
        },
        ("InvSt", "ConnSt"),
    ),
    *(
        Measured(
            number,
            {
                "W": ("power_w", -1.0),
                "VAr": ("reactive_var", -1.0),
                "PhVphA": ("voltage_v", 1.0),
                "Hz": ("frequency_hz", 1.0),
                "WH": ("energy_export_wh", 1.0),
            },
            ("St",),
        )
        for number in (103, 101)
    ),
)
"""In the order of preference."""


class Inverter:
    """One inverter behind a link: its map, its ratings, its measurements.

    Parameters
    ----------
    context : DeviceContext
        Gives the address, and hears of changes of state.
    timeout_s : float
        Longest wait for a reply. [s]
    """

    def __init__(self, context: DeviceContext, *, timeout_s: float) -> None:
        self.link = SunSpecLink(context, timeout_s=timeout_s)
        self._context = context
        self._measured = MEASURED[0]
        self._known: tuple[Identity, dict[str, Raw | None]] | None = None
        self._told: dict[str, Raw | None] = {}
        self.quantities = tuple(
            quantity for quantity, _ in self._measured.signs.values()
        )
        """What `measure` returns; known for certain once `open` has returned."""

    async def open(self, needs: tuple[int, ...], ratings: tuple[str, ...]) -> None:
        """Find the map, and learn who this is and what it can.

        Parameters
        ----------
        needs : tuple of int
            Models without which the device cannot be used.
        ratings : tuple of str
            Points of model 702 that are known of this very device from now on.

        Raises
        ------
        LinkError
            If it is no inverter, lacks a model, or what it shows is implausible.
        """
        await self.link.open()
        missing = [number for number in needs if number not in self.link.models]
        if missing:
            found = ", ".join(str(number) for number in self.link.models)
            raise self.link.wrong(f"has no SunSpec model {missing[0]}; found: {found}")
        self._choose()
        self._known = (await self.identify(), await self._ratings(ratings))
        values = await self._read()
        self.quantities = tuple(
            quantity
            for point, (quantity, _) in self._measured.signs.items()
            if values[point] is not None or _kind(self._measured, point) == "acc32"
        )

    async def identify(self) -> Identity:
        """Return who model 1 says that it is.

        Raises
        ------
        LinkError
            If maker or model is missing: both are mandatory, so this is another map.
        """
        identity = await self.link.identify()
        if not identity.maker or not identity.model:
            raise self.link.wrong("model 1 names no maker or no model")
        return identity

    def rating(self, name: str) -> float:
        """Return a rating that `open` learnt; 0 if the device does not give it."""
        value = self._known[1].get(name) if self._known is not None else None
        return float(value) if isinstance(value, int | float) else 0.0

    async def check(self) -> None:
        """Read again what is known of this device, before anything is written.

        Raises
        ------
        LinkError
            If another device answers, or this one's map has moved.
        """
        if self._known is None:
            raise self.link.wrong("nothing is known of the device yet")
        identity, ratings = self._known
        found = (await self.identify(), await self._ratings(tuple(ratings)))
        if found != (identity, ratings):
            raise self.link.wrong(
                f"was {identity.maker} {identity.model} {identity.serial} with "
                f"{_ratings_shown(ratings)} and is now {found[0].maker} "
                f"{found[0].model} {found[0].serial} with {_ratings_shown(found[1])}"
            )

    async def measure(self) -> list[Reading]:
        """Read power, voltage, frequency and energy, all of one moment.

        Raises
        ------
        LinkError
            If the wire fails, power is not implemented, or the frequency is none.
        """
        values = await self._read()
        self._tell(values)
        return [
            Reading(quantity, value * factor + 0.0)
            for point, (quantity, factor) in self._measured.signs.items()
            if isinstance(value := values[point], int | float)
        ]

    def remark(self, what: str) -> None:
        """Tell the bench what the device did unasked."""
        self._context.notify(DeviceEvent(self._context.role, "status", what))

    def close(self) -> None:
        """Let go of the wire."""
        self.link.close()

    def _choose(self) -> None:
        for each in MEASURED:
            if each.model in self.link.models:
                self._measured = each
                return
        known = ", ".join(str(each.model) for each in MEASURED)
        raise self.link.wrong(f"has none of the SunSpec models {known}")

    async def _ratings(self, names: tuple[str, ...]) -> dict[str, Raw | None]:
        if not names or 702 not in self.link.models:
            return {}
        return await self.link.read(702, names)

    async def _read(self) -> dict[str, Raw | None]:
        values = await self.link.read(self._measured.model, self._measured.names)
        self.link.must(self._measured.model, "W", values["W"])
        hertz = values["Hz"]
        low_hz, high_hz = PLAUSIBLE_HZ
        if isinstance(hertz, int | float) and not low_hz <= hertz <= high_hz:
            raise self.link.wrong(
                f"model {self._measured.model} shows a frequency of {hertz:g} Hz, so "
                "its numbers cannot be trusted"
            )
        return values

    def _tell(self, values: Mapping[str, Raw | None]) -> None:
        """Notify of each state that is not what it was at the last poll."""
        for point in self._measured.states:
            value = values[point]
            if point in self._told and self._told[point] != value:
                definition = model(self._measured.model)
                shown = (
                    definition.name_of(point, value)
                    if isinstance(value, int)
                    else "not implemented"
                )
                self.remark(f"{point} = {shown}")
            self._told[point] = value


def _kind(measured: Measured, point: str) -> str:
    return model(measured.model).points[point].kind


def _ratings_shown(ratings: Mapping[str, Raw | None]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in ratings.items())
