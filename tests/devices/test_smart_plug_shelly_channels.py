"""Shelly over MQTT and over a websocket that it opens, and its login.

Literal frames: the Shelly Technical Documentation ("RPC Protocol", "Notifications",
"Switch", "Authentication"); events of a Shelly Plus 1PM over MQTT as published in the
README of "shelldown", of a Shelly 1PM Gen4 with returned energy as published from
``mosquitto_sub``; the full status of a Shelly Plus 1 as published by an owner. Digests:
RFC 7616, 3.9.1, and the test vector of a Matter bridge for a Shelly 1 Mini Gen3
(realm shelly1minig3-543204547478, password "tango").
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random

import pytest
from aiohttp import ClientSession, web
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from devices.links.shelly_auth import frame_auth, header_digest, header_parts
from devices.links.shelly_frames import parsed
from devices.smart_plug import shelly, shelly_mqtt, shelly_ws
from harness.core.errors import LinkError, RefusedError, RigError
from tests.devices import mqtt_bench
from tests.devices.fuzzing import FRAMES
from tests.devices.mqtt_bench import both, run, values

TRANSCRIPTS_OF = ("smart_plug/shelly_mqtt", "smart_plug/shelly_ws")

ID = "shellyplus1pm-4417939a5610"
STATUS = (
    '{"id":0,"source":"MQTT","output":true,"apower":918.63,"voltage":224.18,'
    '"current":4.1,"aenergy":{"total":1885.832,"by_minute":[0.000,0.000,0.000],'
    '"minute_ts":1787950560},"ret_aenergy":{"total":85.832,"by_minute":[0,0,0],'
    '"minute_ts":1787950560}}'
)
SWITCHED = (
    f'{{"src":"{ID}","dst":"{ID}/events","method":"NotifyStatus","params":'
    '{"ts":1708326851.41,"switch:0":{"id":0,"output":true,"source":"MQTT",'
    '"voltage":224.18}}}'
)
POWERED = (
    f'{{"src":"{ID}","dst":"{ID}/events","method":"NotifyStatus","params":'
    '{"ts":1708326852.50,"switch:0":{"id":0,"apower":918.63}}}'
)
RETURNED = (
    '{"src":"shelly1pmg4-7c2c67667790","dst":"PLATZ/events","method":"NotifyStatus",'
    '"params":{"ts":1787950560.02,"switch:0":{"aenergy":{"by_minute":[0.000,0.000,'
    '0.000],"minute_ts":1787950560,"total":1885.832},"apower":0.0,"current":0.000,'
    '"freq":50.03,"ret_aenergy":{"by_minute":[0.000,0.000,0.000],"minute_ts":1787950560,'
    '"total":0.000},"voltage":232.0}}}'
)
FULL = (
    '{"src":"shellyplus1-08b61fd141e8","dst":"shellyplus1-08b61fd141e8/events",'
    '"method":"NotifyFullStatus","params":{"ts":1736604018.38,"ble":{},"cloud":'
    '{"connected":true},"input:0":{"id":0,"state":false},"mqtt":{"connected":true},'
    '"switch:0":{"id":0, "source":"SHC", "output":true,"temperature":{"tC":48.4, '
    '"tF":119.2}},"sys":{"mac":"08B61FD141E8"}}}'
)


# --- over MQTT


class Shelly(mqtt_bench.Device):
    """A hand-made Shelly on a broker: answers any request with these results."""

    def __init__(self, results):
        super().__init__({})
        self.results = results

    def _obey(self, message):
        request = json.loads(message.payload)
        self.heard.append((message.topic, message.payload.decode()))
        result = self.results.get(request["method"])
        if result is not None:
            frame = f'{{"id":{request["id"]},"src":"{ID}","dst":"{request["src"]}",'
            self.tell(f"{request['src']}/rpc", f'{frame}"result":{result}}}')


RESULTS = {"Switch.GetStatus": STATUS, "Switch.Set": '{"was_on":false}'}


def on_broker(ask, results=RESULTS, *, ready=True, **options):
    async def trial():
        bench = mqtt_bench.Bench(shelly_mqtt.DRIVER)
        device = Shelly(results)
        async with (
            device.listening(f"{ID}/rpc") as port,
            bench.open(f"mqtt://127.0.0.1:{port}/{ID}", **options) as plug,
        ):
            if ready:
                await plug.ready()
            return await ask(plug, device, bench), device, bench

    return run(trial())


def test_over_mqtt_requests_go_to_the_rpc_topic_and_name_where_to_answer():
    answer, device, _ = on_broker(lambda plug, *_: plug.switch(True))
    assert device.heard == [
        (
            f"{ID}/rpc",
            '{"id":0,"src":"flexrig-plug","method":"Switch.GetStatus",'
            '"params":{"id":0}}',
        ),
        (
            f"{ID}/rpc",
            '{"id":1,"src":"flexrig-plug","method":"Switch.Set",'
            '"params":{"id":0,"on":true}}',
        ),
    ]
    assert answer.detail == "Switch.Set on=true: was_on=false"


def test_over_mqtt_import_excludes_what_was_returned():
    readings, _, _ = on_broker(lambda plug, *_: plug.poll())
    assert values(readings)["energy_import_wh"] == pytest.approx(1800.0)


def test_real_events_become_readings_with_the_devices_time():
    async def hear(_plug, device, bench):
        for event in (SWITCHED, POWERED, RETURNED, FULL):
            device.tell(f"{ID}/events/rpc", event)
        device.tell(f"{ID}/online", "false", retain=True)
        await bench.clock.until(1.0)

    _, _, bench = on_broker(hear)
    powers = [(value, device_s) for _, device_s, value in bench.reported("power_w")]
    start = mqtt_bench.START.timestamp()
    assert powers == [
        (918.63, pytest.approx(1708326852.50 - start)),
        (0.0, pytest.approx(1787950560.02 - start)),
    ]
    assert bench.reported("energy_import_wh")[0][2] == pytest.approx(1885.832)
    assert bench.events[-3:] == [
        ("status", "output true by MQTT"),
        ("status", "output true by SHC"),
        ("lost", "online false"),
    ]


MQTT_BAD = {
    "silence": (None, "no answer within 2 s"),
    "no result": ("7", "not a response frame"),
    "no output": ("{}", "gives no output"),
}


@pytest.mark.parametrize(("result", "fact"), MQTT_BAD.values(), ids=MQTT_BAD.keys())
def test_over_mqtt_every_bad_answer_is_one_clear_sentence(result, fact):
    async def ask(plug, _device, bench):
        with pytest.raises(LinkError, match=fact):
            await plug.ready()
        assert bench.clock.now_s() <= 2.0

    on_broker(ask, {"Switch.GetStatus": result}, ready=False)


def test_rubbish_on_the_topics_ends_a_waiting_call_and_hurts_nobody_else():
    async def ask(plug, device, _bench):
        device.tell(f"{ID}/events/rpc", "[1,2]")
        device.tell("flexrig-plug/rpc", "not json")
        with pytest.raises(LinkError, match="not a response frame"):
            await plug.poll()
        return await plug.poll()

    readings, _, _ = on_broker(ask)
    assert values(readings)["power_w"] == 918.63


def test_the_emulated_plug_speaks_on_all_its_topics():
    async def trial():
        bench = mqtt_bench.Bench(shelly_mqtt.DRIVER)
        heard = []
        async with both(bench, topic="home/plug") as (_, plug):
            plug.link.broker._heard = lambda each: heard.append(each)
            await plug.link.broker.subscribe("#")
            await bench.clock.until(61.0)
        return heard

    topics = {each.topic for each in run(trial())}
    assert {
        "home/plug/online",
        "home/plug/events/rpc",
        "home/plug/status/switch:0",
    } <= (topics)


# --- the websocket that the plug opens


def dialling(story, **options):
    async def trial():
        bench = mqtt_bench.Bench(shelly_ws.DRIVER)
        async with (
            bench.open("ws://127.0.0.1:0/plug", **options) as plug,
            ClientSession() as session,
        ):
            return await story(plug, session, bench), bench

    return run(trial())


def test_a_plug_that_calls_in_tells_its_whole_status_and_answers():
    async def story(plug, session, bench):
        async with session.ws_connect(plug.address) as socket:
            await socket.send_str(FULL)
            await socket.send_str(POWERED)
            await plug.link.come(1.0)
            asked = asyncio.create_task(plug.poll())
            request = await socket.receive_str()
            await socket.send_str(
                f'{{"id":0,"src":"{ID}","dst":"flexrig","result":{STATUS}}}'
            )
            return request, values(await asked)

    (request, readings), bench = dialling(story)
    assert request == (
        '{"id":0,"src":"flexrig","method":"Switch.GetStatus","params":{"id":0}}'
    )
    assert readings["power_w"] == 918.63
    assert (False, FULL) in bench.wire
    assert ("connected", "the device called in") in bench.events
    assert bench.reported("power_w")[0][2] == 918.63


def test_a_plug_that_does_not_call_is_said_in_bounded_time():
    async def story(plug, _session, bench):
        with pytest.raises(LinkError, match="has not called within 60 s"):
            await plug.ready()
        with pytest.raises(LinkError, match="the device is not connected"):
            await plug.poll()
        return bench.clock.now_s()

    at_s, _ = dialling(story)
    assert at_s == pytest.approx(60.0)


def test_rubbish_from_a_caller_ends_its_connection_and_the_next_is_welcome():
    async def story(plug, session, bench):
        async with session.ws_connect(plug.address) as socket:
            await socket.send_str("nonsense")
            await socket.receive()
        async with session.ws_connect(plug.address):
            await plug.link.come(1.0)
        await bench.clock.until(1.0)

    _, bench = dialling(story)
    kinds = [kind for kind, _ in bench.events]
    assert kinds == ["connected", "lost", "connected", "lost"]


@pytest.mark.parametrize("address", ["http://a:1/x", "ws://a", "ws://a:b/", "x"])
def test_a_place_to_listen_that_is_none_is_refused(address):
    async def trial():
        bench = mqtt_bench.Bench(shelly_ws.DRIVER)
        async with bench.open(address):
            pass

    with pytest.raises(RigError, match="no place to listen"):
        run(trial())


# --- login


def test_the_digest_of_a_frame_is_the_published_one():
    challenge = {"realm": "shelly1minig3-543204547478", "nonce": 1716556501, "nc": 1}
    assert frame_auth(challenge, "tango", cnonce=1234) == {
        "algorithm": "SHA-256",
        "cnonce": 1234,
        "nonce": 1716556501,
        "realm": "shelly1minig3-543204547478",
        "response": "3e07b0fe38c419b01b1d79400d89e43bf5247a04631dc250e5275ee98a5e86f6",
        "username": "admin",
    }


def test_the_digest_of_a_header_is_that_of_rfc_7616():
    header = (
        'Digest username="Mufasa", realm="http-auth@example.org", '
        'uri="/dir/index.html", algorithm=SHA-256, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
        'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    parts = header_parts(header)
    digest = header_digest(parts, "Circle of Life", method="GET", user="Mufasa")
    assert digest == parts["response"]


def logged_in(push, *, told="tango", **options):
    async def trial():
        bench = mqtt_bench.Bench(shelly.DRIVER)
        async with (
            bench.emulate(password_env="PLUG_PASSWORD") as emulator,  # noqa: S106
            bench.open(emulator.address, push=push, **options) as plug,
        ):
            try:
                await plug.ready()
                await plug.switch(False)
                for _ in range(3):
                    await plug.poll()
            finally:
                who = await plug.identify()
            return bench, who

    return run(trial())


@pytest.mark.parametrize("push", [True, False])
def test_a_login_works_on_both_channels_and_is_never_recorded(push, monkeypatch):
    monkeypatch.setenv("PLUG_PASSWORD", "tango")
    bench, who = logged_in(push, password_env="PLUG_PASSWORD")  # noqa: S106
    recorded = repr(bench.wire)
    assert who.serial == "shellyplusplugs-e465b8453a1c"
    for secret in ("tango", '"response"', "cnonce"):
        assert secret not in recorded
    if push:
        assert '"auth":"[removed]"' in recorded


@pytest.mark.parametrize("push", [True, False])
def test_a_wrong_password_or_none_is_one_clear_sentence(push, monkeypatch):
    monkeypatch.setenv("PLUG_PASSWORD", "tango")
    monkeypatch.setenv("WRONG_PASSWORD", "foxtrot")
    with pytest.raises(LinkError, match=r"needs a login"):
        logged_in(push)
    with pytest.raises(RefusedError, match="password is not accepted"):
        logged_in(push, password_env="WRONG_PASSWORD")  # noqa: S106
    with pytest.raises(RigError, match="environment has no 'MISSING'"):
        logged_in(push, password_env="MISSING")  # noqa: S106


def test_a_challenge_that_is_no_sha_256_is_not_answered(monkeypatch):
    monkeypatch.setenv("PLUG_PASSWORD", "tango")
    challenge = json.dumps({"realm": "x", "nonce": 1, "algorithm": "MD5"})

    async def serve(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            number = json.loads(message.data)["id"]
            error = {"code": 401, "message": challenge}
            await socket.send_str(json.dumps({"id": number, "error": error}))
        return socket

    async def trial():
        app = web.Application()
        app.router.add_get("/rpc", serve)
        runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            bench = mqtt_bench.Bench(shelly.DRIVER)
            address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            async with bench.open(address, password_env="PLUG_PASSWORD") as plug:  # noqa: S106
                await plug.ready()
        finally:
            await runner.cleanup()

    with pytest.raises(LinkError, match="without realm, nonce or SHA-256"):
        run(trial())


async def _plug():
    bench = mqtt_bench.Bench(shelly_mqtt.DRIVER)
    return shelly_mqtt.ShellyOnBroker(
        bench.context(f"mqtt://127.0.0.1:1/{ID}"), shelly_mqtt.DRIVER.options()
    )


PLUG = run(_plug())


@seed(20261122)
@settings(max_examples=FRAMES, deadline=None, database=None)
@given(st.integers(0, 1 << 32))
def test_no_frame_can_break_the_driver(number):
    chance = random.Random(number)  # noqa: S311 - to be repeated
    data = bytearray(chance.choice([SWITCHED, POWERED, RETURNED, FULL]).encode())
    for _ in range(chance.randrange(5)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    with contextlib.suppress(LinkError):
        PLUG.link._talk.hear(parsed("rig", "event", data.decode(errors="replace")))
