"""The meter drivers, byte by byte, against Eastron's documents and real meters.

No emulator takes part: the literal addresses and values are those of the documents,
so a swapped row in the register map turns these red, and only these.

[E] Eastron SDM630Modbus protocol V1.8: 1.2.1 (addresses: volts 00 00, amps 00 06,
watts 00 0C, sum of currents 00 30, total system power 00 34, frequency 00 46, import
00 48, export 00 4A), 1.3.1 (serial number FC 00), 3.8.1 (43 66 33 34 is 230.2 V).
[R] Values of a real SDM230 on its bus (esphome-solax-x1-mini, issue 20): 45 8E 3C 35
watts, 46 2A 75 21 kWh; [C] serial number of a real SDM120CT.
"""

import math
from contextlib import asynccontextmanager

import pytest

from devices.meter import sdm120, sdm230, sdm630
from harness.core.capabilities import Device, Polled
from harness.core.errors import LinkError
from tests.devices.modbus_bench import Bench, Script, on_virtual_time, scripted

TRANSCRIPTS_OF = ("meter/sdm120", "meter/sdm230", "meter/sdm630")

ASK_FAST = "01 04 00 00 00 0E 71 CE"
FAST = (
    "01 04 1C"
    "43 66 33 34"  # 00 00 volts, 230.2
    "00 00 00 00 00 00 00 00"
    "41 9E 33 33"  # 00 06 amps, 19.775
    "00 00 00 00 00 00 00 00"
    "45 8E 3C 35"  # 00 0C watts, 4551.526
    "C3 19"
)
ASK_SLOW = "01 04 00 46 00 06 91 DD"
SLOW = (
    "01 04 0C"
    "42 48 00 00"  # 00 46 hertz, 50
    "46 2A 75 21"  # 00 48 import, 10909.282 kWh
    "00 00 00 00"  # 00 4A export
    "AA 54"
)


@asynccontextmanager
async def opened(module, script, *, scheme="rtu+tcp", **options):
    async with scripted(script) as port:
        bench = Bench(f"{scheme}://127.0.0.1:{port}/1")
        driver = module.DRIVER
        async with driver.open(bench.context, driver.options(**options)) as meter:
            yield meter
    assert script.heard == script.expected


def values(readings):
    return {reading.quantity: reading.value for reading in readings}


@pytest.mark.parametrize("module", [sdm120, sdm230])
def test_a_one_phase_poll_is_one_request_and_a_slow_one_two(module):
    script = Script((ASK_FAST, FAST), (ASK_SLOW, SLOW), (ASK_FAST, FAST))

    async def run():
        async with opened(module, script) as meter:
            return await meter.poll(), await meter.poll()

    first, second = on_virtual_time(run())
    assert values(first) == pytest.approx(
        {
            "voltage_v": 230.2,
            "current_a": 19.775,
            "power_w": 4551.526,
            "frequency_hz": 50.0,
            "energy_import_wh": 10_909_282.2,
            "energy_export_wh": 0.0,
        }
    )
    assert set(values(second)) == {"voltage_v", "current_a", "power_w"}
    assert all(math.isnan(reading.device_time_s) for reading in first)


def test_export_is_negative():
    script = Script((ASK_FAST, EXPORTING), (ASK_SLOW, SLOW))

    async def run():
        async with opened(sdm230, script) as meter:
            return values(await meter.poll())

    assert on_virtual_time(run())["power_w"] == pytest.approx(-4551.526)


def test_reactive_power_is_in_the_same_request_and_capacitive_is_negative():
    """[E] SDM230 1.2, parameter 30025: var at 00 18."""
    reply = (
        "01 04 34"
        "43 66 33 34 00 00 00 00 00 00 00 00"
        "41 9E 33 33 00 00 00 00 00 00 00 00"
        "45 8E 3C 35" + "00" * 20 + "C4 7A 00 00"  # 00 18 var, -1000
        "36 86"
    )
    script = Script(("01 04 00 00 00 1A 71 C1", reply), (ASK_SLOW, SLOW))

    async def run():
        async with opened(sdm230, script, reactive=True) as meter:
            return values(await meter.poll())

    found = on_virtual_time(run())
    assert found["reactive_var"] == pytest.approx(-1000.0)
    assert found["power_w"] == pytest.approx(4551.526)


EXPORTING = FAST.replace("45 8E 3C 35", "C5 8E 3C 35").replace("C3 19", "EA D9")
NO_NUMBER = FAST.replace("45 8E 3C 35", "7F C0 00 00").replace("C3 19", "7E C1")


def test_a_register_without_a_number_is_an_error_that_names_it():
    async def run():
        async with opened(sdm230, Script((ASK_FAST, NO_NUMBER))) as meter:
            await meter.poll()

    with pytest.raises(LinkError, match=r"register 0x000c \(power_w\) holds nan"):
        on_virtual_time(run())


