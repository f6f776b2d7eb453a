"""What a trial may ask of a device, whatever wire it hangs on.

Every method is bounded in time and raises `LinkError` rather than wait for ever
or return something that looks like a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from harness.core.recording import Reading


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device says it is; read before and after a trial."""

    maker: str
    model: str
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the device answered to an instruction; not proof that it obeys."""

    accepted: bool
    detail: str
    """The device's own words: an OCPP status, an echoed register."""


@dataclass(frozen=True, slots=True)
class ProfilePeriod:
    """One period of a meter's load profile, as the meter keeps it.

    Whether the stamp is the period's start or its end is the meter's matter: it is
    not assumed here, and nothing is moved to make it so.
    """

    stamp: datetime
    """The meter's own time, in UTC; as right or wrong as its clock was."""
    import_wh: float
    """Energy of this period; ``nan`` if the meter says that it is not valid, or does
    not give it. [Wh]"""
    export_wh: float
    """The same for what was fed in. [Wh]"""
    status: str = ""
    """What the meter, or what lies beside it in the profile, says against it."""


@dataclass(frozen=True, slots=True)
class ProfileSize:
    """How many periods a load profile has, and how many it has room for."""

    held: int
    room: int


class Demand(StrEnum):
    """What a device without a power setpoint can be asked for."""

    REDUCE = "reduce"
    NORMAL = "normal"
    BOOST = "boost"


@runtime_checkable
class Device(Protocol):
    """What every driver offers."""

    async def ready(self) -> None:
        """Return when the device can be used; raise `LinkError` in bounded time."""
        ...

    async def identify(self) -> Identity:
        """Ask the device who it is."""
        ...

    async def make_safe(self) -> None:
        """Undo what the trial asked for; safe to call twice and on every exit."""
        ...


@runtime_checkable
class Polled(Protocol):
    """Gives readings when asked. Devices that push call `DeviceContext.report`."""

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        ...

    @property
    def quantities(self) -> tuple[str, ...]:
        """The quantities that `poll` returns: a failed poll is ``nan`` in each."""
        ...

    async def poll(self) -> Sequence[Reading]:
        """Read every quantity once."""
        ...


@runtime_checkable
class LimitsPower(Protocol):
    """Can be told not to draw more than a given power."""

    async def limit_power_w(self, limit_w: float | None) -> Acknowledgement:
        """Apply an import limit in watts, or lift it with ``None``."""
        ...


@runtime_checkable
class ShiftsDemand(Protocol):
    """Can be asked to draw less or more, not how much."""

    async def shift_demand(self, demand: Demand) -> Acknowledgement:
        """Ask for less, for normal running, or for more."""
        ...


@runtime_checkable
class Switches(Protocol):
    """Can cut or restore supply to what hangs behind it."""

    async def switch(self, on: bool) -> Acknowledgement:
        """Open or close the relay."""
        ...


@runtime_checkable
class SetsPower(Protocol):
    """Can be told what power to take or to give: a battery, a V2G charger."""

    async def set_power_w(self, power_w: float | None) -> Acknowledgement:
        """Take this power, negative to feed it in, or run freely with ``None``. [W]"""
        ...


@runtime_checkable
class Refreshed(Protocol):
    """Holds what it was asked only while somebody asks again and again."""

    async def stop_refreshing(self) -> None:
        """Ask no more, as somebody who died would: it lets go by itself in time."""
        ...


@runtime_checkable
class LimitsExport(Protocol):
    """Can be told not to feed in more than a given power: a solar inverter."""

    async def limit_export_w(self, limit_w: float | None) -> Acknowledgement:
        """Feed in no more than this, or freely with ``None``; 0 or more. [W]"""
        ...


@runtime_checkable
class SetsReactivePower(Protocol):
    """Can be told what reactive power to take or to give."""

    async def set_reactive_var(self, reactive_var: float | None) -> Acknowledgement:
        """Take this reactive power (inductive is positive); ``None`` for none. [var]"""
        ...


@runtime_checkable
class PlansDeparture(Protocol):
    """Charges towards a departure, as a vehicle's own planner does."""

    async def plan_departure(self, soc_percent: float, at: datetime) -> Acknowledgement:
        """Be charged this far by then; `at` carries its time zone. [%]"""
        ...


@runtime_checkable
class SetsLoad(Protocol):
    """Can be set to a load point: an electronic load, or a source for meter tests."""

    async def set_load(
        self, current_a: float, *, power_factor: float = 1.0, leading: bool = False
    ) -> Acknowledgement:
        """Draw this current in each phase, at the voltage that there is; 0 for none.

        Parameters
        ----------
        current_a : float
            RMS, never its peak. [A]
        power_factor : float
            Active over apparent power, 0 to 1.
        leading : bool
            Whether the current leads the voltage, as a capacitor's does.

        Raises
        ------
        BenchError
            If there is no such load point; nothing is sent then.
        """
        ...


@runtime_checkable
class KeepsProfile(Protocol):
    """A meter that keeps energy by periods, and gives them back."""

    @property
    def profile_period_s(self) -> float:
        """How long the meter says its periods are; ``nan`` if it keeps none. [s]"""
        ...

    async def profile_size(self) -> ProfileSize:
        """Ask how many periods it has now, and how many it has room for."""
        ...

    async def read_profile(
        self, since: datetime, until: datetime
    ) -> Sequence[ProfilePeriod]:
        """Return the periods stamped from `since` to `until`, in the meter's order.

        Both carry a time zone, both ends are included, and both are compared with the
        meter's own stamps, which are as right or wrong as its clock was.
        """
        ...
