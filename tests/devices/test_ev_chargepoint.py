"""Driver and emulated station together, on virtual time over a real websocket."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import numpy as np
import pytest

from devices.ev_chargepoint.ocpp16 import DRIVER
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.errors import LinkError
from harness.core.virtual_loop import VirtualLoop

STARTS_AT = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)


def on_virtual_time(coroutine):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


def play(test):
    """Run an async test on virtual time."""

    def run():
        on_virtual_time(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


class Home:
    """A home with a charging station in it; power is read at the meter."""

    def __init__(self):
        self.clock, self.circuit = BenchClock(STARTS_AT), Circuit(seed=3)
        self.wire, self.readings, self.events = [], [], []
        self.driver = self.emulator = None

    def device(self):
        return DeviceContext(
            where="home.toml [device.ev]",
            role="ev",
            address="ws://127.0.0.1:0/EV1",
            clock=self.clock,
            wire=lambda sent, text: self.wire.append(
                (round(self.clock.now_s(), 9), sent, text)
            ),
            report=lambda found: self.readings.extend(
                (self.clock.now_s(), reading) for reading in found
            ),
            notify=lambda event: self.events.append(
                (round(self.clock.now_s(), 3), event.kind, event.detail)
            ),
        )

    async def amperes(self, at_s):
        """Wait until a bench time; return the true current, one decimal."""
        await self.clock.until(at_s)
        watts = self.circuit.power_w(["ev"], at_s)
        return round(watts / self.circuit.voltage_v(at_s), 1)

    def last(self, quantity):
        """Return what the station last said of a quantity."""
        return [r.value for _at_s, r in self.readings if r.quantity == quantity][-1]


@asynccontextmanager
async def home(*, seed=1, driver=None, **options):
    here = Home()
    settings = DRIVER.options(**(driver or {}))
    async with DRIVER.open(here.device(), settings) as here.driver:
        context = EmulatorContext(
            where="home.toml [device.ev]",
            role="ev",
            clock=here.clock,
            rng=np.random.default_rng(seed),
            circuit=here.circuit,
            dial=here.driver.address,
        )
        record = DRIVER.emulator_options(**options)
        async with DRIVER.emulate(context, record) as here.emulator:
            await here.driver.ready()
            yield here
            assert here.emulator.violations == []


@play
async def test_a_turn_down_is_there_within_ten_seconds_and_gone_after_release():
    """Budget of a compliant station and vehicle: two times 5 s (facts-gb, 9)."""
    async with home() as here:
        assert await here.amperes(60) == 32.0
        acknowledged = await here.driver.limit_power_w(1400)
        assert acknowledged.accepted
        assert acknowledged.detail == "Accepted; composite 6.0 A"
        assert await here.amperes(70) == 6.0
        await here.driver.limit_power_w(None)
        assert await here.amperes(90) == 32.0
        assert here.driver.violations == ()


@play
async def test_zero_watts_pause_and_the_vehicle_wakes_again():
    async with home() as here:
        await here.clock.until(60)
        assert (
            await here.driver.limit_power_w(0)
        ).detail == "Accepted; composite 0.0 A"
        assert await here.amperes(70) == 0.0
        assert here.events[-1] == (60, "status", "SuspendedEVSE")
        await here.driver.limit_power_w(None)
        assert await here.amperes(64 + 6) == 0.0
        assert await here.amperes(90) == 32.0


@play
async def test_less_than_6_a_is_a_pause_too():
    async with home() as here:
        await here.clock.until(60)
        detail = (await here.driver.limit_power_w(1000)).detail
        assert detail == "Accepted; composite 4.3 A"
        assert await here.amperes(75) == 0.0


@pytest.mark.parametrize("unit", ["A", "W"])
def test_either_unit_gives_the_same_power(unit):
    async def test():
        async with home(driver={"rate_unit": unit}) as here:
            await here.clock.until(60)
            await here.driver.limit_power_w(2300)
            return await here.amperes(75)

    assert on_virtual_time(test()) == 10.0


def test_three_phases_share_the_limit():
    async def test():
        async with home(driver={"phases": 3}, phases=3, max_current_a=16) as here:
            assert await here.amperes(60) == 48.0
            await here.driver.limit_power_w(6900)
            return await here.amperes(75)

    assert on_virtual_time(test()) == 30.0


@play
async def test_what_the_station_says_of_itself_is_reported_with_its_own_time():
    async with home(own_meter_gain_percent=5) as here:
        await here.clock.until(61)
        ten_second_steps = {at_s for at_s, _reading in here.readings}
        assert ten_second_steps == {0, 10, 20, 30, 40, 50, 60}
        assert all(r.device_time_s == at_s for at_s, r in here.readings)
        true_w = 32 * here.circuit.voltage_v(60)
        assert here.last("power_w") == pytest.approx(1.05 * true_w, abs=0.5)
        assert here.last("current_offered_a") == 32.0
        assert here.last("soc_percent") == 20.0
        assert {r.quantity for _at_s, r in here.readings} == {
            "power_w",
            "energy_import_wh",
            "current_a",
            "current_offered_a",
            "voltage_v",
            "soc_percent",
        }


@play
async def test_a_station_clock_that_is_wrong_shows_in_device_time_only():
    async with home(clock_offset_s=-90) as here:
        await here.clock.until(61)
        at_s, reading = here.readings[-1]
        assert (at_s, reading.device_time_s) == (60, -30)
        await here.driver.limit_power_w(1400)
        assert await here.amperes(75) == 6.0


@play
async def test_a_vehicle_that_leaves_and_returns_stays_limited():
    async with home() as here:
        await here.clock.until(60)
        await here.driver.limit_power_w(2300)
        await here.clock.until(100)
        here.emulator.operate("unplug")
        assert await here.amperes(101) == 0.0
        assert (100, "unavailable", "Available") in here.events
        here.emulator.operate("plug in")
        assert await here.amperes(130) == 10.0
        assert (101, "available", "SuspendedEV") in here.events


@play
async def test_a_default_profile_waits_for_the_vehicle():
    async with home(plugged_in=False) as here:
        assert (await here.driver.limit_power_w(2300)).accepted
        here.emulator.operate("plug in")
        assert await here.amperes(30) == 10.0


@play
async def test_a_full_battery_stops_and_the_station_says_so():
    async with home(soc_percent=99, battery_kwh=5) as here:
        await here.clock.until(1200)
        assert here.events[-1][1:] == ("status", "SuspendedEV")
        assert await here.amperes(1201) == 0.0


@play
async def test_duty_changes_keep_their_distance():
    async with home(pwm_spacing_s=5, reaction_s=0, reaction_spread_s=0) as here:
        await here.clock.until(60)
        await here.driver.limit_power_w(2300)
        await here.clock.until(61)
        await here.driver.limit_power_w(4600)
        assert await here.amperes(64.9) == 10.0
        assert await here.amperes(67) == 20.0


# Faults, each beside a station without it


async def drawn_after(limit_w, seconds, *, driver=None, **options):
    """Limit at 60 s; return the acknowledgement and the current that much later."""
    async with home(driver=driver, **options) as here:
        await here.clock.until(60)
        acknowledged = await here.driver.limit_power_w(limit_w)
        return acknowledged, await here.amperes(60 + seconds)


@pytest.mark.parametrize(
    ("faults", "seconds", "amperes"),
    [
        ({}, 15, 6.0),
        ({"ignores_profiles": True}, 600, 32.0),
        ({"response_delay_s": 60}, 60, 32.0),
        ({"response_delay_s": 60}, 75, 6.0),
        ({"drops_profile_after_s": 120}, 119, 6.0),
        ({"drops_profile_after_s": 120}, 135, 32.0),
    ],
)
def test_accepted_is_not_delivered(faults, seconds, amperes):
    acknowledged, drawn = on_virtual_time(drawn_after(1400, seconds, faults=faults))
    assert acknowledged.accepted
    assert acknowledged.detail == "Accepted; composite 6.0 A"
    assert drawn == amperes


def test_watts_read_as_amperes_limit_nothing():
    watts = {"rate_unit": "W"}
    _good, drawn = on_virtual_time(drawn_after(1400, 15, driver=watts))
    assert drawn == round(1400 / 230, 1)
    bad, drawn = on_virtual_time(
        drawn_after(1400, 600, driver=watts, faults={"watts_as_amperes": True})
    )
    assert bad.accepted
    assert bad.detail == "Accepted; composite 7360.0 W"
    assert drawn == 32.0


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
def test_a_station_that_rejects_is_no_acknowledgement(status):
    faults = {"rejects_profiles": status}
    acknowledged, drawn = on_virtual_time(drawn_after(1400, 60, faults=faults))
    assert (acknowledged.accepted, acknowledged.detail) == (False, status)
    assert drawn == 32.0


def test_a_station_that_answers_with_a_call_error_raises():
    faults = {"refuses_profiles": "InternalError"}
    with pytest.raises(LinkError, match="CALLERROR InternalError"):
        on_virtual_time(drawn_after(1400, 60, faults=faults))


@play
async def test_a_station_that_offers_20_a_to_a_vehicle_that_draws_6():
    async with home(faults={"draws_at_most_a": 6}) as here:
        await here.clock.until(60)
        assert (await here.driver.limit_power_w(4600)).accepted
        assert await here.amperes(120.5) == 6.0
        assert here.last("current_offered_a") == 20.0
        assert here.last("current_a") == 6.0


@pytest.mark.parametrize(("ramp_a_per_s", "amperes"), [(0.2, 22.0), (10.0, 6.0)])
def test_a_slow_ramp_shows(ramp_a_per_s, amperes):
    options = {"ramp_a_per_s": ramp_a_per_s, "reaction_s": 2, "reaction_spread_s": 0}

    async def test():
        async with home(**options) as here:
            await here.clock.until(300)
            await here.driver.limit_power_w(1400)
            return await here.amperes(300 + 2 + 50)

    assert on_virtual_time(test()) == amperes


@pytest.mark.parametrize(("overshoot_a", "amperes"), [(32.0, 32.0), (None, 20.0)])
def test_a_release_may_overshoot_what_went_before(overshoot_a, amperes):
    faults = {"overshoot_a": overshoot_a, "overshoot_s": 60}

    async def test():
        async with home(max_current_a=20, faults=faults) as here:
            before = await here.amperes(60)
            await here.driver.limit_power_w(1400)
            await here.clock.until(120)
            await here.driver.limit_power_w(None)
            return before, await here.amperes(150), await here.amperes(200)

    assert on_virtual_time(test()) == (20.0, amperes, 20.0)


@pytest.mark.parametrize("delay_s", [0, 300])
def test_a_late_notice_is_late_by_its_delay(delay_s):
    async def test():
        async with home(faults={"status_delay_s": delay_s}) as here:
            await here.clock.until(1000)
            here.emulator.operate("unplug")
            assert await here.amperes(1001) == 0.0
            await here.clock.until(2000)
            return [
                at_s for at_s, kind, _detail in here.events if kind == "unavailable"
            ]

    assert on_virtual_time(test()) == [1000 + delay_s]


@play
async def test_a_station_that_vanishes_never_comes_back_but_goes_on_charging():
    async with home(faults={"vanishes_at_s": 90}) as here:
        await here.clock.until(60)
        await here.driver.limit_power_w(2300)
        await here.clock.until(91)
        assert [event[:2] for event in here.events][-1] == (90, "lost")
        with pytest.raises(LinkError, match="not connected"):
            await here.driver.limit_power_w(None)
        assert await here.amperes(3600) == 10.0
        assert here.events[-1][1] == "lost"


@play
async def test_malformed_json_reaches_the_trial_as_a_sentence():
    async with home(faults={"malformed_json_at_s": 90}) as here:
        await here.clock.until(100)
        text = '[2,"s0","Heartbeat",{'
        assert (90, False, text) in here.wire
        with pytest.raises(LinkError, match="a message is not JSON"):
            await here.driver.identify()
        await here.driver.make_safe()


# The same again


async def event_of_an_hour(seed):
    async with home(seed=seed) as here:
        powers = []
        for minute, limit_w in ((5, 1400), (20, 0), (30, 4600), (45, None)):
            powers.append(await here.amperes(60 * minute))
            await here.driver.limit_power_w(limit_w)
        powers.append(await here.amperes(3600))
        return here.wire, here.readings, here.events, powers


def test_the_same_seed_gives_the_same_messages_to_the_microsecond():
    first = on_virtual_time(event_of_an_hour(1))
    assert on_virtual_time(event_of_an_hour(1)) == first
    assert first[-1] == [32.0, 6.0, 0.0, 20.0, 32.0]
    assert on_virtual_time(event_of_an_hour(2))[2] != first[2]


def test_no_message_of_an_hour_breaks_a_schema_and_none_is_lost():
    wire, readings, _events, _powers = on_virtual_time(event_of_an_hour(1))
    values = [
        text for _at, sent, text in wire if not sent and '"MeterValues",{' in text
    ]
    # One asked for at the start, then one every 10 s.
    assert len(values) == 361
    assert len(readings) == 6 * len(values)


def test_it_runs_on_the_wall_clock_too():
    async def test():
        async with home(reaction_s=0, reaction_spread_s=0, wake_up_s=0) as here:
            acknowledged = await here.driver.limit_power_w(2300)
            identity = await here.driver.identify()
            return acknowledged.detail, identity.model

    assert asyncio.run(test()) == ("Accepted; composite 10.0 A", "Emulated AC 1")
