"""A battery behind a SunSpec inverter: told what to take and what to give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from devices.links.sunspec_control import SET_POWER, SET_REACTIVE, HeldFunction
from devices.links.sunspec_inverter import Inverter
from devices.links.sunspec_map import model
from harness.core.bench import DeviceContext, Options
from harness.core.capabilities import Acknowledgement, Identity
from harness.core.errors import BenchError
from harness.core.recording import Reading

NEEDS = (701, 702, 704)
CHARGE, DISCHARGE = "WChaRteMaxRtg", "WDisChaRteMaxRtg"
RATINGS = (CHARGE, DISCHARGE, "WMaxRtg", "VarMaxInjRtg", "VarMaxAbsRtg")
LITTLE_W = 0.5
"""What a setpoint may exceed a rating by, being rounded to whole watts. [W]"""


class StorageOptions(Options):
    """How the driver treats the battery."""

    timeout_s: float = Field(1.0, gt=0, le=30)
    """Longest wait for a reply. [s]"""
    poll_interval_s: float = Field(1.0, gt=0, le=3600)
    """How often power, voltage, frequency and energy are read: one request. [s]"""
    slow_every: int = Field(10, ge=1, le=3600)
    """At every so many polls the state of charge is read too: one request more."""
    reversion_s: int = Field(60, ge=6, le=86_400)
    """With nobody there to refresh a setpoint, the device drops it after this. [s]"""
    ramp_percent_per_s: int | None = Field(None, ge=1, le=1000)
    """Written with the first setpoint, put back at the end; None leaves it. [%/s]"""
    reserve_soc_percent: float | None = Field(None, ge=0, lt=100)
    """Written with the first setpoint (model 802), put back at the end. [%]"""


class StorageInverter:
    """Sets active and reactive power in model 704; both let go by themselves."""

    def __init__(self, context: DeviceContext, options: StorageOptions) -> None:
        self._inverter = Inverter(context, timeout_s=options.timeout_s)
        self._where = f"{context.where} {context.address}"
        self._options = options
        link, remark = self._inverter.link, self._inverter.remark
        self._power, self._reactive = (
            HeldFunction(link, function, reversion_s=options.reversion_s, remark=remark)
            for function in (SET_POWER, SET_REACTIVE)
        )
        self._polls = 0
        self._opened = False
        self._found: dict[tuple[int, str], float] = {}

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns; the state of charge at every ``slow_every``-th."""
        return (*self._inverter.quantities, "soc_percent")

    async def ready(self) -> None:
        """Find the map and check that this is a battery that can be set.

        Raises
        ------
        LinkError
            If it cannot be reached, is no SunSpec device, or has no model 701, 702,
            704, or neither 713 nor 802; or gives no rating to charge or discharge.
        """
        await self._inverter.open(NEEDS, RATINGS)
        self._soc_model()
        if not self._inverter.rating(CHARGE) or not self._inverter.rating(DISCHARGE):
            raise self._inverter.link.wrong(
                f"model 702 gives no {CHARGE} or no {DISCHARGE}: not a battery"
            )
        self._opened = True

    async def identify(self) -> Identity:
        """Return maker, model, serial number and version as model 1 has them."""
        await self._ensure_open()
        return await self._inverter.identify()

    async def poll(self) -> Sequence[Reading]:
        """Read power (import positive), voltage, frequency, energy; now and then SoC.

        A quantity that the device does not implement, or has no value for (the state
        of charge of a vehicle that is away), is left out.
        """
        await self._ensure_open()
        readings = await self._inverter.measure()
        if self._polls % self._options.slow_every == 0:
            number = self._soc_model()
            soc = (await self._inverter.link.read(number, ("SoC",)))["SoC"]
            if isinstance(soc, int | float):
                readings.append(Reading("soc_percent", float(soc)))
        self._polls += 1
        return readings

    async def set_power_w(self, power_w: float | None) -> Acknowledgement:
        """Take this power at the AC terminals, negative to feed in; None to let go.

        Raises
        ------
        LinkError
            If the wire fails, or this is not the device that it was; nothing is
            written then. A `RefusedError` if the device refuses.
        BenchError
            If the power is beyond its ratings; nothing is written.
        """
        await self._prepare()
        if power_w is None:
            return Acknowledgement(*await self._power.release())
        self._check_range(power_w)
        if not await self._is_connected():
            return Acknowledgement(False, "State = DISCONNECTED: there is no battery")
        await self._write_once()
        watts = model(704).symbol("WSetMod", "WATTS")
        # SunSpec counts what is fed in as positive.
        return Acknowledgement(
            *await self._power.engage({"WSetMod": watts, "WSet": -power_w})
        )

    async def stop_refreshing(self) -> None:
        """Refresh no setpoint any more: it reverts after ``reversion_s``."""
        await self._power.stop()
        await self._reactive.stop()

    async def set_reactive_var(self, reactive_var: float | None) -> Acknowledgement:
        """Take this reactive power, inductive positive; None for none.

        Raises
        ------
        LinkError, BenchError
            As `set_power_w`.
        """
        await self._prepare()
        if reactive_var is None:
            return Acknowledgement(*await self._reactive.release())
        most = {
            True: self._inverter.rating("VarMaxAbsRtg"),
            False: self._inverter.rating("VarMaxInjRtg"),
        }[reactive_var > 0]
        if abs(reactive_var) > most + LITTLE_W:
            raise self._beyond(f"{reactive_var:g} var", f"{most:g} var")
        mode = model(704).symbol("VarSetMod", "VARS")
        return Acknowledgement(
            *await self._reactive.engage({"VarSetMod": mode, "VarSet": -reactive_var})
        )

    async def make_safe(self) -> None:
        """Let it run freely, with ramp and reserve as they were found."""
        await self._ensure_open()
        await self._power.release()
        await self._reactive.release()
        while self._found:
            (number, name), value = next(iter(self._found.items()))
            await self._inverter.link.write(number, {name: value})
            del self._found[number, name]

    async def close(self) -> None:
        """Stop refreshing and let go of the wire."""
        await self._power.stop()
        await self._reactive.stop()
        self._inverter.close()

    async def _ensure_open(self) -> None:
        if not self._opened:
            await self.ready()

    async def _prepare(self) -> None:
        """Be sure that this is the known device, before anything is written."""
        await self._ensure_open()
        await self._inverter.check()

    def _soc_model(self) -> int:
        for number in (713, 802):
            if number in self._inverter.link.models:
                return number
        raise self._inverter.link.wrong("has neither SunSpec model 713 nor 802")

    async def _is_connected(self) -> bool:
        """Whether model 802, if there is one, says that a battery is there."""
        if 802 not in self._inverter.link.models:
            return True
        state = (await self._inverter.link.read(802, ("State",)))["State"]
        return state != model(802).symbol("State", "DISCONNECTED")

    def _check_range(self, power_w: float) -> None:
        most_w = self._inverter.rating(CHARGE if power_w > 0 else DISCHARGE)
        if not abs(power_w) <= most_w + LITTLE_W:
            raise self._beyond(f"{power_w:g} W", f"{most_w:g} W")

    def _beyond(self, asked: str, rating: str) -> BenchError:
        return BenchError(
            self._where,
            f"cannot be asked for {asked}: its rating is {rating}",
            "a level within the ratings that it shows in SunSpec model 702",
        )

    async def _write_once(self) -> None:
        """Write ramp and reserve if the rig file gives them, keeping what was there."""
        options = self._options
        wanted = {
            (704, "WRmp"): options.ramp_percent_per_s,
            (802, "SoCRsvMin"): options.reserve_soc_percent,
        }
        for (number, name), value in wanted.items():
            if value is not None and (number, name) not in self._found:
                found = await self._inverter.link.number(number, name)
                await self._inverter.link.write(number, {name: float(value)})
                self._found[number, name] = found


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: StorageOptions
) -> AsyncIterator[StorageInverter]:
    """Hold the link for as long as the device is in use."""
    device = StorageInverter(context, options)
    try:
        yield device
    finally:
        await device.close()
