"""Shelly: literal frames, hostile answers, the driver's manners, and the emulator.

Literal frames come from the Shelly Technical Documentation, Gen2+
(shelly-api-docs.shelly.cloud): "RPC Channels" (HTTP examples), "RPC Protocol" (request
and response frames), "Common Errors", "Notifications" (NotifyStatus, example 1),
"Switch" (status example), "Shelly" (GetDeviceInfo example); and, where it says so,
from a Shelly 1PM Mini Gen3's log in ioBroker.shelly issue 1592.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from devices.links.shelly_rpc import parse_http_address
from devices.smart_plug.shelly import DRIVER, Shelly
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.capabilities import Device, Polled, Switches
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.errors import BenchError, LinkError, RigError
from harness.core.virtual_loop import VirtualLoop

TRANSCRIPTS_OF = ("smart_plug/shelly",)

WHERE = "rig.toml [device.plug]"
STATUS = (
    '{"id":0,"source":"WS_in","output":false,"apower":0,"voltage":225.9,"current":0,'
    '"freq":50,"aenergy":{"total":11.679,"by_minute":[0,0,0],"minute_ts":1654511972},'
    '"ret_aenergy":{"total":5.817,"by_minute":[0,0,0],"minute_ts":1654511615},'
    '"temperature":{"tC":53.3,"tF":127.9}}'
)
"""Documentation, "Switch", status example."""
BUTTON = (
    '{"src":"shellypro4pm-f008d1d8b8b8","dst":"user_1","method":"NotifyStatus",'
    '"params":{"ts":1631186545.04,"switch:0":{"id":0,"output":true,'
    '"source":"button"}}}'
)
"""Documentation, "Notifications", NotifyStatus example 1."""
REAL = (
    '{"src":"shelly1pmminig3-5432044edbc0","dst":"shelly1pmminig3-5432044edbc0/events",'
    '"method":"NotifyStatus","params":{"ts":1788945292.88,"switch:0":{"apower":11.5,'
    '"current":0.071}}}'
)
"""A real device's push, ioBroker.shelly issue 1592 (the same frame, over MQTT)."""


def run(trial):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(trial)


class Bench:
    """A clock, a circuit and what the driver told; for one plug."""

    def __init__(self, starts_at=datetime(2026, 1, 15, 17, tzinfo=UTC), seed=1):
        self.clock = BenchClock(starts_at, lead_s=10.0)
        self.circuit = Circuit(seed=seed)
        self.wire, self.events, self.pushed = [], [], []

    def emulate(self, **options):
        rng = np.random.default_rng(1)
        context = EmulatorContext(WHERE, "plug", self.clock, rng, self.circuit)
        return DRIVER.emulate(context, DRIVER.emulator_options(**options))

    def context(self, address):
        return DeviceContext(
            WHERE,
            "plug",
            address,
            self.clock,
            lambda sent, frame: self.wire.append((sent, frame)),
            self.pushed.append,
            lambda event: self.events.append((event.kind, event.detail)),
        )

    def open(self, address, **options):
        return DRIVER.open(self.context(address), DRIVER.options(**options))

    def power_w(self):
        return self.circuit.power_w(("plug",), self.clock.now_s())


@contextlib.asynccontextmanager
async def both(bench, *, driver=None, **emulator_options):
    async with (
        bench.emulate(**emulator_options) as emulator,
        bench.open(emulator.address, **(driver or {})) as plug,
    ):
        yield emulator, plug


def values(readings):
    return {each.quantity: each.value for each in readings}


# --- HTTP transcripts: a peer of plain sockets that sends what the documents print


def http(body, status="200 OK", kind="application/json"):
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}"
    )


@contextlib.asynccontextmanager
async def http_peer(*replies):
    """Serve raw replies, one a connection; `None` stays silent. Yields the requests."""
    left, requests, writers = list(replies), [], []

    async def answer(reader, writer):
        writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        requests.append((head.decode(), (await reader.readexactly(length)).decode()))
        reply = left.pop(0)
        if reply is not None:
            writer.write(reply.encode())
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        try:
            port = server.sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{port}", requests
        finally:
            for writer in writers:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()


