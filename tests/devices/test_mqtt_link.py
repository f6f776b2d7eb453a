"""The MQTT client and the broker, over real sockets in virtual time, and bad peers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest
import trustme

from devices.links.mqtt import (
    Login,
    MqttAddress,
    MqttClient,
    MqttOptions,
    driver_client,
    parse_mqtt_address,
)
from devices.links.mqtt_broker import Broker
from devices.links.mqtt_packets import Connect, Publish, Subscribe, encode
from harness.core.errors import LinkError, RefusedError, RigError
from tests.devices.mqtt_bench import Bench, decoded, raw_peer, run

WELCOME = bytes.fromhex("20020000")


class Heard:
    """A client's ears."""

    def __init__(self):
        self.messages, self.told = [], []
        self.something, self.lost = asyncio.Event(), asyncio.Event()

    def hear(self, message):
        self.something.set()
        self.messages.append((message.topic, message.payload, message.retain))

    def tell(self, kind, detail):
        self.told.append((kind, detail))
        if kind == "lost":
            self.lost.set()


def client(port, name="c", *, heard=None, redial_s=0.0, wire=None, **login):
    heard = heard or Heard()
    return MqttClient(
        MqttAddress("127.0.0.1", port, "t", tls=bool(login.get("tls"))),
        where="rig.toml [device.x]",
        login=Login(name, **login),
        timeout_s=2.0,
        heard=heard.hear,
        told=heard.tell,
        wire=wire,
        redial_s=redial_s,
    )


async def quiet():
    """Let every message reach its end: time moves only when nothing is in flight."""
    await asyncio.sleep(0.001)


