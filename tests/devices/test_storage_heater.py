"""Storage heaters on a teleswitch: present in the home, and nobody's to instruct."""

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.storage_heater.model import StorageHeater, StorageHeaterOptions
from devices.storage_heater.radio_teleswitch import DRIVER
from harness.core import capabilities
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.capabilities import Device, Polled
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.errors import RigError
from harness.core.faults import Breakable, Fault, FaultKind
from harness.core.virtual_loop import VirtualLoop
from harness.rig.drivers import find_driver

WHERE = "rig.toml [device.storage_heater]"
HOUR_S = 3600.0


def heaters(seed=1, *, starts_s=0.0, **options):
    return StorageHeater(
        StorageHeaterOptions(**options),
        started_at_s=starts_s,
        midnight_s=0.0,
        rng=np.random.default_rng(seed),
    )


def drawn_kwh(model, begin_h, end_h):
    times = np.arange(begin_h * HOUR_S, end_h * HOUR_S, 60.0)
    return sum(model.power_w(t) for t in times) / 60.0 / 1000.0


def test_it_charges_in_the_night_and_never_by_day():
    model = heaters()
    assert drawn_kwh(model, 0.0, 0.5) == 0.0
    assert 15.0 < drawn_kwh(model, 0.5, 8.0) < 45.0
    assert drawn_kwh(model, 8.0, 24.0) == 0.0


def test_it_heats_the_room_over_the_day_and_is_emptier_in_the_evening():
    model = heaters()
    model.advance(7.5 * HOUR_S)
    morning, warm_w = model.share, model.heat_w
    model.advance(20 * HOUR_S)
    assert morning == pytest.approx(0.9, abs=0.03)
    assert warm_w > 2000.0
    assert model.share < 0.5
    assert 500.0 < model.heat_w < warm_w


def test_it_draws_its_rating_or_nothing():
    model = heaters()
    drawn = {model.power_w(t) for t in np.arange(0.0, 48 * HOUR_S, 60.0)}
    assert drawn == {0.0, 6800.0}


def test_the_books_balance_over_days():
    model = heaters(spread_s=0.0)
    given_wh = drawn_wh = 0.0
    start_wh = model.share * 44_000.0
    for at_s in np.arange(0.0, 72 * HOUR_S, 10.0):
        drawn_wh += model.power_w(at_s) / 360.0
        model.advance(at_s + 10.0)
        given_wh += model.heat_w / 360.0
    assert drawn_wh - given_wh == pytest.approx(
        model.share * 44_000.0 - start_wh, rel=1e-6, abs=1.0
    )


def first_on_s(seed, day=0):
    model = heaters(seed)
    times = np.arange(day * 86_400.0, (day + 1) * 86_400.0, 10.0)
    return next(t for t in times if model.power_w(t) > 0.0) - day * 86_400.0


def test_switching_is_spread_by_the_seed_and_anew_each_day():
    first = [first_on_s(seed) for seed in range(5)]
    assert all(1800.0 <= each <= 1800.0 + 370.0 for each in first)
    assert len(set(first)) > 1
    assert first_on_s(1, day=1) != first_on_s(1, day=2)
    assert first_on_s(3) == first_on_s(3)


def test_a_window_over_midnight_is_one_window():
    model = heaters(schedule=("23:00-06:00",), spread_s=0.0, starts_s=-HOUR_S)
    assert model.power_w(0.0) > 0.0
    assert model.power_w(7 * HOUR_S) == 0.0
    assert model.power_w(23.5 * HOUR_S) > 0.0


@pytest.mark.parametrize("window", ["0:30-7:30", "25:00-07:00", "at night", ""])
def test_a_window_that_is_none_is_refused(window):
    with pytest.raises(ValueError, match="is not like '00:30-07:30'"):
        StorageHeaterOptions(schedule=(window,))


def test_an_open_damper_empties_it_sooner():
    shares = []
    for open_ in (True, False):
        model = heaters()
        model.advance(8 * HOUR_S)
        model.turn_damper(open_, at_s=8 * HOUR_S)
        model.advance(16 * HOUR_S)
        shares.append(model.share)
    assert shares[0] < shares[1] - 0.1


@settings(max_examples=20, deadline=None)
@given(
    reads=st.lists(st.floats(0.0, 40_000.0), max_size=30),
    fault_s=st.floats(0.0, 20_000.0),
)
def test_how_often_somebody_asks_changes_nothing(reads, fault_s):
    ends = []
    for asked in (sorted(reads), []):
        model = heaters()
        steps = [(t, lambda m, t: m.power_w(t)) for t in asked]
        steps.append((fault_s, lambda m, t: m.lose_signal(True, at_s=t)))
        for at_s, act in sorted(steps, key=lambda step: step[0]):
            act(model, at_s)
        ends.append((model.power_w(50_000.0), model.share))
    assert ends[0] == ends[1]


