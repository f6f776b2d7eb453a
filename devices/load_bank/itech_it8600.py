"""An ITECH IT8600 AC load over SCPI on TCP: set to a load point, and switched off.

What it was told is read back before its input is switched on: the maker's guide says
that values which it cannot hold are rounded to some which it can, without an error.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import Field

from devices.links.scpi import FORMS, ScpiLink, frame_length
from devices.load_bank.commands import (
    CURRENT,
    INPUT,
    LOCAL,
    MAKER,
    MEASURED,
    POWER_FACTOR,
    REMOTE,
    SERIES,
    SET_UP,
    SOURCE,
    WHO,
)
from devices.load_bank.emulator import FAULTS, EmulatorOptions, emulate
from harness.core.bench import DeviceContext, Driver, Kindness, Options
from harness.core.capabilities import (
    Acknowledgement,
    Device,
    Identity,
    Polled,
    SetsLoad,
)
from harness.core.errors import BenchError, LinkError, RefusedError
from harness.core.recording import Reading

STEP = 0.0011
"""What is read back may differ by this: it was sent with three decimals."""
LEAST_FACTOR = 0.001
"""A smaller power factor would lose its sign, and with it leading or lagging."""


class LoadOptions(Options):
    """How the load is spoken to."""

    timeout_s: float = Field(2.0, gt=0, le=60)
    """Longest wait for a connection and for each answer. [s]"""
    poll_interval_s: float = Field(1.0, gt=0, le=3600)
    """How often its own measurements are read: five questions. [s]"""
    leading_sign: Literal["-", "+"] = "-"
    """The sign of a power factor that leads, as the load counts it (unverified)."""


class ItechLoad:
    """A load that draws what it is told, and nothing else."""

    def __init__(self, context: DeviceContext, options: LoadOptions) -> None:
        self._link = ScpiLink(context, timeout_s=options.timeout_s)
        self._options = options
        self._is_set_up = False

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns."""
        return tuple(MEASURED)

    @property
    def failures(self) -> int:
        """Requests that got no usable answer."""
        return self._link.failures

    async def ready(self) -> None:
        """Connect, and see that it is a load of this series; nothing is set.

        Raises
        ------
        LinkError
            If it does not answer in bounded time, or is another instrument.
        """
        await self.identify()

    async def identify(self) -> Identity:
        """Return what it says of itself: maker, model, serial number, firmware."""
        said = await self._link.query(WHO)
        maker, model, serial, firmware = (
            *(part.strip() for part in said.split(",", 3)),
            *("",) * 3,
        )[:4]
        if MAKER not in maker.upper() or not model.upper().startswith(SERIES):
            raise LinkError(
                self._link.where,
                f"{said!r} is no {MAKER} {SERIES}00",
                "the address, and the driver of the instrument that is there",
            )
        return Identity(maker, model, serial or "not read", firmware)

    async def poll(self) -> Sequence[Reading]:
        """Read what the load measures of itself; import is positive.

        Raises
        ------
        LinkError
            If it does not answer in bounded time, or gives no number.
        """
        return [
            Reading(quantity, await self._link.number(question))
            for quantity, question in MEASURED.items()
        ]

    async def set_load(
        self, current_a: float, *, power_factor: float = 1.0, leading: bool = False
    ) -> Acknowledgement:
        """Draw this current, RMS, at the voltage that there is; 0 switches it off.

        Raises
        ------
        LinkError
            If the wire fails, or this is another instrument.
        BenchError
            If there is no such load point, or the load has no words for it (a power
            factor of 0); nothing is sent then.
        """
        if not (0 <= current_a < math.inf and LEAST_FACTOR <= power_factor <= 1):
            raise BenchError(
                self._link.where,
                f"it cannot draw {current_a:g} A at a power factor of {power_factor:g}",
                f"RMS amperes of 0 or more, a power factor of {LEAST_FACTOR:g} to 1",
            )
        try:
            if current_a == 0:
                return await self._off()
            return await self._on(current_a, power_factor, leading=leading)
        except RefusedError as error:
            return Acknowledgement(False, error.fact)

    async def make_safe(self) -> None:
        """Switch its input off, see that it is, and give the panel back.

        Raises
        ------
        LinkError
            If it does not say that its input is off.
        """
        answer = await self._off()
        if not answer.accepted:
            raise LinkError(self._link.where, answer.detail, "its mains switch")
        await self._link.set(LOCAL)
        self._is_set_up = False

    def close(self) -> None:
        """Let go of the wire; the load stays as it is."""
        self._link.close()

    async def _on(
        self, current_a: float, power_factor: float, *, leading: bool
    ) -> Acknowledgement:
        await self._set_up()
        negative = leading == (self._options.leading_sign == "-")
        signed = -power_factor if negative and power_factor < 1 else power_factor
        for command, value in ((POWER_FACTOR, signed), (CURRENT, current_a)):
            await self._link.set(f"{command} {value:.3f}")
            held = await self._link.number(f"{command}?")
            if not abs(held - value) <= STEP:
                await self._off()
                fact = f"{command} {value:.3f} was taken for {held:g}; input off"
                return Acknowledgement(False, fact)
        return await self._switched("1", f"{current_a:.3f} A RMS at {signed:.3f}")

    async def _off(self) -> Acknowledgement:
        return await self._switched("0", "input off")

    async def _switched(self, state: str, what: str) -> Acknowledgement:
        await self._link.set(f"{INPUT} {state}")
        said = await self._link.query(f"{INPUT}?")
        if said not in (state, {"0": "OFF", "1": "ON"}[state]):
            return Acknowledgement(False, f"told {INPUT} {state}, it says {said}")
        return Acknowledgement(True, f"{what}; {INPUT}? {said}")

    async def _set_up(self) -> None:
        """Take the load over, once for each connection; what others left is dropped."""
        if self._is_set_up and self._link.is_open:
            return
        await self.identify()
        await self._link.forget_errors()
        for command in (REMOTE, *SET_UP):
            await self._link.set(command)
        self._is_set_up = True


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: LoadOptions
) -> AsyncIterator[ItechLoad]:
    """Hold the link for as long as the load is in use."""
    device = ItechLoad(context, options)
    try:
        yield device
    finally:
        device.close()


DRIVER = Driver(
    name="load_bank/itech_it8600",
    maker="ITECH",
    wire="SCPI on TCP",
    source=SOURCE,
    options=LoadOptions,
    open=open_driver,
    emulator_options=EmulatorOptions,
    emulate=emulate,
    capabilities=(Device, Polled, SetsLoad),
    address_form=FORMS,
    faults=FAULTS,
    frame_length=frame_length,
    kindness=Kindness(
        least_poll_interval_s=0.5,
        source="five questions, one after the other (ours: unverified)",
    ),
)
