"""Meters of other makes, byte by byte, against their makers' documents.

No emulator takes part in the transcripts: the literal addresses and values are those of
the documents, or of transcriptions where no document was at hand.

[A] ABB A43/A44 User Manual 2CMC48001M0201 (the mapping that the B series shares), 9.4
and 9.11: 5B00 holds 0000 0905, 230.9 V; the answer to a read from 5B0C on is 0000 0065
(1.01 A) … 0001 E8E4 (active total, 1251.56 W) … 1383 (frequency, 49.95 Hz by its value,
printed "4995"); 5000 holds 0D1290, 8567.20 kWh, and 5004 holds 031209, 2012.25 kWh.
[V] Its codes for "no value": all bits set, and 7FFF FFFF, as others' drivers have them
(volkszaehler/mbmd, victronenergy/dbus-modbus-client).
[S] Schneider Electric DOCA0005EN: current 3000 to 3004, voltage L1-N 3028, total active
power 3060 (kW), frequency 3110, energy 3204 and 3208 (Wh, 64 bits), each one lower on
the wire (facts from mbmd's iem3000: 0BF3, 0C25, 0C83, 0C87).
[G] Carlo Gavazzi EM340: W sys 0028h, Hz 0033h, kWh(+) 0034h, kWh(-) 004Eh, low word
first, in transcriptions (mbmd, dbus-modbus-client).
"""

import math
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from devices.meter import b21, em340, iem3155, sdm120, sdm230, sdm630
from devices.meter.registers import F32, Encoding
from harness.core.capabilities import Device, Polled
from harness.core.circuit import FixedLoad
from harness.core.errors import LinkError
from tests.devices.meter_bench import QUIET, Coil, bench_of, values
from tests.devices.modbus_bench import (
    Bench,
    Script,
    on_virtual_time,
    raw_exchange,
    scripted,
)

TRANSCRIPTS_OF = ("meter/em340", "meter/iem3155", "meter/b21")

NEW = [em340, iem3155, b21]


@asynccontextmanager
async def opened(module, script, *, unit=1, **options):
    async with scripted(script) as port:
        bench = Bench(f"modbus://127.0.0.1:{port}/{unit}")
        driver = module.DRIVER
        async with driver.open(bench.context, driver.options(**options)) as meter:
            yield meter
    assert script.heard == script.expected


def polled_once(module, script, *, unit=1):
    async def run():
        async with opened(module, script, unit=unit) as meter:
            return values(await meter.poll())

    return on_virtual_time(run())


NONE_32 = "FFFF FFFF"
ABB_ASK_FAST = "0001 0000 0006 05 03 5B00 002D"
ABB_FAST = (
    "0001 0000 005D 05 03 5A"
    "0000 0905"  # 5B00 U1, 230.9 V
    + NONE_32
    * 3
    + "0000 0FCA 0000 0FC0"  # 5B08 L3-L2, 404.2 V; 5B0A L1-L3, 403.2 V
    "0000 0065 0000 00C9 0000 012E 0000 0086"  # 5B0C 1.01 A, 2.01 A, 3.02 A, neutral
    "0001 E8E4"  # 5B14 active total, 1251.56 W
    "0000 5AE2 0000 B097 0000 DD6B"  # 5B16 L1, L2, L3
    "0000 7541"  # 5B1C reactive total, 300.17 var
    "0000 001C FFFF D04A 0000 A4DB"
    "0002 25C3"  # 5B24 apparent total, 1407.39 VA
    "0000 5AE2 0000 B6DF 0001 1402"
    "1383"  # 5B2C frequency, 49.95 Hz
)
ABB_ASK_SLOW = "0002 0000 0006 05 03 5000 0008"
ABB_SLOW = (
    "0002 0000 0013 05 03 10"
    "0000 0000 000D 1290"  # 5000 active import, 8567.20 kWh
    "0000 0000 0003 1209"  # 5004 active export, 2012.25 kWh
)


def test_abbs_own_example_is_read_as_abb_prints_it():  # [A] 9.11
    script = Script((ABB_ASK_FAST, ABB_FAST), (ABB_ASK_SLOW, ABB_SLOW))
    assert polled_once(b21, script, unit=5) == pytest.approx(
        {
            "voltage_v": 230.9,
            "current_a": 1.01,
            "power_w": 1251.56,
            "frequency_hz": 49.95,
            "energy_import_wh": 8_567_200.0,
            "energy_export_wh": 2_012_250.0,
        }
    )


