"""Shelly Gen2+ plug over MQTT: RPC requests, notifications and status topics."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import Field

from devices.links.mqtt import MqttOptions
from devices.links.mqtt_device import BrokerOptions, Guest, Place, on_broker
from devices.links.mqtt_packets import Publish, frame_length
from devices.links.shelly_frames import compact
from devices.links.shelly_mqtt import ShellyMqtt
from devices.smart_plug.appliances import OPERATIONS
from devices.smart_plug.emulator import PlugEmulator, ShellyOptions
from devices.smart_plug.faults import BREAKS
from devices.smart_plug.server import reply_to
from devices.smart_plug.shelly_plug import (
    CAPABILITIES,
    KINDNESS,
    SOURCE,
    PlugOptions,
    ShellyPlug,
)
from harness.core.bench import DeviceContext, Driver, EmulatorContext


class ShellyMqttOptions(PlugOptions, MqttOptions):
    """How the driver reaches the broker and treats the plug."""


class EmulatorOptions(ShellyOptions, BrokerOptions):
    """The plug, and its broker."""

    topic: str = Field("", pattern=r"^[^$#+%?][^#+%?]{0,299}$|^$")
    """Topic prefix; empty for the device id. Source: "MQTT", topic_prefix."""


class ShellyOnBroker(ShellyPlug):
    """A plug reached through a broker."""

    def __init__(self, context: DeviceContext, options: ShellyMqttOptions) -> None:
        super().__init__(context, options)
        self.link = ShellyMqtt(context, options, self.notified)
        self.over(self.link.call, self.link.call)

    async def ready(self) -> None:
        """Listen to the device, and remember how its relay was found."""
        await self.link.open()
        await super().ready()


class MqttChannel:
    """The plug's side of the broker: requests, events, status and ``online``."""

    def __init__(self, emulator: PlugEmulator, device_id: str, topic: str) -> None:
        self._emulator, self._id, self._topic = emulator, device_id, topic
        self.place: Place | None = None

    def guest(self) -> Guest:
        """How it appears on the broker."""
        online = f"{self._topic}/online"
        return Guest(
            self._id,
            (f"{self._topic}/rpc",),
            self._heard,
            self._arrived,
            Publish(online, b"false", retain=True),
        )

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Push an event, and the whole status of what changed."""
        frame = {"src": self._id, "dst": f"{self._topic}/events", "method": method}
        self._tell(f"{self._topic}/events/rpc", compact({**frame, "params": params}))
        if method == "NotifyStatus":
            status = compact(self._emulator.status())
            self._tell(f"{self._topic}/status/switch:0", status)

    def went(self) -> None:
        """Leave the broker without a word."""
        if self.place is not None:
            self.place.leave()

    def came(self) -> None:
        """Connect to the broker again."""
        if self.place is not None:
            self.place.come()

    def _arrived(self) -> None:
        if self.place is not None:
            self.place.tell(f"{self._topic}/online", "true", retain=True)
            self.notify("NotifyFullStatus", self._emulator.full_status())

    def _tell(self, topic: str, text: str) -> None:
        if self.place is not None:
            self.place.tell(topic, self._emulator.spoiled(text))

    def _heard(self, message: Publish) -> None:
        if self._emulator.plug.is_silent:
            return
        try:
            frame = json.loads(message.payload)
        except (ValueError, RecursionError):
            return
        if isinstance(frame, dict) and frame.get("src"):
            reply = reply_to(frame, self._id, self._emulator.answer, "MQTT")
            self._tell(f"{frame['src']}/rpc", compact(reply))


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: ShellyMqttOptions
) -> AsyncIterator[ShellyOnBroker]:
    """Hold the link for as long as the device is in use."""
    plug = ShellyOnBroker(context, options)
    try:
        yield plug
    finally:
        await plug.link.close()


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[PlugEmulator]:
    """Wire the appliance into the circuit and put the plug on its broker."""
    emulator = PlugEmulator(context, options)
    topic = options.topic or options.device_id
    channel = MqttChannel(emulator, options.device_id, topic)
    emulator.channel = channel
    async with on_broker(context, options.broker, channel.guest(), topic) as place:
        channel.place, emulator.address = place
        channel._arrived()  # noqa: SLF001 - it had no place when it arrived
        emulator.start()
        try:
            yield emulator
        finally:
            emulator.stop()


DRIVER = Driver(
    name="smart_plug/shelly_mqtt",
    maker="Shelly",
    wire="Shelly RPC over MQTT 3.1.1",
    source=SOURCE,
    options=ShellyMqttOptions,
    open=open_driver,
    emulator_options=EmulatorOptions,
    emulate=emulate,
    capabilities=CAPABILITIES,
    address_form="mqtt://HOST:PORT/TOPIC_PREFIX",
    operations=OPERATIONS,
    faults=BREAKS,
    frame_length=frame_length,
    kindness=KINDNESS,
)
