"""An electric vehicle through its maker's cloud: Tesla's Fleet API.

No charging station takes part. The car says how far it is charged; it may be asleep,
and then takes its time; the cloud limits how often it is asked.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from devices.ev_direct import emulator
from devices.ev_direct.api import FleetApi, number
from devices.ev_direct.reach import OemOptions, Reach, draws
from devices.links import framing
from devices.links.http import HttpLink, Json
from harness.core.bench import DeviceContext, Driver, Kindness
from harness.core.calendar import LONDON
from harness.core.capabilities import (
    Acknowledgement,
    Device,
    Identity,
    LimitsPower,
    PlansDeparture,
    Polled,
)
from harness.core.errors import RefusedError, UsageError
from harness.core.recording import Reading

MEMBERS = {
    "power_w": ("charger_power", 1000.0),
    "current_a": ("charger_actual_current", 1.0),
    "current_offered_a": ("charge_current_request", 1.0),
    "voltage_v": ("charger_voltage", 1.0),
    "soc_percent": ("battery_level", 1.0),
}
"""Quantity: its member of ``charge_state``, and the factor. Power is in whole kW."""

Command = tuple[str, Json]


class OemCar:
    """A car that can be limited, given a departure, and asked how it is."""

    def __init__(
        self, context: DeviceContext, api: FleetApi, options: OemOptions
    ) -> None:
        self._context, self._api, self._options = context, api, options
        self._clock, self._where = context.clock, f"{context.where} {context.address}"
        self._reach = Reach(context, api, options)
        self._limited = self._stopped = self._started = self._planned = False
        self._busy = asyncio.Lock()

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns; ``nan`` while the car sleeps and says nothing."""
        return tuple(MEMBERS)

    async def ready(self) -> None:
        """Ask the cloud for the car, without waking it."""
        await self._reach.first_look()

    async def identify(self) -> Identity:
        """Return who the cloud says it is; a car that sleeps is not woken for it."""
        vehicle = await self._api.vehicle()
        vin = vehicle.get("vin")
        return Identity("Tesla", "Fleet API vehicle", serial=str(vin or ""))

    async def poll(self) -> Sequence[Reading]:
        """Read what the car says of its charging.

        A car that sleeps is left to sleep; one that has been idle is left alone for a
        while; a cloud that wants to be left alone is. All values are ``nan`` then.
        """
        state = await self._reach.glance()
        if state is None:
            return [Reading(quantity, math.nan) for quantity in MEMBERS]
        return self._readings(state)

    async def limit_power_w(self, limit_w: float | None) -> Acknowledgement:
        """Limit its current, stop it below `least_a`, or lift the limit with None.

        Wakes the car first. A limit that lets it charge also starts a car that is
        plugged in and stopped; lifting leaves it charging, or not, as it was found.

        Raises
        ------
        RefusedError
            It cannot be reached, or the cloud refuses for too long.
        LinkError
            The cloud does not answer.
        """
        if limit_w is not None and not 0.0 <= limit_w < math.inf:
            raise UsageError(
                self._where, f"a limit of {limit_w} W is none", "0 W or more"
            )
        async with self._busy:
            state, woke = await self._reach.awake()
            if limit_w is None:
                return await self._lift(state, woke)
            amps = self._amperes(limit_w, state)
            if amps < self._options.least_a:
                self._stopped = self._stopped or draws(state)
                return await self._commanded(woke, ("charge_stop", {}))
            commands = [_limit(amps)]
            self._limited = True
            if not draws(state):
                self._started = True
                commands.append(("charge_start", {}))
            return await self._commanded(woke, *commands)

    async def plan_departure(self, soc_percent: float, at: datetime) -> Acknowledgement:
        """Have it charged this far by then; it chooses when it charges.

        Raises
        ------
        UsageError
            The time is not within a day from now, or the car cannot stop there.
        LinkError
            As for `limit_power_w`.
        """
        self._check_departure(soc_percent, at)
        local = at.astimezone(LONDON)
        minutes = local.hour * 60 + local.minute
        body = {
            "enable": True,
            "departure_time": minutes,
            "preconditioning_enabled": False,
            "preconditioning_weekdays_only": False,
            "off_peak_charging_enabled": True,
            "off_peak_charging_weekdays_only": False,
            "end_off_peak_time": minutes,
        }
        async with self._busy:
            _, woke = await self._reach.awake()
            self._planned = True
            return await self._commanded(
                woke,
                ("set_charge_limit", {"percent": round(soc_percent)}),
                ("set_scheduled_departure", body),
            )

    async def make_safe(self) -> None:
        """Put back current, charge limit and departure as they were found."""
        if not (self._limited or self._stopped or self._planned):
            return
        async with self._busy:
            state, woke = await self._reach.awake()
            if self._planned:
                percent = number(self._reach.found or {}, "charge_limit_soc")
                back: list[Command] = [("set_scheduled_departure", {"enable": False})]
                if percent >= 0:
                    back.append(("set_charge_limit", {"percent": int(percent)}))
                self._require(await self._commanded(woke, *back))
                self._planned = False
            if self._limited or self._stopped:
                self._require(await self._lift(state, woke))

    async def _lift(self, state: Json, woke: str) -> Acknowledgement:
        found = self._reach.found or state
        amps = number(found, "charge_current_request")
        back: list[Command] = [_limit(int(amps))] if amps > 0 else []
        if draws(found) or self._stopped:
            back += [] if draws(state) else [("charge_start", {})]
        elif self._started:
            back.append(("charge_stop", {}))
        answer = await self._commanded(woke, *back)
        if answer.accepted:
            self._limited = self._stopped = self._started = False
        return answer

    def _amperes(self, limit_w: float, state: Json) -> int:
        """Return whole amperes that keep to a limit, and to the car's own."""
        per_ampere_w = self._options.phases * self._options.voltage_v
        highest_a = number(state, "charge_current_request_max")
        wanted_a = limit_w / per_ampere_w + 1e-6
        return math.floor(min(wanted_a, highest_a) if highest_a > 0 else wanted_a)

    async def _commanded(self, woke: str, *commands: Command) -> Acknowledgement:
        """Send commands in turn; the first that is refused ends it."""
        said = [woke] if woke else []
        self._reach.stir()
        for name, body in commands:
            reason = await self._reach.patiently(partial(self._send, name, body))
            amps = body.get("charging_amps", body.get("percent", ""))
            said.append(f"{name} {amps}".rstrip() + f": {reason or 'true'}")
            if reason:
                return Acknowledgement(False, "; ".join(said))
        return Acknowledgement(True, "; ".join(said))

    async def _send(self, name: str, body: Json) -> str:
        timeout_s = self._options.command_timeout_s
        return await self._api.command(name, body, timeout_s=timeout_s)

    def _readings(self, state: Json) -> list[Reading]:
        at_s = self._device_time_s(number(state, "timestamp"))
        return [
            Reading(quantity, number(state, member) * factor, at_s)
            for quantity, (member, factor) in MEMBERS.items()
        ]

    def _device_time_s(self, timestamp_ms: float) -> float:
        try:
            told = datetime.fromtimestamp(timestamp_ms / 1000.0, UTC)
        except (ValueError, OverflowError, OSError):
            return math.nan
        return self._clock.bench_s(told)

    def _check_departure(self, soc_percent: float, at: datetime) -> None:
        if at.tzinfo is None:
            raise UsageError(
                self._where, f"the departure {at} has no time zone", "one with a zone"
            )
        if not 50.0 <= soc_percent <= 100.0:
            raise UsageError(
                self._where,
                f"the car cannot be told to charge to {soc_percent:g} %",
                "50 % to 100 %",
            )
        ahead = at - self._clock.utc()
        if not timedelta() < ahead <= timedelta(days=1):
            raise UsageError(
                self._where,
                f"a departure at {at} is not within a day from now",
                "a time of the next 24 hours: the car is told a time of day",
            )

    def _require(self, answer: Acknowledgement) -> None:
        if not answer.accepted:
            raise RefusedError(
                self._where, f"was not put back: {answer.detail}", "the car's own app"
            )


