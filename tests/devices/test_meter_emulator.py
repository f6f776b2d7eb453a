"""Emulated meters on their real wires, read by their drivers, in virtual time."""

import asyncio
from contextlib import AsyncExitStack

import numpy as np
import pytest

from devices.links.modbus import RegisterRefused
from devices.meter import sdm120, sdm230, sdm630
from devices.meter.emulator import MeterEmulator
from harness.core.bench import EmulatorContext
from harness.core.circuit import Circuit, FixedLoad
from harness.core.errors import LinkError
from tests.devices.meter_bench import QUIET, Step, bench_of, polled
from tests.devices.modbus_bench import Bench, on_virtual_time, raw_exchange

MODULES = [sdm120, sdm230, sdm630]


@pytest.mark.parametrize("module", MODULES)
def test_a_driver_reads_what_flows(module):
    async def run():
        async with bench_of(module, FixedLoad(7200.0), **QUIET) as (meter, bench, _):
            first = await meter.poll()
            energy = await polled(meter, bench.clock, 600, "energy_import_wh")
            return {each.quantity: each.value for each in first}, energy

    readings, energy = on_virtual_time(run())
    assert readings["power_w"] == pytest.approx(7200.0, rel=1e-6)
    assert readings["voltage_v"] == pytest.approx(230.0, abs=2.6)
    assert readings["current_a"] == pytest.approx(
        7200.0 / readings["voltage_v"], rel=1e-3
    )
    assert readings["frequency_hz"] == pytest.approx(50.0, abs=0.05)
    read = [value for value in energy if value is not None]
    assert len(read) == 60, "every tenth poll, and missing otherwise"
    assert read[-1] == pytest.approx(1200.0, abs=25)


def test_the_boundary_meter_sees_everything():
    async def run():
        how = {"sees": ("*",)} | QUIET
        async with bench_of(sdm630, FixedLoad(7200.0), **how) as (meter, bench, _):
            return (await polled(meter, bench.clock, 2))[-1]

    assert on_virtual_time(run()) == pytest.approx(7500.0, rel=1e-6)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    ("errors", "late_s"),
    [
        ({}, 1),
        ({"clock_offset_s": 90.0}, 91),
        ({"latency_s": 5.0}, 6),
        ({"update_interval_s": 10.0}, 10),
    ],
)
def test_a_step_is_seen_when_the_error_model_says(module, errors, late_s):
    async def run():
        load = Step(at_s=50.0, before_w=0.0, after_w=7000.0)
        async with bench_of(module, load, **QUIET, **errors) as (meter, bench, _):
            return await polled(meter, bench.clock, 160)

    seen = on_virtual_time(run())
    arrived_s = seen.index(7000.0) + 1
    interval_s = errors.get("update_interval_s", 1.0)
    assert 50 + late_s - interval_s <= arrived_s <= 50 + late_s
    assert set(seen) == {0.0, 7000.0}


def test_a_flattering_meter_shows_5_percent_less():
    async def run():
        how = {"gain_percent": -5.0} | QUIET
        async with bench_of(sdm230, FixedLoad(7000.0), **how) as (meter, bench, _):
            return await polled(meter, bench.clock, 5)

    assert on_virtual_time(run()) == pytest.approx([6650.0] * 5, rel=1e-6)


def test_a_frozen_meter_repeats_itself_to_the_last_bit():
    async def run():
        how = {"frozen_after_s": 20.0}
        async with bench_of(sdm230, FixedLoad(7000.0), **how) as (meter, bench, _):
            return await polled(meter, bench.clock, 40, "voltage_v")

    seen = on_virtual_time(run())
    assert len(set(seen[:20])) == 20
    assert len(set(seen[20:])) == 1


def test_a_meter_that_dies_is_an_error_in_bounded_time():
    async def run():
        how = {"silent_after_s": 5.0}
        async with bench_of(sdm230, FixedLoad(1.0), **how) as (meter, bench, _):
            await polled(meter, bench.clock, 4)
            await bench.clock.until(5.0)
            with pytest.raises(LinkError, match="unit 1 kept silence"):
                await meter.poll()
            assert bench.clock.now_s() == 6.0
            assert meter.failures == 1

    on_virtual_time(run())


def test_a_slow_meter_delays_the_reading_not_the_look():
    async def run():
        how = {"reply_delay_s": 0.25} | QUIET
        async with bench_of(sdm630, FixedLoad(1000.0), **how) as (meter, bench, _):
            await bench.clock.until(10.0)
            await meter.poll()
            return bench.clock.now_s()

    assert on_virtual_time(run()) == pytest.approx(10.5), "two requests"


@pytest.mark.parametrize(
    ("wired", "sums"), [(1, [3600.0, 0.0, 0.0]), (3, [1200.0] * 3)]
)
def test_an_sdm630_carries_one_phase_or_three(wired, sums):
    async def run():
        options = {"phases": wired, "how": {"per_phase": True}} | QUIET
        async with bench_of(sdm630, FixedLoad(3600.0), **options) as (meter, *_):
            return {each.quantity: each.value for each in await meter.poll()}

    readings = on_virtual_time(run())
    assert readings["power_w"] == pytest.approx(3600.0)
    assert [readings[f"power_l{n}_w"] for n in (1, 2, 3)] == pytest.approx(sums)
    currents = sum(readings[f"current_l{n}_a"] for n in (1, 2, 3))
    assert readings["current_a"] == pytest.approx(currents, rel=1e-5)