def test_abbs_codes_for_no_value_become_missing_never_a_number():  # [V]
    fast = ABB_FAST.replace("0001 E8E4", "7FFF FFFF").replace("1383", "FFFF")
    fast = fast.replace("0000 0905", NONE_32)
    slow = ABB_SLOW.replace("0000 0000 0003 1209", "FFFF FFFF FFFF FFFF")
    script = Script((ABB_ASK_FAST, fast), (ABB_ASK_SLOW, slow))
    read = polled_once(b21, script, unit=5)
    missing = {name for name, value in read.items() if math.isnan(value)}
    assert missing == {"power_w", "voltage_v", "frequency_hz", "energy_export_wh"}
    assert read["energy_import_wh"] == pytest.approx(8_567_200.0)


def test_export_is_negative_on_an_abb():
    # -122.14, as [A] prints a reactive power: FFFF D04A.
    fast = ABB_FAST.replace("0001 E8E4", "FFFF D04A")
    script = Script((ABB_ASK_FAST, fast), (ABB_ASK_SLOW, ABB_SLOW))
    assert polled_once(b21, script, unit=5)["power_w"] == pytest.approx(-122.14)


SCHNEIDER_ASK_FAST = "0001 0000 0006 01 03 0BB7 003E"
SCHNEIDER_FAST = (
    "0001 0000 007F 01 03 7C"
    "40A0 0000 40C0 0000 40E0 0000"  # 3000 to 3004: 5, 6 and 7 A
    + "0000" * (0x0BD3 - 0x0BBD)
    + "4366 3334"  # 3028 L1-N, 230.2 V
    + "0000" * (0x0BF3 - 0x0BD5)
    + "4088 0000"  # 3060 total active power, 4.25 kW
)
SCHNEIDER_ASK_SLOW = "0002 0000 0006 01 03 0C25 0066"
SCHNEIDER_SLOW = (
    "0002 0000 00CF 01 03 CC"
    "4248 0000"  # 3110 frequency, 50 Hz
    + "0000" * (0x0C83 - 0x0C27)
    + "0000 0000 00BC 614E"  # 3204 import, 12,345,678 Wh
    + "0000 0000 0000 03E8"  # 3208 export, 1,000 Wh
)


def test_a_schneider_reads_kilowatts_and_watt_hours_one_below_its_list():  # [S]
    script = Script(
        (SCHNEIDER_ASK_FAST, SCHNEIDER_FAST), (SCHNEIDER_ASK_SLOW, SCHNEIDER_SLOW)
    )
    assert polled_once(iem3155, script) == pytest.approx(
        {
            "voltage_v": 230.2,
            "current_l1_a": 5.0,
            "current_l2_a": 6.0,
            "current_l3_a": 7.0,
            "power_w": 4250.0,
            "frequency_hz": 50.0,
            "energy_import_wh": 12_345_678.0,
            "energy_export_wh": 1000.0,
        }
    )


def test_a_schneiders_nan_is_an_error_that_names_the_register():
    # FFC0 0000 stands for "not applicable" in this maker's lists (unverified).
    fast = SCHNEIDER_FAST.replace("4088 0000", "FFC0 0000")
    with pytest.raises(LinkError, match=r"register 0x0bf3 \(power_w\) holds nan"):
        polled_once(iem3155, Script((SCHNEIDER_ASK_FAST, fast)))


GAVAZZI_ASK_FAST = "0001 0000 0006 01 04 0000 002A"
GAVAZZI_FAST = (
    "0001 0000 0057 01 04 54"
    "08FD 0000"  # 0000h V L1-N, 230.1 V
    + "0000" * 10
    + "1388 0000 03E8 0000 0001 0000"  # 000Ch A: 5.000, 1.000, 0.001
    + "0000" * (0x28 - 0x12)
    + "CFC7 FFFF"  # 0028h W sys, -1234.5 W
)
GAVAZZI_ASK_SLOW = "0002 0000 0006 01 04 0033 001D"
GAVAZZI_SLOW = (
    "0002 0000 003D 01 04 3A"
    "01F4"  # 0033h 50.0 Hz
    "E240 0001"  # 0034h kWh (+), 12345.6 kWh
    + "0000" * (0x4E - 0x36)
    + "000A 0000"  # 004Eh kWh (-), 1.0 kWh
)


def test_a_gavazzi_is_read_low_word_first():  # [G]
    script = Script((GAVAZZI_ASK_FAST, GAVAZZI_FAST), (GAVAZZI_ASK_SLOW, GAVAZZI_SLOW))
    assert polled_once(em340, script) == pytest.approx(
        {
            "voltage_v": 230.1,
            "current_l1_a": 5.0,
            "current_l2_a": 1.0,
            "current_l3_a": 0.001,
            "power_w": -1234.5,
            "frequency_hz": 50.0,
            "energy_import_wh": 12_345_600.0,
            "energy_export_wh": 1000.0,
        }
    )


