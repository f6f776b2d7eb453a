"""The register as its log tells it, and the offset scheme that hears its meters."""

import asyncio
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.clock import BenchClock
from harness.core.parties import Party
from harness.core.recording import LogEntry, Reading, Recording
from harness.core.virtual_loop import VirtualLoop
from harness.market.offsetting import Scheme
from harness.market.sites import Area, Direction, Site
from harness.market.trades import Trade, TradeKind
from harness.trial.desk import Desk
from harness.trial.offset import OffsetDesk, add_test
from harness.trial.plan import Plan
from harness.trial.planned import PlannedTrade, TradeAct
from harness.trial.register import register_of

BEGINS = datetime(2026, 11, 26, tzinfo=UTC)
SITES = (
    Site("mill", Party.NON_DOMESTIC, "2000000000015", "load", 10, 1e5, 4e5, 0.0),
    Site("wind", Party.GENERATION, "2000000000042", "sun", 10, -2.9e5, 1e4, 3e5),
)
AREAS = [Area("O6", 2.5e5, SITES)]
SCHEME = Scheme("mill", "wind", True, 15.0, 10.0, 30.0)
TRADES = (
    Trade("T1", TradeKind.OFFSET, "mill", "wind", 1e5, 1000.0, 2000.0),
    Trade("T2", TradeKind.IMPORT, "mill", "wind", 2e4, 1500.0, 3000.0),
)
ACTS = st.lists(
    st.builds(
        TradeAct,
        st.sampled_from(["approve", "refuse", "unwind"]),
        st.sampled_from(["T1", "T2"]),
        st.floats(1.0, 3500.0),
        st.sampled_from([None, 1e4, 9e4]),
    ),
    max_size=8,
)


class Bench:
    """One plan's desks on a virtual clock, devices that do as told, and a log."""

    def __init__(self, plan):
        self.plan, self.entries, self.released = plan, [], []
        self.drawn = {site.role: site.usual_w / site.like for site in SITES}
        self.usual = dict(self.drawn)
        self.clock = BenchClock(BEGINS)
        self.desk = Desk(plan, self, self.clock, self.log, {})

    def log(self, actor, what, **detail):
        entry = LogEntry(self.clock.now_s(), str(actor), what, detail)
        self.entries.append(entry)
        return entry

    def said(self, what):
        return [one.time_s for one in self.entries if one.what == what]

    async def instruct(self, _actor, role, _move, level_w, _until_s):
        self.drawn[role] = level_w
        return True

    async def release(self, role):
        self.drawn[role] = self.usual[role]
        return True

    @property
    def recording(self):
        return Recording({}, (), tuple(self.entries), {})


def virtually(work):
    async def bounded():
        return await asyncio.wait_for(work(), 1e6)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(bounded())


def plan_of(*trades, schemes=(SCHEME,)):
    plan = Plan(roles=["load", "sun"], baseline_s=0.0)
    plan.areas += AREAS
    plan.schemes += schemes
    plan.trades += [PlannedTrade(trade, 0.0) for trade in trades]
    return plan


@given(ACTS)
def test_the_replayed_register_says_what_the_desk_s_own_says(acts):
    async def work():
        bench = Bench(plan_of(*TRADES))
        bench.desk.open()
        agreed = [
            asyncio.create_task(bench.desk.agree(one)) for one in bench.plan.trades
        ]
        for act in sorted(acts, key=lambda one: one.at_clock_s):
            await bench.clock.until(act.at_clock_s)
            await bench.desk.act(act)
        await asyncio.gather(*agreed)
        return bench

    bench = virtually(work)
    own, replayed = bench.desk.register, register_of(bench.recording, AREAS)
    assert replayed.transactions == own.transactions
    for site in SITES:
        for direction in Direction:
            for at_s in (0.0, 1250.0, 1750.0, 2500.0, *own.changes_s()):
                levels = [b.may_w(site.name, direction, at_s) for b in (own, replayed)]
                assert levels[0] == levels[1]


def offset(hears, *, test=False, obeys=True):
    """Carry out an approved offset of 100 kW, from 1,000 s to 2,000 s."""

    async def work():
        plan = plan_of(TRADES[0])
        if test:
            add_test(plan, SCHEME, 5e4, 1000.0)
        bench = Bench(plan)
        meters = {site.role: f"{site.role}_meter" for site in SITES}
        desk = OffsetDesk(
            plan, bench, bench.clock, bench.log, bench.desk.register, meters
        )
        if not obeys:
            stuck = bench.release

            async def release(role):
                return await stuck(role) if role == "load" else True

            bench.release = release
        bench.desk.open()
        trade = plan.trades[0].trade
        bench.desk.register.agree(trade, at_s=0.0)
        bench.desk.register.approve(trade.name, at_s=1.0)

        async def meter():
            while True:
                now_s = bench.clock.now_s()
                for site in SITES:
                    readings = hears(site.role, now_s, bench.drawn[site.role])
                    desk.hear(f"{site.role}_meter", readings)
                await bench.clock.until(now_s + 1.0)

        reading = asyncio.create_task(meter())
        await desk.carry_out(trade)
        reading.cancel()
        return bench

    return virtually(work)


def healthy(_role, now_s, power_w):
    volts = 230.0 + 0.1 * (now_s % 7)
    return [Reading("power_w", power_w), Reading("voltage_v", volts)]


def test_an_offset_that_is_heard_runs_to_its_end():
    bench = offset(healthy)
    assert bench.said("both up")[0] >= 1005.0
    assert bench.said("follower falls") == [1940.0]
    assert bench.said("ended") == [2000.0]
    assert not bench.said("tripped")


@pytest.mark.parametrize(
    "otherwise",
    [
        lambda power_w: [Reading("power_w", power_w), Reading("voltage_v", 231.0)],
        lambda _: [Reading("power_w", math.nan), Reading("voltage_v", 230.0)],
        lambda _: [],
    ],
)
def test_a_demand_that_says_nothing_new_trips_it_in_seconds(otherwise):
    def hears(role, now_s, power_w):
        if role == "load" and now_s >= 1500:
            return otherwise(power_w)
        return healthy(role, now_s, power_w)

    (tripped_s,) = offset(hears).said("tripped")
    assert 1504 < tripped_s <= 1507


def test_a_meter_that_stood_still_from_the_start_lets_nothing_rise():
    bench = offset(lambda role, _now_s, power_w: healthy(role, 0.0, power_w))
    assert not bench.said("both up")


def test_a_fail_safe_that_works_is_entered_as_verified_and_the_replay_knows():
    bench = offset(healthy, test=True)
    (tripped_s,) = bench.said("tripped")
    (entered_s,) = bench.said("enters verification")
    assert tripped_s <= entered_s <= tripped_s + SCHEME.trips_within_s
    replayed = register_of(bench.recording, AREAS)
    assert replayed.verified_s("mill", "wind") == entered_s
    assert replayed.is_outlined("mill", "wind")


def test_a_fail_safe_that_does_not_work_loses_its_outline_approval():
    bench = offset(healthy, test=True, obeys=False)
    assert not bench.said("enters verification")
    assert len(bench.said("withdraws outline")) == 1
    replayed = register_of(bench.recording, AREAS)
    assert not replayed.is_outlined("mill", "wind")
    assert replayed.verified_s("mill", "wind") is None
