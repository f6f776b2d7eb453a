"""Both ends of OCPP 2.0.1, each against a test that plays the other by hand."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import numpy as np
from websockets.asyncio.server import serve

from devices.ev_chargepoint.ocpp201 import DRIVER
from harness.core.bench import EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from tests.devices.ocpp_bench import (
    STARTS_AT,
    Bench,
    StationByHand,
    dialling,
    opened,
    plain,
)

BOOT = (
    '[2,"19223201","BootNotification",{"reason":"PowerUp","chargingStation":'
    '{"model":"SingleSocketCharger","vendorName":"VendorX"}}]'
)
BOOT_ANSWER = (
    '[3,"19223201",{"currentTime":"2013-02-01T20:53:32.486Z","interval":300,'
    '"status":"Accepted"}]'
)
PLAIN = plain("ocpp2.0.1")


def csms(**options):
    """The driver alone."""
    return opened(DRIVER, **options)


class StationByHand201(StationByHand):
    """A charging station of 2.0.1 that a test plays."""

    def __init__(self, far):
        super().__init__(far)
        self.messages = 0

    async def status(self, status, evse=1):
        return await self.says(
            "StatusNotification",
            {
                "timestamp": "2013-02-01T20:53:32Z",
                "connectorStatus": status,
                "evseId": evse,
                "connectorId": 1,
            },
        )

    async def transaction(self, kind, state=None, *, ident="T1", **more):
        """Send a TransactionEvent, numbered like the ones before."""
        number = more.pop("seqNo", self.messages)
        self.messages = number + 1
        info = {"transactionId": ident, **({"chargingState": state} if state else {})}
        return await self.says(
            "TransactionEvent",
            {
                "eventType": kind,
                "timestamp": "2013-02-01T20:53:32Z",
                "triggerReason": "ChargingStateChanged",
                "seqNo": number,
                "transactionInfo": info,
                **more,
            },
        )


def dialled(driver):
    return dialling(driver, "ocpp2.0.1", StationByHand201)


CSMS_ANSWERS = {
    "BootNotification": {
        "currentTime": "2013-02-01T20:53:32.486Z",
        "interval": 300,
        "status": "Accepted",
    },
    "Heartbeat": {"currentTime": "2013-02-01T20:53:32.486Z"},
}


class CsmsByHand:
    """A CSMS that answers all calls and lets a test make its own."""

    def __init__(self, clock, circuit):
        self.clock, self.circuit = clock, circuit
        self.far, self.emulator, self.number = None, None, 0
        self.heard, self.frames = [], []
        self.answers = dict(CSMS_ANSWERS)
        self.waiting, self.news = {}, asyncio.Event()
        self.mute = set()
        """Actions that get no answer."""

    async def serve(self, far):
        self.far = far
        async for frame in far:
            self.frames.append(frame)
            try:
                message = json.loads(frame)
            except ValueError:
                continue
            if message[0] == 2:
                self.heard.append((self.clock.now_s(), message[2], message[3]))
                answer = self.answers.get(message[2], {})
                if message[2] not in self.mute:
                    await far.send(json.dumps([3, message[1], answer]))
            else:
                self.waiting.pop(message[1]).set_result(message)
            self.news.set()

    async def sends(self, text, ident):
        """Send a CALL as it stands; return the whole answer."""
        answer = self.waiting[ident] = asyncio.get_running_loop().create_future()
        await self.far.send(text)
        return await answer

    async def asks(self, action, payload):
        self.number += 1
        ident = f"h{self.number}"
        return await self.sends(json.dumps([2, ident, action, payload]), ident)

    async def gets(self, action, payload):
        """Send a CALL; return the payload of its CALLRESULT."""
        kind, _ident, answer = await self.asks(action, payload)
        assert kind == 3, answer
        return answer

    async def sets(self, component, variable, value):
        item = {
            "attributeValue": str(value),
            "component": {"name": component},
            "variable": {"name": variable},
        }
        answer = await self.gets("SetVariables", {"setVariableData": [item]})
        return answer["setVariableResult"][0]["attributeStatus"]

    def said(self, action):
        """Return when and what the station said of one kind."""
        return [(at_s, asked) for at_s, got, asked in self.heard if got == action]

    def statuses(self):
        found = self.said("StatusNotification")
        return [asked["connectorStatus"] for _at_s, asked in found]

    def events(self, kind=None):
        """Return its TransactionEvents."""
        found = [asked for _at_s, asked in self.said("TransactionEvent")]
        return [asked for asked in found if kind in {None, asked["eventType"]}]

    @property
    def transaction(self):
        return self.events("Started")[-1]["transactionInfo"]["transactionId"]

    def power_w(self):
        return self.circuit.power_w(["ev"], self.clock.now_s())

    async def until(self, met):
        while not met():
            self.news.clear()
            await self.news.wait()


STEADY = {"reaction_spread_s": 0.0, "pwm_spacing_s": 0.0, "wake_up_s": 0.0}
"""A vehicle whose every move can be foretold."""


@asynccontextmanager
async def station(**options):
    """The emulator alone."""
    clock, circuit = BenchClock(STARTS_AT), Circuit()
    hand = CsmsByHand(clock, circuit)
    hand.answers |= options.pop("answers", {})
    async with serve(hand.serve, "127.0.0.1", 0, **PLAIN) as server:
        port = server.sockets[0].getsockname()[1]
        context = emulator_context(clock, circuit, f"ws://127.0.0.1:{port}/CP3211")
        record = DRIVER.emulator_options(**{**STEADY, **options})
        async with DRIVER.emulate(context, record) as emulator:
            hand.emulator = emulator
            await hand.until(lambda: hand.heard)
            if hand.answers["BootNotification"]["status"] == "Accepted":
                await hand.until(lambda: hand.said("StatusNotification"))
            yield hand
            assert emulator.violations == []


def emulator_context(clock, circuit, dial):
    return EmulatorContext(
        where="home.toml [device.ev]",
        role="ev",
        clock=clock,
        rng=np.random.default_rng(7),
        circuit=circuit,
        dial=dial,
    )


class Both:
    """Driver and emulator on one wire."""

    def __init__(self, bench, driver, emulator, circuit):
        self.hears, self.driver, self.emulator = bench, driver, emulator
        self.clock, self.circuit = bench.clock, circuit

    def power_w(self):
        return self.circuit.power_w(["ev"], self.clock.now_s())

    async def after(self, seconds):
        await self.clock.until(self.clock.now_s() + seconds)


@asynccontextmanager
async def both(*, driver=None, clean=True, **options):
    """Driver and emulator, ready."""
    clock, circuit = BenchClock(STARTS_AT), Circuit()
    bench = Bench(clock=clock)
    asked = DRIVER.options(**(driver or {}))
    async with DRIVER.open(bench.context, asked) as device:
        context = emulator_context(clock, circuit, device.address)
        record = DRIVER.emulator_options(**{**STEADY, **options})
        async with DRIVER.emulate(context, record) as emulator:
            await device.ready()
            yield Both(bench, device, emulator, circuit)
            assert emulator.violations == [] or not clean
