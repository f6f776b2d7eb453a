"""What a device does not stand is not sent to it."""

import dataclasses
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.bench import Kindness
from harness.core.errors import FeatureError, RigError
from harness.rig.file import KindnessTable
from harness.trial.aggregator import Aggregator
from harness.trial.kindness import Budgets, check_dispatch, limits_of
from harness.trial.plan import Plan
from harness.trial.planned import Move, Preparation
from harness.trial.view import dispatched
from tests.trial.fakes import (
    Fake,
    Meter,
    carry_out,
    event,
    fake_driver,
    known,
    on_virtual_time,
)


def budgets(**limits):
    return Budgets({"ev": Kindness(source="its manual", **limits)})


def send(kept, at_s, *, off=False):
    """Send if it may be sent; return why it may not."""
    refusal = kept.refusal("ev", now_s=at_s, off=off)
    if not refusal:
        kept.note("ev", now_s=at_s, off=off)
    return refusal


def test_the_write_that_fills_the_hour_is_sent_and_the_next_is_not():
    kept = budgets(writes_per_hour=2)
    assert not send(kept, 0.0)
    assert not send(kept, 60.0)
    assert send(kept, 120.0) == "at most 2 writes an hour (its manual)"
    assert not send(kept, 3600.0)


def test_only_the_way_to_off_wears_a_relay():
    kept = budgets(cycles_per_hour=1)
    assert not send(kept, 0.0, off=True)
    assert not send(kept, 10.0, off=False)
    assert "cycles an hour" in send(kept, 20.0, off=True)
    assert not send(kept, 20.0, off=False)


@pytest.mark.parametrize(("at_s", "sent"), [(599.0, False), (600.0, True)])
def test_a_state_stands_for_its_least_time(at_s, sent):
    kept = budgets(least_state_s=600.0)
    assert not send(kept, 0.0)
    assert bool(send(kept, at_s)) is not sent


def test_another_device_s_budget_is_its_own():
    kept = budgets(writes_per_hour=1)
    assert not send(kept, 0.0)
    assert kept.refusal("heat_pump", now_s=1.0, off=True) == ""


@given(
    st.lists(st.floats(0.0, 20_000.0), min_size=1, max_size=60),
    st.integers(1, 8),
    st.floats(0.0, 1800.0),
)
def test_no_hour_ever_holds_more_than_its_budget(times, most, least_s):
    kept = budgets(writes_per_hour=most, least_state_s=least_s)
    sent = [at_s for at_s in sorted(times) if not send(kept, at_s)]
    for first in sent:
        assert sum(first <= at_s < first + 3600.0 for at_s in sent) <= most
    assert all(b - a >= least_s for a, b in itertools.pairwise(sent))
    assert sent[0] == min(times)
    assert not math.isnan(sent[-1])


def log_of_a_trial(kindness, work):
    entries = []

    async def begun(clock):
        ev = Fake()
        ev.context = type("Context", (), {"clock": clock})

        def log(actor, what, /, **detail):
            entries.append((clock.now_s(), str(actor), what, detail))

        limits = Budgets({"ev": kindness})
        await work(Aggregator(Plan(), {"ev": ev}, clock, log, limits), clock)
        return ev

    return on_virtual_time(begun), entries


def test_what_is_too_much_never_reaches_the_device_and_is_written_down():
    async def work(aggregator, _clock):
        assert await aggregator.instruct("ESO", "ev", Move.DOWN, 1400.0, 60.0)
        assert not await aggregator.instruct("ESO", "ev", Move.DOWN, 2000.0, 60.0)

    ev, entries = log_of_a_trial(Kindness(writes_per_hour=1), work)
    assert ev.limits == [(0.0, 1400.0)]
    spared = [detail for _, _, what, detail in entries if what == "was spared"]
    assert [(one["number"], one["detail"]) for one in spared] == [
        (2, "at most 1 writes an hour")
    ]


def test_a_release_waits_until_the_state_has_stood_and_is_never_refused():
    async def work(aggregator, clock):
        await aggregator.instruct("ESO", "ev", Move.DOWN, 1400.0, 60.0)
        await clock.until(60.0)
        assert await aggregator.release("ev")

    kindness = Kindness(writes_per_hour=1, least_state_s=600.0)
    ev, entries = log_of_a_trial(kindness, work)
    assert ev.limits == [(0.0, 1400.0), (600.0, None)]
    assert [entry[3]["wait_s"] for entry in entries if entry[2] == "waits"] == [540.0]


def rig_with(monkeypatch, changes, **devices):
    """Fake devices, whose drivers differ by `changes`."""
    rig = known(monkeypatch, **devices)
    drivers = {
        f"fake/{role}": dataclasses.replace(fake_driver(role, one), **changes)
        for role, one in devices.items()
    }
    monkeypatch.setattr("harness.rig.drivers._third_party", lambda: drivers)
    return rig


def test_a_judge_says_that_an_instruction_was_not_sent(monkeypatch, tmp_path):
    ev = Fake()
    rig = rig_with(monkeypatch, {"kindness": Kindness(least_state_s=900.0)}, ev=ev)
    plan = event()
    plan.preparations.append(Preparation("ev", 3000.0))
    recording, raised = carry_out(plan, rig, tmp_path / "bundle")
    assert raised is None
    (sent,) = dispatched(recording)
    assert not sent.accepted
    assert sent.spared.startswith("a state must stand for 900 s")
    assert 1400.0 not in [limit for _, limit in ev.limits]


def test_the_rig_file_s_word_goes_over_the_driver_s(monkeypatch):
    usual = Kindness(writes_per_hour=5, least_state_s=60.0, source="its manual")
    rig = rig_with(monkeypatch, {"kindness": usual}, ev=Fake())
    own = KindnessTable(least_state_s=10.0)
    table = rig.device["ev"].model_copy(update={"kindness": own})
    rig = rig.model_copy(update={"device": {"ev": table}})
    assert limits_of(rig)["ev"] == Kindness(
        writes_per_hour=5, least_state_s=10.0, source="the rig file"
    )


def test_what_nobody_can_instruct_is_refused_before_anything_is_measured(
    monkeypatch, tmp_path
):
    changes = {"not_dispatchable": "it is switched by the radio teleswitch"}
    rig = rig_with(monkeypatch, changes, ev=Fake())
    with pytest.raises(FeatureError, match="switched by the radio teleswitch"):
        check_dispatch(event(), rig)
    check_dispatch(Plan(roles=["ev"]), rig)


def test_a_meter_is_not_asked_more_often_than_it_stands(monkeypatch, tmp_path):
    changes = {"kindness": Kindness(least_poll_interval_s=5.0, source="its manual")}
    rig = rig_with(monkeypatch, changes, ev=Meter())
    _, raised = carry_out(event(), rig, tmp_path / "bundle")
    assert isinstance(raised, RigError)
    assert "more often than it stands (its manual)" in str(raised)
