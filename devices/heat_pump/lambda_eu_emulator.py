"""A Lambda EU-L heat pump as Modbus clients see it, with the E-Manager's watchdog."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from devices.heat_pump import emulator
from devices.heat_pump import lambda_eu_map as reg
from devices.heat_pump.bank import Held, RegisterBank
from devices.heat_pump.emulator import OF_REGISTERS, HeatPumpEmulator, Maker, Readings
from devices.heat_pump.faults import Faults
from devices.heat_pump.model import Order
from devices.heat_pump.register_map import Register
from devices.links.codec import s16_of
from harness.core.bench import EmulatorContext
from harness.core.capabilities import Demand
from harness.core.faults import FaultKind

BREAKS = (*OF_REGISTERS, FaultKind.LOST_WATCHDOG)
WRITES = (3, 16)
"""Function 06 is refused. Source: evcc PR 19664, on hardware."""
HEATING = 2
NO_SENSOR_C = -300.0
"""Source: issue 9 of lambda-heatpump-modbus-tcp-HA."""


class EmulatorOptions(emulator.EmulatorOptions):
    """The model's options, and how the emulator is reached."""

    firmware: Literal["<1.1.3", ">=1.1.3"] = ">=1.1.3"


class Watchdog:
    """How long ago the surplus was written.

    Parameters
    ----------
    patience_s : float
        After this it no longer counts. [s]
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._timer: asyncio.TimerHandle | None = None
        self.tell: Callable[[], None] = lambda: None
        """Called when it runs out."""

    @property
    def is_fed(self) -> bool:
        """Whether the surplus still counts."""
        return self._timer is not None

    def feed(self, places: Sequence[Register], faults: Faults) -> None:
        """Begin anew, unless that fault is on."""
        if reg.SURPLUS in places and FaultKind.LOST_WATCHDOG not in faults:
            self.close()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._patience_s, self._run_out)

    def close(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run_out(self) -> None:
        self._timer = None
        self.tell()


def order(held: Mapping[Register, int], watchdog: Watchdog) -> Order:
    """Return what the surplus tells the machine."""
    surplus_w = float(s16_of(held[reg.SURPLUS]))
    if watchdog.is_fed and surplus_w >= reg.LEAST_SURPLUS_W:
        return Order(Demand.BOOST, aim_w=surplus_w)
    return Order()


def sources(
    readings: Readings, watchdog: Watchdog, firmware: str
) -> Mapping[Register, Callable[[], float]]:
    """Return what each measured register shows."""
    is_new = firmware == ">=1.1.3"
    state = lambda: reg.AUTOMATIC if watchdog.is_fed else reg.OFFLINE  # noqa: E731
    # Newer firmware shows no power here while the E-Manager is off or offline.
    managed = lambda: (  # noqa: E731
        readings.power_w() if watchdog.is_fed or not is_new else 0.0
    )
    return {
        reg.AMBIENT_ERROR: lambda: 0.0,
        reg.AMBIENT_STATE: lambda: 1.0,
        reg.OUTDOOR: readings.outdoor_c,
        reg.OUTDOOR_MEAN: readings.outdoor_c,
        reg.OUTDOOR_USED: readings.outdoor_c,
        reg.MANAGER_ERROR: lambda: 0.0,
        reg.MANAGER_STATE: state,
        reg.MANAGER_POWER: managed,
        reg.ERROR_STATE: lambda: 0.0,
        reg.OPERATING_STATE: lambda: HEATING * readings.runs(),
        reg.SUPPLY: readings.supply_c,
        reg.RETURN: readings.return_c,
        reg.POWER: readings.power_w,
        (reg.CONSUMPTION if is_new else reg.OLD_CONSUMPTION): readings.energy_wh,
        reg.HOT_WATER: readings.hot_water_c,
        reg.BUFFER: lambda: readings.buffer_c(NO_SENSOR_C),
        reg.ROOM: readings.indoor_c,
    }


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[HeatPumpEmulator[Register]]:
    """Wire a heat pump into the circuit and serve its registers."""
    watchdog = Watchdog(reg.WATCHDOG_S)

    def bank(readings: Readings, held: Held[Register], faults: Faults) -> RegisterBank:
        return RegisterBank(
            sources(readings, watchdog, options.firmware), held, faults,
            base_offset=options.base_offset, hole=0, gap=16,
        )  # fmt: skip

    maker = Maker(
        at_power_on={reg.SURPLUS: 0},
        order=lambda held: order(held, watchdog),
        bank=bank,
        breaks=BREAKS,
        functions=WRITES,
        on_write=watchdog.feed,
        on_reboot=watchdog.close,
    )
    async with emulator.emulate(context, options, maker) as pump:
        watchdog.tell = pump.obey
        try:
            yield pump
        finally:
            watchdog.close()
