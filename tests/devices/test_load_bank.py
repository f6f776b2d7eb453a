"""The AC load: its lines byte by byte, its model, and its emulator on a circuit.

[P] Lines that two public programs send to an IT8615: SYST:REM, SYST:LOC, SYST:MODE AC,
SYST:CFPF:MODE PF, CURR, PFAC, INP, MEAS:CURR:RMS?, MEAS:VOLT:RMS?, MEAS:POW?,
MEAS:POW:PFAC?, MEAS:FREQ?, SYST:ERR?, an answer that begins with 0 for no error. [G]
ITECH IT8600 Programming Guide V2.2, page 6: a line ends with a newline, so does an
answer; a switch answers 0 or 1 (read for the IT8625). Not from a document: the numbers,
and what *IDN? says.
"""

import math
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.load_bank import itech_it8600
from devices.load_bank.model import LoadBank, LoadBankOptions, LoadPoint
from devices.meter import sdm230
from harness.core.bench import EmulatorContext
from harness.core.capabilities import Device, Polled, SetsLoad
from harness.core.circuit import Circuit
from harness.core.errors import BenchError, LinkError
from harness.core.faults import Fault, FaultKind
from tests.devices.meter_bench import QUIET, values
from tests.devices.modbus_bench import Bench, Script, on_virtual_time, scripted

TRANSCRIPTS_OF = ("load_bank/itech_it8600",)

DRIVER = itech_it8600.DRIVER
WHO = "ITECH Ltd., IT8615, 800571020777870003, 1.02-1.01"


def line(text):
    return (text + "\n").encode().hex()


def setting(text, error='0,"No error"'):
    """A setting, and what its look at the error queue is told."""
    return (line(f"{text}\nSYST:ERR?"), line(error))


def asked(question, answer):
    return (line(question), line(answer))


def taken_over():
    return [
        asked("*IDN?", WHO),
        asked("SYST:ERR?", '0,"No error"'),
        setting("SYST:REM"),
        setting("SYST:MODE AC"),
        setting("FUNC CURR"),
        setting("SYST:CFPF:MODE PF"),
    ]


async def with_load(exchanges, what, **options):
    script = Script(*exchanges)
    async with scripted(script) as port:
        bench = Bench(f"scpi://127.0.0.1:{port}", role="load")
        async with DRIVER.open(bench.context, DRIVER.options(**options)) as load:
            result = await what(load, bench)
    assert script.heard == script.expected
    return result


@pytest.mark.parametrize(
    ("leading", "options", "sent"),
    [
        (False, {}, "PFAC 0.500"),
        (True, {}, "PFAC -0.500"),
        (True, {"leading_sign": "+"}, "PFAC 0.500"),
        (False, {"leading_sign": "+"}, "PFAC -0.500"),
    ],
)
def test_a_load_point_is_told_in_rms_amperes_and_read_back(leading, options, sent):
    async def what(load, _bench):
        return await load.set_load(7.5, power_factor=0.5, leading=leading)

    exchanges = [
        *taken_over(),
        setting(sent),
        asked("PFAC?", sent.removeprefix("PFAC ")),
        setting("CURR 7.500"),
        asked("CURR?", "7.5000"),
        setting("INP 1"),
        asked("INP?", "1"),
    ]
    answer = on_virtual_time(with_load(exchanges, what, **options))
    assert answer.accepted
    assert "7.500 A RMS" in answer.detail


def test_a_poll_asks_for_rms_values_only():
    async def what(load, _bench):
        return await load.poll()

    exchanges = [
        asked("MEAS:POW?", "862.51"),
        asked("MEAS:VOLT:RMS?", "230.01"),
        asked("MEAS:CURR:RMS?", "7.4998"),
        asked("MEAS:POW:PFAC?", "-0.5001"),
        asked("MEAS:FREQ?", "50.01"),
    ]
    readings = on_virtual_time(with_load(exchanges, what))
    assert values(readings) == {
        "power_w": 862.51,
        "voltage_v": 230.01,
        "current_a": 7.4998,
        "power_factor": -0.5001,
        "frequency_hz": 50.01,
    }


def test_unity_has_no_side():
    async def what(load, _bench):
        return await load.set_load(1.0, power_factor=1.0, leading=True)

    exchanges = [
        *taken_over(),
        setting("PFAC 1.000"),
        asked("PFAC?", "1.000"),
        setting("CURR 1.000"),
        asked("CURR?", "1.0000"),
        setting("INP 1"),
        asked("INP?", "1"),
    ]
    assert on_virtual_time(with_load(exchanges, what)).accepted


