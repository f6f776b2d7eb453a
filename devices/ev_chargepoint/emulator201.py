"""An emulated charging station of OCPP 2.0.1 on a real websocket; it dials the CSMS.

A lost connection is dialled again as part 4, 5.3 says: after RetryBackOffWaitMinimum,
then twice as long each time, with a random part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from devices.ev_chargepoint.answers201 import answers
from devices.ev_chargepoint.breaking import BREAKS, Breakage, Power
from devices.ev_chargepoint.emulator import OPERATIONS, vehicle
from devices.ev_chargepoint.model import ElectricVehicle
from devices.ev_chargepoint.options201 import StationOptions201
from devices.ev_chargepoint.station201 import Station201
from devices.links.ocpp_schema import OCPP201
from devices.links.ocpp_security import credentials
from devices.links.ocpp_session import Session, Side, dial, parse_endpoint
from devices.links.tls import meaning
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

GRACE_S = 5.0
"""How long a reset waits for the last messages to be answered. [s]"""


class ChargingStation:
    """A `harness.core.bench.Emulator` that is `Breakable`."""

    address = ""

    def __init__(self, context: EmulatorContext, options: StationOptions201) -> None:
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
        self._station = Station201(context, options, self._vehicle)
        self._station.idle = self._reset_if_due
        self._station.variables.put(
            "SecurityCtrlr", "SecurityProfile", self._credentials.profile
        )
        self._session: Session | None = None
        self._hung_up, self._awake = asyncio.Event(), asyncio.Event()
        self._awake.set()
        self._gone = False
        self._connections = 0
        self._returning: asyncio.TimerHandle | None = None
        self._breakage = Breakage(
            self._station,
            self._vehicle,
            context.clock,
            Power(self._power_off, self._wake),
        )
        self._planned: list[asyncio.Task[None]] = []
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

    # Faults

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return BREAKS

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on; `ValueError` if it cannot have this one."""
        self._breakage.impose(fault)

    def lift(self, kind: FaultKind) -> None:
        """Be well again."""
        self._breakage.lift(kind)

    def _power_off(self, away_s: float) -> None:
        """Drop everything at once, as a watchdog does."""
        self._station.shut_down("Watchdog")
        self._station.charging.forget()
        self._station.variables.forget()
        self._sleep(away_s)

    def _reset(self) -> None:
        """B11: end the transaction, tell so, and start again."""
        station = self._station
        if station.transaction is not None:
            station.end("ResetCommand", "ImmediateReset")

        def restart() -> None:
            station.timers.cancel(patience)
            station.outbox.once_empty(None)
            if self._awake.is_set():
                station.shut_down("RemoteReset")
                self._sleep(self._options.reboot_s)

        patience = station.timers.after(GRACE_S, restart)
        station.outbox.once_empty(restart)

    def _reset_if_due(self) -> None:
        """B12: a reset on idle, once nothing runs any more."""
        if self._station.reset_next:
            self._station.reset_next = False
            self._reset()

    def _sleep(self, away_s: float) -> None:
        self._awake.clear()
        if self._session is not None:
            self._session.cut("rebooting")
        self._station.timers.cancel(self._returning)
        self._returning = self._station.timers.after(away_s, self._wake)

    def _wake(self) -> None:
        if not self._awake.is_set():
            self._station.timers.cancel(self._returning)
            self._station.wake()
            self._awake.set()

    # Connection

    async def run(self) -> None:
        """Stay connected until cancelled, or until the station vanishes."""
        self._plan()
        if self._options.plugged_in:
            self._station.plug_in()
        failures = 0
        while not self._gone:
            failures = 0 if await self._connect() else failures + 1
            if self._awake.is_set() and not self._gone:
                await asyncio.sleep(self._back_off_s(failures))
            await self._awake.wait()

    def _back_off_s(self, failures: int) -> float:
        comm, variables = "OCPPCommCtrlr", self._station.variables
        doublings = min(failures, variables.whole(comm, "RetryBackOffRepeatTimes"))
        spread_s = variables.whole(comm, "RetryBackOffRandomRange")
        least_s = variables.whole(comm, "RetryBackOffWaitMinimum")
        return least_s * 2.0**doublings + float(self._context.rng.uniform(0, spread_s))

    async def close(self) -> None:
        """End the connection as a station that is switched off by a person."""
        self._gone = True
        for task in self._planned:
            task.cancel()
        await asyncio.gather(*self._planned, return_exceptions=True)
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
            if not self._awake.is_set():  # it went down while it was dialling
                session.cut("rebooting")
                return
            self._session = session
            self._station.connected(session)

        session = Session(self._side(on_open))
        try:
            end = await dial(
                self._url,
                session,
                subprotocol=OCPP201.subprotocol,
                credentials=self._credentials,
            )
        except OSError as error:  # it dials again; the CSMS notices that nobody comes
            self.trouble = meaning(error)
            return False
        try:
            await self._hung_up.wait()
        finally:
            end.cut("")
        return opened

    def _side(self, opened: Callable[[Session], None]) -> Side:
        self._connections += 1  # part 4, 4.1.4: no id is used twice
        prefix = "s" if self._connections == 1 else f"s{self._connections}-"
        return Side(
            where=f"{self._context.where} (emulator)",
            prefix=prefix,
            handlers=answers(self._station, self._reset),
            opened=opened,
            closed=self._closed,
            violated=self.violations.append,
            edition=OCPP201,
        )

    def _closed(self, session: Session, _why: str) -> None:
        if session is self._session:
            self._session = None
            self._station.disconnected()
        self._hung_up.set()

    # What the options plan

    def _plan(self) -> None:
        options, faults = self._options, self._options.faults
        limit_a, station = options.external_limit_a, self._station
        if faults.vanishes_at_s is not None:
            self._at(faults.vanishes_at_s, self._vanish)
        if faults.malformed_json_at_s is not None:
            self._at(faults.malformed_json_at_s, self._send_malformed)
        if limit_a is not None:
            self._at(
                options.external_from_s, lambda: station.limit_from_elsewhere(limit_a)
            )
            if options.external_to_s < float("inf"):
                self._at(
                    options.external_to_s, lambda: station.limit_from_elsewhere(None)
                )

    def _at(self, at_s: float, act: Callable[[], None]) -> None:
        """Act at a bench time, which a held clock may still be far from."""

        async def wait() -> None:
            await self._context.clock.until(at_s)
            act()

        self._planned.append(asyncio.create_task(wait()))

    def _vanish(self) -> None:
        self._gone = True
        if self._session is not None:
            self._session.cut("vanished")

    def _send_malformed(self) -> None:
        if self._session is not None:
            self._session.send_raw('[2,"s0","Heartbeat",{')


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: StationOptions201
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
