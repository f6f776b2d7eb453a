"""Every fault that an emulated meter can have, as its driver sees it on the wire.

The load tells its time: at bench second t it draws 1,000 + t watts, so that a power
that is read says how old it is.
"""

import math

import pytest

from devices.links.modbus import RegisterRefused
from devices.meter import (
    b21,
    dlms,
    em340,
    iec62056_21,
    iem3155,
    s0,
    sdm120,
    sdm230,
    sdm630,
)
from harness.core.circuit import FixedLoad
from harness.core.errors import LinkError
from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices.meter_bench import QUIET, Ramp, bench_of, values
from tests.devices.modbus_bench import on_virtual_time

REGISTERS = [sdm120, sdm230, sdm630, em340, iem3155, b21]
CLOCKED = [iec62056_21, dlms]
POWERED = REGISTERS + CLOCKED
ALL = [*POWERED, s0]
FAST_POLLS = {"slow_every": 1}
LATEST_S = 2.0
"""An update interval, and what a read-out at 300 baud takes."""


def name_of(module):
    return module.DRIVER.name


def how_of(module):
    """Options with which every poll gives every value."""
    return FAST_POLLS if "slow_every" in module.DRIVER.options.model_fields else {}


def observe(module, script, *, until_s, load=None, every_s=5.0):
    """Poll on a grid; at given times impose a fault, or lift a kind of it.

    Returns (time, values or the error, device time) for each poll.
    """

    async def run():
        seen, todo = [], sorted(script.items())
        options = {"how": how_of(module)} | QUIET
        async with bench_of(module, load or Ramp(), **options) as (meter, bench, it):
            at_s = every_s
            while at_s <= until_s:
                await bench.clock.until(at_s)
                while todo and todo[0][0] <= at_s:
                    what = todo.pop(0)[1]
                    (it.impose if isinstance(what, Fault) else it.lift)(what)
                    # One update later, so that what is done at the look is seen.
                    await bench.clock.until(at_s + 1.0)
                now_s = bench.clock.now_s()
                try:
                    readings = await meter.poll()
                    seen.append((now_s, values(readings), readings[0].device_time_s))
                except LinkError as error:
                    seen.append((now_s, error, math.nan))
                at_s += every_s
        return seen

    return on_virtual_time(run())


def age_s(sample):
    """How old the power of a sample is."""
    now_s, got, _ = sample
    return now_s - (got["power_w"] - 1000.0)


def is_live(sample):
    return -LATEST_S <= age_s(sample) <= LATEST_S


@pytest.mark.parametrize("module", ALL, ids=name_of)
def test_every_meter_says_truly_what_it_can_have(module):
    async def run():
        async with bench_of(module, FixedLoad(1.0)) as (_, _, emulator):
            assert isinstance(emulator, Breakable)
            assert emulator.breaks == module.DRIVER.faults
            for kind in FaultKind:
                fault = Fault(kind, 10.0)
                if kind in emulator.breaks:
                    emulator.impose(fault)
                    emulator.lift(kind)
                else:
                    with pytest.raises(ValueError, match="is frozen"):
                        emulator.impose(fault)
                emulator.lift(kind)

    on_virtual_time(run())


@pytest.mark.parametrize("module", POWERED, ids=name_of)
def test_a_frozen_meter_repeats_itself_and_its_time(module):
    script = {30: Fault(FaultKind.FROZEN), 60: FaultKind.FROZEN}
    seen = observe(module, script, until_s=80)
    frozen = [(got, at) for now_s, got, at in seen if 30 <= now_s < 60]
    assert len(frozen) == 6
    assert all(repr(each) == repr(frozen[0]) for each in frozen)
    assert all(is_live(each) for each in seen if not 30 <= each[0] < 60)


@pytest.mark.parametrize("module", REGISTERS, ids=name_of)
def test_what_flowed_while_it_was_frozen_was_never_counted(module):
    load = FixedLoad(36_000.0)
    frozen = {100: Fault(FaultKind.FROZEN), 700: FaultKind.FROZEN}
    stale = {100: Fault(FaultKind.STALE), 700: FaultKind.STALE}
    of = {
        kind: observe(module, script, until_s=800, load=load, every_s=50.0)
        for kind, script in (("frozen", frozen), ("stale", stale))
    }
    final = {kind: seen[-1][1]["energy_import_wh"] for kind, seen in of.items()}
    # 36 kW is 10 Wh a second: 200 s were counted, or 800 s.
    assert final["frozen"] == pytest.approx(2000.0, abs=120.0)
    assert final["stale"] == pytest.approx(8000.0, abs=120.0)


