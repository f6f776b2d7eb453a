"""What every heat pump has in common: faults, address traps, bad input, manners."""

import asyncio
import contextlib

import pytest

from harness.core.capabilities import Demand, LimitsPower, ShiftsDemand
from harness.core.errors import FlexrigError, LinkError, RefusedError
from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices.heat_pump_bench import (
    DRIVERS,
    NEEDED,
    WHERE,
    Bench,
    ask_pdus,
    both,
    run,
)

ALL = sorted(DRIVERS)
WITH_REGISTERS = [name for name in ALL if name != "sg_ready"]
LESS = dict.fromkeys(ALL, Demand.REDUCE) | {"lambda_eu": Demand.BOOST}
"""What moves each machine away from normal."""


def has(kind):
    return [name for name in ALL if kind in DRIVERS[name].faults]


def moved(name, power_w):
    """Whether the machine does what `LESS` asks of it."""
    return power_w > 2400.0 if LESS[name] is Demand.BOOST else power_w < 600.0


def trial_of(name, act, **options):
    async def trial():
        bench = Bench(name)
        async with both(bench, **options) as (emulator, pump):
            await pump.ready()
            return await act(bench, emulator, pump)

    return run(trial())


async def values(pump):
    return {each.quantity: each.value for each in await pump.poll()}


# --- what is declared is there


@pytest.mark.parametrize("name", ALL)
def test_a_driver_offers_what_it_declares(name):
    async def act(_bench, emulator, pump):
        driver = DRIVERS[name]
        assert isinstance(emulator, Breakable)
        assert emulator.breaks == driver.faults
        assert driver.name == f"heat_pump/{name}"
        assert all(isinstance(pump, each) for each in driver.capabilities)
        for capability in (ShiftsDemand, LimitsPower):
            assert isinstance(pump, capability) is (capability in driver.capabilities)
        assert driver.source
        assert driver.address_form
        assert driver.frame_length is not None
        assert "(unverified)" in driver.kindness.source
        quantities = [each.quantity for each in await pump.poll()]
        assert set(quantities) <= set(pump.quantities)
        return (await pump.identify()).maker

    assert trial_of(name, act)


@pytest.mark.parametrize("name", ALL)
def test_operations_are_those_that_the_driver_lists(name):
    async def act(bench, emulator, pump):
        for action in DRIVERS[name].operations:
            emulator.operate(action)
        with pytest.raises(ValueError, match="can: turn the thermostat up"):
            emulator.operate("unplug")

    trial_of(name, act)


@pytest.mark.parametrize("name", [name for name in ALL if name != "lambda_eu"])
def test_an_occupant_can_overrule_an_event_and_give_way_again(name):
    async def act(bench, emulator, pump):
        seen = []
        await pump.shift_demand(Demand.REDUCE)
        for action in ("turn the thermostat up", "turn the thermostat down"):
            await bench.wait(900.0)
            seen.append(bench.power_w())
            emulator.operate(action)
            await bench.wait(900.0)
            seen.append(bench.power_w())
        return seen

    reduced_w, overruled_w, _, given_way_w = trial_of(name, act, min_off_s=300.0)
    assert reduced_w < 600.0
    assert overruled_w > 2400.0
    assert given_way_w < 600.0


# --- faults of the machine, seen in its power


@pytest.mark.parametrize("name", has(FaultKind.IGNORES))
def test_one_that_ignores_accepts_and_goes_on_until_the_fault_is_lifted(name):
    async def act(bench, emulator, pump):
        emulator.impose(Fault(FaultKind.IGNORES))
        answer = await pump.shift_demand(LESS[name])
        await bench.wait(900.0)
        ignored_w = bench.power_w()
        emulator.lift(FaultKind.IGNORES)
        await bench.wait(900.0)
        return answer.accepted, ignored_w, bench.power_w()

    accepted, ignored_w, heeded_w = trial_of(name, act)
    assert accepted
    assert ignored_w == pytest.approx(1965.0, abs=60.0)
    assert moved(name, heeded_w)


