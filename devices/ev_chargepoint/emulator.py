"""An emulated charging station on a real websocket; it dials the CSMS.

A lost connection is dialled again after 1 s, then 2, 4, … up to 60 s, as stations
do (the times are ours).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from devices.ev_chargepoint.answers import answers
from devices.ev_chargepoint.breaking import BREAKS, Breakage, Power
from devices.ev_chargepoint.charging import Timers
from devices.ev_chargepoint.model import ElectricVehicle, Vehicle
from devices.ev_chargepoint.options import StationOptions
from devices.ev_chargepoint.station import Station
from devices.links.ocpp_security import credentials
from devices.links.ocpp_session import Session, Side, dial, parse_endpoint
from devices.links.tls import meaning
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0
OPERATIONS = ("plug in", "unplug")


class ChargingStation:
    """A `harness.core.bench.Emulator`, and `Breakable`."""

    address = ""

    def __init__(self, context: EmulatorContext, options: StationOptions) -> None:
        self._context, self._options = context, options
        self._vehicle = ElectricVehicle(
            vehicle(options),
            voltage_v=context.circuit.voltage_v,
            at_s=context.clock.now_s(),
        )
        context.circuit.attach(context.role, self._vehicle)
        endpoint = parse_endpoint(context.where, context.dial)
        self._url = endpoint.url
        self._credentials = credentials(
            context.where, endpoint.url, endpoint.station, options
        )
        self.trouble = ""
        """Why it could not connect the last time it tried."""
        self._station = Station(context, options, self._vehicle)
        self._station.configuration.put(
            "SecurityProfile", str(self._credentials.profile)
        )
        self._timers = Timers()
        self._returning: asyncio.TimerHandle | None = None
        self._session: Session | None = None
        self._hung_up = asyncio.Event()
        self._powered = asyncio.Event()
        self._powered.set()
        self._gone = False
        self._watches: list[asyncio.Task[None]] = []
        self._breakage = Breakage(
            self._station,
            self._vehicle,
            context.clock,
            Power(self._power_off, self._power_on),
        )
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

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return BREAKS

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on."""
        self._breakage.impose(fault)

    def lift(self, kind: FaultKind) -> None:
        """Be well again."""
        self._breakage.lift(kind)

    def _power_off(self, away_s: float) -> None:
        """Lose the connection, the transaction and what it was told."""
        self._station.charging.forget()
        self._station.go_down("Reboot")
        self._timers.cancel(self._returning)
        self._returning = self._timers.after(away_s, self._power_on)
        self._powered.clear()
        if self._session is not None:
            self._session.cut("the station reboots")

    def _power_on(self) -> None:
        if not self._powered.is_set():
            self._timers.cancel(self._returning)
            self._powered.set()
            self._station.come_up()

    async def run(self) -> None:
        """Stay connected until cancelled, or until the station vanishes."""
        if self._options.plugged_in:
            self._station.plug_in()
        self._watch_for_faults()
        wait_s = FIRST_RETRY_S
        while not self._gone:
            await self._powered.wait()
            connected = await self._connect()
            if connected:
                wait_s = FIRST_RETRY_S
            if not self._gone and self._powered.is_set():
                await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LAST_RETRY_S)

    async def close(self) -> None:
        """End the connection as a station that is switched off by a person."""
        self._gone = True
        for watch in self._watches:
            watch.cancel()
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
            if not self._powered.is_set():  # the power went while it was dialling
                session.cut("the station reboots")
                return
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
            end = await dial(self._url, session, credentials=self._credentials)
        except OSError as error:  # it dials again; the CSMS notices that nobody comes
            self.trouble = meaning(error)
            return False
        try:
            await self._hung_up.wait()
        finally:
            end.cut("")
        return opened

    def _closed(self, session: Session, why: str) -> None:
        if session is self._session:
            self._session = None
            self._station.disconnected()
        else:
            self.trouble = why
        self._hung_up.set()

    def _watch_for_faults(self) -> None:
        faults = self._options.faults
        for at_s, act in (
            (faults.vanishes_at_s, self._vanish),
            (faults.malformed_json_at_s, self._send_malformed),
        ):
            if at_s is not None:
                watch = self._act_at(at_s, act)
                self._watches.append(asyncio.create_task(watch))

    async def _act_at(self, at_s: float, act: Callable[[], None]) -> None:
        await self._context.clock.until(at_s)  # a held clock may not run yet
        act()

    def _vanish(self) -> None:
        self._gone = True
        if self._session is not None:
            self._session.cut("vanished")

    def _send_malformed(self) -> None:
        if self._session is not None:
            self._session.send_raw('[2,"s0","Heartbeat",{')


def vehicle(options: StationOptions) -> Vehicle:
    """Return the vehicle that the options describe."""
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