def test_no_current_is_the_input_off_and_takes_nothing_over():
    async def what(load, _bench):
        return await load.set_load(0.0)

    exchanges = [setting("INP 0"), asked("INP?", "0")]
    answer = on_virtual_time(with_load(exchanges, what))
    assert (answer.accepted, answer.detail) == (True, "input off; INP? 0")


def test_what_another_left_in_the_error_queue_is_not_held_against_a_setting():
    async def what(load, _bench):
        return await load.set_load(1.0)

    exchanges = taken_over()
    exchanges[1:2] = [
        asked("SYST:ERR?", '-113,"Undefined header"'),
        asked("SYST:ERR?", '0,"No error"'),
    ]
    exchanges += [
        setting("PFAC 1.000"),
        asked("PFAC?", "1"),
        setting("CURR 1.000"),
        asked("CURR?", "1"),
        setting("INP 1"),
        asked("INP?", "ON"),
    ]
    assert on_virtual_time(with_load(exchanges, what)).accepted


@pytest.mark.parametrize(
    ("exchanges", "told"),
    [
        (
            [
                setting("PFAC 1.000"),
                asked("PFAC?", "1.000"),
                setting("CURR 25.000", '-222,"Data out of range"'),
                asked("SYST:ERR?", '0,"No error"'),
            ],
            "CURR 25.000 was refused: -222 Data out of range",
        ),
        (  # [G] says that values are rounded to what it can hold, without an error
            [
                setting("PFAC 1.000"),
                asked("PFAC?", "1.000"),
                setting("CURR 25.000"),
                asked("CURR?", "20.0000"),
                setting("INP 0"),
                asked("INP?", "0"),
            ],
            "CURR 25.000 was taken for 20; input off",
        ),
        (
            [
                setting("PFAC 1.000"),
                asked("PFAC?", "1.000"),
                setting("CURR 25.000"),
                asked("CURR?", "25.000"),
                setting("INP 1"),
                asked("INP?", "0"),
            ],
            "told INP 1, it says 0",
        ),
    ],
)
def test_what_the_load_does_not_do_is_not_accepted(exchanges, told):
    async def what(load, _bench):
        return await load.set_load(25.0)

    answer = on_virtual_time(with_load([*taken_over(), *exchanges], what))
    assert (answer.accepted, answer.detail) == (False, told)


@pytest.mark.parametrize(
    ("current_a", "factor"),
    [(-1.0, 1.0), (math.nan, 1.0), (math.inf, 1.0), (1.0, 1.01), (1.0, 0.0)],
)
def test_no_load_point_is_an_error_before_anything_is_sent(current_a, factor):
    async def what(load, bench):
        with pytest.raises(BenchError, match=r"it cannot draw .* at a power factor"):
            await load.set_load(current_a, power_factor=factor)
        assert bench.frames == []

    on_virtual_time(with_load([], what))


def test_another_instrument_is_named_and_nothing_is_set():
    async def what(load, _bench):
        with pytest.raises(LinkError, match=r"Keysight.* is no ITECH IT8600"):
            await load.ready()

    exchanges = [asked("*IDN?", "Keysight Technologies,34465A,MY5950,A.02.17")]
    on_virtual_time(with_load(exchanges, what))


def test_safe_is_an_input_that_says_it_is_off():
    async def what(load, _bench):
        await load.make_safe()
        await load.make_safe()

    once = [setting("INP 0"), asked("INP?", "0"), setting("SYST:LOC")]
    on_virtual_time(with_load(once + once, what))


def test_a_load_that_stays_on_is_an_error_of_the_bench():
    async def what(load, _bench):
        with pytest.raises(LinkError, match="told INP 0, it says 1"):
            await load.make_safe()

    on_virtual_time(with_load([setting("INP 0"), asked("INP?", "1")], what))


def test_after_a_loss_the_load_is_taken_over_anew():
    point = [
        setting("PFAC 1.000"),
        asked("PFAC?", "1.000"),
        setting("CURR 2.000"),
        asked("CURR?", "2.000"),
        setting("INP 1"),
        asked("INP?", "1"),
    ]

    async def what(load, _bench):
        assert (await load.set_load(2.0)).accepted
        with pytest.raises(LinkError, match="connection lost"):
            await load.poll()
        assert (await load.set_load(2.0)).accepted

    lost = (line("MEAS:POW?"), "hang up")
    exchanges = [*taken_over(), *point, lost, *taken_over(), *point]
    on_virtual_time(with_load(exchanges, what))


# The model.


def settled(current_a, power_factor, leading, **options):
    """Active and reactive power of a load point at 230 V, long after it was set."""
    bank = LoadBank(LoadBankOptions(**options), lambda _at_s: 230.0)
    bank.go_to(LoadPoint(current_a, power_factor, leading), at_s=0.0)
    return bank.power_w(600.0), bank.reactive_var(600.0)