def over_http(ask, *replies, **options):
    async def trial():
        bench = Bench()
        async with (
            http_peer(*replies) as (address, requests),
            bench.open(address, push=False, **options) as plug,
        ):
            return await ask(plug), requests, bench

    return run(trial())


def test_switching_on_is_the_documented_request():
    reply = '{"id":0,"src":"shellydev1-c8f09e47e6f0","result":{"was_on":true}}'
    answer, ((head, body),), bench = over_http(
        lambda plug: plug.switch(True), http(reply)
    )
    assert head.startswith("POST /rpc HTTP/1.1\r\n")
    assert "Content-Type: application/json\r\n" in head
    assert "Content-Length: 58\r\n" in head
    assert body == '{"id":0,"method":"Switch.Set","params":{"id":0,"on":true}}'
    assert answer.accepted
    assert answer.detail == "Switch.Set on=true: was_on=true"
    assert bench.wire == [(True, body), (False, reply)]


def test_switching_off_with_a_local_fail_safe():
    reply = '{"id":0,"src":"shellydev1-c8f09e47e6f0","result":{"was_on":true}}'
    _, ((_, body),), _ = over_http(
        lambda plug: plug.switch(False), http(reply), fail_safe_s=900.0
    )
    assert body == (
        '{"id":0,"method":"Switch.Set",'
        '"params":{"id":0,"on":false,"toggle_after":900.0}}'
    )


def test_a_status_becomes_readings_and_import_excludes_what_was_returned():
    reply = f'{{"id":0,"src":"shellypro4pm-f008d1d8b8b8","result":{STATUS}}}'
    readings, ((_, body),), _ = over_http(lambda plug: plug.poll(), http(reply))
    assert body == '{"id":0,"method":"Switch.GetStatus","params":{"id":0}}'
    assert values(readings) == {
        "power_w": 0.0,
        "voltage_v": 225.9,
        "current_a": 0.0,
        "energy_import_wh": pytest.approx(11.679 - 5.817),
    }


def test_the_device_says_who_it_is():
    reply = (
        '{"id":0,"src":"shellypro4pm-f008d1d8b8b8","result":'
        '{"id":"shellypro4pm-f008d1d8b8b8","mac":"F008D1D8B8B8",'
        '"model":"SPSW-004PE16EU","gen":2,"fw_id":"20210720-153353/0.6.7-gc36674b",'
        '"ver":"0.6.7","app":"FourPro","auth_en":true,'
        '"auth_domain":"shellypro4pm-f008d1d8b8b8"}}'
    )
    identity, _, _ = over_http(lambda plug: plug.identify(), http(reply))
    assert (identity.maker, identity.model) == ("Shelly", "FourPro SPSW-004PE16EU")
    assert identity.serial == "shellypro4pm-f008d1d8b8b8"
    assert identity.firmware == "0.6.7"


REFUSED = (
    '{"id":0,"src":"shellypro4pm-f008d1d8b8b8","dst":"user_1",'
    '"error":{"code":-103,"message":"Missing required \'id\'"}}'
)
"""Documentation, "Common Errors", -103."""

HOSTILE = {
    "error object": (http(REFUSED), "refused, error -103: Missing required 'id'"),
    "404": (http("Not Found", "404 Not Found"), "answered with HTTP 404"),
    "401": (http("", "401 Unauthorized"), "authentication off on the device"),
    "500": (http("{}", "500 Internal Server Error"), "HTTP 500"),
    "cut in half": (http('{"id":0,"src":"shelly'), "not a response frame"),
    "a web page": (http("<html>", kind="text/html"), "not a response frame"),
    "a list": (http("[]"), "not a response frame"),
    "empty": (http(""), "not a response frame"),
    "another id": (http('{"id":7,"result":{"was_on":true}}'), "not a response frame"),
    "no result": (http('{"id":0,"result":true}'), "not a response frame"),
    "nested too deep": (http("[" * 100_000), "not a response frame"),
    "not HTTP": ("SSH-2.0-OpenSSH_9.2\r\n", "connection lost"),
    "body cut short": (
        "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n{}",
        "connection lost",
    ),
    "silence": (None, "no answer within 2 s"),
}


