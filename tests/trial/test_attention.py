"""A bench is looked at closely around what its plan has happen, and seldom between."""

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from harness.core.faults import FaultKind
from harness.market.trading import Motive
from harness.rig.file import read_rig
from harness.trial.attention import AFTER_S, BEFORE_S, Attention, attention, roles_aside
from harness.trial.plan import Plan
from harness.trial.planned import Instruction, Move, PlannedFault, PlannedOrder, Watch
from tests.cli.bench import GOOD_RIG

HOUR_S = 3600.0


def instants(looking: Attention, interval_s: float, until_s: float) -> list[float]:
    found = [0.0]
    while found[-1] < until_s:
        found.append(looking.next_s(found[-1], interval_s))
    return found


def called(role: str = "ev") -> Plan:
    """A plan of one call from 17:00 to 18:00."""
    plan = Plan(roles=[role])
    plan.instructions.append(
        Instruction(
            actor="ESO", role=role, move=Move.DOWN, level_w=1400.0,
            from_clock_s=17 * HOUR_S, until_clock_s=18 * HOUR_S,
        )
    )  # fmt: skip
    return plan


def test_without_a_quiet_interval_everything_is_read_on_its_own_grid():
    assert instants(Attention([(30, 40)], None), 10, 60) == [0, 10, 20, 30, 40, 50, 60]


def test_a_moment_is_looked_at_closely_and_the_rest_seldom():
    read_s = instants(Attention([(20, 22)], 5), 1, 40)
    assert read_s == [0, 5, 10, 15, 20, 21, 22, 25, 30, 35, 40]


def test_what_is_read_seldom_anyway_is_not_read_more_seldom():
    assert instants(Attention([], 10), 30, 90) == [0, 30, 60, 90]


def test_what_is_aside_is_read_as_seldom_as_the_rig_says():
    aside = Attention([(0, 100)], 10).aside()
    assert instants(aside, 1, 40) == [0, 10, 20, 30, 40]


def test_never_so_seldom_that_the_time_between_would_count_as_a_hole():
    """Five times the usual spacing is a hole, by docs/definitions.md."""
    assert Attention([], 60).longest_s(1.0) == 5.0
    assert instants(Attention([], 60), 1, 20) == [0, 5, 10, 15, 20]


SPANS = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 50)).map(lambda s: (s[0], sum(s))),
    max_size=6,
)


@given(SPANS, st.sampled_from([0.5, 1.0, 3.0, 10.0]), st.sampled_from([1, 9, 10, 50]))
def test_nothing_is_missed_and_time_goes_on(spans, interval_s, quiet_s):
    looking = Attention(spans, quiet_s)
    read_s = instants(looking, interval_s, 600.0)
    for before_s, after_s in itertools.pairwise(read_s):
        assert interval_s - 1e-9 <= after_s - before_s
        assert after_s - before_s <= looking.longest_s(interval_s) + interval_s
        assert math.isclose(after_s / interval_s, round(after_s / interval_s))
    for from_s, until_s in spans:
        inside = [s for s in read_s if from_s <= s <= until_s]
        due = math.floor(until_s / interval_s) - math.ceil(from_s / interval_s) + 1
        assert len(inside) == max(due, 0)


def test_a_call_is_looked_at_closely_where_it_begins_and_where_it_ends():
    rig, plan = read_rig(GOOD_RIG), called()
    looking = attention(plan, rig)
    begins_s, ends_s = plan.bench_s(17 * HOUR_S), plan.bench_s(18 * HOUR_S)
    for at_s in (begins_s - BEFORE_S + 1, begins_s, begins_s + AFTER_S - 1, ends_s):
        assert looking.next_s(at_s, 1.0) == at_s + 1
    assert looking.next_s(begins_s + 1800, 1.0) == begins_s + 1805


def test_a_watch_is_looked_at_closely_all_along():
    plan = called()
    plan.watches.append(Watch(17 * HOUR_S, 18 * HOUR_S))
    half_past_s = plan.bench_s(17.5 * HOUR_S)
    looking = attention(plan, read_rig(GOOD_RIG))
    assert looking.next_s(half_past_s, 1.0) == half_past_s + 1


def test_what_the_plan_does_not_use_is_aside_but_never_the_second_witness():
    rig = read_rig(GOOD_RIG)
    aside = roles_aside(called("ev"), rig)
    assert aside == {"heat_pump", "heat_pump_meter", "fridge"}
    assert roles_aside(Plan(), rig) == frozenset()


def test_of_several_meters_of_one_car_the_one_that_judges_is_used():
    rig = read_rig(GOOD_RIG.with_name("meters.toml"))
    plan = called("ev")
    plan.judges["ev"] = "b21_meter"
    aside = roles_aside(plan, rig)
    assert "b21_meter" not in aside
    assert "sdm120_meter" in aside


def test_a_meter_that_a_fault_is_given_to_is_used():
    plan = called("ev")
    plan.faults.append(
        PlannedFault("heat_pump_meter", FaultKind.FROZEN, 17 * HOUR_S, None)
    )
    assert "heat_pump_meter" not in roles_aside(plan, read_rig(GOOD_RIG))
    late_s = plan.bench_s(17 * HOUR_S) + 1e5
    assert attention(plan, read_rig(GOOD_RIG)).next_s(late_s, 1.0) == late_s + 1


def test_an_order_is_looked_at_closely_where_it_moves_and_not_where_it_is_decided():
    plan = Plan(roles=["ev"])
    plan.orders.append(
        PlannedOrder(
            site="the depot", power_w=2000.0, decided_clock_s=15 * HOUR_S,
            from_clock_s=17 * HOUR_S, until_clock_s=18 * HOUR_S,
            motive=Motive.EXPOSURE,
        )
    )  # fmt: skip
    looking = attention(plan, read_rig(GOOD_RIG))
    decided_s, begins_s = plan.bench_s(15 * HOUR_S), plan.bench_s(17 * HOUR_S)
    assert looking.next_s(decided_s, 1.0) == decided_s + 5
    assert looking.next_s(begins_s, 1.0) == begins_s + 1
