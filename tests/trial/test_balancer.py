"""The controller: others make up for who does not do as told, until it does again."""

import asyncio
from datetime import UTC, datetime

import pytest

from harness.core.clock import BenchClock
from harness.core.recording import Reading
from harness.core.virtual_loop import VirtualLoop
from harness.market.balancing import Balancing, Kind, Mover
from harness.trial.balancer import Balancer
from harness.trial.plan import Plan

METERS = {"battery": "battery_meter", "ev": "ev_meter"}
BATTERY, CAR = Mover("battery", -4500.0, 4500.0), Mover("ev", 1400.0, 7000.0)


class Village:
    """Two movers, and so much else at the boundary; each does what it can."""

    def __init__(self, battery_w, car_w=(0.0, 7000.0)):
        self.ranges = {"battery": battery_w, "ev": car_w}
        self.told = {"battery": 0.0, "ev": 0.0}
        self.rest_w = 0.0
        self.sent = []

    async def instruct(self, _actor, role, _move, level_w, _until_s):
        self.told[role] = level_w
        self.sent.append((role, level_w))

    async def release(self, role):
        self.told[role] = 0.0

    def drawn_w(self, role):
        least_w, most_w = self.ranges[role]
        return min(max(self.told[role], least_w), most_w)

    def through_w(self):
        return self.rest_w + sum(map(self.drawn_w, self.told))

    def tell(self, balancer):
        for role, meter in METERS.items():
            balancer.hear(meter, [Reading("power_w", self.drawn_w(role))])
        balancer.hear("boundary", [Reading("power_w", self.through_w())])


def lived(village, *stages, renewed_s=1.0):
    """Let a village live through stages; return what crosses its boundary in each."""

    async def trial():
        clock = BenchClock(datetime(2026, 6, 1, 10, tzinfo=UTC))
        plan = Plan()
        plan.balancing = Balancing(
            "village", 20_000.0, {"battery": Kind.STORE, "ev": Kind.LOAD},
            (BATTERY, CAR), 36_000.0, 36_000.0 + 3600,
        )  # fmt: skip
        balancer = Balancer(
            plan, village, clock, lambda *_, **__: None, METERS, "boundary",
            dict.fromkeys([*METERS.values(), "boundary"], renewed_s),
        )  # fmt: skip
        await clock.until(plan.bench_s(36_000.0))
        at_work = asyncio.create_task(balancer.run())
        found = []
        for stage in stages:
            stage()
            for _ in range(60):
                village.tell(balancer)
                await clock.until(clock.now_s() + 5.0)
            found.append(village.through_w())
        at_work.cancel()
        return found

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(trial())


def test_a_full_battery_is_made_up_for_and_gives_in_the_evening():
    village = Village(battery_w=(-4500.0, 4500.0))

    def sun():
        village.rest_w = -6000.0

    def full():
        village.ranges["battery"] = (-4500.0, 0.0)

    def evening():
        village.rest_w = 3000.0

    noon_w, full_w, evening_w = lived(village, sun, full, evening)
    assert noon_w == pytest.approx(0, abs=60)
    assert full_w == pytest.approx(0, abs=60)
    assert evening_w == pytest.approx(0, abs=60)


def test_an_empty_battery_takes_the_next_sun():
    village = Village(battery_w=(0.0, 4500.0))

    def night():
        village.rest_w = 2000.0

    def morning():
        village.rest_w = -3000.0

    night_w, morning_w = lived(village, night, morning)
    assert night_w == pytest.approx(2000, abs=60)
    assert morning_w == pytest.approx(0, abs=60)


def test_a_car_that_drove_off_is_made_up_for_and_taken_when_it_is_back():
    village = Village(battery_w=(-100.0, 100.0))

    def sun():
        village.rest_w = -5000.0

    def gone():
        village.ranges["ev"] = (0.0, 0.0)

    def back():
        village.ranges["ev"] = (0.0, 7000.0)

    sun_w, gone_w, back_w = lived(village, sun, gone, back)
    assert sun_w == pytest.approx(0, abs=160)
    assert gone_w == pytest.approx(-4900, abs=60)
    assert back_w == pytest.approx(0, abs=160)


def test_who_could_not_is_tried_again_after_a_quarter_of_an_hour():
    village = Village(battery_w=(-4500.0, 100.0), car_w=(0.0, 0.0))

    def sun():
        village.rest_w = -3000.0

    def room():
        village.ranges["battery"] = (-4500.0, 4500.0)

    short_w, *waits_w, tried_w = lived(village, sun, room, room, room, room)
    assert short_w == pytest.approx(-2900, abs=60)
    assert waits_w[0] == pytest.approx(-2900, abs=60)
    assert tried_w == pytest.approx(0, abs=60)


def test_a_full_battery_is_not_told_to_take_at_every_look():
    village = Village(battery_w=(-4500.0, 0.0))

    def sun():
        village.rest_w = -6000.0

    lived(village, sun, sun)
    told = [level_w for role, level_w in village.sent if role == "battery"]
    assert told == [4500.0, 0.0]


def test_meters_that_show_old_values_are_waited_for():
    village = Village(battery_w=(-4500.0, 4500.0))

    def sun():
        village.rest_w = -3000.0

    (left_w,) = lived(village, sun, renewed_s=30.0)
    assert left_w == pytest.approx(0, abs=60)
    assert len(village.sent) == 2
