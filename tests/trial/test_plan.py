"""A plan speaks clock times; settled, it speaks bench seconds that mean the same."""

from datetime import UTC, date, datetime

from harness.core.calendar import LONDON
from harness.trial.plan import Plan, clock_text
from harness.trial.planned import Instruction, MarketAct, Move, Operation, Preparation

HOUR = 3600.0


def plan(*instructions, **more):
    return Plan(instructions=list(instructions), **more)


def eso(from_h, until_h, role="ev"):
    return Instruction("ESO", role, Move.DOWN, 1400.0, from_h * HOUR, until_h * HOUR)


def test_the_bench_is_watched_before_and_after():
    one = plan(eso(17, 18), baseline_s=600.0, aftermath_s=900.0)
    assert one.bench_s(17 * HOUR) == 600.0
    assert one.duration_s == 600.0 + HOUR + 900.0


def test_the_first_thing_that_happens_sets_the_start():
    one = plan(
        eso(17, 18),
        acts=[MarketAct("arm", "DSO", 16.5 * HOUR)],
        operations=[Operation("ev", "unplug", 16 * HOUR)],
    )
    assert one.bench_s(16 * HOUR) == one.baseline_s


def test_an_event_from_midnight_begins_the_evening_before():
    starts = plan(eso(0, 4)).starts_at(date(2026, 11, 22))
    assert (starts.day, starts.hour, starts.minute) == (21, 23, 50)


def test_a_plan_over_a_clock_change_lasts_as_long_as_it_says():
    one = plan(eso(0, 4))
    starts = one.starts_at(date(2026, 10, 25))
    ends = clock_text(starts, one.bench_s(4 * HOUR))
    assert ends == "03:00:00"  # four real hours after midnight, one hour given back
    assert starts.astimezone(UTC) == datetime(2026, 10, 24, 22, 50, tzinfo=UTC)
    assert starts.tzinfo is LONDON


def test_the_digest_tells_plans_apart_and_equal_plans_alike():
    assert plan(eso(17, 18)).digest() == plan(eso(17, 18)).digest()
    assert plan(eso(17, 18)).digest() != plan(eso(17, 19)).digest()
    held = plan(eso(17, 18), preparations=[Preparation("ev", 1400.0)])
    assert held.digest() != plan(eso(17, 18)).digest()


def test_the_agenda_is_in_the_order_in_which_it_will_happen():
    one = plan(eso(17, 18), operations=[Operation("ev", "unplug", 17.5 * HOUR)])
    times = [item[0] for item in one.agenda()]
    assert times == sorted(times)
    assert len(times) == 3