@pytest.mark.parametrize(("reply", "fact"), HOSTILE.values(), ids=HOSTILE.keys())
def test_every_bad_answer_is_one_clear_sentence(reply, fact):
    with pytest.raises(LinkError) as raised:
        over_http(lambda plug: plug.switch(True), reply)
    assert fact in str(raised.value)
    assert str(raised.value).startswith(f"{WHERE} http://127.0.0.1:")


def test_failures_are_counted():
    async def ask(plug):
        for _ in range(2):
            with contextlib.suppress(LinkError):
                await plug.poll()
        return plug.link.failures

    failures, _, _ = over_http(ask, http("[]"), http("", "500 Oops"))
    assert failures == 2


def test_nobody_listening_is_said_at_once():
    async def trial(push):
        bench = Bench()
        async with bench.emulate() as emulator:
            address = emulator.address
        async with bench.open(address, push=push) as plug:
            with pytest.raises(LinkError, match="nobody listens"):
                await plug.ready()
        return bench.clock.now_s()

    assert run(trial(push=False)) == -10.0
    assert run(trial(push=True)) == -10.0


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://192.168.33.1", "192.168.33.1:80"),
        ("http://plug.local:8080/", "plug.local:8080"),
        ("http://[fe80::1]:81", "[fe80::1]:81"),
    ],
)
def test_addresses(address, host):
    assert parse_http_address(WHERE, address) == host


@pytest.mark.parametrize(
    "address",
    [
        "192.168.33.1",
        "ws://1.2.3.4",
        "http://",
        "http://a/rpc",
        "http://a:b",
        "http://[",
    ],
)
def test_a_wrong_address_names_the_right_form(address):
    with pytest.raises(RigError, match="http://HOST or http://HOST:PORT"):
        parse_http_address(WHERE, address)


# --- websocket transcripts: the peer is another library


@contextlib.asynccontextmanager
async def socket_peer(*replies):
    """Answer each frame with a list of texts; `None` closes. Yields the requests."""
    left, requests = list(replies), []

    async def answer(socket):
        async for text in socket:
            requests.append(text)
            for reply in left.pop(0) if left else []:
                if reply is None:
                    return
                await socket.send(reply)

    server = await serve(answer, "127.0.0.1", 0, compression=None, ping_interval=None)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", requests


def response(number, result):
    return (
        f'{{"id":{number},"src":"shellypro4pm-f008d1d8b8b8","dst":"flexrig",'
        f'"result":{result}}}'
    )


def test_the_first_frame_names_a_source_and_pushes_become_readings():
    starts_at = datetime.fromtimestamp(1631186545.04 - 3.0, UTC)

    async def trial():
        bench = Bench(starts_at)
        replies = [response(0, STATUS), BUTTON], [REAL, response(1, STATUS)]
        async with (
            socket_peer(*replies) as (address, requests),
            bench.open(address) as plug,
        ):
            await plug.ready()
            readings = await plug.poll()
        return requests, readings, bench

    requests, readings, bench = run(trial())
    assert requests[0] == (
        '{"id":0,"src":"flexrig","method":"Switch.GetStatus","params":{"id":0}}'
    )
    assert values(readings)["voltage_v"] == 225.9
    assert ("status", "output true by button") in bench.events
    pushed = [reading for report in bench.pushed for reading in report]
    assert values(pushed) == {"power_w": 11.5, "current_a": 0.071}
    assert pushed[0].device_time_s == pytest.approx(1788945292.88 - 1631186542.04)
    frames = [frame for sent, frame in bench.wire if not sent]
    assert frames == [response(0, STATUS), BUTTON, REAL, response(1, STATUS)]


