"""A DLMS meter's load profile: messages byte by byte, bad ones, and what is kept.

[R] GET of a profile by range, published as an example of a parser: C001 81 0007
0100630100FF 02 01 01 0204 0204 12 0008 09 06 0000010000FF 0F 02 12 0000 090C
07E0071706... 090C 07E0071901 0B03... 0100; and one of a real client in an HDLC frame:
...090C 07E6011FFF 15003B00 FF4C 00 090C 07E6051AFF 081E0F00 FF4C 00 0100. [B] A GET in
three blocks, from an open client's tests: C402C1 0000000001 00 0C 0105 0600000001
0600000002, then C002C1 00000001, C402C1 0000000002 00 0A ..., C402C1 0100000003 00 05
...; and a last block with a result: C402C1 0000000001 01 02. [S] scaler and unit of a
real profile's energy: 0202 0F 00 16 1E. [C] Columns as a public test of a smart meter
platform lists them: clock, 0.0.96.10.2.255, 1.0.1.8.0.255. None from the documents.
"""

import math
import struct
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.links.dlms_blocks import (
    by_range,
    descriptor,
    next_request,
    octets,
    parse_block,
    part_request,
)
from devices.links.dlms_data import clock_of, date_time_of, decode_whole
from devices.links.dlms_get_server import DataRefused, GetService, selected_range
from devices.links.dlms_server import DlmsSession
from devices.meter import dlms
from devices.meter.dlms_profile import (
    Entry,
    ProfileReader,
    layout_of,
    periods_of,
)
from harness.core.capabilities import KeepsProfile
from harness.core.circuit import FixedLoad
from harness.core.errors import LinkError
from tests.devices.fuzzing import FRAMES
from tests.devices.meter_bench import QUIET, bench_of, mangled
from tests.devices.modbus_bench import hexes, on_virtual_time, raw_exchange
from tests.devices.test_meter_dlms import (
    AARE_ONE_BY_ONE,
    AARQ,
    NAMES,
    SCALES,
    asked,
    one_by_one,
    said,
    with_meter,
)

PROFILE = "0007 0100630100FF"
CAPTURED = (
    "0104"
    "0204 120008 0906 0000010000FF 0F02 120000"
    "0204 120001 0906 0000600A02FF 0F02 120000"  # [C]
    "0204 120003 0906 0100010800FF 0F02 120000"  # [C]
    "0204 120003 0906 0100020800FF 0F02 120000"
)
COLUMNS = hexes(CAPTURED)
SLOW = {"update_interval_s": 60.0, "energy_resolution_wh": 0.0} | QUIET
"""A meter of which a day is cheap, and whose watt-hours are rounded once."""
HALF_HOUR = timedelta(minutes=30)
SUMMER = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)


def entry(stamp, status, import_wh, export_wh):
    """An entry in four columns, in hex: a date-time of 12 bytes, and numbers."""
    numbers = struct.pack(">BBBIBI", 0x11, status, 6, import_wh, 6, export_wh)
    stamped = "00" if stamp is None else f"090C{stamp}"
    return f"0204{stamped}{numbers.hex()}"


# Bytes, as published.


def test_a_range_is_asked_for_as_others_ask():  # [R]
    clock = descriptor(8, "0.0.1.0.0.255", 2)
    since, until = (
        octets(hexes(text))
        for text in ("07E007170600000000000000", "07E00719010B030000000000")
    )
    wanted = descriptor(7, "1.0.99.1.0.255", 2)
    told = part_request(wanted, by_range(clock, since, until), number=1)
    published = (
        "C0018100070100630100FF0201010204020412000809060000010000FF0F02120000"
        "090C07E007170600000000000000090C07E00719010B0300000000000100"
    )
    # The published request has priority 0; ours has 1, as all our requests do.
    assert told == hexes(published.replace("C00181", "C001C1"))


def test_the_meter_reads_a_range_that_a_real_client_sent():  # [R]
    selection = hexes(
        "010204020412000809060000010000FF0F02120000"
        "090C07E6011FFF15003B00FF4C00090C07E6051AFF081E0F00FF4C000100"
    )
    column = descriptor(8, "0.0.1.0.0.255", 2)
    since, until = selected_range(selection, column)
    assert since == hexes("07E6011FFF15003B00FF4C00")
    assert until == hexes("07E6051AFF081E0F00FF4C00")
    # Moscow is three hours ahead: -180 minutes get its time to UTC.
    at = clock_of(since, UTC, "to UTC")
    assert at == datetime(2022, 1, 31, 18, 0, 59, tzinfo=UTC)


