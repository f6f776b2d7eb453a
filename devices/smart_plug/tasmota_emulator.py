"""A Tasmota plug on a broker, with an appliance plugged into it.

Topics, commands and replies follow the Tasmota documentation ("MQTT", "Commands",
"PowerOnState") and a device's log (firmware 12.1.1). Modelled: POWER, PulseTime,
PowerOnState at power up, TelePeriod, PowerDelta off, Status 2, 5, 7, 8, 10 and 11.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from devices.links.mqtt_device import BrokerOptions, Guest, Place, on_broker
from devices.links.mqtt_packets import Publish
from devices.smart_plug.faults import BREAKS
from devices.smart_plug.plug import Measured, Plug, PlugOptions
from devices.smart_plug.tasmota_words import (
    PULSE_INVERTED,
    TELE_PERIOD_S,
    pulse_seconds,
)
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

OFF_WORDS = {"OFF", "0", "FALSE"}
ON_WORDS = {"ON", "1", "TRUE"}
"""Source: "Commands", Power."""


class EmulatorOptions(PlugOptions, BrokerOptions):
    """The plug, its settings as found, and its broker."""

    topic: str = Field("tasmota_3A1C55", pattern=r"^[^/#+%\s]+$")
    mac: str = "48:3F:DA:3A:1C:55"
    firmware: str = "12.1.1(tasmota)"
    hardware: str = "ESP8266EX"
    tele_period_s: int = Field(300, ge=10, le=3600)
    """As the firmware is delivered. Source: "Commands", TelePeriod. [s]"""
    power_on_state: Literal[0, 1, 3, 5] = 1
    """After a loss of power: off, on, as it was, or on after PulseTime. The firmware is
    delivered with 3; ours is 1, which keeps food cold."""
    utc_offset_minutes: int = Field(0, ge=-780, le=780)
    """Its time zone. [min]"""
    watt_resolution: int = Field(0, ge=0, le=3)
    """Decimals of power. Source: "Commands", WattRes."""


class TasmotaEmulator:
    """The commands that it obeys, and what it tells unasked."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self.plug = Plug(context, options, self)
        self._tele_s = float(options.tele_period_s)
        self._power_on_state: int = options.power_on_state
        self._pulse_time = 0
        self._saved_on = options.start_on
        self._telling: asyncio.TimerHandle | None = None
        self.place: Place | None = None
        self.address = ""
        context.circuit.attach(context.role, self.plug.appliance)

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return BREAKS

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on."""
        self.plug.impose(fault)

    def lift(self, kind: FaultKind) -> None:
        """Be well again."""
        self.plug.lift(kind)

    def operate(self, action: str) -> None:
        """Do what a person would do to the appliance."""
        self.plug.operate(action)

    def guest(self) -> Guest:
        """How it appears on the broker; its will is retained."""
        return Guest(
            f"DVES_{self._options.mac.replace(':', '')[-6:]}",
            (f"cmnd/{self._options.topic}/+",),
            self._heard,
            self.arrived,
            Publish(f"tele/{self._options.topic}/LWT", b"Offline", retain=True),
        )

    def arrived(self) -> None:
        """Say that it is there, and how its relay stands."""
        if self.place is not None:
            self._tell("tele", "LWT", "Online", retain=True)
            self._told_power()

    def start(self) -> None:
        """Begin to send telemetry."""
        self.plug.start()
        self._plan_telemetry()

    def stop(self) -> None:
        """Cancel every timer."""
        self.plug.stop()
        if self._telling is not None:
            self._telling.cancel()

    def power_changed(self) -> None:
        """Say nothing: PowerDelta is off, as delivered."""

    def output_changed(self, source: str) -> None:
        """Tell how the relay stands now; begin PulseTime if it is to run."""
        on = self._saved_on = self.plug.output
        inverted = self._power_on_state == PULSE_INVERTED
        if self._pulse_time and on is not inverted and source != "PulseTimer":
            seconds = pulse_seconds(self._pulse_time)
            self.plug.arm(seconds, not on, "PulseTimer")
        self.plug.post(self._told_power)

    def went(self) -> None:
        """Leave the broker without a word."""
        if self.place is not None:
            self.place.leave()

    def came(self) -> None:
        """Be back: the relay as PowerOnState says, and telemetry begun anew."""
        state = self._power_on_state
        on = self._saved_on if state == 3 else state == 1
        if on is not self.plug.output:
            self.plug.switch(on, "Restart")
        if state == PULSE_INVERTED and self._pulse_time:
            self.plug.arm(pulse_seconds(self._pulse_time), True, "PulseTimer")
        if self.place is not None:
            self.place.come()

    def _heard(self, message: Publish) -> None:
        if self.plug.is_silent:
            return
        name = message.topic.rpartition("/")[2].upper()
        value = message.payload.decode(errors="replace").strip()
        handlers: dict[str, Callable[[str], None]] = {
            "POWER": self._obey_power,
            "POWER1": self._obey_power,
            "STATUS": self._obey_status,
            "TELEPERIOD": self._obey_tele_period,
            "POWERONSTATE": self._obey_power_on_state,
            "PULSETIME1": self._obey_pulse_time,
        }
        handler = handlers.get(name)
        if handler is None:
            self._result({"Command": "Unknown"})
        else:
            handler(value)

    def _obey_power(self, value: str) -> None:
        word = value.upper()
        if word in OFF_WORDS | ON_WORDS:
            self.plug.switch(word in ON_WORDS, "MQTT")
        elif word in ("TOGGLE", "2"):
            self.plug.switch(not self.plug.output, "MQTT")
        else:
            self._told_power()

    def _obey_tele_period(self, value: str) -> None:
        lowest, highest = TELE_PERIOD_S
        if value.isdigit():
            asked = int(value)
            # Below the range the firmware takes the nearest: "Commands", TelePeriod.
            self._tele_s = float(min(max(asked, lowest), highest))
            self._plan_telemetry()
        self._result({"TelePeriod": int(self._tele_s)})

    def _obey_power_on_state(self, value: str) -> None:
        if value in ("0", "1", "3", "5"):
            self._power_on_state = int(value)
        self._result({"PowerOnState": self._power_on_state})

    def _obey_pulse_time(self, value: str) -> None:
        if value.isdigit() and int(value) <= 64_900:
            self._pulse_time = int(value)
        self._result({"PulseTime1": {"Set": self._pulse_time, "Remaining": 0}})

    def _obey_status(self, value: str) -> None:
        statuses: dict[str, Callable[[], object]] = {
            "2": lambda: {
                "StatusFWR": {
                    "Version": self._options.firmware,
                    "Hardware": self._options.hardware,
                }
            },
            "5": lambda: {"StatusNET": {"Mac": self._options.mac}},
            "7": self._status_time,
            "8": lambda: {"StatusSNS": self._sensors(self.plug.measured())},
            "10": lambda: {"StatusSNS": self._sensors(self.plug.measured())},
            "11": lambda: {"StatusSTS": self._state(self.plug.measured())},
        }
        if value in statuses:
            self._tell("stat", f"STATUS{value}", _compact(statuses[value]()))
        else:
            self._result({"Command": "Error"})

    def _status_time(self) -> object:
        utc = self.plug.measured().utc
        return {"StatusTIM": {"UTC": _iso(utc), "Local": self._local(utc)}}

    def _sensors(self, measured: Measured) -> dict[str, object]:
        on = measured.output
        decimals = self._options.watt_resolution
        power_w = (
            round(measured.power_w, decimals) if decimals else round(measured.power_w)
        )
        energy = {
            "TotalStartTime": "2026-01-01T00:00:00",
            "Total": round(measured.energy_wh / 1000.0, 3),
            "Power": power_w,
            "ApparentPower": power_w,
            "ReactivePower": 0,
            "Factor": 1.0 if power_w else 0.0,
            # The meter chip hangs behind the relay in most plugs.
            "Voltage": round(measured.voltage_v) if on else 0,
            "Current": round(measured.current_a, 3),
        }
        return {"Time": self._local(measured.utc), "ENERGY": energy}

    def _state(self, measured: Measured) -> dict[str, object]:
        power = "ON" if measured.output else "OFF"
        return {"Time": self._local(measured.utc), "POWER": power}

    def _plan_telemetry(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
        self._telling = self._loop.call_later(self._tele_s, self._telemetry)

    def _telemetry(self) -> None:
        live = self.plug.live()
        state, sensors = _compact(self._state(live)), _compact(self._sensors(live))
        self.plug.post(lambda: self._tell("tele", "STATE", state))
        self.plug.post(lambda: self._tell("tele", "SENSOR", sensors))
        self._plan_telemetry()

    def _told_power(self) -> None:
        state = "ON" if self.plug.measured().output else "OFF"
        self._result({"POWER": state})
        self._tell("stat", "POWER", state)

    def _result(self, content: object) -> None:
        self._tell("stat", "RESULT", _compact(content))

    def _tell(self, prefix: str, name: str, text: str, *, retain: bool = False) -> None:
        if self.place is not None:
            topic = f"{prefix}/{self._options.topic}/{name}"
            self.place.tell(topic, text, retain=retain)

    def _local(self, utc: datetime) -> str:
        return _iso(utc + timedelta(minutes=self._options.utc_offset_minutes))


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _compact(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[TasmotaEmulator]:
    """Wire the appliance into the circuit and put the plug on its broker."""
    emulator = TasmotaEmulator(context, options)
    guest = emulator.guest()
    async with on_broker(context, options.broker, guest, options.topic) as place:
        emulator.place, emulator.address = place
        emulator.arrived()
        emulator.start()
        try:
            yield emulator
        finally:
            emulator.stop()
