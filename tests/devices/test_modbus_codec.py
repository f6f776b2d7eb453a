import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.links.codec import (
    float32_of,
    s16_of,
    s32_of,
    u32_of,
    word_of_s16,
    words_of_float32,
    words_of_s32,
    words_of_u32,
)

orders = st.booleans()


def test_eastrons_own_examples_of_floats():
    # Eastron SDM630Modbus protocol V1.8, 3.7 (240.5), 3.8.1 (230.2) and 3.9 (1, 60).
    assert float32_of([0x4370, 0x8000]) == 240.5
    assert float32_of([0x4366, 0x3334]) == pytest.approx(230.2, abs=2e-5)
    assert words_of_float32(1.0) == (0x3F80, 0x0000)
    assert words_of_float32(60.0) == (0x4270, 0x0000)


def test_word_order_is_high_first_unless_told():
    assert words_of_u32(0x12345678) == (0x1234, 0x5678)
    assert words_of_u32(0x12345678, low_first=True) == (0x5678, 0x1234)
    assert s32_of([0xFFFF, 0xFFFE]) == -2
    assert s32_of([0xFFFE, 0xFFFF], low_first=True) == -2
    assert s16_of(0xFF9B) == -101


@given(st.floats(width=32, allow_nan=False), orders)
def test_a_single_survives_the_registers(value, low_first):
    words = words_of_float32(value, low_first=low_first)
    assert float32_of(words, low_first=low_first) == value


@given(st.floats(min_value=-1e30, max_value=1e30), orders)
def test_a_double_is_rounded_to_the_nearest_single(value, low_first):
    words = words_of_float32(value, low_first=low_first)
    back = float32_of(words, low_first=low_first)
    assert abs(back - value) <= abs(value) * 2**-24 + 2**-149


@given(st.integers(0, 2**32 - 1), orders)
def test_unsigned_numbers_survive(value, low_first):
    words = words_of_u32(value, low_first=low_first)
    assert u32_of(words, low_first=low_first) == value
    assert words == words_of_u32(value, low_first=not low_first)[::-1]


@given(st.integers(-(2**31), 2**31 - 1), orders)
def test_signed_numbers_survive(value, low_first):
    words = words_of_s32(value, low_first=low_first)
    assert s32_of(words, low_first=low_first) == value


@given(st.integers(-(2**15), 2**15 - 1))
def test_signed_words_survive(value):
    assert s16_of(word_of_s16(value)) == value


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_any_two_registers_are_some_single(high, low):
    expected = struct.unpack(">f", struct.pack(">HH", high, low))[0]
    value = float32_of([high, low])
    assert value == expected or (math.isnan(value) and math.isnan(expected))


@pytest.mark.parametrize(
    "spread",
    [
        lambda: words_of_u32(-1),
        lambda: words_of_u32(2**32),
        lambda: words_of_s32(2**31),
        lambda: words_of_s32(-(2**31) - 1),
        lambda: word_of_s16(2**15),
        lambda: word_of_s16(-(2**15) - 1),
        lambda: s16_of(0x10000),
        lambda: u32_of([0, 0x10000]),
        lambda: u32_of([1, 2, 3]),
    ],
)
def test_what_does_not_fit_is_refused(spread):
    with pytest.raises(ValueError, match=r"fit|register|unpack"):
        spread()


def test_a_number_beyond_single_precision_is_refused():
    with pytest.raises(OverflowError):
        words_of_float32(1e39)
