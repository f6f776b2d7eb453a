"""DLMS/COSEM on TCP: messages byte by byte, bad ones, and the emulated meter.

[G] AARE of the Green Book's example (DLMS UA 1000-2, 11.13), as open implementations
test against it: 6129…501F01F40007. [X] Public-client AARQ as the Gurux client sends it,
and the AARQ with a password of a published HDLC frame: 601D…001E5DFFFF and
6036…00121AFFFF. [C] AARE in its wrapper from a published capture: 0001 0001 0001 002B
6129…. [M] GET responses of real meters: scaler and unit 02 02 0F FD 16 1B, clocks
07E0 0109 06 15 26 38 FF 8000 00 and 07EA 0404 06 04 04 2B 00 FE98 01, a time zone
10 003C, a refusal with diagnostic 0D. All in transcriptions, none from the documents.
"""

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.links.dlms import frame_length, parse_address
from devices.links.dlms_apdu import (
    Absent,
    association_request,
    parse_association,
    parse_get_response,
)
from devices.links.dlms_data import clock_of, decode
from devices.links.dlms_server import DlmsSession
from devices.meter import dlms
from devices.meter.dlms_emulator import date_time
from harness.core.circuit import FixedLoad
from harness.core.errors import LinkError, RefusedError, RigError
from tests.devices.fuzzing import FRAMES
from tests.devices.meter_bench import QUIET, bench_of, mangled, values
from tests.devices.modbus_bench import (
    Bench,
    Script,
    hexes,
    on_virtual_time,
    raw_exchange,
    scripted,
)

TRANSCRIPTS_OF = ("meter/dlms",)

DRIVER = dlms.DRIVER

AARE_ONE_BY_ONE = (  # [G]
    "6129A109060760857405080101A203020100A305A103020100"
    "BE10040E0800065F1F040000501F01F40007"
)
AARE_SEVERAL = (  # [C]
    "6129A109060760857405080101A203020100A305A103020101"
    "BE10040E0800065F1F0400003A1D00720007"
)
AARE_REFUSED = (  # [M]
    "6129A109060760857405080101A203020101A305A10302010D"
    "BE10040E0800065F1F040000101402000007"
)
AARQ = "601DA109060760857405080101BE10040E01000000065F1F0400001214FFFF"
NO_PROFILE = {"profile": "0104"}
CLOCK = "090C07E0010906152638FF800000"  # [M], 9 January 2016, 21:38:56, no deviation
NAMES = {
    "power": "0100100700FF",
    "import": "0100010700FF",
    "export": "0100020700FF",
    "voltage": "0100200700FF",
    "current": "01001F0700FF",
    "frequency": "01000E0700FF",
    "energy in": "0100010800FF",
    "energy out": "0100020800FF",
}
SCALES = {
    "power": "0002020FFD161B",  # [M], milliwatts
    "import": "0104",  # object undefined
    "export": "0104",
    "voltage": "0002020FFF1623",
    "current": "0002020FFD1621",
    "frequency": "0002020FFE162C",
    "energy in": "0002020F00161E",
    "energy out": "0002020F00161E",
}
VALUES = {
    "power": "00050045 7356".replace(" ", ""),  # 4,551,510 mW
    "voltage": "001208FE",  # 230.2 V
    "current": "00060000 4D3F".replace(" ", ""),  # 19.775 A
    "frequency": "00121388",  # 50 Hz
    "energy in": "000600A67704",  # 10,909,444 Wh
    "energy out": "00060000002A",
}
TRUTH = {
    "power_w": 4551.51,
    "voltage_v": 230.2,
    "current_a": 19.775,
    "frequency_hz": 50.0,
    "energy_import_wh": 10_909_444.0,
    "energy_export_wh": 42.0,
}


def asked(apdu, client=16):
    size = len(hexes(apdu))
    return f"0001 {client:04x} 0001 {size:04x} {apdu}"


def said(apdu, client=16):
    size = len(hexes(apdu))
    return f"0001 0001 {client:04x} {size:04x} {apdu}"


