"""Faults imposed on the emulated station while it runs: each shows, then goes."""

import asyncio
import math

import numpy as np
import pytest
from websockets.asyncio.server import serve
from websockets.protocol import State

from devices.ev_chargepoint.breaking import FORGETS_AFTER_S
from devices.ev_chargepoint.ocpp16 import DRIVER
from harness.core.bench import EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices.test_ev_chargepoint import home, play
from tests.devices.test_ev_station import STARTS_AT, ByHand, installs, station

STEADY = {"reaction_spread_s": 0.0, "pwm_spacing_s": 0.0, "wake_up_s": 0.0}


def values(hand, after_s=-1.0):
    """Return (sent at, stamp, {measurand: value}) of each MeterValues after a time."""
    return [
        (
            round(at_s, 3),
            sample["timestamp"],
            {item["measurand"]: item["value"] for item in sample["sampledValue"]},
        )
        for at_s, asked in hand.said("MeterValues")
        for sample in asked["meterValue"]
        if at_s > after_s
    ]


async def metering(hand, interval="10"):
    await hand.sets(
        MeterValuesSampledData="Power.Active.Import,Energy.Active.Import.Register",
        MeterValueSampleInterval=interval,
    )


@play
async def test_it_says_what_it_can_have_and_refuses_the_rest_by_name():
    async with station() as hand:
        assert isinstance(hand.emulator, Breakable)
        assert hand.emulator.breaks == DRIVER.faults
        with pytest.raises(ValueError, match=r"cannot have .* 'swaps its words'; .*"):
            hand.emulator.impose(Fault(FaultKind.WORD_SWAP))
        with pytest.raises(ValueError, match="needs an amount above 0, not nan"):
            hand.emulator.impose(Fault(FaultKind.RAMPS_WRONG))
        for kind in FaultKind:
            hand.emulator.lift(kind)  # it was well


@play
async def test_accepts_and_ignores():
    async with home(**STEADY) as here:
        await here.clock.until(60)
        await here.driver.limit_power_w(3680)
        assert await here.amperes(70) == 16.0
        here.emulator.impose(Fault(FaultKind.IGNORES))
        said = await here.driver.limit_power_w(1400)
        assert said.detail == "Accepted; composite 6.0 A"
        assert await here.amperes(90) == 16.0
        here.emulator.lift(FaultKind.IGNORES)
        assert await here.amperes(100) == 6.0


@play
async def test_ramps_at_a_wrong_pace():
    async with home(**STEADY) as here:
        await here.clock.until(60)
        here.emulator.impose(Fault(FaultKind.RAMPS_WRONG, 0.1))
        await here.driver.limit_power_w(2300)
        assert await here.amperes(66) == 28.0  # 2 s to react, then 1 A/s
        here.emulator.lift(FaultKind.RAMPS_WRONG)
        assert await here.amperes(68) == 10.0


@play
async def test_trips_and_says_so():
    async with home(**STEADY) as here:
        await here.clock.until(60)
        here.emulator.impose(Fault(FaultKind.TRIPS))
        assert await here.amperes(60.5) == 0.0
        assert (60, "unavailable", "Faulted (GroundFailure)") in here.events
        await here.driver.limit_power_w(3680)
        assert await here.amperes(80) == 0.0
        here.emulator.lift(FaultKind.TRIPS)
        assert await here.amperes(90) == 16.0
        assert (80, "available", "SuspendedEV") in here.events


@play
async def test_reboots_and_has_lost_what_it_was_told():
    async with station(**STEADY) as hand:
        await hand.clock.until(30)
        assert await installs(hand, 6) == "Accepted"
        await hand.clock.until(60)
        hand.emulator.impose(Fault(FaultKind.REBOOTS, 45.0))
        assert hand.circuit.power_w(["ev"], 60.0) == 0.0
        await hand.clock.until(104)
        assert len(hand.said("BootNotification")) == 1
        hand.far = None
        await hand.clock.until(115)
        ((booted_s, _boot),) = hand.said("BootNotification")[1:]
        assert booted_s == 105.0
        ((_at_s, stopped),) = hand.said("StopTransaction")
        assert stopped["reason"] == "Reboot"
        assert stopped["timestamp"] == "2013-02-01T20:54:00.000Z"
        assert len(hand.said("StartTransaction")) == 2
        amperes = hand.circuit.power_w(["ev"], 115.0) / hand.circuit.voltage_v(115.0)
        assert amperes == pytest.approx(32.0)


