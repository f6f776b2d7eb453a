"""Malformed conversations, after each of which the server still serves."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.links.modbus_pdu import answer, crc16
from devices.links.modbus_server import TCP_GAP_S, RtuFraming, TcpFraming
from tests.devices.fuzzing import FRAMES

GOOD_TCP = bytes.fromhex("7777 0000 0006 01 04 0000 0002")
GOOD_TCP_REPLY = bytes.fromhex("7777 0000 0007 01 04 04 1111 2222")
GOOD_RTU = bytes.fromhex("01 04 00 00 00 02 71 CB")
GOOD_RTU_REPLY = bytes.fromhex("01 04 04 1111 2222")


class TwoWords:
    """Registers 0 and 1 that nothing may change."""

    def read_input(self, address, count):
        return [0x1111, 0x2222, 0x3333][address : address + count]

    def read_holding(self, address, count):
        return [0] * count

    def write_holding(self, address, values):
        self.written = (address, values)


def serve(request):
    assert 0 < len(request) <= 253
    return answer(TwoWords(), request, {3, 6, 16})


def serve_all(request):
    words = TwoWords()
    words.read_input = lambda address, count: ([0x1111, 0x2222] * 63)[:count]
    return answer(words, request)


requests = st.binary(min_size=1, max_size=40)
mangled = st.one_of(
    st.binary(max_size=300),
    requests.map(lambda body: b"\0\1\0\0" + len(body).to_bytes(2, "big") + body),
    st.tuples(st.integers(0, 7), st.binary(max_size=12)).map(
        lambda cut: GOOD_TCP[: cut[0]] + cut[1]
    ),
)
many = settings(
    max_examples=FRAMES // 2,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def cut_tcp(stream):
    """Cut a reply stream by its own lengths: it must end on a boundary."""
    frames = []
    while stream:
        size = 6 + int.from_bytes(stream[4:6], "big")
        assert stream[2:4] == b"\0\0"
        assert len(stream) >= size >= 9
        frames.append(stream[:size])
        stream = stream[size:]
    return frames


@many
@given(st.lists(mangled, max_size=4))
def test_tcp_nothing_breaks_the_server_or_gets_a_wrong_answer(pieces):
    framing = TcpFraming(serve_all, 1)
    for piece in pieces:
        replies, in_step = framing.receive(piece, 0.0)
        for frame in cut_tcp(b"".join(replies)):
            assert frame[7] & 0x7F <= 0x7F
            if frame[7] & 0x80:
                assert len(frame) == 9
                assert frame[8] in (1, 2, 3, 11)
        if not in_step:
            break
    # A client that lost its place connects anew, and is served.
    fresh, in_step = TcpFraming(serve_all, 1).receive(GOOD_TCP, 0.0)
    assert (fresh, in_step) == ([GOOD_TCP_REPLY], True)


@many
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=300),
            requests.map(lambda body: body + crc16(body)),
            st.tuples(st.integers(0, 7), st.binary(max_size=12)).map(
                lambda cut: GOOD_RTU[: cut[0]] + cut[1]
            ),
        ),
        max_size=4,
    )
)
def test_rtu_nothing_breaks_the_server_or_gets_a_wrong_answer(pieces):
    framing = RtuFraming(serve_all, 1, TCP_GAP_S)
    for piece in pieces:
        replies, in_step = framing.receive(piece, 0.0)
        assert in_step
        for frame in replies:
            assert frame[0] == 1, "for our unit only"
            assert crc16(frame[:-2]) == frame[-2:]
    # After a silence the same connection serves a good request.
    told, _ = framing.receive(GOOD_RTU, TCP_GAP_S * 2)
    assert told == [GOOD_RTU_REPLY + crc16(GOOD_RTU_REPLY)]


@many
@given(requests)
def test_any_request_gets_a_reply_of_its_own_function(request):
    reply = serve(request)
    if request[0] > 0x7F:
        assert reply == b""
    elif request[0] not in (3, 6, 16):
        assert reply == bytes((request[0] | 0x80, 1))
    else:
        assert reply[0] & 0x7F == request[0]
        assert len(reply) <= 253


@given(st.binary(min_size=1, max_size=250), st.integers(0, 7), st.data())
def test_one_flipped_bit_never_passes_for_a_frame(body, bit, data):
    frame = bytearray(body + crc16(body))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << bit
    assert crc16(bytes(frame[:-2])) != bytes(frame[-2:])