def one_by_one(first, wanted, attribute, answers):
    """GETs numbered from `first` on, each with its answer."""
    for number, what in enumerate(wanted, first):
        invoke = f"{0xC0 | (number - 1) % 15 + 1:02X}"
        if what == "clock":
            request, answer = "0008 0000010000FF 02", "00" + CLOCK
        elif what == "profile":
            request, answer = f"0007 0100630100FF {attribute}", answers[what]
        else:
            request, answer = f"0003 {NAMES[what]} {attribute}", answers[what]
        yield (
            asked(f"C001{invoke}{request}00".replace(" ", "")),
            said(f"C401{invoke}{answer}"),
        )


def conversation():
    """Association, scales, and a first poll of a meter that gives one at a time."""
    polled = ["clock", "power", *list(VALUES)[1:]]
    return [
        (asked(AARQ), said(AARE_ONE_BY_ONE)),
        *one_by_one(1, NAMES, "03", SCALES),
        *no_profile(9),
        *one_by_one(11, polled, "02", VALUES),
    ]


def no_profile(first):
    """A meter that keeps none is asked what it captures, and how often."""
    for number, attribute in enumerate(("03", "04"), first):
        yield from one_by_one(number, ["profile"], attribute, NO_PROFILE)


async def with_meter(exchanges, what, **options):
    script = Script(*exchanges)
    async with scripted(script) as port:
        bench = Bench(f"dlms://127.0.0.1:{port}")
        async with DRIVER.open(bench.context, DRIVER.options(**options)) as meter:
            result = await what(meter, bench)
    assert script.heard == script.expected[: len(script.heard)]
    return result


def test_a_meter_that_gives_one_at_a_time_is_read_one_by_one():
    async def what(meter, _bench):
        await meter.ready()
        return await meter.poll()

    readings = on_virtual_time(with_meter(conversation(), what))
    assert values(readings) == pytest.approx(TRUTH)
    # Without a deviation the clock hangs where the options say: UTC.
    clock = datetime(2016, 1, 9, 21, 38, 56, tzinfo=UTC)
    zero = datetime(2026, 1, 15, 17, 0, tzinfo=UTC)
    assert {each.device_time_s for each in readings} == {(clock - zero).total_seconds()}


def test_a_meter_that_gives_several_is_asked_once():
    listed = "".join(f"0003{name}0300" for name in NAMES.values())
    polled = [name for name in NAMES if name not in ("import", "export")]
    values_asked = "".join(f"0003{NAMES[name]}0200" for name in polled)
    exchanges = [
        (asked(AARQ, 1), said(AARE_SEVERAL, 1)),
        (asked(f"C003C108{listed}", 1), said("C403C108" + "".join(SCALES.values()), 1)),
        (
            asked("C003C20200070100630100FF030000070100630100FF0400", 1),
            said("C403C20201040104", 1),
        ),
        (
            asked(f"C003C30700080000010000FF0200{values_asked}", 1),
            said(f"C403C30700{CLOCK}" + "".join(VALUES[name] for name in polled), 1),
        ),
    ]

    async def what(meter, bench):
        readings = await meter.poll()
        return readings, bench.frames

    readings, frames = on_virtual_time(with_meter(exchanges, what, client=1))
    assert values(readings) == pytest.approx(TRUTH)
    assert len(frames) == 8


def test_the_wrapper_of_a_published_capture_is_read_whole():  # [C]
    capture = hexes("000100010001002b" + AARE_SEVERAL)
    assert frame_length(capture) == len(capture)
    assert frame_length(capture[:-1]) == 0
    assert parse_association(capture[8:]) == ("", True)


def test_the_green_books_association_response_is_read():  # [G]
    assert parse_association(hexes(AARE_ONE_BY_ONE)) == ("", False)


