"""An emulated charging station of OCPP 1.6J.

A lost connection is dialled again after 1 s, then 2, 4, … up to 60 s, as stations
do (the times are ours).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from devices.ev_chargepoint.answers import answers
from devices.ev_chargepoint.emulating import ChargingStation, Planned, running
from devices.ev_chargepoint.model import ElectricVehicle
from devices.ev_chargepoint.options import StationOptions
from devices.ev_chargepoint.station import Station
from devices.links.ocpp import Handler
from devices.links.ocpp_schema import OCPP16
from harness.core.bench import EmulatorContext

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0


class Computer16:
    """The `devices.ev_chargepoint.emulating.Computer` of OCPP 1.6."""

    edition = OCPP16

    def __init__(self, station: Station) -> None:
        self.station = station
        self._retry_s = FIRST_RETRY_S / 2
        """Doubled by the first failure already."""

    def secured(self, profile: int) -> None:
        """Note the security profile that it connects under."""
        self.station.configuration.put("SecurityProfile", str(profile))

    def prefix(self) -> str:
        """Return what message ids begin with: the same on each connection."""
        return "s"

    def handlers(self) -> Mapping[str, Handler]:
        """Return what it answers."""
        return answers(self.station)

    def go_down(self) -> None:
        """Lose the transaction and what it was told."""
        self.station.charging.forget()
        self.station.go_down("Reboot")

    def come_up(self) -> None:
        """Start again."""
        self.station.come_up()

    def tried(self, connected: bool) -> None:
        """Wait twice as long after each failure."""
        longer_s = min(2 * self._retry_s, LAST_RETRY_S)
        self._retry_s = FIRST_RETRY_S if connected else longer_s

    def back_off_s(self) -> float:
        """Return how long it waits before it tries again. [s]"""
        return self._retry_s

    def plan(self) -> Sequence[Planned]:
        """Return nothing more than every edition's options plan."""
        return ()


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: StationOptions
) -> AsyncIterator[ChargingStation]:
    """Run a charging station until the context ends."""

    def build(vehicle: ElectricVehicle, _: Callable[[float], None]) -> Computer16:
        return Computer16(Station(context, options, vehicle))

    async with running(context, options, build) as station:
        yield station