async def raw(port, *packets):
    """A client by hand: returns reader and writer after sending packets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(map(encode, packets)))
    return reader, writer


def test_a_message_reaches_who_wants_it_and_nobody_else():
    async def trial():
        a, b = Heard(), Heard()
        async with Broker().listening() as port:
            one, two = client(port, "a", heard=a), client(port, "b", heard=b)
            await one.subscribe("room/+/power")
            await two.subscribe("other/#")
            await two.publish("room/kitchen/power", "12")
            await two.publish("room/hall/power", b"\xff\x00", qos=1)
            await quiet()
            await one.close()
            await two.close()
        return a.messages, b.messages

    mine, others = run(trial())
    assert mine == [
        ("room/kitchen/power", b"12", False),
        ("room/hall/power", b"\xff\x00", False),
    ]
    assert others == []


def test_retained_messages_meet_a_later_subscriber_until_they_are_deleted():
    async def trial():
        heard = [Heard(), Heard()]
        async with Broker().listening() as port:
            sender = client(port, "s")
            await sender.publish("lwt", "Online", retain=True)
            first = client(port, "a", heard=heard[0])
            await first.subscribe("#")
            await quiet()
            await sender.publish("lwt", "", retain=True)
            second = client(port, "b", heard=heard[1])
            await second.subscribe("#")
            await quiet()
            for each in (sender, first, second):
                await each.close()
        return [each.messages for each in heard]

    first, second = run(trial())
    assert first == [("lwt", b"Online", True), ("lwt", b"", False)]
    assert second == []


@pytest.mark.parametrize("politely", [True, False])
def test_the_will_is_sent_only_if_a_client_left_without_a_word(politely):
    async def trial():
        heard = Heard()
        async with Broker().listening() as port:
            watching = client(port, "w", heard=heard)
            await watching.subscribe("gone")
            dying = client(port, "d", will=Publish("gone", b"!", retain=True))
            await dying.connect()
            await dying.close(politely=politely)
            await quiet()
            await watching.close()
        return heard.messages

    assert run(trial()) == ([] if politely else [("gone", b"!", False)])


def test_the_same_id_again_takes_over_and_the_older_connection_is_told_lost():
    async def trial():
        older, newer = Heard(), Heard()
        async with Broker().listening() as port:
            one, two = client(port, "x", heard=older), client(port, "x", heard=newer)
            await one.subscribe("t")
            await two.subscribe("t")
            await two.publish("t", "hi")
            await quiet()
            await one.close()
            await two.close()
        return older, newer

    older, newer = run(trial())
    assert older.told == [
        ("connected", "broker accepted"),
        ("lost", "connection lost"),
    ]
    assert older.messages == []
    assert newer.messages == [("t", b"hi", False)]


def test_a_kept_session_gets_what_came_meanwhile_and_a_clean_one_does_not():
    async def trial(clean):
        async with Broker().listening() as port:
            hello = Connect("k", 0, clean)
            _, writer = await raw(port, hello, Subscribe(1, (("t", 1),)))
            await quiet()
            writer.close()
            await writer.wait_closed()
            sender = client(port, "s")
            await sender.publish("t", "while away", qos=1)
            reader, writer = await raw(port, hello)
            await quiet()
            packets = decoded(await reader.read(1000))
            writer.close()
            await writer.wait_closed()
            await sender.close()
        return packets

    kept = run(trial(clean=False))
    assert kept[0].session_present
    assert [each.payload for each in kept[1:]] == [b"while away"]
    clean = run(trial(clean=True))
    assert not clean[0].session_present
    assert len(clean) == 1


def test_a_silent_client_is_dropped_after_one_and_a_half_keepalives():
    async def trial():
        heard = Heard()
        async with Broker().listening() as port:
            watching = client(port, "w", heard=heard)
            await watching.subscribe("gone")
            _, writer = await raw(port, Connect("d", 20, will=Publish("gone", b"!")))
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            await heard.something.wait()
            took_s = loop.time() - began_s
            writer.close()
            await writer.wait_closed()
            await watching.close()
        return took_s

    assert run(trial()) == pytest.approx(30.0, abs=1e-6)


def test_an_idle_client_stays_connected_for_a_day():
    async def trial():
        heard = Heard()
        async with Broker().listening() as port:
            idle = client(port, "i", heard=heard, keepalive_s=30)
            await idle.connect()
            await asyncio.sleep(86_400.0)
            connected = idle.is_connected
            await idle.close()
        return connected, heard.told

    assert run(trial()) == (True, [("connected", "broker accepted")])


def test_a_broker_that_goes_silent_is_found_within_the_keepalive():
    async def trial():
        heard = Heard()
        async with raw_peer(WELCOME) as (port, _):
            one = client(port, heard=heard, keepalive_s=20)
            await one.connect()
            began_s = asyncio.get_running_loop().time()
            await heard.lost.wait()
            took_s = asyncio.get_running_loop().time() - began_s
            await one.close()
        return took_s, heard.told[-1]

    took_s, event = run(trial())
    assert took_s <= 20.0
    assert event == ("lost", "no answer to a ping")


def test_a_lost_broker_is_dialled_until_it_is_back_and_subscriptions_with_it():
    async def trial():
        heard, broker = Heard(), Broker()
        async with broker.listening() as port:
            one = client(port, heard=heard, redial_s=5.0)
            await one.subscribe("t")
        await asyncio.sleep(12.0)
        async with Broker().listening(port):
            await asyncio.sleep(6.0)
            sender = client(port, "s")
            await sender.publish("t", "again")
            await quiet()
            await sender.close()
            await one.close()
        return heard

    heard = run(trial())
    assert [kind for kind, _ in heard.told] == ["connected", "lost", "connected"]
    assert heard.messages == [("t", b"again", False)]


HOSTILE = {
    "another protocol": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not MQTT"),
    "refused": (bytes.fromhex("20020004"), "bad user name or password"),
    "rubbish length": (bytes.fromhex("20ffffffffff"), "not MQTT"),
    "truncated": (bytes.fromhex("2002"), "no answer within 2 s"),
    "silence": (None, "no answer within 2 s"),
}


@pytest.mark.parametrize(("reply", "fact"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_broker_that_is_none_is_one_clear_sentence_in_bounded_time(reply, fact):
    async def trial():
        async with raw_peer(reply) as (port, _):
            one = client(port)
            began_s = asyncio.get_running_loop().time()
            try:
                with pytest.raises(LinkError, match=fact) as raised:
                    await one.connect()
            finally:
                await one.close()
            assert asyncio.get_running_loop().time() - began_s <= 2.0
            assert one.failures == 1
        return str(raised.value)

    assert run(trial()).startswith("rig.toml [device.x] mqtt://127.0.0.1:")


def test_nobody_listening_is_said_at_once():
    async def trial():
        async with Broker().listening() as port:
            pass
        with pytest.raises(LinkError, match="nobody listens"):
            await client(port).connect()
        return asyncio.get_running_loop().time()

    assert run(trial()) == 0.0


def test_a_message_that_gets_no_receipt_is_an_error_in_bounded_time():
    async def trial():
        async with raw_peer(WELCOME) as (port, _):
            one = client(port)
            with pytest.raises(LinkError, match="no answer within 2 s"):
                await one.publish("t", "x", qos=1)
            await one.close()

    run(trial())


def test_a_flood_is_taken_in_whole_and_in_order():
    async def trial():
        heard = Heard()
        flood = b"".join(
            encode(Publish("t", str(number).encode())) for number in range(20_000)
        )
        async with raw_peer(WELCOME + flood) as (port, _):
            one = client(port, heard=heard)
            await one.connect()
            await quiet()
            await one.close()
        return [int(payload) for _, payload, _ in heard.messages]

    assert run(trial()) == list(range(20_000))


RUDE = {
    "no introduction": bytes.fromhex("c000"),
    "another protocol": b"GET / HTTP/1.1\r\n\r\n",
    "version 3.1": bytes.fromhex("100e00064d514973647003 02000a0000"),
    "two introductions": encode(Connect("r")) * 2,
    "a broker's packet": encode(Connect("r")) + bytes.fromhex("d000"),
    "qos 2": encode(Connect("r")) + bytes.fromhex("3405000161000a"),
}


@pytest.mark.parametrize("data", RUDE.values(), ids=RUDE.keys())
def test_the_broker_hangs_up_on_what_is_no_client_and_serves_the_others(data):
    async def trial():
        heard = Heard()
        async with Broker().listening() as port:
            good = client(port, "good", heard=heard)
            await good.subscribe("t")
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            said = await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            await good.publish("t", "still here")
            await quiet()
            await good.close()
        return said, heard.messages

    said, messages = run(trial())
    assert said in (b"", WELCOME)
    assert messages == [("t", b"still here", False)]


def login(variable):
    return {"username": "trial", "password_env": variable}


def test_a_password_is_asked_for_sent_and_never_recorded(monkeypatch):
    secret = "open sesame"  # noqa: S105 - of a made-up broker
    monkeypatch.setenv("BROKER_PASSWORD", secret)

    async def trial(**options):
        bench = Bench(None)
        broker = Broker(username="trial", password=secret)
        async with broker.listening() as port:
            one = driver_client(
                bench.context(f"mqtt://127.0.0.1:{port}/t"),
                MqttOptions(**options),
                lambda _message: None,
            )
            try:
                await one.subscribe("t")
            finally:
                await one.close()
        return bench.wire

    wire = run(trial(**login("BROKER_PASSWORD")))
    assert wire[:2] == [
        (True, "CONNECT flexrig-plug keepalive 30"),
        (False, "CONNACK 0"),
    ]
    assert "sesame" not in repr(wire)
    assert b"sesame".hex() not in repr(wire)
    with pytest.raises(RefusedError, match="bad user name or password"):
        run(trial())
    with pytest.raises(RigError, match="environment has no 'MISSING'"):
        run(trial(**login("MISSING")))


def test_tls_works_in_virtual_time_and_a_strange_certificate_is_refused(tmp_path):
    authority = trustme.CA()
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    trusted, strange = tmp_path / "ca.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(trusted)
    trustme.CA().cert_pem.write_to_path(strange)

    async def trial(ca_file):
        bench = Bench(None)
        async with Broker().listening(tls=served) as port:
            one = driver_client(
                bench.context(f"mqtts://127.0.0.1:{port}/t"),
                MqttOptions(ca_file=str(ca_file)),
                lambda _message: None,
            )
            try:
                await one.publish("t", "x", qos=1)
                await asyncio.sleep(3600.0)
                await one.publish("t", "x", qos=1)
            finally:
                await one.close()
        return bench.clock.now_s()

    assert run(trial(trusted)) >= 3600.0
    with pytest.raises(LinkError, match="TLS"):
        run(trial(strange))
    with pytest.raises(RigError, match="cannot be read as certificates"):
        run(trial(tmp_path / "missing.pem"))


@pytest.mark.parametrize(
    ("address", "host", "port", "topic"),
    [
        ("mqtt://10.0.0.5/plug", "10.0.0.5", 1883, "plug"),
        ("mqtt://broker.local:1884/glow/A4CF12", "broker.local", 1884, "glow/A4CF12"),
        ("mqtts://[fe80::1]/t/", "fe80::1", 8883, "t"),
    ],
)
def test_addresses(address, host, port, topic):
    got = parse_mqtt_address("rig", address)
    assert (got.host, got.port, got.topic) == (host, port, topic)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.5",
        "http://a/t",
        "mqtt://a",
        "mqtt://a/#",
        "mqtt://a:b/t",
        "mqtt://u@a/t",
    ],
)
def test_a_wrong_address_names_the_right_form(address):
    with pytest.raises(RigError, match=r"mqtt://HOST:PORT/TOPIC|password_env"):
        parse_mqtt_address("rig", address)


def test_the_same_trial_twice_is_the_same_to_the_byte():
    async def trial():
        wire, heard = [], Heard()
        async with Broker().listening() as port:
            one = client(port, "a", heard=heard, wire=lambda *each: wire.append(each))
            two = client(port, "b")
            await one.subscribe("t/#")
            for number in range(200):
                await two.publish(f"t/{number % 3}", str(number), qos=number % 2)
                await asyncio.sleep(7.3)
            await one.close()
            await two.close()
        return wire, heard.messages

    assert run(trial()) == run(trial())
