"""Tasmota: literal topics and payloads, hostile answers, manners, and the emulator.

Literal payloads come from the Tasmota documentation ("MQTT", command flow) and from the
console log of a device with firmware 12.1.1 (a Sonoff S31, published by its owner); the
``Status 8`` with power comes from evcc's ``charger/tasmota.go``, transcribed there from
a Sonoff Pow.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from devices.links.mqtt_packets import Publish
from devices.smart_plug.tasmota import DRIVER, Tasmota
from devices.smart_plug.tasmota_words import pulse_seconds, pulse_time
from harness.core.capabilities import Device, Polled, Switches
from harness.core.errors import LinkError
from harness.core.faults import Fault, FaultKind
from tests.devices import mqtt_bench
from tests.devices.fuzzing import FRAMES
from tests.devices.mqtt_bench import both, run, values

TRANSCRIPTS_OF = ("smart_plug/tasmota",)

T = "tasmota_switch"
STATUS7 = (
    '{"StatusTIM":{"UTC":"2023-08-18T18:20:50","Local":"2023-08-18T14:20:50",'
    '"StartDST":"2023-03-12T02:00:00","EndDST":"2023-11-05T02:00:00","Timezone":99,'
    '"Sunrise":"05:54","Sunset":"19:43"}}'
)
STATUS8 = (
    '{"StatusSNS":{"Time":"2018-11-15T08:54:18","ENERGY":{"TotalStartTime":'
    '"2018-11-14T18:39:40","Total":6.404,"Yesterday":5.340,"Today":1.064,"Power":2629,'
    '"ApparentPower":2645,"ReactivePower":288,"Factor":0.99,"Voltage":226,'
    '"Current":11.677}}}'
)
IDLE = (
    '{"StatusSNS":{"Time":"2023-08-18T14:20:55","ENERGY":{"TotalStartTime":'
    '"2022-09-24T18:51:27","Total":196.708,"Yesterday":0.000,"Today":0.000,"Power": 0,'
    '"ApparentPower": 0,"ReactivePower": 0,"Factor":0.00,"Voltage":123,'
    '"Current":0.000}}}'
)
OFF = (
    '{"Time":"2023-08-21T15:05:31","ENERGY":{"TotalStartTime":"2022-09-24T18:51:27",'
    '"Total":196.708,"Yesterday":0.000,"Today":0.000,"Period": 0,"Power": 0,'
    '"ApparentPower": 0,"ReactivePower": 0,"Factor":0.00,"Voltage": 0,"Current":0.000}}'
)
STATUS2 = (
    '{"StatusFWR":{"Version":"12.1.1(tasmota)","BuildDateTime":"2022-08-25T11:33:55",'
    '"Boot":31,"Core":"2_7_4_9","SDK":"2.2.2-dev(38a443e)","CpuFrequency":80,'
    '"Hardware":"ESP8266EX","CR":"331/699"}}'
)
STATUS5 = (
    '{"StatusNET":{"Hostname":"S31B-4913","IPAddress":"192.168.86.153",'
    '"Mac":"48:3F:DA:28:D3:31","Webserver":2}}'
)


def result(text):
    return (f"stat/{T}/RESULT", text)


ANSWERS = {
    (f"cmnd/{T}/POWER", ""): (result('{"POWER":"OFF"}'), (f"stat/{T}/POWER", "OFF")),
    (f"cmnd/{T}/POWER", "ON"): (result('{"POWER":"ON"}'), (f"stat/{T}/POWER", "ON")),
    (f"cmnd/{T}/POWER", "OFF"): (result('{"POWER":"OFF"}'), (f"stat/{T}/POWER", "OFF")),
    (f"cmnd/{T}/Status", "2"): ((f"stat/{T}/STATUS2", STATUS2),),
    (f"cmnd/{T}/Status", "5"): ((f"stat/{T}/STATUS5", STATUS5),),
    (f"cmnd/{T}/Status", "7"): ((f"stat/{T}/STATUS7", STATUS7),),
    (f"cmnd/{T}/Status", "8"): ((f"stat/{T}/STATUS8", STATUS8),),
    (f"cmnd/{T}/TelePeriod", ""): (result('{"TelePeriod":300}'),),
    (f"cmnd/{T}/TelePeriod", "10"): (result('{"TelePeriod":10}'),),
    (f"cmnd/{T}/TelePeriod", "300"): (result('{"TelePeriod":300}'),),
    (f"cmnd/{T}/PowerOnState", ""): (result('{"PowerOnState":3}'),),
    (f"cmnd/{T}/PowerOnState", "5"): (result('{"PowerOnState":5}'),),
    (f"cmnd/{T}/PowerOnState", "3"): (result('{"PowerOnState":3}'),),
    (f"cmnd/{T}/PulseTime1", ""): (result('{"PulseTime1":{"Set":0,"Remaining":0}}'),),
    (f"cmnd/{T}/PulseTime1", "0"): (result('{"PulseTime1":{"Set":0,"Remaining":0}}'),),
    (f"cmnd/{T}/PulseTime1", "460"): (
        result('{"PulseTime1":{"Set":460,"Remaining":0}}'),
    ),
}


def Bench(**options):  # noqa: N802 - reads as the class that it makes
    return mqtt_bench.Bench(DRIVER, **options)


def talk(ask, answers=ANSWERS, *, ready=True, starts_at=None, **options):
    """Have a driver talk to a device that answers with what was published of it."""

    async def trial():
        bench = Bench(**({"starts_at": starts_at} if starts_at else {}))
        device = mqtt_bench.Device(answers)
        async with device.listening(f"cmnd/{T}/+") as port:
            device.tell(f"tele/{T}/LWT", "Online", retain=True)
            async with bench.open(f"mqtt://127.0.0.1:{port}/{T}", **options) as plug:
                if ready:
                    await plug.ready()
                return await ask(plug, device, bench), device.heard, bench

    return run(trial())


async def nothing(*_):
    return None


def test_it_is_set_up_with_the_commands_of_the_documentation():
    _, heard, bench = talk(nothing)
    assert heard == [
        (f"cmnd/{T}/POWER", ""),
        (f"cmnd/{T}/Status", "7"),
        (f"cmnd/{T}/TelePeriod", ""),
        (f"cmnd/{T}/PowerOnState", ""),
        (f"cmnd/{T}/TelePeriod", "10"),
        (f"cmnd/{T}/Status", "8"),
    ]
    assert ("connected", "LWT Online (retained)") in bench.events


def test_a_fail_safe_is_a_pulse_time_turned_round_and_is_taken_back_at_the_end():
    # "PulseTime 460 = 6 minutes (i.e., 360 seconds)": documentation, "Commands".
    async def leave(plug, device, _bench):
        set_up = list(device.heard)
        await plug.make_safe()
        return set_up

    set_up, heard, _ = talk(leave, fail_safe_s=360.0)
    assert (f"cmnd/{T}/PowerOnState", "5") in set_up
    assert (f"cmnd/{T}/PulseTime1", "460") in set_up
    assert heard[len(set_up) :] == [
        (f"cmnd/{T}/PulseTime1", "0"),
        (f"cmnd/{T}/POWER", "OFF"),
        (f"cmnd/{T}/TelePeriod", "300"),
        (f"cmnd/{T}/PowerOnState", "3"),
    ]


def test_switching_is_the_documented_command_and_waits_for_the_result():
    answer, heard, bench = talk(lambda plug, *_: plug.switch(True))
    assert heard[-1] == (f"cmnd/{T}/POWER", "ON")
    assert (answer.accepted, answer.detail) == (True, "POWER ON")
    assert (False, f'PUBLISH qos 0 stat/{T}/RESULT {{"POWER":"ON"}}') in bench.wire
    assert (True, f"PUBLISH qos 0 cmnd/{T}/POWER ON") in bench.wire


def test_a_plug_that_does_not_switch_is_not_taken_for_one_that_did():
    locked = ANSWERS | {(f"cmnd/{T}/POWER", "ON"): (result('{"POWER":"OFF"}'),)}
    answer, _, _ = talk(lambda plug, *_: plug.switch(True), locked)
    assert (answer.accepted, answer.detail) == (False, "POWER OFF")


def test_status_8_becomes_readings_with_the_plugs_own_time():
    # 08:54:18 on a clock four hours behind UTC (Status 7) is 12:54:18 UTC.
    starts_at = datetime(2018, 11, 15, 12, 54, 0, tzinfo=UTC)
    readings, _, _ = talk(lambda plug, *_: plug.poll(), starts_at=starts_at)
    assert values(readings) == {
        "power_w": 2629.0,
        "voltage_v": 226.0,
        "current_a": 11.677,
        "energy_import_wh": 6404.0,
    }
    assert {each.device_time_s for each in readings} == {18.0}


def test_power_0_is_zero_watts_and_not_a_missing_value():
    answers = ANSWERS | {(f"cmnd/{T}/Status", "8"): ((f"stat/{T}/STATUS8", IDLE),)}
    readings, _, _ = talk(lambda plug, *_: plug.poll(), answers)
    assert values(readings)["power_w"] == 0.0
    assert values(readings)["voltage_v"] == 123.0


def test_telemetry_is_taken_when_it_comes_and_0_volt_is_no_mains():
    async def tell(_plug, device, bench):
        device.tell(f"tele/{T}/SENSOR", OFF)
        device.tell(f"tele/{T}/LWT", "Offline")
        await bench.clock.until(1.0)

    _, _, bench = talk(tell)
    ((_, readings),) = bench.reports
    assert values(readings)["power_w"] == 0.0
    assert math.isnan(values(readings)["voltage_v"])
    assert bench.events[-1] == ("lost", "LWT Offline")


def test_how_the_relay_stands_is_told_once_for_each_change():
    async def tell(_plug, device, bench):
        for state in ("ON", "ON", "OFF", "OFF"):
            device.tell(f"tele/{T}/STATE", f'{{"POWER":"{state}"}}')
        await bench.clock.until(1.0)

    _, _, bench = talk(tell)
    told = [detail for kind, detail in bench.events if kind == "status"]
    assert told == ["POWER OFF", "POWER ON", "POWER OFF"]


def test_a_later_firmware_that_answers_under_status10_is_understood():
    answers = ANSWERS | {(f"cmnd/{T}/Status", "8"): ((f"stat/{T}/STATUS10", STATUS8),)}
    readings, _, _ = talk(lambda plug, *_: plug.poll(), answers)
    assert values(readings)["power_w"] == 2629.0


def test_one_relay_of_several_has_its_own_topic_and_its_place_in_lists():
    lists = '{"StatusSNS":{"ENERGY":{"Power":[5,70],"Voltage":230,"Current":[0,0.3]}}}'
    answers = ANSWERS | {
        (f"cmnd/{T}/POWER2", ""): (result('{"POWER2":"ON"}'),),
        (f"cmnd/{T}/Status", "8"): ((f"stat/{T}/STATUS8", lists),),
    }
    readings, heard, _ = talk(lambda plug, *_: plug.poll(), answers, relay=2)
    assert heard[0] == (f"cmnd/{T}/POWER2", "")
    assert values(readings)["power_w"] == 70.0
    assert math.isnan(values(readings)["energy_import_wh"])


def test_it_says_who_it_is():
    identity, _, _ = talk(lambda plug, *_: plug.identify())
    assert (identity.maker, identity.model) == ("Tasmota", "ESP8266EX")
    assert identity.serial == "48:3F:DA:28:D3:31"
    assert identity.firmware == "12.1.1(tasmota)"


BAD = {
    "silence": ((), "no answer within 2 s"),
    "not JSON": (("STATUS8", "oops"), "no answer within 2 s"),
    "cut in half": (("STATUS8", STATUS8[:80]), "no answer within 2 s"),
    "a list": (("STATUS8", "[1]"), "no answer within 2 s"),
    "unknown command": (("RESULT", '{"Command":"Unknown"}'), "no answer within 2 s"),
    "no meter": (("STATUS8", '{"StatusSNS":{"Time":"x"}}'), "has no ENERGY"),
    "wrong type": (("STATUS8", '{"StatusSNS":7}'), "has no ENERGY"),
    "nested too deep": (("STATUS8", "[" * 50_000), "no answer within 2 s"),
}


@pytest.mark.parametrize(("reply", "fact"), BAD.values(), ids=BAD.keys())
def test_every_bad_answer_is_one_clear_sentence_in_bounded_time(reply, fact):
    said = ((f"stat/{T}/{reply[0]}", reply[1]),) if reply else ()
    answers = ANSWERS | {(f"cmnd/{T}/Status", "8"): said}

    async def ask(plug, _device, bench):
        began_s = bench.clock.now_s()
        with pytest.raises(LinkError, match=fact) as raised:
            await plug.ready()
        assert bench.clock.now_s() - began_s <= 2.0
        assert plug.failures == 1
        return str(raised.value)

    text, _, _ = talk(ask, answers, ready=False)
    assert text.startswith(f"{mqtt_bench.WHERE} mqtt://127.0.0.1:")


def test_numbers_of_the_wrong_type_are_missing_and_never_guessed():
    odd = (
        '{"StatusSNS":{"Time":7,"ENERGY":{"Power":"12","Voltage":true,"Current":null,'
        '"Total":1e999}}}'
    )
    answers = ANSWERS | {(f"cmnd/{T}/Status", "8"): ((f"stat/{T}/STATUS8", odd),)}
    readings, _, _ = talk(lambda plug, *_: plug.poll(), answers)
    assert all(math.isnan(each.value) for each in readings)
    assert all(math.isnan(each.device_time_s) for each in readings)


def test_a_plug_that_its_broker_calls_offline_is_named_so():
    async def ask(plug, device, _bench):
        device.tell(f"tele/{T}/LWT", "Offline", retain=True)
        with pytest.raises(LinkError, match="the broker calls it offline"):
            await plug.ready()

    talk(ask, {}, ready=False)


@seed(20261122)
@settings(max_examples=FRAMES, deadline=None, database=None)
@given(st.integers(0, 1 << 32))
def test_no_message_can_break_the_driver(number):
    chance = random.Random(number)  # noqa: S311 - to be repeated
    source = chance.choice([STATUS7, STATUS8, IDLE, OFF, STATUS2, "{}", '{"POWER":1}'])
    data = bytearray(source.encode())
    for _ in range(chance.randrange(4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    names = ["RESULT", "STATUS8", "SENSOR", "STATE", "LWT", ""]
    topic = f"{chance.choice(['stat', 'tele', 'x'])}/{T}/{chance.choice(names)}"
    PLUG._heard(Publish(topic, bytes(data)))


async def _plug():
    return Tasmota(Bench().context(f"mqtt://127.0.0.1:1/{T}"), DRIVER.options())


PLUG = run(_plug())


@given(st.floats(0.1, 64_800.0).filter(lambda s: s < 11.1 or s > 12))
def test_pulse_time_says_a_duration_to_its_resolution(seconds):
    value = pulse_time(seconds)
    assert 1 <= value <= 64_900
    assert pulse_seconds(value) == pytest.approx(
        seconds, abs=0.5 if seconds > 12 else 0.051
    )


@pytest.mark.parametrize("seconds", [0.0, 64_901.0, math.inf])
def test_a_duration_that_pulse_time_cannot_say_is_refused(seconds):
    with pytest.raises((ValueError, OverflowError)):
        pulse_time(seconds)


# --- driver and emulator together


def test_polled_at_1_hz_it_shows_the_fridge_and_a_switch_within_a_second():
    async def trial():
        bench, seen = Bench(), []
        async with both(bench) as (_, plug):
            for at_s in range(5, 15):
                await bench.clock.until(float(at_s))
                if at_s == 10:
                    await plug.switch(False)
                seen.append(values(await plug.poll())["power_w"])
            return seen, bench.power_w()

    seen, power_w = run(trial())
    assert seen == [90.0] * 5 + [0.0] * 5
    assert power_w == 0.0


def test_telemetry_comes_every_ten_seconds_with_its_own_time():
    async def trial():
        bench = Bench()
        async with both(bench, utc_offset_minutes=60):
            await bench.clock.until(65.0)
        return bench.reported("power_w")

    told = run(trial())
    assert [at_s for at_s, _, _ in told] == pytest.approx([10, 20, 30, 40, 50, 60])
    assert all(abs(at_s - device_s) <= 1.0 for at_s, device_s, _ in told)


@pytest.mark.parametrize("fail_safe_s", [None, 600.0])
def test_the_fail_safe_works_when_the_harness_is_dead(fail_safe_s):
    async def trial():
        bench = Bench()
        options = {"fail_safe_s": fail_safe_s}
        async with bench.emulate() as emulator:
            async with bench.open(emulator.address, **options) as plug:
                await plug.ready()
                await plug.switch(False)
            await bench.clock.until(590.0)
            assert not emulator.plug.output
            await bench.clock.until(610.0)
            return emulator.plug.output

    assert run(trial()) is (fail_safe_s is not None)


def test_make_safe_puts_everything_back_as_found_and_can_be_called_twice():
    async def trial():
        bench = Bench()
        async with both(bench, driver={"fail_safe_s": 60.0}, start_on=False) as pair:
            emulator, plug = pair
            await plug.switch(True)
            await plug.make_safe()
            await plug.make_safe()
            await bench.clock.until(3600.0)
            return (
                emulator.plug.output, emulator._tele_s, emulator._power_on_state,
                emulator._pulse_time,
            )  # fmt: skip

    assert run(trial()) == (False, 300.0, 1, 0)


@pytest.mark.parametrize("state", [0, 1, 3])
def test_after_a_loss_of_power_the_relay_is_as_power_on_state_says(state):
    async def trial():
        bench = Bench()
        async with both(bench, power_on_state=state) as (emulator, plug):
            await plug.switch(False)
            emulator.impose(Fault(FaultKind.REBOOTS, 5.0))
            await bench.clock.until(bench.clock.now_s() + 6.0)
            return emulator.plug.output

    assert run(trial()) is (state == 1)


def test_two_plugs_can_share_one_broker_of_the_bench():
    async def trial():
        bench = Bench()
        names = {"a": "tasmota_A", "b": "tasmota_B"}
        async with (
            bench.emulate("a", 1, topic=names["a"], mac="00:00:00:00:00:0A",
                          broker="shared") as first,
            bench.emulate("b", 2, topic=names["b"], mac="00:00:00:00:00:0B",
                          broker="shared") as second,
            bench.open(first.address, "a") as one,
            bench.open(second.address, "b") as two,
        ):  # fmt: skip
            await asyncio.gather(one.ready(), two.ready())
            await one.switch(False)
            powers = bench.power_w("a"), bench.power_w("b")
            return first.address, second.address, powers

    first, second, powers = run(trial())
    assert first.rpartition("/")[0] == second.rpartition("/")[0]
    assert powers == (0.0, 90.0)


def test_a_strange_command_is_answered_as_the_firmware_does():
    async def trial():
        bench = Bench()
        async with both(bench) as (_, plug):
            await plug.broker.publish(f"cmnd/{plug.broker.address.topic}/Foo", "1")
            await bench.clock.until(1.0)
        return bench.wire

    wire = run(trial())
    assert any('RESULT {"Command":"Unknown"}' in frame for _, frame in wire)


def test_the_driver_offers_what_it_declares():
    assert all(isinstance(PLUG, each) for each in DRIVER.capabilities)
    assert DRIVER.capabilities == (Device, Polled, Switches)
    assert DRIVER.name == "smart_plug/tasmota"
    assert json.loads(STATUS8)["StatusSNS"]["ENERGY"]["Power"] == 2629
