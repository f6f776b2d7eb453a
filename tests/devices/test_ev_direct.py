"""A car through its maker's cloud: literal messages, manners, sleep and faults.

Literal messages: ``REAL`` is what a real car said (Home Assistant,
``tests/components/tesla_fleet/fixtures/vehicle_data.json``, shortened to the members
that are read); ``ASLEEP`` and the parameters of commands are those of teslamotors/
vehicle-command (``pkg/connector/inet``, ``pkg/proxy/command.go``); the shape of answers
and errors is that of Tesla's Fleet API, "Conventions". Reasons, and the words for a bad
token, are as clients handle them (unverified).
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from devices.ev_direct.api import number
from devices.ev_direct.oem_api import DRIVER
from harness.core.capabilities import Device, LimitsPower, PlansDeparture, Polled
from harness.core.errors import LinkError, RefusedError, RigError, UsageError
from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices.fuzzing import FRAMES
from tests.devices.http_bench import (
    Bench,
    asked,
    http,
    http_peer,
    raw_http,
    run,
    values,
)

TRANSCRIPTS_OF = ("ev_direct/oem_api",)

VIN = "LRWXF7EK4KC700000"
AT_MS = 1705707520649
REAL = (
    '{"response":{"id":1234,"vin":"LRWXF7EK4KC700000","state":"online","tokens":["abc",'
    '"def"],"charge_state":{"battery_level":77,"charge_amps":16,'
    '"charge_current_request":16,"charge_current_request_max":16,'
    '"charge_enable_request":true,"charge_limit_soc":80,"charger_actual_current":0,'
    '"charger_phases":null,"charger_pilot_current":16,"charger_power":0,'
    '"charger_voltage":2,"charging_state":"Stopped","conn_charge_cable":"IEC",'
    '"scheduled_charging_mode":"Off","scheduled_departure_time_minutes":480,'
    '"timestamp":1705707520649}}}'
)
CHARGING = REAL.replace('"Stopped"', '"Charging"').replace(
    '"charger_power":0', '"charger_power":4'
)
ASLEEP = (
    '{"response":null,"error":"vehicle unavailable: vehicle is offline or asleep",'
    '"error_description":""}'
)
DONE = '{"response":{"result":true,"reason":""}}'
STATE = '{"response":{"id":1234,"vin":"LRWXF7EK4KC700000","state":"online"}}'
BEFORE = datetime.fromtimestamp(AT_MS / 1000 - 3, UTC)


def told(ask, *replies, **options):
    """Have a driver ask a peer that answers so; return answer, requests and bench."""

    async def trial():
        bench = Bench(DRIVER, starts_at=BEFORE)
        async with (
            http_peer(*replies) as (address, requests),
            bench.open(address, vin=VIN, **options) as car,
        ):
            return await ask(car), requests, bench

    return run(trial())


def lines(requests):
    return [(head.split(" HTTP/")[0], body) for head, body in requests]


# Transcripts


def test_what_a_real_car_said_becomes_readings():
    readings, requests, bench = told(lambda car: car.poll(), http(REAL))
    assert lines(requests) == [
        (f"GET /api/1/vehicles/{VIN}/vehicle_data?endpoints=charge_state", "")
    ]
    assert values(readings) == {
        "power_w": 0.0,
        "current_a": 0.0,
        "current_offered_a": 16.0,
        "voltage_v": 2.0,
        "soc_percent": 77.0,
    }
    assert readings[0].device_time_s == pytest.approx(3.0)
    assert '"tokens":"***"' in bench.wire[-1][1]
    assert ("status", "charging_state Stopped") in bench.events


def test_a_limit_in_whole_amperes_is_the_makers_command():
    answer, requests, _ = told(
        lambda car: car.limit_power_w(1400.0), http(CHARGING), http(DONE)
    )
    assert lines(requests)[1] == (
        f"POST /api/1/vehicles/{VIN}/command/set_charging_amps",
        '{"charging_amps":6}',
    )
    assert "Content-Type: application/json" in requests[1][0]
    assert (answer.accepted, answer.detail) == (True, "set_charging_amps 6: true")


def test_less_than_six_amperes_is_a_stop():
    _, requests, _ = told(lambda car: car.limit_power_w(0), http(CHARGING), http(DONE))
    assert lines(requests)[1] == (
        f"POST /api/1/vehicles/{VIN}/command/charge_stop",
        "{}",
    )


def test_a_limit_starts_a_car_that_is_stopped_and_keeps_to_its_own_maximum():
    answer, requests, _ = told(
        lambda car: car.limit_power_w(7400.0), http(REAL), http(DONE), http(DONE)
    )
    assert lines(requests)[1:] == [
        (
            f"POST /api/1/vehicles/{VIN}/command/set_charging_amps",
            '{"charging_amps":16}',
        ),
        (f"POST /api/1/vehicles/{VIN}/command/charge_start", "{}"),
    ]
    assert answer.accepted


def test_three_phases_share_a_limit():
    _, requests, _ = told(
        lambda car: car.limit_power_w(6900.0), http(CHARGING), http(DONE), phases=3
    )
    assert lines(requests)[1][1] == '{"charging_amps":10}'


def test_a_departure_is_a_charge_limit_and_a_local_time_of_day():
    # 07:30 in London, in January.
    at = datetime(2024, 1, 20, 7, 30, tzinfo=UTC)
    answer, requests, _ = told(
        lambda car: car.plan_departure(90.0, at), http(REAL), http(DONE)
    )
    assert lines(requests)[1:] == [
        (f"POST /api/1/vehicles/{VIN}/command/set_charge_limit", '{"percent":90}'),
        (
            f"POST /api/1/vehicles/{VIN}/command/set_scheduled_departure",
            '{"enable":true,"departure_time":450,"preconditioning_enabled":false,'
            '"preconditioning_weekdays_only":false,"off_peak_charging_enabled":true,'
            '"off_peak_charging_weekdays_only":false,"end_off_peak_time":450}',
        ),
    ]
    assert answer.accepted


def test_a_refused_command_is_told_in_the_cars_words():
    no = '{"response":{"result":false,"reason":"disconnected"}}'
    answer, _, _ = told(lambda car: car.limit_power_w(2000), http(CHARGING), http(no))
    assert (answer.accepted, answer.detail) == (
        False,
        "set_charging_amps 8: disconnected",
    )


def test_a_command_that_changes_nothing_is_no_refusal():
    so = '{"response":{"result":false,"reason":"not_charging"}}'
    answer, _, _ = told(lambda car: car.limit_power_w(0), http(REAL), http(so))
    assert answer.accepted


def test_the_token_travels_in_the_header_and_nowhere_else(tmp_path):
    path = tmp_path / "token"
    path.write_text("s3cret-token\n")
    _, requests, bench = told(
        lambda car: car.identify(), http(STATE), token_file=str(path)
    )
    assert "Authorization: Bearer s3cret-token\r\n" in requests[0][0]
    assert "s3cret-token" not in str(bench.wire)


def test_a_refused_token_is_read_again_once(tmp_path):
    path = tmp_path / "token"
    path.write_text("old")

    async def ask(car):
        await car.identify()
        path.write_text("new")
        return await car.identify()

    refused = http('{"error":"token expired (401)"}', "401 Unauthorized")
    identity, requests, _ = told(
        ask, http(STATE), refused, http(STATE), token_file=str(path)
    )
    assert identity.serial == VIN
    assert [head.count("Bearer new") for head, _ in requests] == [0, 0, 1]


HOSTILE = {
    "401": (
        http('{"error":"token expired (401)"}', "401 Unauthorized"),
        "401, token exp",
    ),
    "403": (http("{}", "403 Forbidden"), "a token that is valid"),
    "404": (http('{"error":"not_found"}', "404 Not Found"), "the vin in the rig file"),
    "500": (http("{}", "500 Internal Server Error"), "HTTP 500"),
    "redirect": (http("", "302 Found", "Location: http://x/"), "HTTP 302"),
    "a web page": (http("<html>"), "not an answer of the Fleet API: '<html>'"),
    "a list": (http("[]"), "not an answer of the Fleet API"),
    "no response": (http('{"response":7}'), "not an answer of the Fleet API"),
    "no charge_state": (
        http('{"response":{"charge_state":[]}}'),
        "has no charge_state",
    ),
    "nested too deep": (http("[" * 100_000), "not an answer of the Fleet API"),
    "cut in half": (http(REAL[: len(REAL) // 2]), "not an answer of the Fleet API"),
    "not HTTP": ("SSH-2.0-OpenSSH_9.2\r\n", "no whole HTTP answer"),
    "silence": (None, "no answer within 10 s"),
}


@pytest.mark.parametrize(("reply", "fact"), HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("ask", ["poll", "limit"])
def test_every_bad_answer_is_one_clear_sentence(ask, reply, fact):
    with pytest.raises(LinkError) as raised:
        told(lambda car: car.poll() if ask == "poll" else car.limit_power_w(0), reply)
    assert fact in str(raised.value)
    assert str(raised.value).startswith("rig.toml [device.it] http://127.0.0.1:")


def test_a_command_without_a_result_is_no_answer():
    with pytest.raises(LinkError, match="has no result"):
        told(lambda car: car.limit_power_w(0), http(CHARGING), http('{"response":{}}'))


def test_wrong_types_are_missing_values():
    odd = REAL.replace('"battery_level":77', '"battery_level":"77"')
    odd = odd.replace('"charger_power":0', '"charger_power":1e400')
    odd = odd.replace('"timestamp":1705707520649', '"timestamp":1e300')
    readings, _, _ = told(lambda car: car.poll(), http(odd))
    assert math.isnan(values(readings)["soc_percent"])
    assert math.isnan(values(readings)["power_w"])
    assert math.isnan(readings[0].device_time_s)


def test_no_answer_can_break_the_driver():
    rng = random.Random(1)  # noqa: S311 - reproducible nonsense
    odd = [None, True, -1, 1e308, 10**400, "x", [], {}, float("nan")]
    state = json.loads(REAL)["response"]["charge_state"]

    async def trial():
        bench = Bench(DRIVER)
        async with bench.open("http://127.0.0.1:9") as car:
            for _ in range(FRAMES):
                bent = {key: rng.choice([value, *odd]) for key, value in state.items()}
                for reading in car._readings(bent):
                    assert isinstance(reading.value, float)
                    assert not math.isinf(number(bent, "charger_power"))

    run(trial())


@pytest.mark.parametrize("limit_w", [-1.0, math.nan, math.inf])
def test_a_limit_that_is_none_is_refused(limit_w):
    with pytest.raises(UsageError, match="0 W or more"):
        told(lambda car: car.limit_power_w(limit_w), http(REAL))


@pytest.mark.parametrize(
    ("soc", "ahead", "fact"),
    [
        (49.0, timedelta(hours=5), "cannot be told to charge to 49 %"),
        (101.0, timedelta(hours=5), "50 % to 100 %"),
        (80.0, timedelta(hours=25), "not within a day"),
        (80.0, timedelta(seconds=-1), "not within a day"),
    ],
)
def test_a_departure_that_cannot_be_told_is_refused(soc, ahead, fact):
    at = BEFORE - timedelta(seconds=10) + ahead
    with pytest.raises(UsageError, match=fact):
        told(lambda car: car.plan_departure(soc, at), http(REAL))


def test_a_missing_token_file_is_named():
    with pytest.raises(RigError, match="token_file: cannot be read"):
        told(lambda car: car.ready(), http(STATE), token_file="/nonexistent/token")  # noqa: S106


# Too many requests


def test_an_instruction_waits_as_long_as_the_cloud_asks():
    many = http('{"error":"rate_limited"}', "429 Too Many Requests", "Retry-After: 20")

    async def ask(car):
        answer = await car.limit_power_w(1400.0)
        return answer, asyncio.get_running_loop().time()

    (answer, at_s), requests, _ = told(ask, http(CHARGING), many, http(DONE))
    assert answer.accepted
    assert (at_s, len(requests)) == (20.0, 3)


def test_an_instruction_does_not_wait_for_ever():
    many = http("{}", "429 Too Many Requests", "Retry-After: 3600")
    with pytest.raises(RefusedError, match="asked too often; again in 3600 s"):
        told(lambda car: car.limit_power_w(0), http(CHARGING), many)


def test_polls_leave_the_cloud_alone_as_long_as_it_asks():
    many = http("{}", "429 Too Many Requests", "Retry-After: 100")

    async def trial():
        bench = Bench(DRIVER)
        async with (
            http_peer(many, http(REAL)) as (address, requests),
            bench.open(address, vin=VIN) as car,
        ):
            seen = []
            for at_s in (0.0, 30.0, 60.0, 90.0, 120.0):
                await bench.clock.until(at_s)
                seen.append((len(requests), values(await car.poll())["soc_percent"]))
            return seen, bench.events

    seen, events = run(trial())
    assert [count for count, _ in seen] == [0, 1, 1, 1, 1]
    assert all(math.isnan(soc) for _, soc in seen[:4])
    assert seen[4][1] == 77.0
    assert any("asked too often" in detail for _, detail in events)


# The emulator


def on_bench(work, *, driver=None, **emulator):
    async def trial():
        bench = Bench(DRIVER)
        async with bench.both(driver=driver, **emulator) as (cloud, car):
            await car.ready()
            await bench.clock.until(60.0)
            return await work(bench, cloud, car)

    return run(trial())


def test_it_offers_what_it_says():
    async def work(_bench, cloud, car):
        for capability in DRIVER.capabilities:
            assert isinstance(car, capability)
        assert isinstance(cloud, Breakable)
        assert cloud.breaks == DRIVER.faults

    on_bench(work)
    assert set(DRIVER.capabilities) == {Device, Polled, LimitsPower, PlansDeparture}


def test_the_emulator_answers_documented_requests():
    async def trial():
        bench = Bench(DRIVER)
        async with bench.emulate(vin=VIN, asleep=True, charging=False) as cloud:
            head, body = await raw_http(
                cloud.address, asked("GET", f"/api/1/vehicles/{VIN}/vehicle_data")
            )
            assert head.startswith("HTTP/1.1 408 ")
            assert body == ASLEEP
            unknown = await raw_http(
                cloud.address, asked("POST", f"/api/1/vehicles/{VIN}/command/fly", "{}")
            )
            other = await raw_http(cloud.address, asked("GET", "/api/1/vehicles/X"))
            return unknown, other

    unknown, other = run(trial())
    assert unknown[0].startswith("HTTP/1.1 408 ")
    assert other[0].startswith("HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("command", "body", "error"),
    [
        ("fly", "{}", "invalid_command"),
        ("set_charging_amps", "{}", "invalid_field"),
        ("set_charging_amps", '{"charging_amps":"6"}', "invalid_field"),
        ("set_charging_amps", '{"charging_amps":true}', "invalid_field"),
        ("set_charge_limit", '{"percent":20}', "invalid_field"),
        ("set_scheduled_departure", '{"enable":1}', "invalid_field"),
        ("set_scheduled_departure", '{"enable":true,"departure_time":1440}', "invalid"),
        ("set_charging_amps", "not json", "invalid_field"),
    ],
)
def test_the_emulator_refuses_what_makes_no_sense(command, body, error):
    async def trial():
        bench = Bench(DRIVER)
        async with bench.emulate(vin=VIN) as cloud:
            path = f"/api/1/vehicles/{VIN}/command/{command}"
            return await raw_http(cloud.address, asked("POST", path, body))

    head, answer = run(trial())
    assert head.startswith("HTTP/1.1 400 ")
    assert error in answer


def test_a_limit_is_followed_and_lifted_and_the_meter_shows_it():
    async def work(bench, _cloud, car):
        powers = [bench.power_w()]
        for limit_w, until_s in ((2300.0, 90.0), (0.0, 120.0), (None, 150.0)):
            assert (await car.limit_power_w(limit_w)).accepted
            await bench.clock.until(until_s)
            powers.append(bench.power_w())
        return powers

    usual, limited, stopped, lifted = on_bench(work)
    assert usual == pytest.approx(7360, rel=0.02)
    assert limited == pytest.approx(2300, rel=0.02)
    assert stopped == 0.0
    assert lifted == pytest.approx(7360, rel=0.02)


def test_its_own_word_is_in_whole_kilowatts():
    async def work(_bench, _cloud, car):
        return values(await car.poll())

    said = on_bench(work)
    assert (said["power_w"], said["current_a"]) == (7000.0, 32.0)


def test_a_car_that_sleeps_is_woken_and_that_takes_its_time():
    async def work(bench, _cloud, car):
        await car.limit_power_w(0)
        await bench.clock.until(1500.0)
        asleep = values(await car.poll())["soc_percent"]
        began_s = bench.clock.now_s()
        answer = await car.limit_power_w(4600.0)
        took_s = bench.clock.now_s() - began_s
        await bench.clock.until(bench.clock.now_s() + 20.0)
        return asleep, answer, took_s, bench.power_w()

    asleep, answer, took_s, power_w = on_bench(work)
    assert math.isnan(asleep)
    assert answer.accepted
    assert "awake after" in answer.detail
    assert 10.0 + 2 * 1.0 <= took_s <= 45.0 + 2 * 4.0
    assert power_w == pytest.approx(4600, rel=0.02)


def test_polls_let_an_idle_car_sleep_and_do_not_wake_it():
    async def work(bench, cloud, car):
        await car.limit_power_w(0)
        seen = []
        for minute in range(2, 45):
            await bench.clock.until(60.0 * minute)
            await car.poll()
            seen.append(cloud.car.state())
        return seen

    seen = on_bench(work)
    assert seen[0] == "online"
    assert seen.count("asleep") > 15
    assert "online" not in seen[seen.index("asleep") :][:10]


def test_a_car_that_does_not_wake_up_is_a_refusal_in_bounded_time():
    async def work(bench, cloud, car):
        cloud.impose(Fault(FaultKind.REBOOTS, 3600.0))
        began_s = bench.clock.now_s()
        with pytest.raises(RefusedError, match="did not wake up in 90 s"):
            await car.limit_power_w(0)
        return bench.clock.now_s() - began_s

    assert on_bench(work) <= 100.0


def test_the_end_of_charging_is_at_the_charge_limit():
    async def work(bench, _cloud, car):
        await bench.clock.until(900.0)
        return bench.power_w(), values(await car.poll())["soc_percent"], bench.events

    power_w, soc, events = on_bench(work, soc_percent=79.0)
    assert power_w == 0.0
    assert soc in (79.0, 80.0)
    assert ("status", "charging_state Complete") in events


def test_a_departure_makes_it_wait_and_then_charge_in_time():
    async def work(bench, cloud, car):
        at = bench.clock.utc() + timedelta(hours=10)
        assert (await car.plan_departure(60.0, at)).accepted
        seen = [bench.power_w()]
        await bench.clock.until(1800.0)
        seen.append(bench.power_w())
        await bench.clock.until(36_000.0)
        return seen, cloud.car.vehicle.soc_percent(bench.clock.now_s())

    (_, waiting_w), soc = on_bench(work)
    assert waiting_w == 0.0
    assert soc == pytest.approx(60.0, abs=0.1)


def test_the_safe_state_is_what_was_found():
    async def work(bench, cloud, car):
        await car.limit_power_w(1400.0)
        await car.plan_departure(90.0, bench.clock.utc() + timedelta(hours=12))
        await car.make_safe()
        await car.make_safe()
        await bench.clock.until(bench.clock.now_s() + 20.0)
        return bench.power_w(), cloud.car.limit_percent, cloud.car.departs_at

    power_w, percent, departs = on_bench(work)
    assert power_w == pytest.approx(7360, rel=0.02)
    assert (percent, departs) == (80, None)


def test_a_car_that_was_stopped_when_found_is_stopped_again():
    async def work(bench, _cloud, car):
        await car.limit_power_w(4600.0)
        await bench.clock.until(90.0)
        during_w = bench.power_w()
        await car.limit_power_w(None)
        await bench.clock.until(120.0)
        return during_w, bench.power_w()

    during_w, after_w = on_bench(work, charging=False)
    assert during_w == pytest.approx(4600, rel=0.02)
    assert after_w == 0.0


def test_unplugging_is_told_and_plugging_in_charges_again():
    async def work(bench, cloud, car):
        await car.poll()
        cloud.operate("unplug")
        away_w = bench.power_w()
        await car.poll()
        cloud.operate("plug in")
        await bench.clock.until(90.0)
        await car.poll()
        for action in ("plug in", "kick"):
            with pytest.raises(ValueError, match="car"):
                cloud.operate(action)
        return away_w, bench.power_w(), [kind for kind, _ in bench.events]

    away_w, back_w, kinds = on_bench(work)
    assert away_w == 0.0
    assert back_w == pytest.approx(7360, rel=0.02)
    assert kinds.index("unavailable") < kinds.index("available")


def test_the_emulator_wants_its_token_and_says_when_it_is_over(tmp_path):
    path = tmp_path / "token"
    path.write_text("right")

    async def work(bench, _cloud, car):
        await car.poll()
        await bench.clock.until(200.0)
        with pytest.raises(LinkError, match="token expired"):
            await car.poll()

    token = {"token_file": str(path)}
    on_bench(work, driver=token, token="right", token_lasts_s=100.0)  # noqa: S106
    with pytest.raises(LinkError, match="invalid bearer token"):
        on_bench(work, token="right")  # noqa: S106


def test_the_emulator_limits_how_often_it_is_asked():
    async def work(_bench, _cloud, car):
        for _ in range(5):
            await car.identify()
        with pytest.raises(RefusedError, match="asked too often; again in 60 s"):
            await car.identify()

    on_bench(work, requests_per_minute=5)


# Faults: each shows on the wire or in the power, and is gone when lifted


def with_fault(fault, look, *, until_s=120.0, **emulator):
    """Return what `look` saw before, during and after a fault."""

    async def work(bench, cloud, car):
        seen = [await look(bench, cloud, car)]
        for begin in (True, False):
            cloud.impose(fault) if begin else cloud.lift(fault.kind)
            await bench.clock.until(bench.clock.now_s() + until_s)
            seen.append(await look(bench, cloud, car))
        return seen

    return on_bench(work, **emulator)


async def _limited_w(bench, _cloud, car):
    limit_w = 2300.0 if bench.clock.now_s() < 70.0 else 4600.0
    if bench.clock.now_s() > 200.0:
        limit_w = 1610.0
    assert (await car.limit_power_w(limit_w)).accepted
    await bench.clock.until(bench.clock.now_s() + 30.0)
    return round(bench.power_w(), -2)


async def _power_w(bench, _cloud, _car):
    return round(bench.power_w(), -2)


def test_accepts_and_ignores():
    assert with_fault(Fault(FaultKind.IGNORES), _limited_w) == [2300, 2300, 1600]


def test_trips():
    before, during, after = with_fault(Fault(FaultKind.TRIPS), _power_w)
    assert during == 0.0
    assert before == pytest.approx(7360, rel=0.02)
    assert after == pytest.approx(7360, rel=0.02)


def test_ramps_wrong():
    async def half_way(bench, _cloud, car):
        await car.limit_power_w(None)
        await bench.clock.until(bench.clock.now_s() + 400.0)
        await car.limit_power_w(1400.0)
        await bench.clock.until(bench.clock.now_s() + 6.0)
        return bench.power_w()

    before, during, after = with_fault(Fault(FaultKind.RAMPS_WRONG, 0.05), half_way)
    assert during > 6000
    assert before == pytest.approx(1400, rel=0.05)
    assert after == pytest.approx(1400, rel=0.05)


def test_reboots():
    async def state(bench, cloud, _car):
        return cloud.car.state(), round(bench.power_w(), -2)

    async def work(bench, cloud, car):
        await car.limit_power_w(2300.0)
        cloud.impose(Fault(FaultKind.REBOOTS, 300.0))
        await bench.clock.until(200.0)
        away = await state(bench, cloud, car)
        assert math.isnan(values(await car.poll())["soc_percent"])
        await bench.clock.until(500.0)
        return away, await state(bench, cloud, car)

    away, back = on_bench(work)
    assert away[0] == "offline"
    assert away[1] > 7000
    assert back[0] == "online"


def test_forgets_its_schedule():
    async def soc_in_the_morning(fault):
        async def work(bench, cloud, car):
            await car.plan_departure(60.0, bench.clock.utc() + timedelta(hours=10))
            if fault:
                cloud.impose(Fault(FaultKind.FORGETS_SCHEDULE))
            await bench.clock.until(36_000.0)
            return cloud.car.vehicle.soc_percent(bench.clock.now_s())

        return work

    kept, forgotten = (
        on_bench(asyncio.run(soc_in_the_morning(fault))) for fault in (False, True)
    )
    assert kept == pytest.approx(60.0, abs=0.1)
    assert forgotten < 41.0


@pytest.mark.parametrize("kind", [FaultKind.FROZEN, FaultKind.STALE])
def test_cached_values(kind):
    async def energy(_bench, cloud, car):
        reading = (await car.poll())[0]
        told = cloud._served(cloud._charge_state())
        return told["charge_energy_added"], reading.device_time_s

    before, during, after = with_fault(Fault(kind), energy, until_s=600.0)
    assert during[0] == pytest.approx(before[0], abs=0.02)
    assert after[0] > before[0] + 1.0
    moved = during[1] > before[1] + 500.0
    assert moved is (kind is FaultKind.STALE)


def test_silence():
    async def poll(_bench, _cloud, car):
        try:
            return len(await car.poll())
        except LinkError as error:
            return error.fact

    before, during, after = with_fault(Fault(FaultKind.GAP), poll)
    assert "no answer within 10 s" in str(during)
    assert before == after == 5


@pytest.mark.parametrize(
    ("fault", "ahead_s"),
    [
        (Fault(FaultKind.CLOCK_STEP, 90.0), 90.0),
        (Fault(FaultKind.CLOCK_DRIFT, 36.0), 36.0),
    ],
)
def test_clock_faults(fault, ahead_s):
    async def offset_s(bench, _cloud, car):
        return (await car.poll())[0].device_time_s - bench.clock.now_s()

    before, during, after = with_fault(fault, offset_s, until_s=3600.0)
    assert during == pytest.approx(ahead_s, abs=0.1)
    assert before == pytest.approx(0.0, abs=0.01)
    assert after == pytest.approx(0.0, abs=0.01)


def test_a_fault_that_it_cannot_have_is_refused_with_those_that_it_can():
    async def work(_bench, cloud, _car):
        with pytest.raises(ValueError, match="it can have 'accepts and ignores'"):
            cloud.impose(Fault(FaultKind.REVERSED))
        with pytest.raises(ValueError, match="needs an amount"):
            cloud.impose(Fault(FaultKind.RAMPS_WRONG))
        for kind in FaultKind:
            cloud.lift(kind)

    on_bench(work)


def test_the_same_seed_gives_the_same_messages():
    async def work(bench, _cloud, car):
        await car.limit_power_w(0)
        await bench.clock.until(1500.0)
        await car.limit_power_w(None)
        return bench.wire, bench.clock.now_s()

    assert on_bench(work) == on_bench(work)