SDM630_TOTALS = (
    "43 66 33 34 43 65 00 00 43 67 00 00"  # 00 00 volts of L1, L2, L3
    "40 00 00 00 40 40 00 00 40 80 00 00"  # 00 06 amps: 2, 3, 4
    "43 C8 00 00 44 16 00 00 44 48 00 00"  # 00 0C watts: 400, 600, 800
    + "00"
    * (0x30 - 0x12)
    * 2
    + "41 10 00 00"  # 00 30 sum of line currents, 9
    "00 00 00 00"
    "44 E1 00 00"  # 00 34 total system power, 1800
)


@pytest.mark.parametrize("per_phase", [False, True])
def test_a_three_phase_poll_reads_totals_and_phases_in_one_request(per_phase):
    script = Script(
        ("0001 0000 0006 01 04 0000 0036", "0001 0000 006F 01 04 6C" + SDM630_TOTALS),
        (
            "0002 0000 0006 01 04 0046 0006",
            "0002 0000 000F 01 04 0C 42 48 00 00 46 2A 75 21 3F 80 00 00",
        ),
    )

    async def run():
        how = {"scheme": "modbus", "per_phase": per_phase}
        async with opened(sdm630, script, **how) as meter:
            readings = values(await meter.poll())
            assert set(readings) == set(meter.quantities)
            return readings

    readings = on_virtual_time(run())
    totals = {
        "voltage_v": 230.2,
        "current_a": 9.0,
        "power_w": 1800.0,
        "frequency_hz": 50.0,
        "energy_import_wh": 10_909_282.2,
        "energy_export_wh": 1000.0,
    }
    phases = {
        "voltage_l1_v": 230.2,
        "voltage_l2_v": 229.0,
        "voltage_l3_v": 231.0,
        "current_l1_a": 2.0,
        "current_l2_a": 3.0,
        "current_l3_a": 4.0,
        "power_l1_w": 400.0,
        "power_l2_w": 600.0,
        "power_l3_w": 800.0,
    }
    assert readings == pytest.approx(totals | phases if per_phase else totals)


def test_distortion_is_read_in_place_of_energy():
    """[E] SDM630 1.2.1, 30235 and 30241: THD of phase 1 at 00 EA and 00 F0."""
    script = Script(
        ("0001 0000 0006 01 04 0000 0036", "0001 0000 006F 01 04 6C" + SDM630_TOTALS),
        (
            "0002 0000 0006 01 04 00EA 0008",
            "0002 0000 0013 01 04 10"
            "40 B1 99 9A 00 00 00 00 00 00 00 00 42 40 E1 48",  # 5.55 %, 48.22 %
        ),
    )

    async def run():
        async with opened(sdm630, script, scheme="modbus", harmonics=True) as meter:
            return values(await meter.poll())

    found = on_virtual_time(run())
    assert found["voltage_thd_percent"] == pytest.approx(5.55)
    assert found["current_thd_percent"] == pytest.approx(48.22)
    assert "energy_import_wh" not in found


def test_identity_is_the_serial_number_and_what_the_driver_is_for():
    script = Script(("01 03 FC 00 00 02 F4 5B", "01 03 04 01 CC 57 A6 85 BA"))

    async def run():
        async with opened(sdm120, script) as meter:
            return await meter.identify()

    who = on_virtual_time(run())
    assert (who.maker, who.model, who.serial) == (
        "Eastron",
        "SDM120-Modbus",
        "30168998",
    )
    assert who.firmware == ""


def test_a_meter_without_a_serial_number_register_says_so():
    script = Script(("01 03 FC 00 00 02 F4 5B", "01 83 02 C0 F1"))

    async def run():
        async with opened(sdm230, script) as meter:
            return await meter.identify()

    assert on_virtual_time(run()).serial == "not read"


def test_make_safe_writes_nothing():
    async def run():
        async with opened(sdm230, Script()) as meter:
            await meter.make_safe()
            await meter.make_safe()

    on_virtual_time(run())


def test_a_failed_poll_is_an_error_and_the_next_one_reads_again():
    script = Script((ASK_FAST, "hang up"), (ASK_FAST, FAST), (ASK_SLOW, SLOW))

    async def run():
        async with opened(sdm230, script) as meter:
            with pytest.raises(LinkError, match="connection lost"):
                await meter.poll()
            assert meter.failures == 1
            return values(await meter.poll())

    assert on_virtual_time(run())["energy_import_wh"] == pytest.approx(10_909_282.2)


def test_ready_finds_a_dead_meter_in_bounded_time():
    async def run():
        async with opened(sdm230, Script((ASK_FAST, None)), timeout_s=0.5) as meter:
            with pytest.raises(LinkError, match="unit 1 kept silence"):
                await meter.ready()
            return meter

    on_virtual_time(run())


@pytest.mark.parametrize("module", [sdm120, sdm230, sdm630])
def test_every_driver_offers_what_it_says(module):
    async def run():
        driver = module.DRIVER
        bench = Bench("rtu+tcp://127.0.0.1:1/1")
        async with driver.open(bench.context, driver.options()) as meter:
            assert all(isinstance(meter, each) for each in driver.capabilities)
            assert set(driver.capabilities) == {Device, Polled}
            assert meter.poll_interval_s == 1.0
            assert "power_w" in meter.quantities

    on_virtual_time(run())
