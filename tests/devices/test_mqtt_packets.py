"""MQTT 3.1.1 packets: bytes of the standard's own examples, round trips, and rubbish.

Literal bytes follow MQTT Version 3.1.1 (OASIS Standard, 29 October 2014): figure 3.6
(CONNECT, non-normative example), 3.2 (CONNACK), figure 3.11 (PUBLISH, topic "a/b",
identifier 10), figure 3.23 (SUBSCRIBE to "a/b" at 1 and "c/d" at 2), figure 3.26
(SUBACK), figure 3.31 (UNSUBSCRIBE), table 2.4 (remaining length), 4.7 (wildcards).
"""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from devices.links.mqtt_packets import (
    DISCONNECT,
    LARGEST,
    PINGREQ,
    PINGRESP,
    Connack,
    Connect,
    Decoder,
    PacketError,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    checked_filter,
    encode,
    frame_length,
    matches,
)
from tests.devices.fuzzing import FRAMES
from tests.devices.mqtt_bench import decoded

STANDARD = {
    "connect": (
        # Variable header of figure 3.6: user name, password, will retain off, will
        # QoS 1, will, clean session, keep-alive 10 s; then a payload in 3.1.3's order.
        "10 1c 00044d515454 04 ce 000a 000163 000177 000178 000175 000470617373",
        Connect("c", 10, True, Publish("w", b"x", 1), "u", b"pass"),
    ),
    "connack": ("20 02 01 00", Connack(0, True)),
    "refused": ("20 02 00 05", Connack(5)),
    "publish": ("32 09 0003612f62 000a 6869", Publish("a/b", b"hi", 1, False, 10)),
    "publish qos 0 retain": ("31 05 0003612f62", Publish("a/b", b"", 0, True)),
    "publish again": ("3a 07 0003612f62 000a", Publish("a/b", b"", 1, False, 10, True)),
    "puback": ("40 02 000a", Puback(10)),
    "subscribe": (
        "82 0e 000a 0003612f62 01 0003632f64 02",
        Subscribe(10, (("a/b", 1), ("c/d", 2))),
    ),
    "suback": ("90 05 000a 00 02 80", Suback(10, (0, 2, 0x80))),
    "unsubscribe": (
        "a2 0c 000a 0003612f62 0003632f64",
        Unsubscribe(10, ("a/b", "c/d")),
    ),
    "unsuback": ("b0 02 000a", Unsuback(10)),
    "pingreq": ("c0 00", PINGREQ),
    "pingresp": ("d0 00", PINGRESP),
    "disconnect": ("e0 00", DISCONNECT),
}


@pytest.mark.parametrize(("frame", "packet"), STANDARD.values(), ids=STANDARD.keys())
def test_packets_are_the_bytes_of_the_standard(frame, packet):
    data = bytes.fromhex(frame)
    assert encode(packet) == data
    assert decoded(data) == [packet]
    assert frame_length(data + b"\xc0") == len(data)


@pytest.mark.parametrize(
    ("length", "field"),
    [(127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001")],
)
def test_lengths_are_those_of_table_2_4(length, field):
    data = encode(Publish("a", bytes(length - 3)))
    assert data[1 : 1 + len(field) // 2].hex() == field
    assert frame_length(data) == len(data)
    assert len(decoded(data)[0].payload) == length - 3


def test_a_length_of_two_million_is_refused_before_it_is_waited_for():
    with pytest.raises(PacketError, match="above"):
        decoded(bytes.fromhex("30 ff ff 7f 00"))
    with pytest.raises(PacketError, match="above"):
        encode(Publish("a", bytes(LARGEST)))


TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0#+"), min_size=1, max_size=20
)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(
            Publish,
            TEXT,
            st.binary(max_size=300),
            st.just(1),
            st.booleans(),
            st.integers(1, 0xFFFF),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    ),
    st.data(),
)
def test_messages_survive_whatever_pieces_they_come_in(messages, data):
    stream = b"".join(map(encode, messages))
    decoder, got = Decoder(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        got += decoder.feed(stream[:cut])
        stream = stream[cut:]
    assert got == messages


BAD = {
    "type 0": "00 00",
    "type 15": "f0 00",
    "qos 2 receipt": "50 02 000a",
    "wrong flags": "80 08 000a 0003612f62 00",
    "length of five bytes": "30 ff ff ff ff 01",
    "text cut short": "30 03 0009 61",
    "no topic": "30 02 0000",
    "wildcard topic": "30 03 0001 23",
    "not utf-8": "30 03 0001 ff",
    "null character": "30 03 0001 00",
    "qos 3": "36 05 0001 61 000a",
    "identifier 0": "32 05 0001 61 0000",
    "subscription to nothing": "82 02 000a",
    "unsubscription from nothing": "a2 02 000a",
    "bad filter": "82 08 000a 0003 612f2b 03",
    "another protocol": "10 0e 0006 4d5149736470 03 02 000a 0000",
    "too many bytes": "40 03 000a 00",
    "ping with a body": "c0 01 00",
}


@pytest.mark.parametrize("frame", BAD.values(), ids=BAD.keys())
def test_bytes_that_are_no_packet_are_refused(frame):
    with pytest.raises(PacketError):
        decoded(bytes.fromhex(frame))


@seed(20261122)
@settings(max_examples=FRAMES, deadline=None, database=None)
@given(st.integers(0, 1 << 32))
def test_no_bytes_do_anything_but_decode_or_be_refused(number):
    data = malformed(random.Random(number))  # noqa: S311 - to be repeated
    with contextlib.suppress(PacketError):
        for packet in decoded(data):
            assert decoded(encode(packet)) == [packet]
    assert 0 <= frame_length(data) <= len(data)


def malformed(chance):
    """Return random bytes, or a good packet with some bytes changed or cut off."""
    if chance.random() < 0.3:
        return chance.randbytes(chance.randrange(40))
    frame, _ = chance.choice(list(STANDARD.values()))
    data = bytearray.fromhex(frame)
    for _ in range(chance.randrange(3)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(len(data) + 1)])


@pytest.mark.parametrize(
    ("wanted", "topic", "is_heard"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("#", "a", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/uptime", False),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("ACCOUNTS", "Accounts", False),
    ],
)
def test_wildcards_match_as_in_the_standard(wanted, topic, is_heard):
    assert matches(wanted, topic) is is_heard


@pytest.mark.parametrize("wrong", ["", "sport/tennis#", "sport/tennis/#/ranking", "a+"])
def test_a_filter_that_is_none_is_refused(wrong):
    with pytest.raises(PacketError):
        checked_filter(wrong)
