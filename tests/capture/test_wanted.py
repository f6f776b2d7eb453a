"""Which frames are kept where only the rig's own ends are wanted."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.wanted import Peer, Tap, in_words, keep, peer_of, tap_of

ETHERNET, RAW_IP = 1, 101


def frame(
    source: tuple[str, int], target: tuple[str, int], *, protocol: int = 6
) -> memoryview:
    """An Ethernet frame with an empty TCP segment (RFC 791, 8200 and 9293)."""
    ports = struct.pack(">HH", source[1], target[1]) + bytes(16)
    if ":" in source[0]:
        pack = [socket.inet_pton(socket.AF_INET6, host) for host, _ in (source, target)]
        ip = struct.pack(">IHBB", 6 << 28, 20, protocol, 64) + b"".join(pack)
        return memoryview(bytes(12) + b"\x86\xdd" + ip + ports)
    pack = [socket.inet_aton(host) for host, _ in (source, target)]
    ip = struct.pack(">BBHIBBH", 0x45, 0, 40, 0, 64, protocol, 0) + b"".join(pack)
    return memoryview(bytes(12) + b"\x08\0" + ip + ports)


METER, ELSEWHERE, HERE = ("10.0.0.7", 502), ("10.0.0.8", 502), ("10.0.0.1", 40_000)


@pytest.mark.parametrize(
    ("peers", "kept"),
    [
        ((Peer("10.0.0.7", 502),), (True, True, False)),
        ((Peer("10.0.0.7"),), (True, True, False)),
        ((Peer("", 502),), (True, True, True)),
        ((Peer("10.0.0.7", 80),), (False, False, False)),
    ],
)
def test_frames_to_and_from_the_ends_are_kept(peers, kept):
    test = keep(peers, ETHERNET)
    ways = [(HERE, METER), (METER, HERE), (HERE, ELSEWHERE)]
    assert tuple(test(frame(*way)) for way in ways) == kept
    raw = keep(peers, RAW_IP)
    assert tuple(raw(frame(*way)[14:]) for way in ways) == kept


def test_ip_version_6():
    test = keep([Peer("fe80::7", 502)], ETHERNET)
    assert test(frame(("fe80::1", 9), ("fe80::7", 502)))
    assert not test(frame(("fe80::1", 9), ("fe80::8", 502)))


def test_nothing_but_tcp_is_kept_and_all_is_if_nobody_is_named():
    assert not keep([Peer("", 502)], ETHERNET)(frame(HERE, METER, protocol=17))
    assert keep([], ETHERNET) is None


@given(st.binary(max_size=70))
def test_no_frame_is_too_odd_to_be_told(data: bytes):
    assert keep([Peer("10.0.0.7", 502)], ETHERNET)(memoryview(data)) in (True, False)


@given(
    st.sampled_from(["lo", "eth0", "wlp2s0"]),
    st.lists(
        st.tuples(
            st.one_of(
                st.just(""),
                st.ip_addresses(v=4).map(str),
                st.ip_addresses(v=6).map(str),
            ),
            st.integers(0, 65_535),
        ),
        max_size=3,
    ),
)
def test_a_tap_survives_the_command_line(name: str, ends: list[tuple[str, int]]):
    tap = Tap(name, tuple(Peer(host, port) for host, port in ends if host or port))
    assert tap_of(str(tap)) == tap


@pytest.mark.parametrize("text", ["", "10.0.0.7", "10.0.0.7:http", "10.0.0.300:1"])
def test_what_is_no_end_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        peer_of(text)


def test_words():
    assert in_words([Peer("10.0.0.7", 502), Peer("fe80::1", 0)]) == (
        "TCP from or to 10.0.0.7:502, [fe80::1]:*"
    )
    assert in_words([]) == ""