@pytest.mark.parametrize(
    ("module", "exchanges", "who"),
    [
        (
            b21,
            [
                ("0001 0000 0006 01 03 8900 0002", "0001 0000 0007 01 03 04 01CC 57A6"),
                (
                    "0002 0000 0006 01 03 8908 0008",
                    "0002 0000 0013 01 03 10 4231 2E30 0000 0000 0000 0000 0000 0000",
                ),
                (
                    "0003 0000 0006 01 03 8960 0006",
                    "0003 0000 000F 01 03 0C 4232 3120 3131 322D 3130 3000",
                ),
            ],
            ("ABB", "B21 112-100", "30168998", "B1.0"),
        ),
        (
            em340,
            [
                ("0001 0000 0006 01 03 000B 0001", "0001 0000 0005 01 03 02 0154"),
                ("0002 0000 0006 01 03 0303 0001", "0002 0000 0003 01 83 02"),
                (
                    "0003 0000 0006 01 03 5000 0007",
                    "0003 0000 0011 01 03 0E 4B54 3031 3233 3435 3637 3839 3000",
                ),
            ],
            ("Carlo Gavazzi", "EM340 (code 340)", "KT01234567890", ""),
        ),
        (
            iem3155,
            [
                ("0001 0000 0006 01 03 0031 0014", "0001 0000 0003 01 83 02"),
                ("0002 0000 0006 01 03 0081 0002", "0002 0000 0007 01 03 04 0000 002A"),
            ],
            ("Schneider Electric", "iEM3155", "42", ""),
        ),
    ],
)
def test_identity_is_what_the_meter_says_and_what_it_refuses_is_not_made_up(
    module, exchanges, who
):
    async def run():
        async with opened(module, Script(*exchanges)) as meter:
            return await meter.identify()

    said = on_virtual_time(run())
    assert (said.maker, said.model, said.serial, said.firmware) == who


# The emulators, asked with frames of the documents.


def check_sum(frame):
    """The check sum of an RTU frame, as pymodbus has it."""
    return FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def told(module, load, asked, **options):
    """Ask an emulator with a frame; return its answer, both without check sums."""

    async def run():
        async with bench_of(module, load, **QUIET, **options) as (*_, emulator):
            frame = bytes.fromhex(asked)
            whole = (frame + check_sum(frame)).hex()
            return await raw_exchange(emulator.address, whole)

    answer = on_virtual_time(run())
    assert answer[-2:] == check_sum(answer[:-2])
    return answer[:-2].hex(" ").upper()


@pytest.mark.parametrize(
    ("module", "asked", "answer"),
    [
        # 1251.56 W at 5B14, as [A] prints it.
        (b21, "01 03 5B 14 00 02", "01 03 04 00 01 E8 E4"),
        # The phases of a meter of one phase have no value.
        (b21, "01 03 5B 16 00 02", "01 03 04 7F FF FF FF"),
        # L2-N has none either, and a gap neither.
        (b21, "01 03 5B 02 00 01", "01 03 02 FF FF"),
        # What lies outside is refused; so is a function that it does not know.
        (b21, "01 03 10 00 00 02", "01 83 02"),
        (b21, "01 04 5B 14 00 02", "01 84 01"),
        # 1251.6 W is 12516 tenths, 30E4h, low word first.
        (em340, "01 04 00 28 00 02", "01 04 04 30 E4 00 00"),
        # 1.25156 kW is the single 3FA0 331E.
        (iem3155, "01 03 0B F3 00 02", "01 03 04 3F A0 33 1E"),
    ],
)
def test_emulators_answer_in_their_makers_numbers(module, asked, answer):
    assert told(module, FixedLoad(1251.56), asked) == answer


def test_a_b21_that_only_imports_has_no_export_register():
    async def run():
        options = {"import_only": True} | QUIET
        async with bench_of(b21, FixedLoad(100.0), **options) as (meter, *_):
            return values(await meter.poll())

    read = on_virtual_time(run())
    assert math.isnan(read["energy_export_wh"])
    assert read["energy_import_wh"] == 0.0


