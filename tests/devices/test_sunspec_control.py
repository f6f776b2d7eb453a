"""Functions that let go by themselves: refreshed while wanted, reported when undone."""

from __future__ import annotations

import asyncio

import pytest

from devices.battery.sunspec import DRIVER
from devices.links.sunspec import SunSpecLink
from devices.links.sunspec_control import SET_POWER, HeldFunction
from harness.core.errors import RefusedError
from harness.core.faults import Fault, FaultKind
from tests.devices.sunspec_bench import Bench, HandMade, linked, run

WATTS = {"WSetMod": 1.0, "WSet": 2000.0}


def held(act, *, reversion_s=30):
    """Act on a function of an emulated battery; return what was remarked."""

    async def trial():
        bench, remarks = Bench(), []
        async with bench.emulate(DRIVER) as emulator:
            link = SunSpecLink(bench.context(emulator.address))
            await link.open()
            function = HeldFunction(
                link, SET_POWER, reversion_s=reversion_s, remark=remarks.append
            )
            try:
                await act(bench, emulator, link, function)
            finally:
                await function.stop()
                link.close()
        return remarks

    return run(trial())


def test_it_is_refreshed_three_times_in_each_reversion_time():
    async def act(bench, emulator, link, function):
        await function.engage(WATTS)
        assert function.is_held
        bench.wire.clear()
        await asyncio.sleep(60.5)
        enables = [
            frame for sent, frame in bench.wire if sent and frame.endswith("0001020001")
        ]
        assert len(enables) == 6
        assert await link.number(704, "WSetRvrtRem") == 30

    assert held(act) == []


def test_the_time_that_is_left_counts_down_in_whole_seconds():
    async def act(bench, emulator, link, function):
        await function.engage(WATTS)
        await function.stop()
        left = []
        for wait_s in (0.0, 0.5, 10.0, 19.4, 1.0):
            await asyncio.sleep(wait_s)
            left.append(await link.number(704, "WSetRvrtRem"))
        assert left == [30, 30, 20, 1, 0]
        assert await link.number(704, "WSetEna") == 0

    held(act)


def test_on_reversion_the_device_takes_the_reversion_settings():
    async def act(bench, emulator, link, function):
        await link.write(704, {"WSetRvrt": -500.0, "WSetEnaRvrt": 1.0})
        await link.write(704, {"WSetRvrtTms": 10.0, **WATTS, "WSetEna": 1.0})
        await asyncio.sleep(9.0)
        assert await link.number(704, "WSet") == 2000.0
        await asyncio.sleep(10.0)
        assert await link.number(704, "WSet") == -500.0
        assert await link.number(704, "WSetEna") == 1
        assert bench.power_w() == pytest.approx(500, abs=15)

    held(act)


def test_without_a_reversion_time_a_setpoint_stands():
    async def act(bench, emulator, link, function):
        await link.write(704, {**WATTS, "WSetEna": 1.0})
        await asyncio.sleep(7200.0)
        assert bench.power_w() == pytest.approx(-2000, abs=15)

    held(act)


def test_the_timer_of_a_function_is_its_own():
    async def act(bench, emulator, link, function):
        await function.engage(WATTS)
        await function.stop()
        await asyncio.sleep(20.0)
        await link.write(704, {"VarSet": 100.0, "VarSetEna": 1.0})
        assert await link.number(704, "WSetRvrtRem") == 10

    held(act)


def test_what_somebody_else_wrote_is_told_and_left_alone():
    async def act(bench, emulator, link, function):
        await function.engage(WATTS)
        await link.write(704, {"WSet": 700.0})
        await asyncio.sleep(15.0)
        assert not function.is_held
        assert await link.number(704, "WSet") == 700.0

    [remark] = held(act)
    assert remark.startswith("undone unasked: WSetMod = 1, WSet = 700, WSetEna = 1")


def test_a_refresh_that_fails_is_told_and_tried_again():
    async def act(bench, emulator, link, function):
        await function.engage(WATTS)
        emulator.impose(Fault(FaultKind.GAP))
        await asyncio.sleep(15.0)
        emulator.lift(FaultKind.GAP)
        await asyncio.sleep(30.0)
        assert function.is_held
        assert bench.power_w() == pytest.approx(-2000, abs=15)

    remarks = held(act)
    assert remarks[0].startswith("not refreshed: unit 1 kept silence")


def test_refused_it_is_not_held():
    async def act(bench, emulator, link, function):
        with pytest.raises(RefusedError, match="exception 3"):
            await function.engage({"WSetMod": 1.0, "WSet": 60_000.0})
        assert not function.is_held

    held(act)


def test_released_it_is_not_refreshed_and_a_second_release_writes_nothing():
    async def act(bench, emulator, link, function):
        await function.engage(WATTS)
        assert (await function.release())[0]
        assert not function.is_held
        bench.wire.clear()
        assert (await function.release())[0]
        await asyncio.sleep(100.0)
        assert [
            frame for sent, frame in bench.wire if sent and frame[14:16] == "10"
        ] == []

    assert held(act) == []


def test_a_device_whose_timer_does_not_run_is_told():
    """As the aGate of FranklinWH (community notes on its Modbus map, 2026)."""
    common = "0001 0041" + "4D61" * 65
    still = HandMade().put(
        40000, "5375 6E53" + common + "02C0 0041" + "0000" * 65 + "FFFF 0000"
    )

    async def trial():
        remarks = []
        async with linked(still) as link:
            await link.open()
            function = HeldFunction(
                link, SET_POWER, reversion_s=30, remark=remarks.append
            )
            assert (await function.engage(WATTS))[0]
            await asyncio.sleep(60.0)
            await function.stop()
        return remarks

    [remark] = run(trial())
    assert "WSetRvrtRem = 0 s 10 s after a refresh to 30 s" in remark
    assert "would never let go" in remark
