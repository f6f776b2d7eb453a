"""pcapng as the draft lays it out, byte for byte, and what is left of a torn file."""

from __future__ import annotations

import contextlib
import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.pcapng import Counts, Interface, Writer, read
from tests.devices.fuzzing import FRAMES

TIME_NS = 1_795_337_303_315_292_632
# draft-ietf-opsawg-pcapng 4.1: block type, length, byte-order magic, version 1.0,
# section length unknown (-1), options, length again.
SECTION = bytes.fromhex(
    "0a0d0d0a 30000000 4d3c2b1a 0100 0000 ffffffffffffffff"
    "0100 0200 68690000 0400 0400 74657374 0000 0000 30000000".replace(" ", "")
)
# 4.2: type 1, Ethernet, reserved, no snap length; if_name "lo", if_tsresol 9.
INTERFACE = bytes.fromhex(
    "01000000 28000000 0100 0000 00000000"
    "0200 0200 6c6f0000 0900 0100 09000000 0000 0000 28000000".replace(" ", "")
)


def written(*frames: bytes) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, [Interface("lo", 1)], application="test", comment="hi")
    for place, frame in enumerate(frames):
        writer.packet(0, TIME_NS + place, memoryview(frame), length=len(frame))
    return file.getvalue()


def test_a_section_and_an_interface_are_laid_out_as_the_draft_says():
    assert written() == SECTION + INTERFACE


def test_a_frame_is_kept_with_its_nanoseconds_and_padded_to_four_bytes():
    # 4.3: type 6, length, interface, stamp high then low, captured, original, data.
    head = struct.pack("<II", 6, 40) + struct.pack(
        "<IIIII", 0, TIME_NS >> 32, TIME_NS & 0xFFFFFFFF, 5, 5
    )
    frame = head + b"hello\0\0\0" + struct.pack("<I", 40)
    assert written(b"hello") == SECTION + INTERFACE + frame


def test_a_filter_is_said_in_words():
    file = io.BytesIO()
    lo = Interface("lo", 1, "TCP from or to *:502")
    Writer(file, [lo], application="test", comment="")
    # 4.2, if_filter (11): the first byte says what follows; 0 is text.
    assert b"\x0b\0\x15\0\0TCP from or to *:502" in file.getvalue()


def test_statistics_say_what_was_received_and_what_was_lost():
    file = io.BytesIO()
    writer = Writer(file, [Interface("lo", 1)], application="test", comment="hi")
    before = file.tell()
    writer.statistics(0, Counts(received=7, dropped=2), start_ns=1, end_ns=2**32 + 3)
    block = file.getvalue()[before:]
    assert block[:8] == struct.pack("<II", 5, len(block))
    assert struct.pack("<III", 0, 1, 3) == block[8:20]
    # 4.6: isb_ifrecv is option 4, isb_ifdrop option 5, both of 64 bits.
    assert struct.pack("<HHQ", 4, 8, 7) + struct.pack("<HHQ", 5, 8, 2) in block


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=8))
def test_what_is_written_is_read_back(frames: list[bytes]):
    found = list(read(io.BytesIO(written(*frames))))
    assert [one.data for one in found] == frames
    assert [one.time_ns for one in found] == [TIME_NS + n for n in range(len(frames))]


@given(st.integers(min_value=1, max_value=60))
def test_a_capture_that_was_killed_is_read_up_to_its_last_whole_frame(cut: int):
    whole = written(b"first", b"second")
    found = [one.data for one in read(io.BytesIO(whole[:-cut]))]
    assert found == ([b"first"] if cut <= 40 else [])


@pytest.mark.parametrize(
    "content", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\xd4\xc3\xb2\xa1" + bytes(20)]
)
def test_what_is_no_capture_is_refused(content: bytes):
    with pytest.raises(ValueError, match="no capture that this program wrote"):
        list(read(io.BytesIO(content)))


@pytest.mark.parametrize("kind", [1, 6])
def test_a_block_that_is_too_short_is_refused(kind: int):
    short = struct.pack("<III", kind, 12, 12)
    with pytest.raises(ValueError, match="too short"):
        list(read(io.BytesIO(written() + short)))


@settings(max_examples=FRAMES, deadline=None, derandomize=True)
@given(st.binary(max_size=120), st.integers(0, 150), st.booleans())
def test_garbage_is_refused_or_read_and_nothing_else(
    noise: bytes, at: int, inside: bool
):
    whole = written(b"one", b"and two")
    content = whole[:at] + noise + whole[at + len(noise) :] if inside else noise
    with contextlib.suppress(ValueError):
        list(read(io.BytesIO(content)))
