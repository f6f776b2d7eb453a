"""Bytes come out once and in order, whatever the segments did; holes are said."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.streams import WINDOW, Piece, Segment, Stream, ahead


def segment(number: int, data: bytes = b"", **said) -> Segment:
    return Segment(1, "a:1", "b:2", number % WINDOW, None, data, **said)


def opened(number: int) -> Stream:
    stream = Stream()
    assert list(stream.take(segment(number - 1, opens=True))) == []
    return stream


def out(stream: Stream, *segments: Segment) -> bytes:
    return b"".join(piece.data for one in segments for piece in stream.take(one))


@settings(deadline=None)
@given(
    data=st.binary(min_size=1, max_size=200),
    start=st.sampled_from([1, 5_000, WINDOW - 50]),
    seed=st.integers(0, 2**32),
)
def test_segments_repeated_overlapping_and_out_of_order_make_one_stream(
    data: bytes, start: int, seed: int
):
    chance = random.Random(seed)  # noqa: S311 - a shuffle
    cuts = sorted({0, len(data), *(chance.randrange(len(data)) for _ in range(5))})
    parts = [
        segment(start + low, data[max(low, 0) : high + chance.randrange(3)])
        for low, high in itertools.pairwise(cuts)
    ]
    parts += chance.sample(parts, chance.randrange(len(parts) + 1))
    chance.shuffle(parts)
    assert out(opened(start), *parts) == data


def test_what_was_acknowledged_and_never_captured_is_a_hole():
    stream = opened(100)
    assert out(stream, segment(100, b"abc"), segment(110, b"xyz")) == b"abc"
    assert list(stream.acknowledge(113, 9)) == [
        Piece(9, b"", missing=7),
        Piece(1, b"xyz"),
    ]


def test_a_hole_at_the_end_is_said_too():
    stream = opened(100)
    assert list(stream.acknowledge(150, 9)) == [Piece(9, b"", missing=50)]
    assert out(stream, segment(150, b"on")) == b"on"


def test_the_byte_that_a_goodbye_counts_for_is_no_hole():
    # RFC 9293, 3.4: FIN occupies one sequence number.
    stream = opened(100)
    assert out(stream, segment(100, b"bye", ends=True)) == b"bye"
    assert list(stream.acknowledge(104, 9)) == []


def test_a_connection_found_in_the_middle_begins_there():
    assert out(Stream(), segment(7_000, b"here"), segment(7_004, b"on")) == b"hereon"


@pytest.mark.parametrize(
    ("one", "other", "by"), [(5, 3, 2), (3, 5, -2), (1, WINDOW - 1, 2)]
)
def test_numbers_wrap(one: int, other: int, by: int):
    assert ahead(one, other) == by
