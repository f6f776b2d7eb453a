"""A SMETS2 meter seen through a consumer access device: pushed every 10 s over MQTT.

It is never asked: what it tells is handed on with the time in its payload and the time
of arrival, which may be minutes apart. Whose electricity it is, is removed before a
message is recorded, quoted or kept (`devices.meter.cad_payload`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import Field

from devices.links.mqtt import MqttOptions, driver_client
from devices.links.mqtt_packets import Publish, frame_length
from devices.meter.cad_emulator import BREAKS, EmulatorOptions, emulate
from devices.meter.cad_payload import meter_of, state_of, stripped
from harness.core.bench import DeviceContext, DeviceEvent, Driver
from harness.core.capabilities import Device, Identity
from harness.core.errors import LinkError
from harness.core.recording import Reading

METER = "SENSOR/electricitymeter"


class CadOptions(MqttOptions):
    """How the driver listens."""

    first_within_s: float = Field(30.0, gt=0, le=600)
    """Longest wait for the first reading. [s]"""
    silent_after_s: float = Field(60.0, gt=0, le=3600)
    """With no reading for so long the meter counts as lost, and its power as missing:
    some access devices tell every 6 s, some every 10 s. [s]"""


class Smets2Cad:
    """A meter that tells, and is told nothing."""

    def __init__(self, context: DeviceContext, options: CadOptions) -> None:
        self._context, self._options = context, options
        self.broker = driver_client(
            context,
            options,
            self._heard,
            body=lambda each: stripped(each.payload),
            reconnected=self._expect,
        )
        self._where = f"{context.where} {self.broker.address}"
        self._topic = self.broker.address.topic
        self._loop = asyncio.get_running_loop()
        self._first: asyncio.Future[None] = self._loop.create_future()
        self._state: dict[str, str] = {}
        self._who: dict[str, str] | None = None
        self._heard_s = -math.inf
        self._watch: asyncio.TimerHandle | None = None
        self._lost = False
        self.failures = 0
        """Messages of the meter that made no sense."""

    async def ready(self) -> None:
        """Connect, and wait for the first reading.

        Raises
        ------
        LinkError
            No broker, or no reading in time.
        """
        await self.broker.subscribe(f"{self._topic}/STATE", f"{self._topic}/{METER}")
        try:
            async with asyncio.timeout(self._options.first_within_s):
                await asyncio.shield(self._first)
        except TimeoutError as error:
            raise LinkError(
                self._where,
                f"no reading within {self._options.first_within_s:g} s",
                "the topic glow/MAC, local MQTT enabled on the access device, and that "
                "it has joined the meter's network",
            ) from error

    async def identify(self) -> Identity:
        """Return what the access device said of itself, so far.

        Neither meter nor household is named: those numbers are personal data. If it
        had said nothing when it was first asked, that stays so: who it is must not
        seem to change within a trial.
        """
        if self._who is None:
            self._who = dict(self._state)
        known = self._state if self._who else {}
        return Identity(
            "Hildebrand",
            known.get("hardware") or "SMETS2 consumer access device",
            firmware=known.get("software", ""),
        )

    async def make_safe(self) -> None:
        """Do nothing: a meter is read, never told anything."""

    async def close(self) -> None:
        """Stop listening."""
        if self._watch is not None:
            self._watch.cancel()
        await self.broker.close()

    def _heard(self, message: Publish) -> None:
        if message.topic == f"{self._topic}/STATE":
            self._state_told(message)
        elif message.topic == f"{self._topic}/{METER}":
            self._meter_told(message)

    def _state_told(self, message: Publish) -> None:
        state = state_of(message.payload)
        if state is None:
            self._unreadable("STATE")
            return
        if state["han"] != self._state.get("han"):
            joined = state["han"] == "joined"
            self._tell("status" if joined else "unavailable", f"han {state['han']}")
        self._state = state

    def _meter_told(self, message: Publish) -> None:
        meter = meter_of(message.payload)
        if meter is None:
            self._unreadable(METER)
            return
        at_s = math.nan
        if meter.at is not None:
            at_s = self._context.clock.bench_s(meter.at)
        self._context.report(
            [
                Reading("power_w", meter.power_w, at_s),
                Reading("energy_import_wh", meter.import_wh, at_s),
                Reading("energy_export_wh", meter.export_wh, at_s),
            ]
        )
        self._is_there()

    def _is_there(self) -> None:
        self._heard_s = self._loop.time()
        if not self._first.done():
            self._first.set_result(None)
        if self._lost:
            self._lost = False
            self._tell("connected", "readings again")
        self._expect()

    def _expect(self) -> None:
        """Watch for silence, also after the broker alone has come back."""
        if self._watch is None and self._first.done():
            self._watch_on(self._options.silent_after_s)

    def _watch_on(self, wait_s: float) -> None:
        self._watch = self._loop.call_later(wait_s, self._check)

    def _check(self) -> None:
        """Find out that nothing came; set only once for each stretch of silence."""
        silent_after_s = self._options.silent_after_s
        left_s = self._heard_s + silent_after_s - self._loop.time()
        if left_s > 1e-6:
            self._watch_on(left_s)
            return
        self._watch, self._lost = None, True
        self._context.report([Reading("power_w", math.nan)])
        self._tell("lost", f"no reading for {silent_after_s:g} s")

    def _unreadable(self, what: str) -> None:
        self.failures += 1
        self._tell("status", f"{what} makes no sense; its content is not kept")

    def _tell(self, kind: str, detail: str) -> None:
        self._context.notify(DeviceEvent(self._context.role, kind, detail))


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: CadOptions
) -> AsyncIterator[Smets2Cad]:
    """Listen for as long as the meter is in use."""
    meter = Smets2Cad(context, options)
    try:
        yield meter
    finally:
        await meter.close()


DRIVER = Driver(
    name="meter/smets2_cad",
    maker="Hildebrand (Glow consumer access device)",
    wire="Glow local MQTT (JSON over MQTT 3.1.1)",
    source=(
        "payloads as transcribed in ha_hildebrand_glow_ihd_mqtt and by owners; the "
        "maker's document was not read (unverified)"
    ),
    options=CadOptions,
    open=open_driver,
    emulator_options=EmulatorOptions,
    emulate=emulate,
    capabilities=(Device,),
    address_form="mqtt://HOST:PORT/glow/MAC",
    faults=BREAKS,
    frame_length=frame_length,
)
