"""Bench time: what runs, what stands still, and what a device's clock shows."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta

import pytest

from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop

FIVE = datetime(2026, 3, 2, 17, tzinfo=UTC)


def on_virtual_time(work: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work)


def test_a_held_clock_stands_still_until_the_bench_is_ready():
    async def work() -> None:
        clock = BenchClock(FIVE, lead_s=15.0, held=True)
        await asyncio.sleep(100.0)
        assert clock.now_s() == -15.0
        clock.begin()
        assert clock.now_s() == -15.0
        await asyncio.sleep(20.0)
        assert clock.now_s() == pytest.approx(5.0)

    on_virtual_time(work())


def test_who_waits_on_a_held_clock_wakes_at_the_bench_time_it_asked_for():
    async def work() -> None:
        clock = BenchClock(FIVE, lead_s=15.0, held=True)

        async def wake() -> float:
            await clock.until(3.0)
            return clock.now_s()

        waiting = asyncio.create_task(wake())
        await asyncio.sleep(100.0)
        assert not waiting.done()
        clock.begin()
        assert await waiting == pytest.approx(3.0)

    on_virtual_time(work())


def test_beginning_twice_does_not_set_the_clock_back():
    async def work() -> None:
        clock = BenchClock(FIVE, lead_s=15.0)
        await asyncio.sleep(10.0)
        clock.begin()
        assert clock.now_s() == pytest.approx(-5.0)

    on_virtual_time(work())


def test_a_device_clock_on_virtual_time_shows_the_trials_own_date():
    async def work() -> None:
        clock = BenchClock(FIVE, lead_s=15.0)
        assert clock.utc() == FIVE - timedelta(seconds=15)
        assert clock.bench_s(FIVE + timedelta(seconds=7)) == 7.0

    on_virtual_time(work())


def test_a_device_clock_on_the_wall_goes_on_while_bench_time_is_held():
    async def work() -> None:
        before = datetime.now(UTC)  # noqa: TID251 - the real clock is what is tested
        clock = BenchClock(FIVE, lead_s=15.0, held=True)
        shown = clock.utc()
        after = datetime.now(UTC)  # noqa: TID251
        assert before <= shown <= after
        await asyncio.sleep(0.05)
        later = clock.utc()
        assert later - shown >= timedelta(seconds=0.04)
        clock.begin()
        # Stamped just before the clock ran: a little more than the lead ago.
        assert -15.5 < clock.bench_s(later) <= -15.0 + 1e-3
        assert clock.bench_s(clock.utc()) == pytest.approx(clock.now_s(), abs=1e-3)

    asyncio.run(work())


def test_a_date_without_a_time_zone_is_refused():
    async def work() -> None:
        with pytest.raises(ValueError, match="time zone"):
            BenchClock(datetime(2026, 3, 2, 17))  # noqa: DTZ001

    asyncio.run(work())