@play
async def test_a_reboot_that_is_lifted_is_over_and_none_is_begun_while_it_lasts():
    async with station(**STEADY) as hand:
        await hand.clock.until(60)
        hand.emulator.operate("unplug")
        hand.emulator.impose(Fault(FaultKind.REBOOTS, 600.0))
        hand.emulator.operate("plug in")
        assert await drawn(hand, 80) == 0.0
        hand.emulator.lift(FaultKind.REBOOTS)
        assert await drawn(hand, 100) == 32.0
        assert len(hand.said("BootNotification")) == 2


async def drawn(hand, at_s):
    await hand.clock.until(at_s)
    return round(hand.circuit.power_w(["ev"], at_s) / hand.circuit.voltage_v(at_s), 1)


@play
async def test_forgets_its_schedule_and_what_it_is_told_next():
    async with station(**STEADY) as hand:
        await hand.clock.until(30)
        await installs(hand, 6)
        assert await drawn(hand, 40) == 6.0
        hand.emulator.impose(Fault(FaultKind.FORGETS_SCHEDULE))
        assert await drawn(hand, 50) == 32.0
        await installs(hand, 10)
        assert await drawn(hand, 50 + FORGETS_AFTER_S - 1) == 10.0
        assert await drawn(hand, 50 + FORGETS_AFTER_S + 9) == 32.0
        hand.emulator.lift(FaultKind.FORGETS_SCHEDULE)
        await installs(hand, 8)
        assert await drawn(hand, 600) == 8.0


@play
async def test_a_gap_in_its_values():
    async with station(**STEADY) as hand:
        await metering(hand)
        await hand.clock.until(35)
        hand.emulator.impose(Fault(FaultKind.GAP))
        await hand.clock.until(75)
        hand.emulator.lift(FaultKind.GAP)
        await hand.clock.until(95)
        assert [at_s for at_s, *_rest in values(hand)] == [10, 20, 30, 80, 90]


@play
async def test_a_frozen_meter_repeats_its_values_and_its_time():
    async with station(**STEADY) as hand:
        await metering(hand)
        await hand.clock.until(35)
        hand.emulator.impose(Fault(FaultKind.FROZEN))
        await hand.clock.until(65)
        frozen = values(hand, 35)
        assert [at_s for at_s, *_rest in frozen] == [40, 50, 60]
        assert len({(stamp, str(shown)) for _at_s, stamp, shown in frozen}) == 1
        assert frozen[0][1] == "2013-02-01T20:53:35.000Z"
        hand.emulator.lift(FaultKind.FROZEN)
        await hand.clock.until(75)
        assert values(hand, 65)[0][1] == "2013-02-01T20:54:10.000Z"


@play
async def test_a_wrong_factor_is_on_power_and_energy():
    async with station(**STEADY) as hand:
        await metering(hand)
        await hand.clock.until(35)
        ((*_when, right),) = values(hand, 25)
        hand.emulator.impose(Fault(FaultKind.SCALED, 1000.0))
        await hand.clock.until(45)
        ((*_when, wrong),) = values(hand, 35)
        true_w = float(right["Power.Active.Import"])
        assert float(wrong["Power.Active.Import"]) == pytest.approx(1000 * true_w, 0.02)
        assert float(wrong["Energy.Active.Import.Register"]) > 50_000
        hand.emulator.lift(FaultKind.SCALED)
        await hand.clock.until(55)
        ((*_when, mended),) = values(hand, 45)
        assert 7_000 < float(mended["Power.Active.Import"]) < 7_800