def test_requests_are_those_that_others_send():  # [X]
    public = "601DA109060760857405080101BE10040E01000000065F1F0400001E5DFFFF"
    guarded = (
        "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738"
        "BE10040E01000000065F1F040000121AFFFF"
    )
    block = "block_transfer_with_"
    some = ["set", "get", "multiple_references", f"{block}get_or_read"]
    more = ["action", "selective_access", "access"]
    blocks = [f"{block}set_or_write", f"{block}action"]
    assert association_request(conformance=some + more + blocks) == hexes(public)
    eight = "12345678"
    some.append("event_notification")
    assert association_request(password=eight, conformance=some) == hexes(guarded)


def test_a_refused_password_is_the_meters_answer():  # [M]
    async def what(meter, _bench):
        with pytest.raises(
            RefusedError, match=r"refused the association .*authentication failed"
        ):
            await meter.ready()

    options = {"password": "wrong"}
    exchanges = [(asked(association_request(**options).hex()), said(AARE_REFUSED))]
    on_virtual_time(with_meter(exchanges, what, **options))


@pytest.mark.parametrize(
    ("text", "zone", "deviation", "utc"),
    [
        ("07E0010906152638FF800000", "UTC", "to UTC", "2016-01-09T21:38:56"),  # [M]
        ("07E0010906152638FF800000", "Asia/Tokyo", "to UTC", "2016-01-09T12:38:56"),
        # British summer: local time is an hour ahead, -60 minutes get it to UTC.
        ("07EA070F030C000000FFC480", "UTC", "to UTC", "2026-07-15T11:00:00"),
        # Counted the other way by mistake, the clock is two hours off.
        ("07EA070F030C000000FFC480", "UTC", "from UTC", "2026-07-15T13:00:00"),
        ("07EA070F030C000000003C80", "UTC", "from UTC", "2026-07-15T11:00:00"),
        ("07EA010F040C000032000000", "UTC", "to UTC", "2026-01-15T12:00:00.500"),
        # No deviation, in the hour that comes twice: the status says which.
        ("07EA0A1907011E0000800080", "Europe/London", "to UTC", "2026-10-25T00:30:00"),
        ("07EA0A1907011E0000800000", "Europe/London", "to UTC", "2026-10-25T01:30:00"),
    ],
)
def test_a_clock_is_the_instant_that_it_stands_for(text, zone, deviation, utc):
    at = clock_of(hexes(text), ZoneInfo(zone), deviation)
    assert at == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "07EA04040604042B00FE9801",  # [M]: its status says that it is invalid
        "FFFF010906152638FF800000",
        "07E0FF0906152638FF800000",
        "07E00109061526FFFF800000",
    ],
)
def test_a_clock_that_does_not_trust_itself_is_missing(text):
    assert clock_of(hexes(text), UTC, "to UTC") is None


@pytest.mark.parametrize("text", ["07E00109", "07E00D09061526380080 0000", ""])
def test_what_is_no_clock_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        clock_of(hexes(text), UTC, "to UTC")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10003C", 60),  # [M]: long, the time zone of a real clock
        ("02020FFD161B", [-3, 27]),  # [M]
        ("00", None),
        ("0301", True),
        ("05FFFFFFFF", -1),
        ("06FFFFFFFF", 4_294_967_295),
        ("0903414243", b"ABC"),
        ("0A03414243", "ABC"),
        ("0F80", -128),
        ("11FF", 255),
        ("14FFFFFFFFFFFFFFFF", -1),
        ("15FFFFFFFFFFFFFFFF", 18_446_744_073_709_551_615),
        ("1705", None),
        ("1744E10000", 1800.0),
        ("0101020111FF", [[255]]),
    ],
)
def test_data_is_read_by_its_kind_and_never_cut_short(text, value):
    data = hexes(text)
    if text == "1705":
        with pytest.raises(ValueError, match="cut short"):
            decode(data)
        return
    assert decode(data) == (value, len(data))
    if len(data) > 1:
        with pytest.raises(ValueError, match=r"cut short|longer"):
            decode(data[:-1])


# Bad input: one error each, in bounded time.