@pytest.mark.parametrize("module", REGISTERS, ids=name_of)
def test_stale_registers_stand_still_and_then_catch_up(module):
    script = {30: Fault(FaultKind.STALE), 60: FaultKind.STALE}
    seen = observe(module, script, until_s=80)
    stale = [got for now_s, got, _ in seen if 30 <= now_s < 60]
    assert all(each == stale[0] for each in stale)
    assert all(is_live(each) for each in seen if not 30 <= each[0] < 60)


@pytest.mark.parametrize("module", ALL, ids=name_of)
def test_a_silent_meter_is_an_error_until_it_speaks_again(module):
    script = {30: Fault(FaultKind.GAP), 60: FaultKind.GAP}
    seen = observe(module, script, until_s=80, every_s=10.0)
    failed = [isinstance(got, LinkError) for _, got, _ in seen]
    assert failed == [False] * 2 + [True] * 3 + [False] * 3


@pytest.mark.parametrize("amount_s", [20.0, -20.0])
@pytest.mark.parametrize("module", REGISTERS, ids=name_of)
def test_without_a_clock_a_stepped_one_shows_in_old_values(module, amount_s):
    script = {60: Fault(FaultKind.CLOCK_STEP, amount_s), 100: FaultKind.CLOCK_STEP}
    seen = observe(module, script, until_s=120)
    for sample in seen:
        old_s = 20.0 if 60 <= sample[0] < 100 else 0.0
        assert age_s(sample) == pytest.approx(old_s, abs=LATEST_S)


@pytest.mark.parametrize("module", REGISTERS, ids=name_of)
def test_without_a_clock_a_drifting_one_shows_values_that_grow_older(module):
    # 1,800 s in an hour is half a second in each second.
    script = {60: Fault(FaultKind.CLOCK_DRIFT, 1800.0), 100: FaultKind.CLOCK_DRIFT}
    seen = observe(module, script, until_s=120)
    for sample in seen:
        since_s = sample[0] - 60 if 60 <= sample[0] < 100 else 0.0
        assert age_s(sample) == pytest.approx(since_s / 2, abs=LATEST_S)


@pytest.mark.parametrize("amount_s", [90.0, -90.0])
@pytest.mark.parametrize("module", CLOCKED, ids=name_of)
def test_a_stepped_clock_shows_in_the_meters_own_time_only(module, amount_s):
    script = {30: Fault(FaultKind.CLOCK_STEP, amount_s), 60: FaultKind.CLOCK_STEP}
    seen = observe(module, script, until_s=80)
    for now_s, got, at_s in seen:
        step_s = amount_s if 30 <= now_s < 60 else 0.0
        assert at_s - now_s == pytest.approx(step_s, abs=LATEST_S)
        assert is_live((now_s, got, at_s))


@pytest.mark.parametrize("module", CLOCKED, ids=name_of)
def test_a_drifting_clock_runs_away(module):
    script = {30: Fault(FaultKind.CLOCK_DRIFT, 1800.0), 90: FaultKind.CLOCK_DRIFT}
    seen = observe(module, script, until_s=120)
    for now_s, _, at_s in seen:
        error_s = (now_s - 30) / 2 if 30 <= now_s < 90 else 0.0
        assert at_s - now_s == pytest.approx(error_s, abs=LATEST_S)


@pytest.mark.parametrize("module", POWERED, ids=name_of)
def test_a_reversed_transformer_turns_the_sign_and_counts_export(module):
    script = {100: Fault(FaultKind.REVERSED), 300: FaultKind.REVERSED}
    load = FixedLoad(7200.0)
    seen = observe(module, script, until_s=350, load=load, every_s=50.0)
    powers = [got["power_w"] for _, got, _ in seen]
    assert powers == pytest.approx([7200.0] + [-7200.0] * 4 + [7200.0] * 2, abs=0.5)
    # 7.2 kW is 2 Wh a second.
    assert seen[-1][1]["energy_export_wh"] == pytest.approx(400.0, abs=105.0)
    assert seen[-1][1]["energy_import_wh"] == pytest.approx(300.0, abs=105.0)


@pytest.mark.parametrize("module", POWERED, ids=name_of)
def test_a_wrong_factor_multiplies_power_and_energy_but_no_volts(module):
    script = {100: Fault(FaultKind.SCALED, 1000.0), 200: FaultKind.SCALED}
    seen = observe(module, script, until_s=250, load=FixedLoad(720.0), every_s=50.0)
    powers = [got["power_w"] for _, got, _ in seen]
    assert powers == pytest.approx([720.0, 720e3, 720e3, 720.0, 720.0], rel=1e-4)
    assert all(225 < got["voltage_v"] < 235 for _, got, _ in seen)
    energies = [got["energy_import_wh"] for _, got, _ in seen]
    assert energies[1] == pytest.approx(20_200.0, abs=1000.0)
    assert energies[4] == pytest.approx(50.0, abs=105.0)


