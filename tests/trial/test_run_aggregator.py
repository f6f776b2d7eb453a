"""The aggregator: what it sends, what it hears, and what it tells whom."""

import asyncio

import pytest

from harness.core.bench import DeviceEvent
from harness.core.capabilities import Acknowledgement, Demand
from harness.core.errors import FeatureError, LinkError, RefusedError
from harness.core.recording import LogEntry
from harness.market.constraint import Agreement, Offer
from harness.trial.aggregator import Aggregator, command
from harness.trial.plan import Plan
from harness.trial.planned import MarketAct, Move
from tests.trial.fakes import Fake, on_virtual_time

AGREED = Agreement(
    capacity_w=7000.0,
    window_from_s=0.0,
    window_until_s=86_400.0,
    arming_period_s=1800.0,
    deliver_within_s=120.0,
    notice_within_s=60.0,
)
OFFERS = [Offer("ev", 7000.0, 1400.0), Offer("heat_pump", 2000.0, 600.0)]


class Desk:
    """An aggregator, its two devices, and its log."""

    def __init__(self, clock, **faults):
        self.ev, self.pump = Fake(**faults), Fake()
        for device in (self.ev, self.pump):
            device.context = self
        self.clock, self.entries = clock, []
        self.plan = Plan(offers=OFFERS, agreement=AGREED, baseline_s=0.0)
        self.plan.acts.append(MarketAct("arm", "DSO", 0.0))
        devices = {"ev": self.ev, "heat_pump": self.pump}
        self.aggregator = Aggregator(self.plan, devices, clock, self.log)

    def log(self, actor, what, /, **detail):
        entry = LogEntry(self.clock.now_s(), str(actor), what, detail)
        self.entries.append(entry)
        return entry

    def said(self, what):
        return [entry for entry in self.entries if entry.what == what]

    async def acts(self, kind, from_s=0.0, until_s=0.0):
        act = MarketAct(kind, "DSO", self.clock.now_s(), from_s, until_s)
        await self.aggregator.market_act(act)


def at_desk(work, **faults):
    """Run ``work(desk)`` on virtual time and return the desk."""

    async def begun(clock):
        desk = Desk(clock, **faults)
        await work(desk)
        return desk

    return on_virtual_time(begun)


def test_a_release_returns_an_asset_to_the_level_at_which_it_was_held():
    async def work(desk):
        await desk.aggregator.hold("ev", 1400.0)
        await desk.aggregator.instruct("ESO", "ev", Move.UP, 4600.0, 60.0)
        await desk.aggregator.release("ev")

    desk = at_desk(work)
    assert [limit for _, limit in desk.ev.limits] == [1400.0, 4600.0, 1400.0]


def test_a_release_of_what_was_not_held_lifts_every_limit():
    async def work(desk):
        await desk.aggregator.instruct("ESO", "ev", Move.DOWN, 1400.0, 60.0)
        await desk.aggregator.release("ev")

    assert [limit for _, limit in at_desk(work).ev.limits] == [1400.0, None]


def test_a_refusal_is_written_down_in_the_device_s_words():
    async def work(desk):
        assert not await desk.aggregator.instruct("ESO", "ev", Move.DOWN, 0.0, 9.0)

    desk = at_desk(work, raises=RefusedError("ev", "NotSupported", "its manual"))
    (refusal,) = desk.said("refuses")
    assert (refusal.actor, refusal.detail["number"]) == ("ev", 1)
    assert "NotSupported" in refusal.detail["detail"]


def test_a_wire_that_fails_is_no_refusal():
    async def work(desk):
        with pytest.raises(LinkError, match="silence"):
            await desk.aggregator.instruct("ESO", "ev", Move.DOWN, 0.0, 9.0)

    desk = at_desk(work, raises=LinkError("ev", "silence", "its wire"))
    assert not desk.said("refuses")
    assert desk.said("was not reached")


REFUSALS = {
    "never armed": (None, "the service was never armed", None),
    "inside the arming period": (0.0, "the arming period has not ended", 1800.0),
}


@pytest.mark.parametrize(
    ("armed_s", "reason", "ready_s"), REFUSALS.values(), ids=REFUSALS
)
def test_a_dispatch_that_cannot_be_taken_reaches_no_device(armed_s, reason, ready_s):
    async def work(desk):
        if armed_s is not None:
            await desk.acts("arm")
        await desk.acts("dispatch", from_s=600.0, until_s=1200.0)

    desk = at_desk(work)
    assert not desk.ev.limits
    assert not desk.pump.limits
    notices = desk.said("notice: refused")
    assert {notice.detail["to"] for notice in notices} == {
        "DSO",
        "neutral market facilitator",
    }
    assert {notice.detail["reason"] for notice in notices} == {reason}
    assert {notice.detail["ready_at_s"] for notice in notices} == {ready_s}


