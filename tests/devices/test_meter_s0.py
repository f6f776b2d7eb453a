"""S0 pulses: what power can be known from them, and when it cannot.

The module's layout is no make's, so the frames show our own defaults: input register 0,
the count, and 2, the period in milliseconds, both 32 bits, high word first.
"""

import math
from contextlib import asynccontextmanager

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from devices.meter import s0
from devices.meter.s0 import Pulses, power_of
from harness.core.circuit import FixedLoad
from harness.core.errors import LinkError
from tests.devices.meter_bench import QUIET, Step, bench_of, values
from tests.devices.modbus_bench import Bench, Script, on_virtual_time, scripted

TRANSCRIPTS_OF = ("meter/s0",)

DRIVER = s0.DRIVER


@asynccontextmanager
async def opened(script, **options):
    async with scripted(script) as port:
        bench = Bench(f"modbus://127.0.0.1:{port}/1")
        async with DRIVER.open(bench.context, DRIVER.options(**options)) as meter:
            yield meter, bench.clock
    assert script.heard == script.expected


def exchange(number, words):
    """One poll: count and period in a single request."""
    return (
        f"{number:04x} 0000 0006 01 04 0000 0004",
        f"{number:04x} 0000 000B 01 04 08 {words}",
    )


def polled(*answers, **options):
    """Poll once a second; return the values of each poll."""
    script = Script(*[exchange(n, words) for n, words in enumerate(answers, 1)])

    async def run():
        seen = []
        async with opened(script, **options) as (meter, clock):
            for second in range(len(answers)):
                await clock.until(float(second))
                seen.append(values(await meter.poll()))
        return seen

    return on_virtual_time(run())


def test_power_comes_from_the_period_and_energy_from_the_count():
    # 1,000 imp/kWh: a pulse is 1 Wh; one in 500 ms is 7.2 kW.
    first, second = polled("0001 0000 0000 01F4", "0001 0002 0000 01F4")
    assert math.isnan(first["power_w"]), "nobody knows how old the last pulse is"
    assert first["energy_import_wh"] == 65_536.0
    assert second["power_w"] == 7200.0
    assert second["energy_import_wh"] == 65_538.0
    # Half a millisecond of 500: 0.1 %.
    assert second["power_resolution_w"] == pytest.approx(7.2)


def test_power_falls_while_the_next_pulse_is_overdue_and_then_is_missing():
    same = ["0000 0001 0000 03E8"] * 6
    seen = polled("0000 0000 0000 03E8", *same, hold_s=4.0)
    powers = [each["power_w"] for each in seen]
    assert powers[1:6] == pytest.approx([3600.0, 3600.0, 1800.0, 1200.0, 900.0])
    assert math.isnan(powers[6])
    assert {each["energy_import_wh"] for each in seen[1:]} == {1.0}


def test_a_count_that_starts_anew_goes_on():
    seen = polled("FFFF FFFF 0000 03E8", "0000 0001 0000 03E8")
    assert seen[1]["power_w"] == 3600.0


def test_a_count_that_falls_is_an_error_and_the_next_poll_begins_anew():
    async def run():
        answers = ["0000 0064 0000 03E8", "0000 0002 0000 03E8", "0000 0003 0000 03E8"]
        script = Script(*[exchange(n, each) for n, each in enumerate(answers, 1)])
        async with opened(script) as (meter, _):
            await meter.poll()
            with pytest.raises(LinkError, match="count went back from 100 to 2"):
                await meter.poll()
            return values(await meter.poll())

    assert math.isnan(on_virtual_time(run())["power_w"])


def test_without_a_period_the_polls_time_the_pulses():
    counts = [0, 2, 4, 6]
    exchanges = [
        (
            f"{n:04x} 0000 0006 01 04 0000 0002",
            f"{n:04x} 0000 0007 01 04 04 {count:08x}",
        )
        for n, count in enumerate(counts, 1)
    ]

    async def run():
        seen = []
        async with opened(Script(*exchanges), has_period=False) as (meter, clock):
            for second in range(len(counts)):
                await clock.until(float(second))
                seen.append(values(await meter.poll()))
        return seen

    seen = on_virtual_time(run())
    assert [math.isnan(each["power_w"]) for each in seen] == [True, True, False, False]
    # Two pulses a second; but polls a second apart know the time to a second only.
    assert seen[3]["power_w"] == pytest.approx(7200.0)
    assert seen[3]["power_resolution_w"] == pytest.approx(7200.0)


