"""OCPP 2.0.1 driver and emulated station on one wire, and a whole trial over it."""

import itertools
from pathlib import Path

import pytest

from devices.ev_chargepoint import profiles as engine
from devices.ev_chargepoint.ocpp201 import DRIVER
from devices.ev_chargepoint.profiles201 import read
from harness.checks.verdict import Outcome
from harness.core.capabilities import Identity
from harness.core.errors import LinkError
from harness.core.faults import Fault, FaultKind
from tests.cli.bench import pytest_here, rig
from tests.devices.ocpp201_bench import both
from tests.devices.ocpp_bench import play

ROOT = Path(__file__).parents[2]


@play
async def test_from_a_limit_to_less_power_and_back():
    async with both(driver={"sample_interval_s": 5}) as bench:
        assert await bench.driver.identify() == Identity(
            "Flexrig", "Emulated AC 1", "0001", "1.0"
        )
        await bench.after(20)
        assert bench.power_w() == pytest.approx(7360, rel=0.02)
        answer = await bench.driver.limit_power_w(1400)
        assert (answer.accepted, answer.detail) == (True, "Accepted; composite 6.0 A")
        await bench.after(12)
        assert bench.power_w() == pytest.approx(1380, rel=0.02)
        assert bench.hears.last("power_w") == pytest.approx(bench.power_w(), abs=5)
        assert bench.hears.last("current_offered_a") == 6.0
        await bench.driver.limit_power_w(None)
        await bench.after(12)
        assert bench.power_w() == pytest.approx(7360, rel=0.02)
        assert bench.driver.violations == ()
        assert bench.hears.told("available") == ["SuspendedEV"]


@pytest.mark.parametrize("unit", ["A", "W"])
@pytest.mark.parametrize("phases", [1, 3])
def test_amperes_and_watts_on_one_phase_and_three(unit, phases):
    async def test():
        options = {"rate_unit": unit, "phases": phases}
        async with both(driver=options, phases=phases, max_current_a=32) as bench:
            await bench.after(10)
            limit_w = 230.0 * phases * 10
            assert (await bench.driver.limit_power_w(limit_w)).accepted
            await bench.after(12)
            volts = bench.circuit.voltage_v(bench.clock.now_s())
            assert bench.power_w() == pytest.approx(10 * phases * volts)

    play(test)()


@play
async def test_meter_values_carry_the_stations_own_time():
    async with both(driver={"sample_interval_s": 10}, clock_offset_s=120) as bench:
        await bench.after(35)
        times = {*bench.hears.times("power_w")}
        assert {130.0, 140.0, 150.0} <= times


@play
async def test_clock_aligned_values_arrive_too():
    options = {"sample_interval_s": 1000, "aligned_interval_s": 15}
    async with both(driver=options) as bench:
        await bench.after(50)
        times = bench.hears.times("power_w")
        assert len(times) >= 4
        assert times[-1] - times[-2] == pytest.approx(15)


@play
async def test_a_limit_outlives_unplugging_and_plugging_in():
    async with both() as bench:
        await bench.after(10)
        await bench.driver.limit_power_w(1400)
        bench.emulator.operate("unplug")
        await bench.after(5)
        assert bench.hears.told("unavailable")
        bench.emulator.operate("plug in")
        await bench.after(20)
        assert bench.power_w() == pytest.approx(1380, rel=0.02)
        told = "limit for the new transaction: Accepted"
        assert told in bench.hears.told("status")


@play
async def test_a_lost_connection_keeps_the_limit_and_loses_no_value():
    async with both(driver={"sample_interval_s": 5}) as bench:
        await bench.after(10)
        await bench.driver.limit_power_w(1400)
        await bench.after(10.5)
        bench.emulator.impose(Fault(FaultKind.LATE_BACKLOG, 30))
        bench.emulator._session.cut("pulled")
        await bench.after(0.1)
        with pytest.raises(LinkError, match="not connected"):
            await bench.driver.limit_power_w(None)
        await bench.after(40)
        assert bench.power_w() == pytest.approx(1380, rel=0.02)
        times = bench.hears.times("power_w")
        assert sorted(times) == times, "in their order"
        sampled = [at_s for at_s in times if at_s > 0 and at_s % 5 == 0]
        steps = {late - early for early, late in itertools.pairwise(sampled)}
        assert steps == {5.0}, "each once, and none is missing"
        assert bench.hears.told("lost")
        assert len(bench.hears.told("connected")) == 2
        assert bench.hears.told("available")[-1].startswith("Occupied")
        assert bench.driver.violations == ()


@play
async def test_a_reboot_is_seen_and_the_limit_is_set_again():
    async with both() as bench:
        await bench.after(10)
        await bench.driver.limit_power_w(1400)
        bench.emulator.impose(Fault(FaultKind.REBOOTS, 15))
        await bench.after(12)
        assert bench.power_w() == 0.0
        await bench.after(30)
        assert bench.power_w() == pytest.approx(1380, rel=0.02)
        assert bench.hears.told("lost")
        assert bench.driver.violations == ()


@play
async def test_making_safe_leaves_what_others_set():
    async with both(external_limit_a=20) as bench:
        await bench.after(10)
        await bench.driver.limit_power_w(1400)
        await bench.driver.make_safe()
        await bench.driver.make_safe()
        await bench.after(12)
        volts = bench.circuit.voltage_v(bench.clock.now_s())
        assert bench.power_w() == pytest.approx(20 * volts)