@pytest.mark.parametrize(
    ("exchanges", "told"),
    [
        ([(asked(AARQ), None)], "silence, no reply within 2 s"),
        ([(asked(AARQ), "hang up")], "connection lost"),
        ([(asked(AARQ), "48545450 2F312E31 20343030")], "no wrapper from server 1"),
        ([(asked(AARQ), said(AARE_ONE_BY_ONE, 17))], "no wrapper from server 1"),
        ([(asked(AARQ), said(AARE_ONE_BY_ONE)[:60])], "truncated reply"),
        ([(asked(AARQ), said("6129" + "00" * 40))], "no association response"),
        ([(asked(AARQ), said("D80101"))], "no association response"),
        ([(asked(AARQ), said(""))], "no association response"),
        ([(asked(AARQ), said(AARE_ONE_BY_ONE)), (None, "C402C1")], "no get response"),
        ([(asked(AARQ), said(AARE_ONE_BY_ONE)), (None, "D80101")], "no get response"),
        (
            [(asked(AARQ), said(AARE_ONE_BY_ONE)), (None, "C401C200" + "1100")],
            "answers request 2, not 1",
        ),
        (
            [(asked(AARQ), said(AARE_ONE_BY_ONE)), (None, "C401C100" + "060000")],
            "cut short",
        ),
        (
            [(asked(AARQ), said(AARE_ONE_BY_ONE)), (None, "C401C100" + "110011")],
            "longer than its data",
        ),
        (
            [(asked(AARQ), said(AARE_ONE_BY_ONE)), (None, "C401C102")],
            "a result that is neither",
        ),
        (
            [(asked(AARQ), said(AARE_ONE_BY_ONE)), (None, "C402C1000000000100020000")],
            "does not answer 1 attributes",
        ),
    ],
)
def test_bad_answers_are_one_clear_error_in_bounded_time(exchanges, told):
    first_get = asked(f"C001C10003{NAMES['power']}0300")
    exchanges = [
        (request, answer) if request else (first_get, said(answer))
        for request, answer in exchanges
    ]

    async def what(meter, bench):
        with pytest.raises(LinkError, match=told):
            await meter.ready()
        assert bench.clock.now_s() <= 4.0
        assert meter.failures == 1

    on_virtual_time(with_meter(exchanges, what))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"power": "0002020F00161E"}, r"scaler and unit \[0, 30\], not in w"),
        ({"power": "0009020001"}, "not in w"),
        ({"power": "0104"}, "it shows no power"),
        ({"voltage": "0000"}, "not in v"),
    ],
)
def test_a_register_of_another_unit_is_refused_before_it_misleads(change, told):
    scales = SCALES | change
    exchanges = [
        (asked(AARQ), said(AARE_ONE_BY_ONE)),
        *one_by_one(1, NAMES, "03", scales),
    ]

    async def what(meter, _bench):
        with pytest.raises(LinkError, match=told):
            await meter.ready()

    on_virtual_time(with_meter(exchanges, what))


def test_a_value_that_is_no_number_is_an_error_and_null_is_missing():
    async def read(power):
        polled = ["clock", *VALUES]
        exchanges = [
            (asked(AARQ), said(AARE_ONE_BY_ONE)),
            *one_by_one(1, NAMES, "03", SCALES),
            *no_profile(9),
            *one_by_one(11, polled, "02", VALUES | {"power": power}),
        ]

        async def what(meter, _bench):
            return values(await meter.poll())

        return await with_meter(exchanges, what)

    assert math.isnan(on_virtual_time(read("0000"))["power_w"])
    with pytest.raises(LinkError, match=r"1\.0\.16\.7\.0\.255 holds b'A'"):
        on_virtual_time(read("00090141"))
    with pytest.raises(LinkError, match="holds True"):
        on_virtual_time(read("000301"))


