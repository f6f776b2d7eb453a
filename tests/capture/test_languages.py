"""Messages as their own documents spell them, whole, in pieces, and spoilt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.languages import Language, Languages, Said, Websocket, mqtt, tls
from harness.capture.streams import Segment
from harness.capture.talks import Told, messages
from tests.devices.fuzzing import FRAMES

# RFC 6455, 5.7: a single-frame unmasked text message, and the same masked.
HELLO = bytes.fromhex("810548656c6c6f")
HELLO_MASKED = bytes.fromhex("818537fa213d7f9f4d5158")
HELLO_IN_TWO = bytes.fromhex("010348656c80026c6f")
PING = bytes.fromhex("890548656c6c6f")
# MODBUS Application Protocol V1.1b3, 6.3: registers 108 to 110 hold 555, 0 and 100.
READ = bytes.fromhex("0001 0000 0006 11 03 006b 0003".replace(" ", ""))
READ_REPLY = bytes.fromhex("0001 0000 0009 11 03 06 022b 0000 0064".replace(" ", ""))
# The same over a serial line: MODBUS over serial line V1.02, 6.2.2, has its check sum.
RTU = bytes.fromhex("1103006b00037687")
# MQTT 3.1.1, 3.3: PUBLISH at QoS 1 of "a/b", packet 10.
PUBLISH = bytes.fromhex("32 09 0003 612f62 000a 6869".replace(" ", ""))
REQUEST = b"POST /rpc HTTP/1.1\r\nHost: plug\r\nContent-Length: 4\r\n\r\n{} \n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n5\r\npedia\r\n"
    b"0\r\n\r\n"
)
UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\n\r\n"
)


def words(frame: bytes, asks: bool) -> str:
    return f"{'asks' if asks else 'answers'} {frame[7]}"


def all_of(language: Language, data: bytes, *, asks: bool = True) -> list[Said]:
    said = []
    while data:
        used, one = language(data, asks)
        assert used > 0
        data = data[used:]
        said += [one] if one is not None else []
    return said


def segments(*parts: tuple[str, bytes]) -> list[Segment]:
    """Turns of one connection, from the first byte on."""
    number = {"client": 1, "server": 1}
    made = []
    for who, data in parts:
        whom = "server" if who == "client" else "client"
        made.append(Segment(len(made), who, whom, number[who], None, data))
        number[who] += len(data)
    return made


def told(*parts: tuple[str, bytes]) -> list[Told]:
    return list(messages(segments(*parts), words))


@pytest.mark.parametrize("data", [HELLO, HELLO_MASKED, HELLO_IN_TWO])
def test_a_websocket_says_hello_masked_or_in_two(data: bytes):
    assert all_of(Websocket(), data) == [Said("websocket", "text", "Hello")]


def test_a_websocket_is_pinged_and_closed():
    close = bytes.fromhex("880503e8627965")  # 1000 and "bye"
    assert all_of(Websocket(), PING + close) == [
        Said("websocket", "ping", "Hello"),
        Said("websocket", "close 1000", "bye"),
    ]


def test_a_control_frame_between_the_parts_of_a_message_does_not_break_it():
    first, rest = HELLO_IN_TWO[:5], HELLO_IN_TWO[5:]
    assert [one.payload for one in all_of(Websocket(), first + PING + rest)] == [
        "Hello",
        "Hello",
    ]


@pytest.mark.parametrize("length", [125, 126, 65_535, 65_536])
def test_lengths_of_a_websocket_frame_have_three_forms(length: int):
    # RFC 6455, 5.2.
    head = b"\x81"
    if length < 126:
        head += bytes([length])
    elif length < 65_536:
        head += b"\x7e" + length.to_bytes(2, "big")
    else:
        head += b"\x7f" + length.to_bytes(8, "big")
    [said] = all_of(Websocket(), head + b"x" * length)
    assert len(said.payload) == length


def test_compressed_text_is_called_that():
    # RFC 7692, 7.2.3.1: "Hello" deflated.
    [said] = all_of(Websocket(), bytes.fromhex("c107f248cdc9c90700"))
    assert said == Said("websocket", "text, compressed", "f248cdc9c90700")


def test_http_with_a_length_and_in_chunks():
    languages = Languages(words)
    assert all_of(languages.http, REQUEST) == [
        Said("http", "POST /rpc HTTP/1.1", "{} \n")
    ]
    assert all_of(languages.http, CHUNKED, asks=False) == [
        Said("http", "HTTP/1.1 200 OK", "Wikipedia")
    ]


@pytest.mark.parametrize(
    "head", [b"Content-Length: -9\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n-9\r\n"]
)
def test_a_length_below_nothing_is_no_http(head: bytes):
    [one] = told(("client", b"POST / HTTP/1.1\r\n" + head))
    assert (one.said.protocol, one.said.summary[-23:]) == (
        "tcp",
        "a length that cannot be",
    )


def test_mqtt_tells_topic_and_text():
    assert all_of(mqtt, PUBLISH) == [Said("mqtt", "PUBLISH a/b", "hi")]


def test_a_password_is_not_shown_as_payload():
    # MQTT 3.1.1, 3.1: CONNECT carries user name and password at its end.
    body = bytes.fromhex("00044d51545404c2003c00017500017500027077")
    [said] = all_of(mqtt, b"\x10" + bytes([len(body)]) + body)
    assert said == Said("mqtt", "CONNECT", "")


def test_tls_is_told_from_outside_only():
    record = bytes.fromhex("1703030004deadbeef")
    assert all_of(tls, record) == [Said("tls", "data, 4 bytes", "")]


def test_a_modbus_exchange():
    assert [one.said for one in told(("client", READ), ("server", READ_REPLY))] == [
        Said("modbus_tcp", "asks 3", READ.hex()),
        Said("modbus_tcp", "answers 3", READ_REPLY.hex()),
    ]


def test_two_requests_in_one_segment_and_one_in_two():
    found = told(("client", READ + READ[:5]), ("client", READ[5:]))
    assert [(one.time_ns, one.said.payload) for one in found] == [
        (0, READ.hex()),
        (1, READ.hex()),
    ]


def test_rtu_passed_through_a_gateway():
    [one] = told(("client", RTU))
    assert one.said == Said("modbus_rtu", "asks 3", RTU.hex())


def test_a_handshake_turns_http_into_a_websocket():
    found = told(
        ("client", b"GET /EV1 HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        ("server", UPGRADE + HELLO),
        ("client", HELLO_MASKED),
    )
    assert [(one.source, one.said.summary) for one in found] == [
        ("client", "GET /EV1 HTTP/1.1"),
        ("server", "HTTP/1.1 101 Switching Protocols"),
        ("server", "text"),
        ("client", "text"),
    ]


def test_what_is_missing_is_said_and_what_follows_is_read():
    lost, *rest = segments(("client", READ), ("client", READ), ("server", READ_REPLY))
    answer = Segment(9, "server", "client", 1, rest[0].number + len(READ), READ_REPLY)
    syn = Segment(0, "client", "server", 0, None, b"", opens=True)
    found = list(messages([syn, rest[0], answer], words))
    assert lost.number == 1
    assert [one.said.protocol for one in found] == ["gap", "modbus_tcp", "modbus_tcp"]
    assert found[0].said.summary == "12 bytes were not captured"


SAMPLES = (HELLO_MASKED, READ, RTU, PUBLISH, REQUEST, CHUNKED, UPGRADE + HELLO)


@settings(max_examples=FRAMES, deadline=None, derandomize=True)
@given(
    start=st.sampled_from(SAMPLES),
    noise=st.binary(max_size=60),
    at=st.integers(0, 60),
    cuts=st.lists(st.integers(1, 40), max_size=4),
)
def test_no_bytes_break_the_reader_or_are_told_twice(
    start: bytes, noise: bytes, at: int, cuts: list[int]
):
    whole = start[:at] + noise + start[at:]
    parts, rest = [], whole
    for cut in cuts:
        parts, rest = [*parts, rest[:cut]], rest[cut:]
    turns = [
        (("client", "server")[n % 3 == 2], part)
        for n, part in enumerate([*parts, rest])
        if part
    ]
    found = told(*turns)
    assert all(one.said.protocol for one in found)
    assert len(found) <= len(whole) + 1
