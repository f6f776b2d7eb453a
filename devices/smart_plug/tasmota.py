"""Tasmota plug over MQTT: switched by ``cmnd``, measured by ``Status 8`` and ``tele``.

Telemetry comes at most every 10 s, too seldom to prove a response; so the driver asks
for ``Status 8`` as often as it is polled, and takes telemetry as well when it comes.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field, field_validator

from devices.links.mqtt import MqttOptions, driver_client
from devices.links.mqtt_packets import Publish, frame_length
from devices.smart_plug.appliances import OPERATIONS
from devices.smart_plug.faults import BREAKS
from devices.smart_plug.tasmota_emulator import EmulatorOptions, emulate
from devices.smart_plug.tasmota_words import (
    PULSE_INVERTED,
    SOURCE,
    TELE_PERIOD_S,
    pulse_time,
)
from harness.core.bench import DeviceContext, DeviceEvent, Driver, Kindness
from harness.core.capabilities import (
    Acknowledgement,
    Device,
    Identity,
    Polled,
    Switches,
)
from harness.core.errors import LinkError
from harness.core.recording import Reading

QUANTITIES = ("power_w", "voltage_v", "current_a", "energy_import_wh")


class TasmotaOptions(MqttOptions):
    """How the driver reaches and treats the plug."""

    full_topic: str = Field(
        "%prefix%/%topic%/", pattern=r"%prefix%.*%topic%|%topic%.*%prefix%"
    )
    """How topics are built. Source: "MQTT", FullTopic."""
    relay: int = Field(1, ge=1, le=8)
    poll_interval_s: float = Field(1.0, gt=0, le=3600)
    """How often ``Status 8`` is asked for. [s]"""
    tele_period_s: int = Field(10, ge=TELE_PERIOD_S[0], le=TELE_PERIOD_S[1])
    """How often telemetry comes by itself during the trial. [s]"""
    fail_safe_s: float | None = Field(None, gt=0)
    """The plug turns itself on again this long after being switched off, even if the
    harness is dead by then (``PulseTime`` with ``PowerOnState 5``). [s]"""

    @field_validator("fail_safe_s")
    @classmethod
    def _fits_pulse_time(cls, value: float | None) -> float | None:
        if value is not None:
            pulse_time(value)
        return value


class Tasmota:
    """A relay with a meter, on a broker."""

    def __init__(self, context: DeviceContext, options: TasmotaOptions) -> None:
        self._context, self._options = context, options
        self.broker = driver_client(context, options, self._heard)
        self._where = f"{context.where} {self.broker.address}"
        full = options.full_topic.replace("%topic%", self.broker.address.topic)
        self._cmnd, self._stat, self._tele = (
            full.replace("%prefix%", prefix).rstrip("/")
            for prefix in ("cmnd", "stat", "tele")
        )
        self._power = "POWER" if options.relay == 1 else f"POWER{options.relay}"
        self._busy = asyncio.Lock()
        self._awaited: tuple[str, asyncio.Future[Any]] | None = None
        self._utc_offset = timedelta()
        self._found: dict[str, str] = {}
        self._online: bool | None = None
        self._told_state = ""
        self.failures = 0
        """Commands that got no usable reply."""

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns."""
        return QUANTITIES

    async def ready(self) -> None:
        """Connect, note how the plug was found, and set it up for a trial.

        Raises
        ------
        LinkError
            No broker, no plug under this topic, or one that measures no power.
        """
        await self.broker.subscribe(f"{self._stat}/+", f"{self._tele}/+")
        found_on = await self._state(await self._command(self._power, ""))
        clock = (await self._command("Status", "7", "StatusTIM"))["StatusTIM"]
        self._utc_offset = self._offset(clock)
        if not self._found:
            self._found[self._power] = "ON" if found_on else "OFF"
            for name in ("TelePeriod", "PowerOnState"):
                self._found[name] = str((await self._command(name, ""))[name])
            if self._options.fail_safe_s is not None:
                self._found["PulseTime1"] = await self._pulse("")
        await self._command("TelePeriod", str(self._options.tele_period_s))
        if self._options.fail_safe_s is not None:
            await self._command("PowerOnState", str(PULSE_INVERTED))
            await self._pulse(str(pulse_time(self._options.fail_safe_s)))
        await self.poll()

    async def identify(self) -> Identity:
        """Ask for firmware and hardware."""
        firmware = (await self._command("Status", "2", "StatusFWR"))["StatusFWR"]
        network = (await self._command("Status", "5", "StatusNET"))["StatusNET"]
        return Identity(
            "Tasmota",
            str(_part(firmware, "Hardware")),
            serial=str(_part(network, "Mac")),
            firmware=str(_part(firmware, "Version")),
        )

    async def poll(self) -> Sequence[Reading]:
        """Read power, voltage, current and energy, with the plug's own time.

        Raises
        ------
        LinkError
            If it does not answer, or measures nothing.
        """
        answer = await self._command("Status", "8", "StatusSNS")
        readings = self._readings(answer["StatusSNS"])
        if not readings:
            raise self._failed("Status 8 has no ENERGY", "a model that measures power")
        return readings

    async def switch(self, on: bool) -> Acknowledgement:
        """Open or close the relay."""
        wanted = "ON" if on else "OFF"
        answer = await self._command(self._power, wanted)
        is_on = await self._state(answer)
        return Acknowledgement(is_on is on, f"{self._power} {'ON' if is_on else 'OFF'}")

    async def make_safe(self) -> None:
        """Put relay and settings back as they were found; if unknown, switch it on."""
        found = dict(self._found) or {self._power: "ON"}
        if "PulseTime1" in found:
            await self._pulse(found.pop("PulseTime1"))
        else:
            found.pop("PowerOnState", None)
        for name, value in found.items():
            await self._command(name, value)

    async def _command(self, name: str, value: str, key: str = "") -> dict[str, Any]:
        """Send a command and return its reply: the object with this key in it."""
        async with self._busy:
            future = asyncio.get_running_loop().create_future()
            self._awaited = (key or name, future)
            try:
                await self.broker.publish(f"{self._cmnd}/{name}", value)
                async with asyncio.timeout(self._options.timeout_s):
                    reply: dict[str, Any] = await future
                    return reply
            except TimeoutError as error:
                raise self._failed(
                    f"{name} {value}".rstrip()
                    + f": no answer within {self._options.timeout_s:g} s{self._away()}",
                    "its power, its topic and FullTopic, and that it uses this broker",
                ) from error
            except LinkError:
                self.failures += 1
                raise
            finally:
                self._awaited = None

    async def _pulse(self, value: str) -> str:
        name = f"PulseTime{self._options.relay}"
        holder = (await self._command(name, value))[name]
        return str(_part(holder, "Set"))

    async def _state(self, answer: Mapping[str, Any]) -> bool:
        state = answer[self._power]
        if state not in ("ON", "OFF"):
            raise self._failed(f"{self._power} is {state!r}", "StateText as delivered")
        return bool(state == "ON")

    def _away(self) -> str:
        return ", and the broker calls it offline" if self._online is False else ""

    def _heard(self, message: Publish) -> None:
        prefix, _, name = message.topic.rpartition("/")
        text = message.payload.decode(errors="replace")
        if prefix == self._tele and name == "LWT":
            self._lived(text, retained=message.retain)
            return
        content = _object(text)
        if prefix == self._stat and name == self._power:
            self._stands(text)
        elif prefix == self._stat:
            self._answered(content)
        elif content is None:
            return
        elif name == "SENSOR":
            self._context.report(self._readings(content))
        elif name == "STATE" and self._power in content:
            self._stands(str(content[self._power]))

    def _answered(self, content: dict[str, Any] | None) -> None:
        if content is None or self._awaited is None:
            return
        wanted, future = self._awaited
        by_name = {key.casefold(): key for key in content}
        aliases = [wanted.casefold()]
        if wanted == "POWER":
            aliases.append("power1")
        for alias in aliases:
            if alias in by_name and not future.done():
                future.set_result({**content, wanted: content[by_name[alias]]})
                return

    def _lived(self, text: str, *, retained: bool) -> None:
        self._online = text == "Online"
        kind = "connected" if self._online else "lost"
        how = " (retained)" if retained else ""
        self._tell(kind, f"LWT {text}{how}")

    def _stands(self, state: str) -> None:
        """Tell how the relay stands, when that is news."""
        if state != self._told_state:
            self._told_state = state
            self._tell("status", f"{self._power} {state}")

    def _readings(self, sensors: object) -> list[Reading]:
        energy = sensors.get("ENERGY") if isinstance(sensors, dict) else None
        if not isinstance(sensors, dict) or not isinstance(energy, dict):
            return []
        at_s = self._device_time_s(sensors.get("Time"))
        relay = self._options.relay
        power_w, voltage_v = (_number(energy, n, relay) for n in ("Power", "Voltage"))
        # An open relay cuts off the meter chip of most plugs: it shows 0 V, which no
        # mains has (SetOption21 is for those that are wired otherwise).
        blind = voltage_v == 0.0
        total_kwh = _number(energy, "Total", relay)
        return [
            Reading("power_w", power_w, at_s),
            Reading("voltage_v", math.nan if blind else voltage_v, at_s),
            Reading("current_a", _number(energy, "Current", relay), at_s),
            Reading("energy_import_wh", total_kwh * 1000.0, at_s),
        ]

    def _device_time_s(self, told: object) -> float:
        """Device time on the bench clock. [s]

        It is local time without a zone, unless SetOption52 adds one.
        """
        try:
            moment = datetime.fromisoformat(str(told))
        except ValueError:
            return math.nan
        if moment.tzinfo is None:
            moment = (moment - self._utc_offset).replace(tzinfo=UTC)
        return self._context.clock.bench_s(moment)

    def _offset(self, clock: object) -> timedelta:
        """How far local time is ahead of UTC, of `Status 7`."""
        try:
            local = datetime.fromisoformat(str(_part(clock, "Local")))
            utc = datetime.fromisoformat(str(_part(clock, "UTC")).removesuffix("Z"))
        except ValueError as error:
            raise self._failed(
                "Status 7 gives no time", "Time 1 (ISO format)"
            ) from error
        quarters = round((local - utc) / timedelta(minutes=15))
        return quarters * timedelta(minutes=15)

    def _tell(self, kind: str, detail: str) -> None:
        self._context.notify(DeviceEvent(self._context.role, kind, detail))

    def _failed(self, fact: str, hint: str) -> LinkError:
        self.failures += 1
        return LinkError(self._where, fact, hint)