@pytest.mark.parametrize(
    ("factor", "leading", "power_w", "reactive_var"),
    [
        (1.0, False, 2300.0, 0.0),
        (0.5, False, 1150.0, 2300.0 * math.sqrt(0.75)),
        (0.8, True, 1840.0, -1380.0),
    ],
)
def test_a_load_point_is_what_its_numbers_say(factor, leading, power_w, reactive_var):
    found = settled(10.0, factor, leading)
    assert found == pytest.approx((power_w, reactive_var), abs=1e-9)


def test_rms_it_is_and_the_peak_is_larger():
    async def run():
        async with bench_of() as (load, bench, emulator):
            await load.set_load(10.0)
            await bench.clock.until(5.0)
            answers = [
                float(emulator.instrument.carry_out(f"MEAS:CURR:{which}?"))
                for which in ("RMS", "AMPL:MAX")
            ]
            return answers, emulator.bank.power_w(5.0) / bench.circuit.voltage_v(5.0)

    (rms_a, peak_a), drawn_a = on_virtual_time(run())
    assert rms_a == pytest.approx(10.0, abs=1e-4)
    assert peak_a == pytest.approx(10.0 * math.sqrt(2), abs=1e-4)
    assert drawn_a == pytest.approx(10.0)


def test_more_than_its_rating_is_not_drawn():
    power_w, reactive_var = settled(20.0, 0.8, False, max_apparent_va=2300.0)
    assert math.hypot(power_w, reactive_var) == pytest.approx(2300.0)
    assert power_w == pytest.approx(1840.0)


def test_a_load_slews_and_then_settles():
    options = LoadBankOptions(slew_a_per_s=10.0, settling_s=0.1)
    bank = LoadBank(options, lambda _at_s: 230.0)
    bank.go_to(LoadPoint(10.0), at_s=100.0)
    seen = [bank.current_a(100.0 + step / 10) for step in range(13)]
    assert seen[:10] == pytest.approx([float(step) for step in range(10)])
    # One ampere was left after 0.9 s, and 1/e of it a time constant later.
    assert seen[10] == pytest.approx(10.0 - math.exp(-1.0))
    assert seen[12] == pytest.approx(10.0 - math.exp(-3.0))


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 5.0),
            st.floats(0.0, 20.0),
            st.floats(0.0, 1.0),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_from_wherever_it_is_it_moves_no_faster_than_it_can(points):
    options = LoadBankOptions(slew_a_per_s=20.0, settling_s=0.2)
    bank = LoadBank(options, lambda _at_s: 230.0)
    at_s, before = 0.0, (0.0, 0.0)
    for wait_s, current_a, factor, leading in points:
        bank.go_to(LoadPoint(current_a, factor, leading), at_s=at_s)
        assert bank.parts_a(at_s) == pytest.approx(before, abs=1e-9)
        middle = bank.parts_a(at_s + wait_s / 2)
        assert math.dist(before, middle) <= 20.0 * wait_s / 2 + 1e-9
        at_s += wait_s
        before = bank.parts_a(at_s)
        assert bank.current_a(at_s) <= 20.0 + 1e-9
    assert bank.current_a(at_s + 60.0) == pytest.approx(current_a, abs=1e-9)


@pytest.mark.parametrize(
    "options", [{"max_current_a": 0.0}, {"settling_s": 0.0}, {"slew": 1.0}]
)
def test_impossible_loads_are_refused(options):
    with pytest.raises(ValidationError):
        LoadBankOptions(**options)


# The emulated load on a circuit.


@asynccontextmanager
async def bench_of(**options):
    """An emulated load alone on a circuit, and its driver."""
    bench = Bench("", role="load")
    bench.circuit = Circuit(seed=1)
    context = EmulatorContext(
        where="test.toml [device.load]",
        role="load",
        clock=bench.clock,
        rng=np.random.default_rng(1),
        circuit=bench.circuit,
    )
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(
            DRIVER.emulate(context, DRIVER.emulator_options(**options))
        )
        dialled = Bench(emulator.address, role="load")
        dialled.circuit = bench.circuit
        load = await stack.enter_async_context(
            DRIVER.open(dialled.context, DRIVER.options())
        )
        await load.ready()
        yield load, dialled, emulator