@pytest.mark.parametrize("name", has(FaultKind.RAMPS_WRONG))
def test_one_that_ramps_wrong_takes_its_time_until_the_fault_is_lifted(name):
    async def act(bench, emulator, pump):
        emulator.impose(Fault(FaultKind.RAMPS_WRONG, 0.02))
        await pump.shift_demand(LESS[name])
        await bench.wait(60.0)
        slow_w = bench.power_w()
        emulator.lift(FaultKind.RAMPS_WRONG)
        await bench.wait(120.0)
        return slow_w, bench.power_w()

    # A compressor that is switched off does not ramp.
    slow_w, well_w = trial_of(name, act, reduce_to="minimum")
    assert not moved(name, slow_w)
    assert moved(name, well_w)


@pytest.mark.parametrize("name", has(FaultKind.TRIPS))
def test_one_that_trips_draws_nothing_until_the_fault_is_lifted(name):
    async def act(bench, emulator, pump):
        emulator.impose(Fault(FaultKind.TRIPS))
        tripped_w = bench.power_w()
        await bench.wait(900.0)
        still_w = bench.power_w()
        emulator.lift(FaultKind.TRIPS)
        await bench.wait(900.0)
        return tripped_w, still_w, bench.power_w()

    tripped_w, still_w, well_w = trial_of(name, act)
    assert (tripped_w, still_w) == (0.0, 0.0)
    assert well_w > 1900.0


@pytest.mark.parametrize("name", has(FaultKind.REBOOTS))
def test_one_that_reboots_is_away_forgets_and_comes_back_to_the_same_port(name):
    async def act(bench, emulator, pump):
        await pump.shift_demand(LESS[name])
        await bench.wait(900.0)
        assert moved(name, bench.power_w())
        emulator.impose(Fault(FaultKind.REBOOTS, 45.0))
        await bench.wait(40.0)
        with pytest.raises(LinkError, match=r"nobody listens|connection lost"):
            await pump.poll()
        await bench.wait(10.0)
        await pump.poll()
        if name == "lambda_eu":
            await pump.make_safe()
        await bench.wait(1800.0)
        return [each.kind for each in bench.events], bench.power_w()

    events, power_w = trial_of(name, act)
    assert "lost" in events
    assert not moved(name, power_w)


def test_a_reboot_that_is_lifted_is_over_at_once():
    async def act(bench, emulator, pump):
        emulator.impose(Fault(FaultKind.REBOOTS, 3600.0))
        await bench.wait(60.0)
        emulator.lift(FaultKind.REBOOTS)
        await bench.wait(1.0)
        return await pump.poll()

    assert trial_of("nibe_s", act)


def test_a_bench_can_be_left_while_a_heat_pump_reboots():
    async def act(bench, emulator, pump):
        emulator.impose(Fault(FaultKind.REBOOTS, 3600.0))
        await bench.wait(60.0)

    trial_of("nibe_s", act)


# --- faults of the registers, seen on the wire


@pytest.mark.parametrize("name", has(FaultKind.EXCEPTION))
def test_one_that_refuses_is_named_by_its_exception_until_it_is_lifted(name):
    async def act(_bench, emulator, pump):
        emulator.impose(Fault(FaultKind.EXCEPTION, 6))
        with pytest.raises(RefusedError, match=r"exception 6 \(server device busy\)"):
            await pump.poll()
        emulator.lift(FaultKind.EXCEPTION)
        return await pump.poll()

    assert trial_of(name, act)


@pytest.mark.parametrize("name", has(FaultKind.GAP))
def test_one_that_is_silent_is_one_error_in_bounded_time_until_it_is_lifted(name):
    async def act(bench, emulator, pump):
        emulator.impose(Fault(FaultKind.GAP))
        asked_s = bench.clock.now_s()
        with pytest.raises(LinkError, match="kept silence"):
            await pump.poll()
        took_s = bench.clock.now_s() - asked_s
        emulator.lift(FaultKind.GAP)
        await pump.poll()
        return took_s

    assert trial_of(name, act) <= 1.0


