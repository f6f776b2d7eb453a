"""Each fault of each plug: it shows on the wire or in the power; lifted, it is gone."""

from __future__ import annotations

import contextlib
import math

import pytest

from devices.smart_plug import shelly, shelly_mqtt, shelly_ws, tasmota
from harness.core.errors import LinkError
from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices.mqtt_bench import Bench, run, values

DRIVERS = {
    each.name: each
    for each in (shelly.DRIVER, shelly_mqtt.DRIVER, shelly_ws.DRIVER, tasmota.DRIVER)
}


@pytest.fixture(params=DRIVERS.values(), ids=DRIVERS.keys())
def driver(request):
    return request.param


class Pair:
    """A plug and its driver on a bench; the driver listens if that is its way."""

    def __init__(self, driver, options=None, **emulator):
        self.driver, self.options, self.emulated = driver, options or {}, emulator
        self.bench = Bench(driver)

    async def __aenter__(self):
        self.stack = contextlib.AsyncExitStack()
        enter, bench = self.stack.enter_async_context, self.bench
        if self.driver.listens:
            self.plug = await enter(bench.open("ws://127.0.0.1:0/plug", **self.options))
            self.emulator = await enter(
                bench.emulate(dial=self.plug.address, **self.emulated)
            )
        else:
            self.emulator = await enter(bench.emulate(**self.emulated))
            self.plug = await enter(bench.open(self.emulator.address, **self.options))
        await self.plug.ready()
        return self

    async def __aexit__(self, *exc):
        await self.stack.aclose()

    async def power_w(self):
        return values(await self.plug.poll())["power_w"]

    async def after(self, seconds):
        await self.bench.clock.until(self.bench.clock.now_s() + seconds)


def trial(driver, story, **emulator):
    async def told():
        async with Pair(driver, **emulator) as pair:
            return await story(pair)

    return run(told())


def test_every_emulator_says_what_it_can_have_and_refuses_the_rest(driver):
    async def story(pair):
        assert isinstance(pair.emulator, Breakable)
        assert pair.emulator.breaks == driver.faults
        for kind in set(FaultKind) - set(driver.faults):
            with pytest.raises(ValueError, match="can: "):
                pair.emulator.impose(Fault(kind, 1.0))
        for kind in driver.faults:
            pair.emulator.lift(kind)
        with pytest.raises(ValueError, match="needs an amount"):
            pair.emulator.impose(Fault(FaultKind.SCALED))
        return await pair.power_w()

    assert trial(driver, story) == 90.0


def test_it_accepts_and_ignores(driver):
    async def story(pair):
        pair.emulator.impose(Fault(FaultKind.IGNORES))
        answer = await pair.plug.switch(False)
        ignored_w = pair.bench.power_w()
        pair.emulator.lift(FaultKind.IGNORES)
        return answer.accepted, ignored_w, pair.bench.power_w()

    assert trial(driver, story) == (True, 90.0, 0.0)


def test_it_trips(driver):
    async def story(pair):
        pair.emulator.impose(Fault(FaultKind.TRIPS))
        tripped = pair.bench.power_w(), await pair.power_w()
        pair.emulator.lift(FaultKind.TRIPS)
        # The compressor takes its rest first; then it runs again.
        await pair.after(4000.0)
        seen = set()
        for _ in range(60):
            await pair.after(60.0)
            seen.add(pair.bench.power_w())
        return tripped, seen

    tripped, seen = trial(driver, story)
    assert tripped == (0.0, 0.0)
    assert seen == {90.0, 1.5}


def test_it_reboots_and_comes_back_without_what_it_was_told(driver):
    async def story(pair):
        await pair.plug.switch(False)
        pair.emulator.impose(Fault(FaultKind.REBOOTS, 30.0))
        await pair.after(1.0)
        with pytest.raises(LinkError):
            await pair.plug.poll()
        await pair.after(40.0)
        back = await pair.plug.poll()
        return back, pair.emulator.plug.output, [kind for kind, _ in pair.bench.events]

    back, output, kinds = trial(driver, story)
    assert values(back)["power_w"] > 0.0
    assert output
    assert "lost" in kinds
    assert kinds[kinds.index("lost") :].count("connected") >= 1


def test_a_reboot_that_is_lifted_is_over_at_once(driver):
    async def story(pair):
        pair.emulator.impose(Fault(FaultKind.REBOOTS, 3600.0))
        await pair.after(1.0)
        pair.emulator.lift(FaultKind.REBOOTS)
        await pair.after(10.0)
        return await pair.power_w()

    assert trial(driver, story) > 0.0


def test_it_forgets_its_timer_and_says_nothing(driver):
    async def story(forgetful):
        pair = Pair(driver, {"fail_safe_s": 60.0})
        async with pair:
            await pair.plug.switch(False)
            await pair.after(10.0)
            if forgetful:
                pair.emulator.impose(Fault(FaultKind.FORGETS_SCHEDULE))
            await pair.after(100.0)
            return pair.emulator.plug.output

    assert run(story(forgetful=True)) is False
    assert run(story(forgetful=False)) is True