@pytest.mark.parametrize(
    ("request_frame", "reply"),
    [
        # An odd address or count splits a value: 02 (SDM630 V1.8, 3.8.1 and 3.11.1).
        ("0001 0000 0006 01 04 0001 0002", "0001 0000 0003 01 84 02"),
        ("0001 0000 0006 01 04 0000 0003", "0001 0000 0003 01 84 02"),
        # More than 40 values: an exception (1.1); which one is not said.
        ("0001 0000 0006 01 04 0000 0052", "0001 0000 0003 01 84 02"),
        # Functions it does not know (3.8): 06.
        ("0001 0000 0006 01 06 0014 0002", "0001 0000 0003 01 86 01"),
        # Beyond the map, and set-up that an emulated meter does not take.
        ("0001 0000 0006 01 04 1000 0002", "0001 0000 0003 01 84 02"),
        ("0001 0000 0006 01 03 1000 0002", "0001 0000 0003 01 83 02"),
        (
            "0001 0000 000B 01 10 0014 0002 04 4000 0000",
            "0001 0000 0003 01 90 02",
        ),
        # Its unit id, 1.0, and an echo (3.12).
        ("0001 0000 0006 01 03 0014 0002", "0001 0000 0007 01 03 04 3F80 0000"),
        ("0001 0000 0006 01 08 0000 AA55", "0001 0000 0006 01 08 0000 AA55"),
    ],
)
def test_the_emulator_keeps_to_eastrons_rules(request_frame, reply):
    async def run():
        async with bench_of(sdm630, FixedLoad(1.0)) as (*_, emulator):
            return await raw_exchange(emulator.address, request_frame)

    assert on_virtual_time(run()) == bytes.fromhex(reply)


def test_forty_values_just_pass():
    async def run():
        async with bench_of(sdm630, FixedLoad(1.0)) as (*_, emulator):
            return await raw_exchange(
                emulator.address, "0001 0000 0006 01 04 0000 0050"
            )

    assert len(on_virtual_time(run())) == 9 + 160


def test_the_same_seed_gives_the_same_frames_and_another_seed_others():
    def run(seed):
        async def frames():
            load = Step(at_s=30.0, before_w=100.0, after_w=3000.0)
            async with bench_of(sdm230, load, seed=seed) as (meter, bench, _):
                await polled(meter, bench.clock, 100)
                return bench.frames

        return on_virtual_time(frames())

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_two_meters_of_one_load_disagree_only_by_their_errors():
    # Each has its own update grid, and the circuit is never asked about the past.
    async def run():
        load = Step(at_s=10.0, before_w=0.0, after_w=5000.0)
        circuit = Circuit()
        circuit.attach("ev", load)
        async with AsyncExitStack() as stack:
            meters = []
            bench = Bench("")
            for number, module in enumerate(MODULES):
                context = EmulatorContext(
                    where="test.toml",
                    role=f"m{number}",
                    clock=bench.clock,
                    rng=np.random.default_rng(number),
                    circuit=circuit,
                    sees=("ev",),
                )
                driver = module.DRIVER
                emulator = await stack.enter_async_context(
                    driver.emulate(context, driver.emulator_options(**QUIET))
                )
                here = Bench(emulator.address)
                meters.append(
                    await stack.enter_async_context(
                        driver.open(here.context, driver.options())
                    )
                )
            async with asyncio.TaskGroup() as group:
                polls = [
                    group.create_task(polled(meter, bench.clock, 20))
                    for meter in meters
                ]
            return [poll.result() for poll in polls]

    seen = on_virtual_time(run())
    for powers in seen:
        assert powers[:9] == [0.0] * 9
        assert powers[10:] == [5000.0] * 10


@pytest.mark.parametrize("module", MODULES)
def test_identity_is_stable_and_the_role_decides_it(module):
    async def run():
        async with bench_of(module, FixedLoad(1.0)) as (meter, *_):
            return await meter.identify(), await meter.identify()

    first, again = on_virtual_time(run())
    assert first == again
    assert first.maker == "Eastron"
    assert first.serial.isdecimal()


def test_nobody_operates_a_meter():
    async def run():
        async with bench_of(sdm230, FixedLoad(1.0)) as (_, _, emulator):
            assert isinstance(emulator, MeterEmulator)
            with pytest.raises(ValueError, match="nobody can 'unplug'"):
                emulator.operate("unplug")

    on_virtual_time(run())


@pytest.mark.parametrize("module", MODULES)
def test_a_meter_on_a_port_is_read_on_the_wall_clock(module):
    async def run():
        how = {"serial": True, "baud": 38400} | QUIET
        async with bench_of(module, FixedLoad(2000.0), **how) as (meter, bench, _):
            readings = {each.quantity: each.value for each in await meter.poll()}
            with pytest.raises(RegisterRefused):
                await meter._link.read_holding(0, 2)
            return readings, bench.frames

    readings, frames = asyncio.run(run())
    assert readings["power_w"] == pytest.approx(2000.0, rel=1e-6)
    assert frames[0][1].startswith("01040000")
