"""Where a message ends on each wire: literal bytes of each standard's own examples."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.links import framing
from tests.devices.fuzzing import FRAMES

# MODBUS Application Protocol V1.1b3, 6.3 (read holding registers 108 to 110), in an
# MBAP header of Messaging on TCP/IP V1.0b, 3.1.3 (transaction 0x1501, unit 0xFF).
TCP_ASK = bytes.fromhex("1501 0000 0006 FF 03 006B 0003")
TCP_REPLY = bytes.fromhex("1501 0000 0009 FF 03 06 022B 0000 0064")
# The same asked of unit 0x11 on a serial line; check sums from the Modicon Modbus
# Protocol Reference Guide's example of the query, function 03 (unverified
# transcription), and of Eastron's SDM manuals (input register 0, unit 1).
RTU_ASK = bytes.fromhex("11 03 006B 0003 7687")
RTU_SDM_ASK = bytes.fromhex("01 04 0000 0002 71CB")
RTU_SDM_REPLY = bytes.fromhex("01 04 04 4366 3334 1B38")
RTU_EXCEPTION = bytes.fromhex("01 84 02 C2C1")
# RFC 6455, 5.7: a single-frame unmasked text message, the same masked, and fragmented.
WS_HELLO = bytes.fromhex("81 05 48 65 6c 6c 6f")
WS_MASKED = bytes.fromhex("81 85 37 fa 21 3d 7f 9f 4d 51 58")
WS_PARTS = bytes.fromhex("01 03 48 65 6c 80 02 6c 6f")
WS_PING = bytes.fromhex("89 05 48 65 6c 6c 6f")
WS_256 = bytes.fromhex("82 7E 0100") + bytes(256)
WS_64K = bytes.fromhex("82 7F 0000000000010000") + bytes(65536)
# RFC 6455, 1.2.
WS_UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
WS_ACCEPT = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\n\r\n"
)
HTTP_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHello World!"
# RFC 9112, 7.1: chunks, an extension, the last chunk, a trailer.
HTTP_CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;ext=1\r\nHello\r\n6\r\n World\r\n0\r\nTrailer: x\r\n\r\n"
)
HTTP_NOTHING = b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"
# MQTT 3.1.1: PINGREQ (3.12), a PUBLISH to "a/b" (3.3), and 321 bytes, which is the
# example of 2.2.3: 65 + 2 * 128.
MQTT_PING = bytes.fromhex("C0 00")
MQTT_PUBLISH = bytes.fromhex("30 07 0003 61 2F 62") + b"hi"
MQTT_LONG = bytes.fromhex("30 C1 02") + bytes(321)

WHOLE = {
    "modbus_tcp": [TCP_ASK, TCP_REPLY],
    "modbus_rtu": [RTU_ASK, RTU_SDM_ASK, RTU_SDM_REPLY, RTU_EXCEPTION],
    "websocket": [
        WS_UPGRADE, WS_ACCEPT, WS_HELLO, WS_MASKED, WS_PARTS, WS_PING, WS_256, WS_64K,
    ],
    "http": [WS_UPGRADE, HTTP_REPLY, HTTP_CHUNKED, HTTP_NOTHING],
    "mqtt": [MQTT_PING, MQTT_PUBLISH, MQTT_LONG],
}  # fmt: skip
EACH = [(name, message) for name, messages in WHOLE.items() for message in messages]


@pytest.mark.parametrize(("name", "message"), EACH)
def test_a_whole_message_is_one_whatever_follows(name, message):
    cut = getattr(framing, name)
    assert cut(message) == len(message)
    assert cut(message + message) == len(message)


@pytest.mark.parametrize(("name", "message"), EACH)
def test_a_part_of_a_message_is_none_yet(name, message):
    cut = getattr(framing, name)
    at = {1, 2, 3, len(message) // 2, len(message) - 1}
    short = [cut(message[:size]) for size in at if 0 < size < len(message)]
    assert set(short) == {0}


@pytest.mark.parametrize("name", WHOLE)
def test_messages_on_one_wire_are_told_apart(name):
    cut, stream, found = getattr(framing, name), b"".join(WHOLE[name]), []
    while stream:
        length = cut(stream)
        found.append(stream[:length])
        stream = stream[length:]
    assert found == WHOLE[name]


def test_a_garbled_rtu_frame_is_a_message_all_the_same():
    assert framing.modbus_rtu(RTU_SDM_REPLY[:-1] + b"\0") == len(RTU_SDM_REPLY)


def test_a_body_without_a_length_is_handed_on_as_it_comes():
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    assert framing.http(head + b"body") == len(head)
    assert framing.http(b"body") == len(b"body")


def test_a_head_that_never_ends_is_not_kept_for_ever():
    flood = b"GET /" + bytes(framing.LONGEST_HEAD)
    assert framing.http(flood) == len(flood)


def test_a_masked_message_says_what_it_said():
    assert framing.websocket_text(WS_MASKED) == b"Hello"
    assert framing.websocket_text(WS_PARTS) == b"Hello"
    assert framing.websocket_text(WS_UPGRADE) == WS_UPGRADE


@pytest.mark.parametrize("name", WHOLE)
def test_no_bytes_at_all_break_the_cutting(name):
    cut = getattr(framing, name)

    @settings(max_examples=max(FRAMES // 10, 100), deadline=None, derandomize=True)
    @given(st.binary(max_size=120), st.sampled_from(WHOLE[name]))
    def any_bytes(noise, message):
        for data in (noise, message[: len(message) // 2] + noise):
            assert 0 <= cut(data) <= len(data)
            framing.websocket_text(data)

    any_bytes()