def test_blocks_are_put_together_as_published():  # [B]
    blocks = [
        "C402C10000000001000C010506000000010600000002",
        "C402C10000000002000A06000000030600000004",
        "C402C1010000000300050600000005",
    ]
    data, lasts = b"", []
    for number, block in enumerate(blocks, 1):
        piece, last = parse_block(hexes(block), number=1, block=number)
        data += piece
        lasts.append(last)
    assert decode_whole(data) == [1, 2, 3, 4, 5]
    assert lasts == [False, False, True]
    assert next_request(1, number=1) == hexes("C002C100000001")
    assert parse_block(hexes("C402C100000000010102"), number=1, block=1) == (2, True)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("C401C10000", "no block"),
        ("C402C2000000000100050600000005", "request 2, not 1"),
        ("C402C1000000000200050600000005", "block 2 where 1 was due"),
        ("C402C10000000001000506000000", "does not hold"),
        ("C402C100000000010005060000000500", "does not hold"),
        ("C402C100000000010000", "does not hold"),  # empty, and not the last
        ("C402C10000000001020506", "does not hold"),
        ("C402C10000000001", "no block"),
    ],
)
def test_a_bad_block_is_a_clear_error(reply, told):
    with pytest.raises(ValueError, match=told):
        parse_block(hexes(reply), number=1, block=1)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