def _object(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _part(holder: object, key: str) -> object:
    return holder.get(key, "") if isinstance(holder, dict) else ""


def _number(energy: Mapping[str, Any], key: str, relay: int) -> float:
    """Return a value of one relay; ``nan`` if it is not there or no number.

    Models that measure several lines give lists.
    """
    value = energy.get(key)
    if isinstance(value, list):
        value = value[relay - 1] if relay <= len(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if math.isfinite(value) else math.nan


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: TasmotaOptions
) -> AsyncIterator[Tasmota]:
    """Hold the link for as long as the device is in use."""
    plug = Tasmota(context, options)
    try:
        yield plug
    finally:
        await plug.broker.close()


DRIVER = Driver(
    name="smart_plug/tasmota",
    maker="Tasmota (open firmware, many makers)",
    wire="Tasmota commands over MQTT 3.1.1",
    source=SOURCE,
    options=TasmotaOptions,
    open=open_driver,
    emulator_options=EmulatorOptions,
    emulate=emulate,
    capabilities=(Device, Polled, Switches),
    address_form="mqtt://HOST:PORT/TOPIC",
    operations=OPERATIONS,
    faults=BREAKS,
    frame_length=frame_length,
    kindness=Kindness(
        writes_per_hour=120.0,
        cycles_per_hour=60.0,
        source=(
            "ours (unverified): with SaveData 1 each change of power is written to "
            "flash within a second, and flash and relay wear"
        ),
    ),
)
