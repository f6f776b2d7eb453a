"""An emulated charging station of OCPP 2.0.1.

A lost connection is dialled again as part 4, 5.3 says: after RetryBackOffWaitMinimum,
then twice as long each time, with a random part.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import numpy as np

from devices.ev_chargepoint.answers201 import answers
from devices.ev_chargepoint.emulating import ChargingStation, Planned, running
from devices.ev_chargepoint.model import ElectricVehicle
from devices.ev_chargepoint.options201 import StationOptions201
from devices.ev_chargepoint.station201 import Station201
from devices.links.ocpp import Handler
from devices.links.ocpp_schema import OCPP201
from harness.core.bench import EmulatorContext

GRACE_S = 5.0
"""How long a reset waits for the last messages to be answered. [s]"""


class Computer201:
    """The `devices.ev_chargepoint.emulating.Computer` of OCPP 2.0.1."""

    edition = OCPP201

    def __init__(
        self,
        station: Station201,
        rng: np.random.Generator,
        sleep: Callable[[float], None],
    ) -> None:
        self.station, self._rng, self._sleep = station, rng, sleep
        station.idle = self._reset_if_due
        self._connections = self._failures = 0

    def secured(self, profile: int) -> None:
        """Note the security profile that it connects under."""
        self.station.variables.put("SecurityCtrlr", "SecurityProfile", profile)

    def prefix(self) -> str:
        """Return what message ids begin with; part 4, 4.1.4: no id is used twice."""
        self._connections += 1
        return "s" if self._connections == 1 else f"s{self._connections}-"

    def handlers(self) -> Mapping[str, Handler]:
        """Return what it answers."""
        return answers(self.station, self._reset)

    def go_down(self) -> None:
        """Drop everything at once, as a watchdog does."""
        self.station.shut_down("Watchdog")
        self.station.charging.forget()
        self.station.variables.forget()

    def come_up(self) -> None:
        """Start again."""
        self.station.wake()

    def _reset(self) -> None:
        """B11: end the transaction, tell so, and start again."""
        station = self.station
        if station.transaction is not None:
            station.end("ResetCommand", "ImmediateReset")

        def restart() -> None:
            station.timers.cancel(patience)
            station.outbox.once_empty(None)
            if not station.is_down:
                station.shut_down("RemoteReset")
                self._sleep(station.options.reboot_s)

        patience = station.timers.after(GRACE_S, restart)
        station.outbox.once_empty(restart)

    def _reset_if_due(self) -> None:
        """B12: a reset on idle, once nothing runs any more."""
        if self.station.reset_next:
            self.station.reset_next = False
            self._reset()

    def tried(self, connected: bool) -> None:
        """Count the failures in a row."""
        self._failures = 0 if connected else self._failures + 1

    def back_off_s(self) -> float:
        """Return how long it waits before it tries again. [s]"""
        comm, variables = "OCPPCommCtrlr", self.station.variables
        most = variables.whole(comm, "RetryBackOffRepeatTimes")
        spread_s = variables.whole(comm, "RetryBackOffRandomRange")
        least_s = variables.whole(comm, "RetryBackOffWaitMinimum")
        random_s = float(self._rng.uniform(0, spread_s))
        return least_s * 2.0 ** min(self._failures, most) + random_s

    def plan(self) -> Sequence[Planned]:
        """Return when a limit from elsewhere comes and goes."""
        options, station = self.station.options, self.station
        limit_a = options.external_limit_a
        if limit_a is None:
            return ()
        comes = options.external_from_s, lambda: station.limit_from_elsewhere(limit_a)
        goes = options.external_to_s, lambda: station.limit_from_elsewhere(None)
        return (comes, goes) if options.external_to_s < math.inf else (comes,)


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: StationOptions201
) -> AsyncIterator[ChargingStation]:
    """Run a charging station until the context ends."""

    def build(vehicle: ElectricVehicle, sleep: Callable[[float], None]) -> Computer201:
        return Computer201(Station201(context, options, vehicle), context.rng, sleep)

    async with running(context, options, build) as station:
        yield station