def test_an_instant_survives_the_way_to_a_meters_date_time_and_back(naive):
    at = naive.replace(tzinfo=UTC, microsecond=naive.microsecond // 10_000 * 10_000)
    for zone in (UTC, ZoneInfo("Europe/London"), ZoneInfo("Asia/Kolkata")):
        for way in ("to UTC", "from UTC"):
            assert clock_of(date_time_of(at, zone, way), zone, way) == at


# A whole conversation, with a meter that gives one attribute at a time.


def met(*more, captured=CAPTURED, period="0600000708"):
    """The association, the meter's registers and its profile, and more."""
    energies = [
        (
            asked(f"C001{invoke}0003{name}0300"),
            said(f"C401{invoke}000202 0F00 161E".replace(" ", "")),  # [S]
        )
        for invoke, name in (("CB", "0100010800FF"), ("CC", "0100020800FF"))
    ]
    return [
        (asked(AARQ), said(AARE_ONE_BY_ONE)),
        *one_by_one(1, NAMES, "03", SCALES),
        (
            asked(f"C001C9{PROFILE}0300".replace(" ", "")),
            said(f"C401C900{captured}".replace(" ", "")),
        ),
        (
            asked(f"C001CA{PROFILE}0400".replace(" ", "")),
            said(f"C401CA00{period}"),
        ),
        *(energies if captured == CAPTURED else []),
        *more,
    ]


SINCE = datetime(2026, 1, 15, 17, 0, tzinfo=UTC)
RANGE = (
    f"C001CD{PROFILE}02 01 01 0204 0204 120008 0906 0000010000FF 0F02 120000"
    "090C 07EA010F04 100F0000 0000 00"  # 16:15, a period and a half before
    "090C 07EA010F04 12000000 0000 00 0100"
).replace(" ", "")
ENTRIES = (
    "0104"
    + entry("07EA010F041000000000800000"[:24], 0, 1000, 7)  # no deviation
    + entry("07EA010F04110000 00000000".replace(" ", ""), 0, 1250, 7)
    + entry("07EA010F04111E0000000000", 0x20, 1500, 8)
    + entry("07EA010F0412000000000000", 0x04, 1700, 9)
)


def blocks_of(data, size, invoke="CD"):
    """Answers to a range in blocks of so many bytes, and the requests for the next."""
    data = hexes(data)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    request = asked(RANGE)
    for number, piece in enumerate(pieces, 1):
        last = "01" if number == len(pieces) else "00"
        length = f"{len(piece):02x}" if len(piece) < 128 else f"81{len(piece):02x}"
        reply = f"C402{invoke}{last}{number:08x}00{length}{piece.hex()}"
        yield request, said(reply)
        request = asked(f"C002{invoke}{number:08x}")


async def read_back(meter, _bench):
    await meter.ready()
    return await meter.read_profile(SINCE, SINCE + timedelta(hours=1))


@pytest.mark.parametrize("size", [1000, 130, 37])
def test_a_profile_is_read_whole_or_in_blocks_of_any_size(size):
    stamps = [SINCE, SINCE + HALF_HOUR, SINCE + 2 * HALF_HOUR]
    if size == 1000:
        answer = [(asked(RANGE), said(f"C401CD00{ENTRIES}"))]
    else:
        answer = list(blocks_of(ENTRIES, size))
    periods = on_virtual_time(with_meter(met(*answer), read_back))
    assert [one.stamp for one in periods] == stamps
    # The first has no entry one period before it: an hour lies between.
    assert math.isnan(periods[0].import_wh)
    assert periods[0].status == "not one period after the entry before"
    assert (periods[1].import_wh, periods[1].export_wh) == (250.0, 1.0)
    assert periods[1].status == "clock adjusted"
    assert math.isnan(periods[2].import_wh)
    assert periods[2].status == "data not valid"


def test_a_period_that_is_called_invalid_spoils_the_next_one_too():
    """A register that may not be used is no beginning for a difference."""
    entries = "0103" + "".join(
        entry(f"07EA010F04{hour:02x}000000000000", status, value, 0)
        for hour, status, value in ((16, 0, 10), (17, 4, 20), (18, 0, 30))
    )
    hourly = met((asked(RANGE_HOUR), said(f"C401CD00{entries}")), period="0600000E10")
    periods = on_virtual_time(with_meter(hourly, read_back))
    assert [math.isnan(one.import_wh) for one in periods] == [True, True]


RANGE_HOUR = RANGE.replace("100F0000", "0F1E0000")


def test_null_data_for_a_stamp_is_one_period_on_and_a_null_value_is_missing():
    entries = (
        "0103"
        + entry("07EA010F04101E0000000000", 0, 100, 0)
        + entry(None, 0, 350, 0)
        + "020400 1100 00 0600000000".replace(" ", "")
    )
    answer = (asked(RANGE), said(f"C401CD00{entries}"))
    periods = on_virtual_time(with_meter(met(answer), read_back))
    assert [one.stamp for one in periods] == [SINCE, SINCE + HALF_HOUR]
    assert periods[0].import_wh == 250.0
    assert math.isnan(periods[1].import_wh)
    assert periods[1].export_wh == 0.0


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (["C401CD0103"], "gives no entries by range: read write denied"),
        (["C401CD0005FFFFFFFF"], "gives no entries by range: -1"),
        (["C401CD00010102011100"], r"has an entry \[0\], not 4 values"),
        (
            ["C401CD000101" + entry("07EAFF0F0410000000000000", 0, 1, 1)],
            "which is no time",
        ),
        (["C401CD000101" + "0204 00 1100 0600000001 0600000001"], "stamped None"),
        (
            ["C401CD000101" + "0204 090C07EA010F0410000000000000 1100 090141 00"],
            r"has b'A' for 1\.0\.1\.8\.0\.255, not a number",
        ),
        (["C401CD000102" + entry("07EA010F0410000000000000", 0, 1, 1)], "cut short"),
        (["C402CD000000000100020104", "C401CD0000"], "no block of a get response"),
        (["C402CD000000000100020104", "C402CD000000000100020104"], "block 1 where"),
        (["C402CD000000000100020104", None], "silence, no reply within 2 s"),
        (["C402CD000000000100020104", "C402CD010000000200"], "cut short"),
        (["C402CD01000000010003010000"], "1 bytes behind the data"),
        (["C402CD01000000010113"], "no entries by range: data block number invalid"),
        (["D80102"], "no get response"),
    ],
)
def test_a_bad_profile_is_one_clear_error_in_bounded_time(answers, told):
    requests = [asked(RANGE), asked("C002CD00000001")]
    exchanges = [
        (request, answer if answer is None else said(answer.replace(" ", "")))
        for request, answer in zip(requests, answers, strict=False)
    ]

    async def what(meter, bench):
        with pytest.raises(LinkError, match=told):
            await read_back(meter, bench)
        assert bench.clock.now_s() <= 4.0

    on_virtual_time(with_meter(met(*exchanges), what))


def test_blocks_without_an_end_are_given_up_in_bounded_time():
    async def run():
        async with bench_of(
            dlms, FixedLoad(1.0), how={"profile_timeout_s": 5.0},
            reply_delay_s=1.0, in_service_days=90, **SLOW,
        ) as (meter, bench, _):  # fmt: skip
            began_s = bench.clock.now_s()
            with pytest.raises(LinkError, match="not whole within 5 s"):
                await meter.read_profile(SINCE - timedelta(days=90), SINCE)
            assert bench.clock.now_s() - began_s == pytest.approx(5.0)
            # The next request begins anew.
            assert (await meter.profile_size()).held == 4320

    on_virtual_time(run())