@pytest.mark.parametrize("sign", ["-", "+"])
@pytest.mark.parametrize(
    ("factor", "leading"), [(1.0, False), (0.5, False), (0.8, True), (0.001, True)]
)
def test_a_load_point_flows_in_the_circuit(factor, leading, sign):
    async def run():
        bench = bench_of(leading_sign=sign)
        async with bench as (load, here, emulator):
            how = DRIVER.options(leading_sign=sign)
            async with DRIVER.open(Bench(emulator.address).context, how) as driver:
                answer = await driver.set_load(
                    5.0, power_factor=factor, leading=leading
                )
                assert answer.accepted, answer.detail
                await here.clock.until(10.0)
                readings = values(await load.poll())
            voltage_v = here.circuit.voltage_v(here.clock.now_s())
            flows = [
                read(("load",), here.clock.now_s()) / (5.0 * voltage_v)
                for read in (here.circuit.power_w, here.circuit.reactive_var)
            ]
            return flows, readings

    (active, reactive), readings = on_virtual_time(run())
    assert active == pytest.approx(factor, abs=1e-4)
    sine = math.sqrt(1 - factor**2) * (-1 if leading else 1)
    assert reactive == pytest.approx(sine, abs=1e-4)
    assert readings["current_a"] == pytest.approx(5.0, abs=1e-4)
    assert abs(readings["power_factor"]) == pytest.approx(factor, abs=1e-3)


def test_the_emulated_load_refuses_what_it_cannot_hold_and_stays_as_it_was():
    async def run():
        async with bench_of(max_current_a=20.0) as (load, here, _):
            assert (await load.set_load(20.0)).accepted
            answer = await load.set_load(20.001)
            await here.clock.until(5.0)
            return answer, (await load.poll())[2].value

    answer, current_a = on_virtual_time(run())
    assert not answer.accepted
    assert "-222 Data out of range" in answer.detail
    assert current_a == pytest.approx(20.0, abs=1e-3)


def test_a_meter_sees_the_load_come_and_go():
    async def run():
        async with bench_of() as (load, here, _), AsyncExitStack() as stack:
            context = EmulatorContext(
                where="", role="meter", clock=here.clock, circuit=here.circuit,
                rng=np.random.default_rng(2), sees=("load",),
            )  # fmt: skip
            options = sdm230.DRIVER.emulator_options(**QUIET)
            meter = await stack.enter_async_context(
                sdm230.DRIVER.emulate(context, options)
            )
            seen = []
            for number, current_a in enumerate((0.0, 10.0, 0.0), 1):
                await load.set_load(current_a)
                await here.clock.until(10.0 * number)
                seen.append(meter._metering.shown().power_w)
            return seen

    before, during, after = on_virtual_time(run())
    assert (before, after) == (0.0, 0.0)
    assert during == pytest.approx(2300.0, rel=0.02)


@pytest.mark.parametrize(
    ("fault", "during", "after"),
    [
        (Fault(FaultKind.IGNORES), 2.0, 10.0),
        (Fault(FaultKind.TRIPS), 0.0, 10.0),
        (Fault(FaultKind.RAMPS_WRONG, 0.001), 2.0, 10.0),
    ],
)
def test_a_fault_does_what_it_says_until_it_is_lifted(fault, during, after):
    async def run():
        async with bench_of() as (load, here, emulator):
            await load.set_load(2.0)
            await here.clock.until(5.0)
            emulator.impose(fault)
            await load.set_load(10.0)
            await here.clock.until(6.0)
            broken_a = emulator.bank.current_a(6.0)
            emulator.lift(fault.kind)
            await here.clock.until(12.0)
            return broken_a, emulator.bank.current_a(12.0)

    assert on_virtual_time(run()) == pytest.approx((during, after), abs=0.25)


def test_a_silent_load_is_an_error_in_bounded_time():
    async def run():
        async with bench_of() as (load, here, emulator):
            emulator.impose(Fault(FaultKind.GAP))
            with pytest.raises(LinkError, match="silence, no reply within 2 s"):
                await load.poll()
            assert here.clock.now_s() == 2.0
            emulator.lift(FaultKind.GAP)
            assert len(await load.poll()) == 5

    on_virtual_time(run())


def test_an_unknown_fault_a_senseless_pace_and_a_persons_hand_are_refused():
    async def run():
        async with bench_of() as (_, _, emulator):
            with pytest.raises(ValueError, match="cannot have the fault"):
                emulator.impose(Fault(FaultKind.STALE))
            with pytest.raises(ValueError, match="a factor above 0"):
                emulator.impose(Fault(FaultKind.RAMPS_WRONG, 0.0))
            with pytest.raises(ValueError, match="nobody can 'unplug'"):
                emulator.operate("unplug")

    on_virtual_time(run())


def test_the_driver_offers_what_it_says():
    async def run():
        async with bench_of() as (load, _, _):
            assert all(isinstance(load, one) for one in DRIVER.capabilities)
            who = await load.identify()
            return who.maker, who.model, set(load.quantities)

    maker, model, quantities = on_virtual_time(run())
    assert DRIVER.capabilities == (Device, Polled, SetsLoad)
    assert (maker, model) == ("ITECH Ltd.", "IT8615")
    assert "current_a" in quantities