def test_a_push_of_energy_alone_still_leaves_out_what_was_returned():
    energy = (
        '{"src":"s","dst":"flexrig","method":"NotifyStatus","params":{"ts":1.0,'
        '"switch:0":{"id":0,"aenergy":{"total":20.0,"by_minute":[0,0,0],'
        '"minute_ts":0}}}}'
    )

    async def trial():
        bench = Bench()
        replies = [response(0, STATUS)], [energy, response(1, STATUS)]
        async with socket_peer(*replies) as (address, _), bench.open(address) as plug:
            await plug.ready()
            await plug.poll()
        return bench.pushed

    (((reading,)),) = run(trial())
    assert (reading.quantity, reading.value) == ("energy_import_wh", 20.0 - 5.817)


@pytest.mark.parametrize("nonsense", ["{", "[1]", "not json"])
def test_nonsense_over_the_websocket_is_a_link_error_and_the_next_poll_recovers(
    nonsense,
):
    async def trial():
        bench = Bench()
        replies = [response(0, STATUS)], [nonsense], [response(2, STATUS)]
        async with socket_peer(*replies) as (address, _), bench.open(address) as plug:
            await plug.ready()
            with pytest.raises(LinkError, match="not a response frame"):
                await plug.poll()
            recovered = values(await plug.poll())
        return recovered, [kind for kind, _ in bench.events]

    recovered, kinds = run(trial())
    assert recovered["voltage_v"] == 225.9
    assert kinds == ["connected", "lost", "connected"]


def test_a_lost_websocket_is_said_at_once():
    async def trial():
        bench = Bench()
        replies = [response(0, STATUS)], [None]
        async with socket_peer(*replies) as (address, _), bench.open(address) as plug:
            await plug.ready()
            began_s = bench.clock.now_s()
            with pytest.raises(LinkError, match="websocket was closed"):
                await plug.poll()
            return bench.clock.now_s() - began_s, bench.events[-1]

    took_s, event = run(trial())
    assert took_s == 0.0
    assert event == ("lost", "the websocket was closed")


def test_a_silent_websocket_is_given_up_in_bounded_time():
    async def trial():
        bench = Bench()
        replies = [response(0, STATUS)], [], [response(2, STATUS)]
        async with socket_peer(*replies) as (address, _), bench.open(address) as plug:
            await plug.ready()
            with pytest.raises(LinkError, match="no answer within 2 s"):
                await plug.poll()
            gave_up_s = bench.clock.now_s()
            await plug.poll()
        return gave_up_s, [kind for kind, _ in bench.events]

    gave_up_s, kinds = run(trial())
    assert gave_up_s <= -10.0 + 2 * 2.0
    assert kinds == ["connected", "lost", "connected"]


def test_a_device_without_a_websocket_is_said():
    async def trial():
        bench = Bench()
        async with both(bench) as (_, plug):
            plug.link._host += "/rpc/x"
            with pytest.raises(LinkError, match="no websocket there: HTTP 404"):
                await plug.ready()

    run(trial())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "ts",
                    "switch:0",
                    "apower",
                    "voltage",
                    "aenergy",
                    "total",
                    "output",
                    "id",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(params=JSON.filter(lambda value: isinstance(value, dict)))
def test_no_notification_can_break_the_driver(params):
    async def trial():
        bench = Bench()
        plug = Shelly(bench.context("http://127.0.0.1:9"), DRIVER.options())
        plug.notified("NotifyStatus", params)
        return [reading for report in bench.pushed for reading in report]

    for reading in run(trial()):
        assert math.isfinite(reading.value)


# --- the emulator, by documented requests


async def raw_http(address, request):
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode())
    reply = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = reply.partition("\r\n\r\n")
    return head, body


