"""A maker's cloud as its clients see it, with one car behind it.

Paths, members and reasons follow Tesla's Fleet API, as far as it could be read: its
"Conventions" and "Frequently Asked Questions" (developer.tesla.com/docs/fleet-api), the
maker's own ``vehicle-command`` proxy (parameters of commands; the words for a car that
is asleep), and a real car's answer in Home Assistant's tests
(``tesla_fleet/fixtures/vehicle_data.json``). Reasons of refused commands, the words for
a bad token and the header that goes with 429 are as clients handle them: unverified.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic import Field

from devices.ev_direct.car import Car, CarOptions
from devices.ev_direct.telling import COMMANDS, charge_state
from devices.links.http_server import Answer, HttpServer, Request
from devices.links.standing_faults import StandingFaults
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

OPERATIONS = ("plug in", "unplug")
FAULTS: Final = (
    FaultKind.IGNORES,
    FaultKind.RAMPS_WRONG,
    FaultKind.TRIPS,
    FaultKind.REBOOTS,
    FaultKind.FORGETS_SCHEDULE,
    FaultKind.FROZEN,
    FaultKind.STALE,
    FaultKind.GAP,
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
)
_AMOUNTS = (
    FaultKind.RAMPS_WRONG,
    FaultKind.REBOOTS,
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
)
ASLEEP = "vehicle unavailable: vehicle is offline or asleep"
MINUTE_S = 60.0


class EmulatorOptions(CarOptions):
    """The car's options, its cloud's, and defects for bad rigs."""

    vin: str = Field("LRWFLEXR1G0000001", min_length=17, max_length=17)
    name: str = "Flexrig"
    token: str = ""
    """The bearer token that it wants; empty for none."""
    token_lasts_s: float = Field(math.inf, gt=0)
    """The token is refused this long after the start. [s]"""
    command_s: tuple[float, float] = (1.0, 4.0)
    """From the least to the most that a command takes, drawn anew each time. [s]"""
    requests_per_minute: int = Field(60, ge=1)
    commands_per_minute: int = Field(30, ge=1)
    wakes_per_minute: int = Field(3, ge=1)
    ignores_commands: bool = False
    """Accepts every command, shows what it was told, and does as it did."""


class Cloud:
    """Answers requests for one car; a `harness.core.bench.Emulator`, `Breakable`."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._context, self._options = context, options
        self._now_s = context.clock.now_s
        self._began_s = self._now_s()
        self.car = Car(context, options)
        self._faults = StandingFaults("a car", FAULTS, amounts=_AMOUNTS)
        self._asked: dict[str, deque[float]] = {}
        self._kept: dict[str, Any] = {}
        self._drift_from_s = 0.0
        self._speaks = asyncio.Event()
        self._speaks.set()
        self.server = HttpServer(self.answer)
        self.address = ""
        if options.ignores_commands:
            self.impose(Fault(FaultKind.IGNORES))

    def close(self) -> None:
        """End every wait."""
        self._speaks.set()
        self.car.close()

    def operate(self, action: str) -> None:
        """Plug the car in, or pull its cable."""
        if action not in OPERATIONS:
            can = " or ".join(OPERATIONS)
            raise ValueError(f"nobody can {action!r} a car; only {can}")
        wanted = action == "plug in"
        if wanted is self.car.plugged:
            state = "already plugged in" if wanted else "not plugged in"
            raise ValueError(f"the car is {state}")
        self.car.plugged = wanted
        # A car that is plugged in charges, and is awake for it.
        self.car.enabled = self.car.enabled or wanted
        self.car.keep_awake()
        self.car.update()

    # Faults

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return FAULTS

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on.

        Raises
        ------
        ValueError
            If a car cannot have it, or its amount is missing.
        """
        self._faults.impose(fault)
        kind, now_s = fault.kind, self._now_s()
        if kind in (FaultKind.FROZEN, FaultKind.STALE):
            self._kept = self._charge_state()
        elif kind is FaultKind.RAMPS_WRONG:
            self.car.vehicle.change_pace(fault.amount, at_s=now_s)
        elif kind is FaultKind.TRIPS:
            self._trip(True)
        elif kind is FaultKind.REBOOTS:
            self.car.reboot(fault.amount)
        elif kind is FaultKind.FORGETS_SCHEDULE:
            self.car.forget_departure()
        elif kind is FaultKind.GAP:
            self._speaks.clear()
        elif kind is FaultKind.CLOCK_DRIFT:
            self._drift_from_s = now_s

    def lift(self, kind: FaultKind) -> None:
        """Be well again; nothing happens if it was."""
        if not self._faults.lift(kind):
            return
        if kind is FaultKind.RAMPS_WRONG:
            self.car.vehicle.change_pace(1.0, at_s=self._now_s())
        elif kind is FaultKind.TRIPS:
            self._trip(False)
        elif kind is FaultKind.REBOOTS:
            self.car.return_online()
        elif kind is FaultKind.GAP:
            self._speaks.set()

    def _trip(self, tripped: bool) -> None:
        self.car.tripped = tripped
        self.car.update()

    # Requests

    async def answer(self, request: Request) -> Answer:
        """Answer as the cloud does, in its time."""
        await self._speaks.wait()
        refusal = self._unauthorised(request) or self._too_many(request)
        if refusal is not None:
            return refusal
        parts = request.path.strip("/").split("/")
        if parts[:3] != ["api", "1", "vehicles"] or parts[3:4] != [self._options.vin]:
            return _error(404, "not_found")
        rest = "/".join(parts[4:])
        if (request.method, rest) == ("GET", ""):
            return Answer(body={"response": self._vehicle()})
        if (request.method, rest) == ("GET", "vehicle_data"):
            return self._vehicle_data()
        if (request.method, rest) == ("POST", "wake_up"):
            self.car.wake()
            return Answer(body={"response": self._vehicle()})
        if request.method == "POST" and parts[4:5] == ["command"] and len(parts) == 6:
            return await self._command(parts[5], request.json)
        return _error(404, "not_found")

    def _unauthorised(self, request: Request) -> Answer | None:
        options = self._options
        if not options.token:
            return None
        if self._now_s() - self._began_s >= options.token_lasts_s:
            return _error(401, "token expired (401)")
        if request.bearer != options.token:
            return _error(401, "invalid bearer token")
        return None

    def _too_many(self, request: Request) -> Answer | None:
        """Count a request; refuse it if its kind was asked too often in a minute."""
        kind, most = "data", self._options.requests_per_minute
        if request.path.endswith("/wake_up"):
            kind, most = "wakes", self._options.wakes_per_minute
        elif "/command/" in request.path:
            kind, most = "commands", self._options.commands_per_minute
        asked, now_s = self._asked.setdefault(kind, deque()), self._now_s()
        while asked and asked[0] <= now_s - MINUTE_S:
            asked.popleft()
        if len(asked) >= most:
            wait_s = math.ceil(asked[0] + MINUTE_S - now_s)
            return _error(429, "rate_limited", {"Retry-After": str(max(wait_s, 1))})
        asked.append(now_s)
        return None

    def _vehicle(self) -> dict[str, Any]:
        return {
            "id": 1234,
            "vehicle_id": 1234,
            "vin": self._options.vin,
            "display_name": self._options.name,
            "access_type": "OWNER",
            "state": self.car.state(),
            "in_service": False,
            "id_s": "1234",
            "api_version": 71,
        }

    def _vehicle_data(self) -> Answer:
        if self.car.state() != "online":
            return _error(408, ASLEEP)
        self.car.keep_awake()
        told = self._served(self._charge_state())
        return Answer(body={"response": self._vehicle() | {"charge_state": told}})

    def _served(self, now: dict[str, Any]) -> dict[str, Any]:
        """Return the charge state as the cloud gives it, its faults included."""
        if FaultKind.FROZEN in self._faults:
            return self._kept
        if FaultKind.STALE in self._faults:
            return self._kept | {"timestamp": now["timestamp"]}
        return now

    async def _command(self, name: str, body: Mapping[str, Any] | None) -> Answer:
        wait_s = self._context.rng.uniform(*self._options.command_s)
        await asyncio.sleep(wait_s)
        await self._speaks.wait()
        if self.car.state() != "online":
            return _error(408, ASLEEP)
        if name not in COMMANDS:
            return _error(400, "invalid_command")
        obeys = FaultKind.IGNORES not in self._faults
        try:
            reason = COMMANDS[name](
                self.car, body or {}, obeys=obeys, at_s=self._now_s()
            )
        except (KeyError, TypeError, ValueError):
            return _error(400, "invalid_field")
        self.car.keep_awake()
        self.car.update()
        return Answer(body={"response": {"result": not reason, "reason": reason}})

    def _charge_state(self) -> dict[str, Any]:
        now_s = self._now_s()
        return charge_state(
            self.car,
            at_s=now_s,
            voltage_v=self._context.circuit.voltage_v(now_s),
            timestamp_ms=self._timestamp_ms(),
        )

    def _timestamp_ms(self) -> int:
        faults = self._faults
        ahead_s = faults.amount(FaultKind.CLOCK_STEP)
        hours = (self._now_s() - self._drift_from_s) / 3600.0
        ahead_s += faults.amount(FaultKind.CLOCK_DRIFT) * hours
        return round((self._context.clock.utc().timestamp() + ahead_s) * 1000.0)


def _error(status: int, error: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = {"response": None, "error": error, "error_description": ""}
    return Answer(status, body, headers or {})


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[Cloud]:
    """Wire the car into the circuit and serve its cloud on loopback."""
    cloud = Cloud(context, options)
    context.circuit.attach(context.role, cloud.car)
    try:
        async with cloud.server.listening(context.port) as port:
            cloud.address = f"http://127.0.0.1:{port}"
            yield cloud
    finally:
        cloud.close()
