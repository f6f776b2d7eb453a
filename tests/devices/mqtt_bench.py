"""A clock, a circuit and what drivers told; for devices on MQTT."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import numpy as np

from devices.links.mqtt_broker import Broker
from devices.links.mqtt_device import Guest, _Inside
from devices.links.mqtt_packets import Decoder, Publish, encode
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.circuit import Circuit, FixedLoad
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop

WHERE = "rig.toml [device.plug]"
START = datetime(2026, 1, 15, 17, tzinfo=UTC)


def run(trial):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(trial)


class Bench:
    """For one driver."""

    def __init__(self, driver, *, starts_at=START, seed=1, load_w=None):
        self.driver = driver
        self.clock = BenchClock(starts_at)
        self.circuit = Circuit(seed=seed)
        if load_w is not None:
            self.circuit.attach("house", FixedLoad(load_w))
        self.wire, self.events, self.reports = [], [], []

    def emulator_context(self, role="plug", seed=1, dial=""):
        rng = np.random.default_rng(seed)
        return EmulatorContext(
            WHERE, role, self.clock, rng, self.circuit, ("*",), dial=dial
        )

    def emulate(self, role="plug", seed=1, dial="", **options):
        return self.driver.emulate(
            self.emulator_context(role, seed, dial),
            self.driver.emulator_options(**options),
        )

    def context(self, address, role="plug"):
        return DeviceContext(
            WHERE,
            role,
            address,
            self.clock,
            lambda sent, frame: self.wire.append((sent, frame)),
            lambda readings: self.reports.append((self.clock.now_s(), readings)),
            lambda event: self.events.append((event.kind, event.detail)),
        )

    def open(self, address, role="plug", **options):
        return self.driver.open(
            self.context(address, role), self.driver.options(**options)
        )

    def power_w(self, role="plug"):
        return self.circuit.power_w((role,), self.clock.now_s())

    def reported(self, quantity):
        """Arrival, device time and value of what was pushed."""
        return [
            (at_s, each.device_time_s, each.value)
            for at_s, readings in self.reports
            for each in readings
            if each.quantity == quantity
        ]


@contextlib.asynccontextmanager
async def both(bench, *, driver=None, **emulator_options):
    """An emulator and its driver, ready."""
    async with (
        bench.emulate(**emulator_options) as emulator,
        bench.open(emulator.address, **(driver or {})) as device,
    ):
        await device.ready()
        yield emulator, device


def values(readings):
    return {each.quantity: each.value for each in readings}


@contextlib.asynccontextmanager
async def raw_peer(*replies):
    """A broker that answers each thing sent to it with the next of these bytes."""
    left, heard, writers = list(replies), [], []

    async def answer(reader, writer):
        writers.append(writer)
        while data := await reader.read(65_536):
            heard.append(data)
            if left and (reply := left.pop(0)) is not None:
                writer.write(reply)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1], heard
        finally:
            for writer in writers:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()


class Device:
    """A hand-made device on a broker: answers commands with literal messages."""

    def __init__(self, answers):
        self._answers, self.heard = answers, []
        self.broker = Broker()

    @contextlib.asynccontextmanager
    async def listening(self, *filters):
        guest = Guest("device", filters, self._obey, lambda: None)
        async with self.broker.listening(0) as port:
            self._place = _Inside(self.broker, guest)
            self._place.come()
            yield port

    def tell(self, topic, text, *, retain=False):
        self.broker.publish(Publish(topic, text.encode(), retain=retain))

    def _obey(self, message):
        self.heard.append((message.topic, message.payload.decode()))
        for topic, text in self._answers.get(self.heard[-1], ()):
            self.tell(topic, text)


def decoded(data):
    return list(Decoder().feed(data))


__all__ = ["Bench", "Device", "both", "decoded", "encode", "raw_peer", "run", "values"]