def test_a_dispatch_moves_what_covers_the_capacity_and_releases_it():
    async def work(desk):
        await desk.acts("arm")
        await desk.clock.until(1740.0)
        await desk.acts("dispatch", from_s=1800.0, until_s=2400.0)

    desk = at_desk(work)
    assert desk.ev.limits == [(1800.0, 1400.0), (2400.0, None)]
    assert desk.pump.limits == [(1800.0, 600.0), (2400.0, None)]


def lost(role):
    return DeviceEvent(role, "unavailable", "Available")


def test_a_lost_asset_is_declared_once_to_the_dso_and_the_facilitator():
    async def work(desk):
        await desk.acts("arm")
        desk.aggregator.hear(lost("ev"))
        desk.aggregator.hear(lost("ev"))

    desk = at_desk(work)
    notices = desk.said("notice: unavailable")
    assert [notice.detail["to"] for notice in notices] == [
        "DSO",
        "neutral market facilitator",
    ]
    assert {notice.detail["capacity_w"] for notice in notices} == {5600.0}


def test_nobody_is_told_of_a_loss_before_the_service_is_armed():
    async def work(desk):
        desk.aggregator.hear(lost("ev"))

    desk = at_desk(work)
    assert desk.said("unavailable")
    assert not desk.said("notice: unavailable")


def test_an_overruled_dispatch_is_released_at_once_and_not_again():
    async def work(desk):
        await desk.acts("arm")
        await desk.clock.until(1800.0)
        dispatch = desk.acts("dispatch", from_s=1800.0, until_s=2400.0)

        async def overrule():
            await desk.clock.until(2000.0)
            await desk.aggregator.market_act(
                MarketAct("overrule", "ESO", 2000.0, detail="a fault elsewhere")
            )

        await asyncio.gather(dispatch, overrule())

    desk = at_desk(work)
    assert desk.ev.limits == [(1800.0, 1400.0), (2000.0, None)]
    assert {notice.time_s for notice in desk.said("notice: overruled")} == {2000.0}


class Pump:
    """Can be asked for less or more, not how much."""

    def __init__(self):
        self.asked = []

    async def shift_demand(self, demand):
        self.asked.append(demand)
        return Acknowledgement(True, "")


class Plug:
    """Can be switched."""

    def __init__(self):
        self.asked = []

    async def switch(self, on):
        self.asked.append(on)
        return Acknowledgement(True, "")


WORDS = {
    "demand": (Pump, [Demand.REDUCE, Demand.BOOST, Demand.NORMAL]),
    "a relay": (Plug, [False, True, True]),
}


@pytest.mark.parametrize(("kind", "wanted"), WORDS.values(), ids=WORDS)
def test_each_device_is_asked_in_what_it_understands(kind, wanted):
    device = kind()

    async def work(_clock):
        for move in (Move.DOWN, Move.UP, None):
            await command(device, "role", move, 0.0)

    on_virtual_time(work)
    assert device.asked == wanted


def test_a_device_that_cannot_change_its_power_is_named():
    async def work(_clock):
        await command(object(), "meter", Move.DOWN, 0.0)

    with pytest.raises(FeatureError, match="role 'meter': this device cannot be asked"):
        on_virtual_time(work)


class _Both:
    """A heat pump that takes a limit as well as less, normal and more."""

    def __init__(self):
        self.asked = []

    async def limit_power_w(self, limit_w):
        self.asked.append(("limit", limit_w))
        return Acknowledgement(True, "")

    async def shift_demand(self, demand):
        self.asked.append(("shift", str(demand)))
        return Acknowledgement(True, "")


@pytest.mark.parametrize(
    ("move", "level_w", "asked"),
    [
        (Move.DOWN, 600.0, [("limit", 600.0)]),
        (Move.UP, 2400.0, [("shift", "boost")]),
        (None, None, [("shift", "normal"), ("limit", None)]),
    ],
)
def test_a_device_that_can_be_limited_and_shifted_is_asked_the_better_way(
    move, level_w, asked
):
    device = _Both()
    asyncio.run(command(device, "heat_pump", move, level_w))
    assert device.asked == asked


@pytest.mark.parametrize(
    ("method", "level_w", "asked"),
    [
        ("set_power_w", -3000.0, -3000.0),
        ("set_power_w", None, None),
        ("limit_export_w", -2000.0, 2000.0),
        ("limit_export_w", None, None),
    ],
)
def test_sources_are_asked_with_their_own_sign(method, level_w, asked):
    said = []

    async def take(_self, value):
        said.append(value)
        return Acknowledgement(True, "")

    device = type("Source", (), {method: take})()
    move = None if level_w is None else Move.UP
    asyncio.run(command(device, "battery", move, level_w))
    assert said == [asked]
