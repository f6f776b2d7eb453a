"""What tests of either edition of OCPP share: virtual time, a bench, a station."""

from __future__ import annotations

import asyncio
import functools
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from websockets.asyncio.client import connect

from harness.core.bench import DeviceContext
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop

STARTS_AT = datetime(2013, 2, 1, 20, 53, 32, 486_000, tzinfo=UTC)
"""The time in the specifications' own example of a BootNotification."""


def play(test):
    """Run an async test on virtual time."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


class Bench:
    """A bench that notes all that the driver hands over."""

    def __init__(self, address="ws://127.0.0.1:0/CP3211", clock=None):
        self.clock = clock or BenchClock(STARTS_AT)
        self.wire, self.readings, self.events = [], [], []
        self.context = DeviceContext(
            where="home.toml [device.ev]",
            role="ev",
            address=address,
            clock=self.clock,
            wire=lambda sent, text: self.wire.append((sent, text)),
            report=self.readings.extend,
            notify=lambda event: self.events.append((event.kind, event.detail)),
        )

    def told(self, kind):
        return [detail for got, detail in self.events if got == kind]

    def times(self, quantity):
        return [r.device_time_s for r in self.readings if r.quantity == quantity]

    def last(self, quantity):
        return [r.value for r in self.readings if r.quantity == quantity][-1]


@asynccontextmanager
async def opened(record, **options):
    """A driver alone, by its record."""
    bench = Bench()
    async with record.open(bench.context, record.options(**options)) as driver:
        yield bench, driver


def plain(subprotocol):
    """Return how the ``websockets`` library connects as OCPP-J wants it."""
    return {"subprotocols": [subprotocol], "compression": None, "ping_interval": None}


class StationByHand:
    """A charging station that a test plays."""

    def __init__(self, far):
        self.far, self.number = far, 0

    async def says(self, action, payload):
        """Send a CALL; return the answer as JSON."""
        self.number += 1
        await self.far.send(json.dumps([2, f"m{self.number}", action, payload]))
        return json.loads(await self.far.recv())

    async def hears(self):
        return json.loads(await self.far.recv())

    async def answers(self, action, payload):
        """Take the next CALL, which must be this action; answer it."""
        kind, ident, got, asked = await self.hears()
        assert (kind, got) == (2, action)
        await self.far.send(json.dumps([3, ident, payload]))
        return asked


@asynccontextmanager
async def dialling(driver, subprotocol, hand=StationByHand):
    """A station of a test's own, connected to a driver."""
    async with connect(driver.address, **plain(subprotocol)) as far:
        yield hand(far)
