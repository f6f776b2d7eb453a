"""MeterValues of OCPP 2.0.1 over one connection: ours against the library.

Both in one run, on one real websocket without compression, with schema validation of
request and response on both sides, four sampled values a message, one call after the
other. The library is ``ocpp`` with ``websockets``, with its own validation in a thread
(its default) and in the loop. Printed: calls per second, and ratios.

    python benchmarks/ocpp201.py [calls]
"""

from __future__ import annotations

import asyncio
import sys
import time

import ocpp.messages
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from devices.links.ocpp_schema import OCPP201
from devices.links.ocpp_session import Session, Side, dial, listen, parse_endpoint

CALLS = 3000
TIMES = 3
"""How often each is measured; the best counts."""


def values(key):
    """Four sampled values, in the words of the wire or of the library."""
    unit = {"camel": "unitOfMeasure", "snake": "unit_of_measure"}[key]
    return [
        {"value": 7380, "context": "Sample.Clock", "measurand": "Power.Active.Import",
         unit: {"unit": "W"}},
        {"value": 1234, "context": "Sample.Clock",
         "measurand": "Energy.Active.Import.Register", unit: {"unit": "Wh"}},
        {"value": 32.0, "context": "Sample.Clock", "measurand": "Current.Import",
         unit: {"unit": "A"}},
        {"value": 230.6, "context": "Sample.Clock", "measurand": "Voltage",
         unit: {"unit": "V"}},
    ]  # fmt: skip


def side(opened, handlers, prefix):
    """One end of our own session."""
    return Session(
        Side(
            where="benchmark",
            prefix=prefix,
            handlers=handlers,
            opened=opened,
            closed=lambda _session, _why: None,
            violated=print,
            edition=OCPP201,
        )
    )


async def ours(calls):
    """Return calls per second of our own remote calls."""
    stands = asyncio.Event()
    csms = side(lambda _session: None, {"MeterValues": lambda _asked: {}}, "c")
    server = await listen(
        "benchmark",
        parse_endpoint("benchmark", "ws://127.0.0.1:0/EV"),
        admit=lambda _station: csms,
        refused=print,
        subprotocol=OCPP201.subprotocol,
    )
    port = server.sockets[0].getsockname()[1]
    station = side(lambda _session: stands.set(), {}, "s")
    url = f"ws://127.0.0.1:{port}/EV"
    end = await dial(url, station, subprotocol=OCPP201.subprotocol)
    await stands.wait()
    sample = {"timestamp": "2026-01-05T17:00:00.000Z", "sampledValue": values("camel")}
    payload = {"evseId": 1, "meterValue": [sample]}
    began = time.perf_counter()
    for _ in range(calls):
        await station.rpc.call("MeterValues", payload)
    rate = calls / (time.perf_counter() - began)
    end.cut("")
    await csms.hang_up("over")
    server.close()
    await server.wait_closed()
    return rate


class Csms(ChargePoint):
    """The library's side of a CSMS."""

    @on("MeterValues")
    def metered(self, **_payload):
        """Take one."""
        return call_result.MeterValues()


async def library(calls):
    """Return calls per second of the plain library."""

    async def csms(socket):
        try:
            await Csms("csms", socket).start()
        except Exception as error:
            if type(error).__name__ != "ConnectionClosedOK":
                raise

    plain = {"subprotocols": ["ocpp2.0.1"], "compression": None, "ping_interval": None}
    async with serve(csms, "127.0.0.1", 0, **plain) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/EV", **plain) as socket:
            point = ChargePoint("station", socket)
            listening = asyncio.create_task(point.start())
            sample = {"timestamp": "2026-01-05T17:00:00.000Z"}
            sample["sampled_value"] = values("snake")
            request = call.MeterValues(evse_id=1, meter_value=[sample])
            began = time.perf_counter()
            for n in range(calls):
                await point.call(request, suppress=False, unique_id=str(n))
            rate = calls / (time.perf_counter() - began)
            listening.cancel()
    return rate


def main():
    """Print the rates and their ratios."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    our_rate = max(asyncio.run(ours(calls)) for _ in range(TIMES))
    print(f"MeterValues(4) of OCPP 2.0.1, {calls} calls on one connection, validated")
    print(f"  ours                        {our_rate:7.0f} calls/s")
    for in_thread in (True, False):
        ocpp.messages.ASYNC_VALIDATION = in_thread
        its_rate = max(asyncio.run(library(calls // 3)) for _ in range(TIMES))
        name = "library, thread validation" if in_thread else "library, loop validation"
        print(f"  {name:27} {its_rate:7.0f} calls/s")
        print(f"  {'ours / library':27} {our_rate / its_rate:7.1f}")


if __name__ == "__main__":
    main()
