"""The optical port: conversations byte by byte, bad ones, and the emulated meter.

[I] IEC 62056-21:2002, 6.3 and 6.4.3 as makers' manuals quote it: sign-on "/?!" CR LF,
identification "/XXXZ…" CR LF, acknowledgement ACK 0 Z 0 CR LF, block STX … ! CR LF ETX
and the block check character; the value and its unit parted by "*". The read-out's
lines are of the kind that Austrian AMIS and Swiss E350 meters give (0.9.1, 0.9.2,
1.7.0, 1.8.0, F.F), as their readers on the net quote them.
"""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.links.iec62056 import (
    block_check,
    frame_length,
    number_and_unit,
    parse_address,
    parse_block,
    parse_identification,
    without_parity,
)
from devices.links.iec62056_server import ModeC, data_block
from devices.meter import iec62056_21
from devices.meter.iec62056_21 import DRIVER, clock_of, measured
from harness.core.circuit import FixedLoad
from harness.core.errors import LinkError, RigError
from tests.devices.fuzzing import FRAMES
from tests.devices.meter_bench import QUIET, bench_of, mangled, values
from tests.devices.modbus_bench import (
    Bench,
    Script,
    on_virtual_time,
    raw_exchange,
    scripted,
)

TRANSCRIPTS_OF = ("meter/iec62056_21",)

SIGN_ON = "2F 3F 21 0D 0A"  # /?!
IDENTITY = "2F 4C 47 5A 34 5A 4D 46 31 30 30 0D 0A"  # /LGZ4ZMF100
ACKNOWLEDGE = "06 30 34 30 0D 0A"  # ACK 040: 4,800 baud
LINES = (
    "F.F(00)\r\n"
    "0.0.0(97296349)\r\n"
    "0.9.1(17:00:05)\r\n"
    "0.9.2(26-01-15)\r\n"
    "1.8.0(014345.713*kWh)\r\n"
    "2.8.0(000000.042*kWh)\r\n"
    "1.7.0(04.551*kW)\r\n"
    "2.7.0(00.000*kW)\r\n"
    "32.7.0(230.2*V)\r\n"
    "31.7.0(019.77*A)\r\n"
    "14.7.0(50.0*Hz)\r\n"
    "!\r\n"
)


def block_of(lines):
    """A block with the check character worked out here: ISO 1155, an exclusive or."""
    body = lines.encode() + b"\x03"
    return (b"\x02" + body + bytes((reduce(xor, body),))).hex()


BLOCK = block_of(LINES)


def polled(*exchanges, **options):
    async def run():
        script = Script(*exchanges)
        async with scripted(script) as port:
            bench = Bench(f"iec62056+tcp://127.0.0.1:{port}")
            async with DRIVER.open(bench.context, DRIVER.options(**options)) as meter:
                readings = await meter.poll()
                who = await meter.identify()
        assert script.heard == script.expected
        return readings, who, bench

    return on_virtual_time(run())


def test_a_read_out_is_two_exchanges_and_gives_values_in_our_units():
    exchange = (SIGN_ON, IDENTITY), (ACKNOWLEDGE, BLOCK)
    readings, who, bench = polled(*exchange)
    assert values(readings) == pytest.approx(
        {
            "power_w": 4551.0,
            "energy_import_wh": 14_345_713.0,
            "energy_export_wh": 42.0,
            "voltage_v": 230.2,
            "current_a": 19.77,
            "frequency_hz": 50.0,
        }
    )
    # Bench second 0 is 17:00:00 UTC.
    assert {each.device_time_s for each in readings} == {5.0}
    assert (who.maker, who.model, who.serial) == ("LGZ", "ZMF100", "97296349")
    assert [payload for _, payload in bench.frames] == [
        part.replace(" ", "").lower()
        for part in (SIGN_ON, IDENTITY, ACKNOWLEDGE, BLOCK)
    ]


def test_the_example_of_a_block_check_character():
    # SOH P0 STX (00000000) ETX 60h asks for a password; SOH B0 ETX 71h is the break.
    assert block_check(b"P0\x02(00000000)\x03") == 0x60
    assert block_check(b"B0\x03") == 0x71


