"""What is done at a steady pace: when, in which order, and until when."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.clock import BenchClock
from harness.core.regular import Regular
from tests.devices.modbus_bench import on_virtual_time

FIVE = datetime(2026, 3, 2, 17, tzinfo=UTC)


def on_the_wall_clock(coroutine):
    return asyncio.run(coroutine)


@given(
    interval_s=st.floats(0.01, 60.0),
    share=st.floats(0.0, 1.0, exclude_max=True),
)
def test_a_thousand_instants_do_not_drift(interval_s, share):
    async def thousand():
        clock, seen = BenchClock(FIVE), []
        first_s = share * interval_s
        Regular(clock, seen.append, interval_s=interval_s, first_s=first_s)
        await clock.until(first_s + 999.5 * interval_s)
        return first_s, seen

    first_s, seen = on_virtual_time(thousand())
    wanted = [first_s + number * interval_s for number in range(1000)]
    # An instant at which it begins is its begin, and not done by the grid.
    assert seen == pytest.approx(wanted[-len(seen) :], abs=1e-6)
    assert len(seen) >= 999


def test_it_is_done_between_timers_each_at_its_own_time():
    async def both():
        clock, told = BenchClock(FIVE), []
        loop = asyncio.get_running_loop()
        for name, first_s in (("a", 0.25), ("b", 0.5)):
            Regular(
                clock,
                lambda now_s, name=name: told.append((name, now_s, loop.time())),
                interval_s=1.0,
                first_s=first_s,
            )
        loop.call_later(1.3, lambda: told.append(("timer", clock.now_s(), loop.time())))
        await asyncio.sleep(2.0)
        return told

    told = on_virtual_time(both())
    assert [name for name, _, _ in told] == ["a", "b", "a", "timer", "b"]
    assert [now_s for _, now_s, _ in told] == [0.25, 0.5, 1.25, 1.3, 1.5]
    assert all(now_s == time_s for _, now_s, time_s in told)


def test_what_it_sets_off_happens_before_time_moves_on():
    async def set_off():
        clock, told = BenchClock(FIVE), []
        loop = asyncio.get_running_loop()

        def act(_now_s):
            loop.call_soon(lambda: told.append(("soon", clock.now_s())))
            loop.call_later(0.1, lambda: told.append(("later", clock.now_s())))

        Regular(clock, act, interval_s=1.0, first_s=0.5)
        await asyncio.sleep(1.0)
        return told

    assert on_virtual_time(set_off()) == [("soon", 0.5), ("later", 0.6)]


def test_on_virtual_time_it_costs_no_turn_of_the_loop():
    async def hour():
        clock, seen, turns = BenchClock(FIVE), [], 0
        Regular(clock, seen.append, interval_s=1.0, first_s=0.5)
        loop = asyncio.get_running_loop()
        run_once = loop._run_once

        def counted():
            nonlocal turns
            turns += 1
            run_once()

        loop._run_once = counted
        await asyncio.sleep(3600.0)
        return len(seen), turns

    done, turns = on_virtual_time(hour())
    assert done == 3600
    assert turns < 10


@pytest.mark.parametrize("run", [on_virtual_time, on_the_wall_clock])
def test_it_ends_when_it_is_cancelled_even_by_itself(run):
    async def cancelled():
        clock, seen, over = BenchClock(FIVE), [], asyncio.Event()

        def act(now_s):
            seen.append(now_s)
            if len(seen) == 3:
                regular.cancel()
                over.set()

        regular = Regular(clock, act, interval_s=0.01, first_s=0.005)
        await over.wait()
        await clock.until(clock.now_s() + 0.05)
        return len(seen)

    assert run(cancelled()) == 3


@pytest.mark.parametrize("run", [on_virtual_time, on_the_wall_clock])
def test_nothing_is_done_from_its_end_on(run):
    async def bounded():
        clock, seen = BenchClock(FIVE), []
        Regular(clock, seen.append, interval_s=0.02, first_s=0.01, until_s=0.05)
        await clock.until(0.1)
        return seen

    # On a busy machine the wall's clock may pass its end before it is done once.
    assert max(run(bounded()), default=0.0) < 0.05
    assert on_virtual_time(bounded()) == pytest.approx([0.01, 0.03])


def test_alone_it_moves_time():
    async def alone():
        clock, over = BenchClock(FIVE), asyncio.Event()
        Regular(clock, lambda now_s: now_s >= 3 and over.set(), interval_s=1, first_s=0)
        await over.wait()
        return clock.now_s()

    assert on_virtual_time(alone()) == 3


def test_what_it_raises_ends_the_run():
    async def broken():
        clock = BenchClock(FIVE)
        Regular(clock, lambda _now_s: 1 / 0, interval_s=1.0, first_s=0.5)
        await asyncio.sleep(10.0)

    with pytest.raises(ZeroDivisionError):
        on_virtual_time(broken())