@pytest.mark.parametrize("module", POWERED, ids=name_of)
def test_replayed_values_are_old_and_stamped_as_new(module):
    script = {
        60: Fault(FaultKind.REPLAYED_BACKLOG, 40.0),
        90: FaultKind.REPLAYED_BACKLOG,
    }
    for sample in observe(module, script, until_s=110):
        old_s = 40.0 if 60 <= sample[0] < 90 else 0.0
        assert age_s(sample) == pytest.approx(old_s, abs=LATEST_S)
        if module in CLOCKED:
            assert sample[2] == pytest.approx(sample[0], abs=LATEST_S)


@pytest.mark.parametrize("module", CLOCKED, ids=name_of)
def test_late_values_come_with_their_old_times(module):
    script = {
        30: Fault(FaultKind.LATE_BACKLOG, 20.0),
        90: FaultKind.LATE_BACKLOG,
    }
    for now_s, got, at_s in observe(module, script, until_s=110):
        kept_s = (now_s - 30.0) % 20.0 if 30 <= now_s < 90 else 0.0
        assert now_s - at_s == pytest.approx(kept_s, abs=LATEST_S)
        assert age_s((now_s, got, at_s)) == pytest.approx(kept_s, abs=LATEST_S)


@pytest.mark.parametrize(("amount", "code"), [(6.0, 6), (math.nan, 4)])
@pytest.mark.parametrize("module", [*REGISTERS, s0], ids=name_of)
def test_an_exception_is_a_refusal_with_its_code(module, amount, code):
    script = {20: Fault(FaultKind.EXCEPTION, amount), 40: FaultKind.EXCEPTION}
    seen = observe(module, script, until_s=60, every_s=10.0)
    refused = [got for _, got, _ in seen if isinstance(got, RegisterRefused)]
    assert [error.code for error in refused] == [code] * 2
    assert len(seen) == 6


@pytest.mark.parametrize("module", REGISTERS, ids=name_of)
def test_swapped_words_are_other_numbers_until_they_are_right_again(module):
    script = {20: Fault(FaultKind.WORD_SWAP), 40: FaultKind.WORD_SWAP}
    seen = observe(module, script, until_s=60, every_s=10.0, load=FixedLoad(7201.3))
    for now_s, got, _ in seen:
        if 20 <= now_s < 40:
            assert isinstance(got, LinkError) or abs(got["power_w"] - 7201.3) > 1000
        else:
            assert got["power_w"] == pytest.approx(7201.3, abs=0.1)


def test_swapped_words_on_the_wire():
    # 2,000 W is the single 44FA 0000.
    async def run():
        async with bench_of(sdm230, FixedLoad(2000.0), **QUIET) as (meter, bench, it):
            await meter.poll()
            it.impose(Fault(FaultKind.WORD_SWAP))
            await meter.poll()
            return [payload for sent, payload in bench.frames if not sent]

    right, _, swapped, *_ = on_virtual_time(run())[1:]
    assert bytes.fromhex(right)[27:31] == bytes.fromhex("44FA 0000")
    assert bytes.fromhex(swapped)[27:31] == bytes.fromhex("0000 44FA")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.CLOCK_STEP),
        Fault(FaultKind.CLOCK_DRIFT, math.inf),
        Fault(FaultKind.SCALED),
        Fault(FaultKind.REPLAYED_BACKLOG, -5.0),
        Fault(FaultKind.REPLAYED_BACKLOG, 1e9),
        Fault(FaultKind.EXCEPTION, 0.0),
        Fault(FaultKind.EXCEPTION, 4.5),
        Fault(FaultKind.EXCEPTION, 256.0),
    ],
)
def test_an_amount_without_sense_is_refused_and_changes_nothing(fault):
    async def run():
        async with bench_of(sdm230, FixedLoad(2000.0), **QUIET) as (meter, _, it):
            with pytest.raises(ValueError, match=r"amount|remembers|exception code"):
                it.impose(fault)
            return values(await meter.poll())["power_w"]

    assert on_virtual_time(run()) == 2000.0


def test_faults_that_come_together_go_one_by_one():
    script = {
        20: Fault(FaultKind.REVERSED),
        30: Fault(FaultKind.SCALED, 10.0),
        40: FaultKind.REVERSED,
        50: FaultKind.SCALED,
    }
    seen = observe(sdm230, script, until_s=60, every_s=10.0, load=FixedLoad(100.0))
    powers = [got["power_w"] for _, got, _ in seen]
    assert powers == pytest.approx([100.0, -100.0, -1000.0, 1000.0, 100.0, 100.0])


def test_a_meter_that_remembers_for_hours_replays_from_hours_ago():
    script = {7300: Fault(FaultKind.REPLAYED_BACKLOG, 7200.0)}
    sample = observe(sdm230, script, until_s=7300, every_s=100.0)[-1]
    assert age_s(sample) == pytest.approx(7200.0, abs=LATEST_S)