@pytest.mark.parametrize(
    ("module", "phases"), [(sdm120, 1), (sdm230, 1), (sdm630, 1), (sdm630, 3)]
)
@pytest.mark.parametrize("export", [1.0, -1.0])
def test_an_sdm_shows_reactive_and_apparent_power_and_the_factors_sign(
    module, phases, export
):
    # 3 kW and 4 kvar: 5 kVA, factor 0.6, negative on export (SDM630 V1.8, note 1).
    wanted = {
        "power_w": 3000.0 * export,
        "reactive_var": 4000.0,
        "apparent_va": 5000.0,
        "power_factor": 0.6 * export,
    }
    rows = {each.quantity: each for each in module_map(module).parameters}
    options = {"phases": phases} if module is sdm630 else {}

    async def run():
        load = Coil(3000.0 * export, 4000.0)
        async with bench_of(module, load, **QUIET, **options) as (meter, _, emulator):
            read = {}
            for quantity in wanted:
                words = emulator.read_input(rows[quantity].address, 2)
                read[quantity] = F32.value_of(words)
            current_a = values(await meter.poll())["current_a"]
            return read, current_a

    read, current_a = on_virtual_time(run())
    assert read == pytest.approx(wanted, rel=1e-6)
    assert current_a == pytest.approx(5000.0 / 230.0, rel=0.02)


def module_map(module):
    return getattr(module, module.__name__.rpartition(".")[2].upper())


def test_sdm_registers_of_reactive_power_are_where_eastron_has_them():
    # 30025 (0018h) var: 4,000 is the single 457A 0000. 30019 (0012h) VA: 5,000.
    # 30031 (001Eh) power factor: 0.6.
    load = Coil(3000.0, 4000.0)
    assert told(sdm230, load, "01 04 00 18 00 02") == "01 04 04 45 7A 00 00"
    assert told(sdm230, load, "01 04 00 12 00 02") == "01 04 04 45 9C 40 00"
    assert told(sdm230, load, "01 04 00 1E 00 02") == "01 04 04 3F 19 99 9A"


@pytest.mark.parametrize("module", NEW)
@pytest.mark.parametrize("wired", [1, 3])
def test_a_driver_reads_what_flows(module, wired):
    if module is b21:
        wired = 1

    async def run():
        options = {} if module is b21 else {"phases": wired}
        async with bench_of(module, FixedLoad(3600.0), **QUIET, **options) as (
            meter,
            bench,
            _,
        ):
            await bench.clock.until(3600.0)
            return values(await meter.poll()), set(meter.quantities)

    read, promised = on_virtual_time(run())
    assert set(read) == promised
    assert read["power_w"] == pytest.approx(3600.0, abs=0.1)
    assert read["voltage_v"] == pytest.approx(230.0, abs=2.6)
    assert read["energy_import_wh"] == pytest.approx(3600.0, abs=100.1)
    if module is not b21:
        currents = [read[f"current_l{n}_a"] for n in (1, 2, 3)]
        assert sum(currents) == pytest.approx(3600 / read["voltage_v"], rel=1e-3)
        assert (currents[1] > 0) == (wired == 3)


@pytest.mark.parametrize("module", NEW)
def test_every_driver_offers_what_it_says_and_names_its_source(module):
    async def run():
        driver = module.DRIVER
        bench = Bench("rtu+tcp://127.0.0.1:1/1")
        async with driver.open(bench.context, driver.options()) as meter:
            assert all(isinstance(meter, each) for each in driver.capabilities)
            await meter.make_safe()
            with pytest.raises(LinkError, match="nobody listens"):
                await meter.ready()
        assert set(driver.capabilities) == {Device, Polled}
        assert driver.source
        assert driver.address_form

    on_virtual_time(run())


# Numbers in registers.

ENCODINGS = [
    Encoding(code, low_first, missing)
    for code, missing in [
        ("h", None),
        ("H", 0xFFFF),
        ("i", 0x7FFF_FFFF),
        ("I", 0xFFFF_FFFF),
        ("q", None),
        ("Q", 0xFFFF_FFFF_FFFF_FFFF),
    ]
    for low_first in (False, True)
]


@given(st.sampled_from(ENCODINGS), st.floats(-3e4, 3e4))
def test_a_whole_number_comes_back_as_it_was(encoding, value):
    whole = round(abs(value) if encoding.code.isupper() else value)
    assert encoding.value_of(encoding.words_of(float(whole))) == whole


@given(st.sampled_from(ENCODINGS), st.floats(1e20, 1e30), st.booleans())
def test_a_number_that_is_too_large_sticks_and_is_never_taken_for_missing(
    encoding, value, negative
):
    read = encoding.value_of(encoding.words_of(-value if negative else value))
    assert math.isfinite(read)
    assert read > 1e3 or negative


@pytest.mark.parametrize("encoding", [each for each in ENCODINGS if each.missing])
def test_missing_goes_there_and_back(encoding):
    words = encoding.words_of(math.nan)
    assert all(word in (0xFFFF, 0x7FFF) for word in words)
    assert math.isnan(encoding.value_of(words))


def test_what_cannot_be_missing_refuses():
    with pytest.raises(ValueError, match="nothing in"):
        Encoding("i").words_of(math.nan)