@pytest.mark.parametrize("name", WITH_REGISTERS)
def test_stale_values_stand_still_while_the_machine_moves(name):
    async def act(bench, emulator, pump):
        emulator.impose(Fault(FaultKind.STALE))
        before = await values(pump)
        await pump.shift_demand(LESS[name])
        await bench.wait(900.0)
        stale, true_w = await values(pump), bench.power_w()
        emulator.lift(FaultKind.STALE)
        return before["power_w"], stale["power_w"], true_w, await values(pump)

    before_w, stale_w, true_w, well = trial_of(name, act)
    assert stale_w == before_w
    assert moved(name, true_w)
    assert well["power_w"] == pytest.approx(true_w, abs=60.0)


def test_stale_relays_read_back_what_was_there():
    async def act(_bench, emulator, pump):
        emulator.impose(Fault(FaultKind.STALE))
        first = await pump.shift_demand(Demand.REDUCE)
        emulator.lift(FaultKind.STALE)
        return first, await pump.shift_demand(Demand.REDUCE)

    stale, well = trial_of("sg_ready", act)
    assert not stale.accepted
    assert well.accepted


TWO_WORDS = {
    "nibe_s": ("04 0876 0002", 4),
    "stiebel_isg": ("04 0DB7 0002", 4),
    "lambda_eu": ("03 03FC 0002", 4),
}


@pytest.mark.parametrize("name", has(FaultKind.WORD_SWAP))
def test_swapped_words_change_places_on_the_wire_until_it_is_lifted(name):
    request, _ = TWO_WORDS[name]

    async def act(bench, emulator, pump):
        await bench.wait(1800.0)
        address = emulator.address
        replies = []
        for _ in range(2):
            replies += await ask_pdus(address, request)
            if FaultKind.WORD_SWAP not in emulator._faults:
                emulator.impose(Fault(FaultKind.WORD_SWAP))
        emulator.lift(FaultKind.WORD_SWAP)
        return [*replies, *(await ask_pdus(address, request))]

    well, swapped, lifted = trial_of(name, act)
    assert well == lifted
    assert well[4:8] != well[8:12]
    assert swapped == well[:4] + well[8:12] + well[4:8]


def test_there_is_no_word_swap_where_there_are_no_two_words():
    assert set(TWO_WORDS) == set(has(FaultKind.WORD_SWAP))


@pytest.mark.parametrize("name", has(FaultKind.SILENT_REVERT))
def test_a_write_is_undone_unasked_and_the_machine_with_it(name):
    async def act(bench, emulator, pump):
        emulator.impose(Fault(FaultKind.SILENT_REVERT, 900.0))
        answer = await pump.shift_demand(LESS[name])
        if name == "lambda_eu":
            await pump._rest()  # each refresh would be undone anew
            emulator.bank.held.write({})
        await bench.wait(500.0 if name != "lambda_eu" else 40.0)
        obeyed_w = bench.power_w()
        await bench.wait(1500.0)
        return answer.accepted, obeyed_w, bench.power_w()

    accepted, obeyed_w, reverted_w = trial_of(name, act)
    assert accepted
    assert moved(name, obeyed_w)
    assert not moved(name, reverted_w)


@pytest.mark.parametrize("name", has(FaultKind.SILENT_REVERT))
def test_a_revert_that_is_lifted_in_time_leaves_the_write(name):
    async def act(bench, emulator, pump):
        emulator.impose(Fault(FaultKind.SILENT_REVERT, 900.0))
        await pump.shift_demand(LESS[name])
        emulator.lift(FaultKind.SILENT_REVERT)
        await bench.wait(1800.0)
        return bench.power_w()

    assert moved(name, trial_of(name, act))


@pytest.mark.parametrize(
    ("fault", "fact"),
    [
        (Fault(FaultKind.REVERSED), "cannot be one that"),
        (Fault(FaultKind.LATENCY, 1.0), "cannot be one that"),
        (Fault(FaultKind.RAMPS_WRONG, -1.0), "above 0"),
        (Fault(FaultKind.REBOOTS, float("inf")), "above 0"),
        (Fault(FaultKind.EXCEPTION, 300), "no exception code"),
    ],
)
def test_a_fault_that_it_cannot_have_is_refused_in_a_sentence(fault, fact):
    async def act(_bench, emulator, _pump):
        with pytest.raises(ValueError, match=fact):
            emulator.impose(fault)
        for kind in FaultKind:
            emulator.lift(kind)  # well already: nothing happens

    trial_of("nibe_s", act)