def test_export_is_negative_and_signed_power_is_taken_as_it_is():
    feeding = LINES.replace("1.7.0(04.551", "1.7.0(00.000").replace(
        "2.7.0(00.000", "2.7.0(03.600"
    )
    signed = LINES.replace("1.7.0(04.551", "16.7.0(-1.234").replace(
        "2.7.0(00.000*kW)\r\n", ""
    )
    for lines, power_w in ((feeding, -3600.0), (signed, -1234.0)):
        exchange = (SIGN_ON, IDENTITY), (ACKNOWLEDGE, block_of(lines))
        assert values(polled(*exchange)[0])["power_w"] == pytest.approx(power_w)


def test_full_obis_codes_and_several_data_sets_in_a_line():
    lines = "1-0:16.7.0*255(1500*W)1-0:1.8.0&02(0012.5*kWh)\r\n!\r\n"
    exchange = (SIGN_ON, IDENTITY), (ACKNOWLEDGE, block_of(lines))
    read = values(polled(*exchange)[0])
    assert (read["power_w"], read["energy_import_wh"]) == (1500.0, 12_500.0)


def test_what_a_meter_does_not_read_out_is_missing():
    exchange = (SIGN_ON, IDENTITY), (ACKNOWLEDGE, block_of("1.8.0(1*kWh)\r\n!\r\n"))
    readings, who, _ = polled(*exchange)
    read = values(readings)
    assert str(read.pop("energy_import_wh")) == "1000.0"
    assert {str(value) for value in read.values()} == {"nan"}
    assert str(readings[0].device_time_s) == "nan"
    assert who.serial == "not read"


def test_one_of_several_meters_is_called_by_its_address():
    signed_on = "2F 3F 31 32 33 34 35 36 37 38 21 0D 0A"
    exchange = (signed_on, IDENTITY), (ACKNOWLEDGE, BLOCK)
    readings, _, _ = polled(*exchange, device_address="12345678")
    assert values(readings)["power_w"] == 4551.0


def even(data):
    return bytes(byte | (byte.bit_count() & 1) << 7 for byte in data)


def test_a_gateway_that_passes_parity_on_is_understood():
    exchange = (
        (SIGN_ON, even(bytes.fromhex(IDENTITY)).hex()),
        (ACKNOWLEDGE, even(bytes.fromhex(BLOCK)).hex()),
    )
    assert values(polled(*exchange)[0])["power_w"] == 4551.0


@pytest.mark.parametrize(
    ("zone", "lines", "utc"),
    [
        ("UTC", ("17:00:05", "26-07-15"), "2026-07-15T17:00:05"),
        ("Europe/London", ("17:00:05", "26-07-15"), "2026-07-15T16:00:05"),
        ("Europe/London", ("170005", "260115"), "2026-01-15T17:00:05"),
        # The hour that comes twice: with a flag it is told apart.
        ("Europe/London", ("01:30:00", "26-10-25"), "2026-10-25T00:30:00"),
        ("Europe/London", ("1013000", "1261025"), "2026-10-25T00:30:00"),
        ("Europe/London", ("0013000", "0261025"), "2026-10-25T01:30:00"),
        ("Europe/London", ("2013000", "2261025"), "2026-10-25T01:30:00"),
    ],
)
def test_a_clock_is_read_in_the_zone_it_hangs_in(zone, lines, utc):
    time, date = lines
    at = clock_of({"0.9.1": (time,), "0.9.2": (date,)}, ZoneInfo(zone))
    assert at == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_a_clock_in_the_wrong_zone_shows_as_an_hour():
    exchange = (SIGN_ON, IDENTITY), (ACKNOWLEDGE, BLOCK)
    readings, _, _ = polled(*exchange, time_zone="Europe/Berlin")
    assert readings[0].device_time_s == 5.0 - 3600.0


# Bad input: one error each, in bounded time.

FLOOD = "41" * 70_000


