"""Ten charging stations sending MeterValues every second: ours against the library.

Both in one run, on virtual time, over real websockets without compression, with
schema validation of every message on both sides. The library is ``ocpp`` with
``websockets``, with its own validation in a thread (its default) and in the loop.
Printed: bench seconds per real second, and ratios.

    python benchmarks/ocpp_stations.py [bench seconds]
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import numpy as np
import ocpp.messages
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from devices.ev_chargepoint.ocpp16 import DRIVER
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop

STATIONS = 10


def rate(trial, seconds):
    """Return bench seconds per real second, and how many messages were taken."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        began = time.perf_counter()
        taken = runner.run(trial(seconds))
        return seconds / (time.perf_counter() - began), taken


async def ours(seconds):
    """Drivers and emulators of this project, physics included."""
    clock, taken = BenchClock(datetime(2026, 1, 5, 17, tzinfo=UTC)), 0

    def report(_readings):
        nonlocal taken
        taken += 1

    async with AsyncExitStack() as stack:
        for n in range(STATIONS):
            context = DeviceContext(
                where="benchmark",
                role=f"ev{n}",
                address=f"ws://127.0.0.1:0/EV{n}",
                clock=clock,
                wire=lambda _sent, _text: None,
                report=report,
                notify=lambda _event: None,
            )
            options = DRIVER.options(sample_interval_s=1)
            driver = await stack.enter_async_context(DRIVER.open(context, options))
            emulator = EmulatorContext(
                where="benchmark",
                role=f"ev{n}",
                clock=clock,
                rng=np.random.default_rng(n),
                circuit=Circuit(seed=n),
                dial=driver.address,
            )
            await stack.enter_async_context(
                DRIVER.emulate(emulator, DRIVER.emulator_options())
            )
            await driver.ready()
        await clock.until(seconds)
    return taken


class Csms(ChargePoint):
    """The library's side of a CSMS: count and answer."""

    taken = 0

    @on("MeterValues")
    def metered(self, **_payload):
        """Take one."""
        Csms.taken += 1
        return call_result.MeterValues()


SIX_VALUES = [
    {"value": "7380", "context": "Sample.Periodic", "measurand": "Power.Active.Import",
     "unit": "W"},
    {"value": "1234", "context": "Sample.Periodic",
     "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
    {"value": "32.0", "context": "Sample.Periodic", "measurand": "Current.Import",
     "unit": "A"},
    {"value": "32.0", "context": "Sample.Periodic", "measurand": "Current.Offered",
     "unit": "A"},
    {"value": "230.6", "context": "Sample.Periodic", "measurand": "Voltage",
     "unit": "V"},
    {"value": "21", "context": "Sample.Periodic", "measurand": "SoC",
     "unit": "Percent", "location": "EV"},
]  # fmt: skip


async def library(seconds):
    """The plain library: no recording, no physics, the same six values."""
    Csms.taken = 0

    async def csms(socket):
        try:
            await Csms("csms", socket).start()
        except Exception as error:
            if type(error).__name__ != "ConnectionClosedOK":
                raise

    async def station(url):
        async with connect(url, **plain) as socket:
            point = ChargePoint("station", socket)
            listening = asyncio.create_task(point.start())
            loop = asyncio.get_running_loop()
            while loop.time() < seconds:
                await asyncio.sleep(1)
                sample = {"timestamp": "2026-01-05T17:00:00.000Z"}
                sample["sampled_value"] = SIX_VALUES
                await point.call(
                    call.MeterValues(connector_id=1, meter_value=[sample]),
                    suppress=False,
                    unique_id=str(loop.time()),
                )
            listening.cancel()

    plain = {"subprotocols": ["ocpp1.6"], "compression": None, "ping_interval": None}
    async with serve(csms, "127.0.0.1", 0, **plain) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/EV"
        await asyncio.gather(*(station(url) for _ in range(STATIONS)))
    return Csms.taken


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    our_rate, taken = rate(ours, seconds)
    print(f"{STATIONS} stations at 1 Hz, {seconds} s of bench time, validated")
    print(f"  ours                        {our_rate:7.0f} x real time ({taken} taken)")
    for in_thread in (True, False):
        ocpp.messages.ASYNC_VALIDATION = in_thread
        its_rate, taken = rate(library, seconds)
        name = "library, thread validation" if in_thread else "library, loop validation"
        print(f"  {name:27} {its_rate:7.0f} x real time ({taken} taken)")
        print(f"  {'ours / library':27} {our_rate / its_rate:7.1f}")


if __name__ == "__main__":
    main()