def posted(path, body):
    return (
        f"POST {path} HTTP/1.1\r\nHost: plug\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


def emulator_answers(request, **options):
    async def trial():
        bench = Bench()
        async with bench.emulate(
            device_id="shellydev1-c8f09e47e6f0", **options
        ) as plug:
            return await raw_http(plug.address, request)

    return run(trial())


def test_the_emulator_answers_a_whole_frame_as_documented():
    head, body = emulator_answers(
        posted("/rpc", '{"id":0,"method":"Switch.Set","params":{"id":0,"on":true}}')
    )
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Length: 65" in head
    assert "Connection: close" in head
    assert body == '{"id":0,"src":"shellydev1-c8f09e47e6f0","result":{"was_on":true}}'


def test_the_emulator_answers_arguments_alone_as_documented():
    head, body = emulator_answers(posted("/rpc/Switch.Set", '{"id":0,"on":true}'))
    assert "Content-Length: 15" in head
    assert body == '{"was_on":true}'


def test_the_emulator_answers_a_query_as_documented():
    _, body = emulator_answers(
        "GET /rpc/Switch.GetStatus?id=0 HTTP/1.1\r\nHost: plug\r\n\r\n"
    )
    status = json.loads(body)
    assert list(status)[:3] == ["id", "source", "output"]
    assert set(status["aenergy"]) == {"total", "by_minute", "minute_ts"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            '{"id":1,"method":"Switch.GetStatus"}',
            {"code": -103, "message": "Missing required 'id'"},
        ),
        (
            '{"id":1,"method":"Switch.GetStatus","params":{"id":7}}',
            {"code": -105, "message": "Bad id=7"},
        ),
        (
            '{"id":1,"method":"Switch.Set","params":{"id":0}}',
            {"code": -103, "message": "Missing required 'on'"},
        ),
        (
            '{"id":1,"method":"Switch.Set","params":{"id":0,"on":true,'
            '"toggle_after":"1"}}',
            {"code": -103, "message": "Invalid 'toggle_after'"},
        ),
        (
            '{"id":1,"method":"Switch.Set","params":[0]}',
            {"code": -103, "message": "Invalid params"},
        ),
        (
            '{"id":1,"method":"Toaster.Pop","params":{}}',
            {"code": 404, "message": "No handler for Toaster.Pop"},
        ),
    ],
)
def test_the_emulator_refuses_with_the_documented_codes(body, error):
    _, reply = emulator_answers(posted("/rpc", body))
    assert json.loads(reply) == {
        "id": 1,
        "src": "shellydev1-c8f09e47e6f0",
        "error": error,
    }


def test_notifications_begin_once_a_request_has_named_its_source():
    async def trial():
        bench = Bench()
        async with bench.emulate() as plug:
            url = plug.address.replace("http", "ws") + "/rpc"
            async with connect(url, compression=None, ping_interval=None) as client:
                plug.operate("unplug")
                await bench.clock.until(5.0)
                await client.send(
                    '{"id":1,"src":"user_1","method":"Switch.GetStatus",'
                    '"params":{"id":0}}'
                )
                first = json.loads(await client.recv())
                plug.operate("plug in")
                return first, json.loads(await client.recv())

    first, pushed = run(trial())
    assert (first["id"], first["dst"]) == (1, "user_1")
    assert list(pushed) == ["src", "dst", "method", "params"]
    assert (pushed["dst"], pushed["method"]) == ("user_1", "NotifyStatus")
    assert (
        pushed["params"]["ts"]
        == datetime(2026, 1, 15, 17, 0, 5, tzinfo=UTC).timestamp()
    )
    assert pushed["params"]["switch:0"]["apower"] == 1.5


# --- driver and emulator together