# --- in a home


def run(trial):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(trial)


class Home:
    def __init__(self):
        self.clock = BenchClock(datetime(2026, 1, 15, 17, tzinfo=UTC), lead_s=10.0)
        self.circuit = Circuit()

    def emulate(self, **options):
        rng = np.random.default_rng(1)
        context = EmulatorContext(
            WHERE, "storage_heater", self.clock, rng, self.circuit
        )
        return DRIVER.emulate(context, DRIVER.emulator_options(**options))

    def open(self, address):
        context = DeviceContext(
            WHERE, "storage_heater", address, self.clock,
            lambda *_: None, lambda _: None, lambda _: None,
        )  # fmt: skip
        return DRIVER.open(context, DRIVER.options())

    def power_w(self):
        return self.circuit.power_w(("storage_heater",), self.clock.now_s())


def test_it_is_found_identified_and_left_alone():
    async def trial():
        home = Home()
        async with home.emulate() as emulator, home.open(emulator.address) as device:
            await device.ready()
            await device.make_safe()
            await device.make_safe()
            await home.clock.until(8 * HOUR_S)  # one in the morning
            return device, await device.identify(), home.power_w()

    device, identity, power_w = run(trial())
    assert identity.model == "storage heaters (storage_heater)"
    assert power_w == 6800.0
    assert isinstance(device, Device)
    assert not isinstance(device, Polled)
    assert find_driver("storage_heater/radio_teleswitch", WHERE) is DRIVER


def test_nothing_can_be_asked_of_it_and_the_reason_is_a_sentence():
    asked = (
        "LimitsPower", "ShiftsDemand", "Switches", "SetsPower", "SetsReactivePower",
        "PlansDeparture",
    )  # fmt: skip

    async def trial():
        async with Home().open("rts:heaters") as device:
            return [isinstance(device, getattr(capabilities, each)) for each in asked]

    assert not any(run(trial()))
    assert DRIVER.capabilities == (Device,)
    assert "radio teleswitch" in DRIVER.not_dispatchable
    assert "no interface" in DRIVER.not_dispatchable
    assert "\n" not in DRIVER.not_dispatchable


@pytest.mark.parametrize("address", ["modbus://10.0.0.7:502/1", "rts:", "heaters"])
def test_an_address_that_would_be_dialled_is_refused(address):
    async def trial():
        async with Home().open(address):
            pass

    with pytest.raises(RigError, match="a label is enough"):
        run(trial())


def test_without_its_signal_the_switch_stays_as_it_is():
    async def trial():
        home = Home()
        async with home.emulate(input_share=1.0, core_kwh=200.0) as emulator:
            assert isinstance(emulator, Breakable)
            assert emulator.breaks == DRIVER.faults
            await home.clock.until(8 * HOUR_S)
            emulator.impose(Fault(FaultKind.FORGETS_SCHEDULE))
            await home.clock.until(18 * HOUR_S)  # eleven in the morning
            stuck_w = home.power_w()
            emulator.lift(FaultKind.FORGETS_SCHEDULE)
            await home.clock.until(18.5 * HOUR_S)
            return stuck_w, home.power_w()

    assert run(trial()) == (6800.0, 0.0)


def test_tripped_it_draws_nothing_until_that_is_lifted():
    async def trial():
        home, seen = Home(), []
        async with home.emulate() as emulator:
            await home.clock.until(8 * HOUR_S)
            emulator.impose(Fault(FaultKind.TRIPS))
            seen.append(home.power_w())
            await home.clock.until(8.5 * HOUR_S)
            seen.append(home.power_w())
            emulator.lift(FaultKind.TRIPS)
            await home.clock.until(8.6 * HOUR_S)
            seen.append(home.power_w())
        return seen

    assert run(trial()) == [0.0, 0.0, 6800.0]


def test_what_nobody_could_do_to_it_is_refused_in_a_sentence():
    async def trial():
        async with Home().emulate() as emulator:
            for action in DRIVER.operations:
                emulator.operate(action)
            with pytest.raises(ValueError, match="can: open the damper"):
                emulator.operate("plug in")
            with pytest.raises(ValueError, match="cannot be ones that"):
                emulator.impose(Fault(FaultKind.EXCEPTION))

    run(trial())