def test_after_a_loss_the_next_poll_associates_anew():
    async def what(meter, bench):
        await meter.ready()
        with pytest.raises(LinkError, match="connection lost"):
            await meter.poll()
        readings = await meter.poll()
        return values(readings), [event.kind for event in bench.events]

    polled = ["clock", *VALUES]
    exchanges = [
        (asked(AARQ), said(AARE_ONE_BY_ONE)),
        *one_by_one(1, NAMES, "03", SCALES),
        *no_profile(9),
        (next(one_by_one(11, ["clock"], "02", VALUES))[0], "hang up"),
        (asked(AARQ), said(AARE_ONE_BY_ONE)),
        *one_by_one(12, polled, "02", VALUES),
    ]
    read, events = on_virtual_time(with_meter(exchanges, what))
    assert read["power_w"] == 4551.51
    assert events == ["connected", "lost", "connected"]


@pytest.mark.parametrize(
    "address", ["dlms://10.0.0.7", "dlms://10.0.0.7:4059/1", "tcp://10.0.0.7:4059", ""]
)
def test_an_address_of_another_form_is_refused_with_the_right_one(address):
    with pytest.raises(RigError, match="dlms://HOST:4059"):
        parse_address("test.toml [meter.m]", address)


# The emulated meter.


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("power_w", [7200.0, -3000.0])
def test_the_driver_reads_what_flows_and_when(several, signed, power_w):
    async def run():
        options = {"several": several, "signed_power": signed, "password": "x"} | QUIET
        how = {"password": "x"}
        load = FixedLoad(power_w)
        async with bench_of(dlms, load, how=how, **options) as (meter, bench, _):
            await bench.clock.until(600.0)
            return await meter.poll(), set(meter.quantities), await meter.identify()

    readings, quantities, who = on_virtual_time(run())
    read = values(readings)
    assert set(read) == quantities
    assert read["power_w"] == pytest.approx(power_w)
    kind = "energy_import_wh" if power_w > 0 else "energy_export_wh"
    assert read[kind] == pytest.approx(abs(power_w) / 6, rel=0.01)
    assert readings[0].device_time_s == pytest.approx(600.0, abs=0.02)
    assert (who.maker, len(who.serial)) == ("FLX", 8)


@pytest.mark.parametrize(
    ("emulated", "read", "off_s"),
    [
        ({"deviation": "to UTC"}, {}, 0),
        ({"deviation": "from UTC"}, {"deviation": "from UTC"}, 0),
        ({"deviation": "none"}, {"time_zone": "Europe/Berlin"}, 0),
        # The trap: in winter an hour ahead, taken for an hour behind, is two off.
        ({"deviation": "from UTC"}, {}, 7200),
        ({"deviation": "none"}, {}, 3600),
    ],
)
def test_a_clock_in_another_zone_is_right_if_the_options_are(emulated, read, off_s):
    async def run():
        options = {"time_zone": "Europe/Berlin"} | emulated | QUIET
        async with bench_of(dlms, FixedLoad(1.0), how=read, **options) as (meter, b, _):
            readings = await meter.poll()
            return readings[0].device_time_s - b.clock.now_s()

    assert on_virtual_time(run()) == pytest.approx(off_s, abs=0.02)


def test_an_encoded_clock_is_that_of_the_blue_book():  # [M], with its fields
    local = datetime(2026, 7, 15, 12, 0, tzinfo=ZoneInfo("Europe/London"))
    told = date_time(local, -60, summer=True)
    assert told == hexes("07EA 07 0F 03 0C 00 00 00 FFC4 80")


