"""A SMETS2 meter and the consumer access device that tells of it over MQTT."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from pydantic import Field

from devices.links.mqtt_device import BrokerOptions, Guest, Place, on_broker
from devices.links.mqtt_packets import Publish
from devices.meter.faults import OF_EVERY_METER
from devices.meter.metering import Metering
from devices.meter.model import OwnClockErrors
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

LOOK_S = 1.0
"""How often the meter itself measures, whatever it tells of that; chosen. [s]"""
BREAKS = (*OF_EVERY_METER, FaultKind.LATE_BACKLOG)


class EmulatorOptions(OwnClockErrors, BrokerOptions):
    """The meter's error model, what the device calls itself, and its broker."""

    update_interval_s: float = Field(10.0, ge=1, le=3600)
    """How often the meter's values come over the home area network (facts-gb 8: 10 s,
    unverified). [s]"""
    resolution_w: float = Field(1.0, ge=0, le=1000)
    """Three decimals of a kW. [W]"""
    start_energy_wh: float = Field(6_613_405.0, ge=0)
    mac: str = Field("A4CF12D0C3B7", pattern=r"^[0-9A-F]{12}$")
    mpan: str = Field("1200000000004", pattern=r"^\d{13}$")
    """Invented; there to be removed."""
    supplier: str = "ABC ENERGY"
    stamp_age_s: float = Field(0.0, ge=0, le=86_400)
    """How old the time in the payload is when it is sent; in a published sample it is
    16 minutes behind the device's own. [s]"""


class CadEmulator:
    """A meter on the circuit, and what is told of it."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._context, self._options = context, options
        self._loop = asyncio.get_running_loop()
        looks = options.model_copy(update={"update_interval_s": LOOK_S})
        self._metering = Metering(context, looks)
        self._topic = f"glow/{options.mac}"
        # Where in ten seconds it tells is chance; that it is there, it tells at once.
        early_s = context.rng.random() * options.update_interval_s
        self._next_s = self._metering.now_s() - early_s
        self._timer: asyncio.TimerHandle | None = None
        self._delivery: asyncio.TimerHandle | None = None
        self._late_s = 0.0
        self._kept_back: list[str] = []
        self._day_began_wh = options.start_energy_wh
        self.place: Place | None = None
        self.address = ""

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return BREAKS

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on; see `Breakable`."""
        if fault.kind is not FaultKind.LATE_BACKLOG:
            self._metering.impose(fault)
            return
        if not 0 < fault.amount < math.inf:
            raise ValueError(f"a meter that {fault.kind.value!r} needs an amount")
        self._late_s = fault.amount
        self._deliver()

    def lift(self, kind: FaultKind) -> None:
        """Be well again."""
        if kind is FaultKind.LATE_BACKLOG:
            self._late_s = 0.0
            self._flush()
            self._cancel(self._delivery)
        else:
            self._metering.lift(kind)

    def operate(self, action: str) -> None:
        """Refuse: nobody does anything to a meter."""
        raise ValueError(f"nobody can {action!r} with a meter")

    def guest(self) -> Guest:
        """How it appears on the broker: it hears nothing, it tells."""
        return Guest(f"glow-{self._options.mac}", (), _deaf, self.arrived)

    def arrived(self) -> None:
        """Say what it is, and that it has joined the home area network."""
        if self.place is not None:
            # Retained, so that a later listener knows it; whether the real one does
            # that is not known.
            self.place.tell(f"{self._topic}/STATE", self._state(), retain=True)

    def start(self) -> None:
        """Begin to tell, on the grid of the meter's own updates."""
        self._tell()

    def stop(self) -> None:
        """Cancel every timer."""
        self._cancel(self._timer)
        self._cancel(self._delivery)
        self._metering.close()

    def _tell(self) -> None:
        if not self._metering.is_silent:
            text = self._reading()
            if self._late_s:
                self._kept_back.append(text)
            else:
                self._send(text)
        self._next_s += self._options.update_interval_s
        delay_s = max(0.0, self._next_s - self._metering.now_s())
        self._timer = self._loop.call_later(delay_s, self._tell)

    def _send(self, text: str) -> None:
        if self.place is not None:
            self.place.tell(f"{self._topic}/SENSOR/electricitymeter", text)

    def _deliver(self) -> None:
        self._flush()
        self._cancel(self._delivery)
        self._delivery = self._loop.call_later(self._late_s, self._deliver)

    def _flush(self) -> None:
        kept_back, self._kept_back = self._kept_back, []
        for text in kept_back:
            self._send(text)

    def _reading(self) -> str:
        shown, options = self._metering.shown(), self._options
        import_kwh = shown.energy_import_wh / 1000
        used_kwh = max(0.0, shown.energy_import_wh - self._day_began_wh) / 1000
        used = dict.fromkeys(("day", "week", "month"), round(used_kwh, 3))
        bought = {
            "cumulative": round(import_kwh, 3),
            **used,
            "units": "kWh",
            "mpan": options.mpan,
            "supplier": options.supplier,
            "price": {"unitrate": 0.2703, "standingcharge": 0.4457},
        }
        sold = {"cumulative": round(shown.energy_export_wh / 1000, 3), "units": "kWh"}
        meter = {
            "timestamp": self._stamp(),
            "energy": {"export": sold, "import": bought},
            "power": {"value": round(shown.power_w / 1000, 3), "units": "kW"},
        }
        return _compact({"electricitymeter": meter})

    def _state(self) -> str:
        mac = self._options.mac
        return _compact(
            {
                "software": "v1.8.12",
                "timestamp": _iso(self._context.clock.utc()),
                "hardware": "GLOW-IHD-01-1v4-SMETS2",
                "ethmac": mac,
                "smetsversion": "SMETS2",
                "eui": ":".join(mac[at : at + 2] for at in range(0, 12, 2)),
                "zigbee": "1.2.5",
                "han": {"rssi": -75, "status": "joined", "lqi": 100},
            }
        )

    def _stamp(self) -> str:
        age = timedelta(seconds=self._options.stamp_age_s)
        return _iso(self._metering.utc() - age)

    def _cancel(self, timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def _deaf(_message: Publish) -> None:
    """Nobody can tell a meter anything."""


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _compact(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[CadEmulator]:
    """Put a meter into the circuit and its access device on the broker."""
    emulator = CadEmulator(context, options)
    topic = f"glow/{options.mac}"
    try:
        async with on_broker(context, options.broker, emulator.guest(), topic) as place:
            emulator.place, emulator.address = place
            emulator.arrived()
            emulator.start()
            yield emulator
    finally:
        emulator.stop()
