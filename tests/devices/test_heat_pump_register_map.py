"""The maps as data: no two values share a register, every value survives its spread."""

import itertools

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from devices.heat_pump import (
    daikin_home_hub_map,
    lambda_eu_map,
    nibe_s_map,
    stiebel_isg_map,
)
from devices.heat_pump.bank import Held, RegisterBank, RelayBoard
from devices.heat_pump.faults import Faults
from devices.heat_pump.register_map import (
    Register,
    blocks,
    check_map,
    decode,
    encode,
)
from devices.links.modbus_pdu import answer
from tests.devices.fuzzing import FRAMES

MAPS = {
    "nibe_s": nibe_s_map.MAP,
    "stiebel_isg": stiebel_isg_map.MAP,
    "daikin_home_hub": daikin_home_hub_map.MAP,
    "lambda_eu": lambda_eu_map.MAP,
    "lambda_eu, old": lambda_eu_map.OLD_MAP,
}
EVERY = [
    pytest.param(register, id=f"{maker}:{register.name}@{register.address}")
    for maker, registers in MAPS.items()
    for register in registers
]


@pytest.mark.parametrize("maker", MAPS)
def test_no_two_values_share_a_register(maker):
    check_map(MAPS[maker])


def test_two_values_that_share_a_register_are_named():
    def at(name, address, kind):
        return Register(name, "input", address, kind, "", "", "unverified")

    with pytest.raises(ValueError, match="b and a share 8"):
        check_map([at("a", 7, "u32"), at("b", 8, "u16")])


@pytest.mark.parametrize("register", EVERY)
def test_every_row_says_where_it_is_from(register):
    assert len(register.source) > 10
    assert register.status in {"verified", "unverified"}


@pytest.mark.parametrize("register", EVERY)
def test_a_value_survives_its_registers(register):
    for raw in (0, 1, 127, 200):
        value = raw / register.divisor
        words = encode(register, value)
        assert len(words) == register.words
        assert decode(register, words) == pytest.approx(value)


KINDS = {
    "u8": (0, 0xFF),
    "u16": (0, 0xFFFF),
    "s16": (-0x8000, 0x7FFF),
    "u32": (0, 2**32 - 1),
    "s32": (-(2**31), 2**31 - 1),
    "k+M": (0, 65_535_999),
}


@given(
    kind=st.sampled_from(sorted(KINDS)),
    part=st.floats(0, 1),
    low_first=st.booleans(),
    divisor=st.sampled_from([1, 10, 100, 1000, 0.1, 0.01, 0.001]),
)
def test_any_number_in_range_survives_any_spread(kind, part, low_first, divisor):
    low, high = KINDS[kind]
    raw = low + round(part * (high - low))
    register = Register(
        "x", "input", 0, kind, "", "", "unverified", divisor, low_first=low_first
    )
    words = encode(register, raw / divisor)
    assert all(0 <= word <= 0xFFFF for word in words)
    assert decode(register, words) == pytest.approx(raw / divisor)


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_out_of_range_is_refused(kind):
    register = Register("x", "input", 0, kind, "W", "", "unverified")
    for raw in (KINDS[kind][0] - 1, KINDS[kind][1] + 1):
        with pytest.raises(ValueError, match="does not fit x"):
            encode(register, raw)


def test_no_value_needs_a_word_for_it():
    register = Register("x", "input", 0, "s16", "", "", "unverified")
    with pytest.raises(ValueError, match="no word for no value"):
        encode(register, float("nan"))


def test_numbers_of_the_makers_lists():
    stiebel, daikin, lam = stiebel_isg_map, daikin_home_hub_map, lambda_eu_map
    assert stiebel.BASE.document(stiebel.OUTDOOR) == 507
    assert stiebel.BASE.document(stiebel.POWER) == 3680
    assert [
        stiebel.BASE.document(each)
        for each in (stiebel.SG_ENABLE, stiebel.INPUT_1, stiebel.INPUT_2)
    ] == [4001, 4002, 4003]
    assert stiebel.BASE.document(stiebel.SG_STATE) == 5001
    assert daikin.BASE.document(daikin.SMART_GRID) == 56
    assert daikin.BASE.document(daikin.BOOST_LIMIT) == 57
    assert daikin.BASE.document(daikin.LIMIT) == 58
    assert daikin.BASE.document(daikin.POWER) == 51
    assert lam.BASE.document(lam.SURPLUS) == 102
    assert lam.BASE.document(lam.POWER) == 1012


@given(
    addresses=st.lists(st.integers(0, 400), min_size=1, max_size=30, unique=True),
    gap=st.integers(0, 30),
)
def test_blocks_cover_what_was_asked_and_bridge_no_wider_gap(addresses, gap):
    asked = [
        Register(str(each), "input", each, "u16", "", "", "unverified")
        for each in addresses
    ]
    groups = blocks(asked, gap=gap)
    assert sorted(itertools.chain(*groups), key=lambda each: each.address) == sorted(
        asked, key=lambda each: each.address
    )
    for group in groups:
        for before, after in itertools.pairwise(group):
            assert after.address - before.address - 1 <= gap
    for before, after in itertools.pairwise(groups):
        assert after[0].address - before[-1].address - 1 > gap


# --- the emulated side takes any request


def banks():
    faults = Faults(())
    stiebel = stiebel_isg_map
    held = Held(
        {each: 0 for each in stiebel.MAP if each.writable}, faults,
        lambda places: None, lambda: None,
    )  # fmt: skip
    sources = {each: (lambda: 5.0) for each in stiebel.MAP if not each.writable}
    coils = Held(dict.fromkeys(range(8), 0), faults, lambda places: None, lambda: None)
    yield RegisterBank(sources, held, faults, hole=0x8000, gap=64)
    yield RegisterBank(sources, held, faults, base_offset=-3)
    yield RelayBoard(coils, faults, unit=1)


@seed(20260115)
@settings(max_examples=FRAMES // 200, deadline=None)
@given(noise=st.binary(min_size=2000, max_size=2000))
def test_any_request_gets_a_reply_that_the_protocol_knows(noise):
    for bank in banks():
        source = iter(noise)
        for _ in range(200):
            size = next(source, 1) % 9 + 1
            request = bytes(itertools.islice(source, size)) or b"\3"
            function = request[0] % 18
            reply = answer(bank, bytes([function]) + request[1:])
            assert reply[0] in (function, function | 0x80)
            assert len(reply) <= 253
