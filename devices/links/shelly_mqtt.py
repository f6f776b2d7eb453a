"""Shelly Gen2+ RPC over MQTT: requests to ``TOPIC/rpc``, replies to our own topic.

The device answers on ``SRC/rpc``, where SRC is the request's source, and pushes on
``TOPIC/events/rpc``; ``TOPIC/online`` is retained, and false is the device's will.
There is no login: MQTT is left out of it ("Authentication").

Source: Shelly Technical Documentation, Gen2+, "RPC Channels" (MQTT), "MQTT",
"Notifications"; frames of real devices, see the tests.
"""

from __future__ import annotations

from devices.links.mqtt import MqttOptions, driver_client
from devices.links.mqtt_packets import Publish
from devices.links.shelly_frames import (
    POWERED,
    SOURCE,
    Conversation,
    Notified,
    Result,
    parsed,
    silence,
)
from harness.core.bench import DeviceContext, DeviceEvent
from harness.core.errors import LinkError


class ShellyMqtt:
    """One Shelly device on a broker.

    Parameters
    ----------
    context : DeviceContext
        Gives broker and topic prefix, and takes every message verbatim.
    options : MqttOptions
        How the broker is reached, and the longest wait for a reply.
    notified : callable
        Takes ``method`` and ``params`` of every notification.
    """

    def __init__(
        self, context: DeviceContext, options: MqttOptions, notified: Notified
    ) -> None:
        self._context, self._timeout_s = context, options.timeout_s
        self.broker = driver_client(context, options, self._heard)
        self._topic = self.broker.address.topic
        self._where = f"{context.where} {self.broker.address}"
        self._inbox = f"{SOURCE}-{context.role}"
        self._talk = Conversation(
            self._where,
            timeout_s=options.timeout_s,
            notified=notified,
            source=self._inbox,
        )
        self._failures = 0

    @property
    def failures(self) -> int:
        """Calls that brought no result."""
        return self._failures + self.broker.failures

    async def open(self) -> None:
        """Connect to the broker and listen to the device."""
        await self.broker.subscribe(
            f"{self._inbox}/rpc",
            f"{self._topic}/events/rpc",
            f"{self._topic}/online",
            qos=1,
        )

    async def call(self, method: str, params: Result | None = None) -> Result:
        """Call a method of the device.

        Raises
        ------
        LinkError
            No broker, no reply in time, no response frame, or an error object.
        """
        try:
            return await self._talk.call(method, params, self._send)
        except TimeoutError as error:
            self._failures += 1
            fact = f"{method}: {silence(self._timeout_s)}"
            hint = f"{POWERED}, the topic, and RPC over MQTT enabled on the device"
            raise LinkError(self._where, fact, hint) from error
        except LinkError:
            self._failures += 1
            raise

    async def close(self) -> None:
        """Leave the broker."""
        await self.broker.close()

    async def _send(self, text: str) -> None:
        await self.broker.publish(f"{self._topic}/rpc", text)

    def _heard(self, message: Publish) -> None:
        text = message.payload.decode(errors="replace")
        if message.topic == f"{self._topic}/online":
            kind = "connected" if text == "true" else "lost"
            detail = f"online {text} (retained)" if message.retain else f"online {text}"
            self._context.notify(DeviceEvent(self._context.role, kind, detail))
            return
        try:
            self._talk.hear(parsed(self._where, message.topic, text))
        except LinkError as error:
            self._talk.lost(error)
