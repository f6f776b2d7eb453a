"""Finding a SunSpec map, and every way in which it can be none.

Maps are written by hand: ``5375 6E53`` is "SunS"; then number, length and points of
each model; ``FFFF 0000`` ends it (SunSpec Device Information Model Specification 1.1,
by way of pysunspec2 1.3.7).
"""

from __future__ import annotations

import struct

import numpy as np
import pytest

from devices.links.sunspec import SunSpecLink
from harness.core.errors import FlexrigError, LinkError, RefusedError
from tests.devices.fuzzing import FRAMES
from tests.devices.modbus_bench import Script, scripted
from tests.devices.sunspec_bench import Bench, HandMade, linked, run

MAKER = "4D616B6572" + "00" * 27  # "Maker"
PRODUCT = "44657669636520" + "31" + "00" * 24  # "Device 1"
VERSION = "312E32" + "00" * 13  # "1.2"
SERIAL = "5341" + "00" * 30  # "SA"
COMMON = "0001 0041" + MAKER + PRODUCT + "00" * 16 + VERSION + SERIAL + "0001"
"""Model 1, of the 65 registers that it has without padding."""
CELLS = "02C9 0007 03E8 01F4 01F7 FFFF 0000 0001 FFFF"
"""Model 713: 10,000 Wh at scale 1, half of it there, SoC 503 at scale -1."""
MAP = "5375 6E53" + COMMON + CELLS + "FFFF 0000"


def opened(registers, act=None, **options):
    async def trial():
        async with linked(registers, **options) as link:
            await link.open()
            return await act(link) if act is not None else link.models

    return run(trial())


@pytest.mark.parametrize("base", [40000, 0, 50000])
def test_the_map_is_found_at_each_of_its_three_places(base):
    assert opened(HandMade().put(base, MAP)) == (1, 713)


def test_identity_is_read_from_model_1_without_padding():
    identity = opened(HandMade().put(40000, MAP), lambda link: link.identify())
    assert (identity.maker, identity.model) == ("Maker", "Device 1")
    assert (identity.serial, identity.firmware) == ("SA", "1.2")


def test_values_are_scaled_and_what_is_not_implemented_is_none():
    read = opened(
        HandMade().put(40000, MAP),
        lambda link: link.read(713, ("WHRtg", "WHAvail", "SoC", "SoH", "Sta")),
    )
    assert read == {
        "WHRtg": 10_000.0,
        "WHAvail": 5000.0,
        "SoC": 50.3,
        "SoH": None,
        "Sta": 0,
    }


def test_a_model_that_comes_twice_is_read_where_it_comes_first():
    twice = "5375 6E53" + COMMON + CELLS + CELLS.replace("01F7", "0001") + "FFFF 0000"
    number = opened(HandMade().put(0, twice), lambda link: link.number(713, "SoC"))
    assert number == 50.3


BROKEN = {
    "no SunSpec map: no 'SunS' at register 40000 or 0 or 50000": "5375 6E54",
    "the map begins with model 713, not 1": "5375 6E53" + CELLS + "FFFF 0000",
    "the map breaks off at register 40078, without its end": MAP.removesuffix(
        "FFFF 0000"
    ),
    "the map begins with model 65535, not 1": "5375 6E53 FFFF 0000",
}


@pytest.mark.parametrize("fact", [key for key in BROKEN if "65535" not in key])
def test_a_map_that_is_none_is_one_clear_error(fact):
    with pytest.raises(LinkError, match=fact):
        opened(HandMade().put(40000, BROKEN[fact]))


def test_an_empty_map_has_no_models():
    with pytest.raises(LinkError, match="has no SunSpec model 713; found: none"):
        opened(
            HandMade().put(40000, "5375 6E53 FFFF 0000"),
            lambda link: link.number(713, "SoC"),
        )


def test_a_map_without_end_is_not_followed_for_ever():
    # Models of no length: each is its own header.
    endless = HandMade().put(40000, "5375 6E53" + COMMON + "02C9 0000" * 200)
    with pytest.raises(LinkError, match="no end within 100 models"):
        opened(endless)


def test_a_map_that_runs_past_the_last_register_is_refused():
    with pytest.raises(LinkError, match="past the last register"):
        opened(HandMade().put(50000, "5375 6E53 0001 FF00"))


@pytest.mark.parametrize(
    ("cells", "name", "fact"),
    [
        ("02C9 0002 03E8 01F4", "SoC", "model 713 has 2 registers, too few"),
        (CELLS, "SoH", "model 713 does not implement SoH"),
        (CELLS.replace("FFFF 0000 0001 FFFF", "FFFF 0000 0001 8000"), "SoC", "Pct_SF"),
        (CELLS.replace("FFFF 0000 0001 FFFF", "FFFF 0000 0001 0063"), "SoC", "holds 9"),
    ],
)
def test_a_value_that_cannot_be_told_is_an_error_that_names_it(cells, name, fact):
    registers = HandMade().put(40000, "5375 6E53" + COMMON + cells + "FFFF 0000")
    with pytest.raises(LinkError, match=fact):
        opened(registers, lambda link: link.number(713, name))