def test_it_is_silent(driver):
    async def story(pair):
        pair.emulator.impose(Fault(FaultKind.GAP))
        pair.bench.reports.clear()
        with pytest.raises(LinkError, match="no answer within 2 s"):
            await pair.plug.poll()
        await pair.after(200.0)
        silent = list(pair.bench.reports)
        pair.emulator.lift(FaultKind.GAP)
        power_w = await pair.power_w()
        await pair.after(200.0)
        return silent, power_w, pair.bench.reports

    silent, power_w, later = trial(driver, story)
    assert silent == []
    assert power_w > 0.0
    assert later


def test_it_is_frozen_time_and_all(driver):
    async def story(pair):
        await pair.after(5.0)
        pair.emulator.impose(Fault(FaultKind.FROZEN))
        frozen = []
        pair.bench.reports.clear()
        for _ in range(4):
            await pair.after(60.0)
            frozen.append(values(await pair.plug.poll()))
        told = {at_s for _, at_s, _ in pair.bench.reported("energy_import_wh")}
        pair.emulator.lift(FaultKind.FROZEN)
        await pair.after(60.0)
        return frozen, told, values(await pair.plug.poll())

    frozen, told, lifted = trial(driver, story)
    assert all(each == frozen[0] for each in frozen)
    assert len(told) == 1
    assert lifted["energy_import_wh"] > frozen[0]["energy_import_wh"]


def test_it_reads_by_a_wrong_factor(driver):
    async def story(pair):
        pair.emulator.impose(Fault(FaultKind.SCALED, 1000.0))
        wrong_w = await pair.power_w()
        pair.emulator.lift(FaultKind.SCALED)
        return wrong_w, await pair.power_w(), pair.bench.power_w()

    assert trial(driver, story) == (90_000.0, 90.0, 90.0)


def test_it_delivers_late_with_the_old_times(driver):
    async def story(pair):
        pair.emulator.impose(Fault(FaultKind.LATE_BACKLOG, 600.0))
        pair.bench.reports.clear()
        began_s = pair.bench.clock.now_s()
        await pair.after(590.0)
        early = pair.bench.reported("energy_import_wh")
        await pair.after(20.0)
        told = pair.bench.reported("energy_import_wh")
        pair.emulator.lift(FaultKind.LATE_BACKLOG)
        await pair.after(70.0)
        after = pair.bench.reported("energy_import_wh")[-1]
        return began_s, early, told, after

    began_s, early, told, after = trial(driver, story)
    assert early == []
    assert len(told) >= 9
    assert {round(at_s - began_s) for at_s, _, _ in told} == {600}
    ages_s = [at_s - device_s for at_s, device_s, _ in told]
    assert ages_s == sorted(ages_s, reverse=True)
    assert max(ages_s) > 500.0
    assert after[0] - after[1] <= 1.0


@pytest.mark.parametrize(
    ("kind", "amount", "error_s"),
    [(FaultKind.CLOCK_STEP, -120.0, -120.0), (FaultKind.CLOCK_DRIFT, 36.0, 36.0)],
)
def test_its_clock_is_wrong(driver, kind, amount, error_s):
    async def story(pair):
        pair.emulator.impose(Fault(kind, amount))
        await pair.after(3600.0)
        pair.bench.reports.clear()
        await pair.after(70.0)
        wrong = pair.bench.reported("energy_import_wh")[-1]
        pair.emulator.lift(kind)
        await pair.after(70.0)
        return wrong, pair.bench.reported("energy_import_wh")[-1]

    wrong, right = trial(driver, story)
    assert wrong[1] - wrong[0] == pytest.approx(error_s, abs=2.0)
    assert right[1] - right[0] == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("appliance", ["freezer", "washing machine", "dehumidifier"])
def test_any_plug_can_feed_any_appliance(driver, appliance):
    async def story(pair):
        if appliance == "washing machine":
            pair.emulator.operate("start programme")
        seen = []
        for _ in range(90):
            await pair.after(60.0)
            seen.append((pair.bench.power_w(), await pair.power_w()))
        return seen

    seen = trial(driver, story, appliance=appliance)
    assert all(math.isclose(true, told, abs_tol=0.51) for true, told in seen)
    assert len({true for true, _ in seen}) >= 2


def test_the_same_seed_gives_the_same_frames(driver):
    async def story(pair):
        for _ in range(30):
            await pair.after(10.0)
            await pair.plug.poll()
        await pair.plug.switch(False)
        return pair.bench.wire, pair.bench.reports

    first, second = (
        repr(trial(driver, story, appliance="dehumidifier")) for _ in range(2)
    )
    assert first == second