@play
async def test_a_late_backlog_keeps_its_old_times():
    async with station(**STEADY) as hand:
        await metering(hand)
        await hand.clock.until(5)
        hand.emulator.impose(Fault(FaultKind.LATE_BACKLOG, 30.0))
        await hand.clock.until(75)
        assert [(at_s, stamp[14:19]) for at_s, stamp, _shown in values(hand)] == [
            (35, "53:10"),
            (35, "53:20"),
            (35, "53:30"),
            (65, "53:40"),
            (65, "53:50"),
            (65, "54:00"),
        ]
        hand.emulator.lift(FaultKind.LATE_BACKLOG)
        await hand.clock.until(85)
        assert [(at_s, stamp[14:19]) for at_s, stamp, _shown in values(hand, 66)] == [
            (75, "54:10"),
            (80, "54:20"),
        ]


@play
async def test_a_stepped_clock_shows_in_stamps_and_moves_the_schedule():
    async with station(**STEADY) as hand:
        await metering(hand)
        await hand.clock.until(15)
        steps = [{"startPeriod": 0, "limit": 32.0}, {"startPeriod": 300, "limit": 6.0}]
        schedule = {
            "startSchedule": "2013-02-01T20:53:00Z",
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": steps,
        }
        await installs(hand, 0, chargingSchedule=schedule)
        hand.emulator.impose(Fault(FaultKind.CLOCK_STEP, 240.0))
        assert await drawn(hand, 55) == 32.0
        assert await drawn(hand, 66) == 6.0
        assert values(hand, 15)[0][1] == "2013-02-01T20:57:20.000Z"
        hand.emulator.lift(FaultKind.CLOCK_STEP)
        assert await drawn(hand, 80) == 32.0


@play
async def test_a_stepped_clock_does_not_move_what_counts_from_the_transaction():
    async with station(**STEADY) as hand:
        await hand.clock.until(10)
        steps = [{"startPeriod": 0, "limit": 32.0}, {"startPeriod": 60, "limit": 6.0}]
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": steps}
        await installs(
            hand, 0, chargingProfileKind="Relative", chargingSchedule=schedule
        )
        hand.emulator.impose(Fault(FaultKind.CLOCK_STEP, 3600.0))
        assert await drawn(hand, 58) == 32.0
        assert await drawn(hand, 66) == 6.0


@play
async def test_a_drifting_clock_runs_away_and_is_set_right():
    async with station(**STEADY) as hand:
        await metering(hand, "60")
        hand.emulator.impose(Fault(FaultKind.CLOCK_DRIFT, 36.0))
        await hand.clock.until(605)
        assert values(hand)[-1][:2] == (600, "2013-02-01T21:03:06.000Z")
        hand.emulator.lift(FaultKind.CLOCK_DRIFT)
        await hand.clock.until(665)
        assert values(hand)[-1][:2] == (660, "2013-02-01T21:04:00.000Z")


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        (FaultKind.LATE_BACKLOG, 0.0),
        (FaultKind.CLOCK_DRIFT, -3600.0),
        (FaultKind.SCALED, math.inf),
        (FaultKind.CLOCK_STEP, math.nan),
    ],
)
def test_an_amount_that_means_nothing_is_refused(kind, amount):
    @play
    async def test():
        async with station() as hand:
            with pytest.raises(ValueError, match="needs an amount above"):
                hand.emulator.impose(Fault(kind, amount))

    test()


@play
async def test_a_timed_fault_waits_for_a_clock_that_is_held():
    """On the wall clock the bench's clock begins when all is connected, not before."""
    loop = asyncio.get_running_loop()
    clock = BenchClock(STARTS_AT, lead_s=20.0, held=True)
    hand = ByHand(clock, Circuit())
    async with serve(hand.serve, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
        port = server.sockets[0].getsockname()[1]
        context = EmulatorContext(
            where="rig",
            role="ev",
            clock=clock,
            rng=np.random.default_rng(1),
            circuit=hand.circuit,
            dial=f"ws://127.0.0.1:{port}/CP3211",
        )
        options = DRIVER.emulator_options(faults={"vanishes_at_s": 30.0})
        async with DRIVER.emulate(context, options):
            await hand.until(lambda: hand.said("StatusNotification"))
            await asyncio.sleep(300)
            assert hand.far.state is State.OPEN
            clock.begin()
            await hand.far.wait_closed()
            assert clock.now_s() == 30.0
            assert loop.time() == 350.0