# --- the address trap


@pytest.mark.parametrize("offset", [-2, -1, 1, 2])
@pytest.mark.parametrize("name", ALL)
def test_a_map_that_is_off_is_refused_and_nothing_is_written(name, offset):
    async def trial():
        bench = Bench(name)
        async with both(bench, base_offset=offset, outdoor_c=0.1) as (_, pump):
            for act in (pump.ready, lambda: pump.shift_demand(LESS[name])):
                with pytest.raises(LinkError) as raised:
                    await act()
        return str(raised.value), bench.written()

    said, written = run(trial())
    assert said.startswith(WHERE)
    assert "does not fit" in said or "refused: exception 2" in said
    assert "Try:" in said
    assert written == []


@pytest.mark.parametrize("name", ALL)
def test_a_driver_that_is_only_asked_to_make_safe_judges_the_map_first(name):
    async def trial():
        bench = Bench(name)
        async with both(bench, base_offset=1) as (_, pump):
            with pytest.raises(LinkError):
                await pump.make_safe()
        return bench.written()

    assert run(trial()) == []


# --- bad input


@contextlib.asynccontextmanager
async def peer(answer):
    """A listener that does to every request whatever `answer(writer, data)` does."""
    gone = []

    async def serve(reader, writer):
        over = asyncio.Event()
        gone.append(over)
        try:
            while data := await reader.read(256):
                answer(writer, data)
        except ConnectionError:
            pass
        finally:
            writer.close()
            over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"modbus://127.0.0.1:{server.sockets[0].getsockname()[1]}/1"
        for over in gone:
            await over.wait()


BAD = {
    "slow": lambda writer, data: None,
    "wrong protocol": lambda writer, data: writer.write(b"HTTP/1.1 400 Bad\r\n\r\n"),
    "truncated": lambda writer, data: writer.write(data[:4] + b"\0\5\1"),
    "hangs up": lambda writer, data: writer.close(),
    "flood": lambda writer, data: writer.write(b"\xff" * 65536),
    "wrong type": lambda writer, data: writer.write(data[:4] + b"\0\3\1\x05\0"),
    "too short": lambda writer, data: writer.write(data[:4] + b"\0\3\1" + data[7:8]),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("name", ALL)
def test_a_bad_peer_is_one_error_in_bounded_time(name, what):
    async def trial():
        bench = Bench(name)
        async with peer(BAD[what]) as address, bench.open(address) as pump:
            asked_s = bench.clock.now_s()
            with pytest.raises(FlexrigError) as raised:
                await pump.ready()
            return str(raised.value), bench.clock.now_s() - asked_s, bench.written()

    said, took_s, written = run(trial())
    assert said.startswith(WHERE)
    assert said.count("Try:") == 1
    assert took_s <= 2.0
    assert written == []


@pytest.mark.parametrize("name", ALL)
def test_an_unreachable_machine_is_one_error(name):
    async def trial():
        bench = Bench(name)
        async with bench.emulate() as emulator:
            address = emulator.address
        async with bench.open(address) as pump:
            with pytest.raises(LinkError, match="nobody listens"):
                await pump.ready()

    run(trial())


@pytest.mark.parametrize("name", ALL)
def test_options_of_the_wrong_type_or_name_are_refused(name):
    driver, needed = DRIVERS[name], NEEDED.get(name, {})
    for options in ({"timeout_s": 0}, {"poll_interval_s": "often"}, {"nonsense": 1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            driver.options(**(needed | options))
    for options in ({"unit": 0}, {"weather": "hail"}, {"min_power_w": 9000}):
        with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
            driver.emulator_options(**options)


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_frames(name):
    async def trial():
        bench = Bench(name, seed=7)
        options = {"storage": "buffer", "hot_water": True, "defrost": True}
        async with both(bench, weather="winter", **options) as (_, pump):
            await pump.ready()
            await pump.shift_demand(LESS[name])
            for at_s in range(0, 600, 10):
                await bench.clock.until(float(at_s))
                await pump.poll()
        return bench.wire

    assert run(trial()) == run(trial())