@pytest.mark.parametrize(
    ("exchanges", "said"),
    [
        ([(SIGN_ON, None)], "silence, no reply within 2 s"),
        ([(SIGN_ON, "hang up")], "connection lost"),
        ([(SIGN_ON, "48 54 54 50 2F 31 2E 31 0D 0A")], "no identification message"),
        ([(SIGN_ON, "2F 4C 47")], "truncated reply 2f4c47, not complete within 2 s"),
        ([(SIGN_ON, "2F 31 32 33 34 0D 0A")], "no identification message"),
        ([(SIGN_ON, "2F 4C 47 5A 58 58 0D 0A")], "speed character 'X' is not mode C"),
        ([(SIGN_ON, "2F" + "41" * 100)], "identification without an end"),
        ([(SIGN_ON, "2F CC 0D 0A")], "no identification message"),
        ([(SIGN_ON, "2F 80 0D 0A")], "byte 0x80 has the wrong parity"),
        ([(SIGN_ON, IDENTITY), (ACKNOWLEDGE, None)], "silence"),
        ([(SIGN_ON, IDENTITY), (ACKNOWLEDGE, "15")], "15 is no data block"),
        ([(SIGN_ON, IDENTITY), (ACKNOWLEDGE, BLOCK[:-2] + "00")], "block check"),
        ([(SIGN_ON, IDENTITY), (ACKNOWLEDGE, BLOCK[:100])], "truncated reply"),
        ([(SIGN_ON, IDENTITY), (ACKNOWLEDGE, "02" + FLOOD)], "flood"),
        ([(SIGN_ON, IDENTITY), (ACKNOWLEDGE, block_of("1.8.0(1*kWh)"))], "no end"),
        ([(SIGN_ON, IDENTITY), (ACKNOWLEDGE, block_of("rubbish\r\n!"))], "no data set"),
        ([(SIGN_ON, IDENTITY), (ACKNOWLEDGE, block_of("1.8.0(x*kWh)\r\n!"))], "number"),
        (
            [(SIGN_ON, IDENTITY), (ACKNOWLEDGE, block_of("1.8.0(1*kW)\r\n!"))],
            r"1\.8\.0\(1\*kW\) has the unit 'kW'",
        ),
        ([(SIGN_ON, IDENTITY), (ACKNOWLEDGE, block_of("16.7.0(1)\r\n!"))], "no unit"),
        (
            [
                (SIGN_ON, IDENTITY),
                (ACKNOWLEDGE, block_of("0.9.1(25:00:00)\r\n0.9.2(26-01-15)\r\n!")),
            ],
            "no time: 26-01-15 25:00:00",
        ),
    ],
)
def test_bad_answers_are_one_clear_error_in_bounded_time(exchanges, said):
    async def run():
        async with scripted(Script(*exchanges)) as port:
            bench = Bench(f"iec62056+tcp://127.0.0.1:{port}")
            options = DRIVER.options(timeout_s=2.0)
            async with DRIVER.open(bench.context, options) as meter:
                with pytest.raises(LinkError, match=said):
                    await meter.poll()
        assert bench.clock.now_s() <= 6.0, "three waits of 2 s at most"

    on_virtual_time(run())


def test_nobody_there_is_told_at_once():
    async def run():
        bench = Bench("iec62056+tcp://127.0.0.1:1")
        async with DRIVER.open(bench.context, DRIVER.options()) as meter:
            with pytest.raises(LinkError, match="nobody listens"):
                await meter.ready()

    on_virtual_time(run())


def test_after_a_bad_read_out_the_next_one_begins_anew():
    script = Script(
        (SIGN_ON, IDENTITY),
        (ACKNOWLEDGE, BLOCK[:-2] + "00"),
        (SIGN_ON, IDENTITY),
        (ACKNOWLEDGE, BLOCK),
    )

    async def run():
        async with scripted(script) as port:
            bench = Bench(f"iec62056+tcp://127.0.0.1:{port}")
            async with DRIVER.open(bench.context, DRIVER.options()) as meter:
                with pytest.raises(LinkError, match="block check"):
                    await meter.poll()
                assert meter.failures == 1
                return values(await meter.poll())["power_w"]

    assert on_virtual_time(run()) == 4551.0
    assert script.connections == 2


@pytest.mark.parametrize(
    "address",
    ["iec62056+tcp://10.0.0.7", "tcp://10.0.0.7:1", "serial:", "serial:/dev/x?baud=300",
     "iec62056+tcp://10.0.0.7:99999", ""],
)  # fmt: skip
def test_an_address_of_another_form_is_refused_with_the_right_ones(address):
    with pytest.raises(RigError, match=r"iec62056\+tcp://HOST:PORT"):
        parse_address("test.toml [meter.m]", address)


