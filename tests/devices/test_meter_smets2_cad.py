"""A SMETS2 meter through an access device: payloads, privacy, times, faults.

Literal payloads are those transcribed in ha_hildebrand_glow_ihd_mqtt (sensor.py, from a
GLOW-IHD-01-1v4-SMETS2 with software v1.8.12) and by an owner of a Glow CAD
(OpenEnergyMonitor forum, 24 June 2022); the numbers that name a household are invented.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from devices.links.mqtt_packets import Publish
from devices.meter.cad_payload import meter_of, state_of, stripped
from devices.meter.smets2_cad import DRIVER, Smets2Cad
from harness.core.capabilities import Device, Polled
from harness.core.errors import LinkError
from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices import mqtt_bench
from tests.devices.fuzzing import FRAMES
from tests.devices.mqtt_bench import both, run

TRANSCRIPTS_OF = ("meter/smets2_cad",)

MPAN = "1200023305967"
METER = (
    '{"electricitymeter":{"timestamp":"2022-06-11T20:38:00Z","energy":{"export":'
    '{"cumulative":0.000,"units":"kWh"},"import":{"cumulative":6613.405,"day":13.252,'
    '"week":141.710,"month":293.598,"units":"kWh","mpan":"' + MPAN + '","supplier":'
    '"ABC ENERGY","price":{"unitrate":0.04998,"standingcharge":0.24030}}},"power":'
    '{"value":0.951,"units":"kW"}}}'
)
STATE = (
    '{"software":"v1.8.12","timestamp":"2022-06-11T20:54:53Z","hardware":'
    '"GLOW-IHD-01-1v4-SMETS2","ethmac":"1234567890AB","smetsversion":"SMETS2",'
    '"eui":"12:34:56:78:91:23:45","zigbee":"1.2.5","han":{"rssi":-75,"status":"joined",'
    '"lqi":100}}'
)
TOPIC = "glow/A4CF12D0C3B7"


def Bench(**options):  # noqa: N802 - reads as the class that it makes
    return mqtt_bench.Bench(DRIVER, **options)


def listen(*messages, starts_at=None):
    """Have a driver hear messages; returns the bench and who it says the device is."""

    async def trial():
        bench = Bench(**({"starts_at": starts_at} if starts_at else {}))
        device = mqtt_bench.Device({})
        async with (
            device.listening() as port,
            bench.open(f"mqtt://127.0.0.1:{port}/{TOPIC}") as meter,
        ):
            await meter.broker.connect()
            await meter.broker.subscribe(f"{TOPIC}/#")
            for name, text in messages:
                device.tell(f"{TOPIC}/{name}", text)
            await bench.clock.until(1.0)
            return bench, await meter.identify(), meter.failures

    return run(trial())


def test_the_published_payload_becomes_readings_with_both_times():
    # The state message of the sample is 16 min 53 s younger than the meter's time.
    starts_at = datetime(2022, 6, 11, 20, 54, 53, tzinfo=UTC)
    bench, _, _ = listen(("SENSOR/electricitymeter", METER), starts_at=starts_at)
    ((arrived_s, readings),) = bench.reports
    got = {each.quantity: each.value for each in readings}
    assert got == {
        "power_w": pytest.approx(951.0),
        "energy_import_wh": pytest.approx(6_613_405.0),
        "energy_export_wh": 0.0,
    }
    assert arrived_s == 0.0
    assert {each.device_time_s for each in readings} == {-(16 * 60 + 53.0)}


def test_nothing_that_names_a_household_reaches_the_recording():
    bench, who, _ = listen(("STATE", STATE), ("SENSOR/electricitymeter", METER))
    recorded = repr(bench.wire) + repr(bench.events) + repr(bench.reports) + repr(who)
    for secret in (MPAN, "ABC ENERGY", "0.04998", "0.2403", "12:34:56", "1234567890AB"):
        assert secret not in recorded
    assert re.search(r"\d{13}", recorded) is None
    assert bench.wire[-1] == (
        False,
        f"PUBLISH qos 0 {TOPIC}/SENSOR/electricitymeter "
        '{"electricitymeter":{"timestamp":"2022-06-11T20:38:00Z","energy":{"export":'
        '{"cumulative":0.0,"units":"kWh"},"import":{"cumulative":6613.405,"day":13.252,'
        '"week":141.71,"month":293.598,"units":"kWh","mpan":"[removed]","supplier":'
        '"[removed]","price":"[removed]"}},"power":{"value":0.951,"units":"kW"}}}',
    )


@pytest.mark.parametrize(
    "payload",
    [
        f'{{"electricitymeter":{{"account":"{MPAN}"}}}}',
        f'{{"{MPAN}":1}}',
        f'{{"electricitymeter":{{"timestamp":"{MPAN}"}}}}',
        f'{{"electricitymeter":{{"timestamp":{MPAN}}}}}',
        f'{{"electricitymeter":{{"power":{{"value":{MPAN},"units":"{MPAN}"}}}}}}',
        f'{{"electricitymeter":{{"energy":{{"import":"{MPAN}"}}}}}}',
        f'{{"electricitymeter":{{"energy":{{"import":{{"cumulative":[{MPAN}]}}}}}}}}',
        f'{{"hardware":"x{MPAN}","han":{{"status":"{MPAN}"}}}}',
        f'{{"software":"{MPAN}","han":"{MPAN}"}}',
        f"not json {MPAN}",
        f'["{MPAN}"]',
        f'{{"electricitymeter":{{"energy":{{"import":{{"mpan":"{MPAN}"',
    ],
)
def test_a_name_in_a_place_where_nobody_expects_it_is_removed_as_well(payload):
    bench, who, _ = listen(("SENSOR/electricitymeter", payload), ("STATE", payload))
    recorded = repr(bench.wire) + repr(bench.events) + repr(bench.reports) + repr(who)
    assert MPAN not in recorded
    assert "[removed]" in recorded


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.just(MPAN),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["electricitymeter", "energy", "import", "cumulative", "han", "status",
             "power", "value", "units", "timestamp", "software", MPAN],
        ),
        inner,
        max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_whatever_the_payload_no_long_number_stays(content):
    kept = stripped(json.dumps(content).encode())
    assert MPAN not in kept
    assert re.search(r"\d{13}", re.sub(r"\d+\.\d+(e-?\d+)?", "", kept)) is None


def test_unknown_power_is_missing_and_not_minus_eight_megawatt():
    unknown = METER.replace("0.951", "-8388.608")
    meter = meter_of(unknown.encode())
    assert meter is not None
    assert math.isnan(meter.power_w)
    assert meter.import_wh == pytest.approx(6_613_405.0)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"value":0.951', '"value":"0.951"', "power_w"),
        ('"value":0.951', '"value":true', "power_w"),
        ('"value":0.951', '"value":1e12', "power_w"),
        ('"value":0.951', '"value":NaN', "power_w"),
        ('"units":"kW"}', '"units":"W"}', "power_w"),
        ('"cumulative":6613.405', '"cumulative":null', "import_wh"),
        ('"month":293.598,"units":"kWh"', '"month":293.598,"units":"m3"', "import_wh"),
    ],
)
def test_a_value_of_the_wrong_type_range_or_unit_is_missing(old, new, field):
    meter = meter_of(METER.replace(old, new).encode())
    assert math.isnan(getattr(meter, field))


def test_a_time_that_is_none_leaves_the_device_time_out():
    bench, _, _ = listen(
        ("SENSOR/electricitymeter", METER.replace("2022-06-11T20", "2022-13-11T99"))
    )
    ((_, readings),) = bench.reports
    assert all(math.isnan(each.device_time_s) for each in readings)
    assert readings[0].value == pytest.approx(951.0)


def test_the_state_says_who_the_access_device_is_and_how_its_network_is():
    lost = STATE.replace('"joined"', '"searching"')
    bench, who, _ = listen(("STATE", STATE), ("STATE", STATE), ("STATE", lost))
    assert state_of(STATE.encode()) == {
        "software": "v1.8.12",
        "hardware": "GLOW-IHD-01-1v4-SMETS2",
        "han": "joined",
    }
    assert (who.maker, who.model) == ("Hildebrand", "GLOW-IHD-01-1v4-SMETS2")
    assert (who.firmware, who.serial) == ("v1.8.12", "")
    assert bench.events[1:] == [
        ("status", "han joined"),
        ("unavailable", "han searching"),
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", METER[:99], "[" * 50_000])
def test_what_makes_no_sense_is_counted_told_and_not_kept(text):
    bench, _, failures = listen(("SENSOR/electricitymeter", text))
    assert failures == 1
    assert bench.reports == []
    assert "makes no sense" in bench.events[-1][1]


def test_no_reading_at_first_is_one_clear_sentence_in_bounded_time():
    async def trial():
        bench = Bench()
        device = mqtt_bench.Device({})
        async with (
            device.listening() as port,
            bench.open(f"mqtt://127.0.0.1:{port}/{TOPIC}") as meter,
        ):
            with pytest.raises(LinkError, match="no reading within 30 s"):
                await meter.ready()
            return bench.clock.now_s()

    assert run(trial()) == pytest.approx(30.0)


async def _meter():
    return Smets2Cad(Bench().context(f"mqtt://127.0.0.1:1/{TOPIC}"), DRIVER.options())


HEARING = run(_meter())


@seed(20261122)
@settings(max_examples=FRAMES, deadline=None, database=None)
@given(st.integers(0, 1 << 32))
def test_no_message_can_break_the_driver(number):
    chance = random.Random(number)  # noqa: S311 - to be repeated
    data = bytearray(chance.choice([METER, STATE]).encode())
    for _ in range(chance.randrange(4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    cut = bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
    stripped(cut)
    meter_of(cut)
    HEARING._state_told(Publish(f"{TOPIC}/STATE", cut))


# --- with the emulator


def meter_bench(load_w=1234.4):
    return Bench(load_w=load_w)


async def seen_by(bench, until_s):
    await bench.clock.until(until_s)
    return bench.reported("power_w")


def test_it_tells_every_ten_seconds_in_whole_watts():
    async def trial():
        bench = meter_bench()
        async with both(bench, noise_percent=0, noise_w=0):
            return await seen_by(bench, 120.0)

    told = run(trial())
    assert len(told) in (11, 12)
    assert told[0][0] % 10.0 != 0.0
    assert {value for _, _, value in told} == {1234.0}
    steps = {round(b[0] - a[0], 6) for a, b in itertools.pairwise(told)}
    assert steps == {10.0}
    assert all(0 <= at_s - device_s <= 1.0 for at_s, device_s, _ in told)


def test_who_it_is_does_not_seem_to_change_within_a_trial():
    async def trial(*, told_late):
        bench = Bench()
        device = mqtt_bench.Device({})
        async with (
            device.listening() as port,
            bench.open(f"mqtt://127.0.0.1:{port}/{TOPIC}") as meter,
        ):
            await meter.broker.subscribe(f"{TOPIC}/#")
            who = []
            for late in (False, True):
                if late is told_late:
                    device.tell(f"{TOPIC}/STATE", STATE)
                await bench.clock.until(bench.clock.now_s() + 1.0)
                who.append((await meter.identify()).firmware)
            return who

    assert run(trial(told_late=True)) == ["", ""]
    assert run(trial(told_late=False)) == ["v1.8.12", "v1.8.12"]


def test_export_is_negative_and_counted_apart():
    async def trial():
        bench = meter_bench(-3000.0)
        async with both(bench, noise_percent=0, noise_w=0):
            await bench.clock.until(3600.0)
        return bench

    bench = run(trial())
    assert bench.reported("power_w")[-1][2] == -3000.0
    assert bench.reported("energy_export_wh")[-1][2] == pytest.approx(3000.0, abs=20)
    imported = [value for _, _, value in bench.reported("energy_import_wh")]
    assert imported[0] == imported[-1]


def test_the_payloads_time_may_be_minutes_old_and_both_times_are_kept():
    async def trial():
        bench = meter_bench()
        async with both(bench, stamp_age_s=960.0):
            return await seen_by(bench, 60.0)

    told = run(trial())
    assert all(at_s - device_s == pytest.approx(960.0, abs=1.0)
               for at_s, device_s, _ in told)  # fmt: skip


def faulty(fault, *, during_s=300.0, after_s=120.0, **emulator):
    """What was told while a fault lasted, and what after it was lifted."""

    async def trial():
        bench = meter_bench()
        async with both(bench, **emulator) as (cad, _):
            assert isinstance(cad, Breakable)
            await bench.clock.until(60.0)
            cad.impose(fault)
            bench.reports.clear()
            await bench.clock.until(60.0 + during_s)
            during = bench.reported("power_w")
            kinds = [kind for kind, _ in bench.events]
            cad.lift(fault.kind)
            bench.reports.clear()
            await bench.clock.until(60.0 + during_s + after_s)
            return during, bench.reported("power_w"), kinds, bench.events

    return run(trial())


def test_frozen_it_repeats_itself_time_and_all():
    during, after, _, _ = faulty(Fault(FaultKind.FROZEN))
    assert len({(device_s, value) for _, device_s, value in during}) == 1
    assert len({device_s for _, device_s, _ in after}) > 5


def test_silent_it_is_missed_and_its_power_is_missing():
    during, after, kinds, events = faulty(Fault(FaultKind.GAP))
    ((at_s, _, value),) = during
    assert math.isnan(value)
    assert 110.0 <= at_s <= 125.0
    assert kinds[-1] == "lost"
    assert ("lost", "no reading for 60 s") in events
    assert events[-1] == ("connected", "readings again")
    assert after[0][2] > 1000.0


@pytest.mark.parametrize(
    ("kind", "amount", "error_s"),
    [(FaultKind.CLOCK_STEP, 90.0, 90.0), (FaultKind.CLOCK_DRIFT, -360.0, -30.0)],
)
def test_its_clock_is_wrong(kind, amount, error_s):
    during, after, _, _ = faulty(Fault(kind, amount))
    at_s, device_s, _ = during[-1]
    assert device_s - at_s == pytest.approx(error_s, abs=2.0)
    assert after[-1][1] - after[-1][0] == pytest.approx(0.0, abs=1.0)


def test_reversed_it_shows_export():
    during, after, _, _ = faulty(Fault(FaultKind.REVERSED))
    assert during[-1][2] == pytest.approx(-1234.4, abs=5)
    assert after[-1][2] == pytest.approx(1234.4, abs=5)


def test_by_a_wrong_factor_it_shows_kilowatts_for_watts():
    during, after, _, _ = faulty(Fault(FaultKind.SCALED, 1000.0))
    assert during[-1][2] == pytest.approx(1_234_400.0, rel=0.01)
    assert after[-1][2] == pytest.approx(1234.4, abs=5)


def test_it_replays_old_values_as_new():
    async def trial():
        bench = meter_bench()
        async with both(bench, noise_percent=0.5) as (cad, _):
            await bench.clock.until(300.0)
            original = bench.reported("power_w")
            cad.impose(Fault(FaultKind.REPLAYED_BACKLOG, 200.0))
            bench.reports.clear()
            await bench.clock.until(400.0)
            return original, bench.reported("power_w")

    original, replayed = run(trial())
    values = [value for _, _, value in original]
    again = [value for _, _, value in replayed]
    assert len(again) >= 9
    # What is told every ten seconds was measured 200 s before, to the second.
    assert values[10 : 10 + len(again)] == again
    assert all(abs(at_s - device_s) <= 1.0 for at_s, device_s, _ in replayed)


def test_it_delivers_late_all_at_once_with_the_old_times():
    during, after, kinds, _ = faulty(Fault(FaultKind.LATE_BACKLOG, 250.0))
    told = [each for each in during if not math.isnan(each[2])]
    assert {round(at_s) for at_s, _, _ in told} == {310}
    assert len(told) >= 24
    assert max(at_s - device_s for at_s, device_s, _ in told) > 230.0
    assert "lost" in kinds
    assert after[-1][0] - after[-1][1] <= 1.0


def test_what_it_cannot_have_is_refused():
    async def trial():
        bench = meter_bench()
        async with bench.emulate() as cad:
            assert cad.breaks == DRIVER.faults
            for kind in set(FaultKind) - set(cad.breaks):
                with pytest.raises(ValueError, match="cannot be"):
                    cad.impose(Fault(kind, 1.0))
            for kind in (FaultKind.LATE_BACKLOG, FaultKind.SCALED):
                with pytest.raises(ValueError, match="needs an amount"):
                    cad.impose(Fault(kind))
            with pytest.raises(ValueError, match="nobody can"):
                cad.operate("unplug")

    run(trial())


def test_the_driver_offers_what_it_declares():
    assert DRIVER.name == "meter/smets2_cad"
    assert DRIVER.capabilities == (Device,)
    assert isinstance(HEARING, Device)
    assert not isinstance(HEARING, Polled)