def test_registers_of_another_module_are_named_in_the_options():
    script = Script(
        ("0001 0000 0006 01 03 0010 0002", "0001 0000 0007 01 03 04 0005 0000"),
        ("0002 0000 0006 01 03 0100 0002", "0002 0000 0007 01 03 04 0000 0000"),
    )
    options = {
        "function": 3,
        "low_first": True,
        "count_register": 0x10,
        "period_register": 0x100,
        "pulses_per_kwh": 2000.0,
    }

    async def run():
        async with opened(script, **options) as (meter, _):
            return values(await meter.poll())

    assert on_virtual_time(run())["energy_import_wh"] == 2.5


@given(
    power_w=st.floats(50.0, 20_000.0),
    per_kwh=st.sampled_from([100.0, 500.0, 1000.0, 10_000.0]),
    age=st.floats(0.0, 1.0),
)
def test_the_true_power_lies_within_the_resolution(power_w, per_kwh, age):
    period_s = 3.6e6 / per_kwh / power_w
    assume(period_s > 0.01)
    shown_s = round(period_s, 3)
    pulses = Pulses(1, 0.0, shown_s, 0.0005)
    told_w, resolution_w = power_of(
        pulses, now_s=age * shown_s, wh_per_pulse=1000 / per_kwh, hold_s=1e6
    )
    # Half a millisecond either way, and what that is to the second order.
    assert abs(told_w - power_w) <= resolution_w * 1.1 + 1e-9


@given(st.floats(0.001, 1e4), st.floats(0.0, 1e5), st.floats(1.0, 1e4))
def test_power_never_rises_while_no_pulse_comes(period_s, now_s, later_s):
    pulses = Pulses(1, 0.0, period_s, 0.0005)
    told = [
        power_of(pulses, now_s=at_s, wh_per_pulse=1.0, hold_s=1e6)[0]
        for at_s in (now_s, now_s + later_s)
    ]
    assert told[1] <= told[0]


# The emulated module.


@pytest.mark.parametrize(
    ("power_w", "per_kwh"), [(3600.0, 1000.0), (7200.0, 1000.0), (100.0, 1000.0),
                             (7200.0, 10_000.0), (433.3, 500.0)],
)  # fmt: skip
def test_the_driver_reads_what_flows_to_its_resolution(power_w, per_kwh):
    async def run():
        how = {"pulses_per_kwh": per_kwh}
        options = {"pulses_per_kwh": per_kwh, "how": how} | QUIET
        async with bench_of(s0, FixedLoad(power_w), **options) as (meter, bench, _):
            seen = []
            for second in range(1, 200):
                await bench.clock.until(float(second))
                seen.append(values(await meter.poll()))
            return seen

    seen = on_virtual_time(run())
    known = [each for each in seen if not math.isnan(each["power_w"])]
    # The first two pulses are needed, and 100 W gives one in 36 s.
    assert len(known) >= 120
    between_s = 3.6e6 / per_kwh / power_w
    for each in known[len(known) // 2 :]:
        overdue = max(1.0, 2.0 / between_s) if between_s < 2 else 1.1
        assert each["power_w"] <= power_w + each["power_resolution_w"] * 1.1 + 1e-6
        assert each["power_w"] >= power_w / overdue - each["power_resolution_w"] * 1.1
    wh = seen[-1]["energy_import_wh"]
    assert wh == pytest.approx(power_w * 199 / 3600, abs=2.1 * 1000 / per_kwh + 2)


def test_a_load_that_stops_leaves_a_value_that_fades_into_nothing():
    async def run():
        load = Step(at_s=60.0, before_w=3600.0, after_w=0.0)
        how = {"hold_s": 20.0}
        async with bench_of(s0, load, how=how, **QUIET) as (meter, bench, _):
            seen = []
            for second in range(1, 100):
                await bench.clock.until(float(second))
                seen.append(values(await meter.poll())["power_w"])
            return seen

    seen = on_virtual_time(run())
    assert seen[55] == pytest.approx(3600.0, rel=0.01)
    after = [each for each in seen[62:] if not math.isnan(each)]
    assert after == sorted(after, reverse=True)
    assert 200.0 >= after[-1] > 150.0, "an upper bound: it never says 0 W"
    assert math.isnan(seen[-1])


def test_feeding_in_makes_no_pulses():
    async def run():
        async with bench_of(s0, FixedLoad(-3000.0), **QUIET) as (meter, bench, _):
            await bench.clock.until(600.0)
            return values(await meter.poll())

    read = on_virtual_time(run())
    assert read["energy_import_wh"] == 0.0
    assert math.isnan(read["power_w"])