def _limit(amps: int) -> Command:
    return "set_charging_amps", {"charging_amps": amps}


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: OemOptions
) -> AsyncIterator[OemCar]:
    """Hold the link for as long as the device is in use."""
    link = HttpLink(
        where=context.where,
        address=context.address,
        wire=context.wire,
        timeout_s=options.timeout_s,
        what="a maker's Fleet API",
        ca_file=options.ca_file,
    )
    api = FleetApi(context, link, vin=options.vin, token_file=options.token_file)
    try:
        yield OemCar(context, api, options)
    finally:
        await link.close()


DRIVER = Driver(
    name="ev_direct/oem_api",
    maker="Tesla",
    wire="HTTP (Fleet API)",
    source=(
        "Tesla Fleet API, Conventions and FAQ (developer.tesla.com, 2026); teslamotors/"
        "vehicle-command pkg/proxy; Home Assistant's tesla_fleet fixtures (unverified)"
    ),
    options=OemOptions,
    open=open_driver,
    emulator_options=emulator.EmulatorOptions,
    emulate=emulator.emulate,
    capabilities=(Device, Polled, LimitsPower, PlansDeparture),
    address_form="https://HOST",
    operations=emulator.OPERATIONS,
    faults=emulator.FAULTS,
    kindness=Kindness(
        writes_per_hour=20,
        cycles_per_hour=6,
        least_poll_interval_s=10.0,
        source=(
            "derived from the Fleet API's Discovery plan of 2024: 50 commands and 200 "
            "data requests a vehicle and day (unverified: superseded by pay per use)"
        ),
    ),
    safe_within_s=150.0,
    frame_length=framing.http,
)
