"""An emulated charging station of any edition on a real websocket; it dials the CSMS.

What runs on it, and when it dials again, is its edition's `Computer`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from devices.ev_chargepoint.breaking import BREAKS, Breakage, Emulated, Power
from devices.ev_chargepoint.charging import Timers
from devices.ev_chargepoint.model import ElectricVehicle, Vehicle
from devices.ev_chargepoint.options import StationOptions
from devices.ev_chargepoint.uplink import Uplink
from devices.links.ocpp import Handler
from devices.links.ocpp_schema import Edition
from devices.links.ocpp_security import credentials
from devices.links.ocpp_session import Session, Side, dial, parse_endpoint
from devices.links.tls import meaning
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

OPERATIONS = ("plug in", "unplug")

Planned = tuple[float, Callable[[], None]]
"""A bench time [s], and what happens then."""


class Software(Emulated, Protocol):
    """A station of any edition, as its connection and its cable see it."""

    plugged: bool

    @property
    def uplink(self) -> Uplink:
        """Its side of the connection."""
        ...

    def plug_in(self) -> None:
        """Connect the vehicle."""

    def unplug(self) -> None:
        """Pull the cable."""

    def close(self) -> None:
        """Stop every timer."""


class Computer(Protocol):
    """What runs a station, and knows what its edition does."""

    @property
    def edition(self) -> Edition:
        """Which one."""
        ...

    @property
    def station(self) -> Software:
        """What it runs."""
        ...

    def secured(self, profile: int) -> None:
        """Note the security profile that it connects under."""

    def prefix(self) -> str:
        """Return what the message ids of the next connection begin with."""
        ...

    def handlers(self) -> Mapping[str, Handler]:
        """Return what it answers on the next connection."""
        ...

    def go_down(self) -> None:
        """The mains are gone."""

    def come_up(self) -> None:
        """It has started again."""

    def tried(self, connected: bool) -> None:
        """Note how the last try to connect went."""

    def back_off_s(self) -> float:
        """Return how long it waits before it tries again. [s]"""
        ...

    def plan(self) -> Sequence[Planned]:
        """Return what its options plan, beside what those of every edition do."""
        ...


Build = Callable[[ElectricVehicle, Callable[[float], None]], Computer]
"""Makes the computer of a vehicle's station; the second is what it restarts by, and
takes how long the station is away. [s]"""


class ChargingStation:
    """A `harness.core.bench.Emulator`, and `Breakable`."""

    address = ""

    def __init__(
        self, context: EmulatorContext, options: StationOptions, build: Build
    ) -> None:
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
        self._computer = build(self._vehicle, self._sleep)
        self._computer.secured(self._credentials.profile)
        self._station = self._computer.station
        self._timers = Timers()
        self._returning: asyncio.TimerHandle | None = None
        self._session: Session | None = None
        self._hung_up, self._awake = asyncio.Event(), asyncio.Event()
        self._awake.set()
        self._gone = False
        self._planned: list[asyncio.Task[None]] = []
        power = Power(self._power_off, self._wake)
        self._breakage = Breakage(self._station, self._vehicle, context.clock, power)
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
        """Lose the connection, the transaction and what it was told."""
        self._computer.go_down()
        self._sleep(away_s)

    def _sleep(self, away_s: float) -> None:
        self._awake.clear()
        if self._session is not None:
            self._session.cut("the station reboots")
        self._timers.cancel(self._returning)
        self._returning = self._timers.after(away_s, self._wake)

    def _wake(self) -> None:
        if not self._awake.is_set():
            self._timers.cancel(self._returning)
            self._computer.come_up()
            self._awake.set()

    # Connection

    async def run(self) -> None:
        """Stay connected until cancelled, or until the station vanishes."""
        if self._options.plugged_in:
            self._station.plug_in()
        self._plan()
        while not self._gone:
            self._computer.tried(await self._connect())
            if self._awake.is_set() and not self._gone:
                await asyncio.sleep(self._computer.back_off_s())
            await self._awake.wait()

    async def close(self) -> None:
        """End the connection as a station that is switched off by a person."""
        self._gone = True
        for task in self._planned:
            task.cancel()
        await asyncio.gather(*self._planned, return_exceptions=True)
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
            if not self._awake.is_set():  # the power went while it was dialling
                session.cut("the station reboots")
                return
            self._session = session
            self._station.uplink.connected(session)

        session = Session(self._side(on_open))
        try:
            end = await dial(
                self._url,
                session,
                subprotocol=self._computer.edition.subprotocol,
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
        return Side(
            where=f"{self._context.where} (emulator)",
            prefix=self._computer.prefix(),
            handlers=self._computer.handlers(),
            opened=opened,
            closed=self._closed,
            violated=self.violations.append,
            edition=self._computer.edition,
        )

    def _closed(self, session: Session, why: str) -> None:
        if session is self._session:
            self._session = None
            self._station.uplink.disconnected()
        else:
            self.trouble = why
        self._hung_up.set()

    # What the options plan

    def _plan(self) -> None:
        faults = self._options.faults
        if faults.vanishes_at_s is not None:
            self._at(faults.vanishes_at_s, self._vanish)
        if faults.malformed_json_at_s is not None:
            self._at(faults.malformed_json_at_s, self._send_malformed)
        for at_s, act in self._computer.plan():
            self._at(at_s, act)

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
async def running(
    context: EmulatorContext, options: StationOptions, build: Build
) -> AsyncIterator[ChargingStation]:
    """Run a charging station until the context ends."""
    station = ChargingStation(context, options, build)
    task = asyncio.create_task(station.run())
    try:
        yield station
    finally:
        await station.close()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