# The emulated meter.


def told(*pieces, **options):
    async def run():
        async with bench_of(iec62056_21, FixedLoad(1234.5), **QUIET, **options) as (
            *_,
            emulator,
        ):
            port = emulator.address.rpartition(":")[2]
            return await raw_exchange(port, *pieces)

    return on_virtual_time(run())


def test_the_emulated_meter_keeps_to_the_conversation():
    # A read-out is slow: 0.7 s until the acknowledgement, half a second after it.
    answer = told(SIGN_ON, 1.2, "06 30 35 30 0D 0A", 1.0)
    assert answer.startswith(b"/FLX5FLEXRIG-OPTICAL\r\n\x02F.F(00)\r\n")
    block = answer[answer.index(b"\x02") :]
    assert block_of(block[1:-2].decode()) == block.hex()
    assert b"16.7.0(0001.234*kW)\r\n" in block or b"16.7.0(0001.235*kW)" in block
    assert block.endswith(b"!\r\n\x03" + block[-1:])


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        (["2F 3F 39 39 21 0D 0A", 1.5], b""),  # somebody else's address
        (["41 42 43 0D 0A", 1.5], b""),
        (["06 30 35 30 0D 0A", 1.5], b""),  # an acknowledgement out of the blue
        ([SIGN_ON, 1.2, "06 30 34 30 0D 0A", 1.5], b"/FLX5FLEXRIG-OPTICAL\r\n"),
        ([SIGN_ON, 1.2, "06 30 35 31 0D 0A", 1.5], b"/FLX5FLEXRIG-OPTICAL\r\n"),
        ([SIGN_ON, 9.0, "06 30 35 30 0D 0A", 1.5], b"/FLX5FLEXRIG-OPTICAL\r\n"),
        (["FF 00 41", SIGN_ON, 1.5], b"/FLX5FLEXRIG-OPTICAL\r\n"),  # noise before it
    ],
)
def test_what_is_not_its_conversation_gets_no_word(pieces, answer):
    assert told(*pieces) == answer


def test_it_answers_to_its_own_address_and_to_none():
    for sign_on in (SIGN_ON, "2F 3F 31 32 21 0D 0A"):
        assert told(sign_on, 1.5, device_address="12").startswith(b"/FLX5")


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("power_w", [7200.0, -3000.0])
def test_the_driver_reads_what_flows_and_when(signed, power_w):
    async def run():
        options = {"signed_power": signed, "time_zone": "Europe/London"} | QUIET
        how = {"time_zone": "Europe/London"}
        load = FixedLoad(power_w)
        async with bench_of(iec62056_21, load, how=how, **options) as (meter, bench, _):
            await bench.clock.until(600.0)
            readings = await meter.poll()
            return readings, bench.clock.now_s(), meter.quantities

    readings, now_s, quantities = on_virtual_time(run())
    read = values(readings)
    assert tuple(read) == quantities
    assert read["power_w"] == pytest.approx(power_w)
    kind = "energy_import_wh" if power_w > 0 else "energy_export_wh"
    assert read[kind] == pytest.approx(abs(power_w) / 6, rel=0.01)
    assert now_s - 2.0 <= readings[0].device_time_s <= now_s
    assert 601.0 < now_s < 602.5, "300 baud, then 9,600"


def test_a_summer_trial_keeps_its_time_through_the_zone():
    local = datetime(2026, 7, 1, 12, 0, tzinfo=ZoneInfo("Europe/London"))
    sets = {"0.9.1": (f"{local:%H:%M:%S}",), "0.9.2": (f"{local:%y-%m-%d}",)}
    assert clock_of(sets, ZoneInfo("Europe/London")) == local
    assert clock_of(sets, UTC) - local == timedelta(hours=1)


def test_it_is_read_on_a_serial_line_on_the_wall_clock():
    async def run():
        options = {"serial": True, "identification": "FLX6FAST"} | QUIET
        async with bench_of(iec62056_21, FixedLoad(2000.0), **options) as (
            meter,
            bench,
            _,
        ):
            assert bench.context.address.startswith("serial:/dev/pts/")
            return values(await meter.poll()), bench.events

    read, events = asyncio.run(run())
    assert read["power_w"] == 2000.0
    assert [event.kind for event in events] == ["connected"]