def test_a_refused_write_is_the_device_s_own_no():
    async def write(link):
        await link.write(713, {"SoC": 10.0})

    class Locked(HandMade):
        def write_holding(self, address, values):
            self.read_holding(1, 1)

    with pytest.raises(RefusedError, match="register 40073 refused: exception 2"):
        opened(Locked().put(40000, MAP), write)


def test_neighbours_are_written_in_one_request_and_others_in_their_own():
    class Noting(HandMade):
        def write_holding(self, address, values):
            written.append((address, list(values)))

    async def write(link):
        return await link.write(713, {"WHRtg": 12_340.0, "WHAvail": 50, "SoH": 99.96})

    written = []
    taken = opened(Noting().put(40000, MAP), write)
    assert written == [(40071, [1234, 5]), (40074, [1000])]
    assert taken == {"WHRtg": 12_340.0, "WHAvail": 50.0, "SoH": 100.0}


def test_a_value_beyond_the_register_is_refused_before_it_is_sent():
    async def write(link):
        await link.write(713, {"SoC": -1.0})

    registers = HandMade().put(40000, MAP)
    before = dict(registers.words)
    with pytest.raises(LinkError, match="model 713: -10 does not fit SoC"):
        opened(registers, write)
    assert registers.words == before


def played(*exchanges, timeout_s=1.0):
    """Open a link against bytes; return the error and how long it took."""

    async def trial():
        async with scripted(Script(*exchanges)) as port:
            bench = Bench()
            context = bench.context(f"modbus://127.0.0.1:{port}/1")
            link = SunSpecLink(context, timeout_s=timeout_s)
            began_s = bench.clock.now_s()
            try:
                with pytest.raises(LinkError) as caught:
                    await link.open()
            finally:
                link.close()
            return str(caught.value), bench.clock.now_s() - began_s

    return run(trial())


ASK_MARKER = "0001 0000 0006 01 03 9C40 0002"


def test_a_silent_device_is_given_up_in_bounded_time():
    said, took_s = played((ASK_MARKER, None))
    assert "rig.toml [device.battery]" in said
    assert took_s == pytest.approx(1.0, abs=0.01)


def test_a_slow_device_is_given_up_in_bounded_time():
    slow = [5.0, "0001 0000 0007 01 03 04 5375 6E53"]
    assert played((ASK_MARKER, slow))[1] <= 2.01


@pytest.mark.parametrize(
    "reply",
    [
        "0001 0000 0005 01 03 02 5375",  # half of it
        "485454502F312E3120343030",  # HTTP/1.1 400: another protocol
        "0001 0000 0003 01 83 04",  # server device failure, at all three
        "hang up",
    ],
)
def test_a_wrong_reply_is_one_clear_error(reply):
    asks = [
        (f"{number:04X} 0000 0006 01 03 {place} 0002", reply)
        for number, place in ((1, "9C40"), (2, "0000"), (3, "C350"))
    ]
    if reply.startswith("0001 0000 0003"):
        asks = [(ask, f"{ask[:4]}{reply[4:]}") for ask, reply in asks]
    said, took_s = played(*asks)
    assert said.count("Try:") == 1
    assert took_s <= 4.0


def test_nobody_there():
    async def trial():
        link = SunSpecLink(Bench().context("modbus://127.0.0.1:1/1"))
        with pytest.raises(LinkError, match="nobody listens"):
            await link.open()

    run(trial())


def test_a_flood_of_replies_is_one_clear_error_or_none():
    flood = "0001 0000 0007 01 03 04 0000 0000" * 2000
    said, took_s = played((ASK_MARKER, flood), ("0002", "hang up"))
    assert "Try:" in said
    assert took_s <= 4.0


def mangled_map(chance):
    """A map with bytes changed, cut short, or with more behind it."""
    data = bytearray(bytes.fromhex(MAP))
    for _ in range(chance.integers(4)):
        data[chance.integers(4, len(data))] = chance.integers(256)
    del data[chance.integers(4, len(data) + 200) // 2 * 2 :]
    if chance.random() < 0.3:
        data += chance.bytes(2 * int(chance.integers(40)))
    return struct.unpack(f">{len(data) // 2}H", data)


async def outcome(link):
    try:
        await link.open()
        return await link.number(713, "SoC")
    except FlexrigError as error:
        return str(error)


def test_no_map_however_mangled_gives_a_number_that_is_none():
    """Each map is read, or refused with a sentence: never a traceback, never a nan."""
    chance = np.random.default_rng(20260115)

    async def trial():
        registers = HandMade()
        async with linked(registers) as link:
            for _ in range(max(FRAMES // 20, 1)):
                registers.words = dict(enumerate(mangled_map(chance), 40000))
                yield await outcome(link)

    async def all_of_them():
        return [each async for each in trial()]

    ended = run(all_of_them())
    said = [each for each in ended if isinstance(each, str)]
    read = [each for each in ended if not isinstance(each, str)]
    assert all(each.count("Try:") == 1 for each in said)
    assert all(0 <= each < 1e15 for each in read)
    assert said
    assert read