@pytest.mark.parametrize(
    ("captured", "period", "told"),
    [
        ("01010204120003090601000108 00FF0F02120000", "0600000708", "and no clock"),
        ("00", "0600000708", "captures None, and no clock"),
        ("0101020212000809060000010000FF", "0600000708", "which is no object"),
        (CAPTURED, "0600000000", "a period has 0 s"),
        (CAPTURED, "00", "a period has None s"),
    ],
)
def test_a_profile_that_makes_no_sense_is_an_error_of_the_bench(captured, period, told):
    async def what(meter, _bench):
        with pytest.raises(LinkError, match=told):
            await meter.ready()

    exchanges = met(captured=captured, period=period)
    on_virtual_time(with_meter(exchanges, what))


def test_a_profile_in_another_unit_is_refused_before_it_misleads():
    async def what(meter, _bench):
        with pytest.raises(LinkError, match=r"scaler and unit \[0, 32\], not in wh"):
            await meter.ready()

    exchanges = met()
    request, reply = exchanges[-2]
    exchanges[-2] = (request, reply.replace("161E", "1620"))
    on_virtual_time(with_meter(exchanges, what))


def test_a_meter_without_a_profile_says_so_and_is_read_all_the_same():
    async def run():
        how = {"profile": "1.0.99.2.0.255"}
        async with bench_of(dlms, FixedLoad(1000.0), how=how, **QUIET) as (meter, *_):
            assert math.isnan(meter.profile_period_s)
            assert isinstance(meter, KeepsProfile)
            with pytest.raises(
                LinkError, match=r"keeps no profile 1\.0\.99\.2\.0\.255"
            ):
                await meter.read_profile(SINCE, SINCE)
            with pytest.raises(LinkError, match="keeps no profile"):
                await meter.profile_size()
            return (await meter.poll())[0].value

    assert on_virtual_time(run()) == pytest.approx(1000.0)


def test_a_time_without_a_zone_is_refused():
    async def run():
        async with bench_of(dlms, FixedLoad(1.0), **QUIET) as (meter, *_):
            with pytest.raises(ValueError, match="without a zone"):
                await meter.read_profile(SINCE.replace(tzinfo=None), SINCE)

    on_virtual_time(run())


# What the meter answers, byte by byte.


@pytest.mark.parametrize(
    ("apdu", "answer"),
    [
        (f"C001C1{PROFILE}0400", "C401C1000600000708"),
        (f"C001C1{PROFILE}0700", "C401C1000600000000"),
        (f"C001C1{PROFILE}0800", "C401C10006000010E0"),
        (f"C001C1{PROFILE}0500", "C401C1001601"),
        (f"C001C1{PROFILE}0200", "C401C1000100"),
        (f"C001C1{PROFILE}0900", "C401C10103"),
        (f"C001C1{PROFILE}0201020204060000000106000000001200011200 00", "C401C101FA"),
        (f"C001C1{PROFILE}0201", "D80102"),
        (f"C001C1{PROFILE}020001", "D80102"),
        (
            f"C001C1{PROFILE}0300",
            "C401C100" + CAPTURED.replace("0000600A02FF", "0000600A01FF"),
        ),
    ],
)
def test_the_emulated_profile_answers_as_the_standard_has_it(apdu, answer):
    async def run():
        async with bench_of(dlms, FixedLoad(1.0), **QUIET) as (*_, emulator):
            port = emulator.address.rpartition(":")[2]
            lines = (asked(AARQ), asked(apdu.replace(" ", "")))
            return await raw_exchange(port, *lines)

    stream = on_virtual_time(run())
    told = stream[8 + int.from_bytes(stream[6:8], "big") + 8 :]
    assert told.hex().upper() == answer.replace(" ", "")


BIG = b"\x09\x82\x10\x00" + bytes(4096)
OBJECTS = {(1, bytes(6), 2): lambda selection: BIG}
GET_BIG = hexes("C001C10001000000000000 0200")


def test_a_client_that_asked_for_no_blocks_gets_none():
    service = GetService(granted=1 << 4, most=1024)
    assert service.answer(GET_BIG, OBJECTS) == hexes("C401C1010E")


@pytest.mark.parametrize("most", [0, 1, 64, 130, 131, 300, 1024, 65535])
def test_blocks_fit_what_the_client_takes_and_hold_everything(most):
    service = GetService(granted=(1 << 4) | (1 << 12), most=most)
    reply, data, number = service.answer(GET_BIG, OBJECTS), b"", 0
    while True:
        number += 1
        assert len(reply) <= max(64, min(most or 1024, 1024))
        piece, last = parse_block(reply, number=1, block=number)
        data += piece
        if last:
            break
        reply = service.answer(next_request(number, number=1), OBJECTS)
    assert data == BIG
    assert service.answer(next_request(number, number=1), OBJECTS)[-1] == 16