def test_off_is_off_and_on_is_on_again():
    async def trial():
        bench, seen = Bench(), []
        async with both(bench, start_c=9.0) as (_, plug):
            await plug.ready()
            seen.append(bench.power_w())
            await bench.clock.until(0.0)
            await plug.switch(False)
            seen.append(bench.power_w())
            await bench.clock.until(600.0)
            await plug.switch(True)
            await bench.clock.until(660.0)
            seen.append(bench.power_w())
            return seen, values(await plug.poll()), bench

    seen, polled, bench = run(trial())
    assert seen == [90.0, 0.0, 90.0]
    assert polled["power_w"] == 90.0
    assert polled["energy_import_wh"] == pytest.approx(90.0 * 70 / 3600, abs=0.001)
    assert ("status", "output false by http") in bench.events


def test_power_is_pushed_the_moment_it_changes_with_the_device_clock():
    async def trial():
        bench = Bench()
        async with both(bench) as (emulator, plug):
            await plug.ready()
            stops_s = emulator.plug.appliance.next_change_s
            await bench.clock.until(stops_s + 1.0)
            return stops_s, [r for report in bench.pushed for r in report]

    stops_s, pushed = run(trial())
    stopped = next(r for r in pushed if (r.quantity, r.value) == ("power_w", 1.5))
    assert stopped.device_time_s == pytest.approx(stops_s, abs=0.006)


def test_energy_is_pushed_every_minute():
    async def trial():
        bench = Bench()
        async with both(bench) as (_, plug):
            await plug.ready()
            await bench.clock.until(600.5)
            return [
                (r.device_time_s, r.value)
                for report in bench.pushed
                for r in report
                if r.quantity == "energy_import_wh"
            ]

    energy = run(trial())
    assert [round(at_s) for at_s, _ in energy] == list(range(0, 601, 60))
    assert energy[1][1] - energy[0][1] == pytest.approx(1.5, abs=0.001)


@pytest.mark.parametrize(("fail_safe_s", "on_again"), [(900.0, True), (None, False)])
def test_the_local_fail_safe_restores_supply_though_the_harness_is_gone(
    fail_safe_s, on_again
):
    async def trial():
        bench = Bench()
        async with bench.emulate(start_c=9.0) as emulator:
            async with bench.open(emulator.address, fail_safe_s=fail_safe_s) as plug:
                await plug.ready()
                await plug.switch(False)
            await bench.clock.until(-10.0 + 899.0)
            assert bench.power_w() == 0.0
            await bench.clock.until(1200.0)
            return bench.power_w() > 0.0

    assert run(trial()) is on_again


@pytest.mark.parametrize(("pause_s", "refused"), [(9.9, True), (10.0, False)])
def test_the_relay_is_spared(pause_s, refused):
    async def trial():
        bench = Bench()
        async with both(bench) as (_, plug):
            await bench.clock.until(0.0)
            await plug.switch(False)
            await bench.clock.until(pause_s)
            await plug.switch(True)

    if refused:
        with pytest.raises(BenchError, match=r"the relay moved 9.9 s ago"):
            run(trial())
    else:
        run(trial())


def test_a_switch_that_moves_nothing_costs_no_relay_cycle():
    async def trial():
        bench = Bench()
        async with both(bench) as (_, plug):
            await plug.switch(True)
            return await plug.switch(False)

    assert run(trial()).accepted


@pytest.mark.parametrize("start_on", [True, False])
def test_make_safe_puts_the_relay_back_as_found_at_once_and_moves_it_no_more(start_on):
    async def trial():
        bench = Bench()
        async with both(bench, start_on=start_on) as (emulator, plug):
            await plug.ready()
            await plug.switch(not start_on)
            await plug.make_safe()
            fed = emulator.plug.appliance.fed
            frames = len(bench.wire)
            await plug.make_safe()
            return fed, [frame for _, frame in bench.wire[frames:] if "Set" in frame]

    fed, moved = run(trial())
    assert fed is start_on
    assert [frame for frame in moved if "Switch.Set" in frame] == []


def test_make_safe_stops_a_timer_that_would_move_the_relay_later():
    async def trial():
        bench = Bench()
        options = {"fail_safe_s": 60.0}
        async with both(bench, driver=options, start_on=False) as (emulator, plug):
            await plug.ready()
            await plug.switch(True)
            await bench.clock.until(20.0)
            await plug.switch(False)
            await plug.make_safe()
            await bench.clock.until(200.0)
            return emulator.plug.appliance.fed

    assert run(trial()) is False