def test_a_line_that_goes_away_is_told_at_once():
    master, slave = os.openpty()
    path = os.ttyname(slave)

    async def run():
        bench = Bench(f"serial:{path}")
        options = DRIVER.options(timeout_s=5.0)
        async with DRIVER.open(bench.context, options) as meter:
            loop = asyncio.get_running_loop()
            loop.call_later(0.05, os.close, master)
            began_s = loop.time()
            with pytest.raises(LinkError, match="connection lost"):
                await meter.poll()
            return loop.time() - began_s

    try:
        assert asyncio.run(run()) < 2
    finally:
        os.close(slave)


def test_a_port_that_is_none_is_an_error():
    async def run():
        for path in ("/dev/null", "/nowhere/at/all"):
            bench = Bench(f"serial:{path}")
            async with DRIVER.open(bench.context, DRIVER.options()) as meter:
                with pytest.raises(LinkError, match="nobody listens"):
                    await meter.poll()

    asyncio.run(run())


def test_virtual_time_refuses_a_serial_line():
    async def run():
        bench = Bench("serial:/dev/null")
        async with DRIVER.open(bench.context, DRIVER.options()) as meter:
            with pytest.raises(RigError, match="virtual time"):
                await meter.poll()

    on_virtual_time(run())


@pytest.mark.parametrize(
    "options", [{"time_zone": "Europe/Lundon"}, {"device_address": "ä"}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match=r"zone|pattern"):
        DRIVER.options(**options)


# Parsers under fire.

PER_SEED = 20
many = settings(max_examples=FRAMES // PER_SEED, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
GOOD = bytes.fromhex(BLOCK)


def hit_at(at, change):
    """The good block with one byte changed."""
    return GOOD[:at] + bytes((GOOD[at] ^ change,)) + GOOD[at + 1 :]


@many
@given(seeds)
def test_a_mangled_block_is_a_value_error_or_values(seed):
    texts = [ascii(frame)[2:] for frame in mangled(seed, [LINES.encode()])]
    blocks = [bytes.fromhex(block_of(text + "!")) for text in texts]
    for block in [*mangled(seed, [GOOD]), *blocks]:
        try:
            sets = parse_block(without_parity(block))
            read = measured(sets)
            clock_of(sets, UTC)
        except ValueError:
            continue
        assert all(isinstance(value, float) for value in read.values())


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 6))
def test_one_flipped_bit_never_passes_for_a_block(at, bit):
    hit = hit_at(at, 1 << bit)
    with pytest.raises(ValueError, match=r".+"):
        parse_block(hit)


@many
@given(seeds)
def test_nothing_that_is_said_to_the_meter_breaks_it(seed):
    meter = ModeC(lambda: ["1.8.0(1*kWh)"], identification="FLX5X", device_address="")
    good = [bytes.fromhex(SIGN_ON), bytes.fromhex("06 30 35 30 0D 0A")]
    for piece in mangled(seed, good):
        replies, in_step = meter.receive(piece, 0.0)
        assert in_step
        assert all(reply[:1] in (b"/", b"\x02") for reply in replies)
    meter.receive(b"\n", 0.0)
    assert meter.receive(b"/?!\r\n", 1.0)[0] == [b"/FLX5X\r\n"]


@given(st.binary(max_size=60))
def test_a_message_has_a_length_only_if_it_is_whole(data):
    length = frame_length(data)
    assert 0 <= length <= len(data)


@given(st.lists(st.floats(-99_999, 99_999), min_size=1, max_size=5))
def test_a_block_gives_back_the_numbers_that_were_put_in(numbers):
    lines = [f"{n}.7.0({value:.3f}*kW)" for n, value in enumerate(numbers, 1)]
    sets = parse_block(data_block(lines))
    back = [number_and_unit(sets[f"{n}.7.0"][0]) for n in range(1, len(numbers) + 1)]
    assert [unit for _, unit in back] == ["kW"] * len(numbers)
    assert [number for number, _ in back] == pytest.approx(numbers, abs=0.0006)


def test_an_identification_is_split():
    assert parse_identification(b"/ISk5MT174-0001\r\n") == ("ISk", "5", "MT174-0001")
