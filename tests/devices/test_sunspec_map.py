"""SunSpec models as data: the same offsets as elsewhere, and no number from nothing.

The public model definitions that pysunspec2 carries are the other source; patterns for
"not implemented" are written out by hand from pysunspec2 1.3.7, ``mb.py`` (int16 8000,
uint16 FFFF, acc32 0, float32 7FC00000, …).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sunspec2
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.links.sunspec_map import (
    Picker,
    decode,
    encode,
    model,
    scaled,
    unscaled,
)

settled = settings(deadline=None, derandomize=True)
NUMBERS = (1, 101, 103, 120, 121, 123, 203, 213, 701, 702, 703, 704, 713, 802)
THEIRS = Path(sunspec2.__file__).parent / "models" / "json"


def their_points(group, at=0, prefix=""):
    """Walk a public definition: name, offset, type, size, scale factor, access."""
    for point in group.get("points", []):
        scale = str(point.get("sf", ""))
        yield (
            prefix + point["name"], at, point["type"], point["size"], scale,
            point.get("access") == "RW",
        )  # fmt: skip
        at += point["size"]
    for inner in group.get("groups", []):
        for point in their_points(inner, at, inner["name"] + "."):
            yield point
            at = point[1] + point[3]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_point_is_where_the_public_definition_has_it(number):
    group = json.loads((THEIRS / f"model_{number}.json").read_text())["group"]
    theirs = list(their_points(group))
    ours = [
        (each.name, each.offset, each.kind, each.size, each.scale, each.writable)
        for each in model(number).points.values()
    ]
    assert ours == theirs
    assert model(number).length == theirs[-1][1] + theirs[-1][3] - 2


@pytest.mark.parametrize("number", NUMBERS)
def test_enumerations_have_the_public_names(number):
    group = json.loads((THEIRS / f"model_{number}.json").read_text())["group"]
    for point in group["points"]:
        symbols = {each["name"]: each["value"] for each in point.get("symbols", [])}
        assert model(number).points[point["name"]].symbols == symbols


def test_offsets_that_the_project_s_facts_give():  # facts-gb 11
    places = {
        (103, "W"): 14, (103, "W_SF"): 15, (103, "WH"): 24, (203, "W"): 18,
        (203, "TotWhExp"): 38, (203, "TotWhImp"): 46, (213, "W"): 28,
        (213, "TotWhExp"): 60, (213, "TotWhImp"): 68, (701, "W"): 10,
        (701, "TotWhInj"): 19, (701, "TotWhAbs"): 23, (704, "WMaxLimPct"): 15,
        (704, "WSet"): 24, (704, "WMaxLimPctRvrtTms"): 18, (704, "WSetRvrtTms"): 31,
        (704, "WRmp"): 49,
    }  # fmt: skip
    for (number, name), offset in places.items():
        assert model(number).points[name].offset == offset


NOTHING = [
    (701, "W", "8000"),  # int16
    (701, "LNV", "FFFF"),  # uint16
    (701, "InvSt", "FFFF"),  # enum16
    (701, "Alrm", "FFFFFFFF"),  # bitfield32
    (701, "Hz", "FFFFFFFF"),  # uint32
    (701, "TotWhInj", "FFFFFFFFFFFFFFFF"),  # uint64
    (704, "WSet", "80000000"),  # int32
    (701, "W_SF", "8000"),  # sunssf
    (103, "WH", "00000000"),  # acc32
    (213, "W", "7FC00000"),  # float32
    (1, "Opt", "00" * 16),  # string
]


@pytest.mark.parametrize(("number", "name", "text"), NOTHING)
def test_not_implemented_is_never_a_number(number, name, text):
    point = model(number).points[name]
    words = words_of(text)
    assert decode(point, words) is None
    assert list(encode(point, None)) == words


@pytest.mark.parametrize("text", ["7F800000", "FF800000", "7FC00001", "FFC00000"])
def test_a_float_that_is_no_number_is_not_given_as_one(text):
    assert decode(model(213).points["W"], words_of(text)) is None


VALUES = [
    (701, "W", "F448", -3000),
    (704, "WSet", "FFFFF448", -3000),
    (701, "TotWhInj", "0000000100000000", 1 << 32),
    (213, "W", "43663334", pytest.approx(230.2)),
    (1, "SN", "41422D31" + "00" * 28, "AB-1"),
]


@pytest.mark.parametrize(("number", "name", "text", "value"), VALUES)
def test_values_are_what_their_bytes_say(number, name, text, value):
    point = model(number).points[name]
    assert decode(point, words_of(text)) == value


def words_of(text):
    data = bytes.fromhex(text)
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


@pytest.mark.parametrize(
    ("number", "name", "value"),
    [
        (701, "W", 40_000),
        (701, "W", -0x8000),
        (704, "WSetRvrtTms", -1),
        (704, "WSetEna", 0xFFFF),
        (1, "Vr", "a version that is too long"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(number, name, value):
    with pytest.raises(ValueError, match=r"fit|not implemented"):
        encode(model(number).points[name], value)


INTEGERS = [
    point
    for number in (701, 704)
    for point in model(number).points.values()
    if point.kind in ("int16", "uint16", "int32", "uint32", "uint64")
]


@settled
@given(st.sampled_from(INTEGERS), st.data())
def test_any_registers_decode_and_encode_to_themselves(point, data):
    words = data.draw(
        st.lists(st.integers(0, 0xFFFF), min_size=point.size, max_size=point.size)
    )
    assert list(encode(point, decode(point, words))) == words


@settled
@given(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(-10, 10))
def test_a_scaled_register_comes_back_exactly(register, exponent):
    assert unscaled(scaled(register, exponent), exponent) == register


@settled
@given(st.integers(-0x7FFF, 0x7FFF), st.integers(-5, 5))
def test_a_scaled_number_reads_as_a_person_would_write_it(register, exponent):
    assert scaled(register, exponent) == float(f"{register}e{exponent}")


def block(picker, **raw):
    """The registers that a picker reads, with everything else not implemented."""
    words = []
    for point in picker.model.points.values():
        words += encode(point, raw.get(point.name))
    return words[picker.offset : picker.offset + picker.count]


def test_values_and_their_scale_come_from_one_read():
    picker = Picker(model(701), ("W", "Hz"))
    words = block(picker, W=-300, W_SF=1, Hz=5001, Hz_SF=-2)
    assert picker.pick(words) == (
        {"W": -3000.0, "Hz": 50.01},
        {"W_SF": 1, "Hz_SF": -2},
    )


@pytest.mark.parametrize(
    ("scale", "said"), [(None, "is not implemented"), (11, "holds 11")]
)
def test_a_number_without_a_scale_is_refused(scale, said):
    picker = Picker(model(701), ("W",))
    with pytest.raises(ValueError, match=f"W has no scale: W_SF {said}"):
        picker.pick(block(picker, W=1000, W_SF=scale))


def test_a_missing_value_needs_no_scale():
    picker = Picker(model(701), ("W", "InvSt"))
    assert picker.pick(block(picker, InvSt=3)) == ({"W": None, "InvSt": 3}, {})


def test_what_does_not_fit_one_request_is_refused():
    with pytest.raises(ValueError, match="do not fit one request"):
        Picker(model(701), ("ACType", "MnAlrmInfo"))