@pytest.mark.parametrize(
    ("apdus", "answers"),
    [
        ([AARQ], [AARE_SEVERAL.replace("020101BE", "020100BE")]),
        ([AARQ, "C002C100000001"], [None, "C402C101000000010110"]),  # nothing long
        ([AARQ, "C001C100030100010800FF0201010100"], [None, "C401C10103"]),
        (["C001C100080000010000FF0200"], ["D80101"]),  # without an association
        ([AARQ, "C101C100080000010000FF020000"], [None, "D80102"]),  # SET
        ([AARQ, "C001C10003"], [None, "D80102"]),
        ([AARQ, "6200"], [None, "6303800100"]),  # release
        ([AARQ, "C001C100030100630100FF0200"], [None, "C401C10104"]),  # undefined
        ([AARQ, "C001C100030100010800FF0900"], [None, "C401C10103"]),  # no attribute 9
        ([AARQ, "C001C100030100200700FF0300"], [None, "C401C1000202 0FFF1623"]),
    ],
)
def test_the_emulated_meter_answers_as_the_standard_has_it(apdus, answers):
    async def run():
        async with bench_of(dlms, FixedLoad(1.0), **QUIET) as (*_, emulator):
            port = emulator.address.rpartition(":")[2]
            return await raw_exchange(port, *(asked(apdu) for apdu in apdus))

    stream, told = on_virtual_time(run()), []
    while stream:
        length = frame_length(stream)
        assert length
        told.append(stream[8:length].hex().upper())
        stream = stream[length:]
    assert len(told) == len(answers)
    for answer, wanted in zip(told, answers, strict=True):
        if wanted is not None and not wanted.startswith("61"):
            assert answer == wanted.replace(" ", "")
        elif wanted is not None:
            # The same but for what is granted and the size that it takes.
            assert answer[:74] == wanted[:74]


def test_a_wrong_password_is_refused_by_the_emulated_meter():
    async def run():
        options = {"password": "secret"} | QUIET
        with pytest.raises(RefusedError, match="authentication failed"):
            async with bench_of(dlms, FixedLoad(1.0), **options):
                pass

    on_virtual_time(run())


def test_the_same_seed_gives_the_same_frames():
    def run(seed):
        async def frames():
            async with bench_of(dlms, FixedLoad(500.0), seed=seed) as (meter, bench, _):
                for second in range(1, 20):
                    await bench.clock.until(float(second))
                    await meter.poll()
                return bench.frames

        return on_virtual_time(frames())

    assert run(1) == run(1)
    assert run(1) != run(2)


# Parsers under fire.

PER_SEED = 20
many = settings(max_examples=FRAMES // PER_SEED, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
GOOD = [hexes(each) for each in (AARE_ONE_BY_ONE, AARE_SEVERAL, AARE_REFUSED)]
GOOD_GETS = [
    hexes("C401C100" + CLOCK),
    hexes("C401C1" + SCALES["power"]),
    hexes("C403C10200" + CLOCK + VALUES["power"]),
    hexes("C401C10104"),
]


@many
@given(seeds)
def test_a_mangled_association_is_a_value_error_or_an_answer(seed):
    for reply in mangled(seed, GOOD):
        try:
            refusal, several = parse_association(reply)
        except ValueError:
            continue
        assert isinstance(refusal, str)
        assert isinstance(several, bool)


@many
@given(seeds, st.integers(1, 3))
def test_a_mangled_get_response_is_a_value_error_or_results(seed, count):
    for reply in mangled(seed, GOOD_GETS):
        try:
            results = parse_get_response(reply, number=1, count=count)
        except ValueError:
            continue
        assert len(results) == count


@many
@given(seeds)
def test_mangled_data_is_a_value_error_or_a_value(seed):
    for data in mangled(seed, [each[4:] for each in GOOD_GETS]):
        try:
            _, at = decode(data)
        except ValueError:
            continue
        assert 0 < at <= len(data)


@many
@given(seeds)
def test_nothing_that_is_said_to_the_meter_breaks_it(seed):
    def session():
        return DlmsSession(
            lambda: {(3, b"\1\0\1\x08\0\xff", 2): b"\x11\5"},
            server=1,
            password="",
            several=True,
        )

    meter = session()
    good = [hexes(AARQ), hexes("C001C100030100010800FF0200"), hexes("6200")]
    for piece in mangled(seed, good):
        for stream in (piece, b"\0\1\0\x10\0\1\0" + bytes((len(piece),)) + piece):
            replies, in_step = meter.receive(stream, 0.0)
            assert all(frame_length(reply) == len(reply) for reply in replies)
            if not in_step:
                meter = session()
    replies, _ = session().receive(hexes(asked(AARQ)), 0.0)
    assert parse_association(replies[0][8:]) == ("", True)


def test_why_a_value_is_absent_is_said_in_words():
    assert str(Absent(4)) == "object undefined"
    assert str(Absent(99)) == "data access result 99"
