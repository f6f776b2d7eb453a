"""An emulated charging station on a real websocket; it dials the CSMS.

A lost connection is dialled again after 1 s, then 2, 4, … up to 60 s, as stations
do (the times are ours).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from devices.ev_chargepoint.answers import answers
from devices.ev_chargepoint.charging import Timers
from devices.ev_chargepoint.model import ElectricVehicle, Vehicle
from devices.ev_chargepoint.options import StationOptions
from devices.ev_chargepoint.station import Station
from devices.links.ocpp_session import Session, Side, dial, parse_endpoint
from harness.core.bench import EmulatorContext

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0
OPERATIONS = ("plug in", "unplug")


class ChargingStation:
    """A `harness.core.bench.Emulator`."""

    address = ""

    def __init__(self, context: EmulatorContext, options: StationOptions) -> None:
        self._context, self._options = context, options
        self._vehicle = ElectricVehicle(
            _vehicle(options),
            voltage_v=context.circuit.voltage_v,
            at_s=context.clock.now_s(),
        )
        context.circuit.attach(context.role, self._vehicle)
        self._url = parse_endpoint(context.where, context.dial).url
        self._station = Station(context, options, self._vehicle)
        self._timers = Timers()
        self._session: Session | None = None
        self._hung_up = asyncio.Event()
        self._gone = False
        self.violations: list[str] = []
        """What the CSMS did against the protocol, in clauses."""

    def operate(self, action: str) -> None:
        """Plug the vehicle in, or pull its cable."""
        plugged = self._station.plugged
        if action == "plug in" and not plugged:
            self._station.plug_in()
        elif action == "unplug" and plugged:
            self._station.unplug()
        elif action in OPERATIONS:
            state = "already plugged in" if plugged else "not plugged in"
            other = "unplug" if plugged else "plug in"
            raise ValueError(f"the vehicle is {state}; a person can {other} it")
        else:
            can = " or ".join(OPERATIONS)
            raise ValueError(f"nobody can {action!r} a charging station; only {can}")

    async def run(self) -> None:
        """Stay connected until cancelled, or until the station vanishes."""
        if self._options.plugged_in:
            self._station.plug_in()
        self._set_fault_timers()
        wait_s = FIRST_RETRY_S
        while not self._gone:
            connected = await self._connect()
            if connected:
                wait_s = FIRST_RETRY_S
            if not self._gone:
                await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LAST_RETRY_S)

    async def close(self) -> None:
        """End the connection as a station that is switched off by a person."""
        self._gone = True
        self._timers.cancel_all()
        self._station.close()
        if self._session is not None:
            await self._session.hang_up("the station is switched off")

    async def _connect(self) -> bool:
        """Hold one connection as long as it lasts; return whether it opened."""
        self._hung_up.clear()
        opened = False

        def on_open(session: Session) -> None:
            nonlocal opened
            opened = True
            self._session = session
            self._station.connected(session)

        session = Session(
            Side(
                where=f"{self._context.where} (emulator)",
                prefix="s",
                handlers=answers(self._station),
                opened=on_open,
                closed=self._closed,
                violated=self.violations.append,
            )
        )
        try:
            end = await dial(self._url, session)
        except OSError:  # nobody listens yet; the CSMS notices that nobody comes
            return False
        try:
            await self._hung_up.wait()
        finally:
            end.cut("")
        return opened

    def _closed(self, session: Session, _why: str) -> None:
        if session is self._session:
            self._session = None
            self._station.disconnected()
        self._hung_up.set()

    def _set_fault_timers(self) -> None:
        faults, now_s = self._options.faults, self._context.clock.now_s()
        if faults.vanishes_at_s is not None:
            self._timers.after(max(0.0, faults.vanishes_at_s - now_s), self._vanish)
        if faults.malformed_json_at_s is not None:
            wait_s = max(0.0, faults.malformed_json_at_s - now_s)
            self._timers.after(wait_s, self._send_malformed)

    def _vanish(self) -> None:
        self._gone = True
        if self._session is not None:
            self._session.cut("vanished")

    def _send_malformed(self) -> None:
        if self._session is not None:
            self._session.send_raw('[2,"s0","Heartbeat",{')


def _vehicle(options: StationOptions) -> Vehicle:
    return Vehicle(
        battery_kwh=options.battery_kwh,
        soc_percent=options.soc_percent,
        onboard_limit_a=options.onboard_limit_a,
        phases=options.phases,
        efficiency=options.efficiency,
        taper_soc_percent=options.taper_soc_percent,
        ramp_a_per_s=options.ramp_a_per_s,
        wake_up_s=options.wake_up_s,
        draws_at_most_a=options.faults.draws_at_most_a or math.inf,
    )


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: StationOptions
) -> AsyncIterator[ChargingStation]:
    """Run a charging station until the context ends."""
    station = ChargingStation(context, options)
    running = asyncio.create_task(station.run())
    try:
        yield station
    finally:
        await station.close()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