@play
async def test_a_station_that_says_nonsense_is_a_bench_fault():
    async with both(clean=False, faults={"malformed_json_at_s": 5}) as bench:
        await bench.after(10)
        with pytest.raises(
            LinkError, match=r"broke OCPP 2\.0\.1: a message is not JSON"
        ):
            await bench.driver.limit_power_w(1400)
        assert (await bench.driver.limit_power_w(1400)).accepted, "told once"


def test_the_same_seed_gives_the_same_wire():
    wires = []

    async def test():
        async with both(reaction_spread_s=2.0) as bench:
            await bench.driver.limit_power_w(2000)
            await bench.after(30)
            wires.append(bench.hears.wire)

    for _ in range(2):
        play(test)()
    first, second = wires
    assert len(first) > 40
    assert first == second


@pytest.mark.parametrize("profile", [1, 2, 3])
def test_every_security_profile_works_on_virtual_time(profile):
    async def test():
        async with both(driver={"security_profile": profile}) as bench:
            scheme = "ws" if profile == 1 else "wss"
            assert bench.driver.address.startswith(f"{scheme}://")
            await bench.after(10)
            assert (await bench.driver.limit_power_w(1400)).accepted
            await bench.after(12)
            assert bench.power_w() == pytest.approx(1380, rel=0.02)

    play(test)()


DAILY = {
    "id": 100,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "chargingSchedule": [
        {
            "id": 1,
            "duration": 86400,
            "startSchedule": "2013-01-01T00:00Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 11000, "numberPhases": 3},
                {"startPeriod": 28800, "limit": 6000, "numberPhases": 3},
                {"startPeriod": 72000, "limit": 11000, "numberPhases": 3},
            ],
        }
    ],
}
"""Part 2, K, 3.6: 6 kW between 08:00 and 20:00, 11 kW outside those hours."""


def peaks(ident, level, kind, start, duration_s, limit, **more):
    schedule = {
        "id": 1,
        "startSchedule": start,
        "duration": duration_s,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": limit, "numberPhases": 1}
        ],
    }
    return {
        "id": ident,
        "stackLevel": level,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
        **more,
    }


STACK = [
    peaks(10, 1, "Recurring", "2020-01-09T17:00:00Z", 10_800, 2000,
          recurrencyKind="Daily"),
    peaks(11, 2, "Recurring", "2020-01-05T00:00:00Z", 86_400, 999_999,
          recurrencyKind="Weekly"),
    peaks(12, 3, "Absolute", "2020-12-25T00:00:00Z", 86_400, 999_999,
          validFrom="2020-01-01T00:00:00Z", validTo="2021-01-01T00:00:00Z"),
]  # fmt: skip
"""Part 2, K, 3.6.1: 2 kW from 17:00 to 20:00, but not on Sundays nor on Christmas Day
2020. (Its duration, 1080, is a misprint of the three hours that the text says; the
zone is ours.)"""


def limit_w(payloads, text, phases):
    profiles = [read(1, payload).profile for payload in payloads]
    here = engine.Situation(1, engine._posix(text), None, phases)
    found = engine.limit_a(profiles, here)
    return None if found is None else round(found * 230 * phases)


@pytest.mark.parametrize(
    ("payloads", "text", "phases", "limit"),
    [
        ([DAILY], "2026-03-02T07:59:59Z", 3, 11_000),
        ([DAILY], "2026-03-02T08:00:00Z", 3, 6_000),
        ([DAILY], "2026-03-02T20:00:00Z", 3, 11_000),
        (STACK, "2020-06-02T16:59:59Z", 1, None),
        (STACK, "2020-06-02T17:00:00Z", 1, 2000),
        (STACK, "2020-06-02T20:00:00Z", 1, None),
        (STACK, "2020-06-07T17:30:00Z", 1, 999_999),  # a Sunday
        (STACK, "2020-12-25T17:30:00Z", 1, 999_999),  # a Friday
        (STACK, "2021-12-25T17:30:00Z", 1, 2000),  # the exception was for 2020
    ],
)
def test_the_specifications_own_profiles(payloads, text, phases, limit):
    assert limit_w(payloads, text, phases) == limit


# The whole way: a rig file, a feature, a verdict.

FEATURE = ROOT / "features/devices/chargepoint_wall.feature"


def run_feature(folder, *changes):
    path = rig(folder / "rig.toml", ("ev_chargepoint/ocpp16", DRIVER.name), *changes)
    return pytest_here(FEATURE, path, folder / "run", "--date", "2026-03-02")


def test_a_station_that_obeys_passes_a_trial(tmp_path):
    ended = run_feature(tmp_path)
    assert ended.exit_code == 0, ended.text
    assert {v.outcome for v in ended.record.verdicts} == {Outcome.PASS}


def test_a_station_that_accepts_and_ignores_fails_it(tmp_path):
    table = "[device.ev.emulator]\n"
    ignores = f"{table}faults = {{ ignores_profiles = true }}\n"
    ended = run_feature(tmp_path, (table, ignores))
    assert ended.exit_code == 1, ended.text
    reasons = " ".join(verdict.reason for verdict in ended.record.verdicts)
    assert "accepted but not delivered" in reasons