def test_a_welded_relay_is_accepted_and_not_delivered():
    async def trial():
        bench = Bench()
        async with both(bench, ignores_instructions=True) as (_, plug):
            await plug.ready()
            answer = await plug.switch(False)
            return answer, bench.power_w(), values(await plug.poll())

    answer, power_w, polled = run(trial())
    assert answer.accepted
    assert power_w == polled["power_w"] == 90.0


def test_a_plug_that_vanishes_is_noticed_and_stays_an_error():
    async def trial():
        bench, outcomes = Bench(), []
        async with both(bench, vanish_at_s=25.0) as (_, plug):
            await plug.ready()
            for at_s in (10.0, 20.0, 30.0, 40.0):
                await bench.clock.until(at_s)
                try:
                    outcomes.append(len(await plug.poll()))
                except LinkError as error:
                    outcomes.append(error.fact)
            with pytest.raises(LinkError):
                await plug.make_safe()
            return outcomes, bench.events, bench.power_w()

    outcomes, events, power_w = run(trial())
    gone = "Switch.GetStatus: nobody listens"
    assert outcomes == [4, 4, gone, gone]
    assert events[-1] == ("lost", "the websocket was closed")
    assert power_w == 90.0


def test_a_plug_that_begins_to_talk_nonsense_is_noticed_on_both_channels():
    async def trial():
        bench = Bench()
        async with both(bench, malformed_at_s=15.0) as (_, plug):
            await plug.ready()
            await bench.clock.until(10.0)
            assert len(await plug.poll()) == 4
            await bench.clock.until(20.0)
            with pytest.raises(LinkError, match="not a response frame"):
                await plug.poll()
            with pytest.raises(LinkError, match="not a response frame"):
                await plug.switch(False)

    run(trial())


@pytest.mark.parametrize("gain", [0.0, 5.0])
def test_its_own_meter_can_be_wrong(gain):
    async def trial():
        bench = Bench()
        async with both(bench, gain_percent=gain) as (_, plug):
            return values(await plug.poll())["power_w"] / bench.power_w()

    assert run(trial()) == pytest.approx(1.0 + gain / 100.0)


def test_a_fridge_can_be_unplugged_and_plugged_in_but_nothing_else():
    async def trial():
        bench, seen = Bench(), []
        async with bench.emulate() as plug:
            for action in ("unplug", "plug in"):
                plug.operate(action)
                seen.append(bench.power_w())
            with pytest.raises(ValueError, match="can: unplug, plug in"):
                plug.operate("raise the thermostat")
        return seen

    assert run(trial()) == [0.0, 1.5]


def test_an_unknown_switch_id_is_named():
    async def trial():
        async with both(Bench(), driver={"switch_id": 3}) as (_, plug):
            await plug.ready()

    with pytest.raises(LinkError, match="error -105: Bad id=3"):
        run(trial())


@pytest.mark.parametrize("push", [True, False])
def test_the_same_seed_gives_the_same_frames(push):
    async def trial():
        bench = Bench()
        async with both(bench, driver={"push": push}) as (_, plug):
            await plug.ready()
            for at_s in range(0, 600, 10):
                await bench.clock.until(float(at_s))
                await plug.poll()
                if at_s == 120:
                    await plug.switch(False)
        return bench.wire, bench.pushed

    assert repr(run(trial())) == repr(run(trial()))


def test_the_driver_offers_what_it_declares():
    async def trial():
        async with Bench().open("http://127.0.0.1:9") as plug:
            return [isinstance(plug, each) for each in DRIVER.capabilities]

    assert all(run(trial()))
    assert DRIVER.capabilities == (Device, Polled, Switches)
    assert DRIVER.name == "smart_plug/shelly"