def test_another_block_than_the_next_ends_it():
    service = GetService(granted=(1 << 4) | (1 << 12), most=1024)
    service.answer(GET_BIG, OBJECTS)
    wrong = service.answer(next_request(3, number=1), OBJECTS)
    assert wrong == hexes("C402C101 00000003 0113".replace(" ", ""))
    gone = service.answer(next_request(1, number=1), OBJECTS)
    assert gone[-2:] == hexes("0110")


def test_options_that_make_no_profile_are_refused():
    for wrong in ({"profile_period_min": 7}, {"profile_entries": 0}):
        with pytest.raises(ValueError, match="profile"):
            dlms.DRIVER.emulator_options(**wrong)


# Parsers under fire.

PER_SEED = 20
many = settings(max_examples=FRAMES // PER_SEED, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
GOOD_BLOCKS = [
    hexes("C402C10000000001000C010506000000010600000002"),
    hexes("C402C1010000000100050600000005"),
    hexes("C402C100000000010102"),
]
ROWS = [hexes(ENTRIES), COLUMNS, hexes("0102" + entry(None, 0, 1, 2) * 2)]


@many
@given(seeds)
def test_a_mangled_block_is_a_value_error_or_a_piece(seed):
    for reply in mangled(seed, GOOD_BLOCKS):
        try:
            piece, last = parse_block(reply, number=1, block=1)
        except ValueError:
            continue
        assert isinstance(piece, bytes | int)
        assert isinstance(last, bool)


@many
@given(seeds)
def test_mangled_entries_are_an_error_or_periods(seed):
    reader = ProfileReader(
        None, "test", name="1.0.99.1.0.255", zone=UTC, deviation="to UTC"
    )
    reader.period_s = 1800.0
    layout = layout_of(decode_whole(COLUMNS))
    for data in mangled(seed, ROWS):
        try:
            rows = decode_whole(data)
            entries = reader._entries(rows if isinstance(rows, list) else [], layout)
        except (ValueError, OverflowError):
            continue
        for one in periods_of(entries, layout, 1800.0):
            assert one.stamp.tzinfo is UTC
            assert not one.import_wh < 0


@many
@given(seeds)
def test_mangled_columns_are_a_value_error_or_a_layout(seed):
    for data in mangled(seed, [COLUMNS]):
        try:
            layout = layout_of(decode_whole(data))
        except ValueError:
            continue
        assert 0 <= layout.stamp < layout.columns


@many
@given(seeds)
def test_mangled_ranges_are_refused_or_are_two_date_times(seed):
    column = descriptor(8, "0.0.1.0.0.255", 2)
    now = octets(hexes("07EA010F0412000000000000"))
    for selection in mangled(seed, [by_range(column, now, now)]):
        try:
            since, until = selected_range(selection, column)
        except DataRefused:
            continue
        assert len(since) == len(until) == 12


@many
@given(seeds)
def test_nothing_that_is_said_to_a_meter_with_a_profile_breaks_it(seed):
    def session():
        return DlmsSession(lambda: OBJECTS, server=1, password="", several=True)

    meter = session()
    clock = descriptor(8, "0.0.1.0.0.255", 2)
    now = octets(hexes("07EA010F0412000000000000"))
    ranged = part_request(
        descriptor(1, "0.0.0.0.0.0", 2), by_range(clock, now, now), number=1
    )
    good = [hexes(AARQ), ranged, GET_BIG, next_request(1, number=1)]
    for piece in mangled(seed, good):
        head = b"\0\1\0\x10\0\1" + len(piece).to_bytes(2, "big")
        replies, in_step = meter.receive(head + piece, 0.0)
        assert in_step
        assert all(len(reply) <= 8 + 1024 for reply in replies)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 100_000), st.integers(0, 0xFF)),
        max_size=20,
    )
)
def test_no_energy_is_made_up_whatever_the_entries(rows):
    """A period has the difference to the one before, or nothing at all."""
    layout = layout_of(decode_whole(COLUMNS))
    stamp, entries = SINCE, []
    for gap, value, bits in rows:
        stamp += gap * HALF_HOUR
        values = {} if bits & 4 else {1: float(value), 2: 0.0}
        entries.append(Entry(stamp, True, bits, values))
    found = list(periods_of(entries, layout, 1800.0))
    assert len(found) == len(entries)
    pairs = zip(found[1:], entries, entries[1:], strict=False)
    for period, before, after in pairs:
        if math.isfinite(period.import_wh):
            assert after.stamp - before.stamp == HALF_HOUR
            assert period.import_wh == after.values_wh[1] - before.values_wh[1]
